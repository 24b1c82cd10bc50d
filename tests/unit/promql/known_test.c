/* What a storage knows of its samples, and on how many threads they are worked on, changes no answer. */
#include "check.h"

#include <math.h>
#include <stdlib.h>

#include "promql/promql_int.h"

#define POINTS 1200
#define SERIES 60
#define EVERY (10 * US_SECOND)

struct known {
	bool tells; /* about plain series and their runs */
	size_t skew;
	struct label l[SERIES][3];
	char thing[SERIES][8];
	time_us t[SERIES][POINTS];
	double v[SERIES][POINTS];
	double least[SERIES][POINTS], greatest[SERIES][POINTS];
	double sum[SERIES][POINTS], lost[SERIES][POINTS];
	bool falls[SERIES][POINTS], plain[SERIES], even[SERIES];
	bool scales; /* gives scaled values where there are */
	int32_t whole[SERIES][POINTS];
	int width[SERIES]; /* 0: they are not scaled */
	double per[SERIES];
};
struct promql_cursor {
	const struct known *k;
	time_us from, to;
	size_t at;
};

/* Some as two bytes, some as four. */
static void scale(struct known *k, size_t s)
{
	struct scaling x = {0};

	if (!scaling_fit(&x, k->v[s], POINTS))
		return;
	k->width[s] = s % 2 ? 4 : scaling_width(&x);
	k->per[s] = scaling_per(&x);
	scaling_put(&x, k->width[s], k->v[s], POINTS, k->whole[s]);
}

/* The runs begin before the first point that is given, as those of a longer series would. */
static void summarise(struct known *k, size_t s)
{
	k->plain[s] = true;
	for (size_t i = 0; i < POINTS; i++) {
		size_t run = (i + k->skew) / PROMQL_CHUNK;
		double v = k->v[s][i];
		bool first = i == 0 || (i + k->skew) % PROMQL_CHUNK == 0, falls = i > 0 && v < k->v[s][i - 1];

		k->plain[s] = k->plain[s] && !isnan(v);
		k->least[s][run] = first ? v : fmin(k->least[s][run], v);
		k->greatest[s][run] = first ? v : fmax(k->greatest[s][run], v);
		if (first)
			k->sum[s][run] = k->lost[s][run] = 0;
		kahan_add(v, &k->sum[s][run], &k->lost[s][run]);
		k->falls[s][run] = falls || (!first && k->falls[s][run]);
	}
}

static struct known *known_new(size_t skew)
{
	struct known *k = xcalloc(1, sizeof *k);

	k->skew = skew;
	for (size_t s = 0; s < SERIES; s++) {
		double v = 0;

		snprintf(k->thing[s], sizeof k->thing[s], "T-%02zu", s);
		k->l[s][0] = (struct label){STR_LIT("__name__"), STR_LIT("m_total")};
		k->l[s][1] = (struct label){STR_LIT("kind"), {&"abcdefg"[s % 7], 1}};
		k->l[s][2] = (struct label){STR_LIT("thing"), str_of(k->thing[s])};
		k->even[s] = s % 3 > 0;
		for (size_t i = 0; i < POINTS; i++) {
			v = test_below(s % 4 == 0 ? 8 : 200) == 0 ? 0 : v + (double)test_below(50) / 4;
			k->t[s][i] = (time_us)i * EVERY +
			             (k->even[s] ? (time_us)s * US_MS : (time_us)test_below(3000) * US_MS);
			k->v[s][i] = s % 10 == 9 && test_below(100) == 0 ? NAN : v;
		}
		summarise(k, s);
		scale(k, s);
	}
	return k;
}

static int known_open(void *ctx, const struct matcher *m, int n, time_us from, time_us to, struct arena *a,
        struct promql_cursor **out, struct err *e)
{
	(void)m;
	(void)n;
	(void)e;
	*out = arena_alloc(a, sizeof **out);
	**out = (struct promql_cursor){ctx, from, to, 0};
	return 0;
}

static int known_next(struct promql_cursor *c, struct promql_series *out, struct err *e)
{
	const struct known *k = c->k;
	size_t s = c->at++, lo = 0, hi = POINTS, first;
	bool end_falls = false;

	(void)e;
	if (s == SERIES)
		return 0;
	while (lo < hi && k->t[s][lo] < c->from)
		lo++;
	while (hi > lo && k->t[s][hi - 1] > c->to)
		hi--;
	*out = (struct promql_series){.labels = {(struct label *)(uintptr_t)k->l[s], 3},
	        .t = k->t[s] + lo,
	        .v = k->v[s] + lo,
	        .n = hi - lo};
	if (!k->tells)
		return 1;
	out->lasting = true;
	if (k->scales && k->width[s] > 0) {
		out->scaled = scaled_from((struct scaled){k->whole[s], k->per[s], k->width[s]}, lo);
		out->v = NULL;
	}
	out->plain = k->plain[s];
	out->period = k->even[s] && hi > lo + 1 ? EVERY : 0;
	out->first = out->period > 0 ? out->t[0] : 0;
	first = (lo + k->skew) / PROMQL_CHUNK;
	for (size_t i = ((hi + k->skew) / PROMQL_CHUNK) * PROMQL_CHUNK; i < hi + k->skew; i++)
		end_falls |= i > k->skew && k->v[s][i - k->skew] < k->v[s][i - k->skew - 1];
	if (out->plain)
		out->chunks = (struct promql_chunks){.least = k->least[s] + first,
		        .greatest = k->greatest[s] + first,
		        .falls = k->falls[s] + first,
		        .sum = k->sum[s] + first,
		        .lost = k->lost[s] + first,
		        .n = (hi + k->skew) / PROMQL_CHUNK - first,
		        .skew = (lo + k->skew) % PROMQL_CHUNK,
		        .even_end = !end_falls};
	return 1;
}

static void known_close(struct promql_cursor *c)
{
	(void)c;
}

static void ask(struct known *k, bool tells, bool scales, int threads, const char *query, time_us from,
        dur_us step, size_t steps, struct arena *a, struct promql_result *out)
{
	struct promql_storage storage = {k, known_open, known_next, known_close};
	struct crew *crew = threads > 1 ? crew_new(threads - 1) : NULL;
	struct promql_options o = {.storage = &storage, .limits = {.crew = crew, .crew_from = 20000}};
	struct promql_expr *x;
	struct err e = ERR_INIT;

	k->tells = tells;
	k->scales = scales;
	if (check_ok(promql_parse(a, str_of(query), &x, &e), &e))
		check_ok(promql_range(x, &o, from, from + (time_us)(steps - 1) * step, step, a, out, &e), &e);
	crew_free(&crew);
}

/* Sums of sums may differ in what is lost of the loss, where there are chunks of them; of threads nothing. */
static bool alike(const double *a, const double *b, size_t n, bool same)
{
	if (same)
		return memcmp(a, b, n * sizeof *a) == 0;
	for (size_t i = 0; i < n; i++)
		if (double_bits(a[i]) != double_bits(b[i]) && !(fabs(a[i] - b[i]) <= 1e-14 * fabs(a[i])))
			return false;
	return true;
}

static void compare(
        const struct promql_result *a, const struct promql_result *b, bool same, const char *query)
{
	if (!check_eq_i(a->n, b->n))
		return;
	for (size_t i = 0; i < a->n; i++)
		if (!check_eq_i(a->line[i].n, b->line[i].n) ||
		        !check(labels_equal(&a->line[i].labels, &b->line[i].labels)) ||
		        !check_eq_mem(a->line[i].t, b->line[i].t, a->line[i].n * sizeof(time_us)) ||
		        !check(alike(a->line[i].v, b->line[i].v, a->line[i].n, same))) {
			check_fail("%s", query);
			return;
		}
}

TEST(what_a_storage_knows_changes_no_answer)
{
	/* The number of minutes goes between the two. */
	static const char *const queries[][2] = {{"max_over_time(m_total[", "m])"},
	        {"min_over_time(m_total[", "m])"}, {"rate(m_total[", "m])"},
	        {"increase(m_total[", "m] anchored)"}, {"rate(m_total[", "m] smoothed)"},
	        {"resets(m_total[", "m])"}, {"changes(m_total[", "m])"}, {"avg_over_time(m_total[", "m])"},
	        {"sum_over_time(m_total[", "m])"}, {"quantile_over_time(0.3, m_total[", "m])"},
	        {"mad_over_time(m_total[", "m])"}, {"m_total offset ", "m"}, {"sum(rate(m_total[", "m]))"},
	        {"quantile(0.9, m_total offset ", "m)"}, {"avg by (thing) (m_total offset ", "m)"},
	        {"sum by (thing) (delta(m_total[", "m]))"}, {"sum without (thing) (m_total offset ", "m)"},
	        {"predict_linear(m_total[", "m], 60)"}, {"stddev(count_over_time(m_total[", "m]))"},
	        {"topk(3, increase(m_total[", "m]))"}, {"max by (thing) (last_over_time(m_total[", "m]))"},
	        {"timestamp(m_total offset ", "m)"}, {"max(m_total) - on() min(m_total offset ", "m)"},
	        {"stddev by (kind) (m_total offset ", "m)"}, {"avg by (kind) (irate(m_total[", "m]))"},
	        {"sum by (kind) (increase(m_total[", "m]))"}, {"stdvar_over_time(m_total[", "m])"},
	        {"min by (kind) (first_over_time(m_total[", "m]))"}, {"idelta(m_total[", "m])"},
	        {"count by (kind) (m_total offset ", "m > 9)"}, {"group by (kind) (m_total offset ", "m)"}};

	for (size_t skew = 0; skew < 2 * PROMQL_CHUNK; skew += 1 + test_below(40)) {
		struct known *k = known_new(skew);

		for (size_t q = 0; q < 3 * ARRAY_LEN(queries); q++) {
			struct arena *a = arena_new(0);
			struct promql_result plain = {0}, knowing = {0}, scaled = {0}, threaded = {0};
			const char *const *around = queries[q % ARRAY_LEN(queries)];
			char *query =
			        arena_printf(a, "%s%d%s", around[0], 1 + (int)test_below(60), around[1]);
			time_us from = ((time_us)test_below(9000) - 2000) * US_SECOND;
			dur_us step = test_below(2) == 0 ? (dur_us)(1 + test_below(300)) * US_SECOND
			                                 : (dur_us)(1 + test_below(40)) * EVERY;
			size_t steps = 1 + test_below(60);

			ask(k, false, false, 0, query, from, step, steps, a, &plain);
			ask(k, true, false, 0, query, from, step, steps, a, &knowing);
			ask(k, true, true, 0, query, from, step, steps, a, &scaled);
			ask(k, true, true, 3, query, from, step, steps, a, &threaded);
			compare(&plain, &knowing, false, query);
			compare(&knowing, &scaled, true, query);
			compare(&knowing, &threaded, true, query);
			arena_free(&a);
		}
		free(k);
	}
}
