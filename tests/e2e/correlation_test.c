/* SPDX-License-Identifier: MIT */
/*
 * The correlation ID: whose it is, and that it is on every answer, in every line and in the
 * exemplars.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#define FIELD "x-correlation-id"
#define LETTERS "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"

static const char *id_of(const struct reply *r)
{
    assert_int_equal(reply_count(r, FIELD), 1);
    return reply_field(r, FIELD);
}

/* xxxxxxxx-xxxx-7xxx-[89ab]xxx-xxxxxxxxxxxx */
static bool is_made(const char *id)
{
    if (strlen(id) != 36 || id[14] != '7' || strchr("89ab", id[19]) == NULL)
        return false;
    for (size_t i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? id[i] != '-'
                                                    : strchr("0123456789abcdef", id[i]) == NULL)
            return false;
    return true;
}

TEST(a_valid_id_of_the_client_is_taken)
{
    static const char *const ids[] = {
        "a", "0", ".", "-", "_", "A-b_c.9", LETTERS, "01a1fd3b-cc40-77c7-b744-c5e4fc247ed8"};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        const char *const *by_name = HEADERS(textf(f, "X-Correlation-ID: %s", ids[i]));
        const char *const *by_other = HEADERS(textf(f, "x-request-id: %s", ids[i]));

        assert_string_equal(id_of(ASK(s, .path = "/", .headers = by_name)), ids[i]);
        assert_string_equal(id_of(ASK(s, .path = "/", .headers = by_other)), ids[i]);
    }
}

TEST(the_first_spelling_wins_over_the_second)
{
    struct server *s = server_start(*state, NULL);

    assert_string_equal(
        id_of(ASK(s, .path = "/", .headers = HEADERS("X-Request-ID: r", "X-Correlation-ID: c"))),
        "c");
}

TEST(anything_else_gets_a_new_id_and_is_not_echoed)
{
    static const char *const fields[] = {
        "",
        "X-Correlation-ID:\r\n",
        ("X-Correlation-ID: " LETTERS "m\r\n"),
        "X-Correlation-ID: a b\r\n",
        "X-Correlation-ID: a\tb\r\n",
        "X-Correlation-ID: a,b\r\n",
        "X-Correlation-ID: \"evil\"\r\n",
        "X-Correlation-ID: evil/../x\r\n",
        "X-Correlation-ID: evil%0d%0aSet-Cookie:x\r\n",
        "X-Correlation-ID: ev\xc3\xafl\r\n",
        "X-Correlation-ID: <evil>\r\n",
        "X-Correlation-ID: evil\r\nX-Correlation-ID: evil\r\n",
        "X-Correlation-ID: evil-1\r\nX-Correlation-ID: evil-2\r\n",
        "X-Request-ID: evil-1\r\nX-Request-ID: evil-2\r\n",
        "X_Correlation_ID: evil\r\n",
        "Correlation-ID: evil\r\n",
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct wire *w = wire_to(s);
        const struct reply *r;

        wire_send(w, textf(f, "GET /nothing HTTP/1.1\r\nHost: localhost\r\n%s\r\n", fields[i]));
        r = wire_reply(f, w);
        assert_true(is_made(id_of(r)));
        assert_error(f, r, 404, "not_found");
        for (size_t k = 0; k < r->n_fields; k++)
            assert_lacks(r->fields[k].value, "evil");
    }
}

TEST(made_ids_never_repeat)
{
    enum { N = 500 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("threads=3"));
    const char *ids[N];
    size_t n = 0;

    while (n < N) {
        struct wire *w = wire_to(s); /* the next one goes to another worker */

        for (int i = 0; i < 50; i++)
            wire_send(w, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        for (int i = 0; i < 50; i++)
            ids[n++] = id_of(wire_reply(f, w));
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
}

#define HOST "Host: localhost\r\nX-Correlation-ID: every\r\n"
#define POST_JSON "POST /contact HTTP/1.1\r\n" HOST JSON_TYPE "\r\n"

TEST(every_kind_of_answer_carries_it)
{
    static const struct {
        int status;
        const char *request;
    } cases[] = {
        {200, "GET / HTTP/1.1\r\n" HOST "\r\n"                                                },
        {201, POST_JSON "Content-Length: 58\r\n\r\n" ADA                                      },
        {303,
         "POST /contact HTTP/1.1\r\n" HOST FORM_TYPE "\r\nContent-Length: 46\r\n\r\n" ADA_FORM},
        {204, "OPTIONS / HTTP/1.1\r\n" HOST "\r\n"                                            },
        {400, "GET /#x HTTP/1.1\r\n" HOST "\r\n"                                              },
        {400, POST_JSON "Content-Length: 1\r\n\r\n{"                                          },
        {404, "GET /nothing HTTP/1.1\r\n" HOST "\r\n"                                         },
        {405, "DELETE / HTTP/1.1\r\n" HOST "\r\n"                                             },
        {405, "TRACE / HTTP/1.1\r\n" HOST "\r\n"                                              },
        {411, POST_JSON "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"                         },
        {413, POST_JSON "Content-Length: 999999\r\n\r\n"                                      },
        {415, "POST /contact HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}"                 },
        {417, POST_JSON "Expect: x\r\nContent-Length: 2\r\n\r\n{}"                            },
        {421, "GET / HTTP/1.1\r\nHost: evil\r\nX-Correlation-ID: every\r\n\r\n"               },
        {422, POST_JSON "Content-Length: 2\r\n\r\n{}"                                         },
        {429, POST_JSON "Content-Length: 2\r\n\r\n{}"                                         },
    };
    struct fixture *f = *state;
    /* Five submissions come before the one that is too much; what the guard refuses takes none. */
    struct server *s = server_start(f, SETS("contact.rate=5/h", "hosts=localhost"));

    assert_int_equal(strlen(ADA), 58);
    assert_int_equal(strlen(ADA_FORM), 46);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wire *w = wire_to(s);
        const struct reply *r;

        wire_send(w, cases[i].request);
        r = wire_reply(f, w);
        assert_status(r, cases[i].status);
        assert_string_equal(id_of(r), "every");
        assert_manners(r);
    }
}

TEST(it_stands_in_the_one_log_line_of_its_request)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *made = id_of(get(s, "/health"));
    struct wire *w = wire_to(s);

    (void)ASK(s, .path = "/nothing", .headers = HEADERS("X-Correlation-ID: given"));
    wire_send(w, "GET /nothing HTTP/1.1\r\nX-Correlation-ID: refused\r\n\r\n");
    assert_error(f, wire_reply(f, w), 400, "bad_request");
    assert_json(f, log_request(s, "given"), "status", "404");
    assert_json(f, log_request(s, made), "path", "/health");
    assert_json(f, log_request(s, "refused"), "reason", "host");
    assert_json(f, log_request(s, "refused"), "status", "400");
    server_stop(s);
    assert_int_equal(count_of(log_text(s), "\"given\""), 1);
    assert_int_equal(count_of(log_text(s), made), 1);
    assert_int_equal(count_of(log_text(s), "\"refused\""), 1);
}

TEST(it_is_stored_with_a_submission)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r = ASK(s, .path = "/contact", .body = ADA,
                                .headers = HEADERS(JSON_TYPE, "X-Correlation-ID: stored"));
    const struct outcome *o = server_command(s, ARGS("contacts", "export", "--format", "json"));

    assert_status(r, 201);
    assert_json(f, o->out, "0.correlation_id", "stored");
    assert_string_not_equal(json_text(f, r->body, "id"), "stored");
}

TEST(it_is_the_exemplar_with_the_trace)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *const *om = HEADERS("Accept: application/openmetrics-text;version=1.0.0");
    const char *page;

    (void)ASK(s, .path = "/contact/thanks", .headers = HEADERS("X-Correlation-ID: shown"));
    (void)ASK(s, .path = "/contact",
              .headers =
                  HEADERS("X-Correlation-ID: traced",
                          "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    assert_metric(s, REQUESTS("GET", "/contact", "200"), 1);
    assert_metric(s, REQUESTS("GET", "/contact/thanks", "200"), 1);
    page = ASK_OPS(s, .path = "/metrics", .headers = om)->body;
    assert_contains(page, " # {correlation_id=\"shown\"} 0.");
    assert_contains(
        page, " # {correlation_id=\"traced\",trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 0.");
    assert_lacks(page_of(s), "correlation_id");
}

TEST(a_trace_is_logged_only_when_it_is_valid)
{
    static const struct {
        const char *value, *trace;
    } cases[] = {
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
         "4bf92f3577b34da6a3ce929d0e0e4736"                             },
        {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", NULL},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", NULL},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", NULL},
        {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", NULL},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",    NULL},
        {"evil\",\"x\":\"",                                         NULL},
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *id = textf(f, "trace-%zu", i), *line, *trace;

        (void)ASK(s, .path = "/",
                  .headers = HEADERS(textf(f, "X-Correlation-ID: %s", id),
                                     textf(f, "traceparent: %s", cases[i].value)));
        line = log_request(s, id);
        trace = json_find(f, line, "trace_id");
        if (cases[i].trace == NULL)
            assert_null(trace);
        else
            assert_string_equal(trace, cases[i].trace);
    }
}

RUN_TESTS(T(a_valid_id_of_the_client_is_taken),
          T(the_first_spelling_wins_over_the_second),
          T(anything_else_gets_a_new_id_and_is_not_echoed),
          T(made_ids_never_repeat),
          T(every_kind_of_answer_carries_it),
          T(it_stands_in_the_one_log_line_of_its_request),
          T(it_is_stored_with_a_submission),
          T(it_is_the_exemplar_with_the_trace),
          T(a_trace_is_logged_only_when_it_is_valid))
