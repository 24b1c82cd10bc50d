#include "ingest/seen.h"
#include "base/digest.h"

#include <pthread.h>

/* Names lie one behind the other in the order in which they came, which mostly is that in which they come
 * again. */
#define CHUNK_B (1u << 20)
#define UNIT_B 8        /* places count these */
#define NAME_B 128      /* room for so much of a name, on average */
#define SOON_B 384      /* about six names */
#define FIRST_SLOTS 256 /* a power of two */

/* Half empty at least. A slot is half of a hash and, below it, a place; 0: free. It stands where its half of
 * the hash says, so that a table grows without a look at the names. */
struct slots {
	struct slots *before; /* readers may look at it still */
	size_t n;
	_Atomic uint64_t slot[];
};
struct seen {
	pthread_rwlock_t lock; /* readers hold it; to begin again it is written */
	atomic_bool stale;     /* the next reader begins again */
	_Atomic(struct slots *) slots;
	pthread_mutex_t adding; /* all that follows */
	size_t limit, n;
	uint32_t at; /* the next place */
	size_t chunks;
	char **chunk; /* set before a place in it is told */
};

static struct slots *slots_new(size_t n, struct slots *before)
{
	const size_t b = sizeof(struct slots) + n * sizeof(uint64_t);
	struct slots *t = xrealloc(NULL, b);

	memset(t, 0, b); /* each page would be read first, and be another when it is written */
	t->n = n;
	t->before = before;
	return t;
}

static void begin(struct seen *s)
{
	atomic_init(&s->slots, slots_new(FIRST_SLOTS, NULL));
	s->n = 0;
	s->at = 1;
}

static void forget(struct seen *s)
{
	struct slots *t = atomic_load(&s->slots);

	while (t != NULL) {
		struct slots *before = t->before;

		free(t);
		t = before;
	}
	for (size_t i = 0; i < s->chunks; i++) {
		free(s->chunk[i]);
		s->chunk[i] = NULL;
	}
}

struct seen *seen_new(size_t limit)
{
	struct seen *s = xcalloc(1, sizeof(*s));

	must(pthread_rwlock_init(&s->lock, NULL) == 0);
	must(pthread_mutex_init(&s->adding, NULL) == 0);
	s->limit = limit;
	s->chunks = limit * NAME_B / CHUNK_B + 1;
	must(s->chunks < UINT32_MAX / (CHUNK_B / UNIT_B));
	s->chunk = xcalloc(s->chunks, sizeof(*s->chunk));
	begin(s);
	return s;
}

void seen_free(struct seen **seen)
{
	struct seen *s = *seen;

	if (s == NULL)
		return;
	*seen = NULL;
	forget(s);
	free(s->chunk);
	pthread_rwlock_destroy(&s->lock);
	pthread_mutex_destroy(&s->adding);
	free(s);
}

void seen_forget(struct seen *s)
{
	atomic_store(&s->stale, true);
}

/* ---- a reader ---- */

void seen_begin(struct seen *s, uint32_t decisions, struct seen_reader *out)
{
	*out = (struct seen_reader){.seen = s, .decisions = decisions};
	if (UNLIKELY(atomic_load(&s->stale))) {
		pthread_rwlock_wrlock(&s->lock);
		if (atomic_exchange(&s->stale, false)) {
			forget(s);
			begin(s);
		}
		pthread_rwlock_unlock(&s->lock);
	}
	pthread_rwlock_rdlock(&s->lock);
}

void seen_end(struct seen_reader *r)
{
	pthread_rwlock_unlock(&r->seen->lock);
	r->seen = NULL;
}

static struct seen_name *name_at(const struct seen *s, uint32_t place)
{
	const uint32_t units = CHUNK_B / UNIT_B;

	return (struct seen_name *)(void *)(s->chunk[place / units] + place % units * UNIT_B);
}

struct seen_name *seen_expected(const struct seen_reader *r)
{
	struct seen_name *x;
	uint32_t place;

	if (r->last == NULL)
		return NULL;
	place = atomic_load_explicit(&r->last->next, memory_order_acquire);
	if (place == 0)
		return NULL;
	x = name_at(r->seen, place);
	/* What will be looked at after this one, while this one is looked at; and some of those behind it,
	 * since mostly they lie in their order. */
	place = atomic_load_explicit(&x->next, memory_order_acquire);
	if (place != 0) {
		const char *after = (const char *)name_at(r->seen, place);

		__builtin_prefetch(after);
		__builtin_prefetch(after + SOON_B);
	}
	return x;
}

void seen_take(struct seen_reader *r, struct seen_name *x)
{
	if (r->last != NULL && atomic_load_explicit(&r->last->next, memory_order_relaxed) != x->place)
		atomic_store_explicit(&r->last->next, x->place, memory_order_release);
	r->last = x;
}

static uint64_t hash_of(enum seen_form form, struct str a, struct str b)
{
	return hash64(b.p, b.n, hash64(a.p, a.n, 0x5eed + (uint64_t)form));
}

/* The upper half of a slot. */
static uint64_t mark_of(uint64_t hash)
{
	return hash & UINT64_C(0xffffffff00000000);
}

static size_t first_slot(const struct slots *t, uint64_t hash)
{
	return (size_t)(hash >> 32) & (t->n - 1);
}

static struct seen_name *look(
        const struct seen *s, uint64_t hash, enum seen_form form, struct str a, struct str b)
{
	struct slots *t = atomic_load_explicit(&s->slots, memory_order_acquire);

	for (size_t i = first_slot(t, hash);; i = (i + 1) & (t->n - 1)) {
		uint64_t slot = atomic_load_explicit(&t->slot[i], memory_order_acquire);
		struct seen_name *x;

		if (slot == 0)
			return NULL;
		if (mark_of(slot) != mark_of(hash))
			continue;
		x = name_at(s, (uint32_t)slot);
		if (seen_is(x, form, a, b))
			return x;
	}
}

struct seen_name *seen_find(struct seen_reader *r, enum seen_form form, struct str a, struct str b)
{
	struct seen_name *x = look(r->seen, hash_of(form, a, b), form, a, b);

	if (x != NULL)
		seen_take(r, x);
	return x;
}

/* ---- adding ---- */

static void place_slot(struct slots *t, uint64_t hash, uint32_t place)
{
	size_t i = first_slot(t, hash);

	while (atomic_load_explicit(&t->slot[i], memory_order_relaxed) != 0)
		i = (i + 1) & (t->n - 1);
	atomic_store_explicit(&t->slot[i], mark_of(hash) | place, memory_order_release);
}

static struct slots *grown(struct seen *s, struct slots *old)
{
	struct slots *t = slots_new(old->n * 2, old);

	for (size_t i = 0; i < old->n; i++) {
		uint64_t slot = atomic_load_explicit(&old->slot[i], memory_order_relaxed);

		if (slot != 0)
			place_slot(t, slot, (uint32_t)slot);
	}
	atomic_store_explicit(&s->slots, t, memory_order_release);
	return t;
}

/* Room for a name; NULL: there is none any more. */
static struct seen_name *room(struct seen *s, size_t text_n)
{
	const uint32_t units = CHUNK_B / UNIT_B;
	uint32_t need = (uint32_t)((offsetof(struct seen_name, text) + text_n + UNIT_B - 1) / UNIT_B),
	         at = s->at;
	struct seen_name *x;

	if (at % units + need > units)
		at = (at / units + 1) * units;
	if (s->n >= s->limit || at / units >= s->chunks)
		return NULL;
	if (s->chunk[at / units] == NULL)
		s->chunk[at / units] = xcalloc(1, CHUNK_B);
	s->at = at + need;
	s->n++;
	x = name_at(s, at);
	x->place = at;
	return x;
}

static struct seen_name *add(struct seen *s, uint64_t hash, enum seen_form form, struct str a, struct str b,
        struct str thing, uint64_t answer)
{
	struct slots *t = atomic_load_explicit(&s->slots, memory_order_relaxed);
	struct seen_name *x = room(s, a.n + b.n + 2);

	if (x == NULL) {
		atomic_store(&s->stale, true);
		return NULL;
	}
	atomic_init(&x->answer, answer);
	x->form = (uint8_t)form;
	x->a_n = (uint16_t)a.n;
	x->b_n = (uint16_t)b.n;
	if (thing.p != NULL) {
		x->thing_at = (uint16_t)(thing.p - a.p);
		x->thing_n = (uint16_t)thing.n;
	}
	memcpy(x->text, a.p, a.n);
	x->text[a.n] = ' ';
	if (b.n > 0)
		memcpy(x->text + a.n + 1, b.p, b.n);
	x->text[a.n + 1 + b.n] = '=';
	if (2 * s->n > t->n)
		t = grown(s, t);
	place_slot(t, hash, x->place);
	return x;
}

static bool too_long(const struct seen_ask *x)
{
	return x->a.n == 0 || x->a.n > UINT16_MAX || x->b.n > UINT16_MAX;
}

/* The memory of all slots is asked for, and then of the names at them. */
static void look_soon(const struct seen *s, const struct seen_ask *x, size_t n)
{
	const struct slots *t = atomic_load_explicit(&s->slots, memory_order_acquire);

	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(&t->slot[first_slot(t, x[i].hash)]);
	for (size_t i = 0; i < n; i++) {
		uint64_t slot =
		        atomic_load_explicit(&t->slot[first_slot(t, x[i].hash)], memory_order_acquire);

		if (slot != 0 && mark_of(slot) == mark_of(x[i].hash))
			__builtin_prefetch(name_at(s, (uint32_t)slot));
	}
}

void seen_find_many(const struct seen_reader *r, enum seen_form form, struct seen_ask *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i].hash = hash_of(form, x[i].a, x[i].b);
	look_soon(r->seen, x, n);
	for (size_t i = 0; i < n; i++) {
		x[i].name = look(r->seen, x[i].hash, form, x[i].a, x[i].b);
		x[i].known = x[i].name != NULL && seen_answer(r, x[i].name, &x[i].id);
	}
}

static void add_unknown(struct seen_reader *r, enum seen_form form, struct seen_ask *x)
{
	struct seen *s = r->seen;
	uint64_t answer = x->id.v | (uint64_t)(x->lasting ? 0 : r->decisions) << 32;

	x->name = look(s, x->hash, form, x->a, x->b); /* another reader may have been first */
	if (x->name != NULL)
		atomic_store_explicit(&x->name->answer, answer, memory_order_relaxed);
	else
		x->name = add(s, x->hash, form, x->a, x->b, x->thing, answer);
}

void seen_put_many(struct seen_reader *r, enum seen_form form, struct seen_ask *x, size_t n)
{
	pthread_mutex_lock(&r->seen->adding);
	for (size_t i = 0; i < n; i++)
		if (!x[i].known && !too_long(&x[i]))
			add_unknown(r, form, &x[i]);
	pthread_mutex_unlock(&r->seen->adding);
	for (size_t i = 0; i < n; i++)
		if (x[i].name != NULL && x[i].name != r->last) /* which it is when it was found with an
		                                                  answer that is no more good */
			seen_take(r, x[i].name);
}
