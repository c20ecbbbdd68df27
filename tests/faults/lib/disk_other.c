/* SPDX-License-Identifier: MIT */
/* A child that reads statements from a pipe and answers each with one byte: SQLite's primary result. */
#include "tests/faults/lib/disk_other.h"

#include "tests/e2e/lib/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

struct other {
    pid_t pid;
    int statements, results;
};

static _Noreturn void child(const char *path, int statements, int results)
{
    FILE *in = fdopen(statements, "r");
    sqlite3 *db = NULL;
    char line[1024];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        int rc = db != NULL ? SQLITE_OK : sqlite3_open(path, &db);
        unsigned char byte;

        if (rc == SQLITE_OK)
            rc = sqlite3_busy_timeout(db, DEADLINE_MS); /* the server commits all the time */
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(db, line, NULL, NULL, NULL);
        byte = (unsigned char)rc;
        if (write(results, &byte, 1) != 1)
            break;
    }
    _exit(0);
}

static void end(void *arg)
{
    struct other *o = arg;
    int status;

    if (o->pid == 0)
        return;
    (void)kill(o->pid, SIGKILL);
    (void)process_wait(o->pid, DEADLINE_MS, &status);
    (void)close(o->statements);
    (void)close(o->results);
    o->pid = 0;
}

struct other *other_new(struct fixture *f, const char *path)
{
    struct other *o = keep(f, sizeof(*o));
    int down[2], up[2];

    assert_int_equal(pipe2(down, O_CLOEXEC), 0);
    assert_int_equal(pipe2(up, O_CLOEXEC), 0);
    o->pid = fork();
    assert_true(o->pid >= 0);
    if (o->pid == 0) {
        (void)close(down[1]);
        child(path, down[0], up[1]);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    o->statements = down[1];
    o->results = up[0];
    at_end(f, end, o);
    return o;
}

void other_run(struct other *o, const char *sql)
{
    size_t n = strlen(sql);
    unsigned char rc = 0;

    assert_int_equal(write(o->statements, sql, n), n);
    assert_int_equal(write(o->statements, "\n", 1), 1);
    assert_int_equal(read(o->results, &rc, 1), 1);
    if (rc != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errstr(rc));
}

void other_kill(struct other *o)
{
    end(o);
}
