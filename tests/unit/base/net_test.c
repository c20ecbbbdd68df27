/* SPDX-License-Identifier: MIT */
/* Addresses, networks and host:port. */
#include "base/buf.h"
#include "base/net.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct ip ip_of(const char *text)
{
    struct ip ip = {{0}};

    if (!ip_parse(slice_str(text), &ip))
        fail_msg("'%s' was refused", text);
    return ip;
}

static void check_text(struct ip ip, const char *expected)
{
    char text[IP_TEXT_MAX];
    struct slice got = {text, (size_t)(ip_format(&ip, text) - text)};

    if (!slice_eq(got, slice_str(expected)))
        fail_msg("got '%.*s', expected '%s'", (int)got.n, got.p, expected);
}

TEST(addresses_are_read_and_written_as_rfc_5952_says)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"192.0.2.1",                               "192.0.2.1"                              },
        {"0.0.0.0",                                 "0.0.0.0"                                },
        {"255.255.255.255",                         "255.255.255.255"                        },
        {"::ffff:10.0.0.7",                         "10.0.0.7"                               },
        {"::",                                      "::"                                     },
        {"::1",                                     "::1"                                    },
        {"2001:DB8:0:0:0:0:0:1",                    "2001:db8::1"                            },
        {"2001:db8:0:1:1:1:1:1",                    "2001:db8:0:1:1:1:1:1"                   },
        {"2001:0:0:1:0:0:0:1",                      "2001:0:0:1::1"                          },
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_text(ip_of(cases[i].in), cases[i].out);
}

TEST(what_is_no_address_is_refused)
{
    static const char *const bad[] = {"",
                                      "1",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "256.1.1.1",
                                      "01.2.3.4",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "[::1]",
                                      "::1%eth0",
                                      "fe80::1%1",
                                      ":::",
                                      "1::2::3",
                                      "12345::",
                                      "localhost",
                                      "1.2.3.4:80",
                                      "::ffff:1.2.3.256",
                                      "0x7f.0.0.1",
                                      "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255."};
    struct ip ip = {{42}};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (ip_parse(slice_str(bad[i]), &ip))
            fail_msg("'%s' was taken", bad[i]);
    assert_false(ip_parse(SLICE_NONE, &ip));
    assert_false(ip_parse(SLICE_LIT("1.2.3.4\0"), &ip));
    assert_false(ip_parse(SLICE_LIT("1.2.3.4\0x"), &ip));
    assert_int_equal(ip.b[0], 42);
}

TEST(ipv4_and_loopback_are_known)
{
    static const struct {
        const char *text;
        bool v4, loopback;
    } cases[] = {
        {"127.0.0.1",        true,  true },
        {"127.255.0.9",      true,  true },
        {"128.0.0.1",        true,  false},
        {"::1",              false, true },
        {"::2",              false, false},
        {"::ffff:127.0.0.1", true,  true },
        {"::7f00:1",         false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip ip = ip_of(cases[i].text);

        assert_int_equal(ip_is_v4(&ip), cases[i].v4);
        assert_int_equal(ip_is_loopback(&ip), cases[i].loopback);
    }
}

TEST(socket_addresses_become_ips)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr un = {.sa_family = AF_UNIX};
    struct ip ip;

    in.sin_addr.s_addr = htonl(0xc0000201);
    assert_true(ip_from_sockaddr((const struct sockaddr *)(const void *)&in, &ip));
    check_text(ip, "192.0.2.1");
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::5", &in6.sin6_addr), 1);
    assert_true(ip_from_sockaddr((const struct sockaddr *)(const void *)&in6, &ip));
    check_text(ip, "2001:db8::5");
    assert_false(ip_from_sockaddr(&un, &ip));
    check_text(ip, "2001:db8::5");
}

TEST(a_client_is_an_ipv4_address_or_an_ipv6_64)
{
    struct ip v4 = ip_of("192.0.2.77"), v6 = ip_of("2001:db8:1:2:3:4:5:6");

    check_text(ip_client_key(&v4), "192.0.2.77");
    check_text(ip_client_key(&v6), "2001:db8:1:2::");
    check_text(ip_prefix(&v4), "192.0.2.0");
    check_text(ip_prefix(&v6), "2001:db8:1::");
}

TEST(networks_hold_the_addresses_of_their_prefix)
{
    static const struct {
        const char *net, *ip;
        bool has;
    } cases[] = {
        {"10.0.0.0/8",          "10.255.1.2",      true },
        {"10.0.0.0/8",          "11.0.0.0",        false},
        {"192.168.64.0/18",     "192.168.127.255", true },
        {"192.168.64.0/18",     "192.168.128.0",   false},
        {"192.0.2.1",           "192.0.2.1",       true },
        {"192.0.2.1/32",        "192.0.2.0",       false},
        {"0.0.0.0/0",           "203.0.113.9",     true },
        {"0.0.0.0/0",           "2001:db8::1",     false},
        {"::/0",                "2001:db8::1",     true },
        {"2001:db8::/32",       "2001:db8:ffff::", true },
        {"2001:db8::/32",       "2001:db9::",      false},
        {"2001:db8::/33",       "2001:db8:8000::", false},
        {"::1",                 "::1",             true },
        {"::ffff:10.0.0.0/104", "10.1.1.1",        true },
        {"::ffff:10.0.0.0/104", "11.1.1.1",        false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct ip_net net;
        struct ip ip = ip_of(cases[i].ip);

        if (!ip_net_parse(slice_str(cases[i].net), &net, &err))
            fail_msg("'%s' was refused: %s", cases[i].net, err.text);
        assert_int_equal(ip_net_has(&net, 1, &ip), cases[i].has);
        assert_false(ip_net_has(&net, 0, &ip));
    }
}

TEST(any_of_several_networks_will_do)
{
    struct ip_net nets[2];
    struct ip in = ip_of("10.0.0.1"), out = ip_of("10.0.0.3");

    assert_true(ip_net_parse(SLICE_LIT("192.0.2.0/24"), &nets[0], NULL));
    assert_true(ip_net_parse(SLICE_LIT("10.0.0.0/31"), &nets[1], NULL));
    assert_true(ip_net_has(nets, 2, &in));
    assert_false(ip_net_has(nets, 2, &out));
}

TEST(what_is_no_network_is_refused)
{
    static const char *const bad[] = {"",
                                      "/8",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/08",
                                      "10.0.0.1/8",
                                      "::/129",
                                      "2001:db8::1/64",
                                      "10.0.0.0/8/8",
                                      "10/8",
                                      "x/8",
                                      "0.0.0.1/0",
                                      "::ffff:10.0.0.1/104"};
    struct ip_net net = {.bits = 77};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;

        if (ip_net_parse(slice_str(bad[i]), &net, &err))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_int_equal(net.bits, 77);
    }
}

TEST(host_and_port_come_apart)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        bool numeric;
    } cases[] = {
        {"127.0.0.1:8000",       "127.0.0.1",        8000,  true },
        {"0.0.0.0:0",            "0.0.0.0",          0,     true },
        {"[::1]:9091",           "::1",              9091,  true },
        {"[::]:65535",           "::",               65535, true },
        {"localhost:80",         "localhost",        80,    false},
        {"metrics.internal:443", "metrics.internal", 443,   false},
        {"my_app-1.x:1",         "my_app-1.x",       1,     false},
        {"1und1.de:80",          "1und1.de",         80,    false},
        {"3com:80",              "3com",             80,    false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct host_port hp;

        if (!host_port_parse(slice_str(cases[i].text), &hp, &err))
            fail_msg("'%s' was refused: %s", cases[i].text, err.text);
        assert_true(slice_eq(hp.host, slice_str(cases[i].host)));
        assert_true(hp.host.p > cases[i].text - 1 && hp.host.p <= cases[i].text + 1);
        assert_int_equal(hp.port, cases[i].port);
        assert_int_equal(hp.numeric, cases[i].numeric);
        if (hp.numeric)
            check_text(hp.ip, cases[i].host);
    }
}

TEST(what_is_no_host_and_port_is_refused)
{
    static const char *const bad[] = {"",
                                      "localhost",
                                      ":80",
                                      "host:",
                                      "host:65536",
                                      "host:-1",
                                      "host:080",
                                      "host:80 ",
                                      " host:80",
                                      "::1:80",
                                      "[::1]",
                                      "[::1:80",
                                      "::1]:80",
                                      "[]:80",
                                      "[1.2.3.4]:80",
                                      "[host]:80",
                                      "[::1%lo]:80",
                                      "a..b:80",
                                      ".a:80",
                                      "a.:80",
                                      "-a:80",
                                      "a-:80",
                                      "a b:80",
                                      "a/b:80",
                                      "10.1:80",
                                      "999.1.1.1:80",
                                      "8000:8000",
                                      "user@host:80",
                                      "h\xc3\xb6st:80",
                                      "a:b:80",
                                      "http://host:80"};
    struct host_port hp = {.port = 4711};
    char label[80];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;

        if (host_port_parse(slice_str(bad[i]), &hp, &err))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_int_equal(hp.port, 4711);
    }
    memset(label, 'a', sizeof(label));
    (void)fmt_slice(label + 64, SLICE_LIT(":80"));
    assert_false(host_port_parse((struct slice){label, 67}, &hp, NULL));
    assert_true(host_port_parse((struct slice){label + 1, 66}, &hp, NULL));
}

RUN_TESTS(T(addresses_are_read_and_written_as_rfc_5952_says),
          T(what_is_no_address_is_refused),
          T(ipv4_and_loopback_are_known),
          T(socket_addresses_become_ips),
          T(a_client_is_an_ipv4_address_or_an_ipv6_64),
          T(networks_hold_the_addresses_of_their_prefix),
          T(any_of_several_networks_will_do),
          T(what_is_no_network_is_refused),
          T(host_and_port_come_apart),
          T(what_is_no_host_and_port_is_refused))
