/* SPDX-License-Identifier: MIT */
/*
 * IP addresses and networks, as values. IPv4 is kept as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2), so
 * that one comparison serves both. No name is resolved here.
 */
#ifndef SIDELIGHT_BASE_NET_H
#define SIDELIGHT_BASE_NET_H

#include "base/err.h"
#include "base/slice.h"

struct sockaddr;

struct ip {
    uint8_t b[16]; /* network order */
};

enum { IP_TEXT_MAX = 46 }; /* as INET6_ADDRSTRLEN */

struct ip_net {
    struct ip addr;
    uint8_t bits; /* 0..128, counted in the 128-bit form */
};

bool ip_is_v4(const struct ip *ip);
bool ip_is_loopback(const struct ip *ip);
/* False for families other than AF_INET and AF_INET6 (a Unix socket). */
MUST_CHECK bool ip_from_sockaddr(const struct sockaddr *sa, struct ip *ret);
/* "192.0.2.1" or "2001:db8::1"; no brackets, no zone, no port. */
MUST_CHECK bool ip_parse(struct slice s, struct ip *ret);
/* Text form (RFC 5952 for IPv6); writes at most IP_TEXT_MAX bytes, no NUL; returns the end. */
char *ip_format(const struct ip *ip, char *dst);
/* What a rate limit counts as one client: the address for IPv4, the /64 for IPv6. */
struct ip ip_client_key(const struct ip *ip);
/* IPv4 cut to /24, IPv6 to /48, for logs (`log.client_ip: prefix`). */
struct ip ip_prefix(const struct ip *ip);

/* "10.0.0.0/8", "2001:db8::/32", or a single address. Bits beyond the prefix must be zero. */
MUST_CHECK bool ip_net_parse(struct slice s, struct ip_net *ret, struct err *err);
bool ip_net_has(const struct ip_net *nets, size_t n, const struct ip *ip);

/*
 * "host:port", "[::1]:port", "name:port"; port 0..65535. The slices point into `s`; brackets are
 * removed.
 */
struct host_port {
    struct slice host;
    uint16_t port;
    bool numeric; /* host is an IP address, stored in `ip` */
    struct ip ip;
};
MUST_CHECK bool host_port_parse(struct slice s, struct host_port *ret, struct err *err);

#endif
