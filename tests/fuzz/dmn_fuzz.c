#include <stdlib.h>

#include "dmn/dmn.h"

/* A file loads or is refused; of one that loads every decision evaluates and the checks end. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void hear(void *ctx, int line, const char *text)
{
	must(line >= 0 && *text);
	++*(int *)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char library[] =
	        "<definitions xmlns='https://www.omg.org/spec/DMN/20230324/MODEL/' namespace='lib' name='l'>"
	        "<itemDefinition name='t'><typeRef>number</typeRef></itemDefinition>"
	        "<inputData id='i' name='i'/><decision id='d' name='d'><informationRequirement>"
	        "<requiredInput href='#i'/></informationRequirement><literalExpression><text>i</text>"
	        "</literalExpression></decision></definitions>";
	struct str text = {(const char *)p, n};
	const struct dmn_source source[] = {{STR_LIT(library), "library"}, {text, "fuzz"}};
	const struct dmn_options lenient = {.lenient = true, .source = source, .sources = 2};
	struct arena *a = arena_new(16 << 20);
	struct dmn_model *m = NULL;
	struct feel_value in;
	struct feel_scope scope = {.context = &in, .max_steps = 20000};
	struct dmn_result r;
	struct err e = ERR_INIT;
	int heard = 0;

	must(feel_read_json(
	             a, STR_LIT("{\"x\":5,\"y\":\"a\",\"z\":true,\"Age\":17,\"base\":[1,2]}"), &in, &e) == 0);
	if (n < 20000 && dmn_load(text, "fuzz", &lenient, &m, &e) == 0) {
		for (int i = 0; i < dmn_decisions(m) && i < 20; i++)
			if (dmn_evaluate(m, dmn_decision_name(m, i), &scope, a, &r, &e) == 0)
				must(r.n == 0 || r.fired != NULL);
		must(dmn_check(m, hear, &heard) == heard);
	}
	dmn_free(&m);
	if (n < 20000 && dmn_load(text, "fuzz", NULL, &m, &e) < 0)
		must(e.code < 0 && e.text[0]);
	dmn_free(&m);
	arena_free(&a);
	return 0;
}
