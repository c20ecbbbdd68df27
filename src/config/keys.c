/* SPDX-License-Identifier: MIT */
/*
 * The table of settings at run time. How the text of each kind is read is in kinds.c and lists.c.
 */
#include "config/keys.h"
#include "config/quote.h"

enum apply { LIVE, RESTART };

static const struct key keys[] = {
/* clang-format off */
#define CONFIG(key, field, kind, def, min, max, apply, help) \
    {key, &kind_##kind, offsetof(struct config, field), def, min, max, (apply) == LIVE, help},
#include "config/config_keys.def"
#undef CONFIG
    /* clang-format on */
};

const struct key *keys_all(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(keys);
    return keys;
}

const struct key *key_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

bool key_is_section(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strncmp(keys[i].name, name, n) == 0 && keys[i].name[n] == '.')
            return true;
    return false;
}

/* --- a key that was probably meant --- */

enum {
    EDITS_MAX = 2,
    NAME_MAX_LEN = 64, /* longer names have no suggestion */
};

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Levenshtein distance, by one row of the matrix. */
static size_t edits(struct slice a, struct slice b)
{
    size_t row[NAME_MAX_LEN + 1];

    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 0; i < a.n; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < b.n; j++) {
            size_t change = diagonal + (a.p[i] != b.p[j]);

            diagonal = row[j + 1];
            row[j + 1] = min3(change, diagonal + 1, row[j] + 1);
        }
    }
    return row[b.n];
}

/* Compares `name` with `whole` and the sections it is in. */
static void compare(struct slice name, struct slice whole, size_t *best, struct slice *ret)
{
    for (size_t n = 1; n <= whole.n; n++) {
        struct slice part = {whole.p, n};

        if (n < whole.n && whole.p[n] != '.')
            continue;
        size_t distance = edits(name, part);
        if (distance < *best) {
            *best = distance;
            *ret = part;
        }
    }
}

struct slice key_nearest(const char *name)
{
    struct slice wanted = slice_str(name), found = SLICE_NONE;
    size_t best = (wanted.n + 1) / 2 <= EDITS_MAX ? (wanted.n + 1) / 2 : EDITS_MAX + 1;

    for (size_t i = 0; wanted.n <= NAME_MAX_LEN && i < ARRAY_LEN(keys); i++) {
        struct slice whole = slice_str(keys[i].name);

        MUST(whole.n <= NAME_MAX_LEN);
        compare(wanted, whole, &best, &found);
    }
    return found;
}

/* --- values --- */

static void *field_of(const struct key *k, struct config *c)
{
    return (char *)c + k->offset;
}

static const void *const_field_of(const struct key *k, const struct config *c)
{
    return (const char *)c + k->offset;
}

bool key_read(const struct key *k, struct config *c, struct slice text, struct err *err)
{
    char quoted[QUOTE_MAX];
    struct err why = ERR_INIT;

    if (k->kind->read(k, text, field_of(k, c), &why))
        return true;
    if (text.n == 0)
        return err_set(err, ERR_INVALID, "has no value: %s", why.text);
    return err_set(err, ERR_INVALID, "%s is not allowed: %s", quote(text, quoted), why.text);
}

bool key_assign(const struct key *k, struct config *c, struct slice text, struct err *err)
{
    struct slice rest = text;

    if (!k->kind->list)
        return key_read(k, c, text, err);
    key_release(k, c);
    if (text.n == 0)
        return true;
    while (rest.p != NULL)
        if (!key_read(k, c, slice_trim(slice_cut(&rest, ',')), err))
            return false;
    return true;
}

void key_release(const struct key *k, struct config *c)
{
    void *field = field_of(k, c);

    if (k->kind->release != NULL)
        k->kind->release(field);
    memset(field, 0, k->kind->size);
}

bool key_equal(const struct key *k, const struct config *a, const struct config *b)
{
    const void *x = const_field_of(k, a), *y = const_field_of(k, b);

    return k->kind->equal != NULL ? k->kind->equal(x, y) : memcmp(x, y, k->kind->size) == 0;
}
