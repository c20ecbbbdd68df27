/* SPDX-License-Identifier: MIT */
/* Rows and messages are brought together by their texts. */
#include "tests/e2e/lib/ledger.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdlib.h>

/* ---- the senders' side ---- */

struct ledgers {
    unsigned n;
    struct ledger each[];
};

static void release(void *arg)
{
    struct ledgers *l = arg;

    for (unsigned i = 0; i < l->n; i++)
        free(l->each[i].messages);
}

struct ledger *ledgers_new(struct fixture *f, unsigned n)
{
    struct ledgers *l = keep(f, sizeof(*l) + n * sizeof(l->each[0]));

    l->n = n;
    for (unsigned i = 0; i < n; i++)
        l->each[i].sender = i;
    at_end(f, release, l);
    return l->each;
}

struct message *ledger_next(struct ledger *l)
{
    struct message *m;

    if (l->n == l->room) {
        l->room = l->room > 0 ? 2 * l->room : 256;
        l->messages = must_realloc(l->messages, l->room * sizeof(*l->messages));
    }
    m = &l->messages[l->n];
    *m = (struct message){.keyed = l->n % 2 == 0};
    (void)snprintf(m->text, sizeof(m->text), "m-%u-%zu", l->sender, l->n);
    l->n++;
    return m;
}

void message_write(const struct message *m, struct buf *b)
{
    char body[160];
    int n = snprintf(body, sizeof(body),
                     "{\"name\":\"c\",\"email\":\"c@example.com\",\"message\":\"%s\"}", m->text);

    buf_addf(b,
             "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             "X-Correlation-ID: %s\r\nContent-Length: %d\r\n",
             m->text, n);
    if (m->keyed)
        buf_addf(b, "Idempotency-Key: key-%s\r\n", m->text);
    buf_addf(b, "\r\n%s", body);
}

bool message_acknowledge(struct message *m, const struct reply *r)
{
    static const char start[] = "{\"id\":\"";

    if (r->status != 201 || strncmp(r->body, start, sizeof(start) - 1) != 0)
        return false;
    (void)snprintf(m->id, sizeof(m->id), "%.*s", (int)ID_LEN, r->body + sizeof(start) - 1);
    return true;
}

/* ---- the store's side ---- */

struct row {
    const char *text, *id;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->text, ((const struct row *)b)->text);
}

/* Both strings live as long as `doc`. */
static struct row *read_rows(struct fixture *f, const cJSON *doc, size_t *ret_n)
{
    size_t n = (size_t)cJSON_GetArraySize(doc), i = 0;
    struct row *rows = keep(f, (n + 1) * sizeof(*rows));
    const cJSON *item;

    cJSON_ArrayForEach(item, doc)
    {
        rows[i].text = cJSON_GetObjectItemCaseSensitive(item, "message")->valuestring;
        rows[i++].id = cJSON_GetObjectItemCaseSensitive(item, "id")->valuestring;
    }
    qsort(rows, n, sizeof(*rows), by_text);
    *ret_n = n;
    return rows;
}

static void reckon(const struct ledger *l, const struct row *rows, size_t n, struct tally *sum)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct message *m = &l->messages[i];
        struct row key = {m->text, NULL};
        const struct row *row = bsearch(&key, rows, n, sizeof(*rows), by_text);

        if (m->id[0] == '\0') {
            sum->unacknowledged++;
            sum->unsure += row != NULL;
            continue;
        }
        sum->acknowledged++;
        if (row == NULL)
            sum->lost++;
        else if (strcmp(row->id, m->id) != 0)
            sum->other_id++;
    }
}

struct tally ledgers_reckon(struct server *s, const struct ledger *ledgers, unsigned n)
{
    const struct outcome *o =
        server_command(s, ARGS("contacts", "export", "--format", "json", "--flagged"));
    struct tally sum = {.lost = 0};
    struct row *rows;
    size_t n_rows;
    cJSON *doc;

    if (o->status != 0)
        fail_msg("the export ended with %d: %s", o->status, o->err);
    doc = cJSON_Parse(o->out);
    assert_non_null(doc);
    rows = read_rows(s->f, doc, &n_rows);
    sum.stored = n_rows;
    for (size_t i = 1; i < n_rows; i++)
        sum.twice += by_text(&rows[i - 1], &rows[i]) == 0;
    for (unsigned i = 0; i < n; i++)
        reckon(&ledgers[i], rows, n_rows, &sum);
    cJSON_Delete(doc);
    return sum;
}

void assert_nothing_lost_or_twice(const struct tally *t)
{
    assert_int_equal(t->lost, 0);
    assert_int_equal(t->twice, 0);
    assert_int_equal(t->other_id, 0);
    assert_true(t->acknowledged > 0);
    assert_int_equal(t->stored, t->acknowledged + t->unsure);
}

void assert_sound(const char *path)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(st, 0), "ok");
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
}
