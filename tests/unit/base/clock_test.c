/* SPDX-License-Identifier: MIT */
/* The clocks: order, and agreement with each other. */
#include "base/clock.h"
#include "tests/unit/unit.h"

TEST(the_monotonic_clock_never_goes_back)
{
    uint64_t last = clock_mono_ns();

    for (unsigned i = 0; i < 10000; i++) {
        uint64_t now = clock_mono_ns();

        assert_true(now >= last);
        last = now;
    }
}

TEST(both_wall_clocks_tell_the_same_time)
{
    uint64_t before = clock_wall_ns() / NS_PER_MS, ms = clock_wall_ms(),
             after = clock_wall_ns() / NS_PER_MS;

    assert_in_range(ms, before, after);
    assert_true(ms > UINT64_C(1577836800000)); /* 2020: milliseconds, not seconds */
}

TEST(a_sleep_is_not_shorter_than_asked)
{
    uint64_t before = clock_mono_ns();

    clock_sleep_ms(0);
    clock_sleep_ms(1);
    assert_true(clock_mono_ns() - before >= NS_PER_MS);
}

RUN_TESTS(T(the_monotonic_clock_never_goes_back),
          T(both_wall_clocks_tell_the_same_time),
          T(a_sleep_is_not_shorter_than_asked))
