/* SPDX-License-Identifier: MIT */
/*
 * cmocka behind two macros. Names of tests are sentences; every TEST of a file stands in its RUN_TESTS list
 * (`make lint` checks it).
 *
 *     TEST(a_rate_that_is_off_always_fits) { ... }
 *     RUN_TESTS(T(a_rate_that_is_off_always_fits), ...)
 */
#ifndef SIDELIGHT_TESTS_UNIT_H
#define SIDELIGHT_TESTS_UNIT_H

/* cmocka.h wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

#define TEST(name) static void name(UNUSED void **state)
#define T(name) cmocka_unit_test(name)
#define RUN_TESTS(...)                                    \
    int main(void)                                        \
    {                                                     \
        const struct CMUnitTest tests[] = {__VA_ARGS__};  \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }

#endif
