/* SPDX-License-Identifier: MIT */
/* The writing thread as a whole: many producers, readers that stall, go away, or are files. */
#include "base/buf.h"
#include "base/log.h"
#include "base/parse.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { TIMEOUT_MS = 60000, PRODUCERS = 4, LINES = 20000 };

static struct log *start(int fd)
{
    struct log *log = NULL;
    struct err err = ERR_INIT;

    if (!log_new(fd, LOG_INFO, &log, &err))
        fail_msg("%s", err.text);
    return log;
}

static bool put_line(struct log_ring *ring, uint64_t producer, uint64_t number)
{
    size_t padding = number * 31 % 500;
    char *p = log_write_start(ring);

    if (p == NULL)
        return false;
    p = fmt_slice(p, SLICE_LIT("{\"p\":"));
    p = fmt_u64(p, producer);
    p = fmt_slice(p, SLICE_LIT(",\"n\":"));
    p = fmt_u64(p, number);
    p = fmt_slice(p, SLICE_LIT(",\"s\":\""));
    memset(p, 'x', padding);
    p = fmt_slice(p + padding, SLICE_LIT("\"}\n"));
    log_write_commit(ring, p);
    return true;
}

struct producer {
    struct log *log;
    struct log_ring *ring; /* NULL: log_event */
    uint64_t id, refused;
};

static void *produce(void *arg)
{
    struct producer *p = arg;

    for (uint64_t i = 0; i < LINES; i++) {
        if (p->ring == NULL)
            LOG_EVENT(p->log, LOG_INFO, "e", LOG_INT("p", p->id), LOG_INT("n", i));
        else if (!put_line(p->ring, p->id, i))
            p->refused++;
    }
    return NULL;
}

/* What a reader saw: whole lines, and in each producer's own order. */
struct seen {
    uint64_t lines, next[PRODUCERS];
};

static void take_text(struct slice *s, const char *text)
{
    size_t n = strlen(text);

    assert_true(s->n >= n);
    assert_memory_equal(s->p, text, n);
    *s = (struct slice){s->p + n, s->n - n};
}

static uint64_t take_number(struct slice *s)
{
    size_t n = strspn(s->p, "0123456789");
    uint64_t v = 0;

    assert_true(parse_u64((struct slice){s->p, n}, 0, UINT64_MAX, &v, NULL));
    *s = (struct slice){s->p + n, s->n - n};
    return v;
}

static void check_line(struct seen *seen, const char *line)
{
    struct slice s = slice_str(line);
    bool event = strncmp(line, "{\"ts\":\"", 7) == 0;

    if (event) {
        s = (struct slice){s.p + 7 + FMT_TS, s.n - 7 - FMT_TS};
        take_text(&s, "\",\"level\":\"info\",\"event\":\"e\",");
    } else {
        take_text(&s, "{");
    }
    take_text(&s, "\"p\":");
    uint64_t producer = take_number(&s);
    take_text(&s, ",\"n\":");
    uint64_t number = take_number(&s);
    if (!event) {
        size_t padding = strspn(s.p + 6, "x");

        take_text(&s, ",\"s\":\"");
        assert_int_equal(padding, number * 31 % 500);
        s = (struct slice){s.p + padding, s.n - padding};
        take_text(&s, "\"");
    }
    take_text(&s, "}\n");
    assert_int_equal(s.n, 0);
    assert_true(producer < PRODUCERS);
    assert_true(number >= seen->next[producer]);
    seen->next[producer] = number + 1;
    seen->lines++;
}

static void *read_all(void *arg)
{
    static struct seen seen;
    char *line = NULL;
    size_t cap = 0;
    FILE *f = arg;

    seen = (struct seen){0};
    while (getline(&line, &cap, f) > 0)
        check_line(&seen, line);
    free(line);
    (void)fclose(f);
    return &seen;
}

TEST(lines_of_many_producers_arrive_whole_and_the_books_balance)
{
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS], reader;
    struct log_stats stats, end;
    uint64_t refused = 0;
    int fds[2];
    void *seen;

    assert_int_equal(pipe(fds), 0);
    struct log *log = start(fds[1]);
    assert_int_equal(pthread_create(&reader, NULL, read_all, fdopen(fds[0], "r")), 0);
    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){log, i < 2 ? log_ring_new(log, NULL) : NULL, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    log_stats(log, &stats); /* any thread, any time */
    for (size_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        refused += producers[i].refused;
    }
    log_stats(log, &end);
    log_free(log, TIMEOUT_MS);
    (void)close(fds[1]);
    assert_int_equal(pthread_join(reader, &seen), 0);
    assert_true(end.dropped >= refused);
    assert_int_equal(end.lines + end.dropped, PRODUCERS * LINES);
    assert_int_equal(((struct seen *)seen)->lines, end.lines);
    assert_true(stats.lines <= end.lines);
}

TEST(a_stalled_reader_stalls_no_producer_and_not_the_end)
{
    struct log_stats stats;
    int fds[2];
    uint64_t taken = 0;
    void *seen;

    assert_int_equal(pipe(fds), 0);
    struct log *log = start(fds[1]);
    struct log_ring *ring = log_ring_new(log, NULL);
    for (uint64_t i = 0; i < LINES; i++) /* 5 MB; pipe and ring hold a third of one */
        taken += put_line(ring, 0, i);
    log_stats(log, &stats);
    assert_true(stats.dropped > 0);
    assert_int_equal(stats.lines, taken);
    assert_int_equal(stats.lines + stats.dropped, LINES);
    log_free(log, 30);
    /* What did get out is whole lines. */
    (void)close(fds[1]);
    seen = read_all(fdopen(fds[0], "r"));
    assert_in_range(((struct seen *)seen)->lines, 1, taken);
}

TEST(a_reader_that_went_away_loses_lines_but_nothing_else)
{
    struct log_stats stats;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    struct log *log = start(fds[1]);
    struct log_ring *ring = log_ring_new(log, NULL);
    (void)close(fds[0]);
    for (uint64_t i = 0; i < 100; i++)
        assert_true(put_line(ring, 0, i));
    do {
        (void)sched_yield();
        log_stats(log, &stats);
    } while (stats.dropped < 100);
    assert_int_equal(stats.lines, 100);
    assert_int_equal(stats.dropped, 100);
    log_free(log, TIMEOUT_MS);
    (void)close(fds[1]);
}

TEST(the_end_writes_what_waits)
{
    char path[] = "/tmp/log-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    (void)unlink(path);
    struct log *log = start(fd);
    struct log_ring *ring = log_ring_new(log, NULL);
    for (uint64_t i = 0; i < 500; i++)
        assert_true(put_line(ring, 1, i));
    log_free(log, TIMEOUT_MS);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    struct seen *seen = read_all(fdopen(fd, "r"));
    assert_int_equal(seen->lines, 500);
    assert_int_equal(seen->next[1], 500);
}

/*
 * A terminal nobody reads polls writable, then blocks: the thread is left behind, and with it the
 * memory it uses. The terminal stays open, so that it never comes back.
 */
TEST(a_thread_that_is_caught_in_a_write_is_left_behind)
{
    int master, slave;
    struct termios raw;
    struct log_stats stats;

    if (openpty(&master, &slave, NULL, NULL, NULL) != 0) {
        print_message("skipped: no pseudo-terminal can be made here\n");
        skip();
    }
    assert_int_equal(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
    struct log *log = start(slave);
    struct log_ring *ring = log_ring_new(log, NULL);
    do {
        (void)put_line(ring, 0, 0);
        log_stats(log, &stats);
    } while (stats.dropped == 0);
    log_free(log, 10);
    assert_true(fcntl(slave, F_GETFD) >= 0);
}

TEST(a_log_that_is_never_used_ends_at_once)
{
    int fds[2];
    char c;

    assert_int_equal(pipe(fds), 0);
    for (unsigned i = 0; i < 100; i++)
        log_free(start(fds[1]), TIMEOUT_MS);
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &c, 1), 0);
    (void)close(fds[0]);
}

RUN_TESTS(T(lines_of_many_producers_arrive_whole_and_the_books_balance),
          T(a_stalled_reader_stalls_no_producer_and_not_the_end),
          T(a_reader_that_went_away_loses_lines_but_nothing_else),
          T(the_end_writes_what_waits),
          T(a_thread_that_is_caught_in_a_write_is_left_behind),
          T(a_log_that_is_never_used_ends_at_once))
