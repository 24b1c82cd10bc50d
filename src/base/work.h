/*
 * work - a few threads that run jobs, so that no query runs on a connection's thread.
 *
 * Slow jobs have threads of their own, half as many, which give way to all others: a wall of reports leaves
 * room for a click and for what comes in. The queue is bounded; a full one refuses, so that the door can say
 * "busy".
 */
#ifndef HEMING_WORK_H
#define HEMING_WORK_H

#include "base/base.h"

struct work;

/* `threads`, and half as many for slow jobs. */
struct work *work_new(int threads, size_t queue_limit);
/* Runs what is queued, then ends the threads. */
void work_free(struct work **w);
/* False when the queue is full or closing. f(arg) runs once, on some worker. */
MUST_USE bool work_submit(struct work *w, bool slow, void (*f)(void *arg), void *arg);

#endif
