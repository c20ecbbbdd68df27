/* SPDX-License-Identifier: MIT */
/* The families of JSON texts that parsers disagree on, and our own limits. */
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "http/json.h"

/* A document and what is expected of it. Texts may hold NUL bytes. */
struct json_case {
    struct slice text;
    enum json_verdict verdict;
};
#define OK(s)                 \
    {                         \
        SLICE_LIT(s), JSON_OK \
    }
#define BAD(s)                       \
    {                                \
        SLICE_LIT(s), JSON_MALFORMED \
    }
#define NUL(s)                 \
    {                          \
        SLICE_LIT(s), JSON_NUL \
    }
#define TWIN(s)                      \
    {                                \
        SLICE_LIT(s), JSON_DUPLICATE \
    }

/* Memory of exactly its size, so that AddressSanitizer sees a read beyond the end. */
static enum json_verdict parse(struct slice text, struct json **ret, const char **message)
{
    char *copy = test_malloc(text.n > 0 ? text.n : 1);
    enum json_verdict v;

    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    v = json_parse((struct slice){copy, text.n}, ret, message);
    test_free(copy);
    return v;
}

static void check(const struct json_case *c)
{
    char mark;
    struct json *const untouched = (struct json *)(void *)&mark;
    struct json *doc = untouched;
    const char *message = NULL;
    enum json_verdict v = parse(c->text, &doc, &message);

    if (v != c->verdict)
        print_error("verdict %d for %.*s\n", (int)v, (int)c->text.n, c->text.p);
    assert_int_equal(v, c->verdict);
    if (v == JSON_OK) {
        assert_ptr_not_equal(doc, untouched);
        assert_null(message);
        json_free(doc);
    } else {
        assert_ptr_equal(doc, untouched);
        assert_non_null(message);
        assert_int_equal(message[strlen(message) - 1], '.');
    }
}

static void check_all(const struct json_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(&cases[i]);
}

TEST(what_the_grammar_allows_is_taken)
{
    const struct json_case cases[] = {
        OK("{}"),
        OK("[]"),
        OK("null"),
        OK("true"),
        OK("false"),
        OK("0"),
        OK("\"\""),
        OK(" \t\r\n[ \t\r\n] \t\r\n"),
        OK("{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"e\"}}"),
        OK("[[[],{}],[1,\"2\",3.5]]"),
        OK("{\"\":0}"),
        OK("{\"a\":{\"a\":{\"a\":1}}}"),
        OK("[{\"a\":1},{\"a\":2}]"),
        OK("{\"a\":1,\"A\":2}"),
        OK("[1,-1,0,-0,10,1234567890]"),
        OK("[1.5,-0.0,0.1,123.456,1e1,1E1,1e+1,1e-1,0e0,0E+0,1.5e300,-1.5E-300]"),
        OK("[1e-400,123456789012345678901234567890,0.1234567890123456789012345678901234567890]"),
        OK("[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]"),
        OK("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
        OK("\"\\u0041\\u00e9\\u20AC\\uFFFF\""),
        OK("\"\\uD83D\\uDE00\\ud800\\udc00\\uDBFF\\uDFFF\""),
        OK("\"\x7f\xc2\x80\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xef\xbf\xbf\""),
        OK("\"\xe2\x80\xa8\xe2\x80\xa9\""),
        OK("\"\\\\u0000\""),
        OK("\"/*x*/ // # ' \""),
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(what_is_not_a_whole_value_is_malformed)
{
    const struct json_case cases[] = {
        BAD(""),
        BAD(" "),
        BAD("\0"),
        BAD("{}\0"),
        BAD("[]\0 "),
        BAD("{} x"),
        BAD("{}{}"),
        BAD("[]]"),
        BAD("1 2"),
        BAD("1]"),
        BAD("\"a\"\"b\""),
        BAD("nul"),
        BAD("nullx"),
        BAD("tru"),
        BAD("True"),
        BAD("FALSE"),
        BAD("undefined"),
        BAD("NaN"),
        BAD("Infinity"),
        BAD("-Infinity"),
        BAD("a"),
        BAD("'a'"),
        BAD("\xef\xbb\xbf{}"), /* a byte order mark */
        BAD("\xff\xfe{\0}\0"), /* UTF-16 */
        BAD("\x0c[]"),
        BAD("\x0b[]"),
        BAD("[]\x0c"),
        BAD("\xc2\xa0[]"),
        BAD("\xe2\x81\xa0[]"),
        BAD("\x01[]"),
        BAD("/*x*/[]"),
        BAD("[]//x"),
        BAD("<a>"),
        BAD("*"),
        BAD(":"),
        BAD(","),
        BAD("]"),
        BAD("}"),
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(broken_lists_are_malformed)
{
    const struct json_case cases[] = {
        BAD("["),
        BAD("[1"),
        BAD("[1,"),
        BAD("[1,]"),
        BAD("[,1]"),
        BAD("[1,,2]"),
        BAD("[,]"),
        BAD("[1 2]"),
        BAD("[1;2]"),
        BAD("[1}"),
        BAD("[\"a\":1]"),
        BAD("[[]"),
        BAD("[1,\n1\n,1"),
        BAD("{"),
        BAD("{]"),
        BAD("{,}"),
        BAD("{\"a\""),
        BAD("{\"a\":"),
        BAD("{\"a\":}"),
        BAD("{\"a\":1"),
        BAD("{\"a\":1,"),
        BAD("{\"a\":1,}"),
        BAD("{\"a\":1,,\"b\":2}"),
        BAD("{\"a\" 1}"),
        BAD("{\"a\",1}"),
        BAD("{\"a\"::1}"),
        BAD("{\"a\":1:2}"),
        BAD("{\"a\":1 \"b\":2}"),
        BAD("{a:1}"),
        BAD("{'a':1}"),
        BAD("{1:1}"),
        BAD("{null:null}"),
        BAD("{[]:1}"),
        BAD("{\"a\":/*x*/1}"),
        BAD("{\"a\":a}"),
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(broken_numbers_are_malformed)
{
    const struct json_case cases[] = {
        BAD("[01]"),    BAD("[-01]"),          BAD("[00]"),    BAD("[-]"),      BAD("[+1]"),
        BAD("[--1]"),   BAD("[- 1]"),          BAD("[-a]"),    BAD("[.5]"),     BAD("[-.5]"),
        BAD("[1.]"),    BAD("[-2.]"),          BAD("[0.e1]"),  BAD("[2.e3]"),   BAD("[1.2.3]"),
        BAD("[1e]"),    BAD("[1e+]"),          BAD("[1E-]"),   BAD("[0e]"),     BAD("[1.0e]"),
        BAD("[1e1.5]"), BAD("[1 000]"),        BAD("[1_000]"), BAD("[0x10]"),   BAD("[0b1]"),
        BAD("[1e+-1]"), BAD("[1a]"),           BAD("[1.5f]"),  BAD("[1,5.]"),   BAD("[-NaN]"),
        BAD("[1e5e5]"), BAD("[\xef\xbc\x91]"), BAD("[1e400]"), BAD("[-1e400]"), BAD("[1e99999999]"),
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(broken_strings_are_malformed)
{
    const struct json_case cases[] = {
        BAD("\""),
        BAD("\"a"),
        BAD("\"\\"),
        BAD("\"\\\""),
        BAD("[\"a\nb\"]"),
        BAD("[\"a\tb\"]"),
        BAD("[\"a\rb\"]"),
        BAD("[\"a\x1f\"]"),
        BAD("[\"a\0b\"]"), /* a raw NUL is no JSON at all */
        BAD("{\"a\0b\":1}"),
        BAD("[\"\\x41\"]"),
        BAD("[\"\\a\"]"),
        BAD("[\"\\'\"]"),
        BAD("[\"\\0\"]"),
        BAD("[\"\\\0\"]"),
        BAD("[\"\\U0041\"]"),
        BAD("[\"\\u\"]"),
        BAD("[\"\\u004\"]"),
        BAD("[\"\\u00g0\"]"),
        BAD("[\"\\u 041\"]"),
        BAD("[\"\\u+041\"]"),
        BAD("[\"\\u00"),
        BAD("[\"\\ud800\"]"), /* half pairs, in every order */
        BAD("[\"\\udc00\"]"),
        BAD("[\"\\ud800x\"]"),
        BAD("[\"\\ud800\\n\"]"),
        BAD("[\"\\ud800\\u\"]"),
        BAD("[\"\\ud800\\u0041\"]"),
        BAD("[\"\\ud800\\ud800\"]"),
        BAD("[\"\\udc00\\ud800\"]"),
        BAD("[\"\\ud800\\u0000\"]"),
        BAD("[\"\\uD83D\\uDE0\"]"),
        BAD("[\"\\uD83D"),
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(invalid_utf8_is_malformed)
{
    const struct json_case cases[] = {
        BAD("[\"\xff\"]"),
        BAD("[\"\x80\"]"),
        BAD("[\"\xc0\xaf\"]"),         /* overlong */
        BAD("[\"\xe0\x80\xaf\"]"),     /* overlong */
        BAD("[\"\xed\xa0\x80\"]"),     /* a surrogate */
        BAD("[\"\xf4\x90\x80\x80\"]"), /* beyond U+10FFFF */
        BAD("[\"\xe2\x82\"]"),         /* cut short */
        BAD("[\"\xe9\"]"),             /* ISO 8859-1 */
        BAD("\xff"),
        BAD("{\"\xff\":1}"),
        BAD("[1]\xff"),
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(an_escaped_nul_is_told_from_malformed_text)
{
    const struct json_case cases[] = {
        NUL("\"\\u0000\""),      NUL("[\"a\\u0000b\"]"),
        NUL("{\"a\\u0000\":1}"), NUL("{\"a\":1,\"a\":\"\\u0000\"}"), /* goes before the twin */
        BAD("[\"\\u0000\""),     BAD("[\"\\u0000\"] x"),
        BAD("[\"\\u0000\",01]"),
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(twins_are_found_by_their_decoded_names)
{
    const struct json_case cases[] = {
        TWIN("{\"a\":1,\"a\":1}"),
        TWIN("{\"a\":1,\"b\":2,\"a\":3}"),
        TWIN("{\"a\":1,\"\\u0061\":2}"),
        TWIN("{\"\\u00e9\":1,\"\xc3\xa9\":2}"),
        TWIN("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"),
        TWIN("{\"/\":1,\"\\/\":2}"),
        TWIN("{\"\":1,\"\":2}"),
        TWIN("{\"x\":{\"a\":1,\"a\":2}}"),
        TWIN("[[[{\"a\":1,\"a\":2}]]]"),
        OK("{\"a\":1,\"a \":2,\"aa\":3}"),
    };

    check_all(cases, ARRAY_LEN(cases));
}

static void repeat(struct buf *b, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++)
        buf_add_str(b, s);
}

static void check_nested(size_t depth,
                         const char *open,
                         const char *close,
                         enum json_verdict expected)
{
    struct buf b = BUF_INIT;

    repeat(&b, depth, open);
    buf_add_str(&b, "0");
    repeat(&b, depth, close);
    check(&(struct json_case){
        {b.data, b.len},
        expected
    });
    buf_release(&b);
}

TEST(sixteen_levels_are_enough)
{
    check_nested(JSON_DEPTH_MAX, "[", "]", JSON_OK);
    check_nested(JSON_DEPTH_MAX + 1, "[", "]", JSON_MALFORMED);
    check_nested(JSON_DEPTH_MAX, "{\"a\":", "}", JSON_OK);
    check_nested(JSON_DEPTH_MAX + 1, "{\"a\":", "}", JSON_MALFORMED);
    check_nested(JSON_DEPTH_MAX / 2, "[{\"a\":", "}]", JSON_OK);
    check_nested(100000, "[", "", JSON_MALFORMED);
    check_nested(100000, "{\"a\":", "", JSON_MALFORMED);
}

TEST(depth_is_counted_by_open_lists_only)
{
    struct buf b = BUF_INIT;

    buf_add_str(&b, "[[]");
    repeat(&b, 100, ",[{}]");
    buf_add_str(&b, "]");
    check(&(struct json_case){
        {b.data, b.len},
        JSON_OK
    });
    buf_release(&b);
}

static void check_members(size_t n, bool twin, enum json_verdict expected)
{
    struct buf b = BUF_INIT;

    buf_add_str(&b, "{\"m0\":0");
    for (size_t i = 1; i < n; i++)
        buf_addf(&b, ",\"m%zu\":0", twin && i == n - 1 ? 0 : i);
    buf_add_str(&b, "}");
    check(&(struct json_case){
        {b.data, b.len},
        expected
    });
    buf_release(&b);
}

TEST(an_object_has_at_most_256_members)
{
    check_members(JSON_MEMBERS_MAX, false, JSON_OK);
    check_members(JSON_MEMBERS_MAX, true, JSON_DUPLICATE);
    check_members(JSON_MEMBERS_MAX + 1, false, JSON_MALFORMED);
    check_members(JSON_MEMBERS_MAX + 1, true, JSON_MALFORMED);
}

TEST(a_document_has_at_most_8192_values)
{
    struct buf b = BUF_INIT;

    buf_add_str(&b, "[0");
    repeat(&b, JSON_VALUES_MAX - 2, ",0");
    buf_add_str(&b, "]");
    check(&(struct json_case){
        {b.data, b.len},
        JSON_OK
    });
    b.len--;
    buf_add_str(&b, ",0]");
    check(&(struct json_case){
        {b.data, b.len},
        JSON_MALFORMED
    });
    buf_release(&b);
}

TEST(a_prefix_of_a_document_is_malformed)
{
    const struct slice text =
        SLICE_LIT("{\"a\":[1.5e+3,\"\\ud83d\\ude00\xc3\xa9\",true,null],\"b\":{}}");

    for (size_t n = 0; n < text.n; n++)
        check(&(struct json_case){
            {text.p, n},
            JSON_MALFORMED
        });
    check(&(struct json_case){text, JSON_OK});
}

TEST(the_scanner_alone_finds_all_but_twins_and_large_numbers)
{
    const char *message = NULL;

    assert_int_equal(json_scan(SLICE_LIT("{\"a\":1,\"a\":1e400}"), &message), JSON_OK);
    assert_null(message);
    assert_int_equal(json_scan(SLICE_LIT("\"\\u0000\""), &message), JSON_NUL);
    assert_int_equal(json_scan(SLICE_LIT("[1"), &message), JSON_MALFORMED);
    assert_int_equal(json_scan(SLICE_NONE, &message), JSON_MALFORMED);
}

TEST(members_are_found_by_their_exact_name)
{
    const struct slice text =
        SLICE_LIT("{\"s\":\"a\\u00e9\\n\",\"e\":\"\",\"n\":0,\"z\":null,\"t\":true,\"f\":false,"
                  "\"a\":[\"s\"],\"o\":{\"in\":\"x\"},\"\\u006eame\":\"y\"}");
    static const struct {
        const char *name;
        enum json_type type;
        const char *value;
    } cases[] = {
        {"s",    JSON_STRING, "a\xc3\xa9\n"},
        {"e",    JSON_STRING, ""           },
        {"n",    JSON_NUMBER, NULL         },
        {"z",    JSON_NULL,   NULL         },
        {"t",    JSON_BOOL,   NULL         },
        {"f",    JSON_BOOL,   NULL         },
        {"a",    JSON_ARRAY,  NULL         },
        {"o",    JSON_OBJECT, NULL         },
        {"name", JSON_STRING, "y"          },
        {"S",    JSON_ABSENT, NULL         },
        {"in",   JSON_ABSENT, NULL         },
        {"",     JSON_ABSENT, NULL         },
    };
    const char *message = NULL;
    struct json *doc = NULL;

    assert_int_equal(parse(text, &doc, &message), JSON_OK);
    assert_int_equal(json_type(doc), JSON_OBJECT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice s = json_member_string(doc, cases[i].name);

        assert_int_equal(json_member_type(doc, cases[i].name), cases[i].type);
        assert_int_equal(s.p != NULL, cases[i].value != NULL);
        if (cases[i].value != NULL)
            assert_true(slice_eq(s, slice_str(cases[i].value)));
    }
    json_free(doc);
}

TEST(a_document_that_is_no_object_has_no_members)
{
    static const struct {
        const char *text;
        enum json_type type;
    } cases[] = {
        {"null",            JSON_NULL  },
        {"true",            JSON_BOOL  },
        {"-1",              JSON_NUMBER},
        {"\"s\"",           JSON_STRING},
        {"[{\"a\":\"b\"}]", JSON_ARRAY },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *message = NULL;
        struct json *doc = NULL;

        assert_int_equal(parse(slice_str(cases[i].text), &doc, &message), JSON_OK);
        assert_int_equal(json_type(doc), cases[i].type);
        assert_int_equal(json_member_type(doc, "a"), JSON_ABSENT);
        assert_null(json_member_string(doc, "a").p);
        json_free(doc);
    }
    json_free(NULL);
}

/* Writes what can be reached below `v`, in a notation that shows types and names. */
static void walk(const struct json_value *v, struct buf *out)
{
    static const char marks[] = "-0b#\"[{";
    const struct json_value *child = json_value_first(v);
    size_t n = 0;

    buf_add_slice(out, json_value_name(v));
    buf_add_char(out, marks[json_value_type(v)]);
    if (json_value_type(v) == JSON_NUMBER)
        buf_addf(out, "%g", json_value_number(v));
    buf_add_slice(out, json_value_string(v));
    for (; child != NULL; child = json_value_next(child), n++)
        walk(child, out);
    assert_int_equal(n, json_value_size(v));
    if (json_value_type(v) == JSON_ARRAY || json_value_type(v) == JSON_OBJECT)
        buf_add_char(out, '.');
}

TEST(a_document_is_walked_in_the_order_of_its_text)
{
    static const struct {
        const char *text, *seen;
    } cases[] = {
        {"null",                                      "0"                 },
        {"true",                                      "b"                 },
        {"-1.5e3",                                    "#-1500"            },
        {"\"a\\u00e9\"",                              "\"a\xc3\xa9"       },
        {"[]",                                        "[."                },
        {"{}",                                        "{."                },
        {"[1,[2,\"x\"],{\"b\":null,\"\\u0061\":[]}]", "[#1[#2\"x.{b0a[..."},
        {"{\"o\":{\"p\":{\"q\":[{}]}},\"z\":false}",  "{o{p{q[{....zb."   },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *message = NULL;
        struct buf seen = BUF_INIT;
        struct json *doc = NULL;

        assert_int_equal(parse(slice_str(cases[i].text), &doc, &message), JSON_OK);
        assert_null(json_value_next(json_root(doc)));
        walk(json_root(doc), &seen);
        assert_string_equal(buf_cstr(&seen), cases[i].seen);
        buf_release(&seen);
        json_free(doc);
    }
}

TEST(a_value_that_is_not_there_is_asked_safely)
{
    const char *message = NULL;
    struct json *doc = NULL;

    assert_int_equal(json_value_type(NULL), JSON_ABSENT);
    assert_null(json_value_first(NULL));
    assert_null(json_value_next(NULL));
    assert_int_equal(json_value_size(NULL), 0);
    assert_null(json_value_name(NULL).p);
    assert_null(json_value_string(NULL).p);
    assert_true(json_value_number(NULL) == 0);
    assert_int_equal(parse(SLICE_LIT("\"\""), &doc, &message), JSON_OK);
    assert_non_null(json_value_string(json_root(doc)).p);
    assert_null(json_value_name(json_root(doc)).p);
    assert_true(json_value_number(json_root(doc)) == 0);
    json_free(doc);
}

RUN_TESTS(T(what_the_grammar_allows_is_taken),
          T(what_is_not_a_whole_value_is_malformed),
          T(broken_lists_are_malformed),
          T(broken_numbers_are_malformed),
          T(broken_strings_are_malformed),
          T(invalid_utf8_is_malformed),
          T(an_escaped_nul_is_told_from_malformed_text),
          T(twins_are_found_by_their_decoded_names),
          T(sixteen_levels_are_enough),
          T(depth_is_counted_by_open_lists_only),
          T(an_object_has_at_most_256_members),
          T(a_document_has_at_most_8192_values),
          T(a_prefix_of_a_document_is_malformed),
          T(the_scanner_alone_finds_all_but_twins_and_large_numbers),
          T(members_are_found_by_their_exact_name),
          T(a_document_that_is_no_object_has_no_members),
          T(a_document_is_walked_in_the_order_of_its_text),
          T(a_value_that_is_not_there_is_asked_safely))
