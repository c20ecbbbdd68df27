/* SPDX-License-Identifier: MIT */
/*
 * Browser metrics, private to api/: reading a body (rum_input.c) and each report (rum_report.c),
 * what the values mean and may be (rum_rules.c), which vitals were seen before (rum_ids.c), the
 * most recent reports (rum_recent.c, rum_list.c), and what happens to them (rum.c).
 *
 * A *report* is what one page view of one browser says about itself; a request carries one or
 * several. A *vital* is one of five measurements of a report (https://web.dev/vitals).
 */
#ifndef SIDELIGHT_API_RUM_H
#define SIDELIGHT_API_RUM_H

#include "api/api.h"
#include "http/json.h"
#include "metrics/metrics.h"

enum {
    RUM_BODY_MAX = 64 * 1024,         /* bytes of a body, as sendBeacon's; more is 413 */
    RUM_REPORTS_MAX = 50,             /* reports of a request; more is 422 */
    RUM_VITALS_MAX = 32,              /* vitals of a report; the rest is ignored (too_many) */
    RUM_ERRORS_MAX = 100,             /* errors of a report; the rest is ignored (too_many) */
    RUM_ID_MAX = 64,                  /* bytes of a vital's ID; another is ignored (implausible) */
    RUM_IDS_MAX = 65536,              /* IDs remembered; then the oldest is forgotten and counted */
    RUM_IDS_SECONDS = 3600,           /* how long an ID is remembered */
    RUM_KEEP_MAX = 10000,             /* rum.keep may be lower, never higher */
    RUM_PAGE_MAX = 2048,              /* bytes of a page's path; a longer one is "other" */
    RUM_LIST_DEFAULT = 100,           /* reports of GET /api/metrics without `limit` */
    RUM_LIST_BYTES_MAX = 1024 * 1024, /* bytes of them, with commas; then it is truncated */
    RUM_LISTS_MAX = 8,                /* such answers under way, of both ports; one more is 503 */
};

/* Values of the label `outcome`, in this order in rum.c. */
enum rum_outcome {
    RUM_ACCEPTED,
    RUM_REPEATED,    /* its vitals were all counted before, so nothing of it is */
    RUM_INVALID,     /* 422: a key is of the wrong type, or there are too many reports */
    RUM_MALFORMED,   /* 400: not JSON */
    RUM_MEDIA_TYPE,  /* 415 */
    RUM_TOO_LARGE,   /* 413, answered here or by the guard */
    RUM_RATE_CLIENT, /* 429 */
    RUM_ORIGIN,      /* 403: a script of a site that is not in cors.origins */
    RUM_OUTCOMES
};

/* Why a part of a report is not counted; values of the label `reason`, in this order in rum.c. */
enum rum_ignored {
    RUM_UNKNOWN_KEY,
    RUM_UNKNOWN_VITAL,
    RUM_IMPLAUSIBLE, /* a value that no browser measures, or an ID that is none */
    RUM_DUPLICATE,   /* the vital came before */
    RUM_TOO_MANY,
    RUM_IGNORED
};

enum rum_error { RUM_ERROR, RUM_REJECTION, RUM_OTHER, RUM_ERRORS };
enum rum_vital_name { RUM_LCP, RUM_INP, RUM_CLS, RUM_FCP, RUM_TTFB, RUM_VITALS };

/* The keys whose values may be of the wrong type; a bit each. */
enum rum_field {
    RUM_FIELD_PAGE,
    RUM_FIELD_LOAD,
    RUM_FIELD_MEMORY,
    RUM_FIELD_ERRORS,
    RUM_FIELD_KIND,
    RUM_FIELD_VITALS,
    RUM_FIELD_NAME,
    RUM_FIELD_VALUE,
    RUM_FIELD_ID,
    RUM_FIELD_RATING,
    RUM_FIELD_VITAL_PAGE,
    RUM_FIELD_CORRELATION_ID,
    RUM_FIELDS
};

struct rum_vital {
    enum rum_vital_name name;
    uint64_t value;    /* nanoseconds; of CLS, billionths */
    struct slice id;   /* SLICE_NONE: none, so it cannot be told from another */
    struct slice page; /* its own, or the report's */
    struct slice label;
};

/*
 * What a browser said and can be true. Texts point into the JSON document; SLICE_NONE when absent.
 */
struct rum_report {
    struct slice page;  /* as sent */
    struct slice label; /* of the page; these, and those of the vitals, are rum_label_pages' */
    struct slice correlation_id;
    bool has_load, has_memory;
    uint64_t load_ns, memory_bytes;
    uint64_t errors[RUM_ERRORS]; /* by kind */
    uint64_t ignored[RUM_IGNORED];
    size_t n_vitals;
    struct rum_vital vitals[RUM_VITALS_MAX];
};

/* --- rum_rules.c: pure functions --- */

struct rum_vital_row {
    const char *name; /* as browsers' libraries spell it */
    enum metric_family family;
    double max;          /* as reported; above it is implausible */
    uint64_t scale;      /* cells of one that is reported */
    uint64_t good, fair; /* cells: good up to the first, poor above the second */
};
extern const struct rum_vital_row rum_vitals[RUM_VITALS];

/* False when there is no such vital. */
bool rum_vital_find(struct slice name, enum rum_vital_name *ret);
/* As reported to cells; false when the value is implausible. */
bool rum_vital_value(enum rum_vital_name name, double v, uint64_t *ret);
bool rum_load_value(double seconds, uint64_t *ret_ns);
bool rum_memory_value(double bytes, uint64_t *ret);
const char *rum_rating(enum rum_vital_name name, uint64_t value); /* "good", ... */
enum rum_error rum_error_kind(struct slice kind);
extern const char *const rum_error_names[RUM_ERRORS];
bool rum_id_valid(struct slice id);
/*
 * The template of rum.pages that `path` matches, the first of them, or "other". A "*" of a template
 * stands for one segment that is not empty; all else is compared byte for byte; what follows a '?'
 * or '#' of the path is not looked at, and what is left has at most RUM_PAGE_MAX bytes.
 */
struct slice rum_page_label(const struct api_live *live, struct slice path);
/* Writes the labels of `r` and of its vitals, each page once; they are valid as long as `live`. */
void rum_label_pages(const struct api_live *live, struct rum_report *r);
bool rum_page_matches(struct slice template, struct slice path);

/* --- rum_report.c --- */

/*
 * Reads one report: an object of a parsed document. Returns the fields that are of the wrong type,
 * a bit each; when there is none, *ret is the report, else what was read of it.
 */
unsigned rum_report_read(const struct json_value *v, struct rum_report *ret);

/* --- rum_input.c --- */

struct rum_batch {
    struct json *json; /* owned, what the texts point into */
    struct rum_report *reports;
    size_t n;
};

/* Why a body could not be read. All texts are static. */
struct rum_refusal {
    enum rum_outcome outcome;
    unsigned status;
    const char *code, *message;
    struct answer_header hint; /* what would be accepted; name NULL: none */
    unsigned fields;           /* RUM_FIELD_* bits */
};
/* On failure *ret is untouched. rum_batch_release frees. */
MUST_CHECK bool rum_read(const struct request *rq,
                         struct rum_batch *ret,
                         struct rum_refusal *ret_why);
/* The part of it that needs no request. */
MUST_CHECK bool rum_read_body(struct slice body,
                              struct rum_batch *ret,
                              struct rum_refusal *ret_why);
void rum_batch_release(struct rum_batch *b);
/* Writes what is wrong with `fields` (bits) and what is allowed; returns how many. */
size_t rum_field_errors(unsigned fields, struct field_error ret[RUM_FIELDS]);

/* --- rum_ids.c: any thread --- */

struct rum_ids; /* the IDs of the last hour, as keyed hashes; the texts are not kept */
struct rum_ids *rum_ids_new(void);
void rum_ids_free(struct rum_ids *x);
enum rum_seen {
    RUM_NEW,
    RUM_NEW_FOR_OLD, /* and another was forgotten before its time */
    RUM_SEEN
};
/* Remembers a vital's name and ID from `now_ns` (monotonic) on. */
enum rum_seen rum_ids_add(struct rum_ids *x,
                          enum rum_vital_name name,
                          struct slice id,
                          uint64_t now_ns);

/* --- rum_recent.c: any thread --- */

struct rum_recent;                              /* the last `keep` texts */
struct rum_recent *rum_recent_new(size_t keep); /* 0 keeps none */
void rum_recent_free(struct rum_recent *x);
void rum_recent_add(struct rum_recent *x, struct slice text); /* copied */
/* A text that is kept at least as long as somebody has a reference. */
struct rum_text {
    _Atomic unsigned refs;
    size_t n;
    char text[];
};
size_t rum_recent_limit(const struct rum_recent *x);
/* References to the newest, at most `max`, newest first, in *ret; the caller owns the array. */
size_t rum_recent_ref(struct rum_recent *x, size_t max, struct rum_text ***ret, size_t *ret_kept);
void rum_text_unref(struct rum_text *t);

/* --- rum_list.c --- */

/* `r`, whose pages are labelled, as GET /api/metrics shows it, appended to `out`. */
void rum_list_add(const struct rum_report *r, uint64_t received_ms, struct buf *out);

/* --- rum.c --- */

struct rum *rum_new(struct api *api);
void rum_free(struct rum *x);
struct rum_recent *rum_recent_of(const struct rum *x);
/*
 * Takes one of the RUM_LISTS_MAX places until `rq` is finished (its request_on_finish is used up);
 * false, and counted, when there is none.
 */
MUST_CHECK bool rum_list_begin(struct rum *x, struct request *rq);
void rum_prepare(struct rum *x, const struct api_live *live); /* api_prepare's part */

#endif
