/* SPDX-License-Identifier: MIT */
/*
 * poll(2), then a write that is known not to block: a pipe that polls writable takes PIPE_BUF
 * bytes, a socket takes MSG_DONTWAIT. Only another writer to the same pipe, or a terminal, can
 * still catch us.
 */
#include "base/log_out.h"
#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_PIECE = 64 * 1024, LONGEST_WAIT_MS = 1000 };

bool log_out_init(struct log_out *out, int fd, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return err_set_errno(err, errno, "cannot log to descriptor %d", fd);
    *out = (struct log_out){.fd = fd, .wake_fd = -1, .deadline_ns = NULL};
    out->socket = S_ISSOCK(st.st_mode);
    out->piece = S_ISREG(st.st_mode) || out->socket ? FILE_PIECE : PIPE_BUF;
    return true;
}

static void reset_wake(int wake_fd)
{
    uint64_t v;
    ssize_t n = read(wake_fd, &v, sizeof(v));

    MUST(n == sizeof(v) || errno == EAGAIN || errno == EINTR);
}

void log_out_rest(struct log_out *out, int timeout_ms)
{
    struct pollfd wait = {out->wake_fd, POLLIN, 0};

    if (poll(&wait, 1, timeout_ms) > 0)
        reset_wake(out->wake_fd);
}

/* Milliseconds to wait for the descriptor; 0 when the deadline is over. */
static int time_left(const struct log_out *out)
{
    uint64_t deadline = atomic_load(out->deadline_ns), now = clock_mono_ns();

    if (deadline == 0 || deadline > now + LONGEST_WAIT_MS * NS_PER_MS)
        return LONGEST_WAIT_MS;
    return deadline > now ? (int)((deadline - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

static bool wait_writable(struct log_out *out)
{
    for (int left = time_left(out); left > 0; left = time_left(out)) {
        struct pollfd wait[2] = {
            {out->fd,      POLLOUT, 0},
            {out->wake_fd, POLLIN,  0},
        };

        if (poll(wait, 2, left) <= 0)
            continue;
        if (wait[1].revents != 0)
            reset_wake(out->wake_fd);
        if (wait[0].revents != 0) /* also POLLERR and such: the write will say what it is */
            return true;
    }
    return false;
}

/* Bytes written, 0 when the deadline is over, -1 when the descriptor fails. */
static ssize_t write_piece(struct log_out *out, struct slice s)
{
    while (wait_writable(out)) {
        ssize_t n = out->socket ? send(out->fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL)
                                : write(out->fd, s.p, s.n);

        if (n > 0)
            return n;
        if (n == 0 || (errno != EINTR && errno != EAGAIN))
            return -1;
    }
    return 0;
}

static uint64_t count_lines(struct slice s)
{
    uint64_t n = 0;

    while (s.n > 0) {
        (void)slice_cut(&s, '\n');
        n++;
    }
    return n;
}

/*
 * Up to the last line end within one piece, so that lines of others on this pipe fall between ours.
 */
static struct slice next_piece(const struct log_out *out, struct slice lines)
{
    const char *last;

    if (lines.n <= out->piece)
        return lines;
    lines.n = out->piece;
    last = memrchr(lines.p, '\n', lines.n);
    if (last != NULL)
        lines.n = (size_t)(last - lines.p) + 1;
    return lines;
}

size_t log_out_write(struct log_out *out, struct slice lines, uint64_t *ret_lost)
{
    bool heal = out->failed && out->mid_line;
    struct slice piece = heal ? SLICE_LIT("\n") : next_piece(out, lines);
    ssize_t n = write_piece(out, piece);

    *ret_lost = 0;
    if (n == 0)
        return 0;
    out->failed = n < 0;
    if (n < 0) {
        *ret_lost = count_lines(lines);
        return lines.n;
    }
    out->mid_line = piece.p[n - 1] != '\n';
    return heal ? log_out_write(out, lines, ret_lost) : (size_t)n;
}
