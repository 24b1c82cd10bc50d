/*
 * load - a model from its XML: types, requirements, boxed expressions. The model's arena has no budget,
 * so nothing here asks for NULL; what bounds it is the size of the text.
 */
#include "dmn/load_int.h"

#include <stdarg.h>

#define TEXT_MAX (8 << 20)
#define CHAIN_MAX 1000 /* of requirements, for the search for cycles */

int dmn__bad(struct loader *l, const struct xml *x, const char *fmt, ...)
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

void dmn__push(struct loader *l, struct names *n, struct str name)
{
	n->name = arena_grow(l->m->a, n->name, &n->cap, n->n + 1, sizeof(*n->name));
	n->name[n->n++] = name;
}

bool dmn__is(const struct xml *x, const char *name)
{
	return strcmp(x->name, name) == 0;
}

struct str dmn__trimmed(const char *s)
{
	return str_trim(str_of(s));
}

/* "feel:number", "tns:tLoan", "number": prefixes name the file's own namespaces. */
struct str dmn__type_name(struct str s)
{
	const char *colon = s.n > 0 ? memchr(s.p, ':', s.n) : NULL;

	s = str_trim(s);
	if (colon != NULL)
		s = (struct str){colon + 1, (size_t)(s.p + s.n - colon) - 1};
	return s;
}

struct str dmn__text_of(const struct xml *x)
{
	const struct xml *t = xml_child(x, "text");

	return t != NULL ? dmn__trimmed(t->text) : STR_LIT("");
}

int dmn__compile(struct loader *l, const struct xml *x, struct str text, const struct names *n, bool tests,
        const struct feel_expr **out)
{
	struct feel_names names = {n->name, (int)n->n, l->m->member, l->m->members};
	struct feel_expr *f = NULL;
	struct err e = ERR_INIT;
	int rc = tests ? feel_compile_tests(l->m->a, text, &names, &f, &e)
	               : feel_compile(l->m->a, text, &names, &f, &e);

	if (rc < 0) {
		const struct xml *t = xml_child(x, "text");

		dmn__bad(l, x, "\"" STR_FMT "\" cannot be read: %s", (int)(text.n < 120 ? text.n : 120),
		        text.p, e.text);
		return err_at(l->e, NULL, (t != NULL ? t : x)->line + (e.line > 0 ? e.line - 1 : 0), e.column,
		        NULL);
	}
	*out = f;
	return 0;
}

int dmn__count(const struct xml *x, const char *name)
{
	int n = 0;

	for (const struct xml *c = x->child; c != NULL; c = c->next)
		n += dmn__is(c, name);
	return n;
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

	t->name = dmn__trimmed(xml_attr(x, "name", ""));
	t->base = ref != NULL ? dmn__type_name(dmn__trimmed(ref->text)) : STR_LIT("");
	t->collection = strcmp(xml_attr(x, "isCollection", "false"), "true") == 0;
	t->function = xml_child(x, "functionItem") != NULL;
	if (allowed != NULL && dmn__text_of(allowed).n > 0)
		rc = dmn__compile(l, allowed, dmn__text_of(allowed), &none, true, &t->allowed);
	if (rc == 0 && constraint != NULL && dmn__text_of(constraint).n > 0)
		rc = dmn__compile(l, constraint, dmn__text_of(constraint), &none, true, &t->constraint);
	if (rc < 0 && l->m->lenient) {
		*l->e = (struct err)ERR_INIT;
		rc = 0;
	}
	t->component = arena_array(l->m->a, (size_t)dmn__count(x, "itemComponent"), sizeof(*t->component));
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next)
		if (dmn__is(c, "itemComponent")) {
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
		if (dmn__is(c, "itemDefinition")) {
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
	d->name = variable != NULL ? dmn__trimmed(xml_attr(variable, "name", d->label))
	                           : dmn__trimmed(d->label);
	d->type = variable != NULL ? dmn__type_name(str_of(xml_attr(variable, "typeRef", ""))) : STR_LIT("");
	n = dmn__count(x, "informationRequirement") + dmn__count(x, "knowledgeRequirement");
	d->need = arena_array(l->m->a, (size_t)n, sizeof(struct drg *));
	d->need_id = arena_array(l->m->a, (size_t)n, sizeof(const char *));
	for (const struct xml *c = x->child; c != NULL; c = c->next)
		if (dmn__is(c, "informationRequirement") || dmn__is(c, "knowledgeRequirement"))
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
		if (!dmn__is(c, part))
			continue;
		to[*n] = find_id(sorted, l->m->drgs, id_in(xml_attr(c, "href", "")));
		if (to[*n] == NULL)
			return dmn__bad(l, c, "\"%s\" names \"%s\", which is not in the file", d->label,
			        xml_attr(c, "href", ""));
		++*n;
	}
	return 0;
}

static int link_service(struct loader *l, struct drg *const *sorted, struct drg *d)
{
	int n = dmn__count(d->xml, "inputData") + dmn__count(d->xml, "inputDecision"), rc;

	d->parameter = arena_array(l->m->a, (size_t)n, sizeof(struct drg *));
	d->output = arena_array(l->m->a, (size_t)dmn__count(d->xml, "outputDecision"), sizeof(struct drg *));
	rc = link_part(l, sorted, d, "inputData", d->parameter, &d->parameters);
	if (rc == 0)
		rc = link_part(l, sorted, d, "inputDecision", d->parameter, &d->parameters);
	if (rc == 0)
		rc = link_part(l, sorted, d, "outputDecision", d->output, &d->outputs);
	if (rc == 0 && d->outputs == 0)
		return dmn__bad(l, d->xml, "the decision service \"%s\" has no outputDecision", d->label);
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
			return dmn__bad(l, sorted[i]->xml, "two elements have the id \"%s\"", sorted[i]->id);
	for (int k = 0; k < m->drgs && rc == 0; k++) {
		struct drg *d = &m->drg[k];

		for (int i = 0; i < d->needs; i++) {
			d->need[i] = find_id(sorted, m->drgs, d->need_id[i]);
			if (d->need[i] == NULL)
				return dmn__bad(l, d->xml, "\"%s\" requires \"%s\", which is not in the file",
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
		return dmn__bad(l, d->xml, "\"%s\" requires itself, by way of others", d->label);
	if (depth > CHAIN_MAX)
		return dmn__bad(l, d->xml, "more than %d elements require each other in a row", CHAIN_MAX);
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

	dmn__push(l, n, d->name); /* it may call itself */
	d->box = arena_alloc(l->m->a, sizeof(*d->box));
	d->box->kind = BOX_FUNCTION;
	d->box->line = d->line;
	d->box->type = logic != NULL ? dmn__type_name(str_of(xml_attr(logic, "typeRef", ""))) : STR_LIT("");
	rc = logic != NULL ? dmn__load_function(l, logic, n, d->box)
	                   : dmn__bad(l, d->xml, "the business knowledge model has no encapsulatedLogic");
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
		dmn__push(l, &n, d->need[i]->name);
	if (d->kind == DRG_BKM)
		return load_logic(l, d, &n);
	if (dmn__box_child(x) == NULL) {
		if (!l->m->lenient)
			return dmn__bad(l, x, "the decision \"%s\" has no expression", d->label);
		d->box = arena_alloc(l->m->a, sizeof(*d->box));
		*d->box = (struct box){
		        .kind = BOX_BROKEN, .line = d->line, .why = "the decision has no expression"};
		return 0;
	}
	return dmn__load_box(l, dmn__box_child(x), &n, &d->box);
}

static int load_model(struct loader *l, const struct xml *root)
{
	struct dmn_model *m = l->m;
	int rc;

	if (!dmn__is(root, "definitions") || strstr(root->ns, "/DMN/") == NULL)
		return dmn__bad(
		        l, root, "this is no DMN file: its root is not <definitions> of the DMN namespace");
	if (xml_child(root, "import") != NULL)
		return dmn__bad(l, xml_child(root, "import"), "imports are not supported");
	m->name = arena_strdup(m->a, xml_attr(root, "name", ""));
	rc = load_types(l, root);
	if (rc < 0)
		return rc;
	m->drg = arena_array(m->a,
	        (size_t)(dmn__count(root, "inputData") + dmn__count(root, "decision") +
	                 dmn__count(root, "businessKnowledgeModel") + dmn__count(root, "decisionService")),
	        sizeof(*m->drg));
	for (const struct xml *c = root->child; c != NULL; c = c->next) {
		if (dmn__is(c, "inputData"))
			read_drg(l, c, DRG_INPUT);
		else if (dmn__is(c, "decision"))
			read_drg(l, c, DRG_DECISION);
		else if (dmn__is(c, "businessKnowledgeModel"))
			read_drg(l, c, DRG_BKM);
		else if (dmn__is(c, "decisionService"))
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
