/* SPDX-License-Identifier: MIT */
/*
 * The corpus of raw requests (tests/faults/framing/) against the server: the allowed answers and no
 * other, the connection as the case says, and each request in the books once. What other servers
 * make of it: framing_peers_test.c.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/framing.h"
#include "tests/faults/lib/promise.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { CASES_MIN = 150, SILENCE_MS = 30, REASONS_MAX = 16 };

#define PROBE                                                                \
    "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: " \
    "probe\r\n\r\n"

/* What the server says of itself; the same, as we expect it. */
struct books {
    double served, rejected;
    double lines; /* in the log, or counted as dropped: a pipeline may be faster than its writer */
};

struct reason {
    const char *name;
    double count;
};

struct run {
    struct fixture *f;
    struct server *s;
    struct books want;
    struct reason reasons[REASONS_MAX]; /* of what was rejected so far */
    size_t n_reasons;
    const struct framing_case *c; /* the one that runs */
    const struct reply *last;     /* its latest answer */
    FILE *log;
    struct buf line; /* of the log, the part that was read */
    double lines;    /* of requests, so far */
    unsigned answers, faults;
};

static void complain(struct run *r, const char *what, double got, double want)
{
    print_error("%s: %s: %s: got %g, want %g\n", r->c->file, r->c->name, what, got, want);
    r->faults++;
}

/* ---- the books ---- */

/* One line of the log: JSON, whatever the client sent. */
static void count_line(struct run *r)
{
    if (strcmp(json_text(r->f, buf_cstr(&r->line), "event"), "request") == 0)
        r->lines++;
    buf_clear(&r->line);
}

/* What was written since the last time. */
static void follow_log(struct run *r)
{
    int c;

    clearerr(r->log);
    while ((c = fgetc(r->log)) != EOF)
        if (c == '\n')
            count_line(r);
        else
            buf_add_char(&r->line, (char)c);
}

static struct books read_books(struct run *r, const char *page)
{
    follow_log(r);
    return (struct books){page_sum(page, "http_requests_total"),
                          page_sum(page, "http_rejected_total"),
                          r->lines + page_sum(page, "log_lines_dropped_total")};
}

static bool short_of(const struct books *now, const struct books *want, bool lines)
{
    return now->served < want->served || now->rejected < want->rejected ||
           (lines && now->lines < want->lines);
}

static void check_reasons(struct run *r, const char *page)
{
    for (size_t i = 0; i < r->n_reasons; i++) {
        struct reason *reason = &r->reasons[i];
        double now =
            page_value(page, textf(r->f, "http_rejected_total{reason=\"%s\"}", reason->name));

        if (now < reason->count || now > reason->count)
            complain(r, textf(r->f, "rejected as %s", reason->name), now, reason->count);
        reason->count = now;
    }
}

/*
 * Requests are counted when their answers are out, so there is a moment to wait, but never more
 * than is expected. The log's writer is slower: it is waited for only when `lines` is set.
 */
static void check_books(struct run *r, bool lines)
{
    uint64_t end = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;
    const char *page = page_of(r->s);
    struct books now = read_books(r, page);

    while (short_of(&now, &r->want, lines) && clock_mono_ns() < end) {
        clock_sleep_ms(1);
        page = page_of(r->s);
        now = read_books(r, page);
    }
    if (now.served < r->want.served || now.served > r->want.served)
        complain(r, "requests served", now.served, r->want.served);
    if (now.rejected < r->want.rejected || now.rejected > r->want.rejected)
        complain(r, "requests rejected", now.rejected, r->want.rejected);
    if (now.lines > r->want.lines || (lines && now.lines < r->want.lines))
        complain(r, "lines in the log of this file's cases", now.lines, r->want.lines);
    check_reasons(r, page);
    r->want = (struct books){now.served, now.rejected, lines ? now.lines : r->want.lines};
}

/* ---- the answers ---- */

static void expect_reason(struct run *r, const char *name)
{
    size_t i = 0;

    while (i < r->n_reasons && strcmp(r->reasons[i].name, name) != 0)
        i++;
    assert_true(i < REASONS_MAX);
    if (i == r->n_reasons)
        r->reasons[r->n_reasons++].name = name;
    r->reasons[i].count++;
}

/* What is refused counts by its reason only, and what libh2o refuses by itself has no line. */
static void expect_counted(struct run *r, const struct framing_answer *a)
{
    if (a->status < 200)
        return;
    r->want.served += a->reason == NULL;
    r->want.rejected += a->reason != NULL;
    r->want.lines += a->reason == NULL || strcmp(a->reason, "unparsed") != 0;
    if (a->reason != NULL)
        expect_reason(r, a->reason);
}

/* libh2o's own have no correlation ID. */
static bool is_wanted(const struct reply *a, const struct framing_answer *want)
{
    bool bare = a->status >= 200 && reply_field(a, "x-correlation-id") == NULL;
    bool unparsed = want->reason != NULL && strcmp(want->reason, "unparsed") == 0;

    return want->status == a->status && unparsed == bare;
}

static bool check_answer(struct run *r,
                         struct wire *w,
                         const struct framing_answer *want,
                         bool head)
{
    struct reply *a = reply_keep(r->f);
    enum got got = wire_read(w, head, a);

    if (got != GOT_REPLY || !is_wanted(a, want)) {
        complain(r, got == GOT_REPLY ? "answer" : "no answer", a->status, want->status);
        return false;
    }
    r->answers++;
    r->last = a;
    expect_counted(r, want);
    if (a->status >= 200 && reply_field(a, "x-correlation-id") != NULL)
        assert_manners(a);
    return true;
}

static bool check_answers(struct run *r, struct wire *w)
{
    bool head = r->c->head;

    for (size_t i = 0; i < r->c->n_answers; i++)
        for (unsigned n = 0; n < r->c->answers[i].times; n++) {
            if (!check_answer(r, w, &r->c->answers[i], head))
                return false;
            head = false;
        }
    return true;
}

static void check_closed(struct run *r, struct wire *w)
{
    struct reply *a = reply_keep(r->f);
    enum got got = wire_read(w, false, a);
    const char *said = r->last != NULL ? reply_field(r->last, "connection") : "close";

    if (got != GOT_END)
        complain(r, got == GOT_REPLY ? "an answer too many" : "the connection is not closed",
                 a->status, 0);
    if (said == NULL || strcmp(said, "close") != 0)
        complain(r, "it is closed without a word", 0, 1);
}

/* The next request gets its own answer: no byte was left over, none is missing. */
static void check_open(struct run *r, struct wire *w)
{
    static const struct framing_answer served = {200, NULL, 1};
    struct reply *a = reply_keep(r->f);
    const char *id;

    wire_send(w, PROBE);
    if (wire_read(w, false, a) != GOT_REPLY) {
        complain(r, "the connection does not go on", 0, 200);
        return;
    }
    id = reply_field(a, "x-correlation-id");
    if (a->status != 200 || id == NULL || strcmp(id, "probe") != 0)
        complain(r, "an answer too many", a->status, 0);
    else
        expect_counted(r, &served);
}

static void check_state(struct run *r, struct wire *w)
{
    switch (r->c->state) {
    case FRAMING_OPEN:
        check_open(r, w);
        break;
    case FRAMING_WAITS:
        if (!wire_silent(w, SILENCE_MS))
            complain(r, "it does not wait", 1, 0);
        break;
    case FRAMING_CLOSED:
        check_closed(r, w);
        break;
    }
}

static void run_case(struct run *r, const struct framing_case *c)
{
    struct wire *w = wire_to(r->s);

    r->c = c;
    r->last = NULL;
    framing_send(w, c);
    if (check_answers(r, w))
        check_state(r, w);
    wire_close(w);
    check_books(r, false);
    if (!server_lives(r->s))
        fail_msg("the server ended at %s: %s", c->file, c->name);
}

/* ---- tests ---- */

static void close_log(void *arg)
{
    struct run *r = arg;

    (void)fclose(r->log);
    buf_release(&r->line);
}

static struct run *run_start(struct fixture *f)
{
    struct run *r = keep(f, sizeof(*r));

    *r = (struct run){
        .f = f,
        .s = server_start(f, SETS("hosts=localhost,127.0.0.1", "contact.rate=off", "threads=2"))};
    r->log = fopen(r->s->log, "re");
    assert_non_null(r->log);
    at_end(f, close_log, r);
    r->want = read_books(r, page_of(r->s));
    return r;
}

TEST(every_case_has_a_purpose_with_its_section)
{
    struct framing_corpus corpus = framing_load(*state);

    assert_true(corpus.n >= CASES_MIN);
    for (size_t i = 0; i < corpus.n; i++)
        if (strstr(corpus.cases[i].purpose, "RFC ") == NULL)
            fail_msg("%s names no RFC", corpus.cases[i].name);
}

TEST(every_case_gets_the_allowed_answers_and_is_counted_once)
{
    struct fixture *f = *state;
    struct framing_corpus corpus = framing_load(f);
    struct run *r = run_start(f);
    unsigned known = 0;

    for (size_t i = 0; i < corpus.n; i++) {
        run_case(r, &corpus.cases[i]);
        known += corpus.cases[i].known != NULL;
        if (i + 1 == corpus.n || corpus.cases[i + 1].file != corpus.cases[i].file)
            check_books(r, true);
    }
    assert_status(get(r->s, "/health"), 200);
    print_message("%zu cases: %u answers, %g served, %g refused (%g of them by libh2o); "
                  "%u not as the RFC wants\n",
                  corpus.n, r->answers, r->want.served, r->want.rejected,
                  metric(r->s, REJECTED("unparsed")), known);
    assert_int_equal(r->faults, 0);
    promise("A1-A11, A13-A20",
            "a request that two parsers could read differently is refused and closed",
            "a corpus of raw requests: the allowed answers, the connection afterwards, the books",
            "%zu cases, %u answers, 0 others", corpus.n, r->answers);
}

/* ---- every cut ---- */

static const struct framing_case *find_case(const struct framing_corpus *corpus, const char *name)
{
    for (size_t i = 0; i < corpus->n; i++)
        if (strcmp(corpus->cases[i].name, name) == 0)
            return &corpus->cases[i];
    fail_msg("no case %s", name);
    return NULL;
}

TEST(a_submission_that_breaks_off_anywhere_is_not_stored)
{
    struct fixture *f = *state;
    struct framing_corpus corpus = framing_load(f);
    const struct framing_case *c = find_case(&corpus, "a-length");
    struct server *s = server_start(f, SETS("contact.rate=off"));
    struct wire *w;

    for (size_t n = 0; n < c->bytes.len; n++) {
        w = wire_to(s);
        assert_true(wire_write(w, c->bytes.data, n));
        if (n % 2 == 0)
            wire_finish(w); /* FIN, and whoever waits for an answer gets none */
        if (n % 2 == 0)
            assert_wire_ends(w);
        wire_close(w);
    }
    assert_status(post_json(s, ADA), 201);
    assert_metric(s, SUBMISSIONS, 1);
    assert_metric(s, REQUESTS("POST", "/contact", "201"), 1);
    assert_true(metric_sum(s, "http_requests_total") + metric_sum(s, "http_rejected_total") <= 1);
    promise("A28", "a submission whose connection breaks is not stored in part",
            "a POST cut at every byte, by FIN and by closing", "%zu cuts, 0 stored", c->bytes.len);
}

TEST(a_request_in_two_packets_is_one_wherever_it_is_cut)
{
    struct fixture *f = *state;
    struct framing_corpus corpus = framing_load(f);
    const struct framing_case *c = find_case(&corpus, "names-in-any-case");
    struct server *s = server_start(f, SETS("contact.rate=off"));
    struct wire *w = wire_to(s);
    int on = 1;

    (void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (size_t n = 1; n < c->bytes.len; n++) {
        assert_true(wire_write(w, c->bytes.data, n));
        clock_sleep_ms(1); /* else the kernel may make one of two; either way it is one request */
        assert_true(wire_write(w, c->bytes.data + n, c->bytes.len - n));
        assert_status(wire_reply(f, w), 422);
    }
    assert_metric(s, REQUESTS("POST", "/contact", "422"), (double)c->bytes.len - 1);
}

RUN_TESTS(T(every_case_has_a_purpose_with_its_section),
          T(every_case_gets_the_allowed_answers_and_is_counted_once),
          T(a_submission_that_breaks_off_anywhere_is_not_stored),
          T(a_request_in_two_packets_is_one_wherever_it_is_cut))
