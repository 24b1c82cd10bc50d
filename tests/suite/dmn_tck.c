/*
 * dmn-tck - runs folders of the DMN Technology Compatibility Kit's layout.
 *
 *   dmn-tck DIR…     a level's folder, a case's folder, or any above them
 *
 * A case's folder holds models and, in *-test-*.xml, what they are to say; a model may import its neighbours.
 * A line for each failed case, `N passed, N failed` at the end. Numbers are compared to a relative 1e-8, as
 * the kit's own runner does.
 */
#include "base/file.h"
#include "dmn/dmn.h"
#include "base/doc.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

static int passed, failed;

static const char xsi[] = "http://www.w3.org/2001/XMLSchema-instance";

static bool parse_feel(struct arena *a, const char *function, const char *text, struct feel_value *out)
{
	struct feel_names none = {0};
	struct feel_scope s = {0};
	struct feel_expr *x = NULL;
	char *source = arena_printf(a, "%s(\"%s\")", function, text);

	return feel_compile(a, str_of(source), &none, &x, NULL) == 0 &&
	       feel_eval(x, &s, a, out, NULL, NULL) == 0;
}

static struct feel_value read_value(struct arena *a, const struct xml *x);

static bool is_one_of(const char *s, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(s, *names) == 0)
			return true;
	return false;
}

static struct feel_value read_scalar(struct arena *a, const struct xml *x)
{
	static const char *const numbers[] = {
	        "decimal", "double", "float", "integer", "int", "long", "short", NULL};
	static const struct {
		const char *type, *function;
	} moments[] = {{"date", "date"}, {"time", "time"}, {"dateTime", "date and time"},
	        {"duration", "duration"}, {"dayTimeDuration", "duration"}, {"yearMonthDuration", "duration"}};
	const char *type = xml_attr_ns(x, xsi, "type", "xsd:string"), *colon = strchr(type, ':');
	const char *text = arena_strndup(a, str_trim(str_of(x->text)).p, str_trim(str_of(x->text)).n);
	struct feel_value v = FEEL_NULL_VALUE;

	if (strcmp(xml_attr_ns(x, xsi, "nil", "false"), "true") == 0)
		return v;
	type = colon != NULL ? colon + 1 : type;
	if (strcmp(type, "boolean") == 0)
		return feel_bool(strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
	if (is_one_of(type, numbers)) {
		v.type = FEEL_NUMBER;
		if (!feel_number_parse(str_of(text), &v.number))
			v = feel_double(strtod(text, NULL));
		return v;
	}
	for (size_t i = 0; i < ARRAY_LEN(moments); i++)
		if (strcmp(type, moments[i].type) == 0)
			return parse_feel(a, moments[i].function, text, &v) ? v : FEEL_NULL_VALUE;
	return feel_string(str_of(x->text));
}

/* The value that an element (inputNode, expected, component, item) holds. */
static struct feel_value read_value(struct arena *a, const struct xml *x)
{
	struct feel_value v = FEEL_NULL_VALUE;
	const struct xml *list = xml_child(x, "list");
	size_t cap = 0;

	if (xml_child(x, "value") != NULL)
		return read_scalar(a, xml_child(x, "value"));
	if (list != NULL) {
		v.type = FEEL_LIST;
		if (strcmp(xml_attr_ns(list, xsi, "nil", "false"), "true") == 0)
			return FEEL_NULL_VALUE;
		v.list.item = NULL;
		v.list.n = 0;
		for (const struct xml *c = list->child; c != NULL; c = c->next)
			if (strcmp(c->name, "item") == 0) {
				struct feel_value item = read_value(a, c);

				v.list.item =
				        arena_grow(a, v.list.item, &cap, (size_t)v.list.n + 1, sizeof(item));
				v.list.item[v.list.n++] = item;
			}
		return v;
	}
	if (xml_child(x, "component") != NULL) {
		v.type = FEEL_CONTEXT;
		v.context.entry = NULL;
		v.context.n = 0;
		for (const struct xml *c = x->child; c != NULL; c = c->next)
			if (strcmp(c->name, "component") == 0)
				feel_put(a, &v, str_of(xml_attr(c, "name", "")), read_value(a, c));
	}
	return v;
}

static bool same(const struct feel_value *want, const struct feel_value *got)
{
	if (want->type != got->type)
		return false;
	switch (want->type) {
	case FEEL_NULL: return true;
	case FEEL_NUMBER: {
		double a = feel_number_to_double(want->number), b = feel_number_to_double(got->number);

		return fabs(a - b) <= 1e-8 * fmax(1, fabs(a));
	}
	case FEEL_LIST:
		if (want->list.n != got->list.n)
			return false;
		for (int i = 0; i < want->list.n; i++)
			if (!same(&want->list.item[i], &got->list.item[i]))
				return false;
		return true;
	case FEEL_CONTEXT:
		if (want->context.n != got->context.n)
			return false;
		for (int i = 0; i < want->context.n; i++) {
			bool found = false;

			for (int k = 0; k < got->context.n && !found; k++)
				found = str_eq(want->context.entry[i].key, got->context.entry[k].key) &&
				        same(want->context.entry[i].value, got->context.entry[k].value);
			if (!found)
				return false;
		}
		return true;
	default: return feel_equal(want, got) == 1;
	}
}

/* What a result node speaks of: of a decision service with several outputs, the one of its name. */
static const struct feel_value *result_of(const struct feel_value *v, const char *name, bool of_service)
{
	const struct feel_value *inner = of_service ? feel_get(v, name) : NULL;

	return inner != NULL ? inner : v;
}

static void tell(const char *file, const char *id, const char *node, const struct feel_value *want,
        const struct feel_value *got, struct str notes)
{
	struct sb w = SB_INIT, g = SB_INIT;

	feel_write_text(want, &w);
	if (got != NULL)
		feel_write_text(got, &g);
	printf("%s: case %s, %s: wanted %s, got %s%s" STR_FMT "\n", file, id, node, w.n ? w.p : "",
	        g.n ? g.p : "", notes.n > 0 ? "; " : "", STR_ARG(notes));
	sb_fini(&w);
	sb_fini(&g);
}

static void run_result(struct arena *a, const struct dmn_model *m, const struct xml *test,
        const struct xml *node, const struct feel_scope *s, const char *file)
{
	const char *name = xml_attr(node, "name", ""), *id = xml_attr(test, "id", "?");
	const char *invocable = xml_attr(test, "invocableName", "");
	bool of_service = strcmp(xml_attr(test, "type", "decision"), "decisionService") == 0;
	bool failure = strcmp(xml_attr(node, "errorResult", "false"), "true") == 0;
	const struct xml *expected = xml_child(node, "expected");
	struct feel_value want = FEEL_NULL_VALUE;
	const struct feel_value *got;
	struct dmn_result result;
	struct err e = ERR_INIT;

	if (expected != NULL && !failure)
		want = read_value(a, expected);
	if (dmn_evaluate(m, *invocable != 0 ? invocable : name, s, a, &result, &e) < 0) {
		if (failure) {
			passed++;
			return;
		}
		failed++;
		tell(file, id, name, &want, NULL, str_of(e.text));
		return;
	}
	got = result_of(&result.value, name, of_service);
	if (same(&want, got) || same(&want, &result.value)) {
		passed++;
		return;
	}
	failed++;
	tell(file, id, name, &want, got, result.notes);
}

static void run_case(struct arena *a, const struct dmn_model *m, const struct xml *test, const char *file)
{
	struct feel_value context = {.type = FEEL_CONTEXT};
	struct feel_scope s = {.context = &context};

	for (const struct xml *c = test->child; c != NULL; c = c->next)
		if (strcmp(c->name, "inputNode") == 0)
			feel_put(a, &context, str_of(xml_attr(c, "name", "")), read_value(a, c));
	for (const struct xml *c = test->child; c != NULL; c = c->next)
		if (strcmp(c->name, "resultNode") == 0)
			run_result(a, m, test, c, &s, file);
}

/* All models of the folder, for those that import others. */
static int read_models(struct arena *a, const char *dir, struct dmn_options *options, struct err *e)
{
	char **name = NULL;
	struct dmn_source *source = NULL;
	size_t cap = 0;
	int rc = file_list(a, dir, &name, e);

	for (; rc == 0 && *name != NULL; name++) {
		size_t n = strlen(*name);

		if (n < 4 || strcmp(*name + n - 4, ".dmn") != 0)
			continue;
		source = arena_grow(a, source, &cap, (size_t)options->sources + 1, sizeof(*source));
		source[options->sources].name = *name;
		rc = file_read(a, path_join(a, dir, *name), 16 << 20, &source[options->sources].xml, e);
		options->sources++;
	}
	options->source = source;
	return rc;
}

/* The model that a file of test cases is about. */
static int load_model(
        struct arena *a, const char *dir, const struct xml *root, struct dmn_model **m, struct err *e)
{
	struct dmn_options options = {.lenient = true};
	const struct xml *of = xml_child(root, "modelName");
	struct str name = str_trim(str_of(of != NULL ? of->text : ""));
	int rc = read_models(a, dir, &options, e);

	if (rc < 0)
		return rc;
	for (int i = 0; i < options.sources; i++)
		if (str_is(name, options.source[i].name))
			return dmn_load(options.source[i].xml, options.source[i].name, &options, m, e);
	return err_set(e, ERR_NOTFOUND, "there is no model \"" STR_FMT "\"", STR_ARG(name));
}

static void run_file(const char *dir, const char *name)
{
	struct arena *a = arena_new(0);
	struct xml *root = NULL;
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;
	struct str text;
	const char *path = path_join(a, dir, name);
	char buf[1024];
	int rc = file_read(a, path, 16 << 20, &text, &e);

	if (rc == 0)
		rc = doc_parse_xml(a, text, path, &root, &e);
	if (rc == 0)
		rc = load_model(a, dir, root, &m, &e);
	if (rc < 0) {
		printf("%s: %s\n", path, err_str(&e, buf, sizeof(buf)));
		failed++;
		goto out;
	}
	for (const struct xml *c = root->child; c != NULL; c = c->next)
		if (strcmp(c->name, "testCase") == 0)
			run_case(a, m, c, name);
out:
	dmn_free(&m);
	arena_free(&a);
}

static void walk(const char *dir)
{
	struct arena *a = arena_new(0);
	char **name = NULL;
	struct err e = ERR_INIT;

	if (file_list(a, dir, &name, &e) < 0) {
		printf("%s: %s\n", dir, e.text);
		failed++;
		goto out;
	}
	for (; *name != NULL; name++) {
		const char *path = path_join(a, dir, *name);
		struct stat st;

		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			walk(path);
		else if (strstr(*name, "-test-") != NULL && strstr(*name, ".xml") != NULL)
			run_file(dir, *name);
	}
out:
	arena_free(&a);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: dmn-tck DIR...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++)
		walk(argv[i]);
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
