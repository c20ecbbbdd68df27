/* SPDX-License-Identifier: MIT */
/*
 * What follows from a row of a metrics table: its names in both formats, its size, and whether it
 * is well-formed. For metrics/ only.
 */
#ifndef SIDELIGHT_METRICS_DESC_H
#define SIDELIGHT_METRICS_DESC_H

#include "metrics/registry.h"

/* True when a cell counts billionths (or nanoseconds), false when it counts ones. */
bool desc_in_nanos(const struct metric_desc *d);
size_t desc_labels(const struct metric_desc *d);
size_t desc_cells(const struct metric_desc *d);   /* cells of one series */
size_t desc_samples(const struct metric_desc *d); /* lines of one series */
/* The name of the family in OpenMetrics: a counter's without "_total". */
struct slice desc_om_name(const struct metric_desc *d);
/* True for the family's name in either format and for the names of its samples. */
bool desc_owns(const struct metric_desc *d, struct slice name);
/* The OpenMetrics unit, or NULL: a unit may only be told when the name ends in it. */
const char *desc_om_unit(const struct metric_desc *d);
/* Ends the process on a bad row or on two that share a name. */
void desc_check(const struct metric_desc *descs, size_t n);

#endif
