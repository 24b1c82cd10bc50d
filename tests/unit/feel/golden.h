/* golden - evaluations written as pairs: the text of an expression and the text of its value. */
#ifndef HEMING_TEST_FEEL_GOLDEN_H
#define HEMING_TEST_FEEL_GOLDEN_H

#include "check.h"
#include "feel/feel.h"

struct golden {
	const char *text, *want; /* want "!": the text is no expression */
};

static const struct str golden_names[] = {
        {"Full Name", 9}, {"a-b", 3}, {"x", 1}, {"people", 6}, {"rate in %", 9}, {"loan", 4}};

/* The value's text, "!" and the words of the failure to compile, or "limit: " and the words. */
static inline const char *run(struct arena *a, const char *text, size_t steps)
{
	struct feel_value v, vars;
	struct feel_names names = {.name = golden_names, .n = ARRAY_LEN(golden_names)};
	struct feel_scope scope = {.context = &vars, .now = INT64_C(1784016000000000), .max_steps = steps};
	struct feel_expr *x;
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	const char *out;
	static const char data[] =
	        "{\"Full Name\":\"Li Hua\",\"a-b\":7,\"x\":5,\"loan\":{\"monthly rate\":0.5,\"term\":12},"
	        "\"people\":[{\"name\":\"A\",\"age\":30},{\"name\":\"B\",\"age\":40}]}";

	check_ok(feel_read_json(a, str_of(data), &vars, &e), &e);
	if (feel_compile(a, str_of(text), &names, &x, &e) < 0)
		return arena_printf(a, "!%d:%d: %s", e.line, e.column, e.text);
	if (feel_eval(x, &scope, a, &v, NULL, &e) < 0)
		return arena_printf(a, "limit: %s", e.text);
	feel_write_text(&v, &b);
	out = arena_strdup(a, b.p ? b.p : "");
	sb_fini(&b);
	return out;
}

static inline void goldens(const struct golden *g, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct arena *a = arena_new(64 << 20);
		const char *got = run(a, g[i].text, 0);

		if (strcmp(g[i].want, "!") == 0 ? *got != '!' : strcmp(got, g[i].want) != 0)
			check_fail("%s\ngives %s\nnot   %s", g[i].text, got, g[i].want);
		arena_free(&a);
	}
}

#endif
