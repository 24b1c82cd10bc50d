/* Reading activities: attributes of our own, repetition, what goes into a call and comes out. */
#include "bpmn/load_int.h"

#include "base/num.h"

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
	const char *ref = xml_attr(x, "messageRef", ""), *name;
	const struct xml *m;

	n->trigger = TRIGGER_MESSAGE;
	if (*ref == '\0')
		return load__refuse(l, ERR_INVALID, x, "a %s needs a messageRef", x->name);
	if (strcmp(xml_attr(x, "instantiate", "false"), "true") == 0)
		return load__refuse(l, ERR_UNSUPPORTED, x,
		        "a receive task that starts the process is not executed; use a message start event");
	m = load__root(l, "message", load__local(ref));
	if (m == NULL)
		return load__refuse(l, ERR_INVALID, x,
		        "it refers to the message \"%.100s\", which the file does not define", ref);
	name = xml_attr(m, "name", "");
	n->pub.ref = load__keep(l, *name ? name : xml_attr(m, "id", ""));
	return 0;
}

/* ---- repetition ---- */

/* The name of a data item that an instance takes or gives. */
static const char *item_name(const struct xml *loop, const char *which)
{
	const struct xml *x = xml_child(loop, which);

	if (x == NULL)
		return "";
	return *xml_attr(x, "name", "") ? xml_attr(x, "name", "") : xml_attr(x, "id", "");
}

/* The text of an element that refers to data. */
static const char *data_ref(struct loader *l, const struct xml *loop, const char *which)
{
	const struct xml *x = xml_child(loop, which);
	struct str s = x ? str_trim(str_of(x->text)) : STR_NULL;

	return s.n > 0 ? load__local(arena_strndup(l->d->a, s.p, s.n)) : "";
}

static int multi_instance(
        struct loader *l, const struct xml *owner, const struct xml *x, struct bpmn__loop *loop)
{
	const struct xml *count = xml_child(x, "loopCardinality"),
	                 *until = xml_child(x, "completionCondition");
	const char *collection =
	        xml_attr_ns(x, BPMN__NS_OWN, "collection", data_ref(l, x, "loopDataInputRef"));
	const char *result = xml_attr_ns(x, BPMN__NS_OWN, "result", item_name(x, "outputDataItem"));
	int rc = 0;

	loop->parallel = strcmp(xml_attr(x, "isSequential", "false"), "true") != 0;
	loop->item = load__keep(l, xml_attr_ns(x, BPMN__NS_OWN, "item", item_name(x, "inputDataItem")));
	loop->results =
	        load__keep(l, xml_attr_ns(x, BPMN__NS_OWN, "results", data_ref(l, x, "loopDataOutputRef")));
	if (strcmp(xml_attr(x, "behavior", "All"), "All") != 0)
		return load__refuse(l, ERR_UNSUPPORTED, owner,
		        "instances that throw events (behavior=\"%.40s\") are not executed",
		        xml_attr(x, "behavior", ""));
	if ((count != NULL) == (*collection != '\0'))
		return load__refuse(l, ERR_INVALID, owner,
		        "it is repeated, but how often? Give one of loopCardinality, and collection "
		        "of " BPMN__NS_OWN " or loopDataInputRef");
	if (count != NULL)
		rc = load__formal(l, owner, count, "the loopCardinality", &loop->count);
	else
		rc = load__feel(l, owner, collection, "the collection", &loop->collection);
	if (rc == 0 && until != NULL)
		rc = load__formal(l, owner, until, "the completionCondition", &loop->until);
	if (rc < 0)
		return rc;
	if ((*loop->results != '\0') != (*result != '\0'))
		return load__refuse(l, ERR_INVALID, owner,
		        "results names the variable for the list, result what each instance gives: give both "
		        "or "
		        "neither");
	return *result != '\0' ? load__feel(l, owner, result, "the result", &loop->result) : 0;
}

static int standard_loop(
        struct loader *l, const struct xml *owner, const struct xml *x, struct bpmn__loop *loop)
{
	const struct xml *again = xml_child(x, "loopCondition");
	const char *most = xml_attr(x, "loopMaximum", "");

	loop->standard = true;
	loop->test_before = strcmp(xml_attr(x, "testBefore", "false"), "true") == 0;
	if (*most != '\0' && (!num_int(str_of(most), &loop->most) || loop->most < 0))
		return load__refuse(l, ERR_INVALID, owner, "loopMaximum is no whole number from 0 up");
	if (again == NULL && loop->most < 0)
		return load__refuse(l, ERR_INVALID, owner,
		        "the loop would never end: give it a loopCondition or a loopMaximum");
	return again != NULL ? load__formal(l, owner, again, "the loopCondition", &loop->again) : 0;
}

static int repetition(struct loader *l, const struct xml *owner, const struct xml *x, struct bpmn__node *n)
{
	bool standard = strcmp(x->name, "standardLoopCharacteristics") == 0;

	if (n->loop != NULL)
		return load__refuse(l, ERR_INVALID, owner, "it is repeated in two ways; one is possible");
	if (n->handler)
		return load__refuse(l, ERR_INVALID, owner, "an event sub-process cannot be repeated");
	n->loop = arena_alloc(l->d->a, sizeof *n->loop);
	*n->loop = (struct bpmn__loop){.most = -1, .item = "", .results = ""};
	return standard ? standard_loop(l, owner, x, n->loop) : multi_instance(l, owner, x, n->loop);
}

/* ---- calls ---- */

static int mapping(struct loader *l, const struct xml *owner, const struct xml *x, struct bpmn__map **all,
        int *n, size_t *cap)
{
	const char *name = xml_attr(x, "name", ""), *value = xml_attr(x, "value", name);
	struct bpmn__map *m;

	if (*name == '\0')
		return load__refuse(l, ERR_INVALID, owner, "%s of the call names no variable", x->name);
	*all = arena_grow(l->d->a, *all, cap, (size_t)*n + 1, sizeof **all);
	m = &(*all)[(*n)++];
	m->name = load__keep(l, name);
	return load__feel(l, owner, value, "what goes through the call", &m->value);
}

static int call(struct loader *l, const struct xml *x, struct bpmn__node *n)
{
	const struct xml *ext = xml_child(x, "extensionElements");
	size_t give = 0, back = 0;
	int rc = 0;

	n->pub.ref = load__keep(l, load__local(xml_attr(x, "calledElement", "")));
	if (*n->pub.ref == '\0')
		return load__refuse(
		        l, ERR_INVALID, x, "the call activity says no calledElement: the id of a process");
	for (const struct xml *c = ext ? ext->child : NULL; c != NULL && rc == 0; c = c->next) {
		if (strcmp(c->ns, BPMN__NS_OWN) != 0)
			continue;
		if (strcmp(c->name, "in") == 0)
			rc = mapping(l, x, c, &n->give, &n->n_give, &give);
		else if (strcmp(c->name, "out") == 0)
			rc = mapping(l, x, c, &n->back, &n->n_back, &back);
	}
	return rc;
}

/* ---- activities ---- */

static int own_variables(struct loader *l, const struct xml *x, struct bpmn__node *n)
{
	struct str rest = str_of(words(l, xml_attr_ns(x, BPMN__NS_OWN, "local", "")));
	size_t cap = 0;

	while (rest.n > 0) {
		struct str word = str_cut(&rest, ' ');

		if (word.p[0] == '@')
			return load__refuse(l, ERR_INVALID, x, "no variable may begin with @");
		n->locals = arena_grow(l->d->a, n->locals, &cap, (size_t)n->n_locals + 1, sizeof *n->locals);
		n->locals[n->n_locals++] = arena_strndup(l->d->a, word.p, word.n);
	}
	return 0;
}

/* What stands inside an activity; of a sub-process only what is about itself. */
static int parts(struct loader *l, const struct xml *x, struct bpmn__node *n)
{
	int rc;

	for (const struct xml *c = x->child; c != NULL; c = c->next) {
		if (!load__in_bpmn(c) || load__is_drawn(c))
			continue;
		if (strcmp(c->name, "multiInstanceLoopCharacteristics") == 0 ||
		        strcmp(c->name, "standardLoopCharacteristics") == 0) {
			rc = repetition(l, x, c, n);
			if (rc < 0)
				return rc;
		} else if (n->kind != KIND_SUB)
			return load__refuse(
			        l, ERR_UNSUPPORTED, x, "a %s with %s is not executed", x->name, c->name);
	}
	return 0;
}

static int task(struct loader *l, const struct xml *x, struct bpmn__node *n)
{
	const char *s;

	switch (n->kind) {
	case KIND_USER:
		n->pub.role = load__keep(l, xml_attr_ns(x, BPMN__NS_OWN, "role", ""));
		n->pub.outcomes = words(l, xml_attr_ns(x, BPMN__NS_OWN, "outcomes", ""));
		n->pub.stage = load__keep(l, xml_attr_ns(x, BPMN__NS_OWN, "stage", ""));
		n->pub.form = load__keep(l, xml_attr_ns(x, BPMN__NS_OWN, "form", ""));
		s = xml_attr_ns(x, BPMN__NS_OWN, "org", "");
		if (*s == '=')
			return load__feel(l, x, s, "the attribute org", &n->expr);
		n->org = load__keep(l, s);
		return 0;
	case KIND_SERVICE:
		n->pub.ref = load__keep(l, xml_attr_ns(x, BPMN__NS_OWN, "topic", ""));
		if (*n->pub.ref == '\0')
			return load__refuse(l, ERR_INVALID, x,
			        "a service task needs the attribute topic of " BPMN__NS_OWN);
		return 0;
	case KIND_RULE:
		n->pub.ref = load__keep(l, xml_attr_ns(x, BPMN__NS_OWN, "decision", ""));
		n->result = load__keep(l, xml_attr_ns(x, BPMN__NS_OWN, "result", ""));
		if (*n->pub.ref == '\0' || *n->result == '\0')
			return load__refuse(l, ERR_INVALID, x,
			        "a business rule task needs the attributes decision and result "
			        "of " BPMN__NS_OWN);
		return 0;
	case KIND_SEND:
	case KIND_RECEIVE: return message_of_task(l, x, n);
	case KIND_CALL: return call(l, x, n);
	default: return 0;
	}
}

int load__activity(struct loader *l, const struct xml *x, struct bpmn__node *n)
{
	int rc;

	if (strcmp(xml_attr(x, "isForCompensation", "false"), "true") == 0)
		return load__refuse(l, ERR_UNSUPPORTED, x, "compensation is not executed");
	if (strcmp(xml_attr(x, "startQuantity", "1"), "1") != 0 ||
	        strcmp(xml_attr(x, "completionQuantity", "1"), "1") != 0)
		return load__refuse(l, ERR_UNSUPPORTED, x, "startQuantity and completionQuantity must be 1");
	n->handler = n->kind == KIND_SUB && strcmp(xml_attr(x, "triggeredByEvent", "false"), "true") == 0;
	rc = own_variables(l, x, n);
	if (rc == 0)
		rc = parts(l, x, n);
	return rc == 0 ? task(l, x, n) : rc;
}
