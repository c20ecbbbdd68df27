/* SPDX-License-Identifier: MIT */
/*
 * Private to api/: files of web/ that are sent as they are, to any site. They are compressed, and
 * each form is named by an ETag of its own, once.
 *
 * Answers are the file (200) or "you have it" (304, RFC 9110, 13.1.2); both may be kept for
 * ASSETS_MAX_AGE_S and must be asked for again after that.
 *
 * Threads: immutable after assets_new, so any may answer from it.
 */
#ifndef SIDELIGHT_API_ASSETS_H
#define SIDELIGHT_API_ASSETS_H

#include "api/api.h"

#define ASSETS_MAX_AGE_S "3600"

struct assets *assets_new(void);
void assets_free(struct assets *a); /* may be NULL */

/*
 * True when `if_none_match`, the value of that field or SLICE_NONE, names `etag`, which is strong
 * and in its quotes: "*", or one of a list of tags, compared weakly, since a cache that compresses
 * anew turns a strong tag into a weak one. What cannot be read names nothing.
 */
bool assets_named(struct slice if_none_match, struct slice etag);

#endif
