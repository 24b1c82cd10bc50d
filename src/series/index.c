#include "series/index.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

void ids_add(struct ids *s, uint32_t id)
{
	s->p = xgrow(s->p, &s->cap, s->n + 1, sizeof(*s->p));
	s->p[s->n++] = id;
}

void ids_fini(struct ids *s)
{
	free(s->p);
	*s = (struct ids){0};
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* ---- tables ---- */

/* All of it is written to at once: slots are read before they are written, in no order, and each page would
 * first be one of zeros that all share, and then another. */
static void table_init(struct index_table *t, uint32_t size)
{
	*t = (struct index_table){.slot = xrealloc(NULL, size * sizeof(*t->slot)), .size = size};
	memset(t->slot, 0, size * sizeof(*t->slot));
}

static void table_place(struct index_table *t, struct index_slot s)
{
	uint32_t i = s.hash & (t->size - 1);

	while (t->slot[i].number)
		i = (i + 1) & (t->size - 1);
	t->slot[i] = s;
	t->n++;
}

static void table_resize(struct index_table *t, uint32_t size)
{
	struct index_table old = *t;

	table_init(t, size);
	for (uint32_t i = 0; i < old.size; i++)
		if (old.slot[i].number)
			table_place(t, old.slot[i]);
	free(old.slot);
}

static bool table_crowded(const struct index_table *t, uint32_t n)
{
	return n > t->size / 4 * 3;
}

static void table_add(struct index_table *t, uint32_t hash, uint32_t number)
{
	if (table_crowded(t, t->n + 1))
		table_resize(t, t->size * 2);
	table_place(t, (struct index_slot){hash, number});
}

/* What stood behind the gap moves up, unless it would come before its own place. */
static void table_remove(struct index_table *t, uint32_t hash, uint32_t number)
{
	uint32_t mask = t->size - 1, gap = hash & mask;

	while (t->slot[gap].number != number)
		gap = (gap + 1) & mask;
	for (uint32_t i = (gap + 1) & mask; t->slot[i].number; i = (i + 1) & mask) {
		uint32_t home = t->slot[i].hash & mask;

		if (((i - home) & mask) >= ((i - gap) & mask)) {
			t->slot[gap] = t->slot[i];
			gap = i;
		}
	}
	t->slot[gap] = (struct index_slot){0};
	t->n--;
}

static void add_chunk(struct index *x, uint32_t i)
{
	char *p = xcalloc(INDEX_CHUNK, x->entry_b + x->beside_b), *q = p + INDEX_CHUNK * x->entry_b;

	for (uint32_t k = 0; x->beside_b && k < INDEX_CHUNK; k++, q += x->beside_b)
		memcpy(q, x->blank, x->beside_b);
	x->chunk[i] = p;
}

void index_init(struct index *x, size_t entry_b, size_t entry_at, const void *beside, size_t beside_b)
{
	*x = (struct index){.entry_b = entry_b, .entry_at = entry_at, .beside_b = beside_b};
	if (beside_b) {
		x->blank = xcalloc(1, beside_b);
		memcpy(x->blank, beside, beside_b);
	}
	x->chunk = xcalloc(INDEX_CHUNKS, sizeof(*x->chunk));
	add_chunk(x, 0);
	table_init(&x->sets, 1024);
	table_init(&x->pair_table, 1024);
	x->pairs = 1; /* number 0 is none */
	x->pair = xgrow(NULL, &x->pair_cap, 64, sizeof(*x->pair));
	memset(&x->pair[0], 0, sizeof(x->pair[0]));
}

void index_fini(struct index *x)
{
	for (size_t i = 0; x->chunk && i < INDEX_CHUNKS; i++)
		free(x->chunk[i]);
	free(x->chunk);
	for (size_t i = 1; i < x->pairs; i++) {
		if (x->pair[i].value_n > SMALL_MOST_B)
			free(x->pair[i].value);
		if (x->pair[i].cap)
			free(x->pair[i].ids.many);
	}
	small_fini(&x->small);
	for (size_t i = 0; i < x->names; i++) {
		free(x->name[i].name);
		ids_fini(&x->name[i].pairs);
	}
	free(x->pair);
	free(x->name);
	free(x->sets.slot);
	free(x->pair_table.slot);
	free(x->blank);
	*x = (struct index){0};
}

/* ---- names and pairs ---- */

static bool name_is(const struct index_name *m, struct str name)
{
	return m->n == name.n && memcmp(m->name, name.p, name.n) == 0;
}

/* There are few names (metrics are values of one), so that a search through them is short. */
static uint32_t find_name(const struct index *x, struct str name)
{
	for (uint32_t i = 0; i < x->names; i++)
		if (name_is(&x->name[i], name))
			return i;
	return UINT32_MAX;
}

static uint32_t add_name(struct index *x, struct str name)
{
	x->name = xgrow(x->name, &x->name_cap, x->names + 1, sizeof(*x->name));
	x->name[x->names] = (struct index_name){.name = xcalloc(name.n + 1, 1), .n = (uint32_t)name.n};
	memcpy(x->name[x->names].name, name.p, name.n);
	return (uint32_t)x->names++;
}

/* Of the label at that place of a set that is added. */
static uint32_t name_at(struct index *x, int place, struct str name)
{
	uint32_t *usual = &x->usual[place];

	if (LIKELY(*usual < x->names && name_is(&x->name[*usual], name)))
		return *usual;
	*usual = find_name(x, name);
	if (*usual == UINT32_MAX)
		*usual = add_name(x, name);
	return *usual;
}

static uint64_t pair_hash(struct str name, struct str value)
{
	return XXH3_64bits_withSeed(value.p, value.n, XXH3_64bits(name.p, name.n));
}

void index_key(const struct labels *ls, struct index_key *out)
{
	uint64_t h = (uint64_t)ls->n;

	for (int i = 0; i < ls->n; i++) {
		uint64_t pair = pair_hash(ls->l[i].name, ls->l[i].value);

		out->pair[i] = (uint32_t)pair;
		h = (h ^ pair) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	out->set = (uint32_t)(h >> 16);
}

void index_soon(const struct index *x, const struct index_key *k, int n)
{
	__builtin_prefetch(&x->sets.slot[k->set & (x->sets.size - 1)]);
	for (int i = 0; i < n; i++)
		__builtin_prefetch(&x->pair_table.slot[k->pair[i] & (x->pair_table.size - 1)]);
}

void index_sooner(const struct index *x, const struct index_key *k, int n)
{
	const struct index_slot *s = &x->sets.slot[k->set & (x->sets.size - 1)];

	if (s->number && s->hash == k->set)
		__builtin_prefetch(index_entry(x, s->number));
	for (int i = 0; i < n; i++) {
		s = &x->pair_table.slot[k->pair[i] & (x->pair_table.size - 1)];
		if (s->number && s->hash == k->pair[i])
			__builtin_prefetch(&x->pair[s->number]);
	}
}

static uint32_t find_pair(const struct index *x, uint32_t name, struct str value, uint32_t h)
{
	const struct index_table *t = &x->pair_table;

	for (uint32_t i = h & (t->size - 1); t->slot[i].number; i = (i + 1) & (t->size - 1)) {
		const struct index_pair *q = &x->pair[t->slot[i].number];

		if (t->slot[i].hash == h && q->name == name && q->value_n == value.n &&
		        memcmp(q->value, value.p, value.n) == 0)
			return t->slot[i].number;
	}
	return 0;
}

static uint32_t add_pair(struct index *x, uint32_t name, struct str value, uint32_t h)
{
	uint32_t i = x->pair_free;

	if (i) {
		x->pair_free = x->pair[i].at;
	} else {
		x->pair = xgrow(x->pair, &x->pair_cap, x->pairs + 1, sizeof(*x->pair));
		i = (uint32_t)x->pairs++;
	}
	x->pair[i] = (struct index_pair){.value = small_take(&x->small, value.n),
	        .value_n = (uint32_t)value.n,
	        .name = name,
	        .hash = h,
	        .at = (uint32_t)x->name[name].pairs.n};
	memcpy(x->pair[i].value, value.p, value.n);
	table_add(&x->pair_table, h, i);
	ids_add(&x->name[name].pairs, i);
	return i;
}

static void remove_pair(struct index *x, uint32_t i)
{
	struct index_pair *q = &x->pair[i];
	struct ids *all = &x->name[q->name].pairs;

	table_remove(&x->pair_table, q->hash, i);
	all->p[q->at] = all->p[--all->n];
	x->pair[all->p[q->at]].at = q->at;
	small_give(&x->small, q->value, q->value_n);
	if (q->cap)
		free(q->ids.many);
	*q = (struct index_pair){.at = x->pair_free};
	x->pair_free = i;
}

static const uint32_t *pair_ids(const struct index_pair *q)
{
	return q->cap ? q->ids.many : &q->ids.one;
}

static void pair_add_id(struct index_pair *q, uint32_t id)
{
	uint32_t at;

	if (!q->n) {
		if (q->cap)
			q->ids.many[0] = id;
		else
			q->ids.one = id;
		q->n = 1;
		return;
	}
	if (q->n >= q->cap) {
		uint32_t cap = q->cap ? q->cap + q->cap / 2 : 4;
		uint32_t *p = xrealloc(q->cap ? q->ids.many : NULL, cap * sizeof(*p));

		if (!q->cap)
			p[0] = q->ids.one;
		q->ids.many = p;
		q->cap = cap;
	}
	for (at = q->n; at > 0 && q->ids.many[at - 1] > id; at--)
		q->ids.many[at] = q->ids.many[at - 1];
	q->ids.many[at] = id;
	q->n++;
}

static void pair_remove_id(struct index_pair *q, uint32_t id)
{
	const uint32_t *p = pair_ids(q);
	const uint32_t *hit = bsearch(&id, p, q->n, sizeof(id), compare_ids);
	size_t at;

	if (!hit)
		return;
	at = (size_t)(hit - p);
	if (q->cap)
		memmove(&q->ids.many[at], &q->ids.many[at + 1], (q->n - at - 1) * sizeof(id));
	q->n--;
}

/* ---- label sets ---- */

static bool entry_equals(const struct index *x, const struct index_entry *s, const struct labels *ls)
{
	if (s->n != ls->n)
		return false;
	for (int i = 0; i < ls->n; i++) {
		const struct index_pair *q = &x->pair[s->pair[i]];
		const struct index_name *m = &x->name[q->name];

		if (q->value_n != ls->l[i].value.n || m->n != ls->l[i].name.n ||
		        memcmp(q->value, ls->l[i].value.p, q->value_n) != 0 ||
		        memcmp(m->name, ls->l[i].name.p, m->n) != 0)
			return false;
	}
	return true;
}

static uint32_t find_set(const struct index *x, const struct labels *ls, uint32_t h)
{
	const struct index_table *t = &x->sets;

	for (uint32_t i = h & (t->size - 1); t->slot[i].number; i = (i + 1) & (t->size - 1))
		if (t->slot[i].hash == h && entry_equals(x, index_entry(x, t->slot[i].number), ls))
			return t->slot[i].number;
	return 0;
}

uint32_t index_find_keyed(const struct index *x, const struct labels *ls, const struct index_key *k)
{
	return find_set(x, ls, k->set);
}

uint32_t index_find(const struct index *x, const struct labels *ls)
{
	struct index_key k;

	if (ls->n > LABELS_MAX)
		return 0;
	index_key(ls, &k);
	return find_set(x, ls, k.set);
}

void index_expect(struct index *x, uint32_t sets)
{
	uint32_t size = x->sets.size;

	for (sets = sets < SERIES_MAX ? sets : SERIES_MAX; sets > size / 4 * 3;)
		size *= 2;
	if (size > x->sets.size)
		table_resize(&x->sets, size);
}

void index_reserve(struct index *x, uint32_t n)
{
	if (n > SERIES_MAX)
		n = SERIES_MAX;
	for (uint32_t c = x->n / INDEX_CHUNK + 1; c <= n / INDEX_CHUNK; c++)
		if (!x->chunk[c])
			add_chunk(x, c);
	if (n > x->n)
		x->n = n;
}

uint32_t index_add(struct index *x, const struct labels *ls, uint32_t id)
{
	struct index_key k;

	if (ls->n > LABELS_MAX)
		return 0;
	index_key(ls, &k);
	return index_add_keyed(x, ls, &k, id);
}

uint32_t index_add_keyed(struct index *x, const struct labels *ls, const struct index_key *k, uint32_t id)
{
	struct index_entry *s;
	bool next = !id;

	if (next)
		id = x->n + 1;
	if (id > SERIES_MAX || ls->n < 1 || ls->n > LABELS_MAX || find_set(x, ls, k->set))
		return 0;
	index_reserve(x, id);
	s = index_entry(x, id);
	if (!next && s->pair)
		return 0;
	s->pair = small_take(&x->small, (size_t)ls->n * sizeof(*s->pair));
	s->n = (uint8_t)ls->n;
	s->hash = k->set;
	for (int i = 0; i < ls->n; i++) {
		uint32_t name = name_at(x, i, ls->l[i].name);
		uint32_t p = find_pair(x, name, ls->l[i].value, k->pair[i]);

		if (!p)
			p = add_pair(x, name, ls->l[i].value, k->pair[i]);
		pair_add_id(&x->pair[p], id);
		s->pair[i] = p;
	}
	table_add(&x->sets, k->set, id);
	x->alive++;
	x->changes++;
	return id;
}

void index_remove(struct index *x, uint32_t id)
{
	struct index_entry *s = index_entry(x, id);

	table_remove(&x->sets, s->hash, id);
	for (int i = 0; i < s->n; i++) {
		struct index_pair *q = &x->pair[s->pair[i]];

		pair_remove_id(q, id);
		if (!q->n)
			remove_pair(x, s->pair[i]);
	}
	small_give(&x->small, s->pair, s->n * sizeof(*s->pair));
	*s = (struct index_entry){0};
	x->alive--;
	x->changes++;
}

int index_labels(const struct index *x, uint32_t id, struct label *out)
{
	const struct index_entry *s = index_entry(x, id);

	for (int i = 0; i < s->n; i++) {
		const struct index_pair *q = &x->pair[s->pair[i]];
		const struct index_name *m = &x->name[q->name];

		out[i] = (struct label){.name = {m->name, m->n}, .value = {q->value, q->value_n}};
	}
	return s->n;
}

const struct index_name *index_name(const struct index *x, struct str name)
{
	uint32_t i = find_name(x, name);

	return i == UINT32_MAX ? NULL : &x->name[i];
}

static uint32_t entry_pair(const struct index *x, const struct index_entry *s, uint32_t name)
{
	for (int i = 0; i < s->n; i++)
		if (x->pair[s->pair[i]].name == name)
			return s->pair[i];
	return 0;
}

uint32_t index_name_number(const struct index *x, struct str name)
{
	return find_name(x, name);
}

struct str index_value_of(const struct index *x, uint32_t id, uint32_t name)
{
	uint32_t p = entry_pair(x, index_entry(x, id), name);

	return p ? (struct str){x->pair[p].value, x->pair[p].value_n} : STR_NULL;
}

struct str index_value(const struct index *x, uint32_t id, struct str name)
{
	return index_value_of(x, id, find_name(x, name));
}

/* ---- matching ---- */

/* One matcher, prepared: an equality is a pair; the others remember their answer of each value. */
struct filter {
	const struct matcher *m;
	uint32_t name;   /* UINT32_MAX: no series has such a label */
	uint32_t pair;   /* of an equality with a value that exists */
	bool equality;   /* with a value that is not empty */
	bool empty_ok;   /* matches a series without the label */
	uint8_t *answer; /* of a pair: 0 not asked yet, 1 no, 2 yes */
};

static bool answer(const struct index *x, struct filter *f, uint32_t pair)
{
	const struct index_pair *q = &x->pair[pair];

	if (!f->answer[pair])
		f->answer[pair] = matcher_matches(f->m, (struct str){q->value, q->value_n}) ? 2 : 1;
	return f->answer[pair] == 2;
}

static bool passes(const struct index *x, struct filter *f, const struct index_entry *s)
{
	uint32_t p = f->name == UINT32_MAX ? 0 : entry_pair(x, s, f->name);

	if (f->equality)
		return p && p == f->pair;
	return p ? answer(x, f, p) : f->empty_ok;
}

/* The filter with the fewest candidates, as far as that can be told without asking all values. */
static int start_from(const struct index *x, const struct filter *f, int n)
{
	int best = -1;
	size_t best_n = SIZE_MAX;

	for (int i = 0; i < n; i++) {
		size_t c;

		if (f[i].empty_ok)
			continue;
		if (f[i].name == UINT32_MAX || (f[i].equality && !f[i].pair))
			c = 0;
		else if (f[i].equality)
			c = x->pair[f[i].pair].n;
		else /* asking every value costs about as much as filtering as many candidates */
			c = x->name[f[i].name].pairs.n + x->alive / 2;
		if (c < best_n) {
			best_n = c;
			best = i;
		}
	}
	return best;
}

void index_match(const struct index *x, const struct matcher *m, int n, const bool *skip, struct ids *out)
{
	struct filter *f = xcalloc((size_t)n + 1, sizeof(*f));
	struct ids from = {0};
	int k = 0, best;

	for (int i = 0; i < n; i++) {
		if (skip && skip[i])
			continue;
		f[k].m = &m[i];
		f[k].name = find_name(x, m[i].name);
		f[k].equality = m[i].op == MATCH_EQ && m[i].value.n > 0;
		f[k].empty_ok = matcher_matches(&m[i], STR_NULL);
		if (f[k].equality && f[k].name != UINT32_MAX)
			f[k].pair = find_pair(
			        x, f[k].name, m[i].value, (uint32_t)pair_hash(m[i].name, m[i].value));
		else if (!f[k].equality)
			f[k].answer = xcalloc(x->pairs, 1);
		k++;
	}

	best = start_from(x, f, k);
	if (best < 0) {
		for (uint32_t id = 1; id <= x->n; id++)
			if (index_entry(x, id)->pair)
				ids_add(&from, id);
	} else if (f[best].name != UINT32_MAX) {
		const struct ids *all = &x->name[f[best].name].pairs;

		for (size_t i = 0; i < (f[best].equality ? 1 : all->n); i++) {
			uint32_t p = f[best].equality ? f[best].pair : all->p[i];
			const struct index_pair *q = &x->pair[p];

			if (!p || (!f[best].equality && !answer(x, &f[best], p)))
				continue;
			for (uint32_t j = 0; j < q->n; j++)
				ids_add(&from, pair_ids(q)[j]);
		}
		if (!f[best].equality && from.n)
			qsort(from.p, from.n, sizeof(*from.p), compare_ids);
	}

	for (size_t i = 0; i < from.n; i++) {
		const struct index_entry *s = index_entry(x, from.p[i]);
		bool ok = true;

		for (int j = 0; j < k && ok; j++)
			ok = j == best || passes(x, &f[j], s);
		if (ok)
			ids_add(out, from.p[i]);
	}
	ids_fini(&from);
	for (int i = 0; i < k; i++)
		free(f[i].answer);
	free(f);
}
