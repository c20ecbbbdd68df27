/* SPDX-License-Identifier: MIT */
/* fork and exec, with care for what a child may do before exec. */
#include "tests/e2e/lib/process.h"

#include "tests/e2e/lib/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void put_fd(int fd, int as)
{
    if (fd == PROCESS_CLOSED)
        (void)close(as);
    else if (fd != PROCESS_INHERITED)
        (void)dup2(fd, as); /* without close-on-exec */
}

/* putenv keeps the string, and nobody changes it. */
static char *variable(const char *s)
{
    const union {
        const char *in;
        char *out;
    } text = {s};

    return text.out;
}

static void child(const struct process_options *opt, pid_t parent)
{
    const union {
        const char *const *in;
        char *const *out;
    } argv = {opt->argv}; /* execvp changes nothing, but its prototype is older than const */
    struct rlimit files = {opt->max_files, opt->max_files};

    MUST(argv.out != NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    put_fd(opt->in, 0);
    put_fd(opt->out, 1);
    put_fd(opt->err, 2);
    (void)signal(SIGPIPE, SIG_DFL);
    if (opt->max_files > 0)
        (void)setrlimit(RLIMIT_NOFILE, &files);
    if (opt->netns != NULL)
        MUST(netns_enter(opt->netns));
    for (size_t i = 0; opt->env != NULL && opt->env[i] != NULL; i++)
        (void)putenv(variable(opt->env[i])); /* NOLINT(concurrency-mt-unsafe): alone in the child */
    (void)execvp(opt->argv[0], argv.out);
    _exit(127);
}

pid_t process_start(const struct process_options *opt)
{
    pid_t parent = getpid(), pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        child(opt, parent);
    return pid;
}

bool process_wait(pid_t pid, unsigned ms, int *ret)
{
    uint64_t end = clock_mono_ns() + ms * NS_PER_MS;
    int status = 0;
    pid_t got;

    while ((got = waitpid(pid, &status, WNOHANG)) == 0) {
        if (clock_mono_ns() >= end)
            return false;
        clock_sleep_ms(POLL_MS);
    }
    MUST(got == pid);
    *ret = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

const struct outcome *run(struct fixture *f, const char *const *argv, const char *input)
{
    const char *out = in_dir(f, "run.out"), *err = in_dir(f, "run.err");
    const char *in = input != NULL ? in_dir(f, "run.in") : "/dev/null";
    struct process_options opt = {.argv = argv};
    struct outcome *o = keep(f, sizeof(*o));
    pid_t pid;

    if (input != NULL)
        write_file(in, input);
    opt.in = open_file(in, O_RDONLY);
    opt.out = open_file(out, O_WRONLY | O_CREAT | O_TRUNC);
    opt.err = open_file(err, O_WRONLY | O_CREAT | O_TRUNC);
    pid = process_start(&opt);
    (void)close(opt.in);
    (void)close(opt.out);
    (void)close(opt.err);
    if (!process_wait(pid, DEADLINE_MS, &o->status)) {
        (void)kill(pid, SIGKILL);
        (void)process_wait(pid, DEADLINE_MS, &o->status);
        fail_msg("%s %s did not end", argv[0], argv[1] != NULL ? argv[1] : "");
    }
    o->out = read_file(f, out);
    o->err = read_file(f, err);
    return o;
}
