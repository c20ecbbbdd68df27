/* SPDX-License-Identifier: MIT */
/* The log by two readers of JSON, of which the strict one decides; the store by SQLite itself. */
#include "tests/faults/lib/audit.h"

#include "http/json.h"
#include "tests/e2e/lib/page.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdlib.h>

/* ---- the log ---- */

static void check_line(const char *line)
{
    const char *why = NULL;

    for (const char *p = line; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fail_msg("a control byte in the log: %s", line);
    if (json_scan(slice_str(line), &why) != JSON_OK)
        fail_msg("%s: %s", why, line);
}

static bool is_among(const char *const *list, const char *text)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, text) == 0)
            return true;
    return false;
}

/* Nothing but numbers and known words: so nothing else of the request can be there. */
static void check_strings(const struct audit *a, const cJSON *line)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, line)
    {
        const char *name = member->string;

        if (cJSON_IsNumber(member) || strcmp(name, "ts") == 0 ||
            strcmp(name, "correlation_id") == 0)
            continue;
        if (!cJSON_IsString(member) || !is_among(a->strings, member->valuestring))
            fail_msg("unexpected in the log: %s", name);
    }
}

/* Which of the requests a line is of; false for none of them. */
static bool request_index(const struct audit *a, const cJSON *line, size_t *ret)
{
    const cJSON *event = cJSON_GetObjectItemCaseSensitive(line, "event");
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(line, "correlation_id");
    size_t n = strlen(a->prefix);
    char *end = NULL;

    if (!cJSON_IsString(event) || strcmp(event->valuestring, "request") != 0 || !cJSON_IsString(id))
        return false;
    if (strncmp(id->valuestring, a->prefix, n) != 0 || id->valuestring[n] != '-')
        return false;
    *ret = strtoul(id->valuestring + n + 1, &end, 10);
    return *end == '\0' && *ret < a->n;
}

static void count_line(const struct audit *a, const char *text, unsigned char *seen)
{
    cJSON *line = cJSON_Parse(text);
    size_t i;

    assert_true(cJSON_IsObject(line));
    if (request_index(a, line, &i)) {
        if (seen[i]++ != 0)
            fail_msg("%s-%zu has two lines", a->prefix, i);
        if (a->strings != NULL)
            check_strings(a, line);
    }
    cJSON_Delete(line);
}

size_t audit_log(struct server *s, const struct audit *a)
{
    double dropped = metric_sum(s, "log_lines_dropped_total");
    struct buf log = BUF_INIT;
    unsigned char *seen = keep(s->f, a->n + 1);
    char *rest, *line;
    size_t lines = 0;

    server_stop(s);
    read_into(s->log, &log);
    assert_int_equal(strlen(log.data), log.len); /* no NUL */
    for (rest = log.data; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) {
        check_line(line);
        count_line(a, line, seen);
    }
    assert_string_equal(line, ""); /* the last line is whole, too */
    buf_release(&log);
    for (size_t i = 0; i < a->n; i++)
        lines += seen[i];
    if (lines + (size_t)dropped < a->n)
        fail_msg("%zu requests have %zu lines, and %.0f were dropped", a->n, lines, dropped);
    return lines;
}

/* ---- the store ---- */

static int by_id(const void *a, const void *b)
{
    const struct stored_row *x = a, *y = b;

    return strcmp(x->correlation_id, y->correlation_id);
}

static struct slice column(struct fixture *f, sqlite3_stmt *st, int i)
{
    const void *p = sqlite3_column_blob(st, i);
    size_t n = (size_t)sqlite3_column_bytes(st, i);

    return (struct slice){keep_text(f, p, n), n};
}

static size_t read_rows(struct fixture *f, sqlite3_stmt *st, struct stored_row *rows)
{
    size_t n = 0;

    for (; sqlite3_step(st) == SQLITE_ROW; n++)
        if (rows != NULL)
            rows[n] = (struct stored_row){column(f, st, 0).p, column(f, st, 1), column(f, st, 2)};
    assert_int_equal(sqlite3_reset(st), SQLITE_OK);
    return n;
}

struct stored stored_rows(struct server *s)
{
    static const char query[] = "SELECT correlation_id, name, message FROM submissions";
    struct stored_row *rows;
    sqlite3_stmt *st = NULL;
    sqlite3 *db = NULL;
    size_t n;

    assert_int_equal(sqlite3_open_v2(s->store, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &st, NULL), SQLITE_OK);
    n = read_rows(s->f, st, NULL);
    rows = keep(s->f, (n + 1) * sizeof(*rows));
    assert_int_equal(read_rows(s->f, st, rows), n);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    qsort(rows, n, sizeof(*rows), by_id);
    return (struct stored){n, rows};
}

static struct slice member(struct fixture *f, const cJSON *row, const char *name)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(row, name);

    assert_true(cJSON_IsString(m));
    return slice_str(keep_text(f, m->valuestring, strlen(m->valuestring)));
}

struct stored stored_export(struct server *s)
{
    const struct outcome *o = server_command(s, ARGS("contacts", "export", "--format", "json"));
    cJSON *doc = cJSON_Parse(o->out), *row;
    struct stored_row *rows;
    size_t n = 0;

    assert_int_equal(o->status, 0);
    assert_true(cJSON_IsArray(doc));
    rows = keep(s->f, ((size_t)cJSON_GetArraySize(doc) + 1) * sizeof(*rows));
    cJSON_ArrayForEach(row, doc)
    {
        rows[n++] = (struct stored_row){member(s->f, row, "correlation_id").p,
                                        member(s->f, row, "name"), member(s->f, row, "message")};
    }
    cJSON_Delete(doc);
    qsort(rows, n, sizeof(*rows), by_id);
    return (struct stored){n, rows};
}

const struct stored_row *stored_find(const struct stored *all, const char *correlation_id)
{
    struct stored_row wanted = {.correlation_id = correlation_id};
    const struct stored_row *found = bsearch(&wanted, all->rows, all->n, sizeof(*all->rows), by_id),
                            *end = all->rows + all->n;

    if (found == NULL)
        return NULL;
    if ((found > all->rows && by_id(found - 1, found) == 0) ||
        (found + 1 < end && by_id(found, found + 1) == 0))
        fail_msg("%s is stored twice", correlation_id);
    return found;
}
