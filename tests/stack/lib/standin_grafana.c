/* SPDX-License-Identifier: MIT */
/* The Python process, in Grafana's namespace. */
#include "tests/stack/lib/standin_grafana.h"

#include "tests/e2e/lib/wire.h"

#include <signal.h>

static const char *log_path(struct stack *s)
{
    return textf(s->f, "%s/log/grafana.log", s->dir);
}

static void end(void *arg)
{
    const pid_t *pid = arg;
    int status;

    (void)kill(*pid, SIGKILL);
    (void)process_wait(*pid, DEADLINE_MS, &status);
}

static bool listens(void)
{
    struct wire w;

    if (!wire_connect_in(&w, "grafana", DASHBOARDS_GRAFANA, 3000))
        return false;
    wire_close(&w);
    return true;
}

void grafana_start(struct stack *s)
{
    struct process_options process = {.argv = ARGS("/usr/bin/python3",
                                                   "tests/stack/lib/standin_grafana.py",
                                                   DASHBOARDS_GRAFANA, "3000", log_path(s)),
                                      .in = PROCESS_INHERITED,
                                      .out = PROCESS_INHERITED,
                                      .err = PROCESS_INHERITED,
                                      .netns = "grafana"};
    pid_t *pid = keep(s->f, sizeof(*pid));

    *pid = process_start(&process);
    at_end(s->f, end, pid);
    EVENTUALLY(listens());
}

const char *grafana_log(struct stack *s)
{
    return read_file(s->f, log_path(s));
}
