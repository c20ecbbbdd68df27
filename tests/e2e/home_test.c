/* SPDX-License-Identifier: MIT */
/* The home page as browsers and others get it, and its form at the level of HTTP. What it does in a browser is tests/browser's. */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"

#include <sodium.h>

enum { PAGE_BYTES = 30 * 1024 };

#define BROWSER "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

static const struct reply *home(struct server *s)
{
    const struct reply *r = ASK(s, .path = "/", .headers = HEADERS(BROWSER));

    assert_status(r, 200);
    assert_manners(r);
    assert_field(r, "content-type", "text/html; charset=utf-8");
    return r;
}

/* What stands between two texts. */
static const char *between(struct fixture *f, const char *text, const char *from, const char *to)
{
    const char *start = strstr(text, from), *end;

    assert_non_null(start);
    start += strlen(from);
    end = strstr(start, to);
    assert_non_null(end);
    return keep_text(f, start, (size_t)(end - start));
}

static const char *csp_hash(struct fixture *f, const char *text)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char base64[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];

    (void)crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
    (void)sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash),
                            sodium_base64_VARIANT_ORIGINAL);
    return textf(f, "'sha256-%s'", base64);
}

TEST(browsers_get_a_page_and_others_a_text)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r = get(s, "/");

    assert_status(r, 200);
    assert_manners(r);
    assert_field(r, "content-type", "text/plain; charset=utf-8");
    assert_field(r, "vary", "Accept");
    assert_contains(r->body, "page views 1, visitors today 1\n");
    r = home(s);
    assert_field(r, "vary", "Accept");
    assert_field(r, "cache-control", "no-store");
    assert_contains(r->body, "<!DOCTYPE html>");
    r = ASK(s, .path = "/", .method = "HEAD", .headers = HEADERS(BROWSER));
    assert_status(r, 200);
    assert_field(r, "content-type", "text/html; charset=utf-8");
    assert_int_equal(r->body_len, 0);
    assert_metric(s, REQUESTS("GET", "/", "200"), 2);
    assert_metric(s, "page_views_total", 2);
}

TEST(the_page_is_small_and_its_policy_fits_it)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r = home(s);
    const char *policy = reply_field(r, "content-security-policy");

    assert_in_range(r->body_len, 1000, PAGE_BYTES);
    assert_contains(policy, csp_hash(f, between(f, r->body, "<style>", "</style>")));
    assert_contains(policy, csp_hash(f, between(f, r->body, "<script>", "</script>")));
    assert_contains(policy, "default-src 'none'");
    assert_contains(policy, "form-action 'self'");
    assert_lacks(policy, "unsafe");
    assert_status(get(s, between(f, r->body, "<script src=\"", "\"")), 200);
}

TEST(the_page_says_its_id_in_the_head_and_to_its_scripts)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r =
        ASK(s, .path = "/", .headers = HEADERS(BROWSER, "X-Correlation-ID: a.page-1_x"));

    assert_field(r, "x-correlation-id", "a.page-1_x");
    assert_field(r, "server-timing", "correlation-id;desc=\"a.page-1_x\"");
    assert_contains(r->body, "<meta name=\"correlation-id\" content=\"a.page-1_x\"/>");
    /* One that is not taken cannot get into the page either. */
    r = ASK(s, .path = "/", .headers = HEADERS(BROWSER, "X-Correlation-ID: \"><script>"));
    assert_lacks(r->body, "\"><script>");
    assert_lacks(reply_field(r, "server-timing"), "script");
}

TEST(the_title_is_the_name_of_the_service)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("service=my-shop"));
    const struct reply *r = home(s);

    assert_contains(r->body, "<title>my-shop</title>");
    assert_contains(r->body, ">my-shop</h1>");
}

TEST(the_form_works_without_a_script)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *page = home(s)->body, *form = between(f, page, "<form", "</form>");
    const char *key = between(f, form, "name=\"idempotency_key\" type=\"hidden\" value=\"", "\"");
    const char *body = textf(f, "%s&website_url=&idempotency_key=%s", ADA_FORM, key);
    const struct reply *r;

    assert_contains(form, "action=\"/contact\" method=\"post\"");
    assert_int_equal(strlen(key), 32);
    r = post_form(s, body);
    assert_status(r, 303);
    assert_field(r, "location", "/contact/thanks");
    assert_status(post_form(s, body), 303); /* pressed twice */
    assert_metric(s, SUBMISSIONS, 1);
    assert_metric(s, "contact_replays_total", 1);
    assert_string_not_equal(
        between(f, home(s)->body, "name=\"idempotency_key\" type=\"hidden\" value=\"", "\""), key);
}

/* What the script sends: all fields as JSON, the key as a header; and again when no answer came. */
TEST(the_form_works_as_its_script_sends_it)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *key =
        textf(f, "Idempotency-Key: %s",
              between(f, home(s)->body, "name=\"idempotency_key\" type=\"hidden\" value=\"", "\""));
    struct ask ask_ = {.path = "/api/contact",
                       .body = "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"Hi\","
                               "\"website_url\":\"\"}",
                       .headers = HEADERS(JSON_TYPE, key)};
    const char *id = json_text(f, ask(s, &ask_)->body, "id");
    const struct reply *r;

    assert_json(f, ask(s, &ask_)->body, "id", id);
    ask_.body = "{\"name\":\"\",\"email\":\"ada\",\"message\":\"Hi\",\"website_url\":\"\"}";
    r = ask(s, &ask_);
    assert_error(f, r, 422, "invalid");
    assert_non_null(json_find(f, r->body, "error.fields.name"));
    assert_non_null(json_find(f, r->body, "error.fields.email"));
    ask_.body = "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"Hi again\","
                "\"website_url\":\"\"}";
    assert_error(f, ask(s, &ask_), 422, "idempotency_key_reused");
    assert_metric(s, SUBMISSIONS, 1);
    assert_int_equal(
        json_size(f, server_command(s, ARGS("contacts", "export", "--format", "json"))->out, ""),
        1); /* not flagged by an empty honeypot */
}

RUN_TESTS(T(browsers_get_a_page_and_others_a_text),
          T(the_page_is_small_and_its_policy_fits_it),
          T(the_page_says_its_id_in_the_head_and_to_its_scripts),
          T(the_title_is_the_name_of_the_service),
          T(the_form_works_without_a_script),
          T(the_form_works_as_its_script_sends_it))
