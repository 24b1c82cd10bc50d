#include <stdlib.h>

#include "promql/promql.h"

/* A query that parses is written as text that parses to the same text, and evaluates over an unruly
 * storage to a result or an error. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct label labels[2][3] = {
        {{{"__name__", 8}, {"a", 1}}, {{"le", 2}, {"1", 1}}, {{"x", 1}, {"y", 1}}},
        {{{"__name__", 8}, {"b", 1}}, {{"le", 2}, {"+Inf", 4}}, {{"x", 1}, {"z", 1}}},
};
static const time_us times[] = {-60000000, 0, 1, 30000000, 60000000, 61000000};
static const double values[] = {1, -0.0, __builtin_nan(""), __builtin_inf(), 1e308, 3};

struct promql_cursor {
	const struct matcher *m;
	int n, at;
};

static int any_open(void *ctx, const struct matcher *m, int n, time_us from, time_us to, struct arena *a,
        struct promql_cursor **out, struct err *e)
{
	(void)ctx;
	(void)from;
	(void)to;
	*out = arena_alloc(a, sizeof **out);
	if (*out == NULL)
		return err_set(e, ERR_NOMEM, "no memory");
	**out = (struct promql_cursor){m, n, 0};
	return 0;
}

static int any_next(struct promql_cursor *c, struct promql_series *out, struct err *e)
{
	(void)e;
	while (c->at < 2) {
		struct labels ls = {labels[c->at++], 3};

		if (!matchers_match(c->m, c->n, &ls))
			continue;
		*out = (struct promql_series){.labels = ls, .t = times, .v = values, .n = ARRAY_LEN(times)};
		return 1;
	}
	return 0;
}

static void any_close(struct promql_cursor *c)
{
	(void)c;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct promql_storage storage = {NULL, any_open, any_next, any_close};
	struct promql_options o = {.storage = &storage, .limits = {.max_samples = 20000}};
	struct arena *a = arena_new(8 << 20);
	struct promql_expr *x, *y;
	struct promql_result r;
	struct sb once = SB_INIT, twice = SB_INIT;

	if (n < 2000 && promql_parse(a, (struct str){(const char *)p, n}, &x, NULL) == 0) {
		promql_format(x, &once);
		must(promql_parse(a, sb_str(&once), &y, NULL) == 0);
		promql_format(y, &twice);
		must(str_eq(sb_str(&once), sb_str(&twice)));
		sb_reset(&twice);
		promql_format_pretty(x, &twice);
		must(promql_parse(a, sb_str(&twice), &y, NULL) == 0);
		if (promql_instant(x, &o, 60 * US_SECOND, a, &r, NULL) == 0 && r.type == PROMQL_VECTOR)
			must(r.n == 0 || r.sample != NULL);
		if (promql_range(x, &o, 0, 60 * US_SECOND, 20 * US_SECOND, a, &r, NULL) == 0)
			for (size_t i = 0; i < r.n; i++)
				must(r.line[i].n > 0 && r.line[i].n <= 4);
	}
	sb_fini(&once);
	sb_fini(&twice);
	arena_free(&a);
	return 0;
}
