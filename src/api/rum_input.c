/* SPDX-License-Identifier: MIT */
/*
 * A body to reports: who may send what, and how much. Each report is rum_report.c's.
 *
 * Everything is read before anything is counted, so that a request is taken whole or not at all.
 */
#include "api/rum.h"
#include "http/form.h"

#include <stdlib.h>

static const struct field_error field_rules[RUM_FIELDS] = {
    [RUM_FIELD_PAGE] = {"page",                   "must be a string: the path of the page"                       },
    [RUM_FIELD_LOAD] = {"page_load_time_seconds", "must be a number of seconds"                                  },
    [RUM_FIELD_MEMORY] = {"memory_usage_bytes",     "must be a number of bytes"                                    },
    [RUM_FIELD_ERRORS] = {"errors",                 "must be an array of objects with a kind"                      },
    [RUM_FIELD_KIND] = {"errors.kind",
                        "must be a string; error and unhandledrejection are counted apart"                       },
    [RUM_FIELD_VITALS] = {"vitals",                 "must be an array of objects with a name and a value"          },
    [RUM_FIELD_NAME] = {"vitals.name",            "must be a string: LCP, INP, CLS, FCP or TTFB"                 },
    [RUM_FIELD_VALUE] = {"vitals.value",
                        "must be a number: of milliseconds, or of CLS the number alone"                          },
    [RUM_FIELD_ID] = {"vitals.id",              "must be a string of 1 to 64 letters, digits, '.', '_' and '-'"},
    [RUM_FIELD_RATING] = {"vitals.rating",          "must be a string: good, needs-improvement or poor"            },
    [RUM_FIELD_VITAL_PAGE] = {"vitals.page",            "must be a string: the path of the page"                       },
    [RUM_FIELD_CORRELATION_ID] = {"correlation_id",
                        "must be a string of 1 to 64 letters, digits, '.', '_' and '-'"                          },
};

size_t rum_field_errors(unsigned fields, struct field_error ret[RUM_FIELDS])
{
    size_t n = 0;

    _Static_assert(RUM_ID_MAX == 64, "the rules say so");
    for (unsigned i = 0; i < RUM_FIELDS; i++)
        if ((fields >> i & 1) != 0)
            ret[n++] = field_rules[i];
    return n;
}

static bool refuse(struct rum_refusal *ret,
                   enum rum_outcome outcome,
                   unsigned status,
                   const char *code,
                   const char *message)
{
    *ret = (struct rum_refusal){
        outcome, status, code, message, {NULL, SLICE_NONE},
            0
    };
    return false;
}

static bool refuse_invalid(struct rum_refusal *ret, const char *message)
{
    return refuse(ret, RUM_INVALID, 422, "invalid", message);
}

static bool refuse_malformed(struct rum_refusal *ret, const char *message)
{
    return refuse(ret, RUM_MALFORMED, 400, "malformed", message);
}

static bool refuse_media_type(struct rum_refusal *ret,
                              const char *message,
                              const char *hint,
                              struct slice value)
{
    (void)refuse(ret, RUM_MEDIA_TYPE, 415, "unsupported_media_type", message);
    ret->hint = (struct answer_header){hint, value};
    return false;
}

static bool read_reports(struct rum_batch *b, struct rum_refusal *ret_why)
{
    const struct json_value *root = json_root(b->json), *v;
    bool list = json_value_type(root) == JSON_ARRAY;
    unsigned wrong = 0;

    if (!list && json_value_type(root) != JSON_OBJECT)
        return refuse_invalid(ret_why, "The body must be a JSON object or an array of objects.");
    _Static_assert(RUM_REPORTS_MAX == 50, "the message says so");
    b->n = list ? json_value_size(root) : 1;
    if (b->n > RUM_REPORTS_MAX)
        return refuse_invalid(ret_why, "The body has more than 50 reports.");
    b->reports = must_calloc(b->n > 0 ? b->n : 1, sizeof(b->reports[0]));
    v = list ? json_value_first(root) : root;
    for (size_t i = 0; i < b->n; i++, v = json_value_next(v)) {
        if (json_value_type(v) != JSON_OBJECT)
            return refuse_invalid(ret_why, "Each report must be a JSON object.");
        wrong |= rum_report_read(v, &b->reports[i]);
    }
    if (wrong == 0)
        return true;
    (void)refuse_invalid(ret_why, "Some fields are not valid.");
    ret_why->fields = wrong;
    return false;
}

bool rum_read_body(struct slice body, struct rum_batch *ret, struct rum_refusal *ret_why)
{
    struct rum_batch b = {NULL, NULL, 0};
    const char *message = NULL;
    enum json_verdict v = json_parse(body, &b.json, &message);

    if (v == JSON_MALFORMED)
        return refuse_malformed(ret_why, message);
    if (v != JSON_OK)
        return refuse_invalid(ret_why, message);
    if (!read_reports(&b, ret_why)) {
        rum_batch_release(&b);
        return false;
    }
    *ret = b;
    return true;
}

void rum_batch_release(struct rum_batch *b)
{
    json_free(b->json);
    free(b->reports);
    *b = (struct rum_batch){NULL, NULL, 0};
}

/*
 * A script of another site may send text/plain without asking first (Fetch, 3.2.2), so for that an
 * Origin must be there and be allowed; JSON from no browser at all needs none.
 */
static bool check_sender(const struct request *rq, struct rum_refusal *ret_why)
{
    struct slice type = rq->head.content_type;
    bool plain = media_type_is(type, "text/plain"), origin = rq->head.origin_count > 0;

    if (rq->head.type_count > 1 || (!plain && !media_type_is(type, "application/json")))
        return refuse_media_type(ret_why, "The body must be JSON.", "accept",
                                 SLICE_LIT("application/json"));
    if (!media_type_utf8(type))
        return refuse_media_type(ret_why, "The body must be UTF-8.", "accept",
                                 SLICE_LIT("application/json"));
    if (plain && !origin)
        return refuse_media_type(ret_why,
                                 "The body must be application/json; text/plain is for browsers, "
                                 "which send Origin.",
                                 "accept", SLICE_LIT("application/json"));
    if (origin && !request_origin_allowed(rq))
        return refuse(ret_why, RUM_ORIGIN, 403, "origin_not_allowed",
                      "Scripts of this origin may not send metrics here.");
    return true;
}

bool rum_read(const struct request *rq, struct rum_batch *ret, struct rum_refusal *ret_why)
{
    _Static_assert(RUM_BODY_MAX == 65536, "the message says so");
    if (rq->body.n > RUM_BODY_MAX)
        return refuse(ret_why, RUM_TOO_LARGE, 413, "content_too_large",
                      "The body is larger than 65536 bytes.");
    if (!body_is_plain(&rq->head))
        return refuse_media_type(ret_why, "The body must not be compressed.", "accept-encoding",
                                 SLICE_LIT("identity"));
    if (!check_sender(rq, ret_why))
        return false;
    if (rq->body.n == 0)
        return refuse_malformed(ret_why, "The request has no body.");
    return rum_read_body(rq->body, ret, ret_why);
}
