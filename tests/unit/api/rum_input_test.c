/* SPDX-License-Identifier: MIT */
/* Bodies to reports: how many, what is refused, and what is said about it. Each report: rum_report_test.c. */
#include "api/rum.h"
#include "tests/unit/unit.h"

/* Reads a body that must be taken; the caller releases *ret. */
static void take(const char *body, struct rum_batch *ret)
{
    struct rum_refusal why = {.message = NULL};

    if (!rum_read_body(slice_str(body), ret, &why))
        fail_msg("%s: %s", body, why.message);
}

static void assert_refused(struct slice body, unsigned status, enum rum_outcome outcome)
{
    static struct rum_report untouched;
    struct rum_batch b = {NULL, &untouched, 77};
    struct rum_refusal why = {.message = NULL};

    if (rum_read_body(body, &b, &why))
        fail_msg("taken: %.*s", (int)body.n, body.p);
    assert_int_equal(why.status, status);
    assert_int_equal(why.outcome, outcome);
    assert_non_null(why.message);
    assert_string_equal(why.code, status == 400 ? "malformed" : "invalid");
    assert_ptr_equal(b.reports, &untouched);
    assert_int_equal(b.n, 77);
}

TEST(every_key_may_be_left_away)
{
    struct rum_batch b;

    take("{}", &b);
    assert_int_equal(b.n, 1);
    assert_null(b.reports[0].page.p);
    assert_null(b.reports[0].correlation_id.p);
    assert_false(b.reports[0].has_load || b.reports[0].has_memory);
    assert_int_equal(b.reports[0].n_vitals, 0);
    rum_batch_release(&b);
    take(" [ ] ", &b);
    assert_int_equal(b.n, 0);
    rum_batch_release(&b);
}

/* `n` times `item`, with commas between. */
static void add_items(struct buf *b, const char *item, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_addf(b, "%s%s", i > 0 ? "," : "", item);
}

TEST(fifty_reports_are_taken_and_one_more_is_not)
{
    struct buf body = BUF_INIT;
    struct rum_batch b;

    buf_add_char(&body, '[');
    add_items(&body, "{\"page\":\"/\"}", RUM_REPORTS_MAX);
    buf_add_char(&body, ']');
    take(buf_cstr(&body), &b);
    assert_int_equal(b.n, RUM_REPORTS_MAX);
    assert_true(slice_eq(b.reports[RUM_REPORTS_MAX - 1].page, SLICE_LIT("/")));
    rum_batch_release(&b);
    body.data[body.len - 1] = ',';
    buf_add_str(&body, "{}]");
    assert_refused((struct slice){body.data, body.len}, 422, RUM_INVALID);
    buf_release(&body);
}

TEST(what_is_not_json_is_malformed)
{
    static const struct slice cases[] = {
        {"",            0},
        {" ",           1},
        {"{",           1},
        {"{}x",         3},
        {"page=/",      6},
        {"{\"a\":NaN}", 9},
        {"\xff",        1},
        {"{}\0",        3},
        {"[{}",         3},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(cases[i], 400, RUM_MALFORMED);
}

TEST(what_is_json_but_no_reports_is_invalid)
{
    static const char *const cases[] = {"null",
                                        "1",
                                        "\"a\"",
                                        "true",
                                        "[null]",
                                        "[1]",
                                        "[[]]",
                                        "[{},[]]",
                                        "[{},\"a\"]",
                                        "[[{}]]",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"a\":\"\\u0000\"}"};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(slice_str(cases[i]), 422, RUM_INVALID);
}

#define WRONG(field) (1u << RUM_FIELD_##field)

TEST(each_field_says_what_is_allowed)
{
    struct field_error errors[RUM_FIELDS];

    assert_int_equal(rum_field_errors(0, errors), 0);
    assert_int_equal(rum_field_errors((1u << RUM_FIELDS) - 1, errors), RUM_FIELDS);
    for (size_t i = 0; i < RUM_FIELDS; i++) {
        assert_true(strncmp(errors[i].reason, "must be a", 9) == 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(errors[i].field, errors[k].field);
    }
    assert_int_equal(rum_field_errors(WRONG(ID) | WRONG(LOAD), errors), 2);
    assert_string_equal(errors[0].field, "page_load_time_seconds");
    assert_string_equal(errors[1].field, "vitals.id");
}

RUN_TESTS(T(every_key_may_be_left_away),
          T(fifty_reports_are_taken_and_one_more_is_not),
          T(what_is_not_json_is_malformed),
          T(what_is_json_but_no_reports_is_invalid),
          T(each_field_says_what_is_allowed))
