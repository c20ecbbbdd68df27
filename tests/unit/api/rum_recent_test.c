/* SPDX-License-Identifier: MIT */
/* The ring of recent reports: what it keeps, in which order, and who may hold what. */
#include "api/rum.h"
#include "config/keys.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdlib.h>

static void add_number(struct rum_recent *x, uint64_t n)
{
    char text[FMT_U64];

    rum_recent_add(x, (struct slice){text, (size_t)(fmt_u64(text, n) - text)});
}

/* The texts, newest first, with blanks behind them. */
static void assert_held(struct rum_recent *x, size_t max, const char *want, size_t want_kept)
{
    struct rum_text **texts = NULL;
    struct buf seen = BUF_INIT;
    size_t kept = 77, n = rum_recent_ref(x, max, &texts, &kept);

    for (size_t i = 0; i < n; i++) {
        buf_add(&seen, texts[i]->text, texts[i]->n);
        buf_add_char(&seen, ' ');
        rum_text_unref(texts[i]);
    }
    free(texts);
    assert_string_equal(buf_cstr(&seen), want);
    assert_int_equal(kept, want_kept);
    buf_release(&seen);
}

TEST(the_newest_come_first_and_the_oldest_go)
{
    struct rum_recent *x = rum_recent_new(3);

    assert_int_equal(rum_recent_limit(x), 3);
    assert_held(x, 10, "", 0);
    add_number(x, 1);
    assert_held(x, 10, "1 ", 1);
    add_number(x, 2);
    add_number(x, 3);
    assert_held(x, 3, "3 2 1 ", 3);
    add_number(x, 4);
    assert_held(x, 10, "4 3 2 ", 3);
    assert_held(x, 2, "4 3 ", 3);
    assert_held(x, 0, "", 3);
    for (uint64_t i = 5; i < 12; i++)
        add_number(x, i);
    assert_held(x, SIZE_MAX, "11 10 9 ", 3);
    rum_recent_free(x);
}

TEST(a_ring_of_none_keeps_nothing)
{
    struct rum_recent *x = rum_recent_new(0);

    add_number(x, 1);
    assert_held(x, 10, "", 0);
    assert_int_equal(rum_recent_limit(x), 0);
    rum_recent_free(x);
    rum_recent_free(NULL);
}

TEST(what_is_held_outlives_its_place_and_the_ring)
{
    struct rum_recent *x = rum_recent_new(1);
    struct rum_text **first = NULL, **second = NULL;
    size_t kept;

    add_number(x, 1);
    assert_int_equal(rum_recent_ref(x, 1, &first, &kept), 1);
    add_number(x, 2);
    assert_int_equal(rum_recent_ref(x, 1, &second, &kept), 1);
    rum_recent_free(x);
    assert_memory_equal(first[0]->text, "1", 1);
    assert_memory_equal(second[0]->text, "2", 1);
    rum_text_unref(first[0]);
    rum_text_unref(second[0]);
    free(first);
    free(second);
}

enum { ADDERS = 3, EACH = 3000, KEPT = 16 };

static void *keep_adding(void *arg)
{
    for (uint64_t i = 0; i < EACH; i++)
        add_number(arg, 1000000 + i);
    return NULL;
}

TEST(readers_and_writers_do_not_meet_half_a_text)
{
    struct rum_recent *x = rum_recent_new(KEPT);
    pthread_t threads[ADDERS];

    for (size_t i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_adding, x), 0);
    for (size_t i = 0; i < EACH; i++) {
        struct rum_text **texts = NULL;
        size_t kept, n = rum_recent_ref(x, KEPT, &texts, &kept);

        for (size_t k = 0; k < n; k++) {
            assert_int_equal(texts[k]->n, 7);
            assert_memory_equal(texts[k]->text, "100", 3);
            rum_text_unref(texts[k]);
        }
        free(texts);
    }
    for (size_t i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    rum_recent_free(x);
}

TEST(the_key_allows_as_many_as_a_ring_can_keep)
{
    const struct key *key = key_find("rum.keep");
    struct err err = ERR_INIT;
    struct config c;

    config_init(&c);
    assert_int_equal(key->max, RUM_KEEP_MAX);
    assert_true(key_assign(key, &c, SLICE_LIT("10000"), &err));
    assert_int_equal(c.rum_keep, 10000);
    assert_false(key_assign(key, &c, SLICE_LIT("10001"), &err));
    assert_int_equal(c.rum_keep, 10000);
    rum_recent_free(rum_recent_new(c.rum_keep));
    config_release(&c);
}

RUN_TESTS(T(the_key_allows_as_many_as_a_ring_can_keep),
          T(the_newest_come_first_and_the_oldest_go),
          T(a_ring_of_none_keeps_nothing),
          T(what_is_held_outlives_its_place_and_the_ring),
          T(readers_and_writers_do_not_meet_half_a_text))
