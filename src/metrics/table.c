/* SPDX-License-Identifier: MIT */
/* metrics.def as data. Its words (LABELS, DYNAMIC, ...) are defined here and nowhere else. */
#include "metrics/metrics.h"

#define MS(n) ((n)*UINT64_C(1000000))

const uint64_t bounds_duration[N_BOUNDS_DURATION] = {
    MS(1),    MS(2) + MS(1) / 2, MS(5),   MS(10),  MS(25),   MS(50),
    MS(100),  MS(200),           MS(300), MS(500), MS(1000), MS(2000) + MS(500),
    MS(5000), MS(10000),
};

const uint64_t bounds_size[N_BOUNDS_SIZE] = {256, 1024, 4096, 16384, 65536, 262144};

const uint64_t bounds_lag[N_BOUNDS_LAG] = {
    MS(1), MS(2), MS(5), MS(10), MS(20), MS(50), MS(100), MS(200), MS(500), MS(1000),
};

const uint64_t bounds_batch[N_BOUNDS_BATCH] = {1, 2, 4, 8, 16, 32, 64, 128, 256};

const uint64_t bounds_page_load[N_BOUNDS_PAGE_LOAD] = {
    MS(100), MS(500), MS(1000), MS(2000), MS(5000), MS(10000),
};

const uint64_t bounds_memory[N_BOUNDS_MEMORY] = {
    1000000,  2500000,   5000000,   10000000,  25000000,
    50000000, 100000000, 250000000, 500000000, 1000000000,
};

const uint64_t bounds_lcp[N_BOUNDS_LCP] = {
    MS(500), MS(1000), MS(1500), MS(2000), MS(2500), MS(3000), MS(4000), MS(6000), MS(10000),
};

const uint64_t bounds_inp[N_BOUNDS_INP] = {
    MS(50), MS(100), MS(150), MS(200), MS(300), MS(500), MS(1000), MS(2000),
};

const uint64_t bounds_cls[N_BOUNDS_CLS] = {
    MS(10), MS(25), MS(50), MS(100), MS(150), MS(250), MS(500), MS(1000),
};

const uint64_t bounds_fcp[N_BOUNDS_FCP] = {
    MS(500), MS(1000), MS(1400), MS(1800), MS(2400), MS(3000), MS(5000), MS(10000),
};

const uint64_t bounds_ttfb[N_BOUNDS_TTFB] = {
    MS(100), MS(200), MS(400), MS(800), MS(1200), MS(1800), MS(3000), MS(5000),
};

#define LABELS(...) .labels = {__VA_ARGS__}
#define NO_LABELS LABELS(NULL)
#define DYNAMIC(i, n) .dynamic = 1U << (i), .budget = (n)
#define EXEMPLARS .exemplars = true
#define BOUNDS_DURATION .bounds = bounds_duration, .n_bounds = N_BOUNDS_DURATION
#define BOUNDS_SIZE .bounds = bounds_size, .n_bounds = N_BOUNDS_SIZE
#define BOUNDS_LAG .bounds = bounds_lag, .n_bounds = N_BOUNDS_LAG
#define BOUNDS_BATCH .bounds = bounds_batch, .n_bounds = N_BOUNDS_BATCH
#define BOUNDS_PAGE_LOAD .bounds = bounds_page_load, .n_bounds = N_BOUNDS_PAGE_LOAD
#define BOUNDS_MEMORY .bounds = bounds_memory, .n_bounds = N_BOUNDS_MEMORY
#define BOUNDS_LCP .bounds = bounds_lcp, .n_bounds = N_BOUNDS_LCP
#define BOUNDS_INP .bounds = bounds_inp, .n_bounds = N_BOUNDS_INP
#define BOUNDS_CLS .bounds = bounds_cls, .n_bounds = N_BOUNDS_CLS
#define BOUNDS_FCP .bounds = bounds_fcp, .n_bounds = N_BOUNDS_FCP
#define BOUNDS_TTFB .bounds = bounds_ttfb, .n_bounds = N_BOUNDS_TTFB

#define ROW(kind, id, row_name, row_help, row_unit, ...) \
    [METRIC_##id] = {.name = (row_name),                 \
                     .help = (row_help),                 \
                     .type = METRIC_##kind,              \
                     .unit = METRIC_##row_unit,          \
                     __VA_ARGS__},
#define COUNTER(...) ROW(COUNTER, __VA_ARGS__)
#define GAUGE(...) ROW(GAUGE, __VA_ARGS__)
#define HISTOGRAM(...) ROW(HISTOGRAM, __VA_ARGS__)

const struct metric_desc metric_table[METRIC_FAMILIES] = {
#include "metrics/metrics.def"
};
