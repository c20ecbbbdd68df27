/* SPDX-License-Identifier: MIT */
/*
 * Browser metrics: whatever comes in, what is taken is plausible and bounded, what is refused says why, and the list that is
 * made of it is JSON that shows no path.
 */
#include "api/rum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const struct rum_refusal *why)
{
    struct field_error fields[RUM_FIELDS];

    MUST(why->status == 400 || why->status == 422);
    MUST(why->outcome == (why->status == 400 ? RUM_MALFORMED : RUM_INVALID));
    MUST(why->code != NULL && why->message != NULL && why->hint.name == NULL);
    MUST(why->fields >> RUM_FIELDS == 0);
    MUST(rum_field_errors(why->fields, fields) <= RUM_FIELDS);
}

static void check_label(const struct api_live *live, struct slice label)
{
    bool known = slice_eq(label, SLICE_LIT("other"));

    for (size_t i = 0; i < live->n_rum_pages; i++)
        known = known || label.p == live->rum_pages[i].p;
    MUST(known);
}

static void check_report(struct rum_report *r, const struct api_live *live, struct buf *out)
{
    uint64_t errors = 0;

    MUST(!r->has_load || r->load_ns <= UINT64_C(600000000000));
    MUST(!r->has_memory || (r->memory_bytes >= 1 && r->memory_bytes <= UINT64_C(1) << 36));
    MUST(r->correlation_id.p == NULL || correlation_id_valid(r->correlation_id));
    MUST(r->n_vitals <= RUM_VITALS_MAX);
    for (size_t i = 0; i < RUM_ERRORS; i++)
        errors += r->errors[i];
    MUST(errors <= RUM_ERRORS_MAX);
    rum_label_pages(live, r);
    for (size_t i = 0; i < r->n_vitals; i++) {
        const struct rum_vital *v = &r->vitals[i];

        MUST(v->name < RUM_VITALS && v->value <= UINT64_C(600000000000));
        MUST(v->id.p == NULL || rum_id_valid(v->id));
        MUST(slice_eq(v->label, rum_page_label(live, v->page)));
        check_label(live, v->label);
    }
    check_label(live, r->label);
    buf_clear(out);
    rum_list_add(r, UINT64_C(1760000000123), out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice pages[] = {
        {"/",       1},
        {"/blog/*", 7},
        {"/*/edit", 7}
    };
    static const struct api_live live = {.rum_pages = pages, .n_rum_pages = ARRAY_LEN(pages)};
    struct rum_refusal why = {.message = NULL};
    struct rum_batch b = {NULL, NULL, 0};
    struct buf out = BUF_INIT;
    const char *message;

    if (!rum_read_body((struct slice){(const char *)data, size}, &b, &why)) {
        check_refusal(&why);
        MUST(b.json == NULL && b.reports == NULL);
        return 0;
    }
    MUST(b.n <= RUM_REPORTS_MAX);
    for (size_t i = 0; i < b.n; i++) {
        check_report(&b.reports[i], &live, &out);
        MUST(json_scan((struct slice){out.data, out.len}, &message) == JSON_OK);
    }
    buf_release(&out);
    rum_batch_release(&b);
    return 0;
}
