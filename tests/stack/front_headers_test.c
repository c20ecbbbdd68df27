/* SPDX-License-Identifier: MIT */
/*
 * What a request carries when it has passed Caddy: the client's address, one correlation ID, and
 * nothing forged.
 */
#include "tests/stack/lib/standin_grafana.h"
#include "tests/stack/lib/standin_tunnel.h"

#include <signal.h>

static struct stack *start(struct fixture *f)
{
    struct stack *s = stack_start(f, &(struct stack_options){.only = "sidelight caddy"});

    grafana_start(s);
    return s;
}

static const struct reply *get_from(struct stack *s,
                                    const char *netns,
                                    const char *path,
                                    const char *headers)
{
    return tell_caddy(s, netns,
                      textf(s->f, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, headers));
}

/* Sidelight's log line of a request. */
static const char *line_of(struct stack *s, const char *id)
{
    return stack_log_wait(s, "sidelight-1", textf(s->f, "\"correlation_id\":\"%s\"", id));
}

TEST(only_the_tunnel_says_who_the_client_is)
{
    static const struct {
        const char *netns, *headers, *client;
    } cases[] = {
        {TUNNEL,   "CF-Connecting-IP: 198.51.100.7\r\n",                                                 "198.51.100.7"},
        {TUNNEL,   "cf-connecting-ip:198.51.100.7\r\n",                                                  "198.51.100.7"},
        {TUNNEL,   "CF-Connecting-IP: 2001:db8::7\r\n",                                                  "2001:db8::7" },
        {TUNNEL,
         "CF-Connecting-IP: 198.51.100.7\r\nX-Real-IP: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n",     "198.51.100.7"},
        {TUNNEL,   "CF-Connecting-IP: 198.51.100.7\r\nConnection: X-Real-IP, CF-Connecting-IP\r\n",
         "198.51.100.7"                                                                                                },
 /* None, several or no address at all: who connected is all that is known. */
        {TUNNEL,   "",                                                                                   EDGE_TUNNEL   },
        {TUNNEL,
         "X-Real-IP: 192.0.2.1\r\nTrue-Client-IP: 192.0.2.2\r\nForwarded: for=192.0.2.3\r\n",            EDGE_TUNNEL   },
        {TUNNEL,   "CF-Connecting-IP: 198.51.100.7\r\nCF-Connecting-IP: 198.51.100.8\r\n",
         EDGE_TUNNEL                                                                                                   },
        {TUNNEL,   "CF-Connecting-IP: 198.51.100.7, 198.51.100.8\r\n",                                   EDGE_TUNNEL   },
        {TUNNEL,   "CF-Connecting-IP: \r\n",                                                             EDGE_TUNNEL   },
        {TUNNEL,   "CF-Connecting-IP: {env.HOME}\r\n",                                                   EDGE_TUNNEL   },
        {TUNNEL,   "CF-Connecting-IP: {http.request.uuid}\r\n",                                          EDGE_TUNNEL   },
        {TUNNEL,   "CF-Connecting-IP: localhost\r\n",                                                    EDGE_TUNNEL   },
        {TUNNEL,   "CF_Connecting_IP: 198.51.100.7\r\n",                                                 EDGE_TUNNEL   },
 /* Anybody else says what they like. */
        {STRANGER, "",                                                                                   EDGE_HUB      },
        {STRANGER, "CF-Connecting-IP: 198.51.100.7\r\n",                                                 EDGE_HUB      },
        {STRANGER, "CF-Connecting-IP: " EDGE_TUNNEL "\r\nX-Forwarded-For: " EDGE_TUNNEL "\r\n",
         EDGE_HUB                                                                                                      },
        {STRANGER,
         "X-Real-IP: 198.51.100.7\r\nx-real-ip: 198.51.100.8\r\nX_Real_IP: 198.51.100.9\r\n",            EDGE_HUB      },
        {STRANGER, "X-Real-IP: 198.51.100.7\r\nConnection: X-Real-IP\r\n",                               EDGE_HUB      },
        {STRANGER, "Connection: close, X-Real-IP, X-Correlation-ID, Host\r\n",                           EDGE_HUB      },
        {STRANGER,
         "Forwarded: for=198.51.100.7\r\nTrue-Client-IP: 198.51.100.7\r\nX-Client-IP: 198.51.100.7\r\n",
         EDGE_HUB                                                                                                      },
    };
    struct fixture *f = *state;
    struct stack *s = start(f);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *id = textf(f, "client-%zu.", i);
        const struct reply *r =
            get_from(s, cases[i].netns, "/health",
                     textf(f, "X-Correlation-ID: %s\r\n%s", id, cases[i].headers));

        assert_status(r, 200);
        assert_field(r, "x-correlation-id", id);
        assert_json(f, line_of(s, id), "client_ip", cases[i].client);
    }
}

/* One of each, and what must not be taken out by `connection`. */
static const struct reply *get_forged(struct stack *s,
                                      const char *const *names,
                                      size_t n,
                                      const char *connection)
{
    struct buf b = BUF_INIT;
    const struct reply *r;

    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s: forged\r\n", names[i]);
    buf_addf(
        &b,
        "X-WEBAUTH-USER: admin\r\nx-webauth-user: root\r\nX-Forwarded-For: 192.0.2.1\r\n"
        "X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\nX-Real-IP: 192.0.2.1\r\n"
        "X-Correlation-ID: mine\r\n%s%s\r\n",
        connection, stack_authorization(s));
    r = get_from(s, TUNNEL, "/grafana/x", buf_cstr(&b));
    buf_release(&b);
    return r;
}

TEST(nothing_forged_reaches_an_upstream)
{
    static const char *const forged[] = {
        "x-webauth-name",
        "x-webauth-role",
        "x-webauth-groups",
        "forwarded",
        "true-client-ip",
        "x-client-ip",
        "x-forwarded-user",
        "x-forwarded-prefix",
        "x-forwarded-port",
        "cf-ray",
        "cf-connecting-ip",
        "cf-access-authenticated-user-email",
        "proxy-authorization",
        "x-request-id",
        "te",
        "keep-alive",
    };
    static const char *const connections[] = {
        "", "Connection: X-WEBAUTH-USER, X-Real-IP, X-Correlation-ID, X-Forwarded-For\r\n"};
    struct fixture *f = *state;
    struct stack *s = start(f);

    for (size_t c = 0; c < ARRAY_LEN(connections); c++) {
        const struct reply *r = get_forged(s, forged, ARRAY_LEN(forged), connections[c]);

        assert_status(r, 200);
        for (size_t i = 0; i < ARRAY_LEN(forged); i++)
            if (json_find(f, r->body, textf(f, "headers.%s", forged[i])) != NULL)
                fail_msg("%s came through: %s", forged[i], r->body);
        assert_null(json_find(f, r->body, "headers.authorization"));
        assert_lacks(r->body, "192.0.2.1");
        assert_json(f, r->body, "headers.x-webauth-user", "[\"ops\"]");
        assert_json(f, r->body, "headers.x-real-ip", "[\"" EDGE_TUNNEL "\"]");
        assert_json(f, r->body, "headers.x-correlation-id", "[\"mine\"]");
        assert_json(f, r->body, "headers.x-forwarded-for", "[\"" EDGE_TUNNEL "\"]");
        assert_json(f, r->body, "headers.x-forwarded-host", "[\"localhost\"]");
        assert_json(f, r->body, "headers.x-forwarded-proto", "[\"http\"]");
        /* And of the upstream's own nothing comes back beside ours. */
        assert_field(r, "x-correlation-id", "mine");
        assert_field(r, "x-frame-options", "deny");
        assert_front_manners(r);
    }
}

/* ---- correlation ---- */

#define LONGEST "0123456789012345678901234567890123456789012345678901234567890123"

TEST(one_good_id_is_kept_and_anything_else_replaced)
{
    static const struct {
        const char *headers, *id; /* NULL: a new one */
    } cases[] = {
        {"X-Correlation-ID: aB3._-\r\n",                               "aB3._-"        },
        {"x-correlation-id:" LONGEST "\r\n",                           LONGEST         },
        {"X-Request-ID: from-elsewhere\r\n",                           "from-elsewhere"},
        {"X-Correlation-ID: first\r\nX-Request-ID: second\r\n",        "first"         },
        {"X-Correlation-ID: here\r\nConnection: X-Correlation-ID\r\n", "here"          },
        {"X-Correlation-ID: \r\nX-Request-ID: after-empty\r\n",        "after-empty"   },
        {"",                                                           NULL            },
        {"X-Correlation-ID: " LONGEST "4\r\n",                         NULL            },
        {"X-Correlation-ID: twice\r\nX-Correlation-ID: twice\r\n",     NULL            },
        {"X-Correlation-ID: one\r\nx-correlation-id: two\r\n",         NULL            },
        {"X-Request-ID: one\r\nX-Request-ID: two\r\n",                 NULL            },
        {"X-Correlation-ID: not this\r\nX-Request-ID: nor-this\r\n",   NULL            },
        {"X-Correlation-ID: {env.HOME}\r\n",                           NULL            },
        {"X-Correlation-ID: {http.request.uuid}\r\n",                  NULL            },
        {"X-Correlation-ID: {nothing}x\r\n",                           NULL            },
        {"X-Correlation-ID: $0\r\n",                                   NULL            },
        {"X-Correlation-ID: a\"b\r\n",                                 NULL            },
        {"X-Correlation-ID: \xc3\xa4\r\n",                             NULL            },
        {"X_Correlation_ID: underscored\r\n",                          NULL            },
    };
    struct fixture *f = *state;
    struct stack *s = start(f);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *r = get_from(s, TUNNEL, "/contact", cases[i].headers);
        const char *id = reply_field(r, "x-correlation-id");

        assert_status(r, 200);
        assert_front_manners(r);
        if (cases[i].id != NULL)
            assert_string_equal(id, cases[i].id);
        else if (strlen(id) != 36 || strspn(id, "0123456789abcdef-") != 36)
            fail_msg("%s was answered with the ID %s", cases[i].headers, id);
        (void)line_of(s, id);
        (void)stack_log_wait(s, "caddy", textf(f, "\"X-Correlation-Id\":[\"%s\"]", id));
    }
}

#define POST(length)                                          \
    "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE \
    "\r\nX-Correlation-ID: of-mine\r\n" length "\r\n\r\n"

TEST(every_answer_of_its_own_has_the_id_and_the_shape_of_sidelights)
{
    static const struct {
        const char *request;
        int status;
        const char *code;
    } cases[] = {
        {"GET /nothing HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: of-mine\r\n\r\n",  404,
         "not_found"                                                                                               },
        {"GET /grafana/ HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: of-mine\r\n\r\n", 401,
         "unauthorized"                                                                                            },
        {POST("X-Nothing: 1"),                                                             411, "length_required"  },
        {POST("Content-Length: 0999999"),                                                  413, "content_too_large"},
        {POST("Content-Length: 99999999999"),                                              413, "content_too_large"},
    };
    struct fixture *f = *state;
    struct stack *s = start(f);
    const struct reply *r;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        r = tell_caddy(s, TUNNEL, cases[i].request);
        assert_error(f, r, cases[i].status, cases[i].code);
        assert_front_manners(r);
        assert_field(r, "x-correlation-id", "of-mine");
        assert_field(r, "cache-control", "no-store");
        (void)stack_log_wait(s, "caddy", textf(f, "\"status\":%d,", cases[i].status));
    }
    r = tell_caddy(s, TUNNEL, "HEAD /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_status(r, 404);
    assert_manners(r);
    assert_front_manners(r);
    assert_lacks(stack_log(s, "sidelight-1"), "of-mine");

    stack_signal(s, "sidelight-1", SIGTERM);
    r = get_from(s, TUNNEL, "/health", "X-Correlation-ID: of-mine\r\n");
    assert_error(f, r, 502, "bad_gateway");
    assert_front_manners(r);
    assert_field(r, "x-correlation-id", "of-mine");
    assert_field(r, "retry-after", "5");
    assert_contains(stack_log_wait(s, "caddy", "\"status\":502"),
                    "\"X-Correlation-Id\":[\"of-mine\"]");
}

TEST(the_log_of_caddy_has_no_query_and_no_secret)
{
    struct fixture *f = *state;
    struct stack *s = start(f);
    const char *line;

    (void)get_from(s, TUNNEL, "/grafana/x?message=hush",
                   textf(f,
                         "%s\r\nX-Correlation-ID: logged\r\nCookie: grafana_session=hush\r\n"
                         "Referer: http://localhost/?hush\r\nCf-Access-Jwt-Assertion: hush\r\n",
                         stack_authorization(s)));
    line = stack_log_wait(s, "caddy", "[\"logged\"]");
    assert_contains(line, "\"uri\":\"/grafana/x\"");
    assert_contains(line, "\"user_id\":\"ops\"");
    assert_contains(line, "\"remote_ip\":\"" EDGE_TUNNEL "\"");
    assert_lacks(line, "hush");
    assert_lacks(line, strchr(stack_authorization(s), ':') + 8);
}

STACK_TESTS(T(only_the_tunnel_says_who_the_client_is),
            T(nothing_forged_reaches_an_upstream),
            T(one_good_id_is_kept_and_anything_else_replaced),
            T(every_answer_of_its_own_has_the_id_and_the_shape_of_sidelights),
            T(the_log_of_caddy_has_no_query_and_no_secret))
