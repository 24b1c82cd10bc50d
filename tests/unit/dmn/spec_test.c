/* A reading of DMN 1.5 by what stands around expressions: types and conversions of clause 10.3.2.9, hit
 * policies of 8.2.10, boxed expressions of 10.2, decision services of 10.4. */
#include "model.h"

#define TYPED(type, text) DECISION("d", "<variable name='d' typeRef='" type "'/>" LITERAL(text))
#define LIST_TYPE(name, base)                                                                                \
	"<itemDefinition name='" name "' isCollection='true'><typeRef>" base "</typeRef></itemDefinition>\n"
#define DOMAIN_OF(name, base, values)                                                                        \
	"<itemDefinition name='" name "'><typeRef>" base "</typeRef><allowedValues><text>" values            \
	"</text></allowedValues></itemDefinition>\n"

static void gives(const char *xml, const char *decision, const char *json, const char *want)
{
	struct arena *a = arena_new(0);
	struct dmn_options lenient = {.lenient = true};
	const char *got = decide_with(a, xml, &lenient, decision, json);
	size_t n = strcspn(got, "#(!");

	while (n > 0 && got[n - 1] == ' ')
		n--;
	if (*got == '!')
		n = strlen(got);
	if (n != strlen(want) || memcmp(got, want, n) != 0)
		check_fail("%s of %s with %s is %s, not %s", decision, xml, json, got, want);
	arena_free(&a);
}

TEST(converts_results_to_the_type_of_their_variable)
{
	gives(MODEL(TYPED("number", "[5]")), "d", "{}", "5");
	gives(MODEL(TYPED("number", "[5, 6]")), "d", "{}", "null");
	gives(MODEL(TYPED("string", "5")), "d", "{}", "null");
	gives(MODEL(LIST_TYPE("tN", "number") TYPED("tN", "5")), "d", "{}", "[5]");
	gives(MODEL(LIST_TYPE("tN", "number") TYPED("tN", "[5, null]")), "d", "{}", "[5, null]");
	gives(MODEL(LIST_TYPE("tN", "number") TYPED("tN", "[5, \"a\"]")), "d", "{}", "null");
	gives(MODEL(TYPED("date and time", "@\"2020-01-02\"")), "d", "{}", "2020-01-02T00:00:00Z");
	gives(MODEL(TYPED("dateTime", "@\"2020-01-02\"")), "d", "{}", "2020-01-02T00:00:00Z");
	gives(MODEL(TYPED("date", "@\"2020-01-02T10:00:00\"")), "d", "{}", "null");
	gives(MODEL(TYPED("Any", "[1]")), "d", "{}", "[1]");
	gives(MODEL(DOMAIN_OF("tLow", "number", "&lt; 10") TYPED("tLow", "5")), "d", "{}", "5");
	gives(MODEL(DOMAIN_OF("tLow", "number", "&lt; 10") TYPED("tLow", "50")), "d", "{}", "null");
	gives(MODEL(DOMAIN_OF("tWord", "string", "\"a\", \"b\"") TYPED("tWord", "\"b\"")), "d", "{}", "b");
	gives(MODEL(DOMAIN_OF("tWord", "string", "\"a\", \"b\"") TYPED("tWord", "null")), "d", "{}", "null");
}

TEST(keeps_constraints_of_types)
{
	gives(MODEL("<itemDefinition name='t'><typeRef>string</typeRef><typeConstraint><text>string "
	            "length(?) &lt; 4</text></typeConstraint></itemDefinition>\n" TYPED("t", "\"abc\"")),
	        "d", "{}", "abc");
	gives(MODEL("<itemDefinition name='t'><typeRef>string</typeRef><typeConstraint><text>string "
	            "length(?) &lt; 4</text></typeConstraint></itemDefinition>\n" TYPED("t", "\"abcd\"")),
	        "d", "{}", "null");
	/* of a collection: allowed values are about each element, a constraint about the whole */
	gives(MODEL("<itemDefinition name='t' "
	            "isCollection='true'><typeRef>number</typeRef><allowedValues><text>[1..9]</text></"
	            "allowedValues></itemDefinition>\n" TYPED("t", "[1, 9]")),
	        "d", "{}", "[1, 9]");
	gives(MODEL("<itemDefinition name='t' "
	            "isCollection='true'><typeRef>number</typeRef><allowedValues><text>[1..9]</text></"
	            "allowedValues></itemDefinition>\n" TYPED("t", "[1, 10]")),
	        "d", "{}", "null");
	gives(MODEL("<itemDefinition name='t' "
	            "isCollection='true'><typeRef>number</typeRef><typeConstraint><text>count(?) &lt; "
	            "3</text></typeConstraint></itemDefinition>\n" TYPED("t", "[1, 10]")),
	        "d", "{}", "[1, 10]");
	gives(MODEL("<itemDefinition name='t' "
	            "isCollection='true'><typeRef>number</typeRef><typeConstraint><text>count(?) &lt; "
	            "3</text></typeConstraint></itemDefinition>\n" TYPED("t", "[1, 10, 11]")),
	        "d", "{}", "null");
	gives(MODEL("<itemDefinition name='f'><functionItem outputTypeRef='number'><parameters name='a' "
	            "typeRef='number'/></functionItem></itemDefinition>\n" TYPED(
	                    "f", "function(a: number) a + 1")),
	        "d", "{}", "function");
	gives(MODEL("<itemDefinition name='f'><functionItem outputTypeRef='number'><parameters name='a' "
	            "typeRef='number'/></functionItem></itemDefinition>\n" TYPED(
	                    "f", "function(a: number, b: number) a + b")),
	        "d", "{}", "null");
}

#define ONE(entry)                                                                                           \
	MODEL(INPUT("x", "Any") DECISION(                                                                    \
	        "d", NEEDS("x") TABLE("hitPolicy='FIRST'",                                                   \
	                     IN("x") OUT("") ROW(I(entry) O("true")) ROW(I("-") O("false")))))

TEST(reads_entries_of_tables)
{
	gives(ONE("1, 2, [5..7]"), "d", "{\"x\": 6}", "true");
	gives(ONE("1, 2, [5..7]"), "d", "{\"x\": 4}", "false");
	gives(ONE("not(1, 2)"), "d", "{\"x\": 3}", "true");
	gives(ONE("not(1, 2)"), "d", "{\"x\": 2}", "false");
	gives(ONE("&gt;= 3"), "d", "{\"x\": 3}", "true");
	gives(ONE("!= 3"), "d", "{\"x\": 3}", "false");
	gives(ONE("= 3"), "d", "{\"x\": 3}", "true");
	gives(ONE("? &gt; 3 and ? &lt; 6"), "d", "{\"x\": 5}", "true");
	gives(ONE("? &gt; 3 and ? &lt; 6"), "d", "{\"x\": 7}", "false");
	gives(ONE("contains(?, \"b\")"), "d", "{\"x\": \"abc\"}", "true");
	gives(ONE("contains(?, \"b\")"), "d", "{\"x\": \"ac\"}", "false");
	gives(ONE("list contains(?, 2)"), "d", "{\"x\": [1, 2]}", "true");
	gives(ONE("[1, 2]"), "d", "{\"x\": [1, 2]}", "true");
	gives(ONE("[1, 2]"), "d", "{\"x\": 2}", "true");
	gives(ONE("null"), "d", "{\"x\": null}", "true");
	gives(ONE("null"), "d", "{\"x\": 1}", "false");
	gives(ONE("true"), "d", "{\"x\": true}", "true");
	gives(ONE("true"), "d", "{\"x\": false}", "false");
	gives(ONE("date(\"2020-01-01\")"), "d", "{\"x\": \"2020-01-01\"}", "false");
	gives(ONE("&lt; 3"), "d", "{\"x\": \"a\"}", "false");
	gives(ONE("every i in ? satisfies i &gt; 0"), "d", "{\"x\": [1, 2]}", "true");
	gives(ONE("? instance of string"), "d", "{\"x\": \"a\"}", "true");
}

#define HITS(policy, out)                                                                                    \
	MODEL(INPUT("x", "number") DECISION(                                                                 \
	        "d", NEEDS("x") TABLE(policy, IN("x") out ROW(I("&gt; 0") O("10")) ROW(I("&gt; 5") O("30"))  \
	                                              ROW(I("&gt; 7") O("20")))))

TEST(keeps_hit_policies)
{
	gives(HITS("hitPolicy='COLLECT'", OUT("")), "d", "{\"x\": 8}", "[10, 30, 20]");
	gives(HITS("hitPolicy='RULE ORDER'", OUT("")), "d", "{\"x\": 8}", "[10, 30, 20]");
	gives(HITS("hitPolicy='OUTPUT ORDER'", OUT_OF("", "30, 20, 10")), "d", "{\"x\": 8}", "[30, 20, 10]");
	gives(HITS("hitPolicy='PRIORITY'", OUT_OF("", "30, 20, 10")), "d", "{\"x\": 8}", "30");
	gives(HITS("hitPolicy='FIRST'", OUT("")), "d", "{\"x\": 8}", "10");
	gives(HITS("hitPolicy='ANY'", OUT("")), "d", "{\"x\": 8}", "null");
	gives(HITS("hitPolicy='ANY'", OUT("")), "d", "{\"x\": 3}", "10");
	gives(HITS("hitPolicy='COLLECT' aggregation='SUM'", OUT("")), "d", "{\"x\": 8}", "60");
	gives(HITS("hitPolicy='COLLECT' aggregation='COUNT'", OUT("")), "d", "{\"x\": 8}", "3");
	gives(HITS("hitPolicy='COLLECT' aggregation='MIN'", OUT("")), "d", "{\"x\": 8}", "10");
	gives(HITS("hitPolicy='COLLECT' aggregation='MAX'", OUT("")), "d", "{\"x\": 8}", "30");
	/* no rule: the default, else null */
	gives(HITS("hitPolicy='FIRST'", OUT("")), "d", "{\"x\": -1}", "null");
	gives(HITS("hitPolicy='FIRST'",
	              "<output><defaultOutputEntry><text>7</text></defaultOutputEntry></output>"),
	        "d", "{\"x\": -1}", "7");
	gives(HITS("hitPolicy='COLLECT' aggregation='SUM'", OUT("")), "d", "{\"x\": -1}", "null");
}

#define SERVICES                                                                                             \
	MODEL(INPUT("a", "number") INPUT("b", "number") DECISION(                                            \
	        "sum", NEEDS("a") NEEDS("b") LITERAL("a + b")) DECISION("twice",                             \
	        NEEDS_DECISION("sum") LITERAL("sum * 2")) DECISION("half",                                   \
	        NEEDS_DECISION("sum") LITERAL(                                                               \
	                "sum / 2")) "<decisionService id='one' name='one'><variable "                        \
	                            "name='one'/><outputDecision href='#twice'/><encapsulatedDecision "      \
	                            "href='#sum'/><inputData href='#a'/><inputData "                         \
	                            "href='#b'/></decisionService>\n"                                        \
	                            "<decisionService id='two' name='two'><variable "                        \
	                            "name='two'/><outputDecision href='#twice'/><outputDecision "            \
	                            "href='#half'/><encapsulatedDecision href='#sum'/><inputData "           \
	                            "href='#a'/><inputData href='#b'/></decisionService>\n"                  \
	                            "<decisionService id='cut' name='cut'><variable "                        \
	                            "name='cut'/><outputDecision href='#twice'/><inputDecision "             \
	                            "href='#sum'/></decisionService>\n" DECISION(                            \
	                                    "c1", KNOWS("one") LITERAL("one(1, 2)")) DECISION("c2",          \
	                                    KNOWS("one") LITERAL("one(b: 2, a: 1)"))                         \
	                                    DECISION("c3", KNOWS("two") LITERAL("two(1, 2)")) DECISION(      \
	                                            "c4", KNOWS("cut") LITERAL("cut(7)")) DECISION("c5",     \
	                                            KNOWS("cut") LITERAL("cut(sum: 7)")) DECISION("c6",      \
	                                            KNOWS("one") LITERAL("one(1)")) DECISION("c7",           \
	                                            KNOWS("one") LITERAL("one(\"x\", 2)")) DECISION("c8",    \
	                                            KNOWS("one") LITERAL("one([1], 2)")) DECISION("c9",      \
	                                            KNOWS("one") LITERAL("one(a: 1)")) DECISION("c10",       \
	                                            KNOWS("one") LITERAL("(function(f) f(3, 4))(one)")))

TEST(calls_decision_services)
{
	gives(SERVICES, "c1", "{}", "6");
	gives(SERVICES, "c2", "{}", "6");
	gives(SERVICES, "c3", "{}", "{twice: 6, half: 1.5}");
	gives(SERVICES, "c4", "{}", "14");
	gives(SERVICES, "c5", "{}", "14");
	gives(SERVICES, "c6", "{}", "null");
	gives(SERVICES, "c7", "{}", "null");
	gives(SERVICES, "c8", "{}", "6");
	gives(SERVICES, "c9", "{}", "null");
	gives(SERVICES, "c10", "{}", "14");
}

#define BOXED(body) MODEL(INPUT("x", "Any") DECISION("d", NEEDS("x") body))
#define PART(name, text) "<" name ">" LITERAL(text) "</" name ">"

TEST(reads_boxed_expressions)
{
	gives(BOXED("<conditional>" PART("if", "x") PART("then", "1") PART("else", "2") "</conditional>"),
	        "d", "{\"x\": true}", "1");
	gives(BOXED("<conditional>" PART("if", "x") PART("then", "1") PART("else", "2") "</conditional>"),
	        "d", "{\"x\": null}", "2");
	gives(BOXED("<conditional>" PART("if", "x") PART("then", "1") PART("else", "2") "</conditional>"),
	        "d", "{\"x\": 3}", "2");
	gives(BOXED("<for iteratorVariable='i'>" PART("in", "x")
	                      PART("return", "i + count(partial)") "</for>"),
	        "d", "{\"x\": [5, 5]}", "[5, 6]");
	gives(BOXED("<every iteratorVariable='i'>" PART("in", "x") PART("satisfies", "i &gt; 1") "</every>"),
	        "d", "{\"x\": [2, 3]}", "true");
	gives(BOXED("<every iteratorVariable='i'>" PART("in", "x") PART("satisfies", "i &gt; 1") "</every>"),
	        "d", "{\"x\": []}", "true");
	gives(BOXED("<some iteratorVariable='i'>" PART("in", "x") PART("satisfies", "i &gt; 2") "</some>"),
	        "d", "{\"x\": [2, 3]}", "true");
	gives(BOXED("<some iteratorVariable='i'>" PART("in", "x") PART("satisfies", "i &gt; 2") "</some>"),
	        "d", "{\"x\": [2, \"a\"]}", "null");
	gives(BOXED("<filter>" PART("in", "x") PART("match", "item &gt; 2") "</filter>"), "d",
	        "{\"x\": [2, 3]}", "[3]");
	gives(BOXED("<filter>" PART("in", "x") PART("match", "a = 2") "</filter>"), "d",
	        "{\"x\": [{\"a\": 2}, {\"a\": 3}]}", "[{a: 2}]");
	gives(BOXED("<filter>" PART("in", "x") PART("match", "item &gt; 2") "</filter>"), "d", "{\"x\": 3}",
	        "[3]");
	gives(BOXED("<list>" LITERAL("1") LITERAL("x") "</list>"), "d", "{\"x\": \"a\"}", "[1, \"a\"]");
	gives(BOXED("<relation><column name='p'/><column name='q'/><row>" LITERAL("1")
	                      LITERAL("x") "</row><row>" LITERAL("2") LITERAL("null") "</row></relation>"),
	        "d", "{\"x\": 5}", "[{p: 1, q: 5}, {p: 2, q: null}]");
	gives(BOXED("<context><contextEntry><variable name='p'/>" LITERAL(
	              "1") "</contextEntry><contextEntry><variable name='q'/>" LITERAL("p + 1") "</"
	                                                                                        "contextEntry"
	                                                                                        "></"
	                                                                                        "context>"),
	        "d", "{}", "{p: 1, q: 2}");
	gives(BOXED("<context><contextEntry><variable name='p'/>" LITERAL(
	              "1") "</contextEntry><contextEntry>" LITERAL("p + 1") "</contextEntry></context>"),
	        "d", "{}", "2");
	gives(BOXED("<context><contextEntry><variable name='p' typeRef='string'/>" LITERAL(
	              "1") "</contextEntry></context>"),
	        "d", "{}", "{p: null}");
	gives(BOXED("<context><contextEntry><variable name='f'/><functionDefinition><formalParameter "
	            "name='n' typeRef='number'/>" LITERAL("n * 2") "</functionDefinition></"
	                                                           "contextEntry><contextEntry>" LITERAL(
	                                                                   "f(n: x)") "</contextEntry></"
	                                                                              "context>"),
	        "d", "{\"x\": 4}", "8");
	gives(BOXED("<invocation>" LITERAL("max") "<binding><parameter name='list'/>" LITERAL(
	              "[1, x]") "</binding></invocation>"),
	        "d", "{\"x\": 4}", "4");
}
