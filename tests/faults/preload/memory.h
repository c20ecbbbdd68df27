/* SPDX-License-Identifier: MIT */
/* What preload/memory.c and the test that preloads it share: a file that both have mapped. */
#ifndef SIDELIGHT_TESTS_FAULTS_PRELOAD_MEMORY_H
#define SIDELIGHT_TESTS_FAULTS_PRELOAD_MEMORY_H

#include <stdatomic.h>
#include <stdint.h>

enum memory_caller {
    MEMORY_OWN,       /* the program: its own code, by the return address */
    MEMORY_LIBRARIES, /* any other library, the C library too, on whosever behalf */
    /* libseccomp 2.5.4, which crashes without memory or loads a list that lacks calls: nothing to promise */
    MEMORY_SECCOMP,
    MEMORY_CALLERS,
};

enum memory_thread {
    MEMORY_MAIN,   /* the process's first one */
    MEMORY_OTHERS, /* in a server: those that serve and store */
    MEMORY_THREADS,
};

enum { MEMORY_WHERE_MAX = 128 };

struct memory_control {
    /* of malloc and its kin, since the start */
    _Atomic uint64_t calls[MEMORY_CALLERS][MEMORY_THREADS];
    _Atomic int64_t left[MEMORY_CALLERS]; /* > 0: the call that makes it 0 fails */
    _Atomic uint64_t failed;              /* calls that were made to fail */
    char where[MEMORY_WHERE_MAX];         /* the last of them: who called, as file+offset */
};

#endif
