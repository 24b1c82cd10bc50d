#include "play.h"

#include "check.h"

char *play_xml(const char *body)
{
	return xasprintf(
	        "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' "
	        "xmlns:h='urn:heming:bpmn:1'>\n"
	        "<message id='m1' name='one'/><message id='m2' name='two'/><signal id='g1' name='sig'/>\n"
	        "<error id='x1' errorCode='E1'/><error id='x2' errorCode='E2'/>"
	        "<escalation id='c1' escalationCode='C1'/><escalation id='c2' escalationCode='C2'/>\n"
	        "<process id='p' isExecutable='true'>\n%s</process></definitions>",
	        body);
}

bool play_begin(struct play *p, const char *body)
{
	char *xml = play_xml(body);

	*p = (struct play){
	        .sv = {.ctx = p, .now = PLAY_NOW, .called = play_called}, .a = arena_new(0), .xml = xml};
	p->rc = bpmn_load(str_of(xml), "test.bpmn", NULL, &p->d, &p->e);
	p->s = bpmn_state_new();
	return check_ok(p->rc, &p->e);
}

void play_end(struct play *p)
{
	bpmn_state_free(&p->s);
	bpmn_free(&p->d);
	for (size_t i = 0; i < ARRAY_LEN(p->called); i++)
		bpmn_free(&p->called[i]);
	arena_free(&p->a);
	free(p->xml);
}

const struct bpmn_def *play_called(void *ctx, const char *process, int *version)
{
	struct play *p = ctx;
	size_t i = 0;

	check(*version == 0 || *version == 7);
	*version = 7;
	while (i < ARRAY_LEN(p->called) && p->called[i] != NULL) {
		if (strcmp(bpmn_process_id(p->called[i]), process) == 0)
			return p->called[i];
		i++;
	}
	if (i < ARRAY_LEN(p->called) &&
	        bpmn_load(str_of(p->xml), "test.bpmn", process, &p->called[i], NULL) == 0)
		return p->called[i];
	return NULL;
}

static const char *words(struct play *p, const struct bpmn_events *ev)
{
	static const char *const WORDS[] = {[BPMN_TASK_OPENED] = "open",
	        [BPMN_TASK_DONE] = "done",
	        [BPMN_TASK_CANCELLED] = "cancel",
	        [BPMN_SERVICE_CALLED] = "call",
	        [BPMN_DECIDED] = "decided",
	        [BPMN_TIMER_SET] = "timer",
	        [BPMN_TIMER_GONE] = "untimer",
	        [BPMN_WAITING] = "wait",
	        [BPMN_WAIT_GONE] = "unwait",
	        [BPMN_LOOP] = "loop",
	        [BPMN_CALLED] = "called",
	        [BPMN_RETURNED] = "returned",
	        [BPMN_MIGRATED] = "migrated",
	        [BPMN_ESCALATED] = "escalate",
	        [BPMN_MESSAGE_SENT] = "send",
	        [BPMN_SIGNAL_SENT] = "signal",
	        [BPMN_INCIDENT] = "incident",
	        [BPMN_ENDED] = "ended"};
	struct sb b = SB_INIT;
	const char *kept;

	for (size_t i = 0; i < ev->n; i++) {
		const struct bpmn_event *e = &ev->e[i];

		if (WORDS[e->type] == NULL)
			continue;
		if (b.n > 0)
			sb_putc(&b, ' ');
		sb_puts(&b, WORDS[e->type]);
		if (e->type == BPMN_ENDED || e->type == BPMN_MIGRATED)
			continue;
		sb_putc(&b, ':');
		if (e->type == BPMN_ESCALATED || e->type == BPMN_MESSAGE_SENT || e->type == BPMN_SIGNAL_SENT)
			sb_putstr(&b, e->text);
		else
			sb_puts(&b, e->element);
	}
	kept = arena_strdup(p->a, b.p ? b.p : "");
	sb_fini(&b);
	return kept;
}

/* All of the events, to compare. */
static void write_all(const struct bpmn_events *ev, struct sb *b)
{
	for (size_t i = 0; i < ev->n; i++) {
		const struct bpmn_event *e = &ev->e[i];

		sb_printf(b, "%d %s %u %u %lld " STR_FMT " ", (int)e->type, e->element ? e->element : "",
		        e->key, e->scope, (long long)e->at, (int)e->text.n, e->text.p ? e->text.p : "");
		feel_write_text(&e->value, b);
		sb_putc(b, '\n');
	}
}

static void fold(struct play *p, struct bpmn_state *s, const struct bpmn_events *ev)
{
	for (size_t i = 0; i < ev->n; i++)
		check_ok(bpmn_apply(p->d, s, &ev->e[i], &p->e), &p->e);
}

const char *play_step(struct play *p, const struct bpmn_input *in)
{
	struct sb before = SB_INIT, again = SB_INIT, events = SB_INIT, events2 = SB_INIT;
	struct bpmn_state *copy = NULL;
	struct bpmn_events ev2;
	struct err e2 = ERR_INIT;
	const char *w;

	bpmn_state_write(p->s, &before);
	p->e = (struct err)ERR_INIT;
	if (!check_ok(bpmn_state_read(sb_str(&before), &copy, &e2), &e2)) {
		sb_fini(&before);
		return "unreadable";
	}
	bpmn_state_write(copy, &again);
	check_eq_s(again.p, before.p);
	p->rc = bpmn_decide(p->d, p->s, in, &p->sv, p->a, &p->ev, &p->e);
	check_eq_i(bpmn_decide(p->d, copy, in, &p->sv, p->a, &ev2, &e2), p->rc);
	write_all(&p->ev, &events);
	write_all(&ev2, &events2);
	check_eq_s(events2.p, events.p);
	sb_reset(&again);
	bpmn_state_write(p->s, &again);
	check_eq_s(again.p, before.p); /* deciding changes nothing */
	fold(p, p->s, &p->ev);
	fold(p, copy, &ev2);
	sb_reset(&before);
	sb_reset(&again);
	bpmn_state_write(p->s, &before);
	bpmn_state_write(copy, &again);
	check_eq_s(again.p, before.p);
	w = p->rc < 0 ? arena_printf(p->a, "failed:%s", err_name(p->rc)) : words(p, &p->ev);
	bpmn_state_free(&copy);
	sb_fini(&before);
	sb_fini(&again);
	sb_fini(&events);
	sb_fini(&events2);
	return w;
}

static const struct feel_value *from_json(struct play *p, const char *json)
{
	struct feel_value *v;

	if (json == NULL)
		return NULL;
	v = arena_alloc(p->a, sizeof *v);
	check_ok(feel_read_json(p->a, str_of(json), v, &p->e), &p->e);
	return v;
}

const char *play_named(struct play *p, enum bpmn_input_type type, const char *name, const char *json)
{
	return play_step(
	        p, &(struct bpmn_input){.type = type, .name = str_of(name), .variables = from_json(p, json)});
}

const char *play_start(struct play *p, const char *json)
{
	return play_named(p, BPMN_START, NULL, json);
}

uint32_t play_key(struct play *p, const char *element)
{
	struct bpmn_open *o;
	size_t n = bpmn_state_open(p->s, p->a, &o);

	for (size_t i = 0; i < n; i++)
		if (strcmp(o[i].element, element) == 0)
			return o[i].key;
	return 0;
}

const char *play_done(struct play *p, const char *element, const char *json)
{
	return play_step(p,
	        &(struct bpmn_input){
	                .type = BPMN_COMPLETE, .key = play_key(p, element), .variables = from_json(p, json)});
}

const char *play_timer(struct play *p, const char *element)
{
	return play_step(p, &(struct bpmn_input){.type = BPMN_TIMER, .key = play_key(p, element)});
}

const char *play_error(struct play *p, const char *element, const char *code)
{
	return play_step(p,
	        &(struct bpmn_input){.type = BPMN_ERROR, .key = play_key(p, element), .name = str_of(code)});
}

const char *play_open(struct play *p)
{
	struct bpmn_open *o;
	size_t n = bpmn_state_open(p->s, p->a, &o);
	struct sb b = SB_INIT;
	const char *kept;

	for (size_t i = 0; i < n; i++)
		sb_printf(&b, "%s%s", i ? " " : "", o[i].element);
	kept = arena_strdup(p->a, b.p ? b.p : "");
	sb_fini(&b);
	return kept;
}

const struct bpmn_event *play_event(struct play *p, enum bpmn_event_type type)
{
	for (size_t i = 0; i < p->ev.n; i++)
		if (p->ev.e[i].type == type)
			return &p->ev.e[i];
	return NULL;
}

const char *play_variable(struct play *p, const char *name)
{
	const struct feel_value *v = feel_get(bpmn_state_variables(p->s), name);
	struct sb b = SB_INIT;
	const char *kept;

	if (v == NULL)
		return "none";
	feel_write_text(v, &b);
	kept = arena_strdup(p->a, b.p ? b.p : "");
	sb_fini(&b);
	return kept;
}
