/* Cases that messages, signals and the clock begin. */
#include "mini.h"
#include "city/flow_start.h"

#define PROCESS "<bpmn:process id=\"handling\" name=\"城市事件处置\" isExecutable=\"true\">"
#define ROOTS                                                                                                \
	"<bpmn:message id=\"m-call\" name=\"call\"/><bpmn:message id=\"m-more\" name=\"more\"/>"             \
	"<bpmn:signal id=\"g-storm\" name=\"storm\"/>"
#define BY_MESSAGE "<bpmn:messageEventDefinition messageRef=\"m-call\"/>"
#define BY_SIGNAL "<bpmn:signalEventDefinition signalRef=\"g-storm\"/>"
#define EVERY_DAY                                                                                            \
	"<bpmn:timerEventDefinition><bpmn:timeCycle>R/2026-07-10T09:00:00+08:00/P1D</bpmn:timeCycle>"        \
	"</bpmn:timerEventDefinition>"

/* One more start event, and a task that waits for the message "more". */
static void starts(struct mini *m, const char *attributes, const char *definition)
{
	mini_flow(m, PROCESS,
	        arena_printf(m->a,
	                ROOTS PROCESS
	                "<bpmn:startEvent id=\"begin\" name=\"来电\" %s>%s</bpmn:startEvent>"
	                "<bpmn:sequenceFlow id=\"begin1\" sourceRef=\"begin\" targetRef=\"redispatch\"/>"
	                "<bpmn:boundaryEvent id=\"more\" attachedToRef=\"redispatch\" "
	                "cancelActivity=\"false\">"
	                "<bpmn:messageEventDefinition messageRef=\"m-more\"/></bpmn:boundaryEvent>"
	                "<bpmn:endEvent id=\"noted\"/>"
	                "<bpmn:sequenceFlow id=\"more1\" sourceRef=\"more\" targetRef=\"noted\"/>",
	                attributes, definition));
}

static int says(struct mini *m, const char *name, const char *key, const char *variables,
        struct flow_case *out, const struct who *who, struct err *e)
{
	const struct flow_sent sent = {name, key, variables ? str_of(variables) : STR_NULL};
	struct flow_case *all = NULL;
	int n = 0, rc = flow_message(m->s, &sent, who, m->a, &all, &n, e);

	if (rc == 0)
		check_eq_i(n, 1);
	if (rc == 0 && out != NULL)
		*out = all[0];
	return rc;
}

static int due(struct mini *m)
{
	time_us next = TIME_NONE;
	int begun = 0;

	check_ok(flow_begin(m->s, clock_now(m->s->clock), 10, &begun, &next, NULL), NULL);
	return begun;
}

static int cases(struct mini *m)
{
	const struct case_filter all = {.after_deadline = TIME_NONE, .limit = 100};
	struct store_tx *tx = NULL;
	struct city_case *list;
	int n = 0;

	check_ok(store_read_begin(m->s->store, "count", &tx, NULL), NULL);
	check_ok(case_list(tx, m->s, &who_system, &all, &list, &n, NULL), NULL);
	store_read_end(&tx);
	return n;
}

MINI(a_message_begins_a_case_and_the_next_goes_to_it, false)
{
	struct flow_case one = {0}, two = {0};
	struct err e = ERR_INIT;
	struct city_case c;

	starts(m,
	        "heming:category=\"gas\" heming:title=\"=&quot;来电：&quot; + what\" heming:thing=\"=thing\" "
	        "heming:level=\"=if urgent then 1 else null\"",
	        BY_MESSAGE);
	check_ok(says(m, "call", "T-1", "{\"what\":\"有味\",\"thing\":\"S-1\",\"urgent\":true}", &one,
	                 &m->desk, &e),
	        &e);
	check(one.begun);
	c = mini_get(m, one.id);
	check_eq_s(c.code, one.code);
	check_eq_s(c.title, "来电：有味");
	check_eq_s(c.category, "gas");
	check_eq_s(c.thing, "S-1");
	check_eq_s(c.source, "flow");
	check_eq_i(c.level, 1);
	check_eq_s(c.stage, "dispatch");
	check(c.deadline != TIME_NONE);
	check_eq_s(mini_history(m, one.id), "opened");
	check_has(mini_kinds(m, "case."), "opened");

	/* The key is that case's while it is open. */
	check_ok(says(m, "more", "T-1", "{\"what\":\"又来\"}", &two, &m->desk, &e), &e);
	check(!two.begun);
	check(two.id == one.id);
	check_eq_s(mini_history(m, one.id), "opened received");
	check_err(says(m, "call", "T-1", NULL, NULL, &m->desk, &e), ERR_STATE);
	check_has(e.text, one.code);
	check_err(says(m, "more", "T-2", NULL, NULL, &m->desk, &e), ERR_NOTFOUND);
	check_ok(says(m, "call", "T-2", "{\"what\":\"x\"}", &two, &m->desk, &e), &e);
	check(two.begun && two.id != one.id);
	check_ok(mini_do(m, one.id, "void", &m->desk), NULL);
	check_ok(says(m, "call", "T-1", "{\"what\":\"x\"}", &two, &m->desk, &e), &e);
	check(two.begun && two.id != one.id);

	/* After a restart all is the same. */
	mini_again(m, false);
	check_err(says(m, "call", "T-1", NULL, NULL, &m->desk, &e), ERR_STATE);
	/* Without a key each begins one. */
	check_ok(says(m, "call", "", "{\"what\":\"x\"}", &one, &m->desk, &e), &e);
	check_ok(says(m, "call", "", "{\"what\":\"x\"}", &two, &m->desk, &e), &e);
	check(one.id != two.id);
}

MINI(what_no_case_can_begin_by, false)
{
	struct err e = ERR_INIT;

	starts(m, "", BY_MESSAGE);
	check_err(says(m, "call", "", NULL, NULL, &m->desk, &e), ERR_UNPROCESSED);
	check_has(e.text, "the categories gas and cover have the flow handling");
	check_err(says(m, "nothing", "", NULL, NULL, &m->desk, &e), ERR_NOTFOUND);
	check_err(says(m, "", "", NULL, NULL, &m->desk, NULL), ERR_INVALID);
	check_err(says(m, "call", "", "[1]", NULL, &m->desk, NULL), ERR_INVALID);
	check_err(says(m, "call", "", NULL, NULL, &m->worker, NULL), ERR_DENIED);
	check_eq_i(cases(m), 0);
}

MINI(what_a_start_event_says_must_be_right, false)
{
	struct err e = ERR_INIT;

	starts(m,
	        "heming:category=\"=kind\" heming:region=\"=where\" heming:level=\"=how\" "
	        "heming:org=\"=who\"",
	        BY_MESSAGE);
	check_err(says(m, "call", "", "{\"kind\":\"none\"}", NULL, &m->desk, &e), ERR_INVALID);
	check_has(e.text, "no category has this code");
	check_err(says(m, "call", "", "{\"kind\":\"gas\",\"where\":\"9\"}", NULL, &m->desk, &e), ERR_INVALID);
	check_has(e.text, "no region has this code");
	check_err(says(m, "call", "", "{\"kind\":\"gas\",\"how\":7}", NULL, &m->desk, &e), ERR_INVALID);
	check_has(e.text, "a level from 1");
	check_err(says(m, "call", "", "{\"kind\":\"gas\",\"who\":\"nobody\"}", NULL, &m->desk, &e),
	        ERR_INVALID);
	check_has(e.text, "no org has this code");
	check_eq_i(cases(m), 0);
	check_ok(says(m, "call", "", "{\"kind\":\"gas\",\"who\":\"works\",\"how\":\"2\",\"where\":\"1001\"}",
	                 NULL, &m->desk, &e),
	        &e);
	check_eq_s(mini_get(m, 0).title, "来电");
	check_eq_i(cases(m), 1);
}

MINI(a_signal_begins_cases_when_their_turn_comes, false)
{
	const struct flow_sent sent = {"storm", "", STR_LIT("{\"wind\":11}")};
	struct who narrow = m->desk;
	struct err e = ERR_INIT;
	int waiting = -1, starting = -1;

	starts(m, "heming:category=\"cover\" heming:title=\"=&quot;风力 &quot; + string(wind)\"", BY_SIGNAL);
	narrow.scope.regions = (const char *const[]){"1001", NULL};
	check_err(flow_signal(m->s, &sent, &narrow, &waiting, &starting, NULL), ERR_DENIED);
	check_err(flow_signal(m->s, &sent, &m->worker, &waiting, &starting, NULL), ERR_DENIED);
	check_ok(flow_signal(m->s, &sent, &m->desk, &waiting, &starting, &e), &e);
	check_eq_i(waiting, 0);
	check_eq_i(starting, 1);
	check_eq_i(cases(m), 0);
	mini_again(m, false); /* the site may fall in between */
	check_eq_i(due(m), 1);
	check_eq_i(due(m), 0);
	check_eq_s(mini_get(m, 0).title, "风力 11");
	check_eq_s(mini_kinds(m, "flow."), "signal");
}

MINI(the_clock_begins_a_case_each_day, true)
{
	starts(m, "heming:category=\"cover\" heming:title=\"每日巡查\"", EVERY_DAY);
	mini_again(m, true);
	mini_set(m, "2026-07-14T08:59:00+08:00");
	check_eq_i(cases(m), 0);
	mini_set(m, "2026-07-14T09:00:00+08:00");
	check_eq_i(cases(m), 1);
	check_eq_s(mini_get(m, 0).title, "每日巡查");
	mini_again(m, true);
	mini_set(m, "2026-07-14T23:00:00+08:00");
	check_eq_i(cases(m), 1);
	/* Those of three days that nobody was there are one. */
	mini_set(m, "2026-07-17T10:00:00+08:00");
	check_eq_i(cases(m), 2);
	mini_set(m, "2026-07-18T09:00:00+08:00");
	check_eq_i(cases(m), 3);
	/* A version without the timer begins none. */
	mini_flow(m, "heming:title=\"每日巡查\"><bpmn:timerEventDefinition>",
	        "heming:title=\"x\"><bpmn:timerEventDefinition>");
	mini_flow(m, EVERY_DAY,
	        "<bpmn:conditionalEventDefinition><bpmn:condition>false</bpmn:condition></"
	        "bpmn:conditionalEventDefinition>");
	mini_again(m, true);
	mini_set(m, "2026-07-19T10:00:00+08:00");
	check_eq_i(cases(m), 3);
}

MINI(a_timer_in_working_time_and_a_date_begin_once, true)
{
	starts(m, "heming:category=\"cover\"",
	        "<bpmn:timerEventDefinition><bpmn:timeDuration "
	        "heming:calendar=\"workday\">PT1H</bpmn:timeDuration>"
	        "</bpmn:timerEventDefinition>");
	mini_again(m, true);
	mini_set(m, "2026-07-14T09:00:00+08:00");
	check_eq_i(cases(m), 0); /* work begins later than 08:00 */
	mini_set(m, "2026-07-14T20:00:00+08:00");
	check_eq_i(cases(m), 1);
	mini_again(m, true);
	mini_set(m, "2026-07-20T20:00:00+08:00");
	check_eq_i(cases(m), 1);
	/* A date that is over begins nothing; one that comes begins one. */
	mini_flow(m, "<bpmn:timeDuration heming:calendar=\"workday\">PT1H</bpmn:timeDuration>",
	        "<bpmn:timeDate>2026-07-01T00:00:00Z</bpmn:timeDate>");
	mini_again(m, true);
	mini_set(m, "2026-07-21T20:00:00+08:00");
	check_eq_i(cases(m), 1);
	mini_flow(m, "2026-07-01T00:00:00Z", "2026-07-22T00:00:00Z");
	mini_again(m, true);
	mini_set(m, "2026-07-23T20:00:00+08:00");
	check_eq_i(cases(m), 2);
	mini_again(m, true);
	mini_set(m, "2026-07-24T20:00:00+08:00");
	check_eq_i(cases(m), 2);
}

MINI(a_timer_that_can_begin_no_case_is_told, true)
{
	starts(m, "", EVERY_DAY);
	mini_again(m, true);
	mini_set(m, "2026-07-14T09:30:00+08:00");
	check_eq_i(cases(m), 0);
	check_eq_s(mini_kinds(m, "flow."), "refused");
	mini_set(m, "2026-07-15T09:30:00+08:00");
	check_eq_s(mini_kinds(m, "flow."), "refused refused");
}

/* A case that sends the message by which its own flow starts: each begins the next, until that is enough. */
MINI(cases_that_begin_one_another_come_to_an_end, false)
{
	struct err e = ERR_INIT;
	int n = 0;

	mini_flow(m, PROCESS,
	        ROOTS PROCESS
	        "<bpmn:startEvent id=\"begin\" heming:category=\"gas\">" BY_MESSAGE "</bpmn:startEvent>"
	        "<bpmn:sendTask id=\"again\" messageRef=\"m-call\"/>"
	        "<bpmn:sequenceFlow id=\"begin1\" sourceRef=\"begin\" targetRef=\"again\"/>"
	        "<bpmn:sequenceFlow id=\"begin2\" sourceRef=\"again\" targetRef=\"redispatch\"/>");
	check_ok(says(m, "call", "", "{\"what\":\"x\"}", NULL, &m->desk, &e), &e);
	while (due(m) > 0 && n++ < 100)
		;
	check_eq_i(cases(m), 9);
	check_eq_s(mini_kinds(m, "flow."), "refused");
}
