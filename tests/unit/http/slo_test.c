/* SPDX-License-Identifier: MIT */
/* The table of SLO outcomes in docs/metrics.md, row by row, for all three objectives. */
#include "http/service.h"

#include "tests/unit/unit.h"

struct row {
    const char *what;
    struct slo_event event;
    enum slo_outcome availability; /* and contact */
    enum slo_outcome latency;
};

static const struct row rows[] = {
    {"fast 200",                     {.status = 200},                  SLO_GOOD,     SLO_GOOD    },
    {"slow 200",                     {.status = 200, .slow = true},    SLO_GOOD,     SLO_BAD     },
    {"fast 201",                     {.status = 201},                  SLO_GOOD,     SLO_GOOD    },
    {"slow 303",                     {.status = 303, .slow = true},    SLO_GOOD,     SLO_BAD     },
    {"fast 204",                     {.status = 204},                  SLO_GOOD,     SLO_GOOD    },
    {"500",                          {.status = 500},                  SLO_BAD,      SLO_EXCLUDED},
    {"slow 500",                     {.status = 500, .slow = true},    SLO_BAD,      SLO_EXCLUDED},
    {"503 of a full queue",          {.status = 503},                  SLO_BAD,      SLO_EXCLUDED},
    {"slow 503 of a failed sync",    {.status = 503, .slow = true},    SLO_BAD,      SLO_EXCLUDED},
    {"429 by the total limit",       {.status = 429},                  SLO_BAD,      SLO_EXCLUDED},
    {"slow 429 by the total limit",  {.status = 429, .slow = true},    SLO_BAD,      SLO_EXCLUDED},
    {"429 per client",               {.status = 429, .limited = true}, SLO_EXCLUDED, SLO_EXCLUDED},
    {"slow 429 per client",
     {.status = 429, .limited = true, .slow = true},
     SLO_EXCLUDED,                                                                   SLO_EXCLUDED},
    {"400 of the guard",             {.status = 400, .refused = true}, SLO_EXCLUDED, SLO_EXCLUDED},
    {"slow 413 of the guard",
     {.status = 413, .refused = true, .slow = true},
     SLO_EXCLUDED,                                                                   SLO_EXCLUDED},
    {"400 of a handler",             {.status = 400},                  SLO_GOOD,     SLO_GOOD    },
    {"404",                          {.status = 404},                  SLO_GOOD,     SLO_GOOD    },
    {"415",                          {.status = 415},                  SLO_GOOD,     SLO_GOOD    },
    {"fast 422",                     {.status = 422},                  SLO_GOOD,     SLO_GOOD    },
    {"slow 422",                     {.status = 422, .slow = true},    SLO_GOOD,     SLO_BAD     },
    {"client gone after the limit",
     {.status = HTTP_CLIENT_GONE, .slow = true},
     SLO_EXCLUDED,                                                                   SLO_BAD     },
    {"client gone before the limit", {.status = HTTP_CLIENT_GONE},     SLO_EXCLUDED, SLO_EXCLUDED},
};

TEST(every_row_of_the_table_is_judged_as_documented)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        enum slo_outcome availability = slo_judge(SLO_AVAILABILITY, &r->event);
        enum slo_outcome contact = slo_judge(SLO_CONTACT, &r->event);
        enum slo_outcome latency = slo_judge(SLO_LATENCY, &r->event);

        if (availability != r->availability || contact != r->availability || latency != r->latency)
            fail_msg("%s: availability %s, contact %s, latency %s", r->what,
                     slo_outcome_name(availability), slo_outcome_name(contact),
                     slo_outcome_name(latency));
    }
}

TEST(every_server_error_is_bad_and_never_counts_for_latency)
{
    for (unsigned status = 500; status < 600; status++) {
        const struct slo_event fast = {.status = status}, slow = {.status = status, .slow = true};

        assert_int_equal(slo_judge(SLO_AVAILABILITY, &fast), SLO_BAD);
        assert_int_equal(slo_judge(SLO_CONTACT, &slow), SLO_BAD);
        assert_int_equal(slo_judge(SLO_LATENCY, &fast), SLO_EXCLUDED);
        assert_int_equal(slo_judge(SLO_LATENCY, &slow), SLO_EXCLUDED);
    }
}

TEST(outcomes_and_objectives_have_the_names_of_the_page)
{
    assert_string_equal(slo_outcome_name(SLO_GOOD), "good");
    assert_string_equal(slo_outcome_name(SLO_BAD), "bad");
    assert_string_equal(slo_outcome_name(SLO_EXCLUDED), "excluded");
    assert_string_equal(slo_name(SLO_AVAILABILITY), "availability");
    assert_string_equal(slo_name(SLO_LATENCY), "latency");
    assert_string_equal(slo_name(SLO_CONTACT), "contact");
}

RUN_TESTS(T(every_row_of_the_table_is_judged_as_documented),
          T(every_server_error_is_bad_and_never_counts_for_latency),
          T(outcomes_and_objectives_have_the_names_of_the_page))
