/* SPDX-License-Identifier: MIT */
/* Builds the library once a test and turns its switches. */
#include "tests/e2e/lib/disk.h"

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
    const char *library = in_dir(f, "sync.so");

    assert_int_equal(run(f,
                         ARGS("cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library,
                              "tests/e2e/preload/sync.c"),
                         NULL)
                         ->status,
                     0);
    return library;
}

struct server *server_start_on_disk(struct fixture *f, const char *const *sets)
{
    const char *asan = environment("ASAN_OPTIONS");
    const char **env = keep(f, 4 * sizeof(*env));
    struct server *s;

    env[0] = textf(f, "LD_PRELOAD=%s", disk_library(f));
    env[1] = textf(f, "SYNC_CONTROL=%s", fixture_dir(f));
    /* The library must come before the sanitizer's, which complains about that. */
    env[2] = textf(f, "ASAN_OPTIONS=%s%sverify_asan_link_order=0", asan != NULL ? asan : "",
                   asan != NULL ? ":" : "");
    s = server_start_with(f, &(struct server_options){.sets = sets, .env = env});
    at_end(f, release, f);
    return s;
}
