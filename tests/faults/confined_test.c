/* SPDX-License-Identifier: MIT */
/*
 * The server as compose.yaml confines it, on a machine without a container engine: bubblewrap gives
 * it a root that it can't write to, a /tmp of its own, its own processes, one user without
 * capabilities, and limits. Only the store's directory is its to write. Commands run beside it are
 * confined in the same way.
 *
 * RLIMIT_DATA stands for the limit of memory: there may be no cgroup to write to. The network is
 * the host's.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/promise.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What compose.yaml asks for; compared with it below. */
enum { USER = 65532, FILES = 16384, PROCESSES = 64, MEMORY_MB = 256, TMP_MB = 16 };

#define VIEW "{\"page\":\"/\",\"page_load_time_seconds\":1.5}"
#define NO_CAPS "0000000000000000"

struct cell {
    struct fixture *f;
    const char *confine; /* a script that runs its arguments confined */
    const char *data;    /* the one directory that may be written to */
    const char *config;  /* a file; read-only inside */
    struct server *s;
    pid_t pid; /* of the server, as seen from here */
};

/* ---- the confinement ---- */

static const char *directory(struct fixture *f, const char *name, unsigned mode)
{
    const char *path = in_dir(f, name);

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static const char *script(struct fixture *f, const char *name, const char *text)
{
    const char *path = in_dir(f, name);

    write_file(path, text);
    assert_int_equal(chmod(path, 0755), 0);
    return path;
}

static void forget_program(void *arg)
{
    (void)setenv("SIDELIGHT", arg, 1); /* NOLINT(concurrency-mt-unsafe): one thread is left */
}

/* From now on program() is the one under test in the cell. */
static void confine_program(struct cell *c, const char *binary)
{
    struct fixture *f = c->f;
    const char *real = program();
    const char *text = textf(f, "#!/bin/sh\nexec %s %s \"$@\"\n", c->confine, binary);

    at_end(f, forget_program, keep_text(f, real, strlen(real)));
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    assert_int_equal(setenv("SIDELIGHT", script(f, "server", text), 1), 0);
}

/* Root becomes the user first. Anybody else stays who they are outside, and is that user inside. */
static const char *become_user(struct fixture *f)
{
    return geteuid() == 0
               ? textf(f, "setpriv --reuid=%d --regid=%d --clear-groups --inh-caps=-all -- ", USER,
                       USER)
               : "";
}

static const char *confinement(struct fixture *f,
                               const char *bin,
                               const char *config,
                               const char *data)
{
    const char *spaces =
        "--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try --as-pid-1 "
        "--die-with-parent --new-session";
    const char *user = textf(f, "--uid %d --gid %d --cap-drop ALL", USER, USER);
    const char *root = textf(f,
                             "--ro-bind / / --proc /proc --dev /dev --remount-ro /dev "
                             "--perms 1777 --size %d --tmpfs /tmp",
                             TMP_MB << 20);
    const char *ours = textf(f, "--ro-bind %s %s --ro-bind %s %s --bind %s %s --chdir %s", bin, bin,
                             config, config, data, data, data);
    const char *limits = textf(f, "prlimit --nofile=%d:%d --nproc=%d:%d --data=%d:%d --", FILES,
                               FILES, PROCESSES, PROCESSES, MEMORY_MB << 20, MEMORY_MB << 20);

    return textf(f, "#!/bin/sh\nexec %sbwrap %s %s %s %s -- %s \"$@\"\n", become_user(f), spaces,
                 user, root, ours, limits);
}

/* A cell without a server; the test is skipped where there can be none. */
static struct cell *cell_build(struct fixture *f)
{
    const char *bin = directory(f, "bin", 0755), *config = directory(f, "config", 0755);
    const struct outcome *o;
    struct cell *c = keep(f, sizeof(*c));

    *c = (struct cell){.f = f,
                       .data = directory(f, "data", 0700),
                       .config = textf(f, "%s/sidelight.yaml", config)};
    assert_int_equal(chmod(fixture_dir(f), 0711), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(c->data, USER, USER), 0);
    c->confine = script(f, "confine", confinement(f, bin, config, c->data));
    o = run(f, ARGS(c->confine, "true"), NULL);
    if (o->status != 0) {
        print_message("skipped: bubblewrap can't confine anything here: %s", o->err);
        skip();
    }
    assert_int_equal(run(f, ARGS("cp", program(), bin), NULL)->status, 0);
    confine_program(c, textf(f, "%s/%s", bin, strrchr(program(), '/') + 1));
    return c;
}

/* The server is the first process of its namespace, a child of the bwrap that we started. */
static void cell_start(struct cell *c)
{
    const char *store = textf(c->f, "store.path=%s/sidelight.db", c->data);
    const char *children;

    write_file(c->config, "contact:\n  rate: 2/h\n");
    c->s =
        server_start_with(c->f, &(struct server_options){.sets = SETS(store), .config = c->config});
    children =
        read_file(c->f, textf(c->f, "/proc/%d/task/%d/children", (int)c->s->pid, (int)c->s->pid));
    c->pid = (pid_t)strtol(children, NULL, 10);
    assert_true(c->pid > 0);
}

/* ---- what it may do ---- */

static const char *proc(struct cell *c, const char *name)
{
    return read_file(c->f, textf(c->f, "/proc/%d/%s", (int)c->pid, name));
}

static void check_user(struct cell *c)
{
    static const char *const none[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
    unsigned outside = geteuid() == 0 ? USER : geteuid();
    const char *status = proc(c, "status");
    char *mapped;

    assert_contains(status, "Name:\tsidelight\n");
    assert_contains(status,
                    textf(c->f, "\nUid:\t%u\t%u\t%u\t%u\n", outside, outside, outside, outside));
    assert_int_equal(strtoul(proc(c, "uid_map"), &mapped, 10), USER);
    assert_int_equal(strtoul(mapped, NULL, 10), outside);
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_contains(status, textf(c->f, "\n%s:\t" NO_CAPS "\n", none[i]));
    assert_contains(status, "\nNoNewPrivs:\t1\n");
    assert_contains(status, "\nSeccomp:\t2\n");
}

static void check_limits(struct cell *c)
{
    static const struct {
        const char *name;
        int value;
    } limits[] = {
        {"Max processes",      PROCESSES      },
        {"Max open files",     FILES          },
        {"Max data size",      MEMORY_MB << 20},
        {"Max core file size", 0              }
    };
    const char *text = proc(c, "limits");

    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        assert_contains(text, textf(c->f, "%-25s %-20d %-20d ", limits[i].name, limits[i].value,
                                    limits[i].value));
}

/* A number of /proc/PID/status. */
static unsigned long status_of(struct cell *c, const char *name)
{
    const char *row = strstr(proc(c, "status"), textf(c->f, "\n%s:", name));

    assert_non_null(row);
    return strtoul(row + strlen(name) + 2, NULL, 10);
}

/* Mount points that can be written to; their number. /proc and the devices in /dev are no disk. */
static unsigned check_mounts(struct cell *c)
{
    struct slice rest = slice_str(proc(c, "mountinfo"));
    unsigned n = 0;

    while (rest.p != NULL && rest.n > 0) {
        struct slice line = slice_cut(&rest, '\n'), word = {NULL, 0}, point = {NULL, 0};

        for (unsigned i = 0; i < 6; i++) {
            point = i == 5 ? word : point;
            word = slice_cut(&line, ' ');
        }
        if (word.n < 2 || memcmp(word.p, "rw", 2) != 0 || slice_eq(point, SLICE_LIT("/proc")) ||
            (point.n > 5 && memcmp(point.p, "/dev/", 5) == 0))
            continue;
        if (!slice_eq(point, SLICE_LIT("/tmp")) && !slice_eq(point, slice_str(c->data)))
            fail_msg("%.*s can be written to", (int)point.n, point.p);
        n++;
    }
    return n;
}

/* The same by trying: as the same user, in places where everybody may write elsewhere. */
static void check_writing(struct cell *c)
{
    const char *try = "for d in / /var/tmp /dev /dev/shm /run /etc \"$0\"; do "
                      "(: >\"$d/sidelight-was-here\") 2>/dev/null && echo \"$d\"; done; :";
    const char *bin = in_dir(c->f, "bin");
    const struct outcome *o = run(c->f, ARGS(c->confine, "sh", "-c", try, bin), NULL);

    assert_int_equal(o->status, 0);
    assert_string_equal(o->out, "");
    o = run(c->f, ARGS(c->confine, "sh", "-c", try, "/tmp"), NULL);
    assert_string_equal(o->out, "/tmp\n");
}

/* Nothing is in its /tmp but the way to what is mounted below it. Only root may look. */
static void check_tmp(struct cell *c)
{
    const char *own = strrchr(fixture_dir(c->f), '/') + 1;
    DIR *dir = opendir(textf(c->f, "/proc/%d/root/tmp", (int)c->pid));
    const struct dirent *e;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this one */
    while (dir != NULL && (e = readdir(dir)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            strcmp(e->d_name, own) != 0)
            fail_msg("it left %s in /tmp", e->d_name);
    if (dir != NULL)
        (void)closedir(dir);
}

/* ---- what it must do ---- */

static void check_service(struct cell *c)
{
    const char *public = textf(c->f, "listen.public=127.0.0.1:%u", c->s->public_port);
    const struct outcome *o;

    assert_status(get(c->s, "/health"), 200);
    assert_int_equal(
        run(c->f, ARGS(program(), "healthcheck", "--ready", "--set", public), NULL)->status, 0);
    assert_status(post_json(c->s, ADA), 201);
    assert_status(post_form(c->s, "name=Grace&email=grace%40example.com&message=By+form"), 303);
    o = server_command(c->s, ARGS("contacts", "list"));
    assert_int_equal(o->status, 0);
    assert_contains(o->out, "Ada <ada@example.com>");
    assert_contains(o->out, "Grace <grace@example.com>");
    assert_status(ASK(c->s, .path = "/api/metrics", .body = VIEW, .headers = HEADERS(JSON_TYPE)),
                  200);
    assert_metric(c->s, SUBMISSIONS, 2);
    assert_metric(c->s, "received_metrics_total", 1);
    assert_metric(c->s, "sidelight_sandboxed", 1);
}

static void check_reload(struct cell *c)
{
    assert_status(post_json(c->s, ADA), 429);
    write_file(c->config, "contact:\n  rate: off\n");
    assert_int_equal(kill(c->pid, SIGHUP), 0);
    (void)log_event_wait(c->s, "reloaded");
    EVENTUALLY(post_json(c->s, ADA)->status == 201);
    assert_metric(c->s, "config_last_reload_successful", 1);
}

/* The first process of a namespace hears of SIGTERM only because it asks to. */
static void check_end(struct cell *c)
{
    assert_int_equal(kill(c->pid, SIGTERM), 0);
    assert_int_equal(server_end(c->s), 0);
    assert_contains(server_command(c->s, ARGS("contacts", "list"))->out,
                    "Grace <grace@example.com>");
}

TEST(confined_like_a_container_it_serves_stores_reloads_and_ends)
{
    struct fixture *f = *state;
    struct cell *c = cell_build(f);
    unsigned long threads, peak;
    unsigned writable;

    cell_start(c);
    check_user(c);
    check_limits(c);
    check_service(c);
    check_reload(c);
    writable = check_mounts(c);
    assert_int_equal(writable, 2);
    check_writing(c);
    check_tmp(c);
    threads = status_of(c, "Threads");
    peak = status_of(c, "VmHWM");
    assert_true(threads < PROCESSES);
    assert_true(peak < MEMORY_MB * 1024UL);
    check_end(c);
    promise(
        "I114",
        "Read-only root, no capabilities, another user: confined as compose.yaml asks, all of it works",
        "bubblewrap in place of an engine: both kinds of submission, `contacts list`, browser metrics, a scrape, SIGHUP, SIGTERM",
        "uid %d, 0 capabilities, seccomp, %u places to write (the store, /tmp, left empty), %lu of %d threads, %lu of %d MB",
        USER, writable, threads, PROCESSES, peak / 1024, MEMORY_MB);
}

/* ---- compose.yaml ---- */

/* What stands between two marks. */
static const char *part_of(struct fixture *f, const char *text, const char *from, const char *to)
{
    const char *begin = strstr(text, from),
               *end = begin != NULL ? strstr(begin + strlen(from), to) : NULL;

    assert_non_null(begin);
    assert_non_null(end);
    return keep_text(f, begin, (size_t)(end - begin));
}

TEST(compose_yaml_asks_for_the_same)
{
    struct fixture *f = *state;
    const char *text = read_file(f, "compose.yaml");
    const char *all = part_of(f, text, "\nx-hardened:", "\n\n"),
               *ours = part_of(f, text, "\n  sidelight:\n", "\n\n");

    assert_contains(all, "\n  read_only: true");
    assert_contains(all, "\n  cap_drop: [ALL]");
    assert_contains(all, "\"no-new-privileges:true\"");
    assert_contains(ours, "\n    <<: *hardened");
    assert_contains(ours, textf(f, "\n    user: \"%d:%d\"", USER, USER));
    assert_contains(ours, textf(f, "\n    tmpfs: [\"/tmp:size=%dm,", TMP_MB));
    assert_contains(ours, textf(f, "nofile: {soft: %d, hard: %d}", FILES, FILES));
    assert_contains(ours, textf(f, "\n    mem_limit: %dm", MEMORY_MB));
    assert_contains(ours, textf(f, "\n    pids_limit: %d", PROCESSES));
    assert_int_equal(count_of(ours, "\n      - "), 2); /* volumes */
    assert_contains(ours, "/etc/sidelight:ro");
}

RUN_TESTS(T(confined_like_a_container_it_serves_stores_reloads_and_ends),
          T(compose_yaml_asks_for_the_same))
