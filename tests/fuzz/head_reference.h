/* SPDX-License-Identifier: MIT */
/*
 * The head scanner again, slow and obvious: a line at a time, a byte at a time, one rule after the
 * other. head_scan must give the same answer to every head, down to the last pointer. Nothing of
 * src/http/head.c is used here, and what both need to know is said twice on purpose.
 */
#ifndef SIDELIGHT_TESTS_HEAD_REFERENCE_H
#define SIDELIGHT_TESTS_HEAD_REFERENCE_H

#include "base/net.h"
#include "http/head.h"

#include <ctype.h>

struct ref {
    struct slice rest;
    struct slice client_ip_name;
    unsigned hosts, lengths, encodings;
    struct slice encoding;
    struct head *h;
};

static void ref_refuse(struct head *h, enum refusal why)
{
    if (h->refusal == REFUSED_NOT)
        h->refusal = why;
}

static bool ref_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool ref_is_word(char c)
{
    return ref_is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool ref_is_one_of(char c, const char *list)
{
    return c != '\0' && strchr(list, c) != NULL;
}

static bool ref_is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ref_is_word(s.p[i]) && !ref_is_one_of(s.p[i], "!#$%&'*+-.^_`|~"))
            return false;
    return s.n > 0;
}

static bool ref_all_digits(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ref_is_digit(s.p[i]))
            return false;
    return true;
}

/* Controls but those in `except`. */
static bool ref_has_control(struct slice s, const char *except)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) && !ref_is_one_of(s.p[i], except))
            return true;
    return false;
}

static char ref_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool ref_same(struct slice s, const char *lower)
{
    if (s.n != strlen(lower))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (ref_lower(s.p[i]) != lower[i])
            return false;
    return true;
}

static struct slice ref_trim(struct slice s)
{
    for (; s.n > 0 && ref_is_one_of(s.p[0], " \t"); s.n--)
        s.p++;
    while (s.n > 0 && ref_is_one_of(s.p[s.n - 1], " \t"))
        s.n--;
    return s;
}

/* Up to the first `sep`, which goes, too; without one, all, and the rest is none. */
static struct slice ref_cut(struct slice *rest, char sep)
{
    struct slice part = {rest->p, 0};

    while (part.n < rest->n && part.p[part.n] != sep)
        part.n++;
    *rest =
        part.n == rest->n ? SLICE_NONE : (struct slice){rest->p + part.n + 1, rest->n - part.n - 1};
    return part;
}

/* A line ends with the first LF, and that stands behind a CR. */
static bool ref_line(struct ref *r, struct slice *ret)
{
    struct slice rest = r->rest, line = ref_cut(&rest, '\n');

    if (rest.p == NULL || line.n == 0 || line.p[line.n - 1] != '\r')
        return false;
    *ret = (struct slice){line.p, line.n - 1};
    r->rest = rest;
    return true;
}

static bool ref_escape_refused(const char *digits, bool path)
{
    if (digits[0] == '0' && digits[1] == '0')
        return true;
    return path && (digits[0] == '0' || digits[0] == '1' ||
                    (digits[0] == '7' && ref_is_one_of(digits[1], "fF")));
}

static bool ref_target_bytes_valid(struct slice t, bool path)
{
    for (size_t i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\')
            return false;
        if (t.p[i] != '%')
            continue;
        if (i + 2 >= t.n || !isxdigit((unsigned char)t.p[i + 1]) ||
            !isxdigit((unsigned char)t.p[i + 2])) {
            if (path)
                return false;
        } else if (ref_escape_refused(t.p + i + 1, path)) {
            return false;
        }
    }
    return true;
}

static void ref_target(struct head *h)
{
    struct slice query = h->target;

    if (h->target.n > HEAD_TARGET_MAX) {
        ref_refuse(h, REFUSED_TARGET_TOO_LONG);
        return;
    }
    h->path = ref_cut(&query, '?');
    h->query = query;
    if (h->method == HTTP_OPTIONS && h->target.n == 1 && h->target.p[0] == '*')
        return;
    if (h->target.n == 0 || h->target.p[0] != '/' || !ref_target_bytes_valid(h->path, true) ||
        !ref_target_bytes_valid(h->query, false))
        ref_refuse(h, REFUSED_TARGET);
}

static enum http_method ref_method(struct slice s)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

    for (unsigned m = 0; m < ARRAY_LEN(names); m++)
        if (slice_eq(s, slice_str(names[m])))
            return (enum http_method)m;
    return HTTP_METHOD_UNKNOWN;
}

static void ref_request_line(struct slice line, struct head *h)
{
    struct slice rest = line, method = ref_cut(&rest, ' '), start;

    if (rest.p == NULL) {
        ref_refuse(h, REFUSED_SYNTAX);
        return;
    }
    h->method = ref_method(method);
    h->target = ref_cut(&rest, ' ');
    start = (struct slice){rest.p, rest.n == 8 ? 7 : 0};
    if (!slice_eq(start, SLICE_LIT("HTTP/1.")) || !ref_is_digit(rest.p[7])) {
        ref_refuse(h, REFUSED_SYNTAX);
        return;
    }
    h->minor = (uint8_t)(rest.p[7] - '0');
    if (h->method == HTTP_METHOD_UNKNOWN)
        ref_refuse(h,
                   method.n > 0 && !ref_has_control(method, "") ? REFUSED_METHOD : REFUSED_SYNTAX);
    ref_target(h);
}

/* Fields whose value is kept; those with a count may come once only. */
static void ref_keep(struct head *h, struct slice name, struct slice value)
{
    const struct {
        const char *name;
        struct slice *value;
        uint8_t *count;
    } kept[] = {
        {"accept",                        &h->accept,                        NULL                 },
        {"accept-encoding",               &h->accept_encoding,               NULL                 },
        {"access-control-request-method", &h->access_control_request_method, NULL                 },
        {"content-encoding",              &h->content_encoding,              &h->encoding_count   },
        {"content-type",                  &h->content_type,                  &h->type_count       },
        {"host",                          &h->host,                          NULL                 },
        {"idempotency-key",               &h->idempotency_key,               &h->key_count        },
        {"if-none-match",                 &h->if_none_match,                 NULL                 },
        {"origin",                        &h->origin,                        &h->origin_count     },
        {"sec-fetch-site",                &h->sec_fetch_site,                NULL                 },
        {"traceparent",                   &h->traceparent,                   NULL                 },
        {"user-agent",                    &h->user_agent,                    NULL                 },
        {"x-correlation-id",              &h->correlation_id,                &h->correlation_count},
        {"x-request-id",                  &h->request_id,                    &h->request_id_count },
    };

    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        if (!ref_same(name, kept[i].name))
            continue;
        *kept[i].value = value;
        if (kept[i].count != NULL && *kept[i].count < 255)
            (*kept[i].count)++;
    }
}

static bool ref_any(struct slice name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ref_same(name, names[i]))
            return true;
    return false;
}

static bool ref_lists_close(struct slice list)
{
    while (list.p != NULL)
        if (ref_same(ref_trim(ref_cut(&list, ',')), "close"))
            return true;
    return false;
}

static void ref_apply(struct ref *r, struct slice name, struct slice value)
{
    static const char *const forwarded[] = {"forwarded", "x-real-ip", "x-forwarded-for",
                                            "cf-connecting-ip"};
    static const char *const proxied[] = {"via", "x-forwarded-host", "x-forwarded-proto"};
    struct head *h = r->h;

    ref_keep(h, name, value);
    r->hosts += ref_same(name, "host");
    if (ref_same(name, "content-length")) {
        r->lengths++;
        if (value.n == 0 || value.n > 19 || !ref_all_digits(value))
            ref_refuse(h, REFUSED_FRAMING);
    }
    if (ref_same(name, "transfer-encoding")) {
        r->encodings++;
        r->encoding = value;
    }
    if (ref_any(name, forwarded, ARRAY_LEN(forwarded)))
        h->forwarded = true;
    if (ref_any(name, proxied, ARRAY_LEN(proxied)))
        h->proxied = true;
    if (ref_same(name, "connection") && ref_lists_close(value))
        h->close = true;
    if (ref_same(name, "expect") && !ref_same(value, "100-continue"))
        ref_refuse(h, REFUSED_EXPECTATION);
    if (r->client_ip_name.n > 0 && slice_eq_nocase(name, r->client_ip_name)) {
        h->client_ip = value;
        h->forwarded = true;
        if (h->client_ip_count < 255)
            h->client_ip_count++;
    }
}

/* Obs-fold (RFC 9112, 5.2) has no name either. */
static void ref_field(struct ref *r, struct slice line)
{
    struct slice value = line, name = ref_cut(&value, ':');

    if (value.p == NULL || !ref_is_token(name)) {
        ref_refuse(r->h, REFUSED_SYNTAX);
        return;
    }
    value = ref_trim(value);
    if (value.n > HEAD_FIELD_MAX)
        ref_refuse(r->h, REFUSED_HEAD_TOO_LARGE);
    if (ref_has_control(value, "\t"))
        ref_refuse(r->h, REFUSED_SYNTAX);
    ref_apply(r, name, value);
}

static void ref_fields(struct ref *r)
{
    struct slice line;

    for (size_t n = 1;; n++) {
        if (!ref_line(r, &line)) {
            ref_refuse(r->h, REFUSED_SYNTAX);
            return;
        }
        if (line.n == 0)
            return;
        if (n > HEAD_FIELDS_MAX)
            ref_refuse(r->h, REFUSED_HEAD_TOO_LARGE);
        ref_field(r, line);
    }
}

static bool ref_host_valid(struct slice host, struct slice *ret_name)
{
    struct slice name, port = host;

    if (host.n > 0 && host.p[0] == '[') {
        struct slice inner;
        struct ip ip;

        (void)ref_cut(&port, '[');
        name = inner = ref_cut(&port, ']');
        if (port.p == NULL || !ip_parse(name, &ip))
            return false;
        (void)ref_cut(&inner, ':');
        if (inner.p == NULL || ref_cut(&port, ':').n > 0) /* IPv4, or something before the colon */
            return false;
    } else {
        name = ref_cut(&port, ':');
        for (size_t i = 0; i < name.n; i++)
            if (!ref_is_word(name.p[i]) && !ref_is_one_of(name.p[i], "-._"))
                return false;
    }
    if (name.n == 0 || name.n > 253 || port.n > 5 || !ref_all_digits(port))
        return false;
    *ret_name = name;
    return true;
}

static void ref_whole(struct ref *r)
{
    struct head *h = r->h;

    h->has_length = r->lengths > 0;
    h->chunked = r->encodings > 0;
    if (r->lengths + r->encodings > 1)
        ref_refuse(h, REFUSED_FRAMING);
    if (h->chunked && (h->minor == 0 || !ref_same(r->encoding, "chunked")))
        ref_refuse(h, REFUSED_FRAMING);
    if (r->hosts > 1 || (r->hosts == 0 && h->minor > 0) ||
        (r->hosts == 1 && !ref_host_valid(h->host, &h->name)))
        ref_refuse(h, REFUSED_HOST);
    if (h->size > HEAD_MAX)
        ref_refuse(h, REFUSED_HEAD_TOO_LARGE);
    if (h->chunked)
        ref_refuse(h, REFUSED_LENGTH_REQUIRED);
}

/* As head_scan. */
static UNUSED void ref_scan(struct slice raw, struct slice client_ip_name, struct head *ret)
{
    struct ref r = {.rest = raw, .client_ip_name = client_ip_name, .h = ret};
    struct slice line;

    memset(ret, 0, sizeof(*ret)); /* what lies between the members, too: memcmp compares them */
    ret->method = HTTP_METHOD_UNKNOWN;
    if (raw.n >= 2 && memcmp(raw.p, "\r\n", 2) == 0)
        r.rest = (struct slice){raw.p + 2, raw.n - 2};
    if (r.rest.n == 0 || !ref_line(&r, &line) || line.n == 0) {
        ref_refuse(ret, REFUSED_SYNTAX);
        return;
    }
    ref_request_line(line, ret);
    ref_fields(&r);
    ret->size = raw.n - r.rest.n;
    ref_whole(&r);
}

#endif
