#include "base/id.h"
#include "check.h"

#include <pthread.h>

#define T0 INT64_C(1784000000000000)

TEST(an_id_tells_its_node_and_time)
{
	struct clock *c = clock_new_manual(T0 + 123456);
	struct id_source *s = id_source_new(1023, c);
	int64_t id = id_next(s);
	check(id > 0);
	check_eq_i(id_node(id), 1023);
	check_eq_i(id_time(id), T0 + 123000);
	id_source_free(&s);
	check(s == NULL);
	clock_free(&c);
}

TEST(ids_increase_though_the_clock_stands)
{
	struct clock *c = clock_new_manual(T0);
	struct id_source *s = id_source_new(5, c);
	int64_t last = 0;
	for (int i = 0; i < 10000; i++) { /* more than one millisecond's sequence */
		int64_t id = id_next(s);
		if (id <= last || id_node(id) != 5) {
			check_fail("id %d", i);
			break;
		}
		last = id;
	}
	check_eq_i(id_time(last), T0 + 2 * US_MS);
	clock_set(c, T0 + US_SECOND);
	int64_t id = id_next(s);
	check(id > last);
	check_eq_i(id_time(id), T0 + US_SECOND);
	id_source_free(&s);
	clock_free(&c);
}

TEST(raised_above_what_was_seen)
{
	struct clock *c = clock_new_manual(T0 + US_HOUR), *early = clock_new_manual(T0),
	             *before = clock_new_manual(0);
	struct id_source *a = id_source_new(9, c), *b = id_source_new(9, early),
	                 *other = id_source_new(3, early);
	struct id_source *old = id_source_new(0, before);
	int64_t seen = 0;
	for (int i = 0; i < 5000; i++)
		seen = id_next(a);
	id_source_raise(b, seen);
	id_source_raise(other, seen);
	check(id_next(b) > seen);
	check(id_next(other) > seen); /* a smaller node in the same millisecond would sort before */
	int64_t high = id_next(b);
	id_source_raise(b, 1);
	id_source_raise(b, 0);
	check(id_next(b) > high);
	check(id_next(old) > 0); /* a clock before the epoch of the ids */
	id_source_free(&a);
	id_source_free(&b);
	id_source_free(&other);
	id_source_free(&old);
	clock_free(&c);
	clock_free(&early);
	clock_free(&before);
}

struct share {
	struct id_source *s;
	int64_t ids[5000];
};

static void *take_ids(void *arg)
{
	struct share *share = arg;
	for (size_t i = 0; i < ARRAY_LEN(share->ids); i++)
		share->ids[i] = id_next(share->s);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

TEST(threads_get_different_ids)
{
	static struct share share[4];
	static int64_t all[4 * ARRAY_LEN(share[0].ids)];
	struct clock *c = clock_new_manual(T0);
	struct id_source *s = id_source_new(1, c);
	pthread_t t[4];
	for (int i = 0; i < 4; i++) {
		share[i].s = s;
		must(pthread_create(&t[i], NULL, take_ids, &share[i]) == 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		memcpy(all + (size_t)i * ARRAY_LEN(share[i].ids), share[i].ids, sizeof(share[i].ids));
	}
	qsort(all, ARRAY_LEN(all), sizeof(all[0]), by_value);
	for (size_t i = 1; i < ARRAY_LEN(all); i++) {
		if (!check(all[i] > all[i - 1]))
			break;
	}
	id_source_free(&s);
	clock_free(&c);
}

TEST(random_text_is_hex_and_differs)
{
	char a[201], b[201];
	random_hex(100, a);
	random_hex(100, b);
	check_eq_u(strlen(a), 200);
	check_eq_u(strspn(a, "0123456789abcdef"), 200);
	check(strcmp(a, b) != 0);
	random_hex(0, a);
	check_eq_s(a, "");
}
