/* SPDX-License-Identifier: MIT */
/*
 * config_keys.def as a table at run time: finding a key, and reading, comparing and releasing its
 * value inside a struct config.
 */
#ifndef SIDELIGHT_CONFIG_KEYS_H
#define SIDELIGHT_CONFIG_KEYS_H

#include "config/config.h"
#include "config/kinds.h"

struct key {
    const char *name;
    const struct kind *kind;
    size_t offset; /* of the value in struct config */
    const char *def;
    uint64_t min, max; /* 0, 0: no bound */
    bool live;
    const char *help;
};

const struct key *keys_all(size_t *ret_n);
const struct key *key_find(const char *name); /* NULL when there is none */
/* True for "contact", because there is "contact.rate". */
bool key_is_section(const char *name);
/*
 * The key or section that `name` was probably meant to be: at most two edits away, and fewer than
 * half its letters; SLICE_NONE without one.
 */
struct slice key_nearest(const char *name);

/* One value, or one more entry of a list. The message quotes the text. */
MUST_CHECK bool key_read(const struct key *k, struct config *c, struct slice text, struct err *err);
/* The value whole: of a list, its entries with commas between; nothing is the empty list. */
MUST_CHECK bool key_assign(const struct key *k,
                           struct config *c,
                           struct slice text,
                           struct err *err);
void key_release(const struct key *k, struct config *c);
bool key_equal(const struct key *k, const struct config *a, const struct config *b);

#endif
