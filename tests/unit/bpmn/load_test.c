/* What is refused at load, by element and line; what is only told. */
#include "play.h"

#include "check.h"

/* Line 5 holds the start and the end, line 6 what is wrong. */
#define WRONG(x) "<startEvent id='s'/><endEvent id='e'/>" FLOW("f0", "s", "e") x

static const struct {
	const char *body;
	int line;
	const char *id, *words;
} REFUSED[] = {
        {START END FLOW("f", "s", "nowhere"), 7, "f", "dangles: its targetRef \"nowhere\""},
        {START END FLOW("f", "nowhere", "e"), 7, "f", "dangles: its sourceRef"},
        {START END "<sequenceFlow id='f' sourceRef='s'/>", 7, "f", "dangles: it has no targetRef"},
        {WRONG(USER("a") FLOW("f", "s", "a")), 6, "a", "nothing leads on from it"},
        {WRONG(USER("a") FLOW("f", "a", "e")), 6, "a", "nothing leads to it"},
        {WRONG("<userTask id='a'><outgoing>zz</outgoing></userTask>"), 6, "a", "\"zz\", which dangles"},
        {WRONG(USER("e")), 6, "e", "used twice"},
        {WRONG("<userTask/>"), 6, NULL, "has no id"},
        {WRONG("<scriptTask id='a'/>"), 6, "a", "scriptTask is not executed"},
        {WRONG("<callActivity id='a'/>"), 6, "a", "no calledElement"},
        {WRONG("<callActivity id='a' calledElement='q'><extensionElements><h:in "
               "value='=1'/></extensionElements>"
               "</callActivity>"),
                6, "a", "names no variable"},
        {WRONG("<callActivity id='a' calledElement='q'><extensionElements><h:out name='x' value='=1 +'/>"
               "</extensionElements></callActivity>"),
                6, "a", "through the call"},
        {WRONG("<complexGateway id='a'/>"), 6, "a", "complexGateway is not executed"},
        {WRONG("<transaction id='a'/>"), 6, "a", "transaction is not executed"},
        {WRONG("<userTask id='a'><multiInstanceLoopCharacteristics/></userTask>"), 6, "a", "how often"},
        {WRONG("<userTask id='a'><multiInstanceLoopCharacteristics h:collection='=a +'/></userTask>"), 6, "a",
                "the collection"},
        {WRONG("<userTask id='a'><multiInstanceLoopCharacteristics h:collection='=a' "
               "behavior='One'/></userTask>"),
                6, "a", "throw events"},
        {WRONG("<userTask id='a'><multiInstanceLoopCharacteristics h:collection='=a' "
               "h:results='r'/></userTask>"),
                6, "a", "both or neither"},
        {WRONG("<userTask id='a'><multiInstanceLoopCharacteristics h:collection='=a'/>"
               "<standardLoopCharacteristics loopMaximum='2'/></userTask>"),
                6, "a", "two ways"},
        {WRONG("<userTask id='a'><standardLoopCharacteristics loopMaximum='-2'/></userTask>"), 6, "a",
                "loopMaximum"},
        {WRONG("<userTask id='a' h:local='@x'/>"), 6, "a", "begin with @"},
        {WRONG("<subProcess id='a'><standardLoopCharacteristics/></subProcess>"), 6, "a", "never end"},
        {WRONG("<subProcess id='a' triggeredByEvent='true'/>"), 6, "a", "no start event"},
        {WRONG("<subProcess id='a' triggeredByEvent='true'><startEvent id='as'/></subProcess>"), 6, "as",
                "needs an event definition"},
        {WRONG("<subProcess id='a' triggeredByEvent='true'><startEvent id='as' isInterrupting='false'>"
               "<errorEventDefinition/></startEvent></subProcess>"),
                6, "as", "always interrupts"},
        {START END FLOW("f", "s",
                 "e") "<subProcess id='a' triggeredByEvent='true'><startEvent id='as'>" SIGNAL
                      "</startEvent><startEvent id='bs'>" SIGNAL "</startEvent><endEvent id='ae'/>" FLOW(
                              "g", "as", "ae") FLOW("h", "bs", "ae") "</subProcess>",
                8, "a", "2 start events"},
        {WRONG("<subProcess id='a' triggeredByEvent='true'><startEvent id='as'>" SIGNAL
               "</startEvent><endEvent id='ae'/>" FLOW("g", "as", "ae") "</subProcess>" FLOW("f", "s", "a")),
                6, "a", "may lead into an event sub-process"},
        {WRONG("<subProcess id='a'/>" FLOW("f", "s", "a") FLOW("g", "a", "e")), 6, "a", "no start event"},
        {WRONG("<task id='a' isForCompensation='true'/>"), 6, "a", "compensation"},
        {WRONG("<serviceTask id='a'/>"), 6, "a", "topic"},
        {WRONG("<businessRuleTask id='a' h:decision='d'/>"), 6, "a", "decision and result"},
        {WRONG("<sendTask id='a'/>"), 6, "a", "messageRef"},
        {WRONG("<receiveTask id='a' messageRef='m9'/>"), 6, "a", "does not define"},
        {WRONG("<intermediateCatchEvent id='a'/>"), 6, "a", "needs an event definition"},
        {WRONG("<intermediateCatchEvent id='a'><linkEventDefinition/></intermediateCatchEvent>"), 6, "a",
                "linkEventDefinition"},
        {WRONG("<endEvent id='a'><compensateEventDefinition/></endEvent>"), 6, "a", "compensateEvent"},
        {WRONG("<startEvent id='a'><errorEventDefinition/></startEvent>"), 6, "a", "errorEventDefinition"},
        {WRONG("<endEvent id='a'><errorEventDefinition/></endEvent>"), 6, "a", "has no errorRef"},
        {WRONG("<intermediateCatchEvent id='a'><timerEventDefinition/></intermediateCatchEvent>"), 6, "a",
                "says no time"},
        {WRONG("<intermediateCatchEvent id='a'><timerEventDefinition><timeDuration>15 "
               "minutes</timeDuration></timerEventDefinition></intermediateCatchEvent>"),
                6, "a", "no ISO 8601"},
        {WRONG("<intermediateCatchEvent id='a'><timerEventDefinition><timeDate>PT1H</timeDate>"
               "</timerEventDefinition></intermediateCatchEvent>"),
                6, "a", "not a date-time"},
        {WRONG("<intermediateCatchEvent id='a'><timerEventDefinition><timeCycle>R0/PT1H</timeCycle>"
               "</timerEventDefinition></intermediateCatchEvent>"),
                6, "a", "from 1 up"},
        {WRONG("<intermediateCatchEvent id='a'><timerEventDefinition><timeCycle>R/PT0S</timeCycle>"
               "</timerEventDefinition></intermediateCatchEvent>"),
                6, "a", "a second or longer"},
        {WRONG("<intermediateCatchEvent id='a'><timerEventDefinition h:calendar='work'><timeDuration>P1M"
               "</timeDuration></timerEventDefinition></intermediateCatchEvent>"),
                6, "a", "without months"},
        {WRONG("<intermediateCatchEvent id='a'><conditionalEventDefinition/></intermediateCatchEvent>"), 6,
                "a", "has no condition"},
        {WRONG("<userTask id='a' h:org='=1 +'/>"), 6, "a", "the attribute org"},
        {WRONG("<boundaryEvent id='a' "
               "attachedToRef='e'><timerEventDefinition><timeDuration>PT1H</timeDuration>"
               "</timerEventDefinition></boundaryEvent>"),
                6, "a", "no activity beside it"},
        {WRONG(USER("t") "<boundaryEvent id='a' attachedToRef='t' cancelActivity='false'>"
                         "<errorEventDefinition/></boundaryEvent>"),
                7, "a", "always interrupts"},
        {WRONG("<exclusiveGateway id='a' default='f0'/>"), 6, "a", "default flow \"f0\""},
        {WRONG("<exclusiveGateway id='a'/>" FLOW("f", "s", "a") FLOW_IF("g", "a", "e", "x &gt;")), 7, "g",
                "the condition"},
        {WRONG("<exclusiveGateway id='a'/>" FLOW("f", "s", "a") FLOW("g", "a", "e")
                         FLOW_IF("h", "a", "e", "true")),
                7, "g", "without a condition"},
        {WRONG("<parallelGateway id='a'/>" FLOW("f", "s", "a") FLOW_IF("g", "a", "e", "true")), 7, "g",
                "conditions are not looked at"},
        {WRONG("<eventBasedGateway id='a'/>" FLOW("f", "s", "a") FLOW("g", "a", "e")), 5, "e",
                "only to catching events"},
        {WRONG("<eventBasedGateway id='a'/><receiveTask id='r' messageRef='m1'><standardLoopCharacteristics "
               "loopMaximum='2'/></receiveTask>" FLOW("f", "s", "a") FLOW("g", "a", "r") FLOW("h", "r", "e")),
                6, "r", "may not be repeated"},
        {WRONG("<startEvent id='s2'/>" FLOW("f", "s2", "e")), 4, "p", "2 start events"},
        {WRONG(FLOW("f", "e", "s")), 5, "s", "may lead into a start event"},
        {WRONG(USER("a") USER("b") FLOW("f", "a", "b") FLOW("g", "b", "a") FLOW("h", "b", "e")), 6, "a",
                "no way from a start"},
        {WRONG("<subProcess id='u'><startEvent id='us'/>" FLOW("f", "us", "e") "</subProcess>"), 6, "f",
                "cross the border"},
        {END, 4, "p", "no start event"},
        {START END "<sequenceFlow id='f' sourceRef='s' targetRef='e'><conditionExpression language='groovy'>x"
                   "</conditionExpression></sequenceFlow>",
                7, "f", "only FEEL"},
};

TEST(refuses_by_id_and_line)
{
	for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
		struct bpmn_def *d = NULL;
		struct err e = ERR_INIT;
		char *xml = play_xml(REFUSED[i].body);

		if (!check(bpmn_load(str_of(xml), "test.bpmn", NULL, &d, &e) < 0)) {
			check_fail("loaded, but should not for: %s", REFUSED[i].words);
			bpmn_free(&d);
		}
		check_eq_i(e.line, REFUSED[i].line);
		check(e.column > 0);
		check_eq_s(e.field, REFUSED[i].id ? REFUSED[i].id : "");
		check_has(e.text, REFUSED[i].words);
		check_eq_s(e.where, "test.bpmn");
		check_eq_p(d, NULL);
		free(xml);
	}
}

TEST(refuses_what_is_no_process)
{
	static const char *const TEXTS[] = {"", "<a", "<a/>", "{}",
	        "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL'/>",
	        ("<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL'><process "
	         "id='p'/></definitions>")};

	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		struct bpmn_def *d = NULL;
		struct err e = ERR_INIT;

		check(bpmn_load(str_of(TEXTS[i]), "test.bpmn", NULL, &d, &e) < 0);
		check(e.text[0] != '\0');
		check_eq_p(d, NULL);
	}
}

TEST(takes_a_process_by_its_id)
{
	const char *xml = "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL'>"
	                  "<process id='p' isExecutable='true' name='first'>" START END FLOW("f", "s",
	                          "e") "</process><process id='q' name='second'>" START END FLOW("g", "s",
	                          "e") "</process></definitions>";
	struct bpmn_def *d = NULL;
	struct err e = ERR_INIT;

	check_ok(bpmn_load(str_of(xml), "x", NULL, &d, &e), &e);
	check_eq_s(bpmn_process_id(d), "p");
	bpmn_free(&d);
	check_ok(bpmn_load(str_of(xml), "x", "q", &d, &e), &e);
	check_eq_s(bpmn_process_name(d), "second");
	bpmn_free(&d);
	check_err(bpmn_load(str_of(xml), "x", "r", &d, &e), ERR_NOTFOUND);
}

TEST(knows_its_elements)
{
	struct play p;
	const struct bpmn_element *x;

	if (!play_begin(&p,
	            START END "<userTask id='a' name='处理' h:role='handler' h:outcomes=' done\n returned '"
	                      " h:stage='handle'/><serviceTask id='b' h:topic='mail'/>" FLOW("f", "s", "a")
	                              FLOW("g", "a", "b") FLOW("h", "b", "e"))) {
		play_end(&p);
		return;
	}
	check_eq_i(bpmn_elements(p.d), 4);
	x = bpmn_element(p.d, "a");
	if (check(x != NULL)) {
		check_eq_s(x->name, "处理");
		check_eq_s(x->role, "handler");
		check_eq_s(x->outcomes, "done returned");
		check_eq_s(x->stage, "handle");
		check_eq_i(x->line, 7);
		check_eq_i(x->type, BPMN_USER_TASK);
	}
	check_eq_s(bpmn_element(p.d, "b")->ref, "mail");
	check_eq_p(bpmn_element(p.d, "f"), NULL);
	check_eq_p(bpmn_element(p.d, "z"), NULL);
	check_eq_s(bpmn_element_at(p.d, 0)->id, "s");
	check_eq_p(bpmn_element_at(p.d, 4), NULL);
	play_end(&p);
}

static void count(void *ctx, bool error, int line, const char *text)
{
	struct sb *b = ctx;

	sb_printf(b, "%s %d %s\n", error ? "error" : "warning", line, text);
}

TEST(warns_of_what_may_be_meant)
{
	struct sb b = SB_INIT;
	struct play p;

	if (play_begin(&p,
	            START END "<userTask id='a' h:role='x'/><exclusiveGateway id='g'/>" FLOW("f1", "s", "a")
	                    FLOW("f2", "a", "g") FLOW_IF("f3", "g", "e", "x") FLOW_IF("f4", "g", "a", "y"))) {
		check_eq_i(bpmn_check(p.d, count, &b), 0);
		check_eq_s(b.p, "warning 7 g: no default flow: it stops with an incident when no condition "
		                "is true\n");
	}
	sb_fini(&b);
	play_end(&p);
}
