/* SPDX-License-Identifier: MIT */
/* GET / for browsers and for others. */
#include "tests/unit/api/html.h"

enum { PAGE_BYTES = 30 * 1024 };

static void ask(struct fake *f, enum http_method method, const char *accept)
{
    fake_request(f, method);
    if (accept != NULL)
        f->rq.head.accept = slice_str(accept);
    home_get(&f->rq, &f->api);
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->rq.status, 200);
    expect_header(f, "vary", "Accept");
    expect_header(f, "cache-control", "no-store");
}

static bool is_html(const struct fake *f)
{
    bool html = slice_eq(f->rq.content_type, SLICE_LIT("text/html; charset=utf-8"));

    assert_true(html || slice_eq(f->rq.content_type, SLICE_LIT("text/plain; charset=utf-8")));
    return html;
}

TEST(browsers_get_html_and_others_text)
{
    static const struct {
        const char *accept;
        bool html;
    } cases[] = {
        {NULL,                                                              false},
        {"",                                                                false},
        {"*/*",                                                             false},
        {"text/*",                                                          false},
        {"text/plain",                                                      false},
        {"application/json, text/plain, */*",                               false},
        {"text/html",                                                       true },
        {"TEXT/HTML",                                                       true },
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true },
        {"text/plain, text/html;q=0.001",                                   true },
        {"*/*, text/html ; level=1 ; q=0.5",                                true },
        {"text/html;q=0",                                                   false},
        {"text/html; Q=0.000",                                              false},
        {"text/html;q=nonsense",                                            false},
        {"text/html;q=",                                                    false},
        {"text/html;q=0, text/html",                                        true },
        {"text/htmlx, xtext/html, text/html/x",                             false},
        {",,;,text/html",                                                   true },
    };
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ask(&f, HTTP_GET, cases[i].accept);
        if (is_html(&f) != cases[i].html)
            fail_msg("Accept: %s", cases[i].accept != NULL ? cases[i].accept : "(none)");
    }
    fake_release(&f);
}

TEST(the_text_says_where_to_go_and_how_many_came)
{
    struct fake f;

    fake_init(&f);
    ask(&f, HTTP_GET, NULL);
    ask(&f, HTTP_GET, NULL);
    assert_true(answer_has(&f, "Welcome"));
    assert_true(answer_has(&f, "/health "));
    assert_true(answer_has(&f, "/contact "));
    assert_true(answer_has(&f, "\npage views 2, visitors today 1\n"));
    assert_int_equal(f.rq.answer.p[f.rq.answer.n - 1], '\n');
    fake_release(&f);
}

TEST(the_page_is_small_well_formed_and_under_a_strict_policy)
{
    const char *policy;
    struct fake f;

    fake_init(&f);
    ask(&f, HTTP_GET, "text/html");
    assert_in_range(f.rq.answer.n, 1000, PAGE_BYTES);
    expect_well_formed(&f);
    expect_inline_hash(&f, "<style>", "</style>");
    expect_inline_hash(&f, "<script>", "</script>");
    policy = fake_header(&f, "content-security-policy");
    assert_int_equal(strncmp(policy, "default-src 'none';", 19), 0);
    assert_non_null(strstr(policy, "; script-src 'self' 'sha256-"));
    assert_non_null(strstr(policy, "; style-src 'sha256-"));
    assert_non_null(strstr(policy, "; connect-src 'self';"));
    assert_non_null(strstr(policy, "; base-uri 'none';"));
    assert_non_null(strstr(policy, "; frame-ancestors 'none';"));
    assert_string_equal(strstr(policy, "form-action"), "form-action 'self'");
    /* Nothing that the policy would forbid, and nothing from elsewhere. */
    assert_false(answer_has(&f, " style=\""));
    assert_false(answer_has(&f, " onclick=\""));
    assert_false(answer_has(&f, "\"http"));
    assert_false(answer_has(&f, "{{"));
    assert_false(answer_has(&f, "SPDX"));
    fake_release(&f);
}

TEST(the_page_has_its_numbers_its_form_and_its_id)
{
    struct fake f;

    fake_init(&f);
    f.live.contact_max_message = 1234;
    ask(&f, HTTP_GET, NULL);
    ask(&f, HTTP_GET, "text/html");
    assert_true(answer_has(&f, "<dd id=\"page-views\">2</dd>"));
    assert_true(answer_has(&f, "<dd id=\"visitors-today\">1</dd>"));
    assert_true(answer_has(&f, "<meta name=\"correlation-id\" content=\"test-id\"/>"));
    expect_header(&f, "server-timing", "correlation-id;desc=\"test-id\"");
    assert_true(answer_has(&f, "<script src=\"/metrics.js\" defer=\"defer\"></script>"));
    assert_true(answer_has(&f, "<form id=\"contact-form\" action=\"/contact\" method=\"post\""));
    assert_true(answer_has(&f, "maxlength=\"1234\"></textarea>"));
    assert_true(answer_has(&f, "name=\"website_url\""));
    assert_true(answer_has(&f, "id=\"contact-status\""));
    assert_true(answer_has(&f, "href=\"/health\""));
    assert_true(answer_has(&f, "href=\"/contact\""));
    fake_release(&f);
}

TEST(the_name_of_the_service_is_text_and_nothing_else)
{
    struct fake f;

    fake_init(&f);
    f.api.service = SLICE_LIT("<script>alert(\"1\")</script> & {{key}}");
    ask(&f, HTTP_GET, "text/html");
    assert_true(answer_has(&f, "<title>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; "
                               "{{key}}</title>"));
    assert_true(answer_has(&f, "<h1 id=\"title\">&lt;script&gt;"));
    assert_false(answer_has(&f, "<script>alert"));
    fake_release(&f);
}

TEST(the_form_may_follow_a_redirect_to_another_host)
{
    struct fake f;

    fake_init(&f);
    f.live.contact_redirect = SLICE_LIT("https://example.com/thanks");
    ask(&f, HTTP_GET, "text/html");
    assert_string_equal(strstr(fake_header(&f, "content-security-policy"), "form-action"),
                        "form-action 'self' https://example.com");
    fake_release(&f);
}

TEST(head_tells_and_does_not_count)
{
    struct fake f;

    fake_init(&f);
    ask(&f, HTTP_GET, NULL);
    ask(&f, HTTP_HEAD, NULL);
    assert_true(answer_has(&f, "page views 1, visitors today 1"));
    ask(&f, HTTP_HEAD, "text/html");
    assert_true(is_html(&f));
    assert_int_equal(fake_count(&f, METRIC_PAGE_VIEWS, NULL), 1);
    fake_release(&f);
}

RUN_TESTS(T(browsers_get_html_and_others_text),
          T(the_text_says_where_to_go_and_how_many_came),
          T(the_page_is_small_well_formed_and_under_a_strict_policy),
          T(the_page_has_its_numbers_its_form_and_its_id),
          T(the_name_of_the_service_is_text_and_nothing_else),
          T(the_form_may_follow_a_redirect_to_another_host),
          T(head_tells_and_does_not_count))
