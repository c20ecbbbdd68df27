/* SPDX-License-Identifier: MIT */
/*
 * What a job does to the rows: a submission and its idempotency key are stored together and deleted
 * together.
 */
#include "store/sqlite_backend.h"

static int bind_slice(sqlite3_stmt *st, int i, struct slice s)
{
    /* A NULL pointer would bind NULL. */
    return sqlite3_bind_text64(st, i, s.p != NULL ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

/* ---- store ---- */

/* The row of SQL_FIND_KEY decides about `job`. */
static bool judge_key(const struct store_backend *b, struct store_job *job, struct err *err)
{
    sqlite3_stmt *st = b->st[SQL_FIND_KEY];
    const void *fingerprint = sqlite3_column_blob(st, 0);
    int n_fingerprint = sqlite3_column_bytes(st, 0);
    const char *id = (const char *)sqlite3_column_text(st, 1);
    int n_id = sqlite3_column_bytes(st, 1);

    if (n_fingerprint != STORE_FINGERPRINT || fingerprint == NULL || n_id != ID_LEN || id == NULL)
        return err_set(err, ERR_INVALID,
                       "the store '%s': a row of the table idempotency is malformed", b->path);
    if (memcmp(fingerprint, job->sub.fingerprint, STORE_FINGERPRINT) != 0) {
        job->result = STORE_KEY_REUSED;
        return true;
    }
    memcpy(job->sub.id, id, ID_LEN);
    job->sub.id[ID_LEN] = '\0';
    job->result = STORE_REPLAYED;
    return true;
}

static uint64_t judged_at(const struct store_job *job)
{
    return job->now_ms != 0 ? job->now_ms : job->sub.received_ms;
}

/* *ret says whether the key was used before; then the job has its result. */
static bool find_key(struct store_backend *b, struct store_job *job, bool *ret, struct err *err)
{
    sqlite3_stmt *st = b->st[SQL_FIND_KEY];
    int rc = bind_slice(st, 1, job->sub.key) |
             sqlite3_bind_int64(st, 2, (int64_t)judged_at(job) - KEY_MS);
    bool ok;

    rc = rc == SQLITE_OK ? sqlite3_step(st) : SQLITE_ERROR;
    if (rc == SQLITE_ROW)
        ok = judge_key(b, job, err);
    else
        ok = rc == SQLITE_DONE || backend_fail(b, err, "look up a key");
    if (ok)
        *ret = rc == SQLITE_ROW;
    (void)sqlite3_reset(st);
    return ok;
}

static bool put_key(struct store_backend *b, const struct submission *sub, struct err *err)
{
    sqlite3_stmt *st = b->st[SQL_PUT_KEY];
    int rc = bind_slice(st, 1, sub->key) |
             sqlite3_bind_blob(st, 2, sub->fingerprint, STORE_FINGERPRINT, SQLITE_STATIC) |
             bind_slice(st, 3, slice_str(sub->id)) |
             sqlite3_bind_int64(st, 4, (int64_t)sub->received_ms);

    return backend_run(b, SQL_PUT_KEY, rc, "remember a key", err);
}

static bool insert(struct store_backend *b, const struct submission *sub, struct err *err)
{
    sqlite3_stmt *st = b->st[SQL_INSERT];
    int rc = bind_slice(st, 1, slice_str(sub->id)) |
             sqlite3_bind_int64(st, 2, (int64_t)sub->received_ms) | bind_slice(st, 3, sub->name) |
             bind_slice(st, 4, sub->email) | bind_slice(st, 5, sub->message) |
             bind_slice(st, 6, sub->source) | bind_slice(st, 7, sub->correlation_id) |
             sqlite3_bind_int(st, 8, sub->flagged);

    return backend_run(b, SQL_INSERT, rc, "store a submission", err);
}

bool sqlite_add(struct store_backend *b, struct store_job *job, struct err *err)
{
    bool keyed = job->sub.key.n > 0, used = false;

    MUST(job->sub.id[ID_LEN] == '\0');
    if (keyed && !find_key(b, job, &used, err))
        return false;
    if (used)
        return true;
    if (!insert(b, &job->sub, err) || (keyed && !put_key(b, &job->sub, err)))
        return false;
    job->result = STORE_STORED;
    return true;
}

/* ---- delete ---- */

/* The key first: it is found by the time that stands in the submission's row. */
bool sqlite_remove(struct store_backend *b, struct store_job *job, struct err *err)
{
    static const enum statement both[] = {SQL_DELETE_KEY, SQL_DELETE};

    MUST(job->sub.id[ID_LEN] == '\0');
    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        if (!backend_run(b, both[i], bind_slice(b->st[both[i]], 1, slice_str(job->sub.id)),
                         "delete a submission", err))
            return false;
    job->result = sqlite3_changes(b->db) > 0 ? STORE_DELETED : STORE_NOT_FOUND;
    b->traces = b->traces || job->result == STORE_DELETED;
    return true;
}
