/* The state of an instance: the fold of its events. bpmn_apply is the only way in which it changes. */
#include "bpmn/bpmn_int.h"

/* Below this the garbage of replaced variables is not worth remaking their arena. */
#define VARS_KEEP_B (64 * 1024)

struct bpmn_state *bpmn_state_new(void)
{
	struct bpmn_state *s = xcalloc(1, sizeof *s);

	s->magic = BPMN__STATE_MAGIC;
	s->next_key = 1;
	s->a = arena_new(0);
	s->vars_arena = arena_new(0);
	s->vars.type = FEEL_CONTEXT;
	return s;
}

void bpmn_state_free(struct bpmn_state **s)
{
	if (*s == NULL)
		return;
	OBJ_CHECK(*s, BPMN__STATE_MAGIC);
	(*s)->magic = 0;
	arena_free(&(*s)->a);
	arena_free(&(*s)->vars_arena);
	free((*s)->token);
	free((*s)->wait);
	free((*s)->vars.context.entry);
	free(*s);
	*s = NULL;
}

bool bpmn_state_ended(const struct bpmn_state *s)
{
	return s->phase == PHASE_ENDED;
}

const struct feel_value *bpmn_state_variables(const struct bpmn_state *s)
{
	return &s->vars;
}

/* Index of the first token with a key >= key. */
static size_t token_at(const struct bpmn_state *s, uint32_t key)
{
	size_t lo = 0, hi = s->n_tokens;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->token[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct bpmn__token *bpmn__token_find(const struct bpmn_state *s, uint32_t key)
{
	size_t i = token_at(s, key);

	return i < s->n_tokens && s->token[i].key == key ? &s->token[i] : NULL;
}

struct bpmn__wait *bpmn__wait_find(const struct bpmn_state *s, uint32_t key)
{
	for (size_t i = 0; i < s->n_waits; i++)
		if (s->wait[i].key == key)
			return &s->wait[i];
	return NULL;
}

static int foreign(const char *element, struct err *e)
{
	return err_set(e, ERR_STATE,
	        "the state is at \"%.100s\" in a way that this version of the definition does not have; go "
	        "on with "
	        "the version that it was begun with",
	        element);
}

/* Could a token of this definition lie like this, or wait for that? */
static bool token_fits(const struct bpmn_state *s, const struct bpmn_def *d, const struct bpmn__token *t)
{
	const struct bpmn__node *n = &d->node[t->node];
	const struct bpmn__token *scope = bpmn__token_find(s, t->scope);

	if (n->parent != (scope ? scope->node : -1) || (t->via >= 0 && d->flow[t->via].to != t->node))
		return false;
	return (t->doing != DOING_TASK || n->kind == KIND_USER) &&
	       (t->doing != DOING_SERVICE || n->kind == KIND_SERVICE);
}

static bool wait_fits(const struct bpmn_state *s, const struct bpmn_def *d, const struct bpmn__wait *w)
{
	const struct bpmn__node *n = &d->node[w->node];
	int owner = bpmn__token_find(s, w->owner)->node;
	bool at_gateway =
	        d->node[owner].kind == KIND_EVENT_GATEWAY && n->n_in == 1 && d->flow[n->in[0]].from == owner;
	enum bpmn__trigger t = n->trigger;

	if (n->kind == KIND_BOUNDARY ? n->host != owner : w->node != owner && !at_gateway)
		return false;
	if (n->kind != KIND_BOUNDARY && n->kind != KIND_CATCH && n->kind != KIND_RECEIVE)
		return false;
	return w->what == WAIT_TIMER       ? t == TRIGGER_TIMER
	       : w->what == WAIT_CONDITION ? t == TRIGGER_CONDITION
	                                   : t == TRIGGER_MESSAGE || t == TRIGGER_SIGNAL;
}

int bpmn__state_bind(struct bpmn_state *s, const struct bpmn_def *d, struct err *e)
{
	if (s->serial == d->serial)
		return 0;
	for (size_t i = 0; i < s->n_tokens; i++) {
		struct bpmn__token *t = &s->token[i];

		t->node = bpmn__node_find(d, str_of(t->element));
		if (t->node < 0)
			return foreign(t->element, e);
		t->via = *t->flow ? bpmn__flow_find(d, str_of(t->flow)) : -1;
		if (!token_fits(s, d, t))
			return foreign(t->element, e);
	}
	for (size_t i = 0; i < s->n_waits; i++) {
		struct bpmn__wait *w = &s->wait[i];

		w->node = bpmn__node_find(d, str_of(w->element));
		if (w->node < 0 || !wait_fits(s, d, w))
			return foreign(w->element, e);
	}
	if (!s->draft)
		s->ids = arena_array(s->a, (size_t)(d->n_nodes + d->n_flows), sizeof *s->ids);
	s->serial = d->serial;
	return 0;
}

int bpmn__state_draft(struct bpmn_state *out, const struct bpmn_state *s, const struct bpmn_def *d,
        struct arena *a, struct err *e)
{
	*out = *s;
	out->draft = true;
	out->a = out->vars_arena = a;
	out->cap_tokens = s->n_tokens + 8;
	out->cap_waits = s->n_waits + 8;
	out->cap_vars = (size_t)s->vars.context.n + 8;
	out->token = arena_array(a, out->cap_tokens, sizeof *out->token);
	out->wait = arena_array(a, out->cap_waits, sizeof *out->wait);
	out->vars.context.entry = arena_array(a, out->cap_vars, sizeof *out->vars.context.entry);
	if (!out->token || !out->wait || !out->vars.context.entry)
		return err_set(e, ERR_NOMEM, "the state of the flow does not fit the memory of this request");
	if (s->n_tokens)
		memcpy(out->token, s->token, s->n_tokens * sizeof *s->token);
	if (s->n_waits)
		memcpy(out->wait, s->wait, s->n_waits * sizeof *s->wait);
	if (s->vars.context.n)
		memcpy(out->vars.context.entry, s->vars.context.entry,
		        (size_t)s->vars.context.n * sizeof *s->vars.context.entry);
	return bpmn__state_bind(out, d, e);
}

/* ---- apply ---- */

static void *grow(struct bpmn_state *s, void *p, size_t *cap, size_t need, size_t size)
{
	return s->draft ? arena_grow(s->a, p, cap, need, size) : xgrow(p, cap, need, size);
}

static struct str keep_text(struct bpmn_state *s, struct str t)
{
	if (!s->draft && t.n > 0)
		t.p = arena_strndup(s->a, t.p, t.n);
	return t;
}

/* Ids outlive neither definition nor event in a draft; a state keeps its own. i: node, or n_nodes + flow. */
static const char *keep_id(struct bpmn_state *s, const struct bpmn_def *d, int i)
{
	const char *id = i < d->n_nodes ? d->node[i].pub.id : d->flow[i - d->n_nodes].id;

	if (s->draft)
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

static int apply_token(
        const struct bpmn_def *d, struct bpmn_state *s, const struct bpmn_event *ev, int node, struct err *e)
{
	const struct bpmn__token *scope = bpmn__token_find(s, ev->scope);
	int parent = scope ? scope->node : -1, via = -1;
	struct bpmn__token *t;

	if (ev->key < s->next_key)
		return BUG(e, "the key %u of a token was used before", ev->key);
	if (d->node[node].parent != parent || (ev->scope != 0 && scope == NULL))
		return BUG(e, "a token was put on \"%.100s\" outside its scope %u", ev->element, ev->scope);
	if (ev->text.n > 0) {
		via = bpmn__flow_find(d, ev->text);
		if (via < 0 || d->flow[via].to != node)
			return BUG(e,
			        "a token came to \"%.100s\" by the flow \"" STR_FMT
			        "\", which does not lead there",
			        ev->element, (int)(ev->text.n < 100 ? ev->text.n : 100), ev->text.p);
	}
	t = grow(s, s->token, &s->cap_tokens, s->n_tokens + 1, sizeof *t);
	if (t == NULL)
		return no_memory(e);
	s->token = t;
	s->token[s->n_tokens++] = (struct bpmn__token){
	        .key = ev->key,
	        .scope = ev->scope,
	        .element = keep_id(s, d, node),
	        .flow = via < 0 ? "" : keep_id(s, d, d->n_nodes + via),
	        .node = node,
	        .via = via,
	};
	s->next_key = ev->key + 1;
	return 0;
}

static int apply_token_gone(struct bpmn_state *s, const struct bpmn_event *ev, struct err *e)
{
	size_t i = token_at(s, ev->key), kept = 0;

	if (i == s->n_tokens || s->token[i].key != ev->key)
		return BUG(e, "there is no token %u to take away", ev->key);
	if (s->token[i].doing == DOING_TASK || s->token[i].doing == DOING_SERVICE)
		return BUG(e, "the token %u was taken away from an open task", ev->key);
	for (size_t k = 0; k < s->n_tokens; k++)
		if (s->token[k].scope == ev->key)
			return BUG(
			        e, "the token %u was taken away from a sub-process that still runs", ev->key);
	for (size_t k = 0; k < s->n_waits; k++) {
		if (s->wait[k].owner != ev->key)
			s->wait[kept++] = s->wait[k];
		else if (s->wait[k].what == WAIT_TIMER)
			return BUG(e, "the token %u was taken away and left its timer %u", ev->key,
			        s->wait[k].key);
	}
	s->n_waits = kept;
	memmove(&s->token[i], &s->token[i + 1], (s->n_tokens - i - 1) * sizeof *s->token);
	s->n_tokens--;
	return 0;
}

/* TASK_OPENED, TASK_DONE, TASK_CANCELLED, SERVICE_CALLED, INCIDENT: what the token is doing now. */
static int apply_doing(struct bpmn_state *s, const struct bpmn_event *ev, int node, struct err *e)
{
	struct bpmn__token *t = bpmn__token_find(s, ev->key);
	bool open;

	if (t == NULL || t->node != node)
		return BUG(e, "there is no token %u at \"%.100s\"", ev->key, ev->element);
	open = t->doing == DOING_TASK || t->doing == DOING_SERVICE;
	switch (ev->type) {
	case BPMN_TASK_OPENED:
	case BPMN_SERVICE_CALLED:
		if (t->doing != DOING_REST)
			return BUG(e, "the task %u was opened twice", ev->key);
		t->doing = ev->type == BPMN_TASK_OPENED ? DOING_TASK : DOING_SERVICE;
		return 0;
	case BPMN_TASK_DONE:
	case BPMN_TASK_CANCELLED:
		if (!open)
			return BUG(e, "the task %u is not open", ev->key);
		t->doing = DOING_REST;
		return 0;
	default:
		if (open)
			return BUG(e, "an incident at the open task %u", ev->key);
		t->doing = ev->value.type == FEEL_BOOL && ev->value.boolean ? DOING_STUCK : DOING_INCIDENT;
		return 0;
	}
}

static int apply_wait(
        const struct bpmn_def *d, struct bpmn_state *s, const struct bpmn_event *ev, int node, struct err *e)
{
	bool timer = ev->type == BPMN_TIMER_SET;
	bool condition = d->node[node].trigger == TRIGGER_CONDITION;
	struct bpmn__wait *w = bpmn__wait_find(s, ev->key);

	if (w != NULL && !timer && w->what == WAIT_CONDITION && w->node == node) {
		w->was = ev->value.type == FEEL_BOOL && ev->value.boolean;
		return 0;
	}
	if (ev->key < s->next_key)
		return BUG(e, "the key %u of a wait was used before", ev->key);
	if (bpmn__token_find(s, ev->scope) == NULL)
		return BUG(e, "there is no token %u to wait at \"%.100s\"", ev->scope, ev->element);
	w = grow(s, s->wait, &s->cap_waits, s->n_waits + 1, sizeof *w);
	if (w == NULL)
		return no_memory(e);
	s->wait = w;
	s->wait[s->n_waits++] = (struct bpmn__wait){
	        .key = ev->key,
	        .owner = ev->scope,
	        .element = keep_id(s, d, node),
	        .node = node,
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

static int apply_timer_gone(struct bpmn_state *s, const struct bpmn_event *ev, struct err *e)
{
	struct bpmn__wait *w = bpmn__wait_find(s, ev->key);

	if (w == NULL || w->what != WAIT_TIMER)
		return BUG(e, "there is no timer %u", ev->key);
	memmove(w, w + 1, (size_t)(&s->wait[s->n_waits] - (w + 1)) * sizeof *w);
	s->n_waits--;
	return 0;
}

/* Values of variables that were replaced stay in the arena until most of it is garbage. */
static void remake_variables(struct bpmn_state *s)
{
	struct arena *a;

	if (arena_used(s->vars_arena) < VARS_KEEP_B || arena_used(s->vars_arena) < 2 * s->vars_live)
		return;
	a = arena_new(0);
	for (int i = 0; i < s->vars.context.n; i++) {
		struct feel_entry *en = &s->vars.context.entry[i];
		struct feel_value *v = arena_alloc(a, sizeof *v);

		*v = feel_copy(a, en->value);
		en->value = v;
		en->key.p = arena_strndup(a, en->key.p, en->key.n);
	}
	arena_free(&s->vars_arena);
	s->vars_arena = a;
	s->vars_live = arena_used(a);
}

static int apply_variable(struct bpmn_state *s, const struct bpmn_event *ev, struct err *e)
{
	struct feel_context *c = &s->vars.context;
	struct feel_value *v = arena_alloc(s->vars_arena, sizeof *v);
	struct feel_entry *entry;
	int i;

	if (v == NULL)
		return no_memory(e);
	*v = s->draft ? ev->value : feel_copy(s->vars_arena, &ev->value);
	for (i = 0; i < c->n; i++)
		if (str_eq(c->entry[i].key, ev->text))
			break;
	if (i == c->n) {
		struct str key = ev->text;

		entry = grow(s, c->entry, &s->cap_vars, (size_t)c->n + 1, sizeof *c->entry);
		if (entry == NULL)
			return no_memory(e);
		c->entry = entry;
		if (!s->draft)
			key.p = arena_strndup(s->vars_arena, key.p, key.n);
		c->entry[c->n++].key = key;
	}
	c->entry[i].value = v;
	if (!s->draft)
		remake_variables(s);
	return 0;
}

int bpmn_apply(const struct bpmn_def *d, struct bpmn_state *s, const struct bpmn_event *ev, struct err *e)
{
	int node = -1, rc;

	OBJ_CHECK(d, BPMN__DEF_MAGIC);
	OBJ_CHECK(s, BPMN__STATE_MAGIC);
	rc = bpmn__state_bind(s, d, e);
	if (rc < 0)
		return rc;
	if (s->phase != (ev->type == BPMN_STARTED ? PHASE_NEW : PHASE_RUNNING))
		return BUG(e, "an event of type %d while the instance is %s", (int)ev->type,
		        s->phase == PHASE_NEW     ? "not started"
		        : s->phase == PHASE_ENDED ? "ended"
		                                  : "started already");
	switch (ev->type) {
	case BPMN_TOKEN:
	case BPMN_TASK_OPENED:
	case BPMN_TASK_DONE:
	case BPMN_TASK_CANCELLED:
	case BPMN_SERVICE_CALLED:
	case BPMN_INCIDENT:
	case BPMN_TIMER_SET:
	case BPMN_WAITING:
		node = ev->element ? bpmn__node_find(d, str_of(ev->element)) : -1;
		if (node < 0)
			return BUG(e,
			        "an event names the element \"%.100s\", which the definition does not have",
			        ev->element ? ev->element : "");
		break;
	default: break;
	}
	switch (ev->type) {
	case BPMN_STARTED: s->phase = PHASE_RUNNING; return 0;
	case BPMN_TOKEN: return apply_token(d, s, ev, node, e);
	case BPMN_TOKEN_GONE: return apply_token_gone(s, ev, e);
	case BPMN_TASK_OPENED:
	case BPMN_TASK_DONE:
	case BPMN_TASK_CANCELLED:
	case BPMN_SERVICE_CALLED:
	case BPMN_INCIDENT: return apply_doing(s, ev, node, e);
	case BPMN_TIMER_SET:
	case BPMN_WAITING: return apply_wait(d, s, ev, node, e);
	case BPMN_TIMER_GONE: return apply_timer_gone(s, ev, e);
	case BPMN_VARIABLE: return apply_variable(s, ev, e);
	case BPMN_ENDED:
		if (s->n_tokens > 0)
			return BUG(e, "the instance ended with %zu tokens left", s->n_tokens);
		s->phase = PHASE_ENDED;
		return 0;
	case BPMN_FLOW_TAKEN:
	case BPMN_DECIDED:
	case BPMN_ESCALATED:
	case BPMN_MESSAGE_SENT:
	case BPMN_SIGNAL_SENT: return 0;
	}
	return BUG(e, "an event of the unknown type %d", (int)ev->type);
}

/* ---- what is open ---- */

size_t bpmn_state_open(const struct bpmn_state *s, struct arena *a, struct bpmn_open **out)
{
	struct bpmn_open *o = arena_array(a, s->n_tokens + s->n_waits, sizeof *o);
	size_t t = 0, w = 0, n = 0;

	*out = o;
	if (o == NULL)
		return 0;
	while (t < s->n_tokens || w < s->n_waits) {
		if (w == s->n_waits || (t < s->n_tokens && s->token[t].key < s->wait[w].key)) {
			const struct bpmn__token *x = &s->token[t++];

			if (x->doing == DOING_TASK || x->doing == DOING_SERVICE)
				o[n++] = (struct bpmn_open){
				        .what = x->doing == DOING_TASK ? BPMN_OPEN_TASK : BPMN_OPEN_SERVICE,
				        .key = x->key,
				        .element = x->element,
				        .at = TIME_NONE};
		} else {
			const struct bpmn__wait *x = &s->wait[w++];

			o[n++] = (struct bpmn_open){
			        .what = x->what == WAIT_TIMER ? BPMN_OPEN_TIMER : BPMN_OPEN_WAIT,
			        .key = x->key,
			        .element = x->element,
			        .at = x->at};
		}
	}
	return n;
}
