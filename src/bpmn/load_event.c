/* Reading events: their triggers, and what those refer to. */
#include "bpmn/load_int.h"

/* Which triggers an event may have, by kind; that of an event sub-process may have others. */
#define T(t) (1u << TRIGGER_##t)
static const unsigned TRIGGERS[KIND_BOUNDARY + 1] = {
        [KIND_START] = T(NONE) | T(TIMER) | T(MESSAGE) | T(SIGNAL) | T(CONDITION),
        [KIND_END] = T(NONE) | T(MESSAGE) | T(SIGNAL) | T(ERROR) | T(ESCALATION) | T(TERMINATE),
        [KIND_CATCH] = T(TIMER) | T(MESSAGE) | T(SIGNAL) | T(CONDITION),
        [KIND_THROW] = T(NONE) | T(MESSAGE) | T(SIGNAL) | T(ESCALATION),
        [KIND_BOUNDARY] = T(TIMER) | T(MESSAGE) | T(SIGNAL) | T(ERROR) | T(ESCALATION) | T(CONDITION),
};
static const unsigned HANDLER_TRIGGERS =
        T(TIMER) | T(MESSAGE) | T(SIGNAL) | T(ERROR) | T(ESCALATION) | T(CONDITION);
#undef T

static const struct {
	const char *name;
	enum bpmn__trigger trigger;
	/* what it refers to: attribute, root element, and the attribute there that is its name outside */
	const char *attr, *root, *code;
} DEFINITIONS[] = {
        {"timerEventDefinition", TRIGGER_TIMER, NULL, NULL, NULL},
        {"messageEventDefinition", TRIGGER_MESSAGE, "messageRef", "message", "name"},
        {"signalEventDefinition", TRIGGER_SIGNAL, "signalRef", "signal", "name"},
        {"errorEventDefinition", TRIGGER_ERROR, "errorRef", "error", "errorCode"},
        {"escalationEventDefinition", TRIGGER_ESCALATION, "escalationRef", "escalation", "escalationCode"},
        {"conditionalEventDefinition", TRIGGER_CONDITION, NULL, NULL, NULL},
        {"terminateEventDefinition", TRIGGER_TERMINATE, NULL, NULL, NULL},
};

static int timer(struct loader *l, const struct xml *owner, const struct xml *def, struct bpmn__node *n)
{
	static const struct {
		const char *name, *is;
		int what;
	} FORMS[] = {{"timeDate", "a date-time", SPAN_AT}, {"timeDuration", "a duration", SPAN_AFTER},
	        {"timeCycle", "a cycle R[n]/duration", SPAN_EVERY}};
	const struct xml *found = NULL;
	struct bpmn__span span;
	size_t form = 0;
	const char *why = "";
	struct str text;

	for (size_t i = 0; i < ARRAY_LEN(FORMS); i++) {
		const struct xml *x = xml_child(def, FORMS[i].name);

		if (x == NULL)
			continue;
		if (found != NULL)
			return load__refuse(l, ERR_INVALID, owner,
			        "the timer has more than one of timeDate, timeDuration and timeCycle");
		found = x;
		form = i;
	}
	if (found == NULL)
		return load__refuse(l, ERR_INVALID, owner,
		        "the timer says no time: give one of timeDate, timeDuration and timeCycle");
	n->timer.calendar = load__keep(l,
	        xml_attr_ns(def, BPMN__NS_OWN, "calendar", xml_attr_ns(found, BPMN__NS_OWN, "calendar", "")));
	n->pub.calendar = n->timer.calendar;
	text = str_trim(str_of(found->text));
	if (text.n > 0 && text.p[0] == '=') {
		n->timer.text = load__keep(l, found->text);
		return load__feel(l, owner, found->text, "the time", &n->timer.expr);
	}
	if (!bpmn__span_parse(text, zone_utc(), &span, &why))
		return load__refuse(l, ERR_INVALID, owner, "the time \"" STR_FMT "\": %s",
		        (int)(text.n < 60 ? text.n : 60), text.p, why);
	if ((int)span.what != FORMS[form].what)
		return load__refuse(l, ERR_INVALID, owner, "%s holds \"" STR_FMT "\", which is not %s",
		        FORMS[form].name, (int)(text.n < 60 ? text.n : 60), text.p, FORMS[form].is);
	if (*n->timer.calendar != '\0' && (span.what == SPAN_AT || span.months != 0))
		return load__refuse(l, ERR_INVALID, owner,
		        "a calendar counts working time: give it a duration without months, not \"" STR_FMT
		        "\"",
		        (int)(text.n < 60 ? text.n : 60), text.p);
	n->timer.text = arena_strndup(l->d->a, text.p, text.n);
	return 0;
}

/* The code or name behind messageRef and its like. */
static int reference(struct loader *l, const struct xml *owner, const char *ref, const char *root,
        const char *code, const char **out)
{
	const struct xml *x = load__root(l, root, load__local(ref));
	const char *word;

	if (x != NULL) {
		word = xml_attr(x, code, "");
		if (*word == '\0')
			word = xml_attr(x, "name", "");
		*out = load__keep(l, *word ? word : xml_attr(x, "id", ""));
		return 0;
	}
	return load__refuse(l, ERR_INVALID, owner,
	        "it refers to the %s \"%.100s\", which the file does not define", root, ref);
}

static unsigned triggers(const struct bpmn__node *n, bool handler)
{
	return n->kind == KIND_START && handler ? HANDLER_TRIGGERS : TRIGGERS[n->kind];
}

static int event_definition(struct loader *l, const struct xml *x, const struct xml *def, size_t which,
        struct bpmn__node *n, bool handler)
{
	const char *ref;

	if (n->trigger != TRIGGER_NONE)
		return load__refuse(l, ERR_UNSUPPORTED, x,
		        "an event with several definitions is not executed; use one event for each");
	n->trigger = DEFINITIONS[which].trigger;
	if (!(triggers(n, handler) & 1u << n->trigger))
		return load__refuse(
		        l, ERR_UNSUPPORTED, x, "a %s with %s is not executed", x->name, def->name);
	if (n->trigger == TRIGGER_TIMER)
		return timer(l, x, def, n);
	if (n->trigger == TRIGGER_CONDITION) {
		const struct xml *c = xml_child(def, "condition");

		if (c == NULL)
			return load__refuse(l, ERR_INVALID, x, "the conditional event has no condition");
		return load__formal(l, x, c, "the condition", &n->expr);
	}
	if (DEFINITIONS[which].attr == NULL)
		return 0;
	ref = xml_attr(def, DEFINITIONS[which].attr, "");
	if (*ref != '\0') {
		int rc = reference(l, x, ref, DEFINITIONS[which].root, DEFINITIONS[which].code, &n->pub.ref);

		if (n->trigger == TRIGGER_SIGNAL)
			n->pub.signal = n->pub.ref;
		return rc;
	}
	/* Whoever catches an error or escalation may mean any; all others must say which. */
	if ((n->kind == KIND_BOUNDARY || n->kind == KIND_START) &&
	        (n->trigger == TRIGGER_ERROR || n->trigger == TRIGGER_ESCALATION))
		return 0;
	return load__refuse(l, ERR_INVALID, x, "%s has no %s, so nobody knows which %s is meant", def->name,
	        DEFINITIONS[which].attr, DEFINITIONS[which].root);
}

/* What the start event of a process says of the case that it begins: texts, or FEEL behind "=". */
static int said(struct loader *l, const struct xml *x, struct bpmn__node *n)
{
	static const char *const ABOUT[] = {"category", "title", "region", "thing", "org", "level"};
	struct bpmn__map *all = arena_array(l->d->a, ARRAY_LEN(ABOUT), sizeof(*all));

	n->said = all;
	for (size_t i = 0; i < ARRAY_LEN(ABOUT); i++) {
		const char *text = xml_attr_ns(x, BPMN__NS_OWN, ABOUT[i], "");
		struct bpmn__map *m = &all[n->n_said];
		char what[40];
		int rc;

		if (*text == '\0')
			continue;
		*m = (struct bpmn__map){.name = ABOUT[i], .text = load__keep(l, text)};
		snprintf(what, sizeof(what), "the attribute %s", ABOUT[i]);
		if (*text == '=' && (rc = load__feel(l, x, text, what, &m->value)) < 0)
			return rc;
		n->n_said++;
	}
	return 0;
}

int load__event(struct loader *l, const struct xml *x, struct bpmn__node *n, bool handler)
{
	int rc;

	if (n->kind == KIND_START && n->parent < 0 && (rc = said(l, x, n)) < 0)
		return rc;

	for (const struct xml *c = x->child; c != NULL; c = c->next) {
		size_t i;

		if (!load__in_bpmn(c))
			continue;
		for (i = 0; i < ARRAY_LEN(DEFINITIONS); i++)
			if (strcmp(c->name, DEFINITIONS[i].name) == 0)
				break;
		if (i < ARRAY_LEN(DEFINITIONS)) {
			rc = event_definition(l, x, c, i, n, handler);
			if (rc < 0)
				return rc;
			continue;
		}
		if (!load__is_drawn(c))
			return load__refuse(
			        l, ERR_UNSUPPORTED, x, "a %s with %s is not executed", x->name, c->name);
	}
	if (!(triggers(n, handler) & 1u << n->trigger))
		return load__refuse(
		        l, ERR_UNSUPPORTED, x, "a %s needs an event definition such as a timer", x->name);
	if (n->kind == KIND_BOUNDARY)
		n->interrupting = strcmp(xml_attr(x, "cancelActivity", "true"), "false") != 0;
	else if (n->kind == KIND_START && handler)
		n->interrupting = strcmp(xml_attr(x, "isInterrupting", "true"), "false") != 0;
	else
		return 0;
	if (!n->interrupting && n->trigger == TRIGGER_ERROR)
		return load__refuse(l, ERR_INVALID, x,
		        "an error always interrupts: %s=\"false\" does not go with "
		        "errorEventDefinition",
		        n->kind == KIND_BOUNDARY ? "cancelActivity" : "isInterrupting");
	return 0;
}
