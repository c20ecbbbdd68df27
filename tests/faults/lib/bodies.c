/* SPDX-License-Identifier: MIT */
/* One request a row. */
#include "tests/faults/lib/bodies.h"

struct server *serve_all(struct fixture *f)
{
    return server_start(f, SETS("contact.rate=off", "rum.rate=off"));
}

bool names_fields(const struct reply *r)
{
    return r->status == 422 && strstr(r->body, "\"fields\":{") != NULL;
}

size_t bodies_check_(struct server *s, const char *header, const struct body *rows, size_t n)
{
    size_t refused = 0;

    for (size_t i = 0; i < n; i++) {
        const struct body *row = &rows[i];
        const struct reply *r = flow_one(s, "/contact", header, textf(s->f, "table-%zu", i),
                                         (struct slice){row->text, row->n});
        bool ok =
            row->status == READ ? names_fields(r) : r->status == row->status && !names_fields(r);

        if (!ok)
            fail_msg("row %zu, %.60s: %d, not %d: %s", i, row->text, r->status, row->status,
                     r->body);
        assert_manners(r);
        refused += row->status != READ;
    }
    assert_true(server_lives(s));
    return refused;
}

const char *spelling_header(enum spelling how)
{
    return how == AS_FORM ? FORM_TYPE : JSON_TYPE;
}

int spelling_stored(enum spelling how)
{
    return how == AS_FORM ? 303 : 201;
}

void add_spelled(struct buf *b, enum spelling how, struct slice text)
{
    switch (how) {
    case AS_JSON:
        buf_add_json(b, text);
        break;
    case AS_ESCAPED_JSON:
        flow_escape_json(b, text);
        break;
    case AS_FORM:
        flow_escape_form(b, text);
        break;
    }
}

void add_submission(struct buf *b, enum spelling how, struct slice name, struct slice message)
{
    bool form = how == AS_FORM;

    buf_add_str(b, form ? "email=a%40b.c&name=" : "{\"email\":\"a@b.c\",\"name\":\"");
    add_spelled(b, how, name);
    buf_add_str(b, form ? "&message=" : "\",\"message\":\"");
    add_spelled(b, how, message);
    buf_add_str(b, form ? "" : "\"}");
}
