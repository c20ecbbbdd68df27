/* SPDX-License-Identifier: MIT */
/*
 * What a scraper may get, by its Accept and Accept-Encoding (RFC 9110, 12.4.2 and 12.5). For each
 * format the most specific range that fits it decides its quality; the better quality wins; of two
 * equal ones the more specific, then the one the client named first, as client_golang does. An item
 * that can't be read is as if it were not there.
 */
#include "base/parse.h"
#include "metrics/exposition.h"

/* How closely a range names a format; a closer one takes the quality from a looser one. */
enum closeness {
    FIT_NONE,    /* not at all */
    FIT_ANY,     /* star/star */
    FIT_TYPE,    /* text/star */
    FIT_SIMILAR, /* the type with a version we don't write, but that can be answered by ours */
    FIT_FULL,    /* the type */
    FIT_EXACT,   /* the type and the version */
};

struct range {
    struct slice type, version;
    uint64_t quality; /* billionths */
};

struct choice {
    enum closeness fit;
    uint64_t quality;
    size_t at; /* position in the header */
};

/* slice_cut that takes a quoted string (RFC 9110, 5.6.4) for one thing. */
static struct slice cut(struct slice *rest, char sep)
{
    struct slice part = *rest;
    bool quoted = false;

    for (size_t i = 0; i < part.n; i++) {
        if (part.p[i] == '"')
            quoted = !quoted;
        else if (quoted && part.p[i] == '\\')
            i++;
        else if (!quoted && part.p[i] == sep) {
            *rest = (struct slice){part.p + i + 1, part.n - i - 1};
            part.n = i;
            return part;
        }
    }
    *rest = SLICE_NONE;
    return part;
}

static struct slice unquote(struct slice s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return (struct slice){s.p + 1, s.n - 2};
    return s;
}

/* "0.7"; RFC 9110 allows "0." and "1.", too. */
static bool parse_quality(struct slice s, uint64_t *ret)
{
    if (s.n == 2 && s.p[1] == '.')
        s.n = 1;
    return parse_ratio(s, ret, NULL);
}

static bool parse_item(struct slice item, struct range *ret)
{
    struct range range = {.quality = 1000000000};
    struct slice rest = item;

    range.type = slice_trim(cut(&rest, ';'));
    while (rest.p != NULL) {
        struct slice value = cut(&rest, ';'), name = slice_trim(slice_cut(&value, '='));

        value = unquote(slice_trim(value));
        if (slice_eq_nocase(name, SLICE_LIT("version")))
            range.version = value;
        else if (slice_eq_nocase(name, SLICE_LIT("q")) && !parse_quality(value, &range.quality))
            return false;
    }
    *ret = range;
    return range.type.n > 0;
}

static enum closeness fit_text(const struct range *r)
{
    if (slice_eq_nocase(r->type, SLICE_LIT("text/plain"))) {
        if (r->version.n == 0)
            return FIT_FULL;
        return slice_eq(r->version, SLICE_LIT("0.0.4")) ? FIT_EXACT : FIT_SIMILAR;
    }
    if (slice_eq_nocase(r->type, SLICE_LIT("text/*")))
        return FIT_TYPE;
    return slice_eq(r->type, SLICE_LIT("*/*")) ? FIT_ANY : FIT_NONE;
}

static enum closeness fit_openmetrics(const struct range *r)
{
    if (slice_eq_nocase(r->type, SLICE_LIT("application/openmetrics-text"))) {
        if (r->version.n == 0)
            return FIT_FULL;
        if (slice_eq(r->version, SLICE_LIT("1.0.0")))
            return FIT_EXACT;
        return slice_eq(r->version, SLICE_LIT("0.0.1")) ? FIT_SIMILAR : FIT_NONE;
    }
    if (slice_eq_nocase(r->type, SLICE_LIT("application/*")))
        return FIT_TYPE;
    return slice_eq(r->type, SLICE_LIT("*/*")) ? FIT_ANY : FIT_NONE;
}

static void consider(struct choice *c, enum closeness fit, uint64_t quality, size_t at)
{
    if (fit > c->fit || (fit == c->fit && quality > c->quality))
        *c = (struct choice){fit, quality, at};
}

/* Two equal qualities. Versions don't count here: a client that wants one says so by q. */
static bool named_closer(const struct choice *a, const struct choice *b)
{
    bool a_named = a->fit >= FIT_SIMILAR, b_named = b->fit >= FIT_SIMILAR;

    if (a_named && b_named)
        return a->at < b->at;
    return a->fit > b->fit;
}

enum exposition_format exposition_negotiate(struct slice accept)
{
    struct choice text = {FIT_NONE, 0, 0}, om = {FIT_NONE, 0, 0};
    struct range range;

    for (size_t at = 0; accept.p != NULL; at++) {
        if (!parse_item(cut(&accept, ','), &range))
            continue;
        consider(&text, fit_text(&range), range.quality, at);
        consider(&om, fit_openmetrics(&range), range.quality, at);
    }
    if (om.quality > text.quality)
        return EXPOSITION_OPENMETRICS;
    if (om.quality == 0 || om.quality < text.quality || !named_closer(&om, &text))
        return EXPOSITION_TEXT;
    return EXPOSITION_OPENMETRICS;
}

const char *exposition_content_type(enum exposition_format f)
{
    return f == EXPOSITION_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
               : "text/plain; version=0.0.4; charset=utf-8";
}

bool exposition_accepts_gzip(struct slice accept_encoding)
{
    struct choice gzip = {FIT_NONE, 0, 0}, identity = {FIT_NONE, 0, 0};
    struct range range;

    for (size_t at = 0; accept_encoding.p != NULL; at++) {
        if (!parse_item(cut(&accept_encoding, ','), &range))
            continue;
        if (slice_eq(range.type, SLICE_LIT("*")))
            consider(&gzip, FIT_ANY, range.quality, at);
        else if (slice_eq_nocase(range.type, SLICE_LIT("gzip")) ||
                 slice_eq_nocase(range.type, SLICE_LIT("x-gzip")))
            consider(&gzip, FIT_EXACT, range.quality, at);
        else if (slice_eq_nocase(range.type, SLICE_LIT("identity")))
            consider(&identity, FIT_EXACT, range.quality, at);
    }
    return gzip.quality > 0 && gzip.quality >= identity.quality;
}
