/* SPDX-License-Identifier: MIT */
/*
 * Every query of every dashboard, on a real Prometheus that scraped the real server behind the real
 * Caddy: asked as Grafana asks, from where Grafana stands, with the variables filled in. Time runs
 * ten times faster, so that the recorded series are there soon. No Grafana runs here (Debian has
 * none): that it draws what the files say is not tested, only their structure
 * (tools/check-dashboards.py) and their data.
 */
#include "tests/stack/lib/stack.h"

#include <math.h>

#define FASTER "10"
#define RATE_INTERVAL "4s" /* 4 x timeInterval of the data source, faster */
#define RANGE "60s"

enum { QUERIES_MAX = 400, PATIENCE_MS = 2 * DEADLINE_MS };

struct query {
    const char *board, *panel, *kind, *expr;
    const char *why; /* what the last attempt lacked; NULL: it has data */
};

struct queries {
    size_t n;
    struct query at[QUERIES_MAX];
};

/* ---- what Grafana does with an expression ---- */

static const char *replaced(struct fixture *f, const char *text, const char *what, const char *by)
{
    struct buf b = BUF_INIT;
    const char *at, *result;

    while ((at = strstr(text, what)) != NULL) {
        buf_add(&b, text, (size_t)(at - text));
        buf_add(&b, by, strlen(by));
        text = at + strlen(what);
    }
    buf_add(&b, text, strlen(text));
    result = keep_text(f, b.data, b.len);
    buf_release(&b);
    return result;
}

/* With "All" chosen wherever that can be. */
static const char *filled(struct fixture *f, const char *expr, const char *slo)
{
    const struct {
        const char *name, *value;
    } variables[] = {
        {"$__rate_interval", RATE_INTERVAL},
        {"$__range",         RANGE        },
        {"$job",             "sidelight"  },
        {"$instance",        ".+"         },
        {"$endpoint",        ".+"         },
        {"$page",            ".+"         },
        {"$slo",             slo          }
    };

    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        expr = replaced(f, expr, variables[i].name, variables[i].value);
    return expr;
}

static const char *escaped(struct fixture *f, const char *text)
{
    struct buf b = BUF_INIT;
    const char *result;

    for (; *text != '\0'; text++)
        buf_addf(&b, "%%%02X", (unsigned)(unsigned char)*text);
    result = keep_text(f, b.data, b.len);
    buf_release(&b);
    return result;
}

/* As the data source has it: by Grafana's server, at Prometheus' own port. */
static const struct reply *ask_prometheus(struct stack *s, const char *api, const char *form)
{
    if (form == NULL)
        return ASK_IN(s, "grafana", DASHBOARDS_PROMETHEUS, 9090, .path = api);
    return ASK_IN(s, "grafana", DASHBOARDS_PROMETHEUS, 9090, .path = api,
                  .headers = HEADERS(FORM_TYPE), .body = form);
}

/* ---- is there data ---- */

/* A sample ends in `"]`. */
static bool has_numbers(const char *answer)
{
    return count_of(answer, "\"]") > count_of(answer, "\"NaN\"]");
}

/* What an answer lacks, or NULL. */
static const char *lack(struct fixture *f, const struct query *q, const struct reply *r)
{
    if (r->status != 200)
        return textf(f, "refused: %s", r->body);
    if (strcmp(q->kind, "exemplar") == 0)
        return strstr(r->body, "\"correlation_id\":\"") != NULL ? NULL : "no exemplar";
    /* Marks of alerts: the better the service, the fewer. */
    if (strcmp(q->kind, "annotation") == 0 && strncmp(q->expr, "ALERTS", 6) == 0)
        return NULL;
    return has_numbers(r->body) ? NULL : "no data";
}

static const char *attempt(struct stack *s, const struct query *q)
{
    double now = prom_value(s, "time()");
    const char *form =
        textf(s->f, "query=%s&start=%.0f&end=%.0f", escaped(s->f, q->expr), now - 60, now + 1);

    if (strcmp(q->kind, "instant") == 0)
        return lack(s->f, q, ask_prometheus(s, "/prometheus/api/v1/query", form));
    if (strcmp(q->kind, "exemplar") == 0)
        return lack(s->f, q, ask_prometheus(s, "/prometheus/api/v1/query_exemplars", form));
    form = textf(s->f, "%s&step=1", form);
    return lack(s->f, q, ask_prometheus(s, "/prometheus/api/v1/query_range", form));
}

/* Tries all that lack something; how many still do. */
static size_t attempt_all(struct stack *s, struct queries *qs)
{
    size_t left = 0;

    for (size_t i = 0; i < qs->n; i++) {
        if (qs->at[i].why != NULL)
            qs->at[i].why = attempt(s, &qs->at[i]);
        left += qs->at[i].why != NULL;
    }
    return left;
}

/* ---- which queries there are ---- */

static void add_query(struct queries *qs, const struct query *q)
{
    MUST(qs->n < QUERIES_MAX);
    qs->at[qs->n] = *q;
    qs->at[qs->n++].why = "not asked yet";
}

/* The values that a variable offers: label_values(SERIES, LABEL). */
static const char *values_of(struct stack *s, const char *expr)
{
    const char *at = strchr(expr, '('), *comma = strrchr(expr, ','), *path;
    const struct reply *r;

    assert_true(at != NULL && comma != NULL && strncmp(comma, ", ", 2) == 0);
    path =
        textf(s->f, "/prometheus/api/v1/label/%.*s/values?match[]=%s", (int)strcspn(comma + 2, ")"),
              comma + 2, escaped(s->f, keep_text(s->f, at + 1, (size_t)(comma - at - 1))));
    r = ask_prometheus(s, path, NULL);
    if (r->status != 200)
        fail_msg("%s: %s", expr, r->body);
    return json_text(s->f, r->body, "data");
}

static bool next_query(char **rest, struct query *ret)
{
    char *line = strsep(rest, "\n");

    if (line == NULL || line[0] == '\0')
        return false;
    ret->board = strsep(&line, "\t");
    ret->panel = strsep(&line, "\t");
    ret->kind = strsep(&line, "\t");
    ret->expr = strsep(&line, "\t");
    assert_non_null(ret->expr);
    return true;
}

/* The values of a variable, as a JSON array that is not empty. */
static const char *offered(struct stack *s, const struct query *q)
{
    const char *values = values_of(s, filled(s->f, q->expr, ""));

    if (json_size(s->f, values, "") == 0)
        fail_msg("%s: the variable %s has no values: %s", q->board, q->panel, q->expr);
    return values;
}

/* Once, or once for each SLO. */
static void add_filled(struct stack *s, struct queries *qs, struct query q, const char *slos)
{
    const char *expr = q.expr;

    if (strstr(expr, "$slo") == NULL)
        slos = "[\"\"]";
    for (size_t i = 0; i < json_size(s->f, slos, ""); i++) {
        q.expr = filled(s->f, expr, json_text(s->f, slos, textf(s->f, "%zu", i)));
        add_query(qs, &q);
    }
}

/* Variables come before what uses them. */
static struct queries *read_queries(struct stack *s)
{
    const struct outcome *o = run(s->f, ARGS("tools/check-dashboards.py", "--queries"), NULL);
    const char *slos = "[]", *values;
    struct queries *qs = keep(s->f, sizeof(*qs));
    char *rest = keep_text(s->f, o->out, strlen(o->out));
    struct query q = {0};

    if (o->status != 0)
        fail_msg("check-dashboards.py: %s", o->err);
    while (next_query(&rest, &q)) {
        if (strcmp(q.kind, "variable") != 0) {
            add_filled(s, qs, q, slos);
            continue;
        }
        values = offered(s, &q);
        if (strcmp(q.panel, "slo") == 0)
            slos = values;
    }
    return qs;
}

/* ---- something to show ---- */

/* Just good, just not poor, poor: LCP, INP, CLS, FCP, TTFB, in milliseconds but for CLS. */
static const double views[][5] = {
    {2500, 200, 0.1,    1800, 800 },
    {4000, 500, 0.25,   3000, 1800},
    {4001, 501, 0.2501, 3001, 1801}
};
/* Which of them a visitor has seen: as many as make all shares different. */
static const unsigned seen[] = {0, 0, 0, 1, 1, 2};
static const double shares[] = {3 / 6.0, 2 / 6.0, 1 / 6.0};

static void add_view(struct buf *b, const double view[5], const char *page_id, const char *view_id)
{
    static const char *const names[5] = {"LCP", "INP", "CLS", "FCP", "TTFB"};

    buf_addf(b,
             "%c{\"page\":\"/\",\"correlation_id\":\"%s\",\"page_load_time_seconds\":%g,"
             "\"memory_usage_bytes\":12000000,\"errors\":[{\"kind\":\"error\"},"
             "{\"kind\":\"unhandledrejection\"}],\"newer\":1,\"vitals\":[",
             b->len == 0 ? '[' : ',', page_id, view[0] / 1000 + 1);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        buf_addf(b, "%s{\"name\":\"%s\",\"value\":%g,\"id\":\"%s\"}", i == 0 ? "" : ",", names[i],
                 view[i], view_id);
    buf_addf(b, "]}");
}

/* The home page, and what metrics.js of it sends: from the site itself, as sendBeacon does. Sent twice, it counts once. */
static void visit_by_browser(struct stack *s, const char *client, unsigned round)
{
    const struct reply *r =
        ASK_TUNNEL(s, client, .path = "/", .headers = HEADERS("Accept: text/html"));
    const char *page_id = reply_field(r, "x-correlation-id"), *body;
    struct buf b = BUF_INIT;

    assert_status(r, 200);
    assert_non_null(page_id);
    for (unsigned i = 0; i < ARRAY_LEN(seen); i++)
        add_view(&b, views[seen[i]], page_id, textf(s->f, "v1-%u-%u", round, i));
    buf_addf(&b, "]");
    body = keep_text(s->f, b.data, b.len);
    buf_release(&b);
    for (unsigned times = 0; times < 2; times++) {
        r = ASK_TUNNEL(s, client, .path = "/api/metrics", .body = body,
                       .headers = HEADERS("Content-Type: text/plain;charset=UTF-8",
                                          "Origin: http://" EDGE_CADDY));
        assert_status(r, 200);
    }
}

/* A little of everything that users do, by a visitor of its own: limits are per client. */
static void make_traffic(struct stack *s, unsigned round)
{
    static const char *const pages[] = {"/",           "/contact", "/contact/thanks",
                                        "/api/health", "/nope",    "/health/liveness"};
    static const char *const forms[] = {
        ADA, ADA, "{", "{\"name\":\"\"}",
        "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"Hi\",\"source\":\"shop\"}"};
    const char *client = textf(s->f, "203.0.113.%u", round % 250 + 1);
    const char *key = textf(s->f, "Idempotency-Key: dashboards-%u", round);

    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        (void)ASK_TUNNEL(s, client, .path = pages[i]);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        (void)ASK_TUNNEL(s, client, .path = "/contact", .body = forms[i],
                         .headers = HEADERS(JSON_TYPE, i < 2 ? key : "X-Sidelight-Test: 1"));
    visit_by_browser(s, client, round);
}

/* The production files in fast motion. */
static const char *fast_files(struct fixture *f)
{
    const char *files = in_dir(f, "files");
    const struct outcome *o = run(f, ARGS("tests/stack/lib/scale.py", FASTER, ".", files), NULL);

    if (o->status != 0)
        fail_msg("scale.py: %s%s", o->out, o->err);
    return files;
}

static void complain(const struct queries *qs)
{
    for (size_t i = 0; i < qs->n; i++)
        if (qs->at[i].why != NULL)
            print_error("%s: %s (%s): %s: %s\n", qs->at[i].board, qs->at[i].panel, qs->at[i].kind,
                        qs->at[i].why, qs->at[i].expr);
}

/* Ratings are counted, not estimated: over all that was sent they are exact. */
static void assert_shares(struct stack *s, const struct queries *qs, unsigned rounds)
{
    const double tolerance = 1e-9;
    const size_t reports = rounds * ARRAY_LEN(seen);
    size_t found = 0;

    EVENTUALLY(prom_size(s, textf(s->f, "received_metrics_total == %zu", reports)) == 1);
    for (size_t i = 0; i < qs->n; i++) {
        const struct query *q = &qs->at[i];
        const char *expr = replaced(s->f, q->expr, "[" RATE_INTERVAL "]", "[10m]");
        double want = shares[found % ARRAY_LEN(shares)], share;

        if (strcmp(q->board, "sidelight-browser") != 0 || strstr(q->panel, " ratings") == NULL)
            continue;
        share = prom_value(s, expr);
        if (!(fabs(share - want) < tolerance))
            fail_msg("%s: %.9f, not %.9f: %s", q->panel, share, want, expr);
        found++;
    }
    assert_int_equal(found, ARRAY_LEN(views[0]) * ARRAY_LEN(shares));
}

TEST(every_query_of_every_dashboard_returns_data)
{
    struct fixture *f = *state;
    struct stack *s = stack_start(f, &(struct stack_options){.files = fast_files(f)});
    const struct query absent = {.kind = "range", .expr = "sum(http_requests_made_total)"};
    const struct query nan = {.kind = "instant", .expr = "0 * up / 0"};
    const struct query wrong = {.kind = "range", .expr = "sum(up"};
    struct queries *qs;
    uint64_t end_ns = clock_mono_ns() + PATIENCE_MS * NS_PER_MS;
    size_t left = 1;
    unsigned round = 0;

    /* The first page has every series at 0, so that the traffic after it shows. */
    EVENTUALLY(prom_size(s, "http_requests_total{job=\"sidelight\"}") > 0);
    qs = read_queries(s);
    assert_true(qs->n > 100);
    assert_string_equal(attempt(s, &absent), "no data");
    assert_string_equal(attempt(s, &nan), "no data");
    assert_contains(attempt(s, &wrong), "refused");
    while (left > 0 && clock_mono_ns() < end_ns) {
        make_traffic(s, round++);
        left = attempt_all(s, qs);
    }
    complain(qs);
    assert_int_equal(left, 0);
    assert_shares(s, qs, round);
    print_message("  %zu queries\n", qs->n);
}

STACK_TESTS(T(every_query_of_every_dashboard_returns_data))
