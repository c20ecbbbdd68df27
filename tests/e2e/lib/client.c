/* SPDX-License-Identifier: MIT */
/* libcurl, plainly: one easy handle and one connection a request. */
#include "tests/e2e/lib/client.h"

#include "tests/e2e/lib/netns.h"

#include <curl/curl.h>
#include <stdlib.h>

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    buf_add(arg, data, size * n);
    return size * n;
}

/* The head of an earlier, interim answer makes room for the next. */
static size_t take_head(char *data, size_t size, size_t n, void *arg)
{
    struct buf *head = arg;

    if (head->len >= 4 && memcmp(head->data + head->len - 4, "\r\n\r\n", 4) == 0)
        buf_clear(head);
    buf_add(head, data, size * n);
    return size * n;
}

#define SET(option, value) MUST(curl_easy_setopt(curl, option, value) == CURLE_OK)

static void set_body(CURL *curl, const struct ask *ask)
{
    if (ask->body != NULL) {
        SET(CURLOPT_POSTFIELDSIZE, (long)strlen(ask->body));
        SET(CURLOPT_POSTFIELDS, ask->body);
    }
    if (ask->method != NULL && strcmp(ask->method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    else if (ask->method != NULL)
        SET(CURLOPT_CUSTOMREQUEST, ask->method);
}

static struct curl_slist *set_headers(CURL *curl, const struct ask *ask)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");

    for (size_t i = 0; ask->headers != NULL && ask->headers[i] != NULL; i++)
        headers = curl_slist_append(headers, ask->headers[i]);
    SET(CURLOPT_HTTPHEADER, headers);
    if (ask->gzip)
        SET(CURLOPT_ACCEPT_ENCODING, "gzip");
    return headers;
}

static curl_socket_t open_socket(void *arg, UNUSED curlsocktype purpose, struct curl_sockaddr *a)
{
    const struct ask *ask = arg;

    return netns_socket(ask->netns, a->family, a->socktype, a->protocol);
}

static void set_up(CURL *curl, unsigned port, const struct ask *ask)
{
    const char *host = ask->host != NULL ? ask->host : "127.0.0.1";
    char url[4096];

    (void)snprintf(url, sizeof(url), "http://%s:%u%s", host, port, ask->path);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_TIMEOUT_MS, ask->wait_ms > 0 ? (long)ask->wait_ms : (long)DEADLINE_MS);
    if (ask->source != NULL)
        SET(CURLOPT_INTERFACE, ask->source);
    set_body(curl, ask);
}

enum sent ask_port(unsigned port, const struct ask *ask, struct reply *ret)
{
    struct buf head = BUF_INIT, body = BUF_INIT;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers;
    enum sent result = SENT_BROKEN;
    CURLcode rc;

    MUST(curl != NULL);
    set_up(curl, port, ask);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, ask);
    headers = set_headers(curl, ask);
    SET(CURLOPT_HEADERFUNCTION, take_head);
    SET(CURLOPT_HEADERDATA, &head);
    SET(CURLOPT_WRITEFUNCTION, take);
    SET(CURLOPT_WRITEDATA, &body);
    rc = curl_easy_perform(curl);
    if (rc == CURLE_COULDNT_CONNECT)
        result = SENT_REFUSED;
    else if (rc == CURLE_OK && reply_parse(ret, head.data, head.len))
        result = SENT_ANSWERED;
    if (result == SENT_ANSWERED) {
        free(ret->body);
        (void)buf_cstr(&body);
        ret->body = body.data;
        ret->body_len = body.len;
        body = (struct buf)BUF_INIT;
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    buf_release(&head);
    buf_release(&body);
    return result;
}

static const struct reply *must_ask(struct server *s, unsigned port, const struct ask *ask)
{
    struct reply *r = reply_keep(s->f);
    enum sent sent = ask_port(port, ask, r);

    if (sent != SENT_ANSWERED)
        fail_msg("no answer to %s of %s on port %u",
                 ask->method != NULL ? ask->method : "the request", ask->path, port);
    return r;
}

const struct reply *ask(struct server *s, const struct ask *ask)
{
    return must_ask(s, s->public_port, ask);
}

const struct reply *ask_ops(struct server *s, const struct ask *ask)
{
    return must_ask(s, s->metrics_port, ask);
}

const struct reply *get(struct server *s, const char *path)
{
    return ASK(s, .path = path);
}

const struct reply *get_ops(struct server *s, const char *path)
{
    return ASK_OPS(s, .path = path);
}

const struct reply *post_json(struct server *s, const char *json)
{
    return ASK(s, .path = "/contact", .headers = HEADERS(JSON_TYPE), .body = json);
}

const struct reply *post_form(struct server *s, const char *form)
{
    return ASK(s, .path = "/contact", .headers = HEADERS(FORM_TYPE), .body = form);
}
