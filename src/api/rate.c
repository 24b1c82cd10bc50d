#include "api/rate.h"

#include "base/digest.h"
#include "base/id.h"

#include <pthread.h>

#define SLOTS 4096

struct rate {
	pthread_mutex_t lock;
	uint64_t seed;
	dur_us burst, refill;
	dur_us full[SLOTS]; /* when the bucket would be full again */
};

struct rate *rate_new(int burst, dur_us refill)
{
	struct rate *r = xcalloc(1, sizeof(*r));

	must(burst > 0 && refill > 0);
	must(pthread_mutex_init(&r->lock, NULL) == 0);
	random_bytes(&r->seed, sizeof(r->seed));
	r->burst = burst * refill;
	r->refill = refill;
	return r;
}

void rate_free(struct rate **r)
{
	if (*r == NULL)
		return;
	pthread_mutex_destroy(&(*r)->lock);
	free(*r);
	*r = NULL;
}

dur_us rate_take(struct rate *r, const char *name, dur_us now)
{
	dur_us *full = &r->full[hash64(name, strlen(name), r->seed) % SLOTS], wait;

	pthread_mutex_lock(&r->lock);
	if (*full < now)
		*full = now;
	wait = *full + r->refill - (now + r->burst);
	if (wait <= 0)
		*full += r->refill;
	pthread_mutex_unlock(&r->lock);
	return wait > 0 ? wait : 0;
}
