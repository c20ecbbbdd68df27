/* SPDX-License-Identifier: MIT */
/*
 * What must not get out: bytes of a client into the structure of a log line, secrets into logs, metrics, pages and errors,
 * the inside of the server into its answers.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/flow.h"
#include "tests/faults/lib/promise.h"

#include <stdlib.h>
#include <strings.h>

/* libh2o's own answer to what it cannot parse is counted, and has no line. */
static bool has_line(const struct reply *r)
{
    return reply_count(r, "x-correlation-id") == 1;
}

/* ---- one line a request ---- */

static const struct {
    const char *before, *after;
    bool escaped; /* the byte as %XX */
} places[] = {
    {"GET /x",                                                  "y HTTP/1.1\r\nHost: localhost\r\n",   false},
    {"GET /x",                                                  "y HTTP/1.1\r\nHost: localhost\r\n",   true },
    {"GET /?q=",                                                " HTTP/1.1\r\nHost: localhost\r\n",    false},
    {"GET /?q=",                                                " HTTP/1.1\r\nHost: localhost\r\n",    true },
    {"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x",      "y\r\n",                               false},
    {"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ",       "\r\n",                                false},
    {"GET / HTTP/1.1\r\nHost: local",                           "host\r\n",                            false},
    {"GET / HTTP/1.1\r\nHost: localhost\r\ntraceparent: 00-",   "-01\r\n",                             false},
    {"GET / HTTP/1.1\r\nHost: localhost\r\nX-Real-IP: 10.0.0.", "\r\n",                                false},
    {"GE",                                                      "T / HTTP/1.1\r\nHost: localhost\r\n", false},
};

/* The request with this byte at this place; true when it has a line, which has the ID byte-`n`. */
static bool send_byte(struct server *s, size_t place, int c, size_t n)
{
    struct buf b = BUF_INIT;
    const struct reply *r;

    buf_add_str(&b, places[place].before);
    if (places[place].escaped)
        buf_addf(&b, "%%%02x", (unsigned)c);
    else
        buf_add_char(&b, (char)c);
    buf_addf(&b, "%sX-Correlation-ID: byte-%zu\r\n\r\n", places[place].after, n);
    r = flow_send(s, (struct slice){b.data, b.len});
    buf_release(&b);
    if (r->status >= 500)
        fail_msg("byte %02x at place %zu: %d", (unsigned)c, place, r->status);
    if (has_line(r))
        assert_manners(r);
    return has_line(r) &&
           strcmp(reply_field(r, "x-correlation-id"), textf(s->f, "byte-%zu", n)) == 0;
}

TEST(every_byte_anywhere_leaves_one_line_of_json)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("trusted_proxies=127.0.0.1"));
    size_t sent = 0, n = 0, lines;

    for (size_t place = 0; place < ARRAY_LEN(places); place++)
        for (int c = 0; c < 256; c++, sent++)
            n += send_byte(s, place, c, n);
    /* Bare line ends may make two requests of one, or end its head early: never without a line or a count. */
    EVENTUALLY(metric_sum(s, "http_requests_total") + metric_sum(s, "http_rejected_total") >=
               (double)sent);
    lines = audit_log(s, &(struct audit){"byte", n, NULL});
    assert_true(n >= sent / 2);
    promise("C44", "One valid JSON line for each request, whatever bytes it holds",
            "every byte in targets, raw and escaped, and in the fields that are logged",
            "%zu requests, %zu lines, %zu refused by the parser and counted", sent, lines,
            sent - n);
}

static const char *many(struct fixture *f, const char *unit, size_t bytes)
{
    struct buf b = BUF_INIT;
    const char *text;

    while (b.len + strlen(unit) <= bytes)
        buf_add_str(&b, unit);
    text = keep_text(f, b.data, b.len);
    buf_release(&b);
    return text;
}

TEST(the_longest_fields_in_the_worst_bytes_leave_one_line_too)
{
    static const char *const units[] = {
        "\"",           "\\",  "\xff",     "\xc2\x9b", "%00", "\xe2\x80\xa8", "\xf0\x9f\x98\x80",
        "\xed\xa0\x80", "%0a", "{\"a\":[", "</script>"};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    size_t n = 0, sent = 0, lines;

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        for (size_t size = 1; size <= 2048; size = size * 2 + 1) {
            const struct reply *r = flow_send_text(
                s, textf(f,
                         "GET /%s HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: long-%zu\r\n"
                         "User-Agent: %s\r\n\r\n",
                         many(f, units[i], size), n, many(f, units[i], 4 * size)));

            assert_true(r->status < 500);
            n += has_line(r);
            sent++;
        }
    lines = audit_log(s, &(struct audit){"long", n, NULL});
    assert_int_equal(lines, n); /* none was dropped */
    /* The parser refuses the bytes that no target may hold. */
    assert_true(n >= sent / 2);
    promise("C44", "Long fields are cut, and their line stays one line of JSON",
            "paths to 2 KiB and User-Agents to 8 KiB, of quotes, backslashes, broken UTF-8",
            "%zu requests, %zu lines, %zu refused by the parser", sent, lines, sent - n);
}

/* ---- secrets ---- */

#define SECRET "hunter2-5ecret"
#define FIELDS                                                           \
    "Authorization: Bearer " SECRET "\r\nCookie: session=" SECRET "\r\n" \
    "Proxy-Authorization: Basic " SECRET "\r\nX-Api-Key: " SECRET "\r\n" \
    "Referer: https://example.com/?token=" SECRET "\r\nIdempotency-Key: " SECRET "\r\n"
#define HOST " HTTP/1.1\r\nHost: localhost\r\n"

/* Every way a request can end. */
static const struct {
    int status;
    const char *text;
} ends[] = {
    {200, "GET /?token=" SECRET HOST FIELDS "\r\n"                                                },
    {404, "GET /nothing?token=" SECRET HOST FIELDS "\r\n"                                         },
    {404, "GET /metrics?token=" SECRET HOST FIELDS "\r\n"                                         },
    {405, "DELETE /contact?token=" SECRET HOST FIELDS "\r\n"                                      },
    {405, "TRACE /?token=" SECRET HOST FIELDS "\r\n"                                              },
    {204, "OPTIONS /contact?token=" SECRET HOST FIELDS "\r\n"                                     },
    {400, "GET /?token=" SECRET "#" SECRET HOST FIELDS "\r\n"                                     },
    {400, "GET /?token=" SECRET " HTTP/1.1\r\n" FIELDS "\r\n"                                     },
    {400, "GET /?token=" SECRET HOST FIELDS "X: \x01\r\n\r\n"                                     },
    {400, "GET /?token=" SECRET HOST FIELDS " " SECRET "\r\n\r\n"                                 },
    {411, "POST /contact?token=" SECRET HOST FIELDS "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    {413, "POST /contact?token=" SECRET HOST FIELDS "Content-Length: 9999999\r\n\r\n"             },
    {415, "POST /contact?token=" SECRET HOST FIELDS "Content-Length: 14\r\n\r\n" SECRET           },
    {417, "GET /?token=" SECRET HOST FIELDS "Expect: " SECRET "\r\n\r\n"                          },
    {421, "GET /?token=" SECRET " HTTP/1.1\r\nHost: " SECRET "\r\n" FIELDS "\r\n"                 },
    {400, "POST /contact" HOST FIELDS JSON_TYPE "\r\nContent-Length: 14\r\n\r\n" SECRET           },
    {422, "POST /contact" HOST FIELDS JSON_TYPE "\r\nContent-Length: 16\r\n\r\n\"" SECRET "\""    },
    {422, "POST /contact" HOST FIELDS FORM_TYPE "\r\nContent-Length: 21\r\n\r\nmessage" SECRET    },
    {422, "POST /contact" HOST FIELDS FORM_TYPE "\r\nContent-Length: 20\r\n\r\nemail=" SECRET     },
    {400, "POST /api/metrics" HOST FIELDS JSON_TYPE "\r\nContent-Length: 14\r\n\r\n" SECRET       },
    {422, "POST /api/metrics" HOST FIELDS JSON_TYPE
          "\r\nContent-Length: 31\r\n\r\n{\"page\":7,\"a\":\"" SECRET "\"}"              },
    {200, "POST /api/metrics" HOST FIELDS JSON_TYPE
          "\r\nContent-Length: 47\r\n\r\n{\"page\":\"/" SECRET "\",\"x\":\"" SECRET "\"}"},
};

static void assert_silent(const char *where, const char *text)
{
    if (strcasestr(text, SECRET) != NULL)
        fail_msg("a secret is in %s: %s", where, strcasestr(text, SECRET));
}

static void assert_silent_reply(const struct reply *r)
{
    for (size_t i = 0; i < r->n_fields; i++)
        assert_silent("a field", r->fields[i].value);
    assert_silent("an answer", r->body);
}

TEST(a_secret_in_a_request_is_nowhere_however_it_ends)
{
    static const char *const pages[] = {"/metrics", "/status.json", "/", "/api/metrics", "/health"};
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("hosts=localhost,127.0.0.1", "contact.rate=off",
                                            "rum.rate=off", "log.level=debug"));

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const struct reply *r = flow_send_text(s, ends[i].text);

        if (r->status != ends[i].status)
            fail_msg("row %zu: %d, not %d: %s", i, r->status, ends[i].status, r->body);
        assert_silent_reply(r);
    }
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        assert_silent_reply(get_ops(s, pages[i]));
    assert_silent("the command line", read_file(f, textf(f, "/proc/%d/cmdline", (int)s->pid)));
    assert_silent("the environment", read_file(f, textf(f, "/proc/%d/environ", (int)s->pid)));
    (void)audit_log(s, &(struct audit){"none", 0, NULL});
    assert_silent("the log", log_text(s));
    assert_silent("stderr", read_file(f, s->err));
    promise(
        "C45", "A secret in a request is in no log, metric, page or answer, however it ends",
        "in queries, credentials, cookies, keys and bodies; at the most talkative level of the log",
        "%zu ways to end, 0 traces", ARRAY_LEN(ends));
}

/* ---- the inside ---- */

/* Of answers that are errors. */
static void assert_reserved(struct fixture *f, const struct reply *r)
{
    static const char *const inside[] = {
        "h2o",    "sqlite", "yaml",   "cjson", "libc",   "/src/",  ".c:",     ".db",
        "errno",  "/tmp",   "/proc",  "0x",    "select", "insert", "no such", "denied",
        "assert", "thread", "debian", "linux", "gcc",    "nginx",  "stack",   "null"};

    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        if (strcasestr(r->body, inside[i]) != NULL)
            fail_msg("'%s' in %s", inside[i], r->body);
        for (size_t k = 0; k < r->n_fields; k++)
            if (strcmp(r->fields[k].name, "x-correlation-id") != 0 &&
                strcasestr(r->fields[k].value, inside[i]) != NULL)
                fail_msg("'%s' in %s: %s", inside[i], r->fields[k].name, r->fields[k].value);
    }
    assert_null(strstr(r->body, fixture_dir(f)));
    assert_int_equal(reply_count(r, "server"), 0);
    assert_int_equal(reply_count(r, "x-powered-by"), 0);
}

TEST(errors_say_nothing_of_the_inside)
{
    static const char limited[] =
        "POST /contact" HOST "Content-Length: 2\r\n" JSON_TYPE "\r\n\r\n{}";
    struct fixture *f = *state;
    static const char foreign[] = "POST /api/metrics" HOST "Origin: https://evil.example\r\n"
                                  "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}";
    /* All that the server has (docs/api.md). */
    static const int errors[] = {400, 403, 404, 405, 411, 413, 414, 415,
                                 417, 421, 422, 429, 431, 500, 503};
    struct server *s = server_start(
        f, SETS("hosts=localhost,127.0.0.1", "contact.rate=12/h", "drills.enabled=true"));
    bool seen[600] = {false};
    const struct reply *r;
    size_t n = 0;

    assert_int_equal(rename(s->store, in_dir(f, "away.db")), 0);
    r = post_json(s, ADA); /* the store is gone */
    assert_status(r, 503);
    assert_reserved(f, r);
    seen[503] = true;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        r = flow_send_text(s, ends[i].text);
        if (r->status >= 400)
            assert_reserved(f, r);
        seen[r->status] = r->status >= 400;
    }
    r = flow_send_text(s, textf(f, "GET /%s" HOST "\r\n", many(f, "a", 3000)));
    assert_status(r, 414);
    assert_reserved(f, r);
    r = flow_send_text(s, textf(f, "GET /" HOST "X: %s\r\n\r\n", many(f, "a", 9000)));
    assert_status(r, 431);
    assert_reserved(f, r);
    seen[414] = seen[431] = true;
    r = flow_send_text(s, foreign);
    assert_status(r, 403);
    assert_reserved(f, r);
    r = flow_send_text(s, "GET /api/error" HOST "\r\n");
    assert_status(r, 500);
    assert_reserved(f, r);
    seen[403] = seen[500] = true;
    for (int i = 0; !seen[429] && i < 20; i++) {
        r = flow_send_text(s, limited);
        assert_reserved(f, r);
        seen[r->status] = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (!seen[errors[i]])
            fail_msg("no answer was %d", errors[i]);
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        n += seen[i];
    assert_int_equal(n, ARRAY_LEN(errors)); /* a status that is new belongs into the list */
    promise("C50",
            "Errors name no file, library, version, error number or statement; no Server field",
            "an answer of every error status, the store's included", "%zu statuses", n);
}

RUN_TESTS(T(every_byte_anywhere_leaves_one_line_of_json),
          T(the_longest_fields_in_the_worst_bytes_leave_one_line_too),
          T(a_secret_in_a_request_is_nowhere_however_it_ends),
          T(errors_say_nothing_of_the_inside))
