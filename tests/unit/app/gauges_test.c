/* SPDX-License-Identifier: MIT */
/*
 * What the main thread puts on the page. The store and the server are stand-ins that say what the
 * test wants; the registry, the log and the page are real.
 */
#include "app/app.h"

#include "api/visits.h"
#include "app/version.h"
#include "base/clock.h"
#include "metrics/exposition.h"
#include "tests/unit/unit.h"

#include <sys/mman.h>
#include <unistd.h>

struct store {
    struct store_stats stats;
    bool up;
};

void store_health(const struct store *s, struct store_health *ret)
{
    *ret = (struct store_health){.up = s->up};
}

void store_stats(const struct store *s, struct store_stats *ret)
{
    *ret = s->stats;
}

void store_take_visits(UNUSED struct store *s, struct store_visits *ret)
{
    *ret = (struct store_visits){.views = 0};
}

void store_visits_release(UNUSED struct store_visits *v)
{
}

enum store_refusal store_submit(UNUSED struct store *s, UNUSED struct store_job *job)
{
    return STORE_DOWN;
}

struct server {
    size_t connections[4];
};

size_t server_connections(const struct server *s, unsigned i)
{
    assert_true(i < ARRAY_LEN(s->connections));
    return s->connections[i];
}

struct page {
    struct app app;
    int log_fd;
    struct buf text;
};

static void start(struct page *p)
{
    struct err err = ERR_INIT;

    memset(p, 0, sizeof(*p));
    p->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(log_new(p->log_fd, LOG_INFO, &p->app.log, &err));
    p->app.registry = registry_new(metric_table, METRIC_FAMILIES,
                                   &(struct registry_options){1, METRICS_MAX_SAMPLES});
    p->app.shard = registry_shard(p->app.registry, 0);
    p->app.workers = 4;
    p->app.gauges = gauges_new(&p->app);
}

static void end(struct page *p)
{
    buf_release(&p->text);
    gauges_free(p->app.gauges);
    log_free(p->app.log, 60000);
    (void)close(p->log_fd);
    registry_free(p->app.registry);
}

static void expect(struct page *p, const char *sample)
{
    static const struct exposition_filter all = {.n = 0};
    struct buf line = BUF_INIT;
    bool found;

    buf_clear(&p->text);
    exposition_render(p->app.registry, EXPOSITION_TEXT, &all, &p->text);
    buf_addf(&line, "\n%s\n", sample);
    found = memmem(p->text.data, p->text.len, line.data, line.len) != NULL;
    buf_release(&line);
    if (!found)
        fail_msg("not on the page: %s", sample);
}

TEST(everything_stands_on_the_page_from_the_start)
{
    static const char *const samples[] = {
        "sidelight_draining 0",
        "config_last_reload_successful 0",
        "config_restart_required 0",
        "connections_limit 0",
        "log_lines_total 0",
        "log_lines_dropped_total 0",
        "rate_limit_evictions_total 0",
        "dependency_up{name=\"store\"} 0",
        "store_queue_length 0",
        "store_queue_limit 0",
        "store_queue_full_total 0",
        "slo_objective_ratio{slo=\"availability\"} 0",
        "slo_objective_ratio{slo=\"latency\"} 0",
        "slo_objective_ratio{slo=\"contact\"} 0",
        "worker_connections{worker=\"0\"} 0",
        "worker_connections{worker=\"3\"} 0",
    };
    struct page p;

    start(&p);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        expect(&p, samples[i]);
    assert_int_equal(registry_series(p.app.registry, METRIC_WORKER_CONNECTIONS), 4);
    end(&p);
}

TEST(the_build_is_named)
{
    struct buf line = BUF_INIT;
    struct page p;

    start(&p);
    buf_addf(&line, "sidelight_build_info{version=\"%s\",revision=\"%s\"} 1", sidelight_version,
             sidelight_revision);
    expect(&p, buf_cstr(&line));
    buf_release(&line);
    end(&p);
}

TEST(a_load_sets_the_objectives_and_its_time)
{
    const struct config c = {
        .slo_availability = 999000000, .slo_latency = 990000000, .slo_contact = 999500000};
    struct metric loaded;
    uint64_t before, at;
    struct page p;

    start(&p);
    before = clock_wall_ns();
    gauges_loaded(p.app.gauges, &c);
    expect(&p, "slo_objective_ratio{slo=\"availability\"} 0.999");
    expect(&p, "slo_objective_ratio{slo=\"latency\"} 0.99");
    expect(&p, "slo_objective_ratio{slo=\"contact\"} 0.9995");
    expect(&p, "config_last_reload_successful 1");
    loaded = series_plain(p.app.registry, METRIC_CONFIG_RELOAD_TIME);
    at = metric_value(p.app.registry, loaded);
    assert_true(at >= before && at <= clock_wall_ns());
    gauges_reload_failed(p.app.gauges);
    expect(&p, "config_last_reload_successful 0");
    expect(&p, "slo_objective_ratio{slo=\"availability\"} 0.999");
    assert_int_equal(metric_value(p.app.registry, loaded), at); /* of the last success */
    end(&p);
}

TEST(states_are_shown)
{
    struct page p;

    start(&p);
    gauges_restart_required(p.app.gauges, true);
    expect(&p, "config_restart_required 1");
    gauges_restart_required(p.app.gauges, false);
    expect(&p, "config_restart_required 0");
    gauges_connection_limit(p.app.gauges, 12000);
    expect(&p, "connections_limit 12000");
    gauges_draining(p.app.gauges);
    expect(&p, "sidelight_draining 1");
    end(&p);
}

TEST(numbers_of_other_modules_are_read_at_each_page)
{
    struct store store = {
        .stats = {.queue_length = 7, .queue_limit = 4096, .queue_full = 3},
          .up = true
    };
    struct server server = {
        {1, 0, 22, 333}
    };
    struct page p;

    start(&p);
    p.app.api.clients = rate_table_new();
    p.app.api.senders = rate_table_new();
    p.app.store = &store;
    p.app.server = &server;
    LOG_EVENT(p.app.log, LOG_INFO, "hello", LOG_BOOL("there", true));
    expect(&p, "log_lines_total 1");
    expect(&p, "dependency_up{name=\"store\"} 1");
    expect(&p, "store_queue_length 7");
    expect(&p, "store_queue_limit 4096");
    expect(&p, "store_queue_full_total 3");
    expect(&p, "worker_connections{worker=\"0\"} 1");
    expect(&p, "worker_connections{worker=\"1\"} 0");
    expect(&p, "worker_connections{worker=\"2\"} 22");
    expect(&p, "worker_connections{worker=\"3\"} 333");
    store.up = false;
    store.stats.queue_length = 0;
    server.connections[2] = 21;
    expect(&p, "dependency_up{name=\"store\"} 0");
    expect(&p, "store_queue_length 0");
    expect(&p, "worker_connections{worker=\"2\"} 21");
    rate_table_free(p.app.api.clients);
    rate_table_free(p.app.api.senders);
    end(&p);
}

TEST(no_gauges_are_freed_gladly)
{
    struct page p;

    gauges_free(NULL);
    start(&p);
    expect(&p, "sidelight_draining 0"); /* without a store and a server, too */
    end(&p);
}

TEST(visitors_are_those_of_the_last_minutes)
{
    struct visits_count count;
    struct loop loop = {.log = NULL};
    struct request rq = {.loop = &loop, .start_ms = clock_wall_ms(), .start_ns = clock_mono_ns()};
    struct page p;

    start(&p);
    expect(&p, "website_visitors 0");
    p.app.api.registry = p.app.registry;
    p.app.api.visits = visits_new(&p.app.api);
    loop.shard = p.app.shard;
    expect(&p, "website_visitors 0");
    visits_add(p.app.api.visits, &rq, &count);
    visits_add(p.app.api.visits, &rq, &count);
    expect(&p, "website_visitors 1");
    expect(&p, "page_views_total 2");
    visits_free(p.app.api.visits);
    end(&p);
}

RUN_TESTS(T(everything_stands_on_the_page_from_the_start),
          T(the_build_is_named),
          T(a_load_sets_the_objectives_and_its_time),
          T(states_are_shown),
          T(numbers_of_other_modules_are_read_at_each_page),
          T(no_gauges_are_freed_gladly),
          T(visitors_are_those_of_the_last_minutes))
