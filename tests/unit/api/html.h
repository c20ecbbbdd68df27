/* SPDX-License-Identifier: MIT */
/* What an HTML page of ours must be, whatever it says. Included by one file per program. */
#ifndef SIDELIGHT_TESTS_API_HTML_H
#define SIDELIGHT_TESTS_API_HTML_H

#include "tests/unit/api/fake.h"

#include <sodium.h>
#include <stdio.h>

/* Where `part` is in the answer; fails the test when it is not there. */
static UNUSED const char *find(const struct fake *f, const char *part)
{
    const char *at = memmem(f->rq.answer.p, f->rq.answer.n, part, strlen(part));

    if (at == NULL)
        print_error("missing: %s\n", part);
    assert_non_null(at);
    return at;
}

/* Behind a tag at `p`: attributes are name="value", and what ends it is '>' or '/>'. */
static const char *skip_attributes(const char *p, const char *end, bool *ret_closed)
{
    while (p < end && *p == ' ') {
        const char *name = ++p;

        while (p < end && (*p == '-' || (*p >= 'a' && *p <= 'z')))
            p++;
        assert_true(p > name && end - p > 2 && p[0] == '=' && p[1] == '"');
        p = memchr(p + 2, '"', (size_t)(end - p) - 2);
        assert_non_null(p);
        p++;
    }
    *ret_closed = p < end && *p == '/';
    p += *ret_closed;
    assert_true(p < end && *p == '>');
    return p + 1;
}

/* Reads one tag behind its '<' and keeps the stack of open elements. */
static const char *read_tag(const char *p, const char *end, struct slice *open, size_t *n)
{
    bool closing = *p == '/', closed = false;
    struct slice name;

    p += closing;
    name = (struct slice){p, strspn(p, "abcdefghijklmnopqrstuvwxyz123456")};
    assert_true(name.n > 0);
    p = skip_attributes(p + name.n, end, &closed);
    if (closing) {
        assert_true(*n > 0 && slice_eq(open[*n - 1], name));
        (*n)--;
    } else if (!closed) {
        assert_true(*n < 16);
        open[(*n)++] = name;
    }
    return p;
}

/* A '&' begins a reference that XML knows, too. */
static void expect_reference(const char *p, const char *end)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    bool found = false;

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        found = found || ((size_t)(end - p) >= strlen(known[i]) &&
                          memcmp(p, known[i], strlen(known[i])) == 0);
    assert_true(found);
}

/*
 * The page is XML but for its first line and what is in <script>: every element is closed, every
 * attribute quoted.
 */
static UNUSED void expect_well_formed(const struct fake *f)
{
    const char *p = find(f, "<!DOCTYPE html>\n") + 16, *end = f->rq.answer.p + f->rq.answer.n;
    struct slice open[16] = {SLICE_NONE};
    size_t n = 0;

    assert_ptr_equal(p, f->rq.answer.p + 16);
    while (p < end) {
        if (*p == '&')
            expect_reference(p, end);
        if (*p++ == '<')
            p = read_tag(p, end, open, &n);
        if (n > 0 && slice_eq(open[n - 1], SLICE_LIT("script"))) {
            p = memmem(p, (size_t)(end - p), "</script>", 9);
            assert_non_null(p);
        }
    }
    assert_int_equal(n, 0);
}

/* The 'sha256-...' source of CSP for what stands between the first `start` and the `end` after it. */
static UNUSED void expect_inline_hash(const struct fake *f, const char *start, const char *end)
{
    const char *from = find(f, start) + strlen(start), *to = find(f, end);
    unsigned char hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];
    char source[sizeof(text) + 16];
    const char *policy = fake_header(f, "content-security-policy");

    assert_true(to > from);
    (void)crypto_hash_sha256(hash, (const unsigned char *)from, (size_t)(to - from));
    (void)sodium_bin2base64(text, sizeof(text), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
    (void)snprintf(source, sizeof(source), "'sha256-%s'", text);
    assert_non_null(policy);
    if (strstr(policy, source) == NULL)
        print_error("not in the policy: %s\n", source);
    assert_non_null(strstr(policy, source));
    assert_null(strstr(policy, "unsafe"));
}

#endif
