/* SPDX-License-Identifier: MIT */
/*
 * What bodies may not be though they are well-formed, against the running server: names that come twice, numbers beyond a
 * double, levels without end, forms that are ambiguous. Text itself is utf8_test.c's.
 */
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/bodies.h"
#include "tests/faults/lib/promise.h"

#define GOOD "\"name\":\"a\",\"email\":\"a@b.c\",\"message\":\"m\""

static const struct body twins[] = {
    BODY("{\"x\":1,\"x\":1}", 422),
    BODY("{\"x\":1,\"\\u0078\":2}", 422),
    BODY("{\"\\u0078\":1,\"\\u0078\":2}", 422),
    BODY("{\"\xc3\xa4\":1,\"\\u00e4\":2}", 422),
    BODY("{\"\\u00E4\":1,\"\\u00e4\":2}", 422),
    BODY("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", 422),
    BODY("{\"/\":1,\"\\/\":2}", 422),
    BODY("{\"\\n\":1,\"\\u000a\":2}", 422),
    BODY("{\"\\\"\":1,\"\\u0022\":2}", 422),
    BODY("{\"\":1,\"\":2}", 422),
    BODY("{\"x\":{\"y\":[{\"z\":1,\"z\":2}]}}", 422),
    BODY("[{\"x\":1,\"x\":1}]", 422),
    BODY("{" GOOD ",\"name\":\"b\"}", 422),
    BODY("{" GOOD ",\"n\\u0061me\":\"b\"}", 422),
    BODY("{" GOOD ",\"email\":\"c@d.co\"}", 422),
    BODY("{\"website_url\":\"\",\"website_url\":\"x\"}", 422),
    BODY("{\"x\":1,\"x\":1", 400), /* not JSON goes first */
    BODY("{\"x\":1,\"X\":2}", READ),
    BODY("{\"Name\":\"a\",\"NAME\":\"a\",\"name \":\"a\"}", READ),
    BODY("{\"\xc3\xa4\":1,\"a\xcc\x88\":2}", READ), /* the same to the eye alone */
    BODY("{\"x\":{\"x\":{\"x\":1}}}", READ),
    BODY("{\"x\":1,\"y\":{\"x\":2}}", READ),
};

static const struct body numbers[] = {
    BODY("{\"x\":1e400}", 400), /* beyond a double */
    BODY("{\"x\":-1e400}", 400),
    BODY("{\"x\":1e999999999999999999999}", 400),
    BODY("{\"x\":[[1e309]]}", 400),
    BODY("{\"x\":NaN}", 400),
    BODY("{\"x\":Infinity}", 400),
    BODY("{\"x\":-Infinity}", 400),
    BODY("{\"x\":01}", 400),
    BODY("{\"x\":-01}", 400),
    BODY("{\"x\":00}", 400),
    BODY("{\"x\":1.}", 400),
    BODY("{\"x\":.5}", 400),
    BODY("{\"x\":-}", 400),
    BODY("{\"x\":+1}", 400),
    BODY("{\"x\":1e}", 400),
    BODY("{\"x\":1e+}", 400),
    BODY("{\"x\":1.e5}", 400),
    BODY("{\"x\":0x1F}", 400),
    BODY("{\"x\":1_000}", 400),
    BODY("{\"x\":1,5}", 400),
    BODY("{\"x\":\xd9\xa1}", 400), /* a digit elsewhere */
    BODY("{\"x\":1.7976931348623157e308}", READ),
    BODY("{\"x\":-1.7976931348623157E+308}", READ),
    BODY("{\"x\":1e-400}", READ), /* to nothing */
    BODY("{\"x\":5e-324}", READ),
    BODY("{\"x\":2.2250738585072011e-308}", READ),
    BODY("{\"x\":-0}", READ),
    BODY("{\"x\":-0.0e-0}", READ),
    BODY("{\"x\":0e999999999999999999999}", READ),
    BODY("{\"x\":9007199254740993}", READ),
    BODY("{\"x\":18446744073709551616}", READ),
    BODY("{\"x\":123456789012345678901234567890123456789012345678901234567890123456789012345}",
         READ),
    BODY("{\"x\":0.000000000000000000000000000000000000000000000000000000000000000000000000001}",
         READ),
};

static const struct body forms[] = {
    BODY("\xef\xbb\xbfname=a", READ), /* a name of another field */
    BODY("name=%EF%BB%BF", READ),
    BODY("x=%ff", 400),
    BODY("x=\xff", 400),
    BODY("%ff=x", 400),
    BODY("\xff=x", 400),
    BODY("x=%c0%af", 400),
    BODY("x=%ed%a0%80", 400),
    BODY("x=%f0%9f%98", 400),
    BODY("x=%f0%9f%98&y=%80", 400), /* not together either */
    BODY("x=%f0%9f\x98\x80", READ), /* half escaped */
    BODY("x=%f4%90%80%80", 400),
    BODY("x=%", 400),
    BODY("x=%a", 400),
    BODY("x=%g0", 400),
    BODY("x=%%41", 400),
    BODY("x=%u0041", 400),
    BODY("x=%00", 422),
    BODY("x=a\0b", 422),
    BODY("%00=x", 422),
    BODY("x=%2500", READ),
    BODY("x=1&x=2", 422),
    BODY("x=1&%78=2", 422),
    BODY("%c3%a4=1&\xc3\xa4=2", 422),
    BODY("a+b=1&a%20b=2", 422),
    BODY("=1&=2", 422),
    BODY("x=1&X=2", READ),
    BODY("&&&&", READ),
    BODY("=", READ),
    BODY("x", READ),
};

TEST(a_name_that_comes_twice_is_found_in_any_spelling)
{
    struct server *s = serve_all(*state);
    size_t refused;

    refused = bodies_check(s, JSON_TYPE, twins);
    promise("B32",
            "A JSON member that comes twice is 422, in whatever spelling; no value is chosen",
            "a table of bodies, with escaped names", "%zu bodies, %zu refused", ARRAY_LEN(twins),
            refused);
}

TEST(numbers_are_read_as_json_writes_them_and_no_larger_than_a_double)
{
    struct server *s = serve_all(*state);
    size_t refused;

    refused = bodies_check(s, JSON_TYPE, numbers);
    promise("B33", "Numbers that JSON has not, or beyond a double, are 400; others are read",
            "a table of bodies", "%zu bodies, %zu refused", ARRAY_LEN(numbers), refused);
}

TEST(forms_are_as_strict_as_json)
{
    struct server *s = serve_all(*state);
    size_t refused;

    refused = bodies_check(s, FORM_TYPE, forms);
    promise("B31-B32", "Forms are read as strictly: UTF-8, escapes, U+0000, fields that come twice",
            "a table of bodies", "%zu bodies, %zu refused", ARRAY_LEN(forms), refused);
}

/* ---- sizes ---- */

/* `n` times `open`, `inside`, `n` times `close`. */
static struct slice nested(struct fixture *f, const char *open, const char *close, size_t n)
{
    struct buf b = BUF_INIT;
    struct slice s;

    for (size_t i = 0; i < n; i++)
        buf_add_str(&b, open);
    if (strchr(open, ':') != NULL)
        buf_add_str(&b, "1");
    for (size_t i = 0; i < n; i++)
        buf_add_str(&b, close);
    s = (struct slice){keep_text(f, b.data, b.len), b.len};
    buf_release(&b);
    return s;
}

TEST(depth_ends_at_16)
{
    static const struct {
        const char *open, *close;
    } shapes[] = {
        {"[",        "]"  },
        {"{\"a\":",  "}"  },
        {"[ ",       ",1]"},
        {"[{\"a\":", "}]" }, /* two levels each */
        {"[",        ""   },
        {"{\"a\":",  ""   },
    };
    static const size_t depths[] = {1, 15, 16, 17, 18, 1001, 20000};
    struct fixture *f = *state;
    struct server *s = serve_all(f);
    double cpu;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        for (size_t k = 0; k < ARRAY_LEN(depths); k++, n++) {
            size_t levels = depths[k] * (i == 3 ? 2 : 1);
            struct slice body = nested(f, shapes[i].open, shapes[i].close, depths[k]);
            const struct reply *r = flow_one(s, "/contact", JSON_TYPE, "depth", body);
            /* "[ ,1]" is none at its middle. */
            bool read = levels <= 16 && i != 2 && shapes[i].close[0] != '\0';

            assert_status(r, read ? 422 : body.n > 131072 ? 413 : 400);
        }
    cpu = metric(s, "process_cpu_seconds_total");
    for (int i = 0; i < 100; i++)
        (void)flow_one(s, "/contact", JSON_TYPE, "deep", nested(f, "[", "]", 65536));
    cpu = metric(s, "process_cpu_seconds_total") - cpu;
    assert_true(cpu < 1); /* 10 ms for each is far more than it takes */
    assert_metric(s, SUBMISSIONS, 0);
    promise("B30", "JSON nested more than 16 levels is 400, at once",
            "arrays, objects and both at and past the limit; 65,536 levels 100 times",
            "%zu bodies; 65,536 levels cost %.2f ms of CPU", n + 100, cpu * 10);
}

/* A measured value comes back as the number that was sent. */
TEST(numbers_of_browser_metrics_come_back_as_they_were_sent)
{
    static const struct {
        const char *sent, *shown; /* NULL: left out, as no browser can have measured that */
    } rows[] = {
        {"1",                "1"            },
        {"1.0",              "1"            },
        {"1.5e1",            "15"           },
        {"0.1",              "0.1"          },
        {"0.000001",         "0.000001"     },
        {"599.999999999",    "599.999999999"},
        {"600",              "600"          },
        {"600.000000001",    NULL           },
        {"0",                NULL           },
        {"-0",               NULL           },
        {"-1",               NULL           },
        {"1e308",            NULL           },
        {"9007199254740993", NULL           },
    };
    static const struct {
        const char *sent, *shown;
    } bytes[] = {
        {"1",           "1"          },
        {"68719476736", "68719476736"}, /* 64 GiB */
        {"68719476737", NULL         },
        {"4294967297",  "4294967297" },
        {"1e10",        "10000000000"},
        {"0",           NULL         },
    };
    struct fixture *f = *state;
    struct server *s = serve_all(f);

    for (size_t i = 0; i < ARRAY_LEN(rows) + ARRAY_LEN(bytes); i++) {
        bool time = i < ARRAY_LEN(rows);
        size_t k = time ? i : i - ARRAY_LEN(rows);
        const char *key = time ? "page_load_time_seconds" : "memory_usage_bytes";
        const char *sent = time ? rows[k].sent : bytes[k].sent;
        const char *shown = time ? rows[k].shown : bytes[k].shown;
        const char *body = textf(f, "{\"%s\":%s}", key, sent), *list;

        assert_status(flow_one(s, "/api/metrics", JSON_TYPE, "number", slice_str(body)), 200);
        list = get_ops(s, "/api/metrics?limit=1")->body;
        if (shown != NULL)
            assert_contains(list, textf(f, "\"%s\":%s,", key, shown));
        else
            assert_lacks(list, textf(f, "\"%s\"", key));
    }
    promise("B33", "A number in browser metrics is kept as it was sent, or not at all",
            "sent to /api/metrics, read back on the metrics port", "%zu numbers",
            ARRAY_LEN(rows) + ARRAY_LEN(bytes));
}

RUN_TESTS(T(a_name_that_comes_twice_is_found_in_any_spelling),
          T(numbers_are_read_as_json_writes_them_and_no_larger_than_a_double),
          T(forms_are_as_strict_as_json),
          T(depth_ends_at_16),
          T(numbers_of_browser_metrics_come_back_as_they_were_sent))
