#include "base/metric.h"

#include <inttypes.h>
#include <stdatomic.h>

enum kind { counter, gauge };

static const struct row {
	enum kind kind;
	const char *name, *labels, *help;
} rows[] = {
#define X(id, kind, name, labels, help) {kind, name, labels, help},
#include "base/metric.tbl"
#undef X
};

/* A cache line each: loops on different cores count different things all the time. */
static struct cell {
	_Alignas(64) _Atomic int64_t v;
} cells[METRICS];

void metric_add(enum metric_id m, int64_t n)
{
	atomic_fetch_add_explicit(&cells[m].v, n, memory_order_relaxed);
}

void metric_set(enum metric_id m, int64_t v)
{
	atomic_store_explicit(&cells[m].v, v, memory_order_relaxed);
}

int64_t metric_get(enum metric_id m)
{
	return atomic_load_explicit(&cells[m].v, memory_order_relaxed);
}

int64_t metric_find(const char *name)
{
	struct str labels = str_of(name), base = str_cut(&labels, '{');
	if (labels.p) {
		if (labels.n == 0 || labels.p[labels.n - 1] != '}')
			return -1;
		labels.n--;
	}
	for (int m = 0; m < METRICS; m++) {
		if (str_is(base, rows[m].name) && str_is(labels, rows[m].labels))
			return metric_get((enum metric_id)m);
	}
	return -1;
}

/* The table's texts need no escaping: they hold no backslash and no line break. */
void metric_write(struct sb *b)
{
	for (int m = 0; m < METRICS; m++) {
		const struct row *r = &rows[m];
		if (m == 0 || strcmp(rows[m - 1].name, r->name) != 0)
			sb_printf(b, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help, r->name,
			        r->kind == counter ? "counter" : "gauge");
		sb_puts(b, r->name);
		if (r->labels[0])
			sb_printf(b, "{%s}", r->labels);
		sb_printf(b, " %" PRId64 "\n", metric_get((enum metric_id)m));
	}
}
