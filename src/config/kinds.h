/* SPDX-License-Identifier: MIT */
/*
 * The kinds of settings: how the text of each becomes a value. One row of config_keys.def names one
 * of them.
 *
 * `read` replaces the value, or, of a list, appends one entry; on failure the value is as before
 * and the message says what is allowed.
 */
#ifndef SIDELIGHT_CONFIG_KINDS_H
#define SIDELIGHT_CONFIG_KINDS_H

#include "base/err.h"
#include "base/slice.h"

struct key; /* keys.h; its bounds hold */

struct kind {
    bool list;
    size_t size; /* of the value in struct config */
    bool (*read)(const struct key *key, struct slice text, void *field, struct err *err);
    bool (*equal)(const void *a, const void *b); /* NULL: by bytes */
    void (*release)(void *field);                /* NULL: nothing is owned */
};

extern const struct kind kind_address, kind_string, kind_strings, kind_origins, kind_pages,
    kind_nets;
extern const struct kind kind_duration, kind_retention, kind_size, kind_count, kind_rate,
    kind_ratio;
extern const struct kind kind_boolean, kind_level, kind_client_ip;

#endif
