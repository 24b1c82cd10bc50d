/*
 * metric - counters and gauges of this process, every one a row of metric.tbl.
 *
 * Updates are one relaxed atomic add. Text is the Prometheus exposition format 0.0.4. Any thread.
 */
#ifndef HEMING_METRIC_H
#define HEMING_METRIC_H

#include "base/sb.h"

enum metric_id {
#define X(id, kind, name, labels, help) METRIC_##id,
#include "base/metric.tbl"
#undef X
	METRICS
};

void metric_add(enum metric_id m, int64_t n);
void metric_set(enum metric_id m, int64_t v);
int64_t metric_get(enum metric_id m);
/* By exposed name with labels as written in the table, for scenarios; -1 if there is none. */
int64_t metric_find(const char *name);
void metric_write(struct sb *b);

#endif
