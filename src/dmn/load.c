/*
 * load - a model from its XML: types, requirements, boxed expressions. The model's arena has no budget,
 * so nothing here asks for NULL; what bounds it is the size of the text.
 */
#include "dmn/load_int.h"

#include <stdarg.h>

#define TEXT_MAX (8 << 20)
#define MODELS_MAX 100 /* imported by one, by whatever way */
#define MEMBERS_MAX 10000

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

/* "feel:number", "tns:tLoan", "{http://…}number": prefixes name the file's own namespaces. */
struct str dmn__type_name(struct str s)
{
	const char *end;

	s = str_trim(s);
	if (s.n == 0)
		return s;
	end = *s.p == '{' ? memchr(s.p, '}', s.n) : memchr(s.p, ':', s.n);
	if (end != NULL)
		s = (struct str){end + 1, (size_t)(s.p + s.n - end) - 1};
	return s;
}

struct str dmn__text_of(const struct xml *x)
{
	const struct xml *t = xml_child(x, "text");

	return t != NULL ? dmn__trimmed(t->text) : STR_LIT("");
}

struct place {
	struct loader *l;
	int line; /* of the text's begin */
};

/* A name that means nothing is null when it is evaluated; most often it was mistyped. */
static void note_unknown(void *ctx, struct str name, int line, int column)
{
	const struct place *p = ctx;
	struct dmn_model *m = p->l->m;

	(void)column;
	m->mistake = arena_grow(
	        m->a, m->mistake, &p->l->mistake_cap, (size_t)m->mistakes + 1, sizeof(*m->mistake));
	m->mistake[m->mistakes++] = (struct dmn_mistake){
	        p->line + line - 1, arena_printf(m->a, "\"%s\": there is no \"" STR_FMT "\" here",
	                                    p->l->d != NULL ? p->l->d->label : m->name, STR_ARG(name))};
}

int dmn__compile(struct loader *l, const struct xml *x, struct str text, const struct names *n, bool tests,
        const struct feel_expr **out)
{
	struct feel_names names = {n->name, (int)n->n, l->m->member, l->m->members};
	struct feel_expr *f = NULL;
	struct err e = ERR_INIT;
	const struct xml *t = xml_child(x, "text");
	int rc = tests ? feel_compile_tests(l->m->a, text, &names, &f, &e)
	               : feel_compile(l->m->a, text, &names, &f, &e);

	if (rc < 0) {
		dmn__bad(l, x, "\"" STR_FMT "\" cannot be read: %s", (int)(text.n < 120 ? text.n : 120),
		        text.p, e.text);
		return err_at(l->e, NULL, (t != NULL ? t : x)->line + (e.line > 0 ? e.line - 1 : 0), e.column,
		        NULL);
	}
	*out = f;
	feel_unknown_names(f, note_unknown, &(struct place){l, (t != NULL ? t : x)->line});
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

/* Names that the parser must be told of. */
static int add_member(struct loader *l, const struct xml *x, struct str name)
{
	struct dmn_model *m = l->m;

	if (feel_is_plain_name(name))
		return 0;
	if (m->members == MEMBERS_MAX)
		return dmn__bad(l, x, "more than %d names with marks in them", MEMBERS_MAX);
	m->member = arena_grow(m->a, m->member, &l->member_cap, (size_t)m->members + 1, sizeof(*m->member));
	m->member[m->members++] = name;
	return 0;
}

static void load_function_type(const struct xml *x, struct dmn_type *t)
{
	t->function = true;
	t->result = dmn__type_name(str_of(xml_attr(x, "outputTypeRef", "")));
	t->parameters = dmn__count(x, "parameters");
	for (const struct xml *c = x->child; c != NULL; c = c->next) /* an element before DMN 1.4 */
		if (dmn__is(c, "outputTypeRef"))
			t->result = dmn__type_name(dmn__trimmed(c->text));
}

/* siblings: the names of the components that it stands among; its tests may speak of them. */
static int load_type(struct loader *l, const struct xml *x, const struct names *siblings, struct dmn_type *t)
{
	const struct xml *ref = xml_child(x, "typeRef"), *allowed = xml_child(x, "allowedValues");
	const struct xml *constraint = xml_child(x, "typeConstraint");
	struct names components = {0};
	int rc = 0;

	t->name = dmn__trimmed(xml_attr(x, "name", ""));
	t->model = l->m;
	t->base = ref != NULL ? dmn__type_name(dmn__trimmed(ref->text)) : STR_LIT("");
	t->collection = strcmp(xml_attr(x, "isCollection", "false"), "true") == 0;
	if (xml_child(x, "functionItem") != NULL)
		load_function_type(xml_child(x, "functionItem"), t);
	if (allowed != NULL && dmn__text_of(allowed).n > 0)
		rc = dmn__compile(l, allowed, dmn__text_of(allowed), siblings, true, &t->allowed);
	if (rc == 0 && constraint != NULL && dmn__text_of(constraint).n > 0)
		rc = dmn__compile(l, constraint, dmn__text_of(constraint), siblings, true, &t->constraint);
	if (rc < 0 && l->m->lenient) {
		*l->e = (struct err)ERR_INIT;
		rc = 0;
	}
	t->component = arena_array(l->m->a, (size_t)dmn__count(x, "itemComponent"), sizeof(*t->component));
	for (const struct xml *c = x->child; c != NULL; c = c->next)
		if (dmn__is(c, "itemComponent"))
			dmn__push(l, &components, dmn__trimmed(xml_attr(c, "name", "")));
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next)
		if (dmn__is(c, "itemComponent")) {
			rc = load_type(l, c, &components, &t->component[t->components]);
			if (rc == 0)
				rc = add_member(l, c, t->component[t->components++].name);
		}
	return rc;
}

static int load_types(struct loader *l, const struct xml *root)
{
	const struct names none = {0};
	int rc = 0;

	for (const struct xml *c = root->child; c != NULL && rc == 0; c = c->next)
		if (dmn__is(c, "itemDefinition")) {
			struct dmn_type *t = arena_alloc(l->m->a, sizeof(*t));

			rc = load_type(l, c, &none, t);
			t->next = l->m->type;
			l->m->type = t;
		}
	return rc;
}

/* ---- imports ---- */

static int load_model(struct loader *l, const struct xml *root);

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* The file of that namespace, else the one of that name; each is parsed at most once. -1: none. */
static int find_source(struct loading *all, const char *ns, const char *location)
{
	for (int i = 0; i < all->sources; i++) {
		struct err e = ERR_INIT;

		if (all->root[i] == NULL && all->source[i].xml.n <= TEXT_MAX &&
		        doc_parse_xml(
		                all->top->a, all->source[i].xml, all->source[i].name, &all->root[i], &e) < 0)
			continue; /* whoever gave it is told of it when it is loaded for itself */
		if (all->root[i] != NULL && *ns != 0 &&
		        strcmp(xml_attr(all->root[i], "namespace", ""), ns) == 0)
			return i;
	}
	for (int i = 0; *location != 0 && i < all->sources; i++)
		if (all->root[i] != NULL && strcmp(last_part(all->source[i].name), last_part(location)) == 0)
			return i;
	return -1;
}

/* Each import has a model of its own, even if two name the same file: its inputs may differ by the way. */
static int load_import(struct loader *l, const struct xml *x)
{
	struct loading *all = l->all;
	const char *ns = xml_attr(x, "namespace", ""), *location = xml_attr(x, "locationURI", "");
	struct dmn_model *m = arena_alloc(l->m->a, sizeof(*m));
	struct loader inner = {.m = m, .e = l->e, .all = all};
	int source = find_source(all, ns, location), rc = 0;

	if (source < 0)
		return dmn__bad(l, x, "it imports \"%s\", which is not among the files", ns);
	*m = (struct dmn_model){.a = l->m->a,
	        .file = arena_strdup(l->m->a, all->source[source].name),
	        .lenient = l->m->lenient,
	        .up = l->m,
	        .path = dmn__trimmed(xml_attr(x, "name", ""))};
	for (const struct dmn_model *up = l->m; up != NULL; up = up->up)
		if (strcmp(up->file, m->file) == 0)
			return dmn__bad(l, x, "it imports \"%s\", which imports it", ns);
	if (all->top->alls >= MODELS_MAX)
		return dmn__bad(l, x, "more than %d models are imported", MODELS_MAX);
	if (load_model(&inner, all->root[source]) < 0)
		return ERR_INVALID;
	l->m->import = arena_grow(
	        l->m->a, l->m->import, &l->import_cap, (size_t)l->m->imports + 1, sizeof(*l->m->import));
	l->m->import[l->m->imports++] = (struct dmn_import){m->path, m};
	for (int i = 0; i < m->drgs && rc == 0; i++)
		rc = add_member(l, x, m->drg[i].name);
	for (int i = 0; i < m->members && rc == 0; i++)
		rc = add_member(l, x, m->member[i]);
	return rc;
}

static int load_imports(struct loader *l, const struct xml *root)
{
	int rc = 0;

	for (const struct xml *c = root->child; c != NULL && rc == 0; c = c->next) {
		if (!dmn__is(c, "import"))
			continue;
		rc = strstr(xml_attr(c, "importType", ""), "/DMN/") != NULL
		             ? load_import(l, c)
		             : dmn__bad(l, c, "imports of DMN models are read, not of %s",
		                       xml_attr(c, "importType", "what has no importType"));
		if (rc < 0 && l->m->lenient) {
			*l->e = (struct err)ERR_INIT;
			rc = 0;
		}
	}
	return rc;
}

static int load_model(struct loader *l, const struct xml *root)
{
	struct dmn_model *m = l->m, *top = l->all->top;
	int rc;

	if (!dmn__is(root, "definitions") || strstr(root->ns, "/DMN/") == NULL)
		return dmn__bad(
		        l, root, "this is no DMN file: its root is not <definitions> of the DMN namespace");
	m->name = arena_strdup(m->a, xml_attr(root, "name", ""));
	m->ns = arena_strdup(m->a, xml_attr(root, "namespace", ""));
	top->all = arena_grow(m->a, top->all, &l->all->cap, (size_t)top->alls + 1, sizeof(*top->all));
	top->all[top->alls++] = m;
	rc = load_imports(l, root);
	if (rc == 0)
		rc = load_types(l, root);
	return rc == 0 ? dmn__load_graph(l, root) : rc;
}

/* ---- the doors ---- */

int dmn_load(struct str xml, const char *name, const struct dmn_options *options, struct dmn_model **out,
        struct err *e)
{
	struct arena *a = arena_new(0);
	struct dmn_model *m = arena_alloc(a, sizeof(*m));
	struct err mine = ERR_INIT;
	struct loading all = {.top = m};
	struct loader l = {.m = m, .e = &mine, .all = &all};
	struct xml *root = NULL;
	int rc;

	m->a = a;
	m->file = arena_strdup(a, name);
	if (options != NULL) {
		m->lenient = options->lenient;
		all.source = options->source;
		all.sources = options->sources;
	}
	all.root = arena_array(a, (size_t)all.sources, sizeof(struct xml *));
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
