/* SPDX-License-Identifier: MIT */
/*
 * tools/secrets.sh: settings, and what becomes of them: receivers that Alertmanager takes, or a
 * refusal that says why.
 */
#include "tests/stack/lib/secrets.h"

#include <sys/stat.h>
#include <unistd.h>

#define MAIL "SMTP_HOST=smtp.example.com:587|SMTP_FROM=sidelight@example.com"

TEST(each_setting_reaches_its_receivers_and_alertmanager_takes_the_file)
{
    static const struct {
        const char *settings;
        const char *says; /* to the person */
        unsigned webhooks, mails;
    } cases[] = {
        {NULL,                                                                                                                         "alerts reach nobody",         0, 0},
        {"ALERT_WEBHOOK=https://on.example.com/call?key=1",                                                                            "webhook at on.example.com\n", 2, 0},
        {"ALERT_WEBHOOK=https://me:s@on.example.com:8443",                                                                             "webhook at on.example.com:8", 2, 0},
        {"ALERT_EMAIL=you@example.com|" MAIL,                                                                                          "alerts go to you@example",    0, 2},
        {"ALERT_EMAIL=a@example.com, b@example.com|" MAIL,                                                                             "to a@example.com, b@exam",    0, 2},
        {"ALERT_EMAIL=you@example.com|" MAIL "|SMTP_TLS=false",                                                                        "alerts go to you@example",    0, 2},
        {"ALERT_EMAIL=root@localhost|SMTP_HOST=127.0.0.1:25|SMTP_FROM=sidelight@localhost|SMTP_TLS=false|SMTP_USER=a|SMTP_PASSWORD=b",
         "alerts go to root@localh",                                                                                                                                  0, 2},
        {"DEADMAN_WEBHOOK=https://alive.example.com/x",                                                                                "heartbeat goes to alive",     1, 0},
        {"OWNER_EMAIL=owner@example.com|" MAIL,                                                                                        "came in goes to owner@ex",    0, 1},
        {"ALERT_WEBHOOK=http://10.0.0.1:9/|ALERT_EMAIL=you@example.com|DEADMAN_WEBHOOK=http://[::1]:9/|OWNER_EMAIL=o@example.com|" MAIL
         "|SMTP_USER=you|SMTP_PASSWORD=secret|PUBLIC_URL=https://example.com",                                                "and you@example.com",         3, 3},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct outcome *o = must_make_secrets(f, cases[i].settings, NULL);
        const char *text = secret_file(f, "alertmanager.yml");
        const struct outcome *check =
            run(f, ARGS("amtool", "check-config", in_dir(f, "secrets/alertmanager.yml")), NULL);

        if (check->status != 0)
            fail_msg("case %zu: %s%s\n%s", i, check->out, check->err, text);
        assert_contains(check->out, "- 4 receivers");
        assert_contains(o->out, cases[i].says);
        assert_int_equal(count_of(text, "- url: "), cases[i].webhooks);
        assert_int_equal(count_of(text, "- to: "), cases[i].mails);
        assert_int_equal(count_of(text, "\nreceivers:"), 1);
        assert_int_equal(count_of(o->out, "the receivers changed"), i > 0);
        assert_lacks(o->out, "key=1"); /* a webhook's path is a secret, too */
    }
}

/* What YAML's readers make of the password in both receivers of mail: FILE PASSWORD. */
static const char read_back[] =
    "import sys, yaml\n"
    "for receiver in yaml.safe_load(open(sys.argv[1]))['receivers'][:2]:\n"
    "    got = receiver['email_configs'][0]['auth_password']\n"
    "    assert got == sys.argv[2], got\n";

TEST(a_password_may_have_any_character)
{
    static const char *const passwords[] = {
        "plain",
        "it's",
        "say \"yes\"",
        "a$b$$c${d}",
        "#hash # and more",
        " blanks at both ends ",
        "back\\slash\\n",
        "{{ .Labels }}",
        "a: b",
        "- a",
        "*a &b !c %d @e `f`",
        "null",
        "0123",
        "true",
        "gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x98\x80",
        "\xc2\x85 \xe2\x80\xa8 \xef\xbb\xbf",
        "]},[{",
        "~",
        "=",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        const struct outcome *o;

        (void)must_make_secrets(
            f,
            textf(f, "ALERT_EMAIL=you@example.com|" MAIL "|SMTP_USER=you|SMTP_PASSWORD=%s",
                  passwords[i]),
            NULL);
        o = run(f, ARGS("amtool", "check-config", in_dir(f, "secrets/alertmanager.yml")), NULL);
        if (o->status != 0)
            fail_msg("%s: %s", passwords[i], o->err);
        o = run(f,
                ARGS("/usr/bin/python3", "-c", read_back, in_dir(f, "secrets/alertmanager.yml"),
                     passwords[i]),
                NULL);
        if (o->status != 0)
            fail_msg("%s: %s", passwords[i], o->err);
    }
}

TEST(a_wrong_setting_is_refused_with_what_is_allowed_and_nothing_is_made)
{
#define URL_WANTED "must be a URL, http://host... or https://host..."
#define MAIL_WANTED "must be a mail address like you@example.com"
#define HOST_WANTED "must be a name or an IPv4 address and a port, like smtp.example.com:587"
    static const struct {
        const char *settings;
        const char *says;
    } cases[] = {
        {"ALERT_WEBHOOK=example.com",                                "ALERT_WEBHOOK: " URL_WANTED   },
        {"ALERT_WEBHOOK=ftp://example.com",                          "ALERT_WEBHOOK: " URL_WANTED   },
        {"ALERT_WEBHOOK=https://",                                   "ALERT_WEBHOOK: " URL_WANTED   },
        {"ALERT_WEBHOOK=https:///path",                              "ALERT_WEBHOOK: " URL_WANTED   },
        {"ALERT_WEBHOOK=https://a b",                                "ALERT_WEBHOOK: " URL_WANTED   },
        {"ALERT_WEBHOOK=https://a\"b",                               "ALERT_WEBHOOK: " URL_WANTED   },
        {"ALERT_WEBHOOK=https://b\xc3\xbc.example",                  "ALERT_WEBHOOK: " URL_WANTED   },
        {"DEADMAN_WEBHOOK=hc-ping.com/x",                            "DEADMAN_WEBHOOK: " URL_WANTED },
        {"PUBLIC_URL=example.com",                                   "PUBLIC_URL: " URL_WANTED      },
        {"PUBLIC_URL=https://example.com/",                          "must end after the name"      },
        {"PUBLIC_URL=https://example.com/a",                         "must end after the name"      },
        {"ALERT_EMAIL=you|" MAIL,                                    "ALERT_EMAIL: " MAIL_WANTED    },
        {"ALERT_EMAIL=a@b@c|" MAIL,                                  "ALERT_EMAIL: " MAIL_WANTED    },
        {"ALERT_EMAIL=You <you@example.com>|" MAIL,                  "ALERT_EMAIL: " MAIL_WANTED    },
        {"ALERT_EMAIL={{.}}@example.com|" MAIL,                      "ALERT_EMAIL: " MAIL_WANTED    },
        {"ALERT_EMAIL=a@example.com,,b@example.com|" MAIL,           "ALERT_EMAIL: " MAIL_WANTED    },
        {"ALERT_EMAIL=a@example.com,|" MAIL,                         "ends in a comma"              },
        {"OWNER_EMAIL=@example.com|" MAIL,                           "OWNER_EMAIL: " MAIL_WANTED    },
        {"ALERT_EMAIL=you@example.com",                              "ALERT_EMAIL needs SMTP_HOST"  },
        {"OWNER_EMAIL=you@example.com",                              "OWNER_EMAIL needs SMTP_HOST"  },
        {"OWNER_EMAIL=you@example.com|SMTP_HOST=a:25",               "SMTP_HOST needs SMTP_FROM"    },
        {"SMTP_HOST=smtp.example.com|SMTP_FROM=a@example.com",       "SMTP_HOST: " HOST_WANTED      },
        {"SMTP_HOST=smtp.example.com:|SMTP_FROM=a@example.com",      "SMTP_HOST: " HOST_WANTED      },
        {"SMTP_HOST=smtp.example.com:0|SMTP_FROM=a@example.com",     "SMTP_HOST: " HOST_WANTED      },
        {"SMTP_HOST=smtp.example.com:65536|SMTP_FROM=a@example.com", "SMTP_HOST: " HOST_WANTED      },
        {"SMTP_HOST=smtp.example.com:smtp|SMTP_FROM=a@example.com",  "SMTP_HOST: " HOST_WANTED      },
        {"SMTP_HOST=smtps://example.com:465|SMTP_FROM=a@b.example",  "SMTP_HOST: " HOST_WANTED      },
        {"SMTP_HOST=a:25|SMTP_FROM=a@example.com,b@example.com",     "SMTP_FROM: must be one mail"  },
        {MAIL "|SMTP_TLS=yes",                                       "must be true or false"        },
        {MAIL "|SMTP_USER=you",                                      "SMTP_USER needs SMTP_PASSWORD"},
        {MAIL "|SMTP_PASSWORD=secret",                               "SMTP_PASSWORD needs SMTP_USER"},
        {MAIL "|SMTP_TLS=false|SMTP_USER=a|SMTP_PASSWORD=b",         "password in the clear"        },
        {MAIL "|SMTP_USER=a|SMTP_PASSWORD=two\nlines",               "SMTP_PASSWORD: must be one l" },
        {MAIL "|SMTP_USER=a|SMTP_PASSWORD=tab\t",                    "without control characters"   },
        {MAIL "|SMTP_USER=a|SMTP_PASSWORD=\xff\xfe",                 "SMTP_PASSWORD: must be UTF-8" },
        {"TUNNEL_TOKEN=cloudflared --token x",                       "TUNNEL_TOKEN: must be the t"  },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct outcome *o = make_secrets(f, cases[i].settings, NULL);

        assert_int_equal(o->status, 1);
        assert_int_equal(strncmp(o->err, "secrets: ", 9), 0);
        assert_int_equal(count_of(o->err, "\n"), 1);
        assert_contains(o->err, cases[i].says);
        assert_string_equal(o->out, "");
        assert_int_equal(access(in_dir(f, "secrets"), F_OK), -1);
    }
}

TEST(the_settings_file_means_to_us_what_it_means_to_compose_or_is_refused)
{
#define QUOTE_IT ":1: ALERT_WEBHOOK: put the value in single quotes"
    static const struct {
        const char *file, *rendered, *says;
    } cases[] = {
        {"ALERT_WEBHOOK=https://a.example/x",                  "\"https://a.example/x\"",     NULL                 },
        {"ALERT_WEBHOOK=https://a.example/x\r\n",              "\"https://a.example/x\"",     NULL                 },
        {"  ALERT_WEBHOOK=https://a.example/x  \n",            "\"https://a.example/x\"",     NULL                 },
        {"export ALERT_WEBHOOK=https://a.example/x\n",         "\"https://a.example/x\"",     NULL                 },
        {"# one\n\nALERT_WEBHOOK='https://a.example/x#$y'\n",  "\"https://a.example/x#$y\"",  NULL                 },
        {"ALERT_WEBHOOK=\"https://a.example/x#y'z\"\n",        "\"https://a.example/x#y'z\"", NULL                 },
        {"COMPOSE_PROFILES=tunnel\nTUNNEL_ID=$x y\n",          "name: pages\n  - name: tic",  NULL                 },
        {"ALERT_WEBHOOK=\n",                                   "name: pages\n  - name: tic",  NULL                 },
        {"ALERT_WEBHOOK=https://a.example/ # mine\n",          NULL,                          QUOTE_IT             },
        {"ALERT_WEBHOOK=https://a.example/#x\n",               NULL,                          QUOTE_IT             },
        {"ALERT_WEBHOOK=https://a.example/$x\n",               NULL,                          QUOTE_IT             },
        {"ALERT_WEBHOOK=\"https://a.example/$x\"\n",           NULL,                          QUOTE_IT             },
        {"ALERT_WEBHOOK='https://a.example/\n",                NULL,                          QUOTE_IT             },
        {"ALERT_WEBHOOK='\n",                                  NULL,                          QUOTE_IT             },
        {"ALERT_WEBHOOK=\"\n",                                 NULL,                          QUOTE_IT             },
        {"ALERT_WEBHOOK='a'b'\n",                              NULL,                          QUOTE_IT             },
        {"ALERT_WEBHOOK = https://a.example/\n",               NULL,                          ":1: expected KEY=VA"},
        {"\nhttps://a.example/\n",                             NULL,                          ":2: expected KEY=VA"},
        {"ALERT_WEBOOK=https://a.example/\n",                  NULL,                          ":1: no such setting"},
        {"ALERT_WEBHOOK=\nALERT_WEBHOOK=https://a.example/\n", NULL,                          "stands there twice" },
    };
    struct fixture *f = *state;
    const char *file = in_dir(f, "env");

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct outcome *o;

        write_file(file, cases[i].file);
        o = make_secrets(f, NULL, textf(f, "--env|%s", file));
        if (o->status != (cases[i].says != NULL))
            fail_msg("%s: %s", cases[i].file, o->err);
        if (cases[i].says != NULL)
            assert_contains(o->err, cases[i].says);
        else
            assert_contains(secret_file(f, "alertmanager.yml"), cases[i].rendered);
    }
}

TEST(the_environment_wins_over_the_file_even_when_empty)
{
    struct fixture *f = *state;
    const char *file = in_dir(f, "env");

    write_file(file,
               "ALERT_WEBHOOK=https://file.example/\nDEADMAN_WEBHOOK=https://file.example/\n");
    (void)must_make_secrets(
        f, "ALERT_WEBHOOK=https://mine.example/|DEADMAN_WEBHOOK=", textf(f, "--env|%s", file));
    assert_int_equal(count_of(secret_file(f, "alertmanager.yml"), "https://mine.example/"), 2);
    assert_lacks(secret_file(f, "alertmanager.yml"), "https://file.example/");
}

TEST(the_projects_own_settings_are_found_and_made_private)
{
    struct fixture *f = *state;
    const char *env = in_dir(f, "project/.env");
    const char *script = textf(f,
                               "mkdir -p %s/project/tools %s/project/prometheus && "
                               "cp tools/secrets.sh %s/project/tools/ && "
                               "cp prometheus/alertmanager.yml %s/project/prometheus/",
                               fixture_dir(f), fixture_dir(f), fixture_dir(f), fixture_dir(f));
    const struct outcome *o = run(f, ARGS("sh", "-c", script), NULL);
    struct stat st;

    assert_int_equal(o->status, 0);
    write_file(env, "ALERT_WEBHOOK=https://mine.example/\n");
    assert_int_equal(chmod(env, 0644), 0);
    o = run(f, ARGS("env", "-u", "ALERT_WEBHOOK", in_dir(f, "project/tools/secrets.sh")), NULL);
    assert_int_equal(o->status, 0);
    assert_contains(o->out, "made .env readable by its owner only");
    assert_contains(o->out, "alerts go to a webhook at mine.example");
    assert_int_equal(stat(env, &st), 0);
    assert_int_equal(st.st_mode & 0777U, 0600);
    assert_int_equal(access(in_dir(f, "project/secrets/users"), F_OK), 0);
}

TEST(the_example_of_a_settings_file_is_taken_as_it_stands)
{
    struct fixture *f = *state;
    const struct outcome *o = must_make_secrets(f, NULL, "--env|.env.example");

    assert_contains(o->out, "alerts reach nobody");
}

TEST(changed_receivers_are_rendered_again_and_a_refused_change_leaves_the_old_ones)
{
    struct fixture *f = *state;
    const char *before;

    (void)must_make_secrets(f, "ALERT_WEBHOOK=https://one.example/", NULL);
    (void)must_make_secrets(f, "ALERT_WEBHOOK=https://two.example/", NULL);
    before = secret_file(f, "alertmanager.yml");
    assert_contains(before, "https://two.example/");
    assert_lacks(before, "https://one.example/");
    assert_int_equal(make_secrets(f, "ALERT_WEBHOOK=three", NULL)->status, 1);
    assert_int_equal(make_secrets(f, NULL, textf(f, "--files|%s", in_dir(f, "nothing")))->status,
                     1);
    assert_string_equal(secret_file(f, "alertmanager.yml"), before);
}

TEST(everything_before_the_receivers_is_the_production_file)
{
    struct fixture *f = *state;
    const char *production = read_file(f, "prometheus/alertmanager.yml");
    const char *mark = "# Replaced by `make secrets`", *end = strstr(production, mark);
    const char *rendered;

    assert_non_null(end);
    (void)must_make_secrets(f, "ALERT_WEBHOOK=https://one.example/", NULL);
    rendered = secret_file(f, "alertmanager.yml");
    assert_memory_equal(rendered, production, end - production);
    assert_int_equal(strncmp(rendered + (end - production), "# Made by tools/secrets.sh", 26), 0);
}

RUN_TESTS(T(each_setting_reaches_its_receivers_and_alertmanager_takes_the_file),
          T(a_password_may_have_any_character),
          T(a_wrong_setting_is_refused_with_what_is_allowed_and_nothing_is_made),
          T(the_settings_file_means_to_us_what_it_means_to_compose_or_is_refused),
          T(the_environment_wins_over_the_file_even_when_empty),
          T(the_projects_own_settings_are_found_and_made_private),
          T(the_example_of_a_settings_file_is_taken_as_it_stands),
          T(changed_receivers_are_rendered_again_and_a_refused_change_leaves_the_old_ones),
          T(everything_before_the_receivers_is_the_production_file))
