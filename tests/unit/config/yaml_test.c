/* SPDX-License-Identifier: MIT */
/* The strict reader: what it hands out, and where it says what is wrong. */
#include "base/buf.h"
#include "config/config.h"
#include "config/yaml.h"
#include "tests/unit/unit.h"

/* "key a; section a; key a.b; value a.b=1; " */
static bool record(void *ctx, const struct yaml_node *node, struct err *err)
{
    static const char *const names[] = {"key", "section", "list", "entry", "value", "null"};
    struct buf *trace = ctx;

    if (strstr(node->path, "refuse") != NULL && node->kind != YAML_NODE_KEY)
        return err_set(err, ERR_INVALID, "not wanted");
    buf_addf(trace, "%s %s", names[node->kind], node->path);
    if (node->kind == YAML_NODE_ENTRY || node->kind == YAML_NODE_VALUE) {
        buf_add_char(trace, '=');
        buf_add_slice(trace, node->text);
    }
    buf_add_str(trace, "; ");
    return true;
}

static bool read_text(struct slice text, struct buf *trace, struct err *err)
{
    return yaml_read("f.yaml", text, record, trace, err);
}

static void expect_trace(const char *text, const char *trace)
{
    struct buf got = BUF_INIT;
    struct err err = ERR_INIT;

    if (!read_text(slice_str(text), &got, &err))
        fail_msg("%s\nwas refused: %s", text, err.text);
    assert_string_equal(buf_cstr(&got), trace);
    assert_int_equal(err.kind, ERR_NONE);
    buf_release(&got);
}

static void expect_error(struct slice text, const char *message)
{
    struct buf got = BUF_INIT;
    struct err err = ERR_INIT;

    if (read_text(text, &got, &err))
        fail_msg("%.*s\nwas taken", (int)text.n, text.p);
    assert_string_equal(err.text, message);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_false(read_text(text, &got, NULL));
    buf_release(&got);
}

/* `piece` n times over. */
static void repeat(struct buf *b, const char *piece, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_str(b, piece);
}

static struct slice slice_of(const struct buf *b)
{
    return (struct slice){b->data, b->len};
}

TEST(keys_come_with_the_whole_path_and_values_as_text)
{
    expect_trace("a: 1\n", "key a; value a=1; ");
    expect_trace("a:\n  b: x y\n  c-d_E:\n    f: 'q'\ng: \"\\x41\"\n",
                 "key a; section a; key a.b; value a.b=x y; key a.c-d_E; section a.c-d_E; "
                 "key a.c-d_E.f; value a.c-d_E.f=q; key g; value g=A; ");
    expect_trace("a: {b: 1, c: [x, 'y']}\n",
                 "key a; section a; key a.b; value a.b=1; key a.c; list a.c; entry a.c=x; "
                 "entry a.c=y; ");
    expect_trace("a:\n- x\n- 22:22\n", "key a; list a; entry a=x; entry a=22:22; ");
    expect_trace("a: no\nb: 0123\nc: 1e3\nd: 2026-01-01\n",
                 "key a; value a=no; key b; value b=0123; key c; value c=1e3; key d; "
                 "value d=2026-01-01; ");
    expect_trace("? a\n: b\n", "key a; value a=b; ");
    expect_trace("a: {}\nb: []\n", "key a; section a; key b; list b; ");
    expect_trace("a: x # comment\r\nb: y#z\r\n", "key a; value a=x; key b; value b=y#z; ");
}

TEST(an_unquoted_null_is_told_from_a_quoted_one)
{
    expect_trace("a:\nb: ~\nc: null\nd: Null\ne: NULL\n",
                 "key a; null a; key b; null b; key c; null c; key d; null d; key e; null e; ");
    expect_trace("a: ''\nb: '~'\nc: \"null\"\nd: nULL\n",
                 "key a; value a=; key b; value b=~; key c; value c=null; key d; value d=nULL; ");
}

TEST(a_document_without_keys_is_fine)
{
    static const char *const empty[] = {
        "",        "\n\n", "# only a comment\n", "---\n", "---\n...\n",
        "--- ~\n", "{}",   "\xef\xbb\xbf# bom\n"};

    for (size_t i = 0; i < ARRAY_LEN(empty); i++)
        expect_trace(empty[i], "");
    struct buf got = BUF_INIT;
    assert_true(read_text(SLICE_NONE, &got, NULL));
    assert_int_equal(got.len, 0);
    buf_release(&got);
    expect_trace("\xef\xbb\xbf---\na: b\n...\n", "key a; value a=b; ");
}

TEST(what_yaml_may_have_but_a_configuration_may_not)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a: &x 1\n",                   "f.yaml:1:4: anchors (&) are not allowed"   },
        {"a: &x [1]\n",                 "f.yaml:1:4: anchors (&) are not allowed"   },
        {"a: &x {b: c}\n",              "f.yaml:1:4: anchors (&) are not allowed"   },
        {"&x a: 1\n",                   "f.yaml:1:1: anchors (&) are not allowed"   },
        {"a: 1\nb: *a\n",               "f.yaml:2:4: aliases (*) are not allowed"   },
        {"*a : 1\n",                    "f.yaml:1:1: aliases (*) are not allowed"   },
        {"a: !!str 1\n",                "f.yaml:1:4: tags (!) are not allowed"      },
        {"a: ! null\n",                 "f.yaml:1:4: tags (!) are not allowed"      },
        {"a: !x [b]\n",                 "f.yaml:1:4: tags (!) are not allowed"      },
        {"a: !x {b: c}\n",              "f.yaml:1:4: tags (!) are not allowed"      },
        {"!<tag:yaml.org,2002:map> {}", "f.yaml:1:1: tags (!) are not allowed"      },
        {"%YAML 1.1\n---\na: b\n",      "f.yaml:1:1: directives (%) are not allowed"},
        {"# x\n%TAG !a! b\n---\n",      "f.yaml:2:1: directives (%) are not allowed"},
        {"a: b\n...\r%YAML 1.1\n",      "f.yaml:2:5: directives (%) are not allowed"},
        {"a: b\xc2\x85%X",              "f.yaml:1:7: directives (%) are not allowed"},
        {"#\xe2\x80\xa8%X",             "f.yaml:1:5: directives (%) are not allowed"},
        {"a: 1\n---\nb: 2\n",           "f.yaml:2:1: only one document is allowed"  },
        {"--- {}\n--- {}\n",            "f.yaml:2:1: only one document is allowed"  },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_error(slice_str(cases[i].text), cases[i].message);
    expect_trace("a: '%'\nb: 5%\n# \xc3\xa8%\n", "key a; value a=%; key b; value b=5%; ");
}

TEST(shapes_that_are_no_tree_of_keys)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"hello\n",          "f.yaml:1:1: must hold keys and values, like \"service: shop\""},
        {"''\n",             "f.yaml:1:1: must hold keys and values, like \"service: shop\""},
        {"\n- a\n",          "f.yaml:2:1: must hold keys and values, not a list"            },
        {"[a]: b\n",         "f.yaml:1:1: a key is one word, not a list or a mapping"       },
        {"? {a: b}\n: c",    "f.yaml:1:3: a key is one word, not a list or a mapping"       },
        {"a: [[b]]\n",       "f.yaml:1:5: a: an entry of a list is one value"               },
        {"a:\n- b: c\n",     "f.yaml:2:3: a: an entry of a list is one value"               },
        {"a: [b, ~]\n",      "f.yaml:1:8: a: an entry of the list has no value"             },
        {"a:\n-\n",          "f.yaml:2:2: a: an entry of the list has no value"             },
        {"a:\n  b: c\n   d", "f.yaml:2:6: a.b: a value stands on one line"                  },
        {"a: |\n  b\n",      "f.yaml:1:4: a: a value stands on one line"                    },
        {"a: ['b\n c']",     "f.yaml:1:5: a: a value stands on one line"                    },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_error(slice_str(cases[i].text), cases[i].message);
}

TEST(keys_are_plain_words)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a.b: 1\n",
         "f.yaml:1:1: \"a.b\": keys are nested, not dotted: write \"a:\" and below it, indented, "
         "\"b:\""                                                                                },
        {"a:\n  'b c': 1\n", "f.yaml:2:3: \"b c\": a key is made of letters, digits, '_' and '-'"},
        {"<<: {a: b}\n",     "f.yaml:1:1: \"<<\": a key is made of letters, digits, '_' and '-'" },
        {"\"\\e[2J\": 1\n",
         "f.yaml:1:1: \"\\x1b[2J\": a key is made of letters, digits, '_' and '-'"               },
        {"'': 1\n",          "f.yaml:1:1: \"\": a key has 1 to 64 characters"                    },
        {"?\n: 1\n",         "f.yaml:1:2: \"\": a key has 1 to 64 characters"                    },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_error(slice_str(cases[i].text), cases[i].message);

    struct buf key = BUF_INIT, want = BUF_INIT;
    repeat(&key, "k", YAML_KEY_MAX);
    buf_addf(&want, "key %s; value %s=1; ", buf_cstr(&key), buf_cstr(&key));
    buf_add_str(&key, ": 1");
    expect_trace(buf_cstr(&key), buf_cstr(&want));
    buf_clear(&key);
    repeat(&key, "k", YAML_KEY_MAX + 1);
    buf_add_str(&key, ": 1");
    expect_error(slice_of(&key), "f.yaml:1:1: \"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk...\": "
                                 "a key has 1 to 64 characters");
    buf_release(&key);
    buf_release(&want);
}

TEST(a_key_given_twice_names_both_places)
{
    expect_error(SLICE_LIT("a: 1\nb: 2\na: 3\n"),
                 "f.yaml:3:1: a: given twice; first at line 1, column 1");
    expect_error(SLICE_LIT("a:\n  b: 1\nc: 1\na:\n  d: 1\n"),
                 "f.yaml:4:1: a: given twice; first at line 1, column 1");
    expect_error(SLICE_LIT("a: {b: 1, \"b\": 2}\n"),
                 "f.yaml:1:11: a.b: given twice; first at line 1, column 5");
    expect_trace("a: {b: 1}\nc: {b: 1}\nb: 1\n",
                 "key a; section a; key a.b; value a.b=1; key c; section c; key c.b; value c.b=1; "
                 "key b; value b=1; ");
}

TEST(the_number_of_keys_is_bounded)
{
    struct buf text = BUF_INIT, trace = BUF_INIT;
    struct err err = ERR_INIT;

    for (size_t i = 0; i < YAML_KEYS_MAX; i++)
        buf_addf(&text, "k%zu: 1\n", i);
    assert_true(read_text(slice_of(&text), &trace, &err));
    buf_add_str(&text, "last: 1\n");
    expect_error(slice_of(&text), "f.yaml:257:1: last: too many keys in one file");
    buf_release(&text);
    buf_release(&trace);
}

TEST(sixteen_levels_are_taken_and_the_seventeenth_is_not)
{
    struct buf text = BUF_INIT, trace = BUF_INIT;
    struct err err = ERR_INIT;

    repeat(&text, "{a: ", CONFIG_DEPTH_MAX);
    buf_add_str(&text, "x");
    repeat(&text, "}", CONFIG_DEPTH_MAX);
    assert_true(read_text(slice_of(&text), &trace, &err));
    buf_clear(&text);
    repeat(&text, "{a: ", CONFIG_DEPTH_MAX + 1);
    buf_add_str(&text, "x");
    repeat(&text, "}", CONFIG_DEPTH_MAX + 1);
    expect_error(slice_of(&text), "f.yaml:1:65: nested deeper than 16 levels");
    buf_clear(&text);
    for (size_t i = 0; i < CONFIG_DEPTH_MAX; i++) {
        repeat(&text, " ", i);
        buf_add_str(&text, "a:\n");
    }
    repeat(&text, " ", CONFIG_DEPTH_MAX);
    buf_add_str(&text, "a: x\n");
    expect_error(slice_of(&text), "f.yaml:17:17: nested deeper than 16 levels");
    buf_release(&text);
    buf_release(&trace);
}

/* 256 KiB of one pattern: libyaml alone would take minutes for some of them. */
TEST(hostile_nesting_ends_at_the_first_event_that_is_wrong)
{
    static const struct {
        const char *start, *piece, *message;
    } cases[] = {
        {"",           "[",              "f.yaml:1:1: must hold keys and values, not a list"     },
        {"",           "- ",             "f.yaml:1:1: must hold keys and values, not a list"     },
        {"",           "? ",             "f.yaml:1:3: a key is one word, not a list or a mapping"},
        {"",           "{",              "f.yaml:1:2: a key is one word, not a list or a mapping"},
        {"",           "{a: ",           "f.yaml:1:65: nested deeper than 16 levels"             },
        {"a: ",        "[",              "f.yaml:1:5: a: an entry of a list is one value"        },
        {"a:\n",       "- ",             "f.yaml:2:3: a: an entry of a list is one value"        },
        {"a: ",        "&a ",            "f.yaml:1:4: anchors (&) are not allowed"               },
        {"%TAG !a! x", "\n%TAG !b! x\n", "f.yaml:1:1: directives (%) are not allowed"            },
        {"a: ",        "\"",
         "f.yaml:1:6: not valid YAML: did not find expected key "
         "while parsing a block mapping that began at line 1"                                    },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = BUF_INIT;

        buf_add_str(&text, cases[i].start);
        repeat(&text, cases[i].piece, CONFIG_FILE_MAX / strlen(cases[i].piece));
        expect_error(slice_of(&text), cases[i].message);
        buf_release(&text);
    }
}

TEST(what_is_not_yaml_has_a_position_too)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a: 'b\n",              "f.yaml:2:1: not valid YAML: found unexpected end of stream while scanning a "
                    "quoted scalar that began at line 1"                      },
        {"a: b\nc: d: e\n",
         "f.yaml:2:5: not valid YAML: mapping values are not allowed in this context"            },
        {"a:\n\tb: c\n",         "f.yaml:2:1: not valid YAML: indent with spaces, not with tabs" },
        {"a:\n  b: c\n\td: e\n", "f.yaml:3:1: not valid YAML: indent with spaces, not with tabs" },
        {"a: @b\n",              "f.yaml:1:4: not valid YAML: found character that cannot start any token "
                    "while scanning for the next token that began at line 1"  },
        {"a: b\nc: \x01\n",      "f.yaml:2:4: not valid YAML: control characters are not allowed"},
        {"# \xc3\xa9\n\xff\n",   "f.yaml:2:1: not valid YAML: invalid leading UTF-8 octet"       },
        {"a: \xc0\x80\n",        "f.yaml:1:4: not valid YAML: invalid length of a UTF-8 sequence"},
        {"a: \xed\xa0\x80\n",    "f.yaml:1:4: not valid YAML: invalid Unicode character"         },
        {"\xff\xfe"
         "a",           "f.yaml:1:1: not valid YAML: invalid leading UTF-8 octet"       },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_error(slice_str(cases[i].text), cases[i].message);
    expect_error(SLICE_LIT("a: b\0\n"),
                 "f.yaml:1:5: not valid YAML: control characters are not allowed");
    expect_error(SLICE_LIT("\0"), "f.yaml:1:1: not valid YAML: control characters are not allowed");
}

TEST(a_refusal_of_the_visitor_gets_position_and_path)
{
    expect_error(SLICE_LIT("a:\n  refuse:  5\n"), "f.yaml:2:12: a.refuse: not wanted");
    expect_error(SLICE_LIT("refuse:\n  b: 5\n"), "f.yaml:2:3: refuse: not wanted");
    expect_error(SLICE_LIT("refuse: [5]\n"), "f.yaml:1:9: refuse: not wanted");
    expect_error(SLICE_LIT("refuse:\n"), "f.yaml:1:8: refuse: not wanted");
}

TEST(the_end_of_a_long_name_is_what_messages_show)
{
    struct buf name = BUF_INIT;
    struct err err = ERR_INIT;

    repeat(&name, "/dir", 1000);
    buf_add_str(&name, "/\x1b"
                       "f.yaml");
    assert_false(yaml_read(buf_cstr(&name), SLICE_LIT("- a"), record, NULL, &err));
    assert_non_null(strstr(err.text, "/dir/?f.yaml:1:1: must hold keys and values, not a list"));
    assert_memory_equal(err.text, "...", 3);
    assert_true(strlen(err.text) < 130);
    buf_release(&name);
}

RUN_TESTS(T(keys_come_with_the_whole_path_and_values_as_text),
          T(an_unquoted_null_is_told_from_a_quoted_one),
          T(a_document_without_keys_is_fine),
          T(what_yaml_may_have_but_a_configuration_may_not),
          T(shapes_that_are_no_tree_of_keys),
          T(keys_are_plain_words),
          T(a_key_given_twice_names_both_places),
          T(the_number_of_keys_is_bounded),
          T(sixteen_levels_are_taken_and_the_seventeenth_is_not),
          T(hostile_nesting_ends_at_the_first_event_that_is_wrong),
          T(what_is_not_yaml_has_a_position_too),
          T(a_refusal_of_the_visitor_gets_position_and_path),
          T(the_end_of_a_long_name_is_what_messages_show))
