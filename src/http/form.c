/* SPDX-License-Identifier: MIT */
/*
 * Form bodies, and the media types that requests name. What the fields mean is for the endpoints.
 */
#include "http/form.h"

#include "base/utf8.h"

#include <stdlib.h>

/* The value of a hex digit, or -1. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool form_decode(struct slice s, char *dst, struct slice *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            dst[n++] = s.p[i];
            if (s.p[i] == '+')
                dst[n - 1] = ' ';
            continue;
        }
        int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
        if (low < 0)
            return false;
        dst[n++] = (char)(high * 16 + low);
        i += 2;
    }
    *ret = (struct slice){dst, n};
    return true;
}

static bool has_nul(struct slice s)
{
    return s.n > 0 && memchr(s.p, '\0', s.n) != NULL;
}

static enum form_verdict fail(const char **ret_message, enum form_verdict v, const char *message)
{
    *ret_message = message;
    return v;
}

/* Decodes one "name=value" to `dst`, which has room for all of it. */
static const char *read_field(struct slice part, char *dst, struct form_field *ret)
{
    struct slice value = part, name = slice_cut(&value, '=');

    if (!form_decode(name, dst, &ret->name) || !form_decode(value, dst + name.n, &ret->value))
        return "The form has a '%' without two hex digits.";
    if (!utf8_valid(ret->name) || !utf8_valid(ret->value))
        return "The form is not valid UTF-8.";
    return NULL;
}

/* What is grammatical, but not allowed. */
static enum form_verdict check_fields(const struct form *f, const char **ret_message)
{
    for (size_t i = 0; i < f->n; i++)
        if (has_nul(f->fields[i].name) || has_nul(f->fields[i].value))
            return fail(ret_message, FORM_NUL, "U+0000 is not allowed in a form.");
    for (size_t i = 1; i < f->n; i++)
        for (size_t j = 0; j < i; j++)
            if (slice_eq(f->fields[i].name, f->fields[j].name))
                return fail(ret_message, FORM_DUPLICATE, "The form has a field twice.");
    return FORM_OK;
}

static enum form_verdict read_fields(struct slice body, struct form *f, const char **ret_message)
{
    char *dst = f->text;

    _Static_assert(FORM_FIELDS_MAX == 64, "a message says so");
    while (body.p != NULL) {
        struct slice part = slice_cut(&body, '&');
        const char *message;

        if (part.n == 0)
            continue;
        if (f->n == FORM_FIELDS_MAX)
            return fail(ret_message, FORM_MALFORMED, "The form has more than 64 fields.");
        message = read_field(part, dst, &f->fields[f->n++]);
        if (message != NULL)
            return fail(ret_message, FORM_MALFORMED, message);
        dst += part.n;
    }
    return check_fields(f, ret_message);
}

enum form_verdict form_parse(struct slice body, struct form *ret, const char **ret_message)
{
    struct form f = FORM_INIT;
    enum form_verdict v;

    f.text = must_calloc(body.n + 1, 1);
    v = read_fields(body, &f, ret_message);
    if (v == FORM_OK)
        *ret = f;
    else
        form_release(&f);
    return v;
}

void form_release(struct form *f)
{
    free(f->text);
    f->text = NULL;
    f->n = 0;
}

struct slice form_get(const struct form *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (slice_eq(f->fields[i].name, slice_str(name)))
            return f->fields[i].value;
    return SLICE_NONE;
}

bool media_type_is(struct slice content_type, const char *type)
{
    return slice_eq_nocase(slice_trim(slice_cut(&content_type, ';')), slice_str(type));
}

/* Cuts the next parameter off: a ';' within quotes does not end it (RFC 9110, 5.6.6). */
static struct slice cut_parameter(struct slice *rest)
{
    struct slice part = *rest;
    bool quoted = false;

    for (size_t i = 0; i < part.n; i++) {
        if (part.p[i] == '"')
            quoted = !quoted;
        else if (quoted && part.p[i] == '\\')
            i++;
        else if (!quoted && part.p[i] == ';') {
            *rest = (struct slice){part.p + i + 1, part.n - i - 1};
            return (struct slice){part.p, i};
        }
    }
    *rest = SLICE_NONE;
    return part;
}

bool media_type_utf8(struct slice content_type)
{
    (void)slice_cut(&content_type, ';');
    while (content_type.p != NULL) {
        struct slice value = cut_parameter(&content_type);
        struct slice name = slice_trim(slice_cut(&value, '='));

        value = slice_trim(value);
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = (struct slice){value.p + 1, value.n - 2};
        if (slice_eq_nocase(name, SLICE_LIT("charset")) &&
            !slice_eq_nocase(value, SLICE_LIT("utf-8")))
            return false;
    }
    return true;
}

bool body_is_plain(const struct head *h)
{
    struct slice coding = slice_trim(h->content_encoding);

    return h->encoding_count <= 1 &&
           (coding.n == 0 || slice_eq_nocase(coding, SLICE_LIT("identity")));
}
