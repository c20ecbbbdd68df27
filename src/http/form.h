/* SPDX-License-Identifier: MIT */
/*
 * application/x-www-form-urlencoded bodies (WHATWG URL, 5), strictly: a '%' must be followed by two
 * hex digits, names and values must be UTF-8 without U+0000, a name may come once, at most
 * FORM_FIELDS_MAX fields.
 */
#ifndef SIDELIGHT_HTTP_FORM_H
#define SIDELIGHT_HTTP_FORM_H

#include "http/head.h"

enum { FORM_FIELDS_MAX = 64 }; /* one more is malformed (400) */

struct form_field {
    struct slice name, value;
};
struct form {
    struct form_field fields[FORM_FIELDS_MAX];
    size_t n;
    char *text; /* what the slices point into; owned */
};
#define FORM_INIT            \
    {                        \
        .n = 0, .text = NULL \
    }

enum form_verdict {
    FORM_OK,
    FORM_MALFORMED, /* bad escape, bad UTF-8, too many fields: 400 */
    FORM_DUPLICATE, /* a name twice: 422 */
    FORM_NUL,       /* U+0000: 422 */
};
/*
 * On failure *ret is untouched and *ret_message says what is wrong, without an echo. form_release
 * frees.
 */
enum form_verdict form_parse(struct slice body, struct form *ret, const char **ret_message);
void form_release(struct form *f);
/* SLICE_NONE when absent. */
struct slice form_get(const struct form *f, const char *name);

/*
 * "a%20b+c" to "a b c", for one name or value; `dst` has room for s.n bytes. False at a '%' without
 * two hex digits. What comes out may be any bytes.
 */
MUST_CHECK bool form_decode(struct slice s, char *dst, struct slice *ret);

/*
 * A media type without its parameters, compared without case: media_type_is("Text/HTML; charset=x",
 * "text/html").
 */
bool media_type_is(struct slice content_type, const char *type);
/* True when there is no charset parameter, or it says utf-8 (any case, quoted or not). */
bool media_type_utf8(struct slice content_type);
/* True when the body comes as it is: no Content-Encoding, or "identity" once. */
bool body_is_plain(const struct head *h);

#endif
