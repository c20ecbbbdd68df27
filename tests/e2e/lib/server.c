/* SPDX-License-Identifier: MIT */
/* Starting and ending servers, and reading their logs. */
#include "tests/e2e/lib/server.h"

#include "tests/e2e/lib/json.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS_MAX = 96 };

/* What every test's server is told; a test's own settings come after them and win. */
static const char *const defaults[] = {"listen.public=127.0.0.1:0", "listen.metrics=127.0.0.1:0",
                                       "drain.delay=0s"};

/* A set of --set arguments in `argv` from `n` on; the new count. */
static size_t put_sets(const char **argv, size_t n, const char *const *sets)
{
    for (size_t i = 0; sets != NULL && sets[i] != NULL; i++) {
        MUST(n + 3 < ARGS_MAX);
        argv[n++] = "--set";
        argv[n++] = sets[i];
    }
    return n;
}

static size_t put_all(const struct server *s, const char **argv, size_t n)
{
    const char *store = textf(s->f, "store.path=%s", s->store);

    if (s->opt.config != NULL) {
        argv[n++] = "--config";
        argv[n++] = s->opt.config;
    }
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        n = put_sets(argv, n, (const char *const[]){defaults[i], NULL});
    n = put_sets(argv, n, (const char *const[]){store, NULL});
    return put_sets(argv, n, s->opt.sets);
}

static unsigned port_of(const struct server *s, const char *line)
{
    const char *address = json_text(s->f, line, "address"), *colon = strrchr(address, ':');
    unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;

    assert_in_range(port, 1, 65535);
    return (unsigned)port;
}

/* True when both ports are known; fails the test when the server has ended. */
static bool listens(struct server *s)
{
    const char *public = log_find(s, "\"event\":\"listening\",\"port\":\"public\"");
    const char *metrics = log_find(s, "\"event\":\"listening\",\"port\":\"metrics\"");
    int status;

    if (public != NULL && metrics != NULL) {
        s->public_port = port_of(s, public);
        s->metrics_port = port_of(s, metrics);
        return true;
    }
    if (process_wait(s->pid, 0, &status)) {
        s->pid = 0;
        fail_msg("the server ended with %d before it listened:\n%s%s", status, log_text(s),
                 read_file(s->f, s->err));
    }
    return false;
}

static void launch(struct server *s)
{
    const char *argv[ARGS_MAX] = {program()};
    struct process_options opt = {
        .argv = argv, .env = s->opt.env, .in = PROCESS_INHERITED, .max_files = s->opt.max_files};
    size_t n = put_all(s, argv, 1);
    int log = -1;

    argv[n] = NULL;
    s->log = textf(s->f, "%s-%u.log", s->store, ++s->starts);
    s->err = textf(s->f, "%s-%u.err", s->store, s->starts);
    if (s->opt.out == 0)
        log = open(s->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    opt.out = s->opt.out == 0 ? log : s->opt.out;
    opt.err = open(s->err, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    s->pid = process_start(&opt);
    (void)close(opt.err);
    if (s->opt.out != 0)
        return;
    (void)close(log);
    EVENTUALLY(listens(s));
}

/* At the end of a test: it must still be able to stop in order. */
static void conclude(void *arg)
{
    struct server *s = arg;
    int status = -1;

    if (s->pid == 0)
        return;
    (void)kill(s->pid, SIGCONT);
    (void)kill(s->pid, SIGTERM);
    if (!process_wait(s->pid, 2 * DEADLINE_MS, &status)) {
        (void)kill(s->pid, SIGKILL);
        (void)process_wait(s->pid, DEADLINE_MS, &status);
        fixture_blame(s->f, "the server did not stop on SIGTERM");
    } else if (status != 0) {
        fixture_blame(s->f, textf(s->f, "the server ended with %d on SIGTERM:\n%s", status,
                                  read_file(s->f, s->err)));
    }
    s->pid = 0;
}

/* The caller's list may be gone when the server is started again. */
static const char *const *keep_list(struct fixture *f, const char *const *list)
{
    const char **copy;
    size_t n = 0;

    if (list == NULL)
        return NULL;
    while (list[n] != NULL)
        n++;
    copy = keep(f, (n + 1) * sizeof(*copy));
    memcpy(copy, list, n * sizeof(*copy));
    return copy;
}

struct server *server_start_with(struct fixture *f, const struct server_options *opt)
{
    struct server *s = keep(f, sizeof(*s));

    s->f = f;
    s->opt = *opt;
    s->opt.sets = keep_list(f, opt->sets);
    s->opt.env = keep_list(f, opt->env);
    s->store = in_dir(f, "sidelight.db");
    at_end(f, conclude, s);
    launch(s);
    return s;
}

struct server *server_start(struct fixture *f, const char *const *sets)
{
    return server_start_with(f, &(struct server_options){.sets = sets});
}

void server_again(struct server *s)
{
    assert_int_equal(s->pid, 0);
    launch(s);
}

void server_signal(const struct server *s, int signo)
{
    MUST(s->pid > 0);
    assert_int_equal(kill(s->pid, signo), 0);
}

int server_end(struct server *s)
{
    int status = -1;

    if (!process_wait(s->pid, 2 * DEADLINE_MS, &status))
        fail_msg("the server did not end");
    s->pid = 0;
    return status;
}

void server_stop(struct server *s)
{
    server_signal(s, SIGTERM);
    assert_int_equal(server_end(s), 0);
}

void server_kill(struct server *s)
{
    server_signal(s, SIGKILL);
    assert_int_equal(server_end(s), 128 + SIGKILL);
}

bool server_lives(const struct server *s)
{
    siginfo_t info = {.si_pid = 0};

    return s->pid > 0 && waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

const struct outcome *server_command(struct server *s, const char *const *words)
{
    const char *argv[ARGS_MAX] = {program()};
    size_t n = 1;

    while (*words != NULL)
        argv[n++] = *words++;
    n = put_all(s, argv, n);
    argv[n] = NULL;
    return run(s->f, argv, NULL);
}

/* ---- its log ---- */

const char *log_text(const struct server *s)
{
    return read_file(s->f, s->log);
}

const char *log_find(const struct server *s, const char *part)
{
    struct buf b = BUF_INIT;
    const char *at, *start, *end, *line = NULL;

    read_into(s->log, &b);
    at = strstr(b.data, part);
    end = at != NULL ? strchr(at, '\n') : NULL;
    for (start = at; start != NULL && start > b.data && start[-1] != '\n';)
        start--;
    if (end != NULL)
        line = keep_text(s->f, start, (size_t)(end - start));
    buf_release(&b);
    return line;
}

static const char *log_wait(const struct server *s, const char *part)
{
    uint64_t end = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;
    const char *line;

    while ((line = log_find(s, part)) == NULL) {
        if (clock_mono_ns() >= end)
            fail_msg("no line with %s in the log:\n%s", part, log_text(s));
        clock_sleep_ms(POLL_MS);
    }
    return line;
}

const char *log_event_wait(const struct server *s, const char *name)
{
    return log_wait(s, textf(s->f, "\"event\":\"%s\"", name));
}

const char *log_request(const struct server *s, const char *correlation_id)
{
    return log_wait(s,
                    textf(s->f, "\"event\":\"request\",\"correlation_id\":\"%s\"", correlation_id));
}
