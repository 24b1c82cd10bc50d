/*
 * intern - byte strings by small numbers: the first that comes is 0, the same again is the same number.
 *
 * Nothing is ever taken out. {0} is empty. Texts that are handed back are valid until the next intern().
 */
#ifndef HEMING_INTERN_H
#define HEMING_INTERN_H

#include "base/sb.h"

struct interned;
struct intern {
	struct sb bytes;
	struct interned *v;
	size_t cap;
	uint32_t *at; /* open addressing: number + 1, 0 free */
	uint32_t n, places;
};
#define INTERN_NONE UINT32_MAX

uint32_t intern(struct intern *t, struct str s);
uint32_t intern_find(const struct intern *t, struct str s); /* INTERN_NONE if it never came */
struct str intern_str(const struct intern *t, uint32_t no); /* with a NUL behind it */
size_t intern_bytes(const struct intern *t);                /* memory that it takes */
void intern_reset(struct intern *t);                        /* empty again; keeps the memory */
void intern_fini(struct intern *t);

#endif
