/* SPDX-License-Identifier: MIT */
/* The only object that is built anew when the revision changes. */
#include "app/version.h"

#ifndef SIDELIGHT_VERSION
#define SIDELIGHT_VERSION "unknown"
#endif
#ifndef SIDELIGHT_REVISION
#define SIDELIGHT_REVISION "unknown"
#endif

const char sidelight_version[] = SIDELIGHT_VERSION;
const char sidelight_revision[] = SIDELIGHT_REVISION;
