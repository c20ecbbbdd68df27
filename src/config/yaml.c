/* SPDX-License-Identifier: MIT */
/* The strict reader on libyaml's events. What the keys mean is in keys.c and config.c. */
#include "config/yaml.h"
#include "base/buf.h"
#include "config/config.h"
#include "config/quote.h"

#include <stdlib.h>
#include <yaml.h>

struct frame {
    bool list;
    bool has_key;    /* of a mapping: a key was read, its value is due */
    size_t path_len; /* of the path of this collection */
};

struct seen {
    char *path;
    size_t line, column;
};

struct reader {
    const char *name;
    struct slice text;
    yaml_visit_fn *visit;
    void *ctx;
    struct err *err;
    yaml_parser_t parser;
    struct frame stack[CONFIG_DEPTH_MAX];
    size_t depth, documents, n_seen;
    struct buf path;
    struct seen seen[YAML_KEYS_MAX];
};

static bool fail_at(struct reader *r, size_t line, size_t column, const char *what)
{
    char name[PATH_SHOWN_MAX];

    return err_set(r->err, ERR_INVALID, "%s:%zu:%zu: %s", quote_path(r->name, name), line + 1,
                   column + 1, what);
}

static bool fail(struct reader *r, const yaml_mark_t *mark, const char *what)
{
    return fail_at(r, mark->line, mark->column, what);
}

/* The same about the key at hand. */
static bool fail_key(struct reader *r, const yaml_mark_t *mark, const char *what)
{
    struct err err = ERR_INIT;

    (void)err_set(&err, ERR_INVALID, "%s: %s", buf_cstr(&r->path), what);
    return fail(r, mark, err.text);
}

static bool visit(struct reader *r,
                  const yaml_mark_t *mark,
                  enum yaml_node_kind kind,
                  struct slice text)
{
    struct yaml_node node = {kind, buf_cstr(&r->path), text};
    struct err err = ERR_INIT;

    return r->visit(r->ctx, &node, &err) || fail_key(r, mark, err.text);
}

static struct slice scalar_text(const yaml_event_t *ev)
{
    return (struct slice){(const char *)ev->data.scalar.value, ev->data.scalar.length};
}

static bool scalar_null(const yaml_event_t *ev)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

    for (size_t i = 0; i < ARRAY_LEN(nulls); i++)
        if (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
            slice_eq(scalar_text(ev), slice_str(nulls[i])))
            return true;
    return false;
}

static bool key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool check_key(struct reader *r, const yaml_mark_t *mark, struct slice key)
{
    char quoted[QUOTE_MAX];
    struct err err = ERR_INIT;
    const char *why = NULL;

    for (size_t i = 0; i < key.n && why == NULL; i++)
        if (key.p[i] == '.')
            why = "keys are nested, not dotted: write \"a:\" and below it, indented, \"b:\"";
        else if (!key_byte(key.p[i]))
            why = "a key is made of letters, digits, '_' and '-'";
    if (key.n == 0 || key.n > YAML_KEY_MAX)
        why = "a key has 1 to 64 characters";
    _Static_assert(YAML_KEY_MAX == 64, "the message says so");
    if (why == NULL)
        return true;
    (void)err_set(&err, ERR_INVALID, "%s: %s", quote(key, quoted), why);
    return fail(r, mark, err.text);
}

/* Keeps the path of the key at hand; false when it is there already. */
static bool remember(struct reader *r, const yaml_mark_t *mark)
{
    const char *path = buf_cstr(&r->path);
    struct err err = ERR_INIT;

    for (size_t i = 0; i < r->n_seen; i++) {
        const struct seen *s = &r->seen[i];

        if (strcmp(s->path, path) != 0)
            continue;
        (void)err_set(&err, ERR_INVALID, "given twice; first at line %zu, column %zu", s->line + 1,
                      s->column + 1);
        return fail_key(r, mark, err.text);
    }
    if (r->n_seen == YAML_KEYS_MAX)
        return fail_key(r, mark, "too many keys in one file");
    char *copy = must_calloc(r->path.len + 1, 1);
    memcpy(copy, path, r->path.len);
    r->seen[r->n_seen++] = (struct seen){copy, mark->line, mark->column};
    return true;
}

static bool on_key(struct reader *r, struct frame *top, const yaml_event_t *ev)
{
    struct slice key = scalar_text(ev);

    if (!check_key(r, &ev->start_mark, key))
        return false;
    r->path.len = top->path_len;
    if (r->path.len > 0)
        buf_add_char(&r->path, '.');
    buf_add_slice(&r->path, key);
    top->has_key = true;
    return remember(r, &ev->start_mark) && visit(r, &ev->start_mark, YAML_NODE_KEY, SLICE_NONE);
}

static bool on_scalar(struct reader *r, const yaml_event_t *ev)
{
    const yaml_mark_t *mark = &ev->start_mark;
    struct frame *top = r->depth > 0 ? &r->stack[r->depth - 1] : NULL;

    if (top == NULL)
        return scalar_null(ev) ||
               fail(r, mark, "must hold keys and values, like \"service: shop\"");
    if (!top->list && !top->has_key)
        return on_key(r, top, ev);
    top->has_key = false;
    if (ev->end_mark.line != mark->line)
        return fail_key(r, mark, "a value stands on one line");
    if (top->list && scalar_null(ev))
        return fail_key(r, mark, "an entry of the list has no value");
    if (scalar_null(ev))
        return visit(r, mark, YAML_NODE_NULL, SLICE_NONE);
    return visit(r, mark, top->list ? YAML_NODE_ENTRY : YAML_NODE_VALUE, scalar_text(ev));
}

static bool on_open(struct reader *r, const yaml_event_t *ev, bool list)
{
    const yaml_mark_t *mark = &ev->start_mark;
    struct frame *top = r->depth > 0 ? &r->stack[r->depth - 1] : NULL;

    if (r->depth == CONFIG_DEPTH_MAX)
        return fail(r, mark, "nested deeper than 16 levels");
    _Static_assert(CONFIG_DEPTH_MAX == 16, "the message says so");
    if (top == NULL && list)
        return fail(r, mark, "must hold keys and values, not a list");
    if (top != NULL && top->list)
        return fail_key(r, mark, "an entry of a list is one value");
    if (top != NULL && !top->has_key)
        return fail(r, mark, "a key is one word, not a list or a mapping");
    if (top != NULL)
        top->has_key = false;
    r->stack[r->depth++] = (struct frame){.list = list, .path_len = r->path.len};
    return top == NULL || visit(r, mark, list ? YAML_NODE_LIST : YAML_NODE_SECTION, SLICE_NONE);
}

/* What no event may carry. */
static bool plain(struct reader *r,
                  const yaml_event_t *ev,
                  const yaml_char_t *anchor,
                  const yaml_char_t *tag)
{
    if (anchor != NULL)
        return fail(r, &ev->start_mark, "anchors (&) are not allowed");
    if (tag != NULL)
        return fail(r, &ev->start_mark, "tags (!) are not allowed");
    return true;
}

static bool on_event(struct reader *r, const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_DOCUMENT_START_EVENT:
        return r->documents++ == 0 || fail(r, &ev->start_mark, "only one document is allowed");
    case YAML_ALIAS_EVENT:
        return fail(r, &ev->start_mark, "aliases (*) are not allowed");
    case YAML_SCALAR_EVENT:
        return plain(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag) && on_scalar(r, ev);
    case YAML_SEQUENCE_START_EVENT:
        return plain(r, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag) &&
               on_open(r, ev, true);
    case YAML_MAPPING_START_EVENT:
        return plain(r, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag) &&
               on_open(r, ev, false);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        MUST(r->depth > 0);
        r->depth--;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return true;
}

/* Position of a byte; columns count bytes. */
static bool fail_offset(struct reader *r, size_t offset, const char *what)
{
    size_t line = 0, start = 0;

    for (size_t i = 0; i < offset && i < r->text.n; i++)
        if (r->text.p[i] == '\n') {
            line++;
            start = i + 1;
        }
    return fail_at(r, line, offset - start, what);
}

/* libyaml's own words for it do not help: a tab at the start of a line. */
static bool tab_indents(struct slice text, size_t line)
{
    struct slice rest = text, at = slice_cut(&rest, '\n');

    for (; line > 0 && rest.p != NULL; line--)
        at = slice_cut(&rest, '\n');
    for (size_t i = 0; i < at.n && (at.p[i] == ' ' || at.p[i] == '\t'); i++)
        if (at.p[i] == '\t')
            return true;
    return false;
}

/* What libyaml did not like. Its texts are constants: nothing of the file is in them. */
static bool parser_failed(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    struct err err = ERR_INIT;

    if (p->error == YAML_MEMORY_ERROR)
        return err_set(r->err, ERR_UNAVAILABLE, "out of memory");
    if (p->error == YAML_READER_ERROR) {
        (void)err_set(&err, ERR_INVALID, "not valid YAML: %s", p->problem);
        return fail_offset(r, p->problem_offset, err.text);
    }
    if (tab_indents(r->text, p->problem_mark.line))
        return fail(r, &p->problem_mark, "not valid YAML: indent with spaces, not with tabs");
    if (p->context != NULL)
        (void)err_set(&err, ERR_INVALID, "not valid YAML: %s %s that began at line %zu", p->problem,
                      p->context, p->context_mark.line + 1);
    else
        (void)err_set(&err, ERR_INVALID, "not valid YAML: %s", p->problem);
    return fail(r, &p->problem_mark, err.text);
}

/* Whether a line, as YAML breaks them (CR, LF, U+0085, U+2028, U+2029), begins at `i`. */
static bool line_begins(struct slice t, size_t i)
{
    const char *p = t.p + i;

    if (i == 0 || p[-1] == '\n' || p[-1] == '\r')
        return true;
    if (i >= 2 && memcmp(p - 2, "\xc2\x85", 2) == 0)
        return true;
    return i >= 3 &&
           (memcmp(p - 3, "\xe2\x80\xa8", 3) == 0 || memcmp(p - 3, "\xe2\x80\xa9", 3) == 0);
}

/*
 * Directives have no event of their own, and libyaml compares each %TAG with all before it. Only a
 * directive, or the inside of a value over several lines, begins a line with '%'.
 */
static bool check_directives(struct reader *r)
{
    struct slice t = r->text;

    for (size_t i = 0; i < t.n; i++)
        if (t.p[i] == '%' && line_begins(t, i))
            return fail_offset(r, i, "directives (%) are not allowed");
    return true;
}

static bool read_events(struct reader *r)
{
    bool ok = true, end = false;

    while (ok && !end) {
        yaml_event_t ev;

        if (!yaml_parser_parse(&r->parser, &ev))
            return parser_failed(r);
        ok = on_event(r, &ev);
        end = ev.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&ev);
    }
    return ok;
}

bool yaml_read(
    const char *name, struct slice text, yaml_visit_fn *visit_fn, void *ctx, struct err *err)
{
    struct reader r = {.name = name, .text = text, .visit = visit_fn, .ctx = ctx, .err = err};
    bool ok;

    if (r.text.n >= 3 && memcmp(r.text.p, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        r.text.p += 3;
        r.text.n -= 3;
    }
    if (r.text.n == 0)
        return true; /* libyaml asserts on the NULL of an empty slice */
    MUST(yaml_parser_initialize(&r.parser) == 1);
    /* Else libyaml guesses UTF-16 from the first bytes. */
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text.p, r.text.n);
    ok = check_directives(&r) && read_events(&r);
    yaml_parser_delete(&r.parser);
    for (size_t i = 0; i < r.n_seen; i++)
        free(r.seen[i].path);
    buf_release(&r.path);
    return ok;
}
