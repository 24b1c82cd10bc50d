/*
 * What chapter 13 of the standard says happens where elements meet: which event goes where, what ends with
 * what, which join waits for whom.
 */
#include "play.h"

#include "check.h"

#define PLAY(body)                                                                                           \
	struct play p;                                                                                       \
	if (!play_begin(&p, body)) {                                                                         \
		play_end(&p);                                                                                \
		return;                                                                                      \
	}
#define XOR(id, more) "<exclusiveGateway id='" id "' " more "/>\n"
#define AND(id) "<parallelGateway id='" id "'/>\n"
#define OR(id, more) "<inclusiveGateway id='" id "' " more "/>\n"
#define TERMINATE(id) "<endEvent id='" id "'><terminateEventDefinition/></endEvent>\n"

/* ---- every trigger in every place ---- */

static const char *const DEFINITION[] = {"", TIMER_IN("timeDuration", "PT1H"), MESSAGE("m1"), SIGNAL,
        ERROR("x1"), ESCALATION("c1"), CONDITION("x"), "<terminateEventDefinition/>",
        "<compensateEventDefinition/>", "<cancelEventDefinition/>", "<linkEventDefinition name='l'/>",
        SIGNAL MESSAGE("m1")};
enum { NONE, TIMER, MSG, SIG, ERR, ESC, COND, TERM, COMPENSATE, CANCEL, LINK, SEVERAL };
#define T(x) (1u << (x))
static const struct {
	const char *before, *after;
	unsigned goes;
	const char *id; /* of what is refused, where it does not go */
} PLACES[] = {
        {END "<startEvent id='x'>", "</startEvent>" FLOW("k", "x", "e"),
                T(NONE) | T(TIMER) | T(MSG) | T(SIG) | T(COND), "x"},
        {START END FLOW("f", "s", "e") "<subProcess id='h' triggeredByEvent='true'><startEvent id='x'>",
                "</startEvent><endEvent id='he'/>" FLOW("k", "x", "he") "</subProcess>",
                T(TIMER) | T(MSG) | T(SIG) | T(ERR) | T(ESC) | T(COND), "x"},
        {START END FLOW("f", "s", "e") "<subProcess id='h' triggeredByEvent='true'><startEvent id='x' "
                                       "isInterrupting='false'>",
                "</startEvent><endEvent id='he'/>" FLOW("k", "x", "he") "</subProcess>",
                T(TIMER) | T(MSG) | T(SIG) | T(ESC) | T(COND), "x"},
        {START END "<intermediateCatchEvent id='x'>",
                "</intermediateCatchEvent>" FLOW("f", "s", "x") FLOW("k", "x", "e"),
                T(TIMER) | T(MSG) | T(SIG) | T(COND), "x"},
        {START END "<intermediateThrowEvent id='x'>",
                "</intermediateThrowEvent>" FLOW("f", "s", "x") FLOW("k", "x", "e"),
                T(NONE) | T(MSG) | T(SIG) | T(ESC), "x"},
        {START END USER("a") FLOW("f", "s", "a")
                        FLOW("k", "a", "e") "<boundaryEvent id='x' attachedToRef='a'>",
                "</boundaryEvent>" FLOW("k2", "x", "e"),
                T(TIMER) | T(MSG) | T(SIG) | T(ERR) | T(ESC) | T(COND), "x"},
        {START END USER("a") FLOW("f", "s", "a")
                        FLOW("k", "a", "e") "<boundaryEvent id='x' attachedToRef='a' "
                                            "cancelActivity='false'>",
                "</boundaryEvent>" FLOW("k2", "x", "e"), T(TIMER) | T(MSG) | T(SIG) | T(ESC) | T(COND), "x"},
        {START "<endEvent id='x'>", "</endEvent>" FLOW("f", "s", "x"),
                T(NONE) | T(MSG) | T(SIG) | T(ERR) | T(ESC) | T(TERM), "x"},
};

TEST(every_trigger_in_every_place_goes_or_is_refused_by_id)
{
	for (size_t i = 0; i < ARRAY_LEN(PLACES); i++)
		for (size_t k = 0; k < ARRAY_LEN(DEFINITION); k++) {
			struct sb b = SB_INIT;
			char *xml;
			struct bpmn_def *d = NULL;
			struct err e = ERR_INIT;
			bool goes = PLACES[i].goes & T(k);
			int rc;

			sb_printf(&b, "%s%s%s", PLACES[i].before, DEFINITION[k], PLACES[i].after);
			xml = play_xml(b.p);
			rc = bpmn_load(str_of(xml), "test.bpmn", NULL, &d, &e);
			if (!check((rc == 0) == goes) || (rc < 0 && !check_eq_s(e.field, PLACES[i].id)) ||
			        (rc < 0 && !check(e.line > 4)))
				check_fail("place %zu, trigger %zu: %s", i, k, e.text);
			bpmn_free(&d);
			sb_fini(&b);
			free(xml);
		}
}

/* ---- gateways ---- */

TEST(an_inclusive_join_does_not_wait_for_what_could_as_well_come_the_full_way)
{
	/* Both ways of x lead to j; the token in b could still come by either. */
	PLAY(START END OR("g", "") USER("a") USER("b") XOR("x", "default='x2'") OR("j", "") USER("c") USER(
	        "d") FLOW("f", "s", "g") FLOW("g1", "g", "a") FLOW("g2", "g", "b") FLOW("a1", "a", "x")
	                FLOW("b1", "b", "j") FLOW_IF("x1", "x", "j", "v") FLOW("x2", "x", "d")
	                        FLOW("d1", "d", "j") FLOW("k", "j", "c") FLOW("k1", "c", "e"));
	check_eq_s(play_start(&p, NULL), "open:a open:b");
	check_eq_s(play_done(&p, "b", NULL), "done:b");
	check_eq_s(play_done(&p, "a", "{\"v\":true}"), "done:a open:c");
	check_eq_s(play_done(&p, "c", NULL), "done:c ended");
	play_end(&p);
}

TEST(an_inclusive_join_waits_for_what_comes_round_a_loop)
{
	PLAY(START END OR("g", "") USER("a") XOR("m", "") USER("b") XOR("x", "default='x2'") OR("j", "") USER(
	        "c") FLOW("f", "s", "g") FLOW("g1", "g", "a") FLOW("g2", "g", "m") FLOW("m1", "m", "b")
	                FLOW("b1", "b", "x") FLOW_IF("x1", "x", "m", "again") FLOW("x2", "x", "j")
	                        FLOW("a1", "a", "j") FLOW("k", "j", "c") FLOW("k1", "c", "e"));
	check_eq_s(play_start(&p, NULL), "open:a open:b");
	check_eq_s(play_done(&p, "a", NULL), "done:a");
	check_eq_s(play_done(&p, "b", "{\"again\":true}"), "done:b open:b");
	check_eq_s(play_done(&p, "b", "{\"again\":false}"), "done:b open:c");
	play_end(&p);
}

TEST(an_inclusive_join_waits_for_a_boundary_event_that_may_come)
{
	PLAY(START END OR("g", "") USER("a") USER("b") BOUNDARY(
	        "t", "b", "true", TIMER_IN("timeDuration", "PT1H")) OR("j", "") USER("c") FLOW("f", "s", "g")
	                FLOW("g1", "g", "a") FLOW("g2", "g", "b") FLOW("a1", "a", "j") FLOW("b1", "b", "e")
	                        FLOW("t1", "t", "j") FLOW("k", "j", "c") FLOW("k1", "c", "e"));
	check_eq_s(play_start(&p, NULL), "open:a open:b timer:t");
	check_eq_s(play_done(&p, "a", NULL), "done:a");
	check_eq_s(play_done(&p, "b", NULL), "done:b untimer:t open:c");
	play_end(&p);
}

/* The inner join looks at its own scope: what goes on beside does not hold it up. */
TEST(a_join_in_a_sub_process_does_not_see_what_is_outside)
{
	PLAY(START END AND("g") USER("a") "<subProcess id='u'><startEvent id='us'/>" OR("h", "") USER("b")
	                USER("c") OR("i", "") "<endEvent id='ue'/>" FLOW("u1", "us", "h") FLOW_IF("h1", "h",
	                        "b", "v") FLOW("h2", "h", "c") FLOW("b1", "b", "i") FLOW("c1", "c", "i")
	                        FLOW("i1", "i", "ue") "</subProcess>" FLOW("f", "s", "g") FLOW("g1", "g", "a")
	                                FLOW("g2", "g", "u") FLOW("k1", "a", "e") FLOW("k2", "u", "e"));
	check_eq_s(play_start(&p, NULL), "open:a open:c");
	check_eq_s(play_done(&p, "c", NULL), "done:c");
	check_eq_s(play_open(&p), "a");
	play_end(&p);
}

TEST(an_event_gateway_takes_a_condition_and_drops_the_rest)
{
	PLAY(START END "<eventBasedGateway id='g'/>" CATCH("c", CONDITION("x &gt; 1")) CATCH("n", SIGNAL)
	                CATCH("t", TIMER_IN("timeDuration", "PT1H")) USER("a") USER("b") FLOW("f", "s", "g")
	                        FLOW("g1", "g", "c") FLOW("g2", "g", "n") FLOW("g3", "g", "t")
	                                FLOW("k", "c", "a") FLOW("k1", "n", "b") FLOW("k2", "t", "b")
	                                        FLOW("k3", "a", "e") FLOW("k4", "b", "e"));
	check_eq_s(play_start(&p, "{\"x\":1}"), "wait:c wait:n timer:t");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"x\":2}"), "wait:c untimer:t open:a");
	check_eq_s(play_named(&p, BPMN_SIGNAL, "sig", NULL), "");
	check_eq_s(play_open(&p), "a");
	play_end(&p);
}

TEST(two_tokens_wait_at_a_parallel_join_each_for_its_own)
{
	PLAY(START END AND("g") XOR("m", "") USER("a") USER("b") AND("j") USER("c") FLOW("f", "s", "g") FLOW(
	        "g1", "g", "m") FLOW("g2", "g", "m") FLOW("g3", "g", "b") FLOW("m1", "m", "a")
	                FLOW("a1", "a", "j") FLOW("b1", "b", "j") FLOW("k", "j", "c") FLOW("k1", "c", "e"));
	check_eq_s(play_start(&p, NULL), "open:b open:a open:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a");
	check_eq_s(play_done(&p, "b", NULL), "done:b open:c");
	check_eq_s(play_done(&p, "c", NULL), "done:c incident:j");
	play_end(&p);
}

/* ---- calls ---- */

#define CALL(id, more) "<callActivity id='" id "' calledElement='q'>" more "</callActivity>\n"
#define THREE                                                                                                \
	"<multiInstanceLoopCharacteristics><loopCardinality>3</loopCardinality>"                             \
	"</multiInstanceLoopCharacteristics>"

TEST(an_error_of_one_called_process_ends_all_instances)
{
	PLAY(START END CALL("c", THREE) USER("z") BOUNDARY("x", "c", "true", ERROR("x1")) FLOW("f", "s", "c")
	                FLOW("k", "c", "e") FLOW("k1", "x", "z") FLOW("k2", "z", "e") PROCESS("q")
	                        START USER("a") XOR("g", "default='g2'") END
	        "<endEvent id='bad'>" ERROR("x1") "</endEvent>" FLOW("f", "s", "a") FLOW("g0", "a", "g")
	                FLOW_IF("g1", "g", "bad", "bad") FLOW("g2", "g", "e"));
	check_eq_s(play_start(&p, NULL), "loop:c called:c called:c called:c open:a open:a open:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a returned:c");
	check_eq_s(play_done(&p, "a", "{\"bad\":true}"), "done:a cancel:a open:z");
	check_eq_s(play_variable(&p, "bad"), "none");
	check_eq_s(play_done(&p, "z", NULL), "done:z ended");
	play_end(&p);
}

TEST(a_terminate_event_ends_the_called_process_only)
{
	PLAY(START END AND("g") USER("z") CALL("c", "") FLOW("f", "s", "g") FLOW("g1", "g", "z")
	                FLOW("g2", "g", "c") FLOW("k", "c", "e") FLOW("k1", "z", "e") PROCESS("q")
	                        START USER("a") USER("b") TERMINATE("t") FLOW("f", "s", "a")
	                                FLOW("f1", "s", "b") FLOW("k", "a", "t") FLOW("k1", "b", "t"));
	check_eq_s(play_start(&p, NULL), "open:z called:c open:a open:b");
	check_eq_s(play_done(&p, "a", NULL), "done:a cancel:b returned:c");
	check_eq_s(play_open(&p), "z");
	play_end(&p);
}

TEST(a_terminate_event_ends_one_instance_only)
{
	PLAY(START END "<subProcess id='u'>" THREE "<startEvent id='us'/>" USER("a") USER("b") TERMINATE("t")
	                FLOW("u1", "us", "a") FLOW("u2", "us", "b") FLOW("u3", "a", "t")
	                        FLOW("u4", "b", "t") "</subProcess>" FLOW("f", "s", "u") FLOW("k", "u", "e"));
	check_eq_s(play_start(&p, NULL), "loop:u open:a open:b open:a open:b open:a open:b");
	check_eq_s(play_done(&p, "a", NULL), "done:a cancel:b");
	check_eq_s(play_open(&p), "a b a b");
	play_end(&p);
}

TEST(an_interrupting_event_sub_process_takes_the_place_of_the_called_process)
{
	PLAY(START END CALL("c", "") USER("z") BOUNDARY("t", "c", "false", TIMER_IN("timeDuration", "PT2H"))
	                FLOW("f", "s", "c") FLOW("k", "c", "z") FLOW("k1", "z", "e") FLOW("k2", "t", "e")
	                        PROCESS("q") START USER("a") END FLOW("f", "s", "a") FLOW("k", "a",
	                                "e") "<subProcess id='h' triggeredByEvent='true'><startEvent "
	                                     "id='hs'>" TIMER_IN("timeDuration", "PT1H") "</startEvent>" USER(
	                                             "ht") "<endEvent id='he'/>" FLOW("h1", "hs", "ht")
	                                             FLOW("h2", "ht", "he") "</subProcess>");
	check_eq_s(play_start(&p, NULL), "called:c timer:t timer:hs open:a");
	check_eq_s(play_timer(&p, "hs"), "untimer:hs cancel:a open:ht");
	check_eq_s(play_open(&p), "t ht");
	check_eq_s(play_done(&p, "ht", NULL), "done:ht returned:c untimer:t open:z");
	play_end(&p);
}

TEST(an_escalation_crosses_the_border_and_one_that_nothing_catches_goes_on)
{
	PLAY(START END CALL("c", "") USER("z") BOUNDARY("x", "c", "false", ESCALATION("c1")) FLOW(
	        "f", "s", "c") FLOW("k", "c", "e") FLOW("k1", "x", "z") FLOW("k2", "z", "e") PROCESS("q")
	                START USER("a") THROW("t1", ESCALATION("c1")) THROW("t2", ESCALATION("c2"))
	                        END FLOW("f", "s", "t1") FLOW("f1", "t1", "t2") FLOW("f2", "t2", "a")
	                                FLOW("k", "a", "e"));
	check_eq_s(play_start(&p, NULL), "called:c escalate:C1 escalate:C2 open:z open:a");
	check_eq_s(play_done(&p, "a", NULL), "done:a returned:c");
	play_end(&p);
}

TEST(conditions_in_a_called_process_see_its_variables)
{
	PLAY(START END CALL(
	        "c", "<extensionElements><h:in name='x' value='=0'/><h:out name='y'/></extensionElements>")
	                BOUNDARY("w", "c", "false", CONDITION("x &gt; 1")) USER("z") FLOW("f", "s", "c")
	                        FLOW("k", "c", "e") FLOW("k1", "w", "z") FLOW("k2", "z", "e") PROCESS("q")
	                                START USER("a") BOUNDARY("v", "a", "true", CONDITION("x &gt; 1"))
	                                        USER("b") END FLOW("f", "s", "a") FLOW("k", "a", "e")
	                                                FLOW("k1", "v", "b") FLOW("k2", "b", "e"));
	check_eq_s(play_start(&p, "{\"x\":1}"), "called:c wait:w open:a wait:v");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"x\":2}"), "wait:w open:z");
	check_eq_s(play_open(&p), "w a v z");
	play_step(&p,
	        &(struct bpmn_input){
	                .type = BPMN_SET, .key = play_key(&p, "a"), .variables = bpmn_state_variables(p.s)});
	check_eq_s(play_open(&p), "w z b");
	play_end(&p);
}

/* ---- what ends with what ---- */

TEST(a_completion_condition_takes_timers_and_waits_of_the_rest_away)
{
	PLAY(START END
	        "<subProcess id='u'><multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality>"
	        "<completionCondition>enough</completionCondition></multiInstanceLoopCharacteristics>"
	        "<startEvent id='us'/>" USER("a") BOUNDARY(
	                "t", "a", "true", TIMER_IN("timeDuration", "PT1H")) "<endEvent id='ue'/>" FLOW("u1",
	                "us", "a") FLOW("u2", "a", "ue")
	                FLOW("u3", "t", "ue") "<subProcess id='h' triggeredByEvent='true'>"
	                                      "<startEvent id='hs' isInterrupting='false'>" SIGNAL
	                                      "</startEvent><endEvent id='he'/>" FLOW("h1", "hs",
	                                              "he") "</subProcess></subProcess>" FLOW("f", "s", "u")
	                                              FLOW("k", "u", "e"));
	check_eq_s(play_start(&p, NULL), "loop:u wait:hs wait:hs open:a timer:t open:a timer:t");
	check_eq_s(play_done(&p, "a", "{\"enough\":true}"), "done:a untimer:t cancel:a untimer:t ended");
	check_eq_s(play_open(&p), "");
	play_end(&p);
}

TEST(an_interrupting_boundary_event_ends_what_is_deep_inside)
{
	PLAY(START END "<subProcess id='u'><startEvent id='us'/>" CALL("c", THREE) "<endEvent id='ue'/>" FLOW(
	        "u1", "us", "c") FLOW("u2", "c", "ue") "</subProcess>" BOUNDARY("m", "u", "true",
	        MESSAGE("m1")) USER("z") FLOW("f", "s", "u") FLOW("k", "u", "e") FLOW("k1", "m", "z")
	                FLOW("k2", "z", "e") PROCESS("q") START USER("a")
	                        BOUNDARY("t", "a", "false", TIMER_IN("timeCycle", "R/PT1H"))
	                                END FLOW("f", "s", "a") FLOW("k", "a", "e") FLOW("k1", "t", "e"));
	play_start(&p, NULL);
	check_eq_s(play_open(&p), "m a a a t t t");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL),
	        "cancel:a untimer:t cancel:a untimer:t cancel:a untimer:t open:z");
	check_eq_s(play_open(&p), "z");
	play_end(&p);
}

TEST(messages_go_to_the_one_that_waits_longest)
{
	PLAY(START END "<receiveTask id='r' messageRef='m1'>" THREE "</receiveTask>" USER("z")
	                FLOW("f", "s", "r") FLOW("k", "r", "z") FLOW("k1", "z", "e"));
	check_eq_s(play_start(&p, NULL), "loop:r wait:r wait:r wait:r");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "");
	check_eq_s(play_open(&p), "r r");
	play_named(&p, BPMN_MESSAGE, "one", NULL);
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "open:z");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "failed:STATE");
	play_end(&p);
}

/* A signal that is thrown ends the very activity that it is thrown in. */
TEST(who_throws_a_signal_may_be_interrupted_by_it)
{
	PLAY(START END "<subProcess id='u'><startEvent id='us'/>" THROW("x", SIGNAL)
	                USER("a") "<endEvent id='ue'/>" FLOW("u1", "us", "x") FLOW("u2", "x", "a")
	                        FLOW("u3", "a", "ue") "</subProcess>" BOUNDARY("g", "u", "true", SIGNAL)
	                                USER("z") FLOW("f", "s", "u") FLOW("k", "u", "e") FLOW("k1", "g", "z")
	                                        FLOW("k2", "z", "e"));
	check_eq_s(play_start(&p, NULL), "wait:g signal:sig open:z");
	check_eq_s(play_open(&p), "z");
	play_end(&p);
}

/* Of the variables that a task ends with none can interrupt it any more. */
TEST(a_task_that_is_done_is_not_interrupted_by_what_it_says)
{
	PLAY(START END USER("a") BOUNDARY("c", "a", "true", CONDITION("x")) USER("b") USER("z") FLOW("f", "s",
	        "a") FLOW("k", "a", "b") FLOW("k1", "b", "e") FLOW("k2", "c", "z") FLOW("k3", "z", "e"));
	check_eq_s(play_start(&p, NULL), "open:a wait:c");
	check_eq_s(play_done(&p, "a", "{\"x\":true}"), "done:a open:b");
	play_end(&p);
}
