/* SPDX-License-Identifier: MIT */
/*
 * Configuration made to be misread, to be slow, or not to be there: refused at its place, at once. What YAML's own suite
 * has is yaml_test.c's.
 */
#include "tests/faults/lib/checks.h"
#include "tests/faults/lib/promise.h"

#include <sys/stat.h>
#include <unistd.h>

struct file {
    const char *text;
    size_t n;
    const char *said; /* "LINE:COLUMN: why" or the beginning of it; NULL: it is a good file */
};
#define FILE_OF(text, said)          \
    {                                \
        text, sizeof(text) - 1, said \
    }

static const struct file files[] = {
    /* references */
    FILE_OF("service: &a [*a]\n", "1:10: anchors"),
    FILE_OF("service: *a\n", "1:10: aliases"),
    FILE_OF("hosts: [*a]\n", "1:9: aliases"),
    FILE_OF("hosts: &a [x, x]\nrum: {pages: *a}\n", "1:8: anchors"),
    FILE_OF("&a service: x\n", "1:1: anchors"),
    FILE_OF("&a\nservice: x\n", "1:1: anchors"),
    FILE_OF("*a : x\n", "1:1: aliases"),
    FILE_OF("contact:\n  <<: {rate: 5/m}\n", "2:3: \"<<\": "),
    FILE_OF("contact: &c\n  rate: 5/m\nlog:\n  <<: *c\n", "1:10: anchors"),
    FILE_OF("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n", "1:1: a: "),
    /* tags and directives */
    FILE_OF("service: !!str a\n", "1:10: tags"),
    FILE_OF("service: !!python/object/apply:os.system [id]\n", "1:10: tags"),
    FILE_OF("service: !<tag:yaml.org,2002:str> a\n", "1:10: tags"),
    FILE_OF("service: ! a\n", "1:10: tags"),
    FILE_OF("!!map\nservice: a\n", "1:1: tags"),
    FILE_OF("%YAML 1.2\n---\nservice: a\n", "1:1: directives"),
    FILE_OF("%TAG ! tag:x,2000:\n---\nservice: a\n", "1:1: directives"),
    FILE_OF("service: a\n...\n%TAG ! x\n---\n", "3:1: directives"),
    FILE_OF("\xef\xbb\xbf%YAML 1.2\n---\n", "1:1: directives"),
    /* more than one of what may come once */
    FILE_OF("service: a\n---\nthreads: 2\n", "2:1: only one document"),
    FILE_OF("---\n---\n", "2:1: only one document"),
    FILE_OF("service: a\n...\nthreads: 2\n", "3:1: "),
    FILE_OF("service: a\nservice: b\n", "2:1: service: given twice; first at line 1"),
    FILE_OF("service: a\n\"service\": b\n", "2:1: service: given twice"),
    FILE_OF("service: a\n\"s\\x65rvice\": b\n", "2:1: service: given twice"),
    FILE_OF("service: a\n? service\n: b\n", "2:3: service: given twice"),
    FILE_OF("contact: {rate: 5/m, rate: 6/m}\n", "1:22: contact.rate: given twice"),
    FILE_OF("contact:\n  rate: 5/m\ncontact:\n  rate: 5/m\n", "3:1: contact: given twice"),
    /* tabs */
    FILE_OF("contact:\n\trate: 5/m\n", "2:1: not valid YAML: indent with spaces"),
    FILE_OF("contact:\n  \trate: 5/m\n", "2:"),
    FILE_OF("\tservice: a\n", "1:1: not valid YAML: indent with spaces"),
    FILE_OF("service: a\tb\n", "1:10: service: "),
    /* bytes that are no text */
    FILE_OF("service: a\0b\n", "1:11: "),
    FILE_OF("\0service: a\n", "1:1: "),
    FILE_OF("service: a\n\0", "2:1: "),
    FILE_OF("# \0\n", "1:3: "),
    FILE_OF("service: \"a\\0b\"\n", "1:10: service: "),
    FILE_OF("service: \x1b[31m\n", "1:10: "),
    FILE_OF("service: \"\\e[31m\"\n", "1:10: service: "),
    FILE_OF("\"\\e[31m\": a\n", "1:1: "),
    FILE_OF("\"\\n\": a\n", "1:1: "),
    FILE_OF("service: a\x7f\n", "1:11: "),
    FILE_OF("service: \xff\n", "1:10: "),
    FILE_OF("service: \xc0\xaf\n", "1:10: "),
    FILE_OF("service: \xed\xa0\x80\n", "1:10: "),
    FILE_OF("service: \xf4\x90\x80\x80\n", "1:10: "),
    FILE_OF("service: \xe2\x82", "1:10: "),
    FILE_OF("service: caf\xe9\n", "1:13: "),
    FILE_OF("# caf\xe9\n", "1:6: "),
    FILE_OF("service: \"\\ud800\"\n", "1:13: "),
    FILE_OF("service: \"\\U00110000\"\n", "1:13: "),
    /* other encodings, which would be read by a reader that guesses */
    FILE_OF("\xff\xfes\0e\0r\0v\0i\0c\0e\0:\0 \0a\0\n\0", "1:1: "),
    FILE_OF("\xfe\xff\0s\0e\0r\0v\0i\0c\0e\0:\0 \0a\0\n", "1:1: "),
    FILE_OF("s\0e\0r\0v\0i\0c\0e\0:\0 \0a\0\n\0", "1:2: "),
    FILE_OF("\xff\xfe\0\0s\0\0\0", "1:1: "),
    FILE_OF("\xef\xbb\xbfservice: a\n", NULL),
    FILE_OF("\xef\xbb\xbf", NULL),
    FILE_OF("service: a\n\xef\xbb\xbfthreads: 2\n", "2:"),
    FILE_OF("service: \xef\xbb\xbf"
            "a\n",
            "1:10: service: "),
    /* shapes */
    FILE_OF("service: [a]\n", "1:10: service: "),
    FILE_OF("service: {a: b}\n", "1:10: service: "),
    FILE_OF("hosts: [[a]]\n", "1:9: hosts: "),
    FILE_OF("hosts: [{a: b}]\n", "1:9: hosts: "),
    FILE_OF("hosts: a.example\n", "1:8: hosts: "),
    FILE_OF("contact: 5\n", "1:10: contact: "),
    FILE_OF("[a]: 1\n", "1:1: a key is one word"),
    FILE_OF("{a: 1}: 1\n", "1:1: a key is one word"),
    FILE_OF("? |\n  service\n: a\n", "1:3: "),
    FILE_OF("~: a\n", "1:1: "),
    FILE_OF("\"\": a\n", "1:1: "),
    FILE_OF("contact.rate: 5/m\n", "1:1: "),
    FILE_OF("Service: a\n", "1:1: Service: there is no such key; was \"service\" meant?"),
    FILE_OF("service: a\n  b\n", "1:10: service: a value stands on one line"),
    FILE_OF("service: |\n  a\n", "1:10: service: a value stands on one line"),
    FILE_OF("hosts: [\n", "2:1: "),
    FILE_OF("contact: {rate: 5/m\n", "2:1: "),
    FILE_OF("service: \"a\n", "2:1: "),
    FILE_OF("service: @a\n", "1:10: "),
    FILE_OF("service: `a`\n", "1:10: "),
    FILE_OF(": a\n", "1:1: "),
    FILE_OF("- service\n", "1:1: must hold keys and values"),
    FILE_OF("service\n", "1:1: must hold keys and values"),
    /* numbers and words that YAML would change */
    FILE_OF("threads: 0x1F\n", "1:10: threads: "),
    FILE_OF("threads: 010\n", "1:10: threads: "),
    FILE_OF("threads: 0b1\n", "1:10: threads: "),
    FILE_OF("threads: 1_0\n", "1:10: threads: "),
    FILE_OF("threads: 1:30\n", "1:10: threads: "),
    FILE_OF("threads: 1e1\n", "1:10: threads: "),
    FILE_OF("threads: -1\n", "1:10: threads: "),
    FILE_OF("threads: 18446744073709551617\n", "1:10: threads: "),
    FILE_OF("threads: \xd9\xa1\n", "1:10: threads: "),
    FILE_OF("slo: {latency: .inf}\n", "1:16: slo.latency: "),
    FILE_OF("rum: {public_read: yes}\n", "1:20: rum.public_read: "),
    FILE_OF("rum: {public_read: True}\n", "1:20: rum.public_read: "),
    FILE_OF("service: no\n", NULL),
    FILE_OF("service: \"1\"\nthreads: '2'\n", NULL),
    FILE_OF("service: a # b\r\nthreads: 2\r\n", NULL),
    FILE_OF("---\nservice: a\n...\n", NULL),
    FILE_OF("", NULL),
    FILE_OF("\n", NULL),
};

static void expect(const struct check *c, const char *said)
{
    if (said == NULL ? c->status != CHECK_GOOD : strncmp(c->why, said, strlen(said)) != 0)
        fail_msg("%s: %d %s, not: %s", c->path, c->status, c->why, said != NULL ? said : "good");
}

TEST(files_made_to_be_misread_are_refused_where_they_begin_to_be)
{
    struct fixture *f = *state;
    struct check checks[ARRAY_LEN(files)];
    struct checked all;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        checks[i].path = in_dir(f, textf(f, "made-%zu.yaml", i));
        write_bytes(checks[i].path, (struct slice){files[i].text, files[i].n});
    }
    all = checks_run(f, checks, ARRAY_LEN(files));
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        expect(&checks[i], files[i].said);
    promise("B38",
            "Anchors, aliases, tags, keys given twice, other encodings: refused at their place",
            "a table of files with the line and column that the message must name",
            "%zu files, %zu refused, at most %.0f ms each", all.n, all.bad, all.most_ms);
}

/* `unit` over and over. */
static const struct {
    const char *before, *unit;
    size_t times;
    const char *after, *said;
} large[] = {
    {"",             "[",                100000, "",    "1:1: "           },
    {"",             "{",                100000, "",    "1:2: "           },
    {"hosts: ",      "[",                250000, "",    "1:9: hosts: "    },
    {"contact: ",    "{rate: ",          30000,  "",    "1:17: "          },
    {"",             "- ",               100000, "",    "1:1: "           },
    {"",             "? ",               100000, "",    "1:3: "           },
    {"",             ": ",               100000, "",    "1:1: "           },
    {"",             "a: ",              80000,  "",    "1:1: a: "        },
    {"",             "---\n",            60000,  "",    "2:1: "           },
    {"",             "%TAG !a! b\n",     20000,  "",    "1:1: directives" },
    {"",             "&a ",              80000,  "",    "1:1: "           },
    {"",             "!a ",              80000,  "",    "1:1: "           },
    {"service: ",    "a",                250000, "\n",  "1:10: service: " },
    {"service: \"",  "a",                250000, "\"",  "1:10: service: " },
    {"service: \"",  "a\n",              120000, "",    "120001:1: "      },
    {"service: '",   "''",               120000, "",    "1:"              },
    {"service: |\n", "  a\n",            60000,  "",    "1:10: service: " },
    {"service: ",    "a ",               120000, "\n",  "1:10: service: " },
    {"",             "a",                250000, ": 1", "1:"              },
    {"? ",           "a",                250000, "\n",  "1:3: "           },
    {"hosts: [",     "a,",               120000, "]\n", "1:137: hosts: "  },
    {"hosts:\n",     "- a\n",            60000,  "",    "66:3: hosts: "   },
    {"contact:\n",   "  rate: 1/m\n",    20000,  "",    "3:3: "           },
    {"hosts: [",     "[],",              80000,  "]\n", "1:9: hosts: "    },
    {"",             "\t",               250000, "",    "1:1: "           },
    {"",             "\xff",             250000, "",    "1:1: "           },
    {"",             "\xef\xbb\xbf",     80000,  "",    "1:"              },
    {"service: ",    "\xf0\x9f\x98\x80", 60000,  "\n",  "1:10: service: " },
    {"",             "#",                262145, "",    "1:1: larger than"},
    {"",             "service: a\n",     95326,  "",    "1:1: larger than"}, /* 1 MiB */
    {"",             "#",                262144, "",    NULL              },
    {"",             "\n",               262144, "",    NULL              },
    {"",             " ",                262144, "",    NULL              },
    {"",             "#\n",              131072, "",    NULL              },
    {"",             "#\xe2\x80\xa8",    65536,  "",    NULL              },
};

TEST(files_made_to_be_slow_take_no_time)
{
    struct fixture *f = *state;
    struct check checks[ARRAY_LEN(large)];
    struct buf b = BUF_INIT;
    struct checked all;

    for (size_t i = 0; i < ARRAY_LEN(large); i++) {
        buf_clear(&b);
        buf_add_str(&b, large[i].before);
        for (size_t k = 0; k < large[i].times; k++)
            buf_add_str(&b, large[i].unit);
        buf_add_str(&b, large[i].after);
        checks[i].path = in_dir(f, textf(f, "large-%zu.yaml", i));
        write_bytes(checks[i].path, (struct slice){b.data, b.len});
    }
    buf_release(&b);
    all = checks_run(f, checks, ARRAY_LEN(large));
    for (size_t i = 0; i < ARRAY_LEN(large); i++)
        expect(&checks[i], large[i].said);
    promise("B38", "A configuration of the largest size costs no time, whatever is in it",
            "100,000 brackets, documents, tags, quotes and more in one file, through --check",
            "%zu files of 60 KB to 1 MiB, at most %.0f ms each", all.n, all.most_ms);
}

/* ---- what is no file ---- */

TEST(what_is_no_readable_file_is_78_and_named)
{
    struct fixture *f = *state;
    const char *fifo = in_dir(f, "fifo.yaml"), *loop = in_dir(f, "loop.yaml");
    const char *file = in_dir(f, "file.yaml");
    const char *const paths[] = {fifo,
                                 loop,
                                 in_dir(f, "none.yaml"),
                                 fixture_dir(f),
                                 textf(f, "%s/below.yaml", file),
                                 textf(f, "%s/%0300d.yaml", fixture_dir(f), 1),
                                 "/dev/zero",
                                 "/dev/null",
                                 "/proc/self/mem"};

    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(symlink(loop, loop), 0);
    write_file(file, "");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const struct outcome *o = run_sidelight(f, "--check", "--config", paths[i]);
        size_t n = strlen(paths[i]);

        if (o->status != CHECK_BAD)
            fail_msg("%s: %d %s", paths[i], o->status, o->err);
        /* Of a long path, the end. */
        assert_contains(o->err, paths[i] + (n > 60 ? n - 60 : 0));
        assert_int_equal(count_of(o->err, "\n"), 1);
    }
    assert_string_equal(run_sidelight(f, "--check", "--config", "no\nsuch\x1b")->err,
                        "sidelight: cannot open no?such?: No such file or directory\n");
    promise("B39", "A configuration that cannot be read is 78 and named; nothing waits for it",
            "no file, a directory, a FIFO, devices, a loop of links, a path too long",
            "%zu paths, each 78", ARRAY_LEN(paths) + 1);
}

RUN_TESTS(T(files_made_to_be_misread_are_refused_where_they_begin_to_be),
          T(files_made_to_be_slow_take_no_time),
          T(what_is_no_readable_file_is_78_and_named))
