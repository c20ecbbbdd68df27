/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a request head. The first byte chooses whether a field names the client. What
 * passes must be what every parser reads alike: one blank line, no stray CR, LF or NUL, one Host,
 * one framing. And to every head, what the slow reference says.
 */
#include "tests/fuzz/head_reference.h"

#include <stdlib.h>

static void check_slice(struct slice raw, struct slice s)
{
    if (s.p != NULL)
        MUST(s.p >= raw.p && s.n <= raw.n && s.p + s.n <= raw.p + raw.n);
    else
        MUST(s.n == 0);
}

static void check_slices(struct slice raw, const struct head *h)
{
    const struct slice all[] = {h->target,         h->path,
                                h->query,          h->host,
                                h->content_type,   h->content_encoding,
                                h->accept,         h->accept_encoding,
                                h->user_agent,     h->origin,
                                h->correlation_id, h->request_id,
                                h->traceparent,    h->idempotency_key,
                                h->client_ip,      h->name,
                                h->if_none_match,  h->access_control_request_method};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        check_slice(raw, all[i]);
    MUST(h->size <= raw.n);
    MUST(h->refusal < REFUSALS && h->method <= HTTP_METHOD_UNKNOWN && h->minor <= 9);
    MUST((h->correlation_count > 0) == (h->correlation_id.p != NULL));
    MUST((h->request_id_count > 0) == (h->request_id.p != NULL));
    MUST((h->key_count > 0) == (h->idempotency_key.p != NULL));
    MUST((h->client_ip_count > 0) == (h->client_ip.p != NULL));
    MUST((h->origin_count > 0) == (h->origin.p != NULL));
}

/* Fields called `name`, found the plain way: lines that start with it and a colon. */
static size_t count_fields(struct slice head, struct slice name)
{
    size_t n = 0;

    while (head.p != NULL) {
        struct slice line = slice_cut(&head, '\n'), key = slice_cut(&line, ':');

        n += line.p != NULL && slice_eq_nocase(key, name);
    }
    return n;
}

/* Every LF behind a CR, every CR before an LF, no NUL, and the blank line only at the end. */
static void check_bytes(struct slice head)
{
    MUST(head.n >= 4 && memcmp(head.p + head.n - 4, "\r\n\r\n", 4) == 0);
    MUST(memmem(head.p, head.n - 1, "\r\n\r\n", 4) == NULL);
    MUST(memchr(head.p, '\0', head.n) == NULL && memchr(head.p, '\x7f', head.n) == NULL);
    for (size_t i = 0; i < head.n; i++) {
        MUST(head.p[i] != '\r' || head.p[i + 1] == '\n');
        MUST(head.p[i] != '\n' || (i > 0 && head.p[i - 1] == '\r'));
    }
}

static void check_request_line(const struct head *h)
{
    MUST(h->method < HTTP_METHODS);
    MUST(h->target.n > 0 && h->target.n <= HEAD_TARGET_MAX);
    MUST(h->path.p[0] == '/' || (h->method == HTTP_OPTIONS && slice_eq(h->path, SLICE_LIT("*"))));
}

static void check_fields(struct slice head, const struct head *h)
{
    struct slice name = SLICE_NONE;
    size_t hosts = count_fields(head, SLICE_LIT("host"));
    size_t lengths = count_fields(head, SLICE_LIT("content-length"));

    MUST(hosts == 1 || (hosts == 0 && h->minor == 0));
    MUST(hosts == 0 || (head_host_valid(h->host, &name) && slice_eq(name, h->name)));
    MUST(lengths <= 1 && h->has_length == (lengths == 1));
    MUST(!h->chunked && count_fields(head, SLICE_LIT("transfer-encoding")) == 0);
}

static void check_accepted(struct slice head, const struct head *h)
{
    MUST(head.n <= HEAD_MAX);
    check_bytes(head);
    check_request_line(h);
    check_fields(head, h);
}

static void check_same(struct slice raw, struct slice client_ip_name, const struct head *h)
{
    struct slice name = SLICE_NONE, again = SLICE_NONE;
    struct head ref;

    ref_scan(raw, client_ip_name, &ref);
    MUST(memcmp(h, &ref, sizeof(ref)) == 0);
    MUST(head_host_valid(raw, &name) == ref_host_valid(raw, &again));
    MUST(name.p == again.p && name.n == again.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice client_ip_name =
        size > 0 && data[0] % 2 == 0 ? SLICE_LIT("x-real-ip") : SLICE_NONE;
    struct slice raw = {(const char *)data, size};
    struct head h, again;

    memset(&h, 0xaa, sizeof(h));
    head_scan(raw, client_ip_name, &h);
    check_slices(raw, &h);
    check_same(raw, client_ip_name, &h);
    if (h.refusal != REFUSED_NOT)
        return 0;
    check_accepted((struct slice){raw.p, h.size}, &h);
    head_scan((struct slice){raw.p, h.size}, client_ip_name,
              &again); /* what follows is no matter */
    MUST(again.refusal == REFUSED_NOT && again.size == h.size);
    return 0;
}
