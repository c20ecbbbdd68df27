/* SPDX-License-Identifier: MIT */
/*
 * The head scanner. libh2o has already parsed the head when this runs; what is checked here is what
 * it accepts and others read differently, so the two together are strict. libh2o lower-cases field
 * names in place, which is why names compare without case.
 */
#include "http/head.h"

#include "base/net.h"

struct scan {
    struct slice rest;           /* not read yet */
    struct slice client_ip_name; /* lower case */
    unsigned hosts, lengths, encodings;
    struct slice encoding;
    struct head *h;
};

static void refuse(struct head *h, enum refusal why)
{
    if (h->refusal == REFUSED_NOT)
        h->refusal = why;
}

/* Sets of bytes: bit c % 64 of word c / 64. */
#define BIT(c) (UINT64_C(1) << ((c)&63))
#define RANGE(a, z) ((BIT(z) << 1) - BIT(a))

static const uint64_t digit_bytes[4] = {RANGE('0', '9')};
/* A token (RFC 9110, 5.6.2). */
static const uint64_t token_bytes[4] = {
    BIT('!') | RANGE('#', '\'') | BIT('*') | BIT('+') | BIT('-') | BIT('.') | RANGE('0', '9'),
    RANGE('A', 'Z') | RANGE('^', 'z') | BIT('|') | BIT('~'),
};
static const uint64_t host_bytes[4] = {
    BIT('-') | BIT('.') | RANGE('0', '9'),
    RANGE('A', 'Z') | BIT('_') | RANGE('a', 'z'),
};
/* Visible ASCII without '#' and '\', and without '%', which needs a second look. */
static const uint64_t target_bytes[4] = {
    BIT('!') | BIT('"') | BIT('$') | RANGE('&', '?'),
    RANGE('@', '[') | RANGE(']', '~'),
};

static bool in_set(const uint64_t set[4], char byte)
{
    unsigned char c = (unsigned char)byte;

    return (set[c >> 6] >> (c & 63) & 1) != 0;
}

/* How many bytes at the start of `s` are in the set. */
static size_t span(struct slice s, const uint64_t set[4])
{
    size_t n = 0;

    while (n < s.n && in_set(set, s.p[n]))
        n++;
    return n;
}

static bool all_digits(struct slice s)
{
    return span(s, digit_bytes) == s.n;
}

/* A field's value: no control but HTAB. */
static bool value_valid(struct slice s)
{
    if (slice_no_controls(s))
        return true;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/*
 * The next line without its CRLF. A line that ends in a bare LF, or has no end, is not one.
 */
static bool next_line(struct scan *s, struct slice *ret)
{
    const char *lf = memchr(s->rest.p, '\n', s->rest.n);
    size_t n;

    if (lf == NULL || lf == s->rest.p || lf[-1] != '\r')
        return false;
    n = (size_t)(lf - s->rest.p);
    *ret = (struct slice){s->rest.p, n - 1};
    s->rest.p += n + 1;
    s->rest.n -= n + 1;
    return true;
}

/* True when the two digits after a '%' stand for a control byte (`any`) or for NUL. */
static bool decodes_to_control(const char *digits, bool any)
{
    if (digits[0] == '0' && digits[1] == '0')
        return true;
    return any && (digits[0] == '0' || digits[0] == '1' ||
                   (digits[0] == '7' && (digits[1] == 'f' || digits[1] == 'F')));
}

/*
 * A '%' that decodes to a control byte is as bad as the byte itself: in a path all of them, in a
 * query only NUL (forms send %0A there).
 */
static bool target_chars_valid(struct slice t, bool path)
{
    for (size_t i = span(t, target_bytes); i < t.n; i++) {
        if (in_set(target_bytes, t.p[i]))
            continue;
        if (t.p[i] != '%' || (i + 2 < t.n && decodes_to_control(t.p + i + 1, path)))
            return false;
    }
    return true;
}

static void scan_target(struct head *h)
{
    const char *mark;

    if (h->target.n > HEAD_TARGET_MAX) {
        refuse(h, REFUSED_TARGET_TOO_LONG);
        return;
    }
    h->path = h->target;
    mark = memchr(h->target.p, '?', h->target.n);
    if (mark != NULL) {
        h->path.n = (size_t)(mark - h->target.p);
        h->query = (struct slice){mark + 1, h->target.n - h->path.n - 1};
    }
    if (h->method == HTTP_OPTIONS && slice_eq(h->target, SLICE_LIT("*")))
        return;
    if (h->target.n == 0 || h->target.p[0] != '/' || !target_chars_valid(h->path, true) ||
        !target_chars_valid(h->query, false))
        refuse(h, REFUSED_TARGET);
}

/* method SP target SP HTTP/1.x; exactly one space each (RFC 9112, 3). */
static void scan_request_line(struct slice line, struct head *h)
{
    struct slice rest = line, method = slice_cut(&rest, ' '), version;

    if (rest.p == NULL) {
        refuse(h, REFUSED_SYNTAX);
        return;
    }
    h->method = http_method_parse(method);
    h->target = slice_cut(&rest, ' ');
    version = rest;
    if (version.n != 8 || memcmp(version.p, "HTTP/1.", 7) != 0 || version.p[7] < '0' ||
        version.p[7] > '9') {
        refuse(h, REFUSED_SYNTAX);
        return;
    }
    h->minor = (uint8_t)(version.p[7] - '0');
    if (h->method == HTTP_METHOD_UNKNOWN)
        refuse(h, method.n > 0 && slice_no_controls(method) ? REFUSED_METHOD : REFUSED_SYNTAX);
    scan_target(h);
}

/* What a field we know does to the scan. */
enum field {
    FIELD_SLICE,   /* remember the value; the last one counts */
    FIELD_COUNTED, /* remember it and count it, as it must come once */
    FIELD_HOST,
    FIELD_LENGTH,
    FIELD_ENCODING,
    FIELD_FORWARDED, /* names the client; only that it was there */
    FIELD_PROXIED,   /* names none; only that it was there */
    FIELD_CONNECTION,
    FIELD_EXPECT,
};

/* By the length of the name, so that few are compared. */
enum { KNOWN_LENGTH_MAX = 29, KNOWN_SAME_MAX = 4 };
#define AT(member) offsetof(struct head, member)
/* clang-format off */
static const struct known {
    const char *name; /* lower case; NULL after the last of its length */
    enum field kind;
    uint16_t value, count; /* offsets into struct head */
} known[KNOWN_LENGTH_MAX + 1][KNOWN_SAME_MAX + 1] = {
    [3] = {{"via", FIELD_PROXIED, 0, 0}},
    [4] = {{"host", FIELD_HOST, 0, 0}},
    [6] = {{"accept", FIELD_SLICE, AT(accept), 0},
           {"expect", FIELD_EXPECT, 0, 0},
           {"origin", FIELD_COUNTED, AT(origin), AT(origin_count)}},
    [9] = {{"x-real-ip", FIELD_FORWARDED, 0, 0},
           {"forwarded", FIELD_FORWARDED, 0, 0}},
    [10] = {{"connection", FIELD_CONNECTION, 0, 0},
            {"user-agent", FIELD_SLICE, AT(user_agent), 0}},
    [11] = {{"traceparent", FIELD_SLICE, AT(traceparent), 0}},
    [12] = {{"content-type", FIELD_COUNTED, AT(content_type), AT(type_count)},
            {"x-request-id", FIELD_COUNTED, AT(request_id), AT(request_id_count)}},
    [13] = {{"if-none-match", FIELD_SLICE, AT(if_none_match), 0}},
    [14] = {{"content-length", FIELD_LENGTH, 0, 0},
            {"sec-fetch-site", FIELD_SLICE, AT(sec_fetch_site), 0}},
    [15] = {{"accept-encoding", FIELD_SLICE, AT(accept_encoding), 0},
            {"idempotency-key", FIELD_COUNTED, AT(idempotency_key), AT(key_count)},
            {"x-forwarded-for", FIELD_FORWARDED, 0, 0}},
    [16] = {{"content-encoding", FIELD_COUNTED, AT(content_encoding), AT(encoding_count)},
            {"cf-connecting-ip", FIELD_FORWARDED, 0, 0},
            {"x-correlation-id", FIELD_COUNTED, AT(correlation_id), AT(correlation_count)},
            {"x-forwarded-host", FIELD_PROXIED, 0, 0}},
    [17] = {{"transfer-encoding", FIELD_ENCODING, 0, 0},
            {"x-forwarded-proto", FIELD_PROXIED, 0, 0}},
    [29] = {{"access-control-request-method", FIELD_SLICE, AT(access_control_request_method), 0}},
};
/* clang-format on */
#undef AT

static void remember(struct head *h, const struct known *k, struct slice value)
{
    uint8_t *count = (uint8_t *)h + k->count;

    *(struct slice *)(void *)((char *)h + k->value) = value;
    if (k->kind == FIELD_COUNTED && *count < UINT8_MAX)
        (*count)++;
}

/* libh2o knows close only when it stands alone. */
static bool lists_close(struct slice list)
{
    while (list.p != NULL)
        if (slice_eq_nocase(slice_trim(slice_cut(&list, ',')), SLICE_LIT("close")))
            return true;
    return false;
}

static void apply_field(struct scan *s, const struct known *k, struct slice value)
{
    switch (k->kind) {
    case FIELD_SLICE:
    case FIELD_COUNTED:
        remember(s->h, k, value);
        break;
    case FIELD_HOST:
        s->hosts++;
        s->h->host = value;
        break;
    case FIELD_LENGTH:
        s->lengths++;
        if (value.n == 0 || value.n > 19 || !all_digits(value))
            refuse(s->h, REFUSED_FRAMING);
        break;
    case FIELD_ENCODING:
        s->encodings++;
        s->encoding = value;
        break;
    case FIELD_FORWARDED:
        s->h->forwarded = true;
        break;
    case FIELD_PROXIED:
        s->h->proxied = true;
        break;
    case FIELD_CONNECTION:
        s->h->close = s->h->close || lists_close(value);
        break;
    case FIELD_EXPECT:
        if (!slice_eq_nocase(value, SLICE_LIT("100-continue")))
            refuse(s->h, REFUSED_EXPECTATION);
        break;
    }
}

/*
 * `name` is a token and `lower`, of the same length, is made of a-z, 0-9 and '-': what a byte of a
 * token becomes when 0x20 is set is one of these only if it was that, or its capital.
 */
static bool same_name(struct slice name, const char *lower)
{
    for (size_t i = 0; i < name.n; i++)
        if ((name.p[i] | 0x20) != lower[i])
            return false;
    return true;
}

static void apply_known(struct scan *s, struct slice name, struct slice value)
{
    if (name.n > KNOWN_LENGTH_MAX)
        return;
    for (const struct known *k = known[name.n]; k->name != NULL; k++)
        if (same_name(name, k->name))
            apply_field(s, k, value);
}

/* The field that may name the client; which one that is, the configuration says. */
static void apply_client_ip(struct scan *s, struct slice name, struct slice value)
{
    struct head *h = s->h;

    if (s->client_ip_name.n != name.n || !same_name(name, s->client_ip_name.p))
        return;
    h->client_ip = value;
    h->forwarded = true;
    if (h->client_ip_count < UINT8_MAX)
        h->client_ip_count++;
}

static void scan_field(struct scan *s, struct slice line)
{
    struct slice name = {line.p, span(line, token_bytes)}, value;

    if (name.n == 0 || name.n == line.n || line.p[name.n] != ':') {
        refuse(s->h, REFUSED_SYNTAX);
        return;
    }
    value = slice_trim((struct slice){line.p + name.n + 1, line.n - name.n - 1});
    if (value.n > HEAD_FIELD_MAX)
        refuse(s->h, REFUSED_HEAD_TOO_LARGE);
    if (!value_valid(value))
        refuse(s->h, REFUSED_SYNTAX);
    apply_known(s, name, value);
    apply_client_ip(s, name, value);
}

static void scan_fields(struct scan *s)
{
    struct head *h = s->h;
    struct slice line;
    size_t n = 0;

    for (;;) {
        if (!next_line(s, &line)) {
            refuse(h, REFUSED_SYNTAX);
            return;
        }
        if (line.n == 0)
            return;
        if (++n > HEAD_FIELDS_MAX)
            refuse(h, REFUSED_HEAD_TOO_LARGE);
        if (line.p[0] == ' ' || line.p[0] == '\t')
            refuse(h, REFUSED_SYNTAX); /* obs-fold (RFC 9112, 5.2) */
        else
            scan_field(s, line);
    }
}

/* Nothing, or a colon and up to five digits. */
static bool port_valid(struct slice s)
{
    return s.n == 0 || (s.p[0] == ':' && s.n <= 6 && all_digits((struct slice){s.p + 1, s.n - 1}));
}

bool head_host_valid(struct slice host, struct slice *ret_name)
{
    struct slice name = {host.p, 0}, port;

    if (host.n > 0 && host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.n);
        struct ip ip;

        if (end == NULL)
            return false;
        name = (struct slice){host.p + 1, (size_t)(end - host.p) - 1};
        if (memchr(name.p, ':', name.n) == NULL || !ip_parse(name, &ip))
            return false;
        port = (struct slice){end + 1, host.n - name.n - 2};
    } else {
        name.n = span(host, host_bytes);
        port = (struct slice){host.p + name.n, host.n - name.n};
    }
    if (name.n == 0 || name.n > 253 || !port_valid(port))
        return false;
    *ret_name = name;
    return true;
}

/*
 * What only the whole head tells: how the body is framed (RFC 9112, 6.3), and Host (RFC 9112, 3.2).
 */
static void check_whole(struct scan *s)
{
    struct head *h = s->h;

    h->has_length = s->lengths > 0;
    h->chunked = s->encodings > 0;
    if (s->lengths > 1 || s->encodings > 1 || (s->lengths > 0 && s->encodings > 0) ||
        (s->encodings > 0 &&
         (h->minor == 0 || !slice_eq_nocase(s->encoding, SLICE_LIT("chunked")))))
        refuse(h, REFUSED_FRAMING);
    if (s->hosts > 1 || (s->hosts == 0 && h->minor > 0) ||
        (s->hosts == 1 && !head_host_valid(h->host, &h->name)))
        refuse(h, REFUSED_HOST);
    if (h->size > HEAD_MAX)
        refuse(h, REFUSED_HEAD_TOO_LARGE);
    if (h->chunked)
        refuse(h, REFUSED_LENGTH_REQUIRED);
}

void head_scan(struct slice raw, struct slice client_ip_name, struct head *ret)
{
    struct scan s = {.rest = raw, .client_ip_name = client_ip_name, .h = ret};
    struct slice line;

    *ret = (struct head){.method = HTTP_METHOD_UNKNOWN};
    /* One empty line is forgiven (RFC 9112, 2.2). */
    if (s.rest.n >= 2 && s.rest.p[0] == '\r' && s.rest.p[1] == '\n') {
        s.rest.p += 2;
        s.rest.n -= 2;
    }
    if (s.rest.n == 0 || !next_line(&s, &line) || line.n == 0) {
        refuse(ret, REFUSED_SYNTAX);
        return;
    }
    scan_request_line(line, ret);
    scan_fields(&s);
    ret->size = raw.n - s.rest.n;
    check_whole(&s);
}
