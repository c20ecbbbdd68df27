/* SPDX-License-Identifier: MIT */
/* The server's end of `<store>.sock`: its thread, who may ask, and the commands. */
#include "store/control.h"

#include "base/clock.h"
#include "store/control_socket.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ACCEPT_PAUSE_MS = 100 }; /* when there is no descriptor for another connection */

struct store_control {
    struct store *store;
    struct log *log;
    uint64_t request_ns;
    struct buf path; /* of the socket */
    int listen_fd;
    int stop_fd; /* an eventfd: readable from the moment it is to stop */
    pthread_t thread;
};

struct connection {
    struct store_control *control;
    int fd;
};

/* ---- commands: each answers with nothing or a number ---- */

typedef bool command_fn(struct connection *conn,
                        const char *operand,
                        struct buf *ret,
                        struct err *err);

struct deletion {
    struct store_job job;
    sem_t done;
};

static void deletion_done(struct store_job *job)
{
    MUST(sem_post(&CONTAINER_OF(job, struct deletion, job)->done) == 0);
}

/* However long it takes: the job is on this thread's stack. */
static enum store_refusal submit_and_wait(struct store *s, struct deletion *d)
{
    enum store_refusal refusal;

    MUST(sem_init(&d->done, 0, 0) == 0);
    refusal = store_submit(s, &d->job);
    if (refusal == STORE_ACCEPTED)
        while (sem_wait(&d->done) != 0)
            MUST(errno == EINTR);
    MUST(sem_destroy(&d->done) == 0);
    return refusal;
}

static bool command_delete(struct connection *conn,
                           const char *operand,
                           UNUSED struct buf *ret,
                           struct err *err)
{
    struct deletion d = {
        .job = {.kind = STORE_DELETE, .done = deletion_done}
    };

    if (!id_parse(slice_str(operand), d.job.sub.id))
        return err_set(err, ERR_INVALID, "that is not the ID of a submission");
    switch (submit_and_wait(conn->control->store, &d)) {
    case STORE_ACCEPTED:
        break;
    case STORE_FULL:
        return err_set(err, ERR_UNAVAILABLE, "the store is busy; try again");
    case STORE_DOWN:
        return err_set(err, ERR_UNAVAILABLE, "the store is out of service; see the server's log");
    }
    if (d.job.result == STORE_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "there is no submission %s", d.job.sub.id);
    if (d.job.result != STORE_DELETED)
        return err_set(err, ERR_IO, "the deletion failed; see the server's log, and try again");
    LOG_EVENT(conn->control->log, LOG_INFO, "submission_deleted", LOG_STR("id", d.job.sub.id));
    return true;
}

/* The server stops, or the client is gone. One that only shut down its sending side still waits. */
static bool must_stop(void *ctx)
{
    const struct connection *conn = ctx;
    struct pollfd fds[] = {
        {.fd = conn->control->stop_fd, .events = POLLIN},
        {.fd = conn->fd                           }
    };

    return poll(fds, ARRAY_LEN(fds), 0) > 0;
}

static bool command_backup(struct connection *conn,
                           const char *operand,
                           struct buf *ret,
                           struct err *err)
{
    uint64_t start = clock_mono_ns(), bytes = 0;

    if (!store_backup(conn->control->store, operand, must_stop, conn, &bytes, err))
        return false;
    LOG_EVENT(conn->control->log, LOG_INFO, "store_backed_up", LOG_STR("file", operand),
              LOG_INT("bytes", bytes), LOG_SECONDS("seconds", clock_mono_ns() - start));
    buf_add_u64(ret, bytes);
    return true;
}

static const struct {
    const char *name;
    command_fn *run;
} commands[] = {
    {"delete", command_delete},
    {"backup", command_backup},
};

static bool run_command(struct connection *conn, struct buf *line, struct buf *ret, struct err *err)
{
    struct slice operand = {buf_cstr(line), line->len}, name = slice_cut(&operand, ' ');

    if (operand.p == NULL || memchr(line->data, '\0', line->len) != NULL)
        return err_set(err, ERR_INVALID, "a request is a command, a space and an operand");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (slice_eq(name, slice_str(commands[i].name)))
            return commands[i].run(conn, operand.p, ret, err);
    return err_set(err, ERR_INVALID, "there is no such command");
}

/* ---- a connection ---- */

/* The mode of the socket says so too; but a mode is changed more easily than this. */
static bool check_peer(int fd, struct err *err)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
        return err_set_errno(err, errno, "cannot tell who asks");
    if (peer.uid != 0 && peer.uid != geteuid())
        return err_set(err, ERR_INVALID, "only root and the server's own user may ask");
    return true;
}

static void answer(int fd, bool ok, const struct buf *detail, const struct err *err)
{
    struct buf line = BUF_INIT;

    buf_add_str(&line, ok ? "ok" : "error ");
    if (!ok)
        buf_add_str(&line, err->text);
    else if (detail->len > 0)
        buf_addf(&line, " %.*s", (int)detail->len, detail->data);
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] == '\n')
            line.data[i] = ' ';
    buf_add_char(&line, '\n');
    (void)control_write_line(fd, (struct slice){line.data, line.len});
    buf_release(&line);
}

static void serve(struct store_control *c, int fd)
{
    struct control_wait wait = {c->stop_fd, clock_mono_ns() + c->request_ns};
    struct connection conn = {c, fd};
    struct buf line = BUF_INIT, detail = BUF_INIT;
    struct err err = ERR_INIT;
    bool ok = check_peer(fd, &err) && control_read_line(fd, &wait, CONTROL_LINE_MAX, &line, &err) &&
              run_command(&conn, &line, &detail, &err);

    if (!ok)
        LOG_EVENT(c->log, LOG_WARN, "control_request_failed", LOG_STR("error", err.text));
    answer(fd, ok, &detail, &err);
    buf_release(&line);
    buf_release(&detail);
}

/* ---- the thread ---- */

/* Waits for a connection, or at most `ms` (-1: for ever) when `fd` is -1; false: stop. */
static bool wait_for(const struct store_control *c, int fd, int ms)
{
    struct pollfd fds[] = {
        {.fd = c->stop_fd, .events = POLLIN},
        {.fd = fd,         .events = POLLIN}
    };

    (void)poll(fds, ARRAY_LEN(fds), ms);
    return fds[0].revents == 0;
}

static void *run(void *arg)
{
    struct store_control *c = arg;

    while (wait_for(c, c->listen_fd, -1)) {
        int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            serve(c, fd);
            (void)close(fd);
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            (void)wait_for(c, -1, ACCEPT_PAUSE_MS);
        }
    }
    return NULL;
}

/* Signals are for the threads that wait for them. */
static bool start_thread(struct store_control *c, struct err *err)
{
    sigset_t all, old;
    int rc;

    MUST(sigfillset(&all) == 0);
    MUST(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
    rc = pthread_create(&c->thread, NULL, run, c);
    MUST(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
    if (rc != 0)
        return err_set_errno(err, rc, "cannot start the thread of '%s'", c->path.data);
    (void)pthread_setname_np(c->thread, "control");
    return true;
}

/* ---- life ---- */

/* What a killed server left. */
static bool remove_stale(const char *path, struct err *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT || err_set_errno(err, errno, "cannot look at '%s'", path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_CONFLICT, "'%s' is in the way: it is no socket", path);
    if (unlink(path) != 0)
        return err_set_errno(err, errno, "cannot remove '%s'", path);
    return true;
}

static void release(struct store_control *c)
{
    if (c->listen_fd >= 0) {
        (void)close(c->listen_fd);
        (void)unlink(c->path.data);
    }
    if (c->stop_fd >= 0)
        (void)close(c->stop_fd);
    buf_release(&c->path);
    free(c);
}

bool store_control_new(const struct store_control_options *opt,
                       struct store_control **ret,
                       struct err *err)
{
    struct store_control *c = must_calloc(1, sizeof(*c));

    c->store = opt->store;
    c->log = opt->log;
    c->request_ns = (opt->request_ms != 0 ? opt->request_ms : CONTROL_REQUEST_MS) * NS_PER_MS;
    c->listen_fd = -1;
    control_socket_path(opt->path, &c->path);
    c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if ((c->stop_fd >= 0 || err_set_errno(err, errno, "cannot make an eventfd")) &&
        remove_stale(c->path.data, err) && control_listen(c->path.data, &c->listen_fd, err) &&
        start_thread(c, err)) {
        *ret = c;
        return true;
    }
    release(c);
    return false;
}

void store_control_free(struct store_control *c)
{
    if (c == NULL)
        return;
    MUST(eventfd_write(c->stop_fd, 1) == 0);
    MUST(pthread_join(c->thread, NULL) == 0);
    release(c);
}
