/* SPDX-License-Identifier: MIT */
/* The table of routes compiled: paths found exactly, methods of a path, labels. */
#include "http/router.h"

#include "tests/unit/metrics/dies.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static void handler(UNUSED struct request *rq, UNUSED void *ctx)
{
}

static const struct route routes[] = {
    {HTTP_GET,    "/",      handler, "200", IN_AVAILABILITY, NULL,   NULL, NULL},
    {HTTP_GET,    "/a",     handler, "200", IN_NONE,         NULL,   NULL, NULL},
    {HTTP_POST,   "/a",     handler, "201", IN_CONTACT,      NULL,   NULL, NULL},
    {HTTP_GET,    "/a/b",   handler, "200", IN_NONE,         NULL,   NULL, NULL},
    {HTTP_GET,    "/alias", handler, "200", IN_NONE,         "/a/b", NULL, NULL},
    {HTTP_PUT,    "/put",   handler, "200", IN_NONE,         NULL,   NULL, NULL},
    {HTTP_DELETE, "/put",   handler, "204", IN_NONE,         NULL,   NULL, NULL},
    {HTTP_PATCH,  "/put",   handler, "200", IN_NONE,         NULL,   NULL, NULL},
};

TEST(paths_are_found_byte_for_byte)
{
    static const char *const found[] = {"/", "/a", "/a/b", "/alias", "/put"};
    static const char *const lost[] = {"",        "a",   "/a/",  "//a",     "/A",       "/a/b/",
                                       "/a/b/c",  "/al", "/a?b", "/%61",    "/a/../a",  "/./a",
                                       "/alias ", "*",   "/puT", "/put%00", "unmatched"};
    struct router *r = router_new(routes, ARRAY_LEN(routes));

    for (size_t i = 0; i < ARRAY_LEN(found); i++) {
        struct endpoint *e = router_find(r, slice_str(found[i]));

        assert_non_null(e);
        assert_string_equal(e->path, found[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(lost); i++)
        assert_null(router_find(r, slice_str(lost[i])));
    assert_null(router_find(r, SLICE_LIT("/a\0")));
    assert_null(router_find(r, SLICE_NONE));
    router_free(r);
}

TEST(a_path_knows_its_methods)
{
    struct router *r = router_new(routes, ARRAY_LEN(routes));
    struct endpoint *a = router_find(r, SLICE_LIT("/a")), *put = router_find(r, SLICE_LIT("/put"));

    assert_ptr_equal(a->by_method[HTTP_GET], &routes[1]);
    assert_ptr_equal(a->by_method[HTTP_HEAD], &routes[1]);
    assert_ptr_equal(a->by_method[HTTP_POST], &routes[2]);
    assert_null(a->by_method[HTTP_PUT]);
    assert_null(a->by_method[HTTP_OPTIONS]);
    assert_null(put->by_method[HTTP_GET]);
    assert_null(put->by_method[HTTP_HEAD]);
    router_free(r);
}

/* ---- gates: open while the context is true ---- */

static bool gate(const struct request *rq, void *ctx)
{
    return rq != NULL && *(const bool *)ctx;
}

static const struct route gated[] = {
    {HTTP_GET,    "/read",  handler, "200", IN_NONE, NULL, NULL, gate},
    {HTTP_POST,   "/read",  handler, "201", IN_NONE, NULL, NULL, NULL},
    {HTTP_GET,    "/drill", handler, "200", IN_NONE, NULL, NULL, gate},
    {HTTP_DELETE, "/drill", handler, "200", IN_NONE, NULL, NULL, gate},
    {HTTP_GET,    "/all",   handler, "200", IN_NONE, NULL, NULL, NULL},
    {HTTP_POST,   "/all",   handler, "200", IN_NONE, NULL, NULL, NULL},
    {HTTP_PUT,    "/all",   handler, "200", IN_NONE, NULL, NULL, NULL},
    {HTTP_PATCH,  "/all",   handler, "200", IN_NONE, NULL, NULL, NULL},
    {HTTP_DELETE, "/all",   handler, "200", IN_NONE, NULL, NULL, NULL},
};

TEST(a_closed_route_is_not_there_and_a_path_is_while_any_of_its_routes_is)
{
    static const struct {
        const char *path;
        enum http_method method;
        bool closed; /* whether it is there all the same when the gates are closed */
    } rows[] = {
        {"/read",  HTTP_GET,     false},
        {"/read",  HTTP_HEAD,    false},
        {"/read",  HTTP_POST,    true },
        {"/read",  HTTP_PUT,     true }, /* 405 */
        {"/read",  HTTP_OPTIONS, true },
        {"/drill", HTTP_GET,     false},
        {"/drill", HTTP_HEAD,    false},
        {"/drill", HTTP_DELETE,  false},
        {"/drill", HTTP_POST,    false},
        {"/drill", HTTP_OPTIONS, false},
        {"/all",   HTTP_GET,     true },
    };
    struct router *r = router_new(gated, ARRAY_LEN(gated));

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int k = 0; k < 2; k++) {
            struct request rq = {.head.method = rows[i].method};
            bool open = k == 1, want = open || rows[i].closed;

            if (endpoint_open(router_find(r, slice_str(rows[i].path)), &rq, &open) != want)
                fail_msg("row %zu, gates %s", i, open ? "open" : "closed");
        }
    router_free(r);
}

TEST(allow_names_the_methods_that_are_open)
{
    static const struct {
        const char *path, *open, *closed;
    } rows[] = {
        {"/read",  "GET, HEAD, POST, OPTIONS",                     "POST, OPTIONS"},
        {"/drill", "GET, HEAD, DELETE, OPTIONS",                   "OPTIONS"      },
        {"/all",   "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", NULL           },
    };
    const struct request rq = {.head.method = HTTP_OPTIONS};
    struct router *r = router_new(gated, ARRAY_LEN(gated));

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct endpoint *e = router_find(r, slice_str(rows[i].path));
        const char *closed = rows[i].closed != NULL ? rows[i].closed : rows[i].open;
        char text[ENDPOINT_ALLOW_MAX];
        bool open = true;

        assert_true(slice_eq(endpoint_allow(e, &rq, &open, text), slice_str(rows[i].open)));
        open = false;
        assert_true(slice_eq(endpoint_allow(e, &rq, &open, text), slice_str(closed)));
    }
    router_free(r);
}

TEST(an_endpoint_counts_under_its_path_or_the_one_it_stands_for)
{
    struct router *r = router_new(routes, ARRAY_LEN(routes));

    assert_string_equal(router_find(r, SLICE_LIT("/a"))->label, "/a");
    assert_string_equal(router_find(r, SLICE_LIT("/alias"))->label, "/a/b");
    assert_string_equal(router_unmatched(r)->label, "unmatched");
    router_free(r);
}

TEST(all_endpoints_are_listed_and_the_unmatched_one_is_the_last)
{
    struct router *r = router_new(routes, ARRAY_LEN(routes));
    size_t n = router_endpoints(r);

    assert_int_equal(n, 6);
    assert_ptr_equal(router_endpoint(r, n - 1), router_unmatched(r));
    for (size_t i = 0; i + 1 < n; i++) {
        struct endpoint *e = router_endpoint(r, i);

        assert_ptr_equal(router_find(r, slice_str(e->path)), e);
        assert_null(e->metrics);
    }
    for (unsigned m = 0; m < HTTP_METHODS; m++)
        assert_null(router_unmatched(r)->by_method[m]);
    router_free(r);
}

TEST(an_empty_table_matches_nothing)
{
    struct router *r = router_new(NULL, 0);

    assert_int_equal(router_endpoints(r), 1);
    assert_null(router_find(r, SLICE_LIT("/")));
    router_free(r);
    router_free(NULL);
}

enum { MANY = 300 };

TEST(many_routes_are_all_found)
{
    static char paths[MANY][16];
    static struct route many[MANY];
    struct router *r;

    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "/p%zu", i);
        many[i] = (struct route){HTTP_GET, paths[i], handler, "200", IN_NONE, NULL, NULL, NULL};
    }
    r = router_new(many, MANY);
    assert_int_equal(router_endpoints(r), MANY + 1);
    for (size_t i = 0; i < MANY; i++)
        assert_ptr_equal(router_find(r, slice_str(paths[i]))->by_method[HTTP_GET], &many[i]);
    assert_null(router_find(r, SLICE_LIT("/p300")));
    router_free(r);
}

static void make_twice(UNUSED void *arg)
{
    const struct route twice[] = {routes[1], routes[1]};

    router_free(router_new(twice, ARRAY_LEN(twice)));
}

static void ask_past_the_end(UNUSED void *arg)
{
    struct router *r = router_new(routes, ARRAY_LEN(routes));

    (void)router_endpoint(r, router_endpoints(r));
}

TEST(a_wrong_table_ends_the_process)
{
    assert_true(dies(make_twice, NULL));
    assert_true(dies(ask_past_the_end, NULL));
}

/* Of every length, as the hash reads it in words that overlap. */
TEST(a_path_with_any_other_byte_is_another_path)
{
    enum { LONGEST = 40 };
    char path[LONGEST + 1] = "/";

    for (size_t n = 1; n <= LONGEST; n++) {
        const struct route one[] = {
            {HTTP_GET, path, handler, "200", IN_NONE, NULL, NULL, NULL},
        };
        struct router *r;

        path[n - 1] = n == 1 ? '/' : (char)('a' + n % 26);
        path[n] = '\0';
        r = router_new(one, 1);
        assert_non_null(router_find(r, (struct slice){path, n}));
        assert_null(router_find(r, (struct slice){path, n - 1}));
        for (size_t i = 0; i < n; i++) {
            char other[LONGEST];

            memcpy(other, path, n);
            other[i]++;
            assert_null(router_find(r, (struct slice){other, n}));
        }
        router_free(r);
    }
}

RUN_TESTS(T(paths_are_found_byte_for_byte),
          T(a_path_with_any_other_byte_is_another_path),
          T(a_path_knows_its_methods),
          T(a_closed_route_is_not_there_and_a_path_is_while_any_of_its_routes_is),
          T(allow_names_the_methods_that_are_open),
          T(an_endpoint_counts_under_its_path_or_the_one_it_stands_for),
          T(all_endpoints_are_listed_and_the_unmatched_one_is_the_last),
          T(an_empty_table_matches_nothing),
          T(many_routes_are_all_found),
          T(a_wrong_table_ends_the_process))
