/* SPDX-License-Identifier: MIT */
/* Which texts settings may have. */
#include "base/buf.h"
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

TEST(an_origin_is_as_browsers_send_it)
{
    struct buf name = BUF_INIT;

    TAKES(text_is_origin, "https://example.com", "http://example.com", "http://localhost:3000",
          "https://example.com:80", "http://example.com:443", "https://a:1", "https://a:65535",
          "https://xn--bcher-kva.example", "http://my_host", "http://192.0.2.1:8080",
          "http://[::1]", "https://[2001:db8::1]:8443", "https://1.example", "https://0x7g",
          "https://a-1.b2");
    REFUSES(text_is_origin, "", "null", "*", "https://*", "https://*.example.com", "example.com",
            "//example.com", "https://", "http://", "https:/example.com", "ftp://example.com",
            "HTTPS://example.com", "https://Example.com", "https://example.com/",
            "https://example.com/a", "https://example.com?", "https://example.com#",
            "https://example.com.", "https://.example.com", "https://a..b", "https://-a",
            "https://user@example.com", "https://a b", " https://a", "https://a ", "https://a\n",
            "https://b\xc3\xbc", "https://a%2eb", "file://a", "https://a,https://b");
    REFUSES(text_is_origin, "https://example.com:443", "http://example.com:80",
            "https://a:", "https://a:0", "https://a:65536", "https://a:08443", "https://a:+1",
            "https://a:x", "https://a:1:2", "https://:8443", "https://a:1/", "http://[::1]:80",
            "http://[::1]:");
    REFUSES(text_is_origin, "https://::1", "https://[]", "https://[", "https://[::1",
            "https://::1]", "https://[::1]x", "https://[1.2.3.4]", "https://[a]",
            "https://[0:0::1]", "https://[2001:DB8::1]", "https://[::ffff:1.2.3.4]",
            "https://[fe80::1%eth0]", "http://1.2.3", "http://1", "http://010.0.0.1",
            "http://1.2.3.4.5", "http://1.2.3.256", "http://0x7f", "http://a.0x7f", "http://a.0x",
            "http://a.1");
    assert_false(text_is_origin(SLICE_LIT("https://a\0")));
    assert_false(text_is_origin(SLICE_LIT("https://a\0.b")));
    assert_false(text_is_origin(SLICE_NONE));
    buf_add_str(&name, "https://");
    for (size_t i = 0; i < 253; i++)
        buf_add_char(&name, 'a');
    assert_true(text_is_origin((struct slice){name.data, name.len}));
    buf_add_char(&name, 'a');
    assert_false(text_is_origin((struct slice){name.data, name.len}));
    buf_release(&name);
}

TEST(a_page_is_a_path_in_which_a_star_is_a_whole_segment)
{
    struct buf path = BUF_INIT;

    TAKES(text_is_page, "/", "/blog", "/blog/", "/blog/*", "/*", "/*/", "/*/edit", "/a/*/b/*",
          "/a//b", "/%C3%A9", "/a.html", "/~ada/it's(1)!", "/a;v=1,2@x:y&z+$");
    REFUSES(text_is_page, "", "*", "blog", "blog/*", "/blog*", "/*.html", "/blog/**", "/**",
            "/a*b/c", "/a?b", "/a#b", "/a b", "/\xc3\xa9", "/a\n", "/\"", "/a\\b", "https://a/b",
            "/<a>", "/[a]", "/{a}");
    assert_false(text_is_page(SLICE_LIT("/a\0")));
    assert_false(text_is_page(SLICE_NONE));
    buf_add_char(&path, '/');
    for (size_t i = 0; i < 127; i++)
        buf_add_char(&path, 'a');
    assert_true(text_is_page((struct slice){path.data, path.len}));
    buf_add_char(&path, 'a');
    assert_false(text_is_page((struct slice){path.data, path.len}));
    buf_release(&path);
}

RUN_TESTS(T(a_line_is_utf8_without_control_characters),
          T(labels_and_tokens_are_of_few_characters),
          T(a_redirect_is_a_path_or_a_url),
          T(a_host_is_a_name_without_a_port),
          T(an_origin_is_as_browsers_send_it),
          T(a_page_is_a_path_in_which_a_star_is_a_whole_segment))
