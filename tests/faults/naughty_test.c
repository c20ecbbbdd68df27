/* SPDX-License-Identifier: MIT */
/*
 * The Big List of Naughty Strings in every field of a submission: stored byte for byte where the rules of docs/api.md
 * allow it, else 422 with the field; and in no case in a log, a metric or an answer.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/bodies.h"
#include "tests/faults/lib/corpus.h"
#include "tests/faults/lib/promise.h"

enum { NAME_MAX_CHARS = 200, MESSAGE_MAX_CHARS = 10000, TELLING = 8 };

struct strings {
    struct slice *all;
    size_t n;
};

/* One a line; '#' begins a comment. */
static struct strings strings_read(struct fixture *f)
{
    struct corpus c = corpus_read(f, "naughty", ".txt");
    struct slice rest = c.files[0].bytes;
    struct strings s = {keep(f, rest.n / 2 * sizeof(*s.all)), 0};

    while (rest.p != NULL) {
        struct slice line = slice_cut(&rest, '\n');

        if (line.n > 0 && line.p[0] != '#')
            s.all[s.n++] = (struct slice){keep_text(f, line.p, line.n), line.n};
    }
    assert_true(s.n > 400);
    return s;
}

/* ---- the rules, as docs/api.md says them ---- */

static bool is_blank(uint32_t c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0d) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static bool is_right(struct slice s, size_t max, bool lines)
{
    bool blank = true;
    size_t n = 0;

    for (; s.n > 0; n++) {
        uint32_t c = cut_code_point(&s);

        if ((c < 0x20 || (c >= 0x7f && c < 0xa0)) &&
            !(lines && (c == '\t' || c == '\n' || c == '\r')))
            return false;
        blank = blank && is_blank(c);
    }
    return !blank && n <= max;
}

/* ---- as name and as message ---- */

struct run {
    const struct strings *s;
    struct fixture *f;
    enum spelling how;
    bool as_name;
    size_t first; /* the number of its first request */
    size_t stored, refused;
};

static bool run_right(const struct run *r, size_t i)
{
    return is_right(r->s->all[i], r->as_name ? NAME_MAX_CHARS : MESSAGE_MAX_CHARS, !r->as_name);
}

static void body_naughty(void *ctx, size_t i, struct buf *b)
{
    const struct run *r = ctx;
    struct slice text = r->s->all[i], other = SLICE_LIT("ordinary");

    add_submission(b, r->how, r->as_name ? text : other, r->as_name ? other : text);
}

/* 422 names this field and no other, and says nothing of what it held. */
static void check_refused(struct fixture *f,
                          const struct reply *r,
                          const char *field,
                          struct slice text)
{
    assert_error(f, r, 422, "invalid");
    assert_int_equal(json_size(f, r->body, "error.fields"), 1);
    assert_non_null(json_find(f, r->body, textf(f, "error.fields.%s", field)));
    if (text.n >= TELLING)
        assert_lacks(r->body, text.p);
}

static void answered_naughty(void *ctx, size_t i, const struct reply *reply)
{
    struct run *r = ctx;

    if (run_right(r, i)) {
        if (reply->status != spelling_stored(r->how))
            fail_msg("'%s': %d %s", r->s->all[i].p, reply->status, reply->body);
        r->stored++;
    } else {
        check_refused(r->f, reply, r->as_name ? "name" : "message", r->s->all[i]);
        r->refused++;
    }
}

/* The row of one, byte for byte as it was sent; false when there is none, which must be right. */
static bool check_row(const struct run *r, const struct stored *rows, size_t i)
{
    const char *id = textf(r->f, "naughty-%zu", r->first + i);
    const struct stored_row *row = stored_find(rows, id);
    struct slice text, other;

    if ((row != NULL) != run_right(r, i))
        fail_msg("%s: %s", id, row != NULL ? "is stored" : "is not stored");
    if (row == NULL)
        return false;
    text = r->as_name ? row->name : row->message;
    other = r->as_name ? row->message : row->name;
    if (!slice_eq(text, r->s->all[i]))
        fail_msg("%s is stored as '%s'", id, text.p);
    assert_true(slice_eq(other, SLICE_LIT("ordinary")));
    return true;
}

static size_t check_rows(const struct run *r, const struct stored *rows)
{
    size_t found = 0;

    for (size_t i = 0; i < r->s->n; i++)
        found += check_row(r, rows, i);
    return found;
}

/* Those long enough to be no accident. */
static void check_absent(const struct strings *s, const char *text)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->all[i].n >= TELLING && strstr(text, s->all[i].p) != NULL)
            fail_msg("'%s' is there", s->all[i].p);
}

/* All a line of these requests may say in words. */
static const char *const words[] = {"info", "request", "POST", "/contact", "127.0.0.1", NULL};

static void run_all(struct server *server, struct run *runs, size_t n, const struct strings *s)
{
    for (size_t i = 0; i < n; i++) {
        runs[i] = (struct run){.s = s,
                               .f = server->f,
                               .how = (enum spelling)(i % SPELLINGS),
                               .as_name = i < SPELLINGS,
                               .first = i * s->n};
        flow_run(server, &(struct flow){.header = spelling_header(runs[i].how),
                                        .prefix = "naughty",
                                        .first = runs[i].first,
                                        .n = s->n,
                                        .ctx = &runs[i],
                                        .body = body_naughty,
                                        .answered = answered_naughty});
    }
}

/* What became of all runs. */
struct result {
    size_t stored, refused, lines;
};

/* Each string in each spelling as each of the two; then the books, the log, the file and the export. */
static struct result post_and_audit(struct fixture *f, const struct strings *s)
{
    struct server *server = serve_all(f);
    struct run runs[2 * SPELLINGS];
    struct stored rows, exported;
    struct result sum = {.stored = 0};

    run_all(server, runs, ARRAY_LEN(runs), s);
    for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
        sum.stored += runs[i].stored;
        sum.refused += runs[i].refused;
    }
    assert_metric(server, SUBMISSIONS, (double)sum.stored);
    assert_metric(server, CONTACT_REJECTED("invalid"), (double)sum.refused);
    check_absent(s, page_of(server));
    sum.lines = audit_log(server, &(struct audit){"naughty", ARRAY_LEN(runs) * s->n, words});
    check_absent(s, log_text(server));
    check_absent(s, read_file(f, server->err));
    rows = stored_rows(server);
    exported = stored_export(server);
    assert_int_equal(rows.n, sum.stored);
    assert_int_equal(exported.n, sum.stored);
    for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
        assert_int_equal(check_rows(&runs[i], &rows), runs[i].stored);
        assert_int_equal(check_rows(&runs[i], &exported), runs[i].stored);
    }
    return sum;
}

TEST(they_are_stored_byte_for_byte_or_refused_by_name)
{
    struct strings s = strings_read(*state);
    struct result sum = post_and_audit(*state, &s);

    promise(
        "B37", "Text is stored byte for byte, or refused with the name of its field",
        "each of the Big List of Naughty Strings as name and as message, in JSON, escaped, and as "
        "a form; compared in the file and in the export",
        "%zu strings, %zu submissions equal byte for byte, %zu refused", s.n, sum.stored,
        sum.refused);
    promise("C44-C45", "A log line has no part of a submission and no control byte",
            "the same; every word of every line is one of a list", "%zu lines", sum.lines);
}

/* ---- every character ---- */

static void add_character(struct fixture *f, struct strings *s, uint32_t c)
{
    char u[5] = {0};

    if (c < 0x80) {
        u[0] = (char)c;
    } else if (c < 0x800) {
        u[0] = (char)(0xc0 | c >> 6);
        u[1] = (char)(0x80 | (c & 0x3f));
    } else {
        u[0] = (char)(0xe0 | c >> 12);
        u[1] = (char)(0x80 | (c >> 6 & 0x3f));
        u[2] = (char)(0x80 | (c & 0x3f));
    }
    s->all[s->n++] = slice_str(textf(f, "%s", u));
    s->all[s->n++] = slice_str(textf(f, "a%sb", u));
}

/* Alone, where blanks are refused, and between letters, where they are not. */
TEST(every_character_is_judged_by_the_rule_of_its_field)
{
    enum { PUNCTUATION = 0x2000, PUNCTUATION_END = 0x2070 };
    static const uint16_t others[] = {0x1680, 0x180e, 0x3000, 0x3164, 0xfeff, 0xfffd, 0xffff};
    struct fixture *f = *state;
    uint32_t end = faults_long() ? 0x1000 : 0x100;
    struct strings s = {keep(f, sizeof(*s.all) * 2 * 0x1100), 0};
    struct result sum;

    for (uint32_t c = 1; c < end; c++)
        add_character(f, &s, c);
    for (uint32_t c = PUNCTUATION; c < PUNCTUATION_END; c++)
        add_character(f, &s, c);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        add_character(f, &s, others[i]);
    sum = post_and_audit(f, &s);
    promise("B35", "Control characters and mere blanks are refused, all other characters stored",
            "characters alone and between letters, as name and as message, in three spellings",
            "%zu texts, %zu submissions equal byte for byte, %zu refused", s.n, sum.stored,
            sum.refused);
}

/* ---- as the other fields ---- */

static bool source_right(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", s.p[i]) == NULL)
            return false;
    return s.n >= 1 && s.n <= 32;
}

struct other {
    struct fixture *f;
    const struct strings *s;
    const char *field;
    size_t stored, refused;
};

static void body_other(void *ctx, size_t i, struct buf *b)
{
    const struct other *o = ctx;
    bool email = strcmp(o->field, "email") == 0;

    buf_addf(b, "{\"name\":\"a\",\"message\":\"m\",%s\"%s\":\"",
             email ? "" : "\"email\":\"a@b.c\",", o->field);
    add_spelled(b, AS_JSON, o->s->all[i]);
    buf_add_str(b, "\"}");
}

static void answered_other(void *ctx, size_t i, const struct reply *r)
{
    struct other *o = ctx;
    struct slice text = o->s->all[i];
    bool email = strcmp(o->field, "email") == 0;

    /* No string of the list is an address of the plain kind; one with an '@' may be one of another. */
    if (email ? r->status == 201 && memchr(text.p, '@', text.n) != NULL : source_right(text)) {
        assert_status(r, 201);
        o->stored++;
    } else {
        check_refused(o->f, r, o->field, text);
        o->refused++;
    }
}

TEST(as_an_address_or_a_source_few_are_taken_and_none_does_harm)
{
    struct fixture *f = *state;
    struct strings s = strings_read(f);
    struct server *server = serve_all(f);
    struct other others[] = {
        {.f = f, .s = &s, .field = "email" },
        {.f = f, .s = &s, .field = "source"}
    };
    double series;

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        flow_run(server, &(struct flow){.header = JSON_TYPE,
                                        .prefix = others[i].field,
                                        .n = s.n,
                                        .ctx = &others[i],
                                        .body = body_other,
                                        .answered = answered_other});
    assert_true(others[1].stored > 0);
    series = metric(server, "metrics_series{family=\"contact_submissions_total\"}");
    assert_true(series <= (double)others[1].stored + 2);
    assert_true(metric_sum(server, "contact_submissions_total") ==
                (double)(others[0].stored + others[1].stored));
    (void)audit_log(server, &(struct audit){"email", s.n, words});
    promise("B35", "What is no address or source is 422 with that field",
            "each of the Big List of Naughty Strings as email and as source",
            "%zu posted, %zu taken by the rules, %zu refused", 2 * s.n,
            others[0].stored + others[1].stored, others[0].refused + others[1].refused);
}

RUN_TESTS(T(they_are_stored_byte_for_byte_or_refused_by_name),
          T(every_character_is_judged_by_the_rule_of_its_field),
          T(as_an_address_or_a_source_few_are_taken_and_none_does_harm))
