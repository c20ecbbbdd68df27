/* SPDX-License-Identifier: MIT */
/* What a manager hands over, with real sockets where descriptors are read, and what it is told. */
#include "app/systemd.h"

#include "base/buf.h"
#include "base/clock.h"
#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 3 };

/* Puts sockets at 3 and 4 while `check` runs, and what was there back. */
struct place {
    int saved[2];
};

static int listening(int family, int type)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {.any.sa_family = (sa_family_t)family};
    int fd = socket(family, type, 0);

    assert_true(fd >= 0);
    if (family != AF_UNIX)
        assert_int_equal(bind(fd, &a.any, family == AF_INET ? sizeof(a.v4) : sizeof(a.v6)), 0);
    if (type == SOCK_STREAM && family != AF_UNIX)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void put(struct place *p, int i, int fd)
{
    p->saved[i] = dup(FIRST + i);
    if (fd == FIRST + i)
        return;
    assert_int_equal(dup2(fd, FIRST + i), FIRST + i);
    (void)close(fd);
}

static void put_back(struct place *p)
{
    for (int i = 0; i < 2; i++) {
        if (p->saved[i] >= 0) {
            (void)dup2(p->saved[i], FIRST + i);
            (void)close(p->saved[i]);
        } else {
            (void)close(FIRST + i);
        }
    }
}

static const char *my_pid(void)
{
    static char text[FMT_U64 + 1];

    *fmt_u64(text, (uint64_t)getpid()) = '\0';
    return text;
}

TEST(without_variables_or_for_somebody_else_nothing_is_taken)
{
    const struct manager_env envs[] = {
        {.listen_fds = "1" },
        {                      .listen_pid = "1", .listen_fds = "1"},
        {                      .listen_pid = "", .listen_fds = "1"},
        {                      .listen_pid = my_pid()                 },
        { .listen_pid = my_pid(),                  .listen_fds = "0"},
    };

    for (size_t i = 0; i < ARRAY_LEN(envs); i++) {
        struct inherited in = {7, 7};

        assert_true(inherited_sockets(&envs[i], &in, NULL));
        assert_int_equal(in.public, -1);
        assert_int_equal(in.metrics, -1);
    }
}

TEST(sockets_are_told_apart_by_name_and_else_by_order)
{
    static const struct {
        const char *names;
        int public, metrics;
    } cases[] = {
        {NULL,             3, 4},
        {"public:metrics", 3, 4},
        {"metrics:public", 4, 3}
    };
    struct place p;

    put(&p, 0, listening(AF_INET, SOCK_STREAM));
    put(&p, 1, listening(AF_INET6, SOCK_STREAM));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct inherited in = INHERITED_NONE;

        assert_true(inherited_sockets(&(struct manager_env){.listen_pid = my_pid(),
                                                            .listen_fds = "2",
                                                            .listen_fdnames = cases[i].names},
                                      &in, NULL));
        assert_int_equal(in.public, cases[i].public);
        assert_int_equal(in.metrics, cases[i].metrics);
    }
    put_back(&p);
}

TEST(what_cannot_be_served_is_refused_and_says_why)
{
    static const struct {
        int family, type;
        const char *fds, *names, *want;
    } cases[] = {
        {AF_INET, SOCK_STREAM, "1",  "web",              "'web'; allowed: public, metrics"           },
        {AF_INET, SOCK_STREAM, "1",  "",                 "''; allowed"                               },
        {AF_INET, SOCK_STREAM, "2",  "public:public",    "two sockets are named public"              },
        {AF_INET, SOCK_STREAM, "2",  "public",           "''; allowed"                               },
        {AF_INET, SOCK_STREAM, "1",  "public:",          "more names than LISTEN_FDS has sockets (1)"},
        {AF_INET, SOCK_STREAM, "2",  "metrics:public:x", "more names than LISTEN_FDS has"            },
        {AF_INET, SOCK_STREAM, "3",  NULL,               "LISTEN_FDS must be a number from 0 to 2"   },
        {AF_INET, SOCK_STREAM, "-1", NULL,               "LISTEN_FDS must be"                        },
        {AF_INET, SOCK_STREAM, "1x", NULL,               "LISTEN_FDS must be"                        },
        {AF_INET, SOCK_DGRAM,  "1",  NULL,               "no listening TCP socket"                   },
        {AF_UNIX, SOCK_STREAM, "1",  NULL,               "no listening TCP socket"                   },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct inherited in = {7, 8};
        struct err err = ERR_INIT;
        struct place p;

        put(&p, 0, listening(cases[i].family, cases[i].type));
        put(&p, 1, listening(AF_INET, SOCK_STREAM));
        if (inherited_sockets(&(struct manager_env){.listen_pid = my_pid(),
                                                    .listen_fds = cases[i].fds,
                                                    .listen_fdnames = cases[i].names},
                              &in, &err))
            fail_msg("case %zu is taken", i);
        if (strstr(err.text, cases[i].want) == NULL)
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(in.public, 7);
        assert_int_equal(in.metrics, 8);
        put_back(&p);
    }
}

TEST(one_socket_is_not_taken_for_both_ports)
{
    struct inherited in = {7, 8};
    struct err err = ERR_INIT;
    struct place p;

    put(&p, 0, listening(AF_INET, SOCK_STREAM));
    put(&p, 1, dup(FIRST));
    assert_false(inherited_sockets(&(struct manager_env){.listen_pid = my_pid(), .listen_fds = "2"},
                                   &in, &err));
    assert_non_null(strstr(err.text, "the same socket"));
    assert_int_equal(in.public, 7);
    assert_int_equal(in.metrics, 8);
    put_back(&p);
}

/* ---- notes ---- */

/* An abstract address of this process, and a socket bound to it. */
static int ear(char *ret_name, size_t n)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), len;

    len = snprintf(ret_name, n, "@sidelight-unit-%d", (int)getpid());
    memcpy(a.sun_path + 1, ret_name + 1, (size_t)len - 1);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&a,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
                     0);
    return fd;
}

static void assert_heard(int fd, const char *want)
{
    char got[64] = "";
    ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

    if (want == NULL)
        assert_int_equal(n, -1);
    else
        assert_string_equal(got, want);
}

TEST(nobody_to_tell_is_no_error)
{
    static const char *const names[] = {NULL, "", "/", "@", "relative", "vsock:1:2"};
    char longest[200] = "/";

    memset(longest + 1, 'a', sizeof(longest) - 2);
    for (size_t i = 0; i <= ARRAY_LEN(names); i++) {
        const struct manager_env env = {.notify_socket = i < ARRAY_LEN(names) ? names[i] : longest,
                                        .watchdog_usec = "1000000"};
        struct notifier n;

        notifier_init(&n, &env);
        assert_int_equal(n.fd, -1);
        assert_int_equal(n.period_ns, 0);
        notifier_tell(&n, "STOPPING=1");
        notifier_ready(&n);
        assert_false(n.ready_due);
        notifier_tick(&n, true, 1);
        notifier_release(&n);
    }
}

TEST(the_watchdog_is_fed_twice_as_often_as_it_asks_and_only_while_alive)
{
    char name[64];
    int fd = ear(name, sizeof(name));
    struct notifier n;
    uint64_t t = 100 * NS_PER_SEC;

    notifier_init(&n, &(struct manager_env){.notify_socket = name, .watchdog_usec = "2000000"});
    assert_int_equal(n.period_ns, NS_PER_SEC);
    notifier_tick(&n, true, t);
    assert_heard(fd, "WATCHDOG=1");
    notifier_tick(&n, true, t + NS_PER_SEC - 1);
    assert_heard(fd, NULL);
    notifier_tick(&n, true, t + NS_PER_SEC);
    assert_heard(fd, "WATCHDOG=1");
    notifier_tick(&n, false, t + 5 * NS_PER_SEC);
    assert_heard(fd, NULL);
    notifier_tick(&n, true, t + 6 * NS_PER_SEC);
    assert_heard(fd, "WATCHDOG=1");
    notifier_release(&n);
    (void)close(fd);
}

TEST(a_manager_that_reads_late_is_told_all_the_same_that_we_serve)
{
    enum { MANY = 10000 };
    char name[64], got[64];
    int fd = ear(name, sizeof(name)), sent = 0;
    struct notifier n;

    notifier_init(&n, &(struct manager_env){.notify_socket = name});
    do
        notifier_ready(&n);
    while (!n.ready_due && ++sent < MANY);
    assert_true(n.ready_due);
    notifier_tick(&n, true, 1);
    assert_true(n.ready_due);
    while (sent > 0 && recv(fd, got, sizeof(got), 0) > 0)
        sent--;
    assert_int_equal(sent, 0);
    notifier_tick(&n, false, 2);
    assert_false(n.ready_due);
    assert_heard(fd, "READY=1");
    notifier_tick(&n, true, 3);
    assert_heard(fd, NULL);
    notifier_release(&n);
    (void)close(fd);
}

TEST(a_watchdog_for_another_process_or_without_a_number_is_none)
{
    static const struct manager_env envs[] = {
        {.notify_socket = "@x"      },
        {                     .notify_socket = "@x", .watchdog_usec = "1000000", .watchdog_pid = "1"},
        {  .notify_socket = "@x",       .watchdog_usec = "0"},
        {.notify_socket = "@x",       .watchdog_usec = "soon"},
    };

    for (size_t i = 0; i < ARRAY_LEN(envs); i++) {
        struct notifier n;

        notifier_init(&n, &envs[i]);
        assert_int_equal(n.period_ns, 0);
        notifier_release(&n);
    }
}

RUN_TESTS(T(without_variables_or_for_somebody_else_nothing_is_taken),
          T(sockets_are_told_apart_by_name_and_else_by_order),
          T(what_cannot_be_served_is_refused_and_says_why),
          T(one_socket_is_not_taken_for_both_ports),
          T(nobody_to_tell_is_no_error),
          T(a_manager_that_reads_late_is_told_all_the_same_that_we_serve),
          T(the_watchdog_is_fed_twice_as_often_as_it_asks_and_only_while_alive),
          T(a_watchdog_for_another_process_or_without_a_number_is_none))
