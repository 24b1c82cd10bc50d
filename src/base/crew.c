#include "base/crew.h"

#include "base/clock.h"
#include "base/thread.h"

#include <stdatomic.h>

#define MOMENT 100 /* us that a hand waits awake for what it was called for */
#define CREW_MAGIC 0xc4e30001u

struct job { /* on its caller's stack */
	struct job *next;
	void (*one)(void *ctx, size_t i, int hand);
	void *ctx;
	const bool *cancel;
	size_t n, share;
	_Atomic size_t at;
	int inside; /* hands that work on it */
	pthread_cond_t left;
};

struct hand {
	struct crew *c;
	int number;
	pthread_t thread;
};
struct crew {
	uint32_t magic;
	int hands;
	struct hand hand[CREW_MOST];
	pthread_mutex_t lock; /* all that follows */
	pthread_cond_t wake;
	struct job *jobs;
	_Atomic bool any; /* there is a job; to look at without the lock */
	bool closing;
	uint64_t calls;
};

static bool cancelled(const struct job *j)
{
	return j->cancel != NULL && __atomic_load_n(j->cancel, __ATOMIC_RELAXED);
}

static void take(struct job *j, int hand)
{
	size_t from;

	while ((from = atomic_fetch_add(&j->at, j->share)) < j->n && !cancelled(j)) {
		size_t to = from + j->share < j->n ? from + j->share : j->n;

		for (size_t i = from; i < to; i++)
			j->one(j->ctx, i, hand);
	}
}

/* With the lock held. One that has pieces left. */
static struct job *open_job(const struct crew *c)
{
	struct job *j = c->jobs;

	while (j != NULL && (atomic_load(&j->at) >= j->n || cancelled(j)))
		j = j->next;
	return j;
}

static void await(const struct crew *c)
{
	dur_us until = clock_monotonic() + MOMENT;

	while (!atomic_load_explicit(&c->any, memory_order_relaxed) && clock_monotonic() < until)
		for (int i = 0; i < 50; i++)
			__asm__ volatile("" ::: "memory");
}

static void *work(void *arg)
{
	struct hand *h = arg;
	struct crew *c = h->c;
	uint64_t seen = 0;

	thread_yield_to_others();
	pthread_mutex_lock(&c->lock);
	while (!c->closing) {
		struct job *j = open_job(c);

		if (j != NULL) {
			j->inside++;
			pthread_mutex_unlock(&c->lock);
			take(j, h->number);
			pthread_mutex_lock(&c->lock);
			if (--j->inside == 0)
				pthread_cond_signal(&j->left);
		} else if (c->calls != seen) {
			seen = c->calls;
			pthread_mutex_unlock(&c->lock);
			await(c);
			pthread_mutex_lock(&c->lock);
		} else {
			pthread_cond_wait(&c->wake, &c->lock);
		}
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

struct crew *crew_new(int hands)
{
	struct crew *c = xcalloc(1, sizeof(*c));

	must(hands >= 0 && hands < CREW_MOST);
	c->magic = CREW_MAGIC;
	c->hands = hands;
	must(pthread_mutex_init(&c->lock, NULL) == 0);
	must(pthread_cond_init(&c->wake, NULL) == 0);
	for (int i = 0; i < hands; i++) {
		c->hand[i] = (struct hand){.c = c, .number = i + 1};
		thread_start(&c->hand[i].thread, "crew", work, &c->hand[i]);
	}
	return c;
}

void crew_free(struct crew **cp)
{
	struct crew *c = *cp;

	if (c == NULL)
		return;
	OBJ_CHECK(c, CREW_MAGIC);
	*cp = NULL;
	pthread_mutex_lock(&c->lock);
	must(c->jobs == NULL);
	c->closing = true;
	pthread_cond_broadcast(&c->wake);
	pthread_mutex_unlock(&c->lock);
	for (int i = 0; i < c->hands; i++)
		pthread_join(c->hand[i].thread, NULL);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	c->magic = 0;
	free(c);
}

void crew_call(struct crew *c)
{
	if (c == NULL || c->hands == 0)
		return;
	pthread_mutex_lock(&c->lock);
	c->calls++;
	pthread_mutex_unlock(&c->lock);
	pthread_cond_broadcast(&c->wake);
}

static void open_to_all(struct crew *c, struct job *j)
{
	pthread_mutex_lock(&c->lock);
	j->next = c->jobs;
	c->jobs = j;
	atomic_store(&c->any, true);
	pthread_mutex_unlock(&c->lock);
	pthread_cond_broadcast(&c->wake); /* not under the lock, which the hands take next */
}

static void close_and_wait(struct crew *c, struct job *j)
{
	struct job **at = &c->jobs;

	pthread_mutex_lock(&c->lock);
	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	atomic_store(&c->any, c->jobs != NULL);
	while (j->inside > 0)
		pthread_cond_wait(&j->left, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

void crew_run(struct crew *c, size_t n, size_t share, const bool *cancel,
        void (*one)(void *ctx, size_t i, int hand), void *ctx)
{
	struct job j = {.one = one, .ctx = ctx, .cancel = cancel, .n = n, .share = share};

	must(share > 0);
	if (c == NULL || c->hands == 0 || n <= share) {
		take(&j, 0);
		return;
	}
	must(pthread_cond_init(&j.left, NULL) == 0);
	open_to_all(c, &j);
	take(&j, 0);
	close_and_wait(c, &j);
	pthread_cond_destroy(&j.left);
}
