/*
 * crew - a few threads that lend a hand: many like pieces of one caller's work are done by it and by them.
 *
 * The caller works, too, and waits for what others have begun, not for the threads: one that comes late on a
 * busy machine finds nothing to do. Hands give way to all other threads. Several callers share the hands;
 * however many they are, no more threads than these work beside them. Who does which piece is chance: what
 * comes out must not depend on it.
 */
#ifndef HEMING_CREW_H
#define HEMING_CREW_H

#include "base/base.h"

#define CREW_MOST 16 /* hands, and the caller, whose number is 0 */

struct crew;

/* hands: 0 … CREW_MOST - 1; with 0 of them callers do everything. */
struct crew *crew_new(int hands);
/* Nobody works with it any more. */
void crew_free(struct crew **c);
/* Work will come very soon: hands that sleep wake up and wait a moment for it. */
void crew_call(struct crew *c);
/*
 * Calls one(ctx, i, hand) once for every i below n, `share` of them at once, in no order. `hand` is below
 * CREW_MOST and no two calls at a time have the same. When `cancel`, polled if not NULL, is raised, pieces
 * that nobody has begun are left out. Not from within a piece. c NULL: the caller does everything.
 */
void crew_run(struct crew *c, size_t n, size_t share, const bool *cancel,
        void (*one)(void *ctx, size_t i, int hand), void *ctx);

#endif
