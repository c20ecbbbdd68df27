/* SPDX-License-Identifier: MIT */
/*
 * The contact form, from the page to the stored row, and everything it says no to. Limits and keys
 * are contact_limits_test.c's, reading the messages contacts_test.c's.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

static const char *stored(struct server *s)
{
    const struct outcome *o =
        server_command(s, ARGS("contacts", "export", "--format", "json", "--flagged"));

    assert_int_equal(o->status, 0);
    return o->out;
}

TEST(the_first_curl_works_as_the_readme_says)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *url = textf(f, "http://127.0.0.1:%u/contact", s->public_port), *id;
    const struct outcome *o = run(
        f, ARGS("curl", "-sS", "-i", "-H", "Content-Type: application/json", "-d", ADA, url), NULL);
    const char *body = strstr(o->out, "\r\n\r\n");

    assert_int_equal(o->status, 0);
    assert_int_equal(strncmp(o->out, "HTTP/1.1 201 Created\r\n", 22), 0);
    assert_non_null(body);
    id = json_text(f, body + 4, "id");
    assert_int_equal(strlen(id), 36);
    assert_json(f, body + 4, "status", "received");
    assert_metric(s, SUBMISSIONS, 1);
    assert_contains(server_command(s, ARGS("contacts", "list"))->out, id);
}

TEST(json_is_stored_field_by_field)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("service=shop"));
    const struct reply *r =
        ASK(s, .path = "/api/contact", .headers = HEADERS(JSON_TYPE "; charset=UTF-8"),
            .body = "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"Hello\\nthere\","
                    "\"source\":\"landing_page-2\",\"newsletter\":true,\"nested\":{\"a\":[1,2]}}");

    assert_status(r, 201);
    assert_manners(r);
    assert_int_equal(json_size(f, r->body, ""), 2);
    assert_json(f, stored(s), "0.id", json_text(f, r->body, "id"));
    assert_json(f, stored(s), "0.name", "Ada");
    assert_json(f, stored(s), "0.email", "ada@example.com");
    assert_json(f, stored(s), "0.message", "Hello\nthere");
    assert_json(f, stored(s), "0.source", "landing_page-2");
    assert_json(f, stored(s), "0.correlation_id", reply_field(r, "x-correlation-id"));
    assert_metric(s, "contact_submissions_total{source=\"landing_page-2\",service=\"shop\"}", 1);
    assert_metric(s, REQUESTS("POST", "/contact", "201"), 1); /* /api/contact is an alias */
}

TEST(a_form_ends_on_the_thank_you_page)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r = post_form(
        s, "name=Ada+L.&email=ada%40example.com&message=a%0D%0Ab%26%3D%C3%A9&source=&website_url=");

    assert_status(r, 303);
    assert_field(r, "location", "/contact/thanks");
    assert_manners(r);
    assert_status(get(s, reply_field(r, "location")), 200);
    assert_json(f, stored(s), "0.name", "Ada L.");
    assert_json(f, stored(s), "0.message", "a\r\nb&=\xc3\xa9");
    assert_json(f, stored(s), "0.source", "website");
    assert_json(f, stored(s), "0.flagged", "false");
    assert_metric(s, SUBMISSIONS, 1);
}

TEST(the_redirect_is_configured_and_never_taken_from_the_request)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.redirect=https://example.com/danke?x=1"));
    const struct reply *r =
        ASK(s, .path = "/contact?redirect=https://evil.example", .body = ADA_FORM,
            .headers = HEADERS(FORM_TYPE, "Host: evil.example", "X-Forwarded-Host: evil.example",
                               "Referer: https://evil.example/"));

    assert_status(r, 303);
    assert_field(r, "location", "https://example.com/danke?x=1");
}

TEST(the_page_has_the_form_its_honeypot_and_a_key_of_its_own)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.max_message=500"));
    const struct reply *a = get(s, "/contact"), *b = get(s, "/contact");
    const char *key_a, *key_b;

    assert_field(a, "cache-control", "no-store");
    assert_contains(reply_field(a, "content-security-policy"), "default-src 'none'");
    assert_contains(a->body, "action=\"/contact\" method=\"post\"");
    assert_contains(a->body, "name=\"name\"");
    assert_contains(a->body, "name=\"email\"");
    assert_contains(a->body, "name=\"message\"");
    assert_contains(a->body, "name=\"website_url\"");
    assert_contains(a->body, "maxlength=\"500\"");
    assert_lacks(a->body, "<script");
    key_a = strstr(a->body, "name=\"idempotency_key\" type=\"hidden\" value=\"");
    key_b = strstr(b->body, "name=\"idempotency_key\" type=\"hidden\" value=\"");
    assert_non_null(key_a);
    assert_non_null(key_b);
    assert_string_not_equal(key_a, key_b);
}

TEST(every_wrong_field_is_named_and_no_value_is_echoed)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const struct reply *r =
        post_json(s, "{\"name\":\"\",\"email\":\"evil evil\",\"message\":7,\"source\":\"EVIL\"}");

    assert_error(f, r, 422, "invalid");
    assert_int_equal(json_size(f, r->body, "error.fields"), 4);
    assert_non_null(json_find(f, r->body, "error.fields.name"));
    assert_non_null(json_find(f, r->body, "error.fields.email"));
    assert_non_null(json_find(f, r->body, "error.fields.message"));
    assert_non_null(json_find(f, r->body, "error.fields.source"));
    assert_lacks(r->body, "evil");
    assert_lacks(r->body, "EVIL");
    r = post_form(s, "message=evil");
    assert_error(f, r, 422, "invalid");
    assert_int_equal(json_size(f, r->body, "error.fields"), 2);
    r = post_json(s, "[]");
    assert_error(f, r, 422, "invalid");
    assert_metric(s, CONTACT_REJECTED("invalid"), 3);
    assert_metric(s, SUBMISSIONS, 0);
    assert_string_equal(stored(s), "[\n]\n");
}

/* A submission with one field replaced. */
static const char *with(struct fixture *f, const char *field, const char *value)
{
    const char *name = strcmp(field, "name") == 0 ? value : "\"Ada\"";
    const char *email = strcmp(field, "email") == 0 ? value : "\"ada@example.com\"";
    const char *message = strcmp(field, "message") == 0 ? value : "\"Hello\"";
    const char *source = strcmp(field, "source") == 0 ? value : "\"website\"";

    return textf(f, "{\"name\":%s,\"email\":%s,\"message\":%s,\"source\":%s}", name, email, message,
                 source);
}

static const char *times(struct fixture *f, const char *part, size_t n)
{
    struct buf b = BUF_INIT;
    const char *text;

    buf_add_char(&b, '"');
    for (size_t i = 0; i < n; i++)
        buf_add_str(&b, part);
    buf_add_char(&b, '"');
    text = keep_text(f, b.data, b.len);
    buf_release(&b);
    return text;
}

TEST(fields_are_taken_at_their_limits_and_refused_past_them)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    /* 62 + 1 + 3 * 63 + 2 = 254 */
    const char *label = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee1234567890abc";
    const char *longest = textf(f, "\"%062d@%s.%s.%s\"", 1, label, label, label);
    const char *longer = textf(f, "\"%063d@%s.%s.%s\"", 1, label, label, label);
    const struct {
        const char *field, *value;
        int status;
    } cases[] = {
        {"name",    times(f,                        "\xc3\xa4",                  200), 201},
        {"name",      times(f,                                    "a",                                                          201), 422},
        {"name",      "\"  \"",422},
        {"name",    "\"a\\nb\"",                     422                                                },
        {"name",    "null",                    422                       },
        {"message",    times(f,                         "\xf0\x9f\x98\x80",                              10000), 201},
        {"message", times(f,                     "a",      10001), 422},
        {"message",      "\"\"",                                    422                                                      },
        {"message",      "\"a\\u001bb\"",          422                            },
        {"message", "[\"a\"]",                    422        },
        {"source", times(f,           "a",                          32), 201},
        {"source", times(f,                      "a",                           33), 422},
        {"source",  "\"\"",                         422                                      },
        {"source",      "\"a b\"",                                    422                                                       },
        {"email",      "\"a@b\"",            201         },
        {"email",  "\"o'neil+tag@sub.example.co\"",                         201                        },
        {"email",  "\"a@b.c\\r\\nBcc: x@y.z\"",                  422      },
        {"email",   "\"a@b..c\"",                   422                               },
        {"email",   "\"@b.c\"", 422},
        {"email",   "\"a@-b.c\"",     422           },
        {"email",   "\"\xc3\xa4@b.c\"",                   422                        },
        {"email",   longest,                     201                                            },
        {"email",   longer,                   422                                      },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *r = post_json(s, with(f, cases[i].field, cases[i].value));

        if (r->status != cases[i].status)
            print_error("%s: %.80s\n", cases[i].field, cases[i].value);
        assert_status(r, cases[i].status);
        if (r->status == 422) {
            assert_int_equal(json_size(f, r->body, "error.fields"), 1);
            assert_non_null(json_find(f, r->body, textf(f, "error.fields.%s", cases[i].field)));
        }
    }
}

TEST(json_is_read_strictly)
{
#define SMALL(rest) "{\"name\":\"a\",\"email\":\"a@b.c\",\"message\":\"m\"" rest
    static const struct {
        const char *body;
        int status;
    } cases[] = {
        {"{",                                                    400},
        {"x",                                                    400},
        {SMALL("}}"),                                            400},
        {SMALL("} x"),                                           400},
        {SMALL(",}"),                                            400},
        {SMALL(",\"n\":01}"),                                    400},
        {SMALL(",\"n\":1.}"),                                    400},
        {SMALL(",\"n\":NaN}"),                                   400},
        {SMALL(",'n':1}"),                                       400},
        {SMALL(",\"n\":\"\t\"}"),                                400},
        {SMALL(",\"n\":\"\\x41\"}"),                             400},
        {SMALL(",\"n\":\"\xff\"}"),                              400},
        {SMALL(",\"n\":\"\xc0\xaf\"}"),                          400},
        {SMALL(",\"n\":\"\\ud800\"}"),                           400},
        {SMALL(",\"n\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}"), 400},
        {"\xef\xbb\xbf" SMALL("}"),                              400},
        {SMALL(",\"name\":\"b\"}"),                              422},
        {SMALL(",\"x\":{\"a\":1,\"a\":2}}"),                     422},
        {SMALL(",\"n\":\"\\u0000\"}"),                           422},
        {SMALL(",\"Name\":\"b\"}"),                              201},
        {" \r\n\t" SMALL("} \r\n\t"),                            201},
        {SMALL(",\"n\":[1e400,-0,1.5e3,true,null,{}]}"),         0  },
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *r = post_json(s, cases[i].body);

        if (cases[i].status != 0 && r->status != cases[i].status)
            print_error("%s\n", cases[i].body);
        if (cases[i].status != 0)
            assert_status(r, cases[i].status);
        else
            assert_true(r->status == 201 || r->status == 400 || r->status == 422);
    }
    assert_metric(s, CONTACT_REJECTED("malformed"), metric(s, REQUESTS("POST", "/contact", "400")));
}

TEST(forms_are_read_strictly)
{
    static const struct {
        const char *body;
        int status;
    } cases[] = {
        {ADA_FORM "%zz",        400},
        {ADA_FORM "%f",         400},
        {ADA_FORM "%ff",        400},
        {ADA_FORM "&name=b",    422},
        {ADA_FORM "%00",        422},
        {ADA_FORM "&other=1&&", 303},
    };
    struct server *s = server_start(*state, NULL);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_status(post_form(s, cases[i].body), cases[i].status);
}

TEST(other_media_types_are_415_with_a_hint)
{
    static const char *const types[] = {
        "Content-Type:",
        "Content-Type: text/plain",
        "Content-Type: application/jsonx",
        "Content-Type: multipart/form-data; boundary=x",
        JSON_TYPE "; charset=utf-16",
        FORM_TYPE "; charset=iso-8859-1",
        "Content-Type: , application/json",
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const struct reply *r;
    size_t n = 1;

    for (size_t i = 0; i < ARRAY_LEN(types); i++, n++) {
        r = ASK(s, .path = "/contact", .headers = HEADERS(types[i]), .body = ADA);
        assert_error(f, r, 415, "unsupported_media_type");
        assert_non_null(reply_field(r, "accept"));
    }
    r = ASK(s, .path = "/contact", .body = ADA,
            .headers = HEADERS(JSON_TYPE, "Content-Encoding: gzip"));
    assert_error(f, r, 415, "unsupported_media_type");
    assert_metric(s, CONTACT_REJECTED("media_type"), (double)n);
    r = ASK(s, .path = "/contact", .method = "POST", .headers = HEADERS(JSON_TYPE));
    assert_error(f, r, 400, "malformed");
    assert_metric(s, CONTACT_REJECTED("malformed"), 1);
}

TEST(texts_are_stored_byte_by_byte)
{
    static const char *const texts[] = {
        "'; DROP TABLE submissions; --",
        "\\u0041 %s%n%d {{7*7}} ${jndi:x}",
        "<script>alert(1)</script>",
        "\xe2\x80\xae\xef\xbb\xbf\xcc\x81 z\xcc\xa7",
        "=1+1",
        "a\tb\nc\r\nd",
        "\xf4\x8f\xbf\xbf",
        " x ",
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf b = BUF_INIT;

        buf_add_str(&b, "{\"name\":\"a\",\"email\":\"a@b.c\",\"message\":\"");
        buf_add_json(&b, slice_str(texts[i]));
        buf_add_str(&b, "\"}");
        assert_status(post_json(s, buf_cstr(&b)), 201);
        buf_release(&b);
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_json(f, stored(s), textf(f, "%zu.message", i), texts[i]);
}

RUN_TESTS(T(the_first_curl_works_as_the_readme_says),
          T(json_is_stored_field_by_field),
          T(a_form_ends_on_the_thank_you_page),
          T(the_redirect_is_configured_and_never_taken_from_the_request),
          T(the_page_has_the_form_its_honeypot_and_a_key_of_its_own),
          T(every_wrong_field_is_named_and_no_value_is_echoed),
          T(fields_are_taken_at_their_limits_and_refused_past_them),
          T(json_is_read_strictly),
          T(forms_are_read_strictly),
          T(other_media_types_are_415_with_a_hint),
          T(texts_are_stored_byte_by_byte))
