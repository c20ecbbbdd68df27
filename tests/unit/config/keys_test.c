/* SPDX-License-Identifier: MIT */
/* The table itself, and finding things in it. */
#include "config/keys.h"
#include "tests/unit/unit.h"

TEST(every_row_is_whole_and_no_name_stands_twice)
{
    size_t n;
    const struct key *keys = keys_all(&n);

    assert_true(n > 20);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(key_find(keys[i].name), &keys[i]);
        assert_false(key_is_section(keys[i].name));
        assert_true(keys[i].help[0] != '\0');
        assert_true(keys[i].min <= keys[i].max);
        assert_true(keys[i].offset + keys[i].kind->size <= sizeof(struct config));
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(keys[i].offset, keys[j].offset);
    }
}

TEST(keys_and_sections_are_found_by_their_whole_name)
{
    static const char *const neither[] = {
        "", "contac", "contact.", "contact.rat", "contact.rates", "contact.rate.x", "Contact", "."};

    assert_non_null(key_find("contact.rate"));
    assert_non_null(key_find("hosts"));
    assert_true(key_is_section("contact"));
    assert_null(key_find("contact"));
    assert_false(key_is_section("hosts"));
    for (size_t i = 0; i < ARRAY_LEN(neither); i++) {
        assert_null(key_find(neither[i]));
        assert_false(key_is_section(neither[i]));
    }
}

TEST(the_nearest_key_is_at_most_two_edits_away)
{
    static const struct {
        const char *name, *nearest; /* NULL: none */
    } cases[] = {
        {"contact.rat",       "contact.rate"      },
        {"contact.rates",     "contact.rate"      },
        {"contact.raet",      "contact.rate"      },
        {"contact.rata_totl", "contact.rate_total"},
        {"contact.rata_tot",  NULL                },
        {"cotnact",           "contact"           },
        {"Hosts",             "hosts"             },
        {"trusted-proxies",   "trusted_proxies"   },
        {"lisen",             "listen"            },
        {"log.levels",        "log.level"         },
        {"port",              NULL                }, /* not cors */
        {"cpu",               NULL                },
        {"rim",               "rum"               },
        {"crs",               "cors"              },
        {"coors",             "cors"              },
        {"",                  NULL                },
        {"frobnicate",        NULL                },
    };
    char longer[200];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice near = key_nearest(cases[i].name);

        if (cases[i].nearest == NULL)
            assert_null(near.p);
        else if (!slice_eq(near, slice_str(cases[i].nearest)))
            fail_msg("'%s': '%.*s'", cases[i].name, (int)near.n, near.p);
    }
    memset(longer, 'h', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_null(key_nearest(longer).p);
}

TEST(a_value_equals_itself_and_no_other)
{
    struct config a, b;
    size_t n;
    const struct key *keys = keys_all(&n), *hosts = key_find("hosts");

    config_init(&a);
    config_init(&b);
    for (size_t i = 0; i < n; i++)
        assert_true(key_equal(&keys[i], &a, &b));
    assert_true(key_assign(hosts, &a, SLICE_LIT("a"), NULL));
    assert_false(key_equal(hosts, &a, &b));
    assert_true(key_assign(hosts, &b, SLICE_LIT("b"), NULL));
    assert_false(key_equal(hosts, &a, &b));
    assert_true(key_assign(hosts, &b, SLICE_LIT("a"), NULL));
    assert_true(key_equal(hosts, &a, &b));
    assert_true(key_read(hosts, &b, SLICE_LIT("c"), NULL));
    assert_false(key_equal(hosts, &a, &b));
    key_release(hosts, &b);
    assert_int_equal(b.hosts.n, 0);
    assert_null(b.hosts.items);
    key_release(hosts, &b);
    config_release(&a);
    config_release(&b);
}

RUN_TESTS(T(every_row_is_whole_and_no_name_stands_twice),
          T(keys_and_sections_are_found_by_their_whole_name),
          T(the_nearest_key_is_at_most_two_edits_away),
          T(a_value_equals_itself_and_no_other))
