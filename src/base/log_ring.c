/* SPDX-License-Identifier: MIT */
/*
 * The ring. head and the waker's state form a handshake (Dekker): the producer publishes head, then
 * reads the state; the writer announces its rest, then reads head. All four are sequentially
 * consistent, so at least one of them sees the other.
 */
#include "base/log_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MASK = LOG_RING_SIZE - 1, HALF = LOG_RING_SIZE / 2 };
_Static_assert((LOG_RING_SIZE & MASK) == 0, "an offset is chosen by a mask");
_Static_assert(LOG_LINE_MAX <= LOG_RING_SIZE, "a line fits the ring");

/* LOG_RING_SIZE bytes of memory, twice in a row. */
static bool map_twice(int fd, char **ret)
{
    const int prot = PROT_READ | PROT_WRITE;
    char *base =
        mmap(NULL, 2 * (size_t)LOG_RING_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED)
        return false;
    for (size_t i = 0; i < 2; i++) {
        char *at = base + i * LOG_RING_SIZE;

        if (mmap(at, LOG_RING_SIZE, prot, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
            (void)munmap(base, 2 * (size_t)LOG_RING_SIZE);
            return false;
        }
    }
    *ret = base;
    return true;
}

bool log_ring_open(struct log_waker *waker, struct log_ring **ret, struct err *err)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    char *base = NULL;

    if (fd < 0 || ftruncate(fd, LOG_RING_SIZE) != 0 || !map_twice(fd, &base)) {
        (void)err_set_errno(err, errno, "cannot make a buffer for the log");
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    (void)close(fd); /* the mappings keep the memory */
    struct log_ring *ring = aligned_alloc(CACHE_LINE, sizeof(*ring));
    MUST(ring != NULL);
    memset(ring, 0, sizeof(*ring));
    ring->base = base;
    ring->waker = waker;
    *ret = ring;
    return true;
}

void log_ring_close(struct log_ring *ring)
{
    if (ring == NULL)
        return;
    (void)munmap(ring->base, 2 * (size_t)LOG_RING_SIZE);
    free(ring);
}

/* A counter with one writer: a plain add, without a lock prefix. */
static void count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t v = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, v + n, memory_order_relaxed);
}

char *log_write_start(struct log_ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    if (head - ring->tail_seen > LOG_RING_SIZE - LOG_LINE_MAX) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head - ring->tail_seen > LOG_RING_SIZE - LOG_LINE_MAX) {
            count(&ring->dropped, 1);
            return NULL;
        }
    }
    return ring->base + (head & MASK);
}

char *log_write_ts(struct log_ring *ring, char *dst, uint64_t unix_ms)
{
    return fmt_ts_memo(dst, unix_ms, &ring->second);
}

static void wake_if_half_full(struct log_ring *ring, uint64_t head)
{
    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (head - ring->tail_seen > HALF)
        log_waker_wake(ring->waker);
}

void log_write_commit(struct log_ring *ring, const char *end)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t n = (size_t)(end - (ring->base + (head & MASK)));

    MUST(n > 0 && n <= LOG_LINE_MAX && end[-1] == '\n');
    head += n;
    count(&ring->lines, 1);
    atomic_store(&ring->head, head);
    int state = atomic_load(&ring->waker->state);
    if (state == LOG_ASLEEP)
        log_waker_wake(ring->waker);
    else if (state == LOG_NAPPING && head - ring->tail_seen > HALF)
        wake_if_half_full(ring, head);
}

void log_waker_wake(struct log_waker *waker)
{
    const uint64_t one = 1;

    /* Of several producers that see it resting, one writes. */
    if (atomic_exchange(&waker->state, LOG_AWAKE) == LOG_AWAKE)
        return;
    ssize_t n = write(waker->fd, &one, sizeof(one));
    MUST(n == sizeof(one) || errno == EAGAIN); /* full: it is awake for sure */
}

struct slice log_ring_peek(const struct log_ring *ring)
{
    uint64_t head = atomic_load(&ring->head);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    return (struct slice){ring->base + (tail & MASK), (size_t)(head - tail)};
}

void log_ring_skip(struct log_ring *ring, size_t n, uint64_t lost)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    count(&ring->lost, lost);
    atomic_store_explicit(&ring->tail, tail + n, memory_order_release);
}
