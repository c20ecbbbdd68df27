/* SPDX-License-Identifier: MIT */
/*
 * What a service manager is for: a socket that outlives the servers on it, so that an upgrade loses nothing, and
 * knowing when the server is ready, ends, or hangs. The sockets come from systemd-socket-activate.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/preload.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/promise.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A TCP port that was free a moment ago. */
static unsigned free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&a, &len), 0);
    (void)close(fd);
    return ntohs(a.sin_port);
}

struct manager {
    struct fixture *f;
    struct server as_server; /* what `load` and `ask` need to know */
    const char *log, *store;
    pid_t pid;
};

static void end_manager(void *arg)
{
    struct manager *m = arg;
    int status = -1;

    if (m->pid == 0)
        return;
    (void)kill(m->pid, SIGTERM);
    if (!process_wait(m->pid, DEADLINE_MS, &status))
        (void)kill(m->pid, SIGKILL);
    m->pid = 0;
    if (status != 0)
        fixture_blame(m->f, textf(m->f, "the last server ended with %d", status));
}

/* Its first server starts when somebody connects. */
static struct manager *manager_start(struct fixture *f)
{
    struct manager *m = keep(f, sizeof(*m));
    unsigned port = free_port();
    int err;

    if (run(f, ARGS("sh", "-c", "command -v systemd-socket-activate"), NULL)->status != 0) {
        print_message("skipped: no systemd-socket-activate here (Debian's package systemd)\n");
        skip();
    }
    m->f = f;
    m->log = in_dir(f, "generation");
    m->store = in_dir(f, "sidelight.db");
    err = open(in_dir(f, "manager.err"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    m->as_server = (struct server){.f = f, .public_port = port};
    m->pid = process_start(&(struct process_options){
        .argv =
            ARGS("systemd-socket-activate", "-l", textf(f, "127.0.0.1:%u", port), "--fdname=public",
                 "-E", "PATH", "-E", "ASAN_OPTIONS", "-E", "LSAN_OPTIONS", "-E", "UBSAN_OPTIONS",
                 "-E", "TSAN_OPTIONS", "tests/e2e/generations.sh", m->log, program(), "--set",
                 textf(f, "store.path=%s", m->store), "--set", "listen.metrics=127.0.0.1:0",
                 "--set", "drain.delay=0.1s", "--set", "contact.rate=off"),
        .in = PROCESS_INHERITED,
        .out = PROCESS_INHERITED,
        .err = err});
    (void)close(err);
    at_end(f, end_manager, m);
    return m;
}

static const char *log_of(const struct manager *m, unsigned generation)
{
    return read_file(m->f, textf(m->f, "%s.%u", m->log, generation));
}

static void wait_for(const struct manager *m, unsigned generation, const char *event)
{
    const char *part = textf(m->f, "\"event\":\"%s\"", event);

    EVENTUALLY(strstr(log_of(m, generation), part) != NULL);
}

/* Nobody listens until systemd-socket-activate does. */
static bool serves(const struct manager *m)
{
    struct reply r = {.status = 0};
    bool ok =
        ask_port(m->as_server.public_port, &(struct ask){.path = "/health"}, &r) == SENT_ANSWERED;

    ok = ok && r.status == 200;
    reply_release(&r);
    return ok;
}

static void assert_all_good(const char *what, const struct load_result *r)
{
    print_message("  %s: %llu answered\n", what, (unsigned long long)r->answered);
    if (r->failed > 0 || r->refused > 0)
        fail_msg("%s: %llu failed, %llu refused, the first: %s", what,
                 (unsigned long long)r->failed, (unsigned long long)r->refused, r->first_failure);
    assert_true(r->answered > 0);
}

static size_t lines_of(const char *text)
{
    return count_of(text, "\n");
}

TEST(a_socket_of_systemd_is_served_from_the_first_connection_on)
{
    struct fixture *f = *state;
    struct manager *m = manager_start(f);

    EVENTUALLY(serves(m));
    EVENTUALLY(strstr(log_of(m, 1), "\"port\":\"public\"") != NULL);
    assert_contains(log_of(m, 1), textf(f, "127.0.0.1:%u", m->as_server.public_port));
    assert_contains(log_of(m, 1), "\"inherited\":true");
}

/* Three upgrades: the old server drains while the new one waits for its store, and all the time somebody asks. */
TEST(an_upgrade_under_load_fails_no_request)
{
    struct fixture *f = *state;
    struct manager *m = manager_start(f);
    struct load *kept, *fresh, *posts;
    struct load_result a, b, c;
    const struct outcome *o;

    EVENTUALLY(serves(m));
    kept = load_start(&m->as_server, &(struct load_options){LOAD_GET, 2, 0, 0});
    fresh = load_start(&m->as_server, &(struct load_options){LOAD_GET, 2, 1, 0});
    posts = load_start(&m->as_server, &(struct load_options){LOAD_CONTACT, 2, 5, 0});
    for (unsigned generation = 1; generation <= 3; generation++) {
        uint64_t before = load_answered(fresh);

        EVENTUALLY(load_answered(fresh) > before + 50);
        assert_int_equal(kill(m->pid, SIGUSR1), 0);
        wait_for(m, generation, "stopped");
        wait_for(m, generation + 1, "listening");
        assert_contains(log_of(m, generation), "\"reason\":\"drained\"");
    }
    a = load_end(kept, false);
    b = load_end(fresh, false);
    c = load_end(posts, false);
    assert_all_good("kept-alive GET", &a);
    assert_all_good("fresh GET", &b);
    assert_all_good("POST", &c);
    o = run_sidelight(f, "contacts", "export", "--format", "csv", "--set",
                      textf(f, "store.path=%s", m->store));
    assert_int_equal(lines_of(o->out), c.answered + 1); /* and the names of the columns */
    promise("F94", "An upgrade on systemd's socket fails no request and loses no submission",
            "three times under load: the old process drains, the new one waits for the store",
            "3 upgrades, %llu requests, 0 failed; %llu forms, each stored",
            (unsigned long long)(a.answered + b.answered), (unsigned long long)c.answered);
}

TEST(a_socket_with_a_wrong_name_is_refused_with_the_right_ones)
{
    struct fixture *f = *state;
    const struct outcome *o = run(
        f,
        ARGS("sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" 3</dev/null",
             program()),
        NULL);

    assert_int_equal(o->status, 78);
    assert_contains(o->err, "'web'; allowed: public, metrics");
}

TEST(what_is_no_listening_socket_is_refused)
{
    struct fixture *f = *state;
    const struct outcome *o = run(
        f, ARGS("sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" 3</dev/null", program()), NULL);

    assert_int_equal(o->status, 78);
    assert_contains(o->err, "descriptor 3 (public) of LISTEN_FDS is no listening TCP socket");
}

/* ---- being watched ---- */

/* A manager's ear: an abstract socket, and its name as NOTIFY_SOCKET has it. */
static int listen_for_notes(struct fixture *f, const char **ret_env)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {DEADLINE_MS / 1000, 0};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const char *name = textf(f, "sidelight-notes-%d", (int)getpid());

    memcpy(a.sun_path + 1, name, strlen(name));
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&a,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
                     0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    *ret_env = textf(f, "NOTIFY_SOCKET=@%s", name);
    return fd;
}

/* The next note that is not `but`. */
static const char *note(struct fixture *f, int fd, const char *but)
{
    char text[256];
    ssize_t n;

    do {
        n = recv(fd, text, sizeof(text) - 1, 0);
        if (n < 0)
            fail_msg("no note in time");
        text[(size_t)n] = '\0';
    } while (but != NULL && strcmp(text, but) == 0);
    return keep_text(f, text, (size_t)n);
}

TEST(the_manager_hears_of_ready_reload_and_end)
{
    struct fixture *f = *state;
    const char *env;
    int fd = listen_for_notes(f, &env);
    struct server *s = server_start_with(f, &(struct server_options){.env = ARGS(env)});

    assert_string_equal(note(f, fd, NULL), "READY=1");
    assert_string_equal(note(f, fd, NULL), "STATUS=serving");
    server_signal(s, SIGHUP);
    assert_contains(note(f, fd, NULL), "RELOADING=1\nMONOTONIC_USEC=");
    assert_string_equal(note(f, fd, NULL), "READY=1");
    server_signal(s, SIGTERM);
    assert_contains(note(f, fd, NULL), "STOPPING=1");
    assert_int_equal(server_end(s), 0);
    (void)close(fd);
}

TEST(the_watchdog_is_fed_while_all_loops_turn)
{
    struct fixture *f = *state;
    const char *env;
    int fd = listen_for_notes(f, &env);
    struct server *s =
        server_start_with(f, &(struct server_options){.env = ARGS(env, "WATCHDOG_USEC=1000000")});

    assert_string_equal(note(f, fd, "STATUS=serving"), "READY=1");
    assert_string_equal(note(f, fd, "STATUS=serving"), "WATCHDOG=1");
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(note(f, fd, NULL), "WATCHDOG=1");
    server_stop(s);
    (void)close(fd);
}

static void let_go(void *arg)
{
    (void)unlink(in_dir(arg, "stall"));
}

/* Of app.c: a loop that did not turn for HUNG_MS, which is 3 s, hangs. */
TEST(the_watchdog_is_not_fed_while_one_of_the_loops_hangs)
{
    enum { SILENCE_S = 4 };
    const struct timeval silence = {SILENCE_S, 0}, patience = {DEADLINE_MS / 1000, 0};
    struct fixture *f = *state;
    const char *control = in_dir(f, "stall"), *env;
    const char *library = preload_build(f, "stall.so", "tests/e2e/preload/stall.c");
    char text[256];
    int fd = listen_for_notes(f, &env);
    struct server *s = server_start_with(
        f,
        &(struct server_options){.sets = SETS("threads=2"),
                                 .env = preload_env(f, library,
                                                    ARGS(env, "WATCHDOG_USEC=1000000",
                                                         textf(f, "STALL_CONTROL=%s", control)))});

    at_end(f, let_go, f);
    assert_string_equal(note(f, fd, "STATUS=serving"), "READY=1");
    assert_string_equal(note(f, fd, "STATUS=serving"), "WATCHDOG=1");
    write_file(control, "");
    EVENTUALLY(access(textf(f, "%s.now", control), F_OK) == 0);
    /* Fed until it is known; then not for four times what the manager waits. */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence)), 0);
    for (unsigned i = 0; recv(fd, text, sizeof(text) - 1, 0) >= 0; i++)
        assert_true(i < 30);
    assert_true(server_lives(s)); /* the other loops do not end for that */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(unlink(control), 0);
    assert_string_equal(note(f, fd, NULL), "WATCHDOG=1");
    server_stop(s);
    (void)close(fd);
}

RUN_TESTS(T(a_socket_of_systemd_is_served_from_the_first_connection_on),
          T(an_upgrade_under_load_fails_no_request),
          T(a_socket_with_a_wrong_name_is_refused_with_the_right_ones),
          T(what_is_no_listening_socket_is_refused),
          T(the_manager_hears_of_ready_reload_and_end),
          T(the_watchdog_is_fed_while_all_loops_turn),
          T(the_watchdog_is_not_fed_while_one_of_the_loops_hangs))
