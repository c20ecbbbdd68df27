/* SPDX-License-Identifier: MIT */
/* Processes by the handful: starting one takes longer than what it does. */
#include "tests/faults/lib/checks.h"

#include "tests/faults/lib/promise.h"

#include <fcntl.h>
#include <signal.h>
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

struct running {
    pid_t pid;
    uint64_t began_ns;
    bool ended;
    double ms;
};

static struct running start(struct fixture *f, const struct check *c, const char *err)
{
    struct process_options opt = {.argv = ARGS(program(), "--check", "--config", c->path)};
    struct running r = {.pid = 0};

    opt.in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    opt.out = open(in_dir(f, "check.out"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    opt.err = open(err, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(opt.in >= 0 && opt.out >= 0 && opt.err >= 0);
    r.began_ns = clock_mono_ns();
    r.pid = process_start(&opt);
    (void)close(opt.in);
    (void)close(opt.out);
    (void)close(opt.err);
    return r;
}

/* For how long a process has waited for a CPU; where the kernel does not say, it never did. */
static double waited_ms(struct fixture *f, pid_t pid)
{
    unsigned long long ran = 0, waited = 0;

    (void)sscanf(read_file(f, textf(f, "/proc/%d/schedstat", (int)pid)), "%llu %llu", &ran,
                 &waited);
    return (double)waited / NS_PER_MS;
}

/* True once it has ended, and for how long it ran; it is still to be waited for. */
static bool look(struct fixture *f, struct running *r, double we_waited)
{
    siginfo_t info = {.si_pid = 0};

    if (r->ended || waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
        return r->ended;
    r->ms = (double)(clock_mono_ns() - r->began_ns) / NS_PER_MS;
    if (!faults_long())
        r->ms -= waited_ms(f, r->pid) + waited_ms(f, getpid()) - we_waited;
    r->ended = true;
    return true;
}

/* All of them; who takes too long is killed, and reported as that. */
static void wait_for_all(struct fixture *f, struct running *r, size_t n)
{
    uint64_t end = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;
    double we_waited = waited_ms(f, getpid());
    size_t left = n;

    while (left > 0) {
        left = 0;
        for (size_t i = 0; i < n; i++) {
            if (look(f, &r[i], we_waited))
                continue;
            left++;
            if (clock_mono_ns() >= end)
                (void)kill(r[i].pid, SIGKILL);
        }
        if (left > 0)
            clock_sleep_ms(1);
    }
}

/* Its exit status, or 128 + signal. */
static int status_of(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
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

/* Once more: a file that is slow is slow every time; a disk that stalls is not. */
static double time_alone(struct fixture *f, const struct check *c)
{
    struct running r = start(f, c, in_dir(f, "again.err"));

    wait_for_all(f, &r, 1);
    assert_int_equal(status_of(r.pid), c->status);
    return r.ms;
}

/* Up to AT_ONCE of them. */
static void run_some(struct fixture *f, struct check *checks, size_t n, struct checked *all)
{
    struct running r[AT_ONCE] = {{.pid = 0}};

    for (size_t i = 0; i < n; i++)
        r[i] = start(f, &checks[i], output(f, i));
    wait_for_all(f, r, n);
    for (size_t i = 0; i < n; i++) {
        checks[i].status = status_of(r[i].pid);
        judge(f, &checks[i], output(f, i), all);
        for (int again = 0; r[i].ms >= 1000 && again < 2 && !faults_long(); again++)
            r[i].ms = time_alone(f, &checks[i]);
        if (r[i].ms >= 1000)
            fail_msg("%s: %.0f ms", checks[i].path, r[i].ms);
        if (r[i].ms > all->most_ms)
            all->most_ms = r[i].ms;
    }
}

struct checked checks_run(struct fixture *f, struct check *checks, size_t n)
{
    struct checked all = {.n = n};

    for (size_t first = 0; first < n; first += AT_ONCE)
        run_some(f, &checks[first], n - first < AT_ONCE ? n - first : AT_ONCE, &all);
    return all;
}
