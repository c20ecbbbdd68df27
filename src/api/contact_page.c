/* SPDX-License-Identifier: MIT */
/*
 * The contact form and its thank-you page: plain HTML that needs no script. The files are
 * src/web/contact.html and thanks.html.
 */
#include "api/site.h"

void contact_form_get(struct request *rq, void *ctx)
{
    struct page_value values[SITE_VALUES] = {{.markup = false}};

    site_answer(rq, ((const struct api *)ctx)->site, SITE_CONTACT, values);
}

void contact_thanks_get(struct request *rq, void *ctx)
{
    struct page_value values[SITE_VALUES] = {{.markup = false}};

    site_answer(rq, ((const struct api *)ctx)->site, SITE_THANKS, values);
}
