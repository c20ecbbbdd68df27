/* SPDX-License-Identifier: MIT */
/*
 * What happens to a request the guard refuses: one row per reason with its status, its label in
 * http_rejected_total, and what the client reads. The reasons themselves are found by head_scan, by
 * libh2o (body too large, bad Expect), or by guard_host.
 */
#ifndef SIDELIGHT_HTTP_GUARD_H
#define SIDELIGHT_HTTP_GUARD_H

#include "http/live.h"
#include "http/request.h"

struct refusal_row {
    unsigned status;
    const char *label; /* http_rejected_total{reason} */
    const char *code, *message;
};
extern const struct refusal_row refusal_rows[REFUSALS];

/* Answers the refusal in rq->refusal and closes the connection. */
void guard_refuse(struct request *rq);

/*
 * True when `name` (of a Host field, without its port) is one of the configured hosts, or none are
 * configured.
 */
bool guard_host(const struct http_live *live, struct slice name);

/*
 * The Host rule of the metrics port, against DNS rebinding: an address, localhost, `alias` or a
 * configured host.
 */
bool guard_host_internal(const struct http_live *live, struct slice alias, struct slice name);

/* The refusal that a status raised by libh2o itself stands for. */
enum refusal guard_from_status(unsigned status);

#endif
