/* SPDX-License-Identifier: MIT */
/* Host names and networks: what is stored, and how many. */
#include "base/buf.h"
#include "config/keys.h"
#include "tests/unit/unit.h"

static bool assign(struct config *c, const char *key, const char *text, struct err *err)
{
    return key_assign(key_find(key), c, slice_str(text), err);
}

TEST(hosts_are_stored_as_requests_carry_them)
{
    static const struct {
        const char *text, *stored;
    } cases[] = {
        {"Example.COM",     "example.com"},
        {"my_service",      "my_service" },
        {"192.0.2.1",       "192.0.2.1"  },
        {"[2001:DB8:0::1]", "2001:db8::1"},
        {"::1",             "::1"        },
        {" a ",             "a"          },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct config c;

        config_init(&c);
        if (!assign(&c, "hosts", cases[i].text, &err))
            fail_msg("'%s': %s", cases[i].text, err.text);
        assert_int_equal(c.hosts.n, 1);
        assert_string_equal(c.hosts.items[0], cases[i].stored);
        config_release(&c);
    }
}

TEST(what_is_no_host)
{
    static const char *const cases[] = {
        "a:80", "*.example.com", "http://a",  "[::1]:80", "[1.2.3.4]", "[]", "a b",
        "a.",   "[a]",           "1.2.3.4/8", "[",        "::g"};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct config c;

        config_init(&c);
        if (assign(&c, "hosts", cases[i], &err))
            fail_msg("'%s' was taken", cases[i]);
        assert_non_null(strstr(err.text, "must be a host name or an IP address, without a port"));
        assert_int_equal(c.hosts.n, 0);
        config_release(&c);
    }
}

TEST(origins_are_stored_as_they_are)
{
    struct err err = ERR_INIT;
    struct config c;

    config_init(&c);
    assert_int_equal(c.cors_origins.n, 0);
    assert_true(assign(&c, "cors.origins", "https://example.com, http://localhost:3000", &err));
    assert_int_equal(c.cors_origins.n, 2);
    assert_string_equal(c.cors_origins.items[0], "https://example.com");
    assert_string_equal(c.cors_origins.items[1], "http://localhost:3000");
    assert_true(assign(&c, "cors.origins", "", &err));
    assert_int_equal(c.cors_origins.n, 0);
    config_release(&c);
}

TEST(what_is_no_origin)
{
    static const char *const cases[] = {"*",
                                        "null",
                                        "example.com",
                                        "https://example.com/",
                                        "https://Example.com",
                                        "https://example.com:443"};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct config c;

        config_init(&c);
        if (assign(&c, "cors.origins", cases[i], &err))
            fail_msg("'%s' was taken", cases[i]);
        assert_non_null(strstr(err.text, "must be an origin as browsers send it, like "
                                         "https://example.com or http://localhost:3000"));
        assert_int_equal(c.cors_origins.n, 0);
        config_release(&c);
    }
}

TEST(networks_are_read_whole)
{
    struct err err = ERR_INIT;
    struct config c;

    config_init(&c);
    assert_true(assign(&c, "trusted_proxies", "10.0.0.0/8, 127.0.0.1,2001:db8::/32", &err));
    assert_int_equal(c.trusted_proxies.n, 3);
    assert_int_equal(c.trusted_proxies.items[0].bits, 96 + 8);
    assert_int_equal(c.trusted_proxies.items[1].bits, 128);
    assert_int_equal(c.trusted_proxies.items[2].bits, 32);
    assert_true(assign(&c, "trusted_proxies", "", &err));
    assert_int_equal(c.trusted_proxies.n, 0);
    assert_null(c.trusted_proxies.items);
    assert_false(assign(&c, "metrics.allow", "10.0.0.1/8", &err));
    assert_string_equal(err.text,
                        "\"10.0.0.1/8\" is not allowed: the bits after the prefix must be zero");
    assert_false(assign(&c, "metrics.allow", "any", &err));
    assert_string_equal(err.text, "\"any\" is not allowed: must be an IP address or a network like "
                                  "10.0.0.0/8");
    config_release(&c);
}

TEST(networks_differ_by_address_and_by_prefix)
{
    const struct key *k = key_find("trusted_proxies");
    struct config a, b;

    config_init(&a);
    config_init(&b);
    assert_true(assign(&a, "trusted_proxies", "10.0.0.0/8", NULL));
    assert_false(key_equal(k, &a, &b));
    assert_true(assign(&b, "trusted_proxies", "10.0.0.0/9", NULL));
    assert_false(key_equal(k, &a, &b));
    assert_true(assign(&b, "trusted_proxies", "11.0.0.0/8", NULL));
    assert_false(key_equal(k, &a, &b));
    assert_true(assign(&b, "trusted_proxies", "10.0.0.0/8", NULL));
    assert_true(key_equal(k, &a, &b));
    config_release(&a);
    config_release(&b);
}

TEST(empty_entries_are_refused)
{
    static const char *const cases[] = {",", "a,", ",a", "a,,b", " "};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct config c;

        config_init(&c);
        assert_false(assign(&c, "hosts", cases[i], &err));
        assert_string_equal(err.text,
                            "has no value: must be a host name or an IP address, without a port");
        config_release(&c);
    }
}

TEST(sixty_four_entries_are_taken_and_one_more_is_not)
{
    static const struct {
        const char *key, *before; /* what stands before each address */
    } lists[] = {
        {"hosts",           ""       },
        {"trusted_proxies", ""       },
        {"cors.origins",    "http://"},
    };

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct buf text = BUF_INIT, full = BUF_INIT;
        struct err err = ERR_INIT;
        struct config c;

        config_init(&c);
        for (size_t n = 0; n < CONFIG_LIST_MAX; n++)
            buf_addf(&text, "%s%s10.0.0.%zu", n > 0 ? "," : "", lists[i].before, n);
        assert_true(assign(&c, lists[i].key, buf_cstr(&text), &err));
        assert_int_equal(c.hosts.n + c.trusted_proxies.n + c.cors_origins.n, CONFIG_LIST_MAX);
        buf_addf(&text, ",%s10.0.1.0", lists[i].before);
        assert_false(assign(&c, lists[i].key, buf_cstr(&text), &err));
        buf_addf(&full, "\"%s10.0.1.0\" is not allowed: must have at most 64 entries",
                 lists[i].before);
        assert_string_equal(err.text, buf_cstr(&full));
        buf_release(&full);
        buf_release(&text);
        config_release(&c);
    }
}

TEST(pages_are_stored_as_they_are_up_to_24)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    struct config c;

    config_init(&c);
    assert_int_equal(c.rum_pages.n, 0);
    for (size_t n = 0; n < 24; n++)
        buf_addf(&text, "%s/page-%zu/*", n > 0 ? "," : "", n);
    assert_true(assign(&c, "rum.pages", buf_cstr(&text), &err));
    assert_int_equal(c.rum_pages.n, 24);
    assert_string_equal(c.rum_pages.items[23], "/page-23/*");
    buf_add_str(&text, ",/page-24");
    assert_false(assign(&c, "rum.pages", buf_cstr(&text), &err));
    assert_string_equal(err.text, "\"/page-24\" is not allowed: must have at most 24 entries");
    assert_false(assign(&c, "rum.pages", "/blog*", &err));
    assert_non_null(strstr(err.text, "must be a path like /blog or /blog/*"));
    buf_release(&text);
    config_release(&c);
}

RUN_TESTS(T(hosts_are_stored_as_requests_carry_them),
          T(what_is_no_host),
          T(origins_are_stored_as_they_are),
          T(what_is_no_origin),
          T(pages_are_stored_as_they_are_up_to_24),
          T(networks_are_read_whole),
          T(networks_differ_by_address_and_by_prefix),
          T(empty_entries_are_refused),
          T(sixty_four_entries_are_taken_and_one_more_is_not))
