/* SPDX-License-Identifier: MIT */
/*
 * The command line: what it prints, how it exits, and that two processes never share a store or a
 * port.
 */
#include "tests/e2e/lib/client.h"

#include <ctype.h>
#include <sys/stat.h>

TEST(version_and_help_go_to_stdout)
{
    struct fixture *f = *state;
    const struct outcome *o = run_sidelight(f, "--version");

    assert_int_equal(o->status, 0);
    assert_int_equal(strncmp(o->out, "sidelight ", 10), 0);
    assert_true(isdigit((unsigned char)o->out[10]));
    assert_int_equal(count_of(o->out, "\n"), 1);
    assert_string_equal(o->err, "");
    o = run_sidelight(f, "--help");
    assert_int_equal(o->status, 0);
    assert_contains(o->out, "usage: sidelight");
    assert_contains(o->out, "--config FILE");
    assert_contains(o->out, "contact.rate: 10/m");
    assert_string_equal(o->err, "");
}

TEST(a_wrong_call_is_64_and_points_to_the_help)
{
    static const char *const calls[][4] = {
        {"--nope",      NULL,        NULL,           NULL},
        {"serve",       NULL,        NULL,           NULL},
        {"--config",    NULL,        NULL,           NULL},
        {"--set",       NULL,        NULL,           NULL},
        {"contacts",    NULL,        NULL,           NULL},
        {"contacts",    "shred",     NULL,           NULL},
        {"contacts",    "export",    NULL,           NULL},
        {"contacts",    "export",    "--format=xml", NULL},
        {"contacts",    "list",      "--ready",      NULL},
        {"healthcheck", "--flagged", NULL,           NULL},
        {"healthcheck", "now",       NULL,           NULL},
        {"--check",     "contacts",  "list",         NULL},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        const struct outcome *o =
            run(f, ARGS(program(), calls[i][0], calls[i][1], calls[i][2]), NULL);

        if (o->status != 64)
            print_error("%s:\n", calls[i][0]);
        assert_int_equal(o->status, 64);
        assert_string_equal(o->out, "");
        assert_contains(o->err, "--help");
        assert_int_equal(count_of(o->err, "\n"), 1);
    }
}

TEST(check_reads_the_settings_and_serves_nothing)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "good.yaml");
    const struct outcome *o;

    write_file(
        config,
        "listen:\n  public: 127.0.0.1:8123\ncontact:\n  rate: 5/m\ntrusted_proxies: [10.0.0.0/8]\n");
    o = run_sidelight(f, "--check", "--config", config);
    assert_int_equal(o->status, 0);
    assert_string_equal(o->err, "");
    o = run_sidelight(f, "--check", "--set", "contact.rate=2/s", "--set=hosts=a.example,b.example");
    assert_int_equal(o->status, 0);
    assert_int_equal(run_sidelight(f, "--check", "--config", "sidelight.yaml")->status, 0);
}

TEST(a_bad_setting_is_78_with_its_place)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"contact:\n  rate: often\n",     "bad.yaml:2:9: contact.rate: "},
        {"contact:\n  rat: 5/m\n",        "bad.yaml:2:3: contact.rat: " },
        {"service: a\nservice: b\n",      "bad.yaml:2:1: service: "     },
        {"threads: 65\n",                 "bad.yaml:1:10: threads: "    },
        {"threads: 0x4\n",                "bad.yaml:1:10: threads: "    },
        {"service: [a]\n",                "bad.yaml:1:10: service: "    },
        {"contact: 5\n",                  "bad.yaml:1:10: contact: "    },
        {"service: &x a\n",               "bad.yaml:1:10: "             },
        {"service: !!str a\n",            "bad.yaml:1:10: "             },
        {"hosts: [\n",                    "bad.yaml:2:1: "              },
        {"service: a\n---\nservice: b\n", "bad.yaml:2:1: "              },
        {"- service\n",                   "bad.yaml:1:1: "              },
        {"hosts: [\"a b\"]\n",            "bad.yaml:1:9: hosts: "       },
        {"\tservice: a\n",                "bad.yaml:1:1: "              },
    };
    struct fixture *f = *state;
    const char *config = in_dir(f, "bad.yaml");

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct outcome *o;

        write_file(config, cases[i].text);
        o = run_sidelight(f, "--check", "--config", config);
        assert_int_equal(o->status, 78);
        assert_contains(o->err, cases[i].said);
        assert_int_equal(count_of(o->err, "\n"), 1);
        assert_int_equal(run_sidelight(f, "--config", config)->status, 78); /* nor does it start */
    }
}

TEST(a_config_that_cannot_be_read_is_78_and_named)
{
    struct fixture *f = *state;
    const struct outcome *o = run_sidelight(f, "--check", "--config", in_dir(f, "none.yaml"));

    assert_int_equal(o->status, 78);
    assert_contains(o->err, "none.yaml");
    o = run_sidelight(f, "--check", "--config", fixture_dir(f));
    assert_int_equal(o->status, 78);
    assert_contains(o->err, fixture_dir(f));
    o = run_sidelight(f, "--check", "--set", "contact.rate=often");
    assert_int_equal(o->status, 78);
    assert_contains(o->err, "--set: contact.rate: ");
    assert_int_equal(run_sidelight(f, "--check", "--set", "service")->status, 78);
    assert_int_equal(run_sidelight(f, "--check", "--set", "nothing=1")->status, 78);
}

TEST(a_large_or_deep_config_is_refused_quickly)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "big.yaml");
    char *text = keep(f, 300001);

    memset(text, '[', 100000);
    write_file(config, text);
    assert_int_equal(run_sidelight(f, "--check", "--config", config)->status, 78);
    memset(text, '#', 300000);
    write_file(config, text);
    assert_int_equal(run_sidelight(f, "--check", "--config", config)->status, 78);
}

/* A second server beside `s`: its command line must not hang. */
static const struct outcome *run_second(struct fixture *f,
                                        const char *a,
                                        const char *b,
                                        const char *c)
{
    return run(
        f, ARGS(program(), "--set", "store.lock_wait=100ms", "--set", a, "--set", b, "--set", c),
        NULL);
}

TEST(a_second_process_on_the_store_stops_and_names_the_first)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct outcome *o =
        run_second(f, "listen.public=127.0.0.1:0", "listen.metrics=127.0.0.1:0",
                   textf(f, "store.path=%s", s->store));

    assert_int_equal(o->status, 1);
    assert_contains(o->err, textf(f, "process %d", (int)s->pid));
    assert_contains(o->err, s->store);
    assert_status(get(s, "/health"), 200);
    assert_status(post_json(s, ADA), 201);
}

TEST(a_store_is_handed_over_when_its_holder_stops)
{
    struct fixture *f = *state;
    struct server *first = server_start(f, NULL), *second;

    assert_status(post_json(first, ADA), 201);
    /* Killed, so that nothing but the end of the process gives the lock back. */
    server_kill(first);
    second = server_start(f, SETS("store.lock_wait=0s"));
    assert_contains(server_command(second, ARGS("contacts", "list"))->out, "Ada");
}

TEST(a_port_in_use_is_named)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *store = textf(f, "store.path=%s", in_dir(f, "other.db"));
    const struct outcome *o = run_second(f, textf(f, "listen.public=127.0.0.1:%u", s->public_port),
                                         "listen.metrics=127.0.0.1:0", store);

    assert_int_equal(o->status, 1);
    assert_contains(o->err, textf(f, "port %u", s->public_port));
    assert_contains(o->err, "in use");
    o = run_second(f, "listen.public=127.0.0.1:0",
                   textf(f, "listen.metrics=127.0.0.1:%u", s->metrics_port), store);
    assert_int_equal(o->status, 1);
    assert_contains(o->err, textf(f, "port %u", s->metrics_port));
    assert_status(get(s, "/health"), 200);
}

TEST(a_store_that_cannot_be_opened_is_said)
{
    struct fixture *f = *state;
    const char *path = in_dir(f, "not.db");
    const struct outcome *o;

    write_file(
        path,
        "this is no database, but it is long enough to look at; so it goes on and on and on and on, 1, 2, 3");
    o = run_second(f, "listen.public=127.0.0.1:0", "listen.metrics=127.0.0.1:0",
                   textf(f, "store.path=%s", path));
    assert_int_equal(o->status, 1);
    assert_contains(o->err, "not a database");
    assert_contains(read_file(f, path), "this is no database"); /* left alone */
    o = run_second(f, "listen.public=127.0.0.1:0", "listen.metrics=127.0.0.1:0",
                   "store.path=/proc/none/x.db");
    assert_int_equal(o->status, 1);
    assert_contains(o->err, "/proc/none");
}

TEST(healthcheck_asks_liveness_or_readiness)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("hosts=localhost,127.0.0.1"));
    const char *public = textf(f, "listen.public=127.0.0.1:%u", s->public_port);
    const char *const *alive =
        ARGS(program(), "healthcheck", "--set", public, "--set", "hosts=localhost");
    const char *const *ready =
        ARGS(program(), "healthcheck", "--ready", "--set", public, "--set", "hosts=localhost");

    assert_int_equal(run(f, alive, NULL)->status, 0);
    assert_int_equal(run(f, ready, NULL)->status, 0);
    assert_int_equal(rename(s->store, in_dir(f, "away.db")), 0);
    EVENTUALLY(get(s, "/health/readiness")->status == 503);
    assert_int_equal(run(f, alive, NULL)->status, 0);
    assert_int_equal(run(f, ready, NULL)->status, 1);
    assert_contains(run(f, ready, NULL)->err, "503");
    server_stop(s);
    assert_int_equal(run(f, alive, NULL)->status, 1);
    assert_contains(run(f, alive, NULL)->err, textf(f, "%u", s->public_port));
}

TEST(a_missing_directory_of_the_store_is_made_for_the_owner_only)
{
    struct fixture *f = *state;
    const char *path = in_dir(f, "a/b/c.db");
    struct server *s = server_start(f, SETS(textf(f, "store.path=%s", path)));
    struct stat st;

    assert_status(post_json(s, ADA), 201);
    assert_int_equal(stat(in_dir(f, "a/b"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(path, &st), 0);
}

RUN_TESTS(T(version_and_help_go_to_stdout),
          T(a_wrong_call_is_64_and_points_to_the_help),
          T(check_reads_the_settings_and_serves_nothing),
          T(a_bad_setting_is_78_with_its_place),
          T(a_config_that_cannot_be_read_is_78_and_named),
          T(a_large_or_deep_config_is_refused_quickly),
          T(a_second_process_on_the_store_stops_and_names_the_first),
          T(a_store_is_handed_over_when_its_holder_stops),
          T(a_port_in_use_is_named),
          T(a_store_that_cannot_be_opened_is_said),
          T(healthcheck_asks_liveness_or_readiness),
          T(a_missing_directory_of_the_store_is_made_for_the_owner_only))
