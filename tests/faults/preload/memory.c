/* SPDX-License-Identifier: MIT */
/*
 * Stands in front of malloc and its kin by LD_PRELOAD: counts who calls, and lets a chosen call fail. The file
 * MEMORY_CONTROL holds a struct memory_control; it is mapped before main, so a sandbox does not mind.
 * Built by lib/memory.c. For glibc, whose own functions have other names, too.
 */
#include "tests/faults/preload/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* NOLINTBEGIN(bugprone-reserved-identifier): these are its names */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
/* NOLINTEND(bugprone-reserved-identifier) */

enum { OBJECTS_MAX = 32 };

/* All of it is written once, before main. The first object is the program. */
static struct memory_control *control;
static struct object {
    uintptr_t base, start, end;
    const char *name;
} objects[OBJECTS_MAX];
static size_t n_objects;

static int add_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct object *o = &objects[n_objects++];

    (void)size;
    (void)arg;
    *o = (struct object){info->dlpi_addr, UINTPTR_MAX, 0, info->dlpi_name};
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + h->p_vaddr;

        if (h->p_type != PT_LOAD)
            continue;
        o->start = at < o->start ? at : o->start;
        o->end = at + h->p_memsz > o->end ? at + h->p_memsz : o->end;
    }
    return n_objects == OBJECTS_MAX;
}

/* NULL for what was loaded since. */
static const struct object *object_of(uintptr_t at)
{
    for (size_t i = 0; i < n_objects; i++)
        if (at >= objects[i].start && at < objects[i].end)
            return &objects[i];
    return NULL;
}

__attribute__((constructor)) static void map_control(void)
{
    const char *path = getenv("MEMORY_CONTROL"); /* NOLINT(concurrency-mt-unsafe): before main */
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p = MAP_FAILED;

    if (fd >= 0)
        p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        abort();
    (void)close(fd);
    (void)dl_iterate_phdr(add_object, NULL);
    control = p;
}

static enum memory_thread this_thread(void)
{
    static __thread enum memory_thread thread = MEMORY_THREADS;

    if (thread == MEMORY_THREADS)
        thread = gettid() == getpid() ? MEMORY_MAIN : MEMORY_OTHERS;
    return thread;
}

static enum memory_caller caller_of(const struct object *o)
{
    if (o == &objects[0])
        return MEMORY_OWN;
    return o != NULL && strstr(o->name, "/libseccomp.") != NULL ? MEMORY_SECCOMP : MEMORY_LIBRARIES;
}

/* No printf: it may ask for memory. */
static void say_where(const struct object *o, uintptr_t at)
{
    static const char digits[] = "0123456789abcdef";
    const char *name = o != NULL ? o->name : "?";
    char *p = control->where, *end = p + sizeof(control->where) - 20;

    at -= o != NULL ? o->base : 0;
    for (; *name != '\0' && p < end; name++)
        *p++ = *name;
    *p++ = '+';
    for (int shift = 28; shift >= 0; shift -= 4)
        *p++ = digits[at >> (unsigned)shift & 15];
    *p = '\0';
}

/* Whether this call, which will return to `caller`, is the one to fail. */
static int fails(const void *caller)
{
    const struct object *o;
    enum memory_caller who;

    if (control == NULL)
        return 0;
    o = object_of((uintptr_t)caller);
    who = caller_of(o);
    atomic_fetch_add(&control->calls[who][this_thread()], 1);
    if (atomic_load(&control->left[who]) <= 0 || atomic_fetch_sub(&control->left[who], 1) != 1)
        return 0;
    say_where(o, (uintptr_t)caller);
    atomic_fetch_add(&control->failed, 1);
    errno = ENOMEM;
    return 1;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's are reserved names */

void *malloc(size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}

void *memalign(size_t alignment, size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **ret, size_t alignment, size_t n)
{
    void *p = fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, n);

    if (p == NULL)
        return ENOMEM;
    *ret = p;
    return 0;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
