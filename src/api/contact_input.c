/* SPDX-License-Identifier: MIT */
/*
 * A submission as JSON or as a form, read into one struct. What its fields may hold is for
 * contact_rules.c.
 */
#include "api/contact.h"

static bool refuse(struct contact_refusal *ret, struct contact_refusal why)
{
    *ret = why;
    return false;
}

static bool refuse_media_type(struct contact_refusal *ret, const char *message)
{
    return refuse(
        ret, (struct contact_refusal){
                 REJECTED_MEDIA_TYPE,
                 415,
                 "unsupported_media_type",
                 message,
                 {"accept", SLICE_LIT("application/json, application/x-www-form-urlencoded")}
    });
}

static bool refuse_malformed(struct contact_refusal *ret, const char *message)
{
    return refuse(ret, (struct contact_refusal){
                           REJECTED_MALFORMED, 400, "malformed", message, {NULL, SLICE_NONE}
    });
}

static bool refuse_invalid(struct contact_refusal *ret, const char *message)
{
    return refuse(ret, (struct contact_refusal){
                           REJECTED_INVALID, 422, "invalid", message, {NULL, SLICE_NONE}
    });
}

static struct contact_value json_value(const struct json *doc, const char *name)
{
    enum json_type type = json_member_type(doc, name);

    return (struct contact_value){json_member_string(doc, name),
                                  type != JSON_ABSENT && type != JSON_STRING};
}

/*
 * Anything but nothing is a filled honeypot: no type is an error here, which would give the field
 * away.
 */
static bool json_honeypot(const struct json *doc)
{
    enum json_type type = json_member_type(doc, "website_url");

    if (type == JSON_STRING)
        return json_member_string(doc, "website_url").n > 0;
    return type != JSON_ABSENT && type != JSON_NULL;
}

static bool read_json(struct slice body, struct contact_input *in, struct contact_refusal *ret_why)
{
    const char *message = NULL;
    enum json_verdict v = json_parse(body, &in->json, &message);

    if (v == JSON_MALFORMED)
        return refuse_malformed(ret_why, message);
    if (v != JSON_OK)
        return refuse_invalid(ret_why, message);
    if (json_type(in->json) != JSON_OBJECT) {
        json_free(in->json);
        return refuse_invalid(ret_why, "The body must be a JSON object.");
    }
    in->name = json_value(in->json, "name");
    in->email = json_value(in->json, "email");
    in->message = json_value(in->json, "message");
    in->source = json_value(in->json, "source");
    in->flagged = json_honeypot(in->json);
    return true;
}

static struct contact_value form_value(const struct form *f, const char *name)
{
    return (struct contact_value){form_get(f, name), false};
}

/* A form sends its empty fields, too: for what is optional, empty is absent. */
static struct slice form_optional(const struct form *f, const char *name)
{
    struct slice s = form_get(f, name);

    return s.n > 0 ? s : SLICE_NONE;
}

static bool read_form(struct slice body, struct contact_input *in, struct contact_refusal *ret_why)
{
    const char *message = NULL;
    enum form_verdict v = form_parse(body, &in->form, &message);

    if (v == FORM_MALFORMED)
        return refuse_malformed(ret_why, message);
    if (v != FORM_OK)
        return refuse_invalid(ret_why, message);
    in->html = true;
    in->name = form_value(&in->form, "name");
    in->email = form_value(&in->form, "email");
    in->message = form_value(&in->form, "message");
    in->source.text = form_optional(&in->form, "source");
    in->flagged = form_optional(&in->form, "website_url").p != NULL;
    in->key = form_optional(&in->form, "idempotency_key");
    in->has_key = in->key.p != NULL;
    return true;
}

/*
 * The header goes before the form's field. It is a structured string (RFC 8941, 3.3.3), or the same
 * without quotes.
 */
static void read_key(const struct head *head, struct contact_input *in)
{
    struct slice key = head->idempotency_key;

    if (head->key_count == 0)
        return;
    if (key.n >= 2 && key.p[0] == '"' && key.p[key.n - 1] == '"')
        key = (struct slice){key.p + 1, key.n - 2};
    in->key = key;
    in->has_key = true;
    in->key_repeated = head->key_count > 1;
}

bool contact_read(const struct request *rq,
                  struct contact_input *ret,
                  struct contact_refusal *ret_why)
{
    struct contact_input in = {.form = FORM_INIT};
    struct slice type = rq->head.content_type;
    bool ok;

    if (rq->body.p == NULL)
        return refuse_malformed(ret_why, "The request has no body.");
    if (!body_is_plain(&rq->head)) {
        (void)refuse_media_type(ret_why, "The body must not be compressed.");
        ret_why->hint = (struct answer_header){"accept-encoding", SLICE_LIT("identity")};
        return false;
    }
    if (rq->head.type_count > 1)
        return refuse_media_type(ret_why, "The body must have one type.");
    if (!media_type_utf8(type))
        return refuse_media_type(ret_why, "The body must be UTF-8.");
    if (media_type_is(type, "application/json"))
        ok = read_json(rq->body, &in, ret_why);
    else if (media_type_is(type, "application/x-www-form-urlencoded"))
        ok = read_form(rq->body, &in, ret_why);
    else
        return refuse_media_type(ret_why, "The body must be JSON or a URL-encoded form.");
    if (!ok)
        return false;
    read_key(&rq->head, &in);
    *ret = in;
    return true;
}

void contact_input_release(struct contact_input *in)
{
    json_free(in->json);
    in->json = NULL;
    form_release(&in->form);
}
