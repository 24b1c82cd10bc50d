/*
 * snappy - Google's Snappy, block format, by libsnappy.
 */
#ifndef HEMING_SNAPPY_H
#define HEMING_SNAPPY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"

/* At most max_b bytes out: a bomb is ERR_TOOBIG and costs nothing, what is torn or of another form is
 * ERR_INVALID. */
MUST_USE int unsnappy(struct arena *a, struct str in, size_t max_b, struct str *out, struct err *e);
/* Appends the packed form. */
void snappy_put(struct sb *b, struct str in);

#endif
