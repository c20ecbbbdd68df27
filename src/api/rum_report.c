/* SPDX-License-Identifier: MIT */
/*
 * One JSON object to one report: of which type each key is, and what is counted as ignored. Whether
 * a value can be true is for rum_rules.c.
 */
#include "api/rum.h"

static const char *const report_keys[] = {
    "page", "page_load_time_seconds", "memory_usage_bytes", "errors", "vitals", "correlation_id"};
static const char *const vital_keys[] = {"name", "value", "id", "rating", "page"};
static const char *const error_keys[] = {"kind"};

struct reader {
    struct rum_report *r;
    unsigned wrong; /* RUM_FIELD_* bits */
};

static const struct json_value *find(const struct json_value *object, const char *name)
{
    const struct json_value *m = json_value_first(object);

    while (m != NULL && !slice_eq(json_value_name(m), slice_str(name)))
        m = json_value_next(m);
    return m;
}

static bool among(struct slice name, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(name, slice_str(keys[i])))
            return true;
    return false;
}

static void count_unknown(struct reader *x,
                          const struct json_value *object,
                          const char *const *keys,
                          size_t n)
{
    const struct json_value *m;

    for (m = json_value_first(object); m != NULL; m = json_value_next(m))
        x->r->ignored[RUM_UNKNOWN_KEY] += !among(json_value_name(m), keys, n);
}

/* True when the key is there and as it should be. */
static bool is_type(struct reader *x,
                    enum rum_field field,
                    const struct json_value *v,
                    enum json_type type)
{
    if (v == NULL || json_value_type(v) == type)
        return v != NULL;
    x->wrong |= 1u << field;
    return false;
}

static bool is_required(struct reader *x,
                        enum rum_field field,
                        const struct json_value *v,
                        enum json_type type)
{
    x->wrong |= v == NULL ? 1u << field : 0;
    return is_type(x, field, v, type);
}

static struct slice text_of(struct reader *x, enum rum_field field, const struct json_value *v)
{
    return is_type(x, field, v, JSON_STRING) ? json_value_string(v) : SLICE_NONE;
}

/* An ID that obeys the rule for IDs; another is as good as none. */
static struct slice id_of(struct reader *x, enum rum_field field, const struct json_value *v)
{
    struct slice id = text_of(x, field, v);

    if (id.p == NULL || rum_id_valid(id))
        return id;
    x->r->ignored[RUM_IMPLAUSIBLE]++;
    return SLICE_NONE;
}

static void read_number(struct reader *x,
                        enum rum_field field,
                        const struct json_value *v,
                        bool (*plausible)(double v, uint64_t *ret),
                        uint64_t *ret,
                        bool *ret_has)
{
    if (!is_type(x, field, v, JSON_NUMBER))
        return;
    *ret_has = plausible(json_value_number(v), ret);
    x->r->ignored[RUM_IMPLAUSIBLE] += !*ret_has;
}

static void read_error(struct reader *x, const struct json_value *v, size_t i)
{
    const struct json_value *kind = find(v, "kind");

    if (!is_type(x, RUM_FIELD_ERRORS, v, JSON_OBJECT) ||
        !is_required(x, RUM_FIELD_KIND, kind, JSON_STRING))
        return;
    count_unknown(x, v, error_keys, ARRAY_LEN(error_keys));
    if (i < RUM_ERRORS_MAX)
        x->r->errors[rum_error_kind(json_value_string(kind))]++;
    else
        x->r->ignored[RUM_TOO_MANY]++;
}

static void read_errors(struct reader *x, const struct json_value *list)
{
    size_t i = 0;

    if (!is_type(x, RUM_FIELD_ERRORS, list, JSON_ARRAY))
        return;
    for (const struct json_value *v = json_value_first(list); v != NULL; v = json_value_next(v))
        read_error(x, v, i++);
}

static void keep_vital(struct rum_report *r, struct rum_vital vital, struct slice name, double v)
{
    if (!rum_vital_find(name, &vital.name))
        r->ignored[RUM_UNKNOWN_VITAL]++;
    else if (!rum_vital_value(vital.name, v, &vital.value))
        r->ignored[RUM_IMPLAUSIBLE]++;
    else if (r->n_vitals == RUM_VITALS_MAX)
        r->ignored[RUM_TOO_MANY]++;
    else
        r->vitals[r->n_vitals++] = vital;
}

/* Of an item of `vitals`, or of a report that is one itself. */
static void read_vital(struct reader *x, const struct json_value *v)
{
    const struct json_value *name = find(v, "name"), *value = find(v, "value");
    struct rum_vital vital = {.page = text_of(x, RUM_FIELD_VITAL_PAGE, find(v, "page"))};
    bool named = is_required(x, RUM_FIELD_NAME, name, JSON_STRING);
    bool valued = is_required(x, RUM_FIELD_VALUE, value, JSON_NUMBER);

    vital.id = id_of(x, RUM_FIELD_ID, find(v, "id"));
    (void)text_of(x, RUM_FIELD_RATING, find(v, "rating"));
    if (vital.page.p == NULL)
        vital.page = x->r->page;
    if (named && valued)
        keep_vital(x->r, vital, json_value_string(name), json_value_number(value));
}

static void read_vitals(struct reader *x, const struct json_value *list)
{
    if (!is_type(x, RUM_FIELD_VITALS, list, JSON_ARRAY))
        return;
    for (const struct json_value *v = json_value_first(list); v != NULL; v = json_value_next(v))
        if (is_type(x, RUM_FIELD_VITALS, v, JSON_OBJECT)) {
            count_unknown(x, v, vital_keys, ARRAY_LEN(vital_keys));
            read_vital(x, v);
        }
}

/*
 * What the web-vitals library gives to a callback, sent as it is, is one vital: it has a name and a
 * value.
 */
static bool is_vital(const struct json_value *v)
{
    return find(v, "name") != NULL && find(v, "value") != NULL;
}

static void count_unknown_of_report(struct reader *x, const struct json_value *v, bool vital)
{
    const char *keys[ARRAY_LEN(report_keys) + ARRAY_LEN(vital_keys)];

    memcpy(keys, report_keys, sizeof(report_keys));
    memcpy(keys + ARRAY_LEN(report_keys), vital_keys, sizeof(vital_keys));
    count_unknown(x, v, keys, vital ? ARRAY_LEN(keys) : ARRAY_LEN(report_keys));
}

unsigned rum_report_read(const struct json_value *v, struct rum_report *ret)
{
    struct reader x = {ret, 0};
    bool vital = is_vital(v);

    *ret = (struct rum_report){.page = SLICE_NONE};
    count_unknown_of_report(&x, v, vital);
    ret->page = text_of(&x, RUM_FIELD_PAGE, find(v, "page"));
    ret->correlation_id = id_of(&x, RUM_FIELD_CORRELATION_ID, find(v, "correlation_id"));
    read_number(&x, RUM_FIELD_LOAD, find(v, "page_load_time_seconds"), rum_load_value,
                &ret->load_ns, &ret->has_load);
    read_number(&x, RUM_FIELD_MEMORY, find(v, "memory_usage_bytes"), rum_memory_value,
                &ret->memory_bytes, &ret->has_memory);
    read_errors(&x, find(v, "errors"));
    read_vitals(&x, find(v, "vitals"));
    if (vital)
        read_vital(&x, v);
    return x.wrong;
}
