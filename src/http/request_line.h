/* SPDX-License-Identifier: MIT */
/* The request line (RFC 9112, 3), whatever stands in it. */
#ifndef SIDELIGHT_HTTP_REQUEST_LINE_H
#define SIDELIGHT_HTTP_REQUEST_LINE_H

#include "http/head.h"

/*
 * method SP target SP HTTP/1.x; exactly one space each. Fills method, target, path, query and minor
 * of *ret as far as the line goes, and returns the first reason to refuse it. `line` has no CRLF.
 */
enum refusal request_line_scan(struct slice line, struct head *ret);

#endif
