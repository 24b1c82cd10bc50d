/* Activities that are carried out several times. */
#include "play.h"

#include "check.h"

#define PLAY(body)                                                                                           \
	struct play p;                                                                                       \
	if (!play_begin(&p, body)) {                                                                         \
		play_end(&p);                                                                                \
		return;                                                                                      \
	}
#define MULTI(attrs, inner)                                                                                  \
	"<multiInstanceLoopCharacteristics " attrs ">" inner "</multiInstanceLoopCharacteristics>"
#define AROUND START END FLOW("f", "s", "a") FLOW("k", "a", "e")

TEST(one_task_for_each_of_a_list)
{
	struct feel_value seen;

	PLAY(AROUND "<userTask id='a' h:org='=who'>" MULTI(
	        "h:collection='=orgs' h:item='who' h:results='votes' h:result='=outcome'", "") "</userTask>");
	check_eq_s(play_start(&p, "{\"orgs\":[\"x\",\"y\",\"z\"]}"), "loop:a open:a open:a open:a");
	check_str(play_event(&p, BPMN_TASK_OPENED)->text, "x");
	seen = bpmn_state_seen(p.s, play_key(&p, "a"), p.a);
	check_str(feel_get(&seen, "who")->string, "x");
	check_eq_i(feel_get(&seen, "loopCounter")->type, FEEL_NUMBER);
	check_eq_i(feel_get(&seen, "orgs")->list.n, 3);
	check_eq_s(play_done(&p, "a", "{\"outcome\":\"yes\"}"), "done:a");
	check_eq_s(play_done(&p, "a", "{\"outcome\":\"no\",\"loopCounter\":9,\"numberOfInstances\":\"x\"}"),
	        "done:a");
	check_eq_s(play_variable(&p, "votes"), "none");
	check_eq_s(play_done(&p, "a", NULL), "done:a ended");
	check_eq_s(play_variable(&p, "votes"), "[\"yes\", \"no\", \"no\"]");
	play_end(&p);
}

TEST(one_after_the_other)
{
	PLAY(AROUND "<userTask id='a' h:org='=who'>" MULTI("isSequential='true'",
	        "<loopDataInputRef>orgs</loopDataInputRef><inputDataItem name='who'/>") "</userTask>");
	check_eq_s(play_start(&p, "{\"orgs\":[\"x\",\"y\"]}"), "loop:a open:a");
	check_eq_s(play_open(&p), "a");
	check_eq_s(
	        play_done(&p, "a", "{\"orgs\":[]}"), "done:a open:a"); /* the list of the beginning counts */
	check_str(play_event(&p, BPMN_TASK_OPENED)->text, "y");
	check_eq_s(play_done(&p, "a", NULL), "done:a ended");
	play_end(&p);
}

TEST(enough_is_enough)
{
	PLAY(AROUND
	        "<userTask id='a'>" MULTI("", "<loopCardinality>1 + 3</loopCardinality><completionCondition>"
	                                      "numberOfCompletedInstances / numberOfInstances &gt;= 0.5 or "
	                                      "outcome = \"veto\" and numberOfActiveInstances = 3"
	                                      "</completionCondition>") "</userTask>");
	check_eq_s(play_start(&p, NULL), "loop:a open:a open:a open:a open:a");
	check_eq_s(play_done(&p, "a", "{\"outcome\":\"x\"}"), "done:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a cancel:a cancel:a ended");
	play_end(&p);
	check(play_begin(&p, AROUND "<userTask id='a'>" MULTI("",
	                             "<loopCardinality>4</loopCardinality>"
	                             "<completionCondition>outcome = \"veto\" and numberOfActiveInstances = "
	                             "3</completionCondition>") "</userTask>"));
	play_start(&p, NULL);
	check_eq_s(play_done(&p, "a", "{\"outcome\":\"veto\"}"), "done:a cancel:a cancel:a cancel:a ended");
	play_end(&p);
}

TEST(none_at_all)
{
	PLAY(AROUND "<userTask id='a'>" MULTI(
	        "h:collection='=[]' h:results='r' h:result='=1'", "") "</userTask>");
	check_eq_s(play_start(&p, NULL), "loop:a ended");
	check_eq_s(play_variable(&p, "r"), "[]");
	play_end(&p);
}

TEST(what_cannot_be_counted_waits)
{
	PLAY(AROUND "<userTask id='a'>" MULTI("h:collection='=orgs'", "") "</userTask>");
	check_eq_s(play_start(&p, NULL), "incident:a");
	check_has(play_event(&p, BPMN_INCIDENT)->text.p, "no list");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"orgs\":[1]}"), "loop:a open:a");
	play_end(&p);
	check(play_begin(
	        &p, AROUND "<task id='a'>" MULTI("", "<loopCardinality>n</loopCardinality>") "</task>"));
	check_eq_s(play_start(&p, "{\"n\":1001}"), "incident:a");
	check_has(play_event(&p, BPMN_INCIDENT)->text.p, "at most 1000");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"n\":-1}"), "incident:a");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"n\":1000}"), "loop:a ended");
	play_end(&p);
}

TEST(boundary_events_are_about_the_whole)
{
	PLAY(AROUND "<serviceTask id='a' h:topic='t'>" MULTI(
	        "", "<loopCardinality>3</loopCardinality>") "</serviceTask>" USER("b") USER("c")
	                BOUNDARY("t", "a", "false", TIMER_IN("timeDuration", "PT1H"))
	                        BOUNDARY("x", "a", "true", "<errorEventDefinition/>") FLOW("f1", "t", "b")
	                                FLOW("f2", "x", "c") FLOW("k1", "b", "e") FLOW("k2", "c", "e"));
	check_eq_s(play_start(&p, NULL), "loop:a timer:t call:a call:a call:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a");
	check_eq_s(play_timer(&p, "t"), "untimer:t open:b");
	check_eq_s(play_error(&p, "a", "E"), "cancel:a cancel:a open:c");
	check_eq_s(play_open(&p), "b c");
	play_end(&p);
}

TEST(a_sub_process_for_each)
{
	PLAY(AROUND "<subProcess id='a' h:local='seen'>" MULTI("h:collection='=things' h:item='thing' "
	                                                       "h:results='all' h:result='=seen + thing'",
	        "") "<startEvent id='us'/>" USER("b")
	                USER("c") "<exclusiveGateway id='g' default='u3'/>"
	                          "<endEvent id='ue'/>" FLOW("u1", "us", "b") FLOW("u2", "b", "g")
	                                  FLOW("u3", "g", "ue") FLOW_IF("u4", "g", "c", "seen &gt; 1")
	                                          FLOW("u5", "c", "ue") "</subProcess>");
	check_eq_s(play_start(&p, "{\"things\":[10,20]}"), "loop:a open:b open:b");
	check_eq_s(play_done(&p, "b", "{\"seen\":1}"), "done:b");
	check_eq_s(play_done(&p, "b", "{\"seen\":2}"), "done:b open:c");
	check_eq_s(play_done(&p, "c", NULL), "done:c ended");
	check_eq_s(play_variable(&p, "all"), "[11, 22]");
	check_eq_s(play_variable(&p, "seen"), "none");
	play_end(&p);
}

TEST(an_incident_of_one_keeps_its_item)
{
	PLAY(AROUND "<userTask id='a' h:org='=who.org'>" MULTI(
	        "h:collection='=list' h:item='who'", "") "</userTask>");
	check_eq_s(play_start(&p, "{\"list\":[{\"org\":\"x\"},{}]}"), "loop:a open:a incident:a");
	check_eq_s(play_named(&p, BPMN_SET, NULL, NULL), "incident:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a");
	play_end(&p);
}

TEST(receive_and_nothing_to_do)
{
	PLAY(AROUND "<receiveTask id='a' messageRef='m1'>" MULTI(
	        "isSequential='true'", "<loopCardinality>2</loopCardinality>") "</receiveTask>");
	check_eq_s(play_start(&p, NULL), "loop:a wait:a");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "wait:a");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "ended");
	play_end(&p);
}

#define LOOP(attrs, inner) "<standardLoopCharacteristics " attrs ">" inner "</standardLoopCharacteristics>"

TEST(standard_loop)
{
	PLAY(AROUND "<userTask id='a'>" LOOP(
	        "", "<loopCondition>outcome = \"again\"</loopCondition>") "</userTask>");
	check_eq_s(play_start(&p, NULL), "loop:a open:a");
	check_eq_s(play_done(&p, "a", "{\"outcome\":\"again\"}"), "done:a open:a");
	check_eq_s(play_done(&p, "a", "{\"outcome\":\"done\"}"), "done:a ended");
	play_end(&p);
	check(play_begin(&p, AROUND "<userTask id='a'>" LOOP("testBefore='true' loopMaximum='2'",
	                             "<loopCondition>x</loopCondition>") "</userTask>"));
	check_eq_s(play_start(&p, "{\"x\":true}"), "loop:a open:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a open:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a ended");
	play_end(&p);
	check(play_begin(&p, AROUND "<userTask id='a'>" LOOP(
	                             "testBefore='true'", "<loopCondition>x</loopCondition>") "</userTask>"));
	check_eq_s(play_start(&p, NULL), "loop:a ended");
	play_end(&p);
	check(play_begin(
	        &p, AROUND "<task id='a'>" LOOP("", "<loopCondition>true</loopCondition>") "</task>"));
	check_eq_s(play_start(&p, NULL), "failed:UNPROCESSED");
	play_end(&p);
}
