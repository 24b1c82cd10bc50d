/*
 * The state as compact JSON. Numbers keep their 34 digits; what JSON has no type for is an object whose
 * only key begins with "@": {"@":"2026-07-14T08:00:00Z"} for a date, time or duration, {"@range":[…]} for a
 * range. Keys of contexts that begin with "@" themselves get one more. A variable of a call that is what the
 * process has under that name, as most are that were given to it, is {"@":"="}.
 */
#include "bpmn/bpmn_int.h"

#include "base/num.h"

/* 1: neither calls nor variables of tokens; 2: no variable that stands for one of the process. A state that
 * has none is written as that still, so that an older program can read it. */
#define VERSION 3

static const char *const PHASES[] = {"new", "running", "ended"};

static void write_key(struct str key, struct jw *w, struct sb *tmp)
{
	if (key.n > 0 && key.p[0] == '@') {
		sb_reset(tmp);
		sb_putc(tmp, '@');
		sb_putstr(tmp, key);
		key = sb_str(tmp);
	}
	jw_key_str(w, key);
}

static void write_value(const struct feel_value *v, struct jw *w, struct sb *tmp)
{
	switch (v->type) {
	case FEEL_NULL:
	case FEEL_FUNCTION: jw_null(w); return; /* a function is code, not state */
	case FEEL_BOOL: jw_bool(w, v->boolean); return;
	case FEEL_NUMBER:
		sb_reset(tmp);
		feel_number_write(tmp, v->number);
		jw_raw(w, sb_str(tmp));
		return;
	case FEEL_STRING: jw_str(w, v->string); return;
	case FEEL_LIST:
		jw_array(w);
		for (int i = 0; i < v->list.n; i++)
			write_value(&v->list.item[i], w, tmp);
		jw_array_end(w);
		return;
	case FEEL_CONTEXT:
		jw_object(w);
		for (int i = 0; i < v->context.n; i++) {
			write_key(v->context.entry[i].key, w, tmp);
			write_value(v->context.entry[i].value, w, tmp);
		}
		jw_object_end(w);
		return;
	case FEEL_RANGE:
		jw_object(w);
		jw_key(w, "@range");
		jw_array(w);
		write_value(v->range.low ? v->range.low : &FEEL_NULL_VALUE, w, tmp);
		write_value(v->range.high ? v->range.high : &FEEL_NULL_VALUE, w, tmp);
		jw_bool(w, v->range.low_in);
		jw_bool(w, v->range.high_in);
		jw_array_end(w);
		jw_object_end(w);
		return;
	case FEEL_DATE:
	case FEEL_TIME:
	case FEEL_DATETIME:
	case FEEL_DAYS:
	case FEEL_MONTHS:
		sb_reset(tmp);
		feel_write_text(v, tmp);
		jw_object(w);
		jw_key(w, "@");
		jw_str(w, sb_str(tmp));
		jw_object_end(w);
		return;
	}
}

/* [[key, "process", version], …] */
static void write_calls(const struct bpmn_state *s, struct jw *w)
{
	jw_key(w, "calls");
	jw_array(w);
	for (size_t i = 0; i < s->n_calls; i++) {
		jw_array(w);
		jw_int(w, s->call[i].key);
		jw_cstr(w, s->call[i].process);
		jw_int(w, s->call[i].version);
		jw_array_end(w);
	}
	jw_array_end(w);
}

/* A text, list or context that the process has under the same name. */
static bool stands_for(const struct bpmn_state *s, const struct feel_entry *x)
{
	const struct feel_value *v;

	if (x->value->type != FEEL_STRING && x->value->type != FEEL_LIST && x->value->type != FEEL_CONTEXT)
		return false;
	v = bpmn__entry(&s->vars, x->key);
	return v != NULL && bpmn__same_value(v, x->value);
}

static void write_call_variables(
        const struct bpmn_state *s, const struct feel_context *c, struct jw *w, struct sb *tmp)
{
	jw_object(w);
	for (int i = 0; i < c->n; i++) {
		write_key(c->entry[i].key, w, tmp);
		if (stands_for(s, &c->entry[i]))
			jw_raw(w, STR_LIT("{\"@\":\"=\"}"));
		else
			write_value(c->entry[i].value, w, tmp);
	}
	jw_object_end(w);
}

/* [[key, {…}], …] */
static void write_locals(const struct bpmn_state *s, struct jw *w, struct sb *tmp)
{
	jw_key(w, "locals");
	jw_array(w);
	for (size_t i = 0; i < s->n_locals; i++) {
		jw_array(w);
		jw_int(w, s->local[i].owner);
		if (bpmn__call_find(s, s->local[i].owner) != NULL)
			write_call_variables(s, &s->local[i].vars.context, w, tmp);
		else
			write_value(&s->local[i].vars, w, tmp);
		jw_array_end(w);
	}
	jw_array_end(w);
}

static int version_needed(const struct bpmn_state *s)
{
	if (s->n_calls > 0 || s->n_locals > 0)
		return s->n_calls > 0 && s->n_locals > 0 ? 3 : 2;
	for (size_t i = 0; i < s->n_tokens; i++)
		if (s->token[i].doing == DOING_LOOP)
			return 2;
	for (size_t i = 0; i < s->n_waits; i++)
		if (s->wait[i].inner)
			return 2;
	return 1;
}

void bpmn_state_write(const struct bpmn_state *s, struct sb *b)
{
	struct sb tmp = SB_INIT;
	struct jw w;

	OBJ_CHECK(s, BPMN__STATE_MAGIC);
	jw_init(&w, b);
	jw_object(&w);
	jw_kint(&w, "v", version_needed(s));
	jw_kstr(&w, "phase", PHASES[s->phase]);
	jw_kint(&w, "key", s->next_key);
	jw_key(&w, "tokens");
	jw_array(&w);
	for (size_t i = 0; i < s->n_tokens; i++) {
		const struct bpmn__token *t = &s->token[i];

		jw_array(&w);
		jw_int(&w, t->key);
		jw_int(&w, t->scope);
		jw_cstr(&w, t->element);
		jw_cstr(&w, t->flow);
		jw_int(&w, t->doing);
		jw_array_end(&w);
	}
	jw_array_end(&w);
	jw_key(&w, "waits");
	jw_array(&w);
	for (size_t i = 0; i < s->n_waits; i++) {
		const struct bpmn__wait *x = &s->wait[i];

		jw_array(&w);
		jw_int(&w, x->key);
		jw_int(&w, x->owner);
		jw_cstr(&w, x->element);
		jw_int(&w, x->what);
		if (x->at == TIME_NONE)
			jw_null(&w);
		else
			jw_int(&w, x->at);
		jw_str(&w, x->text.p ? x->text : STR_LIT(""));
		jw_bool(&w, x->was);
		if (x->inner)
			jw_bool(&w, true);
		jw_array_end(&w);
	}
	jw_array_end(&w);
	if (s->n_calls > 0)
		write_calls(s, &w);
	if (s->n_locals > 0)
		write_locals(s, &w, &tmp);
	jw_key(&w, "vars");
	write_value(&s->vars, &w, &tmp);
	jw_object_end(&w);
	sb_fini(&tmp);
}

/* ---- reading ---- */

struct reader {
	struct json j;
	struct bpmn_state *s;
	char *text; /* the document, in the arena of the state */
	int stand;  /* values read that stand for one of the process: functions without code, until the end */
	struct err *e;
	bool told;
};

static int corrupt(struct reader *r, const char *what)
{
	if (r->told)
		return ERR_CORRUPT;
	r->told = true;
	return err_set(r->e, ERR_CORRUPT, "the stored state of the flow is damaged: %s, at byte %zu", what,
	        (size_t)(r->j.p - r->j.start));
}

static int want(struct reader *r, enum json_type t, const char *what)
{
	return json_next(&r->j) == t ? 0 : corrupt(r, what);
}

/* The present key or text, with a NUL behind it. The document is a copy of our own: what has no escapes stays
 * where it is, and the NUL takes the place of its closing quote, which was passed already. */
static struct str text_here(struct reader *r)
{
	char *buf = r->text + (r->j.text.p - r->text);
	struct str s = json_text(&r->j, buf, r->j.text.n);

	if (s.p != NULL)
		buf[s.n] = '\0';
	return s;
}

static int read_string(struct reader *r, struct str *out)
{
	if (json_next(&r->j) != JSON_STRING)
		return corrupt(r, "a text is missing");
	*out = text_here(r);
	return out->p ? 0 : corrupt(r, "a text is not valid");
}

static int read_int(struct reader *r, int64_t min, int64_t max, int64_t *out)
{
	if (json_next(&r->j) != JSON_NUMBER || !num_int(r->j.text, out) || *out < min || *out > max)
		return corrupt(r, "a number is missing or out of range");
	return 0;
}

static int read_value(struct reader *r, enum json_type t, struct feel_value *out);

static int read_temporal(struct reader *r, struct feel_value *out)
{
	struct str text;
	int rc = read_string(r, &text);

	if (rc < 0)
		return rc;
	if (str_is(text, "=")) {
		*out = (struct feel_value){.type = FEEL_FUNCTION};
		r->stand++;
	} else if (!feel_parse_at(text, out))
		return corrupt(r, "a date, time or duration is not valid");
	return want(r, JSON_OBJECT_END, "a date, time or duration has more than its text");
}

static int read_bool(struct reader *r, bool *out)
{
	enum json_type t = json_next(&r->j);

	*out = t == JSON_TRUE;
	return t == JSON_TRUE || t == JSON_FALSE ? 0 : corrupt(r, "true or false is missing");
}

static int read_range(struct reader *r, struct feel_value *out)
{
	struct feel_value *side[2] = {NULL, NULL};
	int rc = want(r, JSON_ARRAY, "a range has no list");

	*out = (struct feel_value){.type = FEEL_RANGE};
	for (int i = 0; i < 2 && rc == 0; i++) {
		side[i] = arena_alloc(r->s->a, sizeof *side[i]);
		rc = read_value(r, json_next(&r->j), side[i]);
	}
	if (rc == 0)
		rc = read_bool(r, &out->range.low_in);
	if (rc == 0)
		rc = read_bool(r, &out->range.high_in);
	if (rc == 0)
		rc = want(r, JSON_ARRAY_END, "a range has too many parts");
	if (rc < 0)
		return rc;
	out->range.low = side[0]->type == FEEL_NULL ? NULL : side[0];
	out->range.high = side[1]->type == FEEL_NULL ? NULL : side[1];
	return want(r, JSON_OBJECT_END, "a range has more than its list");
}

static int read_context(struct reader *r, struct feel_value *out)
{
	struct arena *a = r->s->a;
	size_t cap = 0;
	enum json_type t;
	int rc;

	*out = (struct feel_value){.type = FEEL_CONTEXT};
	while ((t = json_next(&r->j)) == JSON_KEY) {
		struct feel_context *c = &out->context;
		struct str key = text_here(r);

		if (key.p == NULL)
			return corrupt(r, "a name is not valid");
		if (c->n == 0 && str_is(key, "@"))
			return read_temporal(r, out);
		if (c->n == 0 && str_is(key, "@range"))
			return read_range(r, out);
		if (key.n > 0 && key.p[0] == '@') {
			if (key.n == 1 || key.p[1] != '@')
				return corrupt(r, "a kind of value is not known");
			key.p++;
			key.n--;
		}
		c->entry = arena_grow(a, c->entry, &cap, (size_t)c->n + 1, sizeof *c->entry);
		c->entry[c->n].key = key;
		c->entry[c->n].value = arena_alloc(a, sizeof *c->entry[c->n].value);
		rc = read_value(r, json_next(&r->j), c->entry[c->n].value);
		if (rc < 0)
			return rc;
		c->n++;
	}
	return t == JSON_OBJECT_END ? 0 : corrupt(r, "a list of variables does not end");
}

/* Recursion ends with the depth that the tokenizer allows. */
static int read_value(struct reader *r, enum json_type t, struct feel_value *out)
{
	struct arena *a = r->s->a;
	size_t cap = 0;
	int rc;

	*out = FEEL_NULL_VALUE;
	switch (t) {
	case JSON_NULL: return 0;
	case JSON_TRUE:
	case JSON_FALSE: *out = feel_bool(t == JSON_TRUE); return 0;
	case JSON_NUMBER:
		out->type = FEEL_NUMBER;
		return feel_number_parse(r->j.text, &out->number) ? 0 : corrupt(r, "a number is not valid");
	case JSON_STRING:
		*out = feel_string(text_here(r));
		return out->string.p ? 0 : corrupt(r, "a text is not valid");
	case JSON_ARRAY:
		out->type = FEEL_LIST;
		out->list = (struct feel_list){0};
		while ((t = json_next(&r->j)) != JSON_ARRAY_END) {
			struct feel_list *l = &out->list;

			l->item = arena_grow(a, l->item, &cap, (size_t)l->n + 1, sizeof *l->item);
			rc = read_value(r, t, &l->item[l->n]);
			if (rc < 0)
				return rc;
			l->n++;
		}
		return 0;
	case JSON_OBJECT: return read_context(r, out);
	default: return corrupt(r, "a value is missing");
	}
}

static int read_token(struct reader *r)
{
	struct bpmn_state *s = r->s;
	int64_t key = 0, scope = 0, doing = 0;
	struct str element = STR_NULL, flow = STR_NULL;
	int rc = read_int(r, 1, UINT32_MAX - 1, &key);

	if (rc == 0)
		rc = read_int(r, 0, UINT32_MAX - 1, &scope);
	if (rc == 0)
		rc = read_string(r, &element);
	if (rc == 0)
		rc = read_string(r, &flow);
	if (rc == 0)
		rc = read_int(r, DOING_REST, DOING_CALL, &doing);
	if (rc == 0)
		rc = want(r, JSON_ARRAY_END, "a token has too many parts");
	if (rc < 0)
		return rc;
	if (s->n_tokens > 0 && s->token[s->n_tokens - 1].key >= key)
		return corrupt(r, "tokens are out of order");
	if (scope != 0 && bpmn__token_find(s, (uint32_t)scope) == NULL)
		return corrupt(r, "a token lies in a scope that is not there");
	s->token = arena_grow(s->a, s->token, &s->cap_tokens, s->n_tokens + 1, sizeof *s->token);
	s->token[s->n_tokens++] = (struct bpmn__token){
	        .key = (uint32_t)key,
	        .scope = (uint32_t)scope,
	        .element = element.p,
	        .flow = flow.p,
	        .node = -1,
	        .via = -1,
	        .doing = (enum bpmn__doing)doing,
	};
	return 0;
}

static int read_wait(struct reader *r)
{
	struct bpmn_state *s = r->s;
	int64_t key = 0, owner = 0, what = 0, at = TIME_NONE;
	struct str element = STR_NULL, text = STR_NULL;
	enum json_type t;
	bool was = false, inner;
	int rc = read_int(r, 1, UINT32_MAX - 1, &key);

	if (rc == 0)
		rc = read_int(r, 0, UINT32_MAX - 1, &owner);
	if (rc == 0)
		rc = read_string(r, &element);
	if (rc == 0)
		rc = read_int(r, WAIT_TIMER, WAIT_CONDITION, &what);
	if (rc < 0)
		return rc;
	t = json_next(&r->j);
	if (t != JSON_NULL && (t != JSON_NUMBER || !num_int(r->j.text, &at)))
		return corrupt(r, "the instant of a timer is missing");
	if ((what == WAIT_TIMER) != (at != TIME_NONE))
		return corrupt(r, "a wait has an instant or a timer has none");
	rc = read_string(r, &text);
	if (rc == 0)
		rc = read_bool(r, &was);
	if (rc < 0)
		return rc;
	t = json_next(&r->j);
	inner = t == JSON_TRUE;
	if (inner)
		t = json_next(&r->j);
	if (t != JSON_ARRAY_END)
		return corrupt(r, "a wait has too many parts");
	if (s->n_waits > 0 && s->wait[s->n_waits - 1].key >= key)
		return corrupt(r, "waits are out of order");
	s->wait = arena_grow(s->a, s->wait, &s->cap_waits, s->n_waits + 1, sizeof *s->wait);
	s->wait[s->n_waits++] = (struct bpmn__wait){
	        .key = (uint32_t)key,
	        .owner = (uint32_t)owner,
	        .element = element.p,
	        .node = -1,
	        .inner = inner,
	        .what = what == WAIT_TIMER  ? WAIT_TIMER
	                : what == WAIT_NAME ? WAIT_NAME
	                                    : WAIT_CONDITION,
	        .at = at,
	        .text = text,
	        .was = was,
	};
	return 0;
}

static int read_call(struct reader *r)
{
	struct bpmn_state *s = r->s;
	int64_t key = 0, version = 0;
	struct str process = STR_NULL;
	int rc = read_int(r, 1, UINT32_MAX - 1, &key);

	if (rc == 0)
		rc = read_string(r, &process);
	if (rc == 0)
		rc = read_int(r, 1, INT32_MAX, &version);
	if (rc == 0)
		rc = want(r, JSON_ARRAY_END, "a call has too many parts");
	if (rc < 0)
		return rc;
	if (s->n_calls > 0 && s->call[s->n_calls - 1].key >= key)
		return corrupt(r, "calls are out of order");
	s->call = arena_grow(s->a, s->call, &s->cap_calls, s->n_calls + 1, sizeof *s->call);
	s->call[s->n_calls++] =
	        (struct bpmn__call){.key = (uint32_t)key, .process = process.p, .version = (int)version};
	return 0;
}

static int read_local(struct reader *r)
{
	struct bpmn_state *s = r->s;
	struct feel_value vars = FEEL_NULL_VALUE;
	int64_t key = 0;
	int rc = read_int(r, 1, UINT32_MAX - 1, &key);

	if (rc == 0)
		rc = want(r, JSON_OBJECT, "the variables of a token are missing");
	if (rc == 0)
		rc = read_context(r, &vars);
	if (rc == 0)
		rc = want(r, JSON_ARRAY_END, "variables of a token have too many parts");
	if (rc < 0)
		return rc;
	if (vars.type != FEEL_CONTEXT)
		return corrupt(r, "the variables of a token are no list of names");
	if (s->n_locals > 0 && s->local[s->n_locals - 1].owner >= key)
		return corrupt(r, "variables of tokens are out of order");
	s->local = arena_grow(s->a, s->local, &s->cap_locals, s->n_locals + 1, sizeof *s->local);
	s->local[s->n_locals++] =
	        (struct bpmn__local){.owner = (uint32_t)key, .vars = vars, .cap = (size_t)vars.context.n};
	return 0;
}

static int read_rows(struct reader *r, int (*row)(struct reader *))
{
	enum json_type t;
	int rc = want(r, JSON_ARRAY, "a list is missing");

	while (rc == 0 && (t = json_next(&r->j)) != JSON_ARRAY_END)
		rc = t == JSON_ARRAY ? row(r) : corrupt(r, "a list holds something else");
	return rc;
}

static int read_vars(struct reader *r)
{
	struct feel_context *c = &r->s->vars.context;
	struct feel_value v = FEEL_NULL_VALUE;
	int rc = want(r, JSON_OBJECT, "the variables are missing");

	if (rc == 0)
		rc = read_context(r, &v);
	if (rc < 0)
		return rc;
	if (v.type != FEEL_CONTEXT)
		return corrupt(r, "the variables are no list of names");
	c->entry = arena_grow(r->s->a, c->entry, &r->s->cap_vars, (size_t)v.context.n + 1, sizeof *c->entry);
	if (v.context.n > 0)
		memcpy(c->entry, v.context.entry, (size_t)v.context.n * sizeof *c->entry);
	c->n = v.context.n;
	return 0;
}

static int read_phase(struct reader *r)
{
	struct str s;
	int rc = read_string(r, &s);

	for (size_t i = 0; i < ARRAY_LEN(PHASES) && rc == 0; i++)
		if (str_is(s, PHASES[i])) {
			r->s->phase = (enum bpmn__phase)i;
			return 0;
		}
	return corrupt(r, "the phase is not known");
}

static int read_fields(struct reader *r)
{
	enum { V = 1, PHASE = 2, KEY = 4, TOKENS = 8, WAITS = 16, VARS = 32, CALLS = 64, LOCALS = 128 };
	unsigned seen = 0, now;
	enum json_type t;
	int64_t n = 0;
	int rc = want(r, JSON_OBJECT, "it is no object");

	if (rc < 0)
		return rc;
	while ((t = json_next(&r->j)) == JSON_KEY) {
		struct str key = r->j.text;

		if (str_is(key, "v")) {
			now = V;
			rc = read_int(r, 1, INT64_MAX, &n);
			if (rc == 0 && n > VERSION)
				return err_set(r->e, ERR_NEWER,
				        "the state of the flow was written by a newer version of this "
				        "program");
		} else if (str_is(key, "phase")) {
			now = PHASE;
			rc = read_phase(r);
		} else if (str_is(key, "key")) {
			now = KEY;
			rc = read_int(r, 1, UINT32_MAX, &n);
			r->s->next_key = (uint32_t)n;
		} else if (str_is(key, "tokens")) {
			now = TOKENS;
			rc = seen & TOKENS ? 0 : read_rows(r, read_token);
		} else if (str_is(key, "waits")) {
			now = WAITS;
			rc = seen & WAITS ? 0 : read_rows(r, read_wait);
		} else if (str_is(key, "vars")) {
			now = VARS;
			rc = seen & VARS ? 0 : read_vars(r);
		} else if (str_is(key, "calls")) {
			now = CALLS;
			rc = seen & CALLS ? 0 : read_rows(r, read_call);
		} else if (str_is(key, "locals")) {
			now = LOCALS;
			rc = seen & LOCALS ? 0 : read_rows(r, read_local);
		} else
			return corrupt(r, "a field is not known");
		if (rc == 0 && seen & now)
			rc = corrupt(r, "a field is there twice");
		if (rc < 0)
			return rc;
		seen |= now;
	}
	if (t != JSON_OBJECT_END || json_next(&r->j) != JSON_END)
		return corrupt(r, "it does not end where it should");
	return (seen & ~(unsigned)(CALLS | LOCALS)) == (V | PHASE | KEY | TOKENS | WAITS | VARS)
	               ? 0
	               : corrupt(r, "a field is missing");
}

/* Variables of calls that stand for those of the process; nothing else may. */
static int resolve(struct reader *r)
{
	struct bpmn_state *s = r->s;

	for (size_t i = 0; i < s->n_locals && r->stand > 0; i++)
		for (int k = 0; k < s->local[i].vars.context.n; k++) {
			struct feel_entry *x = &s->local[i].vars.context.entry[k];
			const struct feel_value *v;

			if (x->value->type != FEEL_FUNCTION)
				continue;
			v = bpmn__entry(&s->vars, x->key);
			if (v == NULL || v->type == FEEL_FUNCTION)
				return corrupt(r, "a variable stands for one that is not there");
			*x->value = *v;
			r->stand--;
		}
	return r->stand == 0 ? 0 : corrupt(r, "a value stands for a variable where none may");
}

/* Every token that calls has its call, and the other way round. */
static int check_calls(struct reader *r)
{
	const struct bpmn_state *s = r->s;
	size_t calling = 0;

	for (size_t i = 0; i < s->n_tokens; i++) {
		if (s->token[i].doing != DOING_CALL)
			continue;
		calling++;
		if (bpmn__call_find(s, s->token[i].key) == NULL)
			return corrupt(r, "a token calls nothing");
	}
	if (calling != s->n_calls)
		return corrupt(r, "a call belongs to no token");
	for (size_t i = 0; i < s->n_locals; i++)
		if (bpmn__token_find(s, s->local[i].owner) == NULL)
			return corrupt(r, "variables belong to no token");
	return 0;
}

/* What apply keeps true for every state. */
static int check_state(struct reader *r)
{
	const struct bpmn_state *s = r->s;

	if (s->phase != PHASE_RUNNING && s->n_tokens + s->n_waits > 0)
		return corrupt(r, "an instance that does not run has tokens");
	if (s->n_tokens > 0 && s->token[s->n_tokens - 1].key >= s->next_key)
		return corrupt(r, "the next key was given before");
	for (size_t i = 0; i < s->n_waits; i++) {
		const struct bpmn__wait *w = &s->wait[i];

		if (w->key >= s->next_key || bpmn__token_find(s, w->key))
			return corrupt(r, "the key of a wait was given before");
		if (w->owner == 0 ? !w->inner : bpmn__token_find(s, w->owner) == NULL)
			return corrupt(r, "a wait belongs to no token");
		if (w->key < w->owner)
			return corrupt(r, "a wait is older than what waits");
	}
	return check_calls(r);
}

int bpmn_state_read(struct str text, struct bpmn_state **out, struct err *e)
{
	struct reader r = {.s = bpmn_state_new(), .e = e};
	int rc;

	*out = NULL;
	r.text = arena_strndup(r.s->a, text.p, text.n);
	json_init(&r.j, (struct str){r.text, text.n});
	rc = read_fields(&r);
	if (rc == 0)
		rc = resolve(&r);
	if (rc == 0)
		rc = check_state(&r);
	if (rc == 0) {
		*out = r.s;
		r.s = NULL;
	}
	bpmn_state_free(&r.s);
	return rc;
}
