/* SPDX-License-Identifier: MIT */
/*
 * What is reached by which path, method and port: every row of the two tables of routes, and
 * everything that is one byte away from it. The expected results come from the tables alone.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/promise.h"
#include "tests/faults/lib/walk.h"

#include <stdlib.h>

/* ---- paths ---- */

/* What the metrics say of an endpoint. */
static double counted(const char *page, const char *endpoint)
{
    char part[128];
    double sum = 0;

    (void)snprintf(part, sizeof(part), "endpoint=\"%s\"", endpoint);
    for (const char *line = page; line != NULL; line = strchr(line, '\n')) {
        const char *end;

        line += line[0] == '\n';
        end = strchr(line, '\n');
        if (end != NULL && strncmp(line, "http_requests_total{", 20) == 0 &&
            memmem(line, (size_t)(end - line), part, strlen(part)) != NULL)
            sum += strtod(strstr(line, "} ") + 2, NULL);
    }
    return sum;
}

/* Aliases share the endpoint of the first path. */
static double asked_for(const struct places *p, const char *endpoint)
{
    double sum = 0;

    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->all[i].endpoint, endpoint) == 0)
            sum += p->all[i].asked;
    return sum;
}

TEST(whatever_is_one_byte_away_from_a_path_is_no_route)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, OPEN_SETS);
    struct places places;
    struct walk k;
    const char *page;

    places_read(&places, public_routes, n_public_routes);
    walk_table(&k, s, s->public_port, &places);
    EVENTUALLY(metric_sum(s, "http_requests_total") + metric_sum(s, "http_rejected_total") >=
               (double)k.asked);
    page = page_of(s);
    for (size_t i = 0; i < places.n; i++)
        assert_int_equal(counted(page, places.all[i].endpoint),
                         asked_for(&places, places.all[i].endpoint));
    assert_int_equal(counted(page, "unmatched"), k.asked - k.refused - k.matched);
    assert_int_equal(page_sum(page, "http_rejected_total"), k.refused);
    promise(
        "D51", "No other spelling of a path reaches a route",
        "every path of the public table, each byte replaced, added, left out and escaped; dots, slashes, semicolons",
        "%zu targets: %zu not found, %zu refused, %zu the path itself or with a query", k.asked,
        k.asked - k.refused - k.matched, k.refused, k.matched);
}

TEST(the_same_on_the_metrics_port)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, OPEN_SETS);
    struct places places;
    struct walk k;

    places_read(&places, ops_routes, n_ops_routes);
    walk_table(&k, s, s->metrics_port, &places);
    assert_true(k.asked > 1000 && k.matched >= places.n);
    promise("D51", "No other spelling of a path reaches a page of the metrics port", "likewise",
            "%zu targets: %zu not found, %zu refused", k.asked, k.asked - k.refused - k.matched,
            k.refused);
}

static void read_tables(struct places *ret_public, struct places *ret_ops)
{
    places_read(ret_public, public_routes, n_public_routes);
    places_read(ret_ops, ops_routes, n_ops_routes);
}

/* ---- ports ---- */

static size_t check_absent(struct fixture *f,
                           unsigned port,
                           const struct places *there,
                           struct places *here)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "OPTIONS", "DELETE"};
    size_t n = 0;

    for (size_t i = 0; i < there->n; i++)
        for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
            struct reply *r = reply_keep(f);

            if (places_find(here, slice_str(there->all[i].path)) != NULL)
                continue;
            assert_int_equal(ask_port(port,
                                      &(struct ask){.method = methods[m],
                                                    .path = there->all[i].path,
                                                    .body = m == 2 ? "{}" : NULL},
                                      r),
                             SENT_ANSWERED);
            assert_status(r, 404);
            n++;
        }
    return n;
}

TEST(what_is_on_one_port_only_is_not_on_the_other)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, OPEN_SETS);
    struct places public, ops;
    size_t n;

    read_tables(&public, &ops);
    n = check_absent(f, s->public_port, &ops, &public);
    n += check_absent(f, s->metrics_port, &public, &ops);
    assert_true(n >= 50);
    assert_metric(s, SUBMISSIONS, 0);
    promise("D52", "What one port serves only it serves",
            "each path of the one table on the other port, by five methods",
            "%zu requests, all 404", n);
}

TEST(the_metrics_port_is_bound_to_its_address_alone)
{
    static const char *const others[] = {"127.0.0.1", "127.0.0.3"};
    struct fixture *f = *state;
    struct server *s =
        server_start(f, SETS("listen.metrics=127.0.0.2:0", "listen.public=127.0.0.1:0"));
    struct wire w;

    assert_true(wire_connect_in(&w, NULL, "127.0.0.2", s->metrics_port));
    wire_close(&w);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(wire_connect_in(&w, NULL, others[i], s->metrics_port));
    assert_false(wire_connect_in(&w, NULL, "127.0.0.2", s->public_port));
    assert_status(get(s, "/health"), 200);
    promise("D52", "Each port is bound to its own address alone", "listen.metrics on 127.0.0.2",
            "%zu other addresses refused", ARRAY_LEN(others) + 1);
}

/* ---- methods ---- */

/* "GET, HEAD, OPTIONS" of a row; in this order. */
static const char *allow_of(struct fixture *f, const struct place *p)
{
    static const enum http_method order[] = {HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS};
    struct buf b = BUF_INIT;
    const char *text;

    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (p->methods[order[i]])
            buf_addf(&b, "%s%s", b.len > 0 ? ", " : "", http_method_name(order[i]));
    text = keep_text(f, b.data, b.len);
    buf_release(&b);
    return text;
}

static void check_method(struct server *s, unsigned port, const struct place *p, const char *name)
{
    static const char *const overrides[] = {"X-HTTP-Method-Override: GET", "X-HTTP-Method: GET",
                                            "X-Method-Override: GET", NULL};
    enum http_method m = http_method_parse(slice_str(name));
    struct wire *w = keep(s->f, sizeof(*w));
    struct reply *r = reply_keep(s->f);

    assert_true(wire_connect(w, port));
    wire_send(
        w, textf(s->f,
                 "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n%s\r\n%s\r\nContent-Length: 0\r\n\r\n",
                 name, p->path, overrides[0], overrides[1], overrides[2]));
    assert_int_equal(wire_read(w, m == HTTP_HEAD, r), GOT_REPLY);
    wire_close(w);
    assert_manners(r);
    if (m != HTTP_METHOD_UNKNOWN && p->methods[m]) {
        assert_true(r->status != 405 && r->status != 404 && r->status != 501);
        return;
    }
    assert_status(r, 405);
    /* Of a method that no path has, the whole server's are named. */
    assert_field(r, "allow",
                 m == HTTP_METHOD_UNKNOWN ? "GET, HEAD, POST, OPTIONS" : allow_of(s->f, p));
    assert_null(strstr(r->body, name));
}

static size_t check_methods(struct server *s, unsigned port, const struct places *p)
{
    static const char *const names[] = {"GET",    "HEAD",    "POST",     "PUT",      "PATCH",
                                        "DELETE", "OPTIONS", "TRACE",    "CONNECT",  "get",
                                        "Get",    "BREW",    "PROPFIND", "M-SEARCH", "G",
                                        "GETGET", "TRACK",   "DEBUG",    "LINK",     "QUERY"};

    for (size_t i = 0; i < p->n; i++)
        for (size_t m = 0; m < ARRAY_LEN(names); m++)
            check_method(s, port, &p->all[i], names[m]);
    return p->n * ARRAY_LEN(names);
}

TEST(every_path_answers_its_methods_and_names_them_to_others)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, OPEN_SETS);
    struct places public, ops;
    size_t n;

    read_tables(&public, &ops);
    n = check_methods(s, s->public_port, &public);
    n += check_methods(s, s->metrics_port, &ops);
    promise(
        "D53", "A path answers its methods; any other is 405 with Allow; no header overrides it",
        "each path of both ports by 20 methods, with three fields that override methods elsewhere",
        "%zu requests", n);
}

RUN_TESTS(T(whatever_is_one_byte_away_from_a_path_is_no_route),
          T(the_same_on_the_metrics_port),
          T(what_is_on_one_port_only_is_not_on_the_other),
          T(the_metrics_port_is_bound_to_its_address_alone),
          T(every_path_answers_its_methods_and_names_them_to_others))
