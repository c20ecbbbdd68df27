/* SPDX-License-Identifier: MIT */
/*
 * `sidelight contacts list` and `export`: what came in, for a person's terminal, as CSV (RFC 4180)
 * or as JSON lines in an array. Reads the store's file; works while the server runs.
 */
#include "app/app.h"

#include <errno.h>
#include <stdio.h>

/* Where rows go, and how many there were. */
struct listing {
    struct buf row;
    uint64_t n;
    bool flagged;
};

static bool flush_row(struct listing *l, struct err *err)
{
    if (fwrite(l->row.data, 1, l->row.len, stdout) != l->row.len)
        return err_set_errno(err, errno, "cannot write the output");
    buf_clear(&l->row);
    l->n++;
    return true;
}

static void add_ts(struct buf *b, uint64_t unix_ms)
{
    char *p = buf_reserve(b, FMT_TS);

    b->len += (size_t)(fmt_ts(p, unix_ms) - p);
}

/*
 * True when a terminal might obey what `s` begins with: controls (C0, DEL, C1), the bidirectional
 * marks that make text read other than it is, line and paragraph separators. Then *ret_c is the
 * code point and *ret_len its length in bytes.
 */
static bool obeyed(struct slice s, uint32_t *ret_c, size_t *ret_len)
{
    const unsigned char *b = (const unsigned char *)s.p;

    *ret_c = b[0];
    *ret_len = 1;
    if (b[0] < 0x20 || b[0] == 0x7f)
        return true;
    if (s.n >= 2 && ((b[0] == 0xc2 && b[1] < 0xa0) || (b[0] == 0xd8 && b[1] == 0x9c))) {
        *ret_c = (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
        *ret_len = 2;
        return true;
    }
    if (s.n < 3 || b[0] != 0xe2)
        return false;
    *ret_c = 0x2000u | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
    *ret_len = 3;
    return *ret_c == 0x200e || *ret_c == 0x200f || (*ret_c >= 0x2028 && *ret_c <= 0x202e) ||
           (*ret_c >= 0x2066 && *ret_c <= 0x2069);
}

/*
 * What a terminal might obey as \xNN or \uNNNN, so that a message cannot drive it; `newlines` keeps
 * line breaks, indented.
 */
static void add_printable(struct buf *b, struct slice s, bool newlines)
{
    while (s.n > 0) {
        size_t len;
        uint32_t c;

        if (!obeyed(s, &c, &len))
            buf_add(b, s.p, len = 1);
        else if (newlines && c == '\n')
            buf_add_str(b, "\n    ");
        else if (!newlines || c != '\r' || s.n < 2 || s.p[1] != '\n')
            buf_addf(b, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
        s.p += len;
        s.n -= len;
    }
}

static bool list_row(void *ctx, const struct contact *c, struct err *err)
{
    struct listing *l = ctx;
    struct buf *b = &l->row;

    add_ts(b, c->received_ms);
    buf_add_str(b, "  ");
    add_printable(b, c->id, false);
    if (c->flagged)
        buf_add_str(b, "  [flagged]");
    buf_add_str(b, "\n  ");
    add_printable(b, c->name, false);
    buf_add_str(b, " <");
    add_printable(b, c->email, false);
    buf_add_str(b, ">  source ");
    add_printable(b, c->source, false);
    buf_add_str(b, "\n    ");
    add_printable(b, c->message, true);
    buf_add_str(b, "\n\n");
    return flush_row(l, err);
}

/*
 * A cell that a spreadsheet would take for a formula gets a leading apostrophe (OWASP, CSV
 * injection).
 */
static void add_cell(struct buf *b, struct slice s, char end)
{
    buf_add_char(b, '"');
    if (s.n > 0 && s.p[0] != '\0' && strchr("=+-@\t\r\n", s.p[0]) != NULL)
        buf_add_char(b, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_add_char(b, '"');
        buf_add_char(b, s.p[i]);
    }
    buf_add_char(b, '"');
    if (end == '\n')
        buf_add_char(b, '\r');
    buf_add_char(b, end);
}

static bool csv_row(void *ctx, const struct contact *c, struct err *err)
{
    struct listing *l = ctx;
    struct buf *b = &l->row;

    add_cell(b, c->id, ',');
    add_ts(b, c->received_ms);
    buf_add_char(b, ',');
    add_cell(b, c->name, ',');
    add_cell(b, c->email, ',');
    add_cell(b, c->message, ',');
    add_cell(b, c->source, ',');
    add_cell(b, c->correlation_id, '\n');
    return flush_row(l, err);
}

static void add_member(struct buf *b, const char *name, struct slice value)
{
    buf_addf(b, ",\"%s\":\"", name);
    buf_add_json(b, value);
    buf_add_char(b, '"');
}

static bool json_row(void *ctx, const struct contact *c, struct err *err)
{
    struct listing *l = ctx;
    struct buf *b = &l->row;

    buf_add_str(b, l->n > 0 ? ",\n{\"id\":\"" : "\n{\"id\":\"");
    buf_add_json(b, c->id);
    buf_add_str(b, "\",\"received_at\":\"");
    add_ts(b, c->received_ms);
    buf_add_char(b, '"');
    add_member(b, "name", c->name);
    add_member(b, "email", c->email);
    add_member(b, "message", c->message);
    add_member(b, "source", c->source);
    add_member(b, "correlation_id", c->correlation_id);
    buf_add_str(b, c->flagged ? ",\"flagged\":true}" : ",\"flagged\":false}");
    return flush_row(l, err);
}

/* What stands before, between and after the rows of a format. */
static const struct format {
    contact_fn *row;
    const char *head, *tail;
} formats[] = {
    [CLI_FORMAT_NONE] = {list_row, "",                                                            ""     },
    [CLI_FORMAT_CSV] = {csv_row,  "id,received_at,name,email,message,source,correlation_id\r\n", ""     },
    [CLI_FORMAT_JSON] = {json_row, "[",                                                           "\n]\n"},
};

int app_contacts(const struct cli *cli)
{
    const struct format *f =
        &formats[cli->command == CLI_CONTACTS_EXPORT ? cli->format : CLI_FORMAT_NONE];
    struct listing l = {.row = BUF_INIT};
    struct err err = ERR_INIT;
    struct config c;
    bool ok;

    if (!config_load_cli(cli, &c, &err))
        return app_fail(EXIT_CONFIG, &err);
    (void)fputs(f->head, stdout);
    ok = contacts_read(c.store_path, cli->flagged, f->row, &l, &err);
    if (ok) {
        (void)fputs(f->tail, stdout);
        ok = fflush(stdout) == 0 || err_set_errno(&err, errno, "cannot write the output");
    }
    if (ok && cli->command == CLI_CONTACTS_LIST && l.n == 0)
        (void)fputs("no submissions\n", stderr);
    buf_release(&l.row);
    config_release(&c);
    return ok ? 0 : app_fail(1, &err);
}
