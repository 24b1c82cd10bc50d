/* What was sent, taken into the fields of a form: each value as its field can hold it, or a loss. */
#include "form/fill_int.h"

#include "base/num.h"

bool form__is_blank(const struct feel_value *v)
{
	return v->type == FEEL_NULL || (v->type == FEEL_STRING && v->string.n == 0);
}

struct feel_value form__empty_of(const struct form__field *f)
{
	switch (f->type) {
	case TYPE_TEXTFIELD:
	case TYPE_TEXTAREA: return feel_string(STR_LIT(""));
	case TYPE_CHECKBOX: return feel_bool(false);
	case TYPE_CHECKLIST: return (struct feel_value){.type = FEEL_LIST};
	default: return FEEL_NULL_VALUE;
	}
}

static void lose(struct form__run *r, enum form_rule rule, const char *limit)
{
	/* What the variables hold is not the sender's fault. */
	if (r->sent == NULL || form__at(r->sent, &r->place, r->place.n) == NULL)
		return;
	r->loss = arena_grow(r->a, r->loss, &r->losses_cap, (size_t)r->losses + 1, sizeof(*r->loss));
	r->loss[r->losses++] = (struct form__loss){form__place_text(r), rule, limit};
}

/* As String() writes it. */
static struct feel_value text_of(struct form__run *r, const struct feel_value *v)
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

static struct feel_value take_text(
        struct form__run *r, const struct form__field *f, const struct feel_value *v)
{
	struct feel_value out;
	char *p;

	if (v->type == FEEL_NULL)
		return form__empty_of(f);
	if (v->type != FEEL_STRING && v->type != FEEL_NUMBER && v->type != FEEL_BOOL) {
		lose(r, FORM_TYPE, "a text");
		return form__empty_of(f);
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

static struct feel_value take_number(
        struct form__run *r, const struct form__field *f, const struct feel_value *v)
{
	struct feel_value out = {.type = FEEL_NUMBER};

	if (form__is_blank(v))
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

static struct feel_value take_datetime(
        struct form__run *r, const struct form__field *f, const struct feel_value *v)
{
	static const char *const what[] = {[SUBTYPE_DATE] = "a date such as 2026-10-01",
	        [SUBTYPE_TIME] = "a time such as 08:30",
	        [SUBTYPE_DATETIME] = "a date and time such as 2026-10-01T08:30+08:00"};

	if (form__is_blank(v))
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

bool form__is_choice(const struct feel_value *list, const struct feel_value *v)
{
	for (int i = 0; list != NULL && list->type == FEEL_LIST && i < list->list.n; i++) {
		const struct feel_value *x = choice_value(&list->list.item[i]);

		if (x != NULL && x->type == v->type && feel_equal(x, v) == 1)
			return true;
	}
	return false;
}

/* The choices come from the variables, never from what was sent. */
static const struct feel_value *choices_of(struct form__run *r, const struct form__field *f)
{
	return f->values != NULL       ? f->values
	       : f->values_key != NULL ? feel_get(&r->initial, f->values_key)
	                               : NULL;
}

/* Those of an expression are looked at when all values are there. */
static struct feel_value take_choice(
        struct form__run *r, const struct form__field *f, const struct feel_value *v)
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
			if (!form__is_choice(choices_of(r, f), &v->list.item[i])) {
				lose(r, FORM_OPTION, "");
				return out;
			}
		return *v;
	}
	if (form__is_blank(v))
		return FEEL_NULL_VALUE;
	if (f->values_expr != NULL || form__is_choice(choices_of(r, f), v))
		return *v;
	lose(r, FORM_OPTION, "");
	return FEEL_NULL_VALUE;
}

static struct feel_value take(struct form__run *r, const struct form__field *f, const struct feel_value *v)
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

static int count_instance(struct form__run *r)
{
	return ++r->instances > FORM__INSTANCES_MAX
	               ? err_set(r->e, ERR_TOOBIG,
	                         "the form has more than %d fields, with those of its lists",
	                         FORM__INSTANCES_MAX)
	               : 0;
}

/* Only what the form asks for is taken out of what was sent: nothing else can sway its expressions. */
static const struct feel_value *given(struct form__run *r, const struct feel_value *root)
{
	const struct feel_value *v = r->sent != NULL ? form__at(r->sent, &r->place, r->place.n) : NULL;

	return v != NULL ? v : form__at(root, &r->place, r->place.n);
}

/* A list as it comes, every item an object; as many empty ones as the schema says where there is none. */
static int take_list(struct form__run *r, const struct form__field *f, struct feel_value *root)
{
	const struct feel_value *v = given(r, root);
	struct feel_value list = {.type = FEEL_LIST};
	int rc = 0;

	if (v != NULL && v->type != FEEL_LIST && v->type != FEEL_NULL)
		lose(r, FORM_TYPE, "a list");
	list.list.n = v != NULL && v->type == FEEL_LIST ? v->list.n : f->repetitions;
	if (list.list.n > FORM__INSTANCES_MAX)
		r->instances = FORM__INSTANCES_MAX;
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
	form__put(r, root, list);
	for (int i = 0; rc == 0 && i < list.list.n; i++) {
		r->place.piece[r->place.n++] = (struct str){NULL, (size_t)i};
		rc = form__take_all(r, f, root);
		r->place.n--;
	}
	return rc;
}

int form__take_all(struct form__run *r, const struct form__field *parent, struct feel_value *root)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < parent->children; i++) {
		const struct form__field *f = &parent->child[i];
		const struct feel_value *v;

		if (f->type == TYPE_SHOWN)
			continue;
		if (!form__push(r, f))
			return err_set(r->e, ERR_TOOBIG, "values of the form lie too deep in one another");
		if (f->type == TYPE_GROUP) {
			rc = form__take_all(r, f, root);
		} else if (f->type == TYPE_LIST) {
			rc = take_list(r, f, root);
		} else {
			rc = count_instance(r);
			v = given(r, root);
			form__put(r, root,
			        v != NULL         ? take(r, f, v)
			        : f->dflt != NULL ? *f->dflt
			                          : form__empty_of(f));
		}
		form__pop(r, f->pieces);
	}
	return rc;
}
