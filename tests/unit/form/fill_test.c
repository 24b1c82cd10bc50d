#include "check.h"

#include "base/doc.h"
#include "base/file.h"
#include "form/form.h"

#define FORMS SOURCE "/tests/data/forms.json"

static struct str json_of(struct arena *a, const struct doc *d)
{
	struct sb b = SB_INIT;
	struct jw w;
	struct str s;

	jw_init(&w, &b);
	if (d != NULL)
		doc_write_json(d, &w);
	else
		jw_null(&w);
	s = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return s;
}

static struct feel_value value_of(struct arena *a, const struct doc *d)
{
	struct feel_value v = {.type = FEEL_CONTEXT};
	struct err e = ERR_INIT;

	if (d != NULL)
		check_ok(feel_read_json(a, json_of(a, d), &v, &e), &e);
	return v;
}

static int by_path(const void *x, const void *y)
{
	const struct form_fault *a = x, *b = y;
	int rc = strcmp(a->path, b->path);

	return rc != 0 ? rc : (int)(a->rule > b->rule) - (int)(a->rule < b->rule);
}

/* "goods.0.n: min required", in order. */
static const char *faults_of(struct arena *a, const struct form_answer *x)
{
	struct sb b = SB_INIT;
	const char *s;

	qsort(x->fault, (size_t)x->faults, sizeof(*x->fault), by_path);
	for (int i = 0; i < x->faults; i++) {
		if (i > 0 && strcmp(x->fault[i].path, x->fault[i - 1].path) == 0)
			sb_printf(&b, " %s", form_rule_names[x->fault[i].rule]);
		else
			sb_printf(&b, "%s%s: %s", i > 0 ? "; " : "", x->fault[i].path,
			        form_rule_names[x->fault[i].rule]);
	}
	s = arena_strndup(a, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return s;
}

static const char *wanted_faults(struct arena *a, const struct doc *errors)
{
	struct sb b = SB_INIT;
	const char *s;

	DOC_EACH(x, errors)
	{
		sb_printf(&b, "%s%s:", b.n > 0 ? "; " : "", x->key);
		DOC_EACH(rule, x)
		{
			sb_printf(&b, " %s", rule->text);
		}
	}
	s = arena_strndup(a, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return s;
}

static void check_row(struct arena *a, const struct form_model *f, const struct doc *row, const char *name)
{
	struct feel_value variables = value_of(a, doc_get(row, "variables")),
	                  data = value_of(a, doc_get(row, "data"));
	struct feel_value want = value_of(a, doc_get(row, "result"));
	struct form_answer out = {0};
	struct err e = ERR_INIT;
	const char *is, *ought = wanted_faults(a, doc_get(row, "errors"));

	check_ok(form_fill(f, &variables, &data, 0, zone_utc(), a, &out, &e), &e);
	is = faults_of(a, &out);
	if (strcmp(is, ought) != 0)
		check_fail("%s, line %d: faults \"%s\", not \"%s\"", name, row->line, is, ought);
	if (out.faults == 0 && *ought == '\0' && feel_equal(&out.data, &want) != 1) {
		struct sb b = SB_INIT;
		struct jw w;

		jw_init(&w, &b);
		feel_write_json(&out.data, &w);
		check_fail("%s, line %d: %.*s", name, row->line, (int)b.n, b.p);
		sb_fini(&b);
	}
}

/* What form-js said of the same rows: web/test/forms.test.ts holds it to that. */
TEST(judges_as_the_browser_does)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct doc *forms = NULL;
	struct str text;

	check_ok(file_read(a, FORMS, 8 << 20, &text, &e), &e);
	check_ok(doc_parse_json(a, text, "forms.json", &forms, &e), &e);
	DOC_EACH(x, forms)
	{
		const char *name = doc_str(x, "name", "");
		struct form_model *f = NULL;

		check_ok(form_load(a, json_of(a, doc_get(x, "schema")), name, NULL, NULL, &f, &e), &e);
		DOC_EACH(row, doc_get(x, "rows"))
		{
			check_row(a, f, row, name);
		}
	}
	arena_free(&a);
}
