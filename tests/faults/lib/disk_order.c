/* SPDX-License-Identifier: MIT */
/* One pass over the lines; a line is one moment. */
#include "tests/faults/lib/disk_order.h"

#include "base/parse.h"

#include <ctype.h>

enum { THREADS_MAX = 64 };

/* What is known of one thread: the sync of the log that it is in. */
struct thread {
    uint64_t tid;
    size_t began; /* 0: in none */
};

/* A row in the log. */
struct written {
    uint64_t tid; /* 0: not yet */
    size_t line;
    size_t synced; /* the line where that sync returned; 0: not yet */
};

struct trace {
    struct fixture *f;
    size_t n, line;
    struct written *rows;
    size_t *waiting; /* numbers whose rows are written and not synced */
    size_t n_waiting;
    struct thread threads[THREADS_MAX];
    size_t n_threads;
    struct order order;
};

static struct thread *thread_of(struct trace *t, uint64_t tid)
{
    for (size_t i = 0; i < t->n_threads; i++)
        if (t->threads[i].tid == tid)
            return &t->threads[i];
    assert_true(t->n_threads < THREADS_MAX);
    t->threads[t->n_threads] = (struct thread){.tid = tid};
    return &t->threads[t->n_threads++];
}

static void blame(struct trace *t, size_t number, const char *why)
{
    if (t->order.violation == NULL)
        t->order.violation = textf(t->f, "line %zu: %zu is answered, and %s", t->line, number, why);
}

/* The next number in *at, which moves behind it. */
static bool next_number(struct trace *t, const char **at, size_t *ret)
{
    const char *mark = strstr(*at, ORDER_MARK);
    uint64_t number = 0;

    if (mark == NULL)
        return false;
    mark += sizeof(ORDER_MARK) - 1;
    assert_true(parse_u64((struct slice){mark, ORDER_DIGITS}, ORDER_FIRST, ORDER_FIRST + t->n - 1,
                          &number, NULL));
    *at = mark;
    *ret = (size_t)number - ORDER_FIRST;
    return true;
}

/* ---- three kinds of lines ---- */

static void see_rows(struct trace *t, uint64_t tid, const char *text)
{
    size_t number;

    while (next_number(t, &text, &number)) {
        if (t->rows[number].tid != 0)
            continue; /* its page, written again for another */
        t->rows[number] = (struct written){tid, t->line, 0};
        t->waiting[t->n_waiting++] = number;
        t->order.rows++;
    }
}

/* Rows that this thread wrote before it began the sync are on the disk now. */
static void see_synced(struct trace *t, const struct thread *thread)
{
    size_t left = 0;

    t->order.syncs++;
    for (size_t i = 0; i < t->n_waiting; i++) {
        struct written *row = &t->rows[t->waiting[i]];

        if (row->tid == thread->tid && row->line < thread->began)
            row->synced = t->line;
        else
            t->waiting[left++] = t->waiting[i];
    }
    t->n_waiting = left;
}

static void see_answer(struct trace *t, const char *text)
{
    size_t number;

    if (!next_number(t, &text, &number))
        return;
    t->order.answers++;
    if (t->rows[number].tid == 0)
        blame(t, number, "its row was not written");
    else if (t->rows[number].synced == 0)
        blame(t, number, "no sync after its row has returned");
}

/* ---- lines ---- */

static bool ends_well(const char *line)
{
    size_t n = strlen(line);

    return n >= 3 && strcmp(line + n - 3, "= 0") == 0;
}

/* "fdatasync(12</path/x.db-wal>) = 0", or the same in two lines. */
static void see_sync(struct trace *t, uint64_t tid, const char *call)
{
    struct thread *thread = thread_of(t, tid);

    if (strncmp(call, "<... ", 5) != 0) {
        thread->began = strstr(call, "-wal>") != NULL ? t->line : 0;
        if (strstr(call, "<unfinished ...>") != NULL)
            return;
    }
    if (thread->began != 0 && ends_well(call))
        see_synced(t, thread);
    thread->began = 0;
}

static bool is_call(const char *call, const char *name)
{
    if (strncmp(call, "<... ", 5) == 0)
        call += 5;
    return strncmp(call, name, strlen(name)) == 0 && !isalnum((unsigned char)call[strlen(name)]);
}

static void see_call(struct trace *t, uint64_t tid, const char *call)
{
    const char *text = strchr(call, '"');

    if (is_call(call, "fsync") || is_call(call, "fdatasync"))
        see_sync(t, tid, call);
    else if (text == NULL)
        return; /* the end of a call whose begin was seen */
    else if (memmem(call, (size_t)(text - call), "-wal>", 5) != NULL)
        see_rows(t, tid, text);
    else if (strncmp(text, "\"HTTP/1.1 201", 13) == 0 || strncmp(text, "\"HTTP/1.1 303", 13) == 0)
        see_answer(t, text);
}

/* "PID HH:MM:SS.ffffff call" */
static void see_line(struct trace *t, const char *line)
{
    struct slice rest = slice_str(line), pid = slice_cut(&rest, ' ');
    uint64_t tid = 0;
    const char *call;

    assert_true(parse_u64(pid, 1, INT32_MAX, &tid, NULL));
    while (rest.n > 0 && rest.p[0] == ' ')
        rest = (struct slice){rest.p + 1, rest.n - 1};
    call = strchr(rest.p, ' ');
    assert_non_null(call);
    see_call(t, tid, call + 1);
}

struct order order_check(struct fixture *f, char *trace, size_t n)
{
    struct trace t = {.f = f, .n = n};
    char *line;

    t.rows = keep(f, n * sizeof(*t.rows));
    t.waiting = keep(f, n * sizeof(*t.waiting));
    while ((line = strsep(&trace, "\n")) != NULL && trace != NULL) {
        t.line++;
        see_line(&t, line);
    }
    return t.order;
}
