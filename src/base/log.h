/* SPDX-License-Identifier: MIT */
/*
 * The log: one JSON object a line, written by a thread of its own from bounded rings, so that a
 * stalled reader of stdout never stalls whoever logs. A line that does not fit its ring is dropped
 * whole and counted.
 *
 * Each event loop has a ring of its own (one producer, no lock): log_ring. Everybody else shares
 * one ring behind a mutex: log_event. Lines of one ring keep their order; between rings `ts` orders
 * them.
 *
 * log_write_start/commit give the caller memory in the ring itself, so that a request's line is
 * formatted once, in place, without a copy.
 */
#ifndef SIDELIGHT_BASE_LOG_H
#define SIDELIGHT_BASE_LOG_H

#include "base/err.h"
#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum {
    LOG_LINE_MAX = 8192, /* bytes of one line; longer fields are cut by whoever writes them */
    /* bytes waiting per ring; what comes when it is full is dropped and counted */
    LOG_RING_SIZE = 256 * 1024,
    LOG_RINGS_MAX = 130,
};

struct log;
struct log_ring;

/* Field of an event. The value of a string is escaped; bytes that are not UTF-8 become U+FFFD. */
struct log_field {
    const char *name;
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_BOOL, LOG_FIELD_NANO } type;
    struct slice str;
    int64_t num;
};
#define LOG_STR(name, s) ((struct log_field){name, LOG_FIELD_STR, slice_str(s), 0})
#define LOG_SLICE(name, s) ((struct log_field){name, LOG_FIELD_STR, s, 0})
#define LOG_INT(name, v) ((struct log_field){name, LOG_FIELD_INT, SLICE_NONE, (int64_t)(v)})
#define LOG_BOOL(name, v) ((struct log_field){name, LOG_FIELD_BOOL, SLICE_NONE, (v)})
#define LOG_SECONDS(name, ns) ((struct log_field){name, LOG_FIELD_NANO, SLICE_NONE, (int64_t)(ns)})

/* Starts the writing thread on `fd` (not closed by log_free). */
MUST_CHECK bool log_new(int fd, enum log_level level, struct log **ret, struct err *err);
/* Writes what waits, for at most `timeout_ms`, ends the thread, frees everything. NULL is fine. */
void log_free(struct log *log, uint32_t timeout_ms);
/*
 * For a process that ends now, with threads that still log: writes what waits, for at most
 * `timeout_ms`, and nothing after.
 */
void log_flush(struct log *log, uint32_t timeout_ms);

void log_set_level(struct log *log, enum log_level level);
enum log_level log_get_level(const struct log *log);
/* "debug", "info", "warn" or "error". */
MUST_CHECK bool log_level_parse(struct slice s, enum log_level *ret, struct err *err);
const char *log_level_name(enum log_level level);

/*
 * A ring for one producing thread; owned by the log, alive until log_free. NULL, and why, when
 * LOG_RINGS_MAX are in use or the system gives no memory for it (memfd_create(2)).
 */
struct log_ring *log_ring_new(struct log *log, struct err *err);

/*
 * At least LOG_LINE_MAX bytes to write one line into, or NULL when the ring is full (the drop is
 * counted).
 */
char *log_write_start(struct log_ring *ring);
/* fmt_ts for a line of this ring, by its producer; the ring keeps the second's text. */
char *log_write_ts(struct log_ring *ring, char *dst, uint64_t unix_ms);
/* Publishes the line that ends at `end` (its newline included). */
void log_write_commit(struct log_ring *ring, const char *end);

/*
 * {"ts":..,"level":..,"event":..,fields}. Any thread; takes a mutex; not for the hot path. Long
 * strings are cut so that the line fits. `event` and the names are written as they are. Nothing
 * happens when `log` is NULL.
 */
void log_event(struct log *log,
               enum log_level level,
               const char *event,
               const struct log_field *fields,
               size_t n);
#define LOG_EVENT(log, level, event, ...)                                 \
    log_event(log, level, event, (const struct log_field[]){__VA_ARGS__}, \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

struct log_stats {
    uint64_t lines;   /* taken */
    uint64_t dropped; /* ring full, line too long, or the descriptor failed */
};
/* Any thread. */
void log_stats(const struct log *log, struct log_stats *ret);

#endif
