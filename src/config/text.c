/* SPDX-License-Identifier: MIT */
/* Predicates over text. Addresses and numbers are in base/. */
#include "config/text.h"
#include "base/utf8.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool made_of(struct slice s, const char *others)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr(others, s.p[i]) == NULL))
            return false;
    return s.n > 0;
}

static bool begins(struct slice s, struct slice with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

bool text_is_line(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0) /* U+0080-U+009F */
            return false;
    }
    return utf8_valid(s);
}

bool text_is_label(struct slice s)
{
    return made_of(s, "_.-");
}

bool text_is_token(struct slice s)
{
    return made_of(s, "-");
}

bool text_is_redirect(struct slice s)
{
    static const struct slice schemes[] = {
        {"http://",  7},
        {"https://", 8}
    };

    if (!made_of(s, "-._~:/?#[]@!$&'()*+,;=%"))
        return false;
    if (s.p[0] == '/')
        return s.n == 1 || s.p[1] != '/';
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (begins(s, schemes[i]) && s.n > schemes[i].n)
            return is_alnum(s.p[schemes[i].n]) || s.p[schemes[i].n] == '[';
    return false;
}

bool text_is_host(struct slice s)
{
    if (s.n > 253 || !made_of(s, "._-") || s.p[0] == '-')
        return false;
    while (s.p != NULL)
        if (slice_cut(&s, '.').n == 0)
            return false;
    return true;
}
