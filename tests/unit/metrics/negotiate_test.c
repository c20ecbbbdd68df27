/* SPDX-License-Identifier: MIT */
/* What real scrapers send, and what nobody should. */
#include "metrics/exposition.h"
#include "tests/unit/unit.h"

#define OM EXPOSITION_OPENMETRICS
#define TEXT EXPOSITION_TEXT

struct accept_case {
    const char *accept;
    enum exposition_format format;
};

static void assert_formats(const struct accept_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (exposition_negotiate(slice_str(cases[i].accept)) != cases[i].format)
            fail_msg("'%s' gets the wrong format", cases[i].accept);
}

TEST(real_clients_get_what_they_ask_for)
{
    static const struct accept_case cases[] = {
  /* Prometheus 2.5 to 2.42 */
        {"application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         OM                                                                                                           },
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",                                                     OM  },
 /* Prometheus 2.49 and later: protocols in the configured order, q=0.N falling */
        {"application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
         "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",                                                     OM  },
        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,"
         "application/openmetrics-text;version=1.0.0;q=0.4,application/openmetrics-text;version=0.0.1;q=0.3,"
         "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",                                                     OM  },
 /* Prometheus 3 */
        {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
         "application/openmetrics-text;version=0.0.1;q=0.5,"
         "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
         OM                                                                                                           },
        {"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,"
         "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.2",              TEXT},
 /* scrape_protocols: [PrometheusText0.0.4] */
        {"text/plain;version=0.0.4;q=0.6,*/*;q=0.5",                                                              TEXT},
 /* curl, wget, browsers, Python's urllib3 */
        {"*/*",                                                                                                   TEXT},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",                            TEXT},
        {"",                                                                                                      TEXT},
    };

    assert_formats(cases, ARRAY_LEN(cases));
    assert_int_equal(exposition_negotiate(SLICE_NONE), TEXT);
}

TEST(a_quality_decides_and_0_excludes)
{
    static const struct accept_case cases[] = {
        {"application/openmetrics-text",                                                           OM  },
        {"application/openmetrics-text;q=0.5,text/plain;q=0.4",                                    OM  },
        {"application/openmetrics-text;q=0.4,text/plain;q=0.5",                                    TEXT},
        {"application/openmetrics-text;q=0",                                                       TEXT},
        {"application/openmetrics-text;q=0,*/*",                                                   TEXT},
        {"application/openmetrics-text;q=0.0,application/*",                                       TEXT},
        {"application/openmetrics-text;q=0.001",                                                   OM  },
        {"text/plain;q=0,application/openmetrics-text;q=0.1",                                      OM  },
        {"text/plain;q=0,*/*",                                                                     OM  }, /* all but text */
        {"text/plain;q=0",                                                                         TEXT}, /* never 406 */
        {"application/json",                                                                       TEXT},
        {"application/openmetrics-text;q=0.2,application/openmetrics-text;q=0.9,text/plain;q=0.5",
         OM                                                                                            },
        {"application/openmetrics-text;q=0.9,*/*",                                                 TEXT},
    };

    assert_formats(cases, ARRAY_LEN(cases));
}

TEST(an_unknown_version_gets_0_0_4)
{
    static const struct accept_case cases[] = {
        {"application/openmetrics-text;version=2.0.0",                                                TEXT},
        {"application/openmetrics-text;version=2.0.0,*/*;q=0.1",                                      TEXT},
        {"application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.9,"
         "text/plain;q=0.5",                                                                 OM  },
        {"application/openmetrics-text;version=1.0.0;q=0,application/openmetrics-text;version=0.0.1",
         TEXT                                                                                             },
        {"text/plain;version=9;q=0.9,application/openmetrics-text;q=0.8",                             TEXT},
    };

    assert_formats(cases, ARRAY_LEN(cases));
}

TEST(of_equals_the_more_specific_wins_and_then_the_first)
{
    static const struct accept_case cases[] = {
        {"text/plain,application/openmetrics-text",               TEXT},
        {"application/openmetrics-text,text/plain",               OM  },
        {"text/plain,application/openmetrics-text;version=1.0.0", TEXT},
        {"*/*,application/openmetrics-text",                      OM  },
        {"text/*,application/openmetrics-text",                   OM  },
        {"text/plain,application/*",                              TEXT},
        {"application/*",                                         OM  },
        {"application/*,*/*",                                     OM  },
        {"application/*,text/*",                                  TEXT},
    };

    assert_formats(cases, ARRAY_LEN(cases));
}

TEST(case_blanks_and_quotes_change_nothing)
{
    static const struct accept_case cases[] = {
        {" \tApplication/OpenMetrics-Text \t; \tVersion = \"1.0.0\" ; Q=1.000 ", OM  },
        {",, ,application/openmetrics-text,",                                    OM  },
        {"application/openmetrics-text;;q=1.",                                   OM  },
        {"application/openmetrics-text;q=0.",                                    TEXT},
        {"text/html;x=\"a,application/openmetrics-text\"",                       TEXT},
        {"text/html;x=\"a\\\",application/openmetrics-text\"",                   TEXT},
        {"text/html;x=\"a\\\",application/openmetrics-text;q=1,b\"",             TEXT},
        {"text/html;x=\"unclosed,application/openmetrics-text",                  TEXT},
    };

    assert_formats(cases, ARRAY_LEN(cases));
}

TEST(an_item_that_cannot_be_read_is_as_if_it_were_not_there)
{
    static const struct accept_case cases[] = {
        {"application/openmetrics-text;q=2",                    TEXT},
        {"application/openmetrics-text;q=-1",                   TEXT},
        {"application/openmetrics-text;q=x,text/plain;q=0.1",   TEXT},
        {"application/openmetrics-text;q=",                     TEXT},
        {"application/openmetrics-text;q",                      TEXT},
        {"text/plain;q=nan,application/openmetrics-text;q=0.1", OM  },
        {";q=1,application/openmetrics-text;q=0.1",             OM  },
        {"application/openmetrics-textx",                       TEXT},
        {"*",                                                   TEXT},
        {"*/openmetrics-text",                                  TEXT},
    };

    assert_formats(cases, ARRAY_LEN(cases));
}

TEST(content_types_name_version_and_charset)
{
    assert_string_equal(exposition_content_type(TEXT), "text/plain; version=0.0.4; charset=utf-8");
    assert_string_equal(
        exposition_content_type(OM),
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores");
}

TEST(gzip_is_used_when_the_client_likes_it_at_least_as_much_as_none)
{
    static const struct {
        const char *accept;
        bool gzip;
    } cases[] = {
        {"gzip",                         true },
        {"GZIP",                         true },
        {"x-gzip",                       true },
        {"deflate, gzip;q=1.0, *;q=0.5", true },
        {"gzip, deflate, br, zstd",      true },
        {"gzip;q=0.1",                   true },
        {"gzip;q=0.5, identity;q=0.5",   true },
        {"gzip;q=0.4, identity;q=0.5",   false},
        {"gzip;q=0.4, identity;q=0",     true },
        {"identity",                     false},
        {"gzip;q=0",                     false},
        {"gzip;q=0, *",                  false},
        {"*",                            true },
        {"*;q=0",                        false},
        {"*;q=0.3, identity",            false},
        {"br",                           false},
        {"gzip;q=x",                     false},
        {"",                             false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (exposition_accepts_gzip(slice_str(cases[i].accept)) != cases[i].gzip)
            fail_msg("'%s' is answered wrongly", cases[i].accept);
    assert_false(exposition_accepts_gzip(SLICE_NONE));
}

RUN_TESTS(T(real_clients_get_what_they_ask_for),
          T(a_quality_decides_and_0_excludes),
          T(an_unknown_version_gets_0_0_4),
          T(of_equals_the_more_specific_wins_and_then_the_first),
          T(case_blanks_and_quotes_change_nothing),
          T(an_item_that_cannot_be_read_is_as_if_it_were_not_there),
          T(content_types_name_version_and_charset),
          T(gzip_is_used_when_the_client_likes_it_at_least_as_much_as_none))
