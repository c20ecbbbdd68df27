/* SPDX-License-Identifier: MIT */
/*
 * A thread that resolves a name and binds one of its addresses, trying again until it can. Private
 * to http/.
 */
#ifndef SIDELIGHT_HTTP_BIND_LATER_H
#define SIDELIGHT_HTTP_BIND_LATER_H

#include "base/log.h"
#include "base/net.h"

struct bind_later;
/*
 * `done` is called once, on the thread, with a listening descriptor that is then the caller's. Ends
 * the process if no thread starts.
 */
struct bind_later *bind_later_start(const struct host_port *hp,
                                    struct log *log,
                                    void (*done)(void *arg, int fd),
                                    void *arg);
/*
 * After it returned, `done` is not called any more. Does not wait for a resolver that hangs. NULL
 * is fine.
 */
void bind_later_stop(struct bind_later *b);

#endif
