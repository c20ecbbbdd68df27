/* SPDX-License-Identifier: MIT */
/*
 * tools/drill.sh as a person runs it, whose host is this test's world, with time that runs faster: the page arrives, in words; nobody
 * else hears of it; nothing is left, and nothing is written elsewhere.
 */
#include "tests/stack/lib/stack.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DRILL_MS = 120000 };

struct drill {
    struct fixture *f;
    const char *dir, *out; /* DRILL_DIR, and what the person sees */
    pid_t pid;
};

static const char *seen(struct drill *d)
{
    return read_file(d->f, d->out);
}

static void clear(void *arg)
{
    struct drill *d = arg;
    int status;

    if (d->pid != 0) {
        (void)kill(d->pid, SIGKILL);
        (void)process_wait(d->pid, DEADLINE_MS, &status);
    }
    (void)run(d->f, ARGS("rm", "-rf", d->dir), NULL);
}

/* Below build/, since a drill writes nowhere else. */
static const char *new_directory(struct fixture *f)
{
    char here[PATH_MAX], *dir;

    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(run(f, ARGS("mkdir", "-p", "build"), NULL)->status, 0);
    dir = keep_text(f, textf(f, "%s/build/drill-test-XXXXXX", here),
                    strlen(here) + strlen("/build/drill-test-XXXXXX"));
    assert_non_null(mkdtemp(dir));
    return dir;
}

/* Types `tools/drill.sh`, in a session of its own, as at a terminal. */
static struct drill *type(struct fixture *f, const char *dir, const char *const *env)
{
    struct drill *d = keep(f, sizeof(*d));
    const char *all[16] = {"STACK_WORLD=", "DRILL_FACTOR=50", textf(f, "SIDELIGHT=%s", program()),
                           "STACK_SIDELIGHT_FLAGS=--set drain.delay=0s",
                           textf(f, "DRILL_DIR=%s", dir)};
    size_t n = 5;
    int fd;

    *d = (struct drill){f, dir, in_dir(f, "drill.out"), 0};
    for (size_t i = 0; env != NULL && env[i] != NULL; i++)
        all[n++] = env[i];
    fd = open(d->out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    d->pid = process_start(&(struct process_options){.argv = ARGS("setsid", "tools/drill.sh"),
                                                     .env = all,
                                                     .in = PROCESS_CLOSED,
                                                     .out = fd,
                                                     .err = fd});
    (void)close(fd);
    return d;
}

static struct drill *begin(struct fixture *f, const char *const *env)
{
    struct drill *d;

    if (environment("STACK_WORLD") == NULL) {
        print_message("skipped: no network namespaces here: %s\n", environment("STACK_NO_WORLD"));
        skip();
    }
    d = type(f, new_directory(f), env);
    at_end(f, clear, d);
    return d;
}

static int ended(struct drill *d)
{
    int status = -1;

    if (!process_wait(d->pid, DRILL_MS, &status))
        fail_msg("it does not end:\n%s", seen(d));
    d->pid = 0;
    return status;
}

static void see(struct drill *d, const char *text)
{
    uint64_t end = clock_mono_ns() + DRILL_MS * NS_PER_MS;

    while (strstr(seen(d), text) == NULL) {
        if (clock_mono_ns() >= end)
            fail_msg("it does not say '%s':\n%s", text, seen(d));
        clock_sleep_ms(POLL_MS * 10);
    }
}

static void assert_status_is(struct drill *d, int want)
{
    int status = ended(d);

    if (status != want)
        fail_msg("it ended with %d:\n%s", status, seen(d));
}

/* Every process that it started has its directory in its environment. */
static void assert_nothing_runs(struct drill *d)
{
    const char *find = "grep -lsaxzF \"DRILL_DIR=$0\" /proc/[0-9]*/environ";

    EVENTUALLY(run(d->f, ARGS("sh", "-c", find, d->dir), NULL)->out[0] == '\0');
}

/* The parts stand in what it said in this order. */
static void assert_story(struct drill *d, const char *const *parts)
{
    const char *text = seen(d), *at = text;

    for (size_t i = 0; parts[i] != NULL; i++) {
        const char *found = strstr(at, parts[i]);

        if (found == NULL)
            fail_msg("'%s' is missing, or out of order:\n%s", parts[i], text);
        at = found + strlen(parts[i]);
    }
}

TEST(errors_become_a_page_and_everybody_says_so_on_the_way)
{
    struct fixture *f = *state;
    struct drill *d = begin(f, ARGS("ALERT_EMAIL=somebody@example.com", "ALERT_WEBHOOK=https://x/",
                                    "DEADMAN_WEBHOOK=https://x/", "SMTP_HOST=x:25"));

    assert_status_is(d, 0);
    assert_story(d, ARGS("starting the path", "good traffic: 20 requests a second",
                         "SLO           availability: ", " good, 0 bad; burn rate ",
                         "0.0 over 1h, 0.0 over 5m", "ERRORS BEGIN: 10 a second",
                         "THE PAGE ARRIVED, ", "availability: the error budget burns ",
                         "/runbook#errorbudgetburn", "ERRORS STOP", "all ended"));
    assert_story(d, ARGS("Prometheus    no alert", "Prometheus    THE ALERT FIRES"));
    assert_story(d, ARGS("Alertmanager  has nothing to say", "Alertmanager  HAS THE ALERT"));
    assert_nothing_runs(d);
    /* The requests were what they should be, and nobody but the drill's own receiver stands in Alertmanager's file. */
    assert_contains(read_file(f, textf(f, "%s/stack/log/sidelight-1.log", d->dir)),
                    "\"endpoint\":\"/api/error\",\"path\":\"/api/error\",\"status\":500");
    assert_lacks(read_file(f, textf(f, "%s/stack/log/caddy.log", d->dir)), "/api/error");
    d->out = textf(f, "%s/stack/etc/alertmanager/alertmanager.yml", d->dir);
    assert_contains(seen(d), "http://" EGRESS_SINK ":9099/pages");
    assert_lacks(seen(d), "https://x/");
    assert_lacks(seen(d), "somebody@example.com");
}

/* Nothing dies with its network there: each part ends because it is told to. */
TEST(on_loopback_it_is_the_same)
{
    struct fixture *f = *state;
    struct drill *d = begin(f, ARGS("STACK_NET=loopback"));

    assert_status_is(d, 0);
    assert_story(d, ARGS("ERRORS BEGIN", "THE PAGE ARRIVED", "ERRORS STOP", "all ended"));
    assert_nothing_runs(d);
}

TEST(ctrl_c_ends_all_of_it)
{
    struct fixture *f = *state;
    struct drill *d = begin(f, NULL);

    see(d, "ERRORS BEGIN");
    assert_int_equal(kill(-d->pid, SIGINT), 0);
    assert_status_is(d, 130);
    assert_story(d, ARGS("interrupted", "all ended"));
    assert_nothing_runs(d);
}

/* It goes to every process of the terminal: also to the `date` that the drill waits for at that moment. */
TEST(ctrl_c_while_it_looks_at_the_clock_is_no_missing_page)
{
    struct fixture *f = *state;
    const char *slow = in_dir(f, "date");
    struct drill *d;

    write_file(slow, "#!/bin/sh\nsleep 0.3\nexec /bin/date \"$@\"\n");
    assert_int_equal(chmod(slow, 0755), 0);
    d = begin(f, ARGS(textf(f, "PATH=%s:%s", fixture_dir(f), environment("PATH"))));
    see(d, "good traffic");
    assert_int_equal(kill(-d->pid, SIGINT), 0);
    assert_status_is(d, 130);
    assert_lacks(seen(d), "NO PAGE");
    assert_story(d, ARGS("interrupted", "all ended"));
    assert_nothing_runs(d);
}

TEST(a_drill_that_is_killed_leaves_nothing_running)
{
    struct fixture *f = *state;
    struct drill *d = begin(f, NULL);

    see(d, "ERRORS BEGIN");
    assert_int_equal(kill(d->pid, SIGKILL), 0);
    assert_status_is(d, 128 + SIGKILL);
    assert_nothing_runs(d);
}

TEST(without_a_page_it_fails)
{
    struct fixture *f = *state;
    struct drill *d = begin(f, ARGS("DRILL_LIMIT=1"));

    assert_status_is(d, 1);
    assert_story(d, ARGS("NO PAGE after 1 s", "all ended"));
    assert_nothing_runs(d);
}

TEST(it_refuses_to_write_anywhere_but_below_build)
{
    struct fixture *f = *state;
    const char *mine = in_dir(f, "mine");
    static const char *const elsewhere[] = {"/", "build", "build/../tools", "build/.."};

    write_file(mine, "precious");
    for (size_t i = 0; i <= ARRAY_LEN(elsewhere); i++) {
        const char *dir = i < ARRAY_LEN(elsewhere) ? elsewhere[i] : fixture_dir(f);
        struct drill *d = type(f, dir, NULL);

        assert_status_is(d, 1);
        assert_contains(seen(d), " is not below ");
    }
    assert_string_equal(read_file(f, mine), "precious");
}

TEST(a_directory_with_something_else_in_it_is_refused)
{
    struct fixture *f = *state;
    const char *dir = new_directory(f), *mine = textf(f, "%s/mine", dir);
    struct drill *d;

    write_file(mine, "precious");
    d = type(f, dir, NULL);
    at_end(f, clear, d);
    assert_status_is(d, 1);
    assert_contains(seen(d), "is not empty, and no drill's");
    assert_string_equal(read_file(f, mine), "precious");
}

TEST(nonsense_is_refused_with_a_word_on_what_is_allowed)
{
    static const char *const env[] = {"DRILL_FACTOR=0",       "DRILL_FACTOR=x",
                                      "DRILL_GOOD=-1",        "DRILL_BAD=1.5",
                                      "DRILL_LIMIT=10000000", "DRILL_FACTOR=1;ls"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(env); i++) {
        struct drill *d = type(f, "build/drill", ARGS(env[i]));

        assert_status_is(d, 1);
        assert_contains(seen(d), " is no whole number from 1 to 999999");
    }
}

STACK_TESTS(T(errors_become_a_page_and_everybody_says_so_on_the_way),
            T(on_loopback_it_is_the_same),
            T(ctrl_c_ends_all_of_it),
            T(ctrl_c_while_it_looks_at_the_clock_is_no_missing_page),
            T(a_drill_that_is_killed_leaves_nothing_running),
            T(without_a_page_it_fails),
            T(it_refuses_to_write_anywhere_but_below_build),
            T(a_directory_with_something_else_in_it_is_refused),
            T(nonsense_is_refused_with_a_word_on_what_is_allowed))
