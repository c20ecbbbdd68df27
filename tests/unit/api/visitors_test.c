/* SPDX-License-Identifier: MIT */
/* A day's visitors, with hashes and times made up. */
#include "api/visitors.h"

#include "tests/unit/unit.h"

#include <sodium.h>
#include <stdlib.h>

enum { START_S = 1000 };

static uint64_t random_hash(void)
{
    uint64_t hash;

    randombytes_buf(&hash, sizeof(hash));
    return hash;
}

TEST(who_comes_again_is_no_new_visitor)
{
    struct visitors v = {.n = 0};

    visitors_new_day(&v, 20000);
    assert_int_equal(visitors_see(&v, 17, START_S), VISITOR_NEW);
    assert_int_equal(visitors_see(&v, 17, START_S), VISITOR_AGAIN);
    assert_int_equal(visitors_see(&v, 18, START_S), VISITOR_NEW);
    assert_int_equal(visitors_see(&v, 0, START_S), VISITOR_NEW); /* a hash like any other */
    assert_int_equal(visitors_see(&v, 0, START_S), VISITOR_AGAIN);
    assert_int_equal(v.n, 3);
    visitors_release(&v);
}

TEST(hashes_that_lead_to_the_same_slot_are_told_apart)
{
    struct visitors v = {.n = 0};

    visitors_new_day(&v, 20000);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(visitors_see(&v, i << 32, START_S), VISITOR_NEW);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(visitors_see(&v, i << 32, START_S), VISITOR_AGAIN);
    visitors_release(&v);
}

TEST(the_limit_is_reached_and_one_more_is_not_counted)
{
    struct visitors v = {.n = 0};
    uint64_t first = random_hash(), last;

    visitors_new_day(&v, 20000);
    assert_int_equal(visitors_see(&v, first, START_S), VISITOR_NEW);
    while (v.n < VISITORS_MAX - 1)
        (void)visitors_see(&v, random_hash(), START_S);
    last = random_hash();
    assert_int_equal(visitors_see(&v, last, START_S), VISITOR_NEW);
    assert_int_equal(v.n, VISITORS_MAX);
    assert_int_equal(visitors_see(&v, first + 1, START_S), VISITOR_UNCOUNTED);
    assert_int_equal(visitors_see(&v, first + 1, START_S), VISITOR_UNCOUNTED);
    assert_int_equal(v.n, VISITORS_MAX);
    assert_int_equal(visitors_recent(&v, START_S), VISITORS_MAX);
    assert_int_equal(visitors_see(&v, first, START_S), VISITOR_AGAIN);
    assert_int_equal(visitors_see(&v, last, START_S), VISITOR_AGAIN);
    visitors_new_day(&v, 20001);
    assert_int_equal(visitors_see(&v, first + 1, START_S), VISITOR_NEW);
    visitors_release(&v);
}

TEST(a_new_day_has_another_salt_and_nobody_in_it)
{
    struct visitors v = {.n = 0};
    uint8_t salt[STORE_SALT];

    visitors_new_day(&v, 20000);
    assert_false(sodium_is_zero(v.salt, sizeof(v.salt)));
    memcpy(salt, v.salt, sizeof(salt));
    (void)visitors_see(&v, 17, START_S);
    visitors_new_day(&v, 20001);
    assert_memory_not_equal(salt, v.salt, sizeof(salt));
    assert_int_equal(v.day, 20001);
    assert_int_equal(v.n, 0);
    assert_null(v.hashes);
    assert_int_equal(visitors_see(&v, 17, START_S), VISITOR_NEW);
    visitors_release(&v);
    assert_true(sodium_is_zero(v.salt, sizeof(v.salt)));
}

TEST(the_hash_depends_on_salt_address_and_browser_and_on_nothing_else)
{
    static const uint8_t salts[2][STORE_SALT] = {{1}, {2}};
    static const struct {
        const char *what, *address, *browser;
        size_t salt;
        bool same;
    } cases[] = {
        {"another salt",    "192.0.2.1",       "Firefox",  1, false},
        {"itself",          "192.0.2.1",       "Firefox",  0, true },
        {"another address", "192.0.2.2",       "Firefox",  0, false},
        {"another browser", "192.0.2.1",       "Chromium", 0, false},
        {"no browser",      "192.0.2.1",       "",         0, false},
        {"IPv6",            "2001:db8:1:2::1", "Firefox",  0, false},
    };
    struct ip ip, six[2];
    uint64_t hash;

    assert_true(ip_parse(SLICE_LIT("192.0.2.1"), &ip));
    hash = visitors_hash(salts[0], &ip, SLICE_LIT("Firefox"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip other;

        assert_true(ip_parse(slice_str(cases[i].address), &other));
        assert_int_equal(visitors_hash(salts[cases[i].salt], &other, slice_str(cases[i].browser)) ==
                             hash,
                         cases[i].same);
    }
    /* Somebody's other addresses, of the same /64. */
    assert_true(ip_parse(SLICE_LIT("2001:db8:1:2::1"), &six[0]));
    assert_true(ip_parse(SLICE_LIT("2001:db8:1:2:3:4:5:6"), &six[1]));
    assert_int_equal(visitors_hash(salts[0], &six[0], SLICE_NONE),
                     visitors_hash(salts[0], &six[1], SLICE_NONE));
}

/* ---- the last five minutes ---- */

TEST(a_visitor_counts_for_five_minutes_after_the_last_visit)
{
    struct visitors v = {.n = 0};

    visitors_new_day(&v, 20000);
    assert_int_equal(visitors_recent(&v, START_S), 0);
    (void)visitors_see(&v, 1, START_S);
    (void)visitors_see(&v, 2, START_S + 10);
    assert_int_equal(visitors_recent(&v, START_S + 10), 2);
    assert_int_equal(visitors_recent(&v, START_S + VISITORS_RECENT_S - 1), 2);
    assert_int_equal(visitors_recent(&v, START_S + VISITORS_RECENT_S), 1);
    (void)visitors_see(&v, 2, START_S + VISITORS_RECENT_S + 5);
    assert_int_equal(visitors_recent(&v, START_S + VISITORS_RECENT_S + 10), 1);
    assert_int_equal(visitors_recent(&v, START_S + 2 * VISITORS_RECENT_S + 4), 1);
    assert_int_equal(visitors_recent(&v, START_S + 2 * VISITORS_RECENT_S + 5), 0);
    (void)visitors_see(&v, 2, START_S + 10 * VISITORS_RECENT_S);
    assert_int_equal(visitors_recent(&v, START_S + 10 * VISITORS_RECENT_S), 1);
    assert_int_equal(visitors_recent(&v, UINT32_MAX), 0);
    visitors_release(&v);
}

TEST(who_stays_counts_once)
{
    struct visitors v = {.n = 0};

    visitors_new_day(&v, 20000);
    for (uint32_t s = START_S; s < START_S + 3 * VISITORS_RECENT_S; s++) {
        (void)visitors_see(&v, 1, s);
        (void)visitors_see(&v, 2, s);
        assert_int_equal(visitors_recent(&v, s), 2);
    }
    visitors_release(&v);
}

TEST(a_time_that_is_a_little_late_counts_as_now)
{
    struct visitors v = {.n = 0};

    visitors_new_day(&v, 20000);
    (void)visitors_see(&v, 1, START_S + 100);
    (void)visitors_see(&v, 2, START_S + 99); /* another thread's request */
    (void)visitors_see(&v, 1, START_S);
    assert_int_equal(visitors_recent(&v, START_S), 2);
    assert_int_equal(visitors_recent(&v, START_S + 100 + VISITORS_RECENT_S - 1), 2);
    assert_int_equal(visitors_recent(&v, START_S + 100 + VISITORS_RECENT_S), 0);
    visitors_release(&v);
}

TEST(midnight_does_not_empty_the_gauge_and_it_comes_down_again)
{
    struct visitors v = {.n = 0};

    visitors_new_day(&v, 20000);
    (void)visitors_see(&v, 1, START_S);
    visitors_new_day(&v, 20001);
    assert_int_equal(visitors_recent(&v, START_S + 1), 1);
    (void)visitors_see(&v, 1, START_S + 1); /* nobody can know that it is the same */
    assert_int_equal(visitors_recent(&v, START_S + 1), 2);
    assert_int_equal(visitors_recent(&v, START_S + VISITORS_RECENT_S), 1);
    assert_int_equal(visitors_recent(&v, START_S + 1 + VISITORS_RECENT_S), 0);
    visitors_release(&v);
}

/* ---- a stored day ---- */

TEST(a_stored_day_goes_on_with_nobody_there_right_now)
{
    uint64_t hashes[1000];
    struct store_visits stored = {.day = 20000, .salt = {7}, .visitors = 1000, .hashes = hashes};
    struct visitors v = {.n = 0};

    for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
        hashes[i] = random_hash();
    visitors_load(&v, &stored);
    assert_int_equal(v.day, 20000);
    assert_int_equal(v.salt[0], 7);
    assert_int_equal(v.n, 1000);
    assert_memory_equal(v.hashes, hashes, sizeof(hashes)); /* in their order */
    assert_int_equal(visitors_recent(&v, START_S), 0);
    assert_int_equal(visitors_see(&v, hashes[999], START_S), VISITOR_AGAIN);
    assert_int_equal(visitors_recent(&v, START_S), 1);
    visitors_release(&v);
}

TEST(a_stored_day_with_doubles_or_too_many_is_cut_down)
{
    enum { N = VISITORS_MAX + 10 };
    uint64_t *hashes = must_calloc(N, sizeof(*hashes));
    struct store_visits stored = {.day = 20000, .visitors = N, .hashes = hashes};
    struct visitors v = {.n = 0};

    for (size_t i = 1; i < N; i++)
        hashes[i] = i;
    hashes[N - 1] = 1;
    hashes[0] = 1;
    visitors_load(&v, &stored);
    assert_int_equal(v.n, VISITORS_MAX);
    assert_int_equal(visitors_see(&v, 1, START_S), VISITOR_AGAIN);
    visitors_release(&v);
    free(hashes);
}

RUN_TESTS(T(who_comes_again_is_no_new_visitor),
          T(hashes_that_lead_to_the_same_slot_are_told_apart),
          T(the_limit_is_reached_and_one_more_is_not_counted),
          T(a_new_day_has_another_salt_and_nobody_in_it),
          T(the_hash_depends_on_salt_address_and_browser_and_on_nothing_else),
          T(a_visitor_counts_for_five_minutes_after_the_last_visit),
          T(who_stays_counts_once),
          T(a_time_that_is_a_little_late_counts_as_now),
          T(midnight_does_not_empty_the_gauge_and_it_comes_down_again),
          T(a_stored_day_goes_on_with_nobody_there_right_now),
          T(a_stored_day_with_doubles_or_too_many_is_cut_down))
