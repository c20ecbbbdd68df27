/* SPDX-License-Identifier: MIT */
/*
 * Signals at bad moments, and starts in bad surroundings: while it waits, fails or ends, with few
 * descriptors, with a configuration that is no file. What a drain does is drain_test.c's.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/wire.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HELLO "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n"

TEST(sighups_while_it_ends_do_no_harm)
{
    enum { ROUNDS = 8 };
    struct fixture *f = *state;

    for (int i = 0; i < ROUNDS; i++) {
        struct server *s = server_start(f, SETS("drain.delay=0s"));
        struct wire *w = wire_to_ops(s);

        /* A scraper that stays: the metrics port is closed last, and reads signals meanwhile. */
        wire_send(w, HELLO);
        assert_status(wire_reply(f, w), 200);
        wire_send(w, "GET /metrics HTTP/1.1\r\nHo");
        server_signal(s, SIGTERM);
        while (server_lives(s))
            server_signal(s, SIGHUP);
        assert_int_equal(server_end(s), 0);
    }
}

/* The words of our own and those of every test's server. */
static const char *const *command(struct fixture *f, const char *public)
{
    const char **argv = keep(f, 12 * sizeof(*argv));
    size_t n = 0;

    argv[n++] = program();
    argv[n++] = "--set";
    argv[n++] = textf(f, "listen.public=%s", public);
    argv[n++] = "--set";
    argv[n++] = "listen.metrics=127.0.0.1:0";
    argv[n++] = "--set";
    argv[n++] = textf(f, "store.path=%s", in_dir(f, "other.db"));
    return argv;
}

/* With SIGHUP blocked and pending, as exec leaves it; stderr goes to `err`. */
static pid_t start_with_sighup(const char *const *argv, int err)
{
    const union {
        const char *const *in;
        char *const *out;
    } words = {argv};
    pid_t parent = getpid(), pid = fork();
    sigset_t set;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    (void)dup2(err, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)kill(getpid(), SIGHUP);
    (void)execv(words.in[0], words.out);
    _exit(127);
}

TEST(a_sighup_that_waits_when_the_start_fails_does_no_harm)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *path = in_dir(f, "second.err"), *said;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), status = -1;
    pid_t pid;

    assert_true(fd >= 0);
    pid = start_with_sighup(command(f, textf(f, "127.0.0.1:%u", s->public_port)), fd);
    (void)close(fd);
    assert_true(process_wait(pid, DEADLINE_MS, &status));
    said = read_file(f, path);
    assert_int_equal(status, 1);
    assert_int_equal(count_of(said, "sidelight: "), 1);
    assert_contains(said, textf(f, "port %u", s->public_port));
    assert_lacks(said, "reload");
    assert_status(get(s, "/health"), 200);
}

/* ---- while it waits for the store ---- */

struct waiter {
    struct server *s;
    int lock; /* held by us */
};

static void let_go(void *arg)
{
    const struct waiter *w = arg;

    (void)close(w->lock);
}

/* Between fork and exec it has our files, and our way with signals. */
static bool is_program(struct fixture *f, pid_t pid)
{
    char *want = realpath(program(), NULL), target[PATH_MAX];
    ssize_t n = readlink(textf(f, "/proc/%d/exe", (int)pid), target, sizeof(target));
    bool is = want != NULL && n == (ssize_t)strlen(want) && memcmp(target, want, (size_t)n) == 0;

    free(want);
    return is;
}

/* Whether the process has this file open. */
static bool has_open(struct fixture *f, pid_t pid, const char *path)
{
    const char *dir_name = textf(f, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(dir_name);
    bool found = false;
    struct dirent *entry;

    assert_non_null(dir);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
    while ((entry = readdir(dir)) != NULL) {
        char target[512];
        ssize_t n = readlink(textf(f, "%s/%s", dir_name, entry->d_name), target, sizeof(target));

        found = found || (n == (ssize_t)strlen(path) && memcmp(target, path, (size_t)n) == 0);
    }
    (void)closedir(dir);
    return found;
}

/* A server that waits for us; it writes its log where the library looks for it. */
static struct waiter *start_waiting(struct fixture *f)
{
    struct waiter *w = keep(f, sizeof(*w));
    const char *lock = in_dir(f, "sidelight.db.lock");
    int log =
        open(in_dir(f, "sidelight.db-1.log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    w->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(log >= 0 && w->lock >= 0);
    assert_int_equal(flock(w->lock, LOCK_EX), 0);
    w->s = server_start_with(
        f, &(struct server_options){.sets = SETS("store.lock_wait=10m"), .out = log});
    at_end(f, let_go, w);
    (void)close(log);
    assert_string_equal(w->s->log, in_dir(f, "sidelight.db-1.log"));
    EVENTUALLY(is_program(f, w->s->pid) && has_open(f, w->s->pid, lock));
    return w;
}

TEST(a_sighup_while_it_waits_for_the_store_is_served_later)
{
    struct fixture *f = *state;
    struct waiter *w = start_waiting(f);

    server_signal(w->s, SIGHUP);
    assert_true(server_lives(w->s));
    assert_int_equal(flock(w->lock, LOCK_UN), 0);
    (void)log_event_wait(w->s, "reloaded");
    assert_non_null(log_find(w->s, "\"event\":\"listening\",\"port\":\"public\""));
    server_stop(w->s);
}

TEST(sigterm_while_it_waits_for_the_store_ends_it_at_once)
{
    static const int endings[] = {SIGTERM, SIGINT};
    struct fixture *f = *state;
    struct waiter *w = start_waiting(f);

    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        if (i > 0) {
            (void)close(w->lock);
            w = start_waiting(f);
        }
        server_signal(w->s, endings[i]);
        assert_int_equal(server_end(w->s), 1); /* not after the ten minutes */
        assert_string_equal(log_text(w->s), "");
    }
}

/* ---- surroundings ---- */

/* A start that fails; what it says. */
static const char *start_with_files(struct fixture *f, unsigned max_files, int *ret)
{
    const char *path = in_dir(f, "few.err");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct process_options opt = {.argv = command(f, "127.0.0.1:0"),
                                  .in = PROCESS_INHERITED,
                                  .out = fd,
                                  .err = fd,
                                  .max_files = max_files};
    pid_t pid;

    assert_true(fd >= 0);
    pid = process_start(&opt);
    (void)close(fd);
    assert_true(process_wait(pid, DEADLINE_MS, ret));
    return read_file(f, path);
}

TEST(too_few_descriptors_are_said_instead_of_an_abort)
{
    static const unsigned limits[] = {16, 24, 40, 63};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        int status = -1;
        const char *said = start_with_files(f, limits[i], &status);

        assert_int_equal(status, 1);
        assert_contains(said, textf(f, "only %u descriptors", limits[i]));
        assert_contains(said, "ulimit -n");
        assert_int_equal(count_of(said, "\n"), 1);
    }
}

TEST(the_fewest_descriptors_allowed_are_enough)
{
    struct fixture *f = *state;
    struct server *s =
        server_start_with(f, &(struct server_options){.max_files = 64, .sets = SETS("threads=2")});

    assert_status(get(s, "/health"), 200);
    assert_status(post_json(s, ADA), 201);
    assert_status(get_ops(s, "/metrics"), 200);
}

static void assert_no_file(const struct outcome *o)
{
    assert_int_equal(o->status, 78);
    assert_contains(o->err, "not a regular file");
    assert_int_equal(count_of(o->err, "\n"), 1);
}

TEST(a_limit_of_the_size_of_files_is_said_instead_of_a_signal)
{
    struct fixture *f = *state;
    const char *start = textf(f,
                              "ulimit -f 8; exec '%s' --set listen.public=127.0.0.1:0 --set "
                              "listen.metrics=127.0.0.1:0 --set store.path='%s'",
                              program(), in_dir(f, "small.db"));
    const struct outcome *o = run(f, ARGS("sh", "-c", start), NULL);

    assert_int_equal(o->status, 1);
    assert_contains(o->err, "File too large");
}

TEST(a_config_that_is_a_pipe_is_refused_and_not_waited_for)
{
    struct fixture *f = *state;
    const char *fifo = in_dir(f, "pipe.yaml");

    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_no_file(run_sidelight(f, "--check", "--config", fifo));
    assert_no_file(run_sidelight(f, "--config", fifo));
    assert_no_file(run_sidelight(f, "healthcheck", "--config", fifo));
    assert_no_file(run(
        f, ARGS("sh", "-c", "echo 'service: a' | \"$0\" --check --config /dev/stdin", program()),
        NULL));
}

TEST(a_config_that_becomes_a_pipe_fails_the_reload_only)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    struct server *s;

    write_file(config, "contact:\n  rate: off\n");
    s = server_start_with(f, &(struct server_options){.config = config});
    assert_int_equal(unlink(config), 0);
    assert_int_equal(mkfifo(config, 0600), 0);
    server_signal(s, SIGHUP);
    assert_contains(log_event_wait(s, "reload_failed"), "not a regular file");
    assert_status(get(s, "/health"), 200);
    assert_status(get_ops(s, "/metrics"), 200);
    assert_int_equal(unlink(config), 0);
    write_file(config, "contact:\n  rate: off\n");
    server_signal(s, SIGHUP);
    (void)log_event_wait(s, "reloaded");
}

RUN_TESTS(T(sighups_while_it_ends_do_no_harm),
          T(a_sighup_that_waits_when_the_start_fails_does_no_harm),
          T(a_sighup_while_it_waits_for_the_store_is_served_later),
          T(sigterm_while_it_waits_for_the_store_ends_it_at_once),
          T(too_few_descriptors_are_said_instead_of_an_abort),
          T(the_fewest_descriptors_allowed_are_enough),
          T(a_limit_of_the_size_of_files_is_said_instead_of_a_signal),
          T(a_config_that_is_a_pipe_is_refused_and_not_waited_for),
          T(a_config_that_becomes_a_pipe_fails_the_reload_only))
