#include "series/selection.h"

#include "base/digest.h"

#include <stdatomic.h>

#define LARGEST 2 /* one selection takes at most this part of the room */

struct selection {
	atomic_uint holders; /* the table, and arenas */
	struct selection_age age;
	struct sb key;
	struct found found;
	size_t bytes;
	struct arena *a;
};

void selections_init(struct selections *s, size_t most_b)
{
	*s = (struct selections){.most_b = most_b};
	must(pthread_mutex_init(&s->lock, NULL) == 0);
}

static void leave(void *selection)
{
	struct selection *x = selection;

	if (atomic_fetch_sub(&x->holders, 1) > 1)
		return;
	sb_fini(&x->key);
	arena_free(&x->a);
	free(x);
}

static void forget(struct selections *s, size_t i)
{
	s->bytes -= s->slot[i].s->bytes;
	leave(s->slot[i].s);
	s->slot[i] = s->slot[--s->n];
}

void selections_fini(struct selections *s)
{
	while (s->n > 0)
		forget(s, 0);
	pthread_mutex_destroy(&s->lock);
}

/* ---- the table ---- */

static void put_text(struct sb *b, struct str s)
{
	uint64_t n = s.n;

	sb_put(b, (const char *)&n, sizeof(n));
	sb_put(b, s.p, s.n);
}

static void put_key(struct sb *b, const struct matcher *m, int n)
{
	for (int i = 0; i < n; i++) {
		sb_putc(b, (char)m[i].op);
		put_text(b, m[i].name);
		put_text(b, m[i].value);
	}
}

/* Its place, or s->n. */
static size_t place(const struct selections *s, uint64_t hash, struct str key)
{
	size_t i = 0;

	while (i < s->n && (s->slot[i].hash != hash || !str_eq(sb_str(&s->slot[i].s->key), key)))
		i++;
	return i;
}

/* For one more arena. */
static void hold(struct selection *x, struct arena *a, struct found *out)
{
	atomic_fetch_add(&x->holders, 1);
	arena_cleanup(a, leave, x);
	*out = x->found;
}

bool selections_take(struct selections *s, const struct matcher *m, int n, struct selection_age age,
        struct arena *a, struct found *out)
{
	struct sb key = SB_INIT;
	uint64_t hash;
	bool good;
	size_t i;

	put_key(&key, m, n);
	hash = hash64(key.p, key.n, 0);
	pthread_mutex_lock(&s->lock);
	i = place(s, hash, sb_str(&key));
	good = i < s->n && s->slot[i].s->age.index == age.index && s->slot[i].s->age.virt == age.virt;
	if (good) {
		s->slot[i].used = ++s->clock;
		s->hits++;
		hold(s->slot[i].s, a, out);
	} else {
		s->misses++;
		if (i < s->n)
			forget(s, i);
	}
	pthread_mutex_unlock(&s->lock);
	sb_fini(&key);
	return good;
}

static void insert(struct selections *s, uint64_t hash, struct selection *x)
{
	size_t i = place(s, hash, sb_str(&x->key));

	if (i < s->n)
		forget(s, i);
	while (s->n == SELECTIONS || (s->n > 0 && s->bytes + x->bytes > s->most_b)) {
		size_t oldest = 0;

		for (i = 1; i < s->n; i++)
			if (s->slot[i].used < s->slot[oldest].used)
				oldest = i;
		forget(s, oldest);
	}
	s->slot[s->n++] = (struct selection_slot){hash, ++s->clock, x};
	s->bytes += x->bytes;
}

/* ---- the copy ---- */

/* Texts, each once. */
struct texts {
	struct arena *a;
	struct str *slot;
	size_t slots, n;
};

static struct str text_once(struct texts *t, struct str s)
{
	size_t i;

	if (t->n * 2 >= t->slots) {
		struct texts more = {.a = t->a, .slots = t->slots ? t->slots * 2 : 256};

		more.slot = xcalloc(more.slots, sizeof(*more.slot));
		for (i = 0; i < t->slots; i++) {
			size_t k;

			if (!t->slot[i].p)
				continue;
			k = hash64(t->slot[i].p, t->slot[i].n, 0) & (more.slots - 1);
			while (more.slot[k].p)
				k = (k + 1) & (more.slots - 1);
			more.slot[k] = t->slot[i];
			more.n++;
		}
		free(t->slot);
		*t = more;
	}
	i = hash64(s.p, s.n, 0) & (t->slots - 1);
	while (t->slot[i].p && !str_eq(t->slot[i], s))
		i = (i + 1) & (t->slots - 1);
	if (!t->slot[i].p) {
		t->slot[i] = (struct str){arena_strndup(t->a, s.p, s.n), s.n};
		t->n += t->slot[i].p != NULL;
	}
	return t->slot[i];
}

/* False: it has no room in the arena. */
static bool copy(struct arena *a, const struct found *f, struct found *out)
{
	struct texts texts = {.a = a};
	struct labels *labels;
	struct label *l;
	uint32_t *id;
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += (size_t)f->labels[i].n;
	id = arena_array(a, f->n + 1, sizeof(*id));
	labels = arena_array(a, f->n + 1, sizeof(*labels));
	l = arena_array(a, n + 1, sizeof(*l));
	for (size_t i = 0; i < f->n && !arena_failed(a); i++) {
		id[i] = f->id[i];
		labels[i] = (struct labels){l, f->labels[i].n};
		for (int k = 0; k < f->labels[i].n; k++)
			*l++ = (struct label){text_once(&texts, f->labels[i].l[k].name),
			        text_once(&texts, f->labels[i].l[k].value)};
	}
	free(texts.slot);
	*out = (struct found){id, labels, f->n};
	return !arena_failed(a);
}

bool selections_put(struct selections *s, const struct matcher *m, int n, struct selection_age age,
        struct arena *a, struct found *f)
{
	struct selection *x = xcalloc(1, sizeof(*x));

	*x = (struct selection){.age = age, .key = SB_INIT, .a = arena_new(s->most_b / LARGEST)};
	atomic_init(&x->holders, 1);
	put_key(&x->key, m, n);
	if (!copy(x->a, f, &x->found)) {
		leave(x);
		return false;
	}
	x->bytes = sizeof(*x) + x->key.n + arena_used(x->a);
	hold(x, a, f);
	pthread_mutex_lock(&s->lock);
	insert(s, hash64(x->key.p, x->key.n, 0), x);
	pthread_mutex_unlock(&s->lock);
	return true;
}
