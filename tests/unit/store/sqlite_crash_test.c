/* SPDX-License-Identifier: MIT */
/*
 * A process that stores submissions is killed again and again: what it acknowledged is there, once.
 */
#include "base/parse.h"
#include "tests/unit/store/fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
    ROUNDS = 10,
    WINDOW = 32,      /* submissions in flight */
    OVERLAP = 4 * 32, /* how many of the last round are sent again with their keys */
    NUMBERS = 1 << 20,
};

/* What the child tells of each submission; smaller than PIPE_BUF, so never torn. */
struct ack {
    uint32_t number;
    enum store_result result;
    char id[ID_LEN];
};

/* ---- the child ---- */

struct sender {
    int fd;
    sem_t window;
};

struct numbered_job {
    struct store_job job;
    struct sender *sender;
    uint32_t number;
    char key[16], message[32];
};

static void report(struct store_job *job)
{
    struct numbered_job *n = CONTAINER_OF(job, struct numbered_job, job);
    struct ack ack = {.number = n->number, .result = job->result};

    memcpy(ack.id, job->sub.id, ID_LEN);
    if (write(n->sender->fd, &ack, sizeof(ack)) != (ssize_t)sizeof(ack))
        _exit(1);
    (void)sem_post(&n->sender->window);
    free(n);
}

static void send_from(struct store *s, struct sender *sender, uint32_t round, uint32_t number)
{
    for (;; number++) {
        struct numbered_job *n = must_calloc(1, sizeof(*n));

        while (sem_wait(&sender->window) != 0)
            ;
        n->sender = sender;
        n->number = number;
        (void)snprintf(n->key, sizeof(n->key), "k%u", number);
        (void)snprintf(n->message, sizeof(n->message), "%u", number);
        make_id(n->job.sub.id, round * NUMBERS + number);
        n->job.done = report;
        n->job.sub.received_ms = 4100000000000;
        n->job.sub.key = slice_str(n->key);
        n->job.sub.message = slice_str(n->message);
        if (store_submit(s, &n->job) != STORE_ACCEPTED)
            _exit(1);
    }
}

static void child(struct place *p, int fd, uint32_t round, uint32_t number)
{
    struct sender sender = {.fd = fd};
    struct store_lock *lock = NULL;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sem_init(&sender.window, 0, WINDOW) != 0 || !store_lock_take(p->path, 0, NULL, &lock, NULL))
        _exit(1);
    send_from(sqlite_store(p), &sender, round, number);
}

/* ---- the parent ---- */

struct books {
    char (*acked)[ID_LEN]; /* by number; first byte 0: not acknowledged */
    uint8_t *seen;         /* by number: rows in the database */
    uint32_t end;          /* one more than the highest number acknowledged */
    int acks, replays;
};

static void note(struct books *books, const struct ack *ack)
{
    char *id = books->acked[ack->number];

    assert_true(ack->result == STORE_STORED || ack->result == STORE_REPLAYED);
    /* Acknowledged before: it must be a replay with the same ID. */
    if (id[0] != '\0') {
        assert_int_equal(ack->result, STORE_REPLAYED);
        assert_memory_equal(id, ack->id, ID_LEN);
    }
    memcpy(id, ack->id, ID_LEN);
    books->acks++;
    books->replays += ack->result == STORE_REPLAYED;
    if (ack->number >= books->end)
        books->end = ack->number + 1;
}

/* Reads `n` acknowledgements, kills, and reads those that were still on their way. */
static void run_round(struct place *p, struct books *books, uint32_t round, int n)
{
    uint32_t from = books->end > OVERLAP ? books->end - OVERLAP : 0;
    struct ack ack;
    int ends[2], status;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(ends[0]);
        child(p, ends[1], round, from);
    }
    (void)close(ends[1]);
    for (int i = 0; i < n; i++) {
        assert_int_equal(read(ends[0], &ack, sizeof(ack)), sizeof(ack));
        note(books, &ack);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(ends[0], &ack, sizeof(ack)) == (ssize_t)sizeof(ack))
        note(books, &ack);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    (void)close(ends[0]);
}

static bool check_contact(void *ctx, const struct contact *c, UNUSED struct err *err)
{
    struct books *books = ctx;
    uint64_t number = NUMBERS;

    assert_true(parse_u64(c->message, 0, NUMBERS - 1, &number, NULL));
    books->seen[number]++;
    assert_int_equal(books->seen[number], 1);
    if (books->acked[number][0] != '\0')
        assert_memory_equal(c->id.p, books->acked[number], ID_LEN);
    return true;
}

static void check_integrity(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *st;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

TEST(nothing_acknowledged_is_lost_or_doubled_by_a_kill)
{
    struct place p;
    struct books books = {
        .acked = must_calloc(NUMBERS, sizeof(*books.acked)),
        .seen = must_calloc(NUMBERS, 1),
    };

    place_make(&p);
    for (uint32_t round = 0; round < ROUNDS; round++)
        run_round(&p, &books, round, 200 + 97 * (int)round);
    assert_true(contacts_read(p.path, true, check_contact, &books, NULL));
    for (uint32_t i = 0; i < books.end; i++)
        assert_int_equal(books.acked[i][0] != '\0' ? books.seen[i] : 1, 1);
    assert_true(books.acks >= ROUNDS * 200);
    assert_true(books.replays > 0);
    check_integrity(p.path);
    free(books.acked);
    free(books.seen);
    place_remove(&p);
}

RUN_TESTS(T(nothing_acknowledged_is_lost_or_doubled_by_a_kill))
