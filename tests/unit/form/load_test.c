#include "check.h"

#include "form/form.h"

struct told {
	int errors, warnings;
	struct err first;
};

static void note(void *ctx, bool error, const struct err *e)
{
	struct told *t = ctx;

	if (error && t->errors++ == 0)
		t->first = *e;
	t->warnings += !error;
}

/* The first flaw lies on that line, names that field and says those words. */
static void refuses(const char *components, int line, const char *field, const char *words)
{
	struct arena *a = arena_new(0);
	struct told t = {0};
	struct form_model *f = NULL;
	struct err e = ERR_INIT;
	char *text = arena_printf(a, "{\"type\":\"default\",\"id\":\"t\",\"components\":[\n%s]}", components);

	check_err(form_load(a, str_of(text), "forms/t.form", note, &t, &f, &e), ERR_INVALID);
	check(t.errors > 0);
	check_eq_i(t.first.line, line);
	check_eq_s(t.first.field, field);
	check_has(t.first.text, words);
	check_eq_s(t.first.where, "forms/t.form");
	arena_free(&a);
}

TEST(flaws_are_told_by_line_and_field)
{
	refuses("{\"type\":\"rocket\",\"key\":\"a\"}", 2, "type", "rocket");
	refuses("{\"type\":\"filepicker\",\"key\":\"a\"}", 2, "type", "register");
	refuses("{\"type\":\"documentPreview\",\"dataSource\":\"=docs\"}", 2, "type", "keeps no files");
	refuses("{\"type\":\"iframe\",\"url\":\"https://example.org\"}", 2, "type", "nothing from elsewhere");
	refuses("{\"type\":\"textfield\"}", 2, "key", "where its value lies");
	refuses("{\"type\":\"textfield\",\"key\":\"a..b\"}", 2, "key", "cannot name");
	refuses("{\"type\":\"textfield\",\"key\":\"__proto__\"}", 2, "key", "cannot name");
	refuses("{\"type\":\"textfield\",\"key\":\"a\"},\n{\"type\":\"number\",\"key\":\"a\"}", 3, "key",
	        "already");
	refuses("{\"type\":\"textfield\",\"key\":\"a\"},\n{\"type\":\"number\",\"key\":\"a.b\"}", 3, "key",
	        "already");
	refuses("{\"type\":\"textfield\",\"key\":\"a.b\"},\n{\"type\":\"number\",\"key\":\"a\"}", 3, "key",
	        "already");
	refuses("{\"type\":\"dynamiclist\",\"path\":\"l\",\"components\":[]},\n{\"type\":\"number\",\"key\":"
	        "\"l.b\"}",
	        3, "key", "already");
	refuses("{\"type\":\"textfield\",\"key\":\"a\",\"id\":\"x\"},\n{\"type\":\"number\",\"key\":\"b\","
	        "\"id\":\"x\"}",
	        3, "id", "already");
	refuses("{\"type\":\"textfield\",\"key\":\"a\",\n\"validate\":{\"pattern\":\"(\"}}", 3, "pattern",
	        "cannot be read");
	refuses("{\"type\":\"textfield\",\"key\":\"a\",\n\"validate\":{\"pattern\":\"\\\\Aa\"}}", 3,
	        "pattern", "browsers");
	refuses("{\"type\":\"textfield\",\"key\":\"a\",\n\"validate\":{\"pattern\":\"(?i)a\"}}", 3, "pattern",
	        "browsers");
	refuses("{\"type\":\"textfield\",\"key\":\"a\",\n\"validate\":{\"pattern\":\"a++\"}}", 3, "pattern",
	        "browsers");
	refuses("{\"type\":\"textfield\",\"key\":\"a\",\n\"validate\":{\"minLength\":-1}}", 3, "minLength",
	        "whole number");
	refuses("{\"type\":\"textfield\",\"key\":\"a\",\n\"validate\":{\"min\":1}}", 3, "validate",
	        "for numbers");
	refuses("{\"type\":\"textfield\",\"key\":\"a\",\n\"validate\":{\"validationType\":\"zip\"}}", 3,
	        "validationType", "email");
	refuses("{\"type\":\"number\",\"key\":\"a\",\n\"validate\":{\"min\":\"low\"}}", 3, "min", "number");
	refuses("{\"type\":\"number\",\"key\":\"a\",\n\"validate\":{\"min\":\"=1 +\"}}", 3, "min", "FEEL");
	refuses("{\"type\":\"number\",\"key\":\"a\",\n\"validate\":{\"pattern\":\"1\"}}", 3, "pattern",
	        "for texts");
	refuses("{\"type\":\"number\",\"key\":\"a\",\n\"increment\":0}", 3, "increment", "above 0");
	refuses("{\"type\":\"number\",\"key\":\"a\",\n\"decimalDigits\":1.5}", 3, "decimalDigits", "whole");
	refuses("{\"type\":\"textfield\",\"key\":\"a\",\n\"conditional\":{\"hide\":\"b > 1\"}}", 3, "hide",
	        "begins with =");
	refuses("{\"type\":\"select\",\"key\":\"a\"}", 2, "values", "one of values");
	refuses("{\"type\":\"select\",\"key\":\"a\",\"valuesKey\":\"b\",\"values\":[]}", 2, "values",
	        "one of values");
	refuses("{\"type\":\"datetime\",\"key\":\"a\",\n\"subtype\":\"week\"}", 3, "subtype",
	        "date, time or datetime");
	refuses("{\"type\":\"expression\",\"key\":\"a\",\n\"expression\":\"1\"}", 3, "expression",
	        "begins with =");
	refuses("{\"type\":\"group\"}", 2, "components", "list of components");
	refuses("1", 2, "components", "object");
}

TEST(what_is_no_schema)
{
	static const char *const texts[] = {"", "{", "[]", "{\"type\":\"default\"}",
	        "{\"type\":\"form\",\"id\":\"x\"}", "{\"type\":\"default\",\"id\":\"x\"}",
	        "{\"type\":\"default\",\"id\":\"x\",\"components\":{}}", "null"};
	struct arena *a = arena_new(0);
	struct form_model *f = NULL;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		check(form_load(a, str_of(texts[i]), "x", NULL, NULL, &f, &e) < 0);
	arena_free(&a);
}

TEST(too_deep_and_too_many)
{
	struct arena *a = arena_new(0);
	struct sb b = SB_INIT;
	struct form_model *f = NULL;
	struct err e = ERR_INIT;

	sb_puts(&b, "{\"type\":\"default\",\"id\":\"t\",\"components\":[");
	for (int i = 0; i < 20; i++)
		sb_puts(&b, "{\"type\":\"group\",\"components\":[");
	for (int i = 0; i < 20; i++)
		sb_puts(&b, "]}");
	sb_puts(&b, "]}");
	check_err(form_load(a, sb_str(&b), "x", NULL, NULL, &f, &e), ERR_INVALID);
	check_has(e.text, "deep");
	sb_reset(&b);
	sb_puts(&b, "{\"type\":\"default\",\"id\":\"t\",\"components\":[");
	for (int i = 0; i < 2100; i++)
		sb_printf(&b, "%s{\"type\":\"separator\"}", i > 0 ? "," : "");
	sb_puts(&b, "]}");
	check_err(form_load(a, sb_str(&b), "x", NULL, NULL, &f, &e), ERR_INVALID);
	check_has(e.text, "2000 components");
	sb_fini(&b);
	arena_free(&a);
}

TEST(a_newer_version_is_a_warning_and_names_are_found)
{
	static const char text[] =
	        "{\"type\":\"default\",\"id\":\"t\",\"schemaVersion\":99,\"components\":["
	        "{\"type\":\"text\",\"text\":\"Hello {{person.name}}\"},"
	        "{\"type\":\"select\",\"key\":\"team\",\"valuesKey\":\"teams\"},"
	        "{\"type\":\"number\",\"key\":\"n\",\"validate\":{\"max\":\"=limit + \\\"no\\\"\"}},"
	        "{\"type\":\"group\",\"path\":\"site\",\"components\":[{\"type\":\"textfield\",\"key\":"
	        "\"inner\"}]}]}";
	static const char *const has[] = {"person", "teams", "team", "n", "limit", "site"};
	struct arena *a = arena_new(0);
	struct told t = {0};
	struct form_model *f = NULL;
	struct err e = ERR_INIT;

	check_ok(form_load(a, str_of(text), "x", note, &t, &f, &e), &e);
	check_eq_i(t.warnings, 1);
	check_eq_s(form_id(f), "t");
	for (size_t i = 0; i < ARRAY_LEN(has); i++) {
		bool found = false;

		for (const char *const *n = form_names(f); *n != NULL; n++)
			found = found || strcmp(*n, has[i]) == 0;
		if (!found)
			check_fail("%s is not among the names", has[i]);
	}
	for (const char *const *n = form_names(f); *n != NULL; n++)
		check(strcmp(*n, "inner") != 0 && strcmp(*n, "no") != 0 && strcmp(*n, "name") != 0);
	arena_free(&a);
}
