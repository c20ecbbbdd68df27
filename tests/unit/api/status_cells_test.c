/* SPDX-License-Identifier: MIT */
/* Rows and totals are what the registry's cells say, whenever a series came up. */
#include "tests/unit/unit.h"

#include "api/api.h"
#include "api/status_cells.h"

#include <stdio.h>
#include <stdlib.h>

struct cells {
    struct registry *registry;
    struct shard *shards[2];
    struct status_cells *cells;
    struct status_now now;
};

static void start(struct cells *c)
{
    memset(c, 0, sizeof(*c));
    c->registry = registry_new(metric_table, METRIC_FAMILIES,
                               &(struct registry_options){2, METRICS_MAX_SAMPLES});
    c->shards[0] = registry_shard(c->registry, 0);
    c->shards[1] = registry_shard(c->registry, 1);
    c->cells = status_cells_new(c->registry, public_routes, n_public_routes);
}

static void stop(struct cells *c)
{
    status_cells_free(c->cells);
    registry_free(c->registry);
}

/* A request as finish() counts it. */
static void answered(
    struct cells *c, const char *method, const char *endpoint, const char *status, uint64_t ns)
{
    struct slice values[] = {slice_str(method), slice_str(endpoint), slice_str(status)};
    struct shard *s = c->shards[ns % 2];

    metric_add(s, series_get(c->registry, METRIC_HTTP_REQUESTS, values), 1);
    (void)histogram_observe(s, series_get(c->registry, METRIC_HTTP_DURATION, values),
                            bounds_duration, N_BOUNDS_DURATION, ns);
}

static const struct status_row_now *row(const struct cells *c,
                                        const char *method,
                                        const char *endpoint)
{
    for (size_t i = 0; i < c->now.n_rows; i++)
        if (slice_eq(c->now.rows[i].method, slice_str(method)) &&
            slice_eq(c->now.rows[i].endpoint, slice_str(endpoint)))
            return &c->now.rows[i];
    return NULL;
}

TEST(nothing_was_asked_yet)
{
    struct cells c;

    start(&c);
    (void)series_get(c.registry, METRIC_HTTP_DURATION,
                     (struct slice[]){SLICE_LIT("GET"), SLICE_LIT("/")});
    status_cells_read(c.cells, &c.now);
    assert_int_equal(c.now.n_rows, 0);
    assert_int_equal(c.now.totals.requests, 0);
    stop(&c);
    status_cells_free(NULL);
}

TEST(rows_and_totals_add_up_all_shards_and_statuses)
{
    struct cells c;

    start(&c);
    answered(&c, "GET", "/", "200", 500000);
    answered(&c, "GET", "/", "500", 500001);
    answered(&c, "GET", "/", "503", 400000000);
    answered(&c, "POST", "/contact", "422", 3);
    answered(&c, "GET", "/contact", "200", 3);
    status_cells_read(c.cells, &c.now);
    assert_int_equal(c.now.totals.requests, 5);
    assert_int_equal(c.now.totals.client_errors, 1);
    assert_int_equal(c.now.totals.server_errors, 2);
    assert_int_equal(c.now.n_rows, 3);
    assert_int_equal(row(&c, "GET", "/")->buckets[0], 2);
    assert_int_equal(row(&c, "GET", "/")->buckets[9], 1);
    assert_int_equal(row(&c, "GET", "/")->server_errors, 2);
    assert_int_equal(row(&c, "POST", "/contact")->server_errors, 0);
    assert_int_equal(row(&c, "GET", "/contact")->buckets[0], 1);
    stop(&c);
}

TEST(series_that_come_later_are_found_and_rows_keep_their_places)
{
    const struct status_row_now *first;
    struct cells c;

    start(&c);
    answered(&c, "GET", "/", "200", 2);
    status_cells_read(c.cells, &c.now);
    first = row(&c, "GET", "/");
    for (unsigned i = 0; i < 3; i++) {
        answered(&c, "GET", "/", "418", 2);
        answered(&c, "GET", i == 0 ? "/a" : i == 1 ? "/b" : "/c", "200", 2);
        status_cells_read(c.cells, &c.now);
        status_cells_read(c.cells, &c.now); /* reading changes nothing */
        assert_ptr_equal(row(&c, "GET", "/"), first);
        assert_int_equal(first->buckets[0], 2 + i);
        assert_int_equal(c.now.n_rows, 2 + i);
        assert_int_equal(c.now.totals.requests, 3 + 2 * i);
    }
    stop(&c);
}

static const char *label_of(const struct route *route)
{
    return route->endpoint != NULL ? route->endpoint : route->path;
}

TEST(the_public_routes_have_room_whatever_they_are_asked)
{
    struct cells c;

    start(&c);
    for (unsigned m = 0; m < HTTP_METHODS; m++) {
        const char *method = http_method_name((enum http_method)(HTTP_METHODS - 1 - m));

        answered(&c, method, "unmatched", "404", 2);
        for (size_t i = 0; i < n_public_routes; i++)
            answered(&c, method, label_of(&public_routes[i]), "503", 2);
        status_cells_read(c.cells, &c.now);
    }
    assert_true(c.now.n_rows <= STATUS_ROWS_MAX);
    assert_null(row(&c, "other", "other"));
    for (size_t i = 0; i < n_public_routes; i++)
        assert_non_null(
            row(&c, http_method_name(public_routes[i].method), label_of(&public_routes[i])));
    assert_int_equal(c.now.totals.requests, HTTP_METHODS * (n_public_routes + 1));
    stop(&c);
}

TEST(methods_without_a_route_are_one_row_of_their_endpoint)
{
    static const char *const methods[] = {"GET", "HEAD",  "OPTIONS", "POST",
                                          "PUT", "PATCH", "DELETE",  "DELETE"};
    struct cells c;

    start(&c);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        answered(&c, methods[i], "/", i < 3 ? "200" : "405", 2);
        answered(&c, methods[i], "unmatched", "404", 2);
    }
    answered(&c, "PUT", "/", "503", 2);
    status_cells_read(c.cells, &c.now);
    assert_int_equal(c.now.n_rows, 4 + HTTP_METHODS);
    assert_int_equal(row(&c, "GET", "/")->buckets[0], 1);
    assert_int_equal(row(&c, "HEAD", "/")->buckets[0], 1);
    assert_int_equal(row(&c, "OPTIONS", "/")->buckets[0], 1);
    assert_null(row(&c, "POST", "/"));
    assert_int_equal(row(&c, "other", "/")->buckets[0], 6);
    assert_int_equal(row(&c, "other", "/")->server_errors, 1);
    assert_int_equal(row(&c, "DELETE", "unmatched")->buckets[0], 2);
    stop(&c);
}

TEST(one_row_too_many_is_added_up_as_other)
{
    struct cells c;
    char path[32];

    start(&c);
    for (unsigned i = 0; i < STATUS_ROWS_MAX; i++) {
        (void)snprintf(path, sizeof(path), "/%u", i);
        answered(&c, "GET", path, "200", 2);
    }
    status_cells_read(c.cells, &c.now);
    assert_int_equal(c.now.n_rows, STATUS_ROWS_MAX);
    assert_null(row(&c, "other", "other"));
    answered(&c, "GET", "/more", "500", 2);
    status_cells_read(c.cells, &c.now);
    assert_int_equal(c.now.n_rows, STATUS_ROWS_MAX + 1);
    answered(&c, "GET", "/still-more", "200", 2);
    answered(&c, "GET", "/0", "500", 2);
    status_cells_read(c.cells, &c.now);
    assert_int_equal(c.now.n_rows, STATUS_ROWS_MAX + 1);
    assert_int_equal(row(&c, "other", "other")->buckets[0], 2);
    assert_int_equal(row(&c, "other", "other")->server_errors, 1);
    assert_int_equal(row(&c, "GET", "/0")->buckets[0], 2);
    assert_int_equal(row(&c, "GET", "/0")->server_errors, 1);
    assert_int_equal(c.now.totals.requests, STATUS_ROWS_MAX + 3);
    stop(&c);
}

TEST(what_has_no_rows_is_in_the_totals)
{
    struct cells c;

    start(&c);
    metric_add(c.shards[0], series_get(c.registry, METRIC_HTTP_REJECTED, &SLICE_LIT("syntax")), 2);
    metric_add(c.shards[1], series_get(c.registry, METRIC_HTTP_REJECTED, &SLICE_LIT("host")), 3);
    metric_set(c.shards[0], series_plain(c.registry, METRIC_LOG_DROPPED), 7);
    metric_add(c.shards[0],
               series_get(c.registry, METRIC_SLO_EVENTS,
                          (struct slice[]){SLICE_LIT("contact"), SLICE_LIT("bad")}),
               4);
    metric_add(c.shards[0],
               series_get(c.registry, METRIC_SLO_EVENTS,
                          (struct slice[]){SLICE_LIT("latency"), SLICE_LIT("excluded")}),
               5);
    metric_add(c.shards[0],
               series_get(c.registry, METRIC_SLO_EVENTS,
                          (struct slice[]){SLICE_LIT("availability"), SLICE_LIT("good")}),
               6);
    status_cells_read(c.cells, &c.now);
    assert_int_equal(c.now.totals.rejected, 5);
    assert_int_equal(c.now.totals.log_dropped, 7);
    assert_int_equal(c.now.totals.bad[SLO_CONTACT], 4);
    assert_int_equal(c.now.totals.excluded[SLO_LATENCY], 5);
    assert_int_equal(c.now.totals.good[SLO_AVAILABILITY], 6);
    assert_int_equal(c.now.totals.good[SLO_CONTACT], 0);
    stop(&c);
}

RUN_TESTS(T(nothing_was_asked_yet),
          T(rows_and_totals_add_up_all_shards_and_statuses),
          T(series_that_come_later_are_found_and_rows_keep_their_places),
          T(the_public_routes_have_room_whatever_they_are_asked),
          T(methods_without_a_route_are_one_row_of_their_endpoint),
          T(one_row_too_many_is_added_up_as_other),
          T(what_has_no_rows_is_in_the_totals))
