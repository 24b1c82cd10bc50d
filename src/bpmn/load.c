/*
 * Loading: XML of BPMN 2.0 -> definition. What the engine does not execute is refused here, where the
 * element still has its line; what is only drawn (lanes, notes, data objects) is passed over.
 */
#include "bpmn/load_int.h"

#include <stdatomic.h>

/* Past this a drawing is no process that people run, but an attack on memory. */
#define NODES_MAX 5000

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
        {"callActivity", KIND_CALL, BPMN_CALL_ACTIVITY},
        {"exclusiveGateway", KIND_XOR, BPMN_EXCLUSIVE_GATEWAY},
        {"parallelGateway", KIND_AND, BPMN_PARALLEL_GATEWAY},
        {"inclusiveGateway", KIND_OR, BPMN_INCLUSIVE_GATEWAY},
        {"eventBasedGateway", KIND_EVENT_GATEWAY, BPMN_EVENT_GATEWAY},
};

/* Drawn or said, but nothing to execute. */
static const char *const DRAWN[] = {"documentation", "extensionElements", "incoming", "outgoing", "laneSet",
        "dataObject", "dataObjectReference", "dataStoreReference", "textAnnotation", "association", "group",
        "auditing", "monitoring", "ioSpecification", "property", "dataInput", "dataOutput", "inputSet",
        "outputSet", "dataInputAssociation", "dataOutputAssociation", "resourceRole", "performer",
        "humanPerformer", "potentialOwner", "rendering", "supportedInterfaceRef", "correlationSubscription",
        "supports"};

int load__refuse(struct loader *l, int code, const struct xml *x, const char *fmt, ...)
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

bool load__in_bpmn(const struct xml *x)
{
	return strcmp(x->ns, BPMN__NS) == 0;
}

const char *load__keep(struct loader *l, const char *s)
{
	return *s == '\0' ? "" : arena_strdup(l->d->a, s);
}

const char *load__local(const char *qname)
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

int load__feel(
        struct loader *l, const struct xml *at, const char *s, const char *what, struct feel_expr **out)
{
	struct str text = expression(s);
	struct feel_names names = {.name = l->names, .n = (int)l->n_names};
	struct err e = ERR_INIT;
	int rc;

	if (text.n == 0)
		return load__refuse(l, ERR_INVALID, at, "%s is empty", what);
	/* The expression keeps slices of its text. */
	text.p = arena_strndup(l->d->a, text.p, text.n);
	rc = feel_compile(l->d->a, text, &names, out, &e);
	if (rc < 0)
		return load__refuse(l, rc == ERR_NOMEM ? rc : ERR_INVALID, at,
		        "%s: %s (FEEL, line %d column %d)", what, e.text, e.line, e.column);
	return 0;
}

int load__formal(struct loader *l, const struct xml *owner, const struct xml *x, const char *what,
        struct feel_expr **out)
{
	const char *language = xml_attr(x, "language", "");
	int rc;

	if (*language != '\0' && strcasestr(language, "feel") == NULL)
		return load__refuse(l, ERR_UNSUPPORTED, owner,
		        "%s is written in %.100s, but only FEEL is executed; rewrite it", what, language);
	rc = load__feel(l, owner, x->text, what, out);
	if (rc < 0 && l->e != NULL)
		l->e->line = x->line;
	return rc;
}

static int by_name_and_id(const void *a, const void *b)
{
	const struct xml *const *x = a, *const *y = b;
	int c = strcmp((*x)->name, (*y)->name);

	return c != 0 ? c : strcmp(xml_attr(*x, "id", ""), xml_attr(*y, "id", ""));
}

static void index_roots(struct loader *l)
{
	size_t cap = 0;

	for (const struct xml *x = l->root->child; x != NULL; x = x->next) {
		l->roots = arena_grow(l->tmp, l->roots, &cap, l->n_roots + 1, sizeof(*l->roots));
		l->roots[l->n_roots++] = x;
	}
	if (l->n_roots > 0)
		qsort(l->roots, l->n_roots, sizeof(*l->roots), by_name_and_id);
}

const struct xml *load__root(struct loader *l, const char *name, const char *id)
{
	size_t lo = 0, hi = l->n_roots;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct xml *x = l->roots[mid];
		int c = strcmp(x->name, name);

		if (c == 0)
			c = strcmp(xml_attr(x, "id", ""), id);
		if (c == 0)
			return x;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

bool load__is_drawn(const struct xml *x)
{
	for (size_t i = 0; i < ARRAY_LEN(DRAWN); i++)
		if (strcmp(x->name, DRAWN[i]) == 0)
			return true;
	return false;
}

/* ---- elements ---- */

static int contents(struct loader *l, const struct xml *in, int parent);

static int node(struct loader *l, const struct xml *x, size_t which, int parent)
{
	struct bpmn_def *d = l->d;
	struct bpmn__node *n;
	int i = d->n_nodes, rc = 0;

	if (i >= NODES_MAX)
		return load__refuse(l, ERR_TOOBIG, x, "the process has more than %d elements", NODES_MAX);
	if (*xml_attr(x, "id", "") == '\0')
		return load__refuse(l, ERR_INVALID, x, "this %s has no id", x->name);
	d->node = arena_grow(d->a, d->node, &l->cap_nodes, (size_t)i + 1, sizeof *d->node);
	l->node_xml = arena_grow(l->tmp, l->node_xml, &l->cap_node_xml, (size_t)i + 1, sizeof *l->node_xml);
	d->n_nodes++;
	l->node_xml[i] = x;
	n = &d->node[i];
	*n = (struct bpmn__node){
	        .pub = {.id = load__keep(l, xml_attr(x, "id", "")),
	                .name = load__keep(l, xml_attr(x, "name", "")),
	                .type = NODES[which].type,
	                .line = x->line,
	                .role = "",
	                .outcomes = "",
	                .stage = "",
	                .form = "",
	                .ref = "",
	                .calendar = "",
	                .signal = ""},
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
		return load__event(l, x, n, parent >= 0 && d->node[parent].handler);
	if (bpmn__is_activity(n->kind))
		rc = load__activity(l, x, n);
	else if (n->kind == KIND_EVENT_GATEWAY) {
		if (strcmp(xml_attr(x, "instantiate", "false"), "true") == 0)
			return load__refuse(l, ERR_UNSUPPORTED, x,
			        "an event-based gateway that starts the process is not executed");
		if (strcmp(xml_attr(x, "eventGatewayType", "Exclusive"), "Exclusive") != 0)
			return load__refuse(
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
		return load__refuse(
		        l, ERR_TOOBIG, x, "the process has more than %d sequence flows", NODES_MAX);
	if (*xml_attr(x, "id", "") == '\0')
		return load__refuse(l, ERR_INVALID, x, "this sequenceFlow has no id");
	d->flow = arena_grow(d->a, d->flow, &l->cap_flows, (size_t)i + 1, sizeof *d->flow);
	l->flow_xml = arena_grow(l->tmp, l->flow_xml, &l->cap_flow_xml, (size_t)i + 1, sizeof *l->flow_xml);
	d->n_flows++;
	l->flow_xml[i] = x;
	f = &d->flow[i];
	*f = (struct bpmn__flow){
	        .id = load__keep(l, xml_attr(x, "id", "")), .line = x->line, .from = -1, .to = -1};
	c = xml_child(x, "conditionExpression");
	return c ? load__formal(l, x, c, "the condition", &f->cond) : 0;
}

/* What lies directly in a process or sub-process. */
static int contents(struct loader *l, const struct xml *in, int parent)
{
	for (const struct xml *x = in->child; x != NULL; x = x->next) {
		size_t i;
		int rc;

		if (!load__in_bpmn(x))
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
		if (load__is_drawn(x) || strstr(x->name, "LoopCharacteristics") != NULL)
			continue; /* the loop is a part of the sub-process itself, which has read it */
		if (*xml_attr(x, "id", "") == '\0')
			return load__refuse(
			        l, ERR_UNSUPPORTED, in, "a %s with %s is not executed", in->name, x->name);
		return load__refuse(l, ERR_UNSUPPORTED, x, "%s is not executed", x->name);
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

int bpmn__node_of(const struct bpmn_def *d, const struct bpmn_event *ev)
{
	if (ev->node >= 0 && ev->node < d->n_nodes && d->node[ev->node].pub.id == ev->element)
		return ev->node;
	return ev->element ? bpmn__node_find(d, str_of(ev->element)) : -1;
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
			return load__refuse(
			        l, ERR_INVALID, x, "the id \"%.100s\" is used twice", slot_id(d, me));
		d->slot[at] = me;
	}
	return 0;
}

static int end_of_flow(struct loader *l, int i, const char *attr, int *out)
{
	const struct xml *x = l->flow_xml[i];
	const char *ref = xml_attr(x, attr, "");

	if (*ref == '\0')
		return load__refuse(l, ERR_INVALID, x, "the sequence flow dangles: it has no %s", attr);
	*out = bpmn__node_find(l->d, str_of(load__local(ref)));
	if (*out < 0)
		return load__refuse(l, ERR_INVALID, x,
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
			return load__refuse(l, ERR_INVALID, l->flow_xml[i],
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
		d->flow[i].at = to->n_in;
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

		if (!load__in_bpmn(c) || (!in && strcmp(c->name, "outgoing") != 0))
			continue;
		ref = str_trim(str_of(c->text));
		ref = str_of(load__local(arena_strndup(l->tmp, ref.p, ref.n)));
		slot = lookup(d, ref, &at);
		if (slot >= 0 || (in ? d->flow[-slot - 1].to : d->flow[-slot - 1].from) != i)
			return load__refuse(l, ERR_INVALID, l->node_xml[i],
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
		int slot = lookup(d, str_of(load__local(ref)), &at);

		if (slot >= 0 || d->flow[-slot - 1].from != i)
			return load__refuse(l, ERR_INVALID, x,
			        "its default flow \"%.100s\" is no sequence flow that leaves it", ref);
		n->dflt = -slot - 1;
	}
	if (n->kind != KIND_BOUNDARY)
		return 0;
	ref = xml_attr(x, "attachedToRef", "");
	n->host = *ref ? bpmn__node_find(d, str_of(load__local(ref))) : -1;
	if (n->host < 0 || !bpmn__is_activity(d->node[n->host].kind) || d->node[n->host].parent != n->parent)
		return load__refuse(l, ERR_INVALID, x,
		        "it is attached to \"%.100s\", which is no activity beside it", ref);
	d->node[n->host].n_boundary++;
	return 0;
}

/* The start events of the event sub-processes of each scope. Twice: counted, then listed. */
static void connect_handlers(struct bpmn_def *d)
{
	for (int list = 0; list < 2; list++) {
		for (int i = 0; i < d->n_nodes; i++) {
			const struct bpmn__node *n = &d->node[i];
			int scope = n->handler ? n->parent : -2;
			const int **all = scope < 0 ? &d->handlers : &d->node[scope].handlers;
			int *count = scope < 0 ? &d->n_handlers : &d->node[scope].n_handlers;

			if (scope < -1 || n->start < 0)
				continue;
			if (list)
				((int *)*all)[*count] = n->start;
			++*count;
		}
		if (list)
			break;
		d->handlers = arena_array(d->a, (size_t)d->n_handlers, sizeof(int));
		d->n_handlers = 0;
		for (int i = 0; i < d->n_nodes; i++) {
			d->node[i].handlers = arena_array(d->a, (size_t)d->node[i].n_handlers, sizeof(int));
			d->node[i].n_handlers = 0;
		}
	}
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
	connect_handlers(d);
	return 0;
}

/* ---- the whole ---- */

static void name(struct loader *l, const char *s)
{
	if (*s == '\0')
		return;
	l->names = arena_grow(l->d->a, l->names, &l->cap_names, l->n_names + 1, sizeof *l->names);
	l->names[l->n_names++] = str_of(arena_strdup(l->d->a, s));
}

static void collect_names(struct loader *l, const struct xml *in)
{
	static const char *const OWN[] = {"result", "item", "results"};

	for (const struct xml *x = in->child; x != NULL; x = x->next) {
		for (size_t i = 0; i < ARRAY_LEN(OWN); i++)
			name(l, xml_attr_ns(x, BPMN__NS_OWN, OWN[i], ""));
		if ((load__in_bpmn(x) &&
		            (strcmp(x->name, "dataObject") == 0 || strcmp(x->name, "inputDataItem") == 0)) ||
		        strcmp(x->ns, BPMN__NS_OWN) == 0)
			name(l, xml_attr(x, "name", ""));
		collect_names(l, x);
	}
}

static const struct xml *find_process(struct loader *l, const char *want)
{
	const struct xml *first = NULL;

	for (const struct xml *x = l->root->child; x != NULL; x = x->next) {
		if (!load__in_bpmn(x) || strcmp(x->name, "process") != 0)
			continue;
		if (first == NULL)
			first = x;
		if (want ? strcmp(xml_attr(x, "id", ""), want) == 0
		         : strcmp(xml_attr(x, "isExecutable", "false"), "true") == 0)
			return x;
	}
	if (want != NULL)
		load__refuse(l, ERR_NOTFOUND, l->root, "there is no process \"%.100s\"", want);
	else if (first != NULL)
		load__refuse(l, ERR_INVALID, first,
		        "no process is executable: set isExecutable=\"true\" on the one that is to run");
	else
		load__refuse(l, ERR_INVALID, l->root, "there is no process in it");
	return NULL;
}

struct first_error {
	struct loader *l;
	bool any;
};
static void keep_first(void *ctx, bool error, const char *id, int line, const char *text)
{
	struct first_error *f = ctx;
	int node = bpmn__node_find(f->l->d, str_of(id)), flow = bpmn__flow_find(f->l->d, str_of(id));
	const struct xml *x = node >= 0   ? f->l->node_xml[node]
	                      : flow >= 0 ? f->l->flow_xml[flow]
	                                  : f->l->process;

	if (!error || f->any)
		return;
	f->any = true;
	err_set(f->l->e, ERR_INVALID, "%s", text);
	err_at(f->l->e, f->l->name, line, x->column, id);
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
	index_roots(&l);
	if (!load__in_bpmn(root) || strcmp(root->name, "definitions") != 0) {
		rc = load__refuse(&l, ERR_INVALID, root,
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
		rc = load__refuse(&l, ERR_INVALID, x, "the process has no id");
		goto out;
	}
	d->name = load__keep(&l, name ? name : "");
	d->id = load__keep(&l, xml_attr(x, "id", ""));
	d->title = load__keep(&l, xml_attr(x, "name", ""));
	d->line = x->line;
	l.process = x;
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
