/* SPDX-License-Identifier: MIT */
/*
 * That lib/scale.py changes durations only: what alerts_test, outage_test and mail_test show holds
 * for the production files.
 */
#include "tests/e2e/lib/process.h"

#define FACTOR "50"

/* `text` with the first `old` as `new`. */
static const char *changed(struct fixture *f, const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);

    assert_non_null(at);
    return textf(f, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
}

TEST(scaled_files_are_the_production_files_but_for_durations)
{
    static const struct {
        const char *file, *old, *new;
    } changes[] = {
        {"files/slo-rules.yml",               "[6s]",                     "[7s]"                    },
        {"files/slo-rules.yml",               "[72s]",                    "[1h]"                    },
        {"files/slo-rules.yml",               "for: 1200ms",              "for: 1m"                 },
        {"files/slo-rules.yml",               "> 14.4\n",                 "> 14.5\n"                },
        {"files/slo-rules.yml",               "window: 1h",               "window: 72s"             },
        {"files/prometheus/alertmanager.yml", "group_wait: 200ms",        "group_wait: 0s"          },
        {"files/prometheus/alertmanager.yml", "equal: [service, slo]",    "equal: [service]"        },
        {"files/prometheus/prometheus.yml",   "sample_limit: 5000",       "sample_limit: 5001"      },
        {"files/prometheus/prometheus.yml",   "scrape_interval: 200ms",   "scrape_interval: 10s"    },
        {"files/prometheus/blackbox.yml",     "valid_status_codes: [200", "valid_status_codes: [201"},
    };
    struct fixture *f = *state;
    const char *dir = in_dir(f, "files");
    const char *const *make = ARGS("tests/stack/lib/scale.py", FACTOR, ".", dir);
    const char *const *compare = ARGS("tests/stack/lib/scale.py", "--compare", FACTOR, ".", dir);

    assert_int_equal(run(f, make, NULL)->status, 0);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        const char *file = in_dir(f, changes[i].file), *text = read_file(f, file);

        assert_string_equal(run(f, compare, NULL)->err, "");
        write_file(file, changed(f, text, changes[i].old, changes[i].new));
        assert_int_equal(run(f, compare, NULL)->status, 1);
        write_file(file, text);
    }
}

RUN_TESTS(T(scaled_files_are_the_production_files_but_for_durations))
