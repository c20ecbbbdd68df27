/* SPDX-License-Identifier: MIT */
/* GET /: says what this is, for people who look. */
#include "api/api.h"

void root_get(struct request *rq, UNUSED void *ctx)
{
    static const char text[] = "Welcome. This is a Sidelight server.\n"
                               "\n"
                               "GET  /health    how it is\n"
                               "GET  /contact   the contact form\n";

    answer_borrowed(rq, 200, "text/plain; charset=utf-8", slice_str(text));
}
