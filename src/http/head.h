/* SPDX-License-Identifier: MIT */
/*
 * A second, strict look at the raw head of a request (RFC 9112), in one pass: what libh2o lets
 * through but other parsers read differently is refused, and the header fields we use are picked up
 * on the way.
 *
 * It is a pure function over bytes. All slices point into them. A refusal keeps what was read
 * before it, so that the answer can carry the client's correlation ID.
 */
#ifndef SIDELIGHT_HTTP_HEAD_H
#define SIDELIGHT_HTTP_HEAD_H

#include "http/method.h"

enum {
    HEAD_MAX = 16 * 1024, /* bytes of a head, request line and blank line included; more is 431 */
    HEAD_FIELD_MAX = 8 * 1024, /* bytes of one header field's value; more is 431 */
    HEAD_FIELDS_MAX = 64, /* header fields; more is 431 (libh2o's own limit is 100, canned 400) */
    HEAD_TARGET_MAX = 2 * 1024, /* bytes of a request target; more is 414 */
};

/* Why a request is refused. One row each in guard.c: status, label, code, sentence. */
enum refusal {
    REFUSED_NOT,
    REFUSED_SYNTAX, /* 400: bare CR or LF, control bytes, obs-fold, a malformed request line */
    /* 400: conflicting, repeated or unreadable Content-Length or Transfer-Encoding */
    REFUSED_FRAMING,
    REFUSED_HOST,            /* 400: Host absent, repeated or malformed */
    REFUSED_TARGET,          /* 400: not origin-form, or with bytes no path may hold */
    REFUSED_METHOD,          /* 405: a method that is not on the list */
    REFUSED_LENGTH_REQUIRED, /* 411: Transfer-Encoding on a route of ours */
    REFUSED_BODY_TOO_LARGE,  /* 413: more than limits.body */
    REFUSED_TARGET_TOO_LONG, /* 414 */
    REFUSED_EXPECTATION,     /* 417: an Expect we do not know */
    REFUSED_MISDIRECTED,     /* 421: a Host that is not served here */
    REFUSED_HEAD_TOO_LARGE,  /* 431 */
    REFUSED_UNPARSED,        /* libh2o's own canned 400: counted, never answered by us */
    REFUSALS
};

struct head {
    enum refusal refusal; /* the first reason found */
    enum http_method method;
    uint8_t minor;            /* of HTTP/1.x */
    bool has_length, chunked; /* Content-Length, Transfer-Encoding present */
    bool forwarded;           /* some header that names a client for a proxy is present */
    bool proxied;             /* some other that only a proxy sends */
    bool close;               /* Connection lists close (RFC 9112, 9.6) */
    uint8_t correlation_count, request_id_count, key_count, client_ip_count;
    uint8_t origin_count;
    uint8_t type_count, encoding_count; /* Content-Type, Content-Encoding */
    size_t size;                        /* bytes up to and including the blank line */
    struct slice target;                /* as sent */
    struct slice path, query; /* of the target; query without '?', SLICE_NONE without one */
    struct slice host;
    struct slice content_type, content_encoding;
    struct slice accept, accept_encoding; /* of several fields only the last */
    struct slice user_agent;
    struct slice origin;         /* worth nothing unless origin_count is 1 */
    struct slice sec_fetch_site; /* of browsers: whose page asks */
    struct slice if_none_match;  /* a list; of several fields only the last */
    struct slice access_control_request_method;
    struct slice correlation_id, request_id; /* X-Correlation-ID, X-Request-ID */
    struct slice traceparent;
    struct slice idempotency_key;
    struct slice client_ip; /* the field named `client_ip_name` */
    struct slice name;      /* of Host, without the port */
};

/*
 * Reads the head at the start of `raw` (which may go on with a body). `client_ip_name` is the
 * lower-case name of the field with the client's address, or SLICE_NONE. On return ret->refusal
 * says whether the request may go on.
 */
void head_scan(struct slice raw, struct slice client_ip_name, struct head *ret);

/*
 * True when `host` (a Host value) is "name", "name:port", an IPv4 address or "[IPv6]:port";
 * *ret_name is the part before the port.
 */
bool head_host_valid(struct slice host, struct slice *ret_name);

#endif
