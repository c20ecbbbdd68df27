/* SPDX-License-Identifier: MIT */
/* Processes by the handful: starting one takes longer than what it does. */
#include "tests/faults/lib/checks.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 8 };

static const char intro[] = "sidelight: ";

void write_bytes(const char *path, struct slice bytes)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, file), bytes.n);
    assert_int_equal(fclose(file), 0);
}

static const char *output(struct fixture *f, size_t i)
{
    return in_dir(f, textf(f, "check-%zu.err", i));
}

static pid_t start(struct fixture *f, const struct check *c, const char *err)
{
    struct process_options opt = {.argv = ARGS(program(), "--check", "--config", c->path)};
    pid_t pid;

    opt.in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    opt.out = open(in_dir(f, "check.out"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    opt.err = open(err, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(opt.in >= 0 && opt.out >= 0 && opt.err >= 0);
    pid = process_start(&opt);
    (void)close(opt.in);
    (void)close(opt.out);
    (void)close(opt.err);
    return pid;
}

/* Its exit status, or 128 + signal, and the CPU it took. */
static int finish(pid_t pid, double *ret_ms)
{
    uint64_t end = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;
    struct rusage u;
    int status = 0;

    while (wait4(pid, &status, WNOHANG, &u) == 0) {
        if (clock_mono_ns() >= end)
            (void)kill(pid, SIGKILL); /* and is then reported as that */
        clock_sleep_ms(1);
    }
    *ret_ms = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
              (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What follows "sidelight: PATH:" in "sidelight: PATH:LINE:COLUMN: why", one line that a terminal can show. */
static const char *reason(const char *path, const char *message)
{
    const char *why = message + strlen(intro) + strlen(path) + 1, *p = why;

    if (strncmp(message, intro, strlen(intro)) != 0 ||
        strncmp(message + strlen(intro), path, strlen(path)) != 0 || why[-1] != ':')
        fail_msg("the file is not named: %s", message);
    for (int i = 0; i < 2; i++) {
        size_t digits = strspn(p, "0123456789");

        if (digits == 0 || p[0] == '0' || p[digits] != ':')
            fail_msg("the place is not named: %s", message);
        p += digits + 1;
    }
    assert_int_equal(p[0], ' ');
    for (; *p != '\0' && *p != '\n'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fail_msg("a control byte: %s", message);
    assert_string_equal(p, "\n");
    return why;
}

static void judge(struct fixture *f, struct check *c, const char *err, struct checked *all)
{
    if (c->status != CHECK_GOOD && c->status != CHECK_BAD)
        fail_msg("%s: ended with %d: %s", c->path, c->status, read_file(f, err));
    c->why = read_file(f, err);
    if (c->status == CHECK_BAD)
        c->why = reason(c->path, c->why);
    else
        assert_string_equal(c->why, "");
    all->bad += c->status == CHECK_BAD;
}

/* Up to AT_ONCE of them. */
static void run_some(struct fixture *f, struct check *checks, size_t n, struct checked *all)
{
    pid_t pids[AT_ONCE];

    for (size_t i = 0; i < n; i++)
        pids[i] = start(f, &checks[i], output(f, i));
    for (size_t i = 0; i < n; i++) {
        double ms;

        checks[i].status = finish(pids[i], &ms);
        judge(f, &checks[i], output(f, i), all);
        if (ms >= 1000)
            fail_msg("%s: %.0f ms of CPU", checks[i].path, ms);
        if (ms > all->most_ms)
            all->most_ms = ms;
    }
}

struct checked checks_run(struct fixture *f, struct check *checks, size_t n)
{
    struct checked all = {.n = n};

    for (size_t first = 0; first < n; first += AT_ONCE)
        run_some(f, &checks[first], n - first < AT_ONCE ? n - first : AT_ONCE, &all);
    return all;
}
