/* SPDX-License-Identifier: MIT */
/*
 * CORS by allow-list (Fetch, 3.2): which other sites' scripts may call the public port and read its
 * answers. An origin is allowed when it stands in cors.origins byte for byte; what is echoed is the
 * list's own text. Neither "*" nor Access-Control-Allow-Credentials is ever sent, so that a script
 * cannot read an answer to a request that carried cookies; nothing here reads Cookie. Without a
 * list, and on the metrics port, nothing is added.
 *
 * request_origin_allowed, for handlers, is in request.h.
 */
#ifndef SIDELIGHT_HTTP_CORS_H
#define SIDELIGHT_HTTP_CORS_H

#include "http/request.h"

/*
 * What every answer carries, refusals too: Vary, and for an allowed origin who may read it. Once,
 * when the head was read.
 */
void cors_begin(struct request *rq);

/*
 * What the answer to a preflight carries besides: an OPTIONS of an allowed origin that names a
 * method. `methods` is the answer's Allow and is borrowed until the request is finished.
 */
void cors_preflight(struct request *rq, struct slice methods);

#endif
