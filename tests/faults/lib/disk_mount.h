/* SPDX-License-Identifier: MIT */
/*
 * File systems of a test's own, in a mount namespace of its own: small, full, read-only. All end with the test, and none is
 * seen by anybody else.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_DISK_MOUNT_H
#define SIDELIGHT_TESTS_FAULTS_DISK_MOUNT_H

#include "tests/e2e/lib/fixture.h"

/* Takes this process and its children into a namespace, once. False when it may not; the reason is printed, for skip(). */
MUST_CHECK bool mounts_begin(void);

/* A tmpfs of `kib` KiB in the test's directory; its path. */
const char *mount_tmpfs(struct fixture *f, const char *name, unsigned kib);
void mount_resize(const char *dir, unsigned kib);

/*
 * An ext4 file system in the file `image`, of `kib` KiB, on a loop device; `mkfs` and `options` are for mkfs.ext4 -O and mount -o.
 * NULL when this machine can't; the reason is printed.
 */
struct ext4 {
    const char *name, *image;
    unsigned kib;
    const char *mkfs, *options;
};
const char *mount_ext4(struct fixture *f, const struct ext4 *fs);
/* Off and on again, so that what was only in memory is gone. Nobody may use it. */
void mount_ext4_again(struct fixture *f, const struct ext4 *fs);
/* As if the file system had found an error in itself: with errors=remount-ro it is read-only from now on. */
void mount_ext4_break(struct fixture *f, const char *dir);

/* The same directory, laid over itself read-only: whoever opens a file there finds it so. And off again. */
void mount_read_only(const char *dir);
void mount_writable(const char *dir);

/* Takes the room that is left on its disk, again and again if need be; and gives it all back. */
void mount_fill(struct fixture *f, const char *dir);
void mount_free(struct fixture *f, const char *dir);

#endif
