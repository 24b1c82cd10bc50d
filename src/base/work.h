/*
 * work - a few threads that run jobs, so that no query runs on a connection's thread.
 *
 * Slow jobs never take more than half of the threads: a wall of reports leaves room for a click.
 * The queue is bounded; a full one refuses, so that the door can say "busy".
 */
#ifndef HEMING_WORK_H
#define HEMING_WORK_H

#include "base/base.h"

struct work;

struct work *work_new(int threads, size_t queue_limit);
/* Runs what is queued, then ends the threads. */
void work_free(struct work **w);
/* False when the queue is full or closing. f(arg) runs once, on some worker. */
MUST_USE bool work_submit(struct work *w, bool slow, void (*f)(void *arg), void *arg);

#endif
