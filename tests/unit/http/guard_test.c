/* SPDX-License-Identifier: MIT */
/* The table of refusals, what a refused client reads, and who may be asked for by name. */
#include "http/guard.h"

#include "tests/unit/http/fake.h"

#include <cjson/cJSON.h>

TEST(every_refusal_has_a_row_of_its_own)
{
    for (unsigned i = REFUSED_NOT + 1; i < REFUSALS; i++) {
        const struct refusal_row *row = &refusal_rows[i];

        (void)http_status_index(row->status); /* a status that can be counted */
        assert_true(row->status >= 400 && row->status < 500);
        assert_true(strlen(row->label) > 0 && strlen(row->code) > 0 && strlen(row->message) > 0);
        for (unsigned k = REFUSED_NOT + 1; k < i; k++)
            assert_string_not_equal(row->label, refusal_rows[k].label);
    }
}

TEST(refusals_have_the_statuses_of_the_header)
{
    static const struct {
        enum refusal refusal;
        unsigned status;
    } rows[] = {
        {REFUSED_SYNTAX,          400},
        {REFUSED_FRAMING,         400},
        {REFUSED_HOST,            400},
        {REFUSED_TARGET,          400},
        {REFUSED_METHOD,          405},
        {REFUSED_LENGTH_REQUIRED, 411},
        {REFUSED_BODY_TOO_LARGE,  413},
        {REFUSED_TARGET_TOO_LONG, 414},
        {REFUSED_EXPECTATION,     417},
        {REFUSED_MISDIRECTED,     421},
        {REFUSED_HEAD_TOO_LARGE,  431},
        {REFUSED_UNPARSED,        400},
    };

    assert_int_equal(ARRAY_LEN(rows), REFUSALS - 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(refusal_rows[rows[i].refusal].status, rows[i].status);
}

TEST(a_refusal_is_answered_in_the_shape_of_all_errors_and_closes)
{
    struct fake f;

    fake_init(&f, NULL, 0, NULL);
    for (unsigned i = REFUSED_NOT + 1; i < REFUSALS; i++) {
        const struct refusal_row *row = &refusal_rows[i];
        cJSON *json, *error;

        fake_request(&f);
        f.rq.correlation_id = SLICE_LIT("abc-1");
        f.rq.refusal = (enum refusal)i;
        guard_refuse(&f.rq);
        assert_int_equal(f.sent, 1);
        assert_int_equal(f.rq.status, row->status);
        assert_true(f.rq.close);
        expect_slice(f.rq.content_type, "application/json");
        json = cJSON_ParseWithLength(f.rq.answer.p, f.rq.answer.n);
        assert_non_null(json);
        error = cJSON_GetObjectItemCaseSensitive(json, "error");
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(error, "code")), row->code);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(error, "message")),
                            row->message);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "correlation_id")),
                            "abc-1");
        cJSON_Delete(json);
        if (row->status == 405)
            expect_slice(answer_header_value(&f.rq, "allow"), "GET, HEAD, POST, OPTIONS");
        else
            assert_int_equal(f.rq.n_headers, 0);
    }
    fake_release(&f);
}

static const struct slice hosts[] = {
    {"shop.example",     12},
    {"www.shop.example", 16},
    {"::1",              3 }
};

TEST(only_configured_hosts_are_served_in_public)
{
    static const struct {
        const char *name;
        bool any, listed; /* without a list; with this one */
    } rows[] = {
        {"shop.example",      true, true },
        {"SHOP.Example",      true, true },
        {"www.shop.example",  true, true },
        {"::1",               true, true },
        {"example",           true, false},
        {"evil.shop.example", true, false},
        {"shop.example.evil", true, false},
        {"shop.example.",     true, false},
        {"127.0.0.1",         true, false},
        {"localhost",         true, false},
        {"",                  true, false},
    };
    const struct http_live none = {.n_hosts = 0}, some = {.hosts = hosts, .n_hosts = 3};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(guard_host(&none, slice_str(rows[i].name)), rows[i].any);
        assert_int_equal(guard_host(&some, slice_str(rows[i].name)), rows[i].listed);
    }
}

TEST(the_metrics_port_answers_to_addresses_localhost_its_alias_and_the_hosts)
{
    static const struct {
        const char *name;
        bool bare, alias, listed; /* nothing configured; with the alias; with the hosts */
    } rows[] = {
        {"127.0.0.1",      true,  true,  true },
        {"10.1.2.3",       true,  true,  true },
        {"::1",            true,  true,  true },
        {"2001:db8::7",    true,  true,  true },
        {"localhost",      true,  true,  true },
        {"LocalHost",      true,  true,  true },
        {"sidelight-ops",  false, true,  false},
        {"Sidelight-Ops",  false, true,  false},
        {"shop.example",   false, false, true },
        {"evil.example",   false, false, false},
        {"localhost.evil", false, false, false},
        {"127.0.0.1.evil", false, false, false},
        {"",               false, false, false},
    };
    const struct http_live none = {.n_hosts = 0}, some = {.hosts = hosts, .n_hosts = 3};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice name = slice_str(rows[i].name), alias = SLICE_LIT("sidelight-ops");

        assert_int_equal(guard_host_internal(&none, SLICE_NONE, name), rows[i].bare);
        assert_int_equal(guard_host_internal(&none, alias, name), rows[i].alias);
        assert_int_equal(guard_host_internal(&some, SLICE_NONE, name), rows[i].listed);
    }
}

TEST(what_the_library_refuses_has_a_reason_of_ours)
{
    assert_int_equal(guard_from_status(413), REFUSED_BODY_TOO_LARGE);
    assert_int_equal(guard_from_status(417), REFUSED_EXPECTATION);
    assert_int_equal(guard_from_status(400), REFUSED_FRAMING);
}

RUN_TESTS(T(every_refusal_has_a_row_of_its_own),
          T(refusals_have_the_statuses_of_the_header),
          T(a_refusal_is_answered_in_the_shape_of_all_errors_and_closes),
          T(only_configured_hosts_are_served_in_public),
          T(the_metrics_port_answers_to_addresses_localhost_its_alias_and_the_hosts),
          T(what_the_library_refuses_has_a_reason_of_ours))
