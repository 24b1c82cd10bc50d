#include "dmn/dmn_int.h"

struct loader {
	struct dmn_model *m;
	struct err *e;
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

static const struct xml *box_child(const struct xml *x)
{
	static const char *const kinds[] = {"literalExpression", "decisionTable", "invocation", "context",
	        "relation", "list", "functionDefinition", "conditional", "for", "every", "some", "filter"};

	for (const struct xml *c = x->child; c != NULL; c = c->next)
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			if (is(c, kinds[i]))
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
	if (rc == 0 && values != NULL && text_of(values).n > 0)
		rc = compile(l, values, text_of(values), n, true, &in->values);
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
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next)
		if (is(c, "rule")) {
			rc = load_rule(l, c, n, b, &b->rule[rule++]);
			b->rules = rule;
		}
	return rc;
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
		return bad(l, x, "functions in other languages than FEEL are not run");
	for (const struct xml *c = x->child; c != NULL; c = c->next)
		if (is(c, "formalParameter")) {
			read_variable(c, next_entry(l, b, &cap));
			push(l, n, b->entry[b->entries - 1].name);
		}
	if (body == NULL)
		return bad(l, x, "the function has no body");
	rc = load_box(l, body, n, &b->result);
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
	b->function = text_of(function);
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
		if (box_child(x) != NULL &&
		        (is(c, "literalExpression") || is(c, "context") || is(c, "list") ||
		                is(c, "relation") || is(c, "decisionTable") || is(c, "invocation") ||
		                is(c, "functionDefinition"))) {
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
		size_t cap = 0;

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
		(void)cap;
		next_entry(l, b, &rows)->box = row;
	}
	return rc;
}

static int load_box(struct loader *l, const struct xml *x, struct names *n, struct box **out)
{
	struct box *b = arena_alloc(l->m->a, sizeof(*b));

	b->line = x->line;
	b->type = type_name(str_of(xml_attr(x, "typeRef", "")));
	*out = b;
	if (is(x, "literalExpression")) {
		b->kind = BOX_LITERAL;
		if (strstr(xml_attr(x, "expressionLanguage", "feel"), "eel") == NULL &&
		        strstr(xml_attr(x, "expressionLanguage", "FEEL"), "EEL") == NULL)
			return bad(l, x, "only FEEL is understood, not %s",
			        xml_attr(x, "expressionLanguage", ""));
		return compile(l, x, text_of(x).n > 0 ? text_of(x) : STR_LIT("null"), n, false, &b->expr);
	}
	if (is(x, "decisionTable")) {
		b->kind = BOX_TABLE;
		return load_table(l, x, n, b);
	}
	if (is(x, "context")) {
		b->kind = BOX_CONTEXT;
		return load_context(l, x, n, b);
	}
	if (is(x, "functionDefinition")) {
		b->kind = BOX_FUNCTION;
		return load_function(l, x, n, b);
	}
	if (is(x, "invocation")) {
		b->kind = BOX_INVOCATION;
		return load_invocation(l, x, n, b);
	}
	if (is(x, "list")) {
		b->kind = BOX_LIST;
		return load_items(l, x, n, b);
	}
	if (is(x, "relation")) {
		b->kind = BOX_RELATION;
		return load_relation(l, x, n, b);
	}
	return bad(l, x, "the boxed expression <%s> is not supported", x->name);
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
	struct names none = {0};
	int rc = 0;

	t->name = trimmed(xml_attr(x, "name", ""));
	t->base = ref != NULL ? type_name(trimmed(ref->text)) : STR_LIT("");
	t->collection = strcmp(xml_attr(x, "isCollection", "false"), "true") == 0;
	if (allowed != NULL && text_of(allowed).n > 0)
		rc = compile(l, allowed, text_of(allowed), &none, true, &t->allowed);
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

static const char *href_of(const struct xml *requirement)
{
	for (const struct xml *c = requirement->child; c != NULL; c = c->next)
		if (strncmp(c->name, "required", 8) == 0) {
			const char *href = xml_attr(c, "href", ""), *hash = strrchr(href, '#');

			return hash != NULL ? hash + 1 : href;
		}
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

static int link_drg(struct loader *l, struct drg *d)
{
	for (int i = 0; i < d->needs; i++) {
		for (int k = 0; k < l->m->drgs; k++)
			if (strcmp(l->m->drg[k].id, d->need_id[i]) == 0)
				d->need[i] = &l->m->drg[k];
		if (d->need[i] == NULL)
			return bad(l, d->xml, "\"%s\" requires \"%s\", which is not in the file", d->label,
			        d->need_id[i]);
	}
	return 0;
}

static int find_cycle(struct loader *l, struct drg *d)
{
	if (d->mark == 2)
		return 0;
	if (d->mark == 1)
		return bad(l, d->xml, "\"%s\" requires itself, by way of others", d->label);
	d->mark = 1;
	for (int i = 0; i < d->needs; i++)
		if (find_cycle(l, d->need[i]) < 0)
			return ERR_INVALID;
	d->mark = 2;
	return 0;
}

static int load_drg(struct loader *l, struct drg *d)
{
	const struct xml *x = d->xml;
	struct names n = {0};
	int rc;

	for (int i = 0; i < d->needs; i++)
		push(l, &n, d->need[i]->name);
	if (d->kind == DRG_BKM) {
		const struct xml *logic = xml_child(x, "encapsulatedLogic");

		if (logic == NULL)
			return bad(l, x, "the business knowledge model has no encapsulatedLogic");
		push(l, &n, d->name); /* it may call itself */
		d->box = arena_alloc(l->m->a, sizeof(*d->box));
		d->box->kind = BOX_FUNCTION;
		d->box->line = logic->line;
		return load_function(l, logic, &n, d->box);
	}
	if (box_child(x) == NULL)
		return bad(l, x, "the decision \"%s\" has no expression", d->label);
	rc = load_box(l, box_child(x), &n, &d->box);
	return rc == 0 && d->box->kind == BOX_TABLE ? dmn__check_unique(l->m, d, d->box, l->e) : rc;
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
	                 count(root, "businessKnowledgeModel")),
	        sizeof(*m->drg));
	for (const struct xml *c = root->child; c != NULL; c = c->next) {
		if (is(c, "inputData"))
			read_drg(l, c, DRG_INPUT);
		else if (is(c, "decision"))
			read_drg(l, c, DRG_DECISION);
		else if (is(c, "businessKnowledgeModel"))
			read_drg(l, c, DRG_BKM);
	}
	for (int i = 0; i < m->drgs && rc == 0; i++)
		rc = link_drg(l, &m->drg[i]);
	for (int i = 0; i < m->drgs && rc == 0; i++)
		rc = find_cycle(l, &m->drg[i]);
	for (int i = 0; i < m->drgs && rc == 0; i++)
		if (m->drg[i].kind != DRG_INPUT)
			rc = load_drg(l, &m->drg[i]);
	return rc;
}

int dmn_load(struct str xml, const char *name, struct dmn_model **out, struct err *e)
{
	struct arena *a = arena_new(256 << 20);
	struct dmn_model *m = arena_alloc(a, sizeof(*m));
	struct err mine = ERR_INIT;
	struct loader l = {m, &mine};
	struct xml *root = NULL;
	int rc;

	m->a = a;
	m->file = arena_strdup(a, name);
	rc = doc_parse_xml(a, xml, name, &root, &mine);
	if (rc == 0)
		rc = load_model(&l, root);
	if (rc == 0 && arena_failed(a))
		rc = err_set(&mine, ERR_TOOBIG, "the model is too large");
	if (rc < 0) {
		if (e != NULL)
			*e = mine;
		arena_free(&a);
		return rc;
	}
	*out = m;
	return 0;
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
