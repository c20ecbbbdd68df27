/* SPDX-License-Identifier: MIT */
/*
 * tools/secrets.sh: what it makes, what it keeps, who may read it, and that Caddy agrees about the
 * users.
 */
#include "tests/stack/lib/secrets.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned mode_of(struct fixture *f, const char *name)
{
    struct stat st;

    assert_int_equal(stat(textf(f, "%s/secrets%s", fixture_dir(f), name), &st), 0);
    return st.st_mode & 07777U;
}

TEST(the_first_run_makes_everything_and_prints_the_password_once)
{
    static const char *const files[] = {"/users", "/alertmanager.yml", "/grafana_admin",
                                        "/tunnel_token", "/tunnel_credentials.json"};
    struct fixture *f = *state;
    const struct outcome *o = must_make_secrets(f, NULL, NULL);
    const char *password = password_of(f, o, "ops"), *users = secret_file(f, "users");

    assert_int_equal(strlen(password), 27);
    assert_int_equal(count_of(o->out, password), 1);
    assert_int_equal(
        run(f, ARGS("grep", "-rqF", "--", password, in_dir(f, "secrets")), NULL)->status, 1);
    assert_int_equal(strncmp(users, "ops $2b$05$", 11), 0);
    assert_int_equal(strlen(users), strlen("ops ") + 60 + 1);
    assert_int_equal(strlen(secret_file(f, "grafana_admin")), 27);
    assert_string_not_equal(secret_file(f, "grafana_admin"), password);
    assert_string_equal(secret_file(f, "tunnel_token"), "");
    assert_string_equal(secret_file(f, "tunnel_credentials.json"), "");
    assert_int_equal(mode_of(f, ""), 0700);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        assert_int_equal(mode_of(f, files[i]), 0644);
    assert_contains(o->out, "alerts reach nobody: set ALERT_WEBHOOK or ALERT_EMAIL");
}

TEST(the_second_run_keeps_everything)
{
    static const char *const files[] = {"users", "alertmanager.yml", "grafana_admin"};
    struct fixture *f = *state;
    const char *before[ARRAY_LEN(files)];
    const struct outcome *o;

    (void)must_make_secrets(f, NULL, NULL);
    write_file(in_dir(f, "secrets/tunnel_credentials.json"), "{}");
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        before[i] = secret_file(f, files[i]);
    o = must_make_secrets(f, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        assert_string_equal(secret_file(f, files[i]), before[i]);
    assert_string_equal(secret_file(f, "tunnel_credentials.json"), "{}");
    assert_lacks(o->out, "password:");
    assert_lacks(o->out, "changed");
    assert_int_equal(run(f, ARGS("find", in_dir(f, "secrets"), "-name", "*.new"), NULL)->out[0],
                     '\0');
}

/* Also into a directory that is there: the first to come must not be taken for somebody else. */
TEST(two_at_once_make_one_password)
{
    struct fixture *f = *state;

    for (int i = 0; i < 10; i++) {
        const char *dir = in_dir(f, textf(f, "at-once-%d", i));
        const char *run_it = textf(f, "tools/secrets.sh --dir %s --env /dev/null", dir);
        const struct outcome *o = run(
            f, ARGS("sh", "-c", textf(f, "mkdir %s; %s & %s; wait", dir, run_it, run_it)), NULL);

        assert_string_equal(o->err, "");
        assert_int_equal(count_of(o->out, "password: "), 1);
        assert_int_equal(count_of(read_file(f, textf(f, "%s/users", dir)), "\n"), 1);
    }
}

TEST(a_tunnel_token_is_kept_until_another_comes)
{
    struct fixture *f = *state;

    assert_contains(must_make_secrets(f, NULL, NULL)->out, "no tunnel");
    assert_lacks(must_make_secrets(f, "TUNNEL_TOKEN=eyJhIjoiMSJ9+/=_-", NULL)->out, "no tunnel");
    assert_string_equal(secret_file(f, "tunnel_token"), "eyJhIjoiMSJ9+/=_-");
    (void)must_make_secrets(f, NULL, NULL);
    assert_string_equal(secret_file(f, "tunnel_token"), "eyJhIjoiMSJ9+/=_-");
    (void)must_make_secrets(f, "TUNNEL_TOKEN=other", NULL);
    assert_string_equal(secret_file(f, "tunnel_token"), "other");
}

TEST(users_come_are_renewed_and_go)
{
    struct fixture *f = *state;
    const char *ops, *alice;

    (void)must_make_secrets(f, NULL, NULL);
    ops = secret_file(f, "users");
    alice = password_of(f, must_make_secrets(f, NULL, "--add|alice"), "alice");
    assert_int_equal(strncmp(secret_file(f, "users"), ops, strlen(ops)), 0); /* the others stay */
    assert_contains(secret_file(f, "users"), "\nalice $2b$05$");
    assert_string_not_equal(password_of(f, must_make_secrets(f, NULL, "--renew|alice"), "alice"),
                            alice);
    assert_int_equal(count_of(secret_file(f, "users"), "\n"), 2);
    assert_contains(must_make_secrets(f, NULL, "--remove|alice")->out, "removed: alice");
    assert_string_equal(secret_file(f, "users"), ops);
}

TEST(no_user_is_changed_by_mistake)
{
    static const struct {
        const char *options;
        int status;
        const char *says;
    } cases[] = {
        {"--add|ops",                               1, "ops is there already; --renew ops"},
        {"--renew|alice",                           1, "there is no user alice"           },
        {"--remove|alice",                          1, "there is no user alice"           },
        {"--remove|ops",                            1, "ops is the only user"             },
        {"--add|a b",                               1, "1 to 32 letters, digits"          },
        {"--add|o.s",                               0, ""                                 },
        {"--add|a$b",                               1, "1 to 32 letters, digits"          },
        {"--add|-x",                                1, "begins with a letter or digit"    },
        {"--add|import",                            1, "means something else to Caddy"    },
        {"--add|Admin",                             1, "Grafana's own administrator"      },
        {"--add|abcdefghijklmnopqrstuvwxyz0123456", 1, "1 to 32 letters, digits"          },
        {"--add|",                                  2, "usage: "                          },
        {"--add|a|--renew|ops",                     2, "usage: "                          },
        {"--add",                                   2, "usage: "                          },
        {"--help",                                  2, "usage: "                          },
    };
    struct fixture *f = *state;
    const char *before;

    (void)must_make_secrets(f, NULL, NULL);
    before = secret_file(f, "users");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct outcome *o = make_secrets(f, NULL, cases[i].options);

        if (o->status != cases[i].status)
            fail_msg("case %zu: status %d: %s", i, o->status, o->err);
        assert_contains(o->err, cases[i].says);
        if (o->status == 0) /* a dot in a name is no pattern */
            (void)must_make_secrets(f, NULL, "--remove|o.s");
        assert_string_equal(secret_file(f, "users"), before);
    }
}

TEST(a_users_file_that_is_none_is_left_alone)
{
    static const char *const broken[] = {"", "ops\n", "ops plain\n", "ops $2b$05$x\nmore text\n"};
    struct fixture *f = *state;

    (void)must_make_secrets(f, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        write_file(in_dir(f, "secrets/users"), broken[i]);
        assert_int_equal(make_secrets(f, NULL, "--renew|ops")->status, 1);
        assert_string_equal(secret_file(f, "users"), broken[i]);
    }
}

TEST(a_directory_with_something_else_is_left_alone)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(mkdir(in_dir(f, "secrets"), 0755), 0);
    write_file(in_dir(f, "secrets/letters"), "");
    assert_contains(make_secrets(f, NULL, NULL)->err, "holds something else");
    assert_int_equal(stat(in_dir(f, "secrets"), &st), 0);
    assert_int_equal(st.st_mode & 0777U, 0755);
    assert_int_equal(access(in_dir(f, "secrets/users"), F_OK), -1);
}

TEST(no_other_program_is_told_a_secret)
{
    struct fixture *f = *state;
    const char *env = in_dir(f, "env"), *trace = in_dir(f, "trace"), *log;
    const struct outcome *o;

    write_file(env, "ALERT_EMAIL=you@example.com\nSMTP_HOST=smtp.example.com:587\n"
                    "SMTP_FROM=s@example.com\nSMTP_USER=you\nSMTP_PASSWORD='from-the-file'\n");
    o = run(f,
            ARGS("env", "ALERT_WEBHOOK=https://a.example/from-the-environment", "strace", "-f",
                 "-v", "-s", "9999", "-e", "trace=execve", "-o", trace, "tools/secrets.sh", "--dir",
                 in_dir(f, "secrets"), "--env", env),
            NULL);
    assert_int_equal(o->status, 0);
    log = read_file(f, trace);
    assert_true(count_of(log, "execve(") > 5);
    assert_int_equal(count_of(log, "from-the-environment"), 1); /* the script itself */
    assert_lacks(log, "from-the-file");
    assert_lacks(log, password_of(f, o, "ops"));
    assert_lacks(log, secret_file(f, "grafana_admin"));
    assert_int_equal(count_of(secret_file(f, "alertmanager.yml"), "from-the-file"), 2);
}

static void stop(void *arg)
{
    pid_t *pid = arg;
    int status = 0;

    (void)kill(*pid, SIGTERM);
    (void)process_wait(*pid, DEADLINE_MS, &status);
}

/* A real Caddy with the users file, on a socket in the test's directory. */
static void start_caddy(struct fixture *f)
{
    const char *config = in_dir(f, "Caddyfile"), *socket = in_dir(f, "socket");
    pid_t *pid = keep(f, sizeof(*pid));

    write_file(config, textf(f,
                             "{\n\tadmin off\n\tauto_https off\n}\nhttp:// {\n\tbind unix/%s\n"
                             "\tbasicauth bcrypt ops {\n\t\timport %s\n\t}\n\trespond in\n}\n",
                             socket, in_dir(f, "secrets/users")));
    *pid = process_start(&(struct process_options){
        .argv = ARGS("caddy", "run", "--adapter", "caddyfile", "--config", config),
        .env = ARGS(textf(f, "HOME=%s", fixture_dir(f))),
        .in = PROCESS_CLOSED,
        .out = PROCESS_CLOSED,
        .err = PROCESS_CLOSED,
    });
    at_end(f, stop, pid);
    EVENTUALLY(access(socket, F_OK) == 0);
}

static const char *knock(struct fixture *f, const char *user, const char *password)
{
    return run(f,
               ARGS("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--retry-connrefused",
                    "--retry", "9", "--unix-socket", in_dir(f, "socket"), "-u",
                    textf(f, "%s:%s", user, password), "http://localhost/"),
               NULL)
        ->out;
}

TEST(caddy_lets_in_whoever_has_the_password_and_nobody_else)
{
    struct fixture *f = *state;
    const char *ops = password_of(f, must_make_secrets(f, NULL, NULL), "ops");
    const char *old = password_of(f, must_make_secrets(f, NULL, "--add|alice"), "alice");
    const char *alice = password_of(f, must_make_secrets(f, NULL, "--renew|alice"), "alice");

    start_caddy(f);
    assert_string_equal(knock(f, "ops", ops), "200");
    assert_string_equal(knock(f, "alice", alice), "200");
    assert_string_equal(knock(f, "alice", old), "401");
    assert_string_equal(knock(f, "ops", alice), "401");
    assert_string_equal(knock(f, "bob", ops), "401");
    assert_string_equal(knock(f, "ops", ""), "401");
}

RUN_TESTS(T(the_first_run_makes_everything_and_prints_the_password_once),
          T(the_second_run_keeps_everything),
          T(two_at_once_make_one_password),
          T(a_tunnel_token_is_kept_until_another_comes),
          T(users_come_are_renewed_and_go),
          T(no_user_is_changed_by_mistake),
          T(a_users_file_that_is_none_is_left_alone),
          T(a_directory_with_something_else_is_left_alone),
          T(no_other_program_is_told_a_secret),
          T(caddy_lets_in_whoever_has_the_password_and_nobody_else))
