/* SPDX-License-Identifier: MIT */
/*
 * What a test of the store's faults begins with: a server without limits per client, on a disk of
 * the test's choice, and six people who send. And the two acts that such tests share: an outage
 * while they send, and the end of the server. Main thread.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_DISK_SCENE_H
#define SIDELIGHT_TESTS_FAULTS_DISK_SCENE_H

#include "tests/faults/lib/disk_faults.h"
#include "tests/faults/lib/disk_outage.h"
#include "tests/faults/lib/disk_people.h"

enum { SCENE_NO_PAUSE = -1 };

struct scene_options {
    bool faulty;     /* on a disk that fails as told */
    bool remembers;  /* the same, and its power can be cut */
    bool stalls;     /* on a disk whose syncs wait as told: tests/e2e/lib/disk.h */
    const char *dir; /* where the store is; NULL: in the test's directory */
    /* Not 0: on a tmpfs of this size; where it can't be mounted the test is skipped. */
    unsigned tmpfs_kib;
    int pause_ms; /* of a sender between two messages; 0: 5 */
};

struct scene {
    struct fixture *f;
    const char *dir; /* where the store is, when that was said */
    struct disk *d;  /* NULL: one that does not fail */
    struct server *s;
    struct people *c;
};

struct scene scene_start(struct fixture *f, const struct scene_options *opt);
#define SCENE(f, ...) scene_start(f, &(struct scene_options){__VA_ARGS__})

/*
 * The disk fails already: waits until the store is out of service, and `n` more messages were
 * refused. From here to the end no message may be acknowledged; the end is before the disk is
 * mended.
 */
void scene_outage_begin(struct scene *t, uint64_t n);
void scene_outage_end(struct scene *t);

/* A server that was ended, again; people find it. They were told with people_server_gone. */
void scene_server_again(struct scene *t);

/* `n` more are acknowledged, and each outage is in the log. How many outages. */
size_t scene_await_all_logged(struct scene *t, uint64_t n);

#endif
