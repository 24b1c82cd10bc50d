#include "check.h"

#include "base/clock.h"

#include <pthread.h>

TEST(real_clock_follows_the_system)
{
	struct clock *c = clock_new_real();
	time_us a = clock_now(c), b = (time_us)time(NULL) * US_SECOND;

	check(!clock_is_manual(c));
	check(a - b > -2 * US_SECOND && a - b < 2 * US_SECOND);
	clock_wait(c, a, US_HOUR);                   /* is past already */
	clock_wait(c, INT64_MAX, 0);                 /* no time to wait */
	clock_wait(c, INT64_MAX, INT64_MIN);         /* nor less than none */
	clock_wait(c, clock_now(c) + 1000, US_HOUR); /* a millisecond */
	check(clock_now(c) >= a);
	clock_free(&c);
	check(c == NULL);
	clock_free(&c);
}

TEST(manual_clock_stands_still_and_never_goes_back)
{
	struct clock *c = clock_new_manual(100);

	check(clock_is_manual(c));
	check_eq_i(clock_now(c), 100);
	clock_set(c, 200);
	check_eq_i(clock_now(c), 200);
	clock_set(c, 150);
	check_eq_i(clock_now(c), 200);
	clock_wait(c, 200, US_HOUR);
	clock_free(&c);
}

struct waiter {
	struct clock *c;
	time_us until;
	time_us saw;
};

static void *wait_until(void *arg)
{
	struct waiter *w = arg;

	while (clock_now(w->c) < w->until)
		clock_wait(w->c, w->until, US_HOUR);
	w->saw = clock_now(w->c);
	return NULL;
}

TEST(setting_wakes_all_waiters)
{
	struct clock *c = clock_new_manual(0);
	struct waiter w[4];
	pthread_t t[4];

	for (int i = 0; i < 4; i++) {
		w[i] = (struct waiter){.c = c, .until = 72 * US_HOUR + i};
		check_eq_i(pthread_create(&t[i], NULL, wait_until, &w[i]), 0);
	}
	clock_set(c, US_HOUR);
	clock_set(c, 73 * US_HOUR);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		check_eq_i(w[i].saw, 73 * US_HOUR);
	}
	clock_free(&c);
}

/* A poke between looking and waiting is not lost: without that, this would hang for an hour. */
TEST(a_poke_before_the_wait_counts)
{
	struct clock *c = clock_new_manual(0), *other = clock_new_manual(0);

	clock_wait(c, 0, 0);
	clock_poke(c);
	clock_wait(c, US_HOUR, US_HOUR);
	clock_poke(c);
	clock_poke(c);
	clock_wait(c, US_HOUR, US_HOUR);
	clock_wait(c, US_HOUR, 1000); /* both pokes are used up */
	clock_wait(other, US_HOUR, 1000);
	check_eq_i(clock_now(c), 0);
	clock_free(&c);
	clock_free(&other);
}

static void set_real(void *arg)
{
	clock_set(arg, 5);
}

TEST(a_real_clock_cannot_be_set)
{
	struct clock *c = clock_new_real();

	check_panics(set_real, c);
	clock_free(&c);
}

TEST(monotonic_never_goes_back)
{
	dur_us last = clock_monotonic();

	for (int i = 0; i < 1000; i++) {
		dur_us now = clock_monotonic();
		check(now >= last);
		last = now;
	}
}
