/* SPDX-License-Identifier: MIT */
/*
 * Memory that runs out at will: preload/memory.c in front of malloc, built into the test's directory. And what a server
 * takes up.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_MEMORY_H
#define SIDELIGHT_TESTS_FAULTS_MEMORY_H

#include "tests/e2e/lib/server.h"
#include "tests/faults/preload/memory.h"

/* False with a variant that brings a malloc of its own. */
bool memory_is_ours(void);

struct memory;
struct memory *memory_watch(struct fixture *f);
/* What a server to be watched needs in its environment, ends in NULL. */
const char *const *memory_env(const struct memory *m);

/* Of these callers, the k-th call from now will fail, and no other. 0: none. */
void memory_fail(struct memory *m, enum memory_caller who, uint64_t k);
/* None will fail any more; true when one has since memory_fail. */
bool memory_failed(struct memory *m);
/* Who asked for it then: "/lib/.../libx.so+00001234", where addr2line looks; the program is "+00001234". */
const char *memory_where(const struct memory *m);
/* Calls since the start. */
uint64_t memory_calls(const struct memory *m, enum memory_caller who, enum memory_thread thread);

/* Resident memory in KiB, as exactly as this user may read it. */
uint64_t memory_resident_kib(const struct server *s);

#endif
