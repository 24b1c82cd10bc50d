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

	if (x->faults > 0)
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

static struct form_model *form_of(struct arena *a, const char *components)
{
	struct form_model *f = NULL;
	struct err e = ERR_INIT;

	check_ok(form_load(a,
	                 str_of(arena_printf(
	                         a, "{\"type\":\"default\",\"id\":\"t\",\"components\":[%s]}", components)),
	                 "t", NULL, NULL, &f, &e),
	        &e);
	return f;
}

static const char *faults(struct arena *a, const char *components, const char *variables, const char *data)
{
	struct form_model *f = form_of(a, components);
	struct feel_value v, d;
	struct form_answer out = {0};
	struct err e = ERR_INIT;

	check_ok(feel_read_json(a, str_of(variables), &v, &e), &e);
	check_ok(feel_read_json(a, str_of(data), &d, &e), &e);
	check_ok(form_fill(f, &v, &d, 0, zone_utc(), a, &out, &e), &e);
	return faults_of(a, &out);
}

/* Where form-js would throw, or change the value by itself. */
TEST(what_a_browser_never_sends)
{
	static const char group[] = "{\"type\":\"group\",\"path\":\"site\",\"components\":[{\"type\":"
	                            "\"textfield\",\"key\":\"name\","
	                            "\"validate\":{\"required\":true}}]}";
	static const char list[] = "{\"type\":\"dynamiclist\",\"path\":\"l\",\"components\":[{\"type\":"
	                           "\"number\",\"key\":\"n\"}]}";
	static const char fixed[] =
	        "{\"type\":\"textfield\",\"key\":\"a\",\"readonly\":true},{\"type\":\"textfield\",\"key\":"
	        "\"b\","
	        "\"disabled\":true},{\"type\":\"textfield\",\"key\":\"c\",\"readonly\":\"=lock\"},"
	        "{\"type\":\"expression\",\"key\":\"d\",\"expression\":\"=1 + 1\"}";
	struct arena *a = arena_new(0);

	check_eq_s(faults(a, group, "{}", "{\"site\":\"x\"}"), "site.name: required");
	check_eq_s(faults(a, group, "{}", "{\"site\":[1]}"), "site.name: required");
	check_eq_s(faults(a, list, "{}", "{\"l\":\"x\"}"), "l: type");
	check_eq_s(faults(a, list, "{}", "{\"l\":[[],null,{\"n\":\"x\"}]}"), "l.2.n: type");
	check_eq_s(faults(a, fixed, "{\"lock\":true}", "{\"a\":[1],\"b\":{},\"c\":[2],\"d\":{}}"), "");
	check_eq_s(
	        faults(a, fixed, "{\"lock\":false}", "{\"a\":[1],\"b\":{},\"c\":[2],\"d\":{}}"), "c: type");
	arena_free(&a);
}

TEST(what_was_sent_does_not_change_what_is_fixed)
{
	static const char fixed[] =
	        "{\"type\":\"textfield\",\"key\":\"a\",\"readonly\":true},{\"type\":\"textfield\",\"key\":"
	        "\"b\","
	        "\"disabled\":true},{\"type\":\"textfield\",\"key\":\"c\",\"readonly\":\"=lock\"},"
	        "{\"type\":\"number\",\"key\":\"n\"},{\"type\":\"expression\",\"key\":\"e\",\"expression\":"
	        "\"=n * 2\"},"
	        "{\"type\":\"expression\",\"key\":\"f\",\"expression\":\"=e + 1\"}";
	struct arena *a = arena_new(0);
	struct form_model *f = form_of(a, fixed);
	struct feel_value v, d;
	struct form_answer out = {0};
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	struct jw w;

	check_ok(feel_read_json(
	                 a, STR_LIT("{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"lock\":true,\"e\":5}"), &v, &e),
	        &e);
	check_ok(feel_read_json(a,
	                 STR_LIT("{\"a\":\"x\",\"b\":\"y\",\"c\":\"z\",\"lock\":false,\"n\":4,\"e\":99,\"f\":"
	                         "99,\"more\":1}"),
	                 &d, &e),
	        &e);
	check_ok(form_fill(f, &v, &d, 0, zone_utc(), a, &out, &e), &e);
	check_eq_i(out.faults, 0);
	jw_init(&w, &b);
	feel_write_json(&out.data, &w);
	sb_putc(&b, '\0');
	check_eq_s(b.p, "{\"a\":\"1\",\"c\":\"3\",\"n\":4,\"e\":8,\"f\":9}");
	sb_fini(&b);
	arena_free(&a);
}

TEST(bounds_of_what_is_sent)
{
	struct arena *a = arena_new(0);
	struct form_model *f = form_of(a, "{\"type\":\"dynamiclist\",\"path\":\"l\",\"components\":[{"
	                                  "\"type\":\"number\",\"key\":\"n\"}]}");
	struct form_model *slow = form_of(a, "{\"type\":\"expression\",\"key\":\"x\",\"expression\":\"=count("
	                                     "for a in 1..10000, b in 1..10000 return a)\"}");
	struct form_answer out = {0};
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	struct feel_value d;

	sb_puts(&b, "{\"l\":[");
	for (int i = 0; i < 6000; i++)
		sb_printf(&b, "%s{\"n\":%d}", i > 0 ? "," : "", i);
	sb_puts(&b, "]}");
	check_ok(feel_read_json(a, sb_str(&b), &d, &e), &e);
	check_err(form_fill(f, NULL, &d, 0, zone_utc(), a, &out, &e), ERR_TOOBIG);
	check_has(e.text, "5000");
	check(form_fill(slow, NULL, NULL, 0, zone_utc(), a, &out, &e) < 0);
	sb_fini(&b);
	arena_free(&a);
}

TEST(reasons_in_words)
{
	struct form_fault x = {.path = "n", .label = "N", .rule = FORM_MIN, .limit = "5", .words = ""};
	struct sb b = SB_INIT;

	form_fault_words(&x, false, &b);
	sb_putc(&b, '|');
	form_fault_words(&x, true, &b);
	x = (struct form_fault){.rule = FORM_TYPE, .limit = "a number", .words = ""};
	sb_putc(&b, '|');
	form_fault_words(&x, true, &b);
	x = (struct form_fault){.rule = FORM_PATTERN, .limit = "^a", .words = "begin with an a"};
	sb_putc(&b, '|');
	form_fault_words(&x, true, &b);
	sb_putc(&b, '\0');
	check_eq_s(b.p, "at least 5 is needed|不得小于 5|须为数字|begin with an a");
	sb_fini(&b);
}
