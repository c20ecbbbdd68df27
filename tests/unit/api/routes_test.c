/* SPDX-License-Identifier: MIT */
/* The tables, compiled by the real router: what each port serves, and what it does not. */
#include "tests/unit/api/fake.h"

static const char *label(const struct router *r, const char *path)
{
    const struct endpoint *e = router_find(r, slice_str(path));

    return e != NULL ? e->label : NULL;
}

TEST(every_row_is_found_under_its_method_and_label)
{
    struct router *r = router_new(public_routes, n_public_routes);

    for (size_t i = 0; i < n_public_routes; i++) {
        const struct route *row = &public_routes[i];
        const struct endpoint *e = router_find(r, slice_str(row->path));

        assert_non_null(e);
        assert_ptr_equal(e->by_method[row->method], row);
        assert_string_equal(e->label, row->endpoint != NULL ? row->endpoint : row->path);
    }
    router_free(r);
}

TEST(aliases_count_under_the_first_path)
{
    struct router *r = router_new(public_routes, n_public_routes);

    assert_string_equal(label(r, "/api/health"), "/health");
    assert_string_equal(label(r, "/api/contact"), "/contact");
    router_free(r);
}

TEST(the_ports_do_not_serve_each_others_pages)
{
    struct router *public = router_new(public_routes, n_public_routes);
    struct router *ops = router_new(ops_routes, n_ops_routes);

    assert_null(label(public, "/metrics"));
    assert_null(label(public, "/status.json"));
    assert_null(label(ops, "/metrics.js"));
    assert_null(label(ops, "/api/echo"));
    assert_null(label(ops, "/api/error"));
    assert_null(label(ops, "/api/users"));
    assert_null(label(ops, "/contact"));
    assert_null(label(ops, "/api/contact"));
    assert_null(label(ops, "/api/health"));
    assert_non_null(label(ops, "/metrics"));
    assert_non_null(label(ops, "/health"));
    assert_non_null(label(ops, "/health/liveness"));
    assert_non_null(label(ops, "/health/readiness"));
    router_free(public);
    router_free(ops);
}

TEST(slos_cover_what_people_wait_for_and_nothing_else)
{
    static const struct {
        const char *path;
        enum http_method method;
        unsigned slos;
    } cases[] = {
        {"/",                 HTTP_GET,  IN_AVAILABILITY | IN_LATENCY             },
        {"/contact",          HTTP_GET,  IN_AVAILABILITY | IN_LATENCY             },
        {"/contact/thanks",   HTTP_GET,  IN_AVAILABILITY | IN_LATENCY             },
        {"/contact",          HTTP_POST, IN_AVAILABILITY | IN_LATENCY | IN_CONTACT},
        {"/api/contact",      HTTP_POST, IN_AVAILABILITY | IN_LATENCY | IN_CONTACT},
        {"/health",           HTTP_GET,  IN_NONE                                  },
        {"/api/health",       HTTP_GET,  IN_NONE                                  },
        {"/health/liveness",  HTTP_GET,  IN_NONE                                  },
        {"/health/readiness", HTTP_GET,  IN_NONE                                  },
        {"/metrics.js",       HTTP_GET,  IN_NONE                                  },
        {"/api/metrics",      HTTP_POST, IN_NONE                                  },
        {"/api/metrics",      HTTP_GET,  IN_NONE                                  },
        {"/api/echo",         HTTP_POST, IN_AVAILABILITY | IN_LATENCY             },
        {"/api/error",        HTTP_GET,  IN_AVAILABILITY | IN_LATENCY             },
        {"/api/users",        HTTP_GET,  IN_AVAILABILITY | IN_LATENCY             },
    };
    struct router *r = router_new(public_routes, n_public_routes);

    assert_int_equal(ARRAY_LEN(cases), n_public_routes);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct endpoint *e = router_find(r, slice_str(cases[i].path));

        assert_non_null(e);
        assert_int_equal(e->by_method[cases[i].method]->slos, cases[i].slos);
    }
    router_free(r);
}

TEST(declared_statuses_are_ones_we_send)
{
    for (size_t i = 0; i < n_public_routes; i++) {
        struct slice rest = slice_str(public_routes[i].statuses);

        while (rest.p != NULL) {
            uint64_t status = 0;

            assert_true(parse_u64(slice_cut(&rest, ' '), 200, 599, &status, NULL));
            assert_true(http_status_index((unsigned)status) < HTTP_STATUSES);
        }
    }
}

/* The row of a method and a path of the public port. */
static const struct route *public_route(const char *path, enum http_method method)
{
    for (size_t i = 0; i < n_public_routes; i++)
        if (public_routes[i].method == method && strcmp(public_routes[i].path, path) == 0)
            return &public_routes[i];
    fail_msg("there is no %s", path);
    return NULL;
}

TEST(the_form_and_browser_metrics_count_bodies_that_are_too_large)
{
    size_t n = 0;

    for (size_t i = 0; i < n_public_routes; i++)
        n += public_routes[i].too_large != NULL;
    assert_int_equal(n, 3);
    assert_ptr_equal(public_route("/contact", HTTP_POST)->too_large, contact_too_large);
    assert_ptr_equal(public_route("/api/contact", HTTP_POST)->too_large, contact_too_large);
    assert_ptr_equal(public_route("/api/metrics", HTTP_POST)->too_large, rum_too_large);
}

TEST(drills_and_the_reading_of_browser_metrics_have_gates_on_the_public_port)
{
    size_t n = 0;

    for (size_t i = 0; i < n_public_routes; i++)
        n += public_routes[i].open != NULL;
    assert_int_equal(n, 4);
    assert_ptr_equal(public_route("/api/metrics", HTTP_GET)->open, rum_open);
    assert_ptr_equal(public_route("/api/echo", HTTP_POST)->open, drills_open);
    assert_ptr_equal(public_route("/api/error", HTTP_GET)->open, drills_open);
    assert_ptr_equal(public_route("/api/users", HTTP_GET)->open, drills_open);
    for (size_t i = 0; i < n_ops_routes; i++)
        assert_null(ops_routes[i].open);
}

RUN_TESTS(T(every_row_is_found_under_its_method_and_label),
          T(aliases_count_under_the_first_path),
          T(the_ports_do_not_serve_each_others_pages),
          T(slos_cover_what_people_wait_for_and_nothing_else),
          T(declared_statuses_are_ones_we_send),
          T(the_form_and_browser_metrics_count_bodies_that_are_too_large),
          T(drills_and_the_reading_of_browser_metrics_have_gates_on_the_public_port))
