/* SPDX-License-Identifier: MIT */
/* Looking up series by their exact text. */
#include "tests/e2e/lib/page.h"

#include <stdlib.h>

const char *page_of(struct server *s)
{
    const struct reply *r = get_ops(s, "/metrics");

    assert_status(r, 200);
    return r->body;
}

/* The text behind "series ", or NULL. */
static const char *find(const char *page, const char *series)
{
    size_t n = strlen(series);

    for (const char *line = page; line != NULL; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        if (strncmp(line, series, n) == 0 && line[n] == ' ')
            return line + n + 1;
    }
    return NULL;
}

bool page_has(const char *page, const char *series)
{
    return find(page, series) != NULL;
}

double page_value(const char *page, const char *series)
{
    const char *value = find(page, series);

    if (value == NULL)
        fail_msg("the page has no series %s", series);
    return value != NULL ? strtod(value, NULL) : 0;
}

double page_sum(const char *page, const char *family)
{
    size_t n = strlen(family);
    double sum = 0;
    bool found = false;

    for (const char *line = page; line != NULL; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        if (strncmp(line, family, n) != 0 || (line[n] != '{' && line[n] != ' '))
            continue;
        /* Label values hold no line feed, so the value follows the last space. */
        size_t len = strcspn(line, "\n");
        while (len > 0 && line[len - 1] != ' ')
            len--;
        sum += strtod(line + len, NULL);
        found = true;
    }
    if (!found)
        fail_msg("the page has no family %s", family);
    return sum;
}

double metric(struct server *s, const char *series)
{
    return page_value(page_of(s), series);
}

double metric_sum(struct server *s, const char *family)
{
    return page_sum(page_of(s), family);
}

void assert_metric_(struct server *s, const char *series, double want, const char *file, int line)
{
    uint64_t end = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;
    double value = metric(s, series);

    while ((value < want || value > want) && clock_mono_ns() < end) {
        clock_sleep_ms(POLL_MS);
        value = metric(s, series);
    }
    if (value > want || value < want) {
        print_error("%s is %g, not %g\n", series, value, want);
        _fail(file, line);
    }
}
