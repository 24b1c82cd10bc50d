/*
 * graph - the requirements graph: inputs, decisions, business knowledge models and decision services, what
 * they require, and their logic.
 */
#include "dmn/load_int.h"

#define CHAIN_MAX 1000 /* of requirements, for the search for cycles */
#define NEEDS_MAX 1000 /* of one element; names are looked for one by one */

static const char *href_of(const struct xml *requirement)
{
	for (const struct xml *c = requirement->child; c != NULL; c = c->next)
		if (strncmp(c->name, "required", 8) == 0)
			return xml_attr(c, "href", "");
	return "";
}

static const char *plain(const char *href)
{
	return *href == '#' ? href + 1 : href;
}

static bool is_requirement(const struct xml *x)
{
	return dmn__is(x, "informationRequirement") || dmn__is(x, "knowledgeRequirement");
}

static void read_drg(struct loader *l, const struct xml *x, enum drg_kind kind)
{
	struct drg *d = &l->m->drg[l->m->drgs++];
	const struct xml *variable = xml_child(x, "variable");
	size_t n = (size_t)dmn__count(x, "informationRequirement") +
	           (size_t)dmn__count(x, "knowledgeRequirement");

	*d = (struct drg){.kind = kind,
	        .model = l->m,
	        .place = l->all->top->places++,
	        .id = xml_attr(x, "id", xml_attr(x, "name", "")),
	        .label = xml_attr(x, "name", ""),
	        .line = x->line,
	        .xml = x};
	d->name = variable != NULL ? dmn__trimmed(xml_attr(variable, "name", d->label))
	                           : dmn__trimmed(d->label);
	d->type = variable != NULL ? dmn__type_name(str_of(xml_attr(variable, "typeRef", ""))) : STR_LIT("");
	d->need = arena_array(l->m->a, n, sizeof(struct drg *));
	d->need_import = arena_array(l->m->a, n, sizeof(*d->need_import));
}

static int by_id(const void *a, const void *b)
{
	const struct drg *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static struct drg *find_id(const struct dmn_model *m, const char *id)
{
	struct drg key = {.id = id}, *p = &key;
	struct drg *const *found = bsearch(&p, m->sorted, (size_t)m->drgs, sizeof(struct drg *), by_id);

	return found != NULL ? *found : NULL;
}

static bool is_file(const char *file, struct str name)
{
	const char *slash = strrchr(file, '/');

	return str_is(name, slash != NULL ? slash + 1 : file);
}

/* What "#id", or "id" after the namespace or the file of a model that is imported, refers to; NULL if there
 * is none. *import is the name of the import. */
static struct drg *find_href(const struct dmn_model *m, const char *href, struct str *import)
{
	const char *hash = strrchr(href, '#'), *id = hash != NULL ? hash + 1 : href;
	struct str where = {href, hash != NULL ? (size_t)(hash - href) : 0};
	struct drg *found;

	*import = STR_LIT("");
	if (where.n == 0 || str_is(where, m->ns))
		return find_id(m, id);
	for (int i = 0; i < m->imports; i++) {
		if (!str_is(where, m->import[i].model->ns) && !is_file(m->import[i].model->file, where))
			continue;
		*import = m->import[i].name;
		found = find_id(m->import[i].model, id);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static int link_needs(struct loader *l, struct drg *d)
{
	if (dmn__count(d->xml, "informationRequirement") + dmn__count(d->xml, "knowledgeRequirement") >
	        NEEDS_MAX)
		return dmn__bad(l, d->xml, "\"%s\" requires more than %d elements", d->label, NEEDS_MAX);
	for (const struct xml *c = d->xml->child; c != NULL; c = c->next) {
		struct drg *to;

		if (!is_requirement(c))
			continue;
		to = find_href(l->m, href_of(c), &d->need_import[d->needs]);
		if (to != NULL)
			d->need[d->needs++] = to;
		else if (!l->m->lenient)
			return dmn__bad(l, d->xml, "\"%s\" requires \"%s\", which is not in the file",
			        d->label, plain(href_of(c)));
	}
	return 0;
}

/* Adds what the children of that name refer to. */
static int link_part(struct loader *l, struct drg *d, const char *part, struct drg **to, int *n)
{
	for (const struct xml *c = d->xml->child; c != NULL; c = c->next) {
		struct str import;

		if (!dmn__is(c, part))
			continue;
		to[*n] = find_href(l->m, xml_attr(c, "href", ""), &import);
		if (to[*n] == NULL && l->m->lenient)
			continue;
		if (to[*n] == NULL)
			return dmn__bad(l, c, "\"%s\" names \"%s\", which is not in the file", d->label,
			        plain(xml_attr(c, "href", "")));
		++*n;
	}
	return 0;
}

static int link_service(struct loader *l, struct drg *d)
{
	int n = dmn__count(d->xml, "inputData") + dmn__count(d->xml, "inputDecision"), rc;

	d->parameter = arena_array(l->m->a, (size_t)n, sizeof(struct drg *));
	d->output = arena_array(l->m->a, (size_t)dmn__count(d->xml, "outputDecision"), sizeof(struct drg *));
	rc = link_part(l, d, "inputData", d->parameter, &d->parameters);
	if (rc == 0)
		rc = link_part(l, d, "inputDecision", d->parameter, &d->parameters);
	if (rc == 0)
		rc = link_part(l, d, "outputDecision", d->output, &d->outputs);
	if (rc == 0 && d->outputs == 0 && !l->m->lenient)
		return dmn__bad(l, d->xml, "the decision service \"%s\" has no outputDecision", d->label);
	return rc;
}

static int link_all(struct loader *l)
{
	struct dmn_model *m = l->m;
	int rc = 0;

	m->sorted = arena_array(m->a, (size_t)m->drgs, sizeof(struct drg *));
	for (int i = 0; i < m->drgs; i++)
		m->sorted[i] = &m->drg[i];
	qsort(m->sorted, (size_t)m->drgs, sizeof(struct drg *), by_id);
	for (int i = 1; i < m->drgs && !m->lenient; i++)
		if (strcmp(m->sorted[i]->id, m->sorted[i - 1]->id) == 0)
			return dmn__bad(
			        l, m->sorted[i]->xml, "two elements have the id \"%s\"", m->sorted[i]->id);
	for (int k = 0; k < m->drgs && rc == 0; k++) {
		rc = link_needs(l, &m->drg[k]);
		if (rc == 0 && m->drg[k].kind == DRG_SERVICE)
			rc = link_service(l, &m->drg[k]);
	}
	return rc;
}

/* Leniently, the elements of a circle have no logic any more, and who closes it loses that requirement. */
static void mark_circle(struct drg *from, struct drg *to)
{
	for (; from != to; from = from->via)
		from->circular = true;
	to->circular = true;
}

static int find_cycle(struct loader *l, struct drg *d, int depth);

/* Goes on to what d refers to; *closes: that would close a circle. */
static int go_on(struct loader *l, struct drg *d, struct drg *to, int depth, bool *closes)
{
	*closes = l->m->lenient && to->mark == 1;
	if (*closes) {
		mark_circle(d, to);
		return 0;
	}
	to->via = d;
	return find_cycle(l, to, depth + 1);
}

static int find_cycle(struct loader *l, struct drg *d, int depth)
{
	int kept = 0, rc = 0;
	bool closes;

	if (d->mark == 2)
		return 0;
	if (d->mark == 1)
		return dmn__bad(l, d->xml, "\"%s\" requires itself, by way of others", d->label);
	if (depth > CHAIN_MAX)
		return dmn__bad(l, d->xml, "more than %d elements require each other in a row", CHAIN_MAX);
	d->mark = 1;
	for (int i = 0; i < d->needs && rc == 0; i++) {
		closes = false;
		if (!(d->kind == DRG_BKM && d->need[i] == d)) /* it may call itself */
			rc = go_on(l, d, d->need[i], depth, &closes);
		if (!closes) {
			d->need[kept] = d->need[i];
			d->need_import[kept++] = d->need_import[i];
		}
	}
	d->needs = kept;
	kept = 0;
	for (int i = 0; i < d->outputs && rc == 0; i++) {
		rc = go_on(l, d, d->output[i], depth, &closes);
		if (!closes)
			d->output[kept++] = d->output[i];
	}
	d->outputs = kept;
	d->mark = 2;
	return rc < 0 ? ERR_INVALID : 0;
}

/* The logic of an element that has none: null, and why. */
static struct box *broken(struct loader *l, const struct drg *d, const char *why)
{
	struct box *b = arena_alloc(l->m->a, sizeof(*b)), *function;

	*b = (struct box){.kind = BOX_BROKEN, .line = d->line, .why = arena_strdup(l->m->a, why)};
	if (d->kind != DRG_BKM)
		return b;
	function = arena_alloc(l->m->a, sizeof(*function));
	*function = (struct box){.kind = BOX_FUNCTION, .line = d->line, .result = b};
	return function;
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
	if (d->box->type.n == 0)
		d->box->type = d->type;
	rc = logic != NULL ? dmn__load_function(l, logic, n, d->box)
	                   : dmn__bad(l, d->xml, "the business knowledge model has no encapsulatedLogic");
	if (rc < 0 && l->m->lenient) {
		d->box->result = broken(l, d, l->e->text)->result;
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
	if (d->circular) {
		d->box = broken(l, d, "it requires itself, by way of others");
		return 0;
	}
	for (int i = 0; i < d->needs; i++)
		dmn__push(l, &n, d->need_import[i].n > 0 ? d->need_import[i] : d->need[i]->name);
	if (d->kind == DRG_BKM)
		return load_logic(l, d, &n);
	if (dmn__box_child(x) == NULL) {
		if (!l->m->lenient)
			return dmn__bad(l, x, "the decision \"%s\" has no expression", d->label);
		d->box = broken(l, d, "the decision has no expression");
		return 0;
	}
	return dmn__load_box(l, dmn__box_child(x), &n, &d->box);
}

int dmn__load_graph(struct loader *l, const struct xml *root)
{
	struct dmn_model *m = l->m;
	int rc;

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
