/*
 * small - many small pieces of memory that come one by one and stay for long: without a header each, side by
 * side in the order in which they came, so that who walks through them in that order finds them in the cache.
 *
 * What is given back is kept for pieces of the same size (in steps of 8 bytes) and never leaves before
 * small_fini. Larger pieces are the heap's.
 *
 * Ownership: whoever takes a piece remembers its size. Threads: none of its own. Never fails: memory of the
 * process.
 */
#ifndef HEMING_SMALL_H
#define HEMING_SMALL_H

#include "base/base.h"

#define SMALL_MOST_B 256

struct small {
	char *at, *end; /* free part of the newest chunk */
	void **chunk;
	size_t chunks, cap;
	size_t chunk_b;                    /* of the newest */
	void *given[SMALL_MOST_B / 8 + 1]; /* by eights of bytes; each piece begins with the next one */
};
#define SMALL_INIT ((struct small){0})

/* Aligned to 8 bytes, holding whatever lay there. n may be 0. */
void *small_take(struct small *s, size_t n);
void small_give(struct small *s, void *p, size_t n);
/* All pieces but those of more than SMALL_MOST_B bytes. */
void small_fini(struct small *s);

#endif
