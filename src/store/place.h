/* SPDX-License-Identifier: MIT */
/*
 * Where a store may lie. Private to store/.
 */
#ifndef SIDELIGHT_STORE_PLACE_H
#define SIDELIGHT_STORE_PLACE_H

#include "base/err.h"

#include <limits.h>

/*
 * Makes the missing directories of `path` (0700, synced). Refuses a network file system, a path
 * that is too long, a `path` that is a symbolic link or has hard links (one database would have two
 * locks) or is not a regular file, and what place_side_files does. The file need not be there.
 */
MUST_CHECK bool place_prepare(const char *path, struct err *err);

/*
 * Refuses a FIFO or whatever is no regular file under a name that SQLite opens beside `path`: it
 * would wait in open(2).
 */
MUST_CHECK bool place_side_files(const char *path, struct err *err);

/*
 * `ret` becomes the directory that `path` is in: "." without a slash. Refuses what does not name a
 * file, or too long.
 */
MUST_CHECK bool place_directory(const char *path, char ret[PATH_MAX], struct err *err);
/* So that a name made in it lives through a power cut. */
MUST_CHECK bool place_sync(const char *directory, struct err *err);

/*
 * The name of the file system with this statfs f_type (statfs(2), linux/magic.h) when it is
 * refused, else NULL.
 *
 * Refused: NFS, SMB/CIFS, AFS, Coda, Ceph, 9p, FUSE, Lustre, GFS2, OCFS2, GPFS, BeeGFS, and the
 * shared folders of VirtualBox and VMware. 9p (WSL's /mnt/c, virtual machines) and FUSE (sshfs,
 * s3fs, a desktop Docker's bind mounts, but also NTFS and mergerfs) can be local; what syncs, locks
 * and shared mappings mean there is up to a program that can't be asked, so they are refused too.
 */
const char *place_refused(uint64_t f_type);

#endif
