/*
 * id - 63-bit identifiers that carry the node which made them.
 *
 * 41 bits of milliseconds since 2020-01-01Z, 10 bits of node, 12 bits of sequence: they sort by
 * time of making. JSON carries them as text, since a JavaScript number has only 53 bits.
 */
#ifndef HEMING_ID_H
#define HEMING_ID_H

#include "base/clock.h"

struct id_source;

/* node 0…1023. The clock is borrowed. Any thread may call id_next. */
struct id_source *id_source_new(int node, const struct clock *c);
void id_source_free(struct id_source **s);
/* Strictly increasing, even when the clock stands still or goes back. */
int64_t id_next(struct id_source *s);
/* Makes later ids larger than `seen` (after a restart under a manual clock). */
void id_source_raise(struct id_source *s, int64_t seen);
int id_node(int64_t id);
time_us id_time(int64_t id);

/* Hex text of n random bytes from the system; out holds 2n+1. */
void random_hex(size_t n, char *out);
void random_bytes(void *p, size_t n);

#endif
