/* The rules of a form for what is shown: each fault by its path. */
#include "form/fill_int.h"

static void fault(struct form__run *r, const struct form__field *f, enum form_rule rule, const char *limit)
{
	struct form_answer *o = r->out;

	o->fault = arena_grow(r->a, o->fault, &r->faults_cap, (size_t)o->faults + 1, sizeof(*o->fault));
	o->fault[o->faults++] = (struct form_fault){.path = form__place_text(r),
	        .label = f->label,
	        .rule = rule,
	        .limit = limit,
	        .words = rule == FORM_PATTERN ? f->pattern_words : ""};
}

static const char *number_text(struct form__run *r, struct feel_number n)
{
	struct sb b = SB_INIT;
	const char *s;

	feel_number_write(&b, n);
	s = arena_strndup(r->a, b.p, b.n);
	sb_fini(&b);
	return s;
}

/* *there false where an expression gives null; *ok false where it gives no number. */
static int bound_of(struct form__run *r, const struct form__bound *b, struct form__scope *s,
        struct feel_number *n, bool *there, bool *ok)
{
	struct feel_value v;
	int rc;

	*there = b->there;
	*ok = true;
	*n = b->number;
	if (b->expr == NULL)
		return 0;
	rc = form__eval(r, b->expr, s, &v);
	*there = rc == 0 && v.type != FEEL_NULL;
	if (*there && v.type == FEEL_NUMBER)
		*n = v.number;
	else
		*ok = *there && v.type == FEEL_STRING && form__number(v.string, n);
	return rc;
}

static int judge_number(
        struct form__run *r, const struct form__field *f, const struct feel_value *v, struct form__scope *s)
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

static int judge_text(
        struct form__run *r, const struct form__field *f, struct str text, struct form__scope *s)
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
        struct form__run *r, const struct form__field *f, const struct feel_value *v, struct form__scope *s)
{
	struct feel_value list;
	int rc = f->values_expr != NULL ? form__eval(r, f->values_expr, s, &list) : 0;

	if (rc < 0 || f->values_expr == NULL || form__is_blank(v))
		return rc;
	if (f->type == TYPE_SELECT && !form__is_choice(&list, v))
		fault(r, f, FORM_OPTION, "");
	for (int i = 0; f->type == TYPE_CHECKLIST && i < v->list.n; i++)
		if (!form__is_choice(&list, &v->list.item[i])) {
			fault(r, f, FORM_OPTION, "");
			break;
		}
	return 0;
}

static bool lacks(const struct form__field *f, const struct feel_value *v)
{
	return form__is_blank(v) || (v->type == FEEL_LIST && v->list.n == 0) ||
	       (f->type == TYPE_CHECKBOX && !(v->type == FEEL_BOOL && v->boolean));
}

/* The value was sent, and its field could not hold it: one reason is enough. */
static bool judge_loss(struct form__run *r, const struct form__field *f, struct form__scope *s, int *rc)
{
	const char *path = r->losses > 0 ? form__place_text(r) : "";
	bool fixed = f->readonly || f->type == TYPE_EXPRESSION;

	if (r->losses > 0 && !fixed && f->readonly_if != NULL)
		*rc = form__is_true(r, f->readonly_if, s, &fixed);
	for (int i = 0; *rc == 0 && !fixed && i < r->losses; i++)
		if (strcmp(r->loss[i].path, path) == 0) {
			fault(r, f, r->loss[i].rule, r->loss[i].limit);
			return true;
		}
	return false;
}

/* Into the answer, with lists as long as they were. */
static void put_sent(struct form__run *r, struct feel_value v)
{
	struct feel_value *on = &r->out->data;

	for (int i = 0; i < r->place.n; i++) {
		struct str piece = r->place.piece[i];
		struct feel_value *next = form__step(on, piece);

		if (next == NULL && piece.p == NULL) {
			const struct feel_value *list = form__at(&r->data, &r->place, i);

			*on = (struct feel_value){.type = FEEL_LIST};
			on->list.n = list->list.n;
			on->list.item = arena_array(r->a, (size_t)list->list.n, sizeof(*on->list.item));
			next = form__step(on, piece);
		} else if (next == NULL) {
			if (on->type != FEEL_CONTEXT)
				*on = (struct feel_value){.type = FEEL_CONTEXT};
			feel_put(r->a, on, piece, FEEL_NULL_VALUE);
			next = form__step(on, piece);
		}
		on = next;
	}
	*on = v;
}

int form__judge(struct form__run *r, const struct form__field *f, struct form__scope *s)
{
	const struct feel_value nothing = FEEL_NULL_VALUE, *v;
	int rc = 0;

	if (f->type == TYPE_LIST)
		return judge_loss(r, f, s, &rc), rc;
	if (f->disabled)
		return 0;
	v = form__at(&r->data, &r->place, r->place.n);
	if (v == NULL)
		v = &nothing;
	put_sent(r, *v);
	if (judge_loss(r, f, s, &rc) || rc < 0)
		return rc;
	if (f->required && lacks(f, v))
		fault(r, f, FORM_REQUIRED, "");
	if (form__is_blank(v))
		return 0;
	if (f->type == TYPE_NUMBER)
		return judge_number(r, f, v, s);
	if ((f->type == TYPE_TEXTFIELD || f->type == TYPE_TEXTAREA) && v->type == FEEL_STRING)
		return judge_text(r, f, v->string, s);
	return judge_choice(r, f, v, s);
}
