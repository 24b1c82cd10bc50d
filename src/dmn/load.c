/*
 * load - a model from its XML: types, requirements, boxed expressions. The model's arena has no budget,
 * so nothing here asks for NULL; what bounds it is the size of the text.
 */
#include "dmn/dmn_int.h"

#define TEXT_MAX (8 << 20)
#define BOX_DEPTH_MAX 60
#define COLUMNS_MAX 1000
#define CHAIN_MAX 1000 /* of requirements, for the search for cycles */

struct loader {
	struct dmn_model *m;
	struct err *e;
	const struct drg *d; /* whose logic is being loaded */
	int depth;           /* of boxes */
};
/* Names in scope, innermost last; frames are pushed and popped by length. */
struct names {
	struct str *name;
	size_t n, cap;
};

static int bad(struct loader *l, const struct xml *x, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int bad(struct loader *l, const struct xml *x, const char *fmt, ...)
{
	const char *id = xml_attr(x, "id", x->name);
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(l->e, ERR_INVALID, "%s", text);
	return err_at(l->e, l->m->file, x->line, x->column, id);
}

static void push(struct loader *l, struct names *n, struct str name)
{
	n->name = arena_grow(l->m->a, n->name, &n->cap, n->n + 1, sizeof(*n->name));
	n->name[n->n++] = name;
}

static bool is(const struct xml *x, const char *name)
{
	return strcmp(x->name, name) == 0;
}

static struct str trimmed(const char *s)
{
	return str_trim(str_of(s));
}

/* "feel:number", "tns:tLoan", "number": prefixes name the file's own namespaces. */
static struct str type_name(struct str s)
{
	const char *colon = s.n > 0 ? memchr(s.p, ':', s.n) : NULL;

	s = str_trim(s);
	if (colon != NULL)
		s = (struct str){colon + 1, (size_t)(s.p + s.n - colon) - 1};
	return s;
}

static struct str text_of(const struct xml *x)
{
	const struct xml *t = xml_child(x, "text");

	return t != NULL ? trimmed(t->text) : STR_LIT("");
}

static int compile(struct loader *l, const struct xml *x, struct str text, const struct names *n, bool tests,
        const struct feel_expr **out)
{
	struct feel_names names = {n->name, (int)n->n, l->m->member, l->m->members};
	struct feel_expr *f = NULL;
	struct err e = ERR_INIT;
	int rc = tests ? feel_compile_tests(l->m->a, text, &names, &f, &e)
	               : feel_compile(l->m->a, text, &names, &f, &e);

	if (rc < 0) {
		const struct xml *t = xml_child(x, "text");

		bad(l, x, "\"" STR_FMT "\" cannot be read: %s", (int)(text.n < 120 ? text.n : 120), text.p,
		        e.text);
		return err_at(l->e, NULL, (t != NULL ? t : x)->line + (e.line > 0 ? e.line - 1 : 0), e.column,
		        NULL);
	}
	*out = f;
	return 0;
}

static int count(const struct xml *x, const char *name)
{
	int n = 0;

	for (const struct xml *c = x->child; c != NULL; c = c->next)
		n += is(c, name);
	return n;
}

static int load_box(struct loader *l, const struct xml *x, struct names *n, struct box **out);

static bool is_box(const struct xml *x)
{
	static const char *const kinds[] = {"literalExpression", "decisionTable", "invocation", "context",
	        "relation", "list", "functionDefinition", "conditional", "for", "every", "some", "filter"};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (is(x, kinds[i]))
			return true;
	return false;
}

static const struct xml *box_child(const struct xml *x)
{
	for (const struct xml *c = x->child; c != NULL; c = c->next)
		if (is_box(c))
			return c;
	return NULL;
}

/* ---- decision tables ---- */

static int load_policy(struct loader *l, const struct xml *x, struct box *b)
{
	static const char *const policies[] = {
	        "UNIQUE", "ANY", "FIRST", "PRIORITY", "RULE ORDER", "OUTPUT ORDER", "COLLECT"};
	static const char *const aggregations[] = {"", "SUM", "MIN", "MAX", "COUNT"};
	const char *hit = xml_attr(x, "hitPolicy", "UNIQUE"), *agg = xml_attr(x, "aggregation", "");
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		if (strcmp(policies[i], hit) == 0) {
			b->hit = (enum hit_policy)i;
			known = true;
		}
	if (!known)
		return bad(l, x, "\"%s\" is no hit policy", hit);
	known = false;
	for (size_t i = 0; i < ARRAY_LEN(aggregations); i++)
		if (strcmp(aggregations[i], agg) == 0) {
			b->aggregation = (enum aggregation)i;
			known = true;
		}
	return known ? 0 : bad(l, x, "\"%s\" is no aggregation", agg);
}

static int load_input(struct loader *l, const struct xml *x, struct names *n, struct table_input *in)
{
	const struct xml *expr = xml_child(x, "inputExpression"), *values = xml_child(x, "inputValues");
	int rc;

	if (expr == NULL)
		return bad(l, x, "an input needs an inputExpression");
	in->text = text_of(expr);
	rc = compile(l, expr, in->text, n, false, &in->expr);
	if (rc == 0 && values != NULL && text_of(values).n > 0) {
		in->values_text = text_of(values);
		rc = compile(l, values, in->values_text, n, true, &in->values);
	}
	return rc;
}

/* Splits at commas outside of quotes, brackets and parentheses: the values of an output, in order of
 * priority. */
static int load_priorities(struct loader *l, const struct xml *x, struct names *n, struct table_output *out)
{
	struct str text = text_of(x), part = text;
	int depth = 0;
	bool quoted = false;
	size_t cap = 0;

	part.n = 0;
	for (size_t i = 0; i <= text.n; i++) {
		char c = i < text.n ? text.p[i] : ',';

		if (c == '"' && (i == 0 || text.p[i - 1] != '\\'))
			quoted = !quoted;
		else if (!quoted && (c == '(' || c == '[' || c == '{'))
			depth++;
		else if (!quoted && (c == ')' || c == ']' || c == '}'))
			depth--;
		if (i < text.n && (quoted || depth > 0 || c != ',')) {
			part.n++;
			continue;
		}
		part = str_trim(part);
		if (part.n > 0) {
			out->priority = arena_grow(l->m->a, out->priority, &cap, (size_t)out->priorities + 1,
			        sizeof(*out->priority));
			if (compile(l, x, part, n, true, &out->priority[out->priorities]) < 0)
				return ERR_INVALID;
			out->priorities++;
		}
		part = (struct str){text.p + i + 1, 0};
	}
	return 0;
}

static int load_output(struct loader *l, const struct xml *x, struct names *n, struct table_output *out)
{
	const struct xml *values = xml_child(x, "outputValues"), *dflt = xml_child(x, "defaultOutputEntry");
	int rc = 0;

	out->name = trimmed(xml_attr(x, "name", ""));
	out->type = type_name(str_of(xml_attr(x, "typeRef", "")));
	if (values != NULL)
		rc = load_priorities(l, values, n, out);
	if (rc == 0 && dflt != NULL && text_of(dflt).n > 0)
		rc = compile(l, dflt, text_of(dflt), n, false, &out->dflt);
	return rc;
}

static int load_rule(
        struct loader *l, const struct xml *x, struct names *n, const struct box *b, struct table_rule *r)
{
	int in = 0, out = 0, rc = 0;

	r->line = x->line;
	r->in = arena_array(l->m->a, (size_t)b->inputs, sizeof(*r->in));
	r->in_text = arena_array(l->m->a, (size_t)b->inputs, sizeof(*r->in_text));
	r->out = arena_array(l->m->a, (size_t)b->outputs, sizeof(*r->out));
	r->out_text = arena_array(l->m->a, (size_t)b->outputs, sizeof(*r->out_text));
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next) {
		struct str text = text_of(c);

		if (is(c, "inputEntry")) {
			if (in == b->inputs)
				return bad(l, x,
				        "the rule has more input entries than the table has inputs (%d)",
				        b->inputs);
			r->in_text[in] = text.n > 0 ? text : STR_LIT("-");
			rc = compile(l, c, r->in_text[in], n, true, &r->in[in]);
			in++;
		} else if (is(c, "outputEntry")) {
			if (out == b->outputs)
				return bad(l, x,
				        "the rule has more output entries than the table has outputs (%d)",
				        b->outputs);
			r->out_text[out] = text;
			rc = compile(l, c, text.n > 0 ? text : STR_LIT("null"), n, false, &r->out[out]);
			out++;
		}
	}
	if (rc == 0 && (in != b->inputs || out != b->outputs))
		return bad(l, x, "the rule has %d input and %d output entries, the table %d and %d columns",
		        in, out, b->inputs, b->outputs);
	return rc;
}

static int load_table(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	int rc = load_policy(l, x, b), rule = 0;

	if (count(x, "input") > COLUMNS_MAX || count(x, "output") > COLUMNS_MAX)
		return bad(l, x, "a table has at most %d inputs and as many outputs", COLUMNS_MAX);
	b->input = arena_array(l->m->a, (size_t)count(x, "input"), sizeof(*b->input));
	b->output = arena_array(l->m->a, (size_t)count(x, "output"), sizeof(*b->output));
	b->rule = arena_array(l->m->a, (size_t)count(x, "rule"), sizeof(*b->rule));
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next) {
		if (is(c, "input"))
			rc = load_input(l, c, n, &b->input[b->inputs++]);
		else if (is(c, "output"))
			rc = load_output(l, c, n, &b->output[b->outputs++]);
	}
	if (rc == 0 && b->outputs == 0)
		return bad(l, x, "the table has no output");
	for (int i = 0; rc == 0 && b->outputs > 1 && i < b->outputs; i++)
		if (b->output[i].name.n == 0)
			return bad(l, x, "of several outputs each needs a name");
	for (int i = 0; rc == 0 && i < b->outputs; i++)
		for (int k = 0; k < i; k++)
			if (str_eq(b->output[i].name, b->output[k].name))
				return bad(l, x, "two outputs are named \"" STR_FMT "\"",
				        STR_ARG(b->output[i].name));
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next)
		if (is(c, "rule")) {
			rc = load_rule(l, c, n, b, &b->rule[rule++]);
			b->rules = rule;
		}
	return rc == 0 && !l->m->lenient ? dmn__check_unique(l->m, l->d, b, l->e) : rc;
}

/* ---- the other boxes ---- */

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
	e->name = trimmed(xml_attr(x, "name", ""));
	e->type = type_name(str_of(xml_attr(x, "typeRef", "")));
}

static int load_context(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	size_t outer = n->n, cap = 0;
	int rc = 0;

	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next) {
		const struct xml *variable, *value;
		struct box_entry *e;

		if (!is(c, "contextEntry"))
			continue;
		variable = xml_child(c, "variable");
		value = box_child(c);
		if (value == NULL)
			return bad(l, c, "a context entry has no expression");
		if (variable == NULL) {
			rc = load_box(l, value, n, &b->result);
			continue;
		}
		e = next_entry(l, b, &cap);
		read_variable(variable, e);
		rc = load_box(l, value, n, &e->box);
		push(l, n, b->entry[b->entries - 1].name);
	}
	n->n = outer;
	return rc;
}

static int load_function(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	size_t outer = n->n, cap = 0;
	const struct xml *body = box_child(x);
	int rc;

	if (strcmp(xml_attr(x, "kind", "FEEL"), "FEEL") != 0)
		return bad(l, x, "functions in other languages than FEEL (%s) are not run",
		        xml_attr(x, "kind", ""));
	for (const struct xml *c = x->child; c != NULL; c = c->next)
		if (is(c, "formalParameter")) {
			read_variable(c, next_entry(l, b, &cap));
			push(l, n, b->entry[b->entries - 1].name);
		}
	rc = body != NULL ? load_box(l, body, n, &b->result) : bad(l, x, "the function has no body");
	n->n = outer;
	return rc;
}

static int load_invocation(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	const struct xml *function = xml_child(x, "literalExpression");
	size_t cap = 0;
	int rc;

	if (function == NULL)
		return bad(l, x, "the invocation names no function");
	rc = compile(l, function, text_of(function), n, false, &b->expr);
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next) {
		const struct xml *value;
		struct box_entry *e;

		if (!is(c, "binding"))
			continue;
		e = next_entry(l, b, &cap);
		read_variable(xml_child(c, "parameter"), e);
		value = box_child(c);
		if (value != NULL)
			rc = load_box(l, value, n, &e->box);
	}
	return rc;
}

static int load_items(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	size_t cap = 0;
	int rc = 0;

	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next)
		if (is_box(c)) {
			struct box *item = NULL;

			rc = load_box(l, c, n, &item);
			next_entry(l, b, &cap)->box = item;
		}
	return rc;
}

static int load_relation(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	struct str *column = arena_array(l->m->a, (size_t)count(x, "column"), sizeof(*column));
	size_t rows = 0;
	int columns = 0, rc = 0;

	for (const struct xml *c = x->child; c != NULL; c = c->next)
		if (is(c, "column"))
			column[columns++] = trimmed(xml_attr(c, "name", ""));
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next) {
		struct box *row;

		if (!is(c, "row"))
			continue;
		row = arena_alloc(l->m->a, sizeof(*row));
		row->kind = BOX_CONTEXT;
		row->line = c->line;
		rc = load_items(l, c, n, row);
		if (rc == 0 && row->entries != columns)
			return bad(
			        l, c, "the row has %d cells, the relation %d columns", row->entries, columns);
		for (int i = 0; i < row->entries; i++)
			row->entry[i].name = column[i];
		next_entry(l, b, &rows)->box = row;
	}
	return rc;
}

/* A part of a conditional, an iteration or a filter: <if>, <in>, <match> … with one expression inside. */
static int load_part(
        struct loader *l, const struct xml *x, const char *part, struct names *n, struct box_entry *e)
{
	const struct xml *c = xml_child(x, part), *value = c != NULL ? box_child(c) : NULL;

	if (value == NULL)
		return bad(l, x, "<%s> needs <%s> with an expression", x->name, part);
	return load_box(l, value, n, &e->box);
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
	b->entry[0].name = filter ? STR_LIT("item") : trimmed(xml_attr(x, "iteratorVariable", ""));
	if (b->entry[0].name.n == 0)
		return bad(l, x, "<%s> needs an iteratorVariable", x->name);
	rc = load_part(l, x, "in", n, &b->entry[0]);
	push(l, n, b->entry[0].name);
	if (b->kind == BOX_FOR)
		push(l, n, STR_LIT("partial"));
	for (int i = 0; filter && i < l->m->members; i++)
		push(l, n, l->m->member[i]);
	if (rc == 0)
		rc = load_part(l, x, body, n, &b->entry[1]);
	n->n = outer;
	return rc;
}

static int load_literal(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	const char *language = xml_attr(x, "expressionLanguage", "FEEL");

	if (strcasestr(language, "feel") == NULL)
		return bad(l, x, "only FEEL is understood, not %s", language);
	return compile(l, x, text_of(x).n > 0 ? text_of(x) : STR_LIT("null"), n, false, &b->expr);
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

static int load_box(struct loader *l, const struct xml *x, struct names *n, struct box **out)
{
	static const struct {
		const char *name;
		enum box_kind kind;
		int (*load)(struct loader *l, const struct xml *x, struct names *n, struct box *b);
	} table[] = {
	        {"literalExpression", BOX_LITERAL, load_literal},
	        {"decisionTable", BOX_TABLE, load_table},
	        {"context", BOX_CONTEXT, load_context},
	        {"functionDefinition", BOX_FUNCTION, load_function},
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
	b->type = type_name(str_of(xml_attr(x, "typeRef", "")));
	*out = b;
	while (k < ARRAY_LEN(table) && !is(x, table[k].name))
		k++;
	must(k < ARRAY_LEN(table)); /* the caller has asked is_box */
	b->kind = table[k].kind;
	if (l->depth >= BOX_DEPTH_MAX)
		return bad(l, x, "boxed expressions nest deeper than %d", BOX_DEPTH_MAX);
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

/* ---- types ---- */

static void add_member(struct dmn_model *m, struct str name, size_t *cap)
{
	m->member = arena_grow(m->a, m->member, cap, (size_t)m->members + 1, sizeof(*m->member));
	m->member[m->members++] = name;
}

static int load_type(struct loader *l, const struct xml *x, struct dmn_type *t, size_t *cap)
{
	const struct xml *ref = xml_child(x, "typeRef"), *allowed = xml_child(x, "allowedValues");
	const struct xml *constraint = xml_child(x, "typeConstraint");
	struct names none = {0};
	int rc = 0;

	t->name = trimmed(xml_attr(x, "name", ""));
	t->base = ref != NULL ? type_name(trimmed(ref->text)) : STR_LIT("");
	t->collection = strcmp(xml_attr(x, "isCollection", "false"), "true") == 0;
	t->function = xml_child(x, "functionItem") != NULL;
	if (allowed != NULL && text_of(allowed).n > 0)
		rc = compile(l, allowed, text_of(allowed), &none, true, &t->allowed);
	if (rc == 0 && constraint != NULL && text_of(constraint).n > 0)
		rc = compile(l, constraint, text_of(constraint), &none, true, &t->constraint);
	if (rc < 0 && l->m->lenient) {
		*l->e = (struct err)ERR_INIT;
		rc = 0;
	}
	t->component = arena_array(l->m->a, (size_t)count(x, "itemComponent"), sizeof(*t->component));
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next)
		if (is(c, "itemComponent")) {
			rc = load_type(l, c, &t->component[t->components], cap);
			add_member(l->m, t->component[t->components++].name, cap);
		}
	return rc;
}

static int load_types(struct loader *l, const struct xml *root)
{
	size_t cap = 0;
	int rc = 0;

	for (const struct xml *c = root->child; c != NULL && rc == 0; c = c->next)
		if (is(c, "itemDefinition")) {
			struct dmn_type *t = arena_alloc(l->m->a, sizeof(*t));

			rc = load_type(l, c, t, &cap);
			t->next = l->m->type;
			l->m->type = t;
		}
	return rc;
}

/* ---- the requirements graph ---- */

static const char *id_in(const char *href)
{
	const char *hash = strrchr(href, '#');

	return hash != NULL ? hash + 1 : href;
}

static const char *href_of(const struct xml *requirement)
{
	for (const struct xml *c = requirement->child; c != NULL; c = c->next)
		if (strncmp(c->name, "required", 8) == 0)
			return id_in(xml_attr(c, "href", ""));
	return "";
}

static void read_drg(struct loader *l, const struct xml *x, enum drg_kind kind)
{
	struct drg *d = &l->m->drg[l->m->drgs++];
	const struct xml *variable = xml_child(x, "variable");
	int n = 0;

	*d = (struct drg){.kind = kind,
	        .id = xml_attr(x, "id", xml_attr(x, "name", "")),
	        .label = xml_attr(x, "name", ""),
	        .line = x->line,
	        .xml = x};
	d->name = variable != NULL ? trimmed(xml_attr(variable, "name", d->label)) : trimmed(d->label);
	d->type = variable != NULL ? type_name(str_of(xml_attr(variable, "typeRef", ""))) : STR_LIT("");
	n = count(x, "informationRequirement") + count(x, "knowledgeRequirement");
	d->need = arena_array(l->m->a, (size_t)n, sizeof(struct drg *));
	d->need_id = arena_array(l->m->a, (size_t)n, sizeof(const char *));
	for (const struct xml *c = x->child; c != NULL; c = c->next)
		if (is(c, "informationRequirement") || is(c, "knowledgeRequirement"))
			d->need_id[d->needs++] = href_of(c);
}

static int by_id(const void *a, const void *b)
{
	const struct drg *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static struct drg *find_id(struct drg *const *sorted, int n, const char *id)
{
	struct drg key = {.id = id}, *p = &key;
	struct drg *const *found = bsearch(&p, sorted, (size_t)n, sizeof(struct drg *), by_id);

	return found != NULL ? *found : NULL;
}

/* Adds what the children of that name refer to. */
static int link_part(
        struct loader *l, struct drg *const *sorted, struct drg *d, const char *part, struct drg **to, int *n)
{
	for (const struct xml *c = d->xml->child; c != NULL; c = c->next) {
		if (!is(c, part))
			continue;
		to[*n] = find_id(sorted, l->m->drgs, id_in(xml_attr(c, "href", "")));
		if (to[*n] == NULL)
			return bad(l, c, "\"%s\" names \"%s\", which is not in the file", d->label,
			        xml_attr(c, "href", ""));
		++*n;
	}
	return 0;
}

static int link_service(struct loader *l, struct drg *const *sorted, struct drg *d)
{
	int n = count(d->xml, "inputData") + count(d->xml, "inputDecision"), rc;

	d->parameter = arena_array(l->m->a, (size_t)n, sizeof(struct drg *));
	d->output = arena_array(l->m->a, (size_t)count(d->xml, "outputDecision"), sizeof(struct drg *));
	rc = link_part(l, sorted, d, "inputData", d->parameter, &d->parameters);
	if (rc == 0)
		rc = link_part(l, sorted, d, "inputDecision", d->parameter, &d->parameters);
	if (rc == 0)
		rc = link_part(l, sorted, d, "outputDecision", d->output, &d->outputs);
	if (rc == 0 && d->outputs == 0)
		return bad(l, d->xml, "the decision service \"%s\" has no outputDecision", d->label);
	return rc;
}

static int link_all(struct loader *l)
{
	struct dmn_model *m = l->m;
	struct drg **sorted = arena_array(m->a, (size_t)m->drgs, sizeof(struct drg *));
	int rc = 0;

	for (int i = 0; i < m->drgs; i++)
		sorted[i] = &m->drg[i];
	qsort(sorted, (size_t)m->drgs, sizeof(struct drg *), by_id);
	for (int i = 1; i < m->drgs; i++)
		if (strcmp(sorted[i]->id, sorted[i - 1]->id) == 0)
			return bad(l, sorted[i]->xml, "two elements have the id \"%s\"", sorted[i]->id);
	for (int k = 0; k < m->drgs && rc == 0; k++) {
		struct drg *d = &m->drg[k];

		for (int i = 0; i < d->needs; i++) {
			d->need[i] = find_id(sorted, m->drgs, d->need_id[i]);
			if (d->need[i] == NULL)
				return bad(l, d->xml, "\"%s\" requires \"%s\", which is not in the file",
				        d->label, d->need_id[i]);
		}
		if (d->kind == DRG_SERVICE)
			rc = link_service(l, sorted, d);
	}
	return rc;
}

static int find_cycle(struct loader *l, struct drg *d, int depth)
{
	if (d->mark == 2)
		return 0;
	if (d->mark == 1)
		return bad(l, d->xml, "\"%s\" requires itself, by way of others", d->label);
	if (depth > CHAIN_MAX)
		return bad(l, d->xml, "more than %d elements require each other in a row", CHAIN_MAX);
	d->mark = 1;
	/* A business knowledge model may call itself. */
	for (int i = 0; i < d->needs; i++)
		if (!(d->kind == DRG_BKM && d->need[i] == d) && find_cycle(l, d->need[i], depth + 1) < 0)
			return ERR_INVALID;
	for (int i = 0; i < d->outputs; i++)
		if (find_cycle(l, d->output[i], depth + 1) < 0)
			return ERR_INVALID;
	d->mark = 2;
	return 0;
}

static int load_logic(struct loader *l, struct drg *d, struct names *n)
{
	const struct xml *logic = xml_child(d->xml, "encapsulatedLogic");
	int rc;

	push(l, n, d->name); /* it may call itself */
	d->box = arena_alloc(l->m->a, sizeof(*d->box));
	d->box->kind = BOX_FUNCTION;
	d->box->line = d->line;
	d->box->type = logic != NULL ? type_name(str_of(xml_attr(logic, "typeRef", ""))) : STR_LIT("");
	rc = logic != NULL ? load_function(l, logic, n, d->box)
	                   : bad(l, d->xml, "the business knowledge model has no encapsulatedLogic");
	if (rc < 0 && l->m->lenient) {
		struct box *broken = arena_alloc(l->m->a, sizeof(*broken));

		*broken = (struct box){
		        .kind = BOX_BROKEN, .line = d->line, .why = arena_strdup(l->m->a, l->e->text)};
		d->box->result = broken;
		*l->e = (struct err)ERR_INIT;
		rc = 0;
	}
	return rc;
}

static int load_drg(struct loader *l, struct drg *d)
{
	const struct xml *x = d->xml;
	struct names n = {0};

	l->d = d;
	for (int i = 0; i < d->needs; i++)
		push(l, &n, d->need[i]->name);
	if (d->kind == DRG_BKM)
		return load_logic(l, d, &n);
	if (box_child(x) == NULL) {
		if (!l->m->lenient)
			return bad(l, x, "the decision \"%s\" has no expression", d->label);
		d->box = arena_alloc(l->m->a, sizeof(*d->box));
		*d->box = (struct box){
		        .kind = BOX_BROKEN, .line = d->line, .why = "the decision has no expression"};
		return 0;
	}
	return load_box(l, box_child(x), &n, &d->box);
}

static int load_model(struct loader *l, const struct xml *root)
{
	struct dmn_model *m = l->m;
	int rc;

	if (!is(root, "definitions") || strstr(root->ns, "/DMN/") == NULL)
		return bad(
		        l, root, "this is no DMN file: its root is not <definitions> of the DMN namespace");
	if (xml_child(root, "import") != NULL)
		return bad(l, xml_child(root, "import"), "imports are not supported");
	m->name = arena_strdup(m->a, xml_attr(root, "name", ""));
	rc = load_types(l, root);
	if (rc < 0)
		return rc;
	m->drg = arena_array(m->a,
	        (size_t)(count(root, "inputData") + count(root, "decision") +
	                 count(root, "businessKnowledgeModel") + count(root, "decisionService")),
	        sizeof(*m->drg));
	for (const struct xml *c = root->child; c != NULL; c = c->next) {
		if (is(c, "inputData"))
			read_drg(l, c, DRG_INPUT);
		else if (is(c, "decision"))
			read_drg(l, c, DRG_DECISION);
		else if (is(c, "businessKnowledgeModel"))
			read_drg(l, c, DRG_BKM);
		else if (is(c, "decisionService"))
			read_drg(l, c, DRG_SERVICE);
	}
	rc = link_all(l);
	for (int i = 0; i < m->drgs && rc == 0; i++)
		rc = find_cycle(l, &m->drg[i], 0);
	for (int i = 0; i < m->drgs && rc == 0; i++)
		if (m->drg[i].kind == DRG_DECISION || m->drg[i].kind == DRG_BKM)
			rc = load_drg(l, &m->drg[i]);
	return rc;
}

static int load(struct str xml, const char *name, bool lenient, struct dmn_model **out, struct err *e)
{
	struct arena *a = arena_new(0);
	struct dmn_model *m = arena_alloc(a, sizeof(*m));
	struct err mine = ERR_INIT;
	struct loader l = {.m = m, .e = &mine};
	struct xml *root = NULL;
	int rc;

	m->a = a;
	m->file = arena_strdup(a, name);
	m->lenient = lenient;
	if (xml.n > TEXT_MAX)
		rc = err_set(
		        &mine, ERR_TOOBIG, "%s: a decision model has at most %d MiB", name, TEXT_MAX >> 20);
	else
		rc = doc_parse_xml(a, xml, name, &root, &mine);
	if (rc == 0)
		rc = load_model(&l, root);
	if (rc < 0) {
		if (e != NULL)
			*e = mine;
		arena_free(&a);
		return rc;
	}
	*out = m;
	return 0;
}

int dmn_load(struct str xml, const char *name, struct dmn_model **out, struct err *e)
{
	return load(xml, name, false, out, e);
}

int dmn_load_lenient(struct str xml, const char *name, struct dmn_model **out, struct err *e)
{
	return load(xml, name, true, out, e);
}

void dmn_free(struct dmn_model **m)
{
	struct arena *a;

	if (*m == NULL)
		return;
	a = (*m)->a;
	*m = NULL;
	arena_free(&a);
}

const char *dmn_name(const struct dmn_model *m)
{
	return m->name;
}

static const struct drg *decision_at(const struct dmn_model *m, int i)
{
	for (int k = 0; k < m->drgs; k++)
		if (m->drg[k].kind == DRG_DECISION && i-- == 0)
			return &m->drg[k];
	return NULL;
}

int dmn_decisions(const struct dmn_model *m)
{
	int n = 0;

	for (int k = 0; k < m->drgs; k++)
		n += m->drg[k].kind == DRG_DECISION;
	return n;
}

const char *dmn_decision_id(const struct dmn_model *m, int i)
{
	const struct drg *d = decision_at(m, i);

	return d != NULL ? d->id : "";
}

const char *dmn_decision_name(const struct dmn_model *m, int i)
{
	const struct drg *d = decision_at(m, i);

	return d != NULL ? d->label : "";
}
