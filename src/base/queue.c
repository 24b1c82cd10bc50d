#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define QUEUE_MAGIC 0x9e0e0001u

struct queue {
	uint32_t magic;
	bool closed;
	int waiting; /* consumers asleep: nobody is woken when there is none */
	size_t limit;
	_Atomic size_t length; /* written under the lock, read by queue_length without it */
	struct queue_node *head, **tail;
	pthread_mutex_t lock;
	pthread_cond_t filled;
};

struct queue *queue_new(size_t limit)
{
	struct queue *q = xcalloc(1, sizeof(*q));
	pthread_condattr_t attr;
	q->magic = QUEUE_MAGIC;
	q->limit = limit;
	q->tail = &q->head;
	must(pthread_mutex_init(&q->lock, NULL) == 0);
	/* Waits are of real time: a step of the system's clock must not lengthen them. */
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&q->filled, &attr) == 0);
	pthread_condattr_destroy(&attr);
	return q;
}

void queue_free(struct queue **qp)
{
	struct queue *q = *qp;
	if (q == NULL)
		return;
	OBJ_CHECK(q, QUEUE_MAGIC);
	must(q->head == NULL && q->waiting == 0);
	*qp = NULL;
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->lock);
	q->magic = 0;
	free(q);
}

bool queue_push(struct queue *q, struct queue_node *n)
{
	OBJ_CHECK(q, QUEUE_MAGIC);
	n->next = NULL;
	pthread_mutex_lock(&q->lock);
	size_t length = atomic_load_explicit(&q->length, memory_order_relaxed);
	bool taken = !q->closed && length < q->limit;
	bool wake = false;
	if (taken) {
		*q->tail = n;
		q->tail = &n->next;
		atomic_store_explicit(&q->length, length + 1, memory_order_relaxed);
		wake = q->waiting > 0;
	}
	/* Under the lock: a consumer may free the queue as soon as it has the last message. */
	if (wake)
		pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
	return taken;
}

static struct timespec deadline(dur_us wait)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(wait / US_SECOND);
	t.tv_nsec += (long)(wait % US_SECOND) * 1000;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000L;
	}
	return t;
}

/* With the lock held: true when there is a message. */
static bool wait_filled(struct queue *q, dur_us wait)
{
	if (q->head || wait == 0 || q->closed)
		return q->head != NULL;
	struct timespec until = {0};
	if (wait > 0)
		until = deadline(wait);
	q->waiting++;
	while (q->head == NULL && !q->closed) {
		if (wait < 0)
			pthread_cond_wait(&q->filled, &q->lock);
		else if (pthread_cond_timedwait(&q->filled, &q->lock, &until) == ETIMEDOUT)
			break;
	}
	q->waiting--;
	return q->head != NULL;
}

struct queue_node *queue_pop(struct queue *q, dur_us wait)
{
	struct queue_node *n = NULL;
	OBJ_CHECK(q, QUEUE_MAGIC);
	pthread_mutex_lock(&q->lock);
	if (wait_filled(q, wait)) {
		n = q->head;
		q->head = n->next;
		if (q->head == NULL)
			q->tail = &q->head;
		n->next = NULL;
		atomic_fetch_sub_explicit(&q->length, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&q->lock);
	return n;
}

struct queue_node *queue_take_all(struct queue *q, dur_us wait)
{
	struct queue_node *n = NULL;
	OBJ_CHECK(q, QUEUE_MAGIC);
	pthread_mutex_lock(&q->lock);
	if (wait_filled(q, wait)) {
		n = q->head;
		q->head = NULL;
		q->tail = &q->head;
		atomic_store_explicit(&q->length, 0, memory_order_relaxed);
	}
	pthread_mutex_unlock(&q->lock);
	return n;
}

void queue_close(struct queue *q)
{
	OBJ_CHECK(q, QUEUE_MAGIC);
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

size_t queue_length(const struct queue *q)
{
	OBJ_CHECK(q, QUEUE_MAGIC);
	return atomic_load_explicit(&q->length, memory_order_relaxed);
}
