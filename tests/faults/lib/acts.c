/* SPDX-License-Identifier: MIT */
/* Requests by hand, each on a connection that ends with it, so that opening and closing are part of the act. */
#include "tests/faults/lib/acts.h"

#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/wire.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { BURST_CONNECTIONS = 8, BURST_DEPTH = 8, BURST = BURST_CONNECTIONS * BURST_DEPTH };

#define CLOSE "\r\nConnection: close"

/* The answer's status, 0 when none came; returns when the connection has ended. */
static int exchange(const struct stage *g, unsigned port, const char *text)
{
    struct reply r = {.status = 0}, more = {.status = 0};
    struct wire w;
    int status;

    if (!wire_connect(&w, port))
        return 0;
    (void)wire_write(&w, text, strlen(text));
    if (wire_read(&w, false, &r) == GOT_REPLY && wire_read(&w, false, &more) != GOT_END)
        fail_msg("%s: more than one answer", g->doing);
    status = r.status;
    reply_release(&r);
    reply_release(&more);
    wire_close(&w);
    return status;
}

static void expect(const struct stage *g, int status, int good)
{
    if (status != good && status != 0 && status < 500)
        fail_msg("%s: answered %d", g->doing, status);
}

static void get_from(struct stage *g, unsigned port, const char *path, const char *fields)
{
    expect(g,
           exchange(g, port,
                    textf(g->s->f, "GET %s HTTP/1.1\r\nHost: localhost%s" CLOSE "\r\n\r\n", path,
                          fields)),
           200);
}

/* True when it was acknowledged, by `good`. */
static bool deliver(struct stage *g, size_t i, const char *text, int good)
{
    int status = exchange(g, g->s->public_port, text);

    expect(g, status, good);
    if (status == good)
        books_acknowledge(g->books, i);
    return status == good;
}

void act_health(struct stage *g)
{
    get_from(g, g->s->public_port, "/health", "");
}

void act_home(struct stage *g)
{
    get_from(g, g->s->public_port, "/", "\r\nAccept: text/html\r\nUser-Agent: test");
}

static bool deliver_json(struct stage *g)
{
    size_t i = books_open(g->books);

    return deliver(g, i, books_json(g->s->f, i, CLOSE), 201);
}

void act_json(struct stage *g)
{
    (void)deliver_json(g);
}

void act_form(struct stage *g)
{
    size_t i = books_open(g->books);

    (void)deliver(g, i, books_form(g->s->f, i, CLOSE), 303);
}

void act_browser_metrics(struct stage *g)
{
    static const char body[] =
        "[{\"page\":\"/\",\"page_load_time_seconds\":0.5,\"memory_usage_bytes\":1000000,"
        "\"errors\":[{\"kind\":\"js\"}],\"vitals\":[{\"name\":\"LCP\",\"value\":1200}]}]";

    expect(g,
           exchange(g, g->s->public_port,
                    textf(g->s->f,
                          "POST /api/metrics HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE CLOSE
                          "\r\nContent-Length: %zu\r\n\r\n%s",
                          sizeof(body) - 1, body)),
           200);
}

void act_scrape(struct stage *g)
{
    get_from(g, g->s->metrics_port, "/metrics", "");
}

void act_scrape_gzip(struct stage *g)
{
    get_from(g, g->s->metrics_port, "/metrics",
             "\r\nAccept-Encoding: gzip\r\nAccept: application/openmetrics-text;version=1.0.0");
}

void act_pages(struct stage *g)
{
    get_from(g, g->s->metrics_port, "/", "");
    get_from(g, g->s->metrics_port, "/status.json", "");
    get_from(g, g->s->metrics_port, "/api/metrics", "");
}

/* A request afterwards, for the workers to take the new settings in. */
void act_reload(struct stage *g)
{
    server_signal(g->s, SIGHUP);
    EVENTUALLY(!server_lives(g->s) || log_find(g->s, "\"event\":\"reload") != NULL);
    act_health(g);
}

void act_stop(struct stage *g)
{
    server_signal(g->s, SIGTERM);
    EVENTUALLY(!server_lives(g->s));
}

/* The answers of one connection up to its end: messages first, first + BURST_CONNECTIONS, ... */
static void take_burst(struct stage *g, struct wire *w, size_t first)
{
    for (size_t i = first; i < first + BURST; i += BURST_CONNECTIONS) {
        struct reply r = {.status = 0};

        if (wire_read(w, false, &r) != GOT_REPLY)
            return;
        expect(g, r.status, 201);
        if (r.status == 201)
            books_acknowledge(g->books, i);
        reply_release(&r);
    }
}

void act_burst(struct stage *g)
{
    struct wire wires[BURST_CONNECTIONS];
    bool connected[BURST_CONNECTIONS];
    size_t first = g->books->n;

    for (size_t c = 0; c < BURST_CONNECTIONS; c++)
        connected[c] = wire_connect(&wires[c], g->s->public_port);
    for (size_t i = 0; i < BURST; i++) {
        size_t c = i % BURST_CONNECTIONS;
        const char *text = books_json(g->s->f, books_open(g->books), "");

        if (connected[c])
            (void)wire_write(&wires[c], text, strlen(text));
    }
    for (size_t c = 0; c < BURST_CONNECTIONS; c++) {
        if (!connected[c])
            continue;
        take_burst(g, &wires[c], first + c);
        wire_close(&wires[c]);
    }
}

/* ---- starts ---- */

static unsigned port_in(const struct server *s, const char *line)
{
    const char *colon = strrchr(json_text(s->f, line, "address"), ':');

    assert_non_null(colon);
    return (unsigned)strtoul(colon + 1, NULL, 10);
}

/* It listens, or has ended. */
static bool start_is_over(struct server *s)
{
    const char *public = log_find(s, "\"event\":\"listening\",\"port\":\"public\"");
    const char *metrics = log_find(s, "\"event\":\"listening\",\"port\":\"metrics\"");

    if (public == NULL || metrics == NULL)
        return !server_lives(s);
    s->public_port = port_in(s, public);
    s->metrics_port = port_in(s, metrics);
    return true;
}

/* server_again, for one that may end while it starts. */
void act_start(struct stage *g)
{
    const char *log = in_dir(g->s->f, "start.log");
    struct server *s = g->s;

    s->opt.out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    assert_true(s->opt.out > 0);
    server_again(s);
    (void)close(s->opt.out);
    s->opt.out = 0;
    s->log = log;
    EVENTUALLY(start_is_over(s));
}

void act_first_start(struct stage *g)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        (void)unlink(textf(g->s->f, "%s%s", g->s->store, suffixes[i]));
    *g->books = (struct books){.n = 0};
    act_start(g);
}

bool serves(struct stage *g)
{
    EVENTUALLY(!server_lives(g->s) || deliver_json(g));
    return server_lives(g->s);
}
