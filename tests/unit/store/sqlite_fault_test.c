/* SPDX-License-Identifier: MIT */
/*
 * A disk that fails: a VFS around SQLite's own, which refuses syncs or writes, or counts them, when the test says so.
 */
#include "tests/unit/store/fixture.h"

#include <sqlite3.h>

/*
 * The shim lives as long as the process: SQLite keeps what was registered. One set of switches serves all tests, which run one
 * after the other.
 */
struct switches {
    _Atomic bool fail_log_sync, fail_file_sync, fail_log_write, fail_file_write;
    _Atomic int log_syncs, file_syncs;
};

struct shim {
    sqlite3_vfs vfs; /* first: SQLite hands it back */
    sqlite3_vfs *real;
    struct switches switches;
};

struct shim_file {
    sqlite3_file base; /* first: SQLite hands it back */
    struct shim *shim;
    sqlite3_file *real; /* behind this struct */
    bool is_log, is_file;
};

static struct shim_file *shim_of(sqlite3_file *f)
{
    return (struct shim_file *)f;
}

static int shim_close(sqlite3_file *f)
{
    return shim_of(f)->real->pMethods->xClose(shim_of(f)->real);
}

static int shim_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return shim_of(f)->real->pMethods->xRead(shim_of(f)->real, to, n, at);
}

static int shim_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    struct shim_file *s = shim_of(f);
    struct switches *w = &s->shim->switches;

    if ((s->is_log && w->fail_log_write) || (s->is_file && w->fail_file_write))
        return SQLITE_FULL;
    return s->real->pMethods->xWrite(s->real, from, n, at);
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return shim_of(f)->real->pMethods->xTruncate(shim_of(f)->real, size);
}

static int shim_sync(sqlite3_file *f, int flags)
{
    struct shim_file *s = shim_of(f);
    struct switches *w = &s->shim->switches;

    if (s->is_log)
        w->log_syncs++;
    if (s->is_file)
        w->file_syncs++;
    if ((s->is_log && w->fail_log_sync) || (s->is_file && w->fail_file_sync))
        return SQLITE_IOERR_FSYNC;
    return s->real->pMethods->xSync(s->real, flags);
}

static int shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return shim_of(f)->real->pMethods->xFileSize(shim_of(f)->real, size);
}

static int shim_lock(sqlite3_file *f, int level)
{
    return shim_of(f)->real->pMethods->xLock(shim_of(f)->real, level);
}

static int shim_unlock(sqlite3_file *f, int level)
{
    return shim_of(f)->real->pMethods->xUnlock(shim_of(f)->real, level);
}

static int shim_reserved(sqlite3_file *f, int *ret)
{
    return shim_of(f)->real->pMethods->xCheckReservedLock(shim_of(f)->real, ret);
}

static int shim_control(sqlite3_file *f, int op, void *arg)
{
    return shim_of(f)->real->pMethods->xFileControl(shim_of(f)->real, op, arg);
}

static int shim_sector(sqlite3_file *f)
{
    return shim_of(f)->real->pMethods->xSectorSize(shim_of(f)->real);
}

static int shim_device(sqlite3_file *f)
{
    return shim_of(f)->real->pMethods->xDeviceCharacteristics(shim_of(f)->real);
}

static int shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return shim_of(f)->real->pMethods->xShmMap(shim_of(f)->real, page, size, extend, ret);
}

static int shim_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return shim_of(f)->real->pMethods->xShmLock(shim_of(f)->real, at, n, flags);
}

static void shim_shm_barrier(sqlite3_file *f)
{
    shim_of(f)->real->pMethods->xShmBarrier(shim_of(f)->real);
}

static int shim_shm_unmap(sqlite3_file *f, int delete)
{
    return shim_of(f)->real->pMethods->xShmUnmap(shim_of(f)->real, delete);
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_device,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct shim *shim = vfs->pAppData;
    struct shim_file *s = shim_of(f);
    int rc;

    *s = (struct shim_file){
        .shim = shim,
        .real = (sqlite3_file *)(void *)(s + 1),
        .is_log = (flags & SQLITE_OPEN_WAL) != 0,
        .is_file = (flags & SQLITE_OPEN_MAIN_DB) != 0,
    };
    rc = shim->real->xOpen(shim->real, name, s->real, flags, out);
    f->pMethods = rc == SQLITE_OK ? &shim_methods : NULL;
    return rc;
}

/* Makes the shim the default on first use. */
static struct switches *shim_switches(void)
{
    static struct shim shim;

    if (shim.real == NULL) {
        shim.real = sqlite3_vfs_find(NULL);
        assert_non_null(shim.real);
        shim.vfs = *shim.real;
        shim.vfs.zName = "shim";
        shim.vfs.pAppData = &shim;
        shim.vfs.pNext = NULL;
        shim.vfs.szOsFile = shim.real->szOsFile + (int)sizeof(struct shim_file);
        shim.vfs.xOpen = shim_open;
        assert_int_equal(sqlite3_vfs_register(&shim.vfs, 1), SQLITE_OK);
    }
    return &shim.switches;
}

static bool count_contact(void *ctx, UNUSED const struct contact *c, UNUSED struct err *err)
{
    ++*(int *)ctx;
    return true;
}

static int contacts(const struct place *p)
{
    int n = 0;

    assert_true(contacts_read(p->path, true, count_contact, &n, NULL));
    return n;
}

TEST(each_commit_syncs_the_log_before_it_returns)
{
    struct switches *w = shim_switches();
    struct place p;
    struct store_backend *b;
    struct test_job jobs[5];

    place_make(&p);
    b = sqlite_backend(&p);
    for (unsigned i = 0; i < 5; i++) {
        int before;

        test_job_init(&jobs[i], i);
        assert_true(sqlite_ops.begin(b, NULL));
        assert_true(sqlite_ops.add(b, &jobs[i].job, NULL));
        before = w->log_syncs;
        assert_true(sqlite_ops.commit(b, NULL));
        assert_true(w->log_syncs > before);
    }
    sqlite_ops.close(b);
    place_remove(&p);
}

TEST(a_checkpoint_syncs_the_file)
{
    struct switches *w = shim_switches();
    struct place p;
    struct store_backend *b;
    int before;

    place_make(&p);
    b = sqlite_backend(&p);
    before = w->file_syncs;
    assert_true(sqlite_ops.checkpoint(b, NULL));
    assert_true(w->file_syncs > before);
    sqlite_ops.close(b);
    place_remove(&p);
}

struct fault {
    const char *what;
    size_t at; /* offset of the switch */
};

static _Atomic bool *switch_of(struct switches *w, const struct fault *f)
{
    return (_Atomic bool *)(void *)((char *)w + f->at);
}

TEST(a_commit_that_can_not_be_written_or_synced_is_not_acknowledged)
{
    static const struct fault faults[] = {
        {"a sync of the log fails", offsetof(struct switches, fail_log_sync) },
        {"the disk is full",        offsetof(struct switches, fail_log_write)},
    };
    static const char *const keys[] = {"k0", "k1", "k2", "k1"};
    struct switches *w = shim_switches();

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        _Atomic bool *fail = switch_of(w, &faults[i]);
        struct place p;
        struct store *s;
        struct test_job jobs[4];

        place_make(&p);
        s = sqlite_store(&p);
        for (unsigned k = 0; k < 4; k++) {
            test_job_init(&jobs[k], k);
            jobs[k].job.sub.key = slice_str(keys[k]);
        }
        assert_int_equal(submit_and_wait(s, &jobs[0]), STORE_STORED);
        *fail = true;
        assert_int_equal(submit_and_wait(s, &jobs[1]), STORE_FAILED);
        assert_false(is_up(s));
        assert_int_equal(store_submit(s, &jobs[2].job), STORE_DOWN);
        assert_int_equal(errors_of(&p, "commit"), 1);
        *fail = false;
        WAIT_UNTIL(is_up(s));
        assert_int_equal(count_of(&p, METRIC_STORE_REOPENS), 1);
        assert_int_equal(submit_and_wait(s, &jobs[2]), STORE_STORED);
        /* The one that failed, sent again with its key: stored once, whatever the first attempt left. */
        assert_true(submit_and_wait(s, &jobs[3]) <= STORE_REPLAYED);
        store_free(s);
        assert_int_equal(contacts(&p), 3);
        place_remove(&p);
    }
}

TEST(the_store_stays_down_until_the_log_could_be_copied_and_synced)
{
    static const struct fault faults[] = {
        {"the log is not synced",  offsetof(struct switches, fail_log_sync)  },
        {"the file is not synced", offsetof(struct switches, fail_file_sync) },
        {"no room in the file",    offsetof(struct switches, fail_file_write)},
    };
    struct switches *w = shim_switches();

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        _Atomic bool *fail = switch_of(w, &faults[i]);
        struct place p;
        struct store *s;
        struct test_job jobs[4];

        place_make(&p);
        s = sqlite_store(&p);
        for (unsigned k = 0; k < 4; k++)
            test_job_init(&jobs[k], k);
        assert_int_equal(submit_and_wait(s, &jobs[0]), STORE_STORED);
        w->fail_log_sync = true;
        assert_int_equal(submit_and_wait(s, &jobs[1]), STORE_FAILED);
        *fail = true;
        if (fail != &w->fail_log_sync)
            w->fail_log_sync = false;
        WAIT_UNTIL(errors_of(&p, "checkpoint") + errors_of(&p, "open") >= 3);
        assert_false(is_up(s));
        assert_int_equal(store_submit(s, &jobs[2].job), STORE_DOWN);
        *fail = false;
        WAIT_UNTIL(is_up(s));
        assert_int_equal(submit_and_wait(s, &jobs[3]), STORE_STORED);
        store_free(s);
        assert_true(contacts(&p) >= 2);
        place_remove(&p);
    }
}

TEST(a_full_disk_in_the_middle_of_a_large_batch_fails_all_of_it)
{
    enum { JOBS = 100, BYTES = 40000 };
    struct switches *w = shim_switches();
    struct place p;
    struct store_backend *b;
    struct err err = ERR_INIT;
    char *text = must_calloc(BYTES, 1);
    bool ok = true;

    memset(text, 'x', BYTES);
    place_make(&p);
    b = sqlite_backend(&p);
    assert_true(sqlite_ops.begin(b, NULL));
    w->fail_log_write = true;
    /* More than the cache holds: SQLite spills to the log before the commit. */
    for (unsigned i = 0; ok && i < JOBS; i++) {
        struct test_job t;

        test_job_init(&t, i);
        t.job.sub.message = (struct slice){text, BYTES};
        ok = sqlite_ops.add(b, &t.job, &err);
    }
    assert_false(ok);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    sqlite_ops.rollback(b);
    w->fail_log_write = false;
    sqlite_ops.close(b);
    assert_int_equal(contacts(&p), 0);
    place_remove(&p);
    free(text);
}

TEST(a_failed_sync_of_the_file_during_a_batch_takes_the_store_down)
{
    enum { BYTES = 40000 };
    struct switches *w = shim_switches();
    struct place p;
    struct store *s;
    char *text = must_calloc(BYTES, 1);
    int stored = 0;

    memset(text, 'x', BYTES);
    place_make(&p);
    s = sqlite_store(&p);
    w->fail_file_sync = true;
    /* Only the checkpoint of a long log syncs the file; SQLite's own would not tell. */
    for (unsigned i = 0;; i++) {
        struct test_job t;

        test_job_init(&t, i);
        t.job.sub.message = (struct slice){text, BYTES};
        if (submit_and_wait(s, &t) == STORE_FAILED)
            break;
        stored++;
        assert_true(stored < 1000);
    }
    assert_false(is_up(s));
    w->fail_file_sync = false;
    WAIT_UNTIL(is_up(s));
    store_free(s);
    assert_int_equal(contacts(&p), stored);
    place_remove(&p);
    free(text);
}

RUN_TESTS(T(each_commit_syncs_the_log_before_it_returns),
          T(a_checkpoint_syncs_the_file),
          T(a_commit_that_can_not_be_written_or_synced_is_not_acknowledged),
          T(the_store_stays_down_until_the_log_could_be_copied_and_synced),
          T(a_full_disk_in_the_middle_of_a_large_batch_fails_all_of_it),
          T(a_failed_sync_of_the_file_during_a_batch_takes_the_store_down))
