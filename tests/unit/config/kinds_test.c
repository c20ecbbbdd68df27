/* SPDX-License-Identifier: MIT */
/* Each kind of one value, through a setting of that kind: at its bounds and one past them. */
#include "base/buf.h"
#include "base/clock.h"
#include "config/keys.h"
#include "tests/unit/unit.h"

struct number {
    const char *key, *text;
    uint64_t value;
};

static uint64_t number_of(const struct key *k, const struct config *c)
{
    uint64_t v;

    memcpy(&v, (const char *)c + k->offset, sizeof(v));
    return v;
}

TEST(numbers_are_taken_up_to_their_bounds)
{
    static const struct number cases[] = {
        {"threads",               "0",           0                        },
        {"threads",               "64",          64                       },
        {"limits.connections",    "8",           8                        },
        {"limits.connections",    "1000000",     1000000                  },
        {"contact.max_message",   "1",           1                        },
        {"contact.max_message",   "10000",       10000                    },
        {"limits.body",           "1024",        1024                     },
        {"limits.body",           "1KiB",        1024                     },
        {"limits.body",           "1MiB",        1048576                  },
        {"limits.body",           "65537B",      65537                    },
        {"http.request_timeout",  "1000ms",      NS_PER_SEC               },
        {"http.request_timeout",  "1h",          3600 * NS_PER_SEC        },
        {"store.lock_wait",       "0",           0                        },
        {"store.lock_wait",       "0s",          0                        },
        {"store.lock_wait",       "10m",         600 * NS_PER_SEC         },
        {"slo.latency_threshold", "0.25s",       250 * NS_PER_MS          },
        {"slo.latency_threshold", "1ms",         NS_PER_MS                },
        {"drain.timeout",         "0.001s",      NS_PER_MS                },
        {"contact.retention",     "off",         0                        },
        {"contact.retention",     "1h",          3600 * NS_PER_SEC        },
        {"contact.retention",     "3650d",       3650 * 86400 * NS_PER_SEC},
        {"slo.availability",      "0.000000001", 1                        },
        {"slo.availability",      "0.999999999", 999999999                },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct key *k = key_find(cases[i].key);
        struct err err = ERR_INIT;
        struct config c;

        config_init(&c);
        if (!key_assign(k, &c, slice_str(cases[i].text), &err))
            fail_msg("%s=%s: %s", cases[i].key, cases[i].text, err.text);
        assert_int_equal(number_of(k, &c), cases[i].value);
        config_release(&c);
    }
}

struct bad {
    const char *key, *text, *message;
};

static void expect_refused(const struct bad *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct key *k = key_find(cases[i].key);
        struct err err = ERR_INIT;
        struct config c, defaults;

        config_init(&c);
        config_init(&defaults);
        if (key_assign(k, &c, slice_str(cases[i].text), &err))
            fail_msg("%s=%s was taken", cases[i].key, cases[i].text);
        assert_string_equal(err.text, cases[i].message);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_true(key_equal(k, &c, &defaults));
        config_release(&c);
        config_release(&defaults);
    }
}

#define DURATION                                                              \
    "must be a duration of at most 3650d with a unit (ms, s, m, h, d), like " \
    "300ms, 0.3s or 2m"
#define SIZE "must be a size of at most 1TiB (B, KiB, MiB, GiB), like 512, 64KiB or 1MiB"
#define RATE "must be off, or a count from 1 to 1000000 per s, m or h, like 10/m"
#define RETENTION "must be off, or a duration from 1h to 3650d, like 36h or 90d"
#define RATIO "must be a number from 0 to 1 with at most nine decimals, like 0.999"

TEST(numbers_outside_are_refused_with_what_is_allowed)
{
    static const struct bad cases[] = {
        {"threads",               "65",      "\"65\" is not allowed: must be a whole number from 0 to 64"   },
        {"threads",               "-1",      "\"-1\" is not allowed: must be a whole number from 0 to 64"   },
        {"threads",               "08",      "\"08\" is not allowed: must be a whole number from 0 to 64"   },
        {"threads",               "",        "has no value: must be a whole number from 0 to 64"            },
        {"limits.connections",    "7",
         "\"7\" is not allowed: must be a whole number from 8 to 1000000"                                   },
        {"limits.connections",    "1000001",
         "\"1000001\" is not allowed: must be a whole number from 8 to 1000000"                             },
        {"limits.body",           "1023",    "\"1023\" is not allowed: must be from 1KiB to 1MiB"           },
        {"limits.body",           "1025KiB", "\"1025KiB\" is not allowed: must be from 1KiB to 1MiB"        },
        {"limits.body",           "64KB",    "\"64KB\" is not allowed: " SIZE                               },
        {"http.request_timeout",  "999ms",   "\"999ms\" is not allowed: must be from 1s to 1h"              },
        {"http.request_timeout",  "61m",     "\"61m\" is not allowed: must be from 1s to 1h"                },
        {"http.request_timeout",  "30",      "\"30\" is not allowed: " DURATION                             },
        {"store.lock_wait",       "601s",    "\"601s\" is not allowed: must be from 0 to 10m"               },
        {"slo.latency_threshold", "0.5ms",   "\"0.5ms\" is not allowed: must be from 1ms to 10s"            },
        {"contact.retention",     "0",       "\"0\" is not allowed: " RETENTION                             },
        {"contact.retention",     "59m",     "\"59m\" is not allowed: " RETENTION                           },
        {"contact.retention",     "3651d",   "\"3651d\" is not allowed: " RETENTION                         },
        {"contact.retention",     "never",   "\"never\" is not allowed: " RETENTION                         },
        {"contact.retention",     "",        "has no value: " RETENTION                                     },
        {"slo.availability",      "0",       "\"0\" is not allowed: must be from 0.000000001 to 0.999999999"},
        {"slo.availability",      "1",       "\"1\" is not allowed: must be from 0.000000001 to 0.999999999"},
        {"slo.availability",      "99.9%",   "\"99.9%\" is not allowed: " RATIO                             },
    };

    expect_refused(cases, ARRAY_LEN(cases));
}

TEST(rates_and_words)
{
    static const struct bad bad[] = {
        {"contact.rate",  "ten",       "\"ten\" is not allowed: " RATE                                 },
        {"contact.rate",  "0/m",       "\"0/m\" is not allowed: " RATE                                 },
        {"contact.rate",  "1000001/m", "\"1000001/m\" is not allowed: " RATE                           },
        {"contact.rate",  "",          "has no value: " RATE                                           },
        {"log.level",     "verbose",   "\"verbose\" is not allowed: must be debug, info, warn or error"},
        {"log.level",     "INFO",      "\"INFO\" is not allowed: must be debug, info, warn or error"   },
        {"log.client_ip", "partial",   "\"partial\" is not allowed: must be full, prefix or none"      },
    };
    struct config c;

    expect_refused(bad, ARRAY_LEN(bad));
    config_init(&c);
    assert_true(key_assign(key_find("contact.rate"), &c, SLICE_LIT("1000000/h"), NULL));
    assert_int_equal(c.contact_rate.count, 1000000);
    assert_int_equal(c.contact_rate.per_ns, 3600 * NS_PER_SEC);
    assert_true(key_assign(key_find("contact.rate"), &c, SLICE_LIT("off"), NULL));
    assert_int_equal(c.contact_rate.count, 0);
    assert_true(key_assign(key_find("log.level"), &c, SLICE_LIT("debug"), NULL));
    assert_int_equal(c.log_level, LOG_DEBUG);
    assert_true(key_assign(key_find("log.client_ip"), &c, SLICE_LIT("none"), NULL));
    assert_int_equal(c.log_client_ip, LOG_CLIENT_IP_NONE);
    assert_true(key_assign(key_find("log.client_ip"), &c, SLICE_LIT("prefix"), NULL));
    assert_int_equal(c.log_client_ip, LOG_CLIENT_IP_PREFIX);
    config_release(&c);
}

/* No row is a boolean yet. */
TEST(booleans_are_true_or_false)
{
    static const char *const bad[] = {"", "yes", "True", "1", "on"};
    const struct key k = {.name = "x", .kind = &kind_boolean};
    bool on = false;

    assert_int_equal(kind_boolean.size, sizeof(bool));
    assert_true(kind_boolean.read(&k, SLICE_LIT("true"), &on, NULL));
    assert_true(on);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(kind_boolean.read(&k, slice_str(bad[i]), &on, NULL));
        assert_true(on);
    }
    assert_true(kind_boolean.read(&k, SLICE_LIT("false"), &on, NULL));
    assert_false(on);
}

TEST(a_bound_of_zero_and_zero_is_none)
{
    const struct key k = {.name = "x"};
    uint64_t v = 0;

    assert_true(kind_count.read(&k, SLICE_LIT("18446744073709551615"), &v, NULL));
    assert_int_equal(v, UINT64_MAX);
    assert_true(kind_size.read(&k, SLICE_LIT("1TiB"), &v, NULL));
    assert_int_equal(v, UINT64_C(1) << 40);
    assert_true(kind_duration.read(&k, SLICE_LIT("3650d"), &v, NULL));
    assert_int_equal(v, UINT64_C(3650) * 86400 * NS_PER_SEC);
    assert_true(kind_ratio.read(&k, SLICE_LIT("0"), &v, NULL));
    assert_int_equal(v, 0);
}

TEST(addresses_are_kept_as_written)
{
    static const char *const good[] = {"127.0.0.1:0", "[::]:65535", "scrape-1:9091"};
    static const struct bad bad[] = {
        {"listen.public", "8000",
         "\"8000\" is not allowed: must be host:port, like 127.0.0.1:8000 or [::1]:8000"                 },
        {"listen.public", "a:65536",
         "\"a:65536\" is not allowed: the port must be a number from 0 to 65535"                         },
        {"listen.public", "::1:80",
         "\"::1:80\" is not allowed: the host must be an IPv4 address, an IPv6 address in brackets "
         "or a name"                                                                                     },
        {"listen.public", "",        "has no value: must be host:port, like 127.0.0.1:8000 or [::1]:8000"},
    };

    expect_refused(bad, ARRAY_LEN(bad));
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct config c;

        config_init(&c);
        assert_true(key_assign(key_find("listen.public"), &c, slice_str(good[i]), NULL));
        assert_string_equal(c.listen_public, good[i]);
        config_release(&c);
    }
}

TEST(texts_have_a_length_and_a_form)
{
    static const struct bad bad[] = {
        {"service",          "",               "has no value: must have 1 to 64 bytes"                               },
        {"service",          "a b",
         "\"a b\" is not allowed: must be made of letters, digits, '_', '.' and '-'"                                 },
        {"service",          "a\nb",           "\"a\\x0ab\" is not allowed: must be UTF-8 without control characters"},
        {"store.path",       "",               "has no value: must have 1 to 4000 bytes"                             },
        {"store.path",       "\xff",
         "\"\\xff\" is not allowed: must be UTF-8 without control characters"                                        },
        {"client_ip_header", "X Real",
         "\"X Real\" is not allowed: must be the name of a header field: letters, digits and '-'"                    },
        {"contact.redirect", "//evil.example",
         "\"//evil.example\" is not allowed: must be a path like /thanks, or an http or https URL"                   },
    };
    struct buf text = BUF_INIT;
    struct config c;

    expect_refused(bad, ARRAY_LEN(bad));
    config_init(&c);
    for (size_t i = 0; i < 64; i++)
        buf_add_char(&text, 's');
    assert_true(key_assign(key_find("service"), &c, (struct slice){text.data, 64}, NULL));
    assert_string_equal(c.service, buf_cstr(&text));
    buf_add_char(&text, 's');
    assert_false(key_assign(key_find("service"), &c, (struct slice){text.data, 65}, NULL));
    assert_int_equal(strlen(c.service), 64);
    assert_true(key_assign(key_find("store.path"), &c, SLICE_LIT("/var/b\xc3\xbc r.db"), NULL));
    assert_string_equal(c.store_path, "/var/b\xc3\xbc r.db");
    assert_true(key_assign(key_find("contact.redirect"), &c, SLICE_LIT("https://a/b"), NULL));
    assert_string_equal(c.contact_redirect, "https://a/b");
    buf_release(&text);
    config_release(&c);
}

RUN_TESTS(T(numbers_are_taken_up_to_their_bounds),
          T(numbers_outside_are_refused_with_what_is_allowed),
          T(rates_and_words),
          T(booleans_are_true_or_false),
          T(a_bound_of_zero_and_zero_is_none),
          T(addresses_are_kept_as_written),
          T(texts_have_a_length_and_a_form))
