/* SPDX-License-Identifier: MIT */
/* Threads with a connection each. They never assert: that is for the main thread. */
#include "tests/e2e/lib/load.h"

#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/wire.h"

#include <pthread.h>
#include <stdatomic.h>

struct client {
    struct load *load;
    pthread_t thread;
    struct load_result result;
};

struct load {
    struct load_options opt;
    unsigned port;
    _Atomic bool stop;
    _Atomic uint64_t answered;
    bool ended;
    struct client *clients;
};

static const char get_health[] = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char get_root[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char post_contact[] =
    "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE "\r\nContent-Length: 58\r\n\r\n" ADA;

static void fail_one(struct client *c, const char *why, int status)
{
    if (c->result.failed++ == 0)
        (void)snprintf(c->result.first_failure, sizeof(c->result.first_failure),
                       "%s (status %d) after %llu answers", why, status,
                       (unsigned long long)c->result.answered);
}

/* One request and its answer; true when the connection may be used again. */
static bool exchange(struct client *c, struct wire *w, const char *request)
{
    static const char *const names[] = {[GOT_END] = "no answer",
                                        [GOT_PART] = "part of an answer",
                                        [GOT_NOTHING] = "nothing in time",
                                        [GOT_GARBAGE] = "garbage"};
    struct reply r = {.status = 0};
    const char *connection;
    enum got got;
    bool again;

    (void)wire_write(w, request, strlen(request)); /* reading tells what became of it */
    got = wire_read(w, false, &r);
    if (got != GOT_REPLY) {
        fail_one(c, names[got], 0);
        return false;
    }
    connection = reply_field(&r, "connection");
    again = connection == NULL || strcmp(connection, "close") != 0;
    if (r.status == 200 || r.status == 201) {
        c->result.answered++;
        atomic_fetch_add(&c->load->answered, 1);
    } else {
        fail_one(c, "a bad answer", r.status);
    }
    reply_release(&r);
    return again;
}

static bool goes_on(const struct load *l, unsigned n)
{
    return !atomic_load(&l->stop) && (l->opt.per_thread == 0 || n < l->opt.per_thread);
}

static const char *request_of(const struct load *l, unsigned n)
{
    if (l->opt.kind == LOAD_CONTACT)
        return post_contact;
    return n % 2 == 0 ? get_health : get_root;
}

/* One connection, as long as it lasts. */
static void use_connection(struct client *c, struct wire *w, unsigned *n)
{
    unsigned left = c->load->opt.per_connection;
    bool again = true;

    while (again && goes_on(c->load, *n)) {
        again = exchange(c, w, request_of(c->load, (*n)++));
        if (left > 0 && --left == 0)
            again = false;
    }
}

static void *client_main(void *arg)
{
    struct client *c = arg;
    struct wire w;
    unsigned n = 0;

    while (goes_on(c->load, n)) {
        if (!wire_connect(&w, c->load->port)) {
            c->result.refused++;
            break;
        }
        use_connection(c, &w, &n);
        wire_close(&w);
    }
    return NULL;
}

static void join(struct load *l)
{
    for (unsigned i = 0; !l->ended && i < l->opt.threads; i++)
        (void)pthread_join(l->clients[i].thread, NULL);
    l->ended = true;
}

static void stop(void *arg)
{
    struct load *l = arg;

    atomic_store(&l->stop, true);
    join(l);
}

struct load *load_start(struct server *s, const struct load_options *opt)
{
    struct load *l = keep(s->f, sizeof(*l));

    l->opt = *opt;
    l->port = s->public_port;
    l->clients = keep(s->f, opt->threads * sizeof(*l->clients));
    for (unsigned i = 0; i < opt->threads; i++) {
        l->clients[i].load = l;
        MUST(pthread_create(&l->clients[i].thread, NULL, client_main, &l->clients[i]) == 0);
    }
    at_end(s->f, stop, l);
    return l;
}

uint64_t load_answered(const struct load *l)
{
    return atomic_load(&l->answered);
}

struct load_result load_end(struct load *l, bool gone)
{
    struct load_result sum = {.answered = 0};

    if (!gone)
        atomic_store(&l->stop, true);
    join(l);
    for (unsigned i = 0; i < l->opt.threads; i++) {
        const struct load_result *r = &l->clients[i].result;

        if (sum.failed == 0 && r->failed > 0)
            memcpy(sum.first_failure, r->first_failure, sizeof(sum.first_failure));
        sum.answered += r->answered;
        sum.failed += r->failed;
        sum.refused += r->refused;
    }
    return sum;
}

uint64_t load_end_well(struct load *l, bool gone)
{
    struct load_result r = load_end(l, gone);

    if (r.failed > 0)
        fail_msg("%llu of %llu failed, the first: %s", (unsigned long long)r.failed,
                 (unsigned long long)(r.answered + r.failed), r.first_failure);
    if (!gone && r.refused > 0)
        fail_msg("%llu clients were refused a connection", (unsigned long long)r.refused);
    assert_true(r.answered > 0);
    return r.answered;
}
