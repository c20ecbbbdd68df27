/* SPDX-License-Identifier: MIT */
/* /status.json is strict JSON, whatever is in the view, and stays under its limit. */
#include "tests/unit/unit.h"

#include "api/status_page.h"
#include "http/json.h"
#include "tests/unit/api/status_full.h"

#include <stdio.h>

static void expect_json(const struct buf *b)
{
    const char *message = "";

    if (json_scan((struct slice){b->data, b->len}, &message) != JSON_OK)
        print_error("%s\n%.*s\n", message, (int)b->len, b->data);
    assert_int_equal(json_scan((struct slice){b->data, b->len}, &message), JSON_OK);
}

static void expect_part(struct buf *b, const char *part)
{
    if (strstr(buf_cstr(b), part) == NULL)
        print_error("missing: %s\nin: %s\n", part, buf_cstr(b));
    assert_non_null(strstr(buf_cstr(b), part));
}

TEST(an_empty_view_is_a_whole_document)
{
    struct status_view *v = must_calloc(1, sizeof(*v));
    struct buf b = BUF_INIT;

    status_json_write(v, &b);
    expect_json(&b);
    expect_part(&b, "\"verdict\":{\"level\":\"well\",\"reasons\":[]}");
    expect_part(&b, "\"p99_seconds\":null}");
    expect_part(&b, "\"burn_rate_5m\":null,\"burn_rate_1h\":null,\"budget_left_1h_ratio\":null");
    expect_part(&b, "\"endpoints\":[],\"recent_errors\":[]");
    expect_part(&b, "\"live\":{\"step_seconds\":1,\"requests_per_second\":[],"
                    "\"server_errors_per_second\":[],\"p99_seconds\":[]}");
    expect_part(&b, "\"burn\":{\"step_seconds\":30,\"availability\":[],\"latency\":[],"
                    "\"contact\":[]}}");
    buf_release(&b);
    free(v);
}

TEST(the_fullest_view_stays_under_64_kib)
{
    struct status_view *v = full_view();
    struct buf b = BUF_INIT;

    status_json_write(v, &b);
    expect_json(&b);
    if (b.len >= STATUS_JSON_MAX)
        print_error("%zu bytes\n", b.len);
    assert_true(b.len < STATUS_JSON_MAX);
    expect_part(&b, "\"correlation_id\":\"" FULL_ID "\"");
    expect_part(&b, "\"time\":\"2026-11-21T15:17:01.207Z\",\"method\":\"OPTIONS\","
                    "\"endpoint\":\"/health/readiness\",\"status\":503,"
                    "\"duration_seconds\":9.12345679");
    expect_part(&b, "\"budget_left_1h_ratio\":-123455.789");
    buf_release(&b);
    free(v);
}

TEST(totals_are_exact)
{
    struct status_view *v = must_calloc(1, sizeof(*v));
    struct buf b = BUF_INIT;

    v->totals.requests = UINT64_C(9007199254740993);
    status_json_write(v, &b);
    expect_part(&b, "\"totals\":{\"requests\":9007199254740993,");
    buf_release(&b);
    free(v);
}

TEST(no_text_can_end_its_string)
{
    struct status_view *v = must_calloc(1, sizeof(*v));
    struct buf b = BUF_INIT;

    v->service = SLICE_LIT("a\"b\\c\x01");
    v->verdict.n = 1;
    (void)snprintf(v->verdict.reasons[0].text, STATUS_REASON_TEXT, "\"}]");
    status_json_write(v, &b);
    expect_json(&b);
    expect_part(&b, "{\"service\":\"a\\\"b\\\\c\\u0001\"");
    buf_release(&b);
    free(v);
}

RUN_TESTS(T(an_empty_view_is_a_whole_document),
          T(the_fullest_view_stays_under_64_kib),
          T(totals_are_exact),
          T(no_text_can_end_its_string))
