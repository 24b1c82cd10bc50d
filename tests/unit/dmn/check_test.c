/* Findings for authors: gaps, overlaps, rows that never fire. */
#include "model.h"

static void collect(void *ctx, int line, const char *text)
{
	sb_printf(ctx, "%d %s\n", line, text);
}

static void finds(const char *xml, const char *want)
{
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	int n, lines = 0;

	if (check_ok(dmn_load(str_of(xml), "test.dmn", NULL, &m, &e), &e)) {
		n = dmn_check(m, collect, &b);
		for (size_t i = 0; i < b.n; i++)
			lines += b.p[i] == '\n';
		check_eq_i(n, lines);
		check_eq_s(b.p ? b.p : "", want);
	}
	sb_fini(&b);
	dmn_free(&m);
}

#define ONE(policy, rows) MODEL(DECISION("d", TABLE(policy, IN("x") OUT("") rows)))

TEST(finds_gaps_between_numbers)
{
	finds(ONE("", ROW(I("&lt; 5") O("1")) ROW(I("[5..10]") O("2")) ROW(I("&gt; 10") O("3"))), "");
	finds(ONE("", ROW(I("&lt; 5") O("1")) ROW(I("(5..10)") O("2"))),
	        "2 \"d\": no row takes x = 5\n2 \"d\": no row takes x = 10\n2 \"d\": no row takes x above "
	        "10\n");
	finds(ONE("", ROW(I("&lt; 5") O("1")) ROW(I("? &gt; 10") O("2"))), "");
	finds(ONE("hitPolicy='COLLECT'", ROW(I("&lt; 5") O("1"))), "");
}

TEST(finds_gaps_across_columns)
{
	finds(MODEL(DECISION(
	              "d", TABLE("hitPolicy='FIRST'", IN("x") IN_OF("c", "\"a\", \"b\"") IN("y") OUT("")
	                                                      ROW(I("&gt;= 1") I("-") I("true") O("1"))
	                                                              ROW(I("-") I("\"a\"") I("-") O("2"))))),
	        "2 \"d\": no row takes x below 1, c \"b\", y true\n"
	        "2 \"d\": no row takes x below 1, c \"b\", y false\n"
	        "2 \"d\": no row takes x = 1, c \"b\", y false\n"
	        "2 \"d\": no row takes x above 1, c \"b\", y false\n");
	finds(ONE("", ROW(I("\"a\"") O("1"))), "2 \"d\": no row takes x of another text\n");
}

TEST(finds_rows_that_never_fire)
{
	finds(ONE("hitPolicy='FIRST'",
	              ROW(I("&lt; 5") O("1")) ROW(I("&gt;= 5") O("2")) ROW(I("[3..7]") O("3"))),
	        "7 \"d\": row 3 can never fire\n");
	finds(ONE("hitPolicy='FIRST'", ROW(I("(5..5)") O("1")) ROW(I("-") O("2"))),
	        "5 \"d\": row 1 can never fire\n");
	finds(MODEL(DECISION("d", TABLE("", IN_OF("x", "\"a\", \"b\"") OUT("") ROW(I("\"a\"") O("1"))
	                                            ROW(I("\"b\"") O("2")) ROW(I("\"c\"") O("3"))))),
	        "7 \"d\": row 3 can never fire\n");
}

TEST(finds_rows_of_an_any_table_that_disagree)
{
	finds(ONE("hitPolicy='ANY'", ROW(I("&lt; 5") O("1")) ROW(I("&gt; 3") O("1"))), "");
	finds(ONE("hitPolicy='ANY'", ROW(I("&lt; 5") O("1")) ROW(I("&gt; 3") O("2"))),
	        "6 \"d\": rows 1 and 2 overlap and give different results\n");
}
