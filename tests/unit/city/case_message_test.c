/* Messages: into the flow of a case, and out of it. */
#include "mini.h"

/* The handling can be called off, which is told elsewhere. */
static void may_be_called_off(struct mini *m)
{
#define PROCESS "<bpmn:process id=\"handling\" name=\"城市事件处置\" isExecutable=\"true\">"
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
