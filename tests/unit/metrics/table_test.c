/* SPDX-License-Identifier: MIT */
/* metrics.def: that the table is well-formed, and what the design fixes of it. */
#include "metrics/desc.h"
#include "metrics/metrics.h"
#include "tests/unit/unit.h"

TEST(every_row_is_well_formed)
{
    desc_check(metric_table, METRIC_FAMILIES); /* ends the process if not */
    for (size_t i = 0; i < METRIC_FAMILIES; i++) {
        size_t help = strlen(metric_table[i].help);

        assert_true(help > 0 && metric_table[i].help[help - 1] == '.');
    }
}

TEST(names_say_their_unit)
{
    for (size_t i = 0; i < METRIC_FAMILIES; i++)
        assert_int_equal(metric_table[i].unit != METRIC_ONE &&
                             metric_table[i].unit != METRIC_DECIMAL,
                         desc_om_unit(&metric_table[i]) != NULL);
}

static size_t find(const char *name)
{
    for (size_t i = 0; i < METRIC_FAMILIES; i++)
        if (strcmp(metric_table[i].name, name) == 0)
            return i;
    fail_msg("no %s", name);
    return 0;
}

TEST(the_names_labels_and_types_the_design_fixes)
{
    static const struct {
        const char *name;
        enum metric_type type;
        const char *labels[METRICS_LABELS_MAX];
    } rows[] = {
        {"http_requests_total",                          METRIC_COUNTER,   {"method", "endpoint", "status"}},
        {"http_request_duration_seconds",                METRIC_HISTOGRAM, {"method", "endpoint"}          },
        {"http_requests_in_flight",                      METRIC_GAUGE,     {"endpoint"}                    },
        {"http_request_size_bytes",                      METRIC_HISTOGRAM, {NULL}                          },
        {"http_response_size_bytes",                     METRIC_HISTOGRAM, {NULL}                          },
        {"http_errors_total",                            METRIC_COUNTER,   {"type", "endpoint"}            },
        {"http_rejected_total",                          METRIC_COUNTER,   {"reason"}                      },
        {"contact_submissions_total",                    METRIC_COUNTER,   {"source", "service"}           },
        {"contact_rejections_total",                     METRIC_COUNTER,   {"reason"}                      },
        {"received_metrics_total",                       METRIC_COUNTER,   {NULL}                          },
        {"rum_reports_total",                            METRIC_COUNTER,   {"outcome"}                     },
        {"rum_errors_total",                             METRIC_COUNTER,   {"kind"}                        },
        {"page_load_time_seconds",                       METRIC_HISTOGRAM, {NULL}                          },
        {"memory_usage_bytes",                           METRIC_GAUGE,     {NULL}                          },
        {"memory_usage_distribution_bytes",              METRIC_HISTOGRAM, {NULL}                          },
        {"rum_lcp_seconds",                              METRIC_HISTOGRAM, {"page"}                        },
        {"rum_inp_seconds",                              METRIC_HISTOGRAM, {"page"}                        },
        {"rum_cls",                                      METRIC_HISTOGRAM, {"page"}                        },
        {"rum_fcp_seconds",                              METRIC_HISTOGRAM, {"page"}                        },
        {"rum_ttfb_seconds",                             METRIC_HISTOGRAM, {"page"}                        },
        {"slo_events_total",                             METRIC_COUNTER,   {"slo", "outcome"}              },
        {"slo_objective_ratio",                          METRIC_GAUGE,     {"slo"}                         },
        {"dependency_up",                                METRIC_GAUGE,     {"name"}                        },
        {"active_database_connections",                  METRIC_GAUGE,     {NULL}                          },
        {"log_lines_total",                              METRIC_COUNTER,   {NULL}                          },
        {"log_lines_dropped_total",                      METRIC_COUNTER,   {NULL}                          },
        {"metrics_series",                               METRIC_GAUGE,     {"family"}                      },
        {"metrics_label_overflow_total",                 METRIC_COUNTER,   {"family"}                      },
        {"metrics_handler_requests_total",               METRIC_COUNTER,   {"code"}                        },
        {"sidelight_build_info",                         METRIC_GAUGE,     {"version", "revision"}         },
        {"sidelight_draining",                           METRIC_GAUGE,     {NULL}                          },
        {"config_last_reload_successful",                METRIC_GAUGE,     {NULL}                          },
        {"config_last_reload_success_timestamp_seconds", METRIC_GAUGE,     {NULL}                          },
        {"config_restart_required",                      METRIC_GAUGE,     {NULL}                          },
        {"event_loop_lag_seconds",                       METRIC_HISTOGRAM, {NULL}                          },
        {"worker_connections",                           METRIC_GAUGE,     {"worker"}                      },
        {"process_cpu_seconds_total",                    METRIC_COUNTER,   {NULL}                          },
        {"process_start_time_seconds",                   METRIC_GAUGE,     {NULL}                          },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct metric_desc *d = &metric_table[find(rows[i].name)];

        assert_int_equal(d->type, rows[i].type);
        for (size_t k = 0; k < METRICS_LABELS_MAX; k++)
            assert_string_equal(d->labels[k] != NULL ? d->labels[k] : "",
                                rows[i].labels[k] != NULL ? rows[i].labels[k] : "");
    }
}

TEST(the_bounds_of_the_duration_hold_the_threshold_of_the_slo)
{
    static const uint64_t us[N_BOUNDS_DURATION] = {1000,    2500,    5000,    10000,   25000,
                                                   50000,   100000,  200000,  300000,  500000,
                                                   1000000, 2500000, 5000000, 10000000};

    for (size_t i = 0; i < N_BOUNDS_DURATION; i++)
        assert_int_equal(bounds_duration[i], us[i] * 1000);
    for (size_t i = 0, v = 256; i < N_BOUNDS_SIZE; i++, v *= 4)
        assert_int_equal(bounds_size[i], v);
    assert_ptr_equal(metric_table[METRIC_HTTP_DURATION].bounds, bounds_duration);
    assert_true(metric_table[METRIC_HTTP_DURATION].exemplars);
}

TEST(only_what_clients_can_choose_is_dynamic)
{
    static const struct {
        size_t family, budget;
    } rows[] = {
        {METRIC_CONTACT_SUBMISSIONS, 64},
        {METRIC_RUM_LCP,             32},
        {METRIC_RUM_INP,             32},
        {METRIC_RUM_CLS,             32},
        {METRIC_RUM_FCP,             32},
        {METRIC_RUM_TTFB,            32},
    };
    size_t n = 0;

    for (size_t i = 0; i < METRIC_FAMILIES; i++)
        n += metric_table[i].dynamic != 0;
    assert_int_equal(n, ARRAY_LEN(rows));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(metric_table[rows[i].family].dynamic, 1);
        assert_int_equal(metric_table[rows[i].family].budget, rows[i].budget);
    }
}

RUN_TESTS(T(every_row_is_well_formed),
          T(names_say_their_unit),
          T(the_names_labels_and_types_the_design_fixes),
          T(the_bounds_of_the_duration_hold_the_threshold_of_the_slo),
          T(only_what_clients_can_choose_is_dynamic))
