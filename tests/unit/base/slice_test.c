/* SPDX-License-Identifier: MIT */
/* Slices: equality, trimming, cutting. */
#include "base/slice.h"
#include "tests/unit/unit.h"

TEST(equality_looks_at_length_and_bytes)
{
    assert_true(slice_eq(SLICE_LIT("abc"), slice_str("abc")));
    assert_false(slice_eq(SLICE_LIT("abc"), SLICE_LIT("abd")));
    assert_false(slice_eq(SLICE_LIT("abc"), SLICE_LIT("ab")));
    assert_true(slice_eq(SLICE_NONE, SLICE_LIT("")));
}

TEST(equality_without_case_folds_ascii_letters_only)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"Content-Length", "content-LENGTH", true },
        {"",               "",               true },
        {"a",              "b",              false},
        {"a",              "aa",             false},
        {"@",              "`",              false},
        {"[",              "{",              false},
        {"\xc4",           "\xe4",           false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(slice_eq_nocase(slice_str(cases[i].a), slice_str(cases[i].b)),
                         cases[i].same);
    assert_true(slice_eq_nocase(SLICE_NONE, SLICE_LIT("")));
}

TEST(trimming_takes_spaces_and_tabs_from_both_ends)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"a",         "a"    },
        {" \ta b\t ", "a b"  },
        {" \t ",      ""     },
        {"",          ""     },
        {"\na\r",     "\na\r"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(slice_eq(slice_trim(slice_str(cases[i].in)), slice_str(cases[i].out)));
    assert_null(slice_trim(SLICE_NONE).p);
}

TEST(a_control_is_found_wherever_it_stands)
{
    for (size_t n = 0; n <= 25; n++) {
        char text[25];

        for (unsigned c = 0; c < 256 && n > 0; c++)
            for (size_t at = 0; at < n; at++) {
                memset(text, c % 2 == 0 ? ' ' : 0xff, sizeof(text));
                text[at] = (char)c;
                assert_int_equal(slice_no_controls((struct slice){text, n}),
                                 c >= 0x20 && c != 0x7f);
            }
    }
    assert_true(slice_no_controls(SLICE_NONE));
}

TEST(cutting_visits_every_part_empty_ones_included)
{
    static const char *const expected[] = {"a", "", "bc", ""};
    struct slice rest = SLICE_LIT("a,,bc,");
    size_t n = 0;

    while (rest.p != NULL) {
        assert_true(n < ARRAY_LEN(expected));
        assert_true(slice_eq(slice_cut(&rest, ','), slice_str(expected[n])));
        n++;
    }
    assert_int_equal(n, ARRAY_LEN(expected));
}

TEST(cutting_nothing_gives_nothing)
{
    struct slice rest = SLICE_NONE;

    assert_null(slice_cut(&rest, ',').p);
    assert_null(rest.p);
    rest = SLICE_LIT("");
    struct slice part = slice_cut(&rest, ',');
    assert_non_null(part.p);
    assert_int_equal(part.n, 0);
    assert_null(rest.p);
}

RUN_TESTS(T(equality_looks_at_length_and_bytes),
          T(equality_without_case_folds_ascii_letters_only),
          T(trimming_takes_spaces_and_tabs_from_both_ends),
          T(a_control_is_found_wherever_it_stands),
          T(cutting_visits_every_part_empty_ones_included),
          T(cutting_nothing_gives_nothing))
