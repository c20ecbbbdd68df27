/* SPDX-License-Identifier: MIT */
/* Each round is a client of its own, so that the rates of an earlier one do not count. */
#include "tests/faults/lib/kept.h"

#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

const char kept_config[] = "hosts: [localhost, 127.0.0.1, kept.example]\n"
                           "trusted_proxies: [127.0.0.1]\n"
                           "contact: {rate: 1/h, redirect: /kept, retention: 1h}\n"
                           "cors: {origins: [https://kept.example]}\n"
                           "rum: {rate: 1/h, public_read: true}\n"
                           "slo: {availability: 0.75}\n"
                           "log: {level: info, client_ip: prefix}\n";

enum { WIRES = 8 }; /* the worker with the fewest gets the next */

bool kept_taken(struct server *s)
{
    struct wire *w[WIRES];
    bool all = true;

    for (size_t i = 0; i < WIRES; i++)
        w[i] = wire_to(s);
    for (size_t i = 0; i < WIRES; i++) {
        wire_send(w[i], "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n");
        all = wire_reply(s->f, w[i])->status == 421 && all;
    }
    for (size_t i = 0; i < WIRES; i++)
        wire_close(w[i]);
    return all;
}

static void assert_hosts(struct server *s)
{
    assert_status(ASK(s, .path = "/", .headers = HEADERS("Host: kept.example")), 200);
    assert_status(ASK(s, .path = "/", .headers = HEADERS("Host: other.example")), 421);
}

static void assert_origins(struct server *s)
{
    const struct reply *r =
        ASK(s, .path = "/health", .headers = HEADERS("Origin: https://kept.example"));

    assert_field(r, "access-control-allow-origin", "https://kept.example");
    r = ASK(s, .path = "/health", .headers = HEADERS("Origin: https://other.example"));
    assert_int_equal(reply_count(r, "access-control-allow-origin"), 0);
}

/* Of both, one is the client's share. */
static void assert_rates(struct server *s, const char *client)
{
    const struct reply *r =
        ASK(s, .path = "/contact", .body = ADA_FORM, .headers = HEADERS(FORM_TYPE, client));

    assert_status(r, 303);
    assert_field(r, "location", "/kept");
    r = ASK(s, .path = "/contact", .body = ADA_FORM, .headers = HEADERS(FORM_TYPE, client));
    assert_status(r, 429);
    for (int i = 0; i < 2; i++)
        assert_status(ASK(s, .path = "/api/metrics", .body = "{\"page\":\"/\",\"x\":\"1\"}",
                          .headers = HEADERS(JSON_TYPE, client)),
                      i == 0 ? 200 : 429);
}

static void assert_log(struct server *s, const char *client, unsigned round)
{
    const char *id = textf(s->f, "kept-%u", round), *line;

    assert_status(ASK(s, .path = "/health/liveness",
                      .headers = HEADERS(client, textf(s->f, "X-Correlation-ID: %s", id))),
                  200);
    line = log_request(s, id);
    assert_contains(line, textf(s->f, "\"client_ip\":\"10.%u.%u.0\"", round / 256, round % 256));
}

void assert_kept(struct server *s, unsigned round)
{
    const char *client = textf(s->f, "X-Real-IP: 10.%u.%u.9", round / 256, round % 256);

    assert_hosts(s);
    assert_origins(s);
    assert_rates(s, client);
    assert_log(s, client, round);
    assert_status(get(s, "/api/metrics"), 200);
    assert_metric(s, "slo_objective_ratio{slo=\"availability\"}", 0.75);
}
