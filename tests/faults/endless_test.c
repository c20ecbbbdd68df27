/* SPDX-License-Identifier: MIT */
/*
 * Bodies in chunks whose line or trailer has no end: libh2o reads on and keeps nothing. Heads
 * without end are greedy_test.c's, what a chunk may look like framing_test.c's.
 */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/memory.h"
#include "tests/faults/lib/promise.h"

#define TIMED_OUT_REQUEST "connections_timed_out_total{reason=\"request\"}"

static const struct {
    const char *name, *begin, *more;
} endless[] = {
    {"an extension of a chunk", "5;",       "a"               },
    {"extensions",              "5",        ";name=value"     },
    {"a trailer",               "0\r\nX: ", "a"               },
    {"trailers",                "0\r\n",    "X-Trailer: a\r\n"},
};

struct endless_run {
    struct server *s;
    uint64_t before_kib, most_kib; /* resident */
    uint64_t taken;                /* bytes */
    double longest_s;
    unsigned answered;
};

static void look_at_memory(struct endless_run *r)
{
    uint64_t kib = memory_resident_kib(r->s);

    if (kib > r->before_kib && kib - r->before_kib > r->most_kib)
        r->most_kib = kib - r->before_kib;
}

/* As much of it as the server takes. */
static void send_endless(struct endless_run *r, struct wire *w, size_t i, size_t most)
{
    struct buf piece = BUF_INIT;
    size_t sent = 0;

    wire_send(w, "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                 "\r\nTransfer-Encoding: chunked\r\n\r\n");
    wire_send(w, endless[i].begin);
    while (piece.len < 65536)
        buf_add_str(&piece, endless[i].more);
    for (size_t n = 1; sent < most && wire_write(w, piece.data, piece.len); n++) {
        sent += piece.len;
        if (n % 64 == 0)
            look_at_memory(r);
    }
    look_at_memory(r);
    buf_release(&piece);
    r->taken += sent;
}

/* From the first byte to the end of the connection. */
static void run_endless(struct endless_run *r, size_t i, size_t most)
{
    struct wire *w = wire_to(r->s);
    struct reply *a = reply_keep(r->s->f);
    uint64_t began = clock_mono_ns();
    double seconds;

    send_endless(r, w, i, most);
    if (wire_read(w, false, a) == GOT_REPLY) {
        assert_in_range(a->status, 400, 499);
        r->answered++;
        assert_wire_ends(w);
    }
    if (!w->ended)
        fail_msg("%s: the connection does not end", endless[i].name);
    seconds = (double)(clock_mono_ns() - began) / NS_PER_SEC;
    r->longest_s = seconds > r->longest_s ? seconds : r->longest_s;
    wire_close(w);
    look_at_memory(r);
    assert_status(get(r->s, "/health"), 200);
}

TEST(chunks_without_end_take_no_memory_and_no_more_than_their_time)
{
    enum { MOST = 100 * 1000 * 1000, KIB_MAX = 1024, TIMEOUT_S = 2, SLACK_S = 8 };
    struct endless_run r = {
        .s = server_start(*state, SETS("contact.rate=off", "http.request_timeout=2s"))};
    double timed_out;

    /* What the first of each kind needs is not theirs. */
    for (size_t i = 0; i < ARRAY_LEN(endless); i++)
        run_endless(&r, i, 1);
    assert_status(post_json(r.s, ADA), 201);
    r = (struct endless_run){.s = r.s, .before_kib = memory_resident_kib(r.s)};
    timed_out = metric(r.s, TIMED_OUT_REQUEST);
    for (size_t i = 0; i < ARRAY_LEN(endless); i++)
        run_endless(&r, i, MOST);
    assert_metric(r.s, TIMED_OUT_REQUEST, timed_out + (double)(ARRAY_LEN(endless) - r.answered));
    assert_metric(r.s, SUBMISSIONS, 1);
    assert_true(r.longest_s < TIMEOUT_S + SLACK_S);
    print_message("  %.0f MB taken, %+d KiB, at most %.1f s\n", (double)r.taken / 1e6,
                  (int)r.most_kib, r.longest_s);
    if (memory_is_ours())
        assert_in_range(r.most_kib, 0, KIB_MAX);
    promise("A12", "A body in chunks without end takes no memory, and ends with its time",
            "100 MB each of an extension, extensions, a trailer, trailers; a timeout of 2 s",
            "%.0f MB taken, RSS %+d KiB, closed within %.1f s", (double)r.taken / 1e6,
            (int)r.most_kib, r.longest_s);
}

RUN_TESTS(T(chunks_without_end_take_no_memory_and_no_more_than_their_time))
