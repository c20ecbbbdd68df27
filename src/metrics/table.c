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

#define LABELS(...) .labels = {__VA_ARGS__}
#define NO_LABELS LABELS(NULL)
#define DYNAMIC(i, n) .dynamic = 1U << (i), .budget = (n)
#define EXEMPLARS .exemplars = true
#define BOUNDS_DURATION .bounds = bounds_duration, .n_bounds = N_BOUNDS_DURATION
#define BOUNDS_SIZE .bounds = bounds_size, .n_bounds = N_BOUNDS_SIZE
#define BOUNDS_LAG .bounds = bounds_lag, .n_bounds = N_BOUNDS_LAG
#define BOUNDS_BATCH .bounds = bounds_batch, .n_bounds = N_BOUNDS_BATCH

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
