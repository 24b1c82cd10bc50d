/* Event sub-processes: what starts them, what they interrupt, what passes by them on its way out. */
#include "play.h"

#include "check.h"

#define PLAY(body)                                                                                           \
	struct play p;                                                                                       \
	if (!play_begin(&p, body)) {                                                                         \
		play_end(&p);                                                                                \
		return;                                                                                      \
	}

/* An event sub-process with one task in it. */
#define HANDLER(id, interrupting, def)                                                                       \
	"<subProcess id='" id "' triggeredByEvent='true'><startEvent id='" id                                \
	"s' isInterrupting='" interrupting "'>" def                                                          \
	"</startEvent>" USER(id "t") "<endEvent id='" id "e'/>" FLOW(id "1", id "s", id "t")                 \
	        FLOW(id "2", id "t", id "e") "</subProcess>\n"
#define ONE_TASK START END USER("a") FLOW("f", "s", "a") FLOW("k", "a", "e")

TEST(a_message_starts_it_beside_or_instead)
{
	PLAY(ONE_TASK HANDLER("h", "false", MESSAGE("m1")) HANDLER("i", "true", MESSAGE("m2")));
	check_eq_s(play_start(&p, NULL), "wait:hs wait:is open:a");
	check_eq_s(play_open(&p), "hs is a");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", "{\"x\":1}"), "open:ht");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "open:ht"); /* it listens on */
	check_eq_s(play_done(&p, "a", NULL), "done:a");
	check_eq_s(play_done(&p, "ht", NULL), "done:ht");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "two", NULL), "cancel:ht unwait:hs unwait:is open:it");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "failed:STATE");
	check_eq_s(play_done(&p, "it", NULL), "done:it ended");
	play_end(&p);
}

TEST(the_end_of_the_process_ends_its_listening)
{
	PLAY(ONE_TASK HANDLER("h", "false", MESSAGE("m1"))
	                HANDLER("i", "false", TIMER_IN("timeCycle", "R/PT1H")));
	check_eq_s(play_start(&p, NULL), "wait:hs timer:is open:a");
	check_eq_s(play_timer(&p, "is"), "untimer:is timer:is open:it");
	check_eq_s(play_done(&p, "it", NULL), "done:it");
	check_eq_s(play_done(&p, "a", NULL), "done:a untimer:is ended");
	check_eq_s(play_open(&p), "");
	play_end(&p);
}

TEST(a_timer_without_a_time_is_not_set_and_one_that_is_nonsense_waits)
{
	PLAY(ONE_TASK HANDLER("h", "true", TIMER_IN("timeDate", "=deadline")));
	check_eq_s(play_start(&p, NULL), "open:a");
	play_end(&p);
	check(play_begin(&p, ONE_TASK HANDLER("h", "true", TIMER_IN("timeDate", "=deadline"))));
	check_eq_s(play_start(&p, "{\"deadline\":\"soon\"}"), "incident:s");
	check_eq_s(
	        play_named(&p, BPMN_SET, NULL, "{\"deadline\":\"2026-08-01T00:00:00Z\"}"), "timer:hs open:a");
	check_eq_s(play_timer(&p, "hs"), "untimer:hs cancel:a open:ht");
	play_end(&p);
}

TEST(conditions_and_signals_start_it)
{
	PLAY(ONE_TASK HANDLER("h", "false", CONDITION("level &gt; 3")) HANDLER("i", "true", SIGNAL));
	check_eq_s(play_start(&p, NULL), "wait:hs wait:is open:a");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"level\":4}"), "wait:hs open:ht");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"level\":5}"), "");
	check_eq_s(
	        play_named(&p, BPMN_SIGNAL, "sig", NULL), "cancel:a cancel:ht unwait:hs unwait:is open:it");
	play_end(&p);
}

#define INNER(more)                                                                                          \
	"<subProcess id='u'><startEvent id='us'/><serviceTask id='w' h:topic='t'/><endEvent id='ue'/>" FLOW( \
	        "u1", "us", "w") FLOW("u2", "w", "ue") more "</subProcess>\n" START END FLOW("f", "s", "u")  \
	        FLOW("k", "u", "e")

TEST(an_error_is_caught_by_the_nearest)
{
	/* In the sub-process itself, before its boundary; what the handler throws goes on outwards. */
	PLAY(INNER("<subProcess id='h' triggeredByEvent='true'><startEvent id='hs'>" ERROR(
	        "x1") "</startEvent>" USER("ht") "<endEvent id='he'>" ERROR("x1") "</endEvent>" FLOW("h1",
	        "hs", "ht") FLOW("h2", "ht", "he") "</subProcess>") USER("out") BOUNDARY("b", "u", "true",
	        ERROR("x1")) FLOW("f1", "b", "out") FLOW("k1", "out", "e"));
	check_eq_s(play_start(&p, NULL), "call:w");
	check_eq_s(play_error(&p, "w", "E1"), "cancel:w open:ht");
	check_eq_s(play_done(&p, "ht", NULL), "done:ht open:out");
	check_eq_s(play_done(&p, "out", NULL), "done:out ended");
	play_end(&p);
}

TEST(an_error_takes_the_way_that_names_it)
{
	PLAY(INNER(HANDLER("h", "true", "<errorEventDefinition/>") HANDLER("i", "true", ERROR("x2"))));
	check_eq_s(play_start(&p, NULL), "call:w");
	check_eq_s(play_error(&p, "w", "E2"), "cancel:w open:it");
	check_eq_s(play_done(&p, "it", NULL), "done:it ended");
	play_end(&p);
	check(play_begin(&p,
	        INNER(HANDLER("i", "true", ERROR("x2"))) HANDLER("h", "true", "<errorEventDefinition/>")));
	play_start(&p, NULL);
	check_eq_s(play_error(&p, "w", "E9"), "cancel:w open:ht");
	check_eq_s(play_done(&p, "ht", NULL), "done:ht ended");
	play_end(&p);
}

TEST(an_escalation_starts_it_beside)
{
	PLAY(INNER(THROW("x", ESCALATION("c1")) FLOW("u3", "us", "x") FLOW("u4", "x", "ue")
	                HANDLER("h", "false", ESCALATION("c1"))));
	check_eq_s(play_start(&p, NULL), "call:w escalate:C1 open:ht");
	check_eq_s(play_done(&p, "w", NULL), "done:w");
	check_eq_s(play_done(&p, "ht", NULL), "done:ht ended");
	play_end(&p);
}

TEST(what_it_throws_it_does_not_catch)
{
	PLAY(ONE_TASK
	        "<subProcess id='h' triggeredByEvent='true'><startEvent id='hs' "
	        "isInterrupting='false'>" MESSAGE("m1") "</startEvent><endEvent id='he'>" ESCALATION(
	                "c1") "</endEvent>" FLOW("h1", "hs",
	                "he") "</subProcess><subProcess id='i' triggeredByEvent='true'><startEvent id='is' "
	                      "isInterrupting='false'>" ESCALATION("c1") "</startEvent>" USER(
	                              "it") "<endEvent id='ie'>" ESCALATION("c1") "</endEvent>" FLOW("i1",
	                              "is", "it") FLOW("i2", "it", "ie") "</subProcess>");
	play_start(&p, NULL);
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "escalate:C1 open:it");
	check_eq_s(play_done(&p, "it", NULL), "done:it escalate:C1");
	check_eq_s(play_open(&p), "hs a");
	play_end(&p);
}

TEST(they_nest)
{
	PLAY(ONE_TASK "<subProcess id='o' triggeredByEvent='true'><startEvent id='os' "
	              "isInterrupting='false'>" MESSAGE("m1") "</startEvent>" USER(
	                      "ot") "<endEvent id='oe'/>" FLOW("o1", "os", "ot") FLOW("o2", "ot", "oe")
	                      HANDLER("h", "true", MESSAGE("m2")) "</subProcess>");
	check_eq_s(play_start(&p, NULL), "wait:os open:a");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "wait:hs open:ot");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "two", NULL), "cancel:ot unwait:hs open:ht");
	check_eq_s(play_done(&p, "ht", NULL), "done:ht");
	check_eq_s(play_open(&p), "os a");
	check_eq_s(play_done(&p, "a", NULL), "done:a ended");
	play_end(&p);
}

TEST(a_condition_starts_the_process)
{
	PLAY(START_IF("s1", "x &gt; 3") START_IF("s2", "x &gt; 1") END USER("a") USER("b") FLOW(
	        "f1", "s1", "a") FLOW("f2", "s2", "b") FLOW("k1", "a", "e") FLOW("k2", "b", "e"));
	check_eq_s(play_start(&p, "{\"x\":1}"), "failed:INVALID");
	check_eq_s(play_start(&p, "{\"x\":2}"), "open:b");
	play_end(&p);
}

TEST(variables_of_an_activity_are_its_own)
{
	PLAY("<subProcess id='u' h:local='found'><startEvent id='us'/>" USER("a") USER(
	        "b") "<exclusiveGateway id='g' default='u3'/><endEvent id='ue'/>" FLOW("u1", "us", "a")
	                FLOW("u2", "a", "g") FLOW("u3", "g", "ue") FLOW_IF("u4", "g", "b", "found = 2")
	                        FLOW("u5", "b", "ue") "</subProcess>\n" START END USER("c")
	                                FLOW("f", "s", "u") FLOW("k", "u", "c") FLOW("l", "c", "e"));
	check_eq_s(play_start(&p, "{\"found\":1}"), "open:a");
	check_eq_s(play_done(&p, "a", "{\"found\":2,\"other\":3}"), "done:a open:b");
	check_eq_s(play_done(&p, "b", NULL), "done:b open:c");
	check_eq_i((long)feel_number_to_double(feel_get(bpmn_state_variables(p.s), "found")->number), 1);
	check_eq_i((long)feel_number_to_double(feel_get(bpmn_state_variables(p.s), "other")->number), 3);
	play_end(&p);
}

/* Done is done: what an activity waited for is over, though it finds no way out yet. */
TEST(a_sub_process_without_a_way_out_listens_no_more)
{
	PLAY("<subProcess id='u'><startEvent id='us'/>" USER("a") "<endEvent id='ue'/>" FLOW("u1", "us", "a")
	                FLOW("u2", "a", "ue")
	                        HANDLER("h", "false", MESSAGE("m1")) "</subProcess>\n" START END USER("b")
	                                BOUNDARY("t", "u", "true", TIMER_IN("timeDuration", "PT1H"))
	                                        BOUNDARY("g", "u", "true", SIGNAL) FLOW("f", "s", "u")
	                                                FLOW_IF("k", "u", "e", "x") FLOW("f1", "t", "b")
	                                                        FLOW("f2", "g", "b") FLOW("k1", "b", "e"));
	check_eq_s(play_start(&p, NULL), "timer:t wait:g wait:hs open:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a untimer:t unwait:g unwait:hs incident:u");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "failed:STATE");
	check_eq_s(play_named(&p, BPMN_SIGNAL, "sig", NULL), "");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"x\":false}"), "incident:u");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"x\":true}"), "ended");
	play_end(&p);
}

TEST(a_message_is_received_once)
{
	PLAY(START END "<receiveTask id='a' messageRef='m1'/>" FLOW("f", "s", "a")
	                FLOW_IF("k", "a", "e", "x"));
	check_eq_s(play_start(&p, NULL), "wait:a");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "unwait:a incident:a");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "failed:STATE");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"x\":true}"), "ended");
	play_end(&p);
}
