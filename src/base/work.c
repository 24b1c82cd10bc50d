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

enum { QUICK, SLOW, KINDS };

/* Threads that run one kind of jobs. */
struct gang {
	struct work *w;
	struct line line;
	pthread_cond_t filled;
	pthread_t *thread;
	int threads;
};

struct work {
	uint32_t magic;
	bool closing;
	size_t queued, limit;
	struct gang gang[KINDS];
	pthread_mutex_t lock;
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

static void *run(void *arg)
{
	struct gang *g = arg;
	struct work *w = g->w;
	struct job *j;

	if (g == &w->gang[SLOW])
		thread_yield_to_others();
	pthread_mutex_lock(&w->lock);
	while ((j = take(&g->line)) || !w->closing) {
		if (j == NULL) {
			pthread_cond_wait(&g->filled, &w->lock);
			continue;
		}
		w->queued--;
		pthread_mutex_unlock(&w->lock);
		j->f(j->arg);
		free(j);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void start(struct work *w, int kind, const char *name, int threads)
{
	struct gang *g = &w->gang[kind];

	*g = (struct gang){.w = w, .threads = threads};
	g->line.tail = &g->line.head;
	must(pthread_cond_init(&g->filled, NULL) == 0);
	g->thread = xcalloc((size_t)threads, sizeof(*g->thread));
	for (int i = 0; i < threads; i++)
		thread_start(&g->thread[i], name, run, g);
}

struct work *work_new(int threads, size_t queue_limit)
{
	struct work *w = xcalloc(1, sizeof(*w));

	must(threads > 0);
	w->magic = WORK_MAGIC;
	w->limit = queue_limit;
	must(pthread_mutex_init(&w->lock, NULL) == 0);
	start(w, QUICK, "work", threads);
	start(w, SLOW, "slow work", (threads + 1) / 2);
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
	for (int k = 0; k < KINDS; k++)
		pthread_cond_broadcast(&w->gang[k].filled);
	pthread_mutex_unlock(&w->lock);
	for (int k = 0; k < KINDS; k++) {
		struct gang *g = &w->gang[k];

		for (int i = 0; i < g->threads; i++)
			pthread_join(g->thread[i], NULL);
		pthread_cond_destroy(&g->filled);
		free(g->thread);
	}
	must(w->queued == 0);
	pthread_mutex_destroy(&w->lock);
	w->magic = 0;
	free(w);
}

bool work_submit(struct work *w, bool slow, void (*f)(void *arg), void *arg)
{
	OBJ_CHECK(w, WORK_MAGIC);
	struct job *j = xcalloc(1, sizeof(*j));
	*j = (struct job){.f = f, .arg = arg};
	struct gang *g = &w->gang[slow ? SLOW : QUICK];
	pthread_mutex_lock(&w->lock);
	bool taken = !w->closing && w->queued < w->limit;
	if (taken) {
		put(&g->line, j);
		w->queued++;
	}
	pthread_mutex_unlock(&w->lock);
	/* Not under the lock, which the thread takes as soon as it has woken up. */
	if (taken)
		pthread_cond_signal(&g->filled);
	else
		free(j);
	return taken;
}
