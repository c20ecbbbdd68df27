/* SPDX-License-Identifier: MIT */
/*
 * The head scanner. libh2o has already parsed the head when this runs; what is checked here is what it accepts and others
 * read differently, so the two together are strict. libh2o lower-cases field names in place, which is why names compare
 * without case.
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

static bool digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool letter_or_digit(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || digit(c);
}

/* A token (RFC 9110, 5.6.2). */
static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!letter_or_digit((unsigned char)s.p[i]) &&
            (s.p[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s.p[i]) == NULL))
            return false;
    return s.n > 0;
}

static bool all_digits(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!digit((unsigned char)s.p[i]))
            return false;
    return true;
}

/* True when no byte is a control; HTAB may stand inside a field value. Eight bytes at a time: the whole head passes through here. */
static bool no_controls(struct slice s, bool tab_ok)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
    size_t i = 0;
    uint64_t w;

    for (; i + 8 <= s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        /* A byte below 0x20 borrows into its top bit; a byte of 0x7f becomes zero after the xor. Hits are checked below. */
        if ((((w - ones * 0x20) | ((w ^ (ones * 0x7f)) - ones)) & ~w & tops) != 0)
            break;
    }
    for (; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && !(tab_ok && c == '\t')) || c == 0x7f)
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
 * Visible ASCII without '#' and '\'. A '%' that decodes to a control byte is as bad as the byte
 * itself: in a path all of them, in a query only NUL (forms send %0A there).
 */
static bool target_chars_valid(struct slice t, bool path)
{
    for (size_t i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\')
            return false;
        if (c == '%' && i + 2 < t.n && decodes_to_control(t.p + i + 1, path))
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
    if (method.n == 0 || !no_controls(method, false))
        refuse(h, REFUSED_SYNTAX);
    if (h->method == HTTP_METHOD_UNKNOWN)
        refuse(h, REFUSED_METHOD);
    scan_target(h);
}

/* What a field we know does to the scan. */
enum field {
    FIELD_SLICE,   /* remember the value; the last one counts */
    FIELD_COUNTED, /* remember it and count it, as it must come once */
    FIELD_HOST,
    FIELD_LENGTH,
    FIELD_ENCODING,
    FIELD_FORWARDED, /* only that it was there */
    FIELD_CONNECTION,
    FIELD_EXPECT,
};

#define AT(member) offsetof(struct head, member)
static const struct known {
    const char *name;
    uint8_t len;
    uint8_t kind;
    uint16_t value, count; /* offsets into struct head */
} known[] = {
    {"host",              4,  FIELD_HOST,       0,                    0                    },
    {"accept",            6,  FIELD_SLICE,      AT(accept),           0                    },
    {"expect",            6,  FIELD_EXPECT,     0,                    0                    },
    {"origin",            6,  FIELD_SLICE,      AT(origin),           0                    },
    {"x-real-ip",         9,  FIELD_FORWARDED,  0,                    0                    },
    {"forwarded",         9,  FIELD_FORWARDED,  0,                    0                    },
    {"connection",        10, FIELD_CONNECTION, 0,                    0                    },
    {"user-agent",        10, FIELD_SLICE,      AT(user_agent),       0                    },
    {"traceparent",       11, FIELD_SLICE,      AT(traceparent),      0                    },
    {"content-type",      12, FIELD_COUNTED,    AT(content_type),     AT(type_count)       },
    {"x-request-id",      12, FIELD_COUNTED,    AT(request_id),       AT(request_id_count) },
    {"content-length",    14, FIELD_LENGTH,     0,                    0                    },
    {"accept-encoding",   15, FIELD_SLICE,      AT(accept_encoding),  0                    },
    {"idempotency-key",   15, FIELD_COUNTED,    AT(idempotency_key),  AT(key_count)        },
    {"x-forwarded-for",   15, FIELD_FORWARDED,  0,                    0                    },
    {"content-encoding",  16, FIELD_COUNTED,    AT(content_encoding), AT(encoding_count)   },
    {"cf-connecting-ip",  16, FIELD_FORWARDED,  0,                    0                    },
    {"x-correlation-id",  16, FIELD_COUNTED,    AT(correlation_id),   AT(correlation_count)},
    {"transfer-encoding", 17, FIELD_ENCODING,   0,                    0                    },
};
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
    switch ((enum field)k->kind) {
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
    case FIELD_CONNECTION:
        s->h->close = s->h->close || lists_close(value);
        break;
    case FIELD_EXPECT:
        if (!slice_eq_nocase(value, SLICE_LIT("100-continue")))
            refuse(s->h, REFUSED_EXPECTATION);
        break;
    }
}

static void apply_known(struct scan *s, struct slice name, struct slice value)
{
    for (size_t i = 0; i < ARRAY_LEN(known) && known[i].len <= name.n; i++)
        if (known[i].len == name.n &&
            slice_eq_nocase(name, (struct slice){known[i].name, known[i].len}))
            apply_field(s, &known[i], value);
}

/* The field that may name the client; which one that is, the configuration says. */
static void apply_client_ip(struct scan *s, struct slice name, struct slice value)
{
    struct head *h = s->h;

    if (s->client_ip_name.n != name.n || !slice_eq_nocase(name, s->client_ip_name))
        return;
    h->client_ip = value;
    h->forwarded = true;
    if (h->client_ip_count < UINT8_MAX)
        h->client_ip_count++;
}

static void scan_field(struct scan *s, struct slice line)
{
    struct slice value = line, name = slice_cut(&value, ':');

    if (value.p == NULL || !is_token(name)) {
        refuse(s->h, REFUSED_SYNTAX);
        return;
    }
    value = slice_trim(value);
    if (value.n > HEAD_FIELD_MAX)
        refuse(s->h, REFUSED_HEAD_TOO_LARGE);
    if (!no_controls(value, true))
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

static bool host_char(unsigned char c)
{
    return letter_or_digit(c) || c == '.' || c == '-' || c == '_';
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
        while (name.n < host.n && host_char((unsigned char)host.p[name.n]))
            name.n++;
        port = (struct slice){host.p + name.n, host.n - name.n};
    }
    if (name.n == 0 || name.n > 253 || !port_valid(port))
        return false;
    *ret_name = name;
    return true;
}

/* What only the whole head tells: how the body is framed (RFC 9112, 6.3), and Host (RFC 9112, 3.2). */
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
    if (s.rest.n >= 2 && s.rest.p[0] == '\r' &&
        s.rest.p[1] == '\n') { /* one empty line is forgiven (RFC 9112, 2.2) */
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
