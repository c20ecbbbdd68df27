/* SPDX-License-Identifier: MIT */
/*
 * A strict reader of a small part of YAML: one document of nested mappings whose leaves are plain
 * values, or lists of plain values. Every value is text; whoever visits it converts it.
 *
 * Errors, each with `name:line:column: `: anchors, aliases, tags, directives, a second document, a
 * key given twice, a key that is not made of letters, digits, '_' and '-', a value over several
 * lines, collections inside lists, more than CONFIG_DEPTH_MAX nested collections, more than
 * YAML_KEYS_MAX keys. An empty document has no keys and is fine.
 *
 * Time is linear in the text, whatever is in it: libyaml hands out events as it goes, and nothing
 * deeper than CONFIG_DEPTH_MAX is asked for (all of it at once is quadratic: 100,000 brackets take
 * 16 s).
 */
#ifndef SIDELIGHT_CONFIG_YAML_H
#define SIDELIGHT_CONFIG_YAML_H

#include "base/err.h"
#include "base/slice.h"

enum {
    YAML_KEYS_MAX = 256, /* of the whole document */
    YAML_KEY_MAX = 64,   /* bytes of one key */
};

enum yaml_node_kind {
    YAML_NODE_KEY,     /* a key; what it holds follows */
    YAML_NODE_SECTION, /* it holds a mapping, whose keys follow */
    YAML_NODE_LIST,    /* it holds a list, whose entries follow */
    YAML_NODE_ENTRY,   /* an entry of it, `text` */
    YAML_NODE_VALUE,   /* it holds `text` */
    YAML_NODE_NULL,    /* it holds nothing: an empty value, ~ or null, unquoted */
};

struct yaml_node {
    enum yaml_node_kind kind;
    const char *path; /* keys from the root, joined by dots */
    struct slice text;
};

/*
 * Called in document order. Returning false ends the reading; its message gets the position and the
 * path in front.
 */
typedef bool yaml_visit_fn(void *ctx, const struct yaml_node *node, struct err *err);

/* `name` stands for the text in messages. */
MUST_CHECK bool yaml_read(
    const char *name, struct slice text, yaml_visit_fn *visit, void *ctx, struct err *err);

#endif
