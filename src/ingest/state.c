#include "ingest/state.h"

#include "base/digest.h"

#include <pthread.h>

#define SETS_MAX 200000
#define FIRST_SLOTS 256
#define ASKED_MOST 100000 /* series that are looked through for the states of one */

struct known {
	char *text;
	series_id id;
};
struct set {
	uint64_t hash; /* 0: free */
	char *key;
	size_t key_n;
	bool number; /* there are numbers under these labels, and no states */
	struct known *state;
	size_t cap;
	int n;
};
struct states {
	pthread_mutex_t lock;
	struct set *set;
	size_t slots, n;
};

static void set_slots(struct states *s, size_t slots)
{
	s->slots = slots;
	s->set = xcalloc(slots, sizeof(*s->set));
	s->n = 0;
}

struct states *states_new(void)
{
	struct states *s = xcalloc(1, sizeof(*s));

	must(pthread_mutex_init(&s->lock, NULL) == 0);
	set_slots(s, FIRST_SLOTS);
	return s;
}

static void drop(struct states *s)
{
	for (size_t i = 0; i < s->slots; i++) {
		for (int k = 0; k < s->set[i].n; k++)
			free(s->set[i].state[k].text);
		free(s->set[i].state);
		free(s->set[i].key);
	}
	free(s->set);
}

void states_free(struct states **s)
{
	if (*s == NULL)
		return;
	drop(*s);
	pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}

void states_forget(struct states *s)
{
	pthread_mutex_lock(&s->lock);
	drop(s);
	set_slots(s, FIRST_SLOTS);
	pthread_mutex_unlock(&s->lock);
}

static struct set *look(struct states *s, uint64_t hash, struct str key)
{
	size_t i = (size_t)hash & (s->slots - 1);

	for (; s->set[i].hash != 0; i = (i + 1) & (s->slots - 1))
		if (s->set[i].hash == hash && s->set[i].key_n == key.n &&
		        memcmp(s->set[i].key, key.p, key.n) == 0)
			break;
	return &s->set[i];
}

static void grow(struct states *s)
{
	struct set *old = s->set;
	size_t slots = s->slots, n = s->n;

	set_slots(s, 2 * slots);
	s->n = n;
	for (size_t i = 0; i < slots; i++)
		if (old[i].hash != 0)
			*look(s, old[i].hash, (struct str){old[i].key, old[i].key_n}) = old[i];
	free(old);
}

static void add(struct set *x, struct str text, series_id id)
{
	x->state = xgrow(x->state, &x->cap, (size_t)x->n + 1, sizeof(*x->state));
	x->state[x->n++] = (struct known){xstrndup(text.p, text.n), id};
}

/* The label sets that hold all of base, with a state or without. */
static int ask(struct series_db *db, const struct labels *base, bool states, struct arena *a,
        struct series_latest_row **row, size_t *n, struct err *e)
{
	struct matcher *m = arena_array(a, (size_t)base->n + 1, sizeof(*m));
	int rc = matcher_init(
	        &m[base->n], a, states ? MATCH_NE : MATCH_EQ, STR_LIT(STATE_LABEL), STR_LIT(""), e);

	for (int i = 0; rc == 0 && i < base->n; i++)
		rc = matcher_init(&m[i], a, MATCH_EQ, base->l[i].name, base->l[i].value, e);
	return rc == 0 ? series_list(db, m, base->n + 1, ASKED_MOST, a, row, n, e) : rc;
}

static bool is_base(const struct labels *base, const struct labels *stored)
{
	int k = 0;

	for (int i = 0; i < stored->n; i++) {
		if (str_is(stored->l[i].name, STATE_LABEL))
			continue;
		if (k == base->n || !str_eq(stored->l[i].name, base->l[k].name) ||
		        !str_eq(stored->l[i].value, base->l[k].value))
			return false;
		k++;
	}
	return k == base->n;
}

static int learn(struct series_db *db, const struct labels *base, struct set *x, struct err *e)
{
	struct arena *a = arena_new(0);
	struct series_latest_row *row = NULL;
	size_t n = 0;
	int rc = ask(db, base, true, a, &row, &n, e);

	for (size_t i = 0; rc == 0 && i < n && x->n < STATES_MAX; i++) {
		struct labels stored = series_labels(db, row[i].id, a);

		if (is_base(base, &stored))
			add(x, labels_get(&stored, STATE_LABEL), row[i].id);
	}
	if (rc == 0 && x->n == 0)
		rc = ask(db, base, false, a, &row, &n, e);
	for (size_t i = 0; rc == 0 && x->n == 0 && i < n && !x->number; i++) {
		struct labels stored = series_labels(db, row[i].id, a);

		x->number = row[i].t != TIME_NONE && is_base(base, &stored);
	}
	arena_free(&a);
	return rc;
}

static const char *is_no_state(struct str text, enum refusal *why)
{
	*why = REFUSED_UTF8;
	if (!utf8_valid(text))
		return "a text is not UTF-8";
	*why = REFUSED_STATE;
	if (text.n == 0)
		return "an empty text is no state";
	if (text.n > STATE_BYTES)
		return "a text of more than 128 bytes is no state; texts are kept as states alone";
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
			return "a text with line breaks or other control characters is no state";
	return NULL;
}

/* Behind the lock. */
static const char *find(struct states *s, struct series_db *db, const struct labels *base, struct str key,
        struct str text, struct state_set *out, enum refusal *why, struct err *e)
{
	uint64_t hash = hash64(key.p, key.n, 0) | 1;
	struct set *x = look(s, hash, key);
	struct arena *a;
	struct labels ls;
	series_id id;
	int rc;

	if (x->hash == 0) {
		struct set fresh = {.hash = hash, .key_n = key.n};

		rc = learn(db, base, &fresh, e);
		if (rc < 0) {
			for (int i = 0; i < fresh.n; i++)
				free(fresh.state[i].text);
			free(fresh.state);
			*why = REFUSED_STATE;
			return rc == ERR_TOOBIG
			               ? "too many series have these labels and more; a text needs the "
			                 "tag thing, or others that tell it apart"
			               : "";
		}
		fresh.key = xcalloc(1, key.n + 1);
		memcpy(fresh.key, key.p, key.n);
		*x = fresh;
		s->n++;
	}
	if (x->number) {
		*why = REFUSED_VALUE;
		return "a text, where numbers were stored before";
	}
	for (out->on = 0; out->on < x->n; out->on++)
		if (str_is(text, x->state[out->on].text))
			break;
	if (out->on == x->n) {
		*why = REFUSED_STATE;
		if (x->n == STATES_MAX)
			return "the metric has had 64 different texts already: that is no state";
		a = arena_new(0);
		ls = labels_copy(a, base, STATE_LABEL, text);
		rc = series_resolve(db, &ls, &id, e);
		arena_free(&a);
		if (rc < 0)
			return "";
		add(x, text, id);
	}
	out->n = x->n;
	for (int i = 0; i < x->n; i++)
		out->id[i] = x->state[i].id;
	return NULL;
}

const char *states_find(struct states *s, struct series_db *db, const struct labels *base, struct str text,
        struct state_set *out, enum refusal *why, struct err *e)
{
	const char *words = is_no_state(text, why);
	struct sb key = SB_INIT;

	if (words != NULL)
		return words;
	for (int i = 0; i < base->n; i++) {
		if (str_is(base->l[i].name, STATE_LABEL)) {
			*why = REFUSED_NAME;
			sb_fini(&key);
			return "a tag named state leaves no room for the state that a text is";
		}
		/* lengths, so that no two sets have the same key */
		sb_printf(&key, "%zu,%zu,", base->l[i].name.n, base->l[i].value.n);
		sb_putstr(&key, base->l[i].name);
		sb_putstr(&key, base->l[i].value);
	}
	pthread_mutex_lock(&s->lock);
	if (s->n >= SETS_MAX) {
		drop(s);
		set_slots(s, FIRST_SLOTS);
	}
	if ((s->n + 1) * 2 > s->slots)
		grow(s);
	words = find(s, db, base, sb_str(&key), text, out, why, e);
	pthread_mutex_unlock(&s->lock);
	sb_fini(&key);
	return words;
}
