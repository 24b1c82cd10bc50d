/* load_table - a decision table from its XML. */
#include "dmn/load_int.h"

#define COLUMNS_MAX 1000

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
		return dmn__bad(l, x, "\"%s\" is no hit policy", hit);
	known = false;
	for (size_t i = 0; i < ARRAY_LEN(aggregations); i++)
		if (strcmp(aggregations[i], agg) == 0) {
			b->aggregation = (enum aggregation)i;
			known = true;
		}
	return known ? 0 : dmn__bad(l, x, "\"%s\" is no aggregation", agg);
}

static int load_input(struct loader *l, const struct xml *x, struct names *n, struct table_input *in)
{
	const struct xml *expr = xml_child(x, "inputExpression"), *values = xml_child(x, "inputValues");
	int rc;

	if (expr == NULL)
		return dmn__bad(l, x, "an input needs an inputExpression");
	in->text = dmn__text_of(expr);
	in->type = dmn__type_name(str_of(xml_attr(expr, "typeRef", "")));
	rc = dmn__compile(l, expr, in->text, n, false, &in->expr);
	if (rc == 0 && values != NULL && dmn__text_of(values).n > 0) {
		in->values_text = dmn__text_of(values);
		rc = dmn__compile(l, values, in->values_text, n, true, &in->values);
	}
	return rc;
}

/* Splits at commas outside of quotes, brackets and parentheses: the values of an output, in order of
 * priority. */
static int load_priorities(struct loader *l, const struct xml *x, struct names *n, struct table_output *out)
{
	struct str text = dmn__text_of(x), part = text;
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
			if (dmn__compile(l, x, part, n, true, &out->priority[out->priorities]) < 0)
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

	out->name = dmn__trimmed(xml_attr(x, "name", ""));
	out->type = dmn__type_name(str_of(xml_attr(x, "typeRef", "")));
	if (values != NULL)
		rc = load_priorities(l, values, n, out);
	if (rc == 0 && dflt != NULL && dmn__text_of(dflt).n > 0)
		rc = dmn__compile(l, dflt, dmn__text_of(dflt), n, false, &out->dflt);
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
		struct str text = dmn__text_of(c);

		if (dmn__is(c, "inputEntry")) {
			if (in == b->inputs)
				return dmn__bad(l, x,
				        "the rule has more input entries than the table has inputs (%d)",
				        b->inputs);
			r->in_text[in] = text.n > 0 ? text : STR_LIT("-");
			rc = dmn__compile(l, c, r->in_text[in], n, true, &r->in[in]);
			in++;
		} else if (dmn__is(c, "outputEntry")) {
			if (out == b->outputs)
				return dmn__bad(l, x,
				        "the rule has more output entries than the table has outputs (%d)",
				        b->outputs);
			r->out_text[out] = text;
			rc = dmn__compile(l, c, text.n > 0 ? text : STR_LIT("null"), n, false, &r->out[out]);
			out++;
		}
	}
	if (rc == 0 && (in != b->inputs || out != b->outputs))
		return dmn__bad(l, x,
		        "the rule has %d input and %d output entries, the table %d and %d columns", in, out,
		        b->inputs, b->outputs);
	return rc;
}

int dmn__load_table(struct loader *l, const struct xml *x, struct names *n, struct box *b)
{
	int rc = load_policy(l, x, b), rule = 0;

	if (dmn__count(x, "input") > COLUMNS_MAX || dmn__count(x, "output") > COLUMNS_MAX)
		return dmn__bad(l, x, "a table has at most %d inputs and as many outputs", COLUMNS_MAX);
	b->input = arena_array(l->m->a, (size_t)dmn__count(x, "input"), sizeof(*b->input));
	b->output = arena_array(l->m->a, (size_t)dmn__count(x, "output"), sizeof(*b->output));
	b->rule = arena_array(l->m->a, (size_t)dmn__count(x, "rule"), sizeof(*b->rule));
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next) {
		if (dmn__is(c, "input"))
			rc = load_input(l, c, n, &b->input[b->inputs++]);
		else if (dmn__is(c, "output"))
			rc = load_output(l, c, n, &b->output[b->outputs++]);
	}
	if (rc == 0 && b->outputs == 0)
		return dmn__bad(l, x, "the table has no output");
	for (int i = 0; rc == 0 && b->outputs > 1 && i < b->outputs; i++)
		if (b->output[i].name.n == 0)
			return dmn__bad(l, x, "of several outputs each needs a name");
	for (int i = 0; rc == 0 && i < b->outputs; i++)
		for (int k = 0; k < i; k++)
			if (str_eq(b->output[i].name, b->output[k].name))
				return dmn__bad(l, x, "two outputs are named \"" STR_FMT "\"",
				        STR_ARG(b->output[i].name));
	for (const struct xml *c = x->child; c != NULL && rc == 0; c = c->next)
		if (dmn__is(c, "rule")) {
			rc = load_rule(l, c, n, b, &b->rule[rule++]);
			b->rules = rule;
		}
	return rc == 0 && !l->m->lenient ? dmn__check_unique(l->d, b, l->e) : rc;
}
