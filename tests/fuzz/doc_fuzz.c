#include "base/doc.h"

#include "base/json.h"

/* The same bytes as YAML, JSON and XML: a tree or an error with words, and a tree can be written as
 * JSON that reads back. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int depth_of(const struct doc *d)
{
	int deepest = 0, count = 0;

	DOC_EACH(c, d)
	{
		int deep = depth_of(c);
		deepest = deep > deepest ? deep : deepest;
		must((d->type == DOC_MAP) == (c->key != NULL));
		must(strlen(c->text) == c->text_n && c->line >= 1 && c->column >= 1);
		count++;
	}
	must(count == d->count);
	return deepest + 1;
}

static void look_at(struct arena *a, const struct doc *d)
{
	struct sb b = SB_INIT;
	struct jw w;
	struct doc *again = NULL;

	must(depth_of(d) <= 65);
	jw_init(&w, &b);
	doc_write_json(d, &w);
	must(!b.failed);
	must(doc_parse_json(a, sb_str(&b), "again", &again, NULL) == 0);
	must(again->type == d->type && again->count == d->count);
	sb_fini(&b);
}

static int walk(const struct xml *x)
{
	int n = 1;

	must(x->name && x->ns && x->text);
	for (const struct xml *c = x->child; c; c = c->next) {
		must(c->parent == x);
		n += walk(c);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str text = {(const char *)p, n};
	struct arena *a = arena_new(64 << 20);
	struct doc *d = NULL;
	struct xml *x = NULL;
	struct err e = ERR_INIT;

	if (doc_parse_yaml(a, text, "f", &d, &e) == 0)
		look_at(a, d);
	else
		must(e.text[0]);
	d = NULL;
	e = (struct err)ERR_INIT;
	if (doc_parse_json(a, text, "f", &d, &e) == 0)
		look_at(a, d);
	else
		must(e.text[0] && (e.line > 0 || e.code == ERR_NOMEM));
	if (doc_parse_xml(a, text, "f", &x, &e) == 0)
		walk(x);
	arena_free(&a);
	return 0;
}
