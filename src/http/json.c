/* SPDX-License-Identifier: MIT */
/*
 * The scanner, which decides what is JSON, and the tree, which cJSON builds and we check for
 * duplicate names and numbers beyond a double.
 *
 * cJSON keeps its last error in a global that each parse writes and nobody here reads: harmless
 * between threads.
 */
#include "http/json.h"

#include "base/utf8.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

struct scan {
    const unsigned char *p, *end;
    unsigned depth;
    size_t values;
    bool nul;            /* a \u0000 was seen; the grammar goes first */
    const char *message; /* set by the first failure */
};

static bool scan_value(struct scan *s); /* calls itself at most JSON_DEPTH_MAX deep */

static bool fail(struct scan *s, const char *message)
{
    s->message = message;
    return false;
}

/* The next byte, or -1 at the end. */
static int peek(const struct scan *s)
{
    return s->p < s->end ? *s->p : -1;
}

static bool take(struct scan *s, int c)
{
    if (peek(s) != c)
        return false;
    s->p++;
    return true;
}

static int peek_token(struct scan *s)
{
    while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r')
        s->p++;
    return peek(s);
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool scan_digits(struct scan *s)
{
    if (!is_digit(peek(s)))
        return fail(s, "The JSON text has a malformed number.");
    while (is_digit(peek(s)))
        s->p++;
    return true;
}

static bool scan_number(struct scan *s)
{
    (void)take(s, '-');
    if (!take(s, '0') && !scan_digits(s))
        return false;
    if (is_digit(peek(s)))
        return fail(s, "The JSON text has a number with a leading zero.");
    if (take(s, '.') && !scan_digits(s))
        return false;
    if (!take(s, 'e') && !take(s, 'E'))
        return true;
    if (!take(s, '+'))
        (void)take(s, '-');
    return scan_digits(s);
}

static bool scan_hex4(struct scan *s, unsigned *ret)
{
    unsigned v = 0;

    for (size_t i = 0; i < 4; i++) {
        int c = peek(s);

        if (is_digit(c))
            v = v * 16 + (unsigned)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            v = v * 16 + (unsigned)((c | 0x20) - 'a' + 10);
        else
            return fail(s, "The JSON text has a malformed \\u escape.");
        s->p++;
    }
    *ret = v;
    return true;
}

/* Behind "\u". A high surrogate must be followed by an escaped low one (RFC 8259, 7). */
static bool scan_unicode(struct scan *s)
{
    unsigned unit, low = 0;

    if (!scan_hex4(s, &unit))
        return false;
    if (unit == 0)
        s->nul = true;
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    if (unit <= 0xdbff && take(s, '\\') && take(s, 'u') && !scan_hex4(s, &low))
        return false;
    if (low < 0xdc00 || low > 0xdfff)
        return fail(s, "The JSON text has half a surrogate pair.");
    return true;
}

static bool scan_escape(struct scan *s)
{
    int c = peek(s);

    if (take(s, 'u'))
        return scan_unicode(s);
    if (c <= 0 || strchr("\"\\/bfnrt", c) == NULL)
        return fail(s, "The JSON text has an unknown escape.");
    s->p++;
    return true;
}

static bool scan_string(struct scan *s)
{
    if (!take(s, '"'))
        return fail(s, "The JSON text has a member without a name in quotes.");
    while (!take(s, '"')) {
        int c = peek(s);

        if (c < 0)
            return fail(s, "The JSON text ends within a string.");
        if (c < 0x20)
            return fail(s, "The JSON text has a control character within a string.");
        s->p++;
        if (c == '\\' && !scan_escape(s))
            return false;
    }
    return true;
}

static bool scan_word(struct scan *s, struct slice word)
{
    if ((size_t)(s->end - s->p) < word.n || memcmp(s->p, word.p, word.n) != 0)
        return fail(s, "The JSON text has an unknown word.");
    s->p += word.n;
    return true;
}

static bool scan_member(struct scan *s)
{
    (void)peek_token(s);
    if (!scan_string(s))
        return false;
    (void)peek_token(s);
    if (!take(s, ':'))
        return fail(s, "The JSON text lacks a colon.");
    return scan_value(s);
}

/* Behind the opening bracket, up to and including `close`. */
static bool scan_list(struct scan *s, int close, bool (*item)(struct scan *))
{
    size_t n = 0;

    if (++s->depth > JSON_DEPTH_MAX)
        return fail(s, "The JSON text is nested more than 16 levels deep.");
    if (peek_token(s) != close)
        do {
            if (++n > JSON_MEMBERS_MAX && close == '}')
                return fail(s, "The JSON text has an object with more than 256 members.");
            if (!item(s))
                return false;
            (void)peek_token(s);
        } while (take(s, ','));
    if (!take(s, close))
        return fail(s, "The JSON text lacks a comma or a closing bracket.");
    s->depth--;
    return true;
}

static bool scan_value(struct scan *s)
{
    if (++s->values > JSON_VALUES_MAX)
        return fail(s, "The JSON text has more than 8192 values.");
    switch (peek_token(s)) {
    case '{':
        s->p++;
        return scan_list(s, '}', scan_member);
    case '[':
        s->p++;
        return scan_list(s, ']', scan_value);
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, SLICE_LIT("true"));
    case 'f':
        return scan_word(s, SLICE_LIT("false"));
    case 'n':
        return scan_word(s, SLICE_LIT("null"));
    default:
        if (peek(s) != '-' && !is_digit(peek(s)))
            return fail(s, "The JSON text lacks a value.");
        return scan_number(s);
    }
}

enum json_verdict json_scan(struct slice text, const char **ret_message)
{
    struct scan s = {.p = (const unsigned char *)text.p};

    s.end = s.p + text.n;
    if (!utf8_valid(text))
        s.message = "The JSON text is not valid UTF-8.";
    else if (scan_value(&s) && peek_token(&s) != -1)
        s.message = "The JSON text goes on after its value.";
    if (s.message == NULL && !s.nul)
        return JSON_OK;
    *ret_message = s.message != NULL ? s.message : "U+0000 is not allowed in a string.";
    return s.message != NULL ? JSON_MALFORMED : JSON_NUL;
}

struct json {
    cJSON *root;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * Names are compared as cJSON decoded them: "a" and "\u0061" are the same. Sorted, so that a
 * hostile object costs little.
 */
static bool has_twins(const cJSON *object)
{
    const char *names[JSON_MEMBERS_MAX];
    const cJSON *member;
    size_t n = 0;

    cJSON_ArrayForEach(member, object)
    {
        MUST(n < ARRAY_LEN(names));
        names[n++] = member->string;
    }
    qsort(names, n, sizeof(names[0]), by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return true;
    return false;
}

static enum json_verdict check_tree(const cJSON *node, const char **ret_message)
{
    const cJSON *child;

    if (cJSON_IsNumber(node) && !isfinite(node->valuedouble)) {
        *ret_message = "The JSON text has a number out of range.";
        return JSON_MALFORMED;
    }
    if (cJSON_IsObject(node) && has_twins(node)) {
        *ret_message = "A JSON object names a member twice.";
        return JSON_DUPLICATE;
    }
    cJSON_ArrayForEach(child, node)
    {
        enum json_verdict v = check_tree(child, ret_message);

        if (v != JSON_OK)
            return v;
    }
    return JSON_OK;
}

static void *take_memory(size_t n)
{
    return must_realloc(NULL, n);
}

void json_init(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){take_memory, free});
}

enum json_verdict json_parse(struct slice text, struct json **ret, const char **ret_message)
{
    enum json_verdict v = json_scan(text, ret_message);
    cJSON *root;

    if (v != JSON_OK)
        return v;
    root = cJSON_ParseWithLengthOpts(text.p, text.n, NULL, false);
    if (root == NULL) { /* no text is known that only the scanner takes, but cJSON has the say */
        *ret_message = "The JSON text cannot be read.";
        return JSON_MALFORMED;
    }
    v = check_tree(root, ret_message);
    if (v != JSON_OK) {
        cJSON_Delete(root);
        return v;
    }
    *ret = must_calloc(1, sizeof(**ret));
    (*ret)->root = root;
    return JSON_OK;
}

void json_free(struct json *doc)
{
    if (doc == NULL)
        return;
    cJSON_Delete(doc->root);
    free(doc);
}

static enum json_type type_of(const cJSON *node)
{
    switch (node != NULL ? node->type & 0xff : cJSON_Invalid) {
    case cJSON_NULL:
        return JSON_NULL;
    case cJSON_True:
    case cJSON_False:
        return JSON_BOOL;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_ABSENT;
    }
}

/* What a struct json_value really is; nothing is defined of it, so nobody can look inside. */
static const cJSON *node_of(const struct json_value *v)
{
    return (const void *)v;
}

static const struct json_value *value_of(const cJSON *node)
{
    return (const void *)node;
}

const struct json_value *json_root(const struct json *doc)
{
    return value_of(doc->root);
}

enum json_type json_value_type(const struct json_value *v)
{
    return type_of(node_of(v));
}

const struct json_value *json_value_first(const struct json_value *v)
{
    return v != NULL ? value_of(node_of(v)->child) : NULL;
}

const struct json_value *json_value_next(const struct json_value *v)
{
    return v != NULL ? value_of(node_of(v)->next) : NULL;
}

size_t json_value_size(const struct json_value *v)
{
    size_t n = 0;

    for (v = json_value_first(v); v != NULL; v = json_value_next(v))
        n++;
    return n;
}

struct slice json_value_name(const struct json_value *v)
{
    return v != NULL && node_of(v)->string != NULL ? slice_str(node_of(v)->string) : SLICE_NONE;
}

struct slice json_value_string(const struct json_value *v)
{
    return cJSON_IsString(node_of(v)) ? slice_str(node_of(v)->valuestring) : SLICE_NONE;
}

double json_value_number(const struct json_value *v)
{
    return cJSON_IsNumber(node_of(v)) ? node_of(v)->valuedouble : 0;
}

static const cJSON *member(const struct json *doc, const char *name)
{
    return cJSON_IsObject(doc->root) ? cJSON_GetObjectItemCaseSensitive(doc->root, name) : NULL;
}

enum json_type json_type(const struct json *doc)
{
    return type_of(doc->root);
}

enum json_type json_member_type(const struct json *doc, const char *name)
{
    return type_of(member(doc, name));
}

struct slice json_member_string(const struct json *doc, const char *name)
{
    const cJSON *m = member(doc, name);

    return cJSON_IsString(m) ? slice_str(m->valuestring) : SLICE_NONE;
}
