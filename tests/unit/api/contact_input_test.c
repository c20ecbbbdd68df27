/* SPDX-License-Identifier: MIT */
/* Bodies and headers into one struct, and what is refused before any rule is asked. */
#include "tests/unit/api/fake.h"

#include "api/contact.h"

static const char as_json[] = "application/json";
static const char as_form[] = "application/x-www-form-urlencoded";

/* A request that is only read, never answered. */
static struct request request_with(const char *type, const char *body)
{
    return (struct request){
        .head.content_type = type != NULL ? slice_str(type) : SLICE_NONE,
        .body = body != NULL ? slice_str(body) : SLICE_NONE,
    };
}

static struct contact_input read_ok(const struct request *rq)
{
    struct contact_refusal why = {0};
    struct contact_input in;

    if (!contact_read(rq, &in, &why))
        fail_msg("%s", why.message);
    return in;
}

static struct contact_refusal read_refused(const struct request *rq)
{
    struct contact_refusal why = {.status = 0};
    struct contact_input in = {.key = SLICE_LIT("untouched")};

    assert_false(contact_read(rq, &in, &why));
    assert_true(slice_eq(in.key, SLICE_LIT("untouched")));
    assert_null(in.json);
    assert_non_null(why.message);
    return why;
}

static void expect_text(struct slice s, const char *expected)
{
    assert_int_equal(s.p == NULL, expected == NULL);
    if (expected != NULL)
        assert_true(slice_eq(s, slice_str(expected)));
}

TEST(json_and_forms_are_read_alike)
{
    static const char *const bodies[][2] = {
        {as_json, "{\"name\":\"Ada\",\"email\":\"a@b\",\"message\":\"x\\r\\n\\u00e9\","
                  "\"source\":\"blog\",\"unknown\":[1]}"           },
        {as_form, "name=Ada&email=a%40b&message=x%0D%0A%C3%A9&source=blog&unknown=1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct request rq = request_with(bodies[i][0], bodies[i][1]);
        struct contact_input in = read_ok(&rq);

        expect_text(in.name.text, "Ada");
        expect_text(in.email.text, "a@b");
        expect_text(in.message.text, "x\r\n\xc3\xa9");
        expect_text(in.source.text, "blog");
        assert_false(in.flagged);
        assert_false(in.has_key);
        assert_int_equal(in.html, i == 1);
        contact_input_release(&in);
    }
}

TEST(members_of_another_type_are_marked_not_read)
{
    static const char *const values[] = {"null", "1", "true", "[\"x\"]", "{\"x\":\"y\"}"};

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct buf b = BUF_INIT;
        struct contact_input in;
        struct request rq;

        buf_addf(&b, "{\"name\":%s,\"source\":%s,\"Email\":\"a@b\"}", values[i], values[i]);
        rq = request_with(as_json, buf_cstr(&b));
        in = read_ok(&rq);
        assert_true(in.name.wrong_type && in.source.wrong_type);
        assert_null(in.name.text.p);
        assert_false(in.email.wrong_type); /* another name: absent */
        assert_null(in.email.text.p);
        contact_input_release(&in);
        buf_release(&b);
    }
}

TEST(a_filled_honeypot_flags_and_nothing_else)
{
    static const struct {
        const char *type, *body;
        bool flagged;
    } cases[] = {
        {as_json, "{}",                            false},
        {as_json, "{\"website_url\":\"\"}",        false},
        {as_json, "{\"website_url\":null}",        false},
        {as_json, "{\"website_url\":\"x\"}",       true },
        {as_json, "{\"website_url\":\" \"}",       true },
        {as_json, "{\"website_url\":1}",           true },
        {as_json, "{\"website_url\":[]}",          true },
        {as_form, "name=x",                        false},
        {as_form, "website_url=",                  false},
        {as_form, "website_url",                   false},
        {as_form, "website_url=http%3A%2F%2Fspam", true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request rq = request_with(cases[i].type, cases[i].body);
        struct contact_input in = read_ok(&rq);

        assert_int_equal(in.flagged, cases[i].flagged);
        contact_input_release(&in);
    }
}

TEST(empty_optional_fields_of_a_form_are_absent)
{
    struct request rq = request_with(as_form, "name=&source=&idempotency_key=");
    struct contact_input in = read_ok(&rq);

    expect_text(in.name.text, "");
    expect_text(in.source.text, NULL);
    assert_false(in.has_key);
    contact_input_release(&in);
    rq = request_with(as_json, "{\"source\":\"\"}");
    in = read_ok(&rq);
    expect_text(in.source.text, "");
    contact_input_release(&in);
}

TEST(the_key_comes_from_the_header_or_else_the_form)
{
    static const struct {
        const char *body, *header;
        uint8_t count;
        const char *key;
        bool repeated;
    } cases[] = {
        {"a=b",               NULL,    0, NULL,  false},
        {"idempotency_key=f", NULL,    0, "f",   false},
        {"idempotency_key=f", "h",     1, "h",   false},
        {"a=b",               "h",     1, "h",   false},
        {"a=b",               "\"h\"", 1, "h",   false},
        {"a=b",               "\"\"",  1, "",    false},
        {"a=b",               "\"",    1, "\"",  false},
        {"a=b",               "\"h",   1, "\"h", false},
        {"idempotency_key=f", "",      1, "",    false},
        {"a=b",               "h",     2, "h",   true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request rq = request_with(as_form, cases[i].body);
        struct contact_input in;

        rq.head.key_count = cases[i].count;
        if (cases[i].header != NULL)
            rq.head.idempotency_key = slice_str(cases[i].header);
        in = read_ok(&rq);
        assert_int_equal(in.has_key, cases[i].key != NULL);
        if (cases[i].key != NULL)
            assert_true(slice_eq(in.key, slice_str(cases[i].key)));
        assert_int_equal(in.key_repeated, cases[i].repeated);
        contact_input_release(&in);
    }
}

TEST(a_json_member_is_no_idempotency_key)
{
    struct request rq = request_with(as_json, "{\"idempotency_key\":\"k\"}");
    struct contact_input in = read_ok(&rq);

    assert_false(in.has_key);
    contact_input_release(&in);
}

TEST(media_types_are_json_or_a_form_in_utf8)
{
    static const struct {
        const char *type;
        unsigned status; /* 0: taken */
    } cases[] = {
        {"application/json",                                 0  },
        {"Application/Json; charset=UTF-8",                  0  },
        {"application/json;charset=\"utf-8\"",               0  },
        {"application/json; charset=utf-16",                 415},
        {"application/json; charset=iso-8859-1",             415},
        {"text/plain",                                       415},
        {"text/json",                                        415},
        {"multipart/form-data; boundary=x",                  415},
        {"application/x-www-form-urlencoded; charset=utf-7", 415},
        {"",                                                 415},
        {NULL,                                               415},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request rq = request_with(cases[i].type, "{}");

        if (cases[i].status == 0) {
            struct contact_input in = read_ok(&rq);

            contact_input_release(&in);
        } else {
            struct contact_refusal why = read_refused(&rq);

            assert_int_equal(why.status, cases[i].status);
            assert_int_equal(why.reason, REJECTED_MEDIA_TYPE);
            assert_string_equal(why.code, "unsupported_media_type");
            assert_string_equal(why.hint.name, "accept");
        }
    }
}

TEST(compressed_bodies_are_refused_with_what_would_do)
{
    struct request rq = request_with(as_json, "{}");
    struct contact_refusal why;
    struct contact_input in;

    rq.head.content_encoding = SLICE_LIT("gzip");
    why = read_refused(&rq);
    assert_int_equal(why.status, 415);
    assert_string_equal(why.hint.name, "accept-encoding");
    assert_true(slice_eq(why.hint.value, SLICE_LIT("identity")));
    rq.head.content_encoding = SLICE_LIT(" Identity");
    in = read_ok(&rq);
    contact_input_release(&in);
}

TEST(broken_bodies_are_400_and_forbidden_ones_422)
{
    static const struct {
        const char *type, *body;
        unsigned status;
        enum contact_rejection reason;
    } cases[] = {
        {as_json, NULL,                  400, REJECTED_MALFORMED},
        {NULL,    NULL,                  400, REJECTED_MALFORMED},
        {as_form, NULL,                  400, REJECTED_MALFORMED},
        {as_json, "",                    400, REJECTED_MALFORMED},
        {as_json, "{",                   400, REJECTED_MALFORMED},
        {as_json, "{\"a\":1e400}",       400, REJECTED_MALFORMED},
        {as_json, "{\"a\":\"\xff\"}",    400, REJECTED_MALFORMED},
        {as_form, "a=%",                 400, REJECTED_MALFORMED},
        {as_json, "{\"a\":1,\"a\":2}",   422, REJECTED_INVALID  },
        {as_json, "{\"a\":\"\\u0000\"}", 422, REJECTED_INVALID  },
        {as_json, "[]",                  422, REJECTED_INVALID  },
        {as_json, "\"name\"",            422, REJECTED_INVALID  },
        {as_json, "null",                422, REJECTED_INVALID  },
        {as_form, "a=1&a=2",             422, REJECTED_INVALID  },
        {as_form, "a=%00",               422, REJECTED_INVALID  },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request rq = request_with(cases[i].type, cases[i].body);
        struct contact_refusal why = read_refused(&rq);

        assert_int_equal(why.status, cases[i].status);
        assert_int_equal(why.reason, cases[i].reason);
        assert_string_equal(why.code, cases[i].status == 400 ? "malformed" : "invalid");
        assert_null(why.hint.name);
    }
}

RUN_TESTS(T(json_and_forms_are_read_alike),
          T(members_of_another_type_are_marked_not_read),
          T(a_filled_honeypot_flags_and_nothing_else),
          T(empty_optional_fields_of_a_form_are_absent),
          T(the_key_comes_from_the_header_or_else_the_form),
          T(a_json_member_is_no_idempotency_key),
          T(media_types_are_json_or_a_form_in_utf8),
          T(compressed_bodies_are_refused_with_what_would_do),
          T(broken_bodies_are_400_and_forbidden_ones_422))
