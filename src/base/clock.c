#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>

#define CLOCK_MAGIC 0x636c6f63u
/* Nobody waits longer at a stretch, so that adding it to the present cannot overflow. */
#define WAIT_MAX (365 * US_DAY)

struct clock {
	uint32_t magic;
	bool manual;
	uint64_t serial;     /* no two clocks of a process have the same */
	_Atomic int64_t now; /* manual only */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* now or pokes; waits on it measure by CLOCK_MONOTONIC */
	uint64_t pokes;         /* under lock */
};

/*
 * The poke that this thread has seen last, so that one which comes between looking at a queue and
 * waiting is not lost: the wait then returns at once. A thread that turns to another clock may be
 * woken once for nothing.
 */
static _Thread_local struct {
	uint64_t serial, pokes;
} seen;

static struct clock *clock_new(bool manual, time_us start)
{
	static _Atomic uint64_t last_serial;
	struct clock *c = xcalloc(1, sizeof(*c));
	pthread_condattr_t attr;

	c->magic = CLOCK_MAGIC;
	c->manual = manual;
	c->serial = atomic_fetch_add(&last_serial, 1) + 1;
	atomic_init(&c->now, start);
	must(pthread_mutex_init(&c->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&c->changed, &attr) == 0);
	pthread_condattr_destroy(&attr);
	return c;
}

struct clock *clock_new_real(void)
{
	return clock_new(false, 0);
}

struct clock *clock_new_manual(time_us start)
{
	return clock_new(true, start);
}

void clock_free(struct clock **pc)
{
	struct clock *c = *pc;

	if (!c)
		return;
	OBJ_CHECK(c, CLOCK_MAGIC);
	*pc = NULL;
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	c->magic = 0;
	free(c);
}

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	must(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * US_SECOND + ts.tv_nsec / 1000;
}

time_us clock_now(const struct clock *c)
{
	OBJ_CHECK(c, CLOCK_MAGIC);
	return c->manual ? atomic_load(&c->now) : read_us(CLOCK_REALTIME);
}

bool clock_is_manual(const struct clock *c)
{
	OBJ_CHECK(c, CLOCK_MAGIC);
	return c->manual;
}

void clock_set(struct clock *c, time_us t)
{
	OBJ_CHECK(c, CLOCK_MAGIC);
	must(c->manual);
	pthread_mutex_lock(&c->lock);
	if (t > atomic_load(&c->now)) {
		atomic_store(&c->now, t);
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
}

void clock_poke(struct clock *c)
{
	OBJ_CHECK(c, CLOCK_MAGIC);
	pthread_mutex_lock(&c->lock);
	c->pokes++;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void clock_wait(struct clock *c, time_us t, dur_us max_real_us)
{
	int64_t give_up;

	OBJ_CHECK(c, CLOCK_MAGIC);
	if (seen.serial != c->serial) {
		seen.serial = c->serial;
		seen.pokes = 0;
	}
	if (max_real_us < 0)
		max_real_us = 0;
	if (max_real_us > WAIT_MAX)
		max_real_us = WAIT_MAX;
	give_up = clock_monotonic() + max_real_us;

	pthread_mutex_lock(&c->lock);
	while (c->pokes == seen.pokes) {
		time_us now = clock_now(c);
		int64_t mono = clock_monotonic(), until = give_up;
		struct timespec ts;
		if (now >= t || mono >= give_up)
			break;
		if (!c->manual && t - now < give_up - mono)
			until = mono + (t - now);
		ts.tv_sec = (time_t)(until / US_SECOND);
		ts.tv_nsec = (long)(until % US_SECOND * 1000);
		pthread_cond_timedwait(&c->changed, &c->lock, &ts);
	}
	seen.pokes = c->pokes;
	pthread_mutex_unlock(&c->lock);
}

dur_us clock_monotonic(void)
{
	return read_us(CLOCK_MONOTONIC);
}
