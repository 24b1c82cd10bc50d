/* Record kinds of a pack, and a record's attributes against its kind. */
#include "base/num.h"
#include "city/pack_int.h"

#include <math.h>

static const struct {
	const char *name;
	enum field_type type;
} field_types[] = {{"text", FIELD_TEXT}, {"integer", FIELD_INTEGER}, {"decimal", FIELD_DECIMAL},
        {"number", FIELD_DECIMAL}, {"bool", FIELD_BOOL}, {"date", FIELD_DATE}, {"instant", FIELD_INSTANT},
        {"code", FIELD_CODE}, {"reference", FIELD_REFERENCE}, {"place", FIELD_PLACE}};

static void read_options(
        struct pack_data *d, const struct pack_file *f, const struct doc *list, struct field *out)
{
	out->option = arena_array(d->a, list != NULL ? (size_t)list->count : 0, sizeof(*out->option));
	DOC_EACH(x, list)
	{
		struct field_option *o = &out->option[out->options++];

		*o = (struct field_option){
		        doc_str(x, "code", ""), doc_str(x, "name", ""), doc_str(x, "name_en", "")};
		if (*o->code == '\0')
			pack__tell(d, true, f->path, x->line, x->column, out->key, "an option needs a code");
	}
}

static void read_field(struct pack_data *d, const struct pack_file *f, const struct doc *x, struct kind *k)
{
	static const char *const keys[] = {"key", "name", "name_en", "type", "unit", "required", "unique",
	        "list", "search", "secrecy", "mask", "min", "max", "pattern", "ref", "options", NULL};
	static const char *const masks[] = {"", "name", "phone", "id", "address", "number"};
	struct field *out = &k->field[k->fields];
	struct err e = ERR_INIT;
	const char *type = doc_str(x, "type", "text");
	bool known = false;

	if (doc_only_keys(x, f->path, keys, &e) < 0)
		pack__tell_err(d, &e, f->path, x->line);
	*out = (struct field){.key = doc_str(x, "key", ""),
	        .name = doc_str(x, "name", ""),
	        .name_en = doc_str(x, "name_en", ""),
	        .unit = doc_str(x, "unit", ""),
	        .ref = doc_str(x, "ref", ""),
	        .pattern = doc_str(x, "pattern", ""),
	        .mask = doc_str(x, "mask", ""),
	        .required = doc_bool(x, "required", false),
	        .unique = doc_bool(x, "unique", false),
	        .in_list = doc_bool(x, "list", false),
	        .searched = doc_bool(x, "search", false),
	        .secrecy = (int)doc_int(x, "secrecy", 1),
	        .min = doc_double(x, "min", NAN),
	        .max = doc_double(x, "max", NAN)};
	if (*out->key == '\0' || *out->name == '\0') {
		pack__tell(d, true, f->path, x->line, x->column, *out->key ? "name" : "key",
		        "a field needs a key and a name");
		return;
	}
	for (int i = 0; i < k->fields; i++)
		if (strcmp(k->field[i].key, out->key) == 0)
			pack__tell(d, true, f->path, x->line, x->column, out->key,
			        "the kind has a field of that key already");
	for (size_t i = 0; i < ARRAY_LEN(field_types); i++)
		if (strcmp(field_types[i].name, type) == 0) {
			out->type = field_types[i].type;
			known = true;
		}
	if (!known)
		pack__tell(d, true, f->path, x->line, x->column, out->key,
		        "\"%s\" is no type of field; there are text, integer, decimal, bool, date, instant, "
		        "code, reference, place",
		        type);
	if (out->secrecy < 1 || out->secrecy > 4)
		pack__tell(
		        d, true, f->path, x->line, x->column, out->key, "secrecy goes from 1 (public) to 4");
	known = false;
	for (size_t i = 0; i < ARRAY_LEN(masks); i++)
		known |= strcmp(masks[i], out->mask) == 0;
	if (!known)
		pack__tell(d, true, f->path, x->line, x->column, out->key,
		        "\"%s\" is no mask; there are name, phone, id, address, number", out->mask);
	read_options(d, f, doc_get(x, "options"), out);
	if (out->type == FIELD_CODE && out->options == 0)
		pack__tell(
		        d, true, f->path, x->line, x->column, out->key, "a field of type code needs options");
	if (out->type == FIELD_REFERENCE && *out->ref == '\0')
		pack__tell(d, true, f->path, x->line, x->column, out->key,
		        "a reference needs ref: the kind that it points to");
	if (*out->pattern != '\0') {
		struct matcher m;

		if (matcher_init(&m, d->a, MATCH_RE, STR_LIT("x"), str_of(out->pattern), &e) < 0)
			pack__tell(d, true, f->path, x->line, x->column, out->key,
			        "the pattern cannot be read: %s", e.text);
	}
	k->fields++;
}

void pack__read_kind(struct pack_data *d, const struct pack_file *f)
{
	static const char *const keys[] = {
	        "code", "name", "name_en", "icon", "thing", "fields", "quantities", "description", NULL};
	struct catalog *c = d->catalog;
	const struct doc *fields, *quantities;
	struct err e = ERR_INIT;
	struct doc *doc = NULL;
	struct kind *k;

	if (doc_parse_yaml(d->a, f->text, f->path, &doc, &e) < 0 ||
	        doc_only_keys(doc, f->path, keys, &e) < 0) {
		pack__tell_err(d, &e, f->path, 1);
		return;
	}
	if (*doc_str(doc, "code", "") == '\0' || *doc_str(doc, "name", "") == '\0') {
		pack__tell(d, true, f->path, 1, 0, "code", "a kind needs a code and a name");
		return;
	}
	if (catalog_kind(c, doc_str(doc, "code", "")) != NULL) {
		pack__tell(d, true, f->path, 1, 0, doc_str(doc, "code", ""),
		        "another file declares a kind of that code");
		return;
	}
	fields = doc_get(doc, "fields");
	quantities = doc_get(doc, "quantities");
	k = PACK_PUSH(d, c->kind, c->kinds, kinds_cap, struct kind);
	*k = (struct kind){.code = doc_str(doc, "code", ""),
	        .name = doc_str(doc, "name", ""),
	        .name_en = doc_str(doc, "name_en", ""),
	        .icon = doc_str(doc, "icon", ""),
	        .thing = doc_bool(doc, "thing", false),
	        .field = arena_array(d->a, fields != NULL ? (size_t)fields->count : 0, sizeof(struct field)),
	        .quantity = arena_array(
	                d->a, quantities != NULL ? (size_t)quantities->count : 0, sizeof(struct quantity))};
	DOC_EACH(x, fields)
	read_field(d, f, x, k);
	DOC_EACH(x, quantities)
	{
		struct quantity *q = &k->quantity[k->quantities++];

		*q = (struct quantity){doc_str(x, "metric", ""), doc_str(x, "name", ""),
		        doc_str(x, "name_en", ""), doc_str(x, "unit", ""), doc_double(x, "low", NAN),
		        doc_double(x, "high", NAN)};
		if (!metric_name_valid(str_of(q->metric)))
			pack__tell(d, true, f->path, x->line, x->column, "metric",
			        "\"%s\" is no name of a metric", q->metric);
	}
}

/* ---- attributes ---- */

static int bad_attr(const struct field *f, struct err *e, const char *words)
{
	err_set(e, ERR_INVALID, "%s", words);
	return err_at(e, NULL, 0, 0, f->key);
}

static int check_attr(struct arena *a, const struct field *f, const struct doc *v, struct err *e)
{
	struct str text = {v->text, v->text_n};
	double number;
	time_us t;

	switch (f->type) {
	case FIELD_INTEGER:
	case FIELD_DECIMAL:
		if (v->text == NULL || !num_double(text, false, &number))
			return bad_attr(f, e, "a number is needed");
		if (f->type == FIELD_INTEGER && number != floor(number))
			return bad_attr(f, e, "a whole number is needed");
		if (number < f->min || number > f->max)
			return bad_attr(f, e, "the number lies outside of what the kind allows");
		break;
	case FIELD_BOOL:
		if (v->type != DOC_BOOL)
			return bad_attr(f, e, "true or false is needed");
		break;
	case FIELD_DATE:
		if (v->text == NULL || text.n != 10 || !time_parse(text, zone_utc(), &t))
			return bad_attr(f, e, "a date such as 2026-07-14 is needed");
		break;
	case FIELD_INSTANT:
		if (v->text == NULL || !time_parse(text, NULL, &t))
			return bad_attr(f, e, "an instant such as 2026-07-14T08:00:00+08:00 is needed");
		break;
	case FIELD_CODE: {
		for (int i = 0; i < f->options; i++)
			if (v->text != NULL && str_is(text, f->option[i].code))
				return 0;
		return bad_attr(f, e, "this is not one of the field's options");
	}
	case FIELD_PLACE:
		if (v->type != DOC_MAP || !(fabs(doc_double(v, "lon", NAN)) <= 180) ||
		        !(fabs(doc_double(v, "lat", NAN)) <= 90))
			return bad_attr(f, e, "a place {\"lon\": …, \"lat\": …} is needed");
		break;
	case FIELD_TEXT:
	case FIELD_REFERENCE:
		if (v->text == NULL)
			return bad_attr(f, e, "a text is needed");
		if (*f->pattern != '\0') {
			struct matcher m;

			if (matcher_init(&m, a, MATCH_RE, STR_LIT("x"), str_of(f->pattern), e) < 0)
				return ERR_INVALID;
			if (!matcher_matches(&m, text))
				return bad_attr(
				        f, e, "the text does not have the form that the kind asks for");
		}
		break;
	}
	return 0;
}

int kind_check_attrs(struct arena *a, const struct kind *k, const char *attrs, struct err *e)
{
	struct doc *doc = NULL;
	int rc = doc_parse_json(a, str_of(attrs), "attrs", &doc, e);

	if (rc < 0)
		return rc;
	if (doc->type != DOC_MAP)
		return err_set(e, ERR_INVALID, "attributes are a JSON object");
	DOC_EACH(x, doc)
	{
		const struct field *f = NULL;

		for (int i = 0; i < k->fields; i++)
			if (strcmp(k->field[i].key, x->key) == 0)
				f = &k->field[i];
		if (f == NULL) {
			err_set(e, ERR_INVALID, "the kind %s has no such field", k->code);
			return err_at(e, NULL, 0, 0, x->key);
		}
		if (x->type != DOC_NULL && (rc = check_attr(a, f, x, e)) < 0)
			return rc;
	}
	for (int i = 0; i < k->fields; i++) {
		const struct doc *v = doc_get(doc, k->field[i].key);

		if (k->field[i].required &&
		        (v == NULL || v->type == DOC_NULL || (v->text != NULL && v->text_n == 0)))
			return bad_attr(&k->field[i], e, "the kind asks for this field");
	}
	return 0;
}
