/* SPDX-License-Identifier: MIT */
/* The heap of due times, on a clock of numbers. On a real loop: tests/e2e/drills_test.c. */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "http/delay.h"
#include "http/request.h"

#include <stdlib.h>

enum { MANY = 5000 };

#define MS(n) ((n)*NS_PER_MS)

TEST(nothing_is_due_before_its_time)
{
    struct delays d = DELAYS_INIT;
    struct pending p;

    assert_null(delays_take(&d, UINT64_MAX));
    delays_add(&d, 1000, &p);
    assert_null(delays_take(&d, 999));
    assert_ptr_equal(delays_take(&d, 1000), &p);
    assert_null(delays_take(&d, UINT64_MAX));
    delays_release(&d);
    assert_null(d.items);
    delays_release(&d);
}

TEST(the_earliest_comes_first_in_whatever_order_they_were_added)
{
    static const unsigned orders[][5] = {
        {1, 2, 3, 4, 5},
        {5, 4, 3, 2, 1},
        {3, 1, 5, 2, 4},
        {2, 5, 1, 4, 3}
    };
    struct pending p[6];

    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct delays d = DELAYS_INIT;

        for (size_t j = 0; j < 5; j++)
            delays_add(&d, orders[i][j], &p[orders[i][j]]);
        for (unsigned want = 1; want <= 5; want++)
            assert_ptr_equal(delays_take(&d, 10), &p[want]);
        delays_release(&d);
    }
}

/* Of many: whatever is taken was the earliest of those that waited. */
TEST(many_come_back_once_each_and_in_order)
{
    struct delays d = DELAYS_INIT;
    struct pending *p = must_calloc(MANY, sizeof(*p));
    uint64_t *due = must_calloc(MANY, sizeof(*due)), x = 1, last = 0;
    size_t taken = 0;

    for (size_t i = 0; i < MANY; i++) {
        const struct pending *first;

        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        due[i] = last + (x >> 54); /* 0..1023 after what was taken: also several at one moment */
        delays_add(&d, due[i], &p[i]);
        if (i % 3 != 0)
            continue;
        first = delays_take(&d, UINT64_MAX);
        assert_true(due[first - p] >= last);
        last = due[first - p];
        due[first - p] = UINT64_MAX;
        taken++;
    }
    for (const struct pending *next; (next = delays_take(&d, UINT64_MAX)) != NULL; taken++) {
        assert_true(due[next - p] >= last && due[next - p] != UINT64_MAX);
        last = due[next - p];
        due[next - p] = UINT64_MAX;
    }
    assert_int_equal(taken, MANY);
    delays_release(&d);
    free(due);
    free(p);
}

TEST(a_loop_that_slept_as_long_as_it_was_told_finds_it_due)
{
    static const struct {
        uint64_t due, now;
        int max, want;
    } cases[] = {
        {MS(100),     MS(100), 500, 0  },
        {MS(100),     MS(101), 500, 0  }, /* late already */
        {MS(100),     MS(60),  500, 40 },
        {MS(100) + 1, MS(60),  500, 41 }, /* rounded up */
        {MS(100) - 1, MS(60),  500, 40 },
        {MS(60) + 1,  MS(60),  500, 1  },
        {MS(560),     MS(60),  500, 500},
        {MS(561),     MS(60),  500, 500},
        {UINT64_MAX,  0,       500, 500},
        {MS(100),     MS(60),  0,   0  },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct delays d = DELAYS_INIT;
        struct pending p;

        delays_add(&d, UINT64_MAX, &p);
        delays_add(&d, cases[i].due, &p);
        assert_int_equal(delays_wait_ms(&d, cases[i].now, cases[i].max), cases[i].want);
        delays_release(&d);
    }
}

TEST(without_a_delay_a_loop_sleeps_as_long_as_it_would)
{
    struct delays d = DELAYS_INIT;

    assert_int_equal(delays_wait_ms(&d, 0, 500), 500);
    assert_int_equal(delays_wait_ms(&d, UINT64_MAX, 0), 0);
}

RUN_TESTS(T(nothing_is_due_before_its_time),
          T(the_earliest_comes_first_in_whatever_order_they_were_added),
          T(many_come_back_once_each_and_in_order),
          T(a_loop_that_slept_as_long_as_it_was_told_finds_it_due),
          T(without_a_delay_a_loop_sleeps_as_long_as_it_would))
