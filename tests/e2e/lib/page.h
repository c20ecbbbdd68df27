/* SPDX-License-Identifier: MIT */
/* The metrics page, read back. A series that is not there fails the test. */
#ifndef SIDELIGHT_TESTS_E2E_PAGE_H
#define SIDELIGHT_TESTS_E2E_PAGE_H

#include "tests/e2e/lib/client.h"

/* A page in the text format, whole; lives until the end of the test. */
const char *page_of(struct server *s);
/* `series` as it is written: http_requests_total{method="GET",endpoint="/",status="200"} */
double page_value(const char *page, const char *series);
bool page_has(const char *page, const char *series);
/* All series of a counter or gauge, added up. */
double page_sum(const char *page, const char *family);

double metric(struct server *s, const char *series);
double metric_sum(struct server *s, const char *family);
/* Counts are made when an answer is out, so its reader may be earlier: waits until the value is there. */
#define assert_metric(s, series, want) assert_metric_(s, series, want, __FILE__, __LINE__)
void assert_metric_(struct server *s, const char *series, double want, const char *file, int line);

#define REQUESTS(method, endpoint, status) \
    "http_requests_total{method=\"" method "\",endpoint=\"" endpoint "\",status=\"" status "\"}"
#define REJECTED(reason) "http_rejected_total{reason=\"" reason "\"}"
#define CONTACT_REJECTED(reason) "contact_rejections_total{reason=\"" reason "\"}"
#define SUBMISSIONS "contact_submissions_total{source=\"website\",service=\"sidelight\"}"
#define SLO(slo, outcome) "slo_events_total{slo=\"" slo "\",outcome=\"" outcome "\"}"

#endif
