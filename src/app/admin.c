/* SPDX-License-Identifier: MIT */
/*
 * `sidelight contacts delete` and `store backup`: asked of the server that runs on the store, or
 * done here, under its lock, when none does.
 */
#include "app/app.h"
#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    PATIENCE_MS = 3000, /* for a server that starts or ends just now */
    TRY_MS = 100,
    DELETE_MS = 30000, /* the longest wait for a server's answer */
};

/* One call of a command. */
struct errand {
    const char *word;    /* of the request */
    uint32_t wait_ms;    /* for the server's answer; 0: for ever */
    const char *store;   /* path */
    const char *operand; /* ID or absolute path */
    /* Without a server. */
    bool (*alone)(const struct errand *e, struct buf *ret, struct err *err);
};

/* ---- without a server ---- */

static bool delete_alone(const struct errand *e, UNUSED struct buf *ret, struct err *err)
{
    struct sqlite_options sqlite = {.path = e->store};
    struct store_job job = {.kind = STORE_DELETE};

    memcpy(job.sub.id, e->operand, ID_LEN);
    if (!store_once(&sqlite_ops, &sqlite, &job, err))
        return false;
    return job.result == STORE_DELETED ||
           err_set(err, ERR_NOT_FOUND, "there is no submission %s", e->operand);
}

/* Those that end a command and leave it time to tidy up: SIGHUP comes when an ssh is cut. */
static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* They are blocked, so that nothing half made is left. */
static bool was_interrupted(UNUSED void *ctx)
{
    sigset_t pending;

    if (sigpending(&pending) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (sigismember(&pending, endings[i]) == 1)
            return true;
    return false;
}

/* But not what nohup or a shell's `&` has us ignore: blocked, it would count as pending. */
static void block_endings(void)
{
    struct sigaction is;
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (sigaction(endings[i], NULL, &is) == 0 && is.sa_handler != SIG_IGN)
            (void)sigaddset(&set, endings[i]);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static bool backup_alone(const struct errand *e, struct buf *ret, struct err *err)
{
    struct sqlite_options sqlite = {.path = e->store};
    uint64_t bytes = 0;

    block_endings();
    (void)signal(SIGXFSZ, SIG_IGN); /* what passes `ulimit -f` fails with EFBIG, and is told */
    if (!sqlite_ops.backup(&sqlite, e->operand, was_interrupted, NULL, &bytes, err))
        return false;
    buf_add_u64(ret, bytes);
    return true;
}

/* ---- with or without ---- */

static bool ask_server(const struct errand *e, struct buf *ret, struct err *err)
{
    struct buf request = BUF_INIT;
    bool ok;

    buf_addf(&request, "%s %s", e->word, e->operand);
    ok = store_control_ask(e->store, buf_cstr(&request), e->wait_ms, ret, err);
    buf_release(&request);
    return ok;
}

/* A server may start or end meanwhile, so both ways are tried in turns. */
static bool run_errand(const struct errand *e, struct buf *ret, struct err *err)
{
    uint64_t end = clock_mono_ns() + PATIENCE_MS * NS_PER_MS;
    struct store_lock *lock = NULL;
    struct stat st;
    bool ok;

    /* First, since taking the lock would make the directory. */
    if (!store_log_has_file(e->store, err))
        return false;
    if (stat(e->store, &st) != 0)
        return err_set_errno(err, errno, "there is no store at '%s'", e->store);
    do {
        if (ask_server(e, ret, err))
            return true;
        if (err->kind != ERR_NOT_FOUND)
            return false;
        if (store_lock_take(e->store, TRY_MS, NULL, &lock, err))
            break;
    } while (err->kind == ERR_UNAVAILABLE && clock_mono_ns() < end);
    if (lock == NULL)
        return false;
    ok = e->alone(e, ret, err);
    store_lock_release(lock);
    return ok;
}

/* ---- the commands ---- */

static bool delete_contact(const struct config *c, const char *id, struct err *err)
{
    struct errand e = {"delete", DELETE_MS, c->store_path, id, delete_alone};
    struct buf none = BUF_INIT;
    bool ok = run_errand(&e, &none, err);

    buf_release(&none);
    return ok && (printf("deleted %s\n", id) > 0 || err_set_errno(err, errno, "cannot write"));
}

/* The server's working directory may be another. */
static bool absolute_path(const char *file, struct buf *ret, struct err *err)
{
    const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
    struct buf directory = BUF_INIT;
    char *real;

    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return err_set(err, ERR_INVALID, "'%s' does not name a file", file);
    if (strchr(file, '\n') != NULL)
        return err_set(err, ERR_INVALID, "the name of the file has a line break");
    buf_add(&directory, file, (size_t)(name - file));
    real = realpath(name == file ? "." : buf_cstr(&directory), NULL);
    buf_release(&directory);
    if (real == NULL)
        return err_set_errno(err, errno, "cannot find the directory of '%s'", file);
    buf_addf(ret, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
    free(real);
    return true;
}

/*
 * A server can have directories of its own, where it wrote a file that nobody else sees and that
 * may end with it. `before`: something bore the name here before it was asked.
 */
static bool check_copy(const char *file, bool before, const char *bytes, struct err *err)
{
    struct buf size = BUF_INIT;
    struct stat st;
    bool seen = !before && lstat(file, &st) == 0 && S_ISREG(st.st_mode);

    if (seen) {
        buf_add_u64(&size, (uint64_t)st.st_size);
        seen = strcmp(buf_cstr(&size), bytes) == 0;
    }
    buf_release(&size);
    return seen ||
           err_set(err, ERR_IO,
                   "the server wrote %.20s bytes, but not where this command sees them: it may "
                   "have directories of its own (a private /tmp, a container); choose a path under "
                   "the store's directory, not '%s'",
                   bytes, file);
}

static bool back_up(const struct config *c, const char *file, struct err *err)
{
    struct errand e = {"backup", 0, c->store_path, NULL, backup_alone};
    struct buf path = BUF_INIT, bytes = BUF_INIT;
    struct stat st;
    bool ok = absolute_path(file, &path, err);

    if (ok) {
        bool before;

        e.operand = buf_cstr(&path);
        before = lstat(e.operand, &st) == 0;
        ok = run_errand(&e, &bytes, err) && check_copy(e.operand, before, buf_cstr(&bytes), err);
    }
    if (ok && printf("backed up %s bytes to %s\n", buf_cstr(&bytes), e.operand) < 0)
        ok = err_set_errno(err, errno, "cannot write");
    buf_release(&path);
    buf_release(&bytes);
    return ok;
}

int app_admin(const struct cli *cli)
{
    bool deletes = cli->command == CLI_CONTACTS_DELETE, ok;
    struct err err = ERR_INIT;
    char id[ID_LEN + 1];
    struct config c;

    if (deletes && !id_parse(slice_str(cli->operand), id)) {
        err_set(
            &err, ERR_INVALID,
            "an ID looks like 01234567-89ab-7cde-8f01-23456789abcd; see sidelight contacts list");
        return app_fail(EXIT_USAGE, &err);
    }
    if (!config_load_cli(cli, &c, &err))
        return app_fail(EXIT_CONFIG, &err);
    (void)umask(077);
    ok = deletes ? delete_contact(&c, id, &err) : back_up(&c, cli->operand, &err);
    config_release(&c);
    return ok ? 0 : app_fail(1, &err);
}
