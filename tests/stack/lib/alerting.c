/* SPDX-License-Identifier: MIT */
/* Starts the path and asks what it knows. */
#include "tests/stack/lib/alerting.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

static void give_up(struct path *p, const char *what, unsigned seconds)
{
    print_error("alerts in Prometheus: %s\n", prom_query(p->s, "ALERTS"));
    print_error("webhooks:\n%s\n", read_file(p->f, textf(p->f, "%s/webhooks", p->sink->dir)));
    print_error("Alertmanager's log:\n%s\n", stack_log(p->s, "alertmanager"));
    fail_msg("still not so after %u s: %s", seconds, what);
}

void wait_on(struct path *p, uint64_t *end_ns, unsigned seconds, const char *what)
{
    uint64_t now = clock_mono_ns();

    if (*end_ns == 0)
        *end_ns = now + (uint64_t)seconds * 1000 * NS_PER_MS;
    if (now >= *end_ns)
        give_up(p, what, seconds);
    clock_sleep_ms(50);
}

void assert_not_told_(struct path *p, const char *const *parts, const char *file, int line)
{
    const char *told = sink_find(p->sink, "webhooks", parts);

    if (told == NULL)
        return;
    print_error("told: %s\n", told);
    _fail(file, line);
}

/* The server on a disk that can fail: SIDELIGHT may be any program. */
static const char *on_disk(struct fixture *f)
{
    const char *file = in_dir(f, "sidelight-on-disk");
    char real[PATH_MAX];

    assert_non_null(realpath(program(), real));
    write_file(file,
               textf(f, "#!/bin/sh\nexport LD_PRELOAD='%s' SYNC_CONTROL='%s'\nexec '%s' \"$@\"\n",
                     disk_library(f), fixture_dir(f), real));
    assert_int_equal(chmod(file, 0755), 0);
    return file;
}

static const char *scaled_files(struct fixture *f)
{
    const char *dir = in_dir(f, "files");
    const struct outcome *o = run(f, ARGS("tests/stack/lib/scale.py", FACTOR, ".", dir), NULL);

    if (o->status != 0)
        fail_msg("scale.py: %s", o->err);
    return dir;
}

static void heal(void *f)
{
    disk_fail(f, false);
}

size_t heartbeats(struct path *p)
{
    return sink_count(p->sink, "webhooks", ARGS("\"path\": \"/alive\"", ALERT("Watchdog")));
}

void evaluations(struct path *p, double n)
{
    /* The last that is known: on a busy machine a scrape may take too long, and then there is no value for a moment. */
    const char *query =
        "last_over_time(prometheus_rule_group_iterations_total{rule_group=~\".*;slo\"}[1m])";
    double before = prom_value(p->s, query);

    WITHIN(p, 30, prom_value(p->s, query) >= before + n);
}

bool fires(struct path *p, const char *labels)
{
    return prom_size(p->s, textf(p->f, "ALERTS{alertstate=\"firing\",%s}", labels)) > 0;
}

const char *prometheus_api(struct path *p, const char *path)
{
    const struct reply *r = ASK_IN(p->s, "prometheus", "127.0.0.1", 9090,
                                   .path = textf(p->f, "/prometheus/api/v1/%s", path));

    assert_status(r, 200);
    return r->body;
}

static bool all_targets_are_up(struct path *p)
{
    return isnan(prom_value(p->s, "count(up == 0)")) && prom_value(p->s, "count(up)") >= 7;
}

/* What start-up may set off, since it takes its two seconds at any pace, is over and forgotten. */
static void settle(struct path *p)
{
    WITHIN(p, 20, all_targets_are_up(p));
    WITHIN(p, 30, !fires(p, BUT_WELL) && sink_settled(p->sink));
    sink_clear(p->sink, "webhooks");
    sink_clear(p->sink, "mails");
}

struct path *path_start(struct fixture *f)
{
    const char *env[] = {
        textf(f, "SIDELIGHT=%s", on_disk(f)),
        "PUBLIC_URL=" SITE,
        /* How fast this machine is is not what these tests are about. */
        "STACK_SIDELIGHT_FLAGS=--set drain.delay=0s --set slo.latency_threshold=10s",
        /* One minute by default: also a duration, but of no file. */
        "STACK_PROMETHEUS_FLAGS=--rules.alert.resend-delay=1200ms",
        "ALERT_WEBHOOK=http://" EGRESS_SINK ":9099/alerts",
        "DEADMAN_WEBHOOK=http://" EGRESS_SINK ":9099/alive",
        "ALERT_EMAIL=on-call@example.com",
        "OWNER_EMAIL=owner@example.com",
        "SMTP_HOST=" EGRESS_SINK ":2525",
        "SMTP_FROM=sidelight@example.com",
        "SMTP_TLS=false",
        NULL,
    };
    struct path *p = keep(f, sizeof(*p));

    p->f = f;
    p->s = stack_start(f, &(struct stack_options){.files = scaled_files(f), .env = env});
    at_end(f, heal, f);
    p->sink =
        sink_start(f, "sink", ARGS("--http", EGRESS_SINK ":9099", "--smtp", EGRESS_SINK ":2525"));
    p->grafana = in_dir(f, "grafana");
    write_file(p->grafana, "# TYPE grafana_build_info gauge\ngrafana_build_info 1\n");
    (void)sink_start(f, "grafana",
                     ARGS("--page", textf(f, DASHBOARDS_GRAFANA ":3000=%s", p->grafana)));
    settle(p);
    return p;
}
