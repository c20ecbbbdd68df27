/* SPDX-License-Identifier: MIT */
/* process_*, compared with what the process knows about itself by other ways. */
#include "base/clock.h"
#include "base/parse.h"
#include "metrics/exposition.h"
#include "metrics/metrics.h"
#include "tests/unit/metrics/page.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    struct registry *r;
    struct process_metrics *p;
    struct buf page;
};

static void setup(struct fixture *f)
{
    f->r = registry_new(metric_table, METRIC_FAMILIES,
                        &(struct registry_options){1, METRICS_MAX_SAMPLES});
    f->p = process_metrics_new(f->r, registry_shard(f->r, 0));
    f->page = (struct buf)BUF_INIT;
}

static void teardown(struct fixture *f)
{
    process_metrics_free(f->p);
    registry_free(f->r);
    buf_release(&f->page);
}

/* Renders a page and finds a value on it. */
static struct slice value(struct fixture *f, const char *name)
{
    struct page_line line = {.value = SLICE_NONE};
    bool bad = false;

    buf_clear(&f->page);
    exposition_render(f->r, EXPOSITION_OPENMETRICS, NULL, &f->page);
    for (struct slice rest = {f->page.data, f->page.len}; page_next(&rest, &line, &bad);)
        if (slice_eq(line.name, slice_str(name)))
            return line.value;
    fail_msg("no %s", name);
    return SLICE_NONE;
}

static int64_t nano(struct fixture *f, const char *name)
{
    return page_nano(value(f, name));
}

static int64_t whole(struct fixture *f, const char *name)
{
    struct slice s = value(f, name);
    uint64_t v = 0;

    if (slice_eq(s, SLICE_LIT("-1")))
        return -1;
    assert_true(parse_u64(s, 0, INT64_MAX, &v, NULL));
    return (int64_t)v;
}

TEST(open_descriptors_are_counted)
{
    struct fixture f;

    setup(&f);
    int64_t before = whole(&f, "process_open_fds");
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && before >= 3);
    assert_int_equal(whole(&f, "process_open_fds"), before + 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(whole(&f, "process_open_fds"), before);
    teardown(&f);
}

TEST(limits_are_those_of_the_process_and_none_is_minus_1)
{
    struct fixture f;
    struct rlimit files, old, memory;

    setup(&f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(whole(&f, "process_max_fds"), (int64_t)files.rlim_cur);
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
    assert_int_equal(whole(&f, "process_virtual_memory_max_bytes"),
                     old.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)old.rlim_cur);
    memory = (struct rlimit){UINT64_C(1) << 46, old.rlim_max}; /* more than a sanitizer maps */
    assert_int_equal(setrlimit(RLIMIT_AS, &memory), 0);
    assert_int_equal(whole(&f, "process_virtual_memory_max_bytes"), INT64_C(1) << 46);
    assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
    teardown(&f);
}

TEST(memory_that_is_mapped_and_touched_shows)
{
    enum { SIZE = 64 << 20 };
    struct fixture f;

    setup(&f);
    int64_t virt = whole(&f, "process_virtual_memory_bytes");
    int64_t resident = whole(&f, "process_resident_memory_bytes");
    assert_true(resident > 0 && virt > resident);
    char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    memset(p, 1, SIZE);
    assert_true(whole(&f, "process_virtual_memory_bytes") >= virt + SIZE);
    assert_true(whole(&f, "process_resident_memory_bytes") >= resident + SIZE - SIZE / 10);
    assert_int_equal(munmap(p, SIZE), 0);
    teardown(&f);
}

static void *wait_for_end(void *arg)
{
    char c;

    return read(*(int *)arg, &c, 1) == 0 ? arg : NULL;
}

/*
 * A thread that has been joined may still count for a moment, so nothing ends here before it was
 * counted.
 */
TEST(threads_are_counted)
{
    struct fixture f;
    pthread_t first, second;
    int fds[2];

    setup(&f);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    /* ThreadSanitizer starts a thread of its own with the first. */
    assert_int_equal(pthread_create(&first, NULL, wait_for_end, &fds[0]), 0);
    int64_t before = whole(&f, "process_threads");
    assert_true(before >= 2);
    assert_int_equal(pthread_create(&second, NULL, wait_for_end, &fds[0]), 0);
    assert_int_equal(whole(&f, "process_threads"), before + 1);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(pthread_join(first, NULL), 0);
    assert_int_equal(pthread_join(second, NULL), 0);
    assert_int_equal(close(fds[0]), 0);
    teardown(&f);
}

TEST(cpu_time_grows_with_work_and_never_falls)
{
    struct fixture f;
    int64_t last;

    setup(&f);
    last = nano(&f, "process_cpu_seconds_total");
    assert_true(last > 0);
    for (int i = 0; i < 20; i++) { /* rendering is the work */
        int64_t now = nano(&f, "process_cpu_seconds_total");

        assert_true(now > last);
        last = now;
    }
    teardown(&f);
}

TEST(the_start_is_that_of_this_process_and_no_other)
{
    struct fixture f;
    uint64_t before = clock_wall_ns(), start = 0;
    int fds[2];

    setup(&f);
    assert_int_equal(nano(&f, "process_start_time_seconds"), process_start_unix_ns());
    assert_true(process_start_unix_ns() < before + NS_PER_SEC);
    teardown(&f);
    /*
     * A child starts now. The kernel tells the boot time in whole seconds, the start in hundredths.
     */
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        start = process_start_unix_ns();
        _exit(write(fds[1], &start, sizeof(start)) == sizeof(start) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(read(fds[0], &start, sizeof(start)), sizeof(start));
    assert_true(start + NS_PER_SEC + NS_PER_SEC / 50 > before);
    assert_true(start < clock_wall_ns() + NS_PER_SEC);
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(close(fds[1]), 0);
}

/* One datagram of 1000 bytes to ourselves. */
static bool send_to_self(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *sa = (struct sockaddr *)&sin;
    socklen_t len = sizeof(sin);
    char data[1000] = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    bool ok = fd >= 0 && bind(fd, sa, len) == 0 && getsockname(fd, sa, &len) == 0 &&
              sendto(fd, data, sizeof(data), 0, sa, len) == 1000 &&
              recv(fd, data, sizeof(data), 0) == 1000;
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

TEST(bytes_over_loopback_are_counted)
{
    struct fixture f;
    int64_t rx, tx;

    setup(&f);
    if (registry_series(f.r, METRIC_PROCESS_NET_RX) == 0 || !send_to_self()) {
        print_message("skipped: /proc/self/net or the loopback interface is hidden here\n");
        teardown(&f);
        return;
    }
    rx = whole(&f, "process_network_receive_bytes_total");
    tx = whole(&f, "process_network_transmit_bytes_total");
    assert_true(send_to_self());
    assert_true(whole(&f, "process_network_receive_bytes_total") >= rx + 1000);
    assert_true(whole(&f, "process_network_transmit_bytes_total") >= tx + 1000);
    teardown(&f);
}

TEST(values_are_still_right_when_descriptors_have_run_out)
{
    struct fixture f;
    struct rlimit old, low;

    setup(&f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){3, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), -1);
    assert_int_equal(errno, EMFILE);
    assert_true(whole(&f, "process_open_fds") >= 3);
    assert_int_equal(whole(&f, "process_max_fds"), 3);
    assert_true(whole(&f, "process_resident_memory_bytes") > 0);
    assert_true(whole(&f, "process_threads") > 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    teardown(&f);
    process_metrics_free(NULL);
}

RUN_TESTS(T(open_descriptors_are_counted),
          T(limits_are_those_of_the_process_and_none_is_minus_1),
          T(memory_that_is_mapped_and_touched_shows),
          T(threads_are_counted),
          T(cpu_time_grows_with_work_and_never_falls),
          T(the_start_is_that_of_this_process_and_no_other),
          T(bytes_over_loopback_are_counted),
          T(values_are_still_right_when_descriptors_have_run_out))
