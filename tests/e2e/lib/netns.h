/* SPDX-License-Identifier: MIT */
/*
 * Sockets in other network namespaces: a socket stays for ever in the namespace in which it was made. Any thread, since a
 * thread may change its own namespace alone.
 */
#ifndef SIDELIGHT_TESTS_E2E_NETNS_H
#define SIDELIGHT_TESTS_E2E_NETNS_H

#include "base/base.h"

/* Takes the calling thread into /run/netns/`name`, for good; false when it can't. */
MUST_CHECK bool netns_enter(const char *name);
/* socket(2), close-on-exec, made in /run/netns/`name`, or here when it is NULL. -1 when that can't be. */
int netns_socket(const char *name, int domain, int type, int protocol);

#endif
