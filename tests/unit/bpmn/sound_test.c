/* Static checks: what would not come to an end, told with the way that leads there. */
#include "play.h"

#include "check.h"

#define XOR(id, more) "<exclusiveGateway id='" id "' " more "/>\n"
#define AND(id) "<parallelGateway id='" id "'/>\n"
#define OR(id, more) "<inclusiveGateway id='" id "' " more "/>\n"
#define TASK(id) "<userTask id='" id "' h:role='r'/>\n"

struct told {
	struct sb b;
	int errors;
};

static void tell(void *ctx, bool error, int line, const char *text)
{
	struct told *t = ctx;

	t->errors += error;
	sb_printf(&t->b, "%s%d %s\n", error ? "E" : "W", line, text);
}

/* words: NULL for nothing to tell; else in one of the findings. */
static void finds(const char *body, int errors, const char *words)
{
	char *xml = play_xml(body);
	struct bpmn_def *d = NULL;
	struct err e = ERR_INIT;
	struct told t = {0};

	if (check_ok(bpmn_load(str_of(xml), "test.bpmn", NULL, &d, &e), &e)) {
		check_eq_i(bpmn_check(d, tell, &t), errors);
		check_eq_i(t.errors, errors);
		if (words == NULL)
			check_eq_s(t.b.p ? t.b.p : "", "");
		else
			check_has(t.b.p ? t.b.p : "", words);
	}
	bpmn_free(&d);
	sb_fini(&t.b);
	free(xml);
}

TEST(sound_flows_say_nothing)
{
	finds(START END TASK("a") FLOW("f", "s", "a") FLOW("k", "a", "e"), 0, NULL);
	/* A loop back to a person, a parallel part with a choice in it, an inclusive part that skips. */
	finds(START END XOR("m", "") TASK("a") XOR("g", "default='f3'") FLOW("f", "s", "m") FLOW(
	              "f1", "m", "a") FLOW("f2", "a", "g") FLOW_IF("f4", "g", "m", "x") FLOW("f3", "g", "e"),
	        0, NULL);
	finds(START END AND("g") AND("j") XOR("x", "default='x2'") XOR("y", "") TASK("a") TASK("b") TASK("c")
	                FLOW("f", "s", "g") FLOW("f1", "g", "x") FLOW("f2", "g", "c") FLOW_IF("x1", "x", "a",
	                        "v") FLOW("x2", "x", "b") FLOW("y1", "a", "y") FLOW("y2", "b", "y")
	                        FLOW("j1", "y", "j") FLOW("j2", "c", "j") FLOW("k", "j", "e"),
	        0, NULL);
	finds(START END OR("g", "default='f3'") OR("j", "") XOR("x", "default='x2'") TASK("a") TASK("b")
	                TASK("c") FLOW("f", "s", "g") FLOW_IF("f1", "g", "x", "p")
	                        FLOW_IF("f2", "g", "b", "q") FLOW("f3", "g", "c") FLOW_IF("x1", "x", "j", "v")
	                                FLOW("x2", "x", "a") FLOW("j1", "a", "j") FLOW("j2", "b", "j")
	                                        FLOW("j3", "c", "j") FLOW("k", "j", "e"),
	        0, NULL);
	/* Several ways into an end are no harm. */
	finds(START END AND("g") TASK("a") TASK("b") FLOW("f", "s", "g") FLOW("f1", "g", "a")
	                FLOW("f2", "g", "b") FLOW("k1", "a", "e") FLOW("k2", "b", "e"),
	        0, NULL);
}

TEST(a_join_that_never_passes)
{
	const char *body = START END XOR("g", "default='f2'") AND("j") TASK("a") TASK("b") TASK("c")
	        FLOW("f", "s", "g") FLOW_IF("f1", "g", "a", "x") FLOW("f2", "g", "b") FLOW("j1", "a", "j")
	                FLOW("j2", "b", "j") FLOW("c1", "j", "c") FLOW("k", "c", "e");

	finds(body, 1,
	        "j: it waits for ever: a token has come by \"j1\", and none can come by \"j2\", when \"g\" "
	        "(line 7) goes \"f1\"");
	finds(body, 1, "E8 j: this join never passes");
}

TEST(a_join_that_some_ways_do_not_reach)
{
	finds(START END AND("g") AND("j") XOR("x", "default='x2'") TASK("a") TASK("b") FLOW("f", "s", "g")
	                FLOW("f1", "g", "a") FLOW("f2", "g", "x") FLOW_IF("x1", "x", "b", "v") FLOW(
	                        "x2", "x", "e") FLOW("j1", "a", "j") FLOW("j2", "b", "j") FLOW("k", "j", "e"),
	        0,
	        "W8 j: it waits for ever: a token has come by \"j1\", and none can come by \"j2\", when "
	        "\"x\" "
	        "(line 9) goes \"x2\"");
	/* A boundary event takes the only token that would come. */
	finds(START END AND("g") AND("j") TASK("a") TASK("b")
	                BOUNDARY("t", "b", "true", TIMER_IN("timeDuration", "PT1H")) FLOW("f", "s", "g")
	                        FLOW("f1", "g", "a") FLOW("f2", "g", "b") FLOW("t1", "t", "e")
	                                FLOW("j1", "a", "j") FLOW("j2", "b", "j") FLOW("k", "j", "e"),
	        0, "when \"t\" (line 11) goes \"t1\"");
}

TEST(what_runs_twice)
{
	finds(START END AND("g") XOR("m", "") TASK("a") TASK("b") TASK("c") FLOW("f", "s", "g")
	                FLOW("f1", "g", "a") FLOW("f2", "g", "b") FLOW("m1", "a", "m") FLOW("m2", "b", "m")
	                        FLOW("c1", "m", "c") FLOW("k", "c", "e"),
	        0, "m: what follows runs twice: tokens come by \"m1\" and by \"m2\"");
	finds(START END TASK("a") TASK("b") BOUNDARY("t", "a", "false", TIMER_IN("timeDuration", "PT1H"))
	                FLOW("f", "s", "a") FLOW("f1", "a", "b") FLOW("f2", "t", "b") FLOW("k", "b", "e"),
	        0, "b: what follows runs twice");
}

TEST(loops_without_anybody)
{
	finds(START END "<task id='a'/>" XOR("g", "default='k'") XOR("m", "") FLOW("f", "s", "m") FLOW(
	              "f0", "m", "a") FLOW("f1", "a", "g") FLOW_IF("f2", "g", "m", "x") FLOW("k", "g", "e"),
	        1,
	        "E7 a: a loop without a person or an event: \"a\" (line 7), \"g\" (line 7), \"m\" (line 8); "
	        "nothing");
	finds(START END "<businessRuleTask id='a' h:decision='d' h:result='r'/>" XOR("g", "default='k'")
	                XOR("m", "") FLOW("f", "s", "m") FLOW("f0", "m", "a") FLOW("f1", "a", "g")
	                        FLOW_IF("f2", "g", "m", "r") FLOW("k", "g", "e"),
	        0, "only its decision can end it");
	finds(START END CATCH("a", TIMER_IN("timeDuration", "PT1H")) XOR("g", "default='k'") XOR("m", "")
	                FLOW("f", "s", "m") FLOW("f0", "m", "a") FLOW("f1", "a", "g")
	                        FLOW_IF("f2", "g", "m", "x") FLOW("k", "g", "e"),
	        0, NULL);
	finds(START END "<task id='a'><standardLoopCharacteristics><loopCondition>x</loopCondition>"
	                "</standardLoopCharacteristics></task>" FLOW("f", "s", "a") FLOW("k", "a", "e"),
	        1, "loopMaximum");
}

TEST(inside_sub_processes_as_well)
{
	finds("<subProcess id='u'><startEvent id='us'/><endEvent id='ue'/>\n" XOR("g", "default='u2'")
	                AND("j") FLOW("u0", "us", "g") FLOW_IF("u1", "g", "j", "x") FLOW("u2", "g", "j")
	                        FLOW("u3", "j", "ue") "</subProcess>" START END FLOW("f", "s", "u")
	                                FLOW("k", "u", "e"),
	        1, "j: it waits for ever");
}

TEST(no_default_and_no_role)
{
	finds(START END XOR("g", "") FLOW("f", "s", "g") FLOW_IF("k", "g", "e", "x"), 0, "no default flow");
	finds(START END USER("a") FLOW("f", "s", "a") FLOW("k", "a", "e"), 0, "names no role");
}

/* Choices side by side are too many to play all: what is wrong is found, and in bounded time. */
TEST(entangled_flows_take_no_time)
{
	struct sb b = SB_INIT;

	sb_puts(&b, START END AND("g") AND("j") FLOW("f", "s", "g") FLOW("k", "j", "e"));
	for (int i = 0; i < 40; i++) {
		sb_printf(&b, "<exclusiveGateway id='x%d' default='d%d'/>", i, i);
		for (int w = 0; w < 8; w++)
			sb_printf(&b,
			        "<userTask id='t%d_%d' h:role='r'/><sequenceFlow id='%c%d%s%.0d' "
			        "sourceRef='x%d' "
			        "targetRef='t%d_%d'>%s</sequenceFlow><sequenceFlow id='o%d_%d' "
			        "sourceRef='t%d_%d' "
			        "targetRef='j'/>",
			        i, w, w ? 'c' : 'd', i, w ? "_" : "", w, i, i, w,
			        w ? "<conditionExpression>v</conditionExpression>" : "", i, w, i, w);
		sb_printf(&b, "<sequenceFlow id='g%d' sourceRef='g' targetRef='x%d'/>", i, i);
	}
	finds(b.p, 0, "waits for ever");
	finds(b.p, 0, "W4 p: not decided whether it always comes to an end");
	sb_fini(&b);
}

/* Five hundred elements: parallel parts of choices, one behind the other, are played one by one; nested, with
 * loops and inclusive joins, they are not all played, and it is said. */
TEST(large_flows_take_no_time)
{
	struct sb b = SB_INIT;

	sb_puts(&b, START END TASK("j-1") FLOW("f-1", "s", "j-1"));
	for (int i = 0; i < 50; i++)
		sb_printf(&b,
		        AND("g%1$d") AND("j%1$d") XOR("x%1$d", "default='d%1$d'") XOR("y%1$d", "") TASK(
		                "a%1$d") TASK("b%1$d") TASK("c%1$d") FLOW("f%1$d", "j%2$d", "g%1$d")
		                FLOW("p%1$d", "g%1$d", "x%1$d") FLOW("q%1$d", "g%1$d", "c%1$d") FLOW_IF(
		                        "h%1$d", "x%1$d", "a%1$d", "v") FLOW("d%1$d", "x%1$d", "b%1$d")
		                        FLOW("m%1$d", "a%1$d", "y%1$d") FLOW("n%1$d", "b%1$d", "y%1$d") FLOW(
		                                "o%1$d", "y%1$d", "j%1$d") FLOW("r%1$d", "c%1$d", "j%1$d"),
		        i, i - 1);
	sb_puts(&b, FLOW("k", "j49", "e"));
	finds(b.p, 0, NULL);
	sb_reset(&b);
	sb_puts(&b, START END OR("o", "default='of'") OR("p", "") FLOW("f", "s", "o") FLOW("k", "p", "e")
	                    TASK("z") FLOW("of", "o", "z") FLOW("zp", "z", "p"));
	for (int i = 0; i < 120; i++)
		sb_printf(&b,
		        XOR("x%1$d", "") TASK("a%1$d") XOR("y%1$d", "default='d%1$d'") FLOW_IF("f%1$d", "o",
		                "x%1$d", "v") FLOW("g%1$d", "x%1$d", "a%1$d") FLOW("h%1$d", "a%1$d", "y%1$d")
		                FLOW_IF("l%1$d", "y%1$d", "x%1$d", "w") FLOW("d%1$d", "y%1$d", "p"),
		        i);
	finds(b.p, 0, "not decided");
	sb_fini(&b);
}
