/* SPDX-License-Identifier: MIT */
/* Scanning a head in a block of exactly its size, so that a sanitizer sees a read past the end. */
#ifndef SIDELIGHT_TESTS_HTTP_SCAN_H
#define SIDELIGHT_TESTS_HTTP_SCAN_H

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "http/head.h"

#include <stdlib.h>

#define RAW(text)                 \
    {                             \
        "" text, sizeof(text) - 1 \
    }
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST /contact HTTP/1.1\r\nHost: a\r\n"
#define END "\r\n"
/* Whole heads: a GET or a POST with more fields, and any request line. */
#define FIELDS(fields) RAW(GET fields END)
#define POSTED(fields) RAW(POST fields END)
#define LINE(line) RAW(line "\r\nHost: a\r\n\r\n")

struct scanned {
    char *copy;
    struct head head;
};

static UNUSED struct scanned scan_as(struct slice raw, struct slice client_ip_name)
{
    struct scanned s = {.copy = must_calloc(1, raw.n > 0 ? raw.n : 1)};

    (void)fmt_slice(s.copy, raw);
    memset(&s.head, 0xaa, sizeof(s.head)); /* everything must be set */
    head_scan((struct slice){s.copy, raw.n}, client_ip_name, &s.head);
    return s;
}

static UNUSED struct scanned scan(struct slice raw)
{
    return scan_as(raw, SLICE_NONE);
}

static UNUSED enum refusal refusal_of(struct slice raw)
{
    struct scanned s = scan(raw);

    free(s.copy);
    return s.head.refusal;
}

struct head_row {
    const char *what;
    struct slice raw;
};

static UNUSED void check_rows(const struct head_row *rows, size_t n, enum refusal want)
{
    for (size_t i = 0; i < n; i++) {
        enum refusal got = refusal_of(rows[i].raw);

        if (got != want)
            fail_msg("%s: refusal %d, want %d", rows[i].what, (int)got, (int)want);
    }
}

/* Where `target` goes in a GET. */
static UNUSED enum refusal refusal_of_target(struct slice target)
{
    struct buf b = BUF_INIT;
    enum refusal got;

    buf_add_str(&b, "GET ");
    buf_add_slice(&b, target);
    buf_add_str(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
    got = refusal_of((struct slice){b.data, b.len});
    buf_release(&b);
    return got;
}

/* One field added to a POST. */
static UNUSED enum refusal refusal_with(const char *name, struct slice value)
{
    struct buf b = BUF_INIT;
    enum refusal got;

    buf_add_str(&b, POST);
    buf_addf(&b, "%s: ", name);
    buf_add_slice(&b, value);
    buf_add_str(&b, "\r\n\r\n");
    got = refusal_of((struct slice){b.data, b.len});
    buf_release(&b);
    return got;
}

#endif
