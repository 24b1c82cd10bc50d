/*
 * play - a definition and an instance of it in the hand of a test.
 *
 * Each step decides, folds the events and, every time, writes the state, reads it back, and checks that
 * the copy decides the same events and folds them to the same state.
 */
#ifndef HEMING_TESTS_PLAY_H
#define HEMING_TESTS_PLAY_H

#include "bpmn/bpmn.h"

#define PLAY_NOW (INT64_C(1784000000) * US_SECOND)

/* Pieces of a process: the ids are the test's. */
#define FLOW(id, from, to) "<sequenceFlow id='" id "' sourceRef='" from "' targetRef='" to "'/>\n"
#define BOUNDARY(id, host, cancel, def)                                                                      \
	"<boundaryEvent id='" id "' attachedToRef='" host "' cancelActivity='" cancel "'>" def               \
	"</boundaryEvent>\n"
#define TIMER_IN(what, text) "<timerEventDefinition><" what ">" text "</" what "></timerEventDefinition>"
#define CATCH(id, def) "<intermediateCatchEvent id='" id "'>" def "</intermediateCatchEvent>\n"
#define THROW(id, def) "<intermediateThrowEvent id='" id "'>" def "</intermediateThrowEvent>\n"
#define MESSAGE(m) "<messageEventDefinition messageRef='" m "'/>"
#define SIGNAL "<signalEventDefinition signalRef='g1'/>"
#define ERROR(x) "<errorEventDefinition errorRef='" x "'/>"
#define ESCALATION(x) "<escalationEventDefinition escalationRef='" x "'/>"
#define CONDITION(x) "<conditionalEventDefinition><condition>" x "</condition></conditionalEventDefinition>"
/* The rest of the body is another process, which may be called. */
#define PROCESS(id) "</process>\n<process id='" id "' isExecutable='true'>\n"
#define FLOW_IF(id, from, to, cond)                                                                          \
	"<sequenceFlow id='" id "' sourceRef='" from "' targetRef='" to "'><conditionExpression>" cond       \
	"</conditionExpression></sequenceFlow>\n"
#define USER(id) "<userTask id='" id "'/>\n"
#define START "<startEvent id='s'/>\n"
#define START_IF(id, x) "<startEvent id='" id "'>" CONDITION(x) "</startEvent>"
#define END "<endEvent id='e'/>\n"

struct play {
	struct bpmn_def *d;
	struct bpmn_state *s;
	struct arena *a;
	struct bpmn_services sv;
	struct bpmn_events ev; /* of the last step */
	struct err e;
	int rc;
	char *xml;
	struct bpmn_def *called[8]; /* processes of the same file, once they were called */
};

/* body is put between <process id="p"> and its end, after some messages, signals, errors and escalations
 * named m1, m2, g1, x1, x2, c1, c2. The first line of the body is line 5 of the file. */
char *play_xml(const char *body); /* caller frees */
bool play_begin(struct play *p, const char *body);
/* What services.called gives: any process of the file, as version 7. ctx: the play. */
const struct bpmn_def *play_called(void *ctx, const char *process, int *version);
void play_end(struct play *p);
/* The text of a variable of the state, "none" if there is none; until play_end. */
const char *play_variable(struct play *p, const char *name);
/* JSON gives the variables; NULL: none. Return the words of the events that matter, e.g. "open:a timer:t";
 * of a failure "failed:STATE". In memory of the play. */
const char *play_start(struct play *p, const char *json);
const char *play_done(struct play *p, const char *element, const char *json); /* the oldest open task there */
const char *play_timer(struct play *p, const char *element);
const char *play_error(struct play *p, const char *element, const char *code);
const char *play_named(struct play *p, enum bpmn_input_type type, const char *name, const char *json);
const char *play_step(struct play *p, const struct bpmn_input *in);
/* Names of elements with open tasks and calls, timers and waits: "a b", in order of keys. */
const char *play_open(struct play *p);
uint32_t play_key(struct play *p, const char *element); /* of what is open there; 0 if nothing */
const struct bpmn_event *play_event(struct play *p, enum bpmn_event_type type); /* first of the last step */

#endif
