/* SPDX-License-Identifier: MIT */
/*
 * libh2o without duties: what Sidelight could at best cost, were its own work free. One handler, a body from
 * memory through a generator (no copy), content_length set (no chunks), no Server header, HTTP/2 off. Each
 * worker is a thread with an event loop and a listener of its own (SO_REUSEPORT).
 *
 *     h2o PORT WORKERS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <h2o.h>
#include <h2o/http1.h>

struct worker {
    h2o_context_t ctx;
    h2o_accept_ctx_t accept;
    int port;
};

static h2o_globalconf_t conf;

static int answer(h2o_req_t *req, int status, h2o_iovec_t body)
{
    static h2o_generator_t nothing_to_stop;

    req->res.status = status;
    req->res.content_length = body.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    h2o_start_response(req, &nothing_to_stop);
    h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
    return 0;
}

static int health(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    return answer(
        req, 200,
        h2o_iovec_init(H2O_STRLIT(
            "{\"status\":\"healthy\",\"uptime\":0.702,\"version\":\"0.1.0\",\"dependencies\":"
            "[{\"name\":\"store\",\"status\":\"healthy\",\"latency_ms\":0.015}]}")));
}

static int not_found(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    return answer(req, 404, h2o_iovec_init(H2O_STRLIT("{\"detail\":\"Not Found\"}")));
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    struct worker *w = listener->data;
    h2o_socket_t *sock;

    while (err == NULL && (sock = h2o_evloop_socket_accept(listener)) != NULL)
        h2o_accept(&w->accept, sock);
}

static int listen_on(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

    if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0) {
        perror("h2o: listen");
        exit(1);
    }
    return fd;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    h2o_socket_t *listener;

    h2o_context_init(&w->ctx, h2o_evloop_create(), &conf);
    w->accept = (h2o_accept_ctx_t){.ctx = &w->ctx, .hosts = conf.hosts};
    listener = h2o_evloop_socket_create(w->ctx.loop, listen_on(w->port), H2O_SOCKET_FLAG_DONT_READ);
    listener->data = w;
    h2o_socket_read_start(listener, on_accept);
    while (h2o_evloop_run(w->ctx.loop, INT32_MAX) == 0 || errno == EINTR)
        ;
    return NULL;
}

static void on_term(int sig)
{
    (void)sig;
    _exit(0);
}

int main(int argc, char **argv)
{
    int port = argc == 3 ? atoi(argv[1]) : 0, workers = argc == 3 ? atoi(argv[2]) : 0;
    h2o_hostconf_t *host;
    struct worker *w;

    if (port <= 0 || port > 65535 || workers <= 0 || workers > 64) {
        fprintf(stderr, "usage: h2o PORT WORKERS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_term);
    h2o_config_init(&conf);
    conf.http1.upgrade_to_http2 = 0;
    conf.http1.req_timeout = 3600 * 1000;
    conf.server_name = h2o_iovec_init(NULL, 0);
    host = h2o_config_register_host(&conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/health", 0), sizeof(h2o_handler_t))
        ->on_req = health;
    h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req =
        not_found;

    w = calloc((size_t)workers, sizeof(*w));
    if (w == NULL)
        return 1;
    for (int i = 0; i < workers; i++) {
        pthread_t thread;

        w[i].port = port;
        if (i + 1 == workers)
            run(&w[i]);
        if (pthread_create(&thread, NULL, run, &w[i]) != 0)
            return 1;
    }
    return 1;
}
