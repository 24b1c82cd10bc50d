#include "api/api_int.h"
#include "base/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void feed_router(const struct router *r, const char *path)
{
	struct route_match m;

	for (int i = HTTP_GET; i <= HTTP_OTHER; i++) {
		if (!router_find(r, (enum http_method)i, path, &m))
			continue;
		must(m.methods != 0);
		for (int k = 0; k < ROUTE_PARAMS; k++)
			must(m.param[k].n == 0 ||
			        (m.param[k].p > path && m.param[k].p + m.param[k].n <= path + strlen(path)));
	}
}

/* One line of a path, one of a form, and the rest a body that is held against every schema. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct router *r;
	struct arena *a = arena_new(16 << 20);
	struct str rest = {(const char *)p, n}, path = str_cut(&rest, '\n'), form = str_cut(&rest, '\n');
	struct err e = ERR_INIT;
	struct form *f = NULL;
	struct doc *d = NULL;

	if (r == NULL)
		r = router_new(true, true);
	feed_router(r, arena_strndup(a, path.n > 0 ? path.p : "", path.n));
	form_parse(a, form, &f);
	must(form_get(f, "query") == NULL || strlen(form_get(f, "query")) <= form.n);
	if (rest.n > 0 && doc_parse_json(a, rest, "fuzz", &d, &e) == 0)
		for (int i = 0; i < api_schemas_n; i++)
			if (api_schemas[i].schema != NULL)
				must(schema_check(d, api_schemas[i].schema, "fuzz", &e) <= 0);
	arena_free(&a);
	return 0;
}
