/* However many hands write a long answer, it is the same text, and that of each value alone. */
#include "check.h"

#include "api/prometheus_int.h"
#include "base/crew.h"
#include "base/num.h"

#include <math.h>
#include <stdlib.h>

#define LINES 60
#define STEPS 900

static double value(void)
{
	static const double odd[] = {0, -0.0, 1, -1, 1e21, 1e-7, 123456789.125, 0.1, 1e300, 5e-324};

	switch (test_below(5)) {
	case 0: return odd[test_below(ARRAY_LEN(odd))];
	case 1: return test_below(2) ? (double)NAN : -(double)INFINITY;
	case 2: return (double)test_below(1u << 30) / 7;
	default: return (double)test_below(100000) / 100;
	}
}

/* Grids of seconds and of milliseconds, before 1970 too; some steps are left out. */
static void fill(struct promql_line *l, struct arena *a, size_t most)
{
	time_us t = ((time_us)test_below(4000000000) - 100000000) * US_SECOND +
	            (test_below(2) ? (time_us)test_below(1000) * US_MS : 0);
	struct label *label = arena_array(a, 2, sizeof(*label));
	time_us *at = arena_array(a, most + 1, sizeof(*at));
	double *v = arena_array(a, most + 1, sizeof(*v));

	label[0] = (struct label){STR_LIT("__name__"), STR_LIT("level")};
	label[1] =
	        (struct label){STR_LIT("na\"me"), str_of(arena_printf(a, "风\n%d", (int)test_below(1000)))};
	l->labels = (struct labels){label, (int)test_below(3)};
	l->t = at;
	l->v = v;
	for (size_t i = 0; i < most; i++) {
		t += 15 * US_SECOND;
		if (test_below(10) == 0)
			continue;
		at[l->n] = t;
		v[l->n++] = value();
	}
}

static void write_plainly(struct jw *w, const struct promql_line *l)
{
	char text[400];

	jw_object(w);
	jw_key(w, "metric");
	prom__labels(w, &l->labels);
	jw_key(w, "values");
	jw_array(w);
	for (size_t i = 0; i < l->n; i++) {
		time_us t = l->t[i] / US_MS;
		struct sb b = SB_INIT;

		sb_printf(&b, "%s%lld", t < 0 ? "-" : "", llabs((long long)t) / 1000);
		if (t % 1000 != 0)
			sb_printf(&b, ".%03lld", llabs((long long)t) % 1000);
		num_format(l->v[i], text);
		jw_array(w);
		jw_raw(w, sb_str(&b));
		jw_cstr(w, text);
		jw_array_end(w);
		sb_fini(&b);
	}
	jw_array_end(w);
	jw_object_end(w);
}

TEST(a_long_answer_is_the_same_from_however_many_hands)
{
	for (int round = 0; round < 12; round++) {
		struct crew *crew = crew_new(round % 4);
		struct arena *a = arena_new(0);
		struct promql_line line[LINES] = {0};
		size_t n = test_below(LINES), most = test_below(STEPS);
		struct sb text[3] = {SB_INIT, SB_INIT, SB_INIT};

		for (size_t i = 0; i < n; i++)
			fill(&line[i], a, test_below(4) == 0 ? 0 : most);
		for (int k = 0; k < 3; k++) {
			struct jw w;

			jw_init(&w, &text[k]);
			jw_array(&w);
			jw_int(&w, 1);
			if (k < 2)
				prom__lines(&w, line, n, k == 0 ? NULL : crew);
			for (size_t i = 0; k == 2 && i < n; i++)
				write_plainly(&w, &line[i]);
			jw_int(&w, 2);
			jw_array_end(&w);
		}
		check(str_eq(sb_str(&text[0]), sb_str(&text[1])));
		check(str_eq(sb_str(&text[0]), sb_str(&text[2])));
		for (int k = 0; k < 3; k++)
			sb_fini(&text[k]);
		arena_free(&a);
		crew_free(&crew);
	}
}

TEST(an_answer_over_its_maximum_fails_whoever_writes_it)
{
	struct crew *crew = crew_new(2);
	struct arena *a = arena_new(0);
	struct promql_line line[LINES] = {0};

	for (size_t i = 0; i < LINES; i++)
		fill(&line[i], a, STEPS);
	for (int k = 0; k < 2; k++) {
		struct sb b = {.max = 100000};
		struct jw w;

		jw_init(&w, &b);
		jw_array(&w);
		prom__lines(&w, line, LINES, k == 0 ? NULL : crew);
		jw_array_end(&w);
		check(b.failed);
		sb_fini(&b);
	}
	arena_free(&a);
	crew_free(&crew);
}
