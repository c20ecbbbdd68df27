/* SPDX-License-Identifier: MIT */
/*
 * tools/stack.sh as a person runs it, whose host is this test's world: what it says, where it
 * answers, and that nothing of it is left.
 */
#include "tests/stack/lib/stack.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct person {
    struct fixture *f;
    const char *dir, *out; /* STACK_DIR, and what they see */
    pid_t pid;
};

static const char *seen(struct person *p)
{
    return read_file(p->f, p->out);
}

static void give_up(void *arg)
{
    struct person *p = arg;
    int status;

    if (p->pid == 0)
        return;
    (void)kill(p->pid, SIGKILL);
    (void)process_wait(p->pid, DEADLINE_MS, &status);
}

/* Types `tools/stack.sh` with some of the environment changed. */
static struct person *type(struct fixture *f, const char *name, const char *const *env)
{
    struct person *p = keep(f, sizeof(*p));
    const char *all[32] = {"STACK_WORLD=", textf(f, "SIDELIGHT=%s", program()),
                           "STACK_SIDELIGHT_FLAGS=--set drain.delay=0s"};
    size_t n = 3;
    int fd;

    if (environment("STACK_WORLD") == NULL) {
        print_message("skipped: no network namespaces here: %s\n", environment("STACK_NO_WORLD"));
        skip();
    }
    *p = (struct person){f, in_dir(f, name), textf(f, "%s.out", in_dir(f, name)), 0};
    all[n++] = textf(f, "STACK_DIR=%s", p->dir);
    for (size_t i = 0; env != NULL && env[i] != NULL; i++)
        all[n++] = env[i];
    fd = open(p->out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    /* In a session of its own, as at a terminal. */
    p->pid = process_start(&(struct process_options){.argv = ARGS("setsid", "tools/stack.sh"),
                                                     .env = all,
                                                     .in = PROCESS_INHERITED,
                                                     .out = fd,
                                                     .err = fd});
    (void)close(fd);
    at_end(f, give_up, p);
    return p;
}

static int ended(struct person *p)
{
    int status = -1;

    if (!process_wait(p->pid, 2 * DEADLINE_MS, &status))
        fail_msg("it does not end:\n%s", seen(p));
    p->pid = 0;
    return status;
}

static void must_live(struct person *p)
{
    int status;

    if (!process_wait(p->pid, 0, &status))
        return;
    p->pid = 0;
    fail_msg("it ended with %d:\n%s", status, seen(p));
}

static void see(struct person *p, const char *text)
{
    uint64_t end = 0;

    while (strstr(seen(p), text) == NULL) {
        must_live(p);
        try_again(&end, text);
    }
}

/* Processes that have this stack's directory in their environment: every one that it started. */
static size_t processes(struct person *p)
{
    const char *mark = textf(p->f, "STACK_DIR=%s", p->dir);
    struct buf b = BUF_INIT;
    const struct dirent *entry; /* readdir: one thread */
    DIR *proc = opendir("/proc");
    size_t n = 0;

    assert_non_null(proc);
    while ((entry = readdir(proc)) != NULL) { /* NOLINT(concurrency-mt-unsafe): its own DIR */
        char path[300];

        (void)snprintf(path, sizeof(path), "/proc/%s/environ", entry->d_name);
        read_into(path, &b);
        n += memmem(b.data, b.len, mark, strlen(mark) + 1) != NULL;
    }
    (void)closedir(proc);
    buf_release(&b);
    return n;
}

static const struct outcome *inside(struct person *p, const char *namespace, const char *command)
{
    return run(p->f,
               ARGS("env", textf(p->f, "STACK_DIR=%s", p->dir), "tools/stack.sh", "exec", namespace,
                    "sh", "-c", command),
               NULL);
}

TEST(it_says_where_things_are_and_ctrl_c_ends_all)
{
    struct fixture *f = *state;
    struct person *p = type(f, "stack", NULL);
    struct reply *r = reply_keep(f);

    see(p, "Ctrl-C ends all.");
    assert_contains(seen(p), "http://127.0.0.1:8080/contact");
    assert_contains(seen(p), "http://127.0.0.1:8080/prometheus/");
    assert_contains(seen(p), "user: ops  password: ");
    assert_contains(seen(p), "Grafana is not part of this");
    assert_contains(seen(p), "in networks like those of compose.yaml");
    assert_contains(seen(p), textf(f, "%s/log/", p->dir));
    assert_contains(seen(p),
                    "sidelight-1.log caddy.log prometheus.log alertmanager.log blackbox.log");
    assert_true(processes(p) >= 5);

    /* Caddy's port is published on the loopback, and reached from the network's gateway. */
    assert_int_equal(ask_port(8080, &(struct ask){.path = "/health"}, r), SENT_ANSWERED);
    assert_status(r, 200);
    EVENTUALLY(strstr(read_file(f, textf(f, "%s/log/sidelight-1.log", p->dir)),
                      "\"path\":\"/health\",") != NULL);
    assert_contains(read_file(f, textf(f, "%s/log/sidelight-1.log", p->dir)),
                    "\"client_ip\":\"172.31.250.1\"");

    /* What the banner tells them to type. */
    assert_contains(inside(p, "prometheus", "curl -s http://sidelight-metrics:9091/metrics")->out,
                    "sidelight_build_info");
    assert_contains(inside(p, "alertmanager", "curl -s http://localhost:9093/-/ready")->out, "OK");
    assert_contains(inside(p, "hub", "ip -o addr")->out, "172.31.250.1/27");

    assert_int_equal(kill(-p->pid, SIGINT), 0);
    assert_int_equal(ended(p), 0);
    assert_contains(seen(p), "stack: all ended\n");
    assert_lacks(seen(p), "status");
    assert_int_equal(processes(p), 0);
    assert_int_not_equal(inside(p, "hub", "true")->status, 0);
}

TEST(nothing_is_left_however_it_ends)
{
    struct fixture *f = *state;
    struct person *p = type(f, "killed", SETS("STACK_ONLY=sidelight caddy"));
    const char *ready;

    see(p, "Ctrl-C ends all.");
    assert_int_equal(kill(p->pid, SIGKILL), 0);
    assert_int_equal(ended(p), 128 + SIGKILL);
    EVENTUALLY(processes(p) == 0);

    /*
     * The same directory again, and a signal before it is ready: once what the first left is gone.
     */
    ready = textf(f, "%s/run/ready", p->dir);
    assert_int_equal(access(ready, F_OK), 0);
    p = type(f, "killed", SETS("STACK_ONLY=sidelight caddy"));
    EVENTUALLY(access(ready, F_OK) != 0);
    assert_int_equal(kill(p->pid, SIGTERM), 0);
    (void)ended(p);
    assert_contains(seen(p), "stack: all ended\n");
    EVENTUALLY(processes(p) == 0);
}

TEST(a_service_that_dies_is_named_and_the_others_run_on)
{
    struct fixture *f = *state;
    struct person *p = type(f, "stack", SETS("STACK_ONLY=sidelight caddy"));

    see(p, "Ctrl-C ends all.");
    (void)inside(p, "hub", textf(f, "kill -KILL $(cat %s/run/caddy.pid)", p->dir));
    see(p, textf(f, "stack: caddy ended with status 137; its log: %s/log/caddy.log\n", p->dir));
    assert_contains(inside(p, "caddy", "curl -s http://sidelight:8000/health")->out, "healthy");
    assert_int_equal(kill(p->pid, SIGTERM), 0);
    assert_int_equal(ended(p), 1);
    assert_int_equal(processes(p), 0);
}

TEST(a_service_that_does_not_start_is_named_with_the_end_of_its_log)
{
    struct fixture *f = *state;
    struct person *p =
        type(f, "stack", SETS("STACK_ONLY=sidelight", "STACK_SIDELIGHT_FLAGS=--set no.such=thing"));

    assert_int_equal(ended(p), 1);
    assert_contains(seen(p), "sidelight-1 ended with status 78 before it was ready");
    assert_contains(seen(p), "    ");
    assert_contains(seen(p), "no.such");
    assert_int_equal(processes(p), 0);
}

TEST(without_namespaces_it_runs_on_the_loopback_and_says_so)
{
    struct fixture *f = *state;
    const char *bin = in_dir(f, "bin");
    const struct outcome *o = run(f, ARGS("mkdir", bin), NULL);
    struct reply *r = reply_keep(f);
    struct person *p;
    uint64_t end = 0;

    assert_int_equal(o->status, 0);
    write_file(textf(f, "%s/unshare", bin), "#!/bin/sh\necho 'unshare: not permitted'\nexit 1\n");
    assert_int_equal(run(f, ARGS("chmod", "755", textf(f, "%s/unshare", bin)), NULL)->status, 0);
    p = type(f, "stack", SETS(textf(f, "PATH=%s:%s", bin, environment("PATH")), "STACK_PORT=8082"));
    see(p, "Ctrl-C ends all.");
    assert_contains(seen(p), "the networks are NOT separated (unshare: not permitted)");

    assert_int_equal(
        ask_port(8082,
                 &(struct ask){.path = "/contact", .headers = HEADERS(JSON_TYPE), .body = ADA}, r),
        SENT_ANSWERED);
    assert_status(r, 201);
    for (const char *body = ""; strstr(body, "\"1\"]") == NULL;) {
        try_again(&end, "the contact shows in Prometheus");
        reply_release(r);
        assert_int_equal(
            ask_port(9090,
                     &(struct ask){
                         .path = "/prometheus/api/v1/query?query=sum(contact_submissions_total)"},
                     r),
            SENT_ANSWERED);
        body = r->body;
    }
    assert_int_equal(kill(p->pid, SIGTERM), 0);
    assert_int_equal(ended(p), 0);
    assert_int_equal(processes(p), 0);
}

TEST(a_second_stack_needs_its_own_port_and_directory)
{
    struct fixture *f = *state;
    struct person *first = type(f, "first", SETS("STACK_ONLY=sidelight caddy")), *second;

    see(first, "Ctrl-C ends all.");
    second = type(f, "second", NULL);
    assert_int_equal(ended(second), 1);
    assert_contains(seen(second), "port 8080 is taken; choose another: STACK_PORT=");
    assert_int_equal(processes(second), 0);

    second = type(f, "first", SETS("STACK_PORT=8083"));
    assert_int_equal(ended(second), 1);
    assert_contains(seen(second), "a stack runs in ");
    assert_true(processes(first) >= 2);

    second = type(f, "third", SETS("STACK_ONLY=sidelight caddy", "STACK_PORT=8083"));
    see(second, "Ctrl-C ends all.");
    assert_int_equal(kill(second->pid, SIGTERM), 0);
    assert_int_equal(ended(second), 0);
    assert_int_equal(kill(first->pid, SIGTERM), 0);
    assert_int_equal(ended(first), 0);
}

TEST(what_is_wrong_is_said_before_anything_starts)
{
    static const struct {
        const char *env, *says;
    } cases[] = {
        {"STACK_ONLY=sidelight tomcat",  "'tomcat' is no service"                        },
        {"STACK_REPLICAS=0",             "STACK_REPLICAS=0 is not in 1..9"               },
        {"STACK_NET=bridge",             "STACK_NET=bridge is neither"                   },
        {"STACK_PORT=http",              "STACK_PORT=http is no port"                    },
        {"STACK_PORT=65536",             "STACK_PORT=65536 is no port"                   },
        {"STACK_PORT=0",                 "STACK_PORT=0 is no port"                       },
        {"SIDELIGHT=/nowhere/sidelight", "there is no /nowhere/sidelight: run make first"},
        {"STACK_FILES=/nowhere",         "can't copy "                                   },
        {"STACK_DIR=/usr",               "STACK_DIR=/usr is not empty, and no stack's"   },
    };
    struct fixture *f = *state;
    const char *bin = in_dir(f, "bin");
    struct person *p;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        p = type(f, "stack", SETS(cases[i].env));
        assert_int_equal(ended(p), 1);
        assert_contains(seen(p), cases[i].says);
    }
    /* All commands but one. */
    assert_int_equal(
        run(f,
            ARGS("sh", "-c",
                 "mkdir \"$1\" && ln -s /usr/bin/* \"$1\" && rm \"$1/prometheus-alertmanager\"",
                 "sh", bin),
            NULL)
            ->status,
        0);
    p = type(f, "stack", SETS(textf(f, "PATH=%s", bin)));
    assert_int_equal(ended(p), 1);
    assert_contains(
        seen(p),
        "missing commands: prometheus-alertmanager (Debian package prometheus-alertmanager);");
}

STACK_TESTS(T(it_says_where_things_are_and_ctrl_c_ends_all),
            T(nothing_is_left_however_it_ends),
            T(a_service_that_dies_is_named_and_the_others_run_on),
            T(a_service_that_does_not_start_is_named_with_the_end_of_its_log),
            T(without_namespaces_it_runs_on_the_loopback_and_says_so),
            T(a_second_stack_needs_its_own_port_and_directory),
            T(what_is_wrong_is_said_before_anything_starts))
