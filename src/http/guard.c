/* SPDX-License-Identifier: MIT */
/* The table of refusals, and the rules for Host. */
#include "http/guard.h"

const struct refusal_row refusal_rows[REFUSALS] = {
    [REFUSED_NOT] = {0,   NULL,              NULL,                  NULL                                          },
    [REFUSED_SYNTAX] = {400, "syntax",          "bad_request",         "The request head is malformed."              },
    [REFUSED_FRAMING] = {400, "framing",         "bad_request",
                     "The length of the request body is ambiguous or unreadable."                                 },
    [REFUSED_HOST] = {400, "host",            "bad_request",         "Exactly one valid Host field is required."   },
    [REFUSED_TARGET] =
        {400, "target",          "bad_request",
                     "The request target must be a path, without control bytes, '#' or '\\', and "
         "with two hex digits after each '%'."                                                                    },
    [REFUSED_METHOD] = {405, "method",          "method_not_allowed",  "This method is not served."                  },
    [REFUSED_LENGTH_REQUIRED] = {411, "length_required", "length_required",
                     "A body needs Content-Length; Transfer-Encoding is not accepted."                            },
    [REFUSED_BODY_TOO_LARGE] = {413, "body_too_large",  "content_too_large",
                     "The body is larger than allowed."                                                           },
    [REFUSED_TARGET_TOO_LONG] = {414, "target_too_long", "uri_too_long",
                     "The request target is longer than 2048 bytes."                                              },
    [REFUSED_EXPECTATION] = {417, "expectation",     "expectation_failed",
                     "Only Expect: 100-continue is known."                                                        },
    [REFUSED_MISDIRECTED] = {421, "misdirected",     "misdirected_request",
                     "This host is not served here."                                                              },
    [REFUSED_HEAD_TOO_LARGE] =
        {431, "head_too_large",  "head_too_large",
                     "The head is larger than 16384 bytes, has a field of more than 8192, or more than 64 fields."},
    [REFUSED_UNPARSED] = {400, "unparsed",        "bad_request",         "The request could not be read."              },
};

void guard_refuse(struct request *rq)
{
    const struct refusal_row *row = &refusal_rows[rq->refusal];

    MUST(row->status != 0);
    rq->close = true;
    if (row->status == 405)
        answer_header(rq, "allow", SLICE_LIT("GET, HEAD, POST, OPTIONS"));
    answer_error(rq, row->status, row->code, row->message);
}

bool guard_host(const struct http_live *live, struct slice name)
{
    for (size_t i = 0; i < live->n_hosts; i++)
        if (slice_eq_nocase(live->hosts[i], name))
            return true;
    return live->n_hosts == 0;
}

bool guard_host_internal(const struct http_live *live, struct slice alias, struct slice name)
{
    struct ip ip;

    return ip_parse(name, &ip) || slice_eq_nocase(name, SLICE_LIT("localhost")) ||
           (alias.n > 0 && slice_eq_nocase(name, alias)) ||
           (live->n_hosts > 0 && guard_host(live, name));
}

enum refusal guard_from_status(unsigned status)
{
    switch (status) {
    case 413:
        return REFUSED_BODY_TOO_LARGE;
    case 417:
        return REFUSED_EXPECTATION;
    default:
        return REFUSED_FRAMING;
    }
}
