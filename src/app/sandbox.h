/* SPDX-License-Identifier: MIT */
/*
 * What the process gives up before it serves: new privileges, core files, being read by other
 * processes of its user, and all system calls but those it needs (seccomp).
 *
 * A call that is not on the list fails with EPERM: no program can be started, nothing traced,
 * mounted or loaded, no packet socket opened, no memory made executable. Files and TCP stay: what
 * may be written is the unit's and the container's to say (docs/operations.md).
 */
#ifndef SIDELIGHT_APP_SANDBOX_H
#define SIDELIGHT_APP_SANDBOX_H

#include "base/err.h"

/*
 * No core file and no ptrace or /proc/PID/mem by others; cannot fail in a way that matters. Before
 * any file is open that /proc/self must be read for, nothing is lost: files there that are open
 * stay readable.
 */
void sandbox_no_dumps(void);

/*
 * For every thread, also those that run, and for good. ERR_UNAVAILABLE when the kernel has no
 * seccomp, the build is for a sanitizer, whose runtime needs calls that are refused, or the
 * processor is another than x86-64 and arm64.
 */
MUST_CHECK bool sandbox_enter(struct err *err);

#endif
