/* SPDX-License-Identifier: MIT */
/* Many requests wait on one connection; what is refused ends its own. */
#include "tests/faults/lib/walk.h"

#include <stdlib.h>

static void expect(struct wire *w, int want, const struct buf *sent)
{
    struct reply r = {.status = 0};
    enum got got = wire_read(w, false, &r);

    if (got != GOT_REPLY || r.status != want)
        fail_msg("the answer is %d (%d), not %d, in:\n%.*s", r.status, (int)got, want,
                 (int)sent->len, sent->data);
    reply_release(&r);
}

static void flush(struct walk *k)
{
    assert_true(wire_write(&k->w, k->out.data, k->out.len));
    for (size_t i = 0; i < k->n_waiting; i++)
        expect(&k->w, k->want[i], &k->out);
    k->n_waiting = 0;
    buf_clear(&k->out);
}

static bool is_hex(char c)
{
    return c != '\0' && strchr("0123456789abcdefABCDEF", c) != NULL;
}

/*
 * In a path an escape is whole, and of no control byte (RFC 3986, 2.1); in a query only %00 is
 * refused.
 */
static bool is_bad_escape(const char *digits, size_t n, bool query)
{
    char text[] = "  ";
    long c;

    memcpy(text, digits, n < 2 ? n : 2);
    c = strtol(text, NULL, 16);
    if (!is_hex(text[0]) || !is_hex(text[1]))
        return !query;
    return c == 0 || (!query && (c < ' ' || c == 0x7f));
}

/* Refused by the guard: the target is no path, or has a byte that no path has. */
static bool is_refused(struct slice target)
{
    bool query = false;

    if (target.n == 0 || target.p[0] != '/')
        return true;
    for (size_t i = 0; i < target.n; i++) {
        unsigned char c = (unsigned char)target.p[i];

        if (c <= ' ' || c >= 0x7f || c == '#' || c == '\\')
            return true;
        query = query || c == '?';
        if (c == '%' && is_bad_escape(target.p + i + 1, target.n - i - 1, query))
            return true;
    }
    return false;
}

static void add_request(struct buf *out, struct slice target)
{
    buf_add_str(out, "PUT ");
    buf_add(out, target.p, target.n);
    buf_add_str(out, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
}

/* On a connection that ends with it. */
static void try_refused(struct walk *k, struct slice target)
{
    struct buf out = BUF_INIT;
    struct wire w;

    k->refused++;
    assert_true(wire_connect(&w, k->port));
    add_request(&out, target);
    assert_true(wire_write(&w, out.data, out.len));
    expect(&w, 400, &out);
    buf_release(&out);
    wire_close(&w);
}

/* PUT is nobody's method: 405 says that a route was found, without doing anything there. */
static void try_target(struct walk *k, struct slice target)
{
    struct slice rest = target;
    struct place *place = places_find(k->places, slice_cut(&rest, '?'));

    k->asked++;
    if (is_refused(target)) {
        try_refused(k, target);
        return;
    }
    add_request(&k->out, target);
    k->want[k->n_waiting++] = place != NULL ? 405 : 404;
    k->matched += place != NULL;
    if (place != NULL)
        place->asked++;
    if (k->n_waiting == WALK_BATCH)
        flush(k);
}

/* Each byte replaced by each other, each put at each place, each left out. */
static void try_edits(struct walk *k, const char *path)
{
    struct slice p = slice_str(path);
    char text[128];

    MUST(p.n + 1 < sizeof(text));
    for (size_t at = 0; at <= p.n; at++)
        for (int c = 0; c < 256; c++) {
            if (!byte_is_tried(c))
                continue;
            memcpy(text, p.p, at);
            text[at] = (char)c;
            memcpy(text + at + 1, p.p + at, p.n - at);
            try_target(k, (struct slice){text, p.n + 1});
            if (at < p.n) {
                memcpy(text + at + 1, p.p + at + 1, p.n - at - 1);
                try_target(k, (struct slice){text, p.n});
            }
        }
    for (size_t at = 0; at < p.n; at++) {
        memcpy(text, p.p, at);
        memcpy(text + at, p.p + at + 1, p.n - at - 1);
        try_target(k, (struct slice){text, p.n - 1});
    }
}

/* What decoding, folding and cleaning up would make the same. */
static void try_spellings(struct walk *k, const char *path)
{
    static const char *const around[][2] = {
        {"/.",          ""     },
        {"/x/..",       ""     },
        {"/%2e",        ""     },
        {"/x/%2e%2e",   ""     },
        {"/x%2f..",     ""     },
        {"//localhost", ""     },
        {"/localhost",  ""     },
        {"",            "/."   },
        {"",            "/x/.."},
        {"",            "/%2e" },
        {"",            ";"    },
        {"",            ";a=b" },
        {"",            "%3f"  },
        {"",            "%23"  },
        {"",            "%20"  },
        {"",            "%2f"  },
        {"",            ".json"},
        {"",            "&"    },
        {"/..;",        ""     },
    };
    char text[256];
    int n;

    for (size_t i = 0; i < ARRAY_LEN(around); i++) {
        n = snprintf(text, sizeof(text), "%s%s%s", around[i][0], path, around[i][1]);
        try_target(k, (struct slice){text, (size_t)n});
    }
    for (size_t at = 0; path[at] != '\0';
         at++) { /* each byte escaped; the first one is the slash */
        n = snprintf(text, sizeof(text), "%.*s%%%02x%s", (int)at, path, (unsigned)path[at],
                     path + at + 1);
        try_target(k, (struct slice){text, (size_t)n});
    }
}

void walk_table(struct walk *k, struct server *s, unsigned port, struct places *places)
{
    *k = (struct walk){.s = s, .port = port, .places = places, .out = BUF_INIT};
    assert_true(wire_connect(&k->w, port));
    for (size_t i = 0; i < places->n; i++) {
        try_edits(k, places->all[i].path);
        try_spellings(k, places->all[i].path);
        try_target(k, slice_str(places->all[i].path));
    }
    flush(k);
    buf_release(&k->out);
    wire_close(&k->w);
}
