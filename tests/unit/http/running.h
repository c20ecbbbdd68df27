/* SPDX-License-Identifier: MIT */
/*
 * A whole public port over real sockets: a server with a few routes, one of which answers when the
 * test says so.
 */
#ifndef SIDELIGHT_TESTS_HTTP_RUNNING_H
#define SIDELIGHT_TESTS_HTTP_RUNNING_H

#include "tests/unit/http/net.h"

#include "http/server.h"
#include "metrics/exposition.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

enum { BODY_MAX = 1000 };

struct running {
    struct registry *registry;
    struct http_metrics *metrics;
    struct service service;
    struct http_live live;
    struct log *log;
    int log_fd;
    struct server_options opt;
    struct server *server;
    struct sockaddr_in address;
    _Atomic size_t acquired, released; /* of the live configuration */

    struct pending job;         /* of /later: one at a time */
    _Atomic unsigned suspended; /* requests that came to /later */
    _Atomic unsigned orphaned;  /* jobs that came back to nobody */
    _Atomic unsigned finished, sent;
};

static void hello_get(struct request *rq, UNUSED void *ctx)
{
    answer_borrowed(rq, 200, "text/plain", SLICE_LIT("hello"));
}

static void echo_post(struct request *rq, UNUSED void *ctx)
{
    answer_borrowed(rq, 200, "text/plain", rq->body);
}

static void later_finished(void *arg, bool sent)
{
    struct running *r = arg;

    atomic_fetch_add(&r->sent, sent);
    atomic_fetch_add(&r->finished, 1);
}

static void later_resume(struct request *rq, struct pending *p)
{
    struct running *r = CONTAINER_OF(p, struct running, job);

    if (rq == NULL)
        atomic_fetch_add(&r->orphaned, 1);
    else
        answer_borrowed(rq, 200, "text/plain", SLICE_LIT("late"));
}

static void later_get(struct request *rq, void *ctx)
{
    struct running *r = ctx;

    request_on_finish(rq, later_finished, r);
    request_suspend(rq, &r->job, later_resume);
    atomic_fetch_add(&r->suspended, 1);
}

/* As many header fields as an answer may have, "vary" among them. */
static void fields_get(struct request *rq, UNUSED void *ctx)
{
    answer_header(rq, "vary", SLICE_LIT("Accept"));
    while (rq->n_headers < ANSWER_HEADERS_MAX)
        answer_header(rq, "x-more", SLICE_LIT("1"));
    answer_borrowed(rq, 200, NULL, SLICE_LIT("fields"));
}

static const struct route running_routes[] = {
    {HTTP_GET,  "/hello",  hello_get,  "200", IN_AVAILABILITY, NULL, NULL, NULL},
    {HTTP_POST, "/echo",   echo_post,  "200", IN_NONE,         NULL, NULL, NULL},
    {HTTP_GET,  "/later",  later_get,  "200", IN_LATENCY,      NULL, NULL, NULL},
    {HTTP_GET,  "/fields", fields_get, "200", IN_NONE,         NULL, NULL, NULL},
};

static void live_acquire(void *owner)
{
    atomic_fetch_add(&((struct running *)owner)->acquired, 1);
}

static void live_release(void *owner)
{
    atomic_fetch_add(&((struct running *)owner)->released, 1);
}

static UNUSED struct live_ref running_live(struct running *r)
{
    return (struct live_ref){&r->live, r, live_acquire, live_release};
}

static UNUSED void running_start(struct running *r, unsigned workers)
{
    struct err err = ERR_INIT;

    memset(r, 0, sizeof(*r));
    (void)signal(SIGPIPE, SIG_IGN); /* as main does: libh2o writes with writev(2) */
    r->registry = registry_new(metric_table, METRIC_FAMILIES,
                               &(struct registry_options){workers + 1, METRICS_MAX_SAMPLES});
    r->metrics = http_metrics_new(r->registry);
    service_init(&r->service, running_routes, ARRAY_LEN(running_routes), r, r->metrics);
    r->live.latency_threshold_ns = 300 * NS_PER_MS;
    r->log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(log_new(r->log_fd, LOG_INFO, &r->log, &err));
    r->opt = (struct server_options){.listen_fd = listen_somewhere(),
                                     .workers = workers,
                                     .max_connections = 1000,
                                     .body_max = BODY_MAX,
                                     .request_timeout_ms = PATIENCE_SECONDS * UINT64_C(1000),
                                     .service = &r->service,
                                     .registry = r->registry,
                                     .log = r->log,
                                     .live = running_live(r)};
    r->address = address_of(r->opt.listen_fd);
    assert_true(server_new(&r->opt, &r->server, &err));
}

static UNUSED void running_stop(struct running *r)
{
    server_free(r->server);
    assert_int_equal(atomic_load(&r->acquired), atomic_load(&r->released));
    service_release(&r->service);
    http_metrics_free(r->metrics);
    log_free(r->log, PATIENCE_SECONDS * 1000);
    (void)close(r->log_fd);
    registry_free(r->registry);
}

static UNUSED bool running_has(const struct running *r, const char *sample)
{
    static const struct exposition_filter all = {.n = 0};
    struct buf page = BUF_INIT, line = BUF_INIT;
    bool found;

    exposition_render(r->registry, EXPOSITION_TEXT, &all, &page);
    buf_addf(&line, "\n%s\n", sample);
    found = buf_has(&page, buf_cstr(&line));
    buf_release(&line);
    buf_release(&page);
    return found;
}

/* Requests are counted when their answer has left, which the client may see first. */
#define WAIT_SAMPLE(r, sample) WAIT_UNTIL(running_has(r, sample))

#endif
