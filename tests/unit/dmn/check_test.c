/* Findings for authors: gaps, overlaps, rows that never fire, types, names. */
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
		if (strcmp(b.p ? b.p : "", want) != 0)
			check_fail("%s\nfinds %s\nnot   %s", xml, b.p ? b.p : "", want);
	}
	sb_fini(&b);
	dmn_free(&m);
}

/* The table begins on line 5, its first row on line 8. */
#define ONE(type, policy, rows)                                                                              \
	MODEL(INPUT("x", type) DECISION("d", NEEDS("x") "\n" TABLE(policy, IN("x") OUT("") rows)))

TEST(finds_gaps_between_numbers)
{
	finds(ONE("number", "", ROW(I("&lt; 5") O("1")) ROW(I("[5..10]") O("2")) ROW(I("&gt; 10") O("3"))),
	        "");
	finds(ONE("number", "", ROW(I("&lt; 5") O("1")) ROW(I("(5..10)") O("2"))),
	        "5 \"d\": no row takes x = 5\n5 \"d\": no row takes x from 10\n");
	finds(ONE("number", "", ROW(I("&lt;= 5") O("1")) ROW(I("&gt;= 8") O("2"))),
	        "5 \"d\": no row takes x above 5 and below 8\n");
	finds(ONE("number", "", ROW(I("[1..5)") O("1")) ROW(I("[8..9]") O("2"))),
	        "5 \"d\": no row takes x below 1\n5 \"d\": no row takes x from 5 and below 8\n"
	        "5 \"d\": no row takes x above 9\n");
	finds(ONE("number", "", ROW(I("&lt; 5") O("1")) ROW(I("? &gt; 10") O("2"))), "");
	finds(ONE("number", "", ROW(I("not(5)") O("1"))), "5 \"d\": no row takes x = 5\n");
	finds(ONE("number", "hitPolicy='COLLECT'", ROW(I("&lt; 5") O("1"))), "");
}

TEST(finds_gaps_of_every_ordered_type)
{
	finds(ONE("date", "",
	              ROW(I("&lt; date(\"2024-01-01\")") O("1")) ROW(I("&gt; @\"2024-01-02\"") O("2"))),
	        "5 \"d\": no row takes x from 2024-01-01 and up to 2024-01-02\n");
	finds(ONE("date", "", ROW(I("&lt;= @\"2024-01-01\"") O("1")) ROW(I("&gt;= @\"2024-01-02\"") O("2"))),
	        "");
	finds(ONE("time", "", ROW(I("[@\"00:00:00\"..@\"12:00:00\")") O("1"))),
	        "5 \"d\": no row takes x from 12:00:00\n");
	finds(ONE("dayTimeDuration", "",
	              ROW(I("&lt; @\"PT8H\"") O("1")) ROW(I("&gt;= duration(\"P1D\")") O("2"))),
	        "5 \"d\": no row takes x from PT8H and below P1D\n");
	finds(ONE("string", "", ROW(I("[\"a\"..\"m\"]") O("1")) ROW(I("&gt; \"m\"") O("2"))),
	        "5 \"d\": no row takes x below \"a\"\n");
	finds(ONE("boolean", "", ROW(I("true") O("1"))), "5 \"d\": no row takes x false\n");
	finds(ONE("string", "", ROW(I("null") O("1")) ROW(I("\"a\"") O("2"))),
	        "5 \"d\": no row takes x of another text\n");
	finds(ONE("string", "", ROW(I("not(\"a\")") O("1")) ROW(I("\"a\"") O("2"))), "");
}

TEST(finds_gaps_across_columns)
{
	finds(MODEL(INPUT("x", "number") INPUT("y", "boolean") INPUT("c", "string") DECISION(
	              "d", NEEDS("x") NEEDS("y") NEEDS("c") TABLE("hitPolicy='FIRST'",
	                           IN("x") IN_OF("c", "\"a\", \"b\"") IN("y") OUT("") ROW(I("&gt;= 1") I("-")
	                                           I("true") O("1")) ROW(I("-") I("\"a\"") I("-") O("2"))))),
	        "8 \"d\": no row takes x below 1, c \"b\"\n"
	        "8 \"d\": no row takes x from 1, c \"b\", y false\n");
	finds(MODEL("<itemDefinition name='tC'><typeRef>string</typeRef><allowedValues><text>\"a\", "
	            "\"b\"</text>"
	            "</allowedValues></itemDefinition>\n<itemDefinition name='tP'><itemComponent "
	            "name='c'><typeRef>tC"
	            "</typeRef></itemComponent></itemDefinition>\n" INPUT("p", "tP")
	                      DECISION("d", NEEDS("p") TABLE("", IN("p.c") OUT("") ROW(I("\"a\"") O("1"))))),
	        "6 \"d\": no row takes p.c \"b\"\n");
}

TEST(finds_rows_that_never_fire)
{
	finds(ONE("number", "hitPolicy='FIRST'",
	              ROW(I("&lt; 5") O("1")) ROW(I("&gt;= 5") O("2")) ROW(I("[3..7]") O("3"))),
	        "10 \"d\": row 3 can never fire: rows before it take all that it takes\n");
	finds(ONE("number", "hitPolicy='FIRST'",
	              ROW(I("&lt; 5") O("1")) ROW(I("[1..2]") O("2")) ROW(I("-") O("3"))),
	        "9 \"d\": row 2 can never fire: row 1 takes all that it takes\n");
	finds(ONE("number", "hitPolicy='FIRST'", ROW(I("(5..5)") O("1")) ROW(I("-") O("2"))),
	        "8 \"d\": row 1 can never fire: nothing fits its cell for x\n");
	finds(MODEL(INPUT("x", "string") DECISION(
	              "d", NEEDS("x") TABLE("", IN_OF("x", "\"a\", \"b\"") OUT("") ROW(I("\"a\"") O("1"))
	                                                ROW(I("\"b\"") O("2")) ROW(I("\"c\"") O("3"))))),
	        "9 \"d\": row 3 can never fire: nothing fits its cell for x\n");
}

TEST(finds_rows_that_disagree)
{
	finds(ONE("number", "hitPolicy='ANY'", ROW(I("&lt; 5") O("1")) ROW(I("&gt; 3") O("1"))), "");
	finds(ONE("number", "hitPolicy='ANY'", ROW(I("&lt; 5") O("1")) ROW(I("&gt; 3") O("2"))),
	        "9 \"d\": rows 1 and 2 overlap and give different results, as for x above 3 and below 5\n");
}

TEST(finds_mistakes_of_types)
{
	finds(ONE("number", "hitPolicy='FIRST'",
	              ROW(I("&lt; 5") O("1")) ROW(I("\"six\"") O("2")) ROW(I("-") O("3"))),
	        "9 \"d\": row 2 holds a string for x, which is a number\n");
	finds(ONE("Any", "hitPolicy='FIRST'", ROW(I("true") O("1")) ROW(I("1") O("2")) ROW(I("-") O("3"))),
	        "9 \"d\": row 2 holds a number for x, where another row holds a boolean\n");
	finds(MODEL(DECISION("d", TABLE("", OUT("typeRef='number'") ROW(O("\"a\""))))),
	        "4 \"d\": row 1 gives a, which is not of type number\n");
	finds(MODEL(DECISION("d",
	              TABLE("hitPolicy='PRIORITY'", OUT_OF("name='r'", "\"a\", \"b\"") ROW(O("\"c\""))))),
	        "4 \"d\": row 1 gives c, which is none of the output's values\n");
	finds(MODEL(INPUT("x", "numbr") DECISION("d", NEEDS("x") LITERAL("x"))),
	        "2 \"x\": there is no type numbr\n");
}

TEST(finds_names_that_mean_nothing)
{
	finds(MODEL(INPUT("level", "number") DECISION("d", NEEDS("level") LITERAL("levle + 1"))),
	        "4 \"d\": there is no \"levle\" here\n");
	finds(MODEL(INPUT("people", "Any") DECISION("d", NEEDS("people") LITERAL("people[age &gt; 3].name"))),
	        "");
	finds(MODEL(DECISION("d", LITERAL("for i in [1, 2] return {a: i, b: a + now().year}"))), "");
}
