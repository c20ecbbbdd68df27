/* SPDX-License-Identifier: MIT */
/* Methods and statuses: both tables, both ways. */
#include "http/method.h"

#include "tests/unit/metrics/dies.h"
#include "tests/unit/unit.h"

TEST(every_method_is_parsed_from_its_name)
{
    for (unsigned m = 0; m < HTTP_METHODS; m++) {
        const char *name = http_method_name((enum http_method)m);

        assert_int_equal(http_method_parse(slice_str(name)), m);
    }
    assert_string_equal(http_method_name(HTTP_GET), "GET");
    assert_string_equal(http_method_name(HTTP_OPTIONS), "OPTIONS");
}

TEST(anything_else_is_unknown)
{
    static const char *const others[] = {"",         "get",   "Get",   "GE",      "GETT",    "GET ",
                                         " GET",     "HEAD1", "head",  "CONNECT", "TRACE",   "PRI",
                                         "PROPFIND", "-",     "other", "OPTION",  "OPTIONSS"};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(http_method_parse(slice_str(others[i])), HTTP_METHOD_UNKNOWN);
    assert_int_equal(http_method_parse(SLICE_NONE), HTTP_METHOD_UNKNOWN);
    assert_int_equal(http_method_parse(SLICE_LIT("GET\0")), HTTP_METHOD_UNKNOWN);
    assert_string_equal(http_method_name(HTTP_METHOD_UNKNOWN), "-");
}

TEST(every_status_has_an_index_of_its_own_and_a_reason)
{
    unsigned last = 0;

    for (unsigned i = 0; i < HTTP_STATUSES; i++) {
        unsigned status = http_status_at(i);

        assert_true(status > last && status >= 200 && status <= 599);
        last = status;
        assert_int_equal(http_status_index(status), i);
        assert_true(strlen(http_reason(status)) > 0);
    }
    assert_string_equal(http_reason(200), "OK");
    assert_string_equal(http_reason(HTTP_CLIENT_GONE), "Client Closed Request");
}

static void index_of(void *arg)
{
    (void)http_status_index(*(unsigned *)arg);
}

static void status_at(void *arg)
{
    (void)http_status_at(*(unsigned *)arg);
}

TEST(a_status_off_the_list_is_a_fault_of_ours)
{
    unsigned statuses[] = {0, 100, 199, 206, 418, 502, 999}, past = HTTP_STATUSES, fine = 200;

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        assert_true(dies(index_of, &statuses[i]));
    assert_true(dies(status_at, &past));
    assert_false(dies(index_of, &fine));
}

RUN_TESTS(T(every_method_is_parsed_from_its_name),
          T(anything_else_is_unknown),
          T(every_status_has_an_index_of_its_own_and_a_reason),
          T(a_status_off_the_list_is_a_fault_of_ours))
