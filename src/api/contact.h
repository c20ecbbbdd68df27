/* SPDX-License-Identifier: MIT */
/*
 * The parts of the contact form, private to api/: reading a submission (contact_input.c), its rules
 * (contact_rules.c), and what happens to it (contact.c).
 */
#ifndef SIDELIGHT_API_CONTACT_H
#define SIDELIGHT_API_CONTACT_H

#include "api/api.h"
#include "http/form.h"
#include "http/json.h"

enum {
    CONTACT_NAME_MAX = 200,  /* characters (code points); more is 422 */
    CONTACT_EMAIL_MAX = 254, /* bytes; more is 422 */
    CONTACT_SOURCE_MAX = 32, /* bytes; more is 422 */
};

/* Values of the label `reason`, in this order in contact.c. */
enum contact_rejection {
    REJECTED_INVALID,     /* 422: a field breaks its rule */
    REJECTED_MALFORMED,   /* 400: the body is not what its media type says */
    REJECTED_MEDIA_TYPE,  /* 415 */
    REJECTED_TOO_LARGE,   /* 413, answered by the guard */
    REJECTED_RATE_CLIENT, /* 429: this client */
    REJECTED_RATE_TOTAL,  /* 429: all clients together */
    REJECTED_KEY_REUSED,  /* 422: the Idempotency-Key came with another body before */
    REJECTED_STORE,       /* 503: queue full, out of service, or the commit failed */
    CONTACT_REJECTIONS
};

struct contact_value {
    struct slice text; /* valid UTF-8 without U+0000; SLICE_NONE when absent or of the wrong type */
    bool wrong_type;   /* JSON, but not a string */
};

/* What was sent, not yet checked by any rule. Texts live as long as the input and its request. */
struct contact_input {
    struct contact_value name, email, message, source;
    bool flagged;      /* the honeypot was filled */
    bool html;         /* a form: a success is answered 303 */
    bool has_key;      /* an Idempotency-Key was sent */
    bool key_repeated; /* more than one header field */
    struct slice key;  /* without the quotes of a structured string */
    struct json *json; /* owned, what the texts point into */
    struct form form;  /* owned, likewise */
};

/* Why a body could not be read. All texts are static. */
struct contact_refusal {
    enum contact_rejection reason;
    unsigned status;
    const char *code, *message;
    struct answer_header hint; /* what would be accepted; name NULL: none */
};

/* On failure *ret is untouched. contact_input_release frees. */
MUST_CHECK bool contact_read(const struct request *rq,
                             struct contact_input *ret,
                             struct contact_refusal *ret_why);
void contact_input_release(struct contact_input *in);

/* Every field that breaks its rule, and what the rule is. Init with {.n = 0}. */
enum { CONTACT_FIELDS = 5 };
struct contact_errors {
    struct field_error fields[CONTACT_FIELDS];
    size_t n;
    /* Holds the configured limit, so it is the one text that is not static. */
    char message_reason[128];
};
void contact_check(const struct contact_input *in,
                   uint32_t max_message,
                   struct contact_errors *ret);

/*
 * "valid e-mail address" of the WHATWG HTML Standard (section "Email state"), and at most
 * CONTACT_EMAIL_MAX bytes. ASCII only.
 */
bool contact_email_valid(struct slice s);

/* BLAKE2b-256 over what the person sent, each part with its length before it. */
void contact_fingerprint(const struct submission *sub, uint8_t ret[STORE_FINGERPRINT]);

struct contact_metrics *contact_metrics_new(struct registry *r, struct slice service);
void contact_metrics_free(struct contact_metrics *m);

#endif
