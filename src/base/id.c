#include "base/id.h"

#include "base/digest.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/random.h>

#define ID_MAGIC 0x1d501c01u
#define EPOCH_MS INT64_C(1577836800000) /* 2020-01-01T00:00:00Z */
#define NODE_BITS 10
#define SEQ_BITS 12
#define SEQ_MASK ((INT64_C(1) << SEQ_BITS) - 1)
#define MS_MAX ((INT64_C(1) << 41) - 1)

struct id_source {
	uint32_t magic;
	int node;
	const struct clock *clock;
	/* ms << SEQ_BITS | sequence of the newest id. As one number, so that a full sequence runs
	 * over into the next millisecond by itself. */
	_Atomic int64_t last;
};

struct id_source *id_source_new(int node, const struct clock *c)
{
	must(node >= 0 && node < 1 << NODE_BITS);
	struct id_source *s = xcalloc(1, sizeof(*s));
	s->magic = ID_MAGIC;
	s->node = node;
	s->clock = c;
	return s;
}

void id_source_free(struct id_source **sp)
{
	struct id_source *s = *sp;
	if (s == NULL)
		return;
	OBJ_CHECK(s, ID_MAGIC);
	*sp = NULL;
	s->magic = 0;
	free(s);
}

int64_t id_next(struct id_source *s)
{
	OBJ_CHECK(s, ID_MAGIC);
	int64_t ms = clock_now(s->clock) / US_MS - EPOCH_MS;
	ms = ms < 0 ? 0 : ms > MS_MAX ? MS_MAX : ms;
	int64_t last = atomic_load_explicit(&s->last, memory_order_relaxed), next;
	do {
		next = ms << SEQ_BITS > last ? ms << SEQ_BITS : last + 1;
	} while (!atomic_compare_exchange_weak_explicit(
	        &s->last, &last, next, memory_order_relaxed, memory_order_relaxed));
	must(next >> SEQ_BITS <= MS_MAX);
	return (next >> SEQ_BITS) << (NODE_BITS + SEQ_BITS) | (int64_t)s->node << SEQ_BITS |
	       (next & SEQ_MASK);
}

void id_source_raise(struct id_source *s, int64_t seen)
{
	OBJ_CHECK(s, ID_MAGIC);
	if (seen <= 0)
		return;
	/* Within one millisecond the node weighs more than the sequence: after an id of another
	 * node only the next millisecond is surely larger. */
	int64_t floor = (seen >> (NODE_BITS + SEQ_BITS)) << SEQ_BITS;
	floor |= id_node(seen) == s->node ? seen & SEQ_MASK : SEQ_MASK;
	int64_t last = atomic_load_explicit(&s->last, memory_order_relaxed);
	while (last < floor && !atomic_compare_exchange_weak_explicit(
	                               &s->last, &last, floor, memory_order_relaxed, memory_order_relaxed))
		;
}

int id_node(int64_t id)
{
	return (int)(id >> SEQ_BITS & ((1 << NODE_BITS) - 1));
}

time_us id_time(int64_t id)
{
	return ((id >> (NODE_BITS + SEQ_BITS)) + EPOCH_MS) * US_MS;
}

void random_bytes(void *p, size_t n)
{
	uint8_t *at = p;
	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		/* A guessable secret is worse than none. */
		if (got < 0)
			panic(__FILE__, __LINE__, "the system gives no random numbers (errno %d)", errno);
		at += got;
		n -= (size_t)got;
	}
}

void random_hex(size_t n, char *out)
{
	uint8_t bytes[64];
	while (n > 0) {
		size_t some = n < sizeof(bytes) ? n : sizeof(bytes);
		random_bytes(bytes, some);
		hex_encode(bytes, some, out);
		out += 2 * some;
		n -= some;
	}
	*out = '\0';
}
