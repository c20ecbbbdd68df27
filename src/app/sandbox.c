/* SPDX-License-Identifier: MIT */
/* The allow-list, and putting it in force. */
#include "app/sandbox.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* clang-format off */
/* Whatever the arguments. Names that an architecture does not have are left out there. */
static const char *const allowed[] = {
    /* descriptors and files */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "close", "lseek", "open", "openat", "stat", "lstat",
    "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd",
    "getdents64", "fcntl", "flock", "ftruncate", "fallocate", "fsync", "fdatasync", "fchmod", "fchown", "unlink",
    "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "mkdir", "mkdirat", "rmdir", "utimensat",
    "memfd_create", "umask", "dup", "dup2", "dup3", "statfs", "fstatfs", "ioctl",
    /* sockets and waiting; which ones may be opened is below */
    "bind", "listen", "accept", "accept4", "connect", "shutdown", "getsockname", "getpeername", "getsockopt",
    "setsockopt", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg", "poll", "ppoll", "select",
    "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "pipe", "pipe2",
    "signalfd4",
    /* memory */
    "brk", "munmap", "mremap", "madvise", "membarrier",
    /* threads and signals */
    "futex", "set_robust_list", "rseq", "set_tid_address", "gettid", "getpid", "getppid", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "restart_syscall", "sched_yield",
    "sched_getaffinity", "exit", "exit_group",
    /* time and facts */
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "alarm", "setitimer",
    "getitimer", "getrandom", "getrlimit", "getrusage", "sysinfo", "uname", "getuid", "geteuid", "getgid", "getegid",
};
/* clang-format on */

static bool add(scmp_filter_ctx ctx, uint32_t action, const char *name, struct scmp_arg_cmp only)
{
    int call = seccomp_syscall_resolve_name(name);
    int rc;

    if (call == __NR_SCMP_ERROR)
        return true;
    rc = seccomp_rule_add_array(ctx, action, call, 1, &only);
    return rc == 0 || rc == -EDOM; /* EDOM: this architecture has it as a part of another */
}

static bool allow_all(scmp_filter_ctx ctx)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
        int call = seccomp_syscall_resolve_name(allowed[i]);

        if (call != __NR_SCMP_ERROR &&
            seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 0, NULL) != 0)
            return false;
    }
    return true;
}

/* One kind of socket; above the type stand SOCK_NONBLOCK and SOCK_CLOEXEC. */
static bool allow_socket(scmp_filter_ctx ctx, int family, int type, int protocol)
{
    enum { TYPE = 0xf };

    return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family),
                            SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE, (scmp_datum_t)type),
                            SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)protocol)) == 0;
}

/* TCP, names by DNS, the control socket and the manager's, and getaddrinfo's question for our addresses. */
static bool allow_sockets(scmp_filter_ctx ctx)
{
    static const int families[] = {AF_INET, AF_INET6};

    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (!allow_socket(ctx, families[i], SOCK_STREAM, 0) ||
            !allow_socket(ctx, families[i], SOCK_STREAM, IPPROTO_TCP) ||
            !allow_socket(ctx, families[i], SOCK_DGRAM, 0) ||
            !allow_socket(ctx, families[i], SOCK_DGRAM, IPPROTO_UDP))
            return false;
    if (!allow_socket(ctx, AF_UNIX, SOCK_STREAM, 0) || !allow_socket(ctx, AF_UNIX, SOCK_DGRAM, 0))
        return false;
    return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                            SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_EQ, 0)) == 0;
}

/*
 * Memory is never executable again. Threads may be made, processes not: clone3 keeps its flags in memory, where a
 * filter cannot look, so glibc is told that this kernel has none and falls back to clone.
 */
static bool allow_checked(scmp_filter_ctx ctx)
{
    return add(ctx, SCMP_ACT_ALLOW, "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
           add(ctx, SCMP_ACT_ALLOW, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
           add(ctx, SCMP_ACT_ALLOW, "clone",
               SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) &&
           seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           add(ctx, SCMP_ACT_ALLOW, "tgkill", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) &&
           add(ctx, SCMP_ACT_ALLOW, "prlimit64", SCMP_A2(SCMP_CMP_EQ, 0)) &&
           add(ctx, SCMP_ACT_ALLOW, "prctl", SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
}

void sandbox_no_dumps(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Sanitizers make calls of their own: LeakSanitizer traces the process at its end. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const char *const unfit = "built with a sanitizer";
/* Elsewhere calls have other names (mmap2, futex_time64), or their arguments another order. */
#elif !defined(__x86_64__) && !defined(__aarch64__)
static const char *const unfit = "the list is for x86-64 and arm64";
#else
static const char *const unfit = NULL;
#endif

bool sandbox_enter(struct err *err)
{
    scmp_filter_ctx ctx;
    bool ok;

    if (unfit != NULL)
        return err_set(err, ERR_UNAVAILABLE, "%s", unfit);
    ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (ctx == NULL)
        return err_set(err, ERR_UNAVAILABLE, "libseccomp does not know this architecture");
    ok = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
         seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 &&
         seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1) == 0 && allow_all(ctx) &&
         allow_sockets(ctx) && allow_checked(ctx);
    if (!ok) {
        (void)err_set(err, ERR_UNAVAILABLE, "libseccomp refuses the list");
    } else {
        int rc = seccomp_load(ctx); /* sets no_new_privs first */

        ok = rc == 0 || err_set_errno(err, -rc, "the kernel refuses the filter");
    }
    seccomp_release(ctx);
    return ok;
}
