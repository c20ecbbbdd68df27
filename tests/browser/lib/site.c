/* SPDX-License-Identifier: MIT */
/* Starts site.py and reads what it wrote. */
#include "tests/browser/lib/site.h"

#include "tests/e2e/lib/process.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

static void stop(void *arg)
{
    const struct site *s = arg;
    int status;

    (void)kill(s->pid, SIGTERM);
    if (!process_wait(s->pid, DEADLINE_MS, &status))
        fixture_blame(s->f, "site.py did not end");
}

struct site *site_start(struct fixture *f, unsigned port)
{
    struct site *s = keep(f, sizeof(*s));
    const char *mark = in_dir(f, "site-XXXXXX");
    char *dir = keep_text(f, mark, strlen(mark));
    const char *file;

    assert_non_null(mkdtemp(dir));
    s->f = f;
    s->dir = dir;
    assert_int_equal(mkdir(textf(f, "%s/pages", dir), 0700), 0);
    s->pid = process_start(&(struct process_options){
        .argv = ARGS("tests/browser/lib/site.py", dir, textf(f, "%u", port)),
        .in = PROCESS_CLOSED,
        .out = PROCESS_INHERITED,
        .err = PROCESS_INHERITED});
    at_end(f, stop, s);
    file = textf(f, "%s/port", dir);
    EVENTUALLY((s->port = (unsigned)strtoul(read_file(f, file), NULL, 10)) != 0);
    return s;
}

void site_page(struct site *s, const char *name, const char *html, const char *headers)
{
    const char *path = textf(s->f, "%s/pages/%s", s->dir, *name != '\0' ? name : "index");

    write_file(path, textf(s->f,
                           "<!doctype html><html lang=en><meta charset=utf-8><title>A page</title>"
                           "<link rel=icon href=data:,>%s",
                           html));
    if (headers != NULL)
        write_file(textf(s->f, "%s.headers", path), headers);
}

const char *site_url(struct site *s, const char *host, const char *name)
{
    return textf(s->f, "http://%s:%u/%s", host, s->port, name);
}

static const char *reports(struct site *s)
{
    return read_file(s->f, textf(s->f, "%s/reports", s->dir));
}

size_t site_reports(struct site *s)
{
    return count_of(reports(s), "\n");
}

const char *site_report(struct site *s, size_t i)
{
    const char *at;

    EVENTUALLY(site_reports(s) > i);
    at = reports(s);
    for (; i > 0; i--)
        at = strchr(at, '\n') + 1;
    return keep_text(s->f, at, strcspn(at, "\n"));
}

const char *site_body(struct site *s, size_t i)
{
    return json_text(s->f, site_report(s, i), "body");
}
