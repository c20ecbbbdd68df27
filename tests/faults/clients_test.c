/* SPDX-License-Identifier: MIT */
/* Who a client is, when it lies: fields of proxies, from strangers and from a proxy that is trusted; and hop-by-hop tricks. */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/flow.h"
#include "tests/faults/lib/promise.h"

/* One that claims something; its line comes later. */
static void send_claim(struct server *s, const char *field, const char *id)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: %s\r\n%s\r\n\r\n";

    assert_status(flow_send_text(s, textf(s->f, request, id, field)), 200);
}

static void assert_logged_ip(struct server *s, const char *id, const char *want)
{
    const char *ip = json_text(s->f, log_request(s, id), "client_ip");

    if (strcmp(ip, want) != 0)
        fail_msg("%s is logged as %s, not %s", id, ip, want);
}

static const char *hundred(struct fixture *f, const char *name)
{
    struct buf b = BUF_INIT;
    const char *text;

    buf_addf(&b, "%s: 203.0.113.1", name);
    for (int i = 0; i < 100; i++)
        buf_addf(&b, ", 203.0.113.%d", i);
    text = keep_text(f, b.data, b.len);
    buf_release(&b);
    return text;
}

/* What claims to come from elsewhere; `$` is the name of the field. */
static const char *const claims[] = {
    "$: 203.0.113.9",
    "$: 203.0.113.9, 127.0.0.1",
    "$: 203.0.113.9:80",
    "$: 2001:db8::9",
    "$: [2001:db8::9]",
    "$: fe80::1%eth0",
    "$: ::ffff:203.0.113.9",
    "$: 203.0.113.9\r\n$: 203.0.113.8",
    "$: 0xcb007109",
    "$: 3405803785",
    "$: 0313.0.0161.011",
    "$: 203.0.113.9/32",
    "$: 203.0.113",
    "$: 203.0.113.9\tx",
    "$: \"203.0.113.9\"",
    "$: unknown",
    "$: _hidden",
    "$: localhost",
    "$: ::",
    "$:",
    "$: 999.0.113.9",
    "$: 203.0.113.9\xff",
};

/* The claim with the name filled in, in both places that it may have. */
static const char *claim(struct fixture *f, size_t i, const char *name)
{
    struct buf b = BUF_INIT;
    const char *text;

    for (const char *p = claims[i]; *p != '\0'; p++)
        if (*p == '$')
            buf_add_str(&b, name);
        else
            buf_add_char(&b, *p);
    text = keep_text(f, b.data, b.len);
    buf_release(&b);
    return text;
}

TEST(a_stranger_names_no_client_whatever_the_field)
{
    static const char *const names[] = {
        "X-Forwarded-For",  "X_Forwarded_For", "X-Real-IP",   "X_Real_IP", "CF-Connecting-IP",
        "CF_Connecting_IP", "True-Client-IP",  "X-Client-IP", "Forwarded", "X-Cluster-Client-IP"};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        for (size_t k = 0; k < ARRAY_LEN(claims); k++, n++)
            send_claim(s, claim(f, k, names[i]), textf(f, "stranger-%zu", n));
        send_claim(s, hundred(f, names[i]), textf(f, "stranger-%zu", n++));
    }
    (void)audit_log(s, &(struct audit){"stranger", n, NULL});
    for (size_t i = 0; i < n; i++)
        assert_logged_ip(s, textf(f, "stranger-%zu", i), "127.0.0.1");
    promise(
        "C46-C47", "A peer that is not trusted is the client, whatever it claims",
        "ten forwarding fields with 23 values: lists, ports, zones, numbers, twice, 100 addresses",
        "%zu requests, all logged as their peer", n);
}

TEST(a_proxy_names_a_client_in_one_field_in_one_form)
{
    static const char *const wrong[] = {"X_Real_IP", "X-Forwarded-For", "CF-Connecting-IP",
                                        "X-Real-IP-2"};
    /* Of the claims, those that are one address. */
    static const char *const readable[] = {
        [0] = "203.0.113.9", [3] = "2001:db8::9", [6] = "203.0.113.9", [18] = "::"};
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("trusted_proxies=127.0.0.1"));
    size_t n = 0;

    for (size_t k = 0; k < ARRAY_LEN(claims); k++, n++)
        send_claim(s, claim(f, k, "X-Real-IP"), textf(f, "proxy-%zu", n));
    send_claim(s, hundred(f, "X-Real-IP"), textf(f, "proxy-%zu", n++));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++, n++)
        send_claim(s, claim(f, 0, wrong[i]), textf(f, "proxy-%zu", n));
    (void)audit_log(s, &(struct audit){"proxy", n, NULL});
    for (size_t i = 0; i < n; i++)
        assert_logged_ip(s, textf(f, "proxy-%zu", i),
                         i < ARRAY_LEN(readable) && readable[i] != NULL ? readable[i]
                                                                        : "127.0.0.1");
    promise("C46", "A trusted proxy names the client in the one configured field, as one address",
            "the same values from a trusted peer", "%zu requests, 4 claims believed", n);
}

/* ---- hop by hop ---- */

/* Connection may not take away what we go by: we are the end of the way. */
TEST(connection_removes_nothing)
{
    static const char *const lists[] = {"X-Real-IP, close", "close, X-Real-IP, X-Correlation-ID",
                                        "X-Correlation-ID", "Content-Length, Content-Type, Host",
                                        "Idempotency-Key, close"};
    struct fixture *f = *state;
    struct server *s =
        server_start(f, SETS("trusted_proxies=127.0.0.1", "contact.rate=off", "hosts=localhost"));
    const char *first = NULL;

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const char *id = textf(f, "hop-%zu", i), *line;
        const struct reply *r = flow_one(
            s, "/contact",
            textf(f,
                  JSON_TYPE "\r\nX-Real-IP: 203.0.113.9\r\nIdempotency-Key: one\r\nConnection: %s",
                  lists[i]),
            id, SLICE_LIT(ADA));

        assert_status(r, 201);
        assert_field(r, "x-correlation-id", id);
        line = log_request(s, id);
        assert_json(f, line, "client_ip", "203.0.113.9");
        if (first == NULL)
            first = json_text(f, r->body, "id");
        assert_json(f, r->body, "id", first);
    }
    assert_metric(s, SUBMISSIONS, 1);
    promise("C48",
            "Connection: cannot take the ID, the client, the key or the length off a request",
            "each of them listed as hop by hop", "%zu requests, 1 submission", ARRAY_LEN(lists));
}

RUN_TESTS(T(a_stranger_names_no_client_whatever_the_field),
          T(a_proxy_names_a_client_in_one_field_in_one_form),
          T(connection_removes_nothing))
