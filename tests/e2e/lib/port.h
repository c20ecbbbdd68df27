/* SPDX-License-Identifier: MIT */
/* TCP ports of 127.0.0.1. */
#ifndef SIDELIGHT_TESTS_E2E_PORT_H
#define SIDELIGHT_TESTS_E2E_PORT_H

#include "base/base.h"

/* One that was free a moment ago, for programs that can't say which one they took. */
unsigned port_free(void);
/* Somebody takes connections there. */
bool port_listens(unsigned port);

#endif
