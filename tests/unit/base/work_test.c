#include "base/work.h"

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

static _Atomic int ran;

static void count(void *arg)
{
	atomic_fetch_add(&ran, *(int *)arg);
}

TEST(runs_what_was_queued_before_it_ends)
{
	struct work *w = work_new(3, 1000);
	int one = 1, hundred = 100;
	atomic_store(&ran, 0);
	for (int i = 0; i < 50; i++) {
		check(work_submit(w, false, count, &one));
		check(work_submit(w, true, count, &hundred));
	}
	work_free(&w);
	check(w == NULL);
	check_eq_i(ran, 5050);
}

/* Jobs that wait at a gate until it is opened. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	int inside;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void shut_gate(void)
{
	gate.open = false;
	gate.inside = 0;
}

static void wait_at_gate(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&gate.lock);
	gate.inside++;
	pthread_cond_broadcast(&gate.changed);
	while (!gate.open)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static void wait_inside(int n)
{
	pthread_mutex_lock(&gate.lock);
	while (gate.inside < n)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static void open_gate(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&gate.lock);
	gate.open = true;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

/* Were slow jobs to take all threads, nobody would open the gate. */
TEST(slow_jobs_leave_room_for_quick_ones)
{
	struct work *w = work_new(4, 100);
	shut_gate();
	for (int i = 0; i < 10; i++)
		check(work_submit(w, true, wait_at_gate, NULL));
	wait_inside(2);
	check(work_submit(w, false, open_gate, NULL));
	work_free(&w);
	check_eq_i(gate.inside, 10);
}

TEST(one_thread_has_another_for_slow_jobs)
{
	struct work *w = work_new(1, 10);
	int one = 1;
	atomic_store(&ran, 0);
	check(work_submit(w, true, count, &one));
	work_free(&w);
	check_eq_i(ran, 1);
}

TEST(refuses_past_its_limit)
{
	struct work *w = work_new(1, 2);
	int one = 1;
	shut_gate();
	atomic_store(&ran, 0);
	check(work_submit(w, false, wait_at_gate, NULL));
	wait_inside(1);
	check(work_submit(w, false, count, &one));
	check(work_submit(w, false, count, &one));
	check(!work_submit(w, false, count, &one));
	check(!work_submit(w, true, count, &one));
	open_gate(NULL);
	work_free(&w);
	check_eq_i(ran, 2);
}
