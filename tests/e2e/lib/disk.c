/* SPDX-License-Identifier: MIT */
/* Builds the library once a test and turns its switches. */
#include "tests/e2e/lib/disk.h"

#include "tests/e2e/lib/clock.h"
#include "tests/e2e/lib/preload.h"

#include <unistd.h>

static void turn(struct fixture *f, const char *name, bool on)
{
    const char *path = in_dir(f, name);

    if (on)
        write_file(path, "");
    else
        (void)unlink(path);
}

void disk_hold(struct fixture *f, bool on)
{
    if (on)
        turn(f, "waiting", false);
    turn(f, "hold", on);
}

void disk_fail(struct fixture *f, bool on)
{
    turn(f, "fail", on);
}

bool disk_waits(struct fixture *f)
{
    return access(in_dir(f, "waiting"), F_OK) == 0;
}

/* A failed test must not leave the server in a sync that never ends. */
static void release(void *arg)
{
    disk_hold(arg, false);
    disk_fail(arg, false);
}

const char *disk_library(struct fixture *f)
{
    return preload_build(f, "sync.so", "tests/e2e/preload/sync.c");
}

static struct server *start(struct fixture *f,
                            const char *const *sets,
                            const char *libraries,
                            const char *more)
{
    const char *control = textf(f, "SYNC_CONTROL=%s", fixture_dir(f));
    const char *const *env = preload_env(f, libraries, ARGS(control, more));
    struct server *s = server_start_with(f, &(struct server_options){.sets = sets, .env = env});

    at_end(f, release, f);
    return s;
}

struct server *server_start_on_disk(struct fixture *f, const char *const *sets)
{
    return start(f, sets, disk_library(f), NULL);
}

struct server *server_start_on_disk_with_clock(struct fixture *f, const char *const *sets)
{
    const char *both = textf(f, "%s:%s", disk_library(f), clock_library(f));

    return start(f, sets, both, clock_control(f));
}
