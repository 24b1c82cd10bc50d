/*
 * builtin - how the built-in functions look at their arguments: a list of one is its element where
 * an element is asked for; null or another type gives null and a note.
 */
#ifndef HEMING_FEEL_BUILTIN_H
#define HEMING_FEEL_BUILTIN_H

#include "feel/feel_int.h"

/* NULL and a note unless the argument has the type. */
const struct feel_value *feel__arg(struct feel_run *r, const struct feel_value *v, enum feel_type type);
/* A whole number of the range of int. */
bool feel__arg_int(struct feel_run *r, const struct feel_value *v, int *out);
/* A list: itself, or one of one element; false for null. */
bool feel__arg_list(struct feel_run *r, const struct feel_value *v, struct feel_list *out);
/* The list of "one list or many arguments". */
bool feel__arg_many(struct feel_run *r, const struct feel_value *arg, int n, struct feel_list *out);
/* Copies into the arena of the run; null past the budget. */
struct feel_value feel__text(struct feel_run *r, const char *p, size_t n);
/* Counts a unit of work; false past the limit. */
bool feel__work(struct feel_run *r, size_t steps);

#define NONE FEEL_NULL_VALUE

#endif
