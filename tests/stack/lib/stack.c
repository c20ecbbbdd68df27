/* SPDX-License-Identifier: MIT */
/* Worlds, the script that fills them, and questions to what runs in there. */
#include "tests/stack/lib/stack.h"

#include <fcntl.h>
#include <math.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIPT "tools/stack.sh"

enum { ENV_MAX = 32, START_MS = 60000 };

/* ---- the world ---- */

/* Nothing that the first process of a world leaves behind survives it. */
static void on_signal(int signo)
{
    _exit(128 + signo);
}

/*
 * The first process of a world ignores signals that it does not handle, and inherits orphans: the
 * tests run in a child.
 */
static void become_init(void)
{
    const int ends[] = {SIGTERM, SIGINT, SIGHUP};
    int status = 0;
    pid_t tests, got;

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        (void)signal(ends[i], on_signal);
    tests = fork();
    MUST(tests >= 0);
    if (tests == 0) {
        for (size_t i = 0; i < ARRAY_LEN(ends); i++)
            (void)signal(ends[i], SIG_DFL);
        return;
    }
    do
        got = waitpid(-1, &status, 0);
    while (got != tests);
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

void stack_world(char **argv)
{
    const char *call[16] = {SCRIPT, "world"};
    union {
        const char **in;
        char *const *out;
    } args = {call}; /* execvp changes nothing, but its prototype is older than const */
    size_t n = 2;

    if (environment("STACK_WORLD") != NULL && getpid() == 1)
        become_init();
    if (environment("STACK_WORLD") != NULL || environment("STACK_NO_WORLD") != NULL)
        return;
    for (size_t i = 0; argv[i] != NULL; i++) {
        MUST(n + 1 < ARRAY_LEN(call));
        call[n++] = argv[i];
    }
    (void)execvp(call[0], args.out);
    perror(SCRIPT);
    exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

/* ---- start and end ---- */

static const char *output(struct stack *s)
{
    return read_file(s->f, in_dir(s->f, "stack.out"));
}

static const char *run_file(struct stack *s, const char *service, const char *suffix)
{
    return textf(s->f, "%s/run/%s%s", s->dir, service, suffix);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void must_run(struct stack *s)
{
    int status;

    if (!process_wait(s->pid, 0, &status))
        return;
    s->pid = 0;
    fail_msg("%s ended with %d:\n%s", SCRIPT, status, output(s));
}

static void wait_for_file(struct stack *s, const char *path)
{
    uint64_t end = clock_mono_ns() + START_MS * NS_PER_MS;

    while (!exists(path)) {
        must_run(s);
        if (clock_mono_ns() >= end)
            fail_msg("%s is still not there:\n%s", path, output(s));
        clock_sleep_ms(POLL_MS);
    }
}

static void conclude(void *arg)
{
    struct stack *s = arg;
    int status = -1;

    if (s->pid == 0)
        return;
    (void)kill(s->pid, SIGTERM);
    if (!process_wait(s->pid, START_MS, &status)) {
        (void)kill(s->pid, SIGKILL);
        (void)process_wait(s->pid, DEADLINE_MS, &status);
        fixture_blame(s->f, textf(s->f, "the stack did not stop on SIGTERM:\n%s", output(s)));
    } else if (status != 0) {
        fixture_blame(s->f,
                      textf(s->f, "the stack ended with %d on SIGTERM:\n%s", status, output(s)));
    }
    s->pid = 0;
}

static const char **make_env(struct stack *s, const struct stack_options *opt)
{
    const char **env = keep(s->f, ENV_MAX * sizeof(*env));
    size_t n = 0;

    env[n++] = textf(s->f, "STACK_DIR=%s", s->dir);
    env[n++] = textf(s->f, "SIDELIGHT=%s", program());
    env[n++] = textf(s->f, "STACK_REPLICAS=%u", opt->replicas > 0 ? opt->replicas : 1);
    env[n++] = "STACK_NET=netns";
    /* Its drain is tested elsewhere; here it would only add two seconds to every test. */
    env[n++] = "STACK_SIDELIGHT_FLAGS=--set drain.delay=0s";
    if (opt->files != NULL)
        env[n++] = textf(s->f, "STACK_FILES=%s", opt->files);
    if (opt->only != NULL)
        env[n++] = textf(s->f, "STACK_ONLY=%s", opt->only);
    for (size_t i = 0; opt->env != NULL && opt->env[i] != NULL; i++) {
        MUST(n + 1 < ENV_MAX);
        env[n++] = opt->env[i];
    }
    return env;
}

static void launch(struct stack *s, const struct stack_options *opt)
{
    const char *out = in_dir(s->f, "stack.out");
    int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    struct process_options process = {.argv = ARGS(SCRIPT),
                                      .env = make_env(s, opt),
                                      .in = PROCESS_INHERITED,
                                      .out = fd,
                                      .err = fd};

    assert_true(fd >= 0);
    s->pid = process_start(&process);
    (void)close(fd);
}

/* The word that follows `mark` in the script's banner. */
static const char *banner_word(struct stack *s, const char *mark)
{
    const char *text = output(s), *at = strstr(text, mark);

    if (at == NULL)
        return "";
    at += strlen(mark);
    return keep_text(s->f, at, strcspn(at, " \n"));
}

struct stack *stack_start(struct fixture *f, const struct stack_options *opt)
{
    struct stack *s = keep(f, sizeof(*s));
    const char *why = environment("STACK_NO_WORLD");

    if (environment("STACK_WORLD") == NULL) {
        print_message("skipped: no network namespaces here: %s\n", why != NULL ? why : "unknown");
        skip();
    }
    s->f = f;
    s->dir = in_dir(f, "stack");
    at_end(f, conclude, s);
    launch(s, opt);
    wait_for_file(s, run_file(s, "ready", ""));
    s->user = banner_word(s, "user: ");
    s->password = banner_word(s, "password: ");
    return s;
}

/* A line to the script's pipe; it takes them in order. */
static void command(struct stack *s, const char *line)
{
    int fd = open(run_file(s, "control", ""), O_WRONLY | O_NONBLOCK | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, line, strlen(line)), strlen(line));
    (void)close(fd);
}

void stack_signal(struct stack *s, const char *service, int signo)
{
    const char *file = run_file(s, service, ".pid");
    long pid = strtol(read_file(s->f, file), NULL, 10);

    assert_true(pid > 1);
    if (signo == SIGKILL || signo == SIGTERM)
        command(s, textf(s->f, "expected %s\n", service));
    assert_int_equal(kill((pid_t)pid, signo), 0);
    if (signo == SIGKILL || signo == SIGTERM)
        EVENTUALLY(!exists(file));
}

/* A command whose success shows in a file. */
static void command_done(struct stack *s, const char *line, const char *file)
{
    (void)unlink(file);
    command(s, line);
    wait_for_file(s, file);
}

void stack_again(struct stack *s, const char *service)
{
    command_done(s, textf(s->f, "start %s\n", service), run_file(s, service, ".ready"));
}

void stack_dns(struct stack *s, const char *name, const char *addresses)
{
    command_done(s, textf(s->f, "dns %s %s\n", name, addresses), run_file(s, "dns.ready", ""));
}

/* ---- logs ---- */

const char *stack_log(struct stack *s, const char *service)
{
    return read_file(s->f, textf(s->f, "%s/log/%s.log", s->dir, service));
}

/* The first whole line of `text` that holds `part`, or NULL. */
static const char *line_with(struct fixture *f, const char *text, const char *part)
{
    const char *at = strstr(text, part), *end = at != NULL ? strchr(at, '\n') : NULL;

    if (end == NULL)
        return NULL;
    while (at > text && at[-1] != '\n')
        at--;
    return keep_text(f, at, (size_t)(end - at));
}

const char *stack_log_wait(struct stack *s, const char *service, const char *part)
{
    const char *path = textf(s->f, "%s/log/%s.log", s->dir, service), *line;
    uint64_t end = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;
    struct buf b = BUF_INIT;

    for (;;) {
        read_into(path, &b);
        line = line_with(s->f, buf_cstr(&b), part);
        if (line != NULL || clock_mono_ns() >= end)
            break;
        clock_sleep_ms(POLL_MS);
    }
    if (line == NULL)
        print_error("no line with %s in:\n%s\n", part, buf_cstr(&b));
    buf_release(&b);
    assert_non_null(line);
    return line;
}

/* ---- requests ---- */

const struct reply *ask_in(
    struct stack *s, const char *netns, const char *host, unsigned port, const struct ask *ask)
{
    struct ask in = *ask;
    struct reply *r = reply_keep(s->f);

    in.netns = netns;
    in.host = host;
    if (ask_port(port, &in, r) != SENT_ANSWERED)
        fail_msg("no answer to %s of %s from %s:%u, asked from %s",
                 ask->method != NULL ? ask->method : "the request", ask->path, host, port,
                 netns != NULL ? netns : "the hub");
    return r;
}

const struct reply *ask_tunnel(struct stack *s, const char *client, const struct ask *ask)
{
    const char *headers[64] = {
        textf(s->f, "CF-Connecting-IP: %s", client != NULL ? client : "203.0.113.7")};
    struct ask through = *ask;

    for (size_t i = 0; ask->headers != NULL && ask->headers[i] != NULL; i++) {
        MUST(i + 2 < ARRAY_LEN(headers));
        headers[i + 1] = ask->headers[i];
    }
    through.headers = headers;
    return ask_in(s, "cloudflared", EDGE_CADDY, 80, &through);
}

const char *basic_login(struct fixture *f, const char *user, const char *password)
{
    const char *plain = textf(f, "%s:%s", user, password);
    char *base64 = keep(f, 2 * strlen(plain) + 8);

    (void)EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)plain,
                          (int)strlen(plain));
    return textf(f, "Authorization: Basic %s", base64);
}

const char *stack_authorization(struct stack *s)
{
    return basic_login(s->f, s->user, s->password);
}

/* ---- Prometheus ---- */

/* `name`=`value` of a form. */
static const char *form_field(struct stack *s, const char *name, const char *value)
{
    struct buf b = BUF_INIT;
    const char *text;

    buf_addf(&b, "%s=", name);
    for (; *value != '\0'; value++)
        buf_addf(&b, "%%%02X", (unsigned)(unsigned char)*value);
    text = keep_text(s->f, b.data, b.len);
    buf_release(&b);
    return text;
}

const char *prom_query(struct stack *s, const char *query)
{
    const struct reply *r =
        ASK_IN(s, "prometheus", "127.0.0.1", 9090, .path = "/prometheus/api/v1/query",
               .headers = HEADERS(FORM_TYPE), .body = form_field(s, "query", query));

    if (r->status != 200)
        fail_msg("Prometheus refuses %s: %s", query, r->body);
    return json_text(s->f, r->body, "data");
}

size_t prom_size(struct stack *s, const char *query)
{
    return json_size(s->f, prom_query(s, query), "result");
}

double prom_value(struct stack *s, const char *query)
{
    const char *data = prom_query(s, query);
    size_t n;

    if (strcmp(json_text(s->f, data, "resultType"), "scalar") == 0)
        return strtod(json_text(s->f, data, "result.1"), NULL);
    n = json_size(s->f, data, "result");
    if (n > 1)
        fail_msg("%s yields %zu series: %s", query, n, data);
    return n == 0 ? (double)NAN : strtod(json_text(s->f, data, "result.0.value.1"), NULL);
}
