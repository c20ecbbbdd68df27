/* SPDX-License-Identifier: MIT */
/* The last errors of all loops: order, limits, and a writer that never waits for its reader. */
#include "tests/unit/unit.h"

#include "http/recent.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static void put(struct recent *r, size_t ring, uint64_t ended_ms)
{
    char id[32];
    int n = snprintf(id, sizeof(id), "id-%llu", (unsigned long long)ended_ms);

    recent_put(recent_ring(r, ring), &(struct recent_error){
                                         .ended_ns = ended_ms,
                                         .ended_ms = ended_ms,
                                         .duration_ns = 2 * ended_ms,
                                         .endpoint = "/contact",
                                         .status = 503,
                                         .method = HTTP_POST,
                                         .id = {id, (size_t)n}
    });
}

/* `e` is whole: what put() wrote at `ended_ms`. */
static void expect(const struct recent_error *e, uint64_t ended_ms)
{
    char id[32];
    int n = snprintf(id, sizeof(id), "id-%llu", (unsigned long long)ended_ms);

    assert_int_equal(e->ended_ms, ended_ms);
    assert_int_equal(e->duration_ns, 2 * ended_ms);
    assert_string_equal(e->endpoint, "/contact");
    assert_int_equal(e->status, 503);
    assert_int_equal(e->method, HTTP_POST);
    assert_int_equal(e->id.n, n);
    assert_memory_equal(e->id.p, id, n);
}

TEST(nothing_happened_yet)
{
    struct recent *r = recent_new(3);
    struct recent_error list[RECENT_KEPT];

    assert_int_equal(recent_list(r, list), 0);
    recent_free(r);
    recent_free(NULL);
    assert_null(recent_ring(NULL, 7));
}

TEST(the_rings_are_merged_newest_first)
{
    struct recent *r = recent_new(3);
    struct recent_error list[RECENT_KEPT];

    put(r, 0, 10);
    put(r, 2, 30);
    put(r, 0, 40);
    put(r, 1, 20);
    assert_int_equal(recent_list(r, list), 4);
    for (size_t i = 0; i < 4; i++)
        expect(&list[i], 40 - 10 * i);
    recent_free(r);
}

TEST(a_wall_clock_that_goes_back_hides_nothing)
{
    struct recent *r = recent_new(2);
    struct recent_error list[RECENT_KEPT];
    struct recent_error e = {.endpoint = "/", .status = 500, .id = SLICE_LIT("new")};

    for (unsigned i = 1; i <= RECENT_KEPT; i++)
        put(r, 0, i + 1000);
    e.ended_ns = 2000;
    e.ended_ms = 1; /* an hour ago, by that clock */
    recent_put(recent_ring(r, 1), &e);
    assert_int_equal(recent_list(r, list), RECENT_KEPT);
    assert_int_equal(list[0].ended_ms, 1);
    assert_int_equal(list[1].ended_ms, RECENT_KEPT + 1000);
    recent_free(r);
}

TEST(the_oldest_makes_room_at_the_limit)
{
    struct recent *r = recent_new(2);
    struct recent_error list[RECENT_KEPT];

    for (unsigned i = 1; i <= RECENT_KEPT; i++)
        put(r, 0, i);
    assert_int_equal(recent_list(r, list), RECENT_KEPT);
    expect(&list[RECENT_KEPT - 1], 1);
    put(r, 0, RECENT_KEPT + 1);
    assert_int_equal(recent_list(r, list), RECENT_KEPT);
    expect(&list[0], RECENT_KEPT + 1);
    expect(&list[RECENT_KEPT - 1], 2);
    put(r, 1, RECENT_KEPT + 2); /* the other ring has room, the list has not */
    assert_int_equal(recent_list(r, list), RECENT_KEPT);
    expect(&list[0], RECENT_KEPT + 2);
    expect(&list[RECENT_KEPT - 1], 3);
    put(r, 1, 1); /* the clock stepped back: too old for the list */
    assert_int_equal(recent_list(r, list), RECENT_KEPT);
    expect(&list[RECENT_KEPT - 1], 3);
    recent_free(r);
}

TEST(an_id_may_have_64_characters)
{
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct recent *r = recent_new(1);
    struct recent_error list[RECENT_KEPT];

    recent_put(recent_ring(r, 0), &(struct recent_error){
                                      .endpoint = "/", .status = 500, .id = {id, 64}
    });
    recent_put(recent_ring(r, 0), &(struct recent_error){
                                      .endpoint = "/", .status = 500, .id = {id, 1}
    });
    assert_int_equal(recent_list(r, list), 2);
    assert_true(slice_eq(list[0].id, (struct slice){id, 64}) || list[0].id.n == 1);
    assert_int_equal(list[0].id.n + list[1].id.n, 65);
    recent_free(r);
}

struct storm {
    struct recent *r;
    _Atomic bool stop;
};

static void *write_all_the_time(void *arg)
{
    struct storm *s = arg;

    for (uint64_t i = 1; !atomic_load(&s->stop); i++)
        put(s->r, 0, i);
    return NULL;
}

TEST(a_reader_during_a_storm_sees_only_whole_entries)
{
    struct storm s = {recent_new(1), false};
    struct recent_error list[RECENT_KEPT];
    pthread_t writer;
    size_t seen = 0;

    assert_int_equal(pthread_create(&writer, NULL, write_all_the_time, &s), 0);
    while (seen < 5000) {
        size_t n = recent_list(s.r, list);

        for (size_t i = 0; i < n; i++)
            expect(&list[i], list[i].ended_ms);
        seen += n;
    }
    atomic_store(&s.stop, true);
    assert_int_equal(pthread_join(writer, NULL), 0);
    recent_free(s.r);
}

RUN_TESTS(T(nothing_happened_yet),
          T(the_rings_are_merged_newest_first),
          T(a_wall_clock_that_goes_back_hides_nothing),
          T(the_oldest_makes_room_at_the_limit),
          T(an_id_may_have_64_characters),
          T(a_reader_during_a_storm_sees_only_whole_entries))
