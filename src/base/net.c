/* SPDX-License-Identifier: MIT */
/* Addresses and networks. Sockets are elsewhere. */
#include "base/net.h"
#include "base/buf.h"
#include "base/parse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_is_v4(const struct ip *ip)
{
    return memcmp(ip->b, v4_mapped, sizeof(v4_mapped)) == 0;
}

bool ip_is_loopback(const struct ip *ip)
{
    static const uint8_t v6_loopback[16] = {[15] = 1};

    return ip_is_v4(ip) ? ip->b[12] == 127 : memcmp(ip->b, v6_loopback, 16) == 0;
}

static struct ip from_v4(const struct in_addr *addr)
{
    struct ip ip;

    memcpy(ip.b, v4_mapped, sizeof(v4_mapped));
    memcpy(ip.b + sizeof(v4_mapped), addr, 4);
    return ip;
}

bool ip_from_sockaddr(const struct sockaddr *sa, struct ip *ret)
{
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

        *ret = from_v4(&in->sin_addr);
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

        memcpy(ret->b, &in6->sin6_addr, 16);
        return true;
    }
    return false;
}

bool ip_parse(struct slice s, struct ip *ret)
{
    char text[IP_TEXT_MAX];
    struct in_addr v4;
    struct in6_addr v6;

    if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1) {
        *ret = from_v4(&v4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        memcpy(ret->b, &v6, 16);
        return true;
    }
    return false;
}

char *ip_format(const struct ip *ip, char *dst)
{
    char text[IP_TEXT_MAX];

    if (!ip_is_v4(ip)) {
        MUST(inet_ntop(AF_INET6, ip->b, text, sizeof(text)) != NULL);
        return fmt_slice(dst, slice_str(text));
    }
    for (size_t i = 12; i < 16; i++) {
        dst = fmt_u64(dst, ip->b[i]);
        if (i < 15)
            *dst++ = '.';
    }
    return dst;
}

static struct ip keep_bytes(const struct ip *ip, size_t n)
{
    struct ip cut = {{0}};

    memcpy(cut.b, ip->b, n);
    return cut;
}

struct ip ip_client_key(const struct ip *ip)
{
    return keep_bytes(ip, ip_is_v4(ip) ? 16 : 8);
}

struct ip ip_prefix(const struct ip *ip)
{
    return keep_bytes(ip, ip_is_v4(ip) ? 15 : 6);
}

/* The first `bits` bits of both are equal. */
static bool same_prefix(const struct ip *a, const struct ip *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a->b, b->b, whole) != 0)
        return false;
    return rest == 0 || (a->b[whole] ^ b->b[whole]) >> (8 - rest) == 0;
}

static bool zero_after(const struct ip *ip, unsigned bits)
{
    for (unsigned i = bits; i < 128; i++)
        if (ip->b[i / 8] & 0x80 >> i % 8)
            return false;
    return true;
}

bool ip_net_parse(struct slice s, struct ip_net *ret, struct err *err)
{
    struct slice rest = s, text = slice_cut(&rest, '/');
    struct ip_net net = {.bits = 128};

    if (!ip_parse(text, &net.addr))
        return err_set(err, ERR_INVALID, "must be an IP address or a network like 10.0.0.0/8");
    if (rest.p != NULL) {
        bool v4 = memchr(text.p, ':', text.n) == NULL;
        uint64_t bits;

        if (!parse_u64(rest, 0, v4 ? 32 : 128, &bits, NULL))
            return err_set(err, ERR_INVALID, "the prefix length must be from 0 to %d",
                           v4 ? 32 : 128);
        net.bits = (uint8_t)(bits + (v4 ? 96 : 0));
    }
    if (!zero_after(&net.addr, net.bits))
        return err_set(err, ERR_INVALID, "the bits after the prefix must be zero");
    *ret = net;
    return true;
}

bool ip_net_has(const struct ip_net *nets, size_t n, const struct ip *ip)
{
    for (size_t i = 0; i < n; i++)
        if (same_prefix(&nets[i].addr, ip, nets[i].bits))
            return true;
    return false;
}

/*
 * A host name: labels of letters, digits, "-" and "_" (Docker's names have them). A name that ends
 * in a number is a mistyped address: the resolver would take "10.1" for 10.0.0.1.
 */
static bool name_valid(struct slice name)
{
    bool number = false;

    if (name.n == 0 || name.n > 253)
        return false;
    while (name.p != NULL) {
        struct slice label = slice_cut(&name, '.');

        if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
        number = true;
        for (size_t i = 0; i < label.n; i++) {
            unsigned char c = (unsigned char)label.p[i], folded = c | 0x20;
            bool digit = c >= '0' && c <= '9';

            if (!digit && (folded < 'a' || folded > 'z') && c != '-' && c != '_')
                return false;
            number = number && digit;
        }
    }
    return !number;
}

/* Splits at the colon before the port; false when `s` is not of one of the three forms. */
static bool split_port(struct slice s, struct slice *ret_host, struct slice *ret_port)
{
    const char *colon = s.n > 0 ? memrchr(s.p, ':', s.n) : NULL;

    if (colon == NULL)
        return false;
    *ret_host = (struct slice){s.p, (size_t)(colon - s.p)};
    *ret_port = (struct slice){colon + 1, s.n - ret_host->n - 1};
    return true;
}

bool host_port_parse(struct slice s, struct host_port *ret, struct err *err)
{
    struct host_port hp = {.numeric = false};
    struct slice port;
    uint64_t number;

    if (!split_port(s, &hp.host, &port))
        return err_set(err, ERR_INVALID, "must be host:port, like 127.0.0.1:8000 or [::1]:8000");
    if (!parse_u64(port, 0, UINT16_MAX, &number, NULL))
        return err_set(err, ERR_INVALID, "the port must be a number from 0 to 65535");
    bool brackets = hp.host.n >= 2 && hp.host.p[0] == '[' && hp.host.p[hp.host.n - 1] == ']';
    if (brackets)
        hp.host = (struct slice){hp.host.p + 1, hp.host.n - 2};
    hp.numeric = ip_parse(hp.host, &hp.ip);
    /* An IPv6 address needs the brackets, anything else must not have them. */
    bool colons = hp.host.n > 0 && memchr(hp.host.p, ':', hp.host.n) != NULL;
    if (brackets != colons || (colons && !hp.numeric) || (!hp.numeric && !name_valid(hp.host)))
        return err_set(err, ERR_INVALID,
                       "the host must be an IPv4 address, an IPv6 address in brackets or a name");
    hp.port = (uint16_t)number;
    *ret = hp;
    return true;
}
