/* SPDX-License-Identifier: MIT */
/* Predicates over text. Addresses and numbers are in base/. */
#include "config/text.h"
#include "base/net.h"
#include "base/parse.h"
#include "base/utf8.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool made_of(struct slice s, const char *others)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr(others, s.p[i]) == NULL))
            return false;
    return s.n > 0;
}

static bool begins(struct slice s, struct slice with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

bool text_is_line(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0) /* U+0080-U+009F */
            return false;
    }
    return utf8_valid(s);
}

bool text_is_label(struct slice s)
{
    return made_of(s, "_.-");
}

bool text_is_token(struct slice s)
{
    return made_of(s, "-");
}

bool text_is_redirect(struct slice s)
{
    static const struct slice schemes[] = {
        {"http://",  7},
        {"https://", 8}
    };

    if (!made_of(s, "-._~:/?#[]@!$&'()*+,;=%"))
        return false;
    if (s.p[0] == '/')
        return s.n == 1 || s.p[1] != '/';
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (begins(s, schemes[i]) && s.n > schemes[i].n)
            return is_alnum(s.p[schemes[i].n]) || s.p[schemes[i].n] == '[';
    return false;
}

bool text_is_host(struct slice s)
{
    if (s.n > 253 || !made_of(s, "._-") || s.p[0] == '-')
        return false;
    while (s.p != NULL)
        if (slice_cut(&s, '.').n == 0)
            return false;
    return true;
}

static bool no_upper(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'Z')
            return false;
    return true;
}

static bool all_in(struct slice s, const char *set)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\0' || strchr(set, s.p[i]) == NULL)
            return false;
    return true;
}

/*
 * A last label like 1 or 0x7f makes browsers read the whole as an IPv4 address (URL Standard, 3.5).
 */
static bool ends_in_number(struct slice host)
{
    const char *dot = memrchr(host.p, '.', host.n);
    struct slice last = host;

    if (dot != NULL)
        last = (struct slice){dot + 1, host.n - (size_t)(dot + 1 - host.p)};
    if (begins(last, SLICE_LIT("0x")))
        return all_in((struct slice){last.p + 2, last.n - 2}, "0123456789abcdef");
    return all_in(last, "0123456789");
}

/* As browsers write it: a name in lower case, or an address in the one form that they give it. */
static bool is_origin_host(struct slice s)
{
    bool brackets = s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
    struct slice inner = brackets ? (struct slice){s.p + 1, s.n - 2} : s;
    char text[IP_TEXT_MAX];
    struct ip ip;

    if (ip_parse(inner, &ip))
        return brackets != ip_is_v4(&ip) &&
               slice_eq(inner, (struct slice){text, (size_t)(ip_format(&ip, text) - text)});
    return text_is_host(s) && no_upper(s) && !ends_in_number(s);
}

/* Cuts a port off `*host`. False when it is the scheme's own or not as browsers write it. */
static bool cut_origin_port(struct slice *host, uint64_t own)
{
    const char *colon = memrchr(host->p, ':', host->n);
    struct slice port;
    uint64_t number;

    if (colon == NULL || host->p[host->n - 1] == ']')
        return true;
    port = (struct slice){colon + 1, host->n - (size_t)(colon + 1 - host->p)};
    host->n = (size_t)(colon - host->p);
    return port.n > 0 && port.p[0] != '0' && parse_u64(port, 1, UINT16_MAX, &number, NULL) &&
           number != own;
}

bool text_is_origin(struct slice s)
{
    static const struct {
        struct slice text;
        uint64_t port;
    } schemes[] = {
        {{"http://", 7},  80 },
        {{"https://", 8}, 443}
    };

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct slice host = s;

        if (!begins(s, schemes[i].text))
            continue;
        host.p += schemes[i].text.n;
        host.n -= schemes[i].text.n;
        return cut_origin_port(&host, schemes[i].port) && is_origin_host(host);
    }
    return false;
}

bool text_is_page(struct slice s)
{
    struct slice rest = s;

    if (s.n == 0 || s.n > 128 || s.p[0] != '/' || !made_of(s, "-._~:/@!$&'()*+,;=%"))
        return false;
    while (rest.p != NULL) {
        struct slice part = slice_cut(&rest, '/');

        if (part.n > 1 && memchr(part.p, '*', part.n) != NULL)
            return false;
    }
    return true;
}
