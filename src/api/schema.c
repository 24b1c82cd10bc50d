/* The table of schemas, and how a document is held against one. */
#include "api/api_int.h"
#include "base/doc.h"
#include "base/num.h"

const struct schema_row api_schemas[] = {
#define SCHEMA(name, words) {#name, NULL, SCHEMA_OBJECT, "", 0, 0, words},
#define FIELD(name, type, ref, flags, max, words) {NULL, #name, SCHEMA_##type, ref, flags, max, words},
#include "api/schema.tbl"
#undef SCHEMA
#undef FIELD
};
const int api_schemas_n = ARRAY_LEN(api_schemas);

#define TEXT_MAX 4096

static int schema_find(const char *name)
{
	for (int i = 0; i < api_schemas_n; i++)
		if (api_schemas[i].schema != NULL && strcmp(api_schemas[i].schema, name) == 0)
			return i;
	return -1;
}

/* The row of a member, also of a schema that this one holds by "*". */
static const struct schema_row *field_find(int at, const char *key)
{
	for (int i = at + 1; i < api_schemas_n && api_schemas[i].schema == NULL; i++) {
		const struct schema_row *f = &api_schemas[i], *in;

		if (strcmp(f->field, key) == 0)
			return f;
		if (f->field[0] == '*' && (in = field_find(schema_find(f->ref), key)) != NULL)
			return in;
	}
	return NULL;
}

static int bad(const struct doc *d, const char *where, const char *field, struct err *e, const char *words)
{
	err_set(e, ERR_INVALID, "%s", words);
	return err_at(e, where, d->line, d->column, field);
}

static bool is_digits(const char *s)
{
	int64_t v;

	return num_int(str_of(s), &v);
}

static int each_is(const struct doc *d, const struct schema_row *f, const char *where, struct err *e)
{
	DOC_EACH(x, d)
	{
		int rc = 0;

		if (f->type == SCHEMA_LIST)
			rc = schema_check(x, f->ref, where, e);
		else if (f->type == SCHEMA_STRINGS && x->type != DOC_STRING)
			rc = bad(x, where, f->field, e, "a list of texts is needed");
		else if (f->type == SCHEMA_TEXTS && x->type != DOC_STRING)
			rc = bad(x, where, f->field, e, "an object of texts is needed");
		else if (f->type == SCHEMA_NUMBERS && x->type != DOC_NUMBER)
			rc = bad(x, where, f->field, e, "a list of numbers is needed");
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* One of the words that the row names, if it names some. */
static int word_check(const struct doc *d, const struct schema_row *f, const char *where, struct err *e)
{
	struct str rest = str_of(f->ref);

	if (rest.n == 0)
		return 0;
	while (rest.p != NULL)
		if (str_is(str_cut(&rest, ' '), d->text))
			return 0;
	err_set(e, ERR_INVALID, "one of these is needed: %s", f->ref);
	return err_at(e, where, d->line, d->column, f->field);
}

static int value_check(const struct doc *d, const struct schema_row *f, const char *where, struct err *e)
{
	size_t max = f->max > 0 ? (size_t)f->max : TEXT_MAX;
	time_us t;

	if (d->type == DOC_NULL && f->flags & SCHEMA_NULL)
		return 0;
	switch (f->type) {
	case SCHEMA_STRING:
		if (d->type != DOC_STRING)
			return bad(d, where, f->field, e, "a text in quotes is needed");
		if (f->max > 0 && d->text_n > max)
			return bad(d, where, f->field, e, "the text is too long");
		return word_check(d, f, where, e);
	case SCHEMA_ID:
		if (d->type != DOC_STRING || !is_digits(d->text))
			return bad(d, where, f->field, e, "an id is digits in quotes");
		return 0;
	case SCHEMA_TIME:
		if (d->type != DOC_STRING || !time_parse(str_of(d->text), NULL, &t))
			return bad(d, where, f->field, e, "a time as 2026-07-14T08:00:00+08:00 is needed");
		return 0;
	case SCHEMA_DATE:
		if (d->type != DOC_STRING || d->text_n != 10 || !time_parse(str_of(d->text), zone_utc(), &t))
			return bad(d, where, f->field, e, "a date as 2026-07-14 is needed");
		return 0;
	case SCHEMA_INTEGER:
		if (d->type != DOC_NUMBER || !is_digits(d->text))
			return bad(d, where, f->field, e, "a whole number is needed");
		return word_check(d, f, where, e);
	case SCHEMA_NUMBER:
		return d->type == DOC_NUMBER ? 0 : bad(d, where, f->field, e, "a number is needed");
	case SCHEMA_BOOL:
		return d->type == DOC_BOOL ? 0 : bad(d, where, f->field, e, "true or false is needed");
	case SCHEMA_OBJECT: return d->type == DOC_MAP ? 0 : bad(d, where, f->field, e, "an object is needed");
	case SCHEMA_TEXTS:
		if (d->type != DOC_MAP)
			return bad(d, where, f->field, e, "an object is needed");
		return each_is(d, f, where, e);
	case SCHEMA_ANY: return 0;
	case SCHEMA_REF: return schema_check(d, f->ref, where, e);
	case SCHEMA_LIST:
	case SCHEMA_STRINGS:
	case SCHEMA_NUMBERS:
		if (d->type != DOC_LIST)
			return bad(d, where, f->field, e, "a list is needed");
		return each_is(d, f, where, e);
	}
	wrong("type of a schema's row");
}

static int members_there(const struct doc *d, int at, const char *where, struct err *e)
{
	for (int i = at + 1; i < api_schemas_n && api_schemas[i].schema == NULL; i++) {
		const struct schema_row *f = &api_schemas[i];

		if (f->field[0] == '*') {
			int rc = members_there(d, schema_find(f->ref), where, e);

			if (rc < 0)
				return rc;
		} else if (f->flags & SCHEMA_MUST && doc_get(d, f->field) == NULL) {
			return bad(d, where, f->field, e, "this member is missing");
		}
	}
	return 0;
}

int schema_check(const struct doc *d, const char *schema, const char *where, struct err *e)
{
	int at = schema_find(schema), rc;

	must(at >= 0);
	if (d->type != DOC_MAP)
		return bad(d, where, NULL, e, "an object is needed");
	DOC_EACH(x, d)
	{
		const struct schema_row *f = field_find(at, x->key);

		if (f == NULL)
			return bad(x, where, x->key, e, "there is no member of this name");
		rc = value_check(x, f, where, e);
		if (rc < 0)
			return rc;
	}
	return members_there(d, at, where, e);
}
