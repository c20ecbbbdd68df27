/* SPDX-License-Identifier: MIT */
/*
 * What the head scanner refuses, and why: one row per way to write a head that others would read
 * differently.
 */
#include "tests/unit/http/scan.h"

TEST(ordinary_heads_pass)
{
    static const struct head_row rows[] = {
        {"the least",                      RAW(GET END)                                      },
        {"1.0 needs no Host",              RAW("GET / HTTP/1.0\r\n\r\n")                     },
        {"1.9 is read as 1.1",             LINE("GET / HTTP/1.9")                            },
        {"one empty line before it",       RAW("\r\n" GET END)                               },
        {"OPTIONS *",                      LINE("OPTIONS * HTTP/1.1")                        },
        {"names in any case",              RAW("GET / HTTP/1.1\r\nhOsT: a\r\n\r\n")          },
        {"no space after the colon",       RAW("GET / HTTP/1.1\r\nHost:a\r\n\r\n")           },
        {"spaces and tabs around a value", FIELDS("X: \t v \t \r\n")                         },
        {"an empty value",                 FIELDS("X:\r\n")                                  },
        {"a tab inside a value",           FIELDS("X: a\tb\r\n")                             },
        {"high bytes in a value",          FIELDS("X: \xc3\xa4\xff\x80\r\n")                 },
        {"all marks of a token in a name", FIELDS("!#$%&'*+-.^_`|~aZ09: v\r\n")              },
        {"a body after the head",          RAW(POST "Content-Length: 4\r\n" END "\n\r\0\x7f")},
        {"a query",                        LINE("GET /?a=b&c=%0D%0A HTTP/1.1")               },
        {"a % that decodes",               LINE("GET /%41%2F%c3%A9 HTTP/1.1")                },
        {"a % in a query that does not",   LINE("GET /?100%&a=%4&b=%zz HTTP/1.1")            },
        {"a second slash",                 LINE("GET //x HTTP/1.1")                          },
        {"Upgrade is ignored",             FIELDS("Connection: Upgrade\r\nUpgrade: h2c\r\n") },
    };

    check_rows(rows, ARRAY_LEN(rows), REFUSED_NOT);
}

#define CL "Content-Length: 3\r\n"
#define TE "Transfer-Encoding: chunked\r\n"

TEST(ambiguous_framing_is_refused)
{
    static const struct head_row rows[] = {
        {"CL and TE",            POSTED(CL TE)                                               },
        {"TE and CL",            POSTED(TE CL)                                               },
        {"two different CL",     POSTED(CL "Content-Length: 6\r\n")                          },
        {"two equal CL",         POSTED(CL CL)                                               },
        {"two equal CL apart",   POSTED("content-length: 3\r\nX: y\r\nCONTENT-LENGTH: 3\r\n")},
        {"two TE",               POSTED(TE TE)                                               },
        {"identity and chunked", POSTED("Transfer-Encoding: identity\r\n" TE)                },
        {"TE on 1.0",            RAW("POST / HTTP/1.0\r\n" TE "\r\n")                        },
    };

    check_rows(rows, ARRAY_LEN(rows), REFUSED_FRAMING);
}

TEST(chunked_bodies_are_asked_for_a_length)
{
    static const struct head_row rows[] = {
        {"TE in any case",              POSTED("tRANSFER-eNCODING: CHUNKED\r\n") },
        {"chunked alone",               POSTED("Transfer-Encoding: chunked\r\n") },
        {"chunked with a space behind", POSTED("Transfer-Encoding: chunked \r\n")},
        {"chunked on GET",              FIELDS("Transfer-Encoding: chunked\r\n") },
    };

    check_rows(rows, ARRAY_LEN(rows), REFUSED_LENGTH_REQUIRED);
}

TEST(a_space_before_the_colon_hides_no_framing)
{
    static const struct head_row rows[] = {
        {"space before the colon",  POSTED("Transfer-Encoding : chunked\r\n")},
        {"space before CL's colon", POSTED("Content-Length : 3\r\n")         },
    };

    check_rows(rows, ARRAY_LEN(rows), REFUSED_SYNTAX);
}

struct value_row {
    struct slice value;
    enum refusal want;
};

static void check_values(const char *name, const struct value_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum refusal got = refusal_with(name, rows[i].value);

        if (got != rows[i].want)
            fail_msg("%s: %.*s: refusal %d, want %d", name, (int)rows[i].value.n, rows[i].value.p,
                     (int)got, (int)rows[i].want);
    }
}

TEST(a_content_length_is_digits_and_nothing_else)
{
    static const struct value_row rows[] = {
        {RAW("0"),                     REFUSED_NOT    },
        {RAW("3"),                     REFUSED_NOT    },
        {RAW("0003"),                  REFUSED_NOT    },
        {RAW("131072"),                REFUSED_NOT    },
        {RAW("9999999999999999999"),   REFUSED_NOT    }, /* libh2o refuses the size */
        {RAW(""),                      REFUSED_FRAMING},
        {RAW("3, 3"),                  REFUSED_FRAMING},
        {RAW("3,3"),                   REFUSED_FRAMING},
        {RAW("3 3"),                   REFUSED_FRAMING},
        {RAW("+3"),                    REFUSED_FRAMING},
        {RAW("-1"),                    REFUSED_FRAMING},
        {RAW("-0"),                    REFUSED_FRAMING},
        {RAW("0x3"),                   REFUSED_FRAMING},
        {RAW("3.0"),                   REFUSED_FRAMING},
        {RAW("1e1"),                   REFUSED_FRAMING},
        {RAW("3;"),                    REFUSED_FRAMING},
        {RAW("3\xd9\xa3"),             REFUSED_FRAMING},
        {RAW("18446744073709551616"),  REFUSED_FRAMING},
        {RAW("999999999999999999999"), REFUSED_FRAMING},
    };

    check_values("Content-Length", rows, ARRAY_LEN(rows));
}

TEST(a_transfer_encoding_is_chunked_or_refused)
{
    static const struct value_row rows[] = {
        {RAW("chunked"),          REFUSED_LENGTH_REQUIRED},
        {RAW("Chunked"),          REFUSED_LENGTH_REQUIRED},
        {RAW(""),                 REFUSED_FRAMING        },
        {RAW("gzip"),             REFUSED_FRAMING        },
        {RAW("gzip, chunked"),    REFUSED_FRAMING        },
        {RAW("chunked, chunked"), REFUSED_FRAMING        },
        {RAW("chunked, gzip"),    REFUSED_FRAMING        },
        {RAW("identity"),         REFUSED_FRAMING        },
        {RAW("xchunked"),         REFUSED_FRAMING        },
        {RAW("chunkedx"),         REFUSED_FRAMING        },
        {RAW("\"chunked\""),      REFUSED_FRAMING        },
        {RAW("chunked;a=b"),      REFUSED_FRAMING        },
        {RAW("chunked,"),         REFUSED_FRAMING        },
        {RAW("\vchunked"),        REFUSED_SYNTAX         },
        {RAW("chunked\x0c"),      REFUSED_SYNTAX         },
    };

    check_values("Transfer-Encoding", rows, ARRAY_LEN(rows));
}

TEST(only_100_continue_may_be_expected)
{
    static const struct value_row rows[] = {
        {RAW("100-continue"),      REFUSED_NOT        },
        {RAW("100-Continue"),      REFUSED_NOT        },
        {RAW("foo"),               REFUSED_EXPECTATION},
        {RAW(""),                  REFUSED_EXPECTATION},
        {RAW("100"),               REFUSED_EXPECTATION},
        {RAW("100-continue, foo"), REFUSED_EXPECTATION},
        {RAW("100-continue;a=b"),  REFUSED_EXPECTATION},
    };

    check_values("Expect", rows, ARRAY_LEN(rows));
    assert_int_equal(refusal_of((struct slice)FIELDS("Expect: foo\r\n")), REFUSED_EXPECTATION);
    assert_int_equal(refusal_of((struct slice)FIELDS("Expect: 100-continue\r\nExpect: foo\r\n")),
                     REFUSED_EXPECTATION);
}

TEST(malformed_lines_are_refused)
{
    static const struct head_row rows[] = {
        {"nothing",                              RAW("")                                  },
        {"one byte",                             RAW("G")                                 },
        {"an empty line alone",                  RAW("\r\n")                              },
        {"two empty lines before it",            RAW("\r\n\r\n" GET END)                  },
        {"a bare LF before it",                  RAW("\n" GET END)                        },
        {"obs-fold by a space",                  FIELDS("X: 1\r\n folded\r\n")            },
        {"obs-fold by a tab",                    FIELDS("X: 1\r\n\tfolded\r\n")           },
        {"obs-fold before any field",            RAW("GET / HTTP/1.1\r\n Host: a\r\n\r\n")},
        {"obs-fold of nothing",                  FIELDS("X: 1\r\n \r\n")                  },
        {"bare LF everywhere",                   RAW("GET / HTTP/1.1\nHost: a\n\n")       },
        {"bare LF after the request line",       RAW("GET / HTTP/1.1\nHost: a\r\n\r\n")   },
        {"bare LF after one field",              FIELDS("X: 1\nY: 2\r\n")                 },
        {"bare LF at the end",                   RAW(GET "\n")                            },
        {"bare LF at the end of the last field", FIELDS("X: 1\n")                         },
        {"bare CR in a value",                   FIELDS("X: 1\r2\r\n")                    },
        {"CR CR LF",                             FIELDS("X: 1\r\r\n")                     },
        {"CR CR LF at the end",                  RAW(GET "\r\r\n")                        },
        {"bare CR in a name",                    FIELDS("X\r: 1\r\n")                     },
        {"bare CR for a line end",               RAW("GET / HTTP/1.1\rHost: a\r\n\r\n")   },
        {"NUL in a value",                       FIELDS("X: a\0b\r\n")                    },
        {"NUL in a name",                        FIELDS("X\0: a\r\n")                     },
        {"NUL in the method",                    LINE("GE\0T / HTTP/1.1")                 },
        {"0x7f in a value",                      FIELDS("X: a\x7f\r\n")                   },
        {"0x7f in a name",                       FIELDS("X\x7f: a\r\n")                   },
        {"0x7f in the method",                   LINE("GET\x7f / HTTP/1.1")               },
        {"a tab in the method",                  LINE("G\tT / HTTP/1.1")                  },
        {"a line without a colon",               FIELDS("X\r\n")                          },
        {"an empty name",                        FIELDS(": 1\r\n")                        },
        {"a space before the colon",             FIELDS("X : 1\r\n")                      },
        {"a tab before the colon",               FIELDS("X\t: 1\r\n")                     },
        {"a space in a name",                    FIELDS("X Y: 1\r\n")                     },
        {"high bytes in a name",                 FIELDS("\xc3\xa4: 1\r\n")                },
        {"brackets in a name",                   FIELDS("(X): 1\r\n")                     },
        {"no blank line",                        RAW(GET)                                 },
        {"no end of the last line",              RAW(GET "\r")                            },
    };

    check_rows(rows, ARRAY_LEN(rows), REFUSED_SYNTAX);
}

TEST(odd_request_lines_are_refused)
{
    static const struct head_row rows[] = {
        {"HTTP/0.9",                      RAW("GET /\r\n\r\n")                   },
        {"HTTP/0.9 with a Host",          LINE("GET /")                          },
        {"HTTP/2.0",                      LINE("GET / HTTP/2.0")                 },
        {"HTTP/1",                        LINE("GET / HTTP/1")                   },
        {"HTTP/1.10",                     LINE("GET / HTTP/1.10")                },
        {"HTTP/1.x",                      LINE("GET / HTTP/1.x")                 },
        {"http/1.1",                      LINE("GET / http/1.1")                 },
        {"no version",                    LINE("GET / ")                         },
        {"a space behind the version",    LINE("GET / HTTP/1.1 ")                },
        {"two spaces after the method",   LINE("GET  / HTTP/1.1")                },
        {"two spaces before the version", LINE("GET /  HTTP/1.1")                },
        {"a space before the method",     LINE(" GET / HTTP/1.1")                },
        {"a space in the target",         LINE("GET /a b HTTP/1.1")              },
        {"tabs for spaces",               LINE("GET\t/\tHTTP/1.1")               },
        {"no method",                     LINE(" / HTTP/1.1")                    },
        {"only a method",                 LINE("GET")                            },
        {"the preface of HTTP/2",         RAW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
    };

    check_rows(rows, ARRAY_LEN(rows), REFUSED_SYNTAX);
}

TEST(methods_off_the_list_are_refused)
{
    static const struct head_row rows[] = {
        {"CONNECT",         LINE("CONNECT a:443 HTTP/1.1")},
        {"TRACE",           LINE("TRACE / HTTP/1.1")      },
        {"PRI as a method", LINE("PRI * HTTP/1.1")        },
        {"lower case",      LINE("get / HTTP/1.1")        },
        {"no token",        LINE("G@T / HTTP/1.1")        },
        {"a longer one",    LINE("GETX / HTTP/1.1")       },
    };

    check_rows(rows, ARRAY_LEN(rows), REFUSED_METHOD);
}

TEST(odd_targets_are_refused)
{
    static const struct head_row rows[] = {
        {"absolute-form",               LINE("GET http://evil/ HTTP/1.1")},
        {"absolute-form of this host",  LINE("GET http://a/ HTTP/1.1")   },
        {"authority-form",              LINE("GET a:80 HTTP/1.1")        },
        {"* with GET",                  LINE("GET * HTTP/1.1")           },
        {"*x with OPTIONS",             LINE("OPTIONS *x HTTP/1.1")      },
        {"** with OPTIONS",             LINE("OPTIONS ** HTTP/1.1")      },
        {"no slash",                    LINE("GET x HTTP/1.1")           },
        {"a query alone",               LINE("GET ?x HTTP/1.1")          },
        {"a fragment",                  LINE("GET /#x HTTP/1.1")         },
        {"a fragment in the query",     LINE("GET /?a#x HTTP/1.1")       },
        {"a backslash",                 LINE("GET /..\\x HTTP/1.1")      },
        {"a backslash in the query",    LINE("GET /?\\ HTTP/1.1")        },
        {"high bytes",                  LINE("GET /\xc3\xa4 HTTP/1.1")   },
        {"% alone in the path",         LINE("GET /% HTTP/1.1")          },
        {"% and one digit in the path", LINE("GET /%4 HTTP/1.1")         },
        {"% and no digits in the path", LINE("GET /%zz HTTP/1.1")        },
        {"% and a digit in the path",   LINE("GET /%4g/ HTTP/1.1")       },
        {"%00 in the path",             LINE("GET /%00 HTTP/1.1")        },
        {"%0d in the path",             LINE("GET /a%0d%0aFAKE HTTP/1.1")},
        {"%0A in the path",             LINE("GET /%0A HTTP/1.1")        },
        {"%7F in the path",             LINE("GET /%7F HTTP/1.1")        },
        {"%00 in the query",            LINE("GET /?a=%00 HTTP/1.1")     },
    };

    check_rows(rows, ARRAY_LEN(rows), REFUSED_TARGET);
}

static bool control(unsigned c)
{
    return c < 0x20 || c == 0x7f;
}

TEST(every_byte_of_a_target_is_judged)
{
    for (unsigned c = 0; c < 256; c++) {
        const char path[] = {'/', 'a', (char)c, 'b'}, query[] = {'/', '?', 'a', (char)c, 'b'};
        bool bad = control(c) || c > 0x7f || c == '#' || c == '\\';
        enum refusal want = c == ' ' || c == '\n' ? REFUSED_SYNTAX
                            : bad                 ? REFUSED_TARGET
                                                  : REFUSED_NOT;

        assert_int_equal(refusal_of_target((struct slice){query, sizeof(query)}), want);
        if (c == '%') /* no digits follow */
            want = REFUSED_TARGET;
        assert_int_equal(refusal_of_target((struct slice){path, sizeof(path)}), want);
    }
}

TEST(every_escaped_byte_of_a_target_is_judged)
{
    static const char upper[] = "0123456789ABCDEF", lower[] = "0123456789abcdef";

    for (unsigned c = 0; c < 256; c++)
        for (unsigned form = 0; form < 4; form++) {
            const char hi = (form & 1 ? upper : lower)[c >> 4],
                       lo = (form & 2 ? upper : lower)[c & 15];
            const char path[] = {'/', '%', hi, lo}, query[] = {'/', '?', '%', hi, lo};

            assert_int_equal(refusal_of_target((struct slice){path, sizeof(path)}),
                             control(c) ? REFUSED_TARGET : REFUSED_NOT);
            assert_int_equal(refusal_of_target((struct slice){query, sizeof(query)}),
                             c == 0 ? REFUSED_TARGET : REFUSED_NOT);
        }
}

/*
 * The scanner looks at eight bytes at a time: each byte, at each place, among neighbours that
 * borrow and carry.
 */
TEST(every_control_byte_is_found_wherever_it_stands)
{
    static const char neighbours[] = {'a', ' ', '\t', '~', '\x80', '\xff', '!', '\x5f'};
    char line[] = GET "X: @@@@@@@@@@@@@@@@@@\r\n\r\n";
    char *value = strchr(line, '@');

    for (size_t k = 0; k < sizeof(neighbours); k++)
        for (size_t at = 0; at < 18; at++)
            for (unsigned c = 0; c < 256; c++) {
                enum refusal want = control(c) && c != '\t' ? REFUSED_SYNTAX : REFUSED_NOT;

                memset(value, neighbours[k], 18);
                value[at] = (char)c;
                if (refusal_of((struct slice){line, sizeof(line) - 1}) != want)
                    fail_msg("byte %u at %zu among %d", c, at, neighbours[k]);
            }
}

TEST(host_comes_once_and_names_a_host)
{
    static const struct head_row rows[] = {
        {"none",          RAW("GET / HTTP/1.1\r\n\r\n")                       },
        {"none on 1.9",   RAW("GET / HTTP/1.9\r\n\r\n")                       },
        {"two different", FIELDS("Host: b\r\n")                               },
        {"two equal",     FIELDS("Host: a\r\n")                               },
        {"two on 1.0",    LINE("GET / HTTP/1.0\r\nHost: a")                   },
        {"empty",         RAW("GET / HTTP/1.1\r\nHost:\r\n\r\n")              },
        {"empty on 1.0",  RAW("GET / HTTP/1.0\r\nHost: \r\n\r\n")             },
        {"with a path",   RAW("GET / HTTP/1.1\r\nHost: a/evil?x#@y z\r\n\r\n")},
        {"with a user",   RAW("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n")          },
        {"a list",        RAW("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n")         },
    };

    check_rows(rows, ARRAY_LEN(rows), REFUSED_HOST);
}

TEST(the_first_reason_found_counts)
{
    static const struct {
        struct slice raw;
        enum refusal want;
    } rows[] = {
        {LINE("get x HTTP/1.1"),                                        REFUSED_METHOD },
        {RAW("GET x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"), REFUSED_TARGET },
        {RAW("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"),            REFUSED_FRAMING},
        {RAW("GET / HTTP/1.1\r\n" TE "\r\n"),                           REFUSED_HOST   },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(refusal_of(rows[i].raw), rows[i].want);
}

RUN_TESTS(T(ordinary_heads_pass),
          T(ambiguous_framing_is_refused),
          T(chunked_bodies_are_asked_for_a_length),
          T(a_space_before_the_colon_hides_no_framing),
          T(a_content_length_is_digits_and_nothing_else),
          T(a_transfer_encoding_is_chunked_or_refused),
          T(only_100_continue_may_be_expected),
          T(malformed_lines_are_refused),
          T(odd_request_lines_are_refused),
          T(methods_off_the_list_are_refused),
          T(odd_targets_are_refused),
          T(every_byte_of_a_target_is_judged),
          T(every_escaped_byte_of_a_target_is_judged),
          T(every_control_byte_is_found_wherever_it_stands),
          T(host_comes_once_and_names_a_host),
          T(the_first_reason_found_counts))
