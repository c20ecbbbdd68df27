/* SPDX-License-Identifier: MIT */
/* What clients send in headers and what ends up in logs: IDs, addresses, UTF-8 and JSON text. */
#include "base/buf.h"
#include "base/id.h"
#include "base/net.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Clean text for a log: valid UTF-8, without control bytes and bare quotes. */
static void check_clean(struct slice s)
{
    MUST(utf8_valid(s));
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        MUST(c >= 0x20 && c != 0x7f && c != '"');
        if (c == '\\')
            i++;
    }
}

static unsigned hex_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Reads one character of JSON text that fmt_json wrote; returns the bytes used. */
static size_t read_json_char(struct slice s, struct buf *out)
{
    static const char from[] = "\"\\nrtbf", to[] = "\"\\\n\r\t\b\f";

    if (s.p[0] != '\\') {
        buf_add_char(out, s.p[0]);
        return 1;
    }
    MUST(s.n >= 2);
    if (s.p[1] != 'u') {
        const char *at = strchr(from, s.p[1]);

        MUST(at != NULL);
        buf_add_char(out, to[at - from]);
        return 2;
    }
    MUST(s.n >= 6 && memcmp(s.p + 2, "00", 2) == 0);
    unsigned c = hex_value(s.p[4]) * 16 + hex_value(s.p[5]);
    if (c >= 0x80)
        buf_add_char(out, (char)0xc2);
    buf_add_char(out, (char)c);
    return 6;
}

/* Valid text comes back as it was. */
static void check_round_trip(struct slice original, struct slice json)
{
    struct buf back = BUF_INIT;

    while (json.n > 0) {
        size_t n = read_json_char(json, &back);

        json = (struct slice){json.p + n, json.n - n};
    }
    MUST(slice_eq(original, (struct slice){back.data, back.len}));
    buf_release(&back);
}

static void check_json(struct slice s)
{
    /* Exact sizes on the heap, so that a byte too many is seen. */
    char *dst = must_calloc(1, s.n * FMT_JSON_BYTE + 1);
    struct slice json = {dst, (size_t)(fmt_json(dst, s) - dst)};

    MUST(json.n <= s.n * FMT_JSON_BYTE);
    check_clean(json);
    if (utf8_valid(s))
        check_round_trip(s, json);
    free(dst);

    size_t room = 3 + (s.n > 0 ? (unsigned char)s.p[0] : 0);
    dst = must_calloc(1, room);
    json = (struct slice){dst, (size_t)(fmt_json_cut(dst, room, s) - dst)};
    MUST(json.n <= room);
    check_clean(json);
    free(dst);
}

static void check_utf8(struct slice s)
{
    struct slice rest = s;

    while (rest.n > 0) {
        size_t n = utf8_sequence(rest);

        if (n == 0)
            break;
        MUST(n <= 4 && n <= rest.n);
        rest = (struct slice){rest.p + n, rest.n - n};
    }
    MUST(utf8_valid(s) == (rest.n == 0));
}

static void check_id(struct slice s)
{
    if (!correlation_id_valid(s))
        return;
    MUST(s.n >= 1 && s.n <= CORRELATION_ID_MAX);
    for (size_t i = 0; i < s.n; i++)
        MUST(s.p[i] > ' ' && s.p[i] < 0x7f && strchr("\"\\,;:/%", s.p[i]) == NULL);
}

static void check_traceparent(struct slice s)
{
    struct slice trace = SLICE_NONE;

    if (traceparent_trace_id(s, &trace))
        MUST(trace.n == TRACE_ID_LEN && trace.p == s.p + 3 && correlation_id_valid(trace));
    else
        MUST(trace.p == NULL);
}

static void check_addresses(struct slice s)
{
    char text[IP_TEXT_MAX];
    struct ip ip, again;
    struct ip_net net;
    struct host_port hp;

    if (ip_parse(s, &ip)) {
        struct slice back = {text, (size_t)(ip_format(&ip, text) - text)};

        MUST(back.n <= IP_TEXT_MAX && ip_parse(back, &again));
        MUST(memcmp(&ip, &again, sizeof(ip)) == 0);
    }
    if (ip_net_parse(s, &net, NULL))
        MUST(net.bits <= 128 && ip_net_has(&net, 1, &net.addr));
    if (host_port_parse(s, &hp, NULL))
        MUST(hp.host.n > 0 && hp.host.p >= s.p && hp.host.p + hp.host.n < s.p + s.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};

    check_json(s);
    check_utf8(s);
    check_id(s);
    check_traceparent(s);
    check_addresses(s);
    return 0;
}
