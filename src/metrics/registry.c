/* SPDX-License-Identifier: MIT */
/*
 * A registry's memory, and what it tells about itself. How series are found and made is in
 * series.c.
 */
#include "metrics/desc.h"
#include "metrics/family.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t round_to_pages(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (n + page - 1) / page * page;
}

/*
 * Pages of their own, so that shards share no cache line, and for every sample from the start, so
 * that cells never move; what is never touched takes no memory. Huge pages would spoil that: one
 * touch takes 2 MiB.
 */
static char *map_memory(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    MUST(p != MAP_FAILED);
    (void)madvise(p, bytes, MADV_NOHUGEPAGE);
    return p;
}

/* 1048576 as "1.048576e+06", 10 billionths as "1e-08": `exponent` is that of the first digit. */
static void add_scientific(struct buf *b, struct slice digits, int exponent)
{
    unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);

    while (digits.n > 1 && digits.p[digits.n - 1] == '0')
        digits.n--;
    buf_add(b, digits.p, 1);
    if (digits.n > 1)
        buf_add_char(b, '.');
    buf_add(b, digits.p + 1, digits.n - 1);
    buf_addf(b, "e%c%02u", exponent < 0 ? '-' : '+', size);
}

/*
 * The spelling of Prometheus 3: the shortest of Go's format 'g', that is with an exponent below
 * 1e-4 and from 1e6 on, else with a point.
 */
static void add_bound(struct buf *b, const struct metric_desc *d, size_t i)
{
    char text[FMT_NANO], *end;
    bool nanos = desc_in_nanos(d);

    if (i == d->n_bounds) {
        buf_add_str(b, "+Inf");
        return;
    }
    end = fmt_u64(text, d->bounds[i]);
    int exponent = (int)(end - text) - 1 - (nanos ? 9 : 0);
    if (d->bounds[i] > 0 && (exponent < -4 || exponent >= 6)) {
        add_scientific(b, (struct slice){text, (size_t)(end - text)}, exponent);
        return;
    }
    if (nanos)
        end = fmt_nano(text, (int64_t)d->bounds[i]);
    buf_add(b, text, (size_t)(end - text));
    if (memchr(text, '.', (size_t)(end - text)) == NULL)
        buf_add_str(b, ".0");
}

static void make_le(struct family *f)
{
    struct buf b = BUF_INIT;
    size_t ends[METRICS_BOUNDS_MAX + 1];

    for (size_t i = 0; i <= f->desc->n_bounds; i++) {
        buf_add_str(&b, f->n_labels > 0 ? ",le=\"" : "{le=\"");
        add_bound(&b, f->desc, i);
        buf_add_str(&b, "\"} ");
        ends[i] = b.len;
    }
    f->le_text = b.data;
    for (size_t i = 0, start = 0; i <= f->desc->n_bounds; start = ends[i++])
        f->le[i] = (struct slice){f->le_text + start, ends[i] - start};
}

static void family_init(struct family *f, const struct metric_desc *d)
{
    f->desc = d;
    f->n_labels = desc_labels(d);
    f->cells = desc_cells(d);
    f->samples = desc_samples(d);
    f->slots = d->exemplars ? d->n_bounds + 1 : 0;
    if (d->type == METRIC_HISTOGRAM)
        make_le(f);
}

static void make_shards(struct registry *r, bool exemplars)
{
    size_t cells = round_to_pages(r->max_samples * sizeof(r->shards->cells[0])), slots = 0;

    if (exemplars)
        slots = round_to_pages(r->max_samples * sizeof(struct exemplar));
    r->shards = must_calloc(r->n_shards, sizeof(r->shards[0]));
    r->memory_bytes = r->n_shards * (cells + slots);
    r->memory = map_memory(r->memory_bytes);
    for (size_t i = 0; i < r->n_shards; i++) {
        char *p = r->memory + i * (cells + slots);

        r->shards[i].cells = (void *)p;
        r->shards[i].exemplars = exemplars ? (void *)(p + cells) : NULL;
    }
}

struct registry *registry_new(const struct metric_desc *descs,
                              size_t n,
                              const struct registry_options *opt)
{
    struct registry *r = must_calloc(1, sizeof(*r));
    bool exemplars = false;

    desc_check(descs, n);
    MUST(opt->shards > 0 && opt->max_samples > 0 && opt->max_samples < UINT32_MAX);
    r->n_families = n;
    r->families = must_calloc(n, sizeof(r->families[0]));
    for (size_t i = 0; i < n; i++) {
        family_init(&r->families[i], &descs[i]);
        exemplars = exemplars || descs[i].exemplars;
    }
    r->max_samples = opt->max_samples;
    r->n_shards = opt->shards;
    make_shards(r, exemplars);
    MUST(pthread_mutex_init(&r->lock, NULL) == 0);
    series_start(r);
    return r;
}

void registry_free(struct registry *r)
{
    if (r == NULL)
        return;
    series_release(r);
    for (size_t i = 0; i < r->n_families; i++) {
        free(r->families[i].le_text);
        free(r->families[i].view.sorted);
    }
    MUST(munmap(r->memory, r->memory_bytes) == 0);
    MUST(pthread_mutex_destroy(&r->lock) == 0);
    free(r->families);
    free(r->shards);
    free(r);
}

struct shard *registry_shard(struct registry *r, size_t i)
{
    MUST(i < r->n_shards);
    return &r->shards[i];
}

static struct family *family_at(const struct registry *r, size_t family)
{
    MUST(family < r->n_families);
    return &r->families[family];
}

uint64_t registry_overflow(const struct registry *r, size_t family)
{
    return atomic_load_explicit(&family_at(r, family)->overflow, memory_order_relaxed);
}

size_t registry_series(const struct registry *r, size_t family)
{
    return atomic_load_explicit(&family_at(r, family)->n_series, memory_order_relaxed);
}

size_t registry_samples(const struct registry *r)
{
    return atomic_load_explicit(&r->samples, memory_order_relaxed);
}

size_t registry_max_samples(const struct registry *r)
{
    return r->max_samples;
}

const struct metric_desc *registry_desc(const struct registry *r, size_t family)
{
    return family_at(r, family)->desc;
}

uint64_t metric_value(const struct registry *r, struct metric m)
{
    MUST(m.cell < r->max_samples);
    return registry_cell(r, m.cell);
}

void registry_each(const struct registry *r, size_t family, series_fn *fn, void *ctx)
{
    const struct family *f = family_at(r, family);

    for (const struct series *s = atomic_load_explicit(&f->newest, memory_order_acquire); s != NULL;
         s = s->older)
        fn(ctx, s->values, s->metric);
}

void registry_on_collect(struct registry *r, collect_fn *fn, void *ctx)
{
    MUST(r->n_collectors < ARRAY_LEN(r->collectors));
    r->collectors[r->n_collectors].fn = fn;
    r->collectors[r->n_collectors].ctx = ctx;
    r->n_collectors++;
}

void registry_collect(const struct registry *r)
{
    for (size_t i = 0; i < r->n_collectors; i++)
        r->collectors[i].fn(r->collectors[i].ctx);
}
