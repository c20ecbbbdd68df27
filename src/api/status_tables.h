/* SPDX-License-Identifier: MIT */
/* The rows of the status page's tables, as markup; for status_page.c. All append to `b`. */
#ifndef SIDELIGHT_API_STATUS_TABLES_H
#define SIDELIGHT_API_STATUS_TABLES_H

#include "api/status_page.h"

void status_write_slos(const struct status_view *v, struct buf *b);
/* The busiest STATUS_PAGE_ROWS; returns how many with requests found no place. */
size_t status_write_rows(const struct status_view *v, enum status_span span, struct buf *b);
void status_write_dependencies(const struct status_view *v, struct buf *b);
void status_write_errors(const struct status_view *v, struct buf *b);

/* Text; "-" when there were no events. */
void status_add_seconds(struct buf *b, bool any, double s);
void status_add_share(struct buf *b, uint64_t part, uint64_t whole);

#endif
