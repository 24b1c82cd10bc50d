/*
 * tree - makes the nodes of an expression's tree.
 */
#include "feel/parse_int.h"

typedef struct feel_node node;

node *feel__make(struct parser *p, enum feel_node_kind kind, const char *at)
{
	node *x = arena_alloc(p->a, sizeof(*x));

	if (!x)
		return feel__no_memory(p);
	x->kind = (uint8_t)kind;
	feel__position(p, at, &x->line, &x->column);
	return x;
}

void feel__add_kid(struct parser *p, node *x, node *kid)
{
	if (!x || !kid || p->rc < 0)
		return;
	/* doubled at powers of two */
	if ((x->n & (x->n - 1)) == 0) {
		node **more = arena_array(p->a, x->n ? (size_t)x->n * 2 : 1, sizeof(*more));

		if (!more) {
			feel__no_memory(p);
			return;
		}
		if (x->n)
			memcpy(more, x->kid, (size_t)x->n * sizeof(*more));
		x->kid = more;
	}
	x->kid[x->n++] = kid;
}

void feel__add_name(struct parser *p, node *x, struct str name)
{
	if (!x || p->rc < 0)
		return;
	if ((x->names_n & (x->names_n - 1)) == 0) {
		struct str *more = arena_array(p->a, x->names_n ? (size_t)x->names_n * 2 : 1, sizeof(*more));

		if (!more) {
			feel__no_memory(p);
			return;
		}
		if (x->names_n)
			memcpy(more, x->names, (size_t)x->names_n * sizeof(*more));
		x->names = more;
	}
	x->names[x->names_n++] = name;
}

node *feel__make2(struct parser *p, enum feel_node_kind kind, const char *at, node *a, node *b)
{
	node *x = feel__make(p, kind, at);

	feel__add_kid(p, x, a);
	feel__add_kid(p, x, b);
	return p->rc < 0 ? NULL : x;
}

bool feel__enter(struct parser *p)
{
	if (p->rc < 0)
		return false;
	if (++p->depth > FEEL__DEPTH_MAX) {
		feel__fail_at(p, p->p, "nested deeper than %d levels; split the expression", FEEL__DEPTH_MAX);
		return false;
	}
	return true;
}

node *feel__leave(struct parser *p, node *x)
{
	p->depth--;
	return p->rc < 0 ? NULL : x;
}

node *feel__constant(struct parser *p, const char *at, struct feel_value v)
{
	node *x = feel__make(p, N_CONST, at);

	if (x)
		x->value = v;
	return x;
}
