/* SPDX-License-Identifier: MIT */
/*
 * process_*: what the kernel tells about this process, read at each page (proc(5)). The files stay
 * open, so that a page is right also when descriptors have run out. What can't be read keeps its
 * last value.
 *
 * Network bytes are those of the namespace at the IP layer, as in client_golang, with IPv6 added;
 * unlike the counters of interfaces they don't fall when an interface goes.
 */
#include "base/clock.h"
#include "base/parse.h"
#include "metrics/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Fields of /proc/self/stat, counted from the one behind the name. */
enum stat_field { STAT_THREADS = 17, STAT_START = 19, STAT_VSIZE = 20, STAT_RSS = 21, STAT_FIELDS };

enum { FILE_MAX = 8192 };

struct process_metrics {
    struct registry *registry;
    struct shard *shard;
    int stat_fd, netstat_fd, snmp6_fd; /* -1: not there */
    DIR *fds;                          /* NULL: not there */
    struct metric cpu, open_fds, max_fds, virt, virt_max, resident, threads, rx, tx;
};

static bool read_whole(int fd, char *dst, struct slice *ret)
{
    size_t n = 0;

    while (fd >= 0 && n < FILE_MAX) {
        ssize_t got = pread(fd, dst + n, FILE_MAX - n, (off_t)n);

        if (got < 0)
            return false;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *ret = (struct slice){dst, n};
    return n > 0;
}

/* The name may hold anything, blanks and parentheses included. */
static bool parse_stat(struct slice text, uint64_t ret[STAT_FIELDS])
{
    const char *name_end = memrchr(text.p, ')', text.n);
    uint64_t fields[STAT_FIELDS] = {0};

    if (name_end == NULL || name_end + 2 > text.p + text.n)
        return false;
    struct slice rest = {name_end + 2, (size_t)(text.p + text.n - name_end - 2)};
    for (size_t i = 0; i < STAT_FIELDS; i++) {
        struct slice s = slice_cut(&rest, ' ');

        if (i >= STAT_THREADS && i != STAT_THREADS + 1 &&
            !parse_u64(s, 0, UINT64_MAX, &fields[i], NULL))
            return false;
    }
    memcpy(ret, fields, sizeof(fields));
    return true;
}

/*
 * The value in column `name` of /proc/net/netstat: a line of names, then one of values, with the
 * same first word.
 */
static bool netstat_value(struct slice text, struct slice group, struct slice name, uint64_t *ret)
{
    while (text.p != NULL) {
        struct slice names = slice_cut(&text, '\n'), values = slice_cut(&text, '\n');

        if (!slice_eq(slice_cut(&names, ' '), group))
            continue;
        (void)slice_cut(&values, ' ');
        while (names.p != NULL && values.p != NULL) {
            struct slice value = slice_cut(&values, ' ');

            if (slice_eq(slice_cut(&names, ' '), name))
                return parse_u64(value, 0, UINT64_MAX, ret, NULL);
        }
    }
    return false;
}

/* The value of `name` in /proc/net/snmp6: one name and one value a line. */
static bool snmp6_value(struct slice text, struct slice name, uint64_t *ret)
{
    while (text.p != NULL) {
        struct slice line = slice_trim(slice_cut(&text, '\n'));

        if (line.n > name.n && memcmp(line.p, name.p, name.n) == 0)
            return parse_u64(slice_trim((struct slice){line.p + name.n, line.n - name.n}), 0,
                             UINT64_MAX, ret, NULL);
    }
    return false;
}

static bool read_network(const struct process_metrics *p, uint64_t *ret_rx, uint64_t *ret_tx)
{
    char buf[FILE_MAX];
    struct slice text, ip = SLICE_LIT("IpExt:");
    uint64_t rx, tx, rx6 = 0, tx6 = 0;

    if (!read_whole(p->netstat_fd, buf, &text) ||
        !netstat_value(text, ip, SLICE_LIT("InOctets"), &rx) ||
        !netstat_value(text, ip, SLICE_LIT("OutOctets"), &tx))
        return false;
    if (p->snmp6_fd >= 0 && (!read_whole(p->snmp6_fd, buf, &text) ||
                             !snmp6_value(text, SLICE_LIT("Ip6InOctets"), &rx6) ||
                             !snmp6_value(text, SLICE_LIT("Ip6OutOctets"), &tx6)))
        return false;
    *ret_rx = rx + rx6;
    *ret_tx = tx + tx6;
    return true;
}

/* Linux 6.2 and later tell the number as the directory's size; before, it is 0. */
static bool count_fds(DIR *fds, int64_t *ret)
{
    struct stat st;
    int64_t n = 0;

    if (fds == NULL)
        return false;
    if (fstat(dirfd(fds), &st) == 0 && st.st_size > 0) {
        *ret = st.st_size;
        return true;
    }
    rewinddir(fds);
    /* One thread uses this stream: readdir is safe (POSIX.1-2024 asks for no more). */
    for (const struct dirent *e; (e = readdir(fds)) != NULL;) /* NOLINT(concurrency-mt-unsafe) */
        n += e->d_name[0] != '.';
    *ret = n;
    return true;
}

static int64_t limit(int resource)
{
    struct rlimit rl;

    if (getrlimit((__rlimit_resource_t)resource, &rl) != 0 || rl.rlim_cur > INT64_MAX)
        return -1;
    return (int64_t)rl.rlim_cur;
}

static void collect(void *ctx)
{
    const struct process_metrics *p = ctx;
    char buf[FILE_MAX];
    uint64_t fields[STAT_FIELDS], rx, tx;
    struct slice text;
    struct timespec cpu;
    int64_t n;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
        metric_set(p->shard, p->cpu, cpu.tv_sec * (int64_t)NS_PER_SEC + cpu.tv_nsec);
    if (count_fds(p->fds, &n))
        metric_set(p->shard, p->open_fds, n);
    metric_set(p->shard, p->max_fds, limit(RLIMIT_NOFILE));
    metric_set(p->shard, p->virt_max, limit(RLIMIT_AS));
    if (read_whole(p->stat_fd, buf, &text) && parse_stat(text, fields)) {
        metric_set(p->shard, p->virt, (int64_t)fields[STAT_VSIZE]);
        metric_set(p->shard, p->resident, (int64_t)fields[STAT_RSS] * sysconf(_SC_PAGESIZE));
        metric_set(p->shard, p->threads, (int64_t)fields[STAT_THREADS]);
    }
    if (p->netstat_fd >= 0 && read_network(p, &rx, &tx)) {
        metric_set(p->shard, p->rx, (int64_t)rx);
        metric_set(p->shard, p->tx, (int64_t)tx);
    }
}

/* When the machine started, Unix time in seconds: "btime" in /proc/stat. */
static uint64_t boot_time(void)
{
    const struct slice name = {"btime ", 6};
    FILE *f = fopen("/proc/stat", "re");
    char *line = NULL;
    size_t cap = 0;
    uint64_t ret = 0;
    ssize_t n;

    if (f == NULL)
        return 0;
    while (ret == 0 && (n = getline(&line, &cap, f)) > 0)
        if ((size_t)n > name.n && memcmp(line, name.p, name.n) == 0 &&
            !parse_u64((struct slice){line + name.n, (size_t)n - name.n - 1}, 1, UINT32_MAX, &ret,
                       NULL))
            break;
    free(line);
    (void)fclose(f);
    return ret;
}

uint64_t process_start_unix_ns(void)
{
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    char buf[FILE_MAX];
    uint64_t fields[STAT_FIELDS], boot = boot_time(), ret = 0;
    struct slice text;

    if (boot > 0 && read_whole(fd, buf, &text) && parse_stat(text, fields))
        ret =
            boot * NS_PER_SEC + fields[STAT_START] * (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
    if (fd >= 0)
        (void)close(fd);
    return ret;
}

struct process_metrics *process_metrics_new(struct registry *r, struct shard *s)
{
    struct process_metrics *p = must_calloc(1, sizeof(*p));
    uint64_t rx, tx;

    p->registry = r;
    p->shard = s;
    p->stat_fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    p->netstat_fd = open("/proc/self/net/netstat", O_RDONLY | O_CLOEXEC);
    p->snmp6_fd = open("/proc/self/net/snmp6", O_RDONLY | O_CLOEXEC);
    p->fds = opendir("/proc/self/fd");
    p->cpu = series_plain(r, METRIC_PROCESS_CPU);
    p->open_fds = series_plain(r, METRIC_PROCESS_OPEN_FDS);
    p->max_fds = series_plain(r, METRIC_PROCESS_MAX_FDS);
    p->virt = series_plain(r, METRIC_PROCESS_VIRTUAL);
    p->virt_max = series_plain(r, METRIC_PROCESS_VIRTUAL_MAX);
    p->resident = series_plain(r, METRIC_PROCESS_RESIDENT);
    p->threads = series_plain(r, METRIC_PROCESS_THREADS);
    metric_set(s, series_plain(r, METRIC_PROCESS_START), (int64_t)process_start_unix_ns());
    if (read_network(p, &rx, &tx)) { /* a sandbox may hide it: then there are no such series */
        p->rx = series_plain(r, METRIC_PROCESS_NET_RX);
        p->tx = series_plain(r, METRIC_PROCESS_NET_TX);
    } else if (p->netstat_fd >= 0) {
        (void)close(p->netstat_fd);
        p->netstat_fd = -1;
    }
    registry_on_collect(r, collect, p);
    return p;
}

void process_metrics_free(struct process_metrics *p)
{
    if (p == NULL)
        return;
    if (p->stat_fd >= 0)
        (void)close(p->stat_fd);
    if (p->netstat_fd >= 0)
        (void)close(p->netstat_fd);
    if (p->snmp6_fd >= 0)
        (void)close(p->snmp6_fd);
    if (p->fds != NULL)
        (void)closedir(p->fds);
    free(p);
}
