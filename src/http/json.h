/* SPDX-License-Identifier: MIT */
/*
 * Strict JSON in (RFC 8259), on cJSON, which alone accepts far more: our own scanner reads the
 * whole text first and refuses what the grammar does, invalid UTF-8, lone surrogates, more than
 * JSON_DEPTH_MAX levels, more than JSON_MEMBERS_MAX members, more than JSON_VALUES_MAX values,
 * trailing bytes, U+0000 and duplicate names. cJSON then only builds the tree.
 */
#ifndef SIDELIGHT_HTTP_JSON_H
#define SIDELIGHT_HTTP_JSON_H

#include "base/slice.h"

enum {
    JSON_DEPTH_MAX = 16,    /* nested objects and arrays; one more is malformed (400) */
    JSON_MEMBERS_MAX = 256, /* members of one object; one more is malformed (400) */
    /*
     * Values in all; one more is malformed (400). 128 KiB of "0," would keep an event loop for 12
     * ms.
     */
    JSON_VALUES_MAX = 8192,
};

enum json_verdict {
    JSON_OK,
    JSON_MALFORMED, /* not JSON, or over a limit: 400 */
    JSON_DUPLICATE, /* an object names a member twice: 422 */
    JSON_NUL,       /* U+0000 in a string or a name: 422 */
};

/*
 * The grammar alone, without building anything (JSON_DUPLICATE and numbers beyond a double are
 * json_parse's to find); fails with a sentence for the client that echoes nothing.
 */
enum json_verdict json_scan(struct slice text, const char **ret_message);

/*
 * Once, before any thread parses: memory that is not there ends the process, as everywhere in our
 * own code. cJSON cannot tell it from a text that it cannot read, and a client would be told that
 * its JSON is wrong.
 */
void json_init(void);

struct json; /* a parsed document; owns everything */
/* JSON_OK and *ret, or why not and *ret_message (static). json_free releases; NULL is fine. */
enum json_verdict json_parse(struct slice text, struct json **ret, const char **ret_message);
void json_free(struct json *doc);

enum json_type {
    JSON_ABSENT,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};
/*
 * The type of the document itself, and of a member of a top-level object (exact name,
 * case-sensitive).
 */
enum json_type json_type(const struct json *doc);
enum json_type json_member_type(const struct json *doc, const char *name);
/*
 * A string member of the top-level object; SLICE_NONE when absent or of another type. Lives as long
 * as `doc`.
 */
struct slice json_member_string(const struct json *doc, const char *name);

/*
 * A value anywhere in a document, borrowed: valid as long as the document. Every function takes
 * NULL, for a value that is not there.
 */
struct json_value;
const struct json_value *json_root(const struct json *doc);
enum json_type json_value_type(const struct json_value *v); /* NULL: JSON_ABSENT */
/* The first member or item of an object or array, in order of the text; NULL: there is none. */
const struct json_value *json_value_first(const struct json_value *v);
const struct json_value *json_value_next(const struct json_value *v);
size_t json_value_size(const struct json_value *v); /* members or items; 0 for other types */
/* The name of a member, decoded; SLICE_NONE for an item or the document itself. */
struct slice json_value_name(const struct json_value *v);
/* The text of a string, decoded; SLICE_NONE for another type. */
struct slice json_value_string(const struct json_value *v);
/* A number, finite; 0 for another type. */
double json_value_number(const struct json_value *v);

#endif
