/* SPDX-License-Identifier: MIT */
/*
 * Private to api/: this process's recent past, for the status page. It reads what the registry
 * holds; nothing on the public port knows of it. All functions on the ops thread.
 */
#ifndef SIDELIGHT_API_STATUS_H
#define SIDELIGHT_API_STATUS_H

#include "api/api.h"

struct status *status_new(struct api *api); /* `registry`, `start_ns` must be set */
void status_free(struct status *x);         /* NULL is fine */
/* Keeps the numbers of `now_ns` (monotonic), at most once a second; cheap otherwise. */
void status_tick(struct status *x, uint64_t now_ns);

#endif
