/*
 * A query polls a flag; one thread raises the flags of those that have taken too long. It sleeps until the
 * first of them is due, and is not woken for one that is due later: most begin and end while it sleeps.
 */
#include "api/api_int.h"
#include "base/thread.h"

struct deadlines {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	struct deadline *first;
	dur_us wakes; /* when the thread looks by itself */
	bool closing, raised;
};

static void wait_until(struct deadlines *d, dur_us at)
{
	struct timespec t = {.tv_sec = (time_t)(at / US_SECOND), .tv_nsec = (long)(at % US_SECOND) * 1000};

	if (at == INT64_MAX)
		pthread_cond_wait(&d->changed, &d->lock);
	else
		(void)pthread_cond_timedwait(&d->changed, &d->lock, &t);
}

static void *run(void *arg)
{
	struct deadlines *d = arg;

	pthread_mutex_lock(&d->lock);
	while (!d->closing) {
		dur_us now = clock_monotonic(), next = INT64_MAX;

		for (struct deadline *x = d->first; x != NULL; x = x->next) {
			if (x->at <= now)
				__atomic_store_n(&x->raised, true, __ATOMIC_RELAXED);
			else if (x->at < next)
				next = x->at;
		}
		d->wakes = next;
		wait_until(d, next);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

struct deadlines *deadlines_new(void)
{
	struct deadlines *d = xcalloc(1, sizeof(*d));
	pthread_condattr_t attr;

	must(pthread_mutex_init(&d->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&d->changed, &attr) == 0);
	pthread_condattr_destroy(&attr);
	thread_start(&d->thread, "deadlines", run, d);
	return d;
}

void deadlines_free(struct deadlines **dp)
{
	struct deadlines *d = *dp;

	if (d == NULL)
		return;
	*dp = NULL;
	pthread_mutex_lock(&d->lock);
	d->closing = true;
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	must(d->first == NULL);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void deadlines_raise(struct deadlines *d)
{
	pthread_mutex_lock(&d->lock);
	d->raised = true;
	for (struct deadline *x = d->first; x != NULL; x = x->next)
		__atomic_store_n(&x->raised, true, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&d->lock);
}

void deadline_begin(struct deadlines *d, struct deadline *x, dur_us within)
{
	*x = (struct deadline){.at = clock_monotonic() + within};
	pthread_mutex_lock(&d->lock);
	x->raised = d->raised;
	x->next = d->first;
	x->prev = &d->first;
	if (x->next != NULL)
		x->next->prev = &x->next;
	d->first = x;
	if (x->at < d->wakes)
		pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

void deadline_end(struct deadlines *d, struct deadline *x)
{
	pthread_mutex_lock(&d->lock);
	*x->prev = x->next;
	if (x->next != NULL)
		x->next->prev = x->prev;
	pthread_mutex_unlock(&d->lock);
}
