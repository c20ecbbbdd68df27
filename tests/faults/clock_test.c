/* SPDX-License-Identifier: MIT */
/*
 * Steps of the wall clock by an hour and by ten years, both ways, under load. libh2o's timers follow it, so idle
 * connections may close; nothing else may notice. tests/e2e/clock_test.c looks at single timeouts.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/promise.h"
#include "tests/faults/lib/steps.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define HELLO "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n"

enum { CLIENTS = 3, ENOUGH = 40 };

static const int64_t there_and_back[] = {STEP_HOUR, 0, -STEP_HOUR, 0, STEP_TEN_YEARS, 0};

/* ---- clients that know what may happen ---- */

/*
 * It asks on one connection for as long as that lasts. A connection may end while it is idle, without a byte: then it asks
 * once more on another, with the same key, so that a form that was stored without an answer would be found by counting.
 */
struct client {
    pthread_t thread;
    unsigned port, number;
    _Atomic bool stop;
    _Atomic unsigned answered;
    unsigned posts, ended, refused; /* `refused`: a connection that ended before its first answer */
    char fault[128];                /* what must not happen */
};

static const char *request_text(const struct client *c, unsigned i, char *out, size_t size)
{
    static const char body[] = ADA;

    if (i % 2 == 0)
        return HELLO;
    (void)snprintf(out, size,
                   "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE "\r\n"
                   "Idempotency-Key: client-%u-%u\r\nContent-Length: %zu\r\n\r\n%s",
                   c->number, i, strlen(body), body);
    return out;
}

/* True when it was answered, or never will be; false when the connection had ended. */
static bool exchange(struct client *c, struct wire *w, unsigned i)
{
    char text[512];
    const char *request = request_text(c, i, text, sizeof(text));
    struct reply r = {.status = 0};
    enum got got;

    (void)wire_write(w, request, strlen(request)); /* the answer tells */
    got = wire_read(w, false, &r);
    if (got == GOT_END)
        return false;
    if (got != GOT_REPLY || r.status != (i % 2 == 0 ? 200 : 201))
        (void)snprintf(c->fault, sizeof(c->fault), "request %u: status %d, got %d", i, r.status,
                       (int)got);
    c->posts += i % 2;
    reply_release(&r);
    return true;
}

static void *client_main(void *arg)
{
    struct client *c = arg;
    struct wire w;
    unsigned i = 0, on_this = 0;

    if (!wire_connect(&w, c->port))
        return NULL;
    while (!atomic_load(&c->stop) && c->fault[0] == '\0') {
        if (exchange(c, &w, i)) {
            atomic_store(&c->answered, ++i);
            on_this++;
            continue;
        }
        c->ended++;
        c->refused += on_this == 0;
        on_this = 0;
        wire_close(&w);
        if (!wire_connect(&w, c->port))
            return NULL;
    }
    wire_close(&w);
    return NULL;
}

struct clients {
    struct client all[CLIENTS];
    bool done;
};

static void clients_stop(void *arg)
{
    struct clients *c = arg;

    for (int i = 0; i < CLIENTS; i++)
        atomic_store(&c->all[i].stop, true);
    for (int i = 0; i < CLIENTS && !c->done; i++)
        (void)pthread_join(c->all[i].thread, NULL);
    c->done = true;
}

static struct clients *clients_start(struct server *s)
{
    struct clients *c = keep(s->f, sizeof(*c));

    for (unsigned i = 0; i < CLIENTS; i++) {
        c->all[i].port = s->public_port;
        c->all[i].number = i;
        MUST(pthread_create(&c->all[i].thread, NULL, client_main, &c->all[i]) == 0);
    }
    at_end(s->f, clients_stop, c);
    return c;
}

/* Each of them has got that many more answers. */
static void clients_wait(struct clients *c, unsigned more)
{
    for (int i = 0; i < CLIENTS; i++) {
        unsigned want = atomic_load(&c->all[i].answered) + more;

        EVENTUALLY(atomic_load(&c->all[i].answered) >= want || c->all[i].fault[0] != '\0');
    }
}

static struct client clients_end(struct clients *c)
{
    struct client sum = {.posts = 0};

    clients_stop(c);
    for (int i = 0; i < CLIENTS; i++) {
        if (c->all[i].fault[0] != '\0')
            fail_msg("%s", c->all[i].fault);
        sum.answered += c->all[i].answered;
        sum.posts += c->all[i].posts;
        sum.ended += c->all[i].ended;
        sum.refused += c->all[i].refused;
    }
    return sum;
}

/* ---- requests ---- */

/* Its own durations and the age of the process, which no step may touch. */
static void check_durations(struct server *s, uint64_t began_ns)
{
    double limit = (double)(clock_mono_ns() - began_ns) / 1e9 + 5;
    const char *page = page_of(s);

    assert_true(page_sum(page, "http_request_duration_seconds_sum") < limit * CLIENTS);
    assert_true(page_sum(page, "store_commit_seconds_sum") < limit);
    assert_true(page_sum(page, "event_loop_lag_seconds_sum") < limit * 2);
    assert_true(page_value(page, SLO("availability", "bad")) <= 0);
    assert_in_range(json_number(s->f, get(s, "/health")->body, "uptime"), 0, limit);
}

static void steps_under_load(const struct steps *st, const char *by)
{
    uint64_t began = clock_mono_ns();
    struct server *s = steps_start(st, 0, SETS("contact.rate=off", "threads=2"));
    unsigned rounds = faults_long() ? 20 : 2;
    struct clients *c = clients_start(s);
    struct client sum;

    clients_wait(c, ENOUGH);
    for (unsigned i = 0; i < rounds * ARRAY_LEN(there_and_back); i++) {
        steps_set(st, there_and_back[i % ARRAY_LEN(there_and_back)]);
        clients_wait(c, ENOUGH);
        assert_status(get_ops(s, "/metrics?name[]=process_open_fds"), 200);
    }
    sum = clients_end(c);
    check_durations(s, began);
    EVENTUALLY(get(s, "/health/readiness")->status == 200);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, sum.posts);
    assert_int_equal(sum.refused, 0);
    promise(
        "F92", "Steps of the wall clock cost idle connections at most",
        textf(s->f, "an hour and ten years forward and back under load, by %s", by),
        "%u steps, %u requests, all answered; %u forms, each stored once; %u idle connections ended",
        rounds * (unsigned)ARRAY_LEN(there_and_back), sum.answered, sum.posts, sum.ended);
    print_message("  %u answers, %u connections ended, %u of them new\n", sum.answered, sum.ended,
                  sum.refused);
}

TEST(steps_under_load_cost_idle_connections_at_most)
{
    struct steps st = steps_by_preload(*state);

    steps_under_load(&st, "our own clock");
}

TEST(steps_of_faketime_under_load_cost_idle_connections_at_most)
{
    struct steps st = steps_by_faketime(*state);

    steps_under_load(&st, "faketime");
}

/* ---- limits and keys ---- */

static long retry_after(const struct reply *r)
{
    assert_status(r, 429);
    return strtol(reply_field(r, "retry-after"), NULL, 10);
}

TEST(rates_go_by_the_monotonic_clock)
{
    static const char report[] = "{\"page\":\"/\",\"page_load_time_seconds\":1}";
    struct fixture *f = *state;
    struct steps st = steps_by_preload(f);
    struct server *hourly = steps_start(&st, 0, SETS("contact.rate=1/h", "rum.rate=1/h"));
    unsigned refused = 0;
    struct server *brisk;

    assert_status(post_json(hourly, ADA), 201);
    assert_status(
        ASK(hourly, .path = "/api/metrics", .headers = HEADERS(JSON_TYPE), .body = report), 200);
    for (size_t i = 0; i < ARRAY_LEN(there_and_back); i++, refused += 2) {
        steps_set(&st, there_and_back[i]);
        assert_in_range(retry_after(post_json(hourly, ADA)), 3600 - 600, 3600);
        assert_in_range(retry_after(ASK(hourly, .path = "/api/metrics",
                                        .headers = HEADERS(JSON_TYPE), .body = report)),
                        3600 - 600, 3600);
    }
    server_stop(hourly);
    /* And it goes on: nobody waits an hour because the clock was set back. */
    brisk = steps_start(&st, 0, SETS("contact.rate=2/s"));
    EVENTUALLY(post_json(brisk, ADA)->status == 429);
    steps_set(&st, -STEP_HOUR);
    EVENTUALLY(post_json(brisk, ADA)->status == 201);
    EVENTUALLY(post_json(brisk, ADA)->status == 429);
    steps_set(&st, -STEP_TEN_YEARS);
    EVENTUALLY(post_json(brisk, ADA)->status == 201);
    promise("F92", "Rates go by the monotonic clock",
            "a limit used up, then an hour and ten years forward and back",
            "%u requests refused as they should be; 2 limits refilled after a step back", refused);
}

TEST(a_second_try_is_the_same_submission_an_hour_earlier_or_later)
{
    static const int64_t tries[] = {0, STEP_HOUR, -STEP_HOUR, STEP_DAY - STEP_HOUR,
                                    STEP_HOUR - STEP_DAY};
    struct fixture *f = *state;
    struct steps st = steps_by_preload(f);
    struct server *s = steps_start(&st, 0, SETS("contact.rate=off"));
    const char *first = NULL;

    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        const struct reply *r;

        steps_set(&st, tries[i]);
        r = ASK(s, .path = "/contact", .headers = HEADERS(JSON_TYPE, "Idempotency-Key: once"),
                .body = ADA);
        assert_status(r, 201);
        if (i == 0)
            first = json_text(f, r->body, "id");
        assert_json(f, r->body, "id", first);
    }
    assert_metric(s, SUBMISSIONS, 1);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, 1);
    promise("F92", "A second try is the same submission although the clock was set in between",
            "the same key again, up to 23 hours earlier and later", "%zu tries, 1 submission",
            ARRAY_LEN(tries));
}

/* ---- what is deleted for its age ---- */

enum { KEPT = 5 };

static const struct reply *post_with_key(struct server *s, const char *key)
{
    const char *header = textf(s->f, "Idempotency-Key: %s", key);
    const struct reply *r =
        ASK(s, .path = "/contact", .headers = HEADERS(JSON_TYPE, header), .body = ADA);

    assert_status(r, 201);
    return r;
}

/*
 * Deleting a message runs the upkeep, which would come within a minute; it has emptied the log when
 * it is done.
 */
static void run_upkeep(struct server *s)
{
    struct fixture *f = s->f;
    const char *id = json_text(f, post_json(s, ADA)->body, "id"),
               *log = textf(f, "%s-wal", s->store);
    struct stat st;

    assert_int_equal(server_command(s, ARGS("contacts", "delete", id))->status, 0);
    EVENTUALLY(stat(log, &st) == 0 && st.st_size == 0);
}

/* All that was stored is there, and a second try of each is no other one. */
static void assert_kept(struct server *s, const char *const *ids)
{
    for (unsigned i = 0; i < KEPT; i++)
        assert_json(s->f, post_with_key(s, textf(s->f, "kept-%u", i))->body, "id", ids[i]);
    assert_metric(s, "store_expired_total", 0);
}

TEST(a_step_forward_makes_nothing_old)
{
    static const int64_t ahead[] = {STEP_HOUR, 2 * STEP_HOUR, STEP_TEN_YEARS};
    struct fixture *f = *state;
    struct steps st = steps_by_preload(f);
    struct server *s = steps_start(&st, 0, SETS("contact.rate=off", "contact.retention=1h"));
    const char *ids[KEPT];

    for (unsigned i = 0; i < KEPT; i++)
        ids[i] = json_text(f, post_with_key(s, textf(f, "kept-%u", i))->body, "id");
    for (size_t i = 0; i < ARRAY_LEN(ahead); i++) {
        const char *last;

        steps_set(&st, ahead[i]);
        run_upkeep(s);
        assert_kept(s, ids);
        assert_contains(log_event_wait(s, "clock_disbelieved"), "\"level\":\"warn\"");
        if (ahead[i] == STEP_HOUR)
            continue; /* a start believes that much */
        /* And it does not believe it any more after a restart, in order or not. */
        server_stop(s);
        server_again(s);
        last = log_event_wait(s, "clock_disbelieved");
        assert_in_range(json_number(f, last, "ahead_seconds"), ahead[i] - 1, ahead[i] + 600);
        run_upkeep(s);
        assert_kept(s, ids);
        server_kill(s);
        server_again(s);
        (void)log_event_wait(s, "clock_disbelieved");
        run_upkeep(s);
        assert_kept(s, ids);
    }
    steps_set(&st, 0);
    run_upkeep(s);
    assert_kept(s, ids);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, KEPT);
    promise(
        "F92", "A step of the clock makes no submission and no key old",
        "one, two hours and ten years forward with contact.retention=1h, restarts and kills then",
        "%zu steps, %d submissions, %zu second tries: 0 deleted, 0 stored twice", ARRAY_LEN(ahead),
        KEPT, (size_t)KEPT * 8);
}

TEST(a_start_under_a_clock_that_is_ahead_deletes_nothing)
{
    struct fixture *f = *state;
    struct steps st = steps_by_preload(f);
    struct server *s = steps_start(&st, 0, SETS("contact.rate=off", "contact.retention=1h"));
    const char *ids[KEPT];

    for (unsigned i = 0; i < KEPT; i++)
        ids[i] = json_text(f, post_with_key(s, textf(f, "kept-%u", i))->body, "id");
    for (int killed = 0; killed < 2; killed++) {
        steps_set(&st, 0);
        if (killed)
            server_kill(s);
        else
            server_stop(s);
        steps_set(&st, STEP_TEN_YEARS);
        server_again(s);
        (void)log_event_wait(s, "clock_disbelieved");
        run_upkeep(s);
        assert_kept(s, ids);
    }
    server_stop(s);
    assert_int_equal(stored_rows(s).n, KEPT);
    promise(
        "F92", "A start under a clock that is ahead deletes nothing",
        "a stop and a kill, then a start ten years later by the clock, with contact.retention=1h",
        "2 starts, %d submissions, %d second tries: 0 deleted, 0 stored twice", KEPT, 2 * KEPT);
}

/* ---- what is measured in time: idle connections, drains ---- */

TEST(however_far_back_idle_connections_end_in_time)
{
    static const int64_t back[] = {-STEP_HOUR, -STEP_TEN_YEARS};
    struct fixture *f = *state;
    size_t n = faults_long() ? ARRAY_LEN(back) : 1;
    struct steps st = steps_by_preload(f);
    struct server *s = steps_start(&st, 0, SETS("http.request_timeout=1s"));

    for (size_t i = 0; i < n; i++) {
        struct wire *idle = wire_to(s), *part = wire_to(s), *silent = wire_to(s);

        wire_send(idle, HELLO);
        assert_status(wire_reply(f, idle), 200);
        wire_send(part, "GET / HTTP/1.1\r\nHo");
        steps_set(&st, back[i]);
        assert_wire_ends(idle);
        assert_wire_ends(part);
        assert_wire_ends(silent);
    }
    promise("F92", "A clock that was set back keeps no idle connection for ever",
            "an idle, a silent and a half-asked connection, an hour and ten years back",
            "%zu connections ended", 3 * n);
}

TEST(a_drain_takes_its_time_whatever_the_clock_says)
{
    struct fixture *f = *state;
    struct steps st = steps_by_preload(f);
    size_t n = faults_long() ? ARRAY_LEN(there_and_back) : 3;
    double longest = 0;

    for (size_t i = 0; i < n; i++) {
        struct server *s = steps_start(&st, 0, SETS("drain.delay=300ms", "drain.timeout=12s"));
        struct wire *kept = wire_to(s);
        uint64_t began;
        double seconds;

        wire_send(kept, HELLO);
        assert_status(wire_reply(f, kept), 200);
        began = clock_mono_ns();
        server_signal(s, SIGTERM);
        (void)log_event_wait(s, "draining");
        steps_set(&st, there_and_back[i]);
        assert_status(post_json(s, ADA), 201); /* in the delay all is as ever */
        assert_wire_ends(kept);
        assert_int_equal(server_end(s), 0);
        seconds = (double)(clock_mono_ns() - began) / 1e9;
        longest = seconds > longest ? seconds : longest;
    }
    assert_true(longest <= 15);
    promise("F92", "A drain takes as long as it may, whatever the clock does",
            "steps while it drains", "%zu drains, the longest %.1f s", n, longest);
}

/* ---- years ---- */

TEST(a_clock_that_is_wrong_from_the_start_is_served_by)
{
    static const struct {
        int64_t at;
        const char *year;
    } starts[] = {
        {86400,               "1970-"}, /* a board without a battery */
        {INT64_C(2147483648), "2038-"}, /* 2^31 */
        {INT64_C(4294967296), "2106-"}, /* 2^32 */
        {INT64_C(7258118400), "2200-"},
    };
    struct fixture *f = *state;
    struct steps st = steps_by_preload(f);

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        struct server *s = steps_start(&st, starts[i].at - (int64_t)time(NULL), NULL);
        const char *id = textf(f, "year-%zu", i), *header = textf(f, "X-Correlation-ID: %s", id);
        const struct reply *r =
            ASK(s, .path = "/contact", .headers = HEADERS(JSON_TYPE, header), .body = ADA);
        const char *out;

        assert_status(r, 201);
        assert_non_null(strstr(reply_field(r, "date"), keep_text(f, starts[i].year, 4)));
        assert_int_equal(strncmp(json_text(f, log_request(s, id), "ts"), starts[i].year, 5), 0);
        assert_status(get_ops(s, "/metrics"), 200);
        server_stop(s);
        out = server_command(s, ARGS("contacts", "export", "--format", "json"))->out;
        assert_contains(out, textf(f, "\"%s", starts[i].year));
    }
    promise("F92", "A clock that is wrong from the start is no obstacle",
            "starts in 1970, 2038, 2106 and 2200", "%zu starts, each served and stored",
            ARRAY_LEN(starts));
}

RUN_TESTS(T(steps_under_load_cost_idle_connections_at_most),
          T(steps_of_faketime_under_load_cost_idle_connections_at_most),
          T(rates_go_by_the_monotonic_clock),
          T(a_second_try_is_the_same_submission_an_hour_earlier_or_later),
          T(a_step_forward_makes_nothing_old),
          T(a_start_under_a_clock_that_is_ahead_deletes_nothing),
          T(however_far_back_idle_connections_end_in_time),
          T(a_drain_takes_its_time_whatever_the_clock_says),
          T(a_clock_that_is_wrong_from_the_start_is_served_by))
