/* SPDX-License-Identifier: MIT */
/*
 * How answers are put together: bodies, headers, the one shape of errors, and what only a fault of
 * ours would do.
 */
#include "tests/unit/http/fake.h"

#include "tests/unit/metrics/dies.h"

/* A request that is ready to be answered. */
static void start(struct fake *f)
{
    fake_init(f, NULL, 0, NULL);
    f->rq.correlation_id = SLICE_LIT("abc-1");
}

TEST(a_body_is_copied_or_borrowed)
{
    char body[] = "hello";
    struct fake f;

    start(&f);
    answer(&f.rq, 200, "text/plain", slice_str(body));
    assert_int_equal(f.sent, 1);
    assert_int_equal(f.rq.status, 200);
    expect_slice(f.rq.content_type, "text/plain");
    body[0] = 'j';
    expect_slice(f.rq.answer, "hello");
    fake_request(&f);
    answer_borrowed(&f.rq, 200, "text/plain", slice_str(body));
    assert_ptr_equal(f.rq.answer.p, body);
    fake_request(&f);
    answer_json(&f.rq, 201, slice_str("{}"));
    assert_int_equal(f.rq.status, 201);
    expect_slice(f.rq.content_type, "application/json");
    expect_slice(f.rq.answer, "{}");
    fake_release(&f);
}

TEST(an_answer_may_be_empty)
{
    struct fake f;

    start(&f);
    answer(&f.rq, 200, NULL, SLICE_NONE);
    assert_int_equal(f.sent, 1);
    assert_int_equal(f.rq.answer.n, 0);
    assert_int_equal(f.rq.content_type.n, 0);
    fake_request(&f);
    answer_borrowed(&f.rq, 204, NULL, SLICE_NONE);
    assert_int_equal(f.rq.status, 204);
    fake_release(&f);
}

TEST(an_error_has_one_shape)
{
    struct fake f;

    start(&f);
    answer_error(&f.rq, 404, "not_found", "There is nothing at this path.");
    assert_int_equal(f.rq.status, 404);
    expect_slice(f.rq.content_type, "application/json");
    expect_slice(f.rq.answer, "{\"error\":{\"code\":\"not_found\",\"message\":\"There is nothing "
                              "at this path.\"},\"correlation_id\":\"abc-1\"}");
    fake_release(&f);
}

TEST(an_error_lists_fields)
{
    const struct field_error fields[] = {
        {"name",  "is required"          },
        {"email", "must be an \"e-mail\""},
    };
    struct fake f;

    start(&f);
    answer_error_fields(&f.rq, 422, "invalid", "Wrong.", fields, 2);
    assert_int_equal(f.rq.status, 422);
    expect_slice(
        f.rq.answer,
        "{\"error\":{\"code\":\"invalid\",\"message\":\"Wrong.\",\"fields\":{\"name\":\"is "
        "required\",\"email\":\"must be an \\\"e-mail\\\"\"}},\"correlation_id\":\"abc-1\"}");
    fake_release(&f);
}

TEST(an_error_of_nothing_but_quotes_has_room)
{
    static const char hard[] = "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01";
    struct field_error fields[16];
    struct fake f;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        fields[i] = (struct field_error){hard, hard};
    start(&f);
    answer_error_fields(&f.rq, 422, hard, hard, fields, ARRAY_LEN(fields));
    assert_int_equal(count_of(f.rq.answer, "\\u0001"), 34 * strlen(hard));
    fake_release(&f);
}

TEST(a_wait_is_told_in_whole_seconds)
{
    static const struct {
        uint64_t ns;
        const char *seconds;
    } rows[] = {
        {0,               "1"         },
        {1,               "1"         },
        {NS_PER_SEC - 1,  "1"         },
        {NS_PER_SEC,      "1"         },
        {NS_PER_SEC + 1,  "2"         },
        {59 * NS_PER_SEC, "59"        },
        {UINT64_MAX / 2,  "9223372037"},
    };
    struct fake f;

    start(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake_request(&f);
        answer_retry(&f.rq, 429, "too_many", "Later.", rows[i].ns);
        assert_int_equal(f.rq.status, 429);
        expect_slice(answer_header_value(&f.rq, "retry-after"), rows[i].seconds);
        assert_int_equal(count_of(f.rq.answer, "\"too_many\""), 1);
    }
    fake_release(&f);
}

TEST(see_other_says_where)
{
    struct fake f;

    start(&f);
    answer_see_other(&f.rq, SLICE_LIT("/contact/thanks"));
    assert_int_equal(f.rq.status, 303);
    assert_int_equal(f.rq.answer.n, 0);
    expect_slice(answer_header_value(&f.rq, "location"), "/contact/thanks");
    fake_release(&f);
}

TEST(copies_live_with_the_request)
{
    char text[] = "abc";
    struct slice copy;
    struct fake f;

    start(&f);
    copy = request_copy(&f.rq, slice_str(text));
    text[0] = 'x';
    expect_slice(copy, "abc");
    copy = request_copy(&f.rq, SLICE_NONE);
    assert_non_null(copy.p);
    assert_int_equal(copy.n, 0);
    fake_release(&f);
}

/* ---- faults of our own ---- */

static void answer_twice(void *arg)
{
    struct fake *f = arg;

    answer(&f->rq, 200, NULL, SLICE_NONE);
    answer(&f->rq, 200, NULL, SLICE_NONE);
}

static void late_header(void *arg)
{
    struct fake *f = arg;

    answer(&f->rq, 200, NULL, SLICE_NONE);
    answer_header(&f->rq, "x", SLICE_LIT("y"));
}

static void no_content_with_body(void *arg)
{
    answer(&((struct fake *)arg)->rq, 204, NULL, SLICE_LIT("x"));
}

static void not_modified_with_body(void *arg)
{
    answer_borrowed(&((struct fake *)arg)->rq, 304, NULL, SLICE_LIT("x"));
}

static void ninth_header(void *arg)
{
    for (int i = 0; i <= ANSWER_HEADERS_MAX; i++)
        answer_header(&((struct fake *)arg)->rq, "x", SLICE_LIT("y"));
}

static void on_finish(UNUSED void *arg, UNUSED bool sent)
{
}

static void second_hook(void *arg)
{
    request_on_finish(&((struct fake *)arg)->rq, on_finish, NULL);
    request_on_finish(&((struct fake *)arg)->rq, on_finish, NULL);
}

TEST(what_no_handler_may_do_ends_the_process)
{
    void (*const faults[])(void *) = {answer_twice,           late_header,  no_content_with_body,
                                      not_modified_with_body, ninth_header, second_hook};
    struct fake f;

    start(&f);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        assert_true(dies(faults[i], &f));
    fake_release(&f);
}

struct header_case {
    struct fake *f;
    char value[3];
};

static void one_header(void *arg)
{
    struct header_case *c = arg;

    answer_header(&c->f->rq, "x", (struct slice){c->value, sizeof(c->value)});
}

TEST(no_header_carries_a_control_byte)
{
    struct fake f;

    start(&f);
    for (unsigned c = 0; c < 256; c += c < 0x21 || c > 0x7d ? 1 : 0x5d) {
        struct header_case hc = {
            &f, {'a', (char)c, 'b'}
        };

        assert_int_equal(dies(one_header, &hc), c < 0x20 || c == 0x7f);
    }
    fake_release(&f);
}

RUN_TESTS(T(a_body_is_copied_or_borrowed),
          T(an_answer_may_be_empty),
          T(an_error_has_one_shape),
          T(an_error_lists_fields),
          T(an_error_of_nothing_but_quotes_has_room),
          T(a_wait_is_told_in_whole_seconds),
          T(see_other_says_where),
          T(copies_live_with_the_request),
          T(what_no_handler_may_do_ends_the_process),
          T(no_header_carries_a_control_byte))
