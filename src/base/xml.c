#include "base/doc.h"

#include <expat.h>

#define DEPTH_MAX 64
#define NODES_MAX 2000000
/* Between namespace and local name in what expat gives; no address may hold it. */
#define NS_SEPARATOR '\n'

/* A parse under way: the elements that are open, outermost first, and the text inside each. */
struct build {
	struct arena *a;
	const char *name;
	struct err *e;
	XML_Parser parser;
	int rc; /* the failure that stopped the parser */
	int nodes;
	int depth;
	struct xml *root;
	struct {
		struct xml *node, *last;
		struct sb text;
	} open[DEPTH_MAX];
};

static void stop(struct build *b, int code, const char *field, const char *words)
{
	if (b->rc < 0)
		return;
	b->rc = code;
	err_set(b->e, code, "%s", words);
	err_at(b->e, b->name, (int)XML_GetCurrentLineNumber(b->parser),
	        (int)XML_GetCurrentColumnNumber(b->parser) + 1, field);
	XML_StopParser(b->parser, XML_FALSE);
}

static void no_memory(struct build *b)
{
	stop(b, ERR_NOMEM, NULL, "the document is larger than the memory allowed for it");
}

/* "namespace\nlocal" or "local"; false when out of memory. */
static bool split_name(struct build *b, const char *full, const char **ns, const char **local)
{
	const char *sep = strrchr(full, NS_SEPARATOR);

	*ns = sep ? arena_strndup(b->a, full, (size_t)(sep - full)) : "";
	*local = arena_strdup(b->a, sep ? sep + 1 : full);
	return *ns && *local;
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **atts)
{
	struct build *b = arg;
	struct xml *x;
	struct xml_attr **last;

	if (b->rc < 0)
		return;
	if (b->depth == DEPTH_MAX) {
		stop(b, ERR_INVALID, NULL, "nested deeper than 64 levels");
		return;
	}
	if (++b->nodes > NODES_MAX) {
		stop(b, ERR_INVALID, NULL, "more than 2 million elements in one document; split it");
		return;
	}
	x = arena_alloc(b->a, sizeof(*x));
	if (!x || !split_name(b, name, &x->ns, &x->name)) {
		no_memory(b);
		return;
	}
	x->line = (int)XML_GetCurrentLineNumber(b->parser);
	x->column = (int)XML_GetCurrentColumnNumber(b->parser) + 1;
	x->text = "";
	last = &x->attr;
	for (; *atts; atts += 2) {
		struct xml_attr *t = arena_alloc(b->a, sizeof(*t));
		if (!t || !split_name(b, atts[0], &t->ns, &t->name) ||
		        !(t->value = arena_strdup(b->a, atts[1]))) {
			no_memory(b);
			return;
		}
		*last = t;
		last = &t->next;
	}
	if (b->depth == 0) {
		b->root = x;
	} else {
		struct xml *parent = b->open[b->depth - 1].node;
		struct xml *elder = b->open[b->depth - 1].last;
		x->parent = parent;
		*(elder ? &elder->next : &parent->child) = x;
		b->open[b->depth - 1].last = x;
	}
	b->open[b->depth].node = x;
	b->open[b->depth].last = NULL;
	sb_reset(&b->open[b->depth].text);
	b->depth++;
}

static void on_end(void *arg, const XML_Char *name)
{
	struct build *b = arg;
	struct xml *x;
	struct str text;

	(void)name;
	if (b->rc < 0)
		return;
	b->depth--;
	x = b->open[b->depth].node;
	text = sb_str(&b->open[b->depth].text);
	if (b->open[b->depth].text.failed) {
		no_memory(b);
		return;
	}
	/* Between child elements white space is only how the file is set. */
	if (text.n == 0 || (x->child && str_trim(text).n == 0))
		return;
	x->text = arena_strndup(b->a, text.p, text.n);
	if (!x->text)
		no_memory(b);
}

static void on_text(void *arg, const XML_Char *s, int n)
{
	struct build *b = arg;

	if (b->rc == 0 && b->depth > 0)
		sb_put(&b->open[b->depth - 1].text, s, (size_t)n);
}

static void on_doctype(
        void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
	(void)system;
	(void)public;
	(void)internal;
	stop(arg, ERR_INVALID, name,
	        "document type declarations (DOCTYPE) and their entities are not taken; leave it out");
}

int doc_parse_xml(struct arena *a, struct str text, const char *name, struct xml **root, struct err *e)
{
	struct build b = {.a = a, .name = name, .e = e};
	const char *p = text.n ? text.p : "";
	size_t left = text.n;

	b.parser = XML_ParserCreateNS(NULL, NS_SEPARATOR);
	must(b.parser);
	XML_SetUserData(b.parser, &b);
	XML_SetElementHandler(b.parser, on_start, on_end);
	XML_SetCharacterDataHandler(b.parser, on_text);
	XML_SetStartDoctypeDeclHandler(b.parser, on_doctype);
	for (;;) {
		/* expat counts in int; large pieces keep it from copying what it has not understood yet. */
		int n = left > (1 << 28) ? 1 << 28 : (int)left;
		left -= (size_t)n;
		if (XML_Parse(b.parser, p, n, left == 0) != XML_STATUS_OK) {
			if (b.rc == 0) {
				b.rc = ERR_INVALID;
				err_set(e, ERR_INVALID, "not well-formed XML: %s",
				        XML_ErrorString(XML_GetErrorCode(b.parser)));
				err_at(e, name, (int)XML_GetCurrentLineNumber(b.parser),
				        (int)XML_GetCurrentColumnNumber(b.parser) + 1, NULL);
			}
			break;
		}
		if (left == 0)
			break;
		p += n;
	}
	XML_ParserFree(b.parser);
	for (int i = 0; i < DEPTH_MAX; i++)
		sb_fini(&b.open[i].text);
	if (b.rc == 0)
		*root = b.root;
	return b.rc;
}

const char *xml_attr_ns(const struct xml *x, const char *ns, const char *name, const char *dflt)
{
	for (const struct xml_attr *t = x ? x->attr : NULL; t; t = t->next) {
		if (strcmp(t->name, name) == 0 && strcmp(t->ns, ns) == 0)
			return t->value;
	}
	return dflt;
}

const char *xml_attr(const struct xml *x, const char *name, const char *dflt)
{
	return xml_attr_ns(x, "", name, dflt);
}

const struct xml *xml_child(const struct xml *x, const char *name)
{
	for (const struct xml *c = x ? x->child : NULL; c; c = c->next) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}
