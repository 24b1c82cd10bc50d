#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "promql/promql.h"

/* ---- a storage of a few series ---- */

struct fake_series {
	struct label l[3];
	int n_l;
	time_us t[16];
	double v[16];
	size_t n;
};
struct fake {
	struct fake_series s[8];
	size_t n;
	int opened, closed, fail_at; /* fail_at: the next() that fails, from 1 */
	time_us from, to;
};
struct promql_cursor {
	struct fake *f;
	const struct matcher *m;
	int n, calls;
	size_t at;
};

static int fake_open(void *ctx, const struct matcher *m, int n, time_us from, time_us to, struct arena *a,
        struct promql_cursor **out, struct err *e)
{
	struct fake *f = ctx;

	(void)e;
	*out = arena_alloc(a, sizeof **out);
	if (*out == NULL)
		return err_set(e, ERR_NOMEM, "no memory");
	**out = (struct promql_cursor){f, m, n, 0, 0};
	f->opened++;
	f->from = from;
	f->to = to;
	return 0;
}

static int fake_next(struct promql_cursor *c, struct promql_series *out, struct err *e)
{
	if (++c->calls == c->f->fail_at)
		return err_set(e, ERR_CORRUPT, "a torn block");
	while (c->at < c->f->n) {
		struct fake_series *s = &c->f->s[c->at++];
		struct labels ls = {s->l, s->n_l};

		if (!matchers_match(c->m, c->n, &ls))
			continue;
		*out = (struct promql_series){.labels = ls, .t = s->t, .v = s->v, .n = s->n};
		return 1;
	}
	return 0;
}

static void fake_close(struct promql_cursor *c)
{
	c->f->closed++;
}

static struct fake *fake_new(void)
{
	struct fake *f = xcalloc(1, sizeof *f);
	static const char *const things[] = {"GAS-1", "GAS-2", "GAS-3"};

	for (size_t i = 0; i < 3; i++) {
		struct fake_series *s = &f->s[f->n++];

		s->l[0] = (struct label){STR_LIT("__name__"), STR_LIT("ch4_lel")};
		s->l[1] = (struct label){STR_LIT("thing"), str_of(things[i])};
		s->n_l = 2;
		s->n = 10;
		for (size_t k = 0; k < s->n; k++) {
			s->t[k] = (time_us)k * 10 * US_SECOND;
			s->v[k] = (double)(k * (i + 1));
		}
	}
	return f;
}

struct run {
	struct arena *a;
	struct fake *f;
	struct promql_storage storage;
	struct promql_options o;
	struct promql_result r;
	struct err e;
};

static void run_init(struct run *r, size_t budget)
{
	memset(r, 0, sizeof *r);
	r->a = arena_new(budget);
	r->f = fake_new();
	r->storage = (struct promql_storage){r->f, fake_open, fake_next, fake_close};
	r->o.storage = &r->storage;
}

static void run_fini(struct run *r)
{
	check_eq_i(r->f->opened, r->f->closed);
	free(r->f);
	arena_free(&r->a);
}

static int instant(struct run *r, const char *query, time_us t)
{
	struct promql_expr *x;
	int rc = promql_parse(r->a, str_of(query), &x, &r->e);

	return rc != 0 ? rc : promql_instant(x, &r->o, t, r->a, &r->r, &r->e);
}

static int range(struct run *r, const char *query, time_us from, time_us to, dur_us step)
{
	struct promql_expr *x;
	int rc = promql_parse(r->a, str_of(query), &x, &r->e);

	return rc != 0 ? rc : promql_range(x, &r->o, from, to, step, r->a, &r->r, &r->e);
}

/* ---- parsing ---- */

static void formats(const char *query, const char *want)
{
	struct arena *a = arena_new(0);
	struct promql_expr *x;
	struct sb b = SB_INIT, again = SB_INIT;
	struct err e = ERR_INIT;

	if (check_ok(promql_parse(a, str_of(query), &x, &e), &e)) {
		promql_format(x, &b);
		check_eq_s(b.p, want);
		/* What is written can be read, and is then written the same. */
		if (check_ok(promql_parse(a, sb_str(&b), &x, &e), &e)) {
			promql_format(x, &again);
			check_eq_s(again.p, want);
		}
	}
	sb_fini(&b);
	sb_fini(&again);
	arena_free(&a);
}

TEST(writes_one_canonical_line)
{
	formats("sum(rate(ch4_lel{thing='GAS-1'}[5m]))by(region)",
	        "sum by (region) (rate(ch4_lel{thing=\"GAS-1\"}[5m]))");
	formats("a+b*c^-1", "a + b * c ^ -1");
	formats("- a", "-a");
	formats("a==bool 1", "a == bool 1");
	formats("a / ON(x,y) GROUP_LEFT(z) b", "a / on (x, y) group_left (z) b");
	formats("a + fill(0) b", "a + fill (0) b");
	formats("a and ignoring(x) b", "a and ignoring (x) b");
	formats("a[90s:] offset 1d", "a[1m30s:] offset 1d");
	formats("(a)[1w:5m] @ 12.5", "(a)[1w:5m] @ 12.500");
	formats("a @ start() offset -5m", "a @ start() offset -5m");
	formats("a[step() * 2]", "a[step() * 2]");
	formats("a[max(90, 2 * 1m)] offset 60", "a[max(90, 2 * 1m)] offset 1m");
	formats("a[300]", "a[5m]");
	formats("rate(a[5m] smoothed)", "rate(a[5m] smoothed)");
	formats("topk(3, a) without (b)", "topk without (b) (3, a)");
	formats("{\"odd name\", x!~\"y|z\"}", "{\"odd name\",x!~\"y|z\"}");
	formats("1e3 + Inf - .5", "1000 + +Inf - 0.5");
	formats("123456 + 1234567 - 1e-7", "123456 + 1.234567e+06 - 1e-07");
	formats("`raw\\n`", "\"raw\\\\n\"");
	formats("5m * 2", "5m * 2");
	formats("a # a comment\n + b", "a + b");
}

TEST(breaks_long_expressions_over_lines)
{
	struct arena *a = arena_new(0);
	struct promql_expr *x;
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	const char *q = "sum by (region) (rate(readings_received_total{region=\"320902\",kind=\"gas\"}[5m])) "
	                "/ sum by "
	                "(region) (rate(readings_expected_total[5m]))";

	check_ok(promql_parse(a, str_of(q), &x, &e), &e);
	promql_format_pretty(x, &b);
	check_eq_s(b.p,
	        "  sum by (region) (rate(readings_received_total{kind=\"gas\",region=\"320902\"}[5m]))\n"
	        "/\n"
	        "  sum by (region) (rate(readings_expected_total[5m]))");
	sb_fini(&b);
	arena_free(&a);
}

static void refuses(const char *query, int column, const char *words)
{
	struct arena *a = arena_new(0);
	struct promql_expr *x;
	struct err e = ERR_INIT;

	check_err(promql_parse(a, str_of(query), &x, &e), ERR_INVALID);
	check_eq_i(e.column, column);
	check_has(e.text, words);
	arena_free(&a);
}

TEST(tells_the_column_of_an_error)
{
	refuses("", 1, "no expression found in input");
	refuses("sum(", 5, "unclosed left parenthesis");
	refuses("(a[5m", 6, "unclosed left parenthesis");
	refuses("a[5m", 5, "unclosed left bracket");
	refuses("(a{b", 5, "unexpected end of input inside braces");
	refuses("a]", 2, "unexpected right bracket ']'");
	refuses("a}", 2, "unexpected character: '}'");
	refuses("a +", 4, "unexpected end of input");
	refuses("a b", 3, "unexpected identifier \"b\"");
	refuses("rate(a)", 6, "expected type range vector in call to function \"rate\", got instant vector");
	refuses("rat(a[5m])", 1, "unknown function with name \"rat\"");
	refuses("round(a, 1, 2)", 1, "expected at most 2 argument(s)");
	refuses("1 == 2", 3, "comparisons between scalars must use BOOL modifier");
	refuses("a or 1", 1, "set operator \"or\" not allowed in binary scalar expression");
	refuses("a + bool b", 3, "bool modifier can only be used on comparison operators");
	refuses("a and on(x) group_left b", 1, "no grouping allowed for \"and\" operation");
	refuses("a / on(x) group_left(x) b", 3, "must not occur in ON and GROUP clause at once");
	refuses("{x=~\".*\"}", 1, "at least one non-empty matcher");
	refuses("a{__name__=\"b\"}", 1, "metric name must not be set twice");
	refuses("a{x=~\"(\"}", 3, "error parsing regexp");
	refuses("a[5x]", 3, "bad number or duration syntax");
	refuses("a[0s]", 3, "duration must be greater than 0");
	refuses("(a + b)[5m]", 8, "ranges only allowed for vector selectors");
	refuses("a offset 5m [5m]", 13, "no offset modifiers allowed before range");
	refuses("\"open", 1, "unterminated quoted string");
	refuses("\"\\q\"", 1, "unknown escape sequence U+0071 'q'");
	refuses("'\\xg'", 1, "illegal character U+0067 'g' in escape sequence");
	refuses("a offset 5m offset 5m", 1, "offset may not be set multiple times");
	refuses("a{x=1}", 5, "unexpected character inside braces: '1'");
	refuses("topk(a)", 1, "expected 2, got 1");
	refuses("sum(1)", 5, "expected type instant vector in aggregation expression, got scalar");
	refuses("a @ inf", 1, "timestamp out of bounds");
	refuses("a ~ b", 3, "unexpected character: '~'");
	refuses("a\n+ )", 4, "unexpected right parenthesis ')'");
}

static void refuses_selector(const char *text, int column, const char *words)
{
	struct arena *a = arena_new(0);
	struct promql_expr *x;
	struct err e = ERR_INIT;

	check_err(promql_parse_selector(a, str_of(text), &x, &e), ERR_INVALID);
	check_eq_i(e.column, column);
	check_has(e.text, words);
	arena_free(&a);
}

TEST(parses_selectors_alone)
{
	struct arena *a = arena_new(0);
	struct promql_expr *x;
	const struct matcher *m;
	struct matcher more;
	int n;

	check_ok(promql_parse_selector(a, STR_LIT(" {\"a.b\", c!~'d'} # of all"), &x, NULL), NULL);
	promql_matchers(x, &m, &n);
	check_eq_i(n, 2);
	check_str(m[0].value, "a.b");
	check_eq_i(m[1].op, MATCH_NRE);
	check_ok(matcher_init(&more, a, MATCH_EQ, STR_LIT("org"), STR_LIT("o1"), NULL), NULL);
	promql_add_matcher(a, x, &more);
	promql_matchers(x, &m, &n);
	check_eq_i(n, 3);
	check_str(m[2].name, "org");
	refuses_selector("", 1, "unexpected end of input");
	refuses_selector("1", 1, "unexpected number \"1\"");
	refuses_selector("(a)", 1, "unexpected \"(\"");
	refuses_selector("sum(a)", 4, "unexpected \"(\"");
	refuses_selector("a[5m]", 2, "unexpected \"[\"");
	refuses_selector("a offset 5m", 3, "unexpected <offset>");
	refuses_selector("a + b", 3, "unexpected <op:+>");
	refuses_selector("{a=\"\"}", 1, "at least one non-empty matcher");
	refuses_selector("{a", 3, "unexpected end of input inside braces");
	arena_free(&a);
}

TEST(refuses_what_is_nested_too_deeply)
{
	struct arena *a = arena_new(0);
	struct promql_expr *x;
	struct err e = ERR_INIT;
	char q[4000];

	memset(q, '(', 1000);
	q[1000] = '\0';
	check_err(promql_parse(a, str_of(q), &x, &e), ERR_INVALID);
	check_has(e.text, "nested deeper");
	for (size_t i = 0; i < 999; i++)
		memcpy(q + 2 * i, "1+", 3);
	memcpy(q + 1998, "1", 2);
	check_err(promql_parse(a, str_of(q), &x, &e), ERR_INVALID);
	memset(q, '-', 1000);
	memcpy(q + 1000, "a", 2);
	check_err(promql_parse(a, str_of(q), &x, &e), ERR_INVALID);
	arena_free(&a);
}

TEST(sees_plain_comparisons)
{
	struct arena *a = arena_new(0);
	struct promql_expr *x;
	const struct matcher *m;
	const char *op;
	double t;
	int n;

	check_ok(promql_parse(a, STR_LIT("ch4_lel{region=\"1\"} > 20"), &x, NULL), NULL);
	check(promql_plain_comparison(x, &m, &n, &op, &t));
	check_eq_i(n, 2);
	check_eq_s(op, ">");
	check_eq_d(t, 20);
	check_ok(promql_parse(a, STR_LIT("(-5 >= ch4_lel)"), &x, NULL), NULL);
	check(promql_plain_comparison(x, &m, &n, &op, &t));
	check_eq_s(op, "<=");
	check_eq_d(t, -5);
	check_ok(promql_parse(a, STR_LIT("ch4_lel > bool 20"), &x, NULL), NULL);
	check(!promql_plain_comparison(x, &m, &n, &op, &t));
	check_ok(promql_parse(a, STR_LIT("ch4_lel offset 5m > 20"), &x, NULL), NULL);
	check(!promql_plain_comparison(x, &m, &n, &op, &t));
	check_ok(promql_parse(a, STR_LIT("rate(ch4_lel[5m]) > 20"), &x, NULL), NULL);
	check(!promql_plain_comparison(x, &m, &n, &op, &t));
	arena_free(&a);
}

/* ---- evaluation ---- */

TEST(asks_the_storage_once_for_a_whole_range)
{
	struct run r;

	run_init(&r, 0);
	check_ok(range(&r, "avg_over_time(ch4_lel[30s])", 30 * US_SECOND, 90 * US_SECOND, 30 * US_SECOND),
	        &r.e);
	check_eq_i(r.f->opened, 1);
	check_eq_i(r.f->from, 1);
	check_eq_i(r.f->to, 90 * US_SECOND);
	check_eq_u(r.r.n, 3);
	check_eq_u(r.r.line[1].n, 3);
	check_eq_d(r.r.line[1].v[0], 4);
	check_eq_d(r.r.line[1].v[2], 16);
	check_eq_i(r.r.line[1].t[2], 90 * US_SECOND);
	check_str(r.r.line[1].labels.l[0].value, "GAS-2");
	run_fini(&r);
}

TEST(gives_scalars_strings_vectors_and_matrices)
{
	struct run r;

	run_init(&r, 0);
	check_ok(instant(&r, "1 + 2", 5), &r.e);
	check_eq_i(r.r.type, PROMQL_SCALAR);
	check_eq_d(r.r.scalar, 3);
	check_ok(instant(&r, "'x'", 5), &r.e);
	check_str(r.r.string, "x");
	check_ok(instant(&r, "sum(ch4_lel)", 90 * US_SECOND), &r.e);
	check_eq_u(r.r.n, 1);
	check_eq_d(r.r.sample[0].v, 54);
	check_eq_i(r.r.sample[0].labels.n, 0);
	check_ok(instant(&r, "ch4_lel{thing=~'GAS-[12]'}[25s]", 90 * US_SECOND), &r.e);
	check_eq_i(r.r.type, PROMQL_MATRIX);
	check_eq_u(r.r.n, 2);
	check_eq_u(r.r.line[0].n, 3);
	check_ok(range(&r, "time()", 0, 2 * US_SECOND, US_SECOND), &r.e);
	check_eq_u(r.r.n, 1);
	check_eq_d(r.r.line[0].v[2], 2);
	run_fini(&r);
}

TEST(refuses_ranges_that_make_no_sense)
{
	struct run r;

	run_init(&r, 0);
	check_err(range(&r, "ch4_lel", 0, 10, 0), ERR_INVALID);
	check_err(range(&r, "ch4_lel", 10, 0, 1), ERR_INVALID);
	check_ok(range(&r, "ch4_lel", 0, 11000, 1), &r.e);
	check_err(range(&r, "ch4_lel", 0, 11001, 1), ERR_INVALID);
	check_err(range(&r, "ch4_lel[5m]", 0, 10, 1), ERR_INVALID);
	check_err(range(&r, "'x'", 0, 10, 1), ERR_INVALID);
	run_fini(&r);
}

TEST(holds_to_its_limits)
{
	struct run r;
	bool cancel = true;

	run_init(&r, 0);
	r.o.limits.max_samples = 20;
	check_err(instant(&r, "rate(ch4_lel[5m])", 90 * US_SECOND), ERR_UNPROCESSED);
	check_has(r.e.text, "too many samples");
	r.o.limits.max_samples = 0;
	r.o.limits.max_series = 2;
	check_err(instant(&r, "ch4_lel", 90 * US_SECOND), ERR_UNPROCESSED);
	r.o.limits.max_series = 0;
	r.o.limits.cancel = &cancel;
	check_err(instant(&r, "ch4_lel", 90 * US_SECOND), ERR_CANCELLED);
	r.o.limits.cancel = NULL;
	check_err(instant(&r, "count_over_time(time()[100000w:1ms])", 0), ERR_INVALID);
	check_err(instant(&r, "count_over_time(vector(1)[1000w:1ms])", 0), ERR_UNPROCESSED);
	run_fini(&r);
	run_init(&r, 20000);
	check_err(range(&r, "ch4_lel * 2", 0, 10000 * US_SECOND, US_SECOND), ERR_NOMEM);
	run_fini(&r);
}

TEST(passes_on_what_the_storage_says)
{
	struct run r;

	run_init(&r, 0);
	r.f->fail_at = 2;
	check_err(instant(&r, "sum(ch4_lel)", 90 * US_SECOND), ERR_CORRUPT);
	check_has(r.e.text, "torn block");
	check_err(instant(&r, "sum(rate(ch4_lel[1m]))", 90 * US_SECOND), ERR_CORRUPT);
	run_fini(&r);
}

TEST(a_scope_reaches_every_selector)
{
	struct run r;
	struct promql_expr *x;
	struct matcher m;

	run_init(&r, 0);
	check_ok(matcher_init(&m, r.a, MATCH_EQ, STR_LIT("thing"), STR_LIT("GAS-2"), &r.e), &r.e);
	check_ok(promql_parse(r.a,
	                 STR_LIT("count(ch4_lel) + count(rate(ch4_lel[1m])) + "
	                         "count(max_over_time(ch4_lel[1m:10s])) + "
	                         "count(topk(scalar(count(ch4_lel)) + 5, ch4_lel))"),
	                 &x, &r.e),
	        &r.e);
	promql_add_matcher(r.a, x, &m);
	check_ok(promql_instant(x, &r.o, 90 * US_SECOND, r.a, &r.r, &r.e), &r.e);
	check_eq_d(r.r.sample[0].v, 4);
	/* absent() tells of what was asked, not of the reader. */
	check_ok(promql_parse(r.a, STR_LIT("absent(nothing{a=\"b\"})"), &x, &r.e), &r.e);
	promql_add_matcher(r.a, x, &m);
	check_ok(promql_instant(x, &r.o, 0, r.a, &r.r, &r.e), &r.e);
	check_eq_i(r.r.sample[0].labels.n, 1);
	run_fini(&r);
}

TEST(joins_annotations_that_are_alike)
{
	struct run r;

	run_init(&r, 0);
	check_ok(instant(&r, "rate(ch4_lel[1m]) + quantile(2, ch4_lel)", 90 * US_SECOND), &r.e);
	check_eq_u(r.r.infos, 1);
	check_str(r.r.info[0], "PromQL info: metric might not be a counter, name does not end in "
	                       "_total/_sum/_count/_bucket: \"ch4_lel\" (1:6)");
	check_eq_u(r.r.warnings, 1);
	check_str(r.r.warning[0], "PromQL warning: quantile value should be between 0 and 1, got 2 (1:30)");
	run_fini(&r);
}
