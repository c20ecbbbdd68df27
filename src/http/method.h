/* SPDX-License-Identifier: MIT */
/*
 * The methods we know (RFC 9110, 9; RFC 5789) and the reason phrases of the statuses we send.
 */
#ifndef SIDELIGHT_HTTP_METHOD_H
#define SIDELIGHT_HTTP_METHOD_H

#include "base/slice.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHODS,
    HTTP_METHOD_UNKNOWN = HTTP_METHODS, /* the guard answers 405 */
};

/* Methods are case-sensitive (RFC 9110, 9.1). */
enum http_method http_method_parse(struct slice s);
const char *http_method_name(enum http_method m); /* "-" for HTTP_METHOD_UNKNOWN */

/*
 * Statuses that may be answered, by index: tables of handles are sized by HTTP_STATUSES. Anything
 * else is a MUST.
 */
enum { HTTP_STATUSES = 25, HTTP_CLIENT_GONE = 499 };
unsigned http_status_index(unsigned status);
unsigned http_status_at(unsigned index);
const char *http_reason(unsigned status);

#endif
