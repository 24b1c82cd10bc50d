/*
 * check_types - mistakes that need no evaluation: a cell of another type than its column, an output that its
 * type does not allow, types that nothing defines.
 */
#include "dmn/check_int.h"

#define DEPTH_MAX 64

static const struct input_type unknown = {FEEL_NULL, NULL};

static const char *const type_names[] = {"null", "a boolean", "a number", "a string", "a date", "a time",
        "a date and time", "a days and time duration", "a years and months duration", "a list", "a context",
        "a range", "a function"};

/* ---- what is known of an input ---- */

static struct input_type of_name(const struct dmn_model *m, struct str name, int depth);

static struct input_type of_type(const struct dmn_type *t, int depth)
{
	struct input_type x;

	if (t->collection || t->function || t->components > 0 || t->base.n == 0)
		return unknown;
	x = of_name(t->model, t->base, depth + 1);
	if (t->allowed != NULL)
		x.allowed = t->allowed;
	return x;
}

static struct input_type of_name(const struct dmn_model *m, struct str name, int depth)
{
	const struct dmn_type *t = dmn__find_type(m, name);

	if (depth > DEPTH_MAX)
		return unknown;
	return t != NULL ? of_type(t, depth) : (struct input_type){dmn__basic_type(name), NULL};
}

/* "person.age", after the name of person's type */
static struct input_type of_path(const struct dmn_type *t, struct str path, int depth)
{
	for (; t != NULL && t->components == 0 && t->base.n > 0 && depth < DEPTH_MAX; depth++)
		t = t->collection ? NULL : dmn__find_type(t->model, t->base);
	if (t == NULL || t->collection || depth >= DEPTH_MAX)
		return unknown;
	for (int i = 0; i < t->components; i++) {
		const struct dmn_type *c = &t->component[i];

		if (str_eq(c->name, path))
			return of_type(c, depth);
		if (path.n > c->name.n + 1 && path.p[c->name.n] == '.' &&
		        memcmp(path.p, c->name.p, c->name.n) == 0)
			return of_path(
			        c, (struct str){path.p + c->name.n + 1, path.n - c->name.n - 1}, depth + 1);
	}
	return unknown;
}

/* The variable alone, or a path into it; false if the text is about something else. */
static bool of_variable(
        const struct dmn_model *m, struct str name, struct str type, struct str text, struct input_type *out)
{
	*out = unknown;
	if (str_eq(text, name)) {
		*out = of_name(m, type, 0);
		return true;
	}
	if (name.n == 0 || text.n <= name.n + 1 || text.p[name.n] != '.' ||
	        memcmp(text.p, name.p, name.n) != 0)
		return false;
	*out = of_path(dmn__find_type(m, type), (struct str){text.p + name.n + 1, text.n - name.n - 1}, 0);
	return true;
}

struct input_type dmn__input_type(const struct drg *d, const struct table_input *in)
{
	struct input_type x;

	if (in->type.n > 0) {
		x = of_name(d->model, in->type, 0);
		if (x.type != FEEL_NULL)
			return x;
	}
	for (int i = 0; d->kind == DRG_BKM && d->box != NULL && i < d->box->entries; i++)
		if (of_variable(d->model, d->box->entry[i].name, d->box->entry[i].type, in->text, &x))
			return x;
	for (int i = 0; i < d->needs; i++)
		if (d->need_import[i].n == 0 &&
		        of_variable(d->need[i]->model, d->need[i]->name, d->need[i]->type, in->text, &x))
			return x;
	return unknown;
}

/* ---- cells ---- */

static const struct feel_value *some_end(const struct feel_range *p)
{
	return p->low != NULL ? p->low : p->high;
}

static void check_cell(struct teller *t, struct arena *a, const struct box *b, int row, int column,
        enum feel_type *type, const char *why)
{
	struct feel_cell cell;

	if (!feel_read_cell(b->rule[row].in[column], a, &cell))
		return;
	for (int i = 0; i < cell.n; i++) {
		enum feel_type has = some_end(&cell.part[i])->type;

		if (*type == FEEL_NULL)
			*type = has;
		if (has == *type)
			continue;
		dmn__tell(t, b->rule[row].line, "row %d holds %s for " STR_FMT ", %s %s", row + 1,
		        type_names[has], STR_ARG(b->input[column].text), why, type_names[*type]);
		return;
	}
}

static void check_output(struct teller *t, struct arena *a, const struct box *b, int row, int o)
{
	const struct table_output *out = &b->output[o];
	struct feel_scope none = {0};
	struct feel_value v;
	struct sb text = SB_INIT;
	bool listed = out->priorities == 0;

	if (!feel_read_literal(b->rule[row].out[o], a, &v) || v.type == FEEL_NULL)
		return;
	feel_write_text(&v, &text);
	if (out->type.n > 0 && !dmn__conform(t->d->model, out->type, &v, &none, a)) {
		dmn__tell(t, b->rule[row].line, "row %d gives " STR_FMT ", which is not of type " STR_FMT,
		        row + 1, STR_ARG(sb_str(&text)), STR_ARG(out->type));
		listed = true;
	}
	for (int i = 0; i < out->priorities && !listed; i++)
		listed = feel_test(out->priority[i], &none, &v, a, &listed, NULL) == 0 && listed;
	if (!listed)
		dmn__tell(t, b->rule[row].line,
		        "row %d gives " STR_FMT ", which is none of the output's values", row + 1,
		        STR_ARG(sb_str(&text)));
	sb_fini(&text);
}

void dmn__check_cells(struct teller *t, struct arena *a, const struct box *b)
{
	for (int c = 0; c < b->inputs; c++) {
		enum feel_type type = dmn__input_type(t->d, &b->input[c]).type;
		const char *why = type != FEEL_NULL ? "which is" : "where another row holds";

		for (int r = 0; r < b->rules; r++)
			check_cell(t, a, b, r, c, &type, why);
	}
	for (int r = 0; r < b->rules; r++)
		for (int o = 0; o < b->outputs; o++)
			check_output(t, a, b, r, o);
}

/* ---- names of types ---- */

static void check_name(struct teller *t, int line, struct str type)
{
	if (type.n > 0 && !dmn__is_type(t->d->model, type))
		dmn__tell(t, line, "there is no type " STR_FMT, STR_ARG(type));
}

void dmn__check_type_names(struct teller *t, const struct box *b)
{
	if (b == NULL) {
		check_name(t, t->d->line, t->d->type);
		return;
	}
	check_name(t, b->line, b->type);
	for (int i = 0; i < b->entries; i++)
		check_name(t, b->line, b->entry[i].type);
	for (int i = 0; i < b->inputs; i++)
		check_name(t, b->line, b->input[i].type);
	for (int i = 0; i < b->outputs; i++)
		check_name(t, b->line, b->output[i].type);
}
