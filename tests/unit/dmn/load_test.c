/* What is refused at load, and where the message points. */
#include "model.h"

static void refused(const char *xml, int line, const char *field, const char *words)
{
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;
	int rc = dmn_load(str_of(xml), "test.dmn", NULL, &m, &e);

	check_err(rc, ERR_INVALID);
	check_has(e.text, words);
	check_eq_i(e.line, line);
	if (field)
		check_eq_s(e.field, field);
	check_eq_s(e.where, "test.dmn");
	check(m == NULL);
	dmn_free(&m);
}

TEST(points_at_the_fault)
{
	refused("<definitions/>", 1, NULL, "no DMN file");
	refused(MODEL(DECISION("d", LITERAL("1 +"))), 2, "literalExpression", "\"1 +\" cannot be read");
	refused(MODEL("\n" DECISION(
	                "d", "<literalExpression id='e'>\n<text>1 + 2\n * (</text></literalExpression>")),
	        5, "e", "expected an expression");
	refused(MODEL(DECISION("d", NEEDS("x") LITERAL("1"))), 2, "d",
	        "requires \"x\", which is not in the file");
	refused(MODEL(DECISION("a", NEEDS_DECISION("b") LITERAL("1"))
	                        DECISION("b", NEEDS_DECISION("a") LITERAL("1"))),
	        2, "a", "requires itself");
	refused(MODEL(DECISION("d", LITERAL("1")) DECISION("d", LITERAL("1"))), 3, "d",
	        "two elements have the id");
	refused(MODEL(DECISION("d", "")), 2, "d", "has no expression");
	refused(MODEL(DECISION("d", TABLE("hitPolicy='LUCKY'", OUT("")))), 2, "decisionTable",
	        "no hit policy");
	refused(MODEL(DECISION("d", TABLE("", IN("1") OUT("") ROW(I("1"))))), 5, "rule",
	        "1 input and 0 output entries");
	refused(MODEL(DECISION("d", TABLE("", OUT("name='a'") OUT("name='a'")))), 2, "decisionTable",
	        "two outputs");
	refused(MODEL("<import namespace='x' importType='y'/>"), 2, "import",
	        "imports of DMN models are read, not of y");
	refused(MODEL("<import namespace='x' importType='https://www.omg.org/spec/DMN/20230324/MODEL/'/>"), 2,
	        "import", "not among the files");
}

#define PAIR(one, two)                                                                                       \
	MODEL(INPUT("x", "number") DECISION(                                                                 \
	        "d", NEEDS("x") TABLE("",                                                                    \
	                     IN("x") OUT("") ROW(I(one) O("1")) ROW(I("77777") O("0")) ROW(I(two) O("2")))))

static void overlap(const char *xml, bool want)
{
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;
	int rc = dmn_load(str_of(xml), "test.dmn", NULL, &m, &e);

	if (want) {
		check_err(rc, ERR_INVALID);
		check_has(e.text, "rows 1 and 3 of \"d\" can both match");
		check_eq_i(e.line, 9);
	} else {
		check_ok(rc, &e);
	}
	dmn_free(&m);
}

TEST(refuses_a_unique_table_whose_rows_overlap)
{
	overlap(PAIR("&lt; 5", "&gt; 4"), true);
	overlap(PAIR("&lt; 5", "&gt;= 5 , 3"), true);
	overlap(PAIR("[1..5]", "[5..6]"), true);
	overlap(PAIR("\"a\", \"b\"", "\"b\""), true);
	overlap(PAIR("true", "true"), true);
	overlap(PAIR("0.1", "[0.1..0.2]"), true);
	overlap(PAIR("not(1, 77777)", "2"), true);
	overlap(PAIR("@\"2024-01-01\"", "[date(\"2023-01-01\")..date(\"2025-01-01\")]"), true);
	overlap(PAIR("&lt; @\"P1Y\"", "&gt;= duration(\"P12M\")"), false);
	overlap(PAIR("&lt; 5", "[5..77777)"), false);
	overlap(PAIR("[1..5)", "[5..6]"), false);
	overlap(PAIR("[1..5]", "]5..6]"), false);
	overlap(PAIR("\"a\"", "\"b\""), false);
	overlap(PAIR("\"true\"", "true"), false);
	overlap(PAIR("true", "false"), false);
	overlap(PAIR("(5..5)", "5"), false);
	/* nothing is proved about conditions, so nobody is accused */
	overlap(PAIR("? &gt; 1", "? &gt; 1"), false);
	overlap(PAIR("not(2, 77777)", "2"), false);
	/* 35 digits apart: too near for a double */
	overlap(PAIR("0.1000000000000000000000001", "0.1"), false);
}

TEST(loads_leniently_what_it_can)
{
	struct arena *a = arena_new(1 << 20);
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;
	struct dmn_result r;
	struct feel_scope s = {.context = NULL};

	check_ok(dmn_load(STR_LIT(MODEL(DECISION("bad", LITERAL("1 +")) DECISION("good", LITERAL("2")))), "t",
	                 &(struct dmn_options){.lenient = true}, &m, &e),
	        &e);
	if (m) {
		check_ok(dmn_evaluate(m, "good", &s, a, &r, &e), &e);
		check_eq_i(r.value.type, FEEL_NUMBER);
		check_ok(dmn_evaluate(m, "bad", &s, a, &r, &e), &e);
		check_eq_i(r.value.type, FEEL_NULL);
		check_has(r.notes.p, "cannot be read");
		check_eq_i(dmn_decisions(m), 2);
		check_eq_s(dmn_decision_id(m, 1), "good");
	}
	dmn_free(&m);
	arena_free(&a);
}

TEST(breaks_leniently_what_requires_itself)
{
	static const struct dmn_options lenient = {.lenient = true};
	static const char xml[] = MODEL(DECISION("a", NEEDS_DECISION("b") LITERAL("1")) DECISION(
	        "b", NEEDS_DECISION("c") LITERAL("2")) DECISION("c",
	        NEEDS_DECISION("b") LITERAL("3")) DECISION("self", NEEDS_DECISION("self") LITERAL("3"))
	                DECISION("apart", LITERAL("4")) "<businessKnowledgeModel id='f' name='f'>" KNOWS(
	                        "g") "<encapsulatedLogic>" LITERAL("1") "</encapsulatedLogic></"
	                                                                "businessKnowledgeModel>"
	                                                                "<businessKnowledgeModel id='g' "
	                                                                "name='g'>" KNOWS(
	                                                                        "f") "<encapsulatedLogic"
	                                                                             ">" LITERAL("2") "</"
	                                                                                              "encaps"
	                                                                                              "ulated"
	                                                                                              "Logic>"
	                                                                                              "</"
	                                                                                              "busine"
	                                                                                              "ssKnow"
	                                                                                              "ledgeM"
	                                                                                              "odel"
	                                                                                              ">");
	static const struct {
		const char *of, *want;
	} g[] = {{"a", "1 (line"}, {"b", "null (line"}, {"c", "null (line"}, {"self", "null (line"},
	        {"f", "null (line"}, {"g", "null (line"}};
	struct arena *a = arena_new(64 << 20);

	for (size_t i = 0; i < ARRAY_LEN(g); i++) {
		const char *got = decide_with(a, xml, &lenient, g[i].of, "{}");

		check_has(got, g[i].want);
		check_has(got, ": it requires itself, by way of others");
	}
	decides_with(xml, &lenient, "apart", "{}", "4");
	arena_free(&a);
}

TEST(bounds_nesting_and_chains)
{
	struct sb b = SB_INIT;
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;

	sb_puts(&b, "<definitions xmlns='https://www.omg.org/spec/DMN/20230324/MODEL/'>");
	for (int i = 0; i < 3000; i++)
		sb_printf(&b,
		        "<decision id='d%d' name='d%d'>" LITERAL(
		                "1") "<informationRequirement><requiredDecision "
		                     "href='#d%d'/></informationRequirement></decision>",
		        i, i, i + 1);
	sb_puts(&b, "<decision id='d3000' name='d3000'>" LITERAL("1") "</decision></definitions>");
	check_err(dmn_load(sb_str(&b), "t", NULL, &m, &e), ERR_INVALID);
	check_has(e.text, "in a row");
	sb_reset(&b);
	sb_puts(&b, "<definitions xmlns='https://www.omg.org/spec/DMN/20230324/MODEL/'><decision id='d'>");
	for (int i = 0; i < 100; i++)
		sb_puts(&b, "<list>");
	check(dmn_load(sb_str(&b), "t", NULL, &m, &e) < 0);
	sb_fini(&b);
}
