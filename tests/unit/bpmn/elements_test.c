/* Each element of the subset, one small process each. */
#include "play.h"

#include "check.h"

#define PLAY(body)                                                                                           \
	struct play p;                                                                                       \
	if (!play_begin(&p, body)) {                                                                         \
		play_end(&p);                                                                                \
		return;                                                                                      \
	}

TEST(user_task)
{
	PLAY(START END "<userTask id='a' h:org='=where.org' h:outcomes='yes no'/><userTask id='b' "
	               "h:org='ycoc'/>" FLOW("f", "s", "a") FLOW("g", "a", "b") FLOW("h", "b", "e"));
	check_eq_s(play_done(&p, "a", NULL), "failed:STATE");
	check_eq_s(play_start(&p, "{\"where\":{\"org\":\"zhujian\"}}"), "open:a");
	check_str(play_event(&p, BPMN_TASK_OPENED)->text, "zhujian");
	check_eq_s(play_start(&p, NULL), "failed:STATE");
	check_eq_s(play_done(&p, "a", NULL), "failed:INVALID");
	check_eq_s(play_done(&p, "a", "{\"outcome\":\"maybe\"}"), "failed:INVALID");
	check_has(p.e.text, "yes no");
	check_eq_s(play_done(&p, "a", "{\"outcome\":\"no\",\"why\":[1,2]}"), "done:a open:b");
	check_str(play_event(&p, BPMN_TASK_DONE)->text, "no");
	check_str(play_event(&p, BPMN_TASK_OPENED)->text, "ycoc");
	check_str(feel_get(bpmn_state_variables(p.s), "outcome")->string, "no");
	check_eq_i(feel_get(bpmn_state_variables(p.s), "why")->list.n, 2);
	check_eq_s(play_done(&p, "b", NULL), "done:b ended");
	check(bpmn_state_ended(p.s));
	check_eq_s(play_done(&p, "b", NULL), "failed:STATE");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"x\":1}"), "failed:STATE");
	play_end(&p);
}

TEST(org_that_is_null_is_an_incident_until_it_is_set)
{
	PLAY(START END "<userTask id='a' h:org='=where'/>" FLOW("f", "s", "a") FLOW("h", "a", "e"));
	check_eq_s(play_start(&p, NULL), "incident:a");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"other\":1}"), "incident:a");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"where\":\"x\"}"), "open:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a ended");
	play_end(&p);
}

TEST(passing_tasks_and_service)
{
	PLAY(START END
	        "<task id='a'/><manualTask id='b'/><serviceTask id='c' h:topic='mail'/><sendTask id='d' "
	        "messageRef='m1'/>" FLOW("f", "s", "a") FLOW("g", "a", "b") FLOW("h", "b", "c")
	                FLOW("i", "c", "d") FLOW("j", "d", "e"));
	check_eq_s(play_start(&p, "{\"n\":1}"), "call:c");
	check_str(play_event(&p, BPMN_SERVICE_CALLED)->text, "mail");
	check_eq_s(play_error(&p, "c", "E1"), "cancel:c incident:c");
	check_eq_s(play_named(&p, BPMN_SET, NULL, NULL), "call:c");
	check_eq_s(play_done(&p, "c", "{\"n\":2}"), "done:c send:one ended");
	check_eq_i(feel_get(&play_event(&p, BPMN_MESSAGE_SENT)->value, "n")->type, FEEL_NUMBER);
	play_end(&p);
}

TEST(exclusive_takes_the_first_true_or_the_default)
{
	static const struct {
		const char *vars, *want;
	} CASES[] = {{"{\"x\":1}", "open:a"}, {"{\"x\":5}", "open:b"}, {"{\"x\":7,\"y\":true}", "open:b"},
	        {"{}", "open:c"}, {"{\"x\":\"text\"}", "open:c"}};

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		PLAY(START END USER("a") USER("b") USER("c") "<exclusiveGateway id='g' default='f3'/>" FLOW(
		        "f", "s", "g") FLOW_IF("f1", "g", "a", "=x &lt; 3") FLOW("f3", "g", "c") FLOW_IF("f2",
		        "g", "b", "x &gt;= 3") FLOW("j", "a", "e") FLOW("k", "b", "e") FLOW("l", "c", "e"));
		check_eq_s(play_start(&p, CASES[i].vars), CASES[i].want);
		play_end(&p);
	}
}

TEST(no_condition_true_is_an_incident)
{
	PLAY(START END "<exclusiveGateway id='g'/>" FLOW("f", "s", "g") FLOW_IF("f1", "g", "e", "x"));
	check_eq_s(play_start(&p, NULL), "incident:g");
	check_has(p.ev.n ? play_event(&p, BPMN_INCIDENT)->text.p : "", "no condition");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"x\":true}"), "ended");
	play_end(&p);
}

TEST(parallel_waits_for_all)
{
	PLAY(START END USER("a") USER("b")
	                USER("c") "<parallelGateway id='g'/><parallelGateway id='j'/>" FLOW("f", "s", "g")
	                        FLOW("f1", "g", "a") FLOW("f2", "g", "b") FLOW("f3", "a", "j")
	                                FLOW("f4", "b", "j") FLOW("f5", "j", "c") FLOW("f6", "c", "e"));
	check_eq_s(play_start(&p, NULL), "open:a open:b");
	check_eq_s(play_done(&p, "b", NULL), "done:b");
	check_eq_s(play_done(&p, "a", NULL), "done:a open:c");
	check_eq_s(play_done(&p, "c", NULL), "done:c ended");
	play_end(&p);
}

TEST(a_join_that_can_never_pass_is_told)
{
	PLAY(START END USER("a") USER(
	        "b") "<exclusiveGateway id='g' default='f2'/><parallelGateway id='j'/>" FLOW("f", "s", "g")
	                FLOW_IF("f1", "g", "a", "x") FLOW("f2", "g", "b") FLOW("f3", "a", "j")
	                        FLOW("f4", "b", "j") FLOW("f5", "j", "e"));
	check_eq_s(play_start(&p, NULL), "open:b");
	check_eq_s(play_done(&p, "b", NULL), "done:b incident:j");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"x\":1}"), "");
	check_eq_s(play_named(&p, BPMN_CANCEL, NULL, NULL), "ended");
	play_end(&p);
}

TEST(inclusive_waits_for_those_that_come)
{
	static const struct {
		const char *vars, *opened;
	} CASES[] = {
	        {"{\"x\":true}", "open:a"}, {"{\"x\":true,\"y\":true}", "open:a open:b"}, {"{}", "open:c"}};

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		PLAY(START END USER("a") USER("b") USER("c") USER(
		        "d") "<inclusiveGateway id='g' default='f3'/><inclusiveGateway id='j'/>" FLOW("f",
		        "s", "g") FLOW_IF("f1", "g", "a", "x") FLOW_IF("f2", "g", "b", "y")
		                FLOW("f3", "g", "c") FLOW("k1", "a", "j") FLOW("k2", "b", "j")
		                        FLOW("k3", "c", "j") FLOW("k4", "j", "d") FLOW("k5", "d", "e"));
		check_eq_s(play_start(&p, CASES[i].vars), CASES[i].opened);
		if (i == 1) {
			check_eq_s(play_done(&p, "a", NULL), "done:a");
			check_eq_s(play_done(&p, "b", NULL), "done:b open:d");
		} else
			check_eq_s(play_done(&p, i == 0 ? "a" : "c", NULL),
			        i == 0 ? "done:a open:d" : "done:c open:d");
		play_end(&p);
	}
}

TEST(activities_split_without_a_gateway)
{
	PLAY(START END "<userTask id='a' default='f4'/>" USER("b") USER("c") USER("d") FLOW("f", "s", "a")
	                FLOW("f1", "a", "b") FLOW_IF("f2", "a", "c", "x") FLOW("f4", "a", "d")
	                        FLOW("k1", "b", "e") FLOW("k2", "c", "e") FLOW("k3", "d", "e"));
	check_eq_s(play_start(&p, NULL), "open:a");
	check_eq_s(play_done(&p, "a", "{\"x\":false}"), "done:a open:b open:d");
	check_eq_s(play_done(&p, "b", NULL), "done:b");
	check_eq_s(play_done(&p, "d", NULL), "done:d ended");
	play_end(&p);
}

TEST(event_gateway_goes_the_first_way)
{
	const char *body = START END USER("a")
	        USER("b") "<eventBasedGateway id='g'/><receiveTask id='r' "
	                  "messageRef='m2'/>" CATCH("t", TIMER_IN("timeDuration", "PT1H"))
	                          CATCH("m", MESSAGE("m1")) FLOW("f", "s", "g") FLOW("f1", "g", "t")
	                                  FLOW("f2", "g", "m") FLOW("f3", "g", "r") FLOW("f4", "t", "a")
	                                          FLOW("f5", "m", "b") FLOW("f6", "r", "b")
	                                                  FLOW("k1", "a", "e") FLOW("k2", "b", "e");
	PLAY(body);
	check_eq_s(play_start(&p, NULL), "timer:t wait:m wait:r");
	check_eq_i(play_event(&p, BPMN_TIMER_SET)->at, PLAY_NOW + US_HOUR);
	check_eq_s(play_open(&p), "t m r");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "three", NULL), "failed:STATE");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "two", "{\"x\":1}"), "untimer:t open:b");
	check_eq_s(play_open(&p), "b");
	play_end(&p);
	if (play_begin(&p, body)) {
		play_start(&p, NULL);
		check_eq_s(play_timer(&p, "t"), "untimer:t open:a");
		check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "failed:STATE");
	}
	play_end(&p);
}

TEST(boundary_timer_interrupts_or_not)
{
	PLAY(START END USER("a") USER("b") USER("c")
	                BOUNDARY("remind", "a", "false", TIMER_IN("timeCycle", "R3/PT10M")) BOUNDARY(
	                        "late", "a", "true", TIMER_IN("timeDuration", "PT1H")) FLOW("f", "s", "a")
	                        FLOW("f1", "remind", "b") FLOW("f2", "late", "c") FLOW("k1", "a", "e")
	                                FLOW("k2", "b", "e") FLOW("k3", "c", "e"));
	check_eq_s(play_start(&p, NULL), "open:a timer:remind timer:late");
	p.sv.now += 10 * US_MINUTE;
	check_eq_s(play_timer(&p, "remind"), "untimer:remind timer:remind open:b");
	check_eq_i(play_event(&p, BPMN_TIMER_SET)->at, PLAY_NOW + 20 * US_MINUTE);
	/* The second was missed while nobody ran; the third is the last. */
	p.sv.now += 25 * US_MINUTE;
	check_eq_s(play_timer(&p, "remind"), "untimer:remind open:b");
	check_eq_s(play_open(&p), "a late b b");
	check_eq_s(play_timer(&p, "late"), "untimer:late cancel:a open:c");
	check_eq_s(play_open(&p), "b b c");
	check_eq_s(play_timer(&p, "late"), "failed:STATE");
	play_end(&p);
}

TEST(cycle_without_end_and_cycle_on_time)
{
	PLAY(START END USER("a") BOUNDARY("r", "a", "false", TIMER_IN("timeCycle", "R/P1D"))
	                BOUNDARY("two", "a", "false", TIMER_IN("timeCycle", "R2/P1D")) FLOW("f", "s", "a")
	                        FLOW("f1", "r", "e") FLOW("f3", "two", "e") FLOW("k1", "a", "e"));
	play_start(&p, NULL);
	p.sv.now = PLAY_NOW + US_DAY;
	check_eq_s(play_timer(&p, "two"), "untimer:two timer:two");
	p.sv.now = PLAY_NOW + 2 * US_DAY;
	check_eq_s(play_timer(&p, "two"), "untimer:two");
	for (int i = 3; i < 6; i++) {
		p.sv.now = PLAY_NOW + i * US_DAY;
		check_eq_s(play_timer(&p, "r"), "untimer:r timer:r");
		check_eq_i(play_event(&p, BPMN_TIMER_SET)->at, PLAY_NOW + (i + 1) * US_DAY);
	}
	play_end(&p);
}

static time_us working(void *ctx, const char *calendar, time_us from, dur_us d)
{
	(void)ctx;
	return strcmp(calendar, "office") == 0 ? from + 3 * d : TIME_NONE;
}

TEST(timers_by_feel_and_calendar)
{
#define T(id, cal, text)                                                                                     \
	BOUNDARY(id, "a", "false",                                                                           \
	        "<timerEventDefinition h:calendar='" cal "'><timeDuration>" text "</timeDuration>"           \
	        "</timerEventDefinition>")                                                                   \
	FLOW("to-" id, id, "e")
	PLAY(START END USER("a") T("t1", "", "=deadline") T("t2", "", "=duration(\"PT2H\")")
	                T("t3", "office", "PT1H") T("t4", "office", "=duration(\"PT2H\")")
	                        T("t5", "", "=none") T("t6", "", "=@\"2026-07-14T08:00:00+08:00\"")
	                                FLOW("f", "s", "a") FLOW("k1", "a", "e"));
	static const struct {
		const char *id;
		int64_t seconds;
	} DUE[] = {{"t1", 1783987200}, {"t2", 1784000000 + 7200}, {"t3", 1784000000 + 3 * 3600},
	        {"t4", 1784000000 + 6 * 3600}, {"t6", 1783987200}};
	struct bpmn_open *o;
	size_t n;

	p.sv.working = working;
	check_eq_s(play_start(&p, "{\"deadline\":\"2026-07-14T08:00:00+08:00\"}"),
	        "open:a timer:t1 timer:t2 timer:t3 timer:t4 timer:t6");
	n = bpmn_state_open(p.s, p.a, &o);
	check_eq_u(n, 6);
	for (size_t i = 1; i < n; i++) {
		check_eq_s(o[i].element, DUE[i - 1].id);
		check_eq_i(o[i].at, DUE[i - 1].seconds * US_SECOND);
	}
	play_end(&p);
#undef T
}

TEST(a_timer_that_cannot_be_set_is_an_incident)
{
	PLAY(START END USER("a") BOUNDARY("t", "a", "true", TIMER_IN("timeDate", "=when")) FLOW("f", "s", "a")
	                FLOW("f1", "t", "e") FLOW("k1", "a", "e"));
	check_eq_s(play_start(&p, "{\"when\":\"tomorrow\"}"), "incident:a");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"when\":\"2026-08-01T00:00:00Z\"}"), "open:a timer:t");
	play_end(&p);
}

TEST(messages_and_signals)
{
	PLAY(START END USER("a") USER("b") CATCH("m", MESSAGE("m1")) CATCH("g", SIGNAL)
	                BOUNDARY("bm", "a", "false", MESSAGE("m1")) BOUNDARY("bg", "a", "true",
	                        SIGNAL) "<parallelGateway id='x'/>" FLOW("f", "s", "x") FLOW("f1", "x", "a")
	                        FLOW("f2", "x", "m") FLOW("f3", "x", "g") FLOW("k1", "a", "e")
	                                FLOW("k2", "m", "b") FLOW("k3", "g", "b") FLOW("k4", "b", "e")
	                                        FLOW("k5", "bm", "b") FLOW("k6", "bg", "b"));
	check_eq_s(play_start(&p, NULL), "open:a wait:bm wait:bg wait:m wait:g");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "open:b"); /* the boundary waits longest */
	check_eq_s(play_open(&p), "a bm bg m g b");
	check_eq_s(play_named(&p, BPMN_SIGNAL, "other", NULL), "");
	check_eq_s(play_named(&p, BPMN_SIGNAL, "sig", NULL), "cancel:a open:b open:b");
	check_eq_s(play_open(&p), "m b b b");
	play_end(&p);
}

TEST(throws)
{
	PLAY(START "<endEvent id='e'>" MESSAGE("m2") "</endEvent>" CATCH(
	        "g", SIGNAL) "<parallelGateway id='x'/>" THROW("t1", "") THROW("t2", MESSAGE("m1"))
	                THROW("t3", ESCALATION("c1")) THROW("t4", SIGNAL) USER("a") FLOW("f", "s", "x")
	                        FLOW("f1", "x", "g") FLOW("f2", "x", "a") FLOW("f3", "a", "t1")
	                                FLOW("k1", "t1", "t2") FLOW("k2", "t2", "t3") FLOW("k3", "t3", "t4")
	                                        FLOW("k4", "t4", "e") FLOW("k5", "g", "e"));
	check_eq_s(play_start(&p, NULL), "wait:g open:a");
	check_eq_s(
	        play_done(&p, "a", NULL), "done:a send:one escalate:C1 signal:sig send:two send:two ended");
	play_end(&p);
}

#define SUB_BODY(inner)                                                                                      \
	"<subProcess id='u'><startEvent id='us'/>" inner "</subProcess>\n" START END FLOW("f", "s", "u")     \
	        FLOW("k", "u", "e")

TEST(sub_process)
{
	PLAY(SUB_BODY(USER("a") USER("b") "<endEvent id='ue'/>" FLOW("u1", "us", "a") FLOW("u2", "us", "b")
	                FLOW("u3", "a", "ue") FLOW("u4", "b", "ue")) USER("c") BOUNDARY("t", "u", "true",
	        TIMER_IN("timeDuration", "PT1H")) FLOW("f9", "t", "c") FLOW("k9", "c", "e"));
	check_eq_s(play_start(&p, NULL), "timer:t open:a open:b");
	check_eq_s(play_done(&p, "a", NULL), "done:a");
	check_eq_s(play_done(&p, "b", NULL), "done:b untimer:t ended");
	play_end(&p);
	check(play_begin(&p, SUB_BODY(USER("a") USER("b") "<endEvent id='ue'/>" FLOW("u1", "us", "a") FLOW(
	                             "u2", "us", "b") FLOW("u3", "a", "ue") FLOW("u4", "b", "ue")) USER("c")
	                             BOUNDARY("t", "u", "true", TIMER_IN("timeDuration", "PT1H"))
	                                     FLOW("f9", "t", "c") FLOW("k9", "c", "e")));
	play_start(&p, NULL);
	check_eq_s(play_timer(&p, "t"), "untimer:t cancel:a cancel:b open:c");
	check_eq_s(play_done(&p, "c", NULL), "done:c ended");
	play_end(&p);
}

TEST(terminate_ends_its_own_scope)
{
	PLAY(SUB_BODY(USER("a") USER("b") "<endEvent id='ue'><terminateEventDefinition/></endEvent>" FLOW(
	        "u1", "us", "a") FLOW("u2", "us", "b") FLOW("u3", "a", "ue") FLOW("u4", "b", "ue")));
	check_eq_s(play_start(&p, NULL), "open:a open:b");
	check_eq_s(play_done(&p, "b", NULL), "done:b cancel:a ended");
	play_end(&p);
}

TEST(errors_go_outwards)
{
	PLAY(SUB_BODY(USER("a") "<endEvent id='ue'>" ERROR(
	        "x1") "</endEvent><subProcess id='v'><startEvent id='vs'/>"
	              "<serviceTask id='w' h:topic='t'/><endEvent id='ve'/>" FLOW("v1", "vs", "w")
	                      FLOW("v2", "w", "ve") "</subProcess>" FLOW("u1", "us", "a") FLOW("u3", "a", "v")
	                              FLOW("u4", "v", "ue")) USER("any") USER("one") BOUNDARY("bany", "u",
	        "true", "<errorEventDefinition/>") BOUNDARY("bone", "u", "true", ERROR("x1")) FLOW("f1",
	        "bany", "any") FLOW("f2", "bone", "one") FLOW("k1", "any", "e") FLOW("k2", "one", "e"));
	check_eq_s(play_start(&p, NULL), "open:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a call:w");
	check_eq_s(play_error(&p, "w", "E9"), "cancel:w open:any");
	play_end(&p);
	check(play_begin(&p, SUB_BODY(USER("a") "<endEvent id='ue'>" ERROR("x1") "</endEvent>" FLOW(
	                             "u1", "us", "a") FLOW("u3", "a", "ue")) USER("one") BOUNDARY("bone", "u",
	                             "true", ERROR("x1")) FLOW("f2", "bone", "one") FLOW("k2", "one", "e")));
	play_start(&p, NULL);
	check_eq_s(play_done(&p, "a", NULL), "done:a open:one");
	play_end(&p);
}

TEST(an_error_that_nothing_catches_ends_the_instance)
{
	PLAY(START "<endEvent id='e'>" ERROR("x2") "</endEvent>" USER("a") USER("b") FLOW("f", "s", "a")
	                FLOW("f1", "s", "b") FLOW("k", "a", "e") FLOW("k1", "b", "e"));
	check_eq_s(play_start(&p, NULL), "open:a open:b");
	check_eq_s(play_done(&p, "a", NULL), "done:a incident:e cancel:b ended");
	check_str(play_event(&p, BPMN_ENDED)->text, "E2");
	play_end(&p);
}

TEST(escalation_is_caught_without_interrupting)
{
	PLAY(SUB_BODY(USER("a") "<endEvent id='ue'/>" THROW("t", ESCALATION("c1")) FLOW("u1", "us", "t")
	                FLOW("u2", "t", "a") FLOW("u3", "a", "ue")) USER("boss") USER("no")
	                BOUNDARY("b1", "u", "false", ESCALATION("c1"))
	                        BOUNDARY("b2", "u", "true", ESCALATION("c2")) FLOW("f1", "b1", "boss")
	                                FLOW("f2", "b2", "no") FLOW("k1", "boss", "e") FLOW("k2", "no", "e"));
	check_eq_s(play_start(&p, NULL), "escalate:C1 open:a open:boss");
	play_end(&p);
}

TEST(conditional_events_see_the_rise)
{
	PLAY(START END USER("a") USER("b") CATCH("c", CONDITION("level &gt; 3")) BOUNDARY(
	        "w", "a", "false", CONDITION("=level &gt; 5")) FLOW("f", "s", "a") FLOW("f1", "s", "c")
	                FLOW("f2", "w", "b") FLOW("k", "a", "e") FLOW("k1", "b", "e") FLOW("k2", "c", "b"));
	check_eq_s(play_start(&p, "{\"level\":1}"), "open:a wait:w wait:c");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"level\":4}"), "wait:c open:b");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"level\":6}"), "wait:w open:b");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"level\":7}"), "");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"level\":2}"), "wait:w");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"level\":9}"), "wait:w open:b");
	play_end(&p);
}

TEST(starts_by_name)
{
	const char *body = START END USER("a") USER("b") "<startEvent id='sm'>" MESSAGE(
	        "m1") "</startEvent>"
	              "<startEvent id='st'>" TIMER_IN("timeCycle", "R/P1D") "</startEvent>" FLOW(
	                      "f", "s", "a") FLOW("f1", "sm", "b") FLOW("f2", "st", "b") FLOW("k", "a", "e")
	                      FLOW("k1", "b", "e");
	static const char *const NAMES[][2] = {
	        {NULL, "open:a"}, {"one", "open:b"}, {"st", "open:b"}, {"no", "failed:INVALID"}};

	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		PLAY(body);
		check_eq_s(play_named(&p, BPMN_START, NAMES[i][0], NULL), NAMES[i][1]);
		play_end(&p);
	}
}

TEST(loops_are_bounded)
{
	PLAY(START END "<task id='a'/><exclusiveGateway id='g' default='k'/><exclusiveGateway id='m'/>" FLOW(
	        "f", "s", "m") FLOW("f0", "m", "a") FLOW("f1", "a", "g") FLOW_IF("f2", "g", "m", "x")
	                FLOW("k", "g", "e"));
	check_eq_s(play_start(&p, "{\"x\":true}"), "failed:UNPROCESSED");
	check_has(p.e.text, "loop");
	check_eq_u(p.ev.n, 0);
	check_eq_s(play_start(&p, "{\"x\":false}"), "ended");
	play_end(&p);
}

TEST(cancel_takes_all_away)
{
	PLAY(SUB_BODY(USER("a") CATCH("t", TIMER_IN("timeDuration", "PT1H")) "<endEvent id='ue'/>" FLOW(
	        "u1", "us", "a") FLOW("u2", "us", "t") FLOW("u3", "a", "ue") FLOW("u4", "t", "ue")));
	play_start(&p, NULL);
	check_eq_s(play_named(&p, BPMN_CANCEL, NULL, NULL), "cancel:a untimer:t ended");
	check_eq_s(play_open(&p), "");
	play_end(&p);
}

TEST(a_rule_task_without_its_decision_waits)
{
	PLAY(START END "<businessRuleTask id='r' h:decision='d' h:result='out'/>" FLOW("f", "s", "r")
	                FLOW("k", "r", "e"));
	check_eq_s(play_start(&p, NULL), "incident:r");
	check_has(play_event(&p, BPMN_INCIDENT)->text.p, "there is no decision \"d\"");
	play_end(&p);
}

TEST(memory_of_the_request_is_a_limit)
{
	struct arena *small;
	struct bpmn_input in = {.type = BPMN_START};

	PLAY(START END USER("a") FLOW("f", "s", "a") FLOW("k", "a", "e"));
	for (size_t limit = 16; limit < 6000; limit += 48) {
		struct bpmn_events ev;
		struct err e = ERR_INIT;
		int rc;

		small = arena_new(limit);
		rc = bpmn_decide(p.d, p.s, &in, &p.sv, small, &ev, &e);
		if (rc < 0) {
			check_err(rc, ERR_NOMEM);
			check_eq_u(ev.n, 0);
		}
		arena_free(&small);
	}
	check_eq_s(play_start(&p, NULL), "open:a");
	play_end(&p);
}
