/* SPDX-License-Identifier: MIT */
/* What a process in the sandbox can do and what it can't: each question in a child, as there is no way out. */
#include "app/sandbox.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A question returns 0, or errno. */
typedef int question_fn(void);

static int result(long rc)
{
    return rc < 0 ? errno : 0;
}

static int start_a_program(void)
{
    char *const argv[] = {(char[]){"true"}, NULL}, *const env[] = {NULL};

    return result(execve("/bin/true", argv, env));
}

static int start_a_process(void)
{
    return result(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static int start_a_process_newer(void)
{
    return result(syscall(SYS_clone3, NULL, 0));
}

static int trace_another(void)
{
    return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int read_another(void)
{
    return result(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static int mount_something(void)
{
    return result(mount("none", "/mnt", "tmpfs", 0, NULL));
}

static int open_packets(void)
{
    return result(socket(AF_PACKET, SOCK_RAW, ETH_P_ALL));
}

static int open_netlink_of_the_firewall(void)
{
    return result(socket(AF_NETLINK, SOCK_RAW, 12));
}

static int make_memory_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return ENOMEM;
    return result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int map_executable_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED
               ? errno
               : 0;
}

static int raise_a_limit(void)
{
    const struct rlimit lim = {64, 64};

    return result(setrlimit(RLIMIT_NOFILE, &lim));
}

static int be_dumped_again(void)
{
    return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int use_io_uring(void)
{
    return result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int signal_another(void)
{
    return result(kill(getppid(), 0));
}

static int signal_another_by_thread(void)
{
    return result(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int open_raw(void)
{
    return result(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int open_ping(void)
{
    return result(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
}

static int signal_itself(void)
{
    return result(syscall(SYS_tgkill, getpid(), getpid(), 0));
}

static int open_udp(void)
{
    return result(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

static int open_tcp(void)
{
    return result(socket(AF_INET6, SOCK_STREAM, 0));
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_a_thread(void)
{
    pthread_t t;
    int rc = pthread_create(&t, NULL, nothing, NULL);

    return rc != 0 ? rc : pthread_join(t, NULL);
}

static int read_a_limit(void)
{
    struct rlimit lim;

    return result(getrlimit(RLIMIT_NOFILE, &lim));
}

/* What the child exits with when there is no sandbox here. */
enum { NO_SANDBOX = 254 };

static int ask(question_fn *question)
{
    pid_t pid = fork();
    int status = 0;

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(sandbox_enter(NULL) ? question() : NO_SANDBOX);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_SANDBOX) {
        print_message("skipped: no seccomp in this build or on this kernel\n");
        skip();
    }
    return WEXITSTATUS(status);
}

TEST(what_serving_does_not_need_is_refused)
{
    static const struct {
        const char *what;
        question_fn *question;
        int want;
    } cases[] = {
        {"start a program",            start_a_program,              EPERM },
        {"start a process",            start_a_process,              EPERM },
        {"start a process by clone3",  start_a_process_newer,        ENOSYS},
        {"trace another process",      trace_another,                EPERM },
        {"read another process",       read_another,                 EPERM },
        {"mount",                      mount_something,              EPERM },
        {"open a packet socket",       open_packets,                 EPERM },
        {"open netfilter",             open_netlink_of_the_firewall, EPERM },
        {"make memory executable",     make_memory_executable,       EPERM },
        {"map executable memory",      map_executable_memory,        EPERM },
        {"set a limit",                raise_a_limit,                EPERM },
        {"be dumped again",            be_dumped_again,              EPERM },
        {"use io_uring",               use_io_uring,                 EPERM },
        {"signal another process",     signal_another,               EPERM },
        {"signal a thread of another", signal_another_by_thread,     EPERM },
        {"open a raw socket",          open_raw,                     EPERM },
        {"open a ping socket",         open_ping,                    EPERM },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int got = ask(cases[i].question);

        if (got != cases[i].want)
            fail_msg("%s: %s", cases[i].what, got == 0 ? "allowed" : strerror(got));
    }
}

TEST(what_serving_needs_is_allowed)
{
    assert_int_equal(ask(open_tcp), 0);
    assert_int_equal(ask(open_udp), 0);
    assert_int_equal(ask(signal_itself), 0);
    assert_int_equal(ask(start_a_thread), 0);
    assert_int_equal(ask(read_a_limit), 0);
}

static void *signals_the_parent(void *arg)
{
    int *got = arg;

    while (*(volatile int *)got == 0)
        (void)sched_yield();
    return (void *)(intptr_t)signal_another();
}

/* A thread that runs already is taken in. */
static int other_threads_too(void)
{
    int go = 0;
    pthread_t t;
    void *ret = NULL;

    if (pthread_create(&t, NULL, signals_the_parent, &go) != 0)
        return EAGAIN;
    if (!sandbox_enter(NULL))
        return NO_SANDBOX;
    *(volatile int *)&go = 1;
    (void)pthread_join(t, &ret);
    return (int)(intptr_t)ret;
}

TEST(every_thread_is_in_it)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0)
        _exit(other_threads_too());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SANDBOX) {
        print_message("skipped: no seccomp in this build or on this kernel\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EPERM);
}

TEST(without_dumps_there_is_no_core_and_nobody_may_trace)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        struct rlimit lim = {1, 1};

        sandbox_no_dumps();
        _exit(getrlimit(RLIMIT_CORE, &lim) == 0 && lim.rlim_max == 0 &&
                      prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

RUN_TESTS(T(what_serving_does_not_need_is_refused),
          T(what_serving_needs_is_allowed),
          T(every_thread_is_in_it),
          T(without_dumps_there_is_no_core_and_nobody_may_trace))
