#include "ingest/refusal.h"
#include "base/metric.h"
#include "check.h"

static struct clock *c;
static struct refusals *r;
static struct arena *a;

static void open_all(void)
{
	c = clock_new_manual(1000);
	r = refusals_new(c);
	a = arena_new(0);
}

static void close_all(void)
{
	arena_free(&a);
	refusals_free(&r);
	clock_free(&c);
}

static int64_t sum_shown(void)
{
	struct sb b = SB_INIT;
	struct str rest, line;
	int64_t sum = 0;

	refusals_write(r, &b);
	rest = sb_str(&b);
	while (rest.p != NULL) {
		line = str_cut(&rest, '\n');
		if (line.n > 0 && line.p[0] != '#')
			sum += strtoll((const char *)memrchr(line.p, ' ', line.n), NULL, 10);
	}
	sb_fini(&b);
	return sum;
}

TEST(by_device_and_reason)
{
	struct refused *x;
	struct sb b = SB_INIT;
	int64_t before = metric_get(METRIC_INGEST_BAD_FUTURE);

	open_all();
	refusals_add(r, "gw-1", REFUSED_FUTURE, 3, "in the future");
	clock_set(c, 2000);
	refusals_add(r, "gw-1", REFUSED_FUTURE, 4, "in the future");
	refusals_add(r, "gw-1", REFUSED_NAME, 0, "no name");
	refusals_add(r, "gw\"2\n", REFUSED_SYNTAX, 1, "torn");
	refusals_add(r, REFUSAL_OTHERS, REFUSED_KEY, 0, "who is that");
	check_eq_i(metric_get(METRIC_INGEST_BAD_FUTURE) - before, 2);
	check_eq_i(refusals_list(r, NULL, 10, a, &x), 3);
	check_eq_s(x[0].device, "gw-1");
	check_eq_i(x[0].total, 3);
	check_eq_i(x[0].n[REFUSED_FUTURE], 2);
	check_eq_i(x[0].first, 1000);
	check_eq_i(x[0].last, 2000);
	check_eq_s(x[0].words, "no name");
	check_eq_i(refusals_list(r, NULL, 1, a, &x), 1);
	check_eq_i(refusals_list(r, "gw-1", 10, a, &x), 1);
	check_eq_i(refusals_list(r, "gw-9", 10, a, &x), 0);
	check_eq_i(refusals_list(r, REFUSAL_OTHERS, 10, a, &x), 1);
	refusals_write(r, &b);
	check_has(b.p, "heming_ingest_device_refused_total{device=\"gw-1\",reason=\"future\"} 2\n");
	check_has(b.p, "{device=\"gw\\\"2\\n\",reason=\"syntax\"} 1\n");
	check_has(b.p, "{device=\"others\",reason=\"key\"} 1\n");
	sb_fini(&b);
	close_all();
}

/* Many devices: the lines are few, none goes back, and they add up. */
TEST(the_worst_have_lines_of_their_own)
{
	struct refused *x;
	struct sb b = SB_INIT;
	int64_t all = 0;
	char name[32];

	open_all();
	for (int i = 0; i < 3 * REFUSAL_DEVICES; i++) {
		snprintf(name, sizeof(name), "d%d", i * 7919 % (2 * REFUSAL_DEVICES));
		refusals_add(r, name, (enum refusal)(i % REFUSALS), 1, "x");
		all++;
	}
	check_eq_i(sum_shown(), all);
	for (int i = 0; i < 50; i++, all++)
		refusals_add(r, "d7919", REFUSED_VALUE, 1, "x");
	check_eq_i(sum_shown(), all);
	refusals_write(r, &b);
	check_has(b.p, "device=\"d7919\"");
	check(b.n < 100 * REFUSALS * (REFUSAL_SHOWN + 1));
	sb_fini(&b);
	check_eq_i(refusals_list(r, NULL, 100000, a, &x), REFUSAL_DEVICES + 1);
	check_eq_s(x[0].device, REFUSAL_OTHERS);
	check_eq_s(x[1].device, "d7919");
	close_all();
}
