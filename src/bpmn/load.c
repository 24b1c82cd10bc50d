/*
 * Loading: XML of BPMN 2.0 -> definition. What the engine does not execute is refused here, where the
 * element still has its line; what is only drawn (lanes, notes, data objects) is passed over.
 */
#include "bpmn/bpmn_int.h"

#include "base/doc.h"

#include <stdatomic.h>

/* Past this a drawing is no process that people run, but an attack on memory. */
#define NODES_MAX 20000

static const struct {
	const char *name;
	enum bpmn__kind kind;
	enum bpmn_element_type type;
} NODES[] = {
        {"startEvent", KIND_START, BPMN_START_EVENT},
        {"endEvent", KIND_END, BPMN_END_EVENT},
        {"intermediateCatchEvent", KIND_CATCH, BPMN_INTERMEDIATE_EVENT},
        {"intermediateThrowEvent", KIND_THROW, BPMN_INTERMEDIATE_EVENT},
        {"boundaryEvent", KIND_BOUNDARY, BPMN_BOUNDARY_EVENT},
        {"userTask", KIND_USER, BPMN_USER_TASK},
        {"task", KIND_PASS, BPMN_MANUAL_TASK},
        {"manualTask", KIND_PASS, BPMN_MANUAL_TASK},
        {"serviceTask", KIND_SERVICE, BPMN_SERVICE_TASK},
        {"businessRuleTask", KIND_RULE, BPMN_BUSINESS_RULE_TASK},
        {"sendTask", KIND_SEND, BPMN_SEND_TASK},
        {"receiveTask", KIND_RECEIVE, BPMN_RECEIVE_TASK},
        {"subProcess", KIND_SUB, BPMN_SUB_PROCESS},
        {"exclusiveGateway", KIND_XOR, BPMN_EXCLUSIVE_GATEWAY},
        {"parallelGateway", KIND_AND, BPMN_PARALLEL_GATEWAY},
        {"inclusiveGateway", KIND_OR, BPMN_INCLUSIVE_GATEWAY},
        {"eventBasedGateway", KIND_EVENT_GATEWAY, BPMN_EVENT_GATEWAY},
};

/* Which triggers an event may have, by kind. */
#define T(t) (1u << TRIGGER_##t)
static const unsigned TRIGGERS[KIND_BOUNDARY + 1] = {
        [KIND_START] = T(NONE) | T(TIMER) | T(MESSAGE) | T(SIGNAL),
        [KIND_END] = T(NONE) | T(MESSAGE) | T(SIGNAL) | T(ERROR) | T(ESCALATION) | T(TERMINATE),
        [KIND_CATCH] = T(TIMER) | T(MESSAGE) | T(SIGNAL) | T(CONDITION),
        [KIND_THROW] = T(NONE) | T(MESSAGE) | T(SIGNAL) | T(ESCALATION),
        [KIND_BOUNDARY] = T(TIMER) | T(MESSAGE) | T(SIGNAL) | T(ERROR) | T(ESCALATION) | T(CONDITION),
};
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

/* Drawn or said, but nothing to execute. */
static const char *const DRAWN[] = {"documentation", "extensionElements", "incoming", "outgoing", "laneSet",
        "dataObject", "dataObjectReference", "dataStoreReference", "textAnnotation", "association", "group",
        "auditing", "monitoring", "ioSpecification", "property", "dataInput", "dataOutput", "inputSet",
        "outputSet", "dataInputAssociation", "dataOutputAssociation", "resourceRole", "performer",
        "humanPerformer", "potentialOwner", "rendering", "supportedInterfaceRef", "correlationSubscription",
        "supports"};

struct loader {
	struct bpmn_def *d;
	const char *name;
	const struct xml *root;
	struct arena *tmp;
	const struct xml **node_xml, **flow_xml; /* by node and flow */
	size_t cap_nodes, cap_node_xml, cap_flows, cap_flow_xml;
	struct str *names; /* variables known to exist, for FEEL names with spaces */
	size_t n_names, cap_names;
	struct err *e;
};

static int refuse(struct loader *l, int code, const struct xml *x, const char *fmt, ...) PRINTF_LIKE(4, 5);
static int refuse(struct loader *l, int code, const struct xml *x, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_set(l->e, code, "%s", text);
	err_at(l->e, l->name, x->line, x->column, xml_attr(x, "id", NULL));
	return code;
}

static bool in_bpmn(const struct xml *x)
{
	return strcmp(x->ns, BPMN__NS) == 0;
}

static const char *keep(struct loader *l, const char *s)
{
	return *s == '\0' ? "" : arena_strdup(l->d->a, s);
}

/* A QName without its prefix: ids are looked up in this document only. */
static const char *local(const char *qname)
{
	const char *colon = strrchr(qname, ':');

	return colon ? colon + 1 : qname;
}

static struct str expression(const char *text)
{
	struct str s = str_trim(str_of(text));

	if (s.n > 0 && s.p[0] == '=') {
		s.p++;
		s.n--;
	}
	return str_trim(s);
}

static int compile(
        struct loader *l, const struct xml *at, struct str text, const char *what, struct feel_expr **out)
{
	struct feel_names names = {.name = l->names, .n = (int)l->n_names};
	struct err e = ERR_INIT;
	int rc;

	if (text.n == 0)
		return refuse(l, ERR_INVALID, at, "%s is empty", what);
	/* The expression keeps slices of its text. */
	text.p = arena_strndup(l->d->a, text.p, text.n);
	rc = feel_compile(l->d->a, text, &names, out, &e);
	if (rc < 0)
		return refuse(l, rc == ERR_NOMEM ? rc : ERR_INVALID, at, "%s: %s (FEEL, line %d column %d)",
		        what, e.text, e.line, e.column);
	return 0;
}

/* Conditions and the like: FEEL, unless the language is said to be another. */
static int formal(struct loader *l, const struct xml *owner, const struct xml *x, const char *what,
        struct feel_expr **out)
{
	const char *language = xml_attr(x, "language", "");
	int rc;

	if (*language != '\0' && strcasestr(language, "feel") == NULL)
		return refuse(l, ERR_UNSUPPORTED, owner,
		        "%s is written in %.100s, but only FEEL is executed; rewrite it", what, language);
	rc = compile(l, owner, expression(x->text), what, out);
	if (rc < 0 && l->e != NULL)
		l->e->line = x->line;
	return rc;
}

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
			return refuse(l, ERR_INVALID, owner,
			        "the timer has more than one of timeDate, timeDuration and timeCycle");
		found = x;
		form = i;
	}
	if (found == NULL)
		return refuse(l, ERR_INVALID, owner,
		        "the timer says no time: give one of timeDate, timeDuration and timeCycle");
	n->timer.calendar = keep(l,
	        xml_attr_ns(def, BPMN__NS_OWN, "calendar", xml_attr_ns(found, BPMN__NS_OWN, "calendar", "")));
	text = str_trim(str_of(found->text));
	if (text.n > 0 && text.p[0] == '=') {
		n->timer.text = keep(l, found->text);
		return compile(l, owner, expression(found->text), "the time", &n->timer.expr);
	}
	if (!bpmn__span_parse(text, zone_utc(), &span, &why))
		return refuse(l, ERR_INVALID, owner, "the time \"" STR_FMT "\": %s",
		        (int)(text.n < 60 ? text.n : 60), text.p, why);
	if ((int)span.what != FORMS[form].what)
		return refuse(l, ERR_INVALID, owner, "%s holds \"" STR_FMT "\", which is not %s",
		        FORMS[form].name, (int)(text.n < 60 ? text.n : 60), text.p, FORMS[form].is);
	if (*n->timer.calendar != '\0' && (span.what == SPAN_AT || span.months != 0))
		return refuse(l, ERR_INVALID, owner,
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
	for (const struct xml *x = l->root->child; x != NULL; x = x->next) {
		const char *word;

		if (strcmp(x->name, root) != 0 || strcmp(xml_attr(x, "id", ""), local(ref)) != 0)
			continue;
		word = xml_attr(x, code, "");
		if (*word == '\0')
			word = xml_attr(x, "name", "");
		*out = keep(l, *word ? word : xml_attr(x, "id", ""));
		return 0;
	}
	return refuse(l, ERR_INVALID, owner, "it refers to the %s \"%.100s\", which the file does not define",
	        root, ref);
}

static int event_definition(
        struct loader *l, const struct xml *x, const struct xml *def, size_t which, struct bpmn__node *n)
{
	const char *ref;

	if (n->trigger != TRIGGER_NONE)
		return refuse(l, ERR_UNSUPPORTED, x,
		        "an event with several definitions is not executed; use one event for each");
	n->trigger = DEFINITIONS[which].trigger;
	if (!(TRIGGERS[n->kind] & 1u << n->trigger))
		return refuse(l, ERR_UNSUPPORTED, x, "a %s with %s is not executed", x->name, def->name);
	if (n->trigger == TRIGGER_TIMER)
		return timer(l, x, def, n);
	if (n->trigger == TRIGGER_CONDITION) {
		const struct xml *c = xml_child(def, "condition");

		if (c == NULL)
			return refuse(l, ERR_INVALID, x, "the conditional event has no condition");
		return formal(l, x, c, "the condition", &n->expr);
	}
	if (DEFINITIONS[which].attr == NULL)
		return 0;
	ref = xml_attr(def, DEFINITIONS[which].attr, "");
	if (*ref != '\0')
		return reference(l, x, ref, DEFINITIONS[which].root, DEFINITIONS[which].code, &n->pub.ref);
	/* Whoever catches an error or escalation may mean any; all others must say which. */
	if (n->kind == KIND_BOUNDARY && (n->trigger == TRIGGER_ERROR || n->trigger == TRIGGER_ESCALATION))
		return 0;
	return refuse(l, ERR_INVALID, x, "%s has no %s, so nobody knows which %s is meant", def->name,
	        DEFINITIONS[which].attr, DEFINITIONS[which].root);
}

static int event(struct loader *l, const struct xml *x, struct bpmn__node *n)
{
	int rc;

	for (const struct xml *c = x->child; c != NULL; c = c->next) {
		size_t i;

		if (!in_bpmn(c))
			continue;
		for (i = 0; i < ARRAY_LEN(DEFINITIONS); i++)
			if (strcmp(c->name, DEFINITIONS[i].name) == 0)
				break;
		if (i < ARRAY_LEN(DEFINITIONS)) {
			rc = event_definition(l, x, c, i, n);
			if (rc < 0)
				return rc;
			continue;
		}
		for (i = 0; i < ARRAY_LEN(DRAWN); i++)
			if (strcmp(c->name, DRAWN[i]) == 0)
				break;
		if (i == ARRAY_LEN(DRAWN))
			return refuse(
			        l, ERR_UNSUPPORTED, x, "a %s with %s is not executed", x->name, c->name);
	}
	if (!(TRIGGERS[n->kind] & 1u << n->trigger))
		return refuse(
		        l, ERR_UNSUPPORTED, x, "a %s needs an event definition such as a timer", x->name);
	if (n->kind == KIND_BOUNDARY) {
		n->interrupting = strcmp(xml_attr(x, "cancelActivity", "true"), "false") != 0;
		if (!n->interrupting && n->trigger == TRIGGER_ERROR)
			return refuse(l, ERR_INVALID, x,
			        "an error always interrupts: cancelActivity=\"false\" "
			        "does not go with errorEventDefinition");
	}
	return 0;
}

/* Outcomes are names apart by white space; kept with single blanks. */
static const char *words(struct loader *l, const char *s)
{
	struct sb b = SB_INIT;
	const char *kept;

	while (*s != '\0') {
		size_t n = strcspn(s, " \t\r\n");

		if (n > 0) {
			if (b.n > 0)
				sb_putc(&b, ' ');
			sb_put(&b, s, n);
		}
		s += n;
		s += strspn(s, " \t\r\n");
	}
	kept = b.n > 0 ? arena_strndup(l->d->a, b.p, b.n) : "";
	sb_fini(&b);
	return kept;
}

static int message_of_task(struct loader *l, const struct xml *x, struct bpmn__node *n)
{
	const char *ref = xml_attr(x, "messageRef", "");

	n->trigger = TRIGGER_MESSAGE;
	if (*ref == '\0')
		return refuse(l, ERR_INVALID, x, "a %s needs a messageRef", x->name);
	if (strcmp(xml_attr(x, "instantiate", "false"), "true") == 0)
		return refuse(l, ERR_UNSUPPORTED, x,
		        "a receive task that starts the process is not executed; use a message start event");
	return reference(l, x, ref, "message", "name", &n->pub.ref);
}

static int activity(struct loader *l, const struct xml *x, struct bpmn__node *n)
{
	const char *s;

	if (strcmp(xml_attr(x, "isForCompensation", "false"), "true") == 0)
		return refuse(l, ERR_UNSUPPORTED, x, "compensation is not executed");
	if (strcmp(xml_attr(x, "startQuantity", "1"), "1") != 0 ||
	        strcmp(xml_attr(x, "completionQuantity", "1"), "1") != 0)
		return refuse(l, ERR_UNSUPPORTED, x, "startQuantity and completionQuantity must be 1");
	for (const struct xml *c = x->child; c != NULL && n->kind != KIND_SUB; c = c->next) {
		size_t i;

		if (!in_bpmn(c))
			continue;
		for (i = 0; i < ARRAY_LEN(DRAWN); i++)
			if (strcmp(c->name, DRAWN[i]) == 0)
				break;
		if (i == ARRAY_LEN(DRAWN))
			return refuse(
			        l, ERR_UNSUPPORTED, x, "a %s with %s is not executed", x->name, c->name);
	}
	switch (n->kind) {
	case KIND_USER:
		n->pub.role = keep(l, xml_attr_ns(x, BPMN__NS_OWN, "role", ""));
		n->pub.outcomes = words(l, xml_attr_ns(x, BPMN__NS_OWN, "outcomes", ""));
		n->pub.stage = keep(l, xml_attr_ns(x, BPMN__NS_OWN, "stage", ""));
		n->pub.form = keep(l, xml_attr_ns(x, BPMN__NS_OWN, "form", ""));
		s = xml_attr_ns(x, BPMN__NS_OWN, "org", "");
		if (*s == '=')
			return compile(l, x, expression(s), "the attribute org", &n->expr);
		n->org = keep(l, s);
		return 0;
	case KIND_SERVICE:
		n->pub.ref = keep(l, xml_attr_ns(x, BPMN__NS_OWN, "topic", ""));
		if (*n->pub.ref == '\0')
			return refuse(l, ERR_INVALID, x,
			        "a service task needs the attribute topic of " BPMN__NS_OWN);
		return 0;
	case KIND_RULE:
		n->pub.ref = keep(l, xml_attr_ns(x, BPMN__NS_OWN, "decision", ""));
		n->result = keep(l, xml_attr_ns(x, BPMN__NS_OWN, "result", ""));
		if (*n->pub.ref == '\0' || *n->result == '\0')
			return refuse(l, ERR_INVALID, x,
			        "a business rule task needs the attributes decision and result "
			        "of " BPMN__NS_OWN);
		return 0;
	case KIND_SEND:
	case KIND_RECEIVE: return message_of_task(l, x, n);
	case KIND_SUB:
		if (strcmp(xml_attr(x, "triggeredByEvent", "false"), "true") == 0)
			return refuse(l, ERR_UNSUPPORTED, x, "an event sub-process is not executed");
		return 0;
	default: return 0;
	}
}

static int contents(struct loader *l, const struct xml *in, int parent);

static int node(struct loader *l, const struct xml *x, size_t which, int parent)
{
	struct bpmn_def *d = l->d;
	struct bpmn__node *n;
	int i = d->n_nodes, rc = 0;

	if (i >= NODES_MAX)
		return refuse(l, ERR_TOOBIG, x, "the process has more than %d elements", NODES_MAX);
	if (*xml_attr(x, "id", "") == '\0')
		return refuse(l, ERR_INVALID, x, "this %s has no id", x->name);
	d->node = arena_grow(d->a, d->node, &l->cap_nodes, (size_t)i + 1, sizeof *d->node);
	l->node_xml = arena_grow(l->tmp, l->node_xml, &l->cap_node_xml, (size_t)i + 1, sizeof *l->node_xml);
	d->n_nodes++;
	l->node_xml[i] = x;
	n = &d->node[i];
	*n = (struct bpmn__node){
	        .pub = {.id = keep(l, xml_attr(x, "id", "")),
	                .name = keep(l, xml_attr(x, "name", "")),
	                .type = NODES[which].type,
	                .line = x->line,
	                .role = "",
	                .outcomes = "",
	                .stage = "",
	                .form = "",
	                .ref = ""},
	        .kind = NODES[which].kind,
	        .parent = parent,
	        .dflt = -1,
	        .host = -1,
	        .start = -1,
	        .timer = {.text = "", .calendar = ""},
	        .org = "",
	        .result = "",
	};
	if (n->kind <= KIND_BOUNDARY)
		return event(l, x, n);
	if (bpmn__is_activity(n->kind))
		rc = activity(l, x, n);
	else if (n->kind == KIND_EVENT_GATEWAY) {
		if (strcmp(xml_attr(x, "instantiate", "false"), "true") == 0)
			return refuse(l, ERR_UNSUPPORTED, x,
			        "an event-based gateway that starts the process is not executed");
		if (strcmp(xml_attr(x, "eventGatewayType", "Exclusive"), "Exclusive") != 0)
			return refuse(
			        l, ERR_UNSUPPORTED, x, "a parallel event-based gateway is not executed");
	}
	if (rc < 0 || n->kind != KIND_SUB)
		return rc;
	return contents(l, x, i);
}

static int flow(struct loader *l, const struct xml *x)
{
	struct bpmn_def *d = l->d;
	int i = d->n_flows;
	const struct xml *c;
	struct bpmn__flow *f;

	if (i >= NODES_MAX)
		return refuse(l, ERR_TOOBIG, x, "the process has more than %d sequence flows", NODES_MAX);
	if (*xml_attr(x, "id", "") == '\0')
		return refuse(l, ERR_INVALID, x, "this sequenceFlow has no id");
	d->flow = arena_grow(d->a, d->flow, &l->cap_flows, (size_t)i + 1, sizeof *d->flow);
	l->flow_xml = arena_grow(l->tmp, l->flow_xml, &l->cap_flow_xml, (size_t)i + 1, sizeof *l->flow_xml);
	d->n_flows++;
	l->flow_xml[i] = x;
	f = &d->flow[i];
	*f = (struct bpmn__flow){.id = keep(l, xml_attr(x, "id", "")), .line = x->line, .from = -1, .to = -1};
	c = xml_child(x, "conditionExpression");
	return c ? formal(l, x, c, "the condition", &f->cond) : 0;
}

/* What lies directly in a process or sub-process. */
static int contents(struct loader *l, const struct xml *in, int parent)
{
	for (const struct xml *x = in->child; x != NULL; x = x->next) {
		size_t i;
		int rc;

		if (!in_bpmn(x))
			continue;
		if (strcmp(x->name, "sequenceFlow") == 0) {
			rc = flow(l, x);
			if (rc < 0)
				return rc;
			continue;
		}
		for (i = 0; i < ARRAY_LEN(NODES); i++)
			if (strcmp(x->name, NODES[i].name) == 0)
				break;
		if (i < ARRAY_LEN(NODES)) {
			rc = node(l, x, i, parent);
			if (rc < 0)
				return rc;
			continue;
		}
		for (i = 0; i < ARRAY_LEN(DRAWN); i++)
			if (strcmp(x->name, DRAWN[i]) == 0)
				break;
		if (i < ARRAY_LEN(DRAWN))
			continue;
		if (*xml_attr(x, "id", "") == '\0') /* a part of the sub-process itself, e.g. its loop */
			return refuse(
			        l, ERR_UNSUPPORTED, in, "a %s with %s is not executed", in->name, x->name);
		return refuse(l, ERR_UNSUPPORTED, x, "%s is not executed%s", x->name,
		        strcmp(x->name, "callActivity") == 0
		                ? ": put the steps into an embedded sub-process, or open a case of its own"
		                : "");
	}
	return 0;
}

/* ---- ids and what they refer to ---- */

static uint32_t hash(struct str s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 16777619u;
	return h ^ h >> 15;
}

/* Slots hold node + 1, or -(flow + 1). */
static const char *slot_id(const struct bpmn_def *d, int slot)
{
	return slot > 0 ? d->node[slot - 1].pub.id : d->flow[-slot - 1].id;
}

static int lookup(const struct bpmn_def *d, struct str id, uint32_t *at)
{
	uint32_t i = hash(id) & (d->n_slots - 1);

	while (d->slot[i] != 0 && !str_is(id, slot_id(d, d->slot[i])))
		i = (i + 1) & (d->n_slots - 1);
	*at = i;
	return d->slot[i];
}

int bpmn__node_find(const struct bpmn_def *d, struct str id)
{
	uint32_t at;
	int slot = lookup(d, id, &at);

	return slot > 0 ? slot - 1 : -1;
}

int bpmn__flow_find(const struct bpmn_def *d, struct str id)
{
	uint32_t at;
	int slot = lookup(d, id, &at);

	return slot < 0 ? -slot - 1 : -1;
}

static int index_ids(struct loader *l)
{
	struct bpmn_def *d = l->d;
	uint32_t at;

	d->n_slots = 16;
	while (d->n_slots < 2u * (uint32_t)(d->n_nodes + d->n_flows))
		d->n_slots *= 2;
	d->slot = arena_array(d->a, d->n_slots, sizeof *d->slot);
	for (int i = 0; i < d->n_nodes + d->n_flows; i++) {
		bool is_node = i < d->n_nodes;
		int me = is_node ? i + 1 : -(i - d->n_nodes) - 1;
		const struct xml *x = is_node ? l->node_xml[i] : l->flow_xml[i - d->n_nodes];

		if (lookup(d, str_of(slot_id(d, me)), &at) != 0)
			return refuse(l, ERR_INVALID, x, "the id \"%.100s\" is used twice", slot_id(d, me));
		d->slot[at] = me;
	}
	return 0;
}

static int end_of_flow(struct loader *l, int i, const char *attr, int *out)
{
	const struct xml *x = l->flow_xml[i];
	const char *ref = xml_attr(x, attr, "");

	if (*ref == '\0')
		return refuse(l, ERR_INVALID, x, "the sequence flow dangles: it has no %s", attr);
	*out = bpmn__node_find(l->d, str_of(local(ref)));
	if (*out < 0)
		return refuse(l, ERR_INVALID, x,
		        "the sequence flow dangles: its %s \"%.100s\" is no element of "
		        "this process",
		        attr, ref);
	return 0;
}

static int connect_flows(struct loader *l)
{
	struct bpmn_def *d = l->d;
	int rc;

	for (int i = 0; i < d->n_flows; i++) {
		struct bpmn__flow *f = &d->flow[i];

		rc = end_of_flow(l, i, "sourceRef", &f->from);
		if (rc == 0)
			rc = end_of_flow(l, i, "targetRef", &f->to);
		if (rc < 0)
			return rc;
		if (d->node[f->from].parent != d->node[f->to].parent)
			return refuse(l, ERR_INVALID, l->flow_xml[i],
			        "a sequence flow cannot cross the border of a sub-process");
		d->node[f->from].n_out++;
		d->node[f->to].n_in++;
	}
	for (int i = 0; i < d->n_nodes; i++) {
		struct bpmn__node *n = &d->node[i];

		n->in = arena_array(d->a, (size_t)n->n_in, sizeof(int));
		n->out = arena_array(d->a, (size_t)n->n_out, sizeof(int));
		n->n_in = n->n_out = 0;
	}
	for (int i = 0; i < d->n_flows; i++) {
		struct bpmn__node *from = &d->node[d->flow[i].from], *to = &d->node[d->flow[i].to];

		((int *)from->out)[from->n_out++] = i;
		((int *)to->in)[to->n_in++] = i;
	}
	return 0;
}

/* An element that lists a flow in or out which does not touch it was torn from its drawing. */
static int listed_flows(struct loader *l, int i)
{
	const struct bpmn_def *d = l->d;

	for (const struct xml *c = l->node_xml[i]->child; c != NULL; c = c->next) {
		bool in = strcmp(c->name, "incoming") == 0;
		struct str ref;
		uint32_t at;
		int slot;

		if (!in_bpmn(c) || (!in && strcmp(c->name, "outgoing") != 0))
			continue;
		ref = str_trim(str_of(c->text));
		ref = str_of(local(arena_strndup(l->tmp, ref.p, ref.n)));
		slot = lookup(d, ref, &at);
		if (slot >= 0 || (in ? d->flow[-slot - 1].to : d->flow[-slot - 1].from) != i)
			return refuse(l, ERR_INVALID, l->node_xml[i],
			        "it lists the %s flow \"" STR_FMT
			        "\", which dangles: no such sequence flow %s it",
			        c->name, (int)(ref.n < 100 ? ref.n : 100), ref.p, in ? "leads to" : "leaves");
	}
	return 0;
}

static int node_refs(struct loader *l, int i)
{
	struct bpmn_def *d = l->d;
	struct bpmn__node *n = &d->node[i];
	const struct xml *x = l->node_xml[i];
	const char *ref = xml_attr(x, "default", "");

	if (*ref != '\0') {
		uint32_t at;
		int slot = lookup(d, str_of(local(ref)), &at);

		if (slot >= 0 || d->flow[-slot - 1].from != i)
			return refuse(l, ERR_INVALID, x,
			        "its default flow \"%.100s\" is no sequence flow that leaves it", ref);
		n->dflt = -slot - 1;
	}
	if (n->kind != KIND_BOUNDARY)
		return 0;
	ref = xml_attr(x, "attachedToRef", "");
	n->host = *ref ? bpmn__node_find(d, str_of(local(ref))) : -1;
	if (n->host < 0 || !bpmn__is_activity(d->node[n->host].kind) || d->node[n->host].parent != n->parent)
		return refuse(l, ERR_INVALID, x,
		        "it is attached to \"%.100s\", which is no activity beside it", ref);
	d->node[n->host].n_boundary++;
	return 0;
}

static int connect_nodes(struct loader *l)
{
	struct bpmn_def *d = l->d;
	int rc = 0;

	for (int i = 0; i < d->n_nodes && rc == 0; i++) {
		rc = listed_flows(l, i);
		if (rc == 0)
			rc = node_refs(l, i);
	}
	if (rc < 0)
		return rc;
	for (int i = 0; i < d->n_nodes; i++) {
		d->node[i].boundary = arena_array(d->a, (size_t)d->node[i].n_boundary, sizeof(int));
		d->node[i].n_boundary = 0;
	}
	for (int i = 0; i < d->n_nodes; i++) {
		struct bpmn__node *n = &d->node[i];

		if (n->host >= 0)
			((int *)d->node[n->host].boundary)[d->node[n->host].n_boundary++] = i;
		if (n->kind == KIND_START && n->parent >= 0)
			d->node[n->parent].start = i;
	}
	return 0;
}

/* ---- the whole ---- */

static void collect_names(struct loader *l, const struct xml *in)
{
	for (const struct xml *x = in->child; x != NULL; x = x->next) {
		const char *name = xml_attr_ns(x, BPMN__NS_OWN, "result", "");

		if (*name == '\0' && in_bpmn(x) && strcmp(x->name, "dataObject") == 0)
			name = xml_attr(x, "name", "");
		if (*name != '\0') {
			l->names = arena_grow(
			        l->d->a, l->names, &l->cap_names, l->n_names + 1, sizeof *l->names);
			l->names[l->n_names++] = str_of(arena_strdup(l->d->a, name));
		}
		collect_names(l, x);
	}
}

static const struct xml *find_process(struct loader *l, const char *want)
{
	const struct xml *first = NULL;

	for (const struct xml *x = l->root->child; x != NULL; x = x->next) {
		if (!in_bpmn(x) || strcmp(x->name, "process") != 0)
			continue;
		if (first == NULL)
			first = x;
		if (want ? strcmp(xml_attr(x, "id", ""), want) == 0
		         : strcmp(xml_attr(x, "isExecutable", "false"), "true") == 0)
			return x;
	}
	if (want != NULL)
		refuse(l, ERR_NOTFOUND, l->root, "there is no process \"%.100s\"", want);
	else if (first != NULL)
		refuse(l, ERR_INVALID, first,
		        "no process is executable: set isExecutable=\"true\" on the one that is to run");
	else
		refuse(l, ERR_INVALID, l->root, "there is no process in it");
	return NULL;
}

struct first_error {
	struct loader *l;
	bool any;
};
static void keep_first(void *ctx, bool error, const char *id, int line, const char *text)
{
	struct first_error *f = ctx;

	if (!error || f->any)
		return;
	f->any = true;
	err_set(f->l->e, ERR_INVALID, "%s", text);
	err_at(f->l->e, f->l->name, line, 0, id);
}

int bpmn_load(struct str xml, const char *name, const char *process, struct bpmn_def **out, struct err *e)
{
	static atomic_uint serials;
	struct err own = ERR_INIT;
	struct loader l = {.name = name, .e = e ? e : &own};
	struct first_error first = {.l = &l};
	struct bpmn_def *d = xcalloc(1, sizeof *d);
	const struct xml *x;
	struct xml *root = NULL;
	int rc;

	*out = NULL;
	d->magic = BPMN__DEF_MAGIC;
	d->a = arena_new(0);
	l.d = d;
	l.tmp = arena_new(0);
	rc = doc_parse_xml(l.tmp, xml, name, &root, l.e);
	if (rc < 0)
		goto out;
	l.root = root;
	if (!in_bpmn(root) || strcmp(root->name, "definitions") != 0) {
		rc = refuse(&l, ERR_INVALID, root,
		        "this is no BPMN 2.0: the outermost element must be "
		        "definitions of " BPMN__NS);
		goto out;
	}
	x = find_process(&l, process);
	if (x == NULL) {
		rc = process ? ERR_NOTFOUND : ERR_INVALID;
		goto out;
	}
	if (*xml_attr(x, "id", "") == '\0') {
		rc = refuse(&l, ERR_INVALID, x, "the process has no id");
		goto out;
	}
	d->name = keep(&l, name ? name : "");
	d->id = keep(&l, xml_attr(x, "id", ""));
	d->title = keep(&l, xml_attr(x, "name", ""));
	d->line = x->line;
	do
		d->serial = atomic_fetch_add(&serials, 1) + 1;
	while (d->serial == 0);
	collect_names(&l, x);
	rc = contents(&l, x, -1);
	if (rc == 0)
		rc = index_ids(&l);
	if (rc == 0)
		rc = connect_flows(&l);
	if (rc == 0)
		rc = connect_nodes(&l);
	if (rc == 0 && bpmn__check(d, keep_first, &first) > 0)
		rc = ERR_INVALID;
	if (rc == 0) {
		*out = d;
		d = NULL;
	}
out:
	arena_free(&l.tmp);
	bpmn_free(&d);
	return rc;
}

void bpmn_free(struct bpmn_def **d)
{
	if (*d == NULL)
		return;
	OBJ_CHECK(*d, BPMN__DEF_MAGIC);
	(*d)->magic = 0;
	arena_free(&(*d)->a);
	free(*d);
	*d = NULL;
}

const char *bpmn_process_id(const struct bpmn_def *d)
{
	return d->id;
}

const char *bpmn_process_name(const struct bpmn_def *d)
{
	return d->title;
}

const struct bpmn_element *bpmn_element(const struct bpmn_def *d, const char *id)
{
	int i = bpmn__node_find(d, str_of(id));

	return i < 0 ? NULL : &d->node[i].pub;
}

int bpmn_elements(const struct bpmn_def *d)
{
	return d->n_nodes;
}

const struct bpmn_element *bpmn_element_at(const struct bpmn_def *d, int i)
{
	return i >= 0 && i < d->n_nodes ? &d->node[i].pub : NULL;
}
