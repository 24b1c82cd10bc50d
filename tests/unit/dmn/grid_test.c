/*
 * What is proved about tables agrees with trying every case: random tables over small domains, where each
 * value that a cell can name, and one between each two, is tried.
 */
#include "model.h"

#define ROWS_FEW 6
#define ROWS_MAX 70
#define COLUMNS_MAX 3
#define TABLES 300
#define MANY 60 /* tables of many rows */

struct domain {
	const char *type;
	const char *value[6]; /* what cells name, in order */
	int values;
	const char *sample[12]; /* every case: the values, and what lies between and beyond */
	int samples;
	bool ordered;
};
static const struct domain domains[] = {
        {"number", {"0", "1", "2", "3"}, 4, {"-1", "0", "0.5", "1", "1.5", "2", "2.5", "3", "4"}, 9, true},
        {"string", {"\"a\"", "\"b\"", "\"c\""}, 3, {"\"a\"", "\"b\"", "\"c\"", "\"zz\""}, 4, false},
        {"boolean", {"true", "false"}, 2, {"true", "false"}, 2, false},
        {"date", {"@\"2024-02-28\"", "@\"2024-02-29\"", "@\"2024-03-02\""}, 3,
                {"@\"2024-01-01\"", "@\"2024-02-28\"", "@\"2024-02-29\"", "@\"2024-03-01\"",
                        "@\"2024-03-02\"", "@\"2024-03-03\""},
                6, true},
        {"days and time duration", {"@\"PT1H\"", "@\"P1D\""}, 2,
                {"@\"PT0S\"", "@\"PT1H\"", "@\"PT2H\"", "@\"P1D\"", "@\"P2D\""}, 5, true},
};

static uint32_t state;
static int pick(int n)
{
	state = state * 1664525 + 1013904223;
	return (int)((state >> 8) % (uint32_t)n);
}

static const char *any_value(const struct domain *d)
{
	return d->value[pick(d->values)];
}

static void write_test(struct sb *b, const struct domain *d)
{
	static const char *const operators[] = {"&lt; ", "&lt;= ", "&gt; ", "&gt;= ", "!= "};
	int low;

	switch (pick(d->ordered ? 4 : 2)) {
	case 0:
	case 1: sb_puts(b, any_value(d)); break;
	case 2:
		sb_puts(b, operators[pick(5)]);
		sb_puts(b, any_value(d));
		break;
	default:
		low = pick(d->values);
		sb_printf(b, "%c%s..%s%c", "[("[pick(2)], d -> value[low],
		        d -> value[low + pick(d->values - low)], "])"[pick(2)]);
	}
}

static void write_cell(struct sb *b, const struct domain *d)
{
	int form = pick(8);

	sb_puts(b, "<inputEntry><text>");
	if (form < 2) {
		sb_putc(b, '-');
	} else {
		sb_puts(b, form == 2 ? "not(" : "");
		write_test(b, d);
		if (form == 3) {
			sb_puts(b, ", ");
			write_test(b, d);
		}
		sb_puts(b, form == 2 ? ")" : "");
	}
	sb_puts(b, "</text></inputEntry>");
}

struct table {
	const struct domain *column[COLUMNS_MAX];
	int columns, rows;
	struct sb body; /* inputs, output, rules */
};

static void table_init(struct table *t, int rows)
{
	*t = (struct table){.columns = 1 + pick(COLUMNS_MAX), .rows = 1 + pick(rows), .body = SB_INIT};
	for (int c = 0; c < t->columns; c++) {
		t->column[c] = &domains[pick(ARRAY_LEN(domains))];
		sb_printf(&t->body,
		        "<input><inputExpression typeRef='%s'><text>x%d</text></inputExpression></input>",
		        t->column[c]->type, c);
	}
	sb_puts(&t->body, OUT(""));
	for (int r = 0; r < t->rows; r++) {
		sb_puts(&t->body, "<rule>");
		for (int c = 0; c < t->columns; c++)
			write_cell(&t->body, t->column[c]);
		sb_printf(&t->body, "<outputEntry><text>%d</text></outputEntry></rule>\n", r);
	}
}

static struct dmn_model *load(const struct table *t, const char *policy)
{
	struct dmn_options lenient = {.lenient = true};
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;

	sb_puts(&b, "<definitions xmlns='https://www.omg.org/spec/DMN/20230324/MODEL/' name='m'>");
	for (int c = 0; c < t->columns; c++)
		sb_printf(&b, "<inputData id='x%d' name='x%d'/>", c, c);
	sb_puts(&b, "<decision id='d' name='d'>");
	for (int c = 0; c < t->columns; c++)
		sb_printf(&b, "<informationRequirement><requiredInput href='#x%d'/></informationRequirement>",
		        c);
	sb_printf(&b, "<decisionTable hitPolicy='%s'>%s</decisionTable></decision></definitions>", policy,
	        t->body.p);
	check_ok(dmn_load(sb_str(&b), "t", &lenient, &m, &e), &e);
	sb_fini(&b);
	return m;
}

struct truth { /* by trying */
	bool gap, first[ROWS_MAX], both[ROWS_MAX][ROWS_MAX];
};

static void try_case(const struct dmn_model *collect, const struct table *t, const int *at, struct truth *x)
{
	struct arena *a = arena_new(1 << 20);
	struct feel_value in = {.type = FEEL_CONTEXT}, v;
	struct feel_scope scope = {.context = &in};
	struct feel_expr *f;
	struct dmn_result r;
	struct err e = ERR_INIT;

	for (int c = 0; c < t->columns; c++) {
		check_ok(feel_compile(a, str_of(t->column[c]->sample[at[c]]), NULL, &f, &e), &e);
		check_ok(feel_eval(f, NULL, a, &v, NULL, &e), &e);
		feel_put(a, &in, str_of(arena_printf(a, "x%d", c)), v);
	}
	check_ok(dmn_evaluate(collect, "d", &scope, a, &r, &e), &e);
	x->gap |= r.n == 0;
	if (r.n > 0)
		x->first[r.fired[0].row - 1] = true;
	for (int i = 0; i < r.n; i++)
		for (int k = 0; k < i; k++)
			x->both[r.fired[k].row - 1][r.fired[i].row - 1] = true;
	arena_free(&a);
}

static void try_all(const struct table *t, struct truth *x)
{
	struct dmn_model *collect = load(t, "COLLECT");
	int at[COLUMNS_MAX] = {0}, c;

	*x = (struct truth){0};
	do {
		try_case(collect, t, at, x);
		for (c = 0; c < t->columns && ++at[c] == t->column[c]->samples; c++)
			at[c] = 0;
	} while (c < t->columns);
	dmn_free(&collect);
}

static void collect_text(void *ctx, int line, const char *text)
{
	(void)line;
	sb_printf(ctx, "%s\n", text);
}

static void findings(const struct table *t, const char *policy, struct sb *b)
{
	struct dmn_model *m = load(t, policy);

	sb_reset(b);
	sb_puts(b, "");
	(void)dmn_check(m, collect_text, b);
	dmn_free(&m);
}

static bool says(const struct sb *b, const char *words)
{
	return b->n > 0 && strstr(b->p, words) != NULL;
}

static int count_of(const struct sb *b, const char *words)
{
	int n = 0;

	for (const char *p = b->n > 0 ? b->p : ""; (p = strstr(p, words)) != NULL; p++)
		n++;
	return n;
}

TEST(proves_what_trying_shows)
{
	struct sb b = SB_INIT;

	state = 7;
	for (int i = 0; i < TABLES; i++) {
		struct table t;
		struct truth x;
		char words[60];
		int pairs = 0;

		table_init(&t, ROWS_FEW);
		try_all(&t, &x);
		findings(&t, "FIRST", &b);
		if (says(&b, "no row takes") != x.gap)
			check_fail("gap is %d for %s, but it says %s", x.gap, t.body.p, b.p);
		for (int r = 0; r < t.rows; r++) {
			snprintf(words, sizeof(words), "row %d can never fire", r + 1);
			if (says(&b, words) == x.first[r])
				check_fail("row %d fires: %d for %s, but it says %s", r + 1, x.first[r],
				        t.body.p, b.p);
		}
		findings(&t, "UNIQUE", &b);
		for (int r = 0; r < t.rows; r++)
			for (int k = 0; k < r; k++) {
				pairs += x.both[k][r];
				snprintf(words, sizeof(words), "rows %d and %d overlap", k + 1, r + 1);
				if (says(&b, words) && !x.both[k][r])
					check_fail("%s: not true of %s", words, t.body.p);
			}
		if (count_of(&b, "overlap, as for") + count_of(&b, "overlap\n") -
		                count_of(&b, "more pairs") !=
		        (pairs > 5 ? 5 : pairs))
			check_fail("%d pairs of %s overlap, but it says %s", pairs, t.body.p, b.p);
		sb_fini(&t.body);
	}
	sb_fini(&b);
}

/* With more rows than are compared one by one: how many pairs overlap, and which come first. */
TEST(finds_all_pairs_of_many_rows)
{
	struct sb b = SB_INIT;

	state = 11;
	for (int i = 0; i < MANY; i++) {
		struct table t;
		struct truth x;
		char words[60];
		int pairs = 0;

		table_init(&t, ROWS_MAX);
		try_all(&t, &x);
		findings(&t, "UNIQUE", &b);
		for (int r = 0; r < t.rows; r++)
			for (int k = 0; k < r; k++) {
				snprintf(words, sizeof(words), "rows %d and %d overlap", k + 1, r + 1);
				if (says(&b, words) != (x.both[k][r] && pairs < 5))
					check_fail("%s: pair %d of %s, but it says %s", words, pairs,
					        t.body.p, b.p);
				pairs += x.both[k][r];
			}
		snprintf(words, sizeof(words), "and %d more pairs of rows overlap", pairs - 5);
		check_eq_i(says(&b, words), pairs > 5);
		sb_fini(&t.body);
	}
	sb_fini(&b);
}

TEST(finds_the_one_pair_of_a_long_table)
{
	struct sb b = SB_INIT;
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;

	sb_puts(&b,
	        "<definitions xmlns='https://www.omg.org/spec/DMN/20230324/MODEL/' name='m'>" INPUT("x",
	                "number") "<decision id='d' name='d'>" NEEDS("x") "<decisionTable>" IN("x") OUT(""));
	for (int i = 0; i < 20000; i++)
		sb_printf(&b, "<rule><inputEntry><text>[%d..%d)</text></inputEntry>" O("1") "</rule>\n",
		        i * 7919 % 20000, i * 7919 % 20000 + (i == 12345 ? 2 : 1));
	sb_puts(&b, "</decisionTable></decision></definitions>");
	check(dmn_load(sb_str(&b), "t", NULL, &m, &e) < 0);
	check_has(e.text, "rows 10025 and 12346 of \"d\" can both match, as for x = 56");
	dmn_free(&m);
	sb_fini(&b);
}
