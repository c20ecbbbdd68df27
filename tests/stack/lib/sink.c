/* SPDX-License-Identifier: MIT */
/* Starts sink.py and reads what it wrote. */
#include "tests/stack/lib/sink.h"

#include "tests/e2e/lib/process.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { SINK_WORDS_MAX = 24 };

static void stop(void *arg)
{
    sink_stop(arg);
}

struct sink *sink_start(struct fixture *f, const char *netns, const char *const *args)
{
    const char *argv[SINK_WORDS_MAX] = {NULL};
    struct sink *s = keep(f, sizeof(*s));
    const char *mark = in_dir(f, "sink-XXXXXX");
    char *dir = keep_text(f, mark, strlen(mark));
    size_t n = 0;

    assert_non_null(mkdtemp(dir));
    s->f = f;
    s->dir = dir;
    argv[n++] = "tests/stack/lib/sink.py";
    argv[n++] = s->dir;
    for (size_t i = 0; args[i] != NULL; i++) {
        MUST(n < SINK_WORDS_MAX - 1);
        argv[n++] = args[i];
    }
    s->pid = process_start(&(struct process_options){.argv = argv,
                                                     .in = PROCESS_CLOSED,
                                                     .out = PROCESS_INHERITED,
                                                     .err = PROCESS_INHERITED,
                                                     .netns = netns});
    at_end(f, stop, s);
    EVENTUALLY(access(textf(f, "%s/ready", s->dir), F_OK) == 0);
    return s;
}

void sink_stop(struct sink *s)
{
    int status = 0;

    if (s->pid == 0)
        return;
    (void)kill(s->pid, SIGTERM);
    if (!process_wait(s->pid, DEADLINE_MS, &status) || status != 0)
        fixture_blame(s->f, textf(s->f, "sink.py ended with %d", status));
    s->pid = 0;
}

static bool has_all(const char *line, const char *const *parts)
{
    for (size_t i = 0; parts[i] != NULL; i++)
        if (strstr(line, parts[i]) == NULL)
            return false;
    return true;
}

/*
 * Counts lines with `parts`; *first becomes the first of them. A line is written at once, so the
 * last one is whole.
 */
static size_t search(struct sink *s, const char *what, const char *const *parts, const char **first)
{
    struct buf all = BUF_INIT, line = BUF_INIT;
    size_t found = 0;

    read_into(textf(s->f, "%s/%s", s->dir, what), &all);
    for (const char *at = all.data, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        buf_clear(&line);
        buf_add(&line, at, (size_t)(end - at));
        if (has_all(buf_cstr(&line), parts) && found++ == 0)
            *first = keep_text(s->f, line.data, line.len);
    }
    buf_release(&line);
    buf_release(&all);
    return found;
}

const char *sink_find(struct sink *s, const char *what, const char *const *parts)
{
    const char *first = NULL;

    (void)search(s, what, parts, &first);
    return first;
}

size_t sink_count(struct sink *s, const char *what, const char *const *parts)
{
    const char *first = NULL;

    return search(s, what, parts, &first);
}

/* `"groupKey": ...` of a webhook, as it stands there. */
static const char *group_of(struct sink *s, const char *line)
{
    const char *at = strstr(line, "\"groupKey\": "), *end;

    assert_non_null(at);
    end = strstr(at, ", \"truncatedAlerts\"");
    assert_non_null(end);
    return keep_text(s->f, at, (size_t)(end - at));
}

/* The watchdog, and what a slow machine sets off: these two measure how fast it is. */
static bool may_last(const char *line)
{
    return strstr(line, "\"Watchdog\"") != NULL || strstr(line, "\"RuleFailures\"") != NULL ||
           strstr(line, "\"EventLoopStalled\"") != NULL;
}

bool sink_settled(struct sink *s)
{
    const char *firing = "\"status\": \"firing\", \"alerts\"", *what = "webhooks";
    struct buf all = BUF_INIT;
    const char *open = NULL;

    read_into(textf(s->f, "%s/%s", s->dir, what), &all);
    for (const char *at = all.data, *end; open == NULL && (end = strchr(at, '\n')) != NULL;
         at = end + 1) {
        const char *line = keep_text(s->f, at, (size_t)(end - at));

        if (strstr(line, firing) == NULL || may_last(line))
            continue;
        if (strstr(end, group_of(s, line)) == NULL)
            open = line;
    }
    buf_release(&all);
    return open == NULL;
}

void sink_clear(struct sink *s, const char *what)
{
    const char *file = textf(s->f, "%s/%s", s->dir, what);

    assert_true(truncate(file, 0) == 0 || access(file, F_OK) != 0);
}
