/* SPDX-License-Identifier: MIT */
/* Templates of HTML pages: splitting, filling, escaping, and hashes for their policy. */
#include "api/page.h"
#include "base/utf8.h"

#include <sodium.h>
#include <stdlib.h>

enum { NAME_NONE = PAGE_NAMES_MAX };

/* Literal text, then the value of a name. */
struct part {
    struct slice literal;
    size_t name; /* NAME_NONE: the text ends here */
};

struct page_template {
    struct part *parts;
    size_t n;
};

static size_t find_name(struct slice name, const char *const *names, size_t n)
{
    size_t i = 0;

    while (i < n && !slice_eq(name, slice_str(names[i])))
        i++;
    MUST(i < n); /* a placeholder that nobody fills */
    return i;
}

struct slice page_cut(struct slice *rest, const char *open, struct slice *ret_name)
{
    struct slice mark = slice_str(open), before = *rest;
    const char *at = memmem(rest->p, rest->n, mark.p, mark.n), *close;

    *ret_name = SLICE_NONE;
    if (at == NULL) {
        *rest = SLICE_NONE;
        return before;
    }
    before.n = (size_t)(at - rest->p);
    close = memmem(at, rest->n - before.n, "}}", 2);
    MUST(close != NULL);
    *ret_name = (struct slice){at + mark.n, (size_t)(close - at) - mark.n};
    *rest = (struct slice){close + 2, rest->n - (size_t)(close + 2 - rest->p)};
    return before;
}

static struct part cut_part(struct slice *rest, const char *const *names, size_t n)
{
    struct slice name, literal = page_cut(rest, "{{", &name);

    return (struct part){literal, name.p != NULL ? find_name(name, names, n) : NAME_NONE};
}

struct page_template *page_template_new(struct slice text, const char *const *names, size_t n)
{
    struct page_template *t = must_calloc(1, sizeof(*t));
    bool used[PAGE_NAMES_MAX + 1] = {false};
    struct slice rest = text;

    MUST(n <= PAGE_NAMES_MAX);
    do {
        t->parts = must_realloc(t->parts, (t->n + 1) * sizeof(t->parts[0]));
        t->parts[t->n] = cut_part(&rest, names, n);
        used[t->parts[t->n++].name] = true;
    } while (rest.p != NULL);
    for (size_t i = 0; i < n; i++)
        MUST(used[i]); /* a value that stands nowhere */
    return t;
}

void page_template_free(struct page_template *t)
{
    if (t == NULL)
        return;
    free(t->parts);
    free(t);
}

void page_render(const struct page_template *t, const struct page_value *values, struct buf *b)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct part *part = &t->parts[i];

        buf_add_slice(b, part->literal);
        if (part->name == NAME_NONE)
            continue;
        if (values[part->name].markup)
            buf_add_slice(b, values[part->name].text);
        else
            page_escape(b, values[part->name].text);
    }
}

/* The reference for a character of markup, or NULL. */
static const char *reference(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Bytes of the character at the start of `s` that may stand on a page; 0: the first may not. */
static size_t readable(struct slice s)
{
    unsigned char c = (unsigned char)s.p[0];

    if (c < 0x20)
        return c == '\t' || c == '\n' || c == '\r';
    if (c < 0x80)
        return c != 0x7f;
    if (c == 0xc2 && s.n > 1 && (unsigned char)s.p[1] < 0xa0)
        return 0; /* U+0080..U+009F */
    return utf8_sequence(s);
}

void page_escape(struct buf *b, struct slice s)
{
    size_t n;

    for (; s.n > 0; s = (struct slice){s.p + n, s.n - n}) {
        const char *ref = reference(s.p[0]);

        n = readable(s);
        if (ref != NULL)
            buf_add_str(b, ref);
        else if (n > 0)
            buf_add(b, s.p, n);
        else
            buf_add_str(b, "\xef\xbf\xbd"); /* U+FFFD */
        n = n > 0 ? n : 1;
    }
}

void page_csp_hash(struct slice text, char ret[PAGE_CSP_HASH])
{
    char
        base64[sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    unsigned char hash[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256(hash, (const unsigned char *)text.p, text.n);
    (void)sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash),
                            sodium_base64_VARIANT_ORIGINAL);
    ret = fmt_slice(ret, SLICE_LIT("sha256-"));
    (void)fmt_slice(ret, slice_str(base64));
}
