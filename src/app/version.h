/* SPDX-License-Identifier: MIT */
/* Which build this is; the build passes both to version.c alone. */
#ifndef SIDELIGHT_APP_VERSION_H
#define SIDELIGHT_APP_VERSION_H

extern const char sidelight_version[];  /* "0.1.0" */
extern const char sidelight_revision[]; /* of git, or "unknown" */

#endif
