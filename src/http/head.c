/* SPDX-License-Identifier: MIT */
/*
 * The head scanner. libh2o has already parsed the head when this runs; what is checked here is what
 * it accepts and others read differently, so the two together are strict. libh2o lower-cases field
 * names in place, which is why names compare without case.
 *
 * It runs for every request. What nearly all of them look like is read in one pass, eight bytes at
 * a time where that pays: the three fields of wrk's request take 590 instructions, not 1,820, and a
 * browser's 17 take 3,200, not 8,000. What is rare is left to functions marked COLD, which are
 * plain. tests/fuzz/head_reference.h says the same slowly, and the two must agree.
 */
#include "http/head.h"

#include "base/net.h"
#include "base/swar.h"
#include "http/byte_set.h"
#include "http/request_line.h"

#define NOINLINE __attribute__((noinline))
#define COLD __attribute__((cold, noinline))

/* Functions out of line get none of it by address, so that the compiler keeps it in registers. */
struct scan {
    const char *p, *end;         /* what is not read yet */
    const char *last_word;       /* the last eight bytes, or NULL if there are fewer */
    struct slice client_ip_name; /* lower case */
    unsigned fields, hosts, lengths, encodings;
    struct slice encoding;
    struct head *h;
};

static void refuse(struct head *h, enum refusal why)
{
    if (h->refusal == REFUSED_NOT)
        h->refusal = why;
}

static inline bool all_digits(struct slice s)
{
    return byte_skip(s.p, s.p + s.n, DIGIT_BYTE) == s.p + s.n;
}

static bool is_crlf(const char *p)
{
    return memcmp(p, "\r\n", 2) == 0;
}

/* The eight bytes at p, with zeros behind the end of what there is. */
static inline uint64_t word_at(const struct scan *s, const char *p)
{
    uint64_t v = 0;

    if (p <= s->last_word)
        return swar_load(p);
    if (s->last_word != NULL)
        return p < s->end ? swar_load(s->last_word) >> 8 * (p - s->last_word) : 0;
    for (unsigned i = 0; p + i < s->end; i++)
        v |= (uint64_t)(unsigned char)p[i] << 8 * i;
    return v;
}

/* The CRLF of the line at p, or NULL: a line that ends in a bare LF, or has no end, is none. */
COLD static const char *find_crlf(const char *p, const char *end)
{
    const char *lf = memchr(p, '\n', (size_t)(end - p));

    return lf != NULL && lf > p && lf[-1] == '\r' ? lf - 1 : NULL;
}

/*
 * The request line of nearly every request: a method we know, a target without '%'. As its end need
 * not be found first, it takes 85 instructions, not 400. False: look closer, nothing was read.
 */
static inline bool scan_plain_request_line(struct scan *s)
{
    struct head *h = s->h;
    const char *target, *path_end, *end;
    enum http_method m = HTTP_GET;

    if (s->last_word == NULL || s->p > s->last_word)
        return false;
    if (memcmp(s->p, "GET ", 4) == 0) /* 30 instructions fewer for the usual one */
        target = s->p + 4;
    else {
        uint64_t spaces = swar_equal(swar_load(s->p), ' ');
        size_t n = spaces != 0 ? swar_first(spaces) : 0;

        m = http_method_parse((struct slice){s->p, n});
        target = s->p + n + 1;
    }
    path_end = end = byte_skip(target, s->end, PATH_BYTE);
    if (end < s->end && *end == '?')
        end = byte_skip(end, s->end, TARGET_BYTE);
    if (m == HTTP_METHOD_UNKNOWN || s->end - end < 11 || *target != '/' ||
        end - target > HEAD_TARGET_MAX || memcmp(end, " HTTP/1.", 8) != 0 ||
        !byte_in(end[8], DIGIT_BYTE) || !is_crlf(end + 9))
        return false;
    h->method = m;
    h->minor = (uint8_t)(end[8] - '0');
    h->target = (struct slice){target, (size_t)(end - target)};
    h->path = (struct slice){target, (size_t)(path_end - target)};
    if (end > path_end)
        h->query = (struct slice){path_end + 1, (size_t)(end - path_end) - 1};
    s->p = end + 11;
    return true;
}

/* What a field we know does to the scan. */
enum field {
    FIELD_UNKNOWN,
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

/* By the first letter of the name, so that few are compared; the most usual one first. */
enum { KNOWN_NAME_MAX = 30, KNOWN_SAME_MAX = 7 };
#define AT(member) offsetof(struct head, member)
#define NAME(name) name ":", sizeof(name), FIRST(sizeof(name))
#define FIRST(n) ((n) < 8 ? UINT64_MAX >> ((64 - 8 * (n)) & 63) : UINT64_MAX)
/* clang-format off */
static const struct known {
    char name[KNOWN_NAME_MAX + 1]; /* lower case, a-z and '-', and the colon */
    uint8_t n;                     /* bytes of it; 0 after the last of its letter */
    uint64_t first;                /* the bits that count of its first eight bytes */
    uint16_t kind;
    uint16_t value, count;         /* offsets into struct head */
} known[32][KNOWN_SAME_MAX + 1] = {
    ['a' & 31] = {{NAME("accept"), FIELD_SLICE, AT(accept), 0},
                  {NAME("accept-encoding"), FIELD_SLICE, AT(accept_encoding), 0},
                  {NAME("access-control-request-method"), FIELD_SLICE,
                   AT(access_control_request_method), 0}},
    ['c' & 31] = {{NAME("connection"), FIELD_CONNECTION, 0, 0},
                  {NAME("content-type"), FIELD_COUNTED, AT(content_type), AT(type_count)},
                  {NAME("content-length"), FIELD_LENGTH, 0, 0},
                  {NAME("content-encoding"), FIELD_COUNTED, AT(content_encoding),
                   AT(encoding_count)},
                  {NAME("cf-connecting-ip"), FIELD_FORWARDED, 0, 0}},
    ['e' & 31] = {{NAME("expect"), FIELD_EXPECT, 0, 0}},
    ['f' & 31] = {{NAME("forwarded"), FIELD_FORWARDED, 0, 0}},
    ['h' & 31] = {{NAME("host"), FIELD_HOST, 0, 0}},
    ['i' & 31] = {{NAME("if-none-match"), FIELD_SLICE, AT(if_none_match), 0},
                  {NAME("idempotency-key"), FIELD_COUNTED, AT(idempotency_key), AT(key_count)}},
    ['o' & 31] = {{NAME("origin"), FIELD_COUNTED, AT(origin), AT(origin_count)}},
    ['s' & 31] = {{NAME("sec-fetch-site"), FIELD_SLICE, AT(sec_fetch_site), 0}},
    ['t' & 31] = {{NAME("traceparent"), FIELD_SLICE, AT(traceparent), 0},
                  {NAME("transfer-encoding"), FIELD_ENCODING, 0, 0}},
    ['u' & 31] = {{NAME("user-agent"), FIELD_SLICE, AT(user_agent), 0}},
    ['v' & 31] = {{NAME("via"), FIELD_PROXIED, 0, 0}},
    ['x' & 31] = {{NAME("x-forwarded-for"), FIELD_FORWARDED, 0, 0},
                  {NAME("x-forwarded-proto"), FIELD_PROXIED, 0, 0},
                  {NAME("x-forwarded-host"), FIELD_PROXIED, 0, 0},
                  {NAME("x-real-ip"), FIELD_FORWARDED, 0, 0},
                  {NAME("x-correlation-id"), FIELD_COUNTED, AT(correlation_id),
                   AT(correlation_count)},
                  {NAME("x-request-id"), FIELD_COUNTED, AT(request_id), AT(request_id_count)}},
};
/* clang-format on */
#undef FIRST
#undef NAME
#undef AT

static void remember(struct head *h, const struct known *k, struct slice value)
{
    *(struct slice *)(void *)((char *)h + k->value) = value;
}

static void count(uint8_t *n)
{
    if (*n < UINT8_MAX)
        (*n)++;
}

/* libh2o knows close only when it stands alone. */
NOINLINE static bool lists_close(struct slice list)
{
    while (list.p != NULL)
        if (slice_eq_nocase(slice_trim(slice_cut(&list, ',')), SLICE_LIT("close")))
            return true;
    return false;
}

static inline void apply_field(struct scan *s, const struct known *k, struct slice value)
{
    switch ((enum field)k->kind) {
    case FIELD_UNKNOWN:
        break;
    case FIELD_SLICE:
        remember(s->h, k, value);
        break;
    case FIELD_COUNTED:
        remember(s->h, k, value);
        count((uint8_t *)s->h + k->count);
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
 * Zero if the word is `lower` (a-z, '-' and ':', and zeros) but for the case of letters: what has
 * 0x40 in it is a letter, and a capital is one that lacks 0x20.
 */
static inline uint64_t differs(uint64_t word, uint64_t lower)
{
    return (word | (lower >> 1 & SWAR_EVERY(0x20))) ^ lower;
}

/* The bytes of a name behind its first eight. */
static inline bool same_rest(const struct scan *s, const char *name, const struct known *k)
{
    uint64_t rest = 0;

    if (s->end - name < k->n)
        return false;
    for (size_t i = 8; i < k->n && rest == 0; i += 8) {
        size_t at = i + 8 <= k->n ? i : k->n - 8u; /* may overlap the one before */

        rest = differs(swar_load(name + at), swar_load(k->name + at));
    }
    return rest == 0;
}

/*
 * The known field whose name and colon stand at p, where the first eight bytes are `first`; else
 * the row after the last, which takes all. Ours are tokens: no byte need be asked for that.
 */
static inline const struct known *find_known(const struct scan *s, const char *p, uint64_t first)
{
    const struct known *k = known[first & 31];

    while ((differs(first, swar_load(k->name)) & k->first) != 0 ||
           (k->n > 8 && !same_rest(s, p, k)))
        k++;
    return k;
}

/* `name` is a token, and the configured one is made of a-z, 0-9 and '-'. */
static bool same_name(struct slice name, struct slice lower)
{
    if (name.n != lower.n)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((name.p[i] | 0x20) != lower.p[i])
            return false;
    return true;
}

/* The field that may name the client; which one that is, the configuration says. */
static void apply_client_ip(struct head *h, struct slice value)
{
    h->client_ip = value;
    h->forwarded = true;
    count(&h->client_ip_count);
}

/* The first control at or behind p, or the end. */
static inline const char *find_control(const struct scan *s, const char *p)
{
    uint64_t controls;

    while ((controls = swar_controls(word_at(s, p))) == 0)
        p += 8;
    return p + swar_first(controls);
}

/* A field's value may hold no control but HTAB. */
COLD static bool value_valid(const char *p, const char *end)
{
    for (; p < end; p++)
        if (*p != '\t' && ((unsigned char)*p < 0x20 || *p == 0x7f))
            return false;
    return true;
}

/* The bytes of a name that we do not know, or 0 if it is no token and a colon. */
static size_t token_length(const char *p, const char *end)
{
    const char *colon = byte_skip(p, end, TOKEN_BYTE);

    return colon < end && *colon == ':' ? (size_t)(colon - p) : 0;
}

/* What usually stands before a value; slice_trim takes the rest. */
static inline const char *skip_space(const char *p, const char *end)
{
    return p < end && *p == ' ' ? p + 1 : p;
}

static inline void count_field(struct scan *s)
{
    if (++s->fields > HEAD_FIELDS_MAX)
        refuse(s->h, REFUSED_HEAD_TOO_LARGE);
}

/* A line without a name: obs-fold (RFC 9112, 5.2) is one. */
static inline bool scan_odd_line(struct scan *s)
{
    const char *crlf = find_crlf(s->p, s->end);

    if (crlf == NULL)
        return false;
    s->p = crlf + 2;
    count_field(s);
    refuse(s->h, REFUSED_SYNTAX);
    return true;
}

/* One field's line, which starts with `first`; false when it has no proper end. */
static inline bool scan_field(struct scan *s, uint64_t first)
{
    const struct known *k = find_known(s, s->p, first);
    struct slice name = {s->p, k->n - 1u}, value;
    const char *control, *crlf;

    if (k->n == 0) {
        name.n = token_length(s->p, s->end);
        if (name.n == 0)
            return scan_odd_line(s);
    }
    value.p = skip_space(s->p + name.n + 1, s->end);
    control = crlf = find_control(s, value.p);
    if (s->end - control < 2 || !is_crlf(control)) {
        crlf = find_crlf(control, s->end);
        if (crlf == NULL)
            return false;
    }
    s->p = crlf + 2;
    count_field(s);
    value.n = (size_t)(crlf - value.p);
    if ((unsigned char)*value.p <= ' ' || (unsigned char)crlf[-1] <= ' ')
        value = slice_trim(value);
    if (value.n > HEAD_FIELD_MAX)
        refuse(s->h, REFUSED_HEAD_TOO_LARGE);
    if (control != crlf && !value_valid(control, crlf))
        refuse(s->h, REFUSED_SYNTAX);
    if (k->kind == FIELD_SLICE) /* the usual one, asked first: eight instructions fewer */
        remember(s->h, k, value);
    else
        apply_field(s, k, value);
    if (same_name(name, s->client_ip_name))
        apply_client_ip(s->h, value);
    return true;
}

static inline void scan_fields(struct scan *s)
{
    for (;;) {
        uint64_t first = word_at(s, s->p);

        if ((first & 0xffff) == ('\r' | '\n' << 8))
            break;
        if (!scan_field(s, first)) {
            refuse(s->h, REFUSED_SYNTAX);
            return;
        }
    }
    s->p += 2;
}

/* Nothing, or a colon and up to five digits. */
static bool port_valid(struct slice s)
{
    return s.n == 0 || (s.p[0] == ':' && s.n <= 6 && all_digits((struct slice){s.p + 1, s.n - 1}));
}

/* "[IPv6]" and a port. */
COLD static bool ipv6_host_valid(struct slice host, struct slice *ret_name)
{
    const char *end = memchr(host.p, ']', host.n);
    struct slice name;
    struct ip ip;

    if (end == NULL)
        return false;
    name = (struct slice){host.p + 1, (size_t)(end - host.p) - 1};
    if (memchr(name.p, ':', name.n) == NULL || name.n > 253 || !ip_parse(name, &ip) ||
        !port_valid((struct slice){end + 1, host.n - name.n - 2}))
        return false;
    *ret_name = name;
    return true;
}

/* As head_host_valid; a byte that is no part of a host, or `end`, follows. */
static inline bool host_valid(struct slice host, const char *end, struct slice *ret_name)
{
    const char *name_end = byte_skip(host.p, end, HOST_BYTE);
    size_t n = (size_t)(name_end - host.p), rest = host.n - n;

    if (n == 0)
        return host.n > 0 && host.p[0] == '[' && ipv6_host_valid(host, ret_name);
    if (n > 253 || rest > 6 ||
        (rest > 0 &&
         (*name_end != ':' || byte_skip(name_end + 1, end, DIGIT_BYTE) != host.p + host.n)))
        return false;
    *ret_name = (struct slice){host.p, n};
    return true;
}

bool head_host_valid(struct slice host, struct slice *ret_name)
{
    return host_valid(host, host.p + host.n, ret_name);
}

/* How the body is framed (RFC 9112, 6.3). */
static bool framing_valid(const struct scan *s)
{
    return s->encodings == 0 ? s->lengths == 1
                             : s->encodings == 1 && s->lengths == 0 && s->h->minor > 0 &&
                                   slice_eq_nocase(s->encoding, SLICE_LIT("chunked"));
}

/* What only the whole head tells: the framing, and Host (RFC 9112, 3.2). */
static inline void check_whole(struct scan *s)
{
    struct head *h = s->h;

    if ((s->lengths | s->encodings) != 0) {
        h->has_length = s->lengths > 0;
        h->chunked = s->encodings > 0;
        if (!framing_valid(s))
            refuse(h, REFUSED_FRAMING);
    }
    if (s->hosts == 1 ? !host_valid(h->host, s->end, &h->name) : s->hosts > 1 || h->minor > 0)
        refuse(h, REFUSED_HOST);
    if (h->size > HEAD_MAX)
        refuse(h, REFUSED_HEAD_TOO_LARGE);
    if (h->chunked)
        refuse(h, REFUSED_LENGTH_REQUIRED);
}

/* To zero by 21 stores of 16 bytes; one memset here would be `rep stos`, twice the instructions. */
static inline void clear(struct head *h)
{
    _Static_assert(sizeof(*h) % 16 == 0, "in steps of 16");
#pragma GCC unroll 32
    for (size_t i = 0; i < sizeof(*h); i += 16)
        memset((char *)h + i, 0, 16);
}

void head_scan(struct slice raw, struct slice client_ip_name, struct head *ret)
{
    struct scan s = {.p = raw.p,
                     .end = raw.p + raw.n,
                     .last_word = raw.n >= 8 ? raw.p + raw.n - 8 : NULL,
                     .client_ip_name = client_ip_name,
                     .h = ret};

    clear(ret);
    ret->method = HTTP_METHOD_UNKNOWN;
    /* One empty line is forgiven (RFC 9112, 2.2). */
    if (raw.n >= 2 && is_crlf(s.p))
        s.p += 2;
    if (!scan_plain_request_line(&s)) {
        const char *crlf = s.p < s.end ? find_crlf(s.p, s.end) : NULL;

        if (crlf == NULL || crlf == s.p) {
            refuse(ret, REFUSED_SYNTAX);
            return;
        }
        refuse(ret, request_line_scan((struct slice){s.p, (size_t)(crlf - s.p)}, ret));
        s.p = crlf + 2;
    }
    scan_fields(&s);
    ret->size = (size_t)(s.p - raw.p);
    check_whole(&s);
}
