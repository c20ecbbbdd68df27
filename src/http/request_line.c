/* SPDX-License-Identifier: MIT */
/* Plain, as few requests get here: those that the fast look in head.c does not cover. */
#include "http/request_line.h"

#include "http/byte_set.h"

/* True when the two digits after a '%' stand for a control byte (`any`) or for NUL. */
static bool decodes_to_control(const char *digits, bool any)
{
    if (digits[0] == '0' && digits[1] == '0')
        return true;
    return any && (digits[0] == '0' || digits[0] == '1' ||
                   (digits[0] == '7' && (digits[1] == 'f' || digits[1] == 'F')));
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/*
 * A '%' stands before two hex digits (RFC 3986, 2.1): in a path others refuse it else; in a query
 * forms and people write it as they like. One that decodes to a control byte is as bad as the byte
 * itself: in a path all of them, in a query only NUL (forms send %0A there).
 */
static bool escape_valid(const char *digits, size_t n, bool path)
{
    if (n < 2 || !is_hex(digits[0]) || !is_hex(digits[1]))
        return !path;
    return !decodes_to_control(digits, path);
}

static bool target_chars_valid(struct slice t, bool path)
{
    for (size_t i = 0; i < t.n; i++)
        if (!byte_in(t.p[i], TARGET_BYTE) &&
            (t.p[i] != '%' || !escape_valid(t.p + i + 1, t.n - i - 1, path)))
            return false;
    return true;
}

static enum refusal scan_target(struct head *h)
{
    const char *mark;

    if (h->target.n > HEAD_TARGET_MAX)
        return REFUSED_TARGET_TOO_LONG;
    h->path = h->target;
    mark = memchr(h->target.p, '?', h->target.n);
    if (mark != NULL) {
        h->path.n = (size_t)(mark - h->target.p);
        h->query = (struct slice){mark + 1, h->target.n - h->path.n - 1};
    }
    if (h->method == HTTP_OPTIONS && slice_eq(h->target, SLICE_LIT("*")))
        return REFUSED_NOT;
    if (h->target.n == 0 || h->target.p[0] != '/' || !target_chars_valid(h->path, true) ||
        !target_chars_valid(h->query, false))
        return REFUSED_TARGET;
    return REFUSED_NOT;
}

enum refusal request_line_scan(struct slice line, struct head *ret)
{
    struct slice rest = line, method = slice_cut(&rest, ' '), version;
    enum refusal target;

    if (rest.p == NULL)
        return REFUSED_SYNTAX;
    ret->method = http_method_parse(method);
    ret->target = slice_cut(&rest, ' ');
    version = rest;
    if (version.n != 8 || memcmp(version.p, "HTTP/1.", 7) != 0 ||
        !byte_in(version.p[7], DIGIT_BYTE))
        return REFUSED_SYNTAX;
    ret->minor = (uint8_t)(version.p[7] - '0');
    target = scan_target(ret);
    if (ret->method == HTTP_METHOD_UNKNOWN)
        return method.n > 0 && slice_no_controls(method) ? REFUSED_METHOD : REFUSED_SYNTAX;
    return target;
}
