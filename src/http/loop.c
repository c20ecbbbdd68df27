/* SPDX-License-Identifier: MIT */
/* Event loops: set-up and tear-down in the order libh2o demands, connections, messages. */
#include "http/loop.h"

#include "base/clock.h"
#include "http/bridge.h"
#include "http/ended.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { CONN_TAG = 0x636f6e6e, EVLOOP_TAG = 0x6c6f6f70 };

/* What libh2o writes before a body that was announced by Expect; it is no answer. */
#define CONTINUE_LINE "HTTP/1.1 100 Continue\r\n\r\n"

/* struct pending hides libh2o's message from handlers. */
_Static_assert(sizeof(h2o_multithread_message_t) == sizeof(((struct pending *)NULL)->link),
               "pending.link");
_Static_assert(offsetof(struct pending, kind) == offsetof(struct loop_msg, kind), "pending.kind");

void loop_configure(h2o_globalconf_t *conf, size_t body_max, uint64_t request_timeout_ms)
{
    h2o_config_init(conf);
    conf->server_name = h2o_iovec_init(NULL, 0);
    conf->max_request_entity_size = body_max;
    conf->http1.req_timeout = request_timeout_ms;
    /* Also refuses prior knowledge: Debian's HTTP/2 has no fix after 2019. */
    conf->http1.upgrade_to_http2 = 0;
    bridge_register(conf);
}

struct conn *conn_new(int fd, const struct sockaddr *peer)
{
    struct conn *c = must_calloc(1, sizeof(*c));
    int on = 1;

    /* Best effort: a Unix socket has none. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->msg.kind = LOOP_CONN;
    c->tag = CONN_TAG;
    c->fd = fd;
    if (ip_from_sockaddr(peer, &c->peer))
        c->peer_text_len = (uint8_t)(ip_format(&c->peer, c->peer_text) - c->peer_text);
    return c;
}

/*
 * Bytes that no request of ours accounts for are libh2o's canned 400 to a head it could not parse:
 * it runs no handler, filter or logger, but the socket counts what it writes.
 */
static bool is_unparsed(const struct conn *c)
{
    size_t extra = c->sock->bytes_written - c->written;

    return c->rq == NULL && extra > 0 && extra != sizeof(CONTINUE_LINE) - 1;
}

static void count_end(const struct conn *c)
{
    const struct loop *l = &c->loop->base;

    if (!is_unparsed(c))
        ended_count(c);
    else if (l->service->conns != NULL)
        metric_add(l->shard, l->service->conns->rejected[REFUSED_UNPARSED], 1);
}

static void on_close(void *data)
{
    struct conn *c = data;
    struct evloop *l = c->loop;

    MUST(c->tag == CONN_TAG);
    count_end(c);
    h2o_linklist_unlink(&c->link);
    l->n_conns--;
    if (l->on_conn_close != NULL)
        l->on_conn_close(l->on_conn_close_arg);
    free(c);
}

void evloop_adopt(struct evloop *l, struct conn *c)
{
    c->loop = l;
    c->sock = h2o_evloop_socket_create(l->ctx.loop, c->fd, H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    c->sock->on_close.cb = on_close;
    c->sock->on_close.data = c;
    c->waiting_ns = l->now_ns;
    ended_begin(c);
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &l->write_timeout_ms,
                     sizeof(l->write_timeout_ms)); /* best effort, too */
    h2o_linklist_insert(&l->conns, &c->link);
    l->n_conns++;
    h2o_accept(&l->accept_ctx, c->sock);
}

static void run_call(struct evloop *l, struct loop_call *call)
{
    loop_call_fn *fn = call->fn;
    void *arg = call->arg;

    free(call);
    fn(l, arg);
}

static void on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct evloop *l = CONTAINER_OF(receiver, struct evloop, receiver);
    h2o_linklist_t *node = messages->next;

    MUST(l->tag == EVLOOP_TAG);
    while (node != messages) { /* detached from the queue: nothing is added meanwhile */
        struct loop_msg *m = CONTAINER_OF(node, struct loop_msg, super.link);

        node = node->next;
        h2o_linklist_unlink(&m->super.link);
        switch ((enum loop_msg_kind)m->kind) {
        case LOOP_RESUME:
            bridge_resume((struct pending *)(void *)m);
            break;
        case LOOP_CONN:
            evloop_adopt(l, CONTAINER_OF(m, struct conn, msg));
            break;
        case LOOP_CALL:
            run_call(l, CONTAINER_OF(m, struct loop_call, msg));
            break;
        }
    }
}

void loop_post(struct evloop *l, struct loop_msg *msg)
{
    h2o_multithread_send_message(&l->receiver, &msg->super);
}

void loop_call(struct evloop *l, loop_call_fn *fn, void *arg)
{
    struct loop_call *call = must_calloc(1, sizeof(*call));

    *call = (struct loop_call){.msg = {.kind = LOOP_CALL}, .fn = fn, .arg = arg};
    loop_post(l, &call->msg);
}

void pending_resume(struct pending *p)
{
    loop_post(CONTAINER_OF(p->loop, struct evloop, base), (struct loop_msg *)(void *)p);
}

void evloop_cut(struct evloop *l)
{
    for (h2o_linklist_t *n = l->conns.next; n != &l->conns; n = n->next)
        (void)shutdown(CONTAINER_OF(n, struct conn, link)->fd, SHUT_RDWR);
}

static void slot_release_if_unused(struct live_slot *slot)
{
    if (!slot->retired || slot->requests > 0)
        return;
    slot->release(slot->owner);
    free(slot);
}

void live_slot_drop(struct live_slot *slot)
{
    slot->requests--;
    slot_release_if_unused(slot);
}

static void slot_retire(struct live_slot *slot)
{
    if (slot == NULL)
        return;
    slot->retired = true;
    slot_release_if_unused(slot);
}

void evloop_set_live(struct evloop *l,
                     const struct http_live *live,
                     void *owner,
                     void (*release)(void *))
{
    struct live_slot *old = l->slot;

    l->slot = must_calloc(1, sizeof(*l->slot));
    *l->slot = (struct live_slot){.live = live, .owner = owner, .release = release};
    l->base.live = live;
    slot_retire(old);
}

/*
 * libh2o walks the list of all timeouts twice a turn; TLS, HTTP/2, proxying and throttling,
 * which are not here, have five of the eight. In a list of our own they cost nothing (150
 * instructions a request that comes alone), and h2o_context_dispose takes them out of any.
 */
static void set_timeouts_aside(struct evloop *l)
{
    h2o_timeout_t *const unused[] = {
        &l->ctx.hundred_ms_timeout, &l->ctx.handshake_timeout,
        &l->ctx.http2.idle_timeout, &l->ctx.http2.graceful_shutdown_timeout,
        &l->ctx.proxy.io_timeout,
    };

    h2o_linklist_init_anchor(&l->unused);
    for (size_t i = 0; i < ARRAY_LEN(unused); i++) {
        h2o_linklist_unlink(&unused[i]->_link);
        h2o_linklist_insert(&l->unused, &unused[i]->_link);
    }
}

void evloop_init(struct evloop *l, h2o_globalconf_t *conf, const struct loop *base)
{
    *l = (struct evloop){
        .tag = EVLOOP_TAG, .base = *base, .write_timeout_ms = CONN_WRITE_TIMEOUT_MS};
    id_source_init(&l->base.ids);
    h2o_linklist_init_anchor(&l->conns);
    h2o_context_init(&l->ctx, h2o_evloop_create(), conf);
    set_timeouts_aside(l);
    l->accept_ctx = (h2o_accept_ctx_t){.ctx = &l->ctx, .hosts = conf->hosts};
    h2o_multithread_register_receiver(l->ctx.queue, &l->receiver, on_messages);
    l->now_ns = clock_mono_ns();
    l->tick_ns = l->now_ns + TICK_PERIOD_MS * NS_PER_MS;
}

static bool run_delayed(struct evloop *l)
{
    struct pending *p = delays_take(&l->delays, l->now_ns);
    bool any = p != NULL;

    for (; p != NULL; p = delays_take(&l->delays, l->now_ns))
        bridge_resume(p);
    return any;
}

void evloop_turn(struct evloop *l, int max_ms)
{
    int tick_ms = evloop_tick_wait(l);
    bool began;

    max_ms = delays_wait_ms(&l->delays, l->now_ns, max_ms < tick_ms ? max_ms : tick_ms);
    if (h2o_evloop_run(l->ctx.loop, max_ms) != 0)
        MUST(errno == EINTR);
    l->now_ns = clock_mono_ns();
    began = run_delayed(l);
    if (l->now_ns >= l->tick_ns) {
        evloop_tick(l);
        began = true;
    }
    /* What these began: libh2o runs callbacks only after a poll. */
    if (began)
        (void)h2o_evloop_run(l->ctx.loop, 0);
}

/* Their requests are gone: no connection is left. */
static void release_delayed(struct evloop *l)
{
    for (struct pending *p; (p = delays_take(&l->delays, UINT64_MAX)) != NULL;) {
        MUST(p->rq == NULL);
        bridge_resume(p);
    }
    delays_release(&l->delays);
}

void evloop_release(struct evloop *l)
{
    h2o_evloop_t *loop = l->ctx.loop;

    for (unsigned i = 0; i < EVLOOP_CLOSE_TURNS && l->n_conns > 0; i++) {
        evloop_cut(l);
        evloop_turn(l, 10);
    }
    if (l->n_conns > 0)
        return;
    release_delayed(l);
    slot_retire(l->slot);
    /* Linked by h2o_context_request_shutdown. */
    h2o_timeout_unlink(&l->ctx.http2._graceful_shutdown_timeout);
    h2o_multithread_unregister_receiver(l->ctx.queue, &l->receiver);
    h2o_context_dispose(&l->ctx);
    (void)h2o_evloop_run(loop, 0); /* frees the sockets closed above */
    h2o_evloop_destroy(loop);
}
