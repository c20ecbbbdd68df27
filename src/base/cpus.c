/* SPDX-License-Identifier: MIT */
/* Counting usable CPUs: sched_getaffinity(2), and the cgroup files as text. */
#include "base/cpus.h"
#include "base/buf.h"
#include "base/parse.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

enum { FILE_MAX = 8192 }; /* /proc/self/cgroup has a dozen lines, the others have one */

static unsigned cpus_by_affinity(void)
{
    cpu_set_t sets[8]; /* 8192 CPUs: the call fails when the kernel's mask is longer than ours */

    if (sched_getaffinity(0, sizeof(sets), sets) != 0)
        return 1;
    int n = CPU_COUNT_S(sizeof(sets), sets);
    return n > 0 ? (unsigned)n : 1;
}

/* The first FILE_MAX bytes of a file, in `space`; SLICE_NONE when it can't be read. */
static struct slice read_file(const char *path, char space[FILE_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return SLICE_NONE;
    ssize_t n = read(fd, space, FILE_MAX);
    (void)close(fd);
    return n > 0 ? (struct slice){space, (size_t)n} : SLICE_NONE;
}

/* First line of a file below `dir`. */
static struct slice read_line(struct buf *dir, const char *name, char space[FILE_MAX])
{
    size_t len = dir->len;

    buf_add_str(dir, name);
    struct slice text = read_file(buf_cstr(dir), space);
    dir->len = len;
    return slice_cut(&text, '\n');
}

static void cut_to(unsigned *cpus, struct slice quota, struct slice period)
{
    uint64_t q, p;

    /* "max" and "-1" mean no quota; they are no numbers, like anything else we don't know. */
    if (!parse_u64(quota, 1, UINT64_MAX / 2, &q, NULL) ||
        !parse_u64(period, 1, UINT64_MAX / 2, &p, NULL))
        return;
    uint64_t n = (q + p - 1) / p;
    if (n < *cpus)
        *cpus = (unsigned)n;
}

/* A quota of any group above counts too: goes from `group` up to the root of `mount`. */
static void cut_by_groups(unsigned *cpus, const char *mount, struct slice group, bool v2)
{
    char quota_space[FILE_MAX], period_space[FILE_MAX];
    struct buf dir = BUF_INIT;

    buf_add_str(&dir, mount);
    buf_add_slice(&dir, group);
    for (size_t root = strlen(mount); dir.len >= root;) {
        if (v2) {
            struct slice period = read_line(&dir, "/cpu.max", quota_space);
            struct slice quota = slice_cut(&period, ' ');

            cut_to(cpus, quota, period);
        } else {
            cut_to(cpus, read_line(&dir, "/cpu.cfs_quota_us", quota_space),
                   read_line(&dir, "/cpu.cfs_period_us", period_space));
        }
        if (dir.len == root)
            break;
        while (dir.len > root && dir.data[dir.len - 1] != '/')
            dir.len--;
        if (dir.len > root)
            dir.len--;
    }
    buf_release(&dir);
}

static bool has_cpu(struct slice controllers)
{
    while (controllers.p != NULL)
        if (slice_eq(slice_cut(&controllers, ','), SLICE_LIT("cpu")))
            return true;
    return false;
}

/*
 * One line of /proc/self/cgroup: "hierarchy:controllers:group" (cgroups(7)); v2 has no controllers.
 */
static void cut_by_line(unsigned *cpus, const char *root, struct slice line)
{
    static const char *const v2_mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    static const char *const v1_mounts[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"};
    struct slice hierarchy = slice_cut(&line, ':'), controllers = slice_cut(&line, ':');
    bool v2 = slice_eq(hierarchy, SLICE_LIT("0")) && controllers.n == 0;

    if (line.n == 0 || line.p[0] != '/' || (!v2 && !has_cpu(controllers)))
        return;
    for (size_t i = 0; i < 2; i++) {
        struct buf mount = BUF_INIT;

        buf_add_str(&mount, root);
        buf_add_str(&mount, v2 ? v2_mounts[i] : v1_mounts[i]);
        cut_by_groups(cpus, buf_cstr(&mount), line, v2);
        buf_release(&mount);
    }
}

unsigned cpus_usable(const char *root)
{
    char space[FILE_MAX];
    struct buf path = BUF_INIT;
    unsigned cpus = cpus_by_affinity();

    buf_add_str(&path, root);
    buf_add_str(&path, "/proc/self/cgroup");
    struct slice text = read_file(buf_cstr(&path), space);
    buf_release(&path);
    while (text.p != NULL)
        cut_by_line(&cpus, root, slice_cut(&text, '\n'));
    return cpus;
}
