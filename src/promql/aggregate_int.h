/*
 * aggregate_int - groups of series, which aggregate.c makes and tally.c adds up.
 */
#ifndef HEMING_PROMQL_AGGREGATE_INT_H
#define HEMING_PROMQL_AGGREGATE_INT_H

#include "promql/promql_int.h"

struct member {
	const struct labels *labels;
	bool drop_name;
};
struct groups {
	struct vec in; /* the operand's series; empty where they are rows */
	size_t members;
	uint32_t *of; /* which group a member belongs to */
	struct labels *labels;
	bool *drop_name;
	size_t n;
	size_t *first, *member; /* of group i: member[first[i]] … member[first[i + 1] - 1] */
};
/* All of *gr but `in`. False on failure. */
bool groups_make(struct eval *ev, const struct node *x, const struct member *in, size_t n, struct groups *gr);
static inline const double *member_column(const struct groups *gr, size_t m)
{
	return gr->in.s[gr->member[m]].v;
}

/* ---- sum, avg and their like (tally.c): aggregates below AGG_TOPK ---- */

/* Evaluates the operand of x. True: it was added up into *out as it was read (or the evaluation has failed);
 * else it is in *in. */
bool tally_operand(
        struct eval *ev, const struct node *x, const struct grid *g, struct vec *in, struct vec *out);
void tally_groups(
        struct eval *ev, enum aggregate agg, const struct grid *g, const struct groups *gr, struct vec *out);

#endif
