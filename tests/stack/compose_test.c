/* SPDX-License-Identifier: MIT */
/*
 * What of compose.yaml can be run without an engine: the container's own commands with the settings
 * as they ship, and that `make compose-test` says why it skips. What must agree on paper is
 * tools/check-compose.py's to say.
 */
#include "tests/e2e/lib/server.h"

#include <sys/stat.h>
#include <unistd.h>

#define SETTINGS "config/sidelight.yaml"

/* ---- the commands of the container ---- */

TEST(the_settings_as_shipped_are_good)
{
    struct fixture *f = *state;
    const struct outcome *o = run_sidelight(f, "--config", SETTINGS, "--check");

    assert_string_equal(o->err, "");
    assert_int_equal(o->status, 0);
}

TEST(the_healthcheck_of_the_container_is_green_only_while_the_server_lives)
{
    struct fixture *f = *state;
    struct server *s = server_start_with(f, &(struct server_options){.config = SETTINGS});
    const char *where = textf(f, "listen.public=0.0.0.0:%u", s->public_port);
    const char *const *words = ARGS(program(), "healthcheck", "--config", SETTINGS, "--set", where);
    const struct outcome *o = run(f, words, NULL);

    assert_string_equal(o->out, "alive\n");
    assert_int_equal(o->status, 0);
    server_stop(s);
    o = run(f, words, NULL);
    assert_string_equal(o->out, "");
    assert_int_equal(o->status, 1);
}

/* ---- make compose-test ---- */

/* Runs it where the only docker is this shell script; NULL: where there is none. */
static const struct outcome *compose_test(struct fixture *f, const char *docker)
{
    const char *bin = in_dir(f, "bin"), *path = environment("PATH");

    assert_int_equal(mkdir(bin, 0700), 0);
    if (docker == NULL) {
        assert_int_equal(symlink("/usr/bin/dirname", textf(f, "%s/dirname", bin)), 0);
        return run(f, ARGS("env", textf(f, "PATH=%s", bin), "tools/compose-test.sh"), NULL);
    }
    write_file(textf(f, "%s/docker", bin), textf(f, "#!/bin/sh\n%s\n", docker));
    assert_int_equal(chmod(textf(f, "%s/docker", bin), 0700), 0);
    return run(f, ARGS("env", textf(f, "PATH=%s:%s", bin, path), "tools/compose-test.sh"), NULL);
}

static void assert_skipped(const struct outcome *o, const char *why)
{
    assert_string_equal(o->err, "");
    assert_int_equal(strncmp(o->out, "compose-test: skipped: ", 23), 0);
    assert_contains(o->out, why);
    assert_int_equal(count_of(o->out, "\n"), 1);
    assert_int_equal(o->status, 0);
}

TEST(compose_test_skips_without_docker)
{
    assert_skipped(compose_test(*state, NULL), "there is no docker on this machine");
}

TEST(compose_test_skips_without_an_engine_and_says_what_docker_says)
{
    static const char docker[] = "echo Client: Docker\n"
                                 "echo 'Cannot connect to the Docker daemon' >&2\n"
                                 "exit 1";

    assert_skipped(compose_test(*state, docker),
                   "docker info: Cannot connect to the Docker daemon");
}

TEST(compose_test_skips_without_compose)
{
    assert_skipped(compose_test(*state, "[ \"$1\" = info ]"), "docker has no compose");
}

TEST(compose_test_leaves_a_stack_alone_that_runs_here)
{
    static const char docker[] = "case $*:$1 in\n"
                                 "*inspect*) echo site_front 172.31.251.0/27 ;;\n"
                                 "*:network) echo 0123456789ab ;;\n"
                                 "*:info | *:compose) ;;\n"
                                 "*) exit 1 ;;\n"
                                 "esac";

    assert_skipped(compose_test(*state, docker),
                   "a network is there already: site_front 172.31.251.0/27");
}

RUN_TESTS(T(the_settings_as_shipped_are_good),
          T(the_healthcheck_of_the_container_is_green_only_while_the_server_lives),
          T(compose_test_skips_without_docker),
          T(compose_test_skips_without_an_engine_and_says_what_docker_says),
          T(compose_test_skips_without_compose),
          T(compose_test_leaves_a_stack_alone_that_runs_here))
