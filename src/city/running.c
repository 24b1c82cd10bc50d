#include "city/running.h"

void runs_init(struct runs *r)
{
	r->first = NULL;
	must(pthread_mutex_init(&r->lock, NULL) == 0);
}

void runs_fini(struct runs *r)
{
	must(r->first == NULL);
	pthread_mutex_destroy(&r->lock);
}

void runs_begin(struct runs *r, struct running *x, int64_t id)
{
	*x = (struct running){.id = id};
	pthread_mutex_lock(&r->lock);
	x->next = r->first;
	r->first = x;
	pthread_mutex_unlock(&r->lock);
}

void runs_end(struct runs *r, struct running *x)
{
	struct running **at = &r->first;

	pthread_mutex_lock(&r->lock);
	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	pthread_mutex_unlock(&r->lock);
}

static int each(struct runs *r, int64_t id, bool stop)
{
	int n = 0;

	pthread_mutex_lock(&r->lock);
	for (struct running *x = r->first; x != NULL; x = x->next) {
		if (x->id != id)
			continue;
		n++;
		if (stop)
			__atomic_store_n(&x->stop, true, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&r->lock);
	return n;
}

int runs_stop(struct runs *r, int64_t id)
{
	return each(r, id, true);
}

int runs_count(struct runs *r, int64_t id)
{
	return each(r, id, false);
}
