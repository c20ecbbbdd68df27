/* SPDX-License-Identifier: MIT */
/* Each field's rule at its limit and one past it. */
#include "tests/unit/api/fake.h"

#include "api/contact.h"

#define ATEXT "abcdefghijklmnopqrstuvwxyz0123456789.!#$%&'*+/=?^_`{|}~-"
#define L63 "a23456789-b23456789-c23456789-d23456789-e23456789-f23456789-g23"

static struct contact_input valid_input(void)
{
    return (struct contact_input){
        .name.text = SLICE_LIT("Ada"),
        .email.text = SLICE_LIT("ada@example.com"),
        .message.text = SLICE_LIT("Hello"),
    };
}

/* The reason that `field` of `in` was given, or NULL. */
static const char *reason(const struct contact_input *in, uint32_t max, const char *field)
{
    static struct contact_errors errors;

    errors = (struct contact_errors){.n = 0};
    contact_check(in, max, &errors);
    for (size_t i = 0; i < errors.n; i++)
        if (strcmp(errors.fields[i].field, field) == 0)
            return errors.fields[i].reason;
    assert_int_equal(errors.n, 0); /* no other field may be wrong */
    return NULL;
}

static bool name_ok(struct slice s)
{
    struct contact_input in = valid_input();

    in.name.text = s;
    return reason(&in, 100, "name") == NULL;
}

static bool message_ok(struct slice s, uint32_t max)
{
    struct contact_input in = valid_input();

    in.message.text = s;
    return reason(&in, max, "message") == NULL;
}

static bool source_ok(struct slice s)
{
    struct contact_input in = valid_input();

    in.source.text = s;
    return reason(&in, 100, "source") == NULL;
}

static bool key_ok(struct slice s)
{
    struct contact_input in = valid_input();

    in.has_key = true;
    in.key = s;
    return reason(&in, 100, "idempotency_key") == NULL;
}

static struct slice repeated(struct buf *b, size_t n, const char *s)
{
    buf_clear(b);
    for (size_t i = 0; i < n; i++)
        buf_add_str(b, s);
    return (struct slice){b->data, b->len};
}

TEST(a_name_has_1_to_200_characters_of_any_script)
{
    struct buf b = BUF_INIT;

    assert_true(name_ok(SLICE_LIT("A")));
    assert_true(name_ok(SLICE_LIT(" A ")));
    assert_true(name_ok(SLICE_LIT("Robert'); DROP TABLE Students;--")));
    assert_true(name_ok(SLICE_LIT("<b>&amp;\"'\\")));
    assert_true(name_ok(
        SLICE_LIT("\xe2\x80\xae\xef\xbb\xbfx"))); /* direction and joiners are no controls */
    assert_true(name_ok(repeated(&b, 200, "a")));
    assert_false(name_ok(repeated(&b, 201, "a")));
    assert_true(name_ok(repeated(&b, 200, "\xc3\xa9")));
    assert_false(name_ok(repeated(&b, 201, "\xc3\xa9")));
    assert_true(name_ok(repeated(&b, 200, "\xf0\x9f\x98\x80")));
    assert_false(name_ok(repeated(&b, 201, "\xf0\x9f\x98\x80")));
    buf_release(&b);
}

TEST(a_name_is_not_only_blanks)
{
    static const char *const blanks[] = {
        "",
        " ",
        "   ",
        "\xc2\xa0",
        "\xe1\x9a\x80",
        "\xe2\x80\x80 \xe2\x80\x8a",
        "\xe2\x80\xa8\xe2\x80\xa9",
        "\xe2\x80\xaf\xe2\x81\x9f",
        "\xe3\x80\x80",
    };

    for (size_t i = 0; i < ARRAY_LEN(blanks); i++)
        assert_false(name_ok(slice_str(blanks[i])));
    assert_true(name_ok(SLICE_LIT("\xe3\x80\x80x")));
}

TEST(a_name_has_no_control_characters)
{
    for (unsigned c = 1; c < 0x20; c++)
        assert_false(name_ok((struct slice){
            (const char[]){'a', (char)c},
             2
        }));
    for (unsigned c = 0x80; c < 0xa0; c++)
        assert_false(name_ok((struct slice){
            (const char[]){'a', '\xc2', (char)c},
             3
        }));
    assert_false(name_ok(SLICE_LIT("a\x7f")));
    assert_true(name_ok(SLICE_LIT("a\xc2\xa0")));
}

TEST(a_message_has_as_many_characters_as_configured)
{
    struct buf b = BUF_INIT;

    assert_true(message_ok(SLICE_LIT("x"), 1));
    assert_false(message_ok(SLICE_LIT("xy"), 1));
    assert_false(message_ok(SLICE_LIT(""), 1));
    assert_true(message_ok(repeated(&b, 10000, "\xf0\x9f\x98\x80"), 10000));
    assert_int_equal(b.len, 40000);
    assert_false(message_ok(repeated(&b, 10001, "\xf0\x9f\x98\x80"), 10000));
    assert_true(message_ok(repeated(&b, 10000, "a"), 10000));
    assert_false(message_ok(repeated(&b, 10001, "a"), 10000));
    buf_release(&b);
}

TEST(a_line_break_of_two_bytes_is_one_character)
{
    assert_true(message_ok(SLICE_LIT("a\r\nb"), 3));
    assert_false(message_ok(SLICE_LIT("a\r\nb"), 2));
    assert_true(message_ok(SLICE_LIT("a\r\n\r\nb"), 4));
    assert_false(message_ok(SLICE_LIT("a\n\rb"), 3));
    assert_false(message_ok(SLICE_LIT("a\r\rb"), 3));
    assert_true(message_ok(SLICE_LIT("a\nb"), 3));
    assert_true(message_ok(SLICE_LIT("a\rb"), 3));
}

TEST(a_message_may_hold_tabs_and_line_breaks_but_not_only)
{
    assert_true(message_ok(SLICE_LIT("\tDear all,\r\n\n\rbye"), 100));
    assert_false(message_ok(SLICE_LIT(" \t\r\n\xc2\xa0"), 100));
    for (unsigned c = 1; c < 0x20; c++)
        assert_int_equal(message_ok(
                             (struct slice){
                                 (const char[]){'a', (char)c},
                                  2
        },
                             100),
                         c == '\t' || c == '\n' || c == '\r');
    assert_false(message_ok(SLICE_LIT("a\x7f"), 100));
    assert_false(message_ok(SLICE_LIT("a\xc2\x9b[31m"), 100));
}

TEST(the_reason_names_the_configured_limit)
{
    struct contact_input in = valid_input();

    in.message.text = SLICE_LIT("");
    assert_string_equal(reason(&in, 77, "message"),
                        "must have 1 to 77 characters, not only blanks, and no control characters "
                        "but tabs and line breaks");
    assert_true(strlen(reason(&in, UINT32_MAX, "message")) < 128);
}

static bool email_ok(const char *text)
{
    struct contact_input in = valid_input();
    bool valid;

    in.email.text = slice_str(text);
    valid = contact_email_valid(in.email.text);
    assert_int_equal(reason(&in, 100, "email") == NULL, valid);
    return valid;
}

TEST(an_email_address_may_be_what_the_html_standard_says)
{
    static const char *const cases[] = {
        "ada@example.com",
        "a@b",
        "A@B.C",
        "1@2",
        ATEXT "@example.com",
        ".a..b.@example.com",
        "a@xn--bcher-kva.example",
        "a@127.0.0.1",
        "a@a-b.c--d.e",
        "a@" L63,
        "a@" L63 "." L63 ".example",
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!email_ok(cases[i]))
            fail_msg("refused: %s", cases[i]);
}

TEST(an_email_address_may_be_nothing_else)
{
    static const char *const cases[] = {
        "a@" L63 "4",
        "a@b." L63 "4.c",
        "",
        "@",
        "a",
        "a@",
        "@b",
        "a@@b",
        "a@b@c",
        "a@b.",
        "a@.b",
        "a@b..c",
        "a@-b",
        "a@b-",
        "a@b-.c",
        "a@b.-c",
        "a@b_c",
        "a@[127.0.0.1]",
        "a b@c",
        " a@b",
        "a@b ",
        "a@b\n",
        "a@b\r\nBcc: x@y",
        "a\n@b",
        "\"a\"@b",
        "a(x)@b",
        "a,b@c",
        "a;b@c",
        "a:b@c",
        "a<b>@c",
        "a\\@b",
        "Ada <ada@example.com>",
        "\xc3\xa9@example.com",
        "a@\xc3\xa9xample.com",
        "a@b,c@d",
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (email_ok(cases[i]))
            fail_msg("taken: %s", cases[i]);
    assert_false(contact_email_valid(SLICE_LIT("a\0b@c")));
    assert_false(contact_email_valid(SLICE_LIT("a@b\0")));
}

TEST(an_email_address_has_at_most_254_bytes)
{
    struct buf b = BUF_INIT;
    struct slice s = repeated(&b, 255, "a");

    memcpy(b.data + 200, "@example.com.b", 14);
    s.n = 254;
    assert_true(contact_email_valid(s));
    s.n = 255;
    assert_false(contact_email_valid(s));
    buf_release(&b);
}

TEST(a_source_is_a_short_plain_word)
{
    struct buf b = BUF_INIT;

    assert_true(source_ok(SLICE_LIT("website")));
    assert_true(source_ok(SLICE_LIT("a")));
    assert_true(source_ok(SLICE_LIT("-_09az")));
    assert_true(source_ok(repeated(&b, 32, "x")));
    assert_false(source_ok(repeated(&b, 33, "x")));
    assert_false(source_ok(SLICE_LIT("")));
    assert_false(source_ok(SLICE_LIT("Website")));
    assert_false(source_ok(SLICE_LIT("a b")));
    assert_false(source_ok(SLICE_LIT("a.b")));
    assert_false(source_ok(SLICE_LIT("a\n")));
    assert_false(source_ok(SLICE_LIT("a\"")));
    assert_false(source_ok(SLICE_LIT("\xc3\xa9")));
    assert_true(source_ok(SLICE_NONE));
    buf_release(&b);
}

TEST(a_key_is_visible_ascii)
{
    struct buf b = BUF_INIT;

    assert_true(key_ok(SLICE_LIT("k")));
    assert_true(key_ok(SLICE_LIT("!#$%&'()*+,-./0:;<=>?@A[]^_`a{|}~")));
    assert_true(key_ok(repeated(&b, 128, "k")));
    assert_false(key_ok(repeated(&b, 129, "k")));
    assert_false(key_ok(SLICE_LIT("")));
    assert_false(key_ok(SLICE_NONE));
    assert_false(key_ok(SLICE_LIT("a b")));
    assert_false(key_ok(SLICE_LIT("a\tb")));
    assert_false(key_ok(SLICE_LIT("a\x7f")));
    assert_false(key_ok(SLICE_LIT("a\"")));
    assert_false(key_ok(SLICE_LIT("a\\")));
    assert_false(key_ok(SLICE_LIT("\xc3\xa9")));
    buf_release(&b);
}

TEST(every_wrong_field_is_listed)
{
    struct contact_errors e = {.n = 0};
    struct contact_input in = {
        .name.wrong_type = true,
        .email.text = SLICE_LIT("x"),
        .source.wrong_type = true,
        .has_key = true,
        .key_repeated = true,
        .key = SLICE_LIT("k"),
    };

    contact_check(&in, 100, &e);
    assert_int_equal(e.n, CONTACT_FIELDS);
    assert_string_equal(e.fields[0].field, "name");
    assert_string_equal(e.fields[0].reason, "must be a string");
    assert_string_equal(e.fields[1].field, "email");
    assert_string_equal(e.fields[2].field, "message");
    assert_string_equal(e.fields[2].reason, "is required");
    assert_string_equal(e.fields[3].field, "source");
    assert_string_equal(e.fields[3].reason, "must be a string");
    assert_string_equal(e.fields[4].field, "idempotency_key");
    assert_string_equal(e.fields[4].reason, "must be sent once");
}

TEST(a_fingerprint_knows_every_part_and_where_it_ends)
{
    const struct submission base = {
        .name = SLICE_LIT("ab"),
        .email = SLICE_LIT("cd"),
        .message = SLICE_LIT("ef"),
        .source = SLICE_LIT("gh"),
    };
    struct submission others[6];
    uint8_t first[STORE_FINGERPRINT], other[STORE_FINGERPRINT];

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        others[i] = base;
    others[0].name = SLICE_LIT("abc");
    others[0].email = SLICE_LIT("d");
    others[1].email = SLICE_LIT("cD");
    others[2].message = SLICE_LIT("ef ");
    others[3].source = SLICE_LIT("g");
    others[4].flagged = true;
    others[5].name = SLICE_LIT("cd");
    others[5].email = SLICE_LIT("ab");
    contact_fingerprint(&base, first);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        contact_fingerprint(&others[i], other);
        assert_memory_not_equal(first, other, sizeof(first));
    }
    others[0] = base;
    others[0].correlation_id = SLICE_LIT("x"); /* says nothing about what the person sent */
    others[0].received_ms = 5;
    others[0].key = SLICE_LIT("k");
    contact_fingerprint(&others[0], other);
    assert_memory_equal(first, other, sizeof(first));
}

RUN_TESTS(T(a_name_has_1_to_200_characters_of_any_script),
          T(a_name_is_not_only_blanks),
          T(a_name_has_no_control_characters),
          T(a_message_has_as_many_characters_as_configured),
          T(a_line_break_of_two_bytes_is_one_character),
          T(a_message_may_hold_tabs_and_line_breaks_but_not_only),
          T(the_reason_names_the_configured_limit),
          T(an_email_address_may_be_what_the_html_standard_says),
          T(an_email_address_may_be_nothing_else),
          T(an_email_address_has_at_most_254_bytes),
          T(a_source_is_a_short_plain_word),
          T(a_key_is_visible_ascii),
          T(every_wrong_field_is_listed),
          T(a_fingerprint_knows_every_part_and_where_it_ends))
