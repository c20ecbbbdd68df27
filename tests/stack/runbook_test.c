/* SPDX-License-Identifier: MIT */
/*
 * The page behind an alert's link, as Caddy shows it: each alert's heading is there, and no link on
 * it leads nowhere.
 */
#include "tests/stack/lib/stack.h"

#include <ctype.h>

/* Page and rules, as text, with a stack of nothing but Caddy. */
struct page {
    struct fixture *f;
    struct stack *s;
    const char *body;
};

static const char *shown(struct page *p, const char *path)
{
    const struct reply *r =
        ASK_TUNNEL(p->s, NULL, .path = path, .headers = HEADERS(stack_authorization(p->s)));

    if (r->status != 200)
        fail_msg("%s: %d", path, r->status);
    return r->body;
}

static struct page open_page(struct fixture *f)
{
    struct page p = {.f = f, .s = stack_start(f, &(struct stack_options){.only = "caddy"})};

    p.body = shown(&p, "/runbook");
    return p;
}

/*
 * What stands between `begin` and one of the bytes in `end`, from *at on; NULL when there is no
 * more.
 */
static const char *next_between(struct fixture *f,
                                const char **at,
                                const char *begin,
                                const char *end)
{
    const char *start = strstr(*at, begin);
    size_t n;

    if (start == NULL)
        return NULL;
    start += strlen(begin);
    n = strcspn(start, end);
    *at = start + n;
    return keep_text(f, start, n);
}

static const char *lower(struct fixture *f, const char *text)
{
    char *copy = keep_text(f, text, strlen(text));

    for (char *c = copy; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

TEST(each_alert_has_one_heading_by_the_name_its_link_says)
{
    struct fixture *f = *state;
    struct page p = open_page(f);
    const char *at = read_file(f, "slo-rules.yml"), *name;
    size_t n = 0;

    while ((name = next_between(f, &at, "- alert: ", " \n")) != NULL) {
        const char *heading = textf(f, "<h3 id=\"%s\">%s</h3>", lower(f, name), name);

        if (count_of(p.body, heading) != 1)
            fail_msg("%zu times on the page: %s", count_of(p.body, heading), heading);
        n++;
    }
    assert_true(n > 10);
    /* Where the dashboards' exemplars lead. */
    assert_int_equal(count_of(p.body, "<h2 id=\"find-a-request\">"), 1);
}

static void check_link(struct page *p, const char *link)
{
    const char *fragment = strchr(link, '#');
    size_t n = fragment != NULL ? (size_t)(fragment - link) : strlen(link);
    const char *body = p->body;

    if (n > 0)
        body = shown(p, textf(p->f, "/runbook/%.*s", (int)n, link));
    if (fragment != NULL && count_of(body, textf(p->f, " id=\"%s\"", fragment + 1)) != 1)
        fail_msg("a link leads to %s, and there is no such heading", link);
}

TEST(every_link_of_the_page_opens)
{
    struct fixture *f = *state;
    struct page p = open_page(f);
    const char *at = p.body, *link;
    size_t n = 0;

    while ((link = next_between(f, &at, "<a href=\"", "\"")) != NULL) {
        if (strstr(link, "://") == NULL)
            check_link(&p, link);
        n++;
    }
    assert_true(n > 20);
}

STACK_TESTS(T(each_alert_has_one_heading_by_the_name_its_link_says),
            T(every_link_of_the_page_opens))
