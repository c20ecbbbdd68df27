/* SPDX-License-Identifier: MIT */
/* struct err: what is written, and how it is cut. */
#include "base/err.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

TEST(err_set_returns_false_and_keeps_kind_and_text)
{
    struct err err = ERR_INIT;

    assert_false(err_set(&err, ERR_CONFLICT, "%s is not %d", "x", 7));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.text, "x is not 7");
}

TEST(err_set_takes_null_for_dont_care)
{
    assert_false(err_set(NULL, ERR_INVALID, "%d", 1));
    assert_false(err_set_errno(NULL, ENOENT, "%d", 1));
}

TEST(an_error_may_be_wrapped_with_its_own_text)
{
    struct err err = ERR_INIT;

    (void)err_set(&err, ERR_NOT_FOUND, "no such thing");
    (void)err_set(&err, err.kind, "cannot do it: %s", err.text);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_string_equal(err.text, "cannot do it: no such thing");
}

TEST(err_set_errno_appends_the_text_of_the_system)
{
    struct err err = ERR_INIT;

    assert_false(err_set_errno(&err, ENOENT, "cannot open '%s'", "f"));
    assert_int_equal(err.kind, ERR_IO);
    assert_string_equal(err.text, "cannot open 'f': No such file or directory");
}

TEST(long_texts_are_cut_and_terminated)
{
    struct err err;
    char text[1000];

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)err_set(&err, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    (void)err_set_errno(&err, ENOENT, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    (void)err_set_errno(&err, ENOENT, "%.252s", text);
    assert_string_equal(err.text + 252, ": N");
}

RUN_TESTS(T(err_set_returns_false_and_keeps_kind_and_text),
          T(err_set_takes_null_for_dont_care),
          T(an_error_may_be_wrapped_with_its_own_text),
          T(err_set_errno_appends_the_text_of_the_system),
          T(long_texts_are_cut_and_terminated))
