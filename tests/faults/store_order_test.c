/* SPDX-License-Identifier: MIT */
/*
 * The order proof: the kernel's side of every acknowledgement, by strace. And that a failing disk leads to no call that the
 * sandbox refuses.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/disk_faults.h"
#include "tests/faults/lib/disk_order.h"
#include "tests/faults/lib/disk_outage.h"
#include "tests/faults/lib/promise.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the server under strace ---- */

/* Other processes of its user can't look into it, and so not tell what its descriptors are. */
static bool can_trace(struct fixture *f)
{
    if (geteuid() != 0) {
        print_message("skipped: only root sees the files of the server's calls\n");
        return false;
    }
    if (run(f, ARGS("strace", "-o", "/dev/null", "true"), NULL)->status == 0)
        return true;
    print_message("skipped: strace is not here, or may not trace\n");
    return false;
}

/*
 * Starts it with strace beside it, so that it stays our child (-D). Its file is complete once its last line says how the server
 * ended. LeakSanitizer can't work under a tracer.
 */
static struct server *start_traced(struct fixture *f,
                                   const char *options,
                                   const struct server_options *opt,
                                   const char **ret_trace)
{
    const char *trace = in_dir(f, "trace"), *script = in_dir(f, "traced.sh");
    const char *was = textf(f, "%s", program());
    struct server *s;

    write_file(script, textf(f,
                             "#!/bin/sh\nexport ASAN_OPTIONS=\"$ASAN_OPTIONS:detect_leaks=0\"\n"
                             "exec strace -D -f -y -tt -s 8192 %s -o '%s' '%s' \"$@\"\n",
                             options, trace, was));
    assert_int_equal(chmod(script, 0700), 0);
    /* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
    assert_int_equal(setenv("SIDELIGHT", script, 1), 0);
    s = server_start_with(f, opt);
    assert_int_equal(setenv("SIDELIGHT", was, 1), 0);
    /* NOLINTEND(concurrency-mt-unsafe) */
    *ret_trace = trace;
    return s;
}

/* The last line is of the process itself. */
static bool is_complete(const struct buf *trace, pid_t pid)
{
    char line[64];
    const char *last;
    size_t n;

    if (trace->len < 2 || trace->data[trace->len - 1] != '\n')
        return false;
    last = memrchr(trace->data, '\n', trace->len - 1);
    n = (size_t)snprintf(line, sizeof(line), "\n%d ", (int)pid);
    return last != NULL && strncmp(last, line, n) == 0 && strstr(last, "+++ exited") != NULL;
}

/* Ends the server; all of its trace. */
static void stop_traced(struct server *s, const char *path, struct buf *ret)
{
    pid_t pid = s->pid;

    server_stop(s);
    for (uint64_t end_ns = 0;; try_again(&end_ns, "the trace is complete")) {
        read_into(path, ret);
        if (is_complete(ret, pid))
            return;
    }
}

/* ---- the reader of traces ---- */

#define AT(tid) tid " 00:00:00.000000 "
#define LOG_FILE "(5</a/x.db-wal>"
#define ROW AT("7") "pwrite64" LOG_FILE ", \"\\r\\0order-100001-a\", 4096, 0) = 4096\n"
#define OTHER_ROW AT("7") "pwrite64" LOG_FILE ", \"\\r\\0order-100002-a\", 4096, 0) = 4096\n"
#define SYNC AT("7") "fdatasync" LOG_FILE ") = 0\n"
#define SYNC_BEGINS AT("7") "fdatasync" LOG_FILE " <unfinished ...>\n"
#define SYNC_RETURNS AT("7") "<... fdatasync resumed>) = 0\n"
#define SYNC_FAILS AT("7") "fdatasync" LOG_FILE ") = -1 EIO (Input/output error)\n"
#define SYNC_OF_FILE AT("7") "fdatasync(4</a/x.db>) = 0\n"
#define SYNC_OF_THREAD AT("8") "fdatasync" LOG_FILE ") = 0\n"
#define ANSWER \
    AT("8")    \
    "writev(9<socket:[1]>, [{iov_base=\"HTTP/1.1 201 Created\\r\\nx: order-100001-a\\r\\n\"}], 1) = 9\n"
#define OTHER_ANSWER \
    AT("8")          \
    "sendto(9<socket:[1]>, \"HTTP/1.1 303 See Other\\r\\nx: order-100001-b\\r\\n\", 9) = 9\n"

struct proof {
    const char *what, *trace;
    bool proven;
};
/* clang-format off */
static const struct proof proofs[] = {
    {"in order",                                  ROW SYNC ANSWER,                                true},
    {"of two with one key, the other's row",      ROW SYNC OTHER_ANSWER,                          true},
    {"the sync in two lines",                     ROW SYNC_BEGINS SYNC_RETURNS ANSWER,            true},
    {"no sync",                                   ROW ANSWER SYNC,                                false},
    {"before the sync has returned",              ROW SYNC_BEGINS ANSWER SYNC_RETURNS,            false},
    {"the sync began before the row was written", SYNC_BEGINS ROW SYNC_RETURNS ANSWER,            false},
    {"the sync failed",                           ROW SYNC_FAILS ANSWER,                          false},
    {"the sync of another file",                  ROW SYNC_OF_FILE ANSWER,                        false},
    {"the sync of another thread",                ROW SYNC_OF_THREAD ANSWER,                      false},
    {"no row",                                    SYNC ANSWER,                                    false},
    {"another row",                               OTHER_ROW SYNC ANSWER,                          false},
};
/* clang-format on */

TEST(the_proof_fails_where_it_should)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(proofs); i++) {
        struct order o = order_check(f, keep_text(f, proofs[i].trace, strlen(proofs[i].trace)), 3);

        if (o.answers != 1 || (o.violation == NULL) != proofs[i].proven)
            fail_msg("%s: %s", proofs[i].what, o.violation != NULL ? o.violation : "proven");
    }
}

/* ---- the proof ---- */

enum { SENDERS = 16 };

/* Two send the same numbers with the same keys at the same time: one of them is told of the other's row. */
struct sender {
    pthread_t thread;
    unsigned port, first, n;
    char which;
    unsigned acknowledged;
};

static void write_submission(struct buf *b, const struct sender *s, unsigned i)
{
    bool form = i % 4 == 0; /* 303 */
    const char *body = form ? ADA_FORM : ADA;

    buf_addf(b,
             "POST /contact HTTP/1.1\r\nHost: localhost\r\n%s\r\nX-Correlation-ID: " ORDER_MARK
             "%u-%c\r\nIdempotency-Key: key-%u\r\nContent-Length: %zu\r\n\r\n%s",
             form ? FORM_TYPE : JSON_TYPE, ORDER_FIRST + s->first + i, s->which, s->first + i,
             strlen(body), body);
}

static void *send_all(void *arg)
{
    struct sender *s = arg;
    struct buf b = BUF_INIT;
    struct wire w;

    if (!wire_connect(&w, s->port))
        return NULL;
    for (unsigned i = 0; i < s->n; i++) {
        struct reply r = {.status = 0};

        buf_clear(&b);
        write_submission(&b, s, i);
        (void)wire_write(&w, b.data, b.len);
        if (wire_read(&w, false, &r) != GOT_REPLY)
            break;
        s->acknowledged += r.status == 201 || r.status == 303;
        reply_release(&r);
    }
    wire_close(&w);
    buf_release(&b);
    return NULL;
}

/* Submissions acknowledged, of SENDERS / 2 * n numbers. */
static unsigned send_at_once(const struct server *s, unsigned n)
{
    struct sender senders[SENDERS];
    unsigned sum = 0;

    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){
            .port = s->public_port, .first = i / 2 * n, .n = n, .which = i % 2 == 0 ? 'a' : 'b'};
        MUST(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]) == 0);
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        MUST(pthread_join(senders[i].thread, NULL) == 0);
        sum += senders[i].acknowledged;
    }
    return sum;
}

TEST(a_sync_of_its_row_has_returned_before_each_answer_is_written)
{
    unsigned n = faults_long() ? 500 : 50, numbers = SENDERS / 2 * n;
    struct fixture *f = *state;
    struct buf trace = BUF_INIT;
    double batches;
    struct server *s;
    const char *path;
    struct order o;

    if (!can_trace(f))
        skip();
    s = start_traced(f, "-e trace=" ORDER_CALLS,
                     &(struct server_options){.sets = SETS("contact.rate=off", "threads=4")},
                     &path);
    assert_int_equal(send_at_once(s, n), SENDERS * n);
    batches = metric(s, "store_batch_size_count");
    assert_metric(s, SUBMISSIONS, numbers);
    stop_traced(s, path, &trace);
    o = order_check(f, trace.data, numbers);
    buf_release(&trace);
    if (o.violation != NULL)
        fail_msg("%s", o.violation);
    assert_int_equal(o.answers, SENDERS * n);
    assert_int_equal(o.rows, numbers);
    assert_true(o.syncs > 0);
    assert_true(batches < numbers); /* some shared a commit, so they were sent at the same time */
    promise("F74", "A sync that covers the submission has returned before its answer is written",
            "strace of every write and sync: 16 clients, pairs of them with the same keys, JSON "
            "and forms",
            "%zu answers, each after the sync of its row; %zu rows, %.0f commits", o.answers,
            o.rows, batches);
}

/* ---- the sandbox ---- */

/* What it refuses returns EPERM, or for clone3 ENOSYS: that one glibc expects. */
static void assert_none_refused(struct fixture *f, const char *trace)
{
    const char *at = strstr(trace, " EPERM "), *line = at;

    if (at == NULL)
        return;
    while (line > trace && line[-1] != '\n')
        line--;
    fail_msg("%s", keep_text(f, line, strcspn(line, "\n")));
}

/* Failing calls only, as many kinds of trouble as an outage has. */
TEST(no_fault_leads_to_a_call_that_the_sandbox_refuses)
{
    static const struct disk_break breaks[] = {
        {DISK_SYNC,     .error = EIO               },
        {DISK_WRITE,    .error = DISK_TORN | ENOSPC},
        {DISK_OPEN,     .error = EMFILE            },
        {DISK_TRUNCATE, .error = EROFS             },
    };
    struct fixture *f = *state;
    struct buf trace = BUF_INIT;
    struct disk *d;
    struct server *s;
    const char *path;

    if (!can_trace(f))
        skip();
    d = disk_new(f);
    s = start_traced(
        f, "-Z", &(struct server_options){.sets = SETS("contact.rate=off"), .env = disk_env(f, d)},
        &path);
    for (size_t i = 0; i < ARRAY_LEN(breaks); i++) {
        assert_status(post_json(s, ADA), 201);
        disk_break(d, &breaks[i]);
        DISK_BREAK(d, .call = DISK_SYNC, .error = EIO, .n = 1);
        assert_status(post_json(s, ADA), 503);
        disk_mend(d);
        assert_store_up(s);
    }
    stop_traced(s, path, &trace);
    assert_none_refused(f, trace.data);
    buf_release(&trace);
}

RUN_TESTS(T(the_proof_fails_where_it_should),
          T(a_sync_of_its_row_has_returned_before_each_answer_is_written),
          T(no_fault_leads_to_a_call_that_the_sandbox_refuses))
