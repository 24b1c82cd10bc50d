/* Messages and signals into the flow of a case and out of it; services that it calls. */
#include "mini.h"

#define PROCESS "<bpmn:process id=\"handling\" name=\"城市事件处置\" isExecutable=\"true\">"

/* The handling can be called off, which is told elsewhere. */
static void may_be_called_off(struct mini *m)
{
	mini_flow(m, PROCESS,
	        "<bpmn:message id=\"m-off\" name=\"off\"/><bpmn:message id=\"m-told\" name=\"told\"/>" PROCESS
	        "<bpmn:boundaryEvent id=\"off\" attachedToRef=\"handle\"><bpmn:messageEventDefinition "
	        "messageRef=\"m-off\"/></bpmn:boundaryEvent>"
	        "<bpmn:sendTask id=\"tell\" messageRef=\"m-told\"/>"
	        "<bpmn:sequenceFlow id=\"off1\" sourceRef=\"off\" targetRef=\"tell\"/>"
	        "<bpmn:sequenceFlow id=\"off2\" sourceRef=\"tell\" targetRef=\"redispatch\"/>");
}

MINI(a_message_moves_the_flow, false)
{
	struct case_act act = {0};
	struct err e = ERR_INIT;

	may_be_called_off(m);
	act.id = mini_case(m, "gas", "S-1");
	check_err(case_message(m->s, &act, "nothing", STR_NULL, &m->desk, &e), ERR_STATE);
	check_has(e.text, "nothing waits for the message \"nothing\"");
	check_err(case_message(m->s, &act, "off", STR_LIT("[1]"), &m->desk, NULL), ERR_INVALID);
	check_ok(case_message(m->s, &act, "off", STR_LIT("{\"why\":\"rain\"}"), &m->desk, &e), &e);
	check_eq_s(mini_get(m, act.id).stage, "dispatch");
	check_eq_s(mini_history(m, act.id), "opened decided received sent");
	check_has(mini_kinds(m, "case."), "received sent");
	check_err(case_message(m->s, &act, "off", STR_NULL, &m->desk, NULL), ERR_STATE);
	check_ok(mini_do(m, act.id, "void", &m->desk), NULL);
	check_err(case_message(m->s, &act, "off", STR_NULL, &m->desk, &e), ERR_STATE);
	check_has(e.text, "void");
}

/* Called off, a workshop repairs, which may have no parts for it. */
static void may_be_repaired(struct mini *m)
{
	mini_flow(m, PROCESS,
	        "<bpmn:message id=\"m-off\" name=\"off\"/>"
	        "<bpmn:error id=\"x-parts\" errorCode=\"NO_PARTS\"/>" PROCESS
	        "<bpmn:boundaryEvent id=\"off\" attachedToRef=\"handle\"><bpmn:messageEventDefinition "
	        "messageRef=\"m-off\"/></bpmn:boundaryEvent>"
	        "<bpmn:serviceTask id=\"repair\" heming:topic=\"workshop\"/>"
	        "<bpmn:boundaryEvent id=\"no-parts\" attachedToRef=\"repair\"><bpmn:errorEventDefinition "
	        "errorRef=\"x-parts\"/></bpmn:boundaryEvent>"
	        "<bpmn:sequenceFlow id=\"off1\" sourceRef=\"off\" targetRef=\"repair\"/>"
	        "<bpmn:sequenceFlow id=\"repaired\" sourceRef=\"repair\" targetRef=\"verify\"/>"
	        "<bpmn:sequenceFlow id=\"not\" sourceRef=\"no-parts\" targetRef=\"redispatch\"/>");
}

static int64_t called_off(struct mini *m, const char *thing)
{
	struct case_act act = {.id = mini_case(m, "gas", thing)};

	check_ok(case_message(m->s, &act, "off", STR_NULL, &m->desk, NULL), NULL);
	check_eq_s(mini_get(m, act.id).stage, "service");
	check_eq_s(mini_get(m, act.id).outcomes, "done failed");
	return act.id;
}

static int service_says(struct mini *m, int64_t id, const char *outcome, const char *variables)
{
	const struct case_act act = {.id = id};

	return case_complete(m->s, &act, outcome, variables ? str_of(variables) : STR_NULL, &m->desk, NULL);
}

MINI(a_service_says_by_which_error_it_failed, false)
{
	int64_t id;

	may_be_repaired(m);
	id = called_off(m, "S-1");
	check_ok(service_says(m, id, "failed", "{\"error\":\"NO_PARTS\"}"), NULL);
	check_eq_s(mini_get(m, id).stage, "dispatch");

	/* An error that nothing catches is the desk's to look at; it may try again. */
	id = called_off(m, "S-2");
	check_ok(service_says(m, id, "failed", "{\"error\":\"FIRE\"}"), NULL);
	check_eq_s(mini_get(m, id).stage, "incident");
	check_ok(mini_do(m, id, "retry", &m->desk), NULL);
	check_ok(service_says(m, id, "failed", NULL), NULL);
	check_ok(mini_do(m, id, "retry", &m->desk), NULL);
	check_ok(service_says(m, id, "done", NULL), NULL);
	check_eq_s(mini_get(m, id).stage, "verify");
}

/* Who hands back tells all others of it: they go to the desk as well, once. */
static void tells_all(struct mini *m)
{
	mini_flow(m, PROCESS,
	        "<bpmn:signal id=\"g-stop\" name=\"stop\"/><bpmn:message id=\"m-off\" name=\"off\"/>" PROCESS
	        "<bpmn:boundaryEvent id=\"off\" attachedToRef=\"handle\"><bpmn:messageEventDefinition "
	        "messageRef=\"m-off\"/></bpmn:boundaryEvent>"
	        "<bpmn:boundaryEvent id=\"stop\" attachedToRef=\"handle\"><bpmn:signalEventDefinition "
	        "signalRef=\"g-stop\"/></bpmn:boundaryEvent>"
	        "<bpmn:intermediateThrowEvent id=\"tell\"><bpmn:signalEventDefinition "
	        "signalRef=\"g-stop\"/></bpmn:intermediateThrowEvent>"
	        "<bpmn:sequenceFlow id=\"off1\" sourceRef=\"off\" targetRef=\"tell\"/>"
	        "<bpmn:sequenceFlow id=\"off2\" sourceRef=\"tell\" targetRef=\"redispatch\"/>"
	        "<bpmn:sequenceFlow id=\"off3\" sourceRef=\"stop\" targetRef=\"redispatch\"/>");
}

static int timers(struct mini *m)
{
	time_us next = TIME_NONE;
	int fired = 0;

	check_ok(case_timers(m->s, clock_now(m->s->clock), 10, &fired, &next, NULL), NULL);
	return fired;
}

MINI(a_signal_reaches_the_other_cases_that_wait_for_it, false)
{
	struct case_act act = {0};
	int64_t one, two, late;

	tells_all(m);
	act.id = mini_case(m, "gas", "S-1");
	one = mini_case(m, "gas", "S-2");
	two = mini_case(m, "gas", "S-2");
	check_ok(mini_do(m, two, "done", &m->worker), NULL); /* it waits no more */
	check_eq_i(timers(m), 0);
	check_ok(case_message(m->s, &act, "off", STR_NULL, &m->desk, NULL), NULL);
	check_eq_s(mini_history(m, act.id), "opened decided received sent");
	late = mini_case(m, "gas", "S-1"); /* waits, but was not there */
	check_eq_s(mini_get(m, one).stage, "handle");
	check_eq_i(timers(m), 1);
	check_eq_i(timers(m), 0);
	check_eq_s(mini_get(m, one).stage, "dispatch");
	check_eq_s(mini_history(m, one), "opened decided received");
	check_eq_s(mini_get(m, two).stage, "verify");
	check_eq_s(mini_get(m, late).stage, "handle");
	check_eq_s(mini_get(m, act.id).stage, "dispatch");
	/* Back at the handling they wait again. */
	check_ok(mini_do(m, one, "dispatch", &m->desk), NULL);
	act.id = late;
	check_ok(case_message(m->s, &act, "off", STR_NULL, &m->desk, NULL), NULL);
	check_eq_i(timers(m), 1);
	check_eq_s(mini_get(m, one).stage, "dispatch");
}
