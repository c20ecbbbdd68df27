/* SPDX-License-Identifier: MIT */
/*
 * What each field of a submission may hold. A reason says what is allowed and never repeats what
 * was sent.
 *
 * Characters are code points; a CRLF counts as one, as in a textarea's maxlength. Nothing is
 * changed or trimmed: what passes is stored as it came.
 */
#include "api/contact.h"
#include "base/utf8.h"

#include <sodium.h>

/* Cuts the first code point off valid UTF-8. */
static uint32_t cut_code_point(struct slice *s)
{
    static const unsigned char lead[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t n = utf8_sequence(*s);
    uint32_t c;

    MUST(n > 0); /* the parsers let nothing else through */
    c = (unsigned char)s->p[0] & lead[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s->p[i] & 0x3f);
    s->p += n;
    s->n -= n;
    return c;
}

/* Category Cc of Unicode: C0, DEL and C1, which terminals obey. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

static bool is_line_control(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\r';
}

/* Property White_Space of Unicode 15. */
static bool is_blank(uint32_t c)
{
    static const uint32_t others[] = {0x20, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (c == others[i])
            return true;
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x2000 && c <= 0x200a);
}

/* At most `max` characters, one of them not blank; controls only as `lines` says. */
static bool text_valid(struct slice s, size_t max, bool lines)
{
    bool blank = true;
    uint32_t last = 0;
    size_t n = 0;

    while (s.n > 0) {
        uint32_t c = cut_code_point(&s);

        if (is_control(c) && !(lines && is_line_control(c)))
            return false;
        blank = blank && is_blank(c);
        n += !(c == '\n' && last == '\r');
        last = c;
    }
    return !blank && n <= max;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool all_in(struct slice s, const char *others)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr(others, s.p[i]) == NULL))
            return false;
    return true;
}

static bool label_valid(struct slice s)
{
    return s.n >= 1 && s.n <= 63 && is_alnum(s.p[0]) && is_alnum(s.p[s.n - 1]) && all_in(s, "-");
}

bool contact_email_valid(struct slice s)
{
    struct slice domain = s, local = slice_cut(&domain, '@');

    if (s.n > CONTACT_EMAIL_MAX || local.n == 0 || !all_in(local, ".!#$%&'*+/=?^_`{|}~-"))
        return false;
    if (domain.p == NULL)
        return false;
    while (domain.p != NULL)
        if (!label_valid(slice_cut(&domain, '.')))
            return false;
    return true;
}

static bool source_valid(struct slice s)
{
    if (s.n < 1 || s.n > CONTACT_SOURCE_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] >= 'A' && s.p[i] <= 'Z') || !all_in((struct slice){s.p + i, 1}, "_-"))
            return false;
    return true;
}

/* Visible ASCII; quotes and backslashes would need the escapes of a structured string. */
static bool key_valid(struct slice s)
{
    if (s.n < 1 || s.n > STORE_KEY_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return true;
}

static void add_error(struct contact_errors *e, const char *field, const char *reason)
{
    MUST(e->n < CONTACT_FIELDS);
    e->fields[e->n++] = (struct field_error){field, reason};
}

/* Adds what is wrong with a field before its rule is asked; true when there is nothing. */
static bool is_text(struct contact_errors *e,
                    const char *field,
                    const struct contact_value *v,
                    bool required)
{
    if (v->wrong_type)
        add_error(e, field, "must be a string");
    else if (v->text.p == NULL && required)
        add_error(e, field, "is required");
    return v->text.p != NULL;
}

static const char *write_message_reason(struct contact_errors *e, uint32_t max)
{
    char *p = fmt_slice(e->message_reason, SLICE_LIT("must have 1 to "));

    p = fmt_u64(p, max);
    p = fmt_slice(p, SLICE_LIT(" characters, not only blanks, and no control characters but "
                               "tabs and line breaks"));
    *p = '\0';
    return e->message_reason;
}

void contact_check(const struct contact_input *in, uint32_t max_message, struct contact_errors *ret)
{
    if (is_text(ret, "name", &in->name, true) &&
        !text_valid(in->name.text, CONTACT_NAME_MAX, false))
        add_error(ret, "name",
                  "must have 1 to 200 characters, not only blanks, and no control characters");
    if (is_text(ret, "email", &in->email, true) && !contact_email_valid(in->email.text))
        add_error(ret, "email",
                  "must be an e-mail address such as ada@example.com, of at most 254 characters");
    if (is_text(ret, "message", &in->message, true) &&
        !text_valid(in->message.text, max_message, true))
        add_error(ret, "message", write_message_reason(ret, max_message));
    if (is_text(ret, "source", &in->source, false) && !source_valid(in->source.text))
        add_error(ret, "source", "must be 1 to 32 of a-z, 0-9, '_' and '-'");
    if (in->key_repeated)
        add_error(ret, "idempotency_key", "must be sent once");
    else if (in->has_key && !key_valid(in->key))
        add_error(ret, "idempotency_key",
                  "must be 1 to 128 visible ASCII characters without quotes and backslashes");
}

static void hash_part(crypto_generichash_state *state, struct slice s)
{
    uint8_t length[8];

    for (size_t i = 0; i < sizeof(length); i++)
        length[i] = (uint8_t)((uint64_t)s.n >> (8 * i));
    (void)crypto_generichash_update(state, length, sizeof(length));
    (void)crypto_generichash_update(state, (const unsigned char *)s.p, s.n);
}

void contact_fingerprint(const struct submission *sub, uint8_t ret[STORE_FINGERPRINT])
{
    crypto_generichash_state state;

    MUST(crypto_generichash_init(&state, NULL, 0, STORE_FINGERPRINT) == 0);
    hash_part(&state, sub->name);
    hash_part(&state, sub->email);
    hash_part(&state, sub->message);
    hash_part(&state, sub->source);
    hash_part(&state, sub->flagged ? SLICE_LIT("1") : SLICE_LIT("0"));
    MUST(crypto_generichash_final(&state, ret, STORE_FINGERPRINT) == 0);
}
