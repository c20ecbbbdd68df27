/* SPDX-License-Identifier: MIT */
/* Which vitals came before, for how long that is known, and what happens when there are too many. */
#include "api/rum.h"
#include "base/clock.h"
#include "tests/unit/unit.h"

#include <pthread.h>

static const uint64_t start_ns = 5 * NS_PER_SEC, hour_ns = RUM_IDS_SECONDS * NS_PER_SEC;

static enum rum_seen add_number(struct rum_ids *x, uint64_t n, uint64_t now_ns)
{
    char text[FMT_U64];

    return rum_ids_add(x, RUM_LCP, (struct slice){text, (size_t)(fmt_u64(text, n) - text)}, now_ns);
}

TEST(an_id_is_known_again_under_its_vital_alone)
{
    struct rum_ids *x = rum_ids_new();
    const struct slice id = SLICE_LIT("v3-1-2");

    assert_int_equal(rum_ids_add(x, RUM_LCP, id, start_ns), RUM_NEW);
    assert_int_equal(rum_ids_add(x, RUM_LCP, id, start_ns), RUM_SEEN);
    assert_int_equal(rum_ids_add(x, RUM_CLS, id, start_ns), RUM_NEW);
    assert_int_equal(rum_ids_add(x, RUM_CLS, id, start_ns), RUM_SEEN);
    assert_int_equal(rum_ids_add(x, RUM_LCP, SLICE_LIT("v3-1-"), start_ns), RUM_NEW);
    assert_int_equal(rum_ids_add(x, RUM_LCP, SLICE_LIT("v3-1-20"), start_ns), RUM_NEW);
    rum_ids_free(x);
}

TEST(an_id_is_known_for_an_hour_from_its_first_time)
{
    struct rum_ids *x = rum_ids_new();
    const struct slice id = SLICE_LIT("a");

    assert_int_equal(rum_ids_add(x, RUM_LCP, id, start_ns), RUM_NEW);
    assert_int_equal(rum_ids_add(x, RUM_LCP, id, start_ns + hour_ns - 1), RUM_SEEN);
    assert_int_equal(rum_ids_add(x, RUM_LCP, id, start_ns + hour_ns), RUM_NEW);
    assert_int_equal(rum_ids_add(x, RUM_LCP, id, start_ns + 2 * hour_ns - 1), RUM_SEEN);
    /* Another worker's clock was read a little earlier. */
    assert_int_equal(rum_ids_add(x, RUM_LCP, id, start_ns + hour_ns - 1000), RUM_SEEN);
    rum_ids_free(x);
}

TEST(beyond_the_limit_the_oldest_is_forgotten_and_that_is_told)
{
    struct rum_ids *x = rum_ids_new();

    for (uint64_t i = 0; i < RUM_IDS_MAX; i++)
        assert_int_equal(add_number(x, i, start_ns + i), RUM_NEW);
    assert_int_equal(add_number(x, 0, start_ns + RUM_IDS_MAX), RUM_SEEN);
    assert_int_equal(add_number(x, RUM_IDS_MAX, start_ns + RUM_IDS_MAX), RUM_NEW_FOR_OLD);
    for (uint64_t i = 1; i <= RUM_IDS_MAX; i++)
        assert_int_equal(add_number(x, i, start_ns + RUM_IDS_MAX), RUM_SEEN);
    assert_int_equal(add_number(x, 0, start_ns + RUM_IDS_MAX), RUM_NEW_FOR_OLD);
    rum_ids_free(x);
}

TEST(what_an_hour_made_old_is_forgotten_silently)
{
    struct rum_ids *x = rum_ids_new();

    for (unsigned round = 0; round < 3; round++)
        for (uint64_t i = 0; i < RUM_IDS_MAX; i++)
            assert_int_equal(add_number(x, i, start_ns + round * hour_ns), RUM_NEW);
    rum_ids_free(x);
}

enum { THREADS = 4, IDS = 5000 };

struct racer {
    struct rum_ids *x;
    unsigned fresh;
};

static void *race(void *arg)
{
    struct racer *r = arg;

    for (uint64_t i = 0; i < IDS; i++)
        r->fresh += add_number(r->x, i, start_ns) == RUM_NEW;
    return NULL;
}

TEST(of_threads_that_bring_the_same_id_one_is_first)
{
    struct rum_ids *x = rum_ids_new();
    struct racer racers[THREADS];
    pthread_t threads[THREADS];
    unsigned fresh = 0;

    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){x, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        fresh += racers[i].fresh;
    }
    assert_int_equal(fresh, IDS);
    rum_ids_free(x);
    rum_ids_free(NULL);
}

RUN_TESTS(T(an_id_is_known_again_under_its_vital_alone),
          T(an_id_is_known_for_an_hour_from_its_first_time),
          T(beyond_the_limit_the_oldest_is_forgotten_and_that_is_told),
          T(what_an_hour_made_old_is_forgotten_silently),
          T(of_threads_that_bring_the_same_id_one_is_first))
