/* Golden evaluations: hit policies, boxed expressions, functions, services, types. */
#include "model.h"

#define ROWS                                                                                                 \
	ROW(I("&gt; 10") O("\"high\""))                                                                      \
	ROW(I("&gt; 5") O("\"middle\""))                                                                     \
	ROW(I("&gt; 0") O("\"low\""))
#define ONE_TABLE(policy, out)                                                                               \
	MODEL(INPUT("x", "number") DECISION("d", NEEDS("x") TABLE(policy, IN("x") out ROWS)))

TEST(follows_the_hit_policy)
{
	decides(ONE_TABLE("hitPolicy='FIRST'", OUT("name='r'")), "d", "{\"x\": 7}", "middle #2");
	decides(ONE_TABLE("hitPolicy='FIRST'", OUT("name='r'")), "d", "{\"x\": -1}", "null");
	decides(ONE_TABLE("hitPolicy='PRIORITY'", OUT_OF("name='r'", "\"low\", \"middle\", \"high\"")), "d",
	        "{\"x\": 20}", "low #1 #2 #3");
	decides(ONE_TABLE("hitPolicy='OUTPUT ORDER'", OUT_OF("name='r'", "\"low\", \"middle\", \"high\"")),
	        "d", "{\"x\": 20}", "[\"low\", \"middle\", \"high\"] #1 #2 #3");
	decides(ONE_TABLE("hitPolicy='RULE ORDER'", OUT("name='r'")), "d", "{\"x\": 20}",
	        "[\"high\", \"middle\", \"low\"] #1 #2 #3");
	decides(ONE_TABLE("hitPolicy='COLLECT'", OUT("name='r'")), "d", "{\"x\": 7}",
	        "[\"middle\", \"low\"] #2 #3");
	decides(ONE_TABLE("hitPolicy='COLLECT' aggregation='COUNT'", OUT("name='r'")), "d", "{\"x\": 7}",
	        "2 #2 #3");
	decides(ONE_TABLE("hitPolicy='COLLECT' aggregation='COUNT'", OUT("name='r'")), "d", "{\"x\": 0}",
	        "0");
	decides(ONE_TABLE("hitPolicy='COLLECT' aggregation='COUNT'",
	                "<output><defaultOutputEntry><text>7</text></defaultOutputEntry></output>"),
	        "d", "{\"x\": 0}", "7");
	decides(ONE_TABLE("hitPolicy='ANY'", OUT("name='r'")), "d", "{\"x\": 7}",
	        "null #2 #3 (rows 2 and 3 match and differ, but the table is ANY)");
}

TEST(takes_true_for_true_alone)
{
	static const char xml[] = MODEL(INPUT("x", "Any") DECISION("d",
	        NEEDS("x") TABLE("hitPolicy='FIRST'", IN("x") OUT("name='r'") ROW(I("true") O("1"))
	                                                      ROW(I("false") O("2")) ROW(I("-") O("3")))));

	decides(xml, "d", "{\"x\": true}", "1 #1");
	decides(xml, "d", "{\"x\": false}", "2 #2");
	decides(xml, "d", "{\"x\": [true]}", "1 #1");
	decides(xml, "d", "{\"x\": null}", "3 #3");
}

TEST(names_both_rows_of_a_unique_table_that_match)
{
	/* not provable at load: the cells are conditions */
	decides(MODEL(INPUT("x", "number") DECISION(
	                "d", NEEDS("x") TABLE("", IN("x") OUT("name='r'") ROW(I("? &gt; 1") O("1"))
	                                                  ROW(I("? &gt; 2") O("2"))))),
	        "d", "{\"x\": 3}", "null #1 #2 (rows 1 and 2 both match, but the table is UNIQUE)");
}

#define SUMS(aggregation)                                                                                    \
	MODEL(INPUT("x", "number")                                                                           \
	                DECISION("d", NEEDS("x") TABLE("hitPolicy='COLLECT' aggregation='" aggregation "'",  \
	                                      IN("x") OUT("name='r'") ROW(I("&gt; 0") O("10"))               \
	                                              ROW(I("&gt; 5") O("x / 2")) ROW(I("-") O("0.1")))))

TEST(aggregates)
{
	decides(SUMS("SUM"), "d", "{\"x\": 6}", "13.1 #1 #2 #3");
	decides(SUMS("MIN"), "d", "{\"x\": 6}", "0.1 #1 #2 #3");
	decides(SUMS("MAX"), "d", "{\"x\": 6}", "10 #1 #2 #3");
	decides(SUMS("COUNT"), "d", "{\"x\": null}", "1 #3");
}

TEST(gives_contexts_for_several_outputs_and_defaults_for_none)
{
	static const char xml[] = MODEL(INPUT("x", "string") DECISION("d",
	        NEEDS("x") TABLE("", IN_OF("x", "\"a\", \"b\"") OUT(
	                                     "name='p'") "<output name='q'><defaultOutputEntry><text>0</text>"
	                                                 "</defaultOutputEntry></output>" ROW(
	                                                         I("\"a\"") O("1 + 1") O("\"z\"")))));

	decides(xml, "d", "{\"x\": \"a\"}", "{p: 2, q: \"z\"} #1");
	decides(xml, "d", "{\"x\": \"b\"}", "{p: null, q: 0}");
	decides(xml, "d", "{\"x\": \"c\"}", "{p: null, q: 0} (the input x is not one of its allowed values)");
}

TEST(evaluates_the_boxed_expressions)
{
	decides(MODEL(DECISION("d",
	                "<context><contextEntry><variable name='a b'/>" LITERAL(
	                        "2") "</contextEntry><contextEntry><variable name='f'/><functionDefinition>"
	                             "<formalParameter name='n'/>" LITERAL(
	                                     "a b * n") "</functionDefinition></"
	                                                "contextEntry><contextEntry>" LITERAL("f(21)") "</"
	                                                                                               "conte"
	                                                                                               "xtEnt"
	                                                                                               "ry></"
	                                                                                               "conte"
	                                                                                               "xt"
	                                                                                               ">")),
	        "d", "{}", "42");
	decides(MODEL(DECISION("d", "<list>" LITERAL("1") LITERAL("\"x\"") "</list>")), "d", "{}",
	        "[1, \"x\"]");
	decides(MODEL(DECISION("d", "<relation><column name='k'/><column name='v'/><row>" LITERAL("1")
	                                    LITERAL("2") "</row></relation>")),
	        "d", "{}", "[{k: 1, v: 2}]");
	decides(MODEL(DECISION(
	                "d", "<conditional><if>" LITERAL("1 &gt; 2") "</if><then>" LITERAL(
	                             "\"y\"") "</then><else>" LITERAL("\"n\"") "</else></conditional>")),
	        "d", "{}", "n");
	decides(MODEL(DECISION(
	                "d", "<for iteratorVariable='i'><in>" LITERAL("[1..3]") "</in><return>" LITERAL(
	                             "i + count(partial)") "</return></for>")),
	        "d", "{}", "[1, 3, 5]");
	decides(MODEL(DECISION(
	                "d", "<some iteratorVariable='i'><in>" LITERAL("[1, 2]") "</in><satisfies>" LITERAL(
	                             "i = 2") "</satisfies></some>")),
	        "d", "{}", "true");
	decides(MODEL(DECISION(
	                "d", "<every iteratorVariable='i'><in>" LITERAL("[1, 2]") "</in><satisfies>" LITERAL(
	                             "i = 2") "</satisfies></every>")),
	        "d", "{}", "false");
	decides(MODEL(DECISION("d", "<filter><in>" LITERAL("[{a: 1}, {a: 5}]") "</in><match>" LITERAL(
	                                    "item.a &gt; 2") "</match></filter>")),
	        "d", "{}", "[{a: 5}]");
}

TEST(calls_business_knowledge)
{
	static const char xml[] = MODEL(BKM("fact", "<formalParameter name='n' typeRef='number'/>",
	        LITERAL("if n &lt; 2 then 1 else n * fact(n - 1)")) DECISION("d",
	        KNOWS("fact") LITERAL("fact(5)")) DECISION("boxed",
	        KNOWS("fact") "<invocation>" LITERAL("fact") "<binding><parameter name='n'/>" LITERAL(
	                "4") "</binding></invocation>") DECISION("wrong",
	        KNOWS("fact") "<invocation>" LITERAL("fact") "<binding><parameter name='m'/>" LITERAL(
	                "4") "</binding></invocation>"));

	decides(xml, "d", "{}", "120");
	decides(xml, "boxed", "{}", "24");
	decides(xml, "fact", "{\"n\": 3}", "6");
	decides(xml, "wrong", "{}", "null (the function has no parameter \"m\", or it is given twice)");
}

#define BIND(name, text) "<binding><parameter name='" name "'/>" LITERAL(text) "</binding>"

TEST(invokes_whatever_is_a_function_by_the_names_of_its_parameters)
{
	decides(MODEL(DECISION("d", "<invocation>" LITERAL("decimal") BIND("scale", "2")
	                                    BIND("n", "1.256") "</invocation>")),
	        "d", "{}", "1.26");
	decides(MODEL(DECISION("d", "<invocation>" LITERAL("number") BIND("from", "\"12\"") "</invocation>")),
	        "d", "{}", "12");
	decides(MODEL(DECISION("d",
	                "<invocation><functionDefinition><formalParameter name='x'/>"
	                "<formalParameter name='y'/>" LITERAL("[x, y]") "</functionDefinition>" BIND(
	                        "y", "7") "</invocation>")),
	        "d", "{}", "[null, 7]");
	decides(MODEL(DECISION("d", "<invocation>" LITERAL("5") BIND("y", "7") "</invocation>")), "d", "{}",
	        "null (the invocation on line 2 names no function)");
}

#define CALLS(type)                                                                                          \
	MODEL("<itemDefinition name='tP'><itemComponent name='a'><typeRef>number</typeRef></itemComponent>"  \
	      "<itemComponent name='b'><typeRef>number</typeRef></itemComponent></itemDefinition>\n"         \
	      "<businessKnowledgeModel id='f' name='f'><encapsulatedLogic>"                                  \
	      "<formalParameter name='n' typeRef='" type "'/>" LITERAL(                                      \
	              "\"called\"") "</encapsulatedLogic></businessKnowledgeModel>\n" INPUT("x", "Any")      \
	                DECISION("d", NEEDS("x") KNOWS("f") LITERAL("f(x)")))

TEST(does_not_call_with_an_argument_of_another_type)
{
	decides(CALLS("number"), "d", "{\"x\": 1}", "called");
	decides(CALLS("number"), "d", "{\"x\": [1]}", "called");
	decides(CALLS("number"), "d", "{\"x\": null}", "called");
	decides(CALLS("number"), "d", "{\"x\": \"1\"}",
	        "null (the argument n is not of type number, so the call is null)");
	decides(CALLS("tP"), "d", "{\"x\": {\"a\": 1, \"b\": 2, \"c\": 3}}", "called");
	decides(CALLS("tP"), "d", "{\"x\": {\"a\": 1}}",
	        "null (the argument n is not of type tP, so the call is null)");
}

TEST(calls_java_where_the_kind_says_so)
{
	decides(MODEL(DECISION("d",
	                "<context><contextEntry><variable name='f'/><functionDefinition kind='Java'>"
	                "<formalParameter name='x' typeRef='number'/><formalParameter name='y' "
	                "typeRef='number'/>"
	                "<context><contextEntry><variable name='class'/>" LITERAL(
	                        "\"java.lang.Math\"") "</contextEntry><contextEntry>"
	                                              "<variable name='method signature'/>" LITERAL(
	                                                      "\"pow(double, double)\"") "</contextEntry>"
	                                                                                 "</context></"
	                                                                                 "functionDefinition>"
	                                                                                 "</"
	                                                                                 "contextEntry>"
	                                                                                 "<contextEntry"
	                                                                                 ">" LITERAL(
	                                                                                         "[f(2, 3), "
	                                                                                         "f(y: 2, x: "
	                                                                                         "3), "
	                                                                                         "f(\"2\", "
	                                                                                         "3), "
	                                                                                         "f(2)]") "</"
	                                                                                                  "co"
	                                                                                                  "nt"
	                                                                                                  "ex"
	                                                                                                  "t"
	                                                                                                  "En"
	                                                                                                  "tr"
	                                                                                                  "y>"
	                                                                                                  "</"
	                                                                                                  "co"
	                                                                                                  "nt"
	                                                                                                  "ex"
	                                                                                                  "t"
	                                                                                                  ">")),
	        "d", "{}",
	        "[8, 9, null, null] (the argument x is not of type number, so the call is null; the function "
	        "takes 2 arguments, not 1)");
}

TEST(stops_endless_recursion)
{
	struct arena *a = arena_new(64 << 20);
	const char *got = decide_with(a,
	        MODEL(BKM("f", "<formalParameter name='n'/>", LITERAL("f(n + 1)"))
	                        DECISION("d", KNOWS("f") LITERAL("f(1)"))),
	        NULL, "d", "{}");

	check_has(got, "nests too deeply");
	arena_free(&a);
}

TEST(keeps_functions_that_leave_their_scope)
{
	decides(MODEL(BKM("adder", "<formalParameter name='n'/>", LITERAL("function(m) n + m")) DECISION(
	                "d", KNOWS("adder") LITERAL("[adder(1)(10), (for i in [5, 6] return adder(i)(1))]"))),
	        "d", "{}", "[11, [6, 7]]");
}

TEST(offers_decision_services)
{
	static const char xml[] =
	        MODEL(INPUT("x", "number") DECISION("base", NEEDS("x") LITERAL("x * 2")) DECISION("top",
	                NEEDS_DECISION("base")
	                        LITERAL("base + 1")) "<decisionService id='s' name='s'>"
	                                             "<outputDecision href='#top'/>"
	                                             "<inputDecision href='#base'/>"
	                                             "</decisionService>"
	                                             "<decisionService id='t' name='t'>"
	                                             "<outputDecision href='#top'/>"
	                                             "<outputDecision href='#base'/>"
	                                             "<encapsulatedDecision href='#base'/>"
	                                             "<inputData href='#x'/>"
	                                             "</decisionService>" DECISION("user",
	                                                     KNOWS("s") KNOWS("t") LITERAL(
	                                                             "[s(10), s(base: 20), t(3).top]")));

	decides(xml, "top", "{\"x\": 3}", "7");
	decides(xml, "s", "{\"base\": 100, \"x\": 3}", "101");
	decides(xml, "t", "{\"x\": 4}", "{top: 9, base: 8}");
	decides(xml, "user", "{}", "[11, 21, 7]");
}

#define TYPES                                                                                                \
	"<itemDefinition name='tLevel'><typeRef>string</typeRef><allowedValues><text>\"a\", \"b\"</text>"    \
	"</allowedValues></itemDefinition>\n"                                                                \
	"<itemDefinition name='tAge'><typeRef>number</typeRef><allowedValues><text>[0..150]</text>"          \
	"</allowedValues></itemDefinition>\n"                                                                \
	"<itemDefinition name='tAges' isCollection='true'><typeRef>tAge</typeRef></itemDefinition>\n"        \
	"<itemDefinition name='tPerson'><itemComponent name='cost/unit'><typeRef>number</typeRef>"           \
	"</itemComponent><itemComponent name='level'><typeRef>tLevel</typeRef></itemComponent>"              \
	"</itemDefinition>\n"

TEST(conforms_values_to_types)
{
	static const char xml[] = MODEL(TYPES INPUT("l", "tLevel") INPUT("ages", "tAges")
	                INPUT("p", "tPerson") DECISION("one", NEEDS("l") LITERAL("l"))
	                        DECISION("many", NEEDS("ages") LITERAL("ages"))
	                                DECISION("unit", NEEDS("p") LITERAL("p.cost/unit * 2"))
	                                        DECISION("is", NEEDS("p") LITERAL("p instance of tPerson")));

	decides(xml, "one", "{\"l\": \"a\"}", "a");
	decides(xml, "one", "{\"l\": [\"b\"]}", "b");
	decides(xml, "one", "{\"l\": \"z\"}", "null (the input l is not of type tLevel, so it is null)");
	decides(xml, "many", "{\"ages\": [1, 2]}", "[1, 2]");
	decides(xml, "many", "{\"ages\": 7}", "[7]");
	decides(xml, "many", "{\"ages\": [1, 200]}",
	        "null (the input ages is not of type tAges, so it is null)");
	decides(xml, "unit", "{\"p\": {\"cost/unit\": 4}}", "8");
	/* what an input lacks is null, what a result lacks makes it no such value */
	decides(xml, "is", "{\"p\": {\"cost/unit\": 4}}", "true");
	decides(MODEL(TYPES DECISION(
	                "d", "<variable name='d' typeRef='tPerson'/>" LITERAL("{level: \"a\"}"))),
	        "d", "{}", "null (the result of d is not of type tPerson, so it is null)");
	decides(xml, "is", "{\"p\": {\"cost/unit\": 4, \"level\": \"a\"}}", "true");
}

#define FOR_EACH(domain)                                                                                     \
	MODEL(DECISION("d", "<for iteratorVariable='i'><in>" LITERAL(domain) "</in><return>" LITERAL(        \
	                            "i") "</return></for>"))

TEST(iterates_over_what_the_language_does)
{
	decides(FOR_EACH("[3..1]"), "d", "{}", "[3, 2, 1]");
	decides(FOR_EACH("(1..3]"), "d", "{}", "[2, 3]");
	decides(FOR_EACH("(1..1]"), "d", "{}", "[]");
	decides(FOR_EACH("[@\"2024-02-28\"..@\"2024-03-01\")"), "d", "{}", "[2024-02-28, 2024-02-29]");
	decides(FOR_EACH("7"), "d", "{}", "[7]");
	decides(FOR_EACH("null"), "d", "{}", "null");
	decides(FOR_EACH("[1.5..3]"), "d", "{}", "null");
}

TEST(takes_one_element_by_a_boxed_filter)
{
	decides(MODEL(DECISION("d", "<filter><in>" LITERAL("[4, 5, 6]") "</in><match>" LITERAL(
	                                    "-1") "</match></filter>")),
	        "d", "{}", "6");
	decides(MODEL(DECISION(
	                "d", "<filter><in>" LITERAL("[4]") "</in><match>" LITERAL("2") "</match></filter>")),
	        "d", "{}", "null (line 2: the list has no such element)");
	decides(MODEL(DECISION("d",
	                "<filter><in>" LITERAL("[4]") "</in><match>" LITERAL("\"x\"") "</match></filter>")),
	        "d", "{}", "null (line 2: a filter is a condition or an index)");
}

TEST(keeps_the_cells_of_a_relation_apart)
{
	decides(MODEL(INPUT("k", "number") DECISION("d",
	                NEEDS("k") "<relation><column name='k'/><column name='v' "
	                           "typeRef='string'/><row>" LITERAL("1") LITERAL("k") "</row></relation>")),
	        "d", "{\"k\": 7}", "[{k: 1, v: null}] (the entry v is not of type string, so it is null)");
	decides(MODEL(INPUT("k", "number")
	                        DECISION("d", NEEDS("k") "<relation><column name='k'/><column name='v'/>"
	                                                 "<row>" LITERAL("1") LITERAL("k") "</row>"
	                                                                                   "</relation>")),
	        "d", "{\"k\": 7}", "[{k: 1, v: 7}]");
}

#define FUNCTION_TYPE                                                                                        \
	"<itemDefinition name='tF'><functionItem outputTypeRef='number'><parameters name='n' "               \
	"typeRef='number'/></functionItem></itemDefinition>\n"

TEST(knows_types_of_functions)
{
	static const char xml[] = MODEL(FUNCTION_TYPE
	        "<businessKnowledgeModel id='b' name='b'><variable name='b' typeRef='tF'/><encapsulatedLogic>"
	        "<formalParameter name='n' typeRef='number'/>" LITERAL(
	                "if n = 0 then \"none\" else n * 2") "</encapsulatedLogic></"
	                                                     "businessKnowledgeModel>\n" DECISION(
	                                                             "d", KNOWS("b") LITERAL(
	                                                                          "[b(2), b([3]), b(\"x\")]"))
	                                                             DECISION("wrong",
	                                                                     KNOWS("b") LITERAL(
	                                                                             "b(0)")) DECISION("two",
	                                                                     "<variable name='two' "
	                                                                     "typeRef='tF'/>" LITERAL(
	                                                                             "function(a, b) a"))
	                                                                     DECISION("one",
	                                                                             "<variable name='one' "
	                                                                             "typeRef='tF'/>" LITERAL(
	                                                                                     "function(a) "
	                                                                                     "a")));

	decides(xml, "d", "{}", "[4, 6, null] (the argument n is not of type number, so the call is null)");
	decides(xml, "wrong", "{}", "null (the result of a function is not of type tF, so it is null)");
	decides(xml, "two", "{}", "null (the result of two is not of type tF, so it is null)");
	decides(xml, "one", "{}", "function");
}

TEST(fits_inputs_of_tables_to_their_types)
{
	static const char xml[] = MODEL(INPUT("x", "Any") DECISION("d",
	        NEEDS("x") TABLE("hitPolicy='COLLECT' aggregation='MAX'",
	                "<input><inputExpression "
	                "typeRef='number'><text>x</text></inputExpression></input>\n" OUT("name='r'")
	                        ROW(I("&gt; 0") O("@\"2024-01-01\"")) ROW(I("-") O("@\"2023-01-01\"")))));

	decides(xml, "d", "{\"x\": [5]}", "2024-01-01 #1 #2");
	decides(xml, "d", "{\"x\": \"5\"}",
	        "2023-01-01 #2 (the input x is not of type number, so it is null)");
}

TEST(calls_a_function_that_an_input_has_the_name_of)
{
	decides(MODEL(INPUT("date", "string") DECISION("d", NEEDS("date") LITERAL("date(date).year"))), "d",
	        "{\"date\": \"2024-05-06\"}", "2024");
}

TEST(tells_a_decision_that_is_not_there)
{
	decides(MODEL(DECISION("d", LITERAL("1"))), "e", "{}", "!test.dmn has no decision \"e\"");
}

TEST(tests_components_beside_their_siblings)
{
	static const char xml[] =
	        MODEL("<itemDefinition name='tSpan'>"
	              "<itemComponent name='low end'><typeRef>number</typeRef></itemComponent>"
	              "<itemComponent name='high'><typeRef>number</typeRef><allowedValues><text>"
	              "&gt; low end</text></allowedValues></itemComponent></itemDefinition>\n"
	              "<itemDefinition name='tSpans' isCollection='true'><typeRef>tSpan</typeRef>"
	              "</itemDefinition>\n" INPUT("s", "tSpan") INPUT("many", "tSpans")
	                        DECISION("d", NEEDS("s") LITERAL("s.high - s.low end"))
	                                DECISION("m", NEEDS("many") LITERAL("count(many)")));

	decides(xml, "d", "{\"s\": {\"low end\": 1, \"high\": 3}}", "2");
	decides(xml, "d", "{\"s\": {\"low end\": 4, \"high\": 3}}",
	        "null (the input s is not of type tSpan, so it is null)");
	decides(xml, "m", "{\"many\": [{\"low end\": 1, \"high\": 3}, {\"low end\": 0, \"high\": 1}]}", "2");
	decides(xml, "m", "{\"many\": [{\"low end\": 1, \"high\": 3}, {\"low end\": 2, \"high\": 1}]}",
	        "null (the input many is not of type tSpans, so it is null; a function asks for a list and "
	        "was given "
	        "null)");
}
