/* SPDX-License-Identifier: MIT */
/* Builds the library once a test, shares a file with it, and reads /proc. */
#include "tests/faults/lib/memory.h"

#include "tests/e2e/lib/preload.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct memory {
    struct memory_control *control;
    const char *env[3];
};

bool memory_is_ours(void)
{
    const char *variant = environment("SIDELIGHT_VARIANT");

    return variant == NULL || strcmp(variant, "dev") == 0 || strcmp(variant, "cov") == 0;
}

static void unmap(void *arg)
{
    struct memory *m = arg;

    (void)munmap(m->control, sizeof(*m->control));
}

struct memory *memory_watch(struct fixture *f)
{
    const char *path = in_dir(f, "memory.control");
    struct memory *m = keep(f, sizeof(*m));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, sizeof(*m->control)), 0);
    m->control = mmap(NULL, sizeof(*m->control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(m->control, MAP_FAILED);
    (void)close(fd);
    at_end(f, unmap, m);
    m->env[0] =
        textf(f, "LD_PRELOAD=%s", preload_build(f, "memory.so", "tests/faults/preload/memory.c"));
    m->env[1] = textf(f, "MEMORY_CONTROL=%s", path);
    return m;
}

const char *const *memory_env(const struct memory *m)
{
    return m->env;
}

void memory_fail(struct memory *m, enum memory_caller who, uint64_t k)
{
    atomic_store(&m->control->failed, 0);
    atomic_store(&m->control->left[who], (int64_t)k);
}

bool memory_failed(struct memory *m)
{
    for (unsigned i = 0; i < MEMORY_CALLERS; i++)
        atomic_store(&m->control->left[i], 0);
    return atomic_load(&m->control->failed) > 0;
}

const char *memory_where(const struct memory *m)
{
    return m->control->where;
}

uint64_t memory_calls(const struct memory *m, enum memory_caller who, enum memory_thread thread)
{
    return atomic_load(&m->control->calls[who][thread]);
}

/*
 * smaps_rollup is exact, but only for who may debug the process; the kernel keeps the number in statm per CPU, up to some
 * hundred KiB off.
 */
uint64_t memory_resident_kib(const struct server *s)
{
    struct buf b = BUF_INIT;
    char path[64];
    const char *line;
    uint64_t kib = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)s->pid);
    read_into(path, &b);
    line = strstr(b.data, "\nRss:");
    if (line != NULL) {
        kib = strtoull(line + strlen("\nRss:"), NULL, 10);
    } else {
        (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)s->pid);
        read_into(path, &b);
        line = strchr(b.data, ' ');
        if (line != NULL)
            kib = strtoull(line, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
    }
    buf_release(&b);
    assert_true(kib > 0);
    return kib;
}
