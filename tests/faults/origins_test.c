/* SPDX-License-Identifier: MIT */
/* Which other sites' scripts may read an answer, and what other sites' pages may send. Single cases: tests/e2e/cors_test.c. */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/places.h"
#include "tests/faults/lib/promise.h"

#define APP "https://app.example"

static bool has_cors(const struct reply *r)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (strncmp(r->fields[i].name, "access-control-", 15) == 0)
            return true;
    return false;
}

/* True when the answer may be read by this origin. */
static bool is_readable(struct server *s, struct wire *w, struct slice origin)
{
    struct buf out = BUF_INIT;
    struct reply r = {.status = 0};
    bool readable;

    buf_add_str(&out, "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\nOrigin: ");
    buf_add(&out, origin.p, origin.n);
    buf_add_str(&out, "\r\n\r\n");
    if (w->fd < 0)
        assert_true(wire_connect(w, s->public_port));
    assert_true(wire_write(w, out.data, out.len));
    buf_release(&out);
    assert_int_equal(wire_read(w, false, &r), GOT_REPLY);
    assert_true(r.status == 200 || r.status == 400);
    readable = has_cors(&r);
    if (r.status == 400)
        wire_close(w);
    reply_release(&r);
    return readable;
}

/* Spaces around a value are none of it, and line ends are another matter. */
static bool is_tried_in_origin(int c)
{
    return c != '\r' && c != '\n' && c != ' ' && c != '\t' && byte_is_tried(c);
}

TEST(an_origin_that_is_one_byte_away_may_read_nothing)
{
    struct server *s = server_start(*state, OPEN_SETS);
    struct slice app = SLICE_LIT(APP);
    struct wire w = {.fd = -1};
    char text[64];
    size_t n = 0;

    assert_true(is_readable(s, &w, app));
    for (size_t at = 0; at <= app.n; at++)
        for (int c = 0; c < 256; c++) {
            if (!is_tried_in_origin(c))
                continue;
            memcpy(text, app.p, at);
            text[at] = (char)c;
            memcpy(text + at + 1, app.p + at, app.n - at);
            assert_false(is_readable(s, &w, (struct slice){text, app.n + 1}));
            n++;
            if (at == app.n || app.p[at] == (char)c)
                continue;
            memcpy(text + at + 1, app.p + at + 1, app.n - at - 1);
            assert_false(is_readable(s, &w, (struct slice){text, app.n}));
            n++;
        }
    for (size_t cut = 1; cut < app.n; cut++, n += 2) {
        assert_false(is_readable(s, &w, (struct slice){app.p, app.n - cut}));
        assert_false(is_readable(s, &w, (struct slice){app.p + cut, app.n - cut}));
    }
    assert_true(is_readable(s, &w, app));
    wire_close(&w);
    promise("D54", "Only an origin of the list may read an answer, byte for byte",
            "an allowed origin, each byte replaced and added, cut at both ends",
            "%zu origins, none of them allowed", n);
}

TEST(no_answer_on_any_path_allows_everybody_or_credentials)
{
    static const char *const origins[] = {"Origin: " APP, "Origin: https://evil.example",
                                          "Origin: null", "X: 1"};
    static const char *const methods[] = {"GET", "OPTIONS", "DELETE"};
    struct fixture *f = *state;
    struct server *s = server_start(f, OPEN_SETS);
    struct places p;
    size_t n = 0;

    places_read(&p, public_routes, n_public_routes);
    p.all[p.n++].path = "/nothing";
    for (size_t i = 0; i < p.n; i++)
        for (size_t o = 0; o < ARRAY_LEN(origins); o++)
            for (size_t m = 0; m < ARRAY_LEN(methods); m++, n++) {
                const struct reply *r =
                    ASK(s, .method = methods[m], .path = p.all[i].path,
                        .headers = HEADERS(origins[o], "Cookie: a=b",
                                           "Access-Control-Request-Method: POST"));

                assert_int_equal(has_cors(r), o == 0);
                assert_int_equal(reply_count(r, "access-control-allow-credentials"), 0);
                assert_int_equal(reply_count(r, "set-cookie"), 0);
                if (o == 0)
                    assert_field(r, "access-control-allow-origin", APP);
            }
    promise(
        "D54",
        "No answer allows everybody or credentials, and a preflight without an allowed origin is bare",
        "each path by three methods and four origins", "%zu answers", n);
}

TEST(another_sites_page_can_send_a_form_at_most)
{
    static const struct {
        int status;
        const char *path, *type, *body;
    } sent[] = {
        {415, "/contact",     "Content-Type: text/plain",                      ADA               },
        {415, "/api/contact", "Content-Type: text/plain;charset=UTF-8",        ADA               },
        {415, "/contact",     "Content-Type: multipart/form-data; boundary=x", "--x--"           },
        {415, "/api/contact", "Content-Type:",                                 ADA               },
        {403, "/api/metrics", "Content-Type: text/plain",                      "{\"page\":\"/\"}"},
        {415, "/api/metrics", FORM_TYPE,                                       "page=/"          },
        {415, "/api/metrics", "Content-Type: multipart/form-data; boundary=x", "--x--"           },
        {404, "/api/echo",    JSON_TYPE,                                       "{}"              },
 /* Which nobody can tell from one of a page of ours without a script; no right comes with it. */
        {303, "/contact",     FORM_TYPE,                                       ADA_FORM          },
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, OPEN_SETS);

    for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
        const struct reply *r =
            ASK(s, .path = sent[i].path, .body = sent[i].body,
                .headers = HEADERS(sent[i].type, "Origin: https://evil.example", "Cookie: a=b",
                                   "Sec-Fetch-Site: cross-site"));

        if (r->status != sent[i].status)
            fail_msg("%s of %s: %d, not %d", sent[i].path, sent[i].type, r->status, sent[i].status);
        assert_false(has_cors(r));
        assert_int_equal(reply_count(r, "set-cookie"), 0);
    }
    assert_metric(s, SUBMISSIONS, 1);
    assert_metric(s, "received_metrics_total", 0);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, 1);
    promise(
        "D55",
        "What another site's page can send without being asked is refused, but for a plain form",
        "text/plain, multipart and forms with a foreign origin", "%zu requests, 1 form taken",
        ARRAY_LEN(sent));
}

RUN_TESTS(T(an_origin_that_is_one_byte_away_may_read_nothing),
          T(no_answer_on_any_path_allows_everybody_or_credentials),
          T(another_sites_page_can_send_a_form_at_most))
