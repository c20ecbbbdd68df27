/* SPDX-License-Identifier: MIT */
/* Rounds: all requests of one are written, then all answers read, so that the server is never idle in between. */
#include "tests/faults/lib/traffic.h"

#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/wire.h"

#include <signal.h>

enum {
    CONNECTIONS = 16,
    DEPTH = 8, /* requests on each in a round */
    ROUND = CONNECTIONS * DEPTH,
    VISITORS = 200,
    REPLACED = 4,   /* rounds between two connections that end in order */
    SCRAPED = 64,   /* rounds between two looks at the metrics port */
    RELOADED = 512, /* rounds between two reloads */
};

/* In texts # is the number of the request, and @ of its visitor. */
static const struct kind {
    unsigned share;
    int status;
    const char *line, *fields, *body;
} kinds[] = {
    {8, 200, "GET /health",           "",                                                                 NULL                             },
    {1, 200, "GET /api/health",       "X-Correlation-ID: soak-#\r\n",                                     NULL                             },
    {1, 200, "GET /health/liveness",  "",                                                                 NULL                             },
    {1, 200, "GET /health/readiness",
     "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",                          NULL                             },
    {4, 200, "GET /",                 "X-Real-IP: 10.0.0.@\r\nUser-Agent: soak\r\nAccept: text/html\r\n", NULL                             },
    {2, 200, "GET /?q=#",             "User-Agent: soak-@\r\n",                                           NULL                             },
    {1, 200, "HEAD /",                "",                                                                 NULL                             },
    {1, 200, "GET /contact",          "Accept: text/html\r\n",                                            NULL                             },
    {1, 200, "GET /contact/thanks",   "Accept: text/html\r\n",                                            NULL                             },
    {1, 200, "GET /metrics.js",       "",                                                                 NULL                             },
    {1, 201, "POST /contact",         JSON_TYPE "\r\nIdempotency-Key: soak-#\r\n",
     "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"number #\"}"                                                           },
    {1, 201, "POST /api/contact",     JSON_TYPE "\r\nIdempotency-Key: again\r\n",                         ADA                              },
    {1, 303, "POST /contact",         FORM_TYPE "\r\n",                                                   ADA_FORM                         },
    {3, 200, "POST /api/metrics",     JSON_TYPE "\r\nX-Real-IP: 10.0.0.@\r\n",
     "{\"page\":\"/\",\"page_load_time_seconds\":0.#,\"memory_usage_bytes\":#}"                                                            },
    {1, 200, "POST /api/metrics",     "Content-Type: text/plain\r\nOrigin: https://example.com\r\n",
     "[{\"page\":\"/blog/#\",\"errors\":[{\"kind\":\"js\"}],\"vitals\":[{\"name\":\"LCP\","
     "\"value\":#,\"id\":\"v-#\",\"rating\":\"good\"}]},{\"page\":\"/@\"}]"                                                                },
    {1, 400, "POST /contact",         JSON_TYPE "\r\n",                                                   "{\"name\":#"                    },
    {1, 422, "POST /contact",         JSON_TYPE "\r\n",                                                   "{\"name\":\"#\",\"name\":\"@\"}"},
    {1, 422, "POST /contact",         FORM_TYPE "\r\n",                                                   "name=&email=@&message=#"        },
    {1, 415, "POST /contact",         "Content-Type: image/png\r\n",                                      "#"                              },
    {1, 400, "POST /api/metrics",     JSON_TYPE "\r\n",                                                   "[#"                             },
    {1, 404, "GET /missing/#",        "",                                                                 NULL                             },
    {1, 405, "DELETE /health",        "",                                                                 NULL                             },
    {1, 204, "OPTIONS /contact",
     "Origin: https://example.com\r\nAccess-Control-Request-Method: POST\r\n",                            NULL                             },
    {1, 200, "GET /health",           "Origin: https://example.com\r\n",                                  NULL                             },
};

/* On connections of their own, which end with them. */
static const struct {
    int status; /* 0: the client goes away before an answer */
    const char *text;
} last_words[] = {
    {400, "GET / HTTP/1.1\r\n\r\n"                                                              },
    {400, "\x16\x03\x01 \r\n\r\n"                                                               },
    {400, "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"},
    {411,
     "POST /contact HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    {413, "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"       },
    {200, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"                                           },
    {200, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"                },
    {0,   "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 58\r\n\r\n{"            },
    {0,   "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
        "\r\nContent-Length: 58\r\n\r\n" ADA                                             },
    {0,   "GET /health HTTP/1.1\r\nHo"                                                          },
};

/* Of the metrics port. NOLINTBEGIN(bugprone-suspicious-missing-comma): one takes two lines */
static const char *const looks[] = {
    "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n"
    "Accept: application/openmetrics-text;version=1.0.0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /api/metrics?limit=10 HTTP/1.1\r\nHost: localhost\r\n\r\n",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

static const char good_config[] =
    "contact:\n  rate: off\nrum:\n  rate: off\n  pages: [/, /blog/*]\n"
    "cors:\n  origins: [https://example.com]\n";
static const char bad_config[] = "contact:\n  rate: ten\n";

struct traffic {
    struct server *s;
    struct wire wires[CONNECTIONS];
    bool open[CONNECTIONS];
    uint64_t sent, unavailable, rounds;
    const struct kind *kinds[64]; /* each as often as its share */
    size_t n_kinds;
    struct buf out, body;
};

struct server *traffic_server(struct fixture *f)
{
    const char *config = in_dir(f, "traffic.yaml");

    write_file(config, good_config);
    return server_start_with(
        f, &(struct server_options){
               .config = config,
               .sets = SETS("trusted_proxies=127.0.0.1", "threads=2", "contact.retention=1h")});
}

static void release(void *arg)
{
    struct traffic *t = arg;

    traffic_rest(t);
    buf_release(&t->out);
    buf_release(&t->body);
}

struct traffic *traffic_new(struct server *s)
{
    struct traffic *t = keep(s->f, sizeof(*t));

    t->s = s;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (unsigned i = 0; i < kinds[k].share; i++) {
            MUST(t->n_kinds < ARRAY_LEN(t->kinds));
            t->kinds[t->n_kinds++] = &kinds[k];
        }
    at_end(s->f, release, t);
    return t;
}

uint64_t traffic_sent(const struct traffic *t)
{
    return t->sent;
}

uint64_t traffic_unavailable(const struct traffic *t)
{
    return t->unavailable;
}

void traffic_rest(struct traffic *t)
{
    for (size_t c = 0; c < CONNECTIONS; c++) {
        if (t->open[c])
            wire_close(&t->wires[c]);
        t->open[c] = false;
    }
}

static void put(struct buf *b, const char *text, uint64_t number)
{
    for (; *text != '\0'; text++) {
        if (*text == '#')
            buf_add_u64(b, number);
        else if (*text == '@' && text[1] != 'e') /* not an address at example.com */
            buf_add_u64(b, number % VISITORS);
        else
            buf_add_char(b, *text);
    }
}

static const struct kind *kind_of(const struct traffic *t, uint64_t number)
{
    return t->kinds[number % t->n_kinds];
}

static void put_request(struct traffic *t, uint64_t number)
{
    const struct kind *k = kind_of(t, number);

    buf_clear(&t->body);
    if (k->body != NULL)
        put(&t->body, k->body, number);
    put(&t->out, k->line, number);
    buf_add_str(&t->out, " HTTP/1.1\r\nHost: localhost\r\n");
    put(&t->out, k->fields, number);
    if (k->body != NULL)
        buf_addf(&t->out, "Content-Length: %zu\r\n", t->body.len);
    buf_add_str(&t->out, "\r\n");
    buf_add(&t->out, t->body.data, t->body.len);
}

static void take_answer(struct traffic *t, struct wire *w, const char *line, int status)
{
    struct reply r = {.status = 0};
    enum got got = wire_read(w, strncmp(line, "HEAD", 4) == 0, &r);

    t->unavailable += r.status == 503;
    if (got != GOT_REPLY || (r.status != status && r.status != 503))
        fail_msg("%s: %d, not %d: %s", line, r.status, status, got == GOT_REPLY ? r.body : "");
    reply_release(&r);
}

static void say_last_words(struct traffic *t, size_t i)
{
    struct wire w;

    assert_true(wire_connect(&w, t->s->public_port));
    (void)wire_write(&w, last_words[i].text, strlen(last_words[i].text));
    if (last_words[i].status != 0)
        take_answer(t, &w, last_words[i].text, last_words[i].status);
    wire_close(&w);
    t->sent++;
}

static void look(struct traffic *t)
{
    struct wire w;

    assert_true(wire_connect(&w, t->s->metrics_port));
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        (void)wire_write(&w, looks[i], strlen(looks[i]));
        take_answer(t, &w, looks[i], 200);
        t->sent++;
    }
    wire_close(&w);
}

static void reload(const struct traffic *t)
{
    write_file(t->s->opt.config, t->rounds / RELOADED % 2 == 0 ? bad_config : good_config);
    server_signal(t->s, SIGHUP);
}

static void reconnect(struct traffic *t, size_t c)
{
    if (t->open[c])
        wire_close(&t->wires[c]);
    t->open[c] = wire_connect(&t->wires[c], t->s->public_port);
    assert_true(t->open[c]);
}

void traffic_round(struct traffic *t)
{
    uint64_t first = t->sent;

    for (size_t c = 0; c < CONNECTIONS; c++) {
        if (!t->open[c] || (t->rounds % REPLACED == 0 && t->rounds / REPLACED % CONNECTIONS == c))
            reconnect(t, c);
        buf_clear(&t->out);
        for (unsigned i = 0; i < DEPTH; i++)
            put_request(t, t->sent++);
        assert_true(wire_write(&t->wires[c], t->out.data, t->out.len));
    }
    for (uint64_t number = first; number < first + ROUND; number++)
        take_answer(t, &t->wires[(number - first) / DEPTH], kind_of(t, number)->line,
                    kind_of(t, number)->status);
    say_last_words(t, t->rounds % ARRAY_LEN(last_words));
    if (t->rounds % SCRAPED == 0)
        look(t);
    if (t->rounds % RELOADED == RELOADED / 2)
        reload(t);
    t->rounds++;
}
