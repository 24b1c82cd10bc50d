#include "check.h"

#include "base/doc.h"
#include "base/json.h"

static struct doc *parse(struct arena *a, bool yaml, const char *text)
{
	struct doc *d = NULL;
	struct err e = ERR_INIT;
	int rc = yaml ? doc_parse_yaml(a, str_of(text), "x.yaml", &d, &e)
	              : doc_parse_json(a, str_of(text), "x.json", &d, &e);

	if (rc < 0)
		check_fail("%d:%d: %s: %s", e.line, e.column, e.text, text);
	return d;
}

/* The tree as JSON; lives until the next call. */
static const char *shown(const struct doc *d)
{
	static struct sb b;
	struct jw w;

	sb_fini(&b);
	jw_init(&w, &b);
	doc_write_json(d, &w);
	return b.p;
}

static void refused(bool yaml, const char *text, int line, int column, const char *words)
{
	struct arena *a = arena_new(0);
	struct doc *d = NULL;
	struct err e = ERR_INIT;
	int rc = yaml ? doc_parse_yaml(a, str_of(text), "x", &d, &e)
	              : doc_parse_json(a, str_of(text), "x", &d, &e);

	if (rc != ERR_INVALID || d || e.line != line || e.column != column || !strstr(e.text, words) ||
	        strcmp(e.where, "x") != 0)
		check_fail("%s\ngives %d at %s:%d:%d: %s", text, rc, e.where, e.line, e.column, e.text);
	arena_free(&a);
}

TEST(yaml_scalars)
{
	static const struct {
		const char *text;
		enum doc_type type;
	} rows[] = {
	        {"~", DOC_NULL},
	        {"null", DOC_NULL},
	        {"Null", DOC_NULL},
	        {"", DOC_NULL},
	        {"true", DOC_BOOL},
	        {"FALSE", DOC_BOOL},
	        {"yes", DOC_STRING},
	        {"no", DOC_STRING},
	        {"on", DOC_STRING},
	        {"tRUE", DOC_STRING},
	        {"0", DOC_NUMBER},
	        {"-12", DOC_NUMBER},
	        {"+12", DOC_NUMBER},
	        {"1.5", DOC_NUMBER},
	        {".5", DOC_NUMBER},
	        {"5.", DOC_NUMBER},
	        {"1e3", DOC_NUMBER},
	        {"-1.5E-3", DOC_NUMBER},
	        {"0.5", DOC_NUMBER},
	        {"0114", DOC_STRING},
	        {"00", DOC_STRING},
	        {"0x1f", DOC_STRING},
	        {"1_000", DOC_STRING},
	        {".", DOC_STRING},
	        {"1.2.3", DOC_STRING},
	        {"1e", DOC_STRING},
	        {"-", DOC_STRING},
	        {"08:00", DOC_STRING},
	        {"2026-07-14", DOC_STRING},
	        {".inf", DOC_STRING},
	        {"'12'", DOC_STRING},
	        {"\"true\"", DOC_STRING},
	        {"!!str 12", DOC_STRING},
	        {"! 12", DOC_NUMBER},
	        {"|\n  12\n", DOC_STRING},
	};
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[64];
		struct doc *d;
		bool bare = strcmp(rows[i].text, "-") == 0;
		if (bare)
			continue; /* an empty list item in block style */
		snprintf(text, sizeof(text), "k: %s", rows[i].text);
		d = parse(a, true, text);
		if (!d || !d->child || d->child->type != rows[i].type)
			check_fail(
			        "%s is of type %d", rows[i].text, d && d->child ? (int)d->child->type : -1);
	}
	arena_free(&a);
}

TEST(yaml_tree_remembers_places)
{
	struct arena *a = arena_new(0);
	struct doc *d = parse(a, true,
	        "# a pack\n"
	        "name: 盐城\n"
	        "'quoted key': \"1\"\n"
	        "list:\n"
	        "  - a\n"
	        "  - {x: 1, y: [2, 3]}\n"
	        "\n"
	        "text: |\n"
	        "  one\n"
	        "  two\n");
	const struct doc *list = doc_get(d, "list");

	check_eq_i(d->type, DOC_MAP);
	check_eq_i(d->count, 4);
	check_eq_s(doc_str(d, "name", ""), "盐城");
	check_eq_i(doc_get(d, "name")->text_n, 6);
	check(!doc_get(d, "name")->quoted);
	check(doc_get(d, "quoted key")->quoted);
	check_eq_i(list->line, 4);
	check_eq_i(list->column, 1);
	check_eq_i(list->count, 2);
	check(list->child->key == NULL);
	check_eq_i(list->child->next->line, 6);
	check_eq_i(doc_get(list->child->next, "y")->column, 12);
	check_eq_s(doc_str(d, "text", ""), "one\ntwo\n");
	check_eq_s(shown(d), "{\"name\":\"盐城\",\"quoted key\":\"1\",\"list\":[\"a\",{\"x\":1,\"y\":[2,3]}],"
	                     "\"text\":\"one\\ntwo\\n\"}");
	arena_free(&a);
}

TEST(yaml_whole_documents)
{
	struct arena *a = arena_new(0);

	check_eq_s(shown(parse(a, true, "")), "null");
	check_eq_s(shown(parse(a, true, "# nothing\n")), "null");
	check_eq_s(
	        shown(parse(a, true, "---\n[1, .5, +5, 5., -.5e1, 5.e3, +.5e999, 1e400, 0114, True]\n...\n")),
	        "[1,0.5,5,5.0,-0.5e1,5.0e3,0.5e999,1e400,\"0114\",true]");
	check_eq_s(shown(parse(a, true,
	                   "\xef\xbb\xbf"
	                   "a: 1")),
	        "{\"a\":1}");
	check_eq_s(shown(parse(a, true, "{\"a\": [null, \"x\\n\"]}")), "{\"a\":[null,\"x\\n\"]}");
	check_eq_s(shown(NULL), "null");
	arena_free(&a);
}

TEST(yaml_refused)
{
	refused(true, "a: &x 1\nb: 2", 1, 4, "anchors");
	refused(true, "a: &x [1]", 1, 4, "anchors");
	refused(true, "a: *x", 1, 4, "aliases");
	refused(true, "a: !!int 1", 1, 4, "tags");
	refused(true, "a: !x {b: 1}", 1, 4, "tags");
	refused(true, "a: 1\nb: 2\na: 3\n", 3, 1, "twice");
	refused(true, "a: 1\n---\nb: 2\n", 2, 1, "second document");
	refused(true, "{[1]: 2}", 1, 2, "key");
	refused(true, "? {a: 1}\n: 2", 1, 3, "key");
	refused(true, "a: \"x\\0y\"", 1, 4, "U+0000");
	refused(true, "a: [1, 2\nb: 3", 2, 2, "not valid YAML");
	refused(true, "a: 1\n  b: 2", 2, 4, "not valid YAML");
	refused(true, "a:\n\t- 1", 2, 1, "not valid YAML");
	refused(true, "a: \xff", 1, 0, "UTF-8");
}

TEST(json_tree)
{
	struct arena *a = arena_new(0);
	static const char text[] = "{\n \"s\": \"a\\u5e02\\n\",\n \"n\": -1.5e3, \"t\": true, \"f\": "
	                           "false,\n \"z\": null, \"l\": "
	                           "[1,[],{}]\n}";
	struct doc *d = parse(a, false, text);

	check_eq_s(shown(d),
	        "{\"s\":\"a市\\n\",\"n\":-1.5e3,\"t\":true,\"f\":false,\"z\":null,\"l\":[1,[],{}]}");
	check_eq_i(doc_get(d, "s")->line, 2);
	check_eq_i(doc_get(d, "s")->column, 2);
	check(doc_get(d, "s")->quoted);
	check_eq_i(doc_get(d, "l")->line, 4);
	check_eq_i(doc_get(d, "l")->child->column, 19);
	check_eq_i(doc_get(d, "l")->child->next->next->column, 24);
	check_eq_s(shown(parse(a, false, "\"\"")), "\"\"");
	arena_free(&a);
}

TEST(json_refused)
{
	refused(false, "", 1, 1, "empty");
	refused(false, "{\"a\":1,\n\"a\":2}", 2, 1, "twice");
	refused(false, "{\"a\":1,\"\\u0061\":2}", 1, 8, "twice");
	refused(false, "[\"\\ud800\"]", 1, 2, "pair");
	refused(false, "[\"\\u0000\"]", 1, 2, "U+0000");
	refused(false, "{\"\\u0000\":1}", 1, 2, "U+0000");
	refused(false, "[1,\n2,]", 2, 3, "not valid JSON");
	refused(false, "{} {}", 1, 4, "more text");
}

TEST(depth_is_limited)
{
	for (int yaml = 0; yaml < 2; yaml++) {
		struct arena *a = arena_new(0);
		char text[300];
		memset(text, '[', 64);
		memset(text + 64, ']', 64);
		text[128] = 0;
		check(parse(a, yaml, text) != NULL);
		memset(text, '[', 65);
		memset(text + 65, ']', 65);
		text[130] = 0;
		refused(yaml, text, 1, 65, "64 levels");
		arena_free(&a);
	}
}

TEST(memory_is_limited)
{
	char text[4000];
	struct doc *d = NULL;
	struct err e = ERR_INIT;

	memset(text, ',', sizeof(text));
	for (size_t i = 1; i < sizeof(text); i += 2)
		text[i] = '1';
	text[0] = '[';
	text[sizeof(text) - 2] = '1';
	text[sizeof(text) - 1] = ']';
	for (size_t i = 2; i + 2 < sizeof(text); i += 2)
		text[i] = ',';
	text[sizeof(text) - 3] = '1';
	for (int yaml = 0; yaml < 2; yaml++) {
		struct arena *a = arena_new(20000);
		struct str s = {text, sizeof(text)};
		check_err(yaml ? doc_parse_yaml(a, s, "x", &d, &e) : doc_parse_json(a, s, "x", &d, &e),
		        ERR_NOMEM);
		check(d == NULL);
		arena_free(&a);
	}
}

TEST(looking_takes_anything)
{
	struct arena *a = arena_new(0);
	struct doc *d = parse(a, true,
	        "i: 12\nf: 5.0\ng: 2.5\nbig: 1e30\nq: '7'\ns: text\nb: true\nn:\nl: [1]\nplus: +3\n"
	        "min: -9223372036854775808\nover: 9223372036854775808\ncode: 0114");

	check_eq_i(doc_int(d, "i", -1), 12);
	check_eq_i(doc_int(d, "f", -1), 5);
	check_eq_i(doc_int(d, "g", -1), -1);
	check_eq_i(doc_int(d, "big", -1), -1);
	check_eq_i(doc_int(d, "q", -1), 7);
	check_eq_i(doc_int(d, "s", -1), -1);
	check_eq_i(doc_int(d, "n", -1), -1);
	check_eq_i(doc_int(d, "l", -1), -1);
	check_eq_i(doc_int(d, "plus", -1), 3);
	check_eq_i(doc_int(d, "min", -1), INT64_MIN);
	check_eq_i(doc_int(d, "over", -1), -1);
	check_eq_i(doc_int(NULL, "x", 9), 9);
	check_eq_d(doc_double(d, "g", 0), 2.5);
	check_eq_d(doc_double(d, "s", 1), 1);
	check_eq_d(doc_double(d, "none", 3), 3);
	check(doc_bool(d, "b", false));
	check(doc_bool(d, "s", true));
	check(!doc_bool(NULL, "s", false));
	check_eq_s(doc_str(d, "i", ""), "12");
	check_eq_s(doc_str(d, "code", ""), "0114");
	check_eq_s(doc_str(d, "n", "dflt"), "dflt");
	check_eq_s(doc_str(d, "l", "dflt"), "dflt");
	check_eq_s(doc_str(d, "none", NULL), NULL);
	check(doc_get(doc_get(d, "l"), "x") == NULL);
	check(doc_get(doc_get(d, "s"), "x") == NULL);
	arena_free(&a);
}

TEST(only_keys_names_the_stranger)
{
	static const char *const keys[] = {"name", "code", NULL};
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;

	check_ok(doc_only_keys(parse(a, true, "name: x\ncode: y"), "p.yaml", keys, &e), &e);
	check_ok(doc_only_keys(NULL, "p.yaml", keys, &e), &e);
	check_err(doc_only_keys(parse(a, true, "name: x\nnmae: y"), "p.yaml", keys, &e), ERR_INVALID);
	check_eq_s(e.where, "p.yaml");
	check_eq_i(e.line, 2);
	check_eq_s(e.field, "nmae");
	check_has(e.text, "name, code");
	check_err(doc_only_keys(parse(a, true, "[1]"), "p.yaml", keys, &e), ERR_INVALID);
	check_has(e.text, "map");
	arena_free(&a);
}
