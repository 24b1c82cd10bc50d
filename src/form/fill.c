/*
 * What somebody sent, taken in as form-js takes in its data: values into their fields, what is hidden out of
 * sight of the expressions, computed fields, and then the rules for what is shown.
 *
 * Two views of the data matter. `data` is all values; `seen` is what expressions may ask for: the variables
 * with the values of the fields that are not hidden laid over them. Whether a field is hidden for `seen` is
 * asked of `data`, whether it is shown and judged is asked of `seen`: so the browser does it.
 */
#include "form/form_int.h"

#include "base/num.h"

#define INSTANCES_MAX 5000
#define PIECES_MAX 512
#define STEPS_MAX 100000 /* of one expression */
#define ROUNDS_MAX 20    /* of computed fields that hang on one another */

/* Where a value lies; a piece without text is an index. */
struct place {
	struct str piece[PIECES_MAX];
	int n;
};

/* What a field's expressions call this, parent and i. */
struct scope {
	const struct feel_value *it, *parent; /* parent NULL: none */
	const struct scope *up;
	int index; /* from 1; 0 at the top */
	bool made;
	struct feel_value context;
};

struct loss { /* a value that its field cannot hold */
	const char *path;
	enum form_rule rule;
	const char *limit;
};

struct run {
	const struct form_model *f;
	struct arena *a;
	struct err *e;
	time_us now;
	const struct zone *zone;
	struct feel_value initial, data, seen;
	const struct feel_value *sent; /* while it is taken in: what goes before what is there */
	const struct feel_value *base; /* what the expressions of this walk see */
	struct place place;
	int instances;
	struct loss *loss;
	int losses;
	size_t losses_cap, faults_cap;
	struct form_answer *out;
	struct feel_value *filtered; /* of a walk that clears what is hidden */
	bool changed;                /* a walk gave a field another value */
};

typedef int leaf_f(struct run *r, const struct form__field *f, struct scope *s);

/* ---- places ---- */

static bool push(struct run *r, const struct form__field *f)
{
	if (r->place.n + f->pieces + 1 > PIECES_MAX)
		return false;
	for (int i = 0; i < f->pieces; i++)
		r->place.piece[r->place.n++] = f->path[i];
	return true;
}

static void pop(struct run *r, int n)
{
	r->place.n -= n;
}

static struct feel_value *step(const struct feel_value *v, struct str piece)
{
	if (piece.p == NULL)
		return v->type == FEEL_LIST && (int)piece.n < v->list.n ? &v->list.item[piece.n] : NULL;
	for (int i = 0; v->type == FEEL_CONTEXT && i < v->context.n; i++)
		if (str_eq(v->context.entry[i].key, piece))
			return v->context.entry[i].value;
	return NULL;
}

static struct feel_value *at(const struct feel_value *root, const struct place *p, int n)
{
	struct feel_value *v = NULL;

	for (int i = 0; i < n; i++) {
		v = step(i == 0 ? root : v, p->piece[i]);
		if (v == NULL)
			return NULL;
	}
	return v;
}

static void put(struct run *r, struct feel_value *root, struct feel_value v)
{
	struct feel_value *on = root;

	for (int i = 0; i < r->place.n; i++) {
		struct str piece = r->place.piece[i];
		struct feel_value *next = step(on, piece);

		if (next == NULL) {
			if (piece.p == NULL)
				return; /* lists have their items before these get values */
			if (on->type != FEEL_CONTEXT)
				*on = (struct feel_value){.type = FEEL_CONTEXT};
			feel_put(r->a, on, piece, (struct feel_value){.type = FEEL_CONTEXT});
			next = step(on, piece);
		}
		on = next;
	}
	*on = v;
}

static bool is_empty(const struct feel_value *v)
{
	if (v->type == FEEL_LIST) {
		for (int i = 0; i < v->list.n; i++)
			if (v->list.item[i].type != FEEL_NULL)
				return false;
		return true;
	}
	return v->type == FEEL_CONTEXT && v->context.n == 0;
}

/* Takes a value out, and what is empty for that. */
static void clear(struct run *r, struct feel_value *root)
{
	for (int n = r->place.n; n > 0; n--) {
		struct feel_value *around = n == 1 ? root : at(root, &r->place, n - 1);
		struct str piece = r->place.piece[n - 1];

		if (around == NULL)
			return;
		if (around->type == FEEL_CONTEXT) {
			for (int i = 0; i < around->context.n; i++)
				if (str_eq(around->context.entry[i].key, piece)) {
					memmove(&around->context.entry[i], &around->context.entry[i + 1],
					        (size_t)(around->context.n - i - 1) *
					                sizeof(*around->context.entry));
					around->context.n--;
					break;
				}
		} else if (step(around, piece) != NULL) {
			*step(around, piece) = FEEL_NULL_VALUE;
		}
		if (!is_empty(around))
			return;
	}
}

static const char *place_text(struct run *r)
{
	struct sb b = SB_INIT;
	const char *s;

	for (int i = 0; i < r->place.n; i++) {
		if (i > 0)
			sb_putc(&b, '.');
		if (r->place.piece[i].p == NULL)
			sb_printf(&b, "%zu", r->place.piece[i].n);
		else
			sb_putstr(&b, r->place.piece[i]);
	}
	s = arena_strndup(r->a, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return s;
}

/* ---- expressions ---- */

static struct feel_value indexes(struct run *r, const struct scope *s)
{
	struct feel_value v = {.type = FEEL_LIST};
	int n = 0;

	for (const struct scope *x = s; x != NULL && x->index > 0; x = x->up)
		n++;
	v.list.n = n;
	v.list.item = arena_array(r->a, (size_t)n + 1, sizeof(*v.list.item));
	for (const struct scope *x = s; n > 0; x = x->up)
		v.list.item[--n] = feel_int(x->index);
	return v;
}

static const struct feel_value *context_of(struct run *r, struct scope *s)
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

static int eval(struct run *r, const struct feel_expr *x, struct scope *s, struct feel_value *out)
{
	const struct feel_scope scope = {
	        .context = context_of(r, s), .now = r->now, .zone = r->zone, .max_steps = STEPS_MAX};
	int rc = feel_eval(x, &scope, r->a, out, NULL, r->e);

	return rc < 0 ? err_prefix(r->e, "an expression of the form %s", r->f->id) : 0;
}

/*
 * Conditions are unary tests of nothing, so says form-js: true is true, and what comes out as null is equal
 * to the nothing that is tested. "=n < 5" hides while n is empty; "=not(n >= 5)" does not.
 */
static int is_true(struct run *r, const struct feel_expr *x, struct scope *s, bool *out)
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
	return rc < 0 ? err_prefix(r->e, "a condition of the form %s", r->f->id) : 0;
}

/* ---- values into fields ---- */

static bool is_blank(const struct feel_value *v)
{
	return v->type == FEEL_NULL || (v->type == FEEL_STRING && v->string.n == 0);
}

static struct feel_value empty_of(const struct form__field *f)
{
	switch (f->type) {
	case TYPE_TEXTFIELD:
	case TYPE_TEXTAREA: return feel_string(STR_LIT(""));
	case TYPE_CHECKBOX: return feel_bool(false);
	case TYPE_CHECKLIST: return (struct feel_value){.type = FEEL_LIST};
	default: return FEEL_NULL_VALUE;
	}
}

static void lose(struct run *r, enum form_rule rule, const char *limit)
{
	/* What the variables hold is not the sender's fault. */
	if (r->sent == NULL || at(r->sent, &r->place, r->place.n) == NULL)
		return;
	r->loss = arena_grow(r->a, r->loss, &r->losses_cap, (size_t)r->losses + 1, sizeof(*r->loss));
	r->loss[r->losses++] = (struct loss){place_text(r), rule, limit};
}

/* As String() writes it. */
static struct feel_value text_of(struct run *r, const struct feel_value *v)
{
	struct sb b = SB_INIT;
	struct feel_value out;
	char number[32];

	if (v->type == FEEL_NUMBER)
		sb_put(&b, number, num_format(feel_number_to_double(v->number), number));
	else
		feel_write_text(v, &b);
	out = feel_string((struct str){arena_strndup(r->a, b.p != NULL ? b.p : "", b.n), b.n});
	sb_fini(&b);
	return out;
}

static struct feel_value take_text(struct run *r, const struct form__field *f, const struct feel_value *v)
{
	struct feel_value out;
	char *p;

	if (v->type == FEEL_NULL)
		return empty_of(f);
	if (v->type != FEEL_STRING && v->type != FEEL_NUMBER && v->type != FEEL_BOOL) {
		lose(r, FORM_TYPE, "a text");
		return empty_of(f);
	}
	out = text_of(r, v);
	if (f->type == TYPE_TEXTAREA)
		return out;
	/* One line stays one line. */
	p = arena_strndup(r->a, out.string.p, out.string.n);
	for (size_t i = 0; i < out.string.n; i++)
		if (p[i] == '\r' || p[i] == '\n' || p[i] == '\t')
			p[i] = ' ';
	return feel_string((struct str){p, out.string.n});
}

static struct feel_value take_number(struct run *r, const struct form__field *f, const struct feel_value *v)
{
	struct feel_value out = {.type = FEEL_NUMBER};

	if (is_blank(v))
		return FEEL_NULL_VALUE;
	if (v->type == FEEL_STRING && form__number(v->string, &out.number))
		return f->to_string ? *v : out;
	if (v->type == FEEL_NUMBER) {
		/* A browser has it as a double. */
		out.number = feel_number_double(feel_number_to_double(v->number));
		if (out.number.coefficient != 0 || v->number.coefficient == 0)
			return f->to_string ? text_of(r, &out) : out;
	}
	lose(r, FORM_TYPE, "a number");
	return FEEL_NULL_VALUE;
}

static struct feel_value take_datetime(struct run *r, const struct form__field *f, const struct feel_value *v)
{
	static const char *const what[] = {[SUBTYPE_DATE] = "a date such as 2026-10-01",
	        [SUBTYPE_TIME] = "a time such as 08:30",
	        [SUBTYPE_DATETIME] = "a date and time such as 2026-10-01T08:30+08:00"};

	if (is_blank(v))
		return FEEL_NULL_VALUE;
	if (v->type == FEEL_STRING && (f->subtype == SUBTYPE_DATE          ? form__is_date(v->string)
	                                      : f->subtype == SUBTYPE_TIME ? form__is_time(v->string)
	                                                                   : form__is_datetime(v->string)))
		return *v;
	lose(r, FORM_TYPE, what[f->subtype]);
	return FEEL_NULL_VALUE;
}

/* ---- choices ---- */

static bool is_primitive(const struct feel_value *v)
{
	return v->type == FEEL_NUMBER || v->type == FEEL_BOOL || (v->type == FEEL_STRING && v->string.n > 0);
}

static bool is_value(const struct feel_value *v)
{
	return is_primitive(v) || (v->type == FEEL_CONTEXT && v->context.n > 0) ||
	       (v->type == FEEL_LIST && v->list.n > 0);
}

/* What a choice of the list stands for; NULL: it is none. */
static const struct feel_value *choice_value(const struct feel_value *o)
{
	const struct feel_value *label, *value;

	if (is_primitive(o))
		return o;
	if (o->type != FEEL_CONTEXT)
		return NULL;
	label = feel_get(o, "label");
	value = feel_get(o, "value");
	if (value == NULL)
		return NULL;
	if (label != NULL && label->type == FEEL_STRING && label->string.n > 0)
		return is_value(value) ? value : NULL;
	return is_primitive(value) ? value : NULL;
}

static bool is_choice(const struct feel_value *list, const struct feel_value *v)
{
	for (int i = 0; list != NULL && list->type == FEEL_LIST && i < list->list.n; i++) {
		const struct feel_value *x = choice_value(&list->list.item[i]);

		if (x != NULL && x->type == v->type && feel_equal(x, v) == 1)
			return true;
	}
	return false;
}

/* The choices come from the variables, never from what was sent. */
static const struct feel_value *choices_of(struct run *r, const struct form__field *f)
{
	return f->values != NULL       ? f->values
	       : f->values_key != NULL ? feel_get(&r->initial, f->values_key)
	                               : NULL;
}

/* Those of an expression are looked at when all values are there. */
static struct feel_value take_choice(struct run *r, const struct form__field *f, const struct feel_value *v)
{
	if (f->type == TYPE_CHECKLIST) {
		struct feel_value out = {.type = FEEL_LIST};

		if (v->type == FEEL_NULL)
			return out;
		if (v->type != FEEL_LIST) {
			lose(r, FORM_TYPE, "a list");
			return out;
		}
		for (int i = 0; f->values_expr == NULL && i < v->list.n; i++)
			if (!is_choice(choices_of(r, f), &v->list.item[i])) {
				lose(r, FORM_OPTION, "");
				return out;
			}
		return *v;
	}
	if (is_blank(v))
		return FEEL_NULL_VALUE;
	if (f->values_expr != NULL || is_choice(choices_of(r, f), v))
		return *v;
	lose(r, FORM_OPTION, "");
	return FEEL_NULL_VALUE;
}

static struct feel_value take(struct run *r, const struct form__field *f, const struct feel_value *v)
{
	switch (f->type) {
	case TYPE_TEXTFIELD:
	case TYPE_TEXTAREA: return take_text(r, f, v);
	case TYPE_NUMBER: return take_number(r, f, v);
	case TYPE_CHECKBOX:
		if (v->type != FEEL_BOOL && v->type != FEEL_NULL)
			lose(r, FORM_TYPE, "true or false");
		return feel_bool(v->type == FEEL_BOOL && v->boolean);
	case TYPE_CHECKLIST:
	case TYPE_SELECT: return take_choice(r, f, v);
	case TYPE_DATETIME: return take_datetime(r, f, v);
	default: return *v;
	}
}

static int count_instance(struct run *r)
{
	return ++r->instances > INSTANCES_MAX
	               ? err_set(r->e, ERR_TOOBIG,
	                         "the form has more than %d fields, with those of its lists", INSTANCES_MAX)
	               : 0;
}

static int take_all(struct run *r, const struct form__field *parent, struct feel_value *root);

/* Only what the form asks for is taken out of what was sent: nothing else can sway its expressions. */
static const struct feel_value *given(struct run *r, const struct feel_value *root)
{
	const struct feel_value *v = r->sent != NULL ? at(r->sent, &r->place, r->place.n) : NULL;

	return v != NULL ? v : at(root, &r->place, r->place.n);
}

/* A list as it comes, every item an object; as many empty ones as the schema says where there is none. */
static int take_list(struct run *r, const struct form__field *f, struct feel_value *root)
{
	const struct feel_value *v = given(r, root);
	struct feel_value list = {.type = FEEL_LIST};
	int rc = 0;

	if (v != NULL && v->type != FEEL_LIST && v->type != FEEL_NULL)
		lose(r, FORM_TYPE, "a list");
	list.list.n = v != NULL && v->type == FEEL_LIST ? v->list.n : f->repetitions;
	if (list.list.n > INSTANCES_MAX)
		r->instances = INSTANCES_MAX;
	else
		list.list.item = arena_array(r->a, (size_t)list.list.n + 1, sizeof(*list.list.item));
	rc = count_instance(r);
	if (rc < 0)
		return rc;
	for (int i = 0; i < list.list.n; i++) {
		list.list.item[i] = (struct feel_value){.type = FEEL_CONTEXT};
		if (v != NULL && v->type == FEEL_LIST && v->list.item[i].type == FEEL_CONTEXT)
			list.list.item[i] = feel_copy(r->a, &v->list.item[i]);
	}
	put(r, root, list);
	for (int i = 0; rc == 0 && i < list.list.n; i++) {
		r->place.piece[r->place.n++] = (struct str){NULL, (size_t)i};
		rc = take_all(r, f, root);
		r->place.n--;
	}
	return rc;
}

static int take_all(struct run *r, const struct form__field *parent, struct feel_value *root)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < parent->children; i++) {
		const struct form__field *f = &parent->child[i];
		const struct feel_value *v;

		if (f->type == TYPE_SHOWN)
			continue;
		if (!push(r, f))
			return err_set(r->e, ERR_TOOBIG, "values of the form lie too deep in one another");
		if (f->type == TYPE_GROUP) {
			rc = take_all(r, f, root);
		} else if (f->type == TYPE_LIST) {
			rc = take_list(r, f, root);
		} else {
			rc = count_instance(r);
			v = given(r, root);
			put(r, root, v != NULL ? take(r, f, v) : f->dflt != NULL ? *f->dflt : empty_of(f));
		}
		pop(r, f->pieces);
	}
	return rc;
}

/* ---- walking what is shown ---- */

static int walk(struct run *r, const struct form__field *parent, struct scope *s, bool hidden, leaf_f *leaf);

static int walk_items(struct run *r, const struct form__field *f, struct scope *s, leaf_f *leaf)
{
	const struct feel_value *list = at(&r->data, &r->place, r->place.n);
	int rc = 0;

	for (int i = 0; rc == 0 && list != NULL && list->type == FEEL_LIST && i < list->list.n; i++) {
		struct scope inner = {.it = &list->list.item[i], .parent = s->it, .up = s, .index = i + 1};

		r->place.piece[r->place.n++] = (struct str){NULL, (size_t)i};
		rc = walk(r, f, &inner, false, leaf);
		r->place.n--;
	}
	return rc;
}

/* With `filtered`, what is hidden is cleared there; else `leaf` is called for each field and list that is
 * shown. */
static int walk_one(struct run *r, const struct form__field *f, struct scope *s, bool hidden, leaf_f *leaf)
{
	bool own = false;
	int rc = hidden ? 0 : is_true(r, f->hide, s, &own);

	hidden = hidden || own;
	if (rc < 0)
		return rc;
	if (f->type == TYPE_GROUP)
		return hidden && r->filtered == NULL ? 0 : walk(r, f, s, hidden, leaf);
	if (hidden) {
		if (r->filtered != NULL)
			clear(r, r->filtered);
		return 0;
	}
	if (leaf != NULL)
		rc = leaf(r, f, s);
	return rc == 0 && f->type == TYPE_LIST ? walk_items(r, f, s, leaf) : rc;
}

static int walk(struct run *r, const struct form__field *parent, struct scope *s, bool hidden, leaf_f *leaf)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < parent->children; i++) {
		const struct form__field *f = &parent->child[i];

		if (f->type == TYPE_SHOWN)
			continue;
		if (!push(r, f))
			return err_set(r->e, ERR_TOOBIG, "values of the form lie too deep in one another");
		rc = walk_one(r, f, s, hidden, leaf);
		pop(r, f->pieces);
	}
	return rc;
}

/* Makes `seen` of `data`. */
static int look(struct run *r)
{
	struct feel_value filtered = feel_copy(r->a, &r->data);
	struct scope top = {.it = &r->data};
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

static int walk_shown(struct run *r, leaf_f *leaf)
{
	struct scope top = {.it = &r->seen};

	return walk(r, r->f->root, &top, false, leaf);
}

/* ---- what nobody may change, and what is computed ---- */

static void change(struct run *r, struct feel_value v)
{
	const struct feel_value *was = at(&r->data, &r->place, r->place.n);

	if (was != NULL && was->type == v.type && (v.type == FEEL_NULL || feel_equal(was, &v) == 1))
		return;
	put(r, &r->data, v);
	r->changed = true;
}

static void keep_initial(struct run *r, const struct form__field *f)
{
	const struct feel_value *v = at(&r->initial, &r->place, r->place.n);

	change(r, v != NULL ? feel_copy(r->a, v) : f->dflt != NULL ? feel_copy(r->a, f->dflt) : empty_of(f));
}

/* Of every field, hidden or not. */
static void keep_fixed(struct run *r, const struct form__field *parent)
{
	for (int i = 0; i < parent->children; i++) {
		const struct form__field *f = &parent->child[i];
		const struct feel_value *list;

		if (f->type == TYPE_SHOWN || !push(r, f))
			continue;
		if (f->type == TYPE_GROUP) {
			keep_fixed(r, f);
		} else if (f->type == TYPE_LIST) {
			list = at(&r->data, &r->place, r->place.n);
			for (int k = 0; list != NULL && k < list->list.n; k++) {
				r->place.piece[r->place.n++] = (struct str){NULL, (size_t)k};
				keep_fixed(r, f);
				r->place.n--;
			}
		} else if (f->disabled || f->readonly || f->type == TYPE_EXPRESSION) {
			keep_initial(r, f);
		}
		pop(r, f->pieces);
	}
}

static int keep_readonly(struct run *r, const struct form__field *f, struct scope *s)
{
	bool fixed = false;
	int rc = f->type != TYPE_LIST ? is_true(r, f->readonly_if, s, &fixed) : 0;

	if (rc == 0 && fixed)
		keep_initial(r, f);
	return rc;
}

/* As it would go into JSON. */
static struct feel_value plain(struct run *r, const struct feel_value *v)
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

static int compute(struct run *r, const struct form__field *f, struct scope *s)
{
	struct feel_value v;
	int rc;

	if (f->type != TYPE_EXPRESSION)
		return 0;
	rc = eval(r, f->expression, s, &v);
	if (rc == 0)
		change(r, plain(r, &v));
	return rc;
}

static int settle(struct run *r)
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

/* ---- the rules ---- */

static void fault(struct run *r, const struct form__field *f, enum form_rule rule, const char *limit)
{
	struct form_answer *o = r->out;

	o->fault = arena_grow(r->a, o->fault, &r->faults_cap, (size_t)o->faults + 1, sizeof(*o->fault));
	o->fault[o->faults++] = (struct form_fault){.path = place_text(r),
	        .label = f->label,
	        .rule = rule,
	        .limit = limit,
	        .words = rule == FORM_PATTERN ? f->pattern_words : ""};
}

static const char *number_text(struct run *r, struct feel_number n)
{
	struct sb b = SB_INIT;
	const char *s;

	feel_number_write(&b, n);
	s = arena_strndup(r->a, b.p, b.n);
	sb_fini(&b);
	return s;
}

/* *there false where an expression gives null; *ok false where it gives no number. */
static int bound_of(struct run *r, const struct form__bound *b, struct scope *s, struct feel_number *n,
        bool *there, bool *ok)
{
	struct feel_value v;
	int rc;

	*there = b->there;
	*ok = true;
	*n = b->number;
	if (b->expr == NULL)
		return 0;
	rc = eval(r, b->expr, s, &v);
	*there = rc == 0 && v.type != FEEL_NULL;
	if (*there && v.type == FEEL_NUMBER)
		*n = v.number;
	else
		*ok = *there && v.type == FEEL_STRING && form__number(v.string, n);
	return rc;
}

static int judge_number(
        struct run *r, const struct form__field *f, const struct feel_value *v, struct scope *s)
{
	const struct form__bound *bound[] = {&f->min, &f->max};
	struct feel_number n, limit;
	int rc = 0;

	if (v->type == FEEL_NUMBER)
		n = v->number;
	else if (v->type != FEEL_STRING || !form__exact_number(v->string, &n))
		return 0;
	if (f->decimals >= 0 && form__decimals(n) > f->decimals)
		fault(r, f, FORM_DECIMALS, arena_printf(r->a, "%d", f->decimals));
	if (f->has_increment && !form__is_multiple(n, f->increment))
		fault(r, f, FORM_INCREMENT, number_text(r, f->increment));
	for (int i = 0; rc == 0 && i < 2; i++) {
		bool there, ok;

		rc = bound_of(r, bound[i], s, &limit, &there, &ok);
		if (rc < 0 || !there)
			continue;
		if (!ok)
			fault(r, f, i == 0 ? FORM_MIN : FORM_MAX, "?");
		else if (i == 0 ? feel_number_cmp(n, limit) < 0 : feel_number_cmp(n, limit) > 0)
			fault(r, f, i == 0 ? FORM_MIN : FORM_MAX, number_text(r, limit));
	}
	return rc;
}

static int judge_text(struct run *r, const struct form__field *f, struct str text, struct scope *s)
{
	const struct form__bound *bound[] = {&f->min_length, &f->max_length};
	struct feel_number limit, length = feel_number_int(form__trimmed_length(text));
	int rc = 0;

	if (f->regex != NULL && !form__matches(f->regex, text))
		fault(r, f, FORM_PATTERN, f->pattern);
	for (int i = 0; rc == 0 && i < 2; i++) {
		bool there, ok;

		rc = bound_of(r, bound[i], s, &limit, &there, &ok);
		if (rc < 0 || !there || !ok)
			continue;
		if (i == 0 ? feel_number_cmp(length, limit) < 0 : feel_number_cmp(length, limit) > 0)
			fault(r, f, i == 0 ? FORM_MIN_LENGTH : FORM_MAX_LENGTH, number_text(r, limit));
	}
	if (f->format == FORMAT_PHONE && !form__is_phone(text))
		fault(r, f, FORM_PHONE, "");
	if (f->format == FORMAT_EMAIL && !form__is_email(text))
		fault(r, f, FORM_EMAIL, "");
	return rc;
}

/* Choices that an expression gives. */
static int judge_choice(
        struct run *r, const struct form__field *f, const struct feel_value *v, struct scope *s)
{
	struct feel_value list;
	int rc = f->values_expr != NULL ? eval(r, f->values_expr, s, &list) : 0;

	if (rc < 0 || f->values_expr == NULL || is_blank(v))
		return rc;
	if (f->type == TYPE_SELECT && !is_choice(&list, v))
		fault(r, f, FORM_OPTION, "");
	for (int i = 0; f->type == TYPE_CHECKLIST && i < v->list.n; i++)
		if (!is_choice(&list, &v->list.item[i])) {
			fault(r, f, FORM_OPTION, "");
			break;
		}
	return 0;
}

static bool lacks(const struct form__field *f, const struct feel_value *v)
{
	return is_blank(v) || (v->type == FEEL_LIST && v->list.n == 0) ||
	       (f->type == TYPE_CHECKBOX && !(v->type == FEEL_BOOL && v->boolean));
}

/* The value was sent, and its field could not hold it: one reason is enough. */
static bool judge_loss(struct run *r, const struct form__field *f, struct scope *s, int *rc)
{
	const char *path = r->losses > 0 ? place_text(r) : "";
	bool fixed = f->readonly || f->type == TYPE_EXPRESSION;

	if (r->losses > 0 && !fixed && f->readonly_if != NULL)
		*rc = is_true(r, f->readonly_if, s, &fixed);
	for (int i = 0; *rc == 0 && !fixed && i < r->losses; i++)
		if (strcmp(r->loss[i].path, path) == 0) {
			fault(r, f, r->loss[i].rule, r->loss[i].limit);
			return true;
		}
	return false;
}

/* Into the answer, with lists as long as they were. */
static void put_sent(struct run *r, struct feel_value v)
{
	struct feel_value *on = &r->out->data;

	for (int i = 0; i < r->place.n; i++) {
		struct str piece = r->place.piece[i];
		struct feel_value *next = step(on, piece);

		if (next == NULL && piece.p == NULL) {
			const struct feel_value *list = at(&r->data, &r->place, i);

			*on = (struct feel_value){.type = FEEL_LIST};
			on->list.n = list->list.n;
			on->list.item = arena_array(r->a, (size_t)list->list.n, sizeof(*on->list.item));
			next = step(on, piece);
		} else if (next == NULL) {
			if (on->type != FEEL_CONTEXT)
				*on = (struct feel_value){.type = FEEL_CONTEXT};
			feel_put(r->a, on, piece, FEEL_NULL_VALUE);
			next = step(on, piece);
		}
		on = next;
	}
	*on = v;
}

static int judge(struct run *r, const struct form__field *f, struct scope *s)
{
	const struct feel_value nothing = FEEL_NULL_VALUE, *v;
	int rc = 0;

	if (f->type == TYPE_LIST)
		return judge_loss(r, f, s, &rc), rc;
	if (f->disabled)
		return 0;
	v = at(&r->data, &r->place, r->place.n);
	if (v == NULL)
		v = &nothing;
	put_sent(r, *v);
	if (judge_loss(r, f, s, &rc) || rc < 0)
		return rc;
	if (f->required && lacks(f, v))
		fault(r, f, FORM_REQUIRED, "");
	if (is_blank(v))
		return 0;
	if (f->type == TYPE_NUMBER)
		return judge_number(r, f, v, s);
	if ((f->type == TYPE_TEXTFIELD || f->type == TYPE_TEXTAREA) && v->type == FEEL_STRING)
		return judge_text(r, f, v->string, s);
	return judge_choice(r, f, v, s);
}

int form_fill(const struct form_model *f, const struct feel_value *variables, const struct feel_value *data,
        time_us now, const struct zone *zone, struct arena *a, struct form_answer *out, struct err *e)
{
	struct run *r = arena_alloc(a, sizeof(*r));
	int rc;

	*r = (struct run){.f = f, .a = a, .e = e, .now = now, .zone = zone, .out = out};
	*out = (struct form_answer){.data = {.type = FEEL_CONTEXT}};
	r->initial = variables != NULL ? feel_copy(a, variables) : (struct feel_value){.type = FEEL_CONTEXT};
	r->data = feel_copy(a, &r->initial);
	rc = take_all(r, f->root, &r->initial);
	r->instances = 0;
	r->sent = data;
	if (rc == 0)
		rc = take_all(r, f->root, &r->data);
	if (rc == 0)
		rc = settle(r);
	if (rc == 0)
		rc = walk_shown(r, judge);
	return rc;
}
