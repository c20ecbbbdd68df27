/* SPDX-License-Identifier: MIT */
/*
 * Text at its edges, against the running server: every kind of sequence that is not UTF-8, in JSON and in forms, raw and
 * escaped. What is right and unusual is stored byte by byte.
 */
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/bodies.h"
#include "tests/faults/lib/promise.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- every sequence ---- */

struct seq {
    unsigned char bytes[4];
    uint8_t n;
};
struct seqs {
    struct seq *all;
    size_t n, cap;
    size_t good;
    enum { IN_JSON, IN_FORM, IN_FORM_ESCAPED } where;
};

/* RFC 3629, by the number that the bits spell: not as the server does it, which goes by ranges of bytes. */
static bool is_utf8(const struct seq *s)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned lead = s->bytes[0], n = 0;
    uint32_t c;

    while (n < 8 && (lead << n & 0x80) != 0)
        n++;
    if (n != s->n || n < 2 || n > 4)
        return false;
    c = lead & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s->bytes[i] & 0xc0) != 0x80)
            return false;
        c = c << 6 | (s->bytes[i] & 0x3f);
    }
    return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static void add_seq(struct seqs *q, unsigned a, unsigned b, int c, int d)
{
    struct seq s = {
        {(unsigned char)a, (unsigned char)b, (unsigned char)c, (unsigned char)d},
        (uint8_t)(2 + (c >= 0) + (d >= 0))
    };

    if (q->n == q->cap) {
        q->cap = q->cap * 2 + 1024;
        q->all = must_realloc(q->all, q->cap * sizeof(*q->all));
    }
    q->all[q->n++] = s;
}

static const unsigned char edges[] = {0x00, 0x22, 0x26, 0x5c, 0x7f, 0x80, 0x8f,
                                      0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
static const unsigned char tails[] = {0x7f, 0x80, 0xbf, 0xc0};

/* All that begin with these two bytes. */
static void add_pair(struct seqs *q, unsigned a, unsigned b)
{
    add_seq(q, a, b, -1, -1);
    for (size_t i = 0; a >= 0xe0 && i < ARRAY_LEN(tails); i++) {
        add_seq(q, a, b, tails[i], -1);
        for (size_t k = 0; a >= 0xf0 && k < ARRAY_LEN(tails); k++)
            add_seq(q, a, b, tails[i], tails[k]);
    }
}

/* Every first byte that is not ASCII; second ones all in the long form; third and fourth ones at their edges. */
static void add_seqs(struct seqs *q)
{
    for (unsigned a = 0x80; a <= 0xff; a++)
        for (unsigned b = 0; b < (faults_long() ? 256 : ARRAY_LEN(edges)); b++)
            add_pair(q, a, faults_long() ? b : edges[b]);
}

static void body_seq(void *ctx, size_t i, struct buf *b)
{
    struct seqs *q = ctx;
    const struct seq *s = &q->all[i];
    const char *bytes = (const char *)s->bytes;

    buf_add_str(b, q->where == IN_JSON ? "{\"x\":\"" : "x=");
    if (q->where == IN_FORM_ESCAPED)
        flow_escape_form(b, (struct slice){bytes, s->n});
    else
        buf_add(b, bytes, s->n);
    if (q->where == IN_JSON)
        buf_add_str(b, "\"}");
}

static void answered_seq(void *ctx, size_t i, const struct reply *r)
{
    struct seqs *q = ctx;
    const struct seq *s = &q->all[i];
    bool good = is_utf8(s);
    /* In a form, U+0000 in text that is not UTF-8 may be found first. */
    bool nul = q->where != IN_JSON && memchr(s->bytes, 0, s->n) != NULL && r->status == 422;

    q->good += good;
    if (good ? !names_fields(r) : r->status != 400 && !(nul && !names_fields(r)))
        fail_msg("%02x %02x %02x %02x (%u bytes, way %d): %d %s", s->bytes[0], s->bytes[1],
                 s->bytes[2], s->bytes[3], s->n, (int)q->where, r->status, r->body);
}

TEST(every_sequence_is_taken_or_refused_as_rfc_3629_says)
{
    static const char *const headers[] = {JSON_TYPE, FORM_TYPE, FORM_TYPE};
    struct seqs q = {.all = NULL};
    struct server *s = serve_all(*state);

    add_seqs(&q);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        q.where = i;
        flow_run(s, &(struct flow){.header = headers[i],
                                   .prefix = "utf8",
                                   .n = q.n,
                                   .ctx = &q,
                                   .body = body_seq,
                                   .answered = answered_seq});
    }
    assert_metric(s, SUBMISSIONS, 0);
    assert_true(q.good > 0);
    promise(
        "B31", "Text that is not UTF-8 is refused, all UTF-8 is read",
        "sequences of 2 to 4 bytes, with every first byte, in JSON, in forms and escaped in forms",
        "%zu bodies, of which %zu are UTF-8, each judged as RFC 3629 does", 3 * q.n, q.good);
    free(q.all);
}

/* ---- escapes ---- */

struct escapes {
    uint32_t step;
    size_t refused;
};

static uint32_t unit_of(const struct escapes *e, size_t i)
{
    static const uint16_t first[] = {0x0000, 0x0001, 0xd7ff, 0xd800, 0xdbff,
                                     0xdc00, 0xdfff, 0xe000, 0xfffe, 0xffff};

    return i < ARRAY_LEN(first) ? first[i] : (uint32_t)(i - ARRAY_LEN(first)) * e->step;
}

static void body_escape(void *ctx, size_t i, struct buf *b)
{
    buf_addf(b, i % 2 == 0 ? "{\"x\":\"\\u%04" PRIx32 "\"}" : "{\"\\u%04" PRIX32 "\":1}",
             unit_of(ctx, i));
}

static void answered_escape(void *ctx, size_t i, const struct reply *r)
{
    struct escapes *e = ctx;
    uint32_t unit = unit_of(e, i);
    bool half = unit >= 0xd800 && unit <= 0xdfff;

    e->refused += half;
    if (half)
        assert_status(r, 400);
    else if (unit == 0)
        assert_true(r->status == 422 && !names_fields(r));
    else
        assert_true(names_fields(r));
}

TEST(every_escaped_unit_is_taken_but_half_a_pair_and_nul)
{
    struct escapes e = {.step = faults_long() ? 1 : 61, .refused = 0};
    size_t n = 10 + 0x10000 / e.step;
    struct server *s = serve_all(*state);

    flow_run(s, &(struct flow){.header = JSON_TYPE,
                               .prefix = "unit",
                               .n = n,
                               .ctx = &e,
                               .body = body_escape,
                               .answered = answered_escape});
    promise("B31", "An escaped half of a surrogate pair is 400, an escaped U+0000 is 422",
            "\\uXXXX alone in a string and as a name", "%zu escapes, of which %zu are halves", n,
            e.refused);
}

/* ---- tables ---- */

static const struct body encodings[] = {
    BODY("\xef\xbb\xbf{}", 400), /* a byte order mark */
    BODY("\xef\xbb\xbf", 400),
    BODY("\xef\xbb{}", 400),
    BODY("\xff\xfe{\0}\0", 400), /* UTF-16, both ways */
    BODY("\xfe\xff\0{\0}", 400),
    BODY("{\0}\0", 400),
    BODY("\0{\0}", 400),
    BODY("\xff\xfe\0\0{\0\0\0}\0\0\0", 400), /* UTF-32 */
    BODY("\0\0\xfe\xff\0\0\0{\0\0\0}", 400),
    BODY("+ACI-a+ACI-", 400),               /* UTF-7 */
    BODY("{\"x\":\"\xef\xbb\xbf\"}", READ), /* inside a string it is text */
    BODY("{\"\xef\xbb\xbfname\":\"a\"}", READ),
    BODY("{}\xef\xbb\xbf", 400),
    BODY("{\"x\":\"\xed\xa0\x80\"}", 400), /* surrogates as CESU-8 */
    BODY("{\"x\":\"\xed\xa0\xbd\xed\xb8\x80\"}", 400),
    BODY("{\"x\":\"\xf0\x9f\x98\x80\"}", READ),
    BODY("{\"x\":\"\xf0\x9f\x98\"}", 400), /* cut short */
    BODY("{\"x\":\"\xf0\x9f\x98", 400),
    BODY("{\"x\":\"\xc0\x80\"}", 400), /* overlong NUL, '/', quote */
    BODY("{\"x\":\"\xc0\xaf\"}", 400),
    BODY("{\"x\":\"\xe0\x80\xaf\"}", 400),
    BODY("{\"x\":\"\xf0\x80\x80\xaf\"}", 400),
    BODY("{\"x\":\"\xf8\x80\x80\x80\xaf\"}", 400),
    BODY("{\"x\":\"\xfc\x80\x80\x80\x80\xaf\"}", 400),
    BODY("{\"x\":\xc0\xa2y\xc0\xa2}", 400),
    BODY("{\"x\xff\":1}", 400),
    BODY("{\"x\":{\"y\":[\"\xff\"]}}", 400),
    BODY("{\"email\":\"\xff\"}", 400),
    BODY("{}\xff", 400),
    BODY("\xff{}", 400),
    BODY("{\xc2\xa0}", 400), /* blanks that are none */
    BODY("{\x0c}", 400),
    BODY("{\x0b}", 400),
    BODY("{\xe2\x80\xa8}", 400),
    BODY("{\"x\":\"\x7f\xc2\x80\xe2\x80\xa8\"}", READ),
};

static const struct body nuls[] = {
    BODY("{\"x\":\"a\\u0000b\"}", 422),
    BODY("{\"x\\u0000\":1}", 422),
    BODY("{\"x\":[[{\"y\":\"\\u0000\"}]]}", 422),
    BODY("{\"name\":\"a\",\"email\":\"a@b.c\",\"message\":\"m\",\"x\":\"\\u0000\"}", 422),
    BODY("{\"name\":\"a\\u0000\"}", 422),
    BODY("{\"x\":\"\\u0000\"", 400), /* not JSON goes first */
    BODY("{\"x\":\"\\u0000\",}", 400),
    BODY("{\"x\":\"a\0b\"}", 400), /* itself it is no JSON */
    BODY("{}\0", 400),
    BODY("\0{}", 400),
    BODY("{\"x\":1}\0{\"name\":\"a\"}", 400),
    BODY("\0", 400),
    BODY("{\"x\":\"\\\\u0000\"}", READ),
    BODY("{\"x\":\"\\U0000\"}", 400),
    BODY("{\"x\":\"\\u000\"}", 400),
    BODY("{\"x\":\"\\u00g0\"}", 400),
    BODY("{\"x\":\"\\u+000\"}", 400),
    BODY("{\"x\":\"\\ud83d\\ude00\"}", READ),
    BODY("{\"x\":\"\\uD83D\\uDE00\"}", READ),
    BODY("{\"x\":\"\\udbff\\udfff\"}", READ),
    BODY("{\"x\":\"\\ud83d\"}", 400),
    BODY("{\"x\":\"\\ude00\"}", 400),
    BODY("{\"x\":\"\\ude00\\ud83d\"}", 400),
    BODY("{\"x\":\"\\ud83d\\ud83d\"}", 400),
    BODY("{\"x\":\"\\ud83d\\u0041\"}", 400),
    BODY("{\"x\":\"\\ud83dx\\ude00\"}", 400),
    BODY("{\"x\":\"\\ud83d\\\\ude00\"}", 400),
    BODY("{\"x\":\"\\ud83d\\u\"}", 400),
    BODY("{\"x\":\"\\ud83d\xed\xb8\x80\"}", 400),
    BODY("{\"\\ud83d\":1}", 400),
};

TEST(other_encodings_and_broken_ones_are_malformed)
{
    struct server *s = serve_all(*state);
    size_t refused;

    refused = bodies_check(s, JSON_TYPE, encodings);
    promise("B31", "JSON in another encoding, with a byte order mark or with broken UTF-8 is 400",
            "a table of bodies: BOM, UTF-16, UTF-32, UTF-7, overlong, cut short, surrogates",
            "%zu bodies, %zu refused", ARRAY_LEN(encodings), refused);
}

TEST(nul_and_half_surrogates_are_refused_however_they_are_written)
{
    struct server *s = serve_all(*state);
    size_t refused;

    refused = bodies_check(s, JSON_TYPE, nuls);
    promise("B31", "U+0000 and half a surrogate pair get nowhere, raw or escaped",
            "a table of bodies", "%zu bodies, %zu refused", ARRAY_LEN(nuls), refused);
}

/* ---- what is right ---- */

struct texts {
    const char *const *all;
    size_t n;
    enum spelling how;
};

static void body_text(void *ctx, size_t i, struct buf *b)
{
    const struct texts *t = ctx;

    add_submission(b, t->how, slice_str(t->all[i]), slice_str(t->all[i]));
}

static void answered_text(void *ctx, size_t i, const struct reply *r)
{
    const struct texts *t = ctx;

    if (r->status != spelling_stored(t->how))
        fail_msg("text %zu: %d %s", i, r->status, r->body);
}

static const char *const unusual[] = {
    "\xef\xbf\xbe",
    "\xef\xbf\xbf",
    "\xef\xb7\x90",
    "\xef\xb7\xaf", /* noncharacters */
    "\xf0\x9f\xbf\xbe",
    "\xf4\x8f\xbf\xbf",
    "\xf3\xaf\xbf\xbf",
    "\xed\x9f\xbf",
    "\xee\x80\x80", /* beside the surrogates */
    "\xef\xbb\xbf",
    "a\xef\xbb\xbfz", /* the byte order mark */
    "\xef\xbf\xbd",   /* what others put for broken text */
    "\xe2\x80\x8b",
    "\xe2\x80\x8d",
    "\xe2\x80\xaez",
    "\xe2\x81\xa6z",
    "e\xcc\x81",
    "\xc3\xa9", /* the same to the eye alone */
    "\xe2\x84\xab",
    "\xc3\x85",
    "\xef\xac\x81",
    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80",
    "\xf3\xa0\x80\x81",
    "\xf0\x90\x80\x80",
    "\xc2\xa0z",
    " a ",
    "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa",
    "i\xcc\x87\xc4\xb0\xc4\xb1",
};

TEST(text_that_is_right_and_unusual_is_stored_as_it_came)
{
    static const char *const prefixes[] = {"raw", "escaped", "form"};
    struct fixture *f = *state;
    struct server *s = serve_all(f);
    struct texts t = {.all = unusual, .n = ARRAY_LEN(unusual)};
    struct stored rows;

    for (size_t how = 0; how < ARRAY_LEN(prefixes); how++) {
        t.how = how;
        flow_run(s, &(struct flow){.header = spelling_header(t.how),
                                   .prefix = prefixes[how],
                                   .n = t.n,
                                   .ctx = &t,
                                   .body = body_text,
                                   .answered = answered_text});
    }
    (void)audit_log(s, &(struct audit){"raw", t.n, NULL});
    rows = stored_rows(s);
    assert_int_equal(rows.n, 3 * t.n);
    for (size_t i = 0; i < rows.n; i++) {
        const char *id = textf(f, "%s-%zu", prefixes[i / t.n], i % t.n);
        const struct stored_row *row = stored_find(&rows, id);

        assert_non_null(row);
        assert_true(slice_eq(row->name, slice_str(unusual[i % t.n])));
        assert_true(slice_eq(row->message, slice_str(unusual[i % t.n])));
    }
    promise("B31",
            "Noncharacters, marks, joiners and what is not normalised are stored as they came",
            "as name and message, in JSON, escaped in JSON and in a form; compared in the file",
            "%zu texts, %zu submissions equal byte for byte", t.n, rows.n);
}

RUN_TESTS(T(every_sequence_is_taken_or_refused_as_rfc_3629_says),
          T(every_escaped_unit_is_taken_but_half_a_pair_and_nul),
          T(other_encodings_and_broken_ones_are_malformed),
          T(nul_and_half_surrogates_are_refused_however_they_are_written),
          T(text_that_is_right_and_unusual_is_stored_as_it_came))
