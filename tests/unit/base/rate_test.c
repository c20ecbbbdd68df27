/* SPDX-License-Identifier: MIT */
/* Rate limits: time is a number here, so nothing waits. */
#include "base/clock.h"
#include "base/rate.h"
#include "tests/unit/unit.h"

#include <pthread.h>

static const struct rate ten_per_minute = {10, 60 * NS_PER_SEC};
static const struct rate off = {0, 0};

enum { START = 1000000 };

static struct ip client(uint32_t n)
{
    struct ip ip = {
        {0x20, 0x01}
    };

    memcpy(ip.b + 4, &n, sizeof(n));
    return ip;
}

TEST(count_events_may_come_at_once_then_they_are_spread_evenly)
{
    static const struct rate rates[] = {
        {1,       NS_PER_SEC       },
        {10,      60 * NS_PER_SEC  },
        {7,       60 * NS_PER_SEC  },
        {999,     NS_PER_SEC       },
        {999999,  NS_PER_SEC       },
        {1000000, NS_PER_SEC       },
        {1000000, 3600 * NS_PER_SEC},
    };

    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct rate_bucket bucket = {0};
        uint64_t wait = 42, step = (rates[i].per_ns + rates[i].count - 1) / rates[i].count;

        for (uint32_t k = 0; k < rates[i].count; k++)
            assert_true(rate_bucket_take(&bucket, &rates[i], START, &wait));
        assert_int_equal(wait, 42);
        assert_false(rate_bucket_take(&bucket, &rates[i], START, &wait));
        assert_int_equal(wait, step);
        assert_false(rate_bucket_take(&bucket, &rates[i], START + wait - 1, &wait));
        assert_int_equal(wait, 1);
        assert_true(rate_bucket_take(&bucket, &rates[i], START + step, &wait));
        assert_false(rate_bucket_take(&bucket, &rates[i], START + step, &wait));
        assert_int_equal(wait, step);
    }
}

TEST(a_pause_fills_the_credit_up_to_count_and_no_further)
{
    struct rate_bucket bucket = {0};
    uint64_t wait, now = START;

    for (unsigned i = 0; i < 10; i++)
        assert_true(rate_bucket_take(&bucket, &ten_per_minute, now, &wait));
    now += 18 * NS_PER_SEC; /* three steps of 6 s */
    for (unsigned i = 0; i < 3; i++)
        assert_true(rate_bucket_take(&bucket, &ten_per_minute, now, &wait));
    assert_false(rate_bucket_take(&bucket, &ten_per_minute, now, &wait));
    now += 86400 * NS_PER_SEC;
    for (unsigned i = 0; i < 10; i++)
        assert_true(rate_bucket_take(&bucket, &ten_per_minute, now, &wait));
    assert_false(rate_bucket_take(&bucket, &ten_per_minute, now, &wait));
}

TEST(a_refusal_costs_nothing)
{
    struct rate_bucket bucket = {0};
    const struct rate one = {1, NS_PER_SEC};
    uint64_t wait;

    assert_true(rate_bucket_take(&bucket, &one, START, &wait));
    for (unsigned i = 0; i < 1000; i++)
        assert_false(rate_bucket_take(&bucket, &one, START + 1, &wait));
    assert_true(rate_bucket_take(&bucket, &one, START + NS_PER_SEC, &wait));
}

TEST(a_rate_that_is_off_always_fits)
{
    struct rate_table *t = rate_table_new();
    struct rate_bucket bucket = {0};
    struct ip ip = client(1);
    uint64_t wait = 42;

    for (unsigned i = 0; i < 1000; i++) {
        assert_true(rate_bucket_take(&bucket, &off, START, &wait));
        assert_true(rate_take(t, &off, &ip, START, &wait));
    }
    assert_int_equal(wait, 42);
    rate_table_free(t);
}

TEST(debt_under_an_old_rate_is_at_most_a_full_bucket_of_the_new_one)
{
    const struct rate slow = {100, 3600 * NS_PER_SEC}, fast = {10, NS_PER_SEC};
    struct rate_bucket bucket = {0};
    uint64_t wait;

    for (unsigned i = 0; i < 100; i++)
        assert_true(rate_bucket_take(&bucket, &slow, START, &wait));
    assert_false(rate_bucket_take(&bucket, &fast, START, &wait));
    assert_int_equal(wait, NS_PER_SEC / 10);
}

TEST(clients_have_a_credit_each)
{
    struct rate_table *t = rate_table_new();
    struct ip a = client(1), b = client(2);
    uint64_t wait = 0;

    for (unsigned i = 0; i < 10; i++)
        assert_true(rate_take(t, &ten_per_minute, &a, START, &wait));
    assert_false(rate_take(t, &ten_per_minute, &a, START, &wait));
    assert_int_equal(wait, 6 * NS_PER_SEC);
    for (unsigned i = 0; i < 10; i++)
        assert_true(rate_take(t, &ten_per_minute, &b, START, &wait));
    assert_false(rate_take(t, &ten_per_minute, &b, START, &wait));
    assert_true(rate_take(t, &ten_per_minute, &a, START + 6 * NS_PER_SEC, &wait));
    assert_int_equal(rate_table_evictions(t), 0);
    rate_table_free(t);
}

TEST(a_full_set_forgets_the_smallest_debt_and_counts_it)
{
    enum { OTHERS = 8 * RATE_SLOTS };
    struct rate_table *t = rate_table_new();
    struct ip debtor = client(0);
    uint64_t wait;

    for (unsigned i = 0; i < 10; i++)
        assert_true(rate_take(t, &ten_per_minute, &debtor, START, &wait));
    for (uint32_t i = 1; i <= OTHERS; i++) {
        struct ip ip = client(i);

        assert_true(rate_take(t, &ten_per_minute, &ip, START, &wait));
    }
    assert_false(rate_take(t, &ten_per_minute, &debtor, START, &wait));
    /* Every set is full by now, as good as surely: each newcomer beyond the slots drove one out. */
    assert_int_equal(rate_table_evictions(t), OTHERS + 1 - RATE_SLOTS);
    rate_table_free(t);
}

TEST(clients_without_debt_make_room_uncounted)
{
    struct rate_table *t = rate_table_new();
    uint64_t wait, now = START;

    for (uint32_t i = 0; i < 4 * RATE_SLOTS; i++) {
        struct ip ip = client(i);

        now += 60 * NS_PER_SEC;
        assert_true(rate_take(t, &ten_per_minute, &ip, now, &wait));
    }
    assert_int_equal(rate_table_evictions(t), 0);
    rate_table_free(t);
}

struct taker {
    struct rate_table *table;
    struct rate_bucket *bucket;
    pthread_barrier_t *barrier;
    unsigned from_table, from_bucket;
};

static const struct rate thousand = {1000, NS_PER_SEC};

static void *take_often(void *arg)
{
    struct taker *taker = arg;
    struct ip ip = client(7);
    uint64_t wait;

    (void)pthread_barrier_wait(taker->barrier);
    for (unsigned i = 0; i < 2000; i++) {
        taker->from_table += rate_take(taker->table, &thousand, &ip, START, &wait);
        taker->from_bucket += rate_bucket_take(taker->bucket, &thousand, START, &wait);
    }
    return NULL;
}

TEST(threads_that_take_from_one_client_get_exactly_count)
{
    enum { THREADS = 8 };
    struct rate_bucket bucket = {0};
    struct taker takers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;
    unsigned from_table = 0, from_bucket = 0;
    struct rate_table *t = rate_table_new();

    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        takers[i] = (struct taker){t, &bucket, &barrier, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, take_often, &takers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        from_table += takers[i].from_table;
        from_bucket += takers[i].from_bucket;
    }
    assert_int_equal(from_table, 1000);
    assert_int_equal(from_bucket, 1000);
    (void)pthread_barrier_destroy(&barrier);
    rate_table_free(t);
}

static void *flood(void *arg)
{
    struct taker *taker = arg;
    uint64_t wait;

    (void)pthread_barrier_wait(taker->barrier);
    for (uint32_t i = 0; i < 2 * RATE_SLOTS; i++) {
        struct ip ip = client(i);

        taker->from_table += rate_take(taker->table, &ten_per_minute, &ip, START, &wait);
    }
    return NULL;
}

TEST(threads_may_fight_for_full_sets)
{
    enum { THREADS = 4 };
    struct taker takers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;
    unsigned taken = 0;
    struct rate_table *t = rate_table_new();

    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        takers[i] = (struct taker){t, NULL, &barrier, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, flood, &takers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        taken += takers[i].from_table;
    }
    assert_in_range(taken, 2 * RATE_SLOTS, THREADS * 2 * RATE_SLOTS);
    assert_true(rate_table_evictions(t) > 0);
    (void)pthread_barrier_destroy(&barrier);
    rate_table_free(t);
}

TEST(a_table_that_is_null_may_be_freed)
{
    rate_table_free(NULL);
    struct rate_table *t = rate_table_new();
    assert_non_null(t);
    assert_int_equal(rate_table_evictions(t), 0);
    rate_table_free(t);
}

RUN_TESTS(T(count_events_may_come_at_once_then_they_are_spread_evenly),
          T(a_pause_fills_the_credit_up_to_count_and_no_further),
          T(a_refusal_costs_nothing),
          T(a_rate_that_is_off_always_fits),
          T(debt_under_an_old_rate_is_at_most_a_full_bucket_of_the_new_one),
          T(clients_have_a_credit_each),
          T(a_full_set_forgets_the_smallest_debt_and_counts_it),
          T(clients_without_debt_make_room_uncounted),
          T(threads_that_take_from_one_client_get_exactly_count),
          T(threads_may_fight_for_full_sets),
          T(a_table_that_is_null_may_be_freed))
