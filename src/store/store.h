/* SPDX-License-Identifier: MIT */
/*
 * Durable storage of contact submissions: a bounded queue, one writing thread, one commit per
 * batch.
 *
 * The promise: when a job comes back as STORE_STORED, STORE_REPLAYED or STORE_DELETED, the commit
 * that holds it has been synced. A batch is whatever came in while the last one was committed (at
 * most STORE_BATCH_MAX); there is no timer.
 *
 * Any error of a commit fails its whole batch and all that wait (STORE_FAILED) and puts the store
 * out of service: store_submit refuses until the writer has reopened the database and checkpointed
 * it (retained pages can look durable after a failed fsync). It tries once a second. A failed probe
 * or tidy does the same. A job that came back as STORE_FAILED may be in the database all the same:
 * nobody can know. An Idempotency-Key makes the second try safe. A writing thread that hangs in a
 * sync sees no error; then the probe grows stale, and store_submit refuses too.
 *
 * The visitor counter is stored beside the submissions (STORE_VISITS): whole and idempotent, so that
 * a failed write is simply made again with the next numbers.
 *
 * Metrics: the writing thread keeps store_batch_size, store_commit_seconds, store_errors_total,
 * store_reopens_total, store_expired_total, store_probe_seconds and active_database_connections;
 * store_queue_* and dependency_up{name="store"} are left to whoever collects (store_stats,
 * store_health).
 *
 * Threads: all functions but store_new and store_free from any thread; done callbacks run on the
 * writing thread, and must only pass the job on. A backend (struct store_ops) is only ever called
 * by the writing thread, except `open` and `backup`.
 */
#ifndef SIDELIGHT_STORE_STORE_H
#define SIDELIGHT_STORE_STORE_H

#include "base/err.h"
#include "base/id.h"
#include "base/log.h"
#include "base/slice.h"
#include "metrics/registry.h"

enum {
    /*
     * jobs waiting, the visitor counter's included; one more is refused and counted in
     * store_queue_full_total
     */
    STORE_QUEUE_MAX = 4096,
    STORE_BATCH_MAX = 256,       /* jobs in one commit */
    STORE_FINGERPRINT = 32,      /* BLAKE2b-256 */
    STORE_KEY_MAX = 128,         /* bytes of an Idempotency-Key */
    STORE_KEY_HOURS = 24,        /* how long a key is remembered */
    STORE_SALT = 32,             /* bytes of a day's salt */
    STORE_BLOCK = 512,           /* visitors' hashes in one row */
    STORE_VISITORS_MAX = 200000, /* of one day; rows beyond them are damage */
};

/* A contact submission. The slices belong to whoever made it and live as long as its job. */
struct submission {
    char id[ID_LEN + 1];  /* made by the server, NUL-terminated */
    uint64_t received_ms; /* Unix time */
    struct slice name, email, message, source;
    struct slice correlation_id;
    bool flagged;     /* the honeypot was filled */
    struct slice key; /* Idempotency-Key; n == 0: none */
    /* of what the person sent; compared when the key repeats */
    uint8_t fingerprint[STORE_FINGERPRINT];
};

/*
 * The visitor counter. Read, it is all that is stored; zero-filled when nothing is. To write it,
 * `hashes` may begin later: what comes before `first` is stored already.
 */
struct store_visits {
    uint64_t views;           /* in all */
    uint64_t day;             /* of the rest: days since 1970-01-01, UTC; 0: none */
    uint8_t salt[STORE_SALT]; /* of the day */
    size_t visitors;          /* of the day */
    size_t first;             /* number of hashes[0]; a multiple of STORE_BLOCK */
    uint64_t *hashes;         /* visitors - first of them, owned; compared, never computed with */
    bool wiped;               /* set by a write: another day's were deleted */
};
/* Overwrites salt and hashes and frees; leaves it zero-filled. */
void store_visits_release(struct store_visits *v);

enum store_kind {
    STORE_ADD, /* stores `sub` */
    /* deletes the submission sub.id and its key; nothing else of `sub` is looked at */
    STORE_DELETE,
    STORE_VISITS, /* stores `visits`, and deletes every other day's salt and hashes */
};

enum store_result {
    STORE_STORED, /* committed and synced under sub.id */
    /* the key was used before with the same fingerprint; sub.id is now the earlier ID */
    STORE_REPLAYED,
    STORE_KEY_REUSED, /* the key was used before with another fingerprint; nothing was stored */
    STORE_DELETED,    /* of STORE_DELETE: gone, committed and synced */
    /* of STORE_DELETE: there is no submission sub.id; of STORE_VISITS: nothing was stored, because
     * what comes before visits->first is not there (a new file): send it all */
    STORE_NOT_FOUND,
    STORE_FAILED, /* not acknowledged: the commit failed, or the store went down first */
};

struct store_job;
typedef void store_done_fn(struct store_job *job);

/*
 * Embed it in a struct of your own. The store owns it from a successful store_submit to the call of
 * `done`.
 */
struct store_job {
    enum store_kind kind;
    struct submission sub;
    struct store_visits *visits; /* of STORE_VISITS, else not looked at; the submitter's */
    uint64_t now_ms;             /* the store's: by which ages are judged; 0: sub.received_ms */
    store_done_fn *done;
    enum store_result result; /* set before done */
    struct store_job *next;   /* the store's */
};

/* What the upkeep once a minute is told, and what one step of it has done. */
struct store_upkeep {
    uint64_t now_ms;       /* Unix time by which ages are judged (store/age_clock.h) */
    uint64_t retention_ms; /* submissions received that long ago are deleted; 0: none */
};
struct store_tidied {
    size_t expired; /* submissions deleted */
    bool more;      /* there is more to do: call again soon */
};

/* Asked now and then during something long: true ends it. */
typedef bool store_stop_fn(void *ctx);

/*
 * What the writing thread does to a database. Every function returns false with a reason on
 * failure.
 */
struct store_backend;
struct store_ops {
    /* Opens, migrates, checks. Slow; also used to reopen. On failure *ret is untouched. */
    bool (*open)(void *arg, struct store_backend **ret, struct err *err);
    void (*close)(struct store_backend *b);
    /*
     * The last upkeep->now_ms of an earlier run, or a time near to it; 0: not known, as when there
     * was none. NULL: never known.
     */
    uint64_t (*used_ms)(const struct store_backend *b);
    bool (*begin)(struct store_backend *b, struct err *err);
    /* Within begin/commit. Sets job->result (not STORE_FAILED) and, for a replay, job->sub.id. */
    bool (*add)(struct store_backend *b, struct store_job *job, struct err *err);
    /* Within begin/commit. Sets job->result to STORE_DELETED or STORE_NOT_FOUND. */
    bool (*remove)(struct store_backend *b, struct store_job *job, struct err *err);
    /* Within begin/commit. Sets job->result to STORE_STORED or STORE_NOT_FOUND. */
    bool (*put_visits)(struct store_backend *b, struct store_job *job, struct err *err);
    /* What put_visits stored; the caller releases it. A malformed part is as if it were absent. */
    bool (*get_visits)(struct store_backend *b, struct store_visits *ret, struct err *err);
    bool (*commit)(struct store_backend *b, struct err *err); /* true: synced */
    void (*rollback)(struct store_backend *b);
    /*
     * All of the log into the file, synced, log emptied. ERR_CONFLICT: somebody else, who uses the
     * database, keeps it from that.
     */
    bool (*checkpoint)(struct store_backend *b, struct err *err);
    bool (*probe)(struct store_backend *b, struct err *err); /* reads something real */
    /* One short step: forgets old keys, deletes what expired, wipes traces of what was deleted. */
    bool (*tidy)(struct store_backend *b,
                 const struct store_upkeep *upkeep,
                 struct store_tidied *ret,
                 struct err *err);
    /*
     * See store_backup; `arg` is that of `open`. Beside the writing thread, on a connection of its
     * own.
     */
    bool (*backup)(void *arg,
                   const char *file,
                   store_stop_fn *stop,
                   void *ctx,
                   uint64_t *ret_bytes,
                   struct err *err);
};

struct store;

struct store_options {
    const struct store_ops *ops;
    void *arg;        /* for ops->open */
    size_t queue_max; /* 0: STORE_QUEUE_MAX */
    struct registry *metrics;
    struct shard *shard;   /* the writing thread's own */
    struct log *log;       /* NULL: nothing is logged */
    uint64_t retention_ns; /* see store_set_retention */
    /*
     * Milliseconds; 0: STORE_PROBE_MS, STORE_RETRY_MS, STORE_PROBE_STALE_MS, STORE_TIDY_MS; for
     * tests.
     */
    uint32_t probe_ms, retry_ms, stale_ms, tidy_ms;
    uint64_t wait_ms; /* how long store_new waits for others who use the database; 0: it does not */
};

/*
 * Opens, checkpoints (what a killed process left in the log may not be synced yet) and probes the
 * backend on the calling thread, then starts the writing thread. On failure nothing is left open.
 */
MUST_CHECK bool store_new(const struct store_options *opt, struct store **ret, struct err *err);
/*
 * Refuses new jobs, finishes those that wait (each `done` is called), checkpoints, closes the backend, ends
 * the thread. Once down it tries nothing more. The store stays: any thread may still ask it, and is told
 * STORE_DOWN. NULL and twice are fine. False when the database is not what it was (replaced,
 * damaged), so that what was acknowledged may be missing; that was logged.
 */
bool store_close(struct store *s);
/* Closes if need be and frees. No other thread may be inside a store function. NULL is fine. */
void store_free(struct store *s);

enum store_refusal {
    STORE_ACCEPTED, /* `done` will be called */
    STORE_FULL,     /* queue full: try again later */
    STORE_DOWN,     /* out of service (store_health), or closing */
};
MUST_CHECK enum store_refusal store_submit(struct store *s, struct store_job *job);

/*
 * Moves what was stored of the visitor counter when the store was opened to *ret, which the caller
 * releases; zero-filled the second time. By whoever called store_new.
 */
void store_take_visits(struct store *s, struct store_visits *ret);

/* What the probe, made once a second by the writing thread, saw last. Never asks the database. */
struct store_health {
    /* The last probe succeeded, is no older than STORE_PROBE_STALE_MS, no commit failed since. */
    bool up;
    uint64_t latency_ns; /* of the last probe that succeeded */
};
enum {
    STORE_PROBE_MS = 1000,
    STORE_PROBE_STALE_MS = 5000,
    STORE_TICK_LATE_MS = 2500, /* see store_tick */
    STORE_RETRY_MS = 1000,
    STORE_TIDY_MS = 60 * 1000,
};
void store_health(const struct store *s, struct store_health *ret);

/*
 * For the main thread, at least twice within STORE_TICK_LATE_MS: when it is later than that, the whole process was stopped
 * (SIGSTOP, a frozen container, a suspended machine), and the age of the probe is no hang of the writing thread.
 */
void store_tick(struct store *s, uint64_t now_ns);

/*
 * For store_queue_length, store_queue_limit and store_queue_full_total; each is exact, together
 * they are not a snapshot.
 */
struct store_stats {
    size_t queue_length; /* jobs waiting for a commit; not those in the one being made */
    size_t queue_limit;
    uint64_t queue_full; /* jobs refused with STORE_FULL since the start */
};
void store_stats(const struct store *s, struct store_stats *ret);

/*
 * Submissions received longer ago than this are deleted at the start and once a minute, a few
 * hundred at a time so that others need not wait. 0: none are. By the wall clock, but a step
 * forward counts a day later (store/age_clock.h), here as for the idempotency keys.
 */
void store_set_retention(struct store *s, uint64_t ns);

/*
 * Copies all that is committed now into the new file `file` (an absolute path), consistent and
 * synced, mode 0600; it bears that name only once it is complete. Blocks the caller for as long as
 * it takes, and nobody else. An existing file is ERR_CONFLICT. Ends early, leaving nothing, when
 * `stop` (may be NULL) says so or the store goes out of service, which a long copy would keep from
 * coming back.
 */
MUST_CHECK bool store_backup(struct store *s,
                             const char *file,
                             store_stop_fn *stop,
                             void *ctx,
                             uint64_t *ret_bytes,
                             struct err *err);

/*
 * Does one job on a database that no store has open, and is back when it is synced; job->result
 * says what came of it. For a command line while no server runs; the caller keeps others away.
 */
MUST_CHECK bool store_once(const struct store_ops *ops,
                           void *arg,
                           struct store_job *job,
                           struct err *err);

#endif
