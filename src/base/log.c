/* SPDX-License-Identifier: MIT */
/*
 * Levels and events. The rings and the thread that empties them are in log_ring.c and log_writer.c.
 */
#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log_writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct log {
    struct log_writer *writer;
    struct log_ring *shared; /* of all log_event calls; under the lock */
    pthread_mutex_t lock;
    _Atomic int level;
    _Atomic uint64_t too_long;
};

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

bool log_level_parse(struct slice s, enum log_level *ret, struct err *err)
{
    for (unsigned i = 0; i < ARRAY_LEN(level_names); i++) {
        if (slice_eq(s, slice_str(level_names[i]))) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return err_set(err, ERR_INVALID, "must be debug, info, warn or error");
}

const char *log_level_name(enum log_level level)
{
    MUST(level < ARRAY_LEN(level_names));
    return level_names[level];
}

bool log_new(int fd, enum log_level level, struct log **ret, struct err *err)
{
    struct log_writer *writer;

    if (!log_writer_new(fd, &writer, err))
        return false;
    struct log_ring *shared = log_writer_add_ring(writer, err);
    if (shared == NULL) {
        log_writer_free(writer, 0);
        return false;
    }
    struct log *log = must_calloc(1, sizeof(*log));
    log->writer = writer;
    log->shared = shared;
    log->level = (int)level;
    MUST(pthread_mutex_init(&log->lock, NULL) == 0);
    *ret = log;
    return true;
}

void log_free(struct log *log, uint32_t timeout_ms)
{
    if (log == NULL)
        return;
    log_writer_free(log->writer, timeout_ms);
    MUST(pthread_mutex_destroy(&log->lock) == 0);
    free(log);
}

void log_flush(struct log *log, uint32_t timeout_ms)
{
    (void)log_writer_end(log->writer, timeout_ms);
}

void log_set_level(struct log *log, enum log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(const struct log *log)
{
    return (enum log_level)atomic_load_explicit(&log->level, memory_order_relaxed);
}

struct log_ring *log_ring_new(struct log *log, struct err *err)
{
    MUST(pthread_mutex_lock(&log->lock) == 0);
    struct log_ring *ring = log_writer_add_ring(log->writer, err);
    MUST(pthread_mutex_unlock(&log->lock) == 0);
    return ring;
}

/* What a line needs at most, without the text of its strings. */
static size_t frame_size(const char *event, const struct log_field *fields, size_t n)
{
    size_t size = sizeof("{'ts':'','level':'error','event':''}\n") + FMT_TS + strlen(event);

    for (size_t i = 0; i < n; i++) {
        size += sizeof(",'':") + strlen(fields[i].name);
        size += fields[i].type == LOG_FIELD_STR ? sizeof("'...'") : FMT_NANO;
    }
    return size;
}

static char *put_literal(char *dst, const char *s)
{
    return fmt_slice(dst, slice_str(s));
}

/* `room` is for the text alone: the quotes and the "..." of a cut text are in the frame. */
static char *put_value(char *dst, const struct log_field *field, size_t room)
{
    switch (field->type) {
    case LOG_FIELD_STR:
        *dst++ = '"';
        dst = fmt_json_cut(dst, room + 3, field->str);
        *dst++ = '"';
        return dst;
    case LOG_FIELD_INT:
        return fmt_i64(dst, field->num);
    case LOG_FIELD_BOOL:
        return put_literal(dst, field->num != 0 ? "true" : "false");
    case LOG_FIELD_NANO:
        return fmt_nano(dst, field->num);
    }
    MUST(false);
}

/* Each string may take an even share of `room`; what a short one leaves goes to those after it. */
static char *put_fields(char *dst, const struct log_field *fields, size_t n, size_t room)
{
    size_t strings = 0;

    for (size_t i = 0; i < n; i++)
        strings += fields[i].type == LOG_FIELD_STR;
    for (size_t i = 0; i < n; i++) {
        dst = put_literal(dst, ",\"");
        dst = put_literal(dst, fields[i].name);
        dst = put_literal(dst, "\":");
        char *value = dst;
        bool string = fields[i].type == LOG_FIELD_STR;
        size_t share = string ? room / strings : 0;
        dst = put_value(dst, &fields[i], share);
        if (!string)
            continue;
        size_t used = (size_t)(dst - value);
        room -= used < share ? used : share;
        strings--;
    }
    return dst;
}

void log_event(struct log *log,
               enum log_level level,
               const char *event,
               const struct log_field *fields,
               size_t n)
{
    if (log == NULL || level < log_get_level(log))
        return;
    size_t frame = frame_size(event, fields, n);
    if (frame > LOG_LINE_MAX) {
        atomic_fetch_add_explicit(&log->too_long, 1, memory_order_relaxed);
        return;
    }
    MUST(pthread_mutex_lock(&log->lock) == 0);
    char *p = log_write_start(log->shared);
    if (p != NULL) {
        p = put_literal(p, "{\"ts\":\"");
        p = fmt_ts(p, clock_wall_ms()); /* under the lock, so that lines are in order */
        p = put_literal(p, "\",\"level\":\"");
        p = put_literal(p, log_level_name(level));
        p = put_literal(p, "\",\"event\":\"");
        p = put_literal(p, event);
        *p++ = '"';
        p = put_fields(p, fields, n, LOG_LINE_MAX - frame);
        p = put_literal(p, "}\n");
        log_write_commit(log->shared, p);
    }
    MUST(pthread_mutex_unlock(&log->lock) == 0);
}

void log_stats(const struct log *log, struct log_stats *ret)
{
    log_writer_stats(log->writer, ret);
    ret->dropped += atomic_load_explicit(&log->too_long, memory_order_relaxed);
}
