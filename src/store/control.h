/* SPDX-License-Identifier: MIT */
/*
 * `<store>.sock`: how the command line asks the running server for what only it may do to its
 * store.
 *
 * A Unix socket, mode 0600; besides, peers of another user than the server's or root are refused.
 * One request per connection, a line of at most CONTROL_LINE_MAX bytes that must come within
 * CONTROL_REQUEST_MS; one line back, "ok", "ok <number>" or "error <sentence>":
 *
 *     delete <id>      deletes a submission; answered when that is synced
 *     backup <path>    copies the store into a new file (absolute path); "ok <bytes>"
 *
 * One thread serves one connection after the other, so that a backup holds up other requests, but
 * neither a loop nor the store. A backup ends early when its client leaves or the server stops.
 */
#ifndef SIDELIGHT_STORE_CONTROL_H
#define SIDELIGHT_STORE_CONTROL_H

#include "base/buf.h"
#include "store/store.h"

enum {
    CONTROL_LINE_MAX = 8192,
    CONTROL_REQUEST_MS = 5000,
};

struct store_control;

struct store_control_options {
    const char *path; /* of the store */
    struct store *store;
    struct log *log;     /* NULL: nothing is logged */
    uint32_t request_ms; /* 0: CONTROL_REQUEST_MS; for tests */
};

/*
 * Makes the socket and starts the thread. A socket that is there is replaced, so the caller must
 * hold the store's lock; any other kind of file is an error.
 */
MUST_CHECK bool store_control_new(const struct store_control_options *opt,
                                  struct store_control **ret,
                                  struct err *err);
/*
 * Ends what is under way (a deletion is waited for), joins, removes the socket. Before store_free.
 * NULL is fine.
 */
void store_control_free(struct store_control *c);

/*
 * Sends one request (without the newline) to the server of the store at `path` and waits for its
 * answer, at most `wait_ms` (0: for ever). *ret becomes what stands after "ok". ERR_NOT_FOUND: no
 * server listens there, nothing was asked.
 */
MUST_CHECK bool store_control_ask(
    const char *path, const char *request, uint32_t wait_ms, struct buf *ret, struct err *err);

#endif
