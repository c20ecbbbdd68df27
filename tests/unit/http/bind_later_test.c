/* SPDX-License-Identifier: MIT */
/* Binding a name from a thread of its own: it comes when it can, and not after it was stopped. */
#include "http/bind_later.h"

#include "tests/unit/http/net.h"

#include <stdatomic.h>
#include <sys/mman.h>

struct bound {
    _Atomic int fd; /* -1: not yet */
    _Atomic unsigned calls;
};

static void on_bound(void *arg, int fd)
{
    struct bound *b = arg;

    atomic_store(&b->fd, fd);
    atomic_fetch_add(&b->calls, 1);
}

static struct host_port parse(const char *text)
{
    struct err err = ERR_INIT;
    struct host_port hp;

    assert_true(host_port_parse(slice_str(text), &hp, &err));
    return hp;
}

TEST(a_name_of_this_host_is_bound_once)
{
    char name[] = "localhost:0";
    struct host_port hp = parse(name);
    struct bound b = {.fd = -1};
    struct bind_later *later = bind_later_start(&hp, NULL, on_bound, &b);
    char text[LISTEN_TEXT_MAX];

    memset(name, 'x', sizeof(name) - 1); /* the name is its own by now */
    WAIT_UNTIL(atomic_load(&b.calls) == 1);
    listen_text(atomic_load(&b.fd), text);
    assert_true(strncmp(text, "127.0.0.1:", 10) == 0 || strncmp(text, "[::1]:", 6) == 0);
    bind_later_stop(later);
    assert_int_equal(atomic_load(&b.calls), 1);
    (void)close(atomic_load(&b.fd));
}

TEST(a_name_that_is_not_there_is_told_once_and_may_be_given_up)
{
    char name[70], log_text[1024] = "";
    struct bound b = {.fd = -1};
    struct bind_later *later;
    struct err err = ERR_INIT;
    struct log_stats stats;
    const struct host_port hp = {
        .host = {name, sizeof(name)}
    };
    struct log *log;
    int log_fd = memfd_create("log", MFD_CLOEXEC);

    memset(name, 'a', sizeof(name)); /* too long for a label: no resolver is asked */
    assert_true(log_new(log_fd, LOG_INFO, &log, &err));
    later = bind_later_start(&hp, log, on_bound, &b);
    do
        log_stats(log, &stats);
    while (stats.lines == 0);
    bind_later_stop(later);
    assert_int_equal(atomic_load(&b.calls), 0);
    log_free(log, PATIENCE_SECONDS * 1000);
    assert_true(pread(log_fd, log_text, sizeof(log_text) - 1, 0) > 0);
    assert_non_null(strstr(log_text, "\"level\":\"warn\",\"event\":\"metrics_listener_waits\""));
    assert_non_null(strstr(log_text, "cannot resolve aaa"));
    assert_ptr_equal(strchr(log_text, '\n'), strrchr(log_text, '\n'));
    (void)close(log_fd);
}

TEST(stopped_at_once_it_keeps_no_listener)
{
    for (int i = 0; i < 100; i++) {
        struct host_port hp = parse("localhost:0");
        struct bound b = {.fd = -1};
        unsigned calls;

        bind_later_stop(bind_later_start(&hp, NULL, on_bound, &b));
        calls = atomic_load(&b.calls);
        assert_true(calls <= 1);
        if (calls == 1)
            (void)close(atomic_load(&b.fd));
    }
    bind_later_stop(NULL);
}

RUN_TESTS(T(a_name_of_this_host_is_bound_once),
          T(a_name_that_is_not_there_is_told_once_and_may_be_given_up),
          T(stopped_at_once_it_keeps_no_listener))
