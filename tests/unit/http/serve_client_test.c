/* SPDX-License-Identifier: MIT */
/*
 * Whose request it is: the peer, or what a peer that is trusted says; and what becomes of peers
 * that are not.
 */
#include "tests/unit/http/fake.h"

static void ok_get(struct request *rq, UNUSED void *ctx)
{
    answer_borrowed(rq, 200, NULL, SLICE_LIT("hello"));
}

static const struct route routes[] = {
    {HTTP_GET, "/ok", ok_get, "200", IN_NONE, NULL, NULL, NULL},
};

static void start(struct fake *f, struct ip_net *trusted)
{
    struct err err = ERR_INIT;

    fake_init(f, routes, ARRAY_LEN(routes), NULL);
    assert_true(ip_net_parse(SLICE_LIT("10.0.0.0/8"), &trusted[0], &err));
    assert_true(ip_net_parse(SLICE_LIT("2001:db8::/32"), &trusted[1], &err));
    f->live.trusted = trusted;
    f->live.n_trusted = 2;
}

static void ask_with(struct fake *f, const char *peer, const char *fields)
{
    struct buf raw = BUF_INIT;

    f->peer = peer;
    buf_addf(&raw, "GET /ok HTTP/1.1\r\n" HOST "%s\r\n", fields);
    fake_ask(f, (struct slice){raw.data, raw.len});
    assert_int_equal(f->rq.status, 200);
    f->rq.head = (struct head){.method = HTTP_GET}; /* its slices end here */
    buf_release(&raw);
}

static void expect_client(const struct fake *f, const char *want)
{
    char text[IP_TEXT_MAX];

    expect_slice((struct slice){text, (size_t)(ip_format(&f->rq.client, text) - text)}, want);
}

TEST(a_trusted_peer_names_the_client_in_exactly_one_readable_field)
{
    static const struct {
        const char *peer, *fields, *client;
    } rows[] = {
        {"10.1.2.3",    "X-Real-IP: 203.0.113.9\r\n",                           "203.0.113.9"  },
        {"10.1.2.3",    "x-real-ip:   203.0.113.9  \r\n",                       "203.0.113.9"  },
        {"10.1.2.3",    "X-Real-IP: 2001:db8:1::9\r\n",                         "2001:db8:1::9"},
        {"2001:db8::7", "X-Real-IP: 203.0.113.9\r\n",                           "203.0.113.9"  },
        {"10.1.2.3",    "",                                                     "10.1.2.3"     },
        {"10.1.2.3",    "X-Real-IP: 203.0.113.9\r\nX-Real-IP: 203.0.113.8\r\n", "10.1.2.3"     },
        {"10.1.2.3",    "X-Real-IP: 203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n", "10.1.2.3"     },
        {"10.1.2.3",    "X-Real-IP: 203.0.113.9, 10.0.0.1\r\n",                 "10.1.2.3"     },
        {"10.1.2.3",    "X-Real-IP: 203.0.113.9:80\r\n",                        "10.1.2.3"     },
        {"10.1.2.3",    "X-Real-IP: [2001:db8::9]\r\n",                         "10.1.2.3"     },
        {"10.1.2.3",    "X-Real-IP: fe80::1%eth0\r\n",                          "10.1.2.3"     },
        {"10.1.2.3",    "X-Real-IP: unknown\r\n",                               "10.1.2.3"     },
        {"10.1.2.3",    "X-Real-IP:\r\n",                                       "10.1.2.3"     },
        {"10.1.2.3",    "X-Forwarded-For: 203.0.113.9\r\n",                     "10.1.2.3"     },
        {"10.1.2.3",    "X_Real_IP: 203.0.113.9\r\n",                           "10.1.2.3"     },
        {"192.0.2.7",   "X-Real-IP: 203.0.113.9\r\n",                           "192.0.2.7"    },
        {"192.0.2.7",   "X-Forwarded-For: 203.0.113.9\r\n",                     "192.0.2.7"    },
        {"192.0.2.7",   "CF-Connecting-IP: 203.0.113.9\r\n",                    "192.0.2.7"    },
        {"192.0.2.7",   "Forwarded: for=203.0.113.9\r\n",                       "192.0.2.7"    },
        {"2001:db9::7", "X-Real-IP: 203.0.113.9\r\n",                           "2001:db9::7"  },
    };
    struct ip_net trusted[2];
    struct fake f;

    start(&f, trusted);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ask_with(&f, rows[i].peer, rows[i].fields);
        expect_client(&f, rows[i].client);
        assert_int_equal(f.rq.client_is_peer, strcmp(rows[i].peer, rows[i].client) == 0);
    }
    fake_release(&f);
}

TEST(a_hundred_forwarded_addresses_change_nothing)
{
    struct buf field = BUF_INIT;
    struct ip_net trusted[2];
    struct fake f;

    start(&f, trusted);
    buf_add_str(&field, "X-Forwarded-For: 203.0.113.1");
    for (int i = 0; i < 100; i++)
        buf_addf(&field, ", 203.0.113.%d", i);
    buf_add_str(&field, "\r\n");
    ask_with(&f, "10.1.2.3", buf_cstr(&field));
    expect_client(&f, "10.1.2.3");
    buf_release(&field);
    fake_release(&f);
}

TEST(the_configuration_names_the_field)
{
    struct ip_net trusted[2];
    struct fake f;

    start(&f, trusted);
    f.live.client_ip_header = SLICE_LIT("cf-connecting-ip");
    ask_with(&f, "10.1.2.3", "X-Real-IP: 203.0.113.1\r\nCF-Connecting-IP: 203.0.113.2\r\n");
    expect_client(&f, "203.0.113.2");
    f.live.client_ip_header = SLICE_LIT("x-elsewhere");
    ask_with(&f, "10.1.2.3", "X-Elsewhere: 203.0.113.3\r\nX-Real-IP: 203.0.113.1\r\n");
    expect_client(&f, "203.0.113.3");
    fake_release(&f);
}

TEST(forwarding_fields_of_a_stranger_are_counted)
{
    struct ip_net trusted[2];
    struct fake f;

    start(&f, trusted);
    ask_with(&f, "192.0.2.7", "");
    ask_with(&f, "10.1.2.3", "X-Real-IP: 203.0.113.9\r\n");
    expect_sample(&f, "http_untrusted_forwarded_total 0");
    ask_with(&f, "192.0.2.7", "X-Real-IP: 203.0.113.9\r\n");
    ask_with(&f, "192.0.2.7", "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=x\r\n");
    ask_with(&f, "192.0.2.8", "CF-Connecting-IP: 203.0.113.9\r\n");
    expect_sample(&f, "http_untrusted_forwarded_total 3"); /* requests, not fields */
    fake_release(&f);
}

TEST(strangers_are_warned_of_once_a_minute)
{
    static const char event[] = "\"event\":\"untrusted_forwarding_header\"";
    struct ip_net trusted[2];
    struct buf log;
    struct fake f;

    start(&f, trusted);
    ask_with(&f, "10.1.2.3", "X-Real-IP: 203.0.113.9\r\n");
    assert_int_equal(f.loop.forward_warned_ns, 0);
    for (int i = 0; i < 5; i++)
        ask_with(&f, "192.0.2.7", "X-Correlation-ID: abc-1\r\nX-Real-IP: 203.0.113.9\r\n");
    f.loop.forward_warned_ns = clock_mono_ns() - 30 * NS_PER_SEC;
    ask_with(&f, "192.0.2.7", "X-Real-IP: 203.0.113.9\r\n");
    f.loop.forward_warned_ns = clock_mono_ns() - 60 * NS_PER_SEC;
    ask_with(&f, "192.0.2.8", "X-Correlation-ID: abc-2\r\nX-Real-IP: 203.0.113.9\r\n");
    ask_with(&f, "192.0.2.8", "X-Real-IP: 203.0.113.9\r\n");
    log = fake_log(&f);
    assert_int_equal(count_of((struct slice){log.data, log.len}, event), 2);
    assert_int_equal(
        count_of((struct slice){log.data, log.len},
                 "\"level\":\"warn\",\"event\":\"untrusted_forwarding_header\",\"peer\":"
                 "\"192.0.2.7\",\"correlation_id\":\"abc-1\""),
        1);
    assert_int_equal(count_of((struct slice){log.data, log.len},
                              "\"peer\":\"192.0.2.8\",\"correlation_id\":\"abc-2\""),
                     1);
    expect_sample(&f, "http_untrusted_forwarded_total 8"); /* all are counted */
    buf_release(&log);
    fake_release(&f);
}

TEST(without_trust_nobody_is_believed)
{
    struct ip_net trusted[2];
    struct fake f;

    start(&f, trusted);
    f.live.n_trusted = 0;
    ask_with(&f, "127.0.0.1", "X-Real-IP: 203.0.113.9\r\n");
    expect_client(&f, "127.0.0.1");
    expect_sample(&f, "http_untrusted_forwarded_total 1");
    fake_release(&f);
}

RUN_TESTS(T(a_trusted_peer_names_the_client_in_exactly_one_readable_field),
          T(a_hundred_forwarded_addresses_change_nothing),
          T(the_configuration_names_the_field),
          T(forwarding_fields_of_a_stranger_are_counted),
          T(strangers_are_warned_of_once_a_minute),
          T(without_trust_nobody_is_believed))
