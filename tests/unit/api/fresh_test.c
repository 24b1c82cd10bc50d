/* Bodies that name many series for the first time, good lines and bad ones mixed, against a list of what each
 * line says. */
#include "check.h"
#include "door.h"
#include "ingest/ingest.h"

static struct city town;
static struct ingest *ingest;

enum { LINES = 1500, SERIES = 400, FIELDS = 3 };
/* Of series i, which is one of 5 metrics: field `value`, or a few of its own. */
struct expected {
	size_t n;
	double sum;
};

static uint32_t dice(uint32_t n)
{
	return (uint32_t)test_below(n);
}

/* One line at `t` ms; what it adds when it is good. */
static void add_line(struct sb *b, int64_t t, struct expected *x, int *refused)
{
	uint32_t i = dice(SERIES), kind = dice(20), fields = i % 5 == 0 ? FIELDS : 1;

	sb_printf(b, "fresh_%u,%s=S%u ", i % 5, kind == 0 ? "bad/é" : "sensor", i);
	for (uint32_t f = 0; f < fields; f++) {
		double v = dice(1000);

		if (fields == 1)
			sb_printf(b, "value=%g", v);
		else
			sb_printf(b, "%sf%u%s=%g", f > 0 ? "," : "", f,
			        kind == 1 && f == FIELDS - 1 ? "é" : "", v);
		if (kind > 2 || (kind == 1 && fields == 1)) {
			x[i].n++;
			x[i].sum += v;
		}
	}
	/* In the future: refused, too. */
	sb_printf(b, " %lld\n", (long long)(kind == 2 ? t + 200000000 : t) * 1000000);
	*refused += kind == 0 || kind == 2 || (kind == 1 && fields > 1);
}

static struct expected stored(uint32_t i, struct arena *a)
{
	struct matcher m;
	struct series_query q = {.m = &m, .n = 1, .from = INT64_MIN, .to = INT64_MAX};
	struct expected out = {0};
	struct series_cursor *c = NULL;
	struct series_view v;
	struct err e = ERR_INIT;

	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("sensor"), str_of(arena_printf(a, "S%u", i)), &e), &e);
	check_ok(series_select(town.site->series, &q, a, &c, &e), &e);
	while (series_next(c, &v, &e) == 1)
		for (size_t k = 0; k < v.n; k++) {
			out.n++;
			out.sum += v.v[k];
		}
	series_cursor_free(&c);
	return out;
}

TEST(each_line_of_new_series_is_taken_or_refused_as_by_itself)
{
	static struct expected want[SERIES];
	struct ingest_options io = {0};
	struct err e = ERR_INIT;

	city_open(&town);
	io.site = town.site;
	check_ok(ingest_start(&io, &ingest, &e), &e);
	for (int body = 0; body < 3; body++) {
		struct arena *a = arena_new(0);
		struct ingest_told told = {0};
		struct sb b = SB_INIT;
		int refused = 0;
		size_t readings = 0, before = 0;

		for (int i = 0; i < SERIES; i++)
			before += want[i].n;
		for (int i = 0; i < LINES; i++)
			add_line(&b, clock_now(town.site->clock) / 1000 - 100000000 + body * LINES + i, want,
			        &refused);
		for (int i = 0; i < SERIES; i++)
			readings += want[i].n;
		check_ok(ingest_text(ingest, "gateway", (struct str){b.p, b.n}, a, &told, &e), &e);
		check_eq_u(told.stored, readings - before);
		check_eq_i(told.refused, refused);
		for (uint32_t i = 0; i < SERIES; i++) {
			struct expected have = stored(i, a);

			check_eq_u(have.n, want[i].n);
			check_eq_d(have.sum, want[i].sum);
		}
		sb_fini(&b);
		arena_free(&a);
	}
	ingest_stop(&ingest);
	city_close(&town);
}
