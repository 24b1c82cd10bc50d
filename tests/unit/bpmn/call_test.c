/* Call activities: variables in and out, what crosses the border, versions. */
#include "play.h"

#include "check.h"

#define PLAY(body)                                                                                           \
	struct play p;                                                                                       \
	if (!play_begin(&p, body)) {                                                                         \
		play_end(&p);                                                                                \
		return;                                                                                      \
	}
#define CALL(inner)                                                                                          \
	START END FLOW("f", "s", "a") FLOW("k", "a", "e") "<callActivity id='a' calledElement='q'>" inner    \
	                                                  "</callActivity>\n"
/* The ids are those of the caller: they are another definition's. */
#define CALLED(more) PROCESS("q") START END USER("a") FLOW("f", "s", "a") FLOW("k", "a", "e") more

TEST(variables_go_in_and_come_out)
{
	struct feel_value seen;

	PLAY(CALL("<extensionElements><h:in name='x' value='=y + 1'/><h:in name='z'/><h:out name='sum' "
	          "value='=x + outcome'/></extensionElements>") CALLED(""));
	check_eq_s(play_start(&p, "{\"y\":1,\"z\":5,\"secret\":true}"), "called:a open:a");
	check_eq_i(p.ev.e[p.ev.n - 1].def == p.called[0], 1);
	seen = bpmn_state_seen(p.s, play_key(&p, "a"), p.a);
	check_eq_i(feel_get(&seen, "x")->type, FEEL_NUMBER);
	check(feel_get(&seen, "secret") == NULL);
	check_eq_s(play_done(&p, "a", "{\"outcome\":7,\"y\":100}"), "done:a returned:a ended");
	check_eq_s(play_variable(&p, "sum"), "9");
	check_eq_s(play_variable(&p, "outcome"), "none");
	check_eq_s(play_variable(&p, "y"), "1");
	play_end(&p);
}

TEST(without_a_mapping_all_go_through)
{
	PLAY(CALL("") CALLED(""));
	check_eq_s(play_start(&p, "{\"y\":1}"), "called:a open:a");
	check_eq_s(play_done(&p, "a", "{\"y\":2,\"new\":3}"), "done:a returned:a ended");
	check_eq_s(play_variable(&p, "y"), "2");
	check_eq_s(play_variable(&p, "new"), "3");
	play_end(&p);
}

TEST(what_is_open_says_whose_it_is)
{
	struct bpmn_open *o;

	PLAY(CALL("") CALLED(
	        BOUNDARY("t", "a", "false", TIMER_IN("timeDuration", "PT1H")) FLOW("l", "t", "e")));
	check_eq_s(play_start(&p, NULL), "called:a open:a timer:t");
	check_eq_u(bpmn_state_open(p.s, p.a, &o), 2);
	for (int i = 0; i < 2; i++) {
		check_eq_s(o[i].process, "q");
		check_eq_i(o[i].version, 7);
	}
	check_eq_s(play_timer(&p, "t"), "untimer:t");
	play_end(&p);
}

TEST(there_is_nothing_to_call)
{
	PLAY(CALL(""));
	check_eq_s(play_start(&p, NULL), "incident:a");
	check_has(play_event(&p, BPMN_INCIDENT)->text.p, "no process \"q\"");
	play_end(&p);
	check(play_begin(&p,
	        CALL("") PROCESS("q") "<startEvent id='s'>" SIGNAL "</startEvent>" END FLOW("f", "s", "e")));
	check_eq_s(play_start(&p, NULL), "incident:a");
	check_has(play_event(&p, BPMN_INCIDENT)->text.p, "no start event without a trigger");
	play_end(&p);
}

TEST(errors_and_messages_cross_the_border)
{
	PLAY(CALL("") USER("late") USER("bad") BOUNDARY("b", "a", "true", ERROR("x1")) BOUNDARY("m", "a",
	        "true", MESSAGE("m1")) FLOW("f1", "b", "bad") FLOW("f2", "m", "late") FLOW("k1", "bad", "e")
	                FLOW("k2", "late", "e") PROCESS("q") START "<endEvent id='e'>" ERROR(
	                        "x1") "</endEvent>" USER("a") FLOW("f", "s", "a") FLOW("k", "a", "e"));
	check_eq_s(play_start(&p, NULL), "called:a wait:m open:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a open:bad");
	play_end(&p);
	check(play_begin(&p, CALL("") USER("late") BOUNDARY("m", "a", "true", MESSAGE("m1"))
	                             FLOW("f2", "m", "late") FLOW("k2", "late", "e") CALLED("")));
	play_start(&p, NULL);
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "cancel:a open:late");
	play_end(&p);
}

TEST(the_called_process_has_event_sub_processes_of_its_own)
{
	PLAY(CALL("") CALLED("<subProcess id='h' triggeredByEvent='true'><startEvent id='hs'>" MESSAGE(
	        "m1") "</startEvent>" USER("ht") "<endEvent id='he'>" ESCALATION("c1") "</endEvent>" FLOW("h"
	                                                                                                  "1",
	        "hs", "ht") FLOW("h2", "ht", "he") "</subProcess>"));
	check_eq_s(play_start(&p, "{\"x\":1}"), "called:a wait:hs open:a");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", "{\"x\":2}"), "cancel:a unwait:hs open:ht");
	check_eq_s(play_variable(&p, "x"), "1"); /* not yet */
	check_eq_s(play_done(&p, "ht", NULL), "done:ht escalate:C1 returned:a ended");
	check_eq_s(play_variable(&p, "x"), "2");
	play_end(&p);
}

TEST(a_process_may_call_itself_but_not_for_ever)
{
	PLAY(START END FLOW("f", "s", "a") FLOW("k", "a", "e") "<callActivity id='a' calledElement='p'/>");
	check_has(play_start(&p, NULL), "called:a called:a");
	check_has(play_event(&p, BPMN_INCIDENT)->text.p, "more than 16 deep");
	check_eq_s(play_named(&p, BPMN_CANCEL, NULL, NULL), "ended");
	play_end(&p);
}

TEST(one_call_for_each)
{
	PLAY(CALL("<extensionElements><h:in name='it' value='=who'/></extensionElements>"
	          "<multiInstanceLoopCharacteristics h:collection='=list' h:item='who' h:results='r' "
	          "h:result='=verdict'/>") CALLED(""));
	check_eq_s(play_start(&p, "{\"list\":[1,2]}"), "loop:a called:a called:a open:a open:a");
	check_eq_s(play_done(&p, "a", "{\"verdict\":\"x\"}"), "done:a returned:a");
	check_eq_s(play_done(&p, "a", "{\"verdict\":\"y\"}"), "done:a returned:a ended");
	check_eq_s(play_variable(&p, "r"), "[\"x\", \"y\"]");
	check_eq_s(play_variable(&p, "who"), "none");
	play_end(&p);
}
