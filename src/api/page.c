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

/* Cuts the text up to the next placeholder, and the placeholder, off `*rest`. */
static struct part cut_part(struct slice *rest, const char *const *names, size_t n)
{
    const char *open = memmem(rest->p, rest->n, "{{", 2), *close;
    struct slice literal = *rest, name;

    if (open == NULL) {
        *rest = SLICE_NONE;
        return (struct part){literal, NAME_NONE};
    }
    literal.n = (size_t)(open - rest->p);
    close = memmem(open, rest->n - literal.n, "}}", 2);
    MUST(close != NULL);
    name = (struct slice){open + 2, (size_t)(close - open) - 2};
    *rest = (struct slice){close + 2, rest->n - literal.n - name.n - 4};
    return (struct part){literal, find_name(name, names, n)};
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
