/* SPDX-License-Identifier: MIT */
#include "tests/unit/unit.h"

#include "api/page.h"
#include "tests/unit/metrics/dies.h"

#include <sodium.h>

static const char *const names[] = {"title", "rows"};

static void expect(struct buf *b, const char *want)
{
    assert_string_equal(buf_cstr(b), want);
    buf_release(b);
}

TEST(a_template_is_filled_by_name)
{
    struct page_template *t =
        page_template_new(SLICE_LIT("<h1>{{title}}</h1>{{rows}}<p>{{title}}</p>"), names, 2);
    const struct page_value first[] = {
        {SLICE_LIT("Tom & <Jerry>"),   false},
        {SLICE_LIT("<hr title='x'/>"), true },
    };
    const struct page_value second[] = {
        {SLICE_NONE, false},
        {SLICE_NONE, true },
    };
    struct buf b = BUF_INIT;

    page_render(t, first, &b);
    expect(&b, "<h1>Tom &amp; &lt;Jerry&gt;</h1><hr title='x'/><p>Tom &amp; &lt;Jerry&gt;</p>");
    page_render(t, second, &b);
    expect(&b, "<h1></h1><p></p>");
    page_template_free(t);
    page_template_free(NULL);
}

TEST(placeholders_may_stand_at_both_ends_and_side_by_side)
{
    const struct page_value values[] = {
        {SLICE_LIT("a{{rows}}"), false},
        {SLICE_LIT("b"),         false},
    };
    struct page_template *t = page_template_new(SLICE_LIT("{{title}}{{rows}}"), names, 2);
    struct buf b = BUF_INIT;

    page_render(t, values, &b);
    expect(&b, "a{{rows}}b"); /* a value is never a template */
    page_template_free(t);
    t = page_template_new(SLICE_LIT("no { placeholder } at }} all"), NULL, 0);
    page_render(t, NULL, &b);
    expect(&b, "no { placeholder } at }} all");
    page_template_free(t);
}

static void split(void *text)
{
    page_template_free(page_template_new(slice_str(text), names, 2));
}

TEST(a_fault_of_the_template_ends_the_process)
{
    char unknown[] = "{{title}}{{rows}}{{other}}", open[] = "{{title}}{{rows}}{{title",
         unused[] = "{{title}}", blank[] = "{{title}}{{rows}}{{ title }}",
         good[] = "{{title}} {{rows}}";

    assert_true(dies(split, unknown));
    assert_true(dies(split, open));
    assert_true(dies(split, unused));
    assert_true(dies(split, blank));
    assert_false(dies(split, good));
}

TEST(what_is_escaped_is_never_markup)
{
    const struct {
        struct slice in;
        const char *out;
    } cases[] = {
        {SLICE_LIT("plain"),                    "plain"                                             },
        {SLICE_LIT("</td><script>"),            "&lt;/td&gt;&lt;script&gt;"                         },
        {SLICE_LIT("a=\"b\" c='d' & more"),     "a=&quot;b&quot; c=&#39;d&#39; &amp; more"          },
        {SLICE_LIT("line\n\ttab\r"),            "line\n\ttab\r"                                     },
        {SLICE_LIT("caf\xc3\xa9 \xe2\x9c\x93"), "caf\xc3\xa9 \xe2\x9c\x93"                          },
        {SLICE_LIT("\x01|\x00|\x7f"),           "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd"            },
        {SLICE_LIT("\xff|\xc3|\xc2\x80"),       "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd"},
        {SLICE_NONE,                            ""                                                  },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = BUF_INIT;

        page_escape(&b, cases[i].in);
        expect(&b, cases[i].out);
    }
}

TEST(the_hash_is_what_browsers_compute)
{
    char hash[PAGE_CSP_HASH];

    /* printf %s TEXT | openssl dgst -sha256 -binary | base64 */
    page_csp_hash(SLICE_LIT("alert('Hello, world.');"), hash);
    assert_memory_equal(hash, "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=", PAGE_CSP_HASH);
    page_csp_hash(SLICE_NONE, hash);
    assert_memory_equal(hash, "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", PAGE_CSP_HASH);
}

RUN_TESTS(T(a_template_is_filled_by_name),
          T(placeholders_may_stand_at_both_ends_and_side_by_side),
          T(a_fault_of_the_template_ends_the_process),
          T(what_is_escaped_is_never_markup),
          T(the_hash_is_what_browsers_compute))
