/* SPDX-License-Identifier: MIT */
/* Writing without being caught: pipes, sockets, files, and all of them failing. */
#include "base/clock.h"
#include "base/log_out.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct bench {
    struct log_out out;
    _Atomic uint64_t deadline_ns;
};

static void set_up(struct bench *b, int fd)
{
    struct err err = ERR_INIT;

    if (!log_out_init(&b->out, fd, &err))
        fail_msg("%s", err.text);
    b->deadline_ns = 0;
    b->out.deadline_ns = &b->deadline_ns;
    b->out.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(b->out.wake_fd >= 0);
}

static void tear_down(struct bench *b, int fd, int other)
{
    (void)close(b->out.wake_fd);
    (void)close(fd);
    if (other >= 0)
        (void)close(other);
}

TEST(a_closed_descriptor_is_refused)
{
    struct log_out out = {.fd = 77};
    struct err err = ERR_INIT;

    assert_false(log_out_init(&out, -1, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_int_equal(out.fd, 77);
}

TEST(a_piece_for_a_pipe_ends_at_a_line_end)
{
    struct bench b;
    int fds[2];
    char text[3 * PIPE_BUF], got[PIPE_BUF];
    uint64_t lost = 42;

    assert_int_equal(pipe(fds), 0);
    set_up(&b, fds[1]);
    memset(text, 'x', sizeof(text));
    text[999] = text[PIPE_BUF - 10] = text[sizeof(text) - 1] = '\n';
    struct slice lines = {text, sizeof(text)};
    assert_int_equal(log_out_write(&b.out, lines, &lost), PIPE_BUF - 9);
    assert_int_equal(lost, 0);
    assert_false(b.out.mid_line);
    assert_int_equal(read(fds[0], got, sizeof(got)), PIPE_BUF - 9);
    assert_memory_equal(got, text, PIPE_BUF - 9);
    /* A line longer than a piece goes in several. */
    lines = (struct slice){text + PIPE_BUF - 9, sizeof(text) - PIPE_BUF + 9};
    assert_int_equal(log_out_write(&b.out, lines, &lost), PIPE_BUF);
    assert_true(b.out.mid_line);
    tear_down(&b, fds[0], fds[1]);
}

TEST(a_pipe_without_a_reader_loses_everything_and_says_so)
{
    struct bench b;
    int fds[2];
    uint64_t lost = 0;

    assert_int_equal(pipe(fds), 0);
    set_up(&b, fds[1]);
    (void)close(fds[0]);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(log_out_write(&b.out, SLICE_LIT("a\nb\nc\n"), &lost), 6);
        assert_int_equal(lost, 3);
    }
    tear_down(&b, fds[1], -1);
}

TEST(a_full_device_loses_everything_and_says_so)
{
    struct bench b;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    uint64_t lost = 0;

    if (fd < 0) {
        print_message("skipped: what it writes to can't be opened here\n");
        skip();
    }
    set_up(&b, fd);
    assert_int_equal(log_out_write(&b.out, SLICE_LIT("a\nb\n"), &lost), 4);
    assert_int_equal(lost, 2);
    tear_down(&b, fd, -1);
}

/* Writes until the deadline is over, without a reader; returns what was taken. */
static size_t write_until_deadline(struct bench *b)
{
    size_t taken = 0, n;
    uint64_t lost;

    b->deadline_ns = clock_mono_ns() + 20 * NS_PER_MS;
    do {
        n = log_out_write(&b->out, SLICE_LIT("a line of text\n"), &lost);
        assert_int_equal(lost, 0);
        taken += n;
    } while (n > 0);
    return taken;
}

TEST(a_stalled_reader_is_waited_for_until_the_deadline_only)
{
    struct bench b;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    set_up(&b, fds[1]);
    assert_true(write_until_deadline(&b) >= PIPE_BUF - 15);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0); /* it belongs to others too */
    tear_down(&b, fds[0], fds[1]);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    set_up(&b, fds[1]);
    assert_true(write_until_deadline(&b) > 0);
    tear_down(&b, fds[0], fds[1]);
}

TEST(after_the_deadline_nothing_is_written)
{
    struct bench b;
    int fds[2];
    uint64_t lost = 42;
    char got[1];

    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    set_up(&b, fds[1]);
    b.deadline_ns = 1;
    assert_int_equal(log_out_write(&b.out, SLICE_LIT("a\n"), &lost), 0);
    assert_int_equal(lost, 0);
    assert_int_equal(read(fds[0], got, 1), -1);
    tear_down(&b, fds[0], fds[1]);
}

TEST(a_signal_to_wake_does_not_stop_a_write)
{
    struct bench b;
    int fds[2];
    const uint64_t one = 1;
    uint64_t lost;

    assert_int_equal(pipe(fds), 0);
    set_up(&b, fds[1]);
    assert_int_equal(write(b.out.wake_fd, &one, sizeof(one)), sizeof(one));
    assert_int_equal(log_out_write(&b.out, SLICE_LIT("a\n"), &lost), 2);
    assert_int_equal(write(b.out.wake_fd, &one, sizeof(one)), sizeof(one));
    log_out_rest(&b.out, -1); /* without a bound: it returns because it was signalled */
    log_out_rest(&b.out, 0);
    tear_down(&b, fds[0], fds[1]);
}

/* A file that may grow to ten bytes only: the first line is torn, and must not swallow the next. */
TEST(a_torn_line_is_ended_when_the_file_takes_bytes_again)
{
    struct bench b;
    struct rlimit old, small;
    char path[] = "/tmp/log-XXXXXX", got[64];
    struct slice lines = SLICE_LIT("hello world\nfoo\n");
    uint64_t lost;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    (void)unlink(path);
    set_up(&b, fd);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){10, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    size_t n = log_out_write(&b.out, lines, &lost);
    struct slice rest = {lines.p + n, lines.n - n};
    size_t failed_n = log_out_write(&b.out, rest, &lost);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(n, 10);
    assert_int_equal(failed_n, rest.n);
    assert_int_equal(lost, 2);
    assert_int_equal(log_out_write(&b.out, SLICE_LIT("next\n"), &lost), 5);
    assert_int_equal(log_out_write(&b.out, SLICE_LIT("last\n"), &lost), 5);
    assert_int_equal(pread(fd, got, sizeof(got), 0), 21);
    assert_memory_equal(got, "hello worl\nnext\nlast\n", 21);
    tear_down(&b, fd, -1);
}

static int ignore_signals(UNUSED void **state)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_closed_descriptor_is_refused),
        T(a_piece_for_a_pipe_ends_at_a_line_end),
        T(a_pipe_without_a_reader_loses_everything_and_says_so),
        T(a_full_device_loses_everything_and_says_so),
        T(a_stalled_reader_is_waited_for_until_the_deadline_only),
        T(after_the_deadline_nothing_is_written),
        T(a_signal_to_wake_does_not_stop_a_write),
        T(a_torn_line_is_ended_when_the_file_takes_bytes_again),
    };

    return cmocka_run_group_tests(tests, ignore_signals, NULL);
}
