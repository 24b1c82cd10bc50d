#include "ingest/mapping.h"
#include "base/doc.h"
#include "ingest/mapping_int.h"
#include "ingest/timescan.h"

#include <math.h>

const char *mapping_attribute(const struct mapping *m)
{
	return m->attribute;
}

static int wrong_at(const struct mapping *m, const struct doc *d, struct err *e, const char *words)
{
	err_set(e, ERR_INVALID, "%s", words);
	return err_at(e, m->name, d->line, d->column, d->key);
}

static int only_keys(const struct mapping *m, const struct doc *d, const char *const *keys, struct err *e)
{
	if (d->type != DOC_MAP)
		return wrong_at(m, d, e, "a group of settings is needed here (name: value, indented)");
	return doc_only_keys(d, m->name, keys, e);
}

static int one_char(const struct mapping *m, const struct doc *file, const char *key, const char *taken,
        char *out, struct err *e)
{
	const struct doc *d = doc_get(file, key);

	if (d == NULL)
		return 0;
	if (d->text != NULL && strcmp(d->text, "tab") == 0) {
		*out = '\t';
		return 0;
	}
	if (d->text == NULL || d->text_n != 1 || strchr(taken, d->text[0]) == NULL)
		return wrong_at(m, d, e, "one character is needed here: , ; . or tab, as fits");
	*out = d->text[0];
	return 0;
}

static int read_words(struct arena *a, const struct mapping *m, const struct doc *d, const char ***out,
        int *n, struct err *e)
{
	if (d->type != DOC_LIST)
		return wrong_at(m, d, e, "a list is needed here: [\"NA\", \"-\"]");
	*out = arena_array(a, (size_t)d->count, sizeof(**out));
	DOC_EACH(x, d)
	{
		if (x->text == NULL)
			return wrong_at(m, x, e, "a text is needed here");
		(*out)[(*n)++] = x->text;
	}
	return 0;
}

static int read_pairs(
        struct arena *a, const struct mapping *m, const struct doc *d, struct pairs *out, struct err *e)
{
	if (d == NULL)
		return 0;
	if (d->type != DOC_MAP)
		return wrong_at(m, d, e, "pairs are needed here: {from: to}");
	out->p = arena_array(a, (size_t)d->count, sizeof(*out->p));
	DOC_EACH(x, d)
	{
		if (x->text == NULL)
			return wrong_at(m, x, e, "a text is needed here");
		out->p[out->n++] = (struct pair){str_of(x->key), {x->text, x->text_n}};
	}
	return 0;
}

static int read_column(const struct mapping *m, const struct doc *d, const char **out, struct err *e)
{
	*out = doc_str(d, "column", NULL);
	return *out != NULL ? 0 : wrong_at(m, d, e, "a column is needed here: column: NAME");
}

static int read_time(struct arena *a, struct mapping *m, const struct doc *d, struct err *e)
{
	static const char *const keys[] = {"column", "columns", "format", "zone", NULL};
	const struct doc *columns = doc_get(d, "columns");
	const char *zone = doc_str(d, "zone", NULL);
	int rc = only_keys(m, d, keys, e);

	if (rc == 0 && columns != NULL) {
		rc = read_words(a, m, columns, &m->time, &m->times, e);
	} else if (rc == 0) {
		m->time = arena_array(a, 1, sizeof(*m->time));
		rc = read_column(m, d, &m->time[m->times++], e);
	}
	m->format = doc_str(d, "format", NULL);
	if (rc == 0 && m->format != NULL && !time_scan_valid(m->format))
		rc = wrong_at(m, doc_get(d, "format"), e,
		        "in a format there are %Y %y %m %d %H %M %S %f %z, and %% for a percent sign");
	if (rc == 0 && zone != NULL) {
		rc = zone_load(zone, &m->zone, e);
		if (rc < 0)
			err_at(e, m->name, doc_get(d, "zone")->line, 0, "zone");
	}
	return rc;
}

static int read_thing(struct arena *a, struct mapping *m, const struct doc *d, struct err *e)
{
	static const char *const keys[] = {"code", "column", "attribute", "codes", NULL};
	int rc = only_keys(m, d, keys, e);

	m->code = str_of(doc_str(d, "code", NULL));
	m->attribute = doc_str(d, "attribute", NULL);
	if (rc == 0 && m->code.p != NULL && doc_get(d, "column") != NULL)
		rc = wrong_at(m, d, e, "a thing is told by its code, or by a column, not by both");
	if (rc == 0 && m->code.p == NULL)
		rc = read_column(m, d, &m->thing, e);
	return rc == 0 ? read_pairs(a, m, doc_get(d, "codes"), &m->codes, e) : rc;
}

static int read_value(
        const struct mapping *m, const struct doc *d, bool wide, struct value_column *out, struct err *e)
{
	static const char *const wide_keys[] = {"column", "metric", "factor", "offset", "states", NULL},
	                         *const long_keys[] = {"column", "factor", "offset", "states", NULL};
	int rc = only_keys(m, d, wide ? wide_keys : long_keys, e);

	if (rc == 0)
		rc = read_column(m, d, &out->column, e);
	if (rc < 0)
		return rc;
	out->factor = doc_double(d, "factor", 1);
	out->offset = doc_double(d, "offset", 0);
	out->states = doc_bool(d, "states", false);
	if (!isfinite(out->factor) || !isfinite(out->offset))
		return wrong_at(m, d, e, "factor and offset are numbers");
	out->metric = str_of(doc_str(d, "metric", out->column));
	return 0;
}

static int read_values(struct arena *a, struct mapping *m, const struct doc *file, struct err *e)
{
	static const char *const metric_keys[] = {"column", "names", NULL};
	const struct doc *wide = doc_get(file, "readings"), *metric = doc_get(file, "metric"),
	                 *value = doc_get(file, "value");
	int rc;

	if (wide == NULL ? metric == NULL || value == NULL : metric != NULL || value != NULL)
		return wrong_at(m, file, e,
		        "a mapping has readings (a column for each metric), or metric and value (a row for "
		        "each "
		        "reading)");
	m->value = arena_array(a, wide != NULL ? (size_t)wide->count + 1 : 1, sizeof(*m->value));
	if (wide == NULL) {
		rc = only_keys(m, metric, metric_keys, e);
		if (rc == 0)
			rc = read_column(m, metric, &m->metric, e);
		if (rc == 0)
			rc = read_pairs(a, m, doc_get(metric, "names"), &m->names, e);
		return rc == 0 ? read_value(m, value, false, &m->value[m->values++], e) : rc;
	}
	if (wide->type != DOC_LIST || wide->count == 0)
		return wrong_at(
		        m, wide, e, "a list of columns is needed here: - {column: NAME, metric: NAME}");
	DOC_EACH(x, wide)
	{
		rc = read_value(m, x, true, &m->value[m->values++], e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

struct mapping *mapping__new(struct arena *a, const char *name)
{
	static const char *none[] = {"NA", "N/A", "null", "-", "--", "—", "——", "/"};
	struct mapping *m = arena_alloc(a, sizeof(*m));

	*m = (struct mapping){.name = name,
	        .separator = ',',
	        .decimal = '.',
	        .header = true,
	        .none = none,
	        .nones = (int)ARRAY_LEN(none)};
	return m;
}

int mapping_read(struct arena *a, struct str yaml, const char *name, struct mapping **out, struct err *e)
{
	static const char *const keys[] = {"separator", "skip", "header", "decimal", "thousands", "none",
	        "time", "thing", "readings", "metric", "value", NULL};
	struct mapping *m = *out = mapping__new(a, name);
	const struct doc *d;
	struct doc *file = NULL;
	int rc = doc_parse_yaml(a, yaml, name, &file, e);

	if (rc == 0)
		rc = only_keys(m, file, keys, e);
	if (rc == 0)
		rc = one_char(m, file, "separator", ",;|", &m->separator, e);
	if (rc == 0)
		rc = one_char(m, file, "decimal", ".,", &m->decimal, e);
	if (rc == 0)
		rc = one_char(m, file, "thousands", ",.' ", &m->thousands, e);
	if (rc < 0)
		return rc;
	m->skip = (int)doc_int(file, "skip", 0);
	m->header = doc_bool(file, "header", true);
	if (m->skip < 0 || m->skip > 10000)
		return wrong_at(
		        m, doc_get(file, "skip"), e, "how many lines come before the names, 0 to 10,000");
	d = doc_get(file, "none");
	if (d != NULL) {
		m->nones = 0;
		rc = read_words(a, m, d, &m->none, &m->nones, e);
	}
	d = doc_get(file, "time");
	if (rc == 0)
		rc = d != NULL ? read_time(a, m, d, e)
		               : wrong_at(m, file, e, "the mapping does not say which column is the time");
	d = doc_get(file, "thing");
	if (rc == 0)
		rc = d != NULL ? read_thing(a, m, d, e)
		               : wrong_at(m, file, e, "the mapping does not say of which thing the rows are");
	return rc == 0 ? read_values(a, m, file, e) : rc;
}
