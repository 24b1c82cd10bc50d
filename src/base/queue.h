/*
 * queue - messages between threads: many producers, one or more consumers, first in first out.
 *
 * The message is any struct that embeds `struct queue_node`; the queue owns nothing. Bounded: a
 * full queue makes queue_push fail, so that the sender can say so.
 */
#ifndef HEMING_QUEUE_H
#define HEMING_QUEUE_H

#include "base/time.h"

struct queue_node {
	struct queue_node *next;
};
struct queue;

struct queue *queue_new(size_t limit);
void queue_free(struct queue **q); /* must be empty */
/* False when full or closed. */
MUST_USE bool queue_push(struct queue *q, struct queue_node *n);
/* Waits up to `wait` real microseconds (-1: for ever) for a message; NULL at time-out or when closed and
 * empty. */
struct queue_node *queue_pop(struct queue *q, dur_us wait);
/* All that are there now, as a list in order; NULL if none. Waits as queue_pop. */
struct queue_node *queue_take_all(struct queue *q, dur_us wait);
void queue_close(struct queue *q); /* pushes fail from now on; waiters wake */
size_t queue_length(const struct queue *q);

#endif
