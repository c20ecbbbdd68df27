/* SPDX-License-Identifier: MIT */
/*
 * Label values to series: the lookup that takes no lock, the making of new series, and the folding
 * of those that find no room. The rules are in registry.h.
 */
#include "base/utf8.h"
#include "metrics/exposition.h"
#include "metrics/family.h"

#include <stdlib.h>

static const struct slice other = {"other", 5};

enum { INDEX_FIRST = 256 };

/*
 * FNV-1a. Values from outside can be made to collide, but never more of them than the family's
 * budget.
 */
static uint64_t hash_values(const struct family *f, const struct slice *values)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uintptr_t)f;

    for (size_t i = 0; i < f->n_labels; i++) {
        for (size_t k = 0; k < values[i].n; k++)
            h = (h ^ (unsigned char)values[i].p[k]) * UINT64_C(0x100000001b3);
        h = (h ^ values[i].n) * UINT64_C(0x100000001b3);
    }
    return h ^ (h >> 32);
}

static bool same(const struct series *s, const struct family *f, const struct slice *values)
{
    if (s->family != f)
        return false;
    for (size_t i = 0; i < f->n_labels; i++)
        if (!slice_eq(s->values[i], values[i]))
            return false;
    return true;
}

static struct series *find(const struct registry *r,
                           const struct family *f,
                           const struct slice *values)
{
    const struct series_index *x = atomic_load_explicit(&r->index, memory_order_acquire);

    for (size_t i = 0; i < f->n_labels; i++)
        if (values[i].n > METRICS_LABEL_MAX)
            return NULL;
    uint64_t hash = hash_values(f, values);
    for (size_t i = hash & x->mask;; i = (i + 1) & x->mask) {
        struct series *s = atomic_load_explicit(&x->slots[i], memory_order_acquire);

        if (s == NULL || (s->hash == hash && same(s, f, values)))
            return s;
    }
}

static struct series_index *index_new(size_t slots)
{
    struct series_index *x = must_calloc(1, sizeof(*x) + slots * sizeof(x->slots[0]));

    x->mask = slots - 1;
    return x;
}

static void index_put(struct series_index *x, struct series *s)
{
    size_t i = s->hash & x->mask;

    while (atomic_load_explicit(&x->slots[i], memory_order_relaxed) != NULL)
        i = (i + 1) & x->mask;
    atomic_store_explicit(&x->slots[i], s, memory_order_release);
}

/* A reader still in the outgrown index may miss `s`; it then asks again under the lock. */
static void index_add(struct registry *r, struct series *s)
{
    struct series_index *x = atomic_load_explicit(&r->index, memory_order_relaxed);

    if (2 * (r->n_series + 1) > x->mask) {
        struct series_index *bigger = index_new(2 * (x->mask + 1));

        bigger->older = x;
        for (size_t i = 0; i <= x->mask; i++) {
            struct series *old = atomic_load_explicit(&x->slots[i], memory_order_relaxed);

            if (old != NULL)
                index_put(bigger, old);
        }
        atomic_store_explicit(&r->index, bigger, memory_order_release);
        x = bigger;
    }
    index_put(x, s);
    r->n_series++;
}

/* One allocation: the struct, the values, the head of its lines. */
static struct series *series_new(const struct family *f, const struct slice *values)
{
    struct buf b = BUF_INIT;

    for (size_t i = 0; i < f->n_labels; i++)
        buf_add_slice(&b, values[i]);
    size_t head_at = b.len;
    buf_add_str(&b, f->desc->name);
    size_t text_at = b.len;
    for (size_t i = 0; i < f->n_labels; i++) {
        buf_add_char(&b, i == 0 ? '{' : ',');
        buf_add_str(&b, f->desc->labels[i]);
        buf_add_str(&b, "=\"");
        exposition_escape_label(&b, values[i]);
        buf_add_char(&b, '"');
    }
    size_t text_end = b.len;
    buf_add_str(&b, f->n_labels > 0 ? "} " : " ");
    struct series *s = must_calloc(1, sizeof(*s) + b.len);
    char *p = fmt_slice((char *)(s + 1), (struct slice){b.data, b.len}) - b.len;
    s->family = f;
    s->hash = hash_values(f, values);
    s->head = (struct slice){p + head_at, b.len - head_at};
    s->text = (struct slice){p + text_at, text_end - text_at};
    for (size_t i = 0; i < f->n_labels; p += values[i++].n)
        s->values[i] = (struct slice){p, values[i].n};
    buf_release(&b);
    return s;
}

static bool all_other(const struct family *f, const struct slice *values)
{
    for (size_t i = 0; i < f->n_labels; i++)
        if (!slice_eq(values[i], other))
            return false;
    return true;
}

static struct series *insert(struct registry *r, struct family *f, const struct slice *values)
{
    struct series *s = series_new(f, values);

    if (f->keeps_one && all_other(f, values)) {
        f->keeps_one = false;
        r->kept_samples -= f->samples;
    }
    s->metric.cell = (uint32_t)r->next_cell;
    s->metric.exemplar = f->slots > 0 ? (uint32_t)r->next_slot : UINT32_MAX;
    r->next_cell += f->cells;
    r->next_slot += f->slots;
    atomic_fetch_add_explicit(&r->samples, f->samples, memory_order_relaxed);
    MUST(registry_samples(r) <= r->max_samples);
    index_add(r, s);
    s->older = atomic_load_explicit(&f->newest, memory_order_relaxed);
    atomic_store_explicit(&f->newest, s, memory_order_release);
    atomic_fetch_add_explicit(&f->n_series, 1, memory_order_relaxed);
    return s;
}

static bool has_room(const struct registry *r, const struct family *f)
{
    size_t n = atomic_load_explicit(&f->n_series, memory_order_relaxed) + f->keeps_one;

    if (f->desc->dynamic != 0 && n >= f->desc->budget)
        return false;
    return registry_samples(r) + r->kept_samples + f->samples <= r->max_samples;
}

/* Replaces the dynamic labels; false when they were "other" already. */
static bool fold(const struct family *f, struct slice *values)
{
    bool changed = false;

    for (size_t i = 0; i < f->n_labels; i++)
        if ((f->desc->dynamic >> i & 1) != 0 && !slice_eq(values[i], other)) {
            values[i] = other;
            changed = true;
        }
    return changed;
}

/* Replaces what no page may show; false when nothing had to be. */
static bool clean(const struct family *f, struct slice *values)
{
    bool folded = false;

    for (size_t i = 0; i < f->n_labels; i++) {
        if (values[i].n <= METRICS_LABEL_MAX && utf8_valid(values[i]))
            continue;
        folded = true;
        values[i] = other;
        if ((f->desc->dynamic >> i & 1) != 0)
            (void)fold(f, values);
    }
    return folded;
}

/*
 * The series that takes what has no room even for an "other" of its own; each family keeps a place
 * for it.
 */
static struct series *last_resort(struct registry *r, struct family *f)
{
    const struct slice values[METRICS_LABELS_MAX] = {other, other, other, other};
    struct series *s = find(r, f, values);

    MUST(s != NULL || f->keeps_one);
    return s != NULL ? s : insert(r, f, values);
}

/* With the lock held. Sets *folded when the series is not the one asked for. */
static struct series *find_or_make(struct registry *r,
                                   struct family *f,
                                   const struct slice *values,
                                   bool *folded)
{
    struct slice rest[METRICS_LABELS_MAX] = {SLICE_NONE};
    struct series *s = find(r, f, values), *rest_series;

    if (s != NULL)
        return s;
    if ((f->keeps_one && all_other(f, values)) || (f->desc->dynamic == 0 && has_room(r, f)))
        return insert(r, f, values);
    for (size_t i = 0; i < f->n_labels; i++)
        rest[i] = values[i];
    bool is_rest = !fold(f, rest);
    rest_series = find(r, f, rest);
    if (rest_series == NULL && has_room(r, f))
        rest_series = insert(r, f, rest);
    if (rest_series != NULL && is_rest)
        return rest_series;
    if (rest_series != NULL && has_room(r, f))
        return insert(r, f, values);
    atomic_store_explicit(&f->full, true, memory_order_relaxed);
    *folded = true;
    return rest_series != NULL ? rest_series : last_resort(r, f);
}

/* No series has these values yet. */
static struct metric get_new(struct registry *r, struct family *f, const struct slice *given)
{
    struct slice values[METRICS_LABELS_MAX] = {SLICE_NONE};
    struct series *s;

    for (size_t i = 0; i < f->n_labels; i++)
        values[i] = given[i];
    bool folded = clean(f, values);
    if (atomic_load_explicit(&f->full, memory_order_relaxed))
        folded = fold(f, values) || folded;
    s = find(r, f, values);
    if (s == NULL) {
        MUST(pthread_mutex_lock(&r->lock) == 0);
        s = find_or_make(r, f, values, &folded);
        MUST(pthread_mutex_unlock(&r->lock) == 0);
    }
    if (folded)
        atomic_fetch_add_explicit(&f->overflow, 1, memory_order_relaxed);
    return s->metric;
}

struct metric series_get(struct registry *r, size_t family, const struct slice *values)
{
    MUST(family < r->n_families);
    struct family *f = &r->families[family];
    const struct series *s = find(r, f, values);

    return s != NULL ? s->metric : get_new(r, f, values);
}

struct metric series_plain(struct registry *r, size_t family)
{
    MUST(family < r->n_families && r->families[family].n_labels == 0);
    return series_get(r, family, NULL);
}

void series_start(struct registry *r)
{
    atomic_store_explicit(&r->index, index_new(INDEX_FIRST), memory_order_release);
    for (size_t i = 0; i < r->n_families; i++) {
        r->families[i].keeps_one = true;
        r->kept_samples += r->families[i].samples;
    }
    MUST(r->kept_samples <= r->max_samples);
    for (size_t i = 0; i < r->n_families; i++) {
        struct family *f = &r->families[i];

        if (f->desc->dynamic != 0 && f->desc->dynamic + 1 == 1U << f->n_labels)
            (void)last_resort(r, f);
    }
}

void series_release(struct registry *r)
{
    struct series_index *x = atomic_load_explicit(&r->index, memory_order_acquire);

    for (size_t i = 0; i < r->n_families; i++) {
        struct series *s = atomic_load_explicit(&r->families[i].newest, memory_order_acquire);

        while (s != NULL) {
            struct series *older = s->older;

            free(s);
            s = older;
        }
    }
    while (x != NULL) {
        struct series_index *older = x->older;

        free(x);
        x = older;
    }
}
