/* SPDX-License-Identifier: MIT */
/*
 * JSONTestSuite against the running server: every file as it is, as a part of a good submission, as browser metrics, cut
 * short and damaged. What JSON means beyond that suite is utf8_test.c's.
 *
 * A file's name begins with what RFC 8259 says of it: y_ must be taken, n_ must be refused, i_ is left to the reader.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/bodies.h"
#include "tests/faults/lib/corpus.h"
#include "tests/faults/lib/promise.h"

enum { BODY_MAX = 128 * 1024, RUM_BODY_MAX = 64 * 1024, SMALL = 256 };

#define SUITE "every file of JSONTestSuite"

/* Every file of the suite, in the order of its name. */
static struct corpus suite(struct fixture *f)
{
    return corpus_read(f, "json", ".json");
}

static bool has(const struct corpus_file *file, const char *part)
{
    return memmem(file->bytes.p, file->bytes.n, part, strlen(part)) != NULL;
}

/* Good JSON which this server does not take all the same. */
static bool is_forbidden(const struct corpus_file *file)
{
    bool nul = has(file, "\\u0000") && !has(file, "\\\\u0000"); /* "\\u0000" is six characters */

    return nul || strstr(file->name, "duplicated_key") != NULL;
}

/* What no file may bring about. */
static void check_answer(struct fixture *f, const struct reply *r, const char *name)
{
    if (r->status >= 500)
        fail_msg("%s: %d %s", name, r->status, r->body);
    assert_manners(r);
    if (r->status == 400)
        assert_error(f, r, 400, "malformed");
    else if (r->status == 413)
        assert_error(f, r, 413, "content_too_large");
    else if (r->status == 422)
        assert_error(f, r, 422, "invalid");
}

static void check_name(const struct corpus_file *file, const struct reply *r, size_t max, int good)
{
    int want = file->bytes.n > max ? 413 : 400;

    if (file->name[0] == 'y')
        want = is_forbidden(file) ? 422 : good;
    if (file->name[0] == 'i' ? r->status != 400 && r->status != 422 && r->status != good
                             : r->status != want)
        fail_msg("%s: %d, not %d: %s", file->name, r->status, want, r->body);
}

TEST(every_file_gets_the_answer_its_name_asks_for)
{
    struct fixture *f = *state;
    struct server *s = serve_all(f);
    struct corpus c = suite(f);
    size_t kinds[256] = {0}, lines;
    double counted;

    for (size_t i = 0; i < c.n; i++) {
        const struct corpus_file *file = &c.files[i];
        const struct reply *r =
            flow_one(s, "/contact", JSON_TYPE, textf(f, "suite-%zu", i), file->bytes);

        check_answer(f, r, file->name);
        check_name(file, r, BODY_MAX, 422); /* a submission none of them is */
        assert_true(server_lives(s));
        kinds[(unsigned char)file->name[0]]++;
    }
    assert_int_equal(kinds['y'] + kinds['n'] + kinds['i'], c.n);
    assert_status(get(s, "/health"), 200);
    assert_metric(s, SUBMISSIONS, 0);
    counted = metric_sum(s, "contact_rejections_total");
    assert_int_equal((size_t)counted, c.n);
    lines = audit_log(s, &(struct audit){"suite", c.n, NULL});
    promise("B29", "JSON that is none is 400 (413 when too large), JSON is never called malformed",
            SUITE " posted to /contact; the server lives on, one line of log a post",
            "%zu files (%zu y, %zu n, %zu i), 0 answered 5xx, %zu lines", c.n, kinds['y'],
            kinds['n'], kinds['i'], lines);
}

struct parts {
    struct fixture *f;
    const struct corpus_file *files;
    size_t n, taken;
};

/* Whatever is not taken as JSON must not be taken as a part of it either. */
static void body_of_member(void *ctx, size_t i, struct buf *b)
{
    struct parts *p = ctx;

    buf_add_str(b, "{\"name\":\"a\",\"email\":\"a@b.c\",\"message\":\"m\",\"extra\":");
    buf_add_slice(b, p->files[i].bytes);
    buf_add_char(b, '}');
}

static void answered_member(void *ctx, size_t i, const struct reply *r)
{
    struct parts *p = ctx;

    check_answer(p->f, r, p->files[i].name);
    check_name(&p->files[i], r, BODY_MAX, 201);
    p->taken += r->status == 201;
}

/* Without those which close the connection. */
static struct parts small_files(struct fixture *f, size_t max)
{
    struct corpus all = suite(f);
    struct corpus_file *files = keep(f, all.n * sizeof(*files));
    struct parts p = {f, files, 0, 0};

    for (size_t i = 0; i < all.n; i++)
        if (all.files[i].bytes.n <= max)
            files[p.n++] = all.files[i];
    return p;
}

TEST(as_a_member_that_is_ignored_good_json_is_stored_and_bad_is_not)
{
    struct fixture *f = *state;
    struct server *s = serve_all(f);
    struct parts p = small_files(f, BODY_MAX - 100);

    flow_run(s, &(struct flow){.header = JSON_TYPE,
                               .prefix = "member",
                               .n = p.n,
                               .ctx = &p,
                               .body = body_of_member,
                               .answered = answered_member});
    assert_metric(s, SUBMISSIONS, (double)p.taken);
    (void)audit_log(s, &(struct audit){"member", p.n, NULL});
    assert_int_equal(stored_rows(s).n, p.taken);
    promise("B29", "A submission with good JSON in it is stored, with bad JSON it is not",
            SUITE " as an unknown member of a good submission", "%zu posted, %zu taken and stored",
            p.n, p.taken);
}

TEST(as_browser_metrics_they_get_the_same_answers)
{
    static const char *const types[] = {JSON_TYPE, "Content-Type: text/plain\r\nOrigin: null"};
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("rum.rate=off"));
    struct corpus c = suite(f);

    for (size_t i = 0; i < c.n; i++) {
        const struct corpus_file *file = &c.files[i];
        const struct reply *r =
            flow_one(s, "/api/metrics", types[0], textf(f, "rum-%zu", i), file->bytes);

        check_answer(f, r, file->name);
        /* An object of unknown keys is a report, other good JSON is none. */
        check_name(file, r, RUM_BODY_MAX, r->status == 200 ? 200 : 422);
        r = flow_one(s, "/api/metrics", types[1], textf(f, "null-%zu", i), file->bytes);
        assert_true(r->status == 403 || r->status == 413);
    }
    assert_status(get_ops(s, "/api/metrics"), 200);
    (void)audit_log(s, &(struct audit){"rum", c.n, NULL});
    promise("B29", "Browser metrics are read as strictly as submissions",
            SUITE " posted to /api/metrics", "%zu files, 0 answered 5xx", c.n);
}

/* ---- damage ---- */

struct damage {
    const struct corpus_file *files;
    size_t n;
    size_t *start;  /* of each file among all; and behind the last */
    unsigned bytes; /* values that each place gets; 0: files are cut there instead */
    size_t answers[600];
};

static size_t places(const struct damage *d)
{
    return d->start[d->n] * (d->bytes > 0 ? d->bytes : 1);
}

static void damage_init(struct fixture *f, struct damage *d)
{
    struct parts p = small_files(f, SMALL);

    d->files = p.files;
    d->n = p.n;
    d->start = keep(f, (p.n + 1) * sizeof(*d->start));
    for (size_t i = 0; i < p.n; i++)
        d->start[i + 1] = d->start[i] + p.files[i].bytes.n;
}

static const struct corpus_file *damaged(const struct damage *d, size_t place, size_t *ret_at)
{
    size_t low = 0, high = d->n;

    while (low + 1 < high) {
        size_t middle = (low + high) / 2;

        if (d->start[middle] <= place)
            low = middle;
        else
            high = middle;
    }
    *ret_at = place - d->start[low];
    return &d->files[low];
}

/* Values that mean something in JSON or UTF-8 go first. */
static char damage_byte(const struct damage *d, size_t i)
{
    static const char first[] = {'"', '\\', '\0', (char)0x80, '[', '}', '0', (char)0xf0};

    if (d->bytes <= sizeof(first))
        return first[i % d->bytes];
    return (char)(i % d->bytes * 256 / d->bytes);
}

static void body_damaged(void *ctx, size_t i, struct buf *b)
{
    struct damage *d = ctx;
    size_t at;
    const struct corpus_file *file = damaged(d, d->bytes > 0 ? i / d->bytes : i, &at);

    buf_add(b, file->bytes.p, d->bytes > 0 ? file->bytes.n : at);
    if (d->bytes > 0)
        b->data[at] = damage_byte(d, i);
}

static void answered_damaged(void *ctx, size_t i, const struct reply *r)
{
    struct damage *d = ctx;
    size_t at;

    if (r->status != 400 && r->status != 422)
        fail_msg("%s, place %zu: %d", damaged(d, d->bytes > 0 ? i / d->bytes : i, &at)->name, at,
                 r->status);
    d->answers[r->status]++;
}

static void run_damage(struct server *s, struct damage *d, const char *header)
{
    flow_run(s, &(struct flow){.header = header,
                               .prefix = "damaged",
                               .n = places(d),
                               .ctx = d,
                               .body = body_damaged,
                               .answered = answered_damaged});
}

TEST(cut_short_or_damaged_anywhere_none_breaks_the_server)
{
    struct fixture *f = *state;
    struct server *s = serve_all(f);
    struct damage cut = {.bytes = 0}, one = {.bytes = faults_long() ? 256 : 4}, form = {.bytes = 1};
    size_t n;

    damage_init(f, &cut);
    damage_init(f, &one);
    damage_init(f, &form);
    run_damage(s, &cut, JSON_TYPE);
    run_damage(s, &one, JSON_TYPE);
    /* A form has other rules, and the same reader of UTF-8. */
    run_damage(s, &form, FORM_TYPE);
    n = places(&one) + places(&cut) + places(&form);
    assert_status(get(s, "/health"), 200);
    assert_metric(s, SUBMISSIONS, 0);
    assert_metric(s, CONTACT_REJECTED("malformed"),
                  (double)(cut.answers[400] + one.answers[400] + form.answers[400]));
    promise("B29", "Damaged JSON is refused, and nothing else happens",
            "each small file of JSONTestSuite cut at every byte, and every byte replaced",
            "%zu bodies, 0 answered 5xx, the same process", n);
}

RUN_TESTS(T(every_file_gets_the_answer_its_name_asks_for),
          T(as_a_member_that_is_ignored_good_json_is_stored_and_bad_is_not),
          T(as_browser_metrics_they_get_the_same_answers),
          T(cut_short_or_damaged_anywhere_none_breaks_the_server))
