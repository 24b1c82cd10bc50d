/* The state of an instance: finding one's way in it, and what binds it to a definition. apply.c changes it.
 */
#include "bpmn/bpmn_int.h"

struct bpmn_state *bpmn_state_new(void)
{
	struct bpmn_state *s = xcalloc(1, sizeof *s);

	s->magic = BPMN__STATE_MAGIC;
	s->next_key = 1;
	s->a = arena_new(0);
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

struct bpmn__token *bpmn__token_search(const struct bpmn_state *s, uint32_t key)
{
	size_t lo = 0, hi = s->n_tokens;

	for (; hi > 0 && hi <= 16; hi--) /* few, as mostly: from the newest */
		if (s->token[hi - 1].key <= key)
			return s->token[hi - 1].key == key ? &s->token[hi - 1] : NULL;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->token[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n_tokens && s->token[lo].key == key ? &s->token[lo] : NULL;
}

size_t bpmn__waits_after(const struct bpmn_state *s, uint32_t key)
{
	size_t lo = 0, hi = s->n_waits;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->wait[mid].key <= key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct bpmn__wait *bpmn__wait_find(const struct bpmn_state *s, uint32_t key)
{
	size_t i = bpmn__waits_after(s, key);

	return i > 0 && s->wait[i - 1].key == key ? &s->wait[i - 1] : NULL;
}

struct bpmn__call *bpmn__call_find(const struct bpmn_state *s, uint32_t key)
{
	size_t lo = 0, hi = s->n_calls;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->call[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n_calls && s->call[lo].key == key ? &s->call[lo] : NULL;
}

struct bpmn__local *bpmn__local_find(const struct bpmn_state *s, uint32_t owner)
{
	size_t lo = 0, hi = s->n_locals;

	if (hi > 0 && s->local[hi - 1].owner <= owner) /* mostly the newest is meant */
		lo = s->local[hi - 1].owner < owner ? hi : hi - 1;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->local[mid].owner < owner)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n_locals && s->local[lo].owner == owner ? &s->local[lo] : NULL;
}

const struct feel_value *bpmn__entry(const struct feel_value *context, struct str name)
{
	for (int i = 0; i < context->context.n; i++)
		if (str_eq(context->context.entry[i].key, name))
			return context->context.entry[i].value;
	return NULL;
}

static bool same_entries(const struct feel_context *a, const struct feel_context *b)
{
	if (a->n != b->n)
		return false;
	for (int i = 0; i < a->n && a->entry != b->entry; i++)
		if (!str_eq(a->entry[i].key, b->entry[i].key) ||
		        !bpmn__same_value(a->entry[i].value, b->entry[i].value))
			return false;
	return true;
}

static bool same_items(const struct feel_list *a, const struct feel_list *b)
{
	if (a->n != b->n)
		return false;
	for (int i = 0; i < a->n && a->item != b->item; i++)
		if (!bpmn__same_value(&a->item[i], &b->item[i]))
			return false;
	return true;
}

/* Depth: that of values, RUN__VALUE_DEPTH_MAX. */
bool bpmn__same_value(const struct feel_value *a, const struct feel_value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case FEEL_NULL: return true;
	case FEEL_BOOL: return a->boolean == b->boolean;
	case FEEL_NUMBER:
		return a->number.coefficient == b->number.coefficient &&
		       a->number.exponent == b->number.exponent && a->number.negative == b->number.negative;
	case FEEL_STRING: return str_eq(a->string, b->string);
	case FEEL_LIST: return same_items(&a->list, &b->list);
	case FEEL_CONTEXT: return same_entries(&a->context, &b->context);
	default: return false;
	}
}

static void add_missing(struct arena *a, struct feel_value *all, const struct feel_value *more)
{
	for (int i = 0; i < more->context.n; i++)
		if (bpmn__entry(all, more->context.entry[i].key) == NULL)
			feel_put(a, all, more->context.entry[i].key, *more->context.entry[i].value);
}

struct feel_value bpmn_state_seen(const struct bpmn_state *s, uint32_t key, struct arena *a)
{
	struct feel_value all = {.type = FEEL_CONTEXT};
	bool inside = false;

	for (const struct bpmn__token *t; (t = bpmn__token_find(s, key)) != NULL; key = t->scope) {
		const struct bpmn__local *l = bpmn__local_find(s, t->key);

		if (l != NULL && (t->doing != DOING_CALL || inside))
			add_missing(a, &all, &l->vars);
		if (t->doing == DOING_CALL && inside)
			return all;
		inside = true;
	}
	add_missing(a, &all, &s->vars);
	return all;
}

const struct bpmn_def *bpmn__def_inside(const struct bpmn_state *s, const struct bpmn_def *d, uint32_t key)
{
	const struct bpmn__token *t = bpmn__token_find(s, key);
	const struct bpmn__call *c;

	if (t == NULL)
		return d;
	if (t->doing != DOING_CALL)
		return t->def;
	c = bpmn__call_find(s, key);
	return c ? c->def : NULL;
}

bool bpmn__is_instance(const struct bpmn_state *s, const struct bpmn__token *t)
{
	const struct bpmn__token *scope = t->scope ? bpmn__token_find(s, t->scope) : NULL;

	return scope != NULL && scope->doing == DOING_LOOP;
}

bool bpmn__in_call(const struct bpmn_state *s, uint32_t scope)
{
	while (scope != 0) {
		const struct bpmn__token *t = bpmn__token_find(s, scope);

		if (t->doing == DOING_CALL)
			return true;
		scope = t->scope;
	}
	return false;
}

/* ---- binding to a definition ---- */

static int foreign(const char *element, const char *why, struct err *e)
{
	return err_set(e, ERR_STATE,
	        "the state is at \"%.100s\" in a way that this version of the definition does not have (%s); "
	        "go "
	        "on with the version that it was begun with, or migrate it",
	        element, why);
}

static const char *doing_misfit(const struct bpmn__token *t, const struct bpmn__node *n)
{
	switch (t->doing) {
	case DOING_TASK: return n->kind == KIND_USER ? NULL : "it is no user task";
	case DOING_SERVICE: return n->kind == KIND_SERVICE ? NULL : "it is no service task";
	case DOING_CALL: return n->kind == KIND_CALL ? NULL : "it is no call activity";
	case DOING_LOOP: return n->loop != NULL ? NULL : "it is not repeated";
	default: return NULL;
	}
}

const char *bpmn__token_misfit(const struct bpmn_state *s, const struct bpmn__token *t)
{
	const struct bpmn__node *n = &t->def->node[t->node];
	const struct bpmn__token *scope = t->scope ? bpmn__token_find(s, t->scope) : NULL;
	int parent = scope == NULL || scope->doing == DOING_CALL ? -1 : scope->node;

	if (scope != NULL && scope->doing == DOING_LOOP) {
		if (t->node != scope->node)
			return "it lies in another element";
	} else if (n->parent != parent || (parent >= 0 && t->def->node[parent].kind != KIND_SUB))
		return "it lies in another sub-process";
	else if (n->loop != NULL && (t->doing == DOING_REST || t->doing == DOING_TASK ||
	                                    t->doing == DOING_SERVICE || t->doing == DOING_CALL))
		return "it is repeated";
	if (t->via >= 0 && t->def->flow[t->via].to != t->node)
		return "the sequence flow by which it was reached leads elsewhere";
	return doing_misfit(t, n);
}

const char *bpmn__wait_misfit(const struct bpmn_state *s, const struct bpmn__wait *w)
{
	const struct bpmn__node *n = &w->def->node[w->node];
	const struct bpmn__token *t = w->owner ? bpmn__token_find(s, w->owner) : NULL;
	int inside = t == NULL || t->doing == DOING_CALL ? -1 : t->node;
	bool at_gateway;

	if (w->inner != (n->kind == KIND_START))
		return "it waits otherwise";
	if (w->inner) {
		if (n->parent < 0 || !w->def->node[n->parent].handler ||
		        w->def->node[n->parent].parent != inside)
			return "it lies in another sub-process";
	} else if (n->kind == KIND_BOUNDARY) {
		if (n->host != t->node)
			return "it is attached to another activity";
	} else {
		at_gateway = t->def->node[t->node].kind == KIND_EVENT_GATEWAY && n->n_in == 1 &&
		             t->def->flow[n->in[0]].from == t->node;
		if ((n->kind != KIND_CATCH && n->kind != KIND_RECEIVE) || (w->node != t->node && !at_gateway))
			return "nothing waits for it there";
	}
	if (w->what == WAIT_TIMER           ? n->trigger != TRIGGER_TIMER
	        : w->what == WAIT_CONDITION ? n->trigger != TRIGGER_CONDITION
	                                    : n->trigger != TRIGGER_MESSAGE && n->trigger != TRIGGER_SIGNAL)
		return "it waits for something else";
	return NULL;
}

static int bind_token(struct bpmn_state *s, const struct bpmn_def *d, struct bpmn__token *t, struct err *e)
{
	const char *why;

	t->def = bpmn__def_inside(s, d, t->scope);
	t->node = t->via = -1;
	s->unbound |= t->def == NULL;
	if (t->def == NULL)
		return 0;
	t->node = bpmn__node_find(t->def, str_of(t->element));
	if (t->node < 0)
		return foreign(t->element, "there is no such element", e);
	if (*t->flow != '\0')
		t->via = bpmn__flow_find(t->def, str_of(t->flow));
	why = bpmn__token_misfit(s, t);
	return why ? foreign(t->element, why, e) : 0;
}

static int bind_wait(struct bpmn_state *s, const struct bpmn_def *d, struct bpmn__wait *w, struct err *e)
{
	const struct bpmn__token *t = w->owner ? bpmn__token_find(s, w->owner) : NULL;
	const char *why;

	w->def = w->inner || t == NULL ? bpmn__def_inside(s, d, w->owner) : t->def;
	w->node = w->def ? bpmn__node_find(w->def, str_of(w->element)) : -1;
	if (w->def == NULL)
		return 0;
	if (w->node < 0)
		return foreign(w->element, "there is no such element", e);
	why = bpmn__wait_misfit(s, w);
	return why ? foreign(w->element, why, e) : 0;
}

static int find_called(struct bpmn__call *c, const struct bpmn_services *sv, struct err *e)
{
	int version = c->version;

	if (sv == NULL)
		return 0;
	c->def = sv->called ? sv->called(sv->ctx, c->process, &version) : NULL;
	return c->def ? 0
	              : err_set(e, ERR_STATE,
	                        "version %d of the process \"%.100s\", which is called, is not there",
	                        c->version, c->process);
}

int bpmn__state_bind(
        struct bpmn_state *s, const struct bpmn_def *d, const struct bpmn_services *sv, struct err *e)
{
	int rc = 0;

	if (s->serial == d->serial && !(s->unbound && sv != NULL))
		return 0;
	s->unbound = false;
	for (size_t i = 0; i < s->n_calls && rc == 0; i++) {
		s->call[i].def = NULL;
		rc = find_called(&s->call[i], sv, e);
	}
	for (size_t i = 0; i < s->n_tokens && rc == 0; i++)
		rc = bind_token(s, d, &s->token[i], e);
	for (size_t i = 0; i < s->n_waits && rc == 0; i++)
		rc = bind_wait(s, d, &s->wait[i], e);
	if (rc < 0)
		return rc;
	if (!s->draft && s->serial != d->serial)
		s->ids = arena_array(s->a, (size_t)(d->n_nodes + d->n_flows), sizeof *s->ids);
	s->serial = d->serial;
	return 0;
}

/* Copies n of the rows, with room for some more. */
static void *copy(struct arena *a, const void *rows, size_t n, size_t size, size_t *cap)
{
	void *p;

	*cap = n + 8;
	p = arena_array(a, *cap, size);
	if (p != NULL && n > 0)
		memcpy(p, rows, n * size);
	return p;
}

int bpmn__state_draft(struct bpmn_state *out, const struct bpmn_state *s, struct arena *a, struct err *e)
{
	*out = *s;
	out->draft = true;
	out->a = a;
	out->token = copy(a, s->token, s->n_tokens, sizeof *s->token, &out->cap_tokens);
	out->wait = copy(a, s->wait, s->n_waits, sizeof *s->wait, &out->cap_waits);
	out->cap_vars = 0;
	out->call = NULL;
	out->local = NULL;
	out->cap_calls = out->cap_locals = 0;
	if (s->n_calls > 0)
		out->call = copy(a, s->call, s->n_calls, sizeof *s->call, &out->cap_calls);
	if (s->n_locals > 0)
		out->local = copy(a, s->local, s->n_locals, sizeof *s->local, &out->cap_locals);
	for (size_t i = 0; i < s->n_locals && out->local != NULL; i++)
		out->local[i].cap = 0;
	if (arena_failed(a))
		return err_set(e, ERR_NOMEM, "the state of the flow does not fit the memory of this request");
	return 0;
}

/* ---- what is open ---- */

/* Says whose the element is that lies in the scope `key`. */
static void place(const struct bpmn_state *s, uint32_t key, struct bpmn_open *o)
{
	o->process = "";
	o->version = 0;
	o->own = o->element;
	while (key != 0) {
		const struct bpmn__token *t = bpmn__token_find(s, key);
		const struct bpmn__call *c = t->doing == DOING_CALL ? bpmn__call_find(s, key) : NULL;

		if (c != NULL && *o->process == '\0') {
			o->process = c->process;
			o->version = c->version;
		}
		if (c != NULL)
			o->own = t->element;
		key = t->scope;
	}
}

size_t bpmn_state_open(const struct bpmn_state *s, struct arena *a, struct bpmn_open **out)
{
	struct bpmn_open *o = arena_array(a, s->n_tokens + s->n_waits, sizeof *o);
	size_t t = 0, w = 0, n = 0;

	*out = o;
	if (o == NULL)
		return 0;
	while (t < s->n_tokens || w < s->n_waits) {
		size_t before = n;
		uint32_t scope;

		if (w == s->n_waits || (t < s->n_tokens && s->token[t].key < s->wait[w].key)) {
			const struct bpmn__token *x = &s->token[t++];

			scope = x->scope;
			if (x->doing == DOING_TASK || x->doing == DOING_SERVICE)
				o[n++] = (struct bpmn_open){
				        .what = x->doing == DOING_TASK ? BPMN_OPEN_TASK : BPMN_OPEN_SERVICE,
				        .key = x->key,
				        .element = x->element,
				        .at = TIME_NONE};
		} else {
			const struct bpmn__wait *x = &s->wait[w++];

			scope = x->inner || x->owner == 0 ? x->owner : bpmn__token_find(s, x->owner)->scope;
			o[n++] = (struct bpmn_open){
			        .what = x->what == WAIT_TIMER ? BPMN_OPEN_TIMER : BPMN_OPEN_WAIT,
			        .key = x->key,
			        .element = x->element,
			        .at = x->at};
		}
		if (n > before)
			place(s, scope, &o[n - 1]);
	}
	return n;
}
