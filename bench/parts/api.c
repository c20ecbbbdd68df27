/* SPDX-License-Identifier: MIT */
/* Handlers: the body of GET /health, and reading a submission. The store is a real one, in the current directory. */
#include "api/api.h"
#include "api/contact.h"
#include "base/clock.h"
#include "bench/parts/parts.h"
#include "http/service.h"
#include "store/sqlite.h"

#include <stdlib.h>

enum { CALLS = 1000 };

struct asked {
    struct api api;
    struct request rq;
    char memory[1024]; /* request_alloc's, which is libh2o's pool in the server */
};

static void *alloc(struct request *rq, size_t n)
{
    struct asked *a = rq->native;

    MUST(n <= sizeof(a->memory));
    return a->memory;
}

static void drop(UNUSED struct request *rq)
{
}

static const struct transport nowhere = {alloc, drop};

static void health(void *ctx, unsigned n)
{
    struct asked *a = ctx;

    REPEAT(i, n)
    {
        a->rq.status = 0;
        a->rq.n_headers = 0;
        health_get(&a->rq, &a->api);
    }
}

static void parts_health(void)
{
    struct sqlite_options sqlite = {.path = "parts.db"};
    struct registry *registry =
        registry_new(metric_table, METRIC_FAMILIES, &(struct registry_options){2, 5000});
    struct store_options options = {.ops = &sqlite_ops,
                                    .arg = &sqlite,
                                    .metrics = registry,
                                    .shard = registry_shard(registry, 1)};
    struct asked *a = must_calloc(1, sizeof(*a));
    struct err err = ERR_INIT;

    MUST(store_new(&options, &a->api.store, &err));
    a->api.registry = registry;
    a->api.shard = registry_shard(registry, 0);
    a->api.clients = rate_table_new();
    a->api.senders = rate_table_new();
    a->api.rum_keep = 1000;
    a->api.version = "1.2.3";
    a->api.service = SLICE_LIT("sidelight");
    a->api.start_ns = NS_PER_SEC;
    a->api.start_unix_ns = UINT64_C(1760000000) * NS_PER_SEC;
    api_init(&a->api);
    a->rq.transport = &nowhere;
    a->rq.native = a;
    a->rq.start_ns = 12345 * NS_PER_SEC;
    part("handler of GET /health", health, a, CALLS, 1);
    api_release(&a->api);
    store_free(a->api.store);
    rate_table_free(a->api.clients);
    rate_table_free(a->api.senders);
    registry_free(registry);
    free(a);
}

static void parse(void *ctx, unsigned n)
{
    const struct slice *text = ctx;
    const char *message = NULL;
    struct json *doc;

    REPEAT(i, n)
    {
        MUST(json_parse(*text, &doc, &message) == JSON_OK);
        json_free(doc);
    }
}

static void scan(void *ctx, unsigned n)
{
    const struct slice *text = ctx;
    const char *message = NULL;

    REPEAT(i, n)
    MUST(json_scan(*text, &message) == JSON_OK);
}

static void check(void *ctx, unsigned n)
{
    const struct contact_input *in = ctx;
    struct contact_errors errors = {.n = 0};

    REPEAT(i, n)
    {
        errors.n = 0;
        contact_check(in, 10000, &errors);
    }
    MUST(errors.n == 0);
}

void parts_api(void)
{
#define MESSAGE "I would like to know whether you also ship to Iceland, and what that costs. "
    struct slice message = SLICE_LIT(MESSAGE MESSAGE);
    struct slice body = SLICE_LIT("{\"name\":\"Ada Lovelace\",\"email\":\"ada@example.com\","
                                  "\"message\":\"" MESSAGE MESSAGE "\"}");
    struct contact_input in = {
        .name = {SLICE_LIT("Ada Lovelace"),    false},
        .email = {SLICE_LIT("ada@example.com"), false},
        .message = {message,                      false}
    };

    parts_health();
    part("JSON of 211 bytes: our scan alone", scan, &body, CALLS, 1);
    part("JSON of 211 bytes: scan, tree, free", parse, &body, CALLS, 1);
    part("rules of a submission", check, &in, CALLS, 1);
}
