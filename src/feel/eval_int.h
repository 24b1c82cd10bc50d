/*
 * eval_int - what the files of the evaluation share.
 */
#ifndef HEMING_FEEL_EVAL_INT_H
#define HEMING_FEEL_EVAL_INT_H

#include "feel/feel_int.h"

#define FEEL__NESTING_MAX 3000

/* run.c */
void feel__past_limit(struct feel_run *r, int code, const char *words);

/* eval.c */
const struct feel_value *feel__in_context(const struct feel_value *c, struct str name);
const struct feel_value *feel__lookup(const struct feel_frame *f, struct str name);
/* Tests of literals against a number or a text, without the rest of an evaluation: 1, 0; -1: ask
 * feel__eval_test. */
int feel__literal_test(const struct feel_node *x, const struct feel_value *input);
int feel__eval_test(struct feel_run *r, const struct feel_node *x, const struct feel_frame *f,
        const struct feel_value *input);
struct feel_value feel__eval(struct feel_run *r, const struct feel_node *x, const struct feel_frame *f);

/* iterate.c */
struct feel_value feel__member(struct feel_run *r, const struct feel_node *x, const struct feel_value *of);
struct feel_value feel__eval_filter(
        struct feel_run *r, const struct feel_node *x, const struct feel_frame *f);
struct feel_value feel__eval_iteration(
        struct feel_run *r, const struct feel_node *x, const struct feel_frame *f);

/* call.c */
struct feel_value feel__eval_function(
        struct feel_run *r, const struct feel_node *x, const struct feel_frame *f);
struct feel_value feel__builtin_value(struct feel_run *r, const struct feel_builtin *b);
struct feel_value feel__eval_call(struct feel_run *r, const struct feel_node *x, const struct feel_frame *f);

/* type.c */
struct feel_value feel__conform(
        struct feel_run *r, const struct feel_type_ref *t, const struct feel_value *v);

static inline bool step(struct feel_run *r)
{
	if (r->rc < 0)
		return false;
	if (UNLIKELY(r->steps-- == 0)) {
		r->steps = 0;
		feel__past_limit(r, ERR_UNPROCESSED, "the evaluation takes more steps than allowed");
		return false;
	}
	return true;
}

static inline bool deeper(struct feel_run *r)
{
	if (UNLIKELY(r->depth >= FEEL__NESTING_MAX)) {
		feel__past_limit(r, ERR_UNPROCESSED,
		        "the evaluation nests too deeply; does a function call itself without end?");
		return false;
	}
	r->depth++;
	return true;
}

static inline int truth(const struct feel_value *v)
{
	return v->type == FEEL_BOOL ? v->boolean : -1;
}

static inline struct feel_value three(int truth)
{
	return truth < 0 ? FEEL_NULL_VALUE : feel_bool(truth);
}

#endif
