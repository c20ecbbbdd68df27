/* SPDX-License-Identifier: MIT */
/*
 * What a test and the library in front of its server's disk share: a page of switches and counts, mapped by both.
 *
 * A fault is armed by setting `left` last. Calls on other files than the store's pass untouched.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_PRELOAD_DISK_H
#define SIDELIGHT_TESTS_FAULTS_PRELOAD_DISK_H

#include <stdint.h>

/* Where the shim finds the page: the name of a file of sizeof(struct disk_control). */
#define DISK_CONTROL "DISK_CONTROL"

enum disk_call {
    DISK_SYNC,     /* fsync, fdatasync; also of the directory */
    DISK_WRITE,    /* write, pwrite */
    DISK_READ,     /* read, pread */
    DISK_OPEN,     /* open, for reading or for writing */
    DISK_TRUNCATE, /* ftruncate */
    DISK_CALLS
};

enum disk_files {
    DISK_DATABASE = 1 << 0, /* the file itself */
    DISK_LOG = 1 << 1,      /* its -wal */
    DISK_INDEX = 1 << 2,    /* its -shm */
    DISK_DIRECTORY = 1 << 3,
    DISK_ANY = DISK_DATABASE | DISK_LOG | DISK_INDEX | DISK_DIRECTORY
};

struct disk_fault {
    _Atomic int32_t left;  /* calls that still fail; 0: none */
    _Atomic int32_t skip;  /* calls that pass before the first one that fails */
    _Atomic int32_t every; /* of those that follow, each so many-th fails; 1: all */
    _Atomic int32_t files; /* a set of enum disk_files */
    /*
     * errno; 0: no error, but half of what was to be read or written. DISK_TORN | errno: half, and
     * the error when the rest is tried.
     */
    _Atomic int32_t error;
    _Atomic uint64_t calls;    /* on those files */
    _Atomic uint64_t injected; /* of them, those that were made to fail */
};
enum { DISK_TORN = 1 << 16 };

struct disk_control {
    struct disk_fault faults[DISK_CALLS];
    /*
     * Not 0: DISK_CONTROL's name with ".file" and ".wal" at the end are the file and its log as a disk has them that
     * keeps nothing but what was synced. (SQLite writes to both by pwrite only, from one thread.)
     */
    _Atomic int32_t keep_synced;
};

#endif
