/* SPDX-License-Identifier: MIT */
/* Values for messages. Escaping for JSON is in base/. */
#include "config/quote.h"
#include "base/utf8.h"

static bool printable(const char *p, size_t len)
{
    unsigned char c = (unsigned char)p[0];

    if (len == 0 || c < 0x20 || c == 0x7f || c == '"' || c == '\\')
        return false;
    return !(len == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0); /* U+0080-U+009F */
}

/* One character or one escaped byte to `dst` (4 bytes of room); advances *s. */
static size_t take(struct slice *s, char dst[4])
{
    static const char hex[] = "0123456789abcdef";
    size_t len = utf8_sequence(*s), n = len;
    unsigned char c = (unsigned char)s->p[0];

    if (printable(s->p, len)) {
        memcpy(dst, s->p, len);
    } else {
        memcpy(dst, (const char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
        n = 4;
        len = 1;
    }
    s->p += len;
    s->n -= len;
    return n;
}

const char *quote(struct slice s, char out[QUOTE_MAX])
{
    size_t at = 0;

    out[at++] = '"';
    while (s.n > 0) {
        char piece[4];
        size_t n = take(&s, piece);

        if (at - 1 + n > QUOTE_CUT) {
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        memcpy(out + at, piece, n);
        at += n;
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}

const char *quote_path(const char *path, char out[PATH_SHOWN_MAX])
{
    size_t n = strlen(path), at = 0;

    if (n > PATH_SHOWN) {
        path += n - PATH_SHOWN;
        memcpy(out, "...", 3);
        at = 3;
    }
    for (; *path != '\0'; path++)
        out[at++] = (char)((unsigned char)*path < 0x20 || *path == 0x7f ? '?' : *path);
    out[at] = '\0';
    return out;
}
