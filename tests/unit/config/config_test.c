/* SPDX-License-Identifier: MIT */
/* The sources of the configuration together: defaults, text, file, --set, and the sample. */
#include "base/buf.h"
#include "base/clock.h"
#include "config/keys.h"
#include "config/yaml.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A value that is not the default, for every key. */
static const char *const others[] = {
    "listen.public=[::1]:81",
    "listen.metrics=[::1]:82",
    "metrics.allow=10.0.0.0/8",
    "metrics.max_samples=6000",
    "hosts=a,b",
    "threads=3",
    "service=shop",
    "store.path=/tmp/x.db",
    "store.lock_wait=1s",
    "limits.body=1MiB",
    "limits.connections=9",
    "http.request_timeout=31s",
    "contact.max_message=9",
    "contact.redirect=/x",
    "contact.rate=off",
    "contact.rate_total=1/s",
    "contact.retention=30d",
    "trusted_proxies=::1",
    "client_ip_header=X-Client",
    "cors.origins=https://a,http://b:81",
    "rum.public_read=true",
    "rum.pages=/a/*,/b",
    "rum.rate=off",
    "rum.keep=9",
    "drills.enabled=true",
    "drills.allow=10.0.0.0/8",
    "slo.availability=0.5",
    "slo.latency=0.5",
    "slo.contact=0.5",
    "slo.latency_threshold=1s",
    "drain.delay=1s",
    "drain.timeout=13s",
    "drain.last_scrape=1s",
    "sandbox=false",
    "log.level=debug",
    "log.client_ip=none",
};

static void init_others(struct config *c)
{
    struct err err = ERR_INIT;

    config_init(c);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (!config_set(c, others[i], &err))
            fail_msg("%s", err.text);
}

static void expect_differ(const struct config *a, const struct config *b, bool differ)
{
    size_t n;
    const struct key *keys = keys_all(&n);

    for (size_t i = 0; i < n; i++)
        if (key_equal(&keys[i], a, b) == differ)
            fail_msg("%s: %s", keys[i].name, differ ? "equal" : "differs");
}

static void expect_error(const char *text, const char *message)
{
    struct err err = ERR_INIT;
    struct config c;

    config_init(&c);
    if (config_load_text(&c, "f.yaml", slice_str(text), &err))
        fail_msg("%s\nwas taken", text);
    assert_string_equal(err.text, message);
    assert_int_equal(err.kind, ERR_INVALID);
    config_release(&c);
}

TEST(the_defaults_are_those_of_the_design)
{
    struct err err = ERR_INIT;
    struct config c;

    config_init(&c);
    assert_string_equal(c.listen_public, "0.0.0.0:8000");
    assert_string_equal(c.listen_metrics, "127.0.0.1:9091");
    assert_string_equal(c.service, "sidelight");
    assert_string_equal(c.store_path, "./data/sidelight.db");
    assert_int_equal(c.limits_body, 131072);
    assert_int_equal(c.limits_connections, 12000);
    assert_int_equal(c.http_request_timeout, 30 * NS_PER_SEC);
    assert_int_equal(c.contact_max_message, 10000);
    assert_int_equal(c.contact_rate.count, 10);
    assert_int_equal(c.contact_rate.per_ns, 60 * NS_PER_SEC);
    assert_int_equal(c.contact_rate_total.count, 0);
    assert_int_equal(c.slo_availability, 999000000);
    assert_int_equal(c.slo_latency_threshold, 300 * NS_PER_MS);
    assert_int_equal(c.drain_delay, 2 * NS_PER_SEC);
    assert_int_equal(c.drain_timeout, 12 * NS_PER_SEC);
    assert_true(c.sandbox);
    assert_int_equal(c.log_level, LOG_INFO);
    assert_int_equal(c.log_client_ip, LOG_CLIENT_IP_FULL);
    assert_int_equal(c.hosts.n + c.trusted_proxies.n + c.metrics_allow.n, 0);
    assert_true(config_check(&c, &err));
    config_release(&c);
    config_release(&c);
    assert_null(c.service);
}

TEST(a_file_sets_what_it_names_and_nothing_else)
{
    static const char text[] = "listen:\n"
                               "  public: '[::1]:8000'\n"
                               "hosts:\n"
                               "  - Example.com\n"
                               "  - \"[::1]\"\n"
                               "threads: '3'\n"
                               "contact: {rate: 2/s, rate_total:   'off'}\n"
                               "trusted_proxies: [10.0.0.0/8, '::1']\n"
                               "metrics:\n"
                               "slo: ~\n"
                               "log:\n"
                               "  level: debug # while testing\n";
    struct err err = ERR_INIT;
    struct config c;
    char keys[200];

    config_init(&c);
    if (!config_load_text(&c, "f.yaml", slice_str(text), &err))
        fail_msg("%s", err.text);
    assert_string_equal(c.listen_public, "[::1]:8000");
    assert_string_equal(c.listen_metrics, "127.0.0.1:9091");
    assert_int_equal(c.hosts.n, 2);
    assert_string_equal(c.hosts.items[0], "example.com");
    assert_string_equal(c.hosts.items[1], "::1");
    assert_int_equal(c.threads, 3);
    assert_int_equal(c.contact_rate.count, 2);
    assert_int_equal(c.trusted_proxies.n, 2);
    assert_int_equal(c.log_level, LOG_DEBUG);

    struct config defaults;
    config_init(&defaults);
    assert_int_equal(config_restart_keys(&defaults, &c, keys, sizeof(keys)), 2);
    assert_string_equal(keys, "listen.public,threads");
    config_release(&defaults);
    config_release(&c);
}

TEST(an_empty_list_is_written_in_many_ways)
{
    static const char *const texts[] = {"hosts: []", "hosts:", "hosts: ~", "hosts: null",
                                        "hosts: ''"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = ERR_INIT;
        struct config c;

        config_init(&c);
        assert_true(config_set(&c, "hosts=a,b", &err));
        if (!config_load_text(&c, "f.yaml", slice_str(texts[i]), &err))
            fail_msg("%s", err.text);
        assert_int_equal(c.hosts.n, 0);
        config_release(&c);
    }
}

TEST(a_list_replaces_the_one_before)
{
    struct err err = ERR_INIT;
    struct config c;

    config_init(&c);
    assert_true(config_load_text(&c, "f.yaml", SLICE_LIT("hosts: [a, b]"), &err));
    assert_true(config_load_text(&c, "f.yaml", SLICE_LIT("hosts: [c]"), &err));
    assert_int_equal(c.hosts.n, 1);
    assert_string_equal(c.hosts.items[0], "c");
    assert_true(config_set(&c, "hosts=d, e", &err));
    assert_int_equal(c.hosts.n, 2);
    assert_string_equal(c.hosts.items[1], "e");
    assert_true(config_set(&c, "hosts=", &err));
    assert_int_equal(c.hosts.n, 0);
    config_release(&c);
}

TEST(errors_say_where_which_key_what_and_what_is_allowed)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"contact:\n  rate: ten\n",
         "f.yaml:2:9: contact.rate: \"ten\" is not allowed: must be off, or a count from 1 to "
         "1000000 per s, m or h, like 10/m"                                                                               },
        {"threads: 65\n",
         "f.yaml:1:10: threads: \"65\" is not allowed: must be a whole number from 0 to 64"                               },
        {"threads: ~\n",                         "f.yaml:1:10: threads: has no value: must be a whole number from 0 to 64"},
        {"hosts: [a, 'b:80']\n",
         "f.yaml:1:12: hosts: \"b:80\" is not allowed: must be a host name or an IP address, "
         "without a port"                                                                                                 },
        {"hosts: a\n",                           "f.yaml:1:8: hosts: takes a list, like [a, b]; [] is the empty one"      },
        {"hosts: {a: b}\n",                      "f.yaml:1:8: hosts: takes a list, like [a, b]; [] is the empty one"      },
        {"threads: [1]\n",
         "f.yaml:1:10: threads: takes one value; quote one that begins with [ or {"                                       },
        {"threads:\n  n: 1\n",
         "f.yaml:2:3: threads: takes one value; quote one that begins with [ or {"                                        },
        {"listen:\n  public: [::]:80\n",
         "f.yaml:2:11: listen.public: takes one value; quote one that begins with [ or {"                                 },
        {"contact: 5\n",
         "f.yaml:1:10: contact: is a section: its keys stand below it, indented, as \"key: value\""                       },
        {"contact: [5]\n",
         "f.yaml:1:10: contact: is a section: its keys stand below it, indented, as \"key: value\""                       },
        {"contact:\n  rate:5/m\n",
         "f.yaml:2:3: contact: is a section: its keys stand below it, indented, as \"key: value\""                        },
        {"contact:\n  rat: 5/m\n",
         "f.yaml:2:3: contact.rat: there is no such key; was \"contact.rate\" meant?"                                     },
        {"logs:\n  level: info\n",               "f.yaml:1:1: logs: there is no such key; was \"log\" meant?"             },
        {"port: 80\n",                           "f.yaml:1:1: port: there is no such key; see docs/config.md"             },
        {"threads: 1\nservice: a\nthreads: 2\n",
         "f.yaml:3:1: threads: given twice; first at line 1, column 1"                                                    },
        {"contact.rate: 5/m\n",
         "f.yaml:1:1: \"contact.rate\": keys are nested, not dotted: write \"a:\" and below it, "
         "indented, \"b:\""                                                                                               },
        {"a: &x [*x]\n",                         "f.yaml:1:1: a: there is no such key; see docs/config.md"                },
        {"hosts: &x [*x]\n",                     "f.yaml:1:8: anchors (&) are not allowed"                                },
        {"hosts: [*x]\n",                        "f.yaml:1:9: aliases (*) are not allowed"                                },
        {"threads: !!int 3\n",                   "f.yaml:1:10: tags (!) are not allowed"                                  },
        {"threads: 3\n---\nthreads: 4\n",        "f.yaml:2:1: only one document is allowed"                               },
        {"hosts:\n- a\n  - b\n",                 "f.yaml:2:3: hosts: a value stands on one line"                          },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_error(cases[i].text, cases[i].message);
}

TEST(a_long_bad_value_under_a_long_path_still_says_what_is_allowed)
{
    struct buf path = BUF_INIT;
    struct err err = ERR_INIT;
    struct config c;

    config_init(&c);
    for (size_t i = 0; i < 100; i++)
        buf_add_str(&path, "/directory");
    buf_add_str(&path, "/f.yaml");
    assert_false(config_load_text(&c, buf_cstr(&path),
                                  SLICE_LIT("slo: {latency_threshold: xxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}"),
                                  &err));
    assert_non_null(strstr(err.text, "/directory/f.yaml:1:26: slo.latency_threshold: \"xxxx"));
    assert_non_null(strstr(err.text, "...\" is not allowed: must be a duration"));
    assert_non_null(strstr(err.text, "like 300ms, 0.3s or"));
    buf_release(&path);
    config_release(&c);
}

TEST(a_file_may_have_256_kib_and_no_byte_more)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    struct config c;

    config_init(&c);
    buf_add_str(&text, "threads: 3\n#");
    memset(buf_reserve(&text, CONFIG_FILE_MAX), 'x', CONFIG_FILE_MAX);
    assert_true(config_load_text(&c, "f.yaml", (struct slice){text.data, CONFIG_FILE_MAX}, &err));
    assert_int_equal(c.threads, 3);
    assert_false(
        config_load_text(&c, "f.yaml", (struct slice){text.data, CONFIG_FILE_MAX + 1}, &err));
    assert_string_equal(err.text, "f.yaml:1:1: larger than 256 KiB");
    buf_release(&text);
    config_release(&c);
}

/* Writes `text` to a new file; the caller frees the name. */
static char *file_with(struct slice text)
{
    char *path = strdup("/tmp/sidelight-config-XXXXXX");
    int fd;

    assert_non_null(path);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.p, text.n), text.n);
    assert_int_equal(close(fd), 0);
    return path;
}

static void drop_file(char *path)
{
    assert_int_equal(unlink(path), 0);
    free(path);
}

TEST(a_file_is_read_from_disk_whole)
{
    struct buf text = BUF_INIT, want = BUF_INIT;
    struct err err = ERR_INIT;
    struct config c;
    char *path;

    config_init(&c);
    buf_add_str(&text, "#");
    memset(buf_reserve(&text, CONFIG_FILE_MAX), 'x', CONFIG_FILE_MAX);
    text.len = CONFIG_FILE_MAX - 11;
    buf_add_str(&text, "\nthreads: 4");
    assert_int_equal(text.len, CONFIG_FILE_MAX);
    path = file_with((struct slice){text.data, text.len});
    if (!config_load_file(&c, path, &err))
        fail_msg("%s", err.text);
    assert_int_equal(c.threads, 4);
    drop_file(path);

    buf_add_char(&text, '\n');
    path = file_with((struct slice){text.data, text.len});
    assert_false(config_load_file(&c, path, &err));
    buf_addf(&want, "%s:1:1: larger than 256 KiB", path);
    assert_string_equal(err.text, buf_cstr(&want));
    drop_file(path);

    path = file_with(SLICE_LIT("threads: 99\n"));
    assert_false(config_load_file(&c, path, &err));
    buf_clear(&want);
    buf_addf(&want, "%s:1:10: threads: \"99\" is not allowed: must be a whole number from 0 to 64",
             path);
    assert_string_equal(err.text, buf_cstr(&want));
    drop_file(path);

    path = file_with(SLICE_NONE);
    assert_true(config_load_file(&c, path, &err));
    drop_file(path);
    buf_release(&text);
    buf_release(&want);
    config_release(&c);
}

TEST(a_file_that_cannot_be_read_is_named)
{
    static const struct {
        const char *path, *message;
        enum err_kind kind;
    } cases[] = {
        {"/nowhere/s.yaml",  "cannot open /nowhere/s.yaml: No such file or directory",
         ERR_NOT_FOUND                                                                                            },
        {"/dev/null/s.yaml", "cannot open /dev/null/s.yaml: Not a directory",                        ERR_NOT_FOUND},
        {"/tmp",             "/tmp is not a regular file, so a reload could not read it again",      ERR_IO       },
        {"/dev/zero",        "/dev/zero is not a regular file, so a reload could not read it again",
         ERR_IO                                                                                                   },
        {"",                 "cannot open : No such file or directory",                              ERR_NOT_FOUND},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct config c, defaults;

        config_init(&c);
        config_init(&defaults);
        assert_false(config_load_file(&c, cases[i].path, &err));
        assert_string_equal(err.text, cases[i].message);
        assert_int_equal(err.kind, cases[i].kind);
        assert_false(config_load_file(&c, cases[i].path, NULL));
        expect_differ(&c, &defaults, false);
        config_release(&c);
        config_release(&defaults);
    }
}

TEST(what_set_refuses)
{
    static const struct {
        const char *assignment, *message;
    } cases[] = {
        {"threads",    "--set: \"threads\": must be KEY=VALUE"                             },
        {"",           "--set: \"\": must be KEY=VALUE"                                    },
        {"=3",         "--set: \"\": there is no such key; see docs/config.md"             },
        {"thread=3",   "--set: \"thread\": there is no such key; was \"threads\" meant?"   },
        {"threads =3", "--set: \"threads \": there is no such key; was \"threads\" meant?" },
        {"contact=3",  "--set: \"contact\": is a section: name one of its keys"            },
        {"threads=65",
         "--set: threads: \"65\" is not allowed: must be a whole number from 0 to 64"      },
        {"threads=",   "--set: threads: has no value: must be a whole number from 0 to 64" },
        {"hosts=a,,b",
         "--set: hosts: has no value: must be a host name or an IP address, without a port"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct config c;

        config_init(&c);
        if (config_set(&c, cases[i].assignment, &err))
            fail_msg("%s was taken", cases[i].assignment);
        assert_string_equal(err.text, cases[i].message);
        assert_int_equal(err.kind, ERR_INVALID);
        config_release(&c);
    }
}

TEST(a_long_name_that_is_no_key_is_cut)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    struct config c;

    config_init(&c);
    for (size_t i = 0; i < 1000; i++)
        buf_add_str(&text, "threads.");
    buf_add_str(&text, "=1");
    assert_false(config_set(&c, buf_cstr(&text), &err));
    assert_string_equal(err.text,
                        "--set: \"threads.threads.threads.threads.threads....\": there is "
                        "no such key; see docs/config.md");
    buf_release(&text);
    config_release(&c);
}

TEST(every_key_can_be_set_and_is_seen_by_a_reload)
{
    struct config running, wanted;
    char keys[400], cut[10];
    size_t n, restart = 0;
    const struct key *all = keys_all(&n);

    assert_int_equal(ARRAY_LEN(others), n);
    config_init(&running);
    init_others(&wanted);
    expect_differ(&running, &wanted, true);
    for (size_t i = 0; i < n; i++)
        restart += !all[i].live;
    assert_int_equal(config_restart_keys(&running, &wanted, keys, sizeof(keys)), restart);
    assert_string_equal(keys, "listen.public,listen.metrics,metrics.max_samples,threads,service,"
                              "store.path,store.lock_wait,limits.body,limits.connections,"
                              "http.request_timeout,rum.keep,sandbox");
    assert_int_equal(config_restart_keys(&running, &wanted, cut, sizeof(cut)), restart);
    assert_string_equal(cut, "listen.pu");
    assert_int_equal(config_restart_keys(&running, &wanted, cut, 1), restart);
    assert_string_equal(cut, "");
    assert_int_equal(config_restart_keys(&wanted, &wanted, keys, sizeof(keys)), 0);
    assert_string_equal(keys, "");
    config_release(&running);
    config_release(&wanted);
}

static bool collect(void *ctx, const struct yaml_node *node, struct err *err)
{
    struct buf *names = ctx;

    (void)err;
    if (node->kind == YAML_NODE_KEY)
        buf_addf(names, "%s\n", node->path);
    return true;
}

/* The sample, as it is or with every "#key" made "key". */
static void read_sample(struct buf *text, bool uncomment)
{
    FILE *f = fopen("sidelight.yaml", "re");
    char line[1000];

    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        size_t indent = strspn(line, " ");
        bool key = line[indent] == '#' && line[indent + 1] >= 'a' && line[indent + 1] <= 'z';

        buf_add(text, line, indent);
        buf_add_str(text, line + indent + (uncomment && key));
    }
    assert_int_equal(fclose(f), 0);
}

TEST(the_sample_changes_nothing_until_a_line_is_uncommented)
{
    struct buf text = BUF_INIT, names = BUF_INIT;
    struct err err = ERR_INIT;
    struct config c, want;
    size_t n;
    const struct key *keys = keys_all(&n);

    init_others(&c);
    init_others(&want);
    read_sample(&text, false);
    if (!config_load_text(&c, "sidelight.yaml", (struct slice){text.data, text.len}, &err))
        fail_msg("%s", err.text);
    expect_differ(&c, &want, false);
    config_release(&want);

    config_init(&want);
    buf_clear(&text);
    read_sample(&text, true);
    if (!config_load_text(&c, "sidelight.yaml", (struct slice){text.data, text.len}, &err))
        fail_msg("%s", err.text);
    expect_differ(&c, &want, false);

    buf_add_char(&names, '\n');
    assert_true(yaml_read("x", (struct slice){text.data, text.len}, collect, &names, &err));
    for (size_t i = 0; i < n; i++) {
        struct buf line = BUF_INIT;

        buf_addf(&line, "\n%s\n", keys[i].name);
        if (strstr(buf_cstr(&names), buf_cstr(&line)) == NULL)
            fail_msg("%s is not in the sample", keys[i].name);
        buf_release(&line);
    }
    config_release(&c);
    config_release(&want);
    buf_release(&text);
    buf_release(&names);
}

TEST(the_list_of_keys_has_a_line_for_each)
{
    struct buf out = BUF_INIT;
    size_t n, lines = 0;
    (void)keys_all(&n);

    config_print_keys(&out);
    for (const char *p = buf_cstr(&out); (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, n);
    assert_non_null(strstr(out.data, "contact.rate: 10/m  (live)  submissions of one client"));
    assert_non_null(strstr(out.data, "hosts: []  (live)  "));
    assert_non_null(strstr(out.data, "threads: 0  (restart)  "));
    buf_release(&out);
}

RUN_TESTS(T(the_defaults_are_those_of_the_design),
          T(a_file_sets_what_it_names_and_nothing_else),
          T(an_empty_list_is_written_in_many_ways),
          T(a_list_replaces_the_one_before),
          T(errors_say_where_which_key_what_and_what_is_allowed),
          T(a_long_bad_value_under_a_long_path_still_says_what_is_allowed),
          T(a_file_may_have_256_kib_and_no_byte_more),
          T(a_file_is_read_from_disk_whole),
          T(a_file_that_cannot_be_read_is_named),
          T(what_set_refuses),
          T(a_long_name_that_is_no_key_is_cut),
          T(every_key_can_be_set_and_is_seen_by_a_reload),
          T(the_sample_changes_nothing_until_a_line_is_uncommented),
          T(the_list_of_keys_has_a_line_for_each))
