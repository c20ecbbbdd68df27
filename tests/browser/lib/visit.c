/* SPDX-License-Identifier: MIT */
#include "tests/browser/lib/visit.h"

struct visit visit_start(struct fixture *f)
{
    struct browser *b = browser_start(f, NULL);

    return (struct visit){f, site_start(f, 0), b};
}

void visit_look(struct visit *v, const char *name)
{
    browser_go(v->b, site_url(v->site, "127.0.0.1", name));
    browser_settle(v->b);
}

void visit_leave(struct visit *v)
{
    browser_go(v->b, "about:blank");
}

const char *vital(struct visit *v, const char *body, const char *name, const char *member)
{
    for (size_t i = 0; i < json_size(v->f, body, "vitals"); i++)
        if (strcmp(json_text(v->f, body, textf(v->f, "vitals.%zu.name", i)), name) == 0)
            return json_text(v->f, body, textf(v->f, "vitals.%zu.%s", i, member));
    return NULL;
}

double vital_value(struct visit *v, const char *body, const char *name)
{
    const char *text = vital(v, body, name, "value");

    if (text == NULL)
        fail_msg("no %s in %s", name, body);
    return json_number(v->f, textf(v->f, "[%s]", text), "0");
}

void assert_between(double value, double least, double most)
{
    if (!(value >= least && value <= most))
        fail_msg("%g is not in %g..%g", value, least, most);
}
