/* SPDX-License-Identifier: MIT */
/* Texts of the operator as messages show them: short, and harmless on a terminal. */
#ifndef SIDELIGHT_CONFIG_QUOTE_H
#define SIDELIGHT_CONFIG_QUOTE_H

#include "base/slice.h"

enum {
    QUOTE_CUT = 40,            /* bytes between the quotes, before "..." */
    QUOTE_MAX = QUOTE_CUT + 6, /* the quotes, the dots and the NUL */
    PATH_SHOWN = 72,           /* bytes of a path; the front of a longer one becomes "..." */
    PATH_SHOWN_MAX = PATH_SHOWN + 4,
};

/*
 * `s` in double quotes; control bytes, quotes, backslashes and what is not UTF-8 as \xNN. Returns
 * `out`, NUL-terminated.
 */
const char *quote(struct slice s, char out[QUOTE_MAX]);

/* The name of a file, unquoted, control bytes as '?'. Returns `out`, NUL-terminated. */
const char *quote_path(const char *path, char out[PATH_SHOWN_MAX]);

#endif
