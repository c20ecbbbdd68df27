/* SPDX-License-Identifier: MIT */
/*
 * Pages read by those who will read them: promtool's parser and linter, and the two parsers of
 * python3-prometheus-client. Where a tool is not installed its test is skipped, and says so.
 */
#include "metrics/exposition.h"
#include "metrics/metrics.h"
#include "tests/unit/metrics/page.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char python[] = "/usr/bin/python3";

/* Values a client could choose, as many as the parsers must give back byte by byte. */
static const struct slice hostile[] = {
    {"",                                    0 },
    {"a\0b",                                3 },
    {"plain",                               5 },
    {"\"",                                  1 },
    {"\\",                                  1 },
    {"\\\"",                                2 },
    {"\n",                                  1 },
    {"a\nb_total 1\n# EOF\n",               19},
    {"\\n",                                 2 },
    {"\",service=\"x\"} 1\n",               18},
    {"{}=,# ",                              6 },
    {" # {x=\"y\"} 1 2",                    15},
    {"\r\n\t\x01\x7f",                      5 },
    {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\xa2", 11},
    {"\xe2\x80\xa8\xc2\x85\xe2\x80\xae",    8 }, /* line separators, right-to-left */
};

/*
 * Runs `command` with `page` as its input; returns its exit status, and what it wrote to either
 * output.
 */
static int run(const char *command, struct slice page, struct buf *ret)
{
    char path[] = "/tmp/sidelight-page-XXXXXX", line[512], block[4096];
    int fd = mkstemp(path);
    size_t n;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, page.p, page.n), page.n);
    assert_int_equal(close(fd), 0);
    (void)snprintf(line, sizeof(line), "%s < %s 2>&1", command, path);
    FILE *f = popen(line, "re");
    assert_non_null(f);
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        buf_add(ret, block, n);
    int status = pclose(f);
    assert_int_equal(unlink(path), 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool missing(const char *command, const char *what)
{
    struct buf out = BUF_INIT;
    bool gone = run(command, SLICE_NONE, &out) != 0;

    buf_release(&out);
    if (gone)
        print_message("skipped: %s is not installed\n", what);
    return gone;
}

static bool no_python(void)
{
    return missing("/usr/bin/python3 -c 'import prometheus_client.openmetrics.parser'",
                   "python3-prometheus-client");
}

/* Every family with a series, and hostile values where clients can choose. */
static struct registry *make(struct self_metrics **self, struct process_metrics **process)
{
    struct registry *r = registry_new(metric_table, METRIC_FAMILIES,
                                      &(struct registry_options){2, METRICS_MAX_SAMPLES});
    struct shard *s = registry_shard(r, 0);
    const struct slice values[METRICS_LABELS_MAX] = {SLICE_LIT("GET"), SLICE_LIT("/contact"),
                                                     SLICE_LIT("200"), SLICE_LIT("x")};

    *self = self_metrics_new(r, s);
    *process = process_metrics_new(r, s);
    for (size_t i = 0; i < METRIC_FAMILIES; i++) {
        const struct metric_desc *d = &metric_table[i];
        bool own = strncmp(d->name, "process_", 8) == 0 || strncmp(d->name, "metrics_s", 9) == 0;
        struct metric m = own || d->dynamic != 0 ? (struct metric){0, 0} : series_get(r, i, values);

        if (own || d->dynamic != 0 || d->type != METRIC_HISTOGRAM)
            continue;
        for (size_t k = 0; k < d->n_bounds; k++) {
            size_t at = histogram_observe(s, m, d->bounds, d->n_bounds, d->bounds[k] + 1);

            exemplar_offer(s, m, at, d->bounds[k] + 1,
                           (struct exemplar_ids){SLICE_LIT("0190aa2b-0000-7000-8000-000000000000"),
                                                 SLICE_LIT("0af7651916cd43dd8448eb211c80319c")},
                           1700000000123 + k);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
        metric_add(s,
                   series_get(r, METRIC_CONTACT_SUBMISSIONS,
                              (struct slice[]){hostile[i], SLICE_LIT("sidelight")}),
                   1);
    return r;
}

static void render(enum exposition_format f, struct buf *ret, size_t *ret_samples)
{
    struct self_metrics *self;
    struct process_metrics *process;
    struct registry *r = make(&self, &process);

    exposition_render(r, f, NULL, ret);
    *ret_samples = registry_samples(r);
    self_metrics_free(self);
    process_metrics_free(process);
    registry_free(r);
}

TEST(promtool_reads_the_page_and_finds_nothing_to_lint)
{
    struct buf page = BUF_INIT, out = BUF_INIT;
    size_t samples;

    if (missing("promtool --version", "promtool"))
        return;
    render(EXPOSITION_TEXT, &page, &samples);
    int status = run("promtool check metrics", (struct slice){page.data, page.len}, &out);
    assert_string_equal(buf_cstr(&out), "");
    assert_int_equal(status, 0);
    buf_release(&page);
    buf_release(&out);
}

/* The line that parse_page.py prints for a hostile source. */
static void add_expected(struct buf *b, struct slice source)
{
    buf_add_str(b, "contact_submissions_total source=");
    for (size_t i = 0; i < source.n; i++)
        buf_addf(b, "%02x", (unsigned)(unsigned char)source.p[i]);
    buf_add_str(b, " service=736964656c69676874 \n");
}

/* What make() offered: one for each bound. */
static size_t exemplars_offered(void)
{
    size_t n = 0;

    for (size_t i = 0; i < METRIC_FAMILIES; i++)
        if (metric_table[i].exemplars && metric_table[i].dynamic == 0)
            n += metric_table[i].n_bounds;
    return n;
}

static void assert_python_reads(enum exposition_format f, const char *name)
{
    struct buf page = BUF_INIT, out = BUF_INIT;
    char command[128];
    size_t samples, lines = 0, exemplars = 0;

    render(f, &page, &samples);
    (void)snprintf(command, sizeof(command), "%s tests/unit/metrics/parse_page.py %s", python,
                   name);
    if (run(command, (struct slice){page.data, page.len}, &out) != 0)
        fail_msg("%s", buf_cstr(&out));
    for (const char *p = buf_cstr(&out); (p = strchr(p, '\n')) != NULL; p++) {
        lines++;
        exemplars += p - out.data > 8 && memcmp(p - 8, "exemplar", 8) == 0;
    }
    assert_int_equal(lines, samples);
    assert_int_equal(exemplars, f == EXPOSITION_OPENMETRICS ? exemplars_offered() : 0);
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        struct buf expected = BUF_INIT;

        add_expected(&expected, hostile[i]);
        assert_non_null(strstr(out.data, buf_cstr(&expected)));
        buf_release(&expected);
    }
    buf_release(&page);
    buf_release(&out);
}

TEST(python_reads_the_text_page_and_gets_hostile_values_back)
{
    if (!no_python())
        assert_python_reads(EXPOSITION_TEXT, "text");
}

TEST(python_reads_the_openmetrics_page_with_its_exemplars)
{
    if (!no_python())
        assert_python_reads(EXPOSITION_OPENMETRICS, "openmetrics");
}

RUN_TESTS(T(promtool_reads_the_page_and_finds_nothing_to_lint),
          T(python_reads_the_text_page_and_gets_hostile_values_back),
          T(python_reads_the_openmetrics_page_with_its_exemplars))
