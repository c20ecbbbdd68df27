/* SPDX-License-Identifier: MIT */
/*
 * How answers are put together. Every answer passes through send(), which adds what all of them
 * carry: the correlation ID and nosniff.
 */
#include "base/clock.h"
#include "http/request.h"

void *request_alloc(struct request *rq, size_t n)
{
    return rq->transport->alloc(rq, n);
}

struct slice request_copy(struct request *rq, struct slice s)
{
    char *p = request_alloc(rq, s.n > 0 ? s.n : 1);

    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return (struct slice){p, s.n};
}

void answer_header(struct request *rq, const char *name, struct slice value)
{
    MUST(rq->status == 0 && rq->n_headers < ANSWER_HEADERS_MAX);
    MUST(slice_no_controls(value));
    rq->headers[rq->n_headers++] = (struct answer_header){name, value};
}

static void send(struct request *rq, unsigned status, struct slice content_type, struct slice body)
{
    MUST(rq->status == 0); /* a request is answered once */
    rq->status = status;
    rq->content_type = content_type;
    rq->answer = body;
    rq->transport->send(rq);
}

void answer(struct request *rq, unsigned status, const char *content_type, struct slice body)
{
    answer_borrowed(rq, status, content_type, request_copy(rq, body));
}

void answer_typed(struct request *rq, unsigned status, struct slice content_type, struct slice body)
{
    MUST((status != 204 && status != 304) || body.n == 0);
    send(rq, status, content_type, body);
}

void answer_json(struct request *rq, unsigned status, struct slice json)
{
    send(rq, status, SLICE_LIT("application/json"), request_copy(rq, json));
}

void answer_see_other(struct request *rq, struct slice location)
{
    answer_header(rq, "location", location);
    send(rq, 303, SLICE_NONE, SLICE_LIT(""));
}

/* Bytes that `fields` may take in the answer, all escaped. */
static size_t fields_room(const struct field_error *fields, size_t n)
{
    size_t room = 0;

    for (size_t i = 0; i < n; i++)
        room += FMT_JSON_BYTE * (strlen(fields[i].field) + strlen(fields[i].reason)) + 6;
    return room;
}

static char *put(char *p, const char *s)
{
    return fmt_slice(p, slice_str(s));
}

static char *put_fields(char *p, const struct field_error *fields, size_t n)
{
    p = put(p, ",\"fields\":{");
    for (size_t i = 0; i < n; i++) {
        p = put(p, i > 0 ? ",\"" : "\"");
        p = fmt_json(p, slice_str(fields[i].field));
        p = put(p, "\":\"");
        p = fmt_json(p, slice_str(fields[i].reason));
        *p++ = '"';
    }
    *p++ = '}';
    return p;
}

void answer_error_fields(struct request *rq,
                         unsigned status,
                         const char *code,
                         const char *message,
                         const struct field_error *fields,
                         size_t n)
{
    size_t room = FMT_JSON_BYTE * (strlen(code) + strlen(message)) + fields_room(fields, n) +
                  CORRELATION_ID_MAX + 96;
    char *text = request_alloc(rq, room), *p = text;

    p = put(p, "{\"error\":{\"code\":\"");
    p = fmt_json(p, slice_str(code));
    p = put(p, "\",\"message\":\"");
    p = fmt_json(p, slice_str(message));
    *p++ = '"';
    if (n > 0)
        p = put_fields(p, fields, n);
    p = put(p, "},\"correlation_id\":\"");
    p = fmt_slice(p, rq->correlation_id);
    p = put(p, "\"}");
    MUST((size_t)(p - text) <= room);
    send(rq, status, SLICE_LIT("application/json"), (struct slice){text, (size_t)(p - text)});
}

void answer_error(struct request *rq, unsigned status, const char *code, const char *message)
{
    answer_error_fields(rq, status, code, message, NULL, 0);
}

void answer_retry(
    struct request *rq, unsigned status, const char *code, const char *message, uint64_t wait_ns)
{
    uint64_t seconds = (wait_ns + NS_PER_SEC - 1) / NS_PER_SEC;
    char *text = request_alloc(rq, FMT_U64), *end = fmt_u64(text, seconds > 0 ? seconds : 1);

    answer_header(rq, "retry-after", (struct slice){text, (size_t)(end - text)});
    answer_error(rq, status, code, message);
}

void request_on_finish(struct request *rq, finish_fn *fn, void *arg)
{
    MUST(rq->on_finish == NULL);
    rq->on_finish = fn;
    rq->on_finish_arg = arg;
}
