/* SPDX-License-Identifier: MIT */
/*
 * Time. Durations, timers and rates use the monotonic clock; only stamps that people or other
 * systems read use the wall clock. Code under test takes the numbers as parameters instead.
 */
#ifndef SIDELIGHT_BASE_CLOCK_H
#define SIDELIGHT_BASE_CLOCK_H

#include "base/base.h"

#define NS_PER_SEC UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

uint64_t clock_mono_ns(void);     /* CLOCK_MONOTONIC, nanoseconds */
uint64_t clock_wall_ms(void);     /* Unix time, milliseconds */
uint64_t clock_wall_ns(void);     /* Unix time, nanoseconds */
void clock_sleep_ms(uint32_t ms); /* blocks the calling thread; never on an event loop */

#endif
