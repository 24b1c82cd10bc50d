#include "base/work.h"

#include "base/thread.h"

#define WORK_MAGIC 0x3043b001u

struct job {
	struct job *next;
	void (*f)(void *arg);
	void *arg;
};

struct line {
	struct job *head, **tail;
};

struct work {
	uint32_t magic;
	bool closing;
	int threads, slow_most, slow_now;
	size_t queued, limit;
	struct line quick, slow;
	pthread_t *thread;
	pthread_mutex_t lock;
	pthread_cond_t filled;
};

static void put(struct line *l, struct job *j)
{
	*l->tail = j;
	l->tail = &j->next;
}

static struct job *take(struct line *l)
{
	struct job *j = l->head;
	if (j) {
		l->head = j->next;
		if (l->head == NULL)
			l->tail = &l->head;
	}
	return j;
}

/* With the lock held. Quick jobs go first; a slow one only while few of its kind run. */
static struct job *next(struct work *w, bool *slow)
{
	struct job *j = take(&w->quick);
	*slow = false;
	if (j == NULL && w->slow_now < w->slow_most) {
		j = take(&w->slow);
		*slow = j != NULL;
	}
	return j;
}

static void *run(void *arg)
{
	struct work *w = arg;
	bool slow;
	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct job *j = next(w, &slow);
		if (j == NULL) {
			/* Slow jobs that wait for their turn are run by those who run slow jobs now. */
			if (w->closing)
				break;
			pthread_cond_wait(&w->filled, &w->lock);
			continue;
		}
		w->queued--;
		w->slow_now += slow;
		pthread_mutex_unlock(&w->lock);
		j->f(j->arg);
		free(j);
		pthread_mutex_lock(&w->lock);
		w->slow_now -= slow;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct work *work_new(int threads, size_t queue_limit)
{
	struct work *w = xcalloc(1, sizeof(*w));
	must(threads > 0);
	w->magic = WORK_MAGIC;
	w->threads = threads;
	w->slow_most = threads > 1 ? threads / 2 : 1; /* a lone thread must run them too */
	w->limit = queue_limit;
	w->quick.tail = &w->quick.head;
	w->slow.tail = &w->slow.head;
	must(pthread_mutex_init(&w->lock, NULL) == 0);
	must(pthread_cond_init(&w->filled, NULL) == 0);
	w->thread = xcalloc((size_t)threads, sizeof(*w->thread));
	for (int i = 0; i < threads; i++)
		thread_start(&w->thread[i], "work", run, w);
	return w;
}

void work_free(struct work **wp)
{
	struct work *w = *wp;
	if (w == NULL)
		return;
	OBJ_CHECK(w, WORK_MAGIC);
	*wp = NULL;
	pthread_mutex_lock(&w->lock);
	w->closing = true;
	pthread_cond_broadcast(&w->filled);
	pthread_mutex_unlock(&w->lock);
	for (int i = 0; i < w->threads; i++)
		pthread_join(w->thread[i], NULL);
	must(w->queued == 0);
	pthread_cond_destroy(&w->filled);
	pthread_mutex_destroy(&w->lock);
	free(w->thread);
	w->magic = 0;
	free(w);
}

bool work_submit(struct work *w, bool slow, void (*f)(void *arg), void *arg)
{
	OBJ_CHECK(w, WORK_MAGIC);
	struct job *j = xcalloc(1, sizeof(*j));
	*j = (struct job){.f = f, .arg = arg};
	pthread_mutex_lock(&w->lock);
	bool taken = !w->closing && w->queued < w->limit;
	if (taken) {
		put(slow ? &w->slow : &w->quick, j);
		w->queued++;
	}
	pthread_mutex_unlock(&w->lock);
	/* Not under the lock, which the thread takes as soon as it has woken up. */
	if (taken)
		pthread_cond_signal(&w->filled);
	else
		free(j);
	return taken;
}
