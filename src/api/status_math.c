/* SPDX-License-Identifier: MIT */
/* Quantiles, burn rates and the verdict of the status page; status_math.h says by which rules. */
#include "api/status_math.h"

#include <stdarg.h>
#include <stdio.h>

/* As slo-rules.yml has them. */
static const double burn_page = 14.4, burn_ticket = 1, budget_least = 1e-9, events_least = 100,
                    bad_least = 3;

bool status_quantile(double q, const uint64_t counts[STATUS_BUCKETS], double *ret_seconds)
{
    double rank, before = 0, low, high, total = 0;
    size_t i = 0;

    for (size_t k = 0; k < STATUS_BUCKETS; k++)
        total += (double)counts[k];
    if (total <= 0)
        return false;
    rank = q * total;
    while (i + 1 < STATUS_BUCKETS && before + (double)counts[i] < rank)
        before += (double)counts[i++];
    if (i + 1 == STATUS_BUCKETS) {
        *ret_seconds = (double)bounds_duration[N_BOUNDS_DURATION - 1] / 1e9;
        return true;
    }
    low = i > 0 ? (double)bounds_duration[i - 1] / 1e9 : 0;
    high = (double)bounds_duration[i] / 1e9;
    if (counts[i] == 0) /* q is 0 and the first bucket is empty */
        *ret_seconds = low;
    else
        *ret_seconds = low + (high - low) * (rank - before) / (double)counts[i];
    return true;
}

static double budget(double objective)
{
    return 1 - objective > budget_least ? 1 - objective : budget_least;
}

bool status_burn(uint64_t good, uint64_t bad, double objective, double *ret)
{
    if (good + bad == 0)
        return false;
    *ret = (double)bad / (double)(good + bad) / budget(objective);
    return true;
}

const char *status_level_name(enum status_level level)
{
    switch (level) {
    case STATUS_WELL:
        return "well";
    case STATUS_ATTENTION:
        return "attention";
    case STATUS_TROUBLE:
        return "trouble";
    }
    return "";
}

static void add(struct status_verdict *v, enum status_level level, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static void add(struct status_verdict *v, enum status_level level, const char *fmt, ...)
{
    struct status_reason *r = &v->reasons[v->n];
    va_list args;

    if (level > v->level)
        v->level = level;
    if (v->n == STATUS_REASONS_MAX)
        return;
    v->n++;
    r->level = level;
    va_start(args, fmt);
    (void)vsnprintf(r->text, sizeof(r->text), fmt, args);
    va_end(args);
}

static void judge_dependencies(const struct status_signs *signs, struct status_verdict *v)
{
    for (size_t i = 0; i < signs->n_down; i++) {
        struct slice name = signs->down[i];
        char text[32] = "?";

        if (name.n > 0 && name.n < sizeof(text))
            memcpy(text, name.p, name.n);
        if (text[0] >= 'a' && text[0] <= 'z')
            text[0] = (char)(text[0] - 'a' + 'A');
        add(v, STATUS_TROUBLE, "%s down", text);
    }
}

/* Whether an objective's budget burns faster than `limit`, by both windows; and how fast. */
static bool burns(const struct status_signs *signs, size_t slo, double limit, double *ret)
{
    double objective = signs->slo[slo].objective, long_burn = 0, short_burn = 0;
    double bad = (double)signs->slo[slo].bad_1h;

    if (!status_burn(signs->slo[slo].good_1h, signs->slo[slo].bad_1h, objective, &long_burn) ||
        !status_burn(signs->slo[slo].good_5m, signs->slo[slo].bad_5m, objective, &short_burn))
        return false;
    if (long_burn <= limit || short_burn <= limit ||
        bad <= limit * events_least * budget(objective))
        return false;
    *ret = long_burn;
    return true;
}

static void judge_budgets(const struct status_signs *signs,
                          enum status_level level,
                          struct status_verdict *v)
{
    double burn = 0;

    for (size_t i = 0; i < SLOS; i++) {
        bool fast = (double)signs->slo[i].bad_1h >= bad_least && burns(signs, i, burn_page, &burn);

        if (level != (fast ? STATUS_TROUBLE : STATUS_ATTENTION) ||
            (!fast && !burns(signs, i, burn_ticket, &burn)))
            continue;
        add(v, level, "Budget of %s burns %.*f times too fast", slo_name((enum slo)i),
            burn < 9.95 ? 1 : 0, burn);
    }
}

static bool fuller_than(uint64_t n, uint64_t limit, uint64_t percent)
{
    return limit > 0 && n * 100 >= limit * percent;
}

void status_judge(const struct status_signs *signs, struct status_verdict *ret)
{
    *ret = (struct status_verdict){.level = STATUS_WELL};
    if (signs->draining)
        add(ret, STATUS_ATTENTION, "Draining: it ends when nothing is in flight");
    judge_dependencies(signs, ret);
    judge_budgets(signs, STATUS_TROUBLE, ret);
    judge_budgets(signs, STATUS_ATTENTION, ret);
    if (fuller_than(signs->queue_length, signs->queue_limit, STATUS_QUEUE_FULL_PERCENT))
        add(ret, STATUS_ATTENTION, "Store queue is %llu %% full",
            (unsigned long long)(signs->queue_length * 100 / signs->queue_limit));
    if (fuller_than(signs->connections, signs->connections_limit, STATUS_CONNECTIONS_FULL_PERCENT))
        add(ret, STATUS_ATTENTION, "%llu of at most %llu connections are open",
            (unsigned long long)signs->connections, (unsigned long long)signs->connections_limit);
    if (signs->log_dropped_5m > 0)
        add(ret, STATUS_ATTENTION, "%llu log lines were lost in the last five minutes",
            (unsigned long long)signs->log_dropped_5m);
    if (signs->reload_failed)
        add(ret, STATUS_ATTENTION, "The last reload failed: the old configuration stays");
}
