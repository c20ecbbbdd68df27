/* SPDX-License-Identifier: MIT */
/* Values and paths in messages. */
#include "config/quote.h"
#include "tests/unit/unit.h"

#define TEN "0123456789"

TEST(values_are_quoted_escaped_and_cut)
{
    static const struct {
        const char *text, *quoted;
    } cases[] = {
        {"",                              "\"\""                               },
        {"10/x",                          "\"10/x\""                           },
        {"a\tb\x1b[2J\x7f",               "\"a\\x09b\\x1b[2J\\x7f\""           },
        {"\"\\",                          "\"\\x22\\x5c\""                     },
        {"\xc3\xa9\xe2\x82\xac",          "\"\xc3\xa9\xe2\x82\xac\""           },
        {"\xc2\x9b"
         "A\xff\xc3",            "\"\\xc2\\x9bA\\xff\\xc3\""          },
        {TEN TEN TEN TEN,                 "\"" TEN TEN TEN TEN "\""            },
        {TEN TEN TEN TEN "x",             "\"" TEN TEN TEN TEN "...\""         },
        {TEN TEN TEN "01234567\n",        "\"" TEN TEN TEN "01234567...\""     },
        {TEN TEN TEN "012345678\xc3\xa9", "\"" TEN TEN TEN "012345678...\""    },
        {TEN TEN TEN "01234567\xc3\xa9",  "\"" TEN TEN TEN "01234567\xc3\xa9\""},
    };
    char out[QUOTE_MAX];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(quote(slice_str(cases[i].text), out), cases[i].quoted);
        assert_true(strlen(out) < sizeof(out));
    }
    assert_string_equal(quote(SLICE_NONE, out), "\"\"");
    assert_string_equal(quote(SLICE_LIT("a\0b"), out), "\"a\\x00b\"");
}

TEST(of_a_long_path_the_end_is_shown)
{
    char path[PATH_SHOWN + 2], out[PATH_SHOWN_MAX];

    assert_string_equal(quote_path("", out), "");
    assert_string_equal(quote_path("/etc/a\nb.yaml", out), "/etc/a?b.yaml");
    memset(path, 'x', sizeof(path));
    path[PATH_SHOWN] = '\0';
    assert_string_equal(quote_path(path, out), path);
    path[PATH_SHOWN] = 'y';
    path[PATH_SHOWN + 1] = '\0';
    assert_memory_equal(quote_path(path, out), "...x", 4);
    assert_string_equal(out + 3, path + 1);
}

RUN_TESTS(T(values_are_quoted_escaped_and_cut), T(of_a_long_path_the_end_is_shown))
