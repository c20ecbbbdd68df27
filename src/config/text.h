/* SPDX-License-Identifier: MIT */
/* Which texts settings may have, beyond numbers. */
#ifndef SIDELIGHT_CONFIG_TEXT_H
#define SIDELIGHT_CONFIG_TEXT_H

#include "base/slice.h"

bool text_is_line(struct slice s);  /* UTF-8 without control characters */
bool text_is_label(struct slice s); /* [A-Za-z0-9_.-]+ */
bool text_is_token(struct slice s); /* [A-Za-z0-9-]+ */
/*
 * What may stand in a Location header: a path that begins with one '/' (two would name a host), or
 * an http or https URL with a host. Only characters of a URL (RFC 3986, 2), so the rest must be
 * percent-encoded.
 */
bool text_is_redirect(struct slice s);
/* A host name as requests carry it: 1-253 of [A-Za-z0-9._-], no empty label, no port. */
bool text_is_host(struct slice s);
/*
 * An origin as browsers send it (RFC 6454, 6.2), so that a request's can equal it: http or https,
 * "://", a host in lower case or an address in its shortest form, and a port without leading zeros
 * that is not the scheme's own. Nothing else: no path, no final dot, neither "null" nor "*".
 */
bool text_is_origin(struct slice s);
/*
 * A template of page paths: at most 128 bytes of a path (RFC 3986, 3.3), which begins with '/'. A
 * "*" that is all of a segment stands for any one; elsewhere it may not stand.
 */
bool text_is_page(struct slice s);

#endif
