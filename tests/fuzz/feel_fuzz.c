#include <stdlib.h>

#include "feel/feel.h"

/* An expression that compiles evaluates to a value or a limit; the value can be copied, compared, written as
 * text and as JSON, and the JSON reads back. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct str names[] = {{"Full Name", 9}, {"a-b", 3}, {"x", 1}, {"people", 6}};
static const struct str members[] = {{"cost/unit", 9}};
static const char variables[] =
        "{\"Full Name\":\"Li Hua\",\"a-b\":7,\"x\":5,\"people\":[{\"name\":\"A\",\"age\":30,"
        "\"cost/unit\":1},{\"name\":\"B\",\"age\":40}]}";

static void look_at(struct arena *a, const struct feel_value *v)
{
	struct sb text = SB_INIT, json = SB_INIT;
	struct feel_value copy = feel_copy(a, v), back;
	struct jw w;

	if (!arena_failed(a))
		must(feel_equal(v, &copy) == 1);
	text.max = json.max = 1 << 20;
	feel_write_text(v, &text);
	jw_init(&w, &json);
	feel_write_json(v, &w);
	if (!json.failed && feel_read_json(a, sb_str(&json), &back, NULL) == 0)
		(void)feel_equal(v, &back);
	sb_fini(&text);
	sb_fini(&json);
}

static void hear(void *ctx, struct str name, int line, int column)
{
	(void)ctx;
	must(name.n > 0 && line > 0 && column > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct feel_names in_scope = {.name = names, .n = ARRAY_LEN(names), .member = members, .members = 1};
	struct arena *a = arena_new(16 << 20);
	struct str text = {(const char *)p, n};
	struct feel_value vars, v;
	struct feel_scope scope = {.context = &vars, .max_steps = 20000};
	struct sb notes = SB_INIT;
	struct feel_expr *x;
	struct err e = ERR_INIT;
	struct feel_cell cell;
	bool hit;

	must(feel_read_json(a, STR_LIT(variables), &vars, &e) == 0);
	if (n < 4000 && feel_compile(a, text, &in_scope, &x, &e) == 0) {
		feel_unknown_names(x, hear, NULL);
		(void)feel_read_literal(x, a, &v);
		if (feel_eval(x, &scope, a, &v, &notes, &e) == 0)
			look_at(a, &v);
	}
	if (n < 4000 && feel_compile_tests(a, text, &in_scope, &x, &e) == 0) {
		if (feel_read_cell(x, a, &cell))
			must(cell.n == 0 || cell.part != NULL);
		for (int i = 0; i < vars.context.n; i++)
			(void)!feel_test(x, &scope, vars.context.entry[i].value, a, &hit, &e);
	}
	sb_fini(&notes);
	arena_free(&a);
	return 0;
}
