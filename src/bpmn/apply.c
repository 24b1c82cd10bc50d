/* Applying events: the only way in which a state changes. A draft within decide is changed by the same
 * functions as the state that the caller keeps. */
#include "bpmn/bpmn_int.h"

static struct str keep_text(struct bpmn_state *s, struct str t)
{
	if (!s->draft && t.n > 0)
		t.p = arena_strndup(s->a, t.p, t.n);
	return t;
}

/* A draft borrows ids; a state keeps its own, but for those of called processes, whose definitions live as
 * long as it does. i: node, or n_nodes + flow. */
static const char *keep_id(struct bpmn_state *s, const struct bpmn_def *d, int i)
{
	const char *id = i < d->n_nodes ? d->node[i].pub.id : d->flow[i - d->n_nodes].id;

	if (s->draft || d->serial != s->serial)
		return id;
	if (s->ids[i] == NULL)
		s->ids[i] = arena_strdup(s->a, id);
	return s->ids[i];
}

static int no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "the step of the flow does not fit the memory of this request");
}

#define BUG(e, ...) err_set(e, ERR_BUG, __VA_ARGS__)

/* Can a token of d lie on the node within that scope? */
static bool lies_in(const struct bpmn_def *d, int node, const struct bpmn__token *scope)
{
	int parent = d->node[node].parent;

	if (scope == NULL || scope->doing == DOING_CALL)
		return parent < 0;
	if (scope->def == d)
		return scope->node == (scope->doing == DOING_LOOP ? node : parent);
	return strcmp(scope->doing == DOING_LOOP ? d->node[node].pub.id
	               : parent < 0              ? ""
	                                         : d->node[parent].pub.id,
	               scope->element) == 0;
}

/* What begins in a call is of the definition that is called. */
static void bind_call(struct bpmn_state *s, uint32_t key, const struct bpmn_def *d)
{
	struct bpmn__call *c = bpmn__call_find(s, key);

	if (c == NULL || c->def != NULL)
		return;
	c->def = d;
	s->unbound = false;
	for (size_t i = 0; i < s->n_calls; i++)
		s->unbound |= s->call[i].def == NULL;
	for (size_t i = 0; i < s->n_tokens; i++)
		s->unbound |= s->token[i].def == NULL;
	for (size_t i = 0; i < s->n_waits; i++)
		s->unbound |= s->wait[i].def == NULL;
}

static int apply_token(
        const struct bpmn_def *d, struct bpmn_state *s, const struct bpmn_event *ev, int node, struct err *e)
{
	const struct bpmn__token *scope = ev->scope ? bpmn__token_find(s, ev->scope) : NULL;
	struct bpmn__token *t;
	int via = -1;

	if (ev->key < s->next_key)
		return BUG(e, "the key %u of a token was used before", ev->key);
	if ((ev->scope != 0 && scope == NULL) || !lies_in(d, node, scope))
		return BUG(e, "a token was put on \"%.100s\" outside its scope %u", ev->element, ev->scope);
	if (scope != NULL && scope->doing == DOING_CALL)
		bind_call(s, ev->scope, d);
	if (ev->text.n > 0) {
		via = ev->flow >= 0 && ev->flow < d->n_flows && d->flow[ev->flow].id == ev->text.p
		              ? ev->flow
		              : bpmn__flow_find(d, ev->text);
		if (via < 0 || d->flow[via].to != node)
			return BUG(e,
			        "a token came to \"%.100s\" by the flow \"" STR_FMT
			        "\", which does not lead there",
			        ev->element, (int)(ev->text.n < 100 ? ev->text.n : 100), ev->text.p);
	}
	t = arena_grow(s->a, s->token, &s->cap_tokens, s->n_tokens + 1, sizeof *t);
	if (t == NULL)
		return no_memory(e);
	s->token = t;
	s->token[s->n_tokens++] = (struct bpmn__token){
	        .key = ev->key,
	        .scope = ev->scope,
	        .element = keep_id(s, d, node),
	        .flow = via < 0 ? "" : keep_id(s, d, d->n_nodes + via),
	        .def = d,
	        .node = node,
	        .via = via,
	};
	s->next_key = ev->key + 1;
	return 0;
}

static void drop_local(struct bpmn_state *s, uint32_t owner)
{
	struct bpmn__local *l = bpmn__local_find(s, owner);

	if (l == NULL)
		return;
	memmove(l, l + 1, (size_t)(&s->local[s->n_locals] - (l + 1)) * sizeof *l);
	s->n_locals--;
}

static void drop_call(struct bpmn_state *s, uint32_t key)
{
	struct bpmn__call *c = bpmn__call_find(s, key);

	if (c == NULL)
		return;
	memmove(c, c + 1, (size_t)(&s->call[s->n_calls] - (c + 1)) * sizeof *c);
	s->n_calls--;
}

static int apply_token_gone(struct bpmn_state *s, const struct bpmn_event *ev, struct err *e)
{
	struct bpmn__token *t = bpmn__token_find(s, ev->key);
	size_t kept = bpmn__waits_after(s, ev->key);

	if (t == NULL)
		return BUG(e, "there is no token %u to take away", ev->key);
	if (t->doing == DOING_TASK || t->doing == DOING_SERVICE)
		return BUG(e, "the token %u was taken away from an open task", ev->key);
	for (const struct bpmn__token *in = t + 1; in < &s->token[s->n_tokens]; in++)
		if (in->scope == ev->key)
			return BUG(e, "the token %u was taken away and left what lies inside it", ev->key);
	for (size_t k = kept; k < s->n_waits; k++) {
		if (s->wait[k].owner == ev->key && s->wait[k].what == WAIT_TIMER)
			return BUG(e, "the token %u was taken away and left its timer %u", ev->key,
			        s->wait[k].key);
		if (s->wait[k].owner == ev->key)
			continue;
		if (kept < k)
			s->wait[kept] = s->wait[k];
		kept++;
	}
	s->n_waits = kept;
	drop_local(s, ev->key);
	drop_call(s, ev->key);
	memmove(t, t + 1, (size_t)(&s->token[s->n_tokens] - (t + 1)) * sizeof *t);
	s->n_tokens--;
	return 0;
}

/* What the token is doing now. */
static int apply_doing(
        const struct bpmn_def *d, struct bpmn_state *s, const struct bpmn_event *ev, int node, struct err *e)
{
	struct bpmn__token *t = bpmn__token_find(s, ev->key);
	bool open;

	if (t == NULL || (t->def == d ? t->node != node : strcmp(t->element, ev->element) != 0))
		return BUG(e, "there is no token %u at \"%.100s\"", ev->key, ev->element);
	open = t->doing == DOING_TASK || t->doing == DOING_SERVICE;
	switch (ev->type) {
	case BPMN_TASK_OPENED:
	case BPMN_SERVICE_CALLED:
	case BPMN_LOOP:
		if (t->doing != DOING_REST)
			return BUG(e, "the task %u was opened twice", ev->key);
		t->doing = ev->type == BPMN_TASK_OPENED      ? DOING_TASK
		           : ev->type == BPMN_SERVICE_CALLED ? DOING_SERVICE
		                                             : DOING_LOOP;
		return 0;
	case BPMN_TASK_DONE:
	case BPMN_TASK_CANCELLED:
		if (!open)
			return BUG(e, "the task %u is not open", ev->key);
		t->doing = DOING_REST;
		return 0;
	case BPMN_RETURNED:
		if (t->doing != DOING_CALL)
			return BUG(e, "the token %u has called nothing", ev->key);
		t->doing = DOING_REST;
		drop_call(s, ev->key);
		return 0;
	default:
		if (open)
			return BUG(e, "an incident at the open task %u", ev->key);
		t->doing = ev->value.type == FEEL_BOOL && ev->value.boolean ? DOING_STUCK : DOING_INCIDENT;
		return 0;
	}
}

static int apply_called(struct bpmn_state *s, const struct bpmn_event *ev, struct err *e)
{
	struct bpmn__token *t = bpmn__token_find(s, ev->key);
	struct bpmn__call *c;
	int64_t version = 0;
	size_t i = s->n_calls;

	if (t == NULL || t->doing != DOING_REST || ev->value.type != FEEL_NUMBER ||
	        !feel_number_to_int(ev->value.number, &version) || version < 1 || version > INT32_MAX)
		return BUG(e, "the token %u cannot call \"" STR_FMT "\"", ev->key,
		        (int)(ev->text.n < 100 ? ev->text.n : 100), ev->text.p);
	c = arena_grow(s->a, s->call, &s->cap_calls, s->n_calls + 1, sizeof *c);
	if (c == NULL)
		return no_memory(e);
	s->call = c;
	for (; i > 0 && c[i - 1].key > ev->key; i--)
		c[i] = c[i - 1];
	c[i] = (struct bpmn__call){.key = ev->key,
	        .version = (int)version,
	        .process = arena_strndup(s->a, ev->text.p, ev->text.n)};
	s->n_calls++;
	s->unbound = true; /* the first token in it says which definition it is */
	t->doing = DOING_CALL;
	return c[i].process ? 0 : no_memory(e);
}

static int apply_wait(
        const struct bpmn_def *d, struct bpmn_state *s, const struct bpmn_event *ev, int node, struct err *e)
{
	bool timer = ev->type == BPMN_TIMER_SET;
	bool condition = d->node[node].trigger == TRIGGER_CONDITION, inner = d->node[node].kind == KIND_START;
	struct bpmn__wait *w = bpmn__wait_find(s, ev->key);

	if (w != NULL && !timer && w->what == WAIT_CONDITION && strcmp(w->element, ev->element) == 0) {
		w->was = ev->value.type == FEEL_BOOL && ev->value.boolean;
		return 0;
	}
	if (ev->key < s->next_key)
		return BUG(e, "the key %u of a wait was used before", ev->key);
	if ((ev->scope != 0 || !inner) && bpmn__token_find(s, ev->scope) == NULL)
		return BUG(e, "there is no token %u to wait at \"%.100s\"", ev->scope, ev->element);
	w = arena_grow(s->a, s->wait, &s->cap_waits, s->n_waits + 1, sizeof *w);
	if (w == NULL)
		return no_memory(e);
	s->wait = w;
	s->wait[s->n_waits++] = (struct bpmn__wait){
	        .key = ev->key,
	        .owner = ev->scope,
	        .element = keep_id(s, d, node),
	        .def = d,
	        .node = node,
	        .inner = inner,
	        .what = timer       ? WAIT_TIMER
	                : condition ? WAIT_CONDITION
	                            : WAIT_NAME,
	        .at = timer ? ev->at : TIME_NONE,
	        .text = keep_text(s, ev->text),
	        .was = ev->value.type == FEEL_BOOL && ev->value.boolean,
	};
	s->next_key = ev->key + 1;
	return 0;
}

static int apply_wait_gone(struct bpmn_state *s, const struct bpmn_event *ev, struct err *e)
{
	struct bpmn__wait *w = bpmn__wait_find(s, ev->key);

	if (w == NULL || (w->what == WAIT_TIMER) != (ev->type == BPMN_TIMER_GONE))
		return BUG(e, "there is no such timer or wait %u", ev->key);
	memmove(w, w + 1, (size_t)(&s->wait[s->n_waits] - (w + 1)) * sizeof *w);
	s->n_waits--;
	return 0;
}

/* The context of the token `owner`, made if it is not there; NULL without memory. */
static struct bpmn__local *local_of(struct bpmn_state *s, uint32_t owner)
{
	struct bpmn__local *l = bpmn__local_find(s, owner);
	size_t i = s->n_locals;

	if (l != NULL)
		return l;
	l = arena_grow(s->a, s->local, &s->cap_locals, s->n_locals + 1, sizeof *l);
	if (l == NULL)
		return NULL;
	s->local = l;
	for (; i > 0 && l[i - 1].owner > owner; i--)
		l[i] = l[i - 1];
	l[i] = (struct bpmn__local){.owner = owner, .vars = {.type = FEEL_CONTEXT}};
	s->n_locals++;
	return &l[i];
}

/*
 * Name and value of the event, as the state keeps them. What goes into a call or comes back from it is mostly
 * a value that the state has already under that name: values are never changed in place, so it can be shared.
 */
static bool keep_entry(struct bpmn_state *s, const struct bpmn_event *ev, struct feel_entry *out)
{
	const struct feel_context *c = &s->vars.context;
	struct feel_value *v;

	out->key = ev->text;
	for (int i = 0; i < c->n && !s->draft; i++) {
		if (!str_eq(c->entry[i].key, ev->text))
			continue;
		*out = c->entry[i];
		if (bpmn__same_value(out->value, &ev->value))
			return true;
		break;
	}
	if (!s->draft && out->key.p == ev->text.p)
		out->key.p = arena_strndup(s->a, ev->text.p, ev->text.n);
	v = arena_alloc(s->a, sizeof *v);
	if (v == NULL)
		return false;
	*v = s->draft ? ev->value : feel_copy(s->a, &ev->value);
	out->value = v;
	return true;
}

static int apply_variable(struct bpmn_state *s, const struct bpmn_event *ev, struct err *e)
{
	struct bpmn__local *local = NULL;
	struct feel_context *c = &s->vars.context;
	size_t *cap = &s->cap_vars;
	struct feel_entry kept, *entry;
	int i = 0;

	if (ev->scope != 0 && bpmn__token_find(s, ev->scope) == NULL)
		return BUG(e, "a variable of the token %u, which is not there", ev->scope);
	if (ev->scope != 0) {
		local = local_of(s, ev->scope);
		if (local == NULL)
			return no_memory(e);
		c = &local->vars.context;
		cap = &local->cap;
	}
	if (!keep_entry(s, ev, &kept))
		return no_memory(e);
	while (i < c->n && !str_eq(c->entry[i].key, ev->text))
		i++;
	if (*cap == 0 && c->n > 0) {
		entry = arena_array(s->a, (size_t)c->n + 8, sizeof *entry);
		if (entry == NULL)
			return no_memory(e);
		*cap = (size_t)c->n + 8;
		c->entry = memcpy(entry, c->entry, (size_t)c->n * sizeof *entry);
	}
	if (i == c->n) {
		entry = arena_grow(s->a, c->entry, cap, (size_t)c->n + 1, sizeof *c->entry);
		if (entry == NULL)
			return no_memory(e);
		c->entry = entry;
		c->n++;
	}
	c->entry[i] = kept;
	return 0;
}

/* ---- another version of the definition ---- */

/*
 * Renames, and binds what is the instance's own. What an activity waits for and the new definition has not
 * is dropped; such a timer stays without a node, for the event that follows and takes it away.
 */
static int apply_migrated(
        const struct bpmn_def *d, struct bpmn_state *s, const struct bpmn_event *ev, struct err *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_tokens; i++)
		if (!bpmn__in_call(s, s->token[i].scope) &&
		        bpmn__node_find(d, bpmn__migrated_id(&ev->value, s->token[i].element)) < 0)
			return BUG(
			        e, "migrated, but there is no element for \"%.100s\"", s->token[i].element);
	s->serial = d->serial;
	s->unbound = s->n_calls > 0;
	if (!s->draft)
		s->ids = arena_array(s->a, (size_t)(d->n_nodes + d->n_flows), sizeof *s->ids);
	for (size_t i = 0; i < s->n_tokens; i++) {
		struct bpmn__token *t = &s->token[i];
		struct str flow = bpmn__migrated_id(&ev->value, t->flow);

		if (bpmn__in_call(s, t->scope))
			continue;
		t->def = d;
		t->node = bpmn__node_find(d, bpmn__migrated_id(&ev->value, t->element));
		t->element = keep_id(s, d, t->node);
		t->via = flow.n > 0 ? bpmn__flow_find(d, flow) : -1;
		if (t->via >= 0 && d->flow[t->via].to != t->node)
			t->via = -1;
		t->flow = t->via < 0 ? "" : keep_id(s, d, d->n_nodes + t->via);
	}
	for (size_t i = 0; i < s->n_waits; i++) {
		struct bpmn__wait w = s->wait[i];

		if (!bpmn__in_call(
		            s, w.inner || w.owner == 0 ? w.owner : bpmn__token_find(s, w.owner)->scope)) {
			w.def = d;
			w.node = bpmn__node_find(d, bpmn__migrated_id(&ev->value, w.element));
			if (w.node >= 0 &&
			        (bpmn__wait_misfit(s, &w) != NULL ||
			                (w.what == WAIT_NAME && !str_is(w.text, d->node[w.node].pub.ref))))
				w.node = -1;
			if (w.node < 0 && w.what != WAIT_TIMER)
				continue;
			if (w.node >= 0)
				w.element = keep_id(s, d, w.node);
		}
		s->wait[kept++] = w;
	}
	s->n_waits = kept;
	return 0;
}

static bool names_element(enum bpmn_event_type t)
{
	switch (t) {
	case BPMN_TOKEN:
	case BPMN_TASK_OPENED:
	case BPMN_TASK_DONE:
	case BPMN_TASK_CANCELLED:
	case BPMN_SERVICE_CALLED:
	case BPMN_INCIDENT:
	case BPMN_TIMER_SET:
	case BPMN_WAITING:
	case BPMN_LOOP:
	case BPMN_CALLED:
	case BPMN_RETURNED: return true;
	default: return false;
	}
}

int bpmn_apply(const struct bpmn_def *d, struct bpmn_state *s, const struct bpmn_event *ev, struct err *e)
{
	const struct bpmn_def *in = ev->def ? ev->def : d;
	int node = -1, rc;

	OBJ_CHECK(d, BPMN__DEF_MAGIC);
	OBJ_CHECK(s, BPMN__STATE_MAGIC);
	rc = ev->type == BPMN_MIGRATED || s->serial == d->serial ? 0 : bpmn__state_bind(s, d, NULL, e);
	if (rc < 0)
		return rc;
	if (s->phase != (ev->type == BPMN_STARTED ? PHASE_NEW : PHASE_RUNNING))
		return BUG(e, "an event of type %d while the instance is %s", (int)ev->type,
		        s->phase == PHASE_NEW     ? "not started"
		        : s->phase == PHASE_ENDED ? "ended"
		                                  : "started already");
	if (names_element(ev->type)) {
		node = bpmn__node_of(in, ev);
		if (node < 0)
			return BUG(e,
			        "an event names the element \"%.100s\", which the definition does not have",
			        ev->element ? ev->element : "");
	}
	switch (ev->type) {
	case BPMN_STARTED: s->phase = PHASE_RUNNING; return 0;
	case BPMN_TOKEN: return apply_token(in, s, ev, node, e);
	case BPMN_TOKEN_GONE: return apply_token_gone(s, ev, e);
	case BPMN_TASK_OPENED:
	case BPMN_TASK_DONE:
	case BPMN_TASK_CANCELLED:
	case BPMN_SERVICE_CALLED:
	case BPMN_LOOP:
	case BPMN_RETURNED:
	case BPMN_INCIDENT: return apply_doing(in, s, ev, node, e);
	case BPMN_CALLED: return apply_called(s, ev, e);
	case BPMN_TIMER_SET:
	case BPMN_WAITING: return apply_wait(in, s, ev, node, e);
	case BPMN_TIMER_GONE:
	case BPMN_WAIT_GONE: return apply_wait_gone(s, ev, e);
	case BPMN_VARIABLE: return apply_variable(s, ev, e);
	case BPMN_MIGRATED: return apply_migrated(d, s, ev, e);
	case BPMN_ENDED:
		if (s->n_tokens > 0)
			return BUG(e, "the instance ended with %zu tokens left", s->n_tokens);
		s->phase = PHASE_ENDED;
		s->n_waits = 0;
		return 0;
	case BPMN_FLOW_TAKEN:
	case BPMN_DECIDED:
	case BPMN_ESCALATED:
	case BPMN_MESSAGE_SENT:
	case BPMN_SIGNAL_SENT: return 0;
	}
	return BUG(e, "an event of the unknown type %d", (int)ev->type);
}
