/* SPDX-License-Identifier: MIT */
/* The visitor counter with the time handed in, and a store that does what the test says. */
#include "api/visitors.h"
#include "api/visits.h"
#include "tests/unit/api/fake.h"

#include <pthread.h>
#include <sodium.h>

#define DAY_MS UINT64_C(86400000)
#define HOUR_MS UINT64_C(3600000)
#define DAY UINT64_C(20500)
#define NOON (DAY * DAY_MS + DAY_MS / 2)

static const uint64_t flush_ns = VISITS_FLUSH_S * NS_PER_SEC;

/* A view at a time by the visitor with this number. */
static struct visits_count view(struct fake *f, unsigned visitor, uint64_t now_ms)
{
    struct visits_count count = {0, 0};

    fake_request(f, HTTP_GET);
    f->rq.start_ms = now_ms;
    f->rq.client.b[14] = (uint8_t)(visitor >> 8);
    f->rq.client.b[15] = (uint8_t)visitor;
    visits_add(f->api.visits, &f->rq, &count);
    return count;
}

static struct store_job *under_way(const struct fake *f)
{
    if (f->store.job == NULL) {
        fail_msg("nothing is written");
        abort();
    }
    return f->store.job;
}

/* The write that is under way. */
static struct store_visits written(const struct fake *f)
{
    return *under_way(f)->visits;
}

static void finish(struct fake *f, enum store_result result)
{
    struct store_job *job = under_way(f);

    assert_int_equal(job->kind, STORE_VISITS);
    f->store.job = NULL;
    job->result = result;
    job->done(job);
}

static void tick(struct fake *f, uint64_t now_ms, uint64_t now_ns)
{
    visits_tick(f->api.visits, now_ms, now_ns);
}

TEST(views_and_visitors_are_counted)
{
    struct fake f;
    struct visits_count c;

    fake_init(&f);
    c = view(&f, 1, NOON);
    assert_int_equal(c.views, 1);
    assert_int_equal(c.today, 1);
    c = view(&f, 1, NOON);
    assert_int_equal(c.views, 2);
    assert_int_equal(c.today, 1);
    c = view(&f, 2, NOON);
    assert_int_equal(c.views, 3);
    assert_int_equal(c.today, 2);
    assert_int_equal(fake_count(&f, METRIC_PAGE_VIEWS, NULL), 3);
    assert_int_equal(fake_count(&f, METRIC_VISITORS_UNCOUNTED, NULL), 0);
    assert_int_equal(visits_recent(f.api.visits, f.rq.start_ns), 2);
    assert_int_equal(visits_recent(f.api.visits, f.rq.start_ns + 300 * NS_PER_SEC), 0);
    fake_release(&f);
}

TEST(asking_for_the_numbers_does_not_change_them)
{
    struct visits_count c = {9, 9};
    struct fake f;

    fake_init(&f);
    visits_get(f.api.visits, &f.rq, &c);
    assert_int_equal(c.views, 0);
    assert_int_equal(c.today, 0);
    (void)view(&f, 1, NOON);
    visits_get(f.api.visits, &f.rq, &c);
    assert_int_equal(c.views, 1);
    assert_int_equal(c.today, 1);
    assert_int_equal(fake_count(&f, METRIC_PAGE_VIEWS, NULL), 1);
    fake_release(&f);
}

TEST(a_day_that_is_full_counts_views_but_no_more_visitors)
{
    struct visits_count c = {0, 0};
    struct fake f;

    fake_init(&f);
    f.rq.start_ms = NOON;
    for (uint32_t i = 0; i < VISITORS_MAX; i++) {
        memcpy(&f.rq.client.b[12], &i, sizeof(i));
        visits_add(f.api.visits, &f.rq, &c);
    }
    assert_int_equal(c.today, VISITORS_MAX);
    assert_int_equal(fake_count(&f, METRIC_VISITORS_UNCOUNTED, NULL), 0);
    f.rq.head.user_agent = SLICE_LIT("one more");
    visits_add(f.api.visits, &f.rq, &c);
    assert_int_equal(c.today, VISITORS_MAX);
    assert_int_equal(c.views, VISITORS_MAX + 1);
    assert_int_equal(fake_count(&f, METRIC_VISITORS_UNCOUNTED, NULL), 1);
    assert_int_equal(fake_count(&f, METRIC_PAGE_VIEWS, NULL), VISITORS_MAX + 1);
    fake_release(&f);
}

/* ---- days ---- */

TEST(a_day_ends_at_midnight_and_a_clock_set_back_a_little_does_not_bring_it_back)
{
    static const struct {
        const char *what;
        int64_t ms; /* from midnight at the start of DAY + 1 */
        size_t today;
    } steps[] = {
        {"the last moment of a day",       -1,                    3},
        {"the first of the next",          0,                     1},
        {"again",                          1000,                  2},
        {"a request from before midnight", -20,                   3},
        {"nearly an hour back",            -(int64_t)HOUR_MS + 1, 4},
        {"an hour back is another day",    -(int64_t)HOUR_MS,     1},
        {"and then there it is again",     5,                     1},
        {"a clock far ahead",              400 * (int64_t)DAY_MS, 1},
        {"that is mended",                 5,                     1},
        {"noon",                           (int64_t)DAY_MS / 2,   2},
    };
    struct fake f;

    fake_init(&f);
    (void)view(&f, 7, NOON);
    (void)view(&f, 8, NOON);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        uint64_t now = (DAY + 1) * DAY_MS + (uint64_t)steps[i].ms;
        struct visits_count c = view(&f, (unsigned)i, now);

        if (c.today != steps[i].today)
            fail_msg("%s: %zu", steps[i].what, c.today);
        assert_int_equal(c.views, 3 + i);
    }
    fake_release(&f);
}

TEST(a_clock_in_1970_works_too)
{
    struct fake f;

    fake_init(&f);
    (void)view(&f, 1, 5);
    assert_int_equal(view(&f, 2, 6).today, 2);
    tick(&f, 7, 1);
    assert_false(sodium_is_zero(written(&f).salt, STORE_SALT));
    finish(&f, STORE_STORED);
    fake_release(&f);
}

/* ---- writing ---- */

TEST(nothing_is_written_when_nothing_happened)
{
    struct fake f;

    fake_init(&f);
    for (uint64_t day = DAY; day < DAY + 3; day++)
        tick(&f, day * DAY_MS, day * NS_PER_SEC);
    visits_flush(f.api.visits);
    visits_flush(NULL);
    assert_null(f.store.job);
    fake_release(&f);
}

TEST(what_changed_is_written_at_most_every_few_seconds)
{
    struct fake f;

    fake_init(&f);
    (void)view(&f, 1, NOON);
    tick(&f, NOON, 1);
    assert_int_equal(written(&f).views, 1);
    assert_int_equal(written(&f).day, DAY);
    assert_int_equal(written(&f).visitors, 1);
    assert_int_equal(written(&f).first, 0);
    (void)view(&f, 2, NOON);
    tick(&f, NOON, 1 + 2 * flush_ns); /* one at a time */
    finish(&f, STORE_STORED);
    tick(&f, NOON, flush_ns);
    assert_null(f.store.job);
    tick(&f, NOON, flush_ns + 1);
    assert_int_equal(written(&f).views, 2);
    assert_int_equal(written(&f).visitors, 2);
    finish(&f, STORE_STORED);
    tick(&f, NOON, 10 * flush_ns);
    assert_null(f.store.job);
    fake_release(&f);
}

TEST(only_blocks_that_changed_are_written)
{
    struct fake f;

    fake_init(&f);
    for (unsigned i = 0; i < STORE_BLOCK + 1; i++)
        (void)view(&f, i, NOON);
    tick(&f, NOON, 1);
    assert_int_equal(written(&f).first, 0);
    assert_int_equal(written(&f).visitors, STORE_BLOCK + 1);
    finish(&f, STORE_STORED);
    (void)view(&f, 9999, NOON);
    tick(&f, NOON, 1 + flush_ns);
    assert_int_equal(written(&f).first, STORE_BLOCK);
    assert_int_equal(written(&f).visitors, STORE_BLOCK + 2);
    finish(&f, STORE_NOT_FOUND); /* a new file */
    tick(&f, NOON, 2 + flush_ns);
    assert_int_equal(written(&f).first, 0);
    assert_int_equal(written(&f).visitors, STORE_BLOCK + 2);
    finish(&f, STORE_STORED);
    fake_release(&f);
}

TEST(a_store_that_is_down_is_caught_up_with_later)
{
    struct fake f;

    fake_init(&f);
    f.store.refusal = STORE_DOWN;
    (void)view(&f, 1, NOON);
    tick(&f, NOON, 1);
    assert_null(f.store.job);
    f.store.refusal = STORE_ACCEPTED;
    (void)view(&f, 2, NOON);
    tick(&f, NOON, 1 + flush_ns);
    assert_int_equal(written(&f).views, 2);
    finish(&f, STORE_FAILED);
    tick(&f, NOON, 1 + 2 * flush_ns);
    assert_int_equal(written(&f).views, 2);
    assert_int_equal(written(&f).first, 0);
    finish(&f, STORE_STORED);
    visits_flush(f.api.visits);
    assert_null(f.store.job);
    fake_release(&f);
}

TEST(a_stop_writes_without_waiting_for_its_turn)
{
    struct store_job *first;
    struct fake f;

    fake_init(&f);
    (void)view(&f, 1, NOON);
    tick(&f, NOON, 1);
    (void)view(&f, 2, NOON);
    first = f.store.job; /* the queue takes another */
    f.store.job = NULL;
    visits_flush(f.api.visits);
    assert_int_equal(written(&f).views, 2);
    first->result = STORE_STORED;
    first->done(first);
    finish(&f, STORE_STORED);
    visits_flush(f.api.visits);
    assert_null(f.store.job);
    (void)view(&f, 3, NOON);
    f.store.refusal = STORE_DOWN;
    visits_flush(f.api.visits);
    fake_release(&f);
}

TEST(at_midnight_the_day_is_deleted_at_once_also_when_nobody_comes)
{
    uint8_t salt[STORE_SALT];
    struct fake f;

    fake_init(&f);
    (void)view(&f, 1, NOON);
    tick(&f, NOON, 1);
    memcpy(salt, written(&f).salt, sizeof(salt));
    finish(&f, STORE_STORED);
    tick(&f, (DAY + 1) * DAY_MS - 1, 2);
    assert_null(f.store.job);
    tick(&f, (DAY + 1) * DAY_MS, 3);
    assert_int_equal(written(&f).day, DAY + 1);
    assert_int_equal(written(&f).views, 1);
    assert_int_equal(written(&f).visitors, 0);
    assert_int_equal(written(&f).first, 0);
    assert_memory_not_equal(written(&f).salt, salt, sizeof(salt));
    assert_int_equal(visits_recent(f.api.visits, f.rq.start_ns), 1); /* still there */
    finish(&f, STORE_STORED);
    tick(&f, (DAY + 1) * DAY_MS + 1, 3 + flush_ns);
    assert_null(f.store.job);
    fake_release(&f);
}

TEST(a_write_that_midnight_overtakes_is_followed_by_the_deletion)
{
    static const enum store_result results[] = {STORE_STORED, STORE_NOT_FOUND, STORE_FAILED};

    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        struct fake f;

        fake_init(&f);
        (void)view(&f, 1, NOON);
        tick(&f, NOON, 1);
        tick(&f, (DAY + 1) * DAY_MS, 2);
        finish(&f, results[i]);
        tick(&f, (DAY + 1) * DAY_MS + 1, 3 + flush_ns);
        assert_int_equal(written(&f).day, DAY + 1);
        assert_int_equal(written(&f).visitors, 0);
        finish(&f, STORE_STORED);
        fake_release(&f);
    }
}

/* The same day by its number, with another salt and nobody in it. */
TEST(a_write_of_a_day_that_ended_and_began_again_is_none_of_that_day)
{
    struct fake f;

    fake_init(&f);
    for (unsigned i = 0; i < STORE_BLOCK + 1; i++)
        (void)view(&f, i, NOON);
    tick(&f, NOON, 1);
    tick(&f, NOON + DAY_MS, 2);
    tick(&f, NOON, 3);
    finish(&f, STORE_STORED);
    (void)view(&f, 1, NOON);
    tick(&f, NOON, 3 + flush_ns);
    assert_int_equal(written(&f).day, DAY);
    assert_int_equal(written(&f).first, 0);
    assert_int_equal(written(&f).visitors, 1);
    finish(&f, STORE_STORED);
    fake_release(&f);
}

/* ---- starting ---- */

/* A counter that finds `n` visitors of a day, the first of them with a hash of 100. */
static void init_with(struct fake *f, uint64_t views, uint64_t day, size_t n)
{
    uint64_t *hashes = must_calloc(n + 1, sizeof(*hashes));

    fake_init(f);
    visits_free(f->api.visits);
    for (size_t i = 0; i < n; i++)
        hashes[i] = 100 + i;
    f->store.visits = (struct store_visits){
        .views = views, .day = day, .salt = {1, 2, 3},
                .visitors = n, .hashes = hashes
    };
    f->api.visits = visits_new(&f->api);
}

TEST(a_start_goes_on_with_what_was_stored_today)
{
    struct fake f;
    struct visits_count c;

    init_with(&f, 1000, DAY, 3);
    tick(&f, NOON, 1);
    assert_null(f.store.job);
    c = view(&f, 1, NOON);
    assert_int_equal(c.views, 1001);
    assert_int_equal(c.today, 4);
    assert_int_equal(view(&f, 1, NOON).today, 4);
    assert_int_equal(fake_count(&f, METRIC_PAGE_VIEWS, NULL), 2); /* since the start */
    assert_int_equal(visits_recent(f.api.visits, f.rq.start_ns), 1);
    tick(&f, NOON, 1);
    assert_int_equal(written(&f).views, 1002);
    assert_int_equal(written(&f).salt[2], 3);
    assert_int_equal(written(&f).hashes[0], 100);
    finish(&f, STORE_STORED);
    fake_release(&f);
}

TEST(a_start_on_another_day_keeps_the_views_and_deletes_the_rest)
{
    struct visits_count c = {0, 0};
    struct fake f;

    init_with(&f, 1000, DAY - 1, 3);
    f.rq.start_ms = NOON;
    visits_get(f.api.visits, &f.rq, &c);
    assert_int_equal(c.views, 1000);
    assert_int_equal(c.today, 0);
    tick(&f, NOON, 1);
    assert_int_equal(written(&f).day, DAY);
    assert_int_equal(written(&f).views, 1000);
    assert_int_equal(written(&f).visitors, 0);
    finish(&f, STORE_STORED);
    fake_release(&f);
}

TEST(a_stored_day_that_is_not_as_it_must_be_is_written_anew)
{
    struct fake f;

    init_with(&f, 1000, DAY, VISITORS_MAX + 3);
    (void)view(&f, 1, NOON);
    tick(&f, NOON, 1);
    assert_int_equal(written(&f).first, 0);
    assert_int_equal(written(&f).visitors, VISITORS_MAX);
    finish(&f, STORE_STORED);
    fake_release(&f);
}

/* ---- threads ---- */

enum { THREADS = 4, VIEWS_EACH = 3000, VISITORS_EACH = 500 };

struct client {
    struct fake *fake;
    struct loop loop;
    unsigned number;
    pthread_t thread;
};

/* View number `i` of a client, on this day (from 0). */
static struct visits_count client_view(struct client *c, unsigned i, uint64_t day)
{
    struct request rq = {.loop = &c->loop, .head.method = HTTP_GET, .start_ns = NS_PER_SEC};
    struct visits_count count = {0, 0};

    rq.start_ms = NOON + day * DAY_MS;
    rq.client.b[0] = (uint8_t)c->number;
    rq.client.b[1] = (uint8_t)(i % VISITORS_EACH);
    rq.client.b[2] = (uint8_t)((i % VISITORS_EACH) >> 8);
    visits_add(c->fake->api.visits, &rq, &count);
    return count;
}

/* Visitors of each thread are its own; the days change meanwhile, and so does what is written. */
static void *visit(void *arg)
{
    struct client *c = arg;

    for (unsigned i = 0; i < VIEWS_EACH; i++) {
        (void)client_view(c, i, i < VIEWS_EACH / 2 ? 0 : 1);
        (void)visits_recent(c->fake->api.visits, NS_PER_SEC);
    }
    return NULL;
}

TEST(threads_count_together)
{
    struct visits_count count = {0, 0};
    struct client clients[THREADS];
    struct registry *r = registry_new(metric_table, METRIC_FAMILIES,
                                      &(struct registry_options){THREADS, METRICS_MAX_SAMPLES});
    struct fake f;

    fake_init(&f);
    for (unsigned i = 0; i < THREADS; i++) {
        clients[i] = (struct client){.fake = &f, .number = i};
        clients[i].loop.shard = registry_shard(r, i);
        assert_int_equal(pthread_create(&clients[i].thread, NULL, visit, &clients[i]), 0);
    }
    for (uint64_t i = 0; i < 100; i++) {
        tick(&f, NOON, i * flush_ns);
        if (f.store.job != NULL)
            finish(&f, STORE_STORED);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
    for (unsigned i = 0; i < THREADS * VISITORS_EACH; i++)
        count = client_view(&clients[i % THREADS], i / THREADS, 1);
    assert_int_equal(count.views, THREADS * (VIEWS_EACH + VISITORS_EACH));
    assert_int_equal(count.today, THREADS * VISITORS_EACH);
    fake_release(&f);
    registry_free(r);
}

RUN_TESTS(T(views_and_visitors_are_counted),
          T(asking_for_the_numbers_does_not_change_them),
          T(a_day_that_is_full_counts_views_but_no_more_visitors),
          T(a_day_ends_at_midnight_and_a_clock_set_back_a_little_does_not_bring_it_back),
          T(a_clock_in_1970_works_too),
          T(nothing_is_written_when_nothing_happened),
          T(what_changed_is_written_at_most_every_few_seconds),
          T(only_blocks_that_changed_are_written),
          T(a_store_that_is_down_is_caught_up_with_later),
          T(a_stop_writes_without_waiting_for_its_turn),
          T(at_midnight_the_day_is_deleted_at_once_also_when_nobody_comes),
          T(a_write_that_midnight_overtakes_is_followed_by_the_deletion),
          T(a_write_of_a_day_that_ended_and_began_again_is_none_of_that_day),
          T(a_start_goes_on_with_what_was_stored_today),
          T(a_start_on_another_day_keeps_the_views_and_deletes_the_rest),
          T(a_stored_day_that_is_not_as_it_must_be_is_written_anew),
          T(threads_count_together))
