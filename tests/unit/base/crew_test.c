#include "check.h"

#include "base/crew.h"

#include <pthread.h>
#include <stdatomic.h>

#define PIECES 10000

struct pile {
	_Atomic int times[PIECES];
	_Atomic int by[CREW_MOST], at_once[CREW_MOST];
	_Atomic bool clash;
	bool cancel;
	size_t cancel_at;
};

static void piece(void *ctx, size_t i, int hand)
{
	struct pile *p = ctx;

	if (atomic_fetch_add(&p->at_once[hand], 1) != 0)
		atomic_store(&p->clash, true);
	atomic_fetch_add(&p->times[i], 1);
	atomic_fetch_add(&p->by[hand], 1);
	if (i == p->cancel_at)
		__atomic_store_n(&p->cancel, true, __ATOMIC_RELAXED);
	atomic_fetch_sub(&p->at_once[hand], 1);
}

static void check_all_once(struct pile *p, size_t n)
{
	bool once = true;

	for (size_t i = 0; i < PIECES; i++)
		once = once && atomic_load(&p->times[i]) == (i < n);
	check(once);
	check(!atomic_load(&p->clash));
}

TEST(every_piece_is_done_once_however_many_hands_there_are)
{
	static const size_t counts[] = {0, 1, 7, 8, 9, 1000, PIECES};

	for (int hands = -1; hands < CREW_MOST; hands += 4) {
		struct crew *c = hands >= 0 ? crew_new(hands) : NULL;

		for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
			struct pile *p = xcalloc(1, sizeof(*p));

			p->cancel_at = PIECES;
			if (i % 2 == 1)
				crew_call(c);
			crew_run(c, counts[i], 8, &p->cancel, piece, p);
			check_all_once(p, counts[i]);
			free(p);
		}
		crew_free(&c);
	}
}

static void *ask(void *arg)
{
	struct crew *c = arg;

	for (int i = 0; i < 50; i++) {
		struct pile *p = xcalloc(1, sizeof(*p));

		p->cancel_at = PIECES;
		crew_run(c, PIECES, 16, NULL, piece, p);
		check_all_once(p, PIECES);
		free(p);
	}
	return NULL;
}

TEST(many_callers_share_the_hands)
{
	struct crew *c = crew_new(3);
	pthread_t t[4];

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		must(pthread_create(&t[i], NULL, ask, c) == 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	crew_free(&c);
}

TEST(what_is_cancelled_ends_before_its_pieces_do)
{
	struct crew *c = crew_new(2);
	struct pile *p = xcalloc(1, sizeof(*p));
	int done = 0;

	p->cancel_at = 0;
	crew_run(c, PIECES, 1, &p->cancel, piece, p);
	for (size_t i = 0; i < PIECES; i++)
		done += atomic_load(&p->times[i]);
	check(done >= 1 && atomic_load(&p->times[0]) == 1);
	crew_run(c, PIECES, 1, &p->cancel, piece, p);
	for (size_t i = 0; i < PIECES; i++)
		done -= atomic_load(&p->times[i]);
	check(done == 0);
	free(p);
	crew_free(&c);
}
