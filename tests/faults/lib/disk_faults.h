/* SPDX-License-Identifier: MIT */
/*
 * A disk that fails as told, under the real server: preload/disk.c, turned from the test. Main
 * thread only.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_DISK_FAULTS_H
#define SIDELIGHT_TESTS_FAULTS_DISK_FAULTS_H

#include "tests/e2e/lib/server.h"
#include "tests/faults/preload/disk.h"

struct disk;

/* A disk without faults, for one server. */
struct disk *disk_new(struct fixture *f);
/* NAME=VALUE each, for a server that is to run on it; ends in NULL. */
const char *const *disk_env(struct fixture *f, const struct disk *d);
/* Such a server. At the end of the test the disk is mended first. */
struct server *disk_server_start(struct fixture *f, const char *const *sets, struct disk *d);

struct disk_break {
    enum disk_call call;
    int error; /* errno, 0 or DISK_TORN | errno: see struct disk_fault */
    int32_t n; /* calls that fail; 0: all until disk_mend */
    int32_t skip;
    int32_t every; /* 0: 1 */
    int32_t files; /* 0: DISK_ANY */
};
/* Replaces what was told before about this kind of call. */
void disk_break(struct disk *d, const struct disk_break *how);
#define DISK_BREAK(d, ...) disk_break(d, &(struct disk_break){__VA_ARGS__})
void disk_mend(struct disk *d); /* of all calls */

/*
 * From here on the disk remembers what was synced. And a power cut: the store's files become what
 * they were when each was synced last, so whatever was only written is gone. The server was killed
 * before.
 */
void disk_remember(struct disk *d);
void disk_cut_power(struct disk *d, const struct server *s);

/* Calls that were made to fail, since the start. */
uint64_t disk_injected(const struct disk *d, enum disk_call call);
uint64_t disk_injected_in_all(const struct disk *d);
/* None of them will fail any more: those told to have done so. */
bool disk_is_sound(const struct disk *d);

#endif
