/* SPDX-License-Identifier: MIT */
/* The stages of a drain, told the time: no clock, no thread, no socket. */
#include "app/drain.h"

#include "base/clock.h"
#include "tests/unit/unit.h"

#define MS(n) ((n)*NS_PER_MS)

static const uint64_t start_ns = UINT64_C(5000000000);
static const struct drain_options options = {MS(2000), MS(12000), MS(15000)};

struct step {
    uint64_t ms; /* since the signal */
    bool public_done;
    unsigned scrapers;
    enum drain_action want;
    enum drain_state state; /* after it */
};

static void run(const struct drain_options *opt, const struct step *steps, size_t n)
{
    struct drain d = {.state = DRAIN_OFF};

    drain_begin(&d, opt, start_ns);
    assert_int_equal(d.state, DRAIN_DELAY);
    for (size_t i = 0; i < n; i++) {
        const struct step *s = &steps[i];
        enum drain_action got = drain_step(&d, start_ns + MS(s->ms), s->public_done, s->scrapers);

        if (got != s->want || d.state != s->state)
            fail_msg("step %zu at %d ms: action %d, state %d", i, (int)s->ms, (int)got,
                     (int)d.state);
    }
}

TEST(without_a_signal_nothing_happens)
{
    struct drain d = {.state = DRAIN_OFF};

    for (uint64_t ms = 0; ms < 100000; ms += 1000)
        assert_int_equal(drain_step(&d, MS(ms), true, 0), DRAIN_WAIT);
    assert_int_equal(d.state, DRAIN_OFF);
}

TEST(a_drain_goes_through_its_stages)
{
    static const struct step steps[] = {
        {0,     true,  0, DRAIN_WAIT,         DRAIN_DELAY  }, /* idle is no reason to hurry */
        {1999,  true,  0, DRAIN_WAIT,         DRAIN_DELAY  },
        {2000,  false, 0, DRAIN_CLOSE_PUBLIC, DRAIN_CLOSING},
        {2000,  false, 0, DRAIN_WAIT,         DRAIN_CLOSING},
        {5000,  false, 0, DRAIN_WAIT,         DRAIN_CLOSING},
        {5020,  true,  0, DRAIN_WAIT,         DRAIN_SCRAPE },
        {5040,  true,  0, DRAIN_END,          DRAIN_OVER   },
        {5060,  true,  0, DRAIN_WAIT,         DRAIN_OVER   },
        {99999, false, 9, DRAIN_WAIT,         DRAIN_OVER   },
    };

    run(&options, steps, ARRAY_LEN(steps));
}

TEST(requests_that_do_not_end_are_cut_once)
{
    static const struct step steps[] = {
        {2000,  false, 0, DRAIN_CLOSE_PUBLIC, DRAIN_CLOSING},
        {11999, false, 0, DRAIN_WAIT,         DRAIN_CLOSING},
        {12000, false, 0, DRAIN_CUT,          DRAIN_CUTTING},
        {12000, false, 0, DRAIN_WAIT,         DRAIN_CUTTING},
        {12100, false, 0, DRAIN_WAIT,         DRAIN_CUTTING},
        {12200, true,  0, DRAIN_WAIT,         DRAIN_SCRAPE },
        {12220, true,  0, DRAIN_END,          DRAIN_OVER   },
    };

    run(&options, steps, ARRAY_LEN(steps));
}

TEST(what_not_even_a_cut_ends_is_left_behind)
{
    static const struct step steps[] = {
        {2000,  false, 0, DRAIN_CLOSE_PUBLIC, DRAIN_CLOSING},
        {12000, false, 0, DRAIN_CUT,          DRAIN_CUTTING},
        {12999, false, 0, DRAIN_WAIT,         DRAIN_CUTTING},
        {13000, false, 0, DRAIN_WAIT,         DRAIN_SCRAPE },
        {13020, false, 0, DRAIN_END,          DRAIN_OVER   },
    };

    run(&options, steps, ARRAY_LEN(steps));
}

TEST(scrapers_are_waited_for_but_not_for_ever)
{
    static const struct step patient[] = {
        {2000,  false, 2, DRAIN_CLOSE_PUBLIC, DRAIN_CLOSING},
        {3000,  true,  2, DRAIN_WAIT,         DRAIN_SCRAPE },
        {17999, true,  1, DRAIN_WAIT,         DRAIN_SCRAPE },
        {18000, true,  1, DRAIN_END,          DRAIN_OVER   }, /* 15 s after the last request */
    };
    static const struct step served[] = {
        {2000, false, 2, DRAIN_CLOSE_PUBLIC, DRAIN_CLOSING},
        {3000, true,  2, DRAIN_WAIT,         DRAIN_SCRAPE },
        {4000, true,  1, DRAIN_WAIT,         DRAIN_SCRAPE },
        {4001, true,  0, DRAIN_END,          DRAIN_OVER   },
    };

    run(&options, patient, ARRAY_LEN(patient));
    run(&options, served, ARRAY_LEN(served));
}

TEST(without_a_last_scrape_nobody_is_waited_for)
{
    static const struct drain_options opt = {MS(2000), MS(12000), 0};
    static const struct step steps[] = {
        {2000, false, 3, DRAIN_CLOSE_PUBLIC, DRAIN_CLOSING},
        {3000, true,  3, DRAIN_WAIT,         DRAIN_SCRAPE },
        {3000, true,  3, DRAIN_END,          DRAIN_OVER   },
    };

    run(&opt, steps, ARRAY_LEN(steps));
}

TEST(all_times_may_be_zero)
{
    static const struct drain_options opt = {0, 0, 0};
    static const struct step steps[] = {
        {0, false, 1, DRAIN_CLOSE_PUBLIC, DRAIN_CLOSING},
        {0, false, 1, DRAIN_CUT,          DRAIN_CUTTING},
        {0, true,  1, DRAIN_WAIT,         DRAIN_SCRAPE },
        {0, true,  1, DRAIN_END,          DRAIN_OVER   },
    };

    run(&opt, steps, ARRAY_LEN(steps));
}

TEST(a_delay_longer_than_the_timeout_still_closes_before_it_cuts)
{
    static const struct drain_options opt = {MS(5000), MS(1000), 0};
    static const struct step steps[] = {
        {4999, false, 0, DRAIN_WAIT,         DRAIN_DELAY  },
        {5000, false, 0, DRAIN_CLOSE_PUBLIC, DRAIN_CLOSING},
        {5000, false, 0, DRAIN_CUT,          DRAIN_CUTTING},
        {5000, true,  0, DRAIN_WAIT,         DRAIN_SCRAPE },
        {5000, true,  0, DRAIN_END,          DRAIN_OVER   },
    };

    run(&opt, steps, ARRAY_LEN(steps));
}

TEST(a_late_look_skips_no_stage)
{
    static const struct step steps[] = {
        {60000,  false, 1, DRAIN_CLOSE_PUBLIC, DRAIN_CLOSING},
        {60000,  false, 1, DRAIN_CUT,          DRAIN_CUTTING},
        {90000,  false, 1, DRAIN_WAIT,         DRAIN_SCRAPE },
        {90000,  false, 1, DRAIN_WAIT,         DRAIN_SCRAPE },
        {105000, false, 1, DRAIN_END,          DRAIN_OVER   },
    };

    run(&options, steps, ARRAY_LEN(steps));
}

TEST(a_second_begin_changes_nothing)
{
    static const struct drain_options other = {MS(1), MS(2), MS(3)};
    struct drain d = {.state = DRAIN_OFF};

    drain_begin(&d, &options, start_ns);
    drain_begin(&d, &other, start_ns + MS(1000));
    assert_int_equal(d.began_ns, start_ns);
    assert_memory_equal(&d.opt, &options, sizeof(options));
    (void)drain_step(&d, start_ns + MS(2000), false, 0);
    drain_begin(&d, &other, start_ns + MS(3000));
    assert_int_equal(d.state, DRAIN_CLOSING);
}

/* However it goes: each action comes once, in order, and the end comes in bounded time. */
TEST(any_drain_ends_in_bounded_time_with_each_action_once)
{
    const uint64_t bound = 12000 + DRAIN_CUT_MS + 15000 + 3 * 20;

    for (uint64_t done_ms = 0; done_ms <= 20000; done_ms += 500)
        for (unsigned scrapers = 0; scrapers < 2; scrapers++) {
            unsigned counts[4] = {0};
            struct drain d = {.state = DRAIN_OFF};
            uint64_t ms = 0;

            drain_begin(&d, &options, start_ns);
            for (; d.state != DRAIN_OVER && ms <= 60000; ms += 20) {
                enum drain_action a = drain_step(&d, start_ns + MS(ms), ms >= done_ms, scrapers);

                counts[a]++;
                assert_true(a != DRAIN_CUT || counts[DRAIN_CLOSE_PUBLIC] == 1);
            }
            assert_int_equal(d.state, DRAIN_OVER);
            assert_true(ms <= bound);
            assert_int_equal(counts[DRAIN_CLOSE_PUBLIC], 1);
            assert_int_equal(counts[DRAIN_CUT], done_ms > 12000);
            assert_int_equal(counts[DRAIN_END], 1);
        }
}

RUN_TESTS(T(without_a_signal_nothing_happens),
          T(a_drain_goes_through_its_stages),
          T(requests_that_do_not_end_are_cut_once),
          T(what_not_even_a_cut_ends_is_left_behind),
          T(scrapers_are_waited_for_but_not_for_ever),
          T(without_a_last_scrape_nobody_is_waited_for),
          T(all_times_may_be_zero),
          T(a_delay_longer_than_the_timeout_still_closes_before_it_cuts),
          T(a_late_look_skips_no_stage),
          T(a_second_begin_changes_nothing),
          T(any_drain_ends_in_bounded_time_with_each_action_once))
