/* SPDX-License-Identifier: MIT */
/* Wires together what disk_*.c has. */
#include "tests/faults/lib/disk_scene.h"

#include "tests/e2e/lib/disk.h"
#include "tests/faults/lib/disk_mount.h"

enum { PEOPLE = 6, PAUSE_MS = 5 };

static struct server *start_server(struct scene *t, const struct scene_options *opt)
{
    const char *path = t->dir != NULL ? textf(t->f, "store.path=%s/sidelight.db", t->dir) : NULL;
    const char *const *sets = SETS("contact.rate=off", path);

    if (opt->stalls)
        return server_start_on_disk(t->f, sets);
    if (!opt->faulty && !opt->remembers)
        return server_start(t->f, sets);
    t->d = disk_new(t->f);
    if (opt->remembers)
        disk_remember(t->d);
    return disk_server_start(t->f, sets, t->d);
}

struct scene scene_start(struct fixture *f, const struct scene_options *opt)
{
    struct scene t = {.f = f, .dir = opt->dir};
    unsigned pause_ms = opt->pause_ms < 0 ? 0 : (unsigned)opt->pause_ms;

    if (opt->tmpfs_kib != 0) {
        if (!mounts_begin())
            skip();
        t.dir = mount_tmpfs(f, "disk", opt->tmpfs_kib);
    }
    t.s = start_server(&t, opt);
    t.c = people_start(t.s, PEOPLE, opt->pause_ms != 0 ? pause_ms : PAUSE_MS);
    return t;
}

void scene_outage_begin(struct scene *t, uint64_t n)
{
    assert_store_down(t->s);
    people_outage(t->c, true);
    people_await_refused(t->c, n);
}

void scene_outage_end(struct scene *t)
{
    assert_store_down(t->s);
    people_outage(t->c, false);
}

void scene_server_again(struct scene *t)
{
    server_again(t->s);
    people_server_back(t->c, t->s);
}

size_t scene_await_all_logged(struct scene *t, uint64_t n)
{
    people_await(t->c, n);
    return assert_outages_logged(t->s);
}
