/* SPDX-License-Identifier: MIT */
#include "tests/unit/api/html.h"

static void expect_page(const struct fake *f)
{
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->rq.status, 200);
    assert_true(slice_eq(f->rq.content_type, SLICE_LIT("text/html; charset=utf-8")));
    expect_header(f, "cache-control", "no-store");
    expect_well_formed(f);
    (void)find(f, "<html lang=\"en\">");
    (void)find(f, "<meta charset=\"utf-8\"/>");
    (void)find(f, "name=\"viewport\"");
    assert_null(memmem(f->rq.answer.p, f->rq.answer.n, "<script", 7));
}

TEST(the_form_has_what_a_person_needs)
{
    struct fake f;

    fake_init(&f);
    f.live.contact_max_message = 1234;
    contact_form_get(&f.rq, &f.api);
    expect_page(&f);
    expect_inline_hash(&f, "<style>", "</style>");
    (void)find(
        &f,
        "<form id=\"contact-form\" action=\"/contact\" method=\"post\" accept-charset=\"utf-8\">");
    (void)find(&f, "<label for=\"name\">");
    (void)find(&f, "<label for=\"email\">");
    (void)find(&f, "<label for=\"message\">");
    (void)find(&f, "type=\"email\" required=\"required\" maxlength=\"254\"");
    (void)find(&f, "required=\"required\" maxlength=\"1234\"></textarea>");
    (void)find(&f, "<button type=\"submit\">");
    fake_release(&f);
}

TEST(the_honeypot_is_hidden_from_people_and_their_tools)
{
    struct fake f;
    const char *box;

    fake_init(&f);
    contact_form_get(&f.rq, &f.api);
    (void)find(&f, ".extra { position: absolute;");
    box = find(&f, "<div class=\"extra\" aria-hidden=\"true\">");
    assert_true(box < find(&f, "name=\"website_url\" type=\"text\" tabindex=\"-1\" "
                               "autocomplete=\"off\"/>"));
    fake_release(&f);
}

TEST(each_form_carries_a_key_of_its_own)
{
    static const char before[] = "name=\"idempotency_key\" type=\"hidden\" value=\"";
    char keys[2][33] = {"", ""};
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < 2; i++) {
        fake_request(&f, HTTP_GET);
        contact_form_get(&f.rq, &f.api);
        memcpy(keys[i], find(&f, before) + sizeof(before) - 1, 32);
        assert_int_equal(strspn(keys[i], "0123456789abcdef"), 32);
        assert_int_equal(find(&f, before)[sizeof(before) - 1 + 32], '"');
    }
    assert_string_not_equal(keys[0], keys[1]);
    fake_release(&f);
}

TEST(the_policy_lets_the_form_follow_its_redirect)
{
    static const struct {
        const char *redirect, *end;
    } cases[] = {
        {"/contact/thanks",                   "form-action 'self'"                         },
        {"thanks.html",                       "form-action 'self'"                         },
        {"https://example.com/thanks?a=b",    "form-action 'self' https://example.com"     },
        {"https://example.com",               "form-action 'self' https://example.com"     },
        {"https://example.com:8443#x",        "form-action 'self' https://example.com:8443"},
        {"https://example.com; script-src *", "form-action 'self' https://example.com"     },
        {"https://",                          "form-action 'self'"                         },
    };
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *policy;

        fake_request(&f, HTTP_GET);
        f.live.contact_redirect = slice_str(cases[i].redirect);
        contact_form_get(&f.rq, &f.api);
        policy = fake_header(&f, "content-security-policy");
        assert_non_null(policy);
        assert_string_equal(strstr(policy, "form-action"), cases[i].end);
        assert_non_null(strstr(policy, "default-src 'none';"));
        assert_non_null(strstr(policy, "frame-ancestors 'none';"));
        assert_non_null(strstr(policy, "base-uri 'none';"));
    }
    fake_release(&f);
}

TEST(the_thank_you_page_says_so)
{
    struct fake f;

    fake_init(&f);
    contact_thanks_get(&f.rq, &f.api);
    expect_page(&f);
    expect_inline_hash(&f, "<style>", "</style>");
    (void)find(&f, "<h1>Thank you</h1>");
    fake_release(&f);
}

RUN_TESTS(T(the_form_has_what_a_person_needs),
          T(the_honeypot_is_hidden_from_people_and_their_tools),
          T(each_form_carries_a_key_of_its_own),
          T(the_policy_lets_the_form_follow_its_redirect),
          T(the_thank_you_page_says_so))
