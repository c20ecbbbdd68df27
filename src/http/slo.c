/* SPDX-License-Identifier: MIT */
/* How a request counts towards each objective. Pure: the table of docs/metrics.md as code. */
#include "http/service.h"

const char *slo_outcome_name(enum slo_outcome o)
{
    static const char *const names[SLO_OUTCOMES] = {"good", "bad", "excluded"};

    return names[o];
}

/*
 * Ours to answer, and we did not: server errors, and users turned away by the limit on all of them
 * together.
 */
static bool failed(const struct slo_event *e)
{
    return e->status >= 500 || (e->status == 429 && !e->limited);
}

static enum slo_outcome judge_availability(const struct slo_event *e)
{
    if (e->refused || e->limited || e->status == HTTP_CLIENT_GONE)
        return SLO_EXCLUDED;
    return failed(e) ? SLO_BAD : SLO_GOOD;
}

static enum slo_outcome judge_latency(const struct slo_event *e)
{
    if (e->refused || e->limited || failed(e))
        return SLO_EXCLUDED;
    if (e->status == HTTP_CLIENT_GONE)
        return e->slow ? SLO_BAD : SLO_EXCLUDED; /* else only those who waited would count */
    return e->slow ? SLO_BAD : SLO_GOOD;
}

enum slo_outcome slo_judge(enum slo slo, const struct slo_event *e)
{
    return slo == SLO_LATENCY ? judge_latency(e) : judge_availability(e);
}
