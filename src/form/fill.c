/*
 * What somebody sent, taken in as form-js takes in its data: values into their fields, what is hidden out of
 * sight of the expressions, computed fields, and then the rules for what is shown.
 *
 * Two views of the data matter. `data` is all values; `seen` is what expressions may ask for: the variables
 * with the values of the fields that are not hidden laid over them. Whether a field is hidden for `seen` is
 * asked of `data`, whether it is shown and judged is asked of `seen`: so the browser does it.
 */
#include "form/fill_int.h"

#define STEPS_MAX 100000 /* of one expression */
#define ROUNDS_MAX 20    /* of computed fields that hang on one another */

typedef int leaf_f(struct form__run *r, const struct form__field *f, struct form__scope *s);

/* ---- expressions ---- */

static struct feel_value indexes(struct form__run *r, const struct form__scope *s)
{
	struct feel_value v = {.type = FEEL_LIST};
	int n = 0;

	for (const struct form__scope *x = s; x != NULL && x->index > 0; x = x->up)
		n++;
	v.list.n = n;
	v.list.item = arena_array(r->a, (size_t)n + 1, sizeof(*v.list.item));
	for (const struct form__scope *x = s; n > 0; x = x->up)
		v.list.item[--n] = feel_int(x->index);
	return v;
}

static const struct feel_value *context_of(struct form__run *r, struct form__scope *s)
{
	const struct feel_value *base = r->base;
	struct feel_value special[3];
	static const char *const names[][2] = {{"this", "_this_"}, {"i", "_i_"}, {"parent", "_parent_"}};

	if (s->made)
		return &s->context;
	special[0] = *s->it;
	special[1] = indexes(r, s);
	special[2] = s->parent != NULL ? *s->parent : FEEL_NULL_VALUE;
	s->context = (struct feel_value){.type = FEEL_CONTEXT};
	for (int i = 0; i < 3; i++)
		feel_put(r->a, &s->context, str_of(names[i][0]), special[i]);
	for (int i = 0; i < base->context.n; i++)
		feel_put(r->a, &s->context, base->context.entry[i].key, *base->context.entry[i].value);
	for (int i = 0; i < 3; i++)
		feel_put(r->a, &s->context, str_of(names[i][1]), special[i]);
	s->made = true;
	return &s->context;
}

int form__eval(struct form__run *r, const struct feel_expr *x, struct form__scope *s, struct feel_value *out)
{
	const struct feel_scope scope = {
	        .context = context_of(r, s), .now = r->now, .zone = r->zone, .max_steps = STEPS_MAX};
	int rc = feel_eval(x, &scope, r->a, out, NULL, r->e);

	return rc < 0 ? err_prefix(r->e, "an expression of the form %s", r->f->id) : 0;
}

/* "true" written out: to FEEL a value that nothing is not equal to, to form-js a condition that holds. */
static bool says_true(struct form__run *r, const struct feel_expr *x)
{
	struct feel_cell cell;

	if (!feel_read_cell(x, r->a, &cell) || cell.negated)
		return false;
	for (int i = 0; i < cell.n; i++)
		if (cell.part[i].low != NULL && cell.part[i].low->type == FEEL_BOOL &&
		        cell.part[i].low->boolean)
			return true;
	return false;
}

/*
 * Conditions are unary tests of nothing, so says form-js: true is true, and what comes out as null is equal
 * to the nothing that is tested. "=n < 5" hides while n is empty; "=not(n >= 5)" does not.
 */
int form__is_true(struct form__run *r, const struct feel_expr *x, struct form__scope *s, bool *out)
{
	const struct feel_value nothing = FEEL_NULL_VALUE;
	int rc;

	*out = false;
	if (x == NULL)
		return 0;
	rc = feel_test(x,
	        &(struct feel_scope){
	                .context = context_of(r, s), .now = r->now, .zone = r->zone, .max_steps = STEPS_MAX},
	        &nothing, r->a, out, r->e);
	*out |= rc == 0 && says_true(r, x);
	return rc < 0 ? err_prefix(r->e, "a condition of the form %s", r->f->id) : 0;
}

/* ---- walking what is shown ---- */

static int walk(struct form__run *r, const struct form__field *parent, struct form__scope *s, bool hidden,
        leaf_f *leaf);

static int walk_items(struct form__run *r, const struct form__field *f, struct form__scope *s, leaf_f *leaf)
{
	const struct feel_value *list = form__at(&r->data, &r->place, r->place.n);
	int rc = 0;

	for (int i = 0; rc == 0 && list != NULL && list->type == FEEL_LIST && i < list->list.n; i++) {
		struct form__scope inner = {
		        .it = &list->list.item[i], .parent = s->it, .up = s, .index = i + 1};

		r->place.piece[r->place.n++] = (struct str){NULL, (size_t)i};
		rc = walk(r, f, &inner, false, leaf);
		r->place.n--;
	}
	return rc;
}

/* With `filtered`, what is hidden is cleared there; else `leaf` is called for each field and list that is
 * shown. */
static int walk_one(
        struct form__run *r, const struct form__field *f, struct form__scope *s, bool hidden, leaf_f *leaf)
{
	bool own = false;
	int rc = hidden ? 0 : form__is_true(r, f->hide, s, &own);

	hidden = hidden || own;
	if (rc < 0)
		return rc;
	if (f->type == TYPE_GROUP)
		return hidden && r->filtered == NULL ? 0 : walk(r, f, s, hidden, leaf);
	if (hidden) {
		if (r->filtered != NULL)
			form__clear(r, r->filtered);
		return 0;
	}
	if (leaf != NULL)
		rc = leaf(r, f, s);
	return rc == 0 && f->type == TYPE_LIST ? walk_items(r, f, s, leaf) : rc;
}

static int walk(struct form__run *r, const struct form__field *parent, struct form__scope *s, bool hidden,
        leaf_f *leaf)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < parent->children; i++) {
		const struct form__field *f = &parent->child[i];

		if (f->type == TYPE_SHOWN)
			continue;
		if (!form__push(r, f))
			return err_set(r->e, ERR_TOOBIG, "values of the form lie too deep in one another");
		rc = walk_one(r, f, s, hidden, leaf);
		form__pop(r, f->pieces);
	}
	return rc;
}

/* Makes `seen` of `data`. */
static int look(struct form__run *r)
{
	struct feel_value filtered = feel_copy(r->a, &r->data);
	struct form__scope top = {.it = &r->data};
	int rc;

	r->base = &r->data;
	r->filtered = &filtered;
	rc = walk(r, r->f->root, &top, false, NULL);
	r->filtered = NULL;
	r->seen = (struct feel_value){.type = FEEL_CONTEXT};
	for (int i = 0; i < r->initial.context.n; i++)
		feel_put(r->a, &r->seen, r->initial.context.entry[i].key, *r->initial.context.entry[i].value);
	for (int i = 0; i < filtered.context.n; i++)
		feel_put(r->a, &r->seen, filtered.context.entry[i].key, *filtered.context.entry[i].value);
	r->base = &r->seen;
	return rc;
}

static int walk_shown(struct form__run *r, leaf_f *leaf)
{
	struct form__scope top = {.it = &r->seen};

	return walk(r, r->f->root, &top, false, leaf);
}

/* ---- what nobody may change, and what is computed ---- */

static void change(struct form__run *r, struct feel_value v)
{
	const struct feel_value *was = form__at(&r->data, &r->place, r->place.n);

	if (was != NULL && was->type == v.type && (v.type == FEEL_NULL || feel_equal(was, &v) == 1))
		return;
	form__put(r, &r->data, v);
	r->changed = true;
}

static void keep_initial(struct form__run *r, const struct form__field *f)
{
	const struct feel_value *v = form__at(&r->initial, &r->place, r->place.n);

	change(r, v != NULL         ? feel_copy(r->a, v)
	          : f->dflt != NULL ? feel_copy(r->a, f->dflt)
	                            : form__empty_of(f));
}

/* Of every field, hidden or not. */
static void keep_fixed(struct form__run *r, const struct form__field *parent)
{
	for (int i = 0; i < parent->children; i++) {
		const struct form__field *f = &parent->child[i];
		const struct feel_value *list;

		if (f->type == TYPE_SHOWN || !form__push(r, f))
			continue;
		if (f->type == TYPE_GROUP) {
			keep_fixed(r, f);
		} else if (f->type == TYPE_LIST) {
			list = form__at(&r->data, &r->place, r->place.n);
			for (int k = 0; list != NULL && k < list->list.n; k++) {
				r->place.piece[r->place.n++] = (struct str){NULL, (size_t)k};
				keep_fixed(r, f);
				r->place.n--;
			}
		} else if (f->disabled || f->readonly || f->type == TYPE_EXPRESSION) {
			keep_initial(r, f);
		}
		form__pop(r, f->pieces);
	}
}

static int keep_readonly(struct form__run *r, const struct form__field *f, struct form__scope *s)
{
	bool fixed = false;
	int rc = f->type != TYPE_LIST ? form__is_true(r, f->readonly_if, s, &fixed) : 0;

	if (rc == 0 && fixed)
		keep_initial(r, f);
	return rc;
}

/* As it would go into JSON. */
static struct feel_value plain(struct form__run *r, const struct feel_value *v)
{
	struct feel_value out = FEEL_NULL_VALUE;
	struct sb b = SB_INIT;
	struct jw w;

	if (v->type <= FEEL_STRING)
		return *v;
	jw_init(&w, &b);
	feel_write_json(v, &w);
	if (v->type == FEEL_RANGE || v->type == FEEL_FUNCTION ||
	        feel_read_json(r->a, str_of(arena_strndup(r->a, b.p, b.n)), &out, NULL) < 0)
		out = FEEL_NULL_VALUE;
	sb_fini(&b);
	return out;
}

static int compute(struct form__run *r, const struct form__field *f, struct form__scope *s)
{
	struct feel_value v;
	int rc;

	if (f->type != TYPE_EXPRESSION)
		return 0;
	rc = form__eval(r, f->expression, s, &v);
	if (rc == 0)
		change(r, plain(r, &v));
	return rc;
}

static int settle(struct form__run *r)
{
	int rc;

	keep_fixed(r, r->f->root);
	rc = look(r);
	if (rc == 0)
		rc = walk_shown(r, keep_readonly);
	for (int i = 0; rc == 0 && i < ROUNDS_MAX; i++) {
		rc = look(r);
		r->changed = false;
		if (rc == 0 && r->f->expressions > 0)
			rc = walk_shown(r, compute);
		if (!r->changed)
			break;
	}
	return rc;
}

int form_fill(const struct form_model *f, const struct feel_value *variables, const struct feel_value *data,
        time_us now, const struct zone *zone, struct arena *a, struct form_answer *out, struct err *e)
{
	struct form__run *r = arena_alloc(a, sizeof(*r));
	int rc;

	*r = (struct form__run){.f = f, .a = a, .e = e, .now = now, .zone = zone, .out = out};
	*out = (struct form_answer){.data = {.type = FEEL_CONTEXT}};
	r->initial = variables != NULL ? feel_copy(a, variables) : (struct feel_value){.type = FEEL_CONTEXT};
	r->data = feel_copy(a, &r->initial);
	rc = form__take_all(r, f->root, &r->initial);
	r->instances = 0;
	r->sent = data;
	if (rc == 0)
		rc = form__take_all(r, f->root, &r->data);
	if (rc == 0)
		rc = settle(r);
	if (rc == 0)
		rc = walk_shown(r, form__judge);
	return rc;
}
