/* SPDX-License-Identifier: MIT */
/* Which texts settings may have. */
#include "config/text.h"
#include "tests/unit/unit.h"

typedef bool predicate_fn(struct slice s);

static void expect(predicate_fn *is, bool want, const char *const *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is(slice_str(cases[i])) != want)
            fail_msg("'%s' was %s", cases[i], want ? "refused" : "taken");
}

#define TAKES(is, ...)                                   \
    expect(is, true, (const char *const[]){__VA_ARGS__}, \
           ARRAY_LEN(((const char *const[]){__VA_ARGS__})))
#define REFUSES(is, ...)                                  \
    expect(is, false, (const char *const[]){__VA_ARGS__}, \
           ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

TEST(a_line_is_utf8_without_control_characters)
{
    TAKES(text_is_line, "", "a b", "\xc3\xa9", "\xc2\xa0", "~", "./data/x.db");
    REFUSES(text_is_line, "a\n", "\t", "\x1b", "\x7f", "\xc2\x80", "\xc2\x9f", "\xff", "a\xc3",
            "\xed\xa0\x80");
    assert_false(text_is_line(SLICE_LIT("a\0b")));
}

TEST(labels_and_tokens_are_of_few_characters)
{
    TAKES(text_is_label, "a", "Shop-1_b.c", "...");
    REFUSES(text_is_label, "", "a b", "a/b", "\xc3\xa9", "a\"", "a\n");
    TAKES(text_is_token, "X-Real-IP", "a", "1");
    REFUSES(text_is_token, "", "X_Real", "X Real", "X:", "X.", "\xc3\xa9");
    assert_false(text_is_label(SLICE_LIT("a\0")));
    assert_false(text_is_token(SLICE_LIT("a\0")));
}

TEST(a_redirect_is_a_path_or_a_url)
{
    TAKES(text_is_redirect, "/", "/contact/thanks", "/a?b=c&d#e", "/a//b", "http://a",
          "https://example.com/thanks?x=1", "https://[::1]:8443/", "/%C3%A9");
    REFUSES(text_is_redirect, "", "//evil.example", "thanks", "javascript:alert(1)", "ftp://a",
            "HTTPS://a", "http://", "https:///a", "https://?a", "https://@a", "/a b", "/a\r\nX: y",
            "/\\evil.example", "/\xc3\xa9", "/<b>", "/\"", " /a", "https:/a");
    assert_false(text_is_redirect(SLICE_LIT("/a\0")));
}

TEST(a_host_is_a_name_without_a_port)
{
    char name[255];

    TAKES(text_is_host, "a", "Example.COM", "a-b.c_d", "_x", "1.2.3.4", "xn--bcher-kva.example");
    REFUSES(text_is_host, "", ".", ".a", "a.", "a..b", "-a", "a:80", "*.a", "a b", "b\xc3\xbc.de",
            "[::1]", "http://a", "a/b");
    memset(name, 'a', sizeof(name));
    assert_true(text_is_host((struct slice){name, 253}));
    assert_false(text_is_host((struct slice){name, 254}));
    assert_false(text_is_host(SLICE_NONE));
}

RUN_TESTS(T(a_line_is_utf8_without_control_characters),
          T(labels_and_tokens_are_of_few_characters),
          T(a_redirect_is_a_path_or_a_url),
          T(a_host_is_a_name_without_a_port))
