/* SPDX-License-Identifier: MIT */
#include "tests/unit/api/fake.h"

#include <sodium.h>

/* Where `part` is in the answer; fails the test when it is not there. */
static const char *find(const struct fake *f, const char *part)
{
    const char *at = memmem(f->rq.answer.p, f->rq.answer.n, part, strlen(part));

    if (at == NULL)
        print_error("missing: %s\n", part);
    assert_non_null(at);
    return at;
}

/* Behind a tag at `p`: attributes are name="value", and what ends it is '>' or '/>'. */
static const char *skip_attributes(const char *p, const char *end, bool *ret_closed)
{
    while (p < end && *p == ' ') {
        const char *name = ++p;

        while (p < end && (*p == '-' || (*p >= 'a' && *p <= 'z')))
            p++;
        assert_true(p > name && end - p > 2 && p[0] == '=' && p[1] == '"');
        p = memchr(p + 2, '"', (size_t)(end - p) - 2);
        assert_non_null(p);
        p++;
    }
    *ret_closed = p < end && *p == '/';
    p += *ret_closed;
    assert_true(p < end && *p == '>');
    return p + 1;
}

/* Reads one tag behind its '<' and keeps the stack of open elements. */
static const char *read_tag(const char *p, const char *end, struct slice *open, size_t *n)
{
    bool closing = *p == '/', closed = false;
    struct slice name;

    p += closing;
    name = (struct slice){p, strspn(p, "abcdefghijklmnopqrstuvwxyz123456")};
    assert_true(name.n > 0);
    p = skip_attributes(p + name.n, end, &closed);
    if (closing) {
        assert_true(*n > 0 && slice_eq(open[*n - 1], name));
        (*n)--;
    } else if (!closed) {
        assert_true(*n < 16);
        open[(*n)++] = name;
    }
    return p;
}

/* The page is XML but for its first line: every element is closed, every attribute quoted. */
static void expect_well_formed(const struct fake *f)
{
    const char *p = find(f, "<!DOCTYPE html>\n") + 16, *end = f->rq.answer.p + f->rq.answer.n;
    struct slice open[16];
    size_t n = 0;

    assert_ptr_equal(p, f->rq.answer.p + 16);
    while (p < end) {
        assert_true(*p != '&');
        if (*p++ == '<')
            p = read_tag(p, end, open, &n);
    }
    assert_int_equal(n, 0);
}

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

/* The 'sha256-...' source of CSP for the page's one <style>. */
static void expect_style_hash(const struct fake *f)
{
    const char *start = find(f, "<style>") + 7, *end = find(f, "</style>");
    unsigned char hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];
    const char *policy = fake_header(f, "content-security-policy");

    (void)crypto_hash_sha256(hash, (const unsigned char *)start, (size_t)(end - start));
    (void)sodium_bin2base64(text, sizeof(text), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
    assert_non_null(policy);
    if (strstr(policy, text) == NULL)
        print_error("STYLE_HASH must be sha256-%s\n", text);
    assert_non_null(strstr(policy, text));
    assert_null(strstr(policy, "unsafe"));
}

TEST(the_form_has_what_a_person_needs)
{
    struct fake f;

    fake_init(&f);
    f.live.contact_max_message = 1234;
    contact_form_get(&f.rq, &f.api);
    expect_page(&f);
    expect_style_hash(&f);
    (void)find(&f, "<form action=\"/contact\" method=\"post\" accept-charset=\"utf-8\">");
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
    (void)find(&f, ".extra{position:absolute;");
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
    expect_style_hash(&f);
    (void)find(&f, "<h1>Thank you</h1>");
    fake_release(&f);
}

RUN_TESTS(T(the_form_has_what_a_person_needs),
          T(the_honeypot_is_hidden_from_people_and_their_tools),
          T(each_form_carries_a_key_of_its_own),
          T(the_policy_lets_the_form_follow_its_redirect),
          T(the_thank_you_page_says_so))
