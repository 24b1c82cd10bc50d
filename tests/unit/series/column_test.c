#include "series/column.h"

#include "check.h"

#include <math.h>

#define N 20000

static time_us at[N];
static double of[N];

static void points(void)
{
	for (int i = 0; i < N; i++) {
		at[i] = (time_us)i * US_SECOND;
		of[i] = i % 100;
	}
}

static double value(const struct column *x, size_t i)
{
	double v;

	column_get(x, i, 1, &v);
	return v;
}

/* Asks for the last `window` points before `end`, as a cursor does: what is kept, then what is new. */
static struct column *ask(struct columns *c, struct column **slot, size_t end, size_t window)
{
	time_us from = at[end - window], last = at[end - 1];
	struct column *x = columns_take(c, slot, 0, from);

	if (!x)
		x = columns_put(c, slot, 0, from, last, at + end - window, of + end - window, window);
	else if (x->last < last)
		x = columns_extend(c, x, last, at + x->last / US_SECOND + 1, of + x->last / US_SECOND + 1,
		        end - 1 - (size_t)(x->last / US_SECOND));
	check(x != NULL);
	check(x->from <= from && x->last >= last);
	check(x->t[x->n - 1] == last && value(x, x->n - 1) == of[end - 1]);
	columns_leave(x); /* the cache keeps it */
	return x;
}

TEST(a_window_that_moves_leaves_behind_what_it_passed)
{
	struct columns c;
	struct column *slot = NULL;

	points();
	columns_init(&c, (size_t)64 << 20);
	for (size_t end = 100; end <= N; end++)
		check(ask(&c, &slot, end, 60)->cap <= 160);
	check_eq_i(c.misses, 1);
	columns_fini(&c);
}

TEST(what_is_asked_for_now_and_then_stays)
{
	struct columns c;
	struct column *slot = NULL;

	points();
	columns_init(&c, (size_t)64 << 20);
	for (size_t end = 5000; end <= N; end++)
		ask(&c, &slot, end, end % 100 == 0 ? 4000 : 60);
	check_eq_i(c.misses, 1);
	check(slot->cap <= 4000 + 2 * 4000);
	columns_fini(&c);
}

TEST(readers_keep_what_they_have)
{
	struct columns c;
	struct column *slot = NULL, *x, *y;

	points();
	columns_init(&c, (size_t)64 << 20);
	x = columns_put(&c, &slot, 0, at[0], at[99], at, of, 100);
	for (size_t end = 101; end < 2000; end++)
		ask(&c, &slot, end, 10);
	check(slot != x && slot->from > at[0]);
	check(x->n >= 100 && x->t[0] == at[0] && value(x, 99) == of[99]);
	/* One that is no more in the cache grows for its reader alone. */
	y = columns_extend(&c, x, at[999], at + x->last / US_SECOND + 1, of + x->last / US_SECOND + 1,
	        999 - (size_t)(x->last / US_SECOND));
	check(y != NULL && y != slot && y->n == 1000 && y->t[999] == at[999]);
	columns_leave(y);
	columns_drop(&c, &slot);
	check(slot == NULL && c.bytes == 0);
	columns_fini(&c);
}

/* Appends one point, and looks at all there are. */
static void grow(struct columns *c, struct column **slot, size_t *n, double v, int width)
{
	struct column *x = columns_take(c, slot, 0, at[0]);

	of[*n] = v;
	x = columns_extend(c, x, at[*n], at + *n, of + *n, 1);
	++*n;
	if (!check(x != NULL) || !check_eq_u(x->n, *n) || !check_eq_i(x->width, width))
		return;
	for (size_t i = 0; i < *n; i++)
		if (!check(memcmp(&(double){value(x, i)}, &of[i], sizeof(double)) == 0))
			break;
	check(x->plain == (v == v));
	check_eq_u(x->even, 0);
	columns_leave(x);
}

TEST(values_are_held_in_the_bytes_they_need)
{
	struct columns c;
	struct column *slot = NULL, *held;
	size_t n = 100;

	points();
	columns_init(&c, (size_t)64 << 20);
	columns_leave(columns_put(&c, &slot, 0, at[0], at[n - 1], at, of, n));
	check(slot->width == 2 && column_scaled(slot, 0).per == 1);
	grow(&c, &slot, &n, 123, 2);
	held = columns_take(&c, &slot, 0, at[0]);
	grow(&c, &slot, &n, 21.37, 2);
	check(column_scaled(slot, 0).per == 100 && slot != held);
	check(held->n == 101 && value(held, 100) == 123); /* as its reader knew it */
	grow(&c, &slot, &n, -327.67, 2);
	grow(&c, &slot, &n, 400, 4);
	grow(&c, &slot, &n, 5, 4);
	grow(&c, &slot, &n, 1.0 / 3, 8);
	check(column_scaled(slot, 7).p == NULL);
	grow(&c, &slot, &n, 7, 8);
	check(slot->plain);
	grow(&c, &slot, &n, -0.0, 8);
	grow(&c, &slot, &n, NAN, 8);
	check(held->n == 101);
	columns_leave(held);
	check_eq_u(slot->n, n);
	columns_fini(&c);
}
