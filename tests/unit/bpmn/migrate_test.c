/* Another version of the definition under a running instance: what goes on, what is set anew, what is
 * refused. */
#include "play.h"

#include "check.h"

#define BEGIN(body)                                                                                          \
	struct play p;                                                                                       \
	if (!play_begin(&p, body)) {                                                                         \
		play_end(&p);                                                                                \
		return;                                                                                      \
	}
#define REMIND BOUNDARY("remind", "a", "false", TIMER_IN("timeDuration", "PT1H")) FLOW("r", "remind", "e")
#define ONE_TASK START END USER("a") FLOW("f", "s", "a") FLOW("k", "a", "e")

static struct sb told;

static void tell(void *ctx, const char *element, const char *why)
{
	(void)ctx;
	sb_printf(&told, "%s: %s; ", element, why);
}

/* The play goes on with the body as the new version; "reasons: …" if it cannot. renamed: JSON or NULL. */
static const char *migrate(struct play *p, const char *body, const char *renamed)
{
	char *xml = play_xml(body);
	struct bpmn_def *old = p->d, *new = NULL;
	struct feel_value map;
	const char *words;
	int reasons;

	if (renamed != NULL)
		check_ok(feel_read_json(p->a, str_of(renamed), &map, &p->e), &p->e);
	if (!check_ok(bpmn_load(str_of(xml), "new.bpmn", NULL, &new, &p->e), &p->e)) {
		free(xml);
		return "not loaded";
	}
	free(xml);
	sb_reset(&told);
	reasons = bpmn_migration_check(new, p->s, renamed ? &map : NULL, tell, NULL);
	p->d = new;
	words = play_step(p,
	        &(struct bpmn_input){.type = BPMN_MIGRATE, .variables = renamed ? &map : NULL, .from = old});
	check_eq_i(p->rc<0, reasons> 0);
	if (reasons > 0) {
		words = arena_printf(p->a, "%d reasons: %s", reasons, told.p);
		check_has(p->e.text, "cannot go on with this version");
		p->d = old;
		bpmn_free(&new);
	} else
		bpmn_free(&old);
	sb_fini(&told);
	return words;
}

TEST(elements_go_by_id)
{
	BEGIN(ONE_TASK);
	play_start(&p, "{\"x\":1}");
	check_eq_s(migrate(&p,
	                   START END USER("b") USER("a") FLOW("f", "s", "a") FLOW("k", "a", "b")
	                           FLOW("l", "b", "e"),
	                   NULL),
	        "migrated");
	check_eq_s(play_done(&p, "a", NULL), "done:a open:b");
	check_eq_s(play_done(&p, "b", NULL), "done:b ended");
	play_end(&p);
}

TEST(renamed_elements_go_where_they_are_told)
{
	BEGIN(START END USER("a") USER("b") "<parallelGateway id='g'/><parallelGateway id='j'/>" FLOW(
	        "f", "s", "g") FLOW("f1", "g", "a") FLOW("f2", "g", "b") FLOW("j1", "a", "j")
	                FLOW("j2", "b", "j") FLOW("k", "j", "e"));
	const char *next = START END USER("A")
	        USER("B") "<parallelGateway id='g'/><parallelGateway id='J'/>" FLOW("f", "s", "g")
	                FLOW("f1", "g", "A") FLOW("f2", "g", "B") FLOW("J1", "A", "J") FLOW("J2", "B", "J")
	                        FLOW("k", "J", "e");

	play_start(&p, NULL);
	check_eq_s(play_done(&p, "a", NULL), "done:a");
	check_eq_s(migrate(&p, next, NULL), "2 reasons: b: the new version has no such element; j: the new "
	                                    "version has no such element; ");
	check_eq_s(migrate(&p, next, "{\"b\":\"B\",\"j\":\"J\"}"),
	        "1 reasons: j: it waits at a join, having come by a sequence flow that does not lead there "
	        "any more; ");
	check_eq_s(migrate(&p, next, "{\"b\":\"B\",\"j\":\"J\",\"j1\":\"J1\"}"), "migrated");
	check_eq_s(play_open(&p), "B");
	check_eq_s(play_done(&p, "B", NULL), "done:B ended");
	play_end(&p);
}

/* Done, without a way out: it waits for nothing any more, in no version. */
TEST(what_is_done_and_stuck_waits_for_nothing_new)
{
	BEGIN(START END USER("a") USER("b") FLOW("f", "s", "a") FLOW_IF("k", "a", "b", "x = 1")
	                FLOW("l", "b", "e"));
	const char *next = START END USER("a") USER("b") FLOW("f", "s", "a") FLOW_IF("k", "a", "b", "x = 1")
	        FLOW("l", "b", "e") BOUNDARY("late", "a", "true", TIMER_IN("timeDuration", "PT1H"))
	                FLOW("r", "late", "e");

	play_start(&p, NULL);
	check_eq_s(play_done(&p, "a", NULL), "done:a incident:a");
	check_eq_s(migrate(&p, next, NULL), "migrated");
	check_eq_s(play_open(&p), "");
	check_eq_s(play_named(&p, BPMN_SET, NULL, "{\"x\":1}"), "open:b");
	play_end(&p);
}

TEST(what_it_waits_for_is_the_new_versions)
{
	BEGIN(ONE_TASK REMIND);
	check_eq_s(play_start(&p, NULL), "open:a timer:remind");
	p.sv.now += 10 * US_MINUTE;
	/* A timer that both have keeps its time; another is set from now; one that is gone is taken away. */
	check_eq_s(migrate(&p,
	                   ONE_TASK REMIND BOUNDARY("late", "a", "true", TIMER_IN("timeDuration", "PT2H"))
	                           BOUNDARY("m", "a", "true", MESSAGE("m1")) FLOW("l", "late", "e")
	                                   FLOW("m0", "m", "e"),
	                   NULL),
	        "migrated timer:late wait:m");
	check_eq_i(play_event(&p, BPMN_TIMER_SET)->at, PLAY_NOW + 130 * US_MINUTE);
	check_eq_s(migrate(&p, ONE_TASK BOUNDARY("m", "a", "true", MESSAGE("m2")) FLOW("m0", "m", "e"), NULL),
	        "migrated untimer:remind untimer:late wait:m");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "two", NULL), "cancel:a ended");
	play_end(&p);
}

TEST(a_reminder_that_was_given_is_not_given_again)
{
	BEGIN(ONE_TASK REMIND);
	play_start(&p, NULL);
	check_eq_s(play_timer(&p, "remind"), "untimer:remind");
	check_eq_s(migrate(&p, ONE_TASK REMIND USER("b") FLOW("b1", "s", "b") FLOW("b2", "b", "e"), NULL),
	        "migrated");
	check_eq_s(play_open(&p), "a");
	play_end(&p);
}

#define HANDLER                                                                                              \
	"<subProcess id='h' triggeredByEvent='true'><startEvent id='hs'>" MESSAGE(                           \
	        "m1") "</startEvent>" USER("ht") "<endEvent id='he'/>" FLOW("h1", "hs", "ht")                \
	        FLOW("h2", "ht", "he") "</subProcess>"

TEST(event_sub_processes_come_and_go)
{
	BEGIN(ONE_TASK);
	play_start(&p, NULL);
	check_eq_s(migrate(&p, ONE_TASK HANDLER, NULL), "migrated wait:hs");
	check_eq_s(migrate(&p, ONE_TASK, NULL), "migrated");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "failed:STATE");
	check_eq_s(migrate(&p, ONE_TASK HANDLER, NULL), "migrated wait:hs");
	check_eq_s(play_named(&p, BPMN_MESSAGE, "one", NULL), "cancel:a unwait:hs open:ht");
	play_end(&p);
}

TEST(what_does_not_fit_is_refused)
{
	static const struct {
		const char *body, *words;
	} NEXT[] = {{START END "<serviceTask id='a' h:topic='t'/>" FLOW("f", "s", "a") FLOW("k", "a", "e"),
	                    "it is no user task"},
	        {START END "<subProcess id='u'><startEvent id='us'/><endEvent id='ue'/>" USER("a") FLOW(
	                 "u1", "us", "a") FLOW("u2", "a", "ue") "</subProcess>" FLOW("f", "s", "u")
	                        FLOW("k", "u", "e"),
	                "it lies in another sub-process"},
	        {START END "<userTask id='a'><multiInstanceLoopCharacteristics "
	                   "h:collection='=x'/></userTask>" FLOW("f", "s", "a") FLOW("k", "a", "e"),
	                "it is repeated"},
	        {START END USER("b") FLOW("f", "s", "b") FLOW("k", "b", "e"), "no such element"}};

	BEGIN(ONE_TASK);
	play_start(&p, NULL);
	for (size_t i = 0; i < ARRAY_LEN(NEXT); i++)
		check_has(migrate(&p, NEXT[i].body, NULL), NEXT[i].words);
	check_eq_s(play_done(&p, "a", NULL), "done:a ended");
	play_end(&p);
}

TEST(what_waits_at_an_event_waits_for_the_new_one)
{
	BEGIN(START END CATCH("c", MESSAGE("m1")) FLOW("f", "s", "c") FLOW("k", "c", "e"));
	play_start(&p, NULL);
	check_eq_s(migrate(&p,
	                   START END CATCH("c", TIMER_IN("timeDuration", "PT1H")) FLOW("f", "s", "c")
	                           FLOW("k", "c", "e"),
	                   NULL),
	        "migrated timer:c");
	check_has(migrate(&p, START END "<task id='c'/>" FLOW("f", "s", "c") FLOW("k", "c", "e"), NULL),
	        "nobody has begun it");
	check_eq_s(migrate(&p,
	                   START END "<eventBasedGateway id='c'/>" CATCH("x", MESSAGE("m1"))
	                           CATCH("y", SIGNAL) FLOW("f", "s", "c") FLOW("c1", "c", "x")
	                                   FLOW("c2", "c", "y") FLOW("k", "x", "e") FLOW("l", "y", "e"),
	                   NULL),
	        "migrated untimer:c wait:x wait:y");
	check_eq_s(play_named(&p, BPMN_SIGNAL, "sig", NULL), "ended");
	play_end(&p);
}

TEST(instances_and_calls_go_on)
{
	BEGIN(START END
	        "<callActivity id='a' calledElement='q'><multiInstanceLoopCharacteristics><loopCardinality>2"
	        "</loopCardinality></multiInstanceLoopCharacteristics></callActivity>" FLOW("f", "s", "a")
	                FLOW("k", "a", "e") PROCESS("q") START END USER("a") FLOW("f", "s", "a")
	                        FLOW("k", "a", "e"));
	const char *next = START END USER(
	        "b") "<callActivity id='A' calledElement='q'><multiInstanceLoopCharacteristics>"
	             "<loopCardinality>9</loopCardinality></multiInstanceLoopCharacteristics>"
	             "</callActivity>" FLOW("f", "s", "A") FLOW("k", "A", "b") FLOW("l", "b", "e");

	check_eq_s(play_start(&p, NULL), "loop:a called:a called:a open:a open:a");
	check_eq_s(migrate(&p, next, "{\"a\":\"A\"}"), "migrated");
	check_eq_s(play_done(&p, "a", NULL), "done:a returned:A");
	check_eq_s(play_done(&p, "a", NULL), "done:a returned:A open:b");
	play_end(&p);
}
