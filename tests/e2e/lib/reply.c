/* SPDX-License-Identifier: MIT */
/* Heads of answers, strictly, and what all of them must look like. */
#include "tests/e2e/lib/reply.h"

#include "tests/e2e/lib/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* Cuts a line that ends in CRLF; NULL when there is none. */
static char *cut_line(char **rest)
{
    char *line = *rest, *end = line != NULL ? strstr(line, "\r\n") : NULL;

    if (end == NULL)
        return NULL;
    *end = '\0';
    *rest = end + 2;
    return line;
}

static bool parse_field(struct reply *r, char *line)
{
    char *colon = strchr(line, ':');

    if (colon == NULL || r->n_fields == REPLY_FIELDS_MAX)
        return false;
    *colon++ = '\0';
    for (char *p = line; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    colon += strspn(colon, " ");
    r->fields[r->n_fields].name = line;
    r->fields[r->n_fields++].value = colon;
    return true;
}

static bool parse_lines(struct reply *r, char *rest)
{
    char *line = cut_line(&rest);

    if (line == NULL || strncmp(line, "HTTP/1.1 ", 9) != 0 || strlen(line) < 13 || line[12] != ' ')
        return false;
    r->status = (int)strtol(line + 9, NULL, 10);
    while ((line = cut_line(&rest)) != NULL && line[0] != '\0')
        if (!parse_field(r, line))
            return false;
    return line != NULL && *rest == '\0';
}

bool reply_parse(struct reply *ret, const char *head, size_t n)
{
    struct reply r = {.head = must_calloc(n + 1, 1), .body = must_calloc(1, 1)};

    memcpy(r.head, head, n);
    if (memchr(head, '\0', n) != NULL || !parse_lines(&r, r.head)) {
        reply_release(&r);
        return false;
    }
    *ret = r;
    return true;
}

void reply_release(struct reply *r)
{
    free(r->head);
    free(r->body);
    *r = (struct reply){.status = 0};
}

static void release_kept(void *arg)
{
    reply_release(arg);
}

struct reply *reply_keep(struct fixture *f)
{
    struct reply *r = keep(f, sizeof(*r));

    at_end(f, release_kept, r);
    return r;
}

const char *reply_field(const struct reply *r, const char *name)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (strcmp(r->fields[i].name, name) == 0)
            return r->fields[i].value;
    return NULL;
}

size_t reply_count(const struct reply *r, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_fields; i++)
        n += strcmp(r->fields[i].name, name) == 0;
    return n;
}

void assert_status_(const struct reply *r, int want, const char *file, int line)
{
    if (r->status == want)
        return;
    print_error("the answer is %d, not %d: %s\n", r->status, want, r->body != NULL ? r->body : "");
    _fail(file, line);
}

void assert_field_(
    const struct reply *r, const char *name, const char *want, const char *file, int line)
{
    const char *value = reply_field(r, name);

    if (value != NULL && strcmp(value, want) == 0)
        return;
    print_error("%s is '%s', not '%s'\n", name, value != NULL ? value : "(absent)", want);
    _fail(file, line);
}

void assert_manners(const struct reply *r)
{
    const char *length = reply_field(r, "content-length");

    assert_int_equal(reply_count(r, "x-correlation-id"), 1);
    assert_int_equal(reply_count(r, "x-content-type-options"), 1);
    assert_field(r, "x-content-type-options", "nosniff");
    assert_int_equal(reply_count(r, "server"), 0);
    assert_int_equal(reply_count(r, "transfer-encoding"), 0);
    assert_int_equal(reply_count(r, "date"), 1);
    assert_int_equal(reply_count(r, "content-length"),
                     r->status == 204 || r->status == 304 ? 0 : 1);
    assert_true(length == NULL || strspn(length, "0123456789") == strlen(length));
    for (size_t i = 0; i < r->n_fields; i++)
        for (const char *p = r->fields[i].value; *p != '\0'; p++)
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

void assert_error(struct fixture *f, const struct reply *r, int status, const char *code)
{
    assert_status(r, status);
    assert_manners(r);
    assert_field(r, "content-type", "application/json");
    assert_json(f, r->body, "error.code", code);
    assert_true(strlen(json_text(f, r->body, "error.message")) > 0);
    assert_json(f, r->body, "correlation_id", reply_field(r, "x-correlation-id"));
    assert_int_equal(json_size(f, r->body, ""), 2);
    assert_int_equal(json_size(f, r->body, "error"), json_find(f, r->body, "error.fields") ? 3 : 2);
}
