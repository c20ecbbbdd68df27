/* SPDX-License-Identifier: MIT */
/* One connection a command. chromedriver chooses its port itself and says which on stdout. */
#include "tests/browser/lib/webdriver.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    START_MS = 60000, /* a browser's first start, on a machine that is busy */
    END_MS = 10000,
};

static bool in_path(struct fixture *f, const char *name)
{
    const char *path = environment("PATH");

    while (path != NULL && *path != '\0') {
        size_t n = strcspn(path, ":");

        if (access(textf(f, "%.*s/%s", (int)n, path, name), X_OK) == 0)
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

const char *webdriver_missing(struct fixture *f)
{
    if (!in_path(f, "chromium"))
        return "there is no chromium (Debian package chromium)";
    if (!in_path(f, "chromedriver"))
        return "there is no chromedriver (Debian package chromium-driver)";
    return NULL;
}

const char *json_quote(struct fixture *f, const char *s)
{
    struct buf b = BUF_INIT;
    const char *text;

    buf_add_char(&b, '"');
    buf_add_json(&b, slice_str(s));
    buf_add_char(&b, '"');
    text = keep_text(f, b.data, b.len);
    buf_release(&b);
    return text;
}

/* ---- commands ---- */

static const struct reply *command(struct webdriver *w,
                                   const char *method,
                                   const char *path,
                                   const char *body)
{
    struct ask ask = {.method = method,
                      .path = path,
                      .body = body,
                      .headers = HEADERS(JSON_TYPE),
                      .wait_ms = START_MS};
    struct reply *r = reply_keep(w->f);

    if (ask_port(w->port, &ask, r) != SENT_ANSWERED)
        fail_msg("chromedriver does not answer %s %s:\n%s", method, path, read_file(w->f, w->log));
    return r;
}

static const char *value_of(struct webdriver *w, const struct reply *r, const char *path)
{
    if (r->status != 200)
        fail_msg("%s: %s: %s", path, json_text(w->f, r->body, "value.error"),
                 json_text(w->f, r->body, "value.message"));
    return json_text(w->f, r->body, "value");
}

const char *webdriver_get(struct webdriver *w, const char *path)
{
    return value_of(w, command(w, "GET", textf(w->f, "%s%s", w->session, path), NULL), path);
}

const char *webdriver_post(struct webdriver *w, const char *path, const char *body)
{
    return value_of(w, command(w, "POST", textf(w->f, "%s%s", w->session, path), body), path);
}

/* ---- start and end ---- */

/* 0: it has not said so yet. */
static unsigned port_in(const char *log)
{
    static const char mark[] = "started successfully on port ";
    const char *at = strstr(log, mark);

    return at != NULL ? (unsigned)strtoul(at + strlen(mark), NULL, 10) : 0;
}

static pid_t browser_pid(struct webdriver *w)
{
    const char *text = json_find(w->f, w->capabilities, "goog:processID");

    return text != NULL ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* It is no child of ours, so it can't be waited for, and its number may be somebody else's once it is gone. */
static bool is_browser(struct fixture *f, pid_t pid)
{
    return pid > 1 && strstr(read_file(f, textf(f, "/proc/%d/comm", (int)pid)), "chromium") != NULL;
}

static void end_browser(struct webdriver *w)
{
    struct ask ask = {.method = "DELETE", .path = w->session, .wait_ms = END_MS};
    struct reply *r = reply_keep(w->f);
    pid_t pid = browser_pid(w);
    uint64_t end;

    (void)ask_port(w->port, &ask, r);
    end = clock_mono_ns() + END_MS * NS_PER_MS;
    while (is_browser(w->f, pid) && clock_mono_ns() < end)
        clock_sleep_ms(POLL_MS);
    if (!is_browser(w->f, pid))
        return;
    fixture_blame(w->f, "the browser did not end with its session");
    (void)kill(pid, SIGKILL);
}

static void conclude(void *arg)
{
    struct webdriver *w = arg;
    int status;

    if (w->session != NULL)
        end_browser(w);
    (void)kill(w->pid, SIGTERM);
    if (process_wait(w->pid, END_MS, &status))
        return;
    (void)kill(w->pid, SIGKILL);
    (void)process_wait(w->pid, END_MS, &status);
}

/* Whatever the two keep, they keep in the test's directory. */
static void launch(struct webdriver *w)
{
    const char *home = in_dir(w->f, "browser-home");
    int fd = open(w->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    struct process_options process = {.argv = ARGS("chromedriver", "--port=0"),
                                      .env = ARGS(textf(w->f, "HOME=%s", home),
                                                  textf(w->f, "XDG_CONFIG_HOME=%s", home),
                                                  textf(w->f, "XDG_CACHE_HOME=%s", home),
                                                  "DBUS_SESSION_BUS_ADDRESS=disabled:", "TZ=UTC"),
                                      .in = PROCESS_CLOSED,
                                      .out = fd,
                                      .err = fd};

    assert_true(fd >= 0);
    w->pid = process_start(&process);
    (void)close(fd);
    at_end(w->f, conclude, w);
    EVENTUALLY((w->port = port_in(read_file(w->f, w->log))) != 0);
}

struct webdriver *webdriver_start(struct fixture *f, const char *capabilities)
{
    struct webdriver *w = keep(f, sizeof(*w));
    const char *value;

    w->f = f;
    w->log = in_dir(f, "chromedriver.log");
    launch(w);
    value = value_of(w,
                     command(w, "POST", "/session",
                             textf(f, "{\"capabilities\":{\"alwaysMatch\":%s}}", capabilities)),
                     "/session");
    w->capabilities = json_text(f, value, "capabilities");
    w->session = textf(f, "/session/%s", json_text(f, value, "sessionId"));
    return w;
}
