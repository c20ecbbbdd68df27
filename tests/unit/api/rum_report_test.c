/* SPDX-License-Identifier: MIT */
/* One object to one report: what is read, what is ignored, and which keys are of the wrong type. */
#include "api/rum.h"
#include "tests/unit/unit.h"

/* Reads a body that must be taken; the caller releases *ret. */
static void take(const char *body, struct rum_batch *ret)
{
    struct rum_refusal why = {.message = NULL};

    if (!rum_read_body(slice_str(body), ret, &why))
        fail_msg("%s: %s", body, why.message);
}

TEST(every_key_is_read)
{
    struct rum_batch b;
    const struct rum_report *r;

    take("{\"page\":\"/blog/a?b\",\"page_load_time_seconds\":1.25,\"memory_usage_bytes\":12345678,"
         "\"errors\":[{\"kind\":\"error\"},{\"kind\":\"unhandledrejection\"},{\"kind\":\"csp\"},"
         "{\"kind\":\"error\"}],\"vitals\":[{\"name\":\"LCP\",\"value\":2500.5,\"id\":\"v3-1-2\","
         "\"rating\":\"good\"},{\"name\":\"CLS\",\"value\":0.1,\"page\":\"/x\"}],"
         "\"correlation_id\":\"abc-1\"}",
         &b);
    assert_int_equal(b.n, 1);
    r = &b.reports[0];
    assert_true(slice_eq(r->page, SLICE_LIT("/blog/a?b")));
    assert_true(slice_eq(r->correlation_id, SLICE_LIT("abc-1")));
    assert_true(r->has_load && r->has_memory);
    assert_int_equal(r->load_ns, 1250000000);
    assert_int_equal(r->memory_bytes, 12345678);
    assert_int_equal(r->errors[RUM_ERROR], 2);
    assert_int_equal(r->errors[RUM_REJECTION], 1);
    assert_int_equal(r->errors[RUM_OTHER], 1);
    assert_int_equal(r->n_vitals, 2);
    assert_int_equal(r->vitals[0].name, RUM_LCP);
    assert_int_equal(r->vitals[0].value, UINT64_C(2500500000));
    assert_true(slice_eq(r->vitals[0].id, SLICE_LIT("v3-1-2")));
    assert_true(slice_eq(r->vitals[0].page, r->page));
    assert_int_equal(r->vitals[1].name, RUM_CLS);
    assert_int_equal(r->vitals[1].value, 100000000);
    assert_null(r->vitals[1].id.p);
    assert_true(slice_eq(r->vitals[1].page, SLICE_LIT("/x")));
    for (size_t i = 0; i < RUM_IGNORED; i++)
        assert_int_equal(r->ignored[i], 0);
    rum_batch_release(&b);
    rum_batch_release(&b);
}

TEST(what_the_web_vitals_library_gives_is_a_report)
{
    struct rum_batch b;
    const struct rum_report *r;

    take("{\"name\":\"INP\",\"value\":208,\"rating\":\"needs-improvement\",\"delta\":208,"
         "\"id\":\"v4-1700000000000-1234567890123\",\"entries\":[{}],\"navigationType\":\"reload\","
         "\"page\":\"/\"}",
         &b);
    r = &b.reports[0];
    assert_int_equal(r->n_vitals, 1);
    assert_int_equal(r->vitals[0].name, RUM_INP);
    assert_int_equal(r->vitals[0].value, 208000000);
    assert_true(slice_eq(r->vitals[0].page, SLICE_LIT("/")));
    assert_true(slice_eq(r->vitals[0].id, SLICE_LIT("v4-1700000000000-1234567890123")));
    assert_int_equal(r->ignored[RUM_UNKNOWN_KEY], 3);
    rum_batch_release(&b);
    /* A name without a value is a key like any other that we don't know. */
    take("{\"name\":5,\"id\":[],\"rating\":1}", &b);
    assert_int_equal(b.reports[0].n_vitals, 0);
    assert_int_equal(b.reports[0].ignored[RUM_UNKNOWN_KEY], 3);
    rum_batch_release(&b);
}

TEST(what_is_not_counted_is_told_by_reason)
{
    static const struct {
        const char *body;
        uint64_t ignored[RUM_IGNORED];
    } cases[] = {
        {"{\"a\":1,\"b\":{\"page\":5},\"Page\":null}",                                      {3, 0, 0, 0, 0}},
        {"{\"vitals\":[{\"name\":\"LCP\",\"value\":1,\"x\":1,\"y\":2}]}",                   {2, 0, 0, 0, 0}},
        {"{\"errors\":[{\"kind\":\"error\",\"message\":\"secret\"}]}",                      {1, 0, 0, 0, 0}},
        {"{\"vitals\":[{\"name\":\"FID\",\"value\":1},{\"name\":\"\",\"value\":1}]}",
         {0, 2, 0, 0, 0}                                                                                   },
        {"{\"vitals\":[{\"name\":\"LCP\",\"value\":-1},{\"name\":\"CLS\",\"value\":101}]}",
         {0, 0, 2, 0, 0}                                                                                   },
        {"{\"vitals\":[{\"name\":\"LCP\",\"value\":1,\"id\":\"a b\"}]}",                    {0, 0, 1, 0, 0}},
        {"{\"page_load_time_seconds\":0,\"memory_usage_bytes\":1e300}",                     {0, 0, 2, 0, 0}},
        {"{\"correlation_id\":\"\"}",                                                       {0, 0, 1, 0, 0}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rum_batch b;

        take(cases[i].body, &b);
        for (size_t k = 0; k < RUM_IGNORED; k++)
            assert_int_equal(b.reports[0].ignored[k], cases[i].ignored[k]);
        assert_false(b.reports[0].has_load || b.reports[0].has_memory);
        assert_null(b.reports[0].correlation_id.p);
        rum_batch_release(&b);
    }
}

/* `n` times `item`, with commas between. */
static void add_items(struct buf *b, const char *item, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_addf(b, "%s%s", i > 0 ? "," : "", item);
}

TEST(thirty_two_vitals_and_a_hundred_errors_are_counted)
{
    static const struct {
        size_t vitals, errors, want_vitals, want_errors, too_many;
    } cases[] = {
        {RUM_VITALS_MAX - 1, RUM_ERRORS_MAX - 1,  31, 99,  0 },
        {RUM_VITALS_MAX,     0,                   32, 0,   0 },
        {RUM_VITALS_MAX + 1, 0,                   32, 0,   1 },
        {0,                  RUM_ERRORS_MAX,      0,  100, 0 },
        {0,                  RUM_ERRORS_MAX + 1,  0,  100, 1 },
        {RUM_VITALS_MAX,     RUM_ERRORS_MAX,      32, 100, 0 },
        {RUM_VITALS_MAX + 8, RUM_ERRORS_MAX + 50, 32, 100, 58},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf body = BUF_INIT;
        struct rum_batch b;

        buf_add_str(&body, "{\"errors\":[");
        add_items(&body, "{\"kind\":\"error\"}", cases[i].errors);
        buf_add_str(&body, "],\"vitals\":[");
        add_items(&body, "{\"name\":\"LCP\",\"value\":1}", cases[i].vitals);
        buf_add_str(&body, "]}");
        take(buf_cstr(&body), &b);
        assert_int_equal(b.reports[0].n_vitals, cases[i].want_vitals);
        assert_int_equal(b.reports[0].errors[RUM_ERROR], cases[i].want_errors);
        assert_int_equal(b.reports[0].ignored[RUM_TOO_MANY], cases[i].too_many);
        rum_batch_release(&b);
        buf_release(&body);
    }
}

#define WRONG(field) (1u << RUM_FIELD_##field)

TEST(wrong_types_are_named)
{
    static const struct {
        const char *body;
        unsigned fields;
    } cases[] = {
        {"{\"page\":5}",                                               WRONG(PAGE)                    },
        {"{\"page\":null}",                                            WRONG(PAGE)                    },
        {"{\"page_load_time_seconds\":\"1\"}",                         WRONG(LOAD)                    },
        {"{\"page_load_time_seconds\":true}",                          WRONG(LOAD)                    },
        {"{\"memory_usage_bytes\":{}}",                                WRONG(MEMORY)                  },
        {"{\"memory_usage_bytes\":null}",                              WRONG(MEMORY)                  },
        {"{\"errors\":{}}",                                            WRONG(ERRORS)                  },
        {"{\"errors\":3}",                                             WRONG(ERRORS)                  },
        {"{\"errors\":[\"error\"]}",                                   WRONG(ERRORS)                  },
        {"{\"errors\":[{}]}",                                          WRONG(KIND)                    },
        {"{\"errors\":[{\"kind\":1}]}",                                WRONG(KIND)                    },
        {"{\"vitals\":{}}",                                            WRONG(VITALS)                  },
        {"{\"vitals\":[[]]}",                                          WRONG(VITALS)                  },
        {"{\"vitals\":[{}]}",                                          WRONG(NAME) | WRONG(VALUE)     },
        {"{\"vitals\":[{\"name\":\"LCP\"}]}",                          WRONG(VALUE)                   },
        {"{\"vitals\":[{\"value\":1}]}",                               WRONG(NAME)                    },
        {"{\"vitals\":[{\"name\":1,\"value\":\"1\"}]}",                WRONG(NAME) | WRONG(VALUE)     },
        {"{\"vitals\":[{\"name\":\"FID\",\"value\":null}]}",           WRONG(VALUE)                   },
        {"{\"vitals\":[{\"name\":\"LCP\",\"value\":1,\"id\":1}]}",     WRONG(ID)                      },
        {"{\"vitals\":[{\"name\":\"LCP\",\"value\":1,\"rating\":0}]}", WRONG(RATING)                  },
        {"{\"vitals\":[{\"name\":\"LCP\",\"value\":1,\"page\":[]}]}",  WRONG(VITAL_PAGE)              },
        {"{\"correlation_id\":1}",                                     WRONG(CORRELATION_ID)          },
        {"{\"name\":1,\"value\":1}",                                   WRONG(NAME)                    },
        {"{\"name\":\"LCP\",\"value\":1,\"page\":1}",                  WRONG(PAGE) | WRONG(VITAL_PAGE)},
        {"[{\"page\":1},{},{\"errors\":1},{\"page\":[]}]",             WRONG(PAGE) | WRONG(ERRORS)    },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rum_refusal why;
        struct rum_batch b;

        assert_false(rum_read_body(slice_str(cases[i].body), &b, &why));
        assert_int_equal(why.status, 422);
        if (why.fields != cases[i].fields)
            fail_msg("%s: %x", cases[i].body, why.fields);
    }
}

RUN_TESTS(T(every_key_is_read),
          T(what_the_web_vitals_library_gives_is_a_report),
          T(what_is_not_counted_is_told_by_reason),
          T(thirty_two_vitals_and_a_hundred_errors_are_counted),
          T(wrong_types_are_named))
