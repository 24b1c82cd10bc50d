/*
 * bpmn_bench - steps of the flow engine per second, in memory, on one thread.
 *
 *   bpmn_bench [SECONDS [MEASUREMENT]]
 *
 * The process is a case as a city runs it: a task with a deadline, a gateway, a check that sends back once,
 * an end. "decided" counts inputs decided and folded into a state at hand; "stored" reads the state from its
 * text before each input and writes it after, as a server does whose states lie in a database. "scopes" is
 * another process: for each of three a called one with a task and a deadline, and an event sub-process
 * beside. Seconds are those of the processor, so that others on the machine do not count.
 */
#include "base/num.h"
#include "bpmn/bpmn.h"

#include <time.h>

static const char XML[] =
        "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' xmlns:h='urn:heming:bpmn:1'>"
        "<process id='p' isExecutable='true'><startEvent id='s'/>"
        "<userTask id='handle' h:org='=where.org' h:outcomes='done returned'/>"
        "<boundaryEvent id='late' attachedToRef='handle' cancelActivity='false'><timerEventDefinition>"
        "<timeDate>=deadline</timeDate></timerEventDefinition></boundaryEvent><endEvent id='overdue'/>"
        "<userTask id='verify' h:outcomes='pass reject'/><exclusiveGateway id='g' default='f6'/><endEvent "
        "id='e'/>"
        "<sequenceFlow id='f1' sourceRef='s' targetRef='handle'/>"
        "<sequenceFlow id='f2' sourceRef='late' targetRef='overdue'/>"
        "<sequenceFlow id='f3' sourceRef='handle' targetRef='verify'/>"
        "<sequenceFlow id='f4' sourceRef='verify' targetRef='g'/>"
        "<sequenceFlow id='f5' sourceRef='g' targetRef='handle'><conditionExpression>outcome = \"reject\""
        "</conditionExpression></sequenceFlow><sequenceFlow id='f6' sourceRef='g' targetRef='e'/>"
        "</process></definitions>";

static const char SCOPES[] =
        "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' xmlns:h='urn:heming:bpmn:1'>"
        "<message id='m' name='off'/><process id='p' isExecutable='true'><startEvent id='s'/>"
        "<callActivity id='visits' calledElement='visit'><multiInstanceLoopCharacteristics "
        "h:collection='=[1, 2, 3]' h:item='who' h:results='found' h:result='=outcome'/></callActivity>"
        "<endEvent id='e'/><sequenceFlow id='f1' sourceRef='s' targetRef='visits'/>"
        "<sequenceFlow id='f2' sourceRef='visits' targetRef='e'/>"
        "<subProcess id='off' triggeredByEvent='true'><startEvent id='os'><messageEventDefinition "
        "messageRef='m'/></startEvent><endEvent id='oe'/><sequenceFlow id='o' sourceRef='os' targetRef='oe'/>"
        "</subProcess></process><process id='visit' isExecutable='true'><startEvent id='s'/>"
        "<userTask id='look' h:org='=where.org'/><boundaryEvent id='late' attachedToRef='look' "
        "cancelActivity='false'><timerEventDefinition><timeDate>=deadline</timeDate></timerEventDefinition>"
        "</boundaryEvent><endEvent id='e'/><sequenceFlow id='f1' sourceRef='s' targetRef='look'/>"
        "<sequenceFlow id='f2' sourceRef='look' targetRef='e'/>"
        "<sequenceFlow id='f3' sourceRef='late' targetRef='e'/></process></definitions>";

static const char VARIABLES[] =
        "{\"alarm\":{\"name\":\"CH4\",\"level\":2,\"value\":25.4},\"thing\":{\"code\":\"GAS-0412\",\"kind\":"
        "\"gas\"},"
        "\"where\":{\"org\":\"zhujian\"},\"deadline\":\"2026-07-14T08:00:00+08:00\",\"region\":\"320902\"}";

static const char *const OUTCOMES[] = {"done", "reject", "done", "pass"};

struct totals {
	uint64_t inputs, events, cases, texts, bytes;
};

static double cpu_seconds(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must_ok(int rc, const struct err *e)
{
	if (rc < 0)
		panic(__FILE__, __LINE__, "%s", e->text);
}

static const struct bpmn_def *visit;

static const struct bpmn_def *called(void *ctx, const char *process, int *version)
{
	(void)ctx;
	(void)process;
	*version = 1;
	return visit;
}

/* The oldest open task: of what was just opened, or looked for. */
static uint32_t task_key(const struct bpmn_state *s, struct arena *a, const struct bpmn_events *ev)
{
	struct bpmn_open *o;
	size_t n;

	for (size_t i = 0; i < ev->n; i++)
		if (ev->e[i].type == BPMN_TASK_OPENED)
			return ev->e[i].key;
	n = bpmn_state_open(s, a, &o);
	for (size_t i = 0; i < n; i++)
		if (o[i].what == BPMN_OPEN_TASK)
			return o[i].key;
	return 0;
}

static void one_case(
        const struct bpmn_def *d, struct arena *a, struct sb *text, bool stored, struct totals *t)
{
	const struct bpmn_services sv = {.now = INT64_C(1783900000) * US_SECOND, .called = called};
	struct bpmn_state *s = bpmn_state_new();
	struct bpmn_input in = {.type = BPMN_START};
	struct feel_value vars;
	struct bpmn_events ev;
	struct err e = ERR_INIT;

	must_ok(feel_read_json(a, str_of(VARIABLES), &vars, &e), &e);
	in.variables = &vars;
	for (size_t turn = 0; !bpmn_state_ended(s); turn++) {
		if (stored && turn > 0) {
			bpmn_state_free(&s);
			must_ok(bpmn_state_read(sb_str(text), &s, &e), &e);
		}
		must_ok(bpmn_decide(d, s, &in, &sv, a, &ev, &e), &e);
		for (size_t i = 0; i < ev.n; i++)
			must_ok(bpmn_apply(d, s, &ev.e[i], &e), &e);
		if (stored) {
			sb_reset(text);
			bpmn_state_write(s, text);
			t->texts++;
			t->bytes += text->n;
		}
		t->inputs++;
		t->events += ev.n;
		if (bpmn_state_ended(s))
			break;
		vars = (struct feel_value){.type = FEEL_CONTEXT};
		feel_put(a, &vars, STR_LIT("outcome"),
		        feel_string(str_of(OUTCOMES[turn % ARRAY_LEN(OUTCOMES)])));
		in = (struct bpmn_input){
		        .type = BPMN_COMPLETE, .key = task_key(s, a, &ev), .variables = &vars};
	}
	t->cases++;
	bpmn_state_free(&s);
	arena_reset(a);
}

static const char *only; /* the one measurement that is wanted; NULL: all */

static void measure(const struct bpmn_def *d, const char *name, bool stored, double seconds)
{
	struct arena *a = arena_new(0);
	struct sb text = SB_INIT;
	struct totals t = {0};
	double began = cpu_seconds(), took;

	if (only != NULL && strcmp(only, name) != 0)
		goto out;
	do {
		for (int i = 0; i < 100; i++)
			one_case(d, a, &text, stored, &t);
		took = cpu_seconds() - began;
	} while (took < seconds);
	printf("%s: %.0f steps/s, %.0f events/s, %.0f cases/s", name, (double)t.inputs / took,
	        (double)t.events / took, (double)t.cases / took);
	if (t.texts > 0)
		printf(", %.0f bytes of state", (double)t.bytes / (double)t.texts);
	printf("\n");
out:
	sb_fini(&text);
	arena_free(&a);
}

int main(int argc, char **argv)
{
	struct bpmn_def *d = NULL, *other = NULL;
	struct err e = ERR_INIT;
	double seconds = 2;

	if (argc > 1 && (!num_double(str_of(argv[1]), false, &seconds) || seconds <= 0)) {
		fprintf(stderr, "bpmn_bench [SECONDS [MEASUREMENT]]\n");
		return 2;
	}
	only = argc > 2 ? argv[2] : NULL;
	must_ok(bpmn_load(str_of(XML), "bench", NULL, &d, &e), &e);
	measure(d, "decided", false, seconds);
	measure(d, "stored", true, seconds);
	bpmn_free(&d);
	must_ok(bpmn_load(str_of(SCOPES), "bench", "p", &d, &e), &e);
	must_ok(bpmn_load(str_of(SCOPES), "bench", "visit", &other, &e), &e);
	visit = other;
	measure(d, "scopes, decided", false, seconds);
	measure(d, "scopes, stored", true, seconds);
	bpmn_free(&d);
	bpmn_free(&other);
	return 0;
}
