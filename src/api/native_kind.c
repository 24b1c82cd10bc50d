/* Kinds of records, as lists and forms are made of them. */
#include "api/api_int.h"
#include "city/record.h"

void write_option(struct jw *w, const struct field_option *o)
{
	jw_object(w);
	jw_kstr(w, "code", o->code);
	jw_kstr(w, "name", o->name);
	jw_kstr(w, "name_en", o->name_en);
	jw_kstr(w, "color", o->color);
	jw_object_end(w);
}

static void write_options(struct jw *w, const char *key, const struct field_option *o, int n)
{
	jw_key(w, key);
	jw_array(w);
	for (int i = 0; i < n; i++)
		write_option(w, &o[i]);
	jw_array_end(w);
}

static void write_field(struct call *c, const struct field *f)
{
	bool hidden = field_hidden(f, c->who.scope.clearance);
	struct jw *w = &c->w;

	jw_object(w);
	jw_kstr(w, "key", f->key);
	jw_kstr(w, "name", f->name);
	jw_kstr(w, "name_en", f->name_en);
	jw_kstr(w, "type", field_type_name(f->type));
	jw_kstr(w, "unit", f->unit);
	jw_kstr(w, "ref", f->ref);
	jw_kstr(w, "back", f->back);
	jw_kstr(w, "back_en", f->back_en);
	jw_kstr(w, "group", f->group);
	jw_kstr(w, "group_en", f->group_en);
	jw_kstr(w, "help", f->help);
	jw_kstr(w, "help_en", f->help_en);
	jw_kstr(w, "check", f->check);
	jw_kstr(w, "pattern", f->pattern);
	jw_kbool(w, "required", f->required);
	jw_kbool(w, "unique", f->unique);
	jw_kbool(w, "in_list", f->in_list);
	jw_kbool(w, "filter", f->no != 0 && !hidden && (f->filter || f->type == FIELD_REFERENCE));
	jw_kbool(w, "sort", f->no != 0 && !hidden && !field_veiled(f) && !f->many);
	jw_kbool(w, "many", f->many);
	jw_kbool(w, "tree", f->tree);
	jw_kint(w, "secrecy", f->secrecy);
	jw_kstr(w, "mask", f->mask);
	jw_kbool(w, "hidden", hidden);
	jw_kbool(w, "veiled", field_veiled(f));
	jw_kdouble(w, "min", f->min);
	jw_kdouble(w, "max", f->max);
	write_options(w, "options", f->option, f->options);
	jw_object_end(w);
}

static void write_quantity(struct jw *w, const struct quantity *q)
{
	jw_object(w);
	jw_kstr(w, "metric", q->metric);
	jw_kstr(w, "name", q->name);
	jw_kstr(w, "name_en", q->name_en);
	jw_kstr(w, "unit", q->unit);
	jw_kdouble(w, "low", q->low);
	jw_kdouble(w, "high", q->high);
	jw_object_end(w);
}

static void write_kind(struct call *c, const struct kind *k)
{
	struct jw *w = &c->w;

	jw_object(w);
	jw_kstr(w, "code", k->code);
	jw_kstr(w, "name", k->name);
	jw_kstr(w, "name_en", k->name_en);
	jw_kstr(w, "icon", k->icon);
	jw_kstr(w, "color", k->color);
	jw_kstr(w, "description", k->description);
	jw_kstr(w, "pack", k->pack);
	jw_kstr(w, "key", k->key);
	jw_kbool(w, "thing", k->thing);
	jw_kint(w, "secrecy", k->secrecy);
	jw_kbool(w, "writable", record_may_write(k, &c->who));
	write_options(w, "states", k->state, k->states);
	jw_key(w, "fields");
	jw_array(w);
	for (int i = 0; i < k->fields; i++)
		write_field(c, &k->field[i]);
	jw_array_end(w);
	jw_key(w, "quantities");
	jw_array(w);
	for (int i = 0; i < k->quantities; i++)
		write_quantity(w, &k->quantity[i]);
	jw_array_end(w);
	jw_object_end(w);
}

int kinds_get(struct call *c, struct err *e)
{
	const struct catalog *cat = c->site->catalog;

	(void)e;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < cat->kinds; i++)
		if (cat->kind[i].secrecy <= c->who.scope.clearance)
			write_kind(c, &cat->kind[i]);
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}
