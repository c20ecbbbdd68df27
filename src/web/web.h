/* SPDX-License-Identifier: MIT */
/*
 * The files that browsers get, as they stand in this directory, in the program. To add one: the
 * file, a row in web.c, a line here.
 */
#ifndef SIDELIGHT_WEB_WEB_H
#define SIDELIGHT_WEB_WEB_H

#include "base/slice.h"

/* The pages for visitors; site.c says what {{...}} stand for. */
struct slice web_site_head_html(void); /* in the head of each */
struct slice web_home_html(void);      /* GET / for browsers */
struct slice web_contact_html(void);   /* GET /contact */
struct slice web_thanks_html(void);    /* GET /contact/thanks */
struct slice web_contact_form_html(void);
struct slice web_home_css(void);
struct slice web_home_js(void);
struct slice web_status_html(void); /* GET / on the metrics port; status_page.c likewise */
struct slice web_status_css(void);
struct slice web_status_js(void);
struct slice web_metrics_js(void); /* GET /metrics.js */

#endif
