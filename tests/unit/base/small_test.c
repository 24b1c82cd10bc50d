#include "base/small.h"
#include "check.h"

TEST(pieces_keep_what_was_put_into_them)
{
	enum { PIECES = 3000, STEPS = 60000 };
	struct small s = SMALL_INIT;
	static struct piece {
		uint8_t *p, with;
		size_t n;
	} x[PIECES];

	for (int step = 0; step < STEPS; step++) {
		struct piece *q = &x[test_below(PIECES)];

		for (size_t i = 0; q->p != NULL && i < q->n; i++)
			if (!check_eq_u(q->p[i], q->with))
				return;
		if (q->p != NULL) {
			small_give(&s, q->p, q->n);
			q->p = NULL;
			continue;
		}
		q->n = test_below(step % 50 == 0 ? 2 * SMALL_MOST_B : 40);
		q->with = (uint8_t)step;
		q->p = small_take(&s, q->n);
		check_eq_u((uintptr_t)q->p % 8, 0);
		memset(q->p, q->with, q->n);
	}
	for (int i = 0; i < PIECES; i++)
		if (x[i].p != NULL)
			small_give(&s, x[i].p, x[i].n);
	small_fini(&s);
}

TEST(what_was_given_back_is_used_again)
{
	struct small s = SMALL_INIT;
	size_t chunks;

	small_give(&s, small_take(&s, 0), 0);
	for (int i = 0; i < 1000; i++)
		small_give(&s, small_take(&s, 100), 100);
	chunks = s.chunks;
	for (int i = 0; i < 1000; i++)
		small_give(&s, small_take(&s, 97), 97);
	check_eq_u(chunks, 1);
	check_eq_u(s.chunks, 1);
	small_fini(&s);
}
