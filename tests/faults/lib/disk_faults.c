/* SPDX-License-Identifier: MIT */
/* Builds the library once a test; the page of switches is a file in the test's directory. */
#include "tests/faults/lib/disk_faults.h"

#include "tests/e2e/lib/preload.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

struct disk {
    struct fixture *f;
    const char *path;
    struct disk_control *control;
};

static void unmap(void *arg)
{
    struct disk *d = arg;

    (void)munmap(d->control, sizeof(*d->control));
}

/* A failed test must not leave its server on a broken one. */
static void mend(void *arg)
{
    disk_mend(arg);
}

struct disk *disk_new(struct fixture *f)
{
    struct disk *d = keep(f, sizeof(*d));
    void *page;
    int fd;

    d->f = f;
    d->path = in_dir(f, "disk.control");
    fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, sizeof(*d->control)), 0);
    page = mmap(NULL, sizeof(*d->control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(page != MAP_FAILED);
    (void)close(fd);
    d->control = page;
    at_end(f, unmap, d);
    return d;
}

const char *const *disk_env(struct fixture *f, const struct disk *d)
{
    return preload_env(f, preload_build(f, "disk.so", "tests/faults/preload/disk.c"),
                       ARGS(textf(f, DISK_CONTROL "=%s", d->path)));
}

struct server *disk_server_start(struct fixture *f, const char *const *sets, struct disk *d)
{
    struct server *s =
        server_start_with(f, &(struct server_options){.sets = sets, .env = disk_env(f, d)});

    at_end(f, mend, d);
    return s;
}

void disk_break(struct disk *d, const struct disk_break *how)
{
    struct disk_fault *fault = &d->control->faults[how->call];

    fault->left = 0;
    fault->skip = how->skip;
    fault->every = how->every != 0 ? how->every : 1;
    fault->files = how->files != 0 ? how->files : DISK_ANY;
    fault->error = how->error;
    fault->left = how->n != 0 ? how->n : INT32_MAX;
}

void disk_mend(struct disk *d)
{
    for (size_t i = 0; i < DISK_CALLS; i++)
        d->control->faults[i].left = 0;
}

uint64_t disk_injected(const struct disk *d, enum disk_call call)
{
    return d->control->faults[call].injected;
}

uint64_t disk_injected_in_all(const struct disk *d)
{
    uint64_t n = 0;

    for (size_t i = 0; i < DISK_CALLS; i++)
        n += disk_injected(d, (enum disk_call)i);
    return n;
}

bool disk_is_sound(const struct disk *d)
{
    bool sound = true;

    for (size_t i = 0; i < DISK_CALLS; i++)
        sound = sound && d->control->faults[i].left == 0;
    return sound;
}

void disk_remember(struct disk *d)
{
    d->control->keep_synced = 1;
}

/* What was never synced was never there. */
static void put_back(struct disk *d, const char *name, const char *file)
{
    const char *synced = textf(d->f, "%s.%s", d->path, name);

    if (access(synced, F_OK) != 0)
        (void)unlink(file);
    else
        assert_int_equal(run(d->f, ARGS("cp", synced, file), NULL)->status, 0);
}

void disk_cut_power(struct disk *d, const struct server *s)
{
    MUST(s->pid == 0);
    put_back(d, "file", s->store);
    put_back(d, "wal", textf(d->f, "%s-wal", s->store));
    (void)unlink(textf(d->f, "%s-shm", s->store));
}
