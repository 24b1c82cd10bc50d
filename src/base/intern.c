#include "base/intern.h"
#include "base/digest.h"

struct interned {
	size_t from;
	uint32_t n, hash;
};

static uint32_t hash_of(struct str s)
{
	return (uint32_t)hash64(s.p, s.n, 0);
}

/* The place of s, or the free one where it belongs. */
static uint32_t place(const struct intern *t, struct str s, uint32_t hash)
{
	uint32_t i = hash & (t->places - 1);

	for (; t->at[i] != 0; i = (i + 1) & (t->places - 1)) {
		const struct interned *x = &t->v[t->at[i] - 1];

		if (x->hash == hash && x->n == s.n && memcmp(t->bytes.p + x->from, s.p, s.n) == 0)
			break;
	}
	return i;
}

static void widen(struct intern *t)
{
	t->places = t->places > 0 ? t->places * 2 : 64;
	free(t->at);
	t->at = xcalloc(t->places, sizeof(*t->at));
	for (uint32_t no = 0; no < t->n; no++) {
		uint32_t i = t->v[no].hash & (t->places - 1);

		while (t->at[i] != 0)
			i = (i + 1) & (t->places - 1);
		t->at[i] = no + 1;
	}
}

uint32_t intern(struct intern *t, struct str s)
{
	uint32_t hash = hash_of(s), i;

	if ((t->n + 1) * 2 > t->places)
		widen(t);
	i = place(t, s, hash);
	if (t->at[i] == 0) {
		t->v = xgrow(t->v, &t->cap, (size_t)t->n + 1, sizeof(*t->v));
		t->v[t->n] = (struct interned){t->bytes.n, (uint32_t)s.n, hash};
		sb_put(&t->bytes, s.p, s.n);
		sb_putc(&t->bytes, '\0');
		must(!t->bytes.failed);
		t->at[i] = ++t->n;
	}
	return t->at[i] - 1;
}

uint32_t intern_find(const struct intern *t, struct str s)
{
	uint32_t i;

	if (t->n == 0)
		return INTERN_NONE;
	i = place(t, s, hash_of(s));
	return t->at[i] != 0 ? t->at[i] - 1 : INTERN_NONE;
}

struct str intern_str(const struct intern *t, uint32_t no)
{
	must(no < t->n);
	return (struct str){t->bytes.p + t->v[no].from, t->v[no].n};
}

size_t intern_bytes(const struct intern *t)
{
	return t->bytes.cap + t->cap * sizeof(*t->v) + t->places * sizeof(*t->at);
}

void intern_reset(struct intern *t)
{
	sb_reset(&t->bytes);
	if (t->n > 0)
		memset(t->at, 0, t->places * sizeof(*t->at));
	t->n = 0;
}

void intern_fini(struct intern *t)
{
	sb_fini(&t->bytes);
	free(t->v);
	free(t->at);
	*t = (struct intern){0};
}
