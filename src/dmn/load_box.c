/* load_box - boxed expressions from their XML, all but the decision table. */
#include "dmn/load_int.h"

#define BOX_DEPTH_MAX 60

bool dmn__is_box(const struct xml *x)
{
	static const char *const kinds[] = {"literalExpression", "decisionTable", "invocation", "context",
	        "relation", "list", "functionDefinition", "conditional", "for", "every", "some", "filter"};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (dmn__is(x, kinds[i]))
			return true;
	return false;
}

const struct xml *dmn__box_child(const struct xml *x)
{
	for (const struct xml *c = x->child; c != NULL; c = c->next)
		if (dmn__is_box(c))
			return c;
	return NULL;
}

static struct box_entry *next_entry(struct loader *l, struct box *b, size_t *cap)
{
	b->entry = arena_grow(l->m->a, b->entry, cap, (size_t)b->entries + 1, sizeof(*b->entry));
	b->entry[b->entries] = (struct box_entry){.name = STR_LIT("")};
	return &b->entry[b->entries++];
}

static void read_variable(const struct xml *x, struct box_entry *e)
{
	if (x == NULL)
		return;
	e->name = dmn__trimmed(xml_attr(x, "name", ""));
	e->type = dmn__type_name(str_of(xml_attr(x, "typeRef", "")));
}

static int load_context(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	size_t outer = n->n, cap = 0;
	int rc = 0;

	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next) {
		const struct xml *variable, *value;
		struct box_entry *e;

		if (!dmn__is(c, "contextEntry"))
			continue;
		variable = xml_child(c, "variable");
		value = dmn__box_child(c);
		if (value == NULL)
			return dmn__bad(l, c, "a context entry has no expression");
		if (variable == NULL) {
			rc = dmn__load_box(l, value, n, &b->result);
			continue;
		}
		e = next_entry(l, b, &cap);
		read_variable(variable, e);
		rc = dmn__load_box(l, value, n, &e->box);
		dmn__push(l, n, b->entry[b->entries - 1].name);
	}
	n->n = outer;
	return rc;
}

int dmn__load_function(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	size_t outer = n->n, cap = 0;
	const struct xml *body = dmn__box_child(x);
	const char *kind = xml_attr(x, "kind", "FEEL");
	int rc;

	b->external = strcmp(kind, "Java") == 0; /* the body then tells class and method */
	if (!b->external && strcmp(kind, "FEEL") != 0)
		return dmn__bad(
		        l, x, "functions in other languages than FEEL and Java (%s) are not run", kind);
	for (const struct xml *c = x->child; c != NULL; c = c->next)
		if (dmn__is(c, "formalParameter")) {
			read_variable(c, next_entry(l, b, &cap));
			dmn__push(l, n, b->entry[b->entries - 1].name);
		}
	rc = body != NULL ? dmn__load_box(l, body, n, &b->result)
	                  : dmn__bad(l, x, "the function has no body");
	n->n = outer;
	return rc;
}

static int load_invocation(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	const struct xml *function = dmn__box_child(x);
	size_t cap = 0;
	int rc;

	if (function == NULL)
		return dmn__bad(l, x, "the invocation names no function");
	rc = dmn__load_box(l, function, n, &b->result);
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next) {
		const struct xml *value;
		struct box *box = NULL;
		struct box_entry *e;

		if (!dmn__is(c, "binding"))
			continue;
		value = dmn__box_child(c);
		if (value != NULL)
			rc = dmn__load_box(l, value, n, &box);
		e = next_entry(l, b, &cap);
		read_variable(xml_child(c, "parameter"), e);
		e->box = box;
	}
	return rc;
}

static int load_items(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	size_t cap = 0;
	int rc = 0;

	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next)
		if (dmn__is_box(c)) {
			struct box *item = NULL;

			rc = dmn__load_box(l, c, n, &item);
			next_entry(l, b, &cap)->box = item;
		}
	return rc;
}

static int load_relation(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	struct box_entry *column = arena_array(l->m->a, (size_t)dmn__count(x, "column"), sizeof(*column));
	size_t rows = 0;
	int columns = 0, rc = 0;

	for (const struct xml *c = x->child; c != NULL; c = c->next)
		if (dmn__is(c, "column"))
			read_variable(c, &column[columns++]);
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next) {
		struct box *row;

		if (!dmn__is(c, "row"))
			continue;
		row = arena_alloc(l->m->a, sizeof(*row));
		row->kind = BOX_ROW;
		row->line = c->line;
		rc = load_items(l, c, n, row);
		if (rc < 0)
			return rc;
		if (row->entries != columns)
			return dmn__bad(
			        l, c, "the row has %d cells, the relation %d columns", row->entries, columns);
		for (int i = 0; i < row->entries; i++) {
			row->entry[i].name = column[i].name;
			row->entry[i].type = column[i].type;
		}
		next_entry(l, b, &rows)->box = row;
	}
	return rc;
}

/* A part of a conditional, an iteration or a filter: <if>, <in>, <match> … with one expression inside. */
static int load_part(
        struct loader *l, const struct xml *x, const char *part, struct names *n, struct box_entry *e)
{
	const struct xml *c = xml_child(x, part), *value = c != NULL ? dmn__box_child(c) : NULL;

	if (value == NULL)
		return dmn__bad(l, x, "<%s> needs <%s> with an expression", x->name, part);
	return dmn__load_box(l, value, n, &e->box);
}

static int load_conditional(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	static const char *const parts[] = {"if", "then", "else"};
	int rc = 0;

	b->entries = 3;
	b->entry = arena_array(l->m->a, 3, sizeof(*b->entry));
	for (int i = 0; i < 3 && rc == 0; i++)
		rc = load_part(l, x, parts[i], n, &b->entry[i]);
	return rc;
}

static int load_iteration(
        struct loader *l, const struct xml *x, struct names *n, struct box *b, const char *body)
{
	size_t outer = n->n;
	bool filter = b->kind == BOX_FILTER;
	int rc;

	b->entries = 2;
	b->entry = arena_array(l->m->a, 2, sizeof(*b->entry));
	b->entry[0].name = filter ? STR_LIT("item") : dmn__trimmed(xml_attr(x, "iteratorVariable", ""));
	if (b->entry[0].name.n == 0)
		return dmn__bad(l, x, "<%s> needs an iteratorVariable", x->name);
	rc = load_part(l, x, "in", n, &b->entry[0]);
	dmn__push(l, n, b->entry[0].name);
	if (b->kind == BOX_FOR)
		dmn__push(l, n, STR_LIT("partial"));
	for (int i = 0; filter && i < l->m->members; i++)
		dmn__push(l, n, l->m->member[i]);
	if (rc == 0)
		rc = load_part(l, x, body, n, &b->entry[1]);
	n->n = outer;
	return rc;
}

static int load_literal(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	const char *language = xml_attr(x, "expressionLanguage", "FEEL");

	if (strcasestr(language, "feel") == NULL)
		return dmn__bad(l, x, "only FEEL is understood, not %s", language);
	return dmn__compile(
	        l, x, dmn__text_of(x).n > 0 ? dmn__text_of(x) : STR_LIT("null"), n, false, &b->expr);
}

static int load_for(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	return load_iteration(l, x, n, b, "return");
}

static int load_quantified(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	return load_iteration(l, x, n, b, "satisfies");
}

static int load_filter(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	return load_iteration(l, x, n, b, "match");
}

int dmn__load_box(struct loader *l, const struct xml *x, struct names *n, struct box **out)
{
	static const struct {
		const char *name;
		enum box_kind kind;
		int (*load)(struct loader *l, const struct xml *x, struct names *n, struct box *b);
	} table[] = {
	        {"literalExpression", BOX_LITERAL, load_literal},
	        {"decisionTable", BOX_TABLE, dmn__load_table},
	        {"context", BOX_CONTEXT, load_context},
	        {"functionDefinition", BOX_FUNCTION, dmn__load_function},
	        {"invocation", BOX_INVOCATION, load_invocation},
	        {"list", BOX_LIST, load_items},
	        {"relation", BOX_RELATION, load_relation},
	        {"conditional", BOX_IF, load_conditional},
	        {"for", BOX_FOR, load_for},
	        {"some", BOX_SOME, load_quantified},
	        {"every", BOX_EVERY, load_quantified},
	        {"filter", BOX_FILTER, load_filter},
	};
	struct box *b = arena_alloc(l->m->a, sizeof(*b));
	size_t outer = n->n, k = 0;
	int rc;

	b->line = x->line;
	b->type = dmn__type_name(str_of(xml_attr(x, "typeRef", "")));
	*out = b;
	while (k < ARRAY_LEN(table) && !dmn__is(x, table[k].name))
		k++;
	must(k < ARRAY_LEN(table)); /* the caller has asked is_box */
	b->kind = table[k].kind;
	if (l->depth >= BOX_DEPTH_MAX)
		return dmn__bad(l, x, "boxed expressions nest deeper than %d", BOX_DEPTH_MAX);
	l->depth++;
	rc = table[k].load(l, x, n, b);
	l->depth--;
	if (rc < 0 && l->m->lenient) {
		n->n = outer;
		*b = (struct box){
		        .kind = BOX_BROKEN, .line = x->line, .why = arena_strdup(l->m->a, l->e->text)};
		*l->e = (struct err)ERR_INIT;
		rc = 0;
	}
	return rc;
}
