/* SPDX-License-Identifier: MIT */
/*
 * One loop of a service without sockets: real routes, registry and log, and a transport that
 * records. A request is its raw head; what was counted is read from a rendered page, what was
 * logged from a file.
 */
#ifndef SIDELIGHT_TESTS_HTTP_FAKE_H
#define SIDELIGHT_TESTS_HTTP_FAKE_H

#include "tests/unit/unit.h"

#include "base/clock.h"
#include "http/service.h"
#include "metrics/exposition.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOST "Host: shop.example\r\n"

enum { FAKE_BLOCKS = 64, FAKE_FLUSH_MS = 60000 };

struct fake {
    struct registry *registry;
    struct http_metrics *metrics;
    struct service service;
    struct http_live live;
    struct loop loop;
    struct log *log;
    int log_fd;
    struct buf page; /* what fake_page rendered last */
    const char *peer;

    struct request rq; /* the one in hand */
    unsigned sent;     /* how often it was answered */
    void *blocks[FAKE_BLOCKS];
    size_t n_blocks;
};

static void *fake_alloc(struct request *rq, size_t n)
{
    struct fake *f = rq->native;

    assert_true(f->n_blocks < FAKE_BLOCKS);
    f->blocks[f->n_blocks] = must_calloc(1, n > 0 ? n : 1);
    return f->blocks[f->n_blocks++];
}

static void fake_send(struct request *rq)
{
    struct fake *f = rq->native;

    f->sent++;
}

static const struct transport fake_transport = {fake_alloc, fake_send};

/* A zeroed request of `f->peer`; the last one's memory is gone. */
static UNUSED void fake_request(struct fake *f)
{
    while (f->n_blocks > 0)
        free(f->blocks[--f->n_blocks]);
    memset(&f->rq, 0, sizeof(f->rq));
    f->sent = 0;
    f->rq.transport = &fake_transport;
    f->rq.native = f;
    f->rq.loop = &f->loop;
    f->rq.peer_text = slice_str(f->peer);
    assert_true(ip_parse(f->rq.peer_text, &f->rq.peer));
}

static UNUSED void fake_init(struct fake *f, const struct route *routes, size_t n, void *ctx)
{
    struct err err = ERR_INIT;

    memset(f, 0, sizeof(*f));
    f->peer = "192.0.2.7";
    f->registry = registry_new(metric_table, METRIC_FAMILIES,
                               &(struct registry_options){1, METRICS_MAX_SAMPLES});
    f->metrics = http_metrics_new(f->registry);
    service_init(&f->service, routes, n, ctx, f->metrics);
    f->live.latency_threshold_ns = 300 * NS_PER_MS;
    f->live.client_ip_header = SLICE_LIT("x-real-ip");
    f->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(log_new(f->log_fd, LOG_DEBUG, &f->log, &err));
    f->loop = (struct loop){.service = &f->service,
                            .shard = registry_shard(f->registry, 0),
                            .log = f->log,
                            .ring = log_ring_new(f->log, NULL),
                            .live = &f->live};
    id_source_init(&f->loop.ids);
    fake_request(f);
}

/* Ends the log and returns all of it, for the caller to release. */
static UNUSED struct buf fake_log(struct fake *f)
{
    struct buf text = BUF_INIT;
    off_t size;

    log_free(f->log, FAKE_FLUSH_MS);
    f->log = NULL;
    f->loop.log = NULL;
    f->loop.ring = NULL;
    size = lseek(f->log_fd, 0, SEEK_END);
    assert_true(size >= 0);
    assert_int_equal(pread(f->log_fd, buf_reserve(&text, (size_t)size + 1), (size_t)size, 0), size);
    text.len = (size_t)size;
    return text;
}

static UNUSED void fake_release(struct fake *f)
{
    fake_request(f);
    buf_release(&f->page);
    log_free(f->log, FAKE_FLUSH_MS);
    (void)close(f->log_fd);
    service_release(&f->service);
    http_metrics_free(f->metrics);
    registry_free(f->registry);
}

static UNUSED void fake_begin(struct fake *f, struct slice raw)
{
    fake_request(f);
    request_begin(&f->rq, raw);
}

/* Up to a handler's answer, or its suspension. */
static UNUSED void fake_serve(struct fake *f, struct slice raw)
{
    fake_begin(f, raw);
    serve(&f->rq);
}

/* A whole life, the answer sent. */
static UNUSED void fake_ask(struct fake *f, struct slice raw)
{
    fake_serve(f, raw);
    finish(&f->rq, true, f->rq.head.method == HTTP_HEAD ? 0 : f->rq.answer.n);
}

static UNUSED size_t count_of(struct slice text, const char *part)
{
    size_t n = 0, len = strlen(part);
    const char *at = text.p, *hit;

    while (at != NULL && (hit = memmem(at, text.n - (size_t)(at - text.p), part, len)) != NULL) {
        n++;
        at = hit + len;
    }
    return n;
}

static UNUSED bool page_has(struct fake *f, enum exposition_format format, const char *part)
{
    static const struct exposition_filter all = {.n = 0};

    buf_clear(&f->page);
    exposition_render(f->registry, format, &all, &f->page);
    return memmem(f->page.data, f->page.len, part, strlen(part)) != NULL;
}

/* `line`, a sample with its value, stands on the page. */
static UNUSED void expect_sample(struct fake *f, const char *line)
{
    struct buf whole = BUF_INIT;
    bool found;

    buf_addf(&whole, "\n%s\n", line);
    found = page_has(f, EXPOSITION_TEXT, buf_cstr(&whole));
    buf_release(&whole);
    if (!found)
        print_error("not on the page: %s\n", line);
    assert_true(found);
}

static UNUSED void expect_no_series(struct fake *f, const char *part)
{
    assert_false(page_has(f, EXPOSITION_TEXT, part));
}

static UNUSED void expect_slice(struct slice s, const char *want)
{
    if (!slice_eq(s, slice_str(want)))
        print_error("got '%.*s', want '%s'\n", (int)s.n, s.p != NULL ? s.p : "", want);
    assert_true(slice_eq(s, slice_str(want)));
}

/* The value of an answer's header; SLICE_NONE without one. */
static UNUSED struct slice answer_header_value(const struct request *rq, const char *name)
{
    for (size_t i = 0; i < rq->n_headers; i++)
        if (strcmp(rq->headers[i].name, name) == 0)
            return rq->headers[i].value;
    return SLICE_NONE;
}

#endif
