/* Plain comparisons looked at when a reading arrives: an array by series id says which rules concern it. */
#include "city/rule_int.h"

#include "base/metric.h"

#include <math.h>

#define LOOKBACK (5 * US_MINUTE)
#define REPLAY_MAX ((size_t)1 << 20)
#define SERIES_OF_THING 1000  /* that are looked for one by one */
#define CHANGES_FOLLOWED 1000 /* of things; more: everything is looked at again */
#define MET_AT_ONCE 256       /* new series */

enum op { OP_EQ, OP_NE, OP_GT, OP_LT, OP_GE, OP_LE };

struct check {
	int rule;
	enum op op;
	double threshold;
	int8_t last; /* 1, 0; -1 not known */
};
struct watched { /* one series */
	time_us newest;
	int n;
	struct check check[];
};
static struct watched unwatched; /* every series that no rule looks at; never written */

struct push {
	struct rules *r;
	struct watched **slot; /* by series id */
	size_t slots;
	uint64_t version;           /* of the registry that the slots were made with */
	struct series_point *early; /* replayed while the series was still opening */
	size_t early_n, early_cap;
};

static enum op op_of(const char *s)
{
	switch (s[0]) {
	case '>': return s[1] == '=' ? OP_GE : OP_GT;
	case '<': return s[1] == '=' ? OP_LE : OP_LT;
	case '!': return OP_NE;
	default: return OP_EQ;
	}
}

static bool compare(enum op op, double v, double threshold)
{
	switch (op) {
	case OP_EQ: return v == threshold;
	case OP_NE: return v != threshold && !isnan(v);
	case OP_GT: return v > threshold;
	case OP_LT: return v < threshold;
	case OP_GE: return v >= threshold;
	case OP_LE: return v <= threshold;
	}
	return false;
}

struct push *push__new(struct rules *r)
{
	struct push *p = xcalloc(1, sizeof(*p));

	p->r = r;
	return p;
}

static void forget_one(struct push *p, size_t i)
{
	if (i < p->slots && p->slot[i] != &unwatched)
		free(p->slot[i]);
	if (i < p->slots)
		p->slot[i] = NULL;
}

static void forget(struct push *p)
{
	for (size_t i = 0; i < p->slots; i++)
		forget_one(p, i);
}

/* The series of one thing. False: they cannot be told. */
static bool forget_thing(struct push *p, struct arena *a, const char *code)
{
	struct series_latest_row *row = NULL;
	struct matcher m;
	size_t n = 0;

	if (matcher_init(&m, a, MATCH_EQ, STR_LIT("thing"), str_of(code), NULL) < 0 ||
	        series_list(p->r->s->series, &m, 1, SERIES_OF_THING, a, &row, &n, NULL) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		forget_one(p, row[i].id.v);
	return n < SERIES_OF_THING;
}

/* Things moved, were added or removed: other rules may concern their series. */
static void follow_registry(struct push *p)
{
	struct registry_changes x = {0};
	struct registry *r = p->r->s->registry;
	struct arena *a = arena_new(0);
	bool known = registry_changes(r, p->version, a, &x) && x.n <= CHANGES_FOLLOWED;

	for (int i = 0; i < x.n && known; i++)
		known = forget_thing(p, a, x.code[i]);
	if (!known)
		forget(p);
	p->version = x.version;
	arena_free(&a);
}

void push__free(struct push **p)
{
	if (*p == NULL)
		return;
	forget(*p);
	free((void *)(*p)->slot);
	free((*p)->early);
	free(*p);
	*p = NULL;
}

/* Stored and virtual labels, sorted. */
static bool full_labels(struct site *s, series_id id, struct arena *a, struct labels *out)
{
	struct labels stored = series_labels(s->series, id, a);
	struct str thing = labels_get(&stored, "thing"), value[8] = {0};
	int names = 0;

	while (s->labels.names[names] != NULL)
		names++;
	must(names <= (int)ARRAY_LEN(value));
	out->l = arena_array(a, (size_t)(stored.n + names), sizeof(*out->l));
	out->n = 0;
	if (thing.n > 0)
		s->labels.values(s->labels.ctx, thing, a, value);
	for (int i = 0; i < stored.n; i++) {
		bool is_virtual = false;

		for (int k = 0; k < names; k++)
			is_virtual = is_virtual || str_is(stored.l[i].name, s->labels.names[k]);
		if (!is_virtual)
			out->l[out->n++] = stored.l[i];
	}
	for (int k = 0; k < names; k++)
		if (value[k].n > 0)
			out->l[out->n++] = (struct label){str_of(s->labels.names[k]), value[k]};
	return stored.n > 0 && labels_sort(out, NULL) == 0;
}

bool push__labels(struct rules *r, int rule, series_id id, struct arena *a, struct labels *out)
{
	const struct alert_rule *x = &r->s->catalog->rule[rule];
	bool ok = full_labels(r->s, id, a, out) && matchers_match(x->match, x->matches, out);

	if (ok)
		*out = alert__labels(a, x, out, NAN, &ok);
	return ok;
}

static struct watched *compile(struct push *p, series_id id)
{
	const struct catalog *c = p->r->s->catalog;
	struct arena *a = arena_new(0);
	struct watched *w = &unwatched;
	struct labels ls;
	int n = 0;

	if (full_labels(p->r->s, id, a, &ls)) {
		int *hit = arena_array(a, (size_t)c->rules, sizeof(*hit));

		for (int i = 0; i < c->rules; i++)
			if (c->rule[i].push && matchers_match(c->rule[i].match, c->rule[i].matches, &ls))
				hit[n++] = i;
		if (n > 0) {
			w = xcalloc(1, sizeof(*w) + (size_t)n * sizeof(w->check[0]));
			w->newest = TIME_NONE;
			w->n = n;
			for (int i = 0; i < n; i++)
				w->check[i] = (struct check){.rule = hit[i],
				        .op = op_of(c->rule[hit[i]].op),
				        .threshold = c->rule[hit[i]].threshold,
				        .last = -1};
		}
	}
	arena_free(&a);
	return w;
}

static struct watched **slot_of(struct push *p, series_id id)
{
	if (id.v >= p->slots) {
		size_t n = p->slots > 0 ? p->slots : 1024;

		while (n <= id.v)
			n *= 2;
		p->slot = xrealloc((void *)p->slot, n * sizeof(struct watched *));
		memset((void *)(p->slot + p->slots), 0, (n - p->slots) * sizeof(struct watched *));
		p->slots = n;
	}
	return &p->slot[id.v];
}

static struct watched *watched(struct push *p, series_id id)
{
	struct watched **slot = slot_of(p, id);

	if (*slot == NULL)
		*slot = compile(p, id);
	return *slot;
}

/* Some rule may look at series of this name. */
static bool name_concerns(const struct catalog *c, struct str name)
{
	for (int i = 0; i < c->rules; i++) {
		const struct alert_rule *x = &c->rule[i];
		bool may = x->push;

		for (int k = 0; k < x->matches && may; k++)
			may = !str_is(x->match[k].name, LABEL_NAME) || matcher_matches(&x->match[k], name);
		if (may)
			return true;
	}
	return false;
}

/* Most series are of a name that no rule asks for: of these nothing else need be known. */
static void pass_over(struct push *p, const series_id *id, size_t n)
{
	static const char *const name[] = {LABEL_NAME};
	struct arena *a = arena_new(0);
	struct str value[MET_AT_ONCE];
	struct str before = STR_NULL;
	bool concerns = true;

	must(n <= MET_AT_ONCE);
	series_values(p->r->s->series, id, n, name, 1, a, value);
	for (size_t i = 0; i < n; i++) {
		if (before.p == NULL || !str_eq(before, value[i]))
			concerns = name_concerns(p->r->s->catalog, value[i]);
		before = value[i];
		if (!concerns)
			*slot_of(p, id[i]) = &unwatched;
	}
	arena_free(&a);
}

static void pass_over_new(struct push *p, const struct series_point *x, size_t n)
{
	series_id id[MET_AT_ONCE];
	size_t met = 0;

	for (size_t i = 0; i < n; i++) {
		if (LIKELY(*slot_of(p, x[i].id) != NULL))
			continue;
		id[met++] = x[i].id;
		if (met == MET_AT_ONCE) {
			pass_over(p, id, met);
			met = 0;
		}
	}
	if (met > 0)
		pass_over(p, id, met);
}

static bool look(struct push *p, const struct series_point *x, time_us now, bool replay)
{
	struct watched *w = watched(p, x->id);
	bool gap, told = false;

	if (w->n == 0)
		return false;
	/* Old news starts nothing; what is dated ahead is the interval's affair when its time comes. */
	if ((w->newest != TIME_NONE && x->t < w->newest) || x->t < now - LOOKBACK || x->t > now)
		return false;
	gap = w->newest != TIME_NONE && x->t - w->newest >= LOOKBACK;
	w->newest = x->t;
	metric_add(METRIC_RULE_PUSH, w->n);
	for (int i = 0; i < w->n; i++) {
		struct check *c = &w->check[i];
		int8_t hit = compare(c->op, x->v, c->threshold) ? 1 : 0;
		struct push_message *m;

		/* After a silence the alert may have ended without this series saying so. */
		if (hit == c->last && !(gap && hit))
			continue;
		m = xcalloc(1, sizeof(*m));
		*m = (struct push_message){.rule = c->rule,
		        .id = x->id,
		        .t = x->t,
		        .v = x->v,
		        .hit = hit == 1,
		        .replay = replay};
		if (!queue_push(p->r->q, &m->node)) {
			free(m); /* the interval will see it */
			continue;
		}
		c->last = hit;
		told = true;
	}
	return told;
}

static void keep_early(struct push *p, const struct series_point *x, size_t n)
{
	time_us oldest = clock_now(p->r->s->clock) - LOOKBACK;

	for (size_t i = 0; i < n; i++)
		if (x[i].t >= oldest && p->early_n < REPLAY_MAX) {
			p->early = xgrow(p->early, &p->early_cap, p->early_n + 1, sizeof(*p->early));
			p->early[p->early_n++] = x[i];
		}
}

void rules_observe(void *ctx, const struct series_point *x, size_t n, bool replay)
{
	struct rules *r = ctx;
	struct push *p = r->push;
	time_us now;
	bool told = false;

	if (replay || r->s->series == NULL) {
		keep_early(p, x, n);
		return;
	}
	if (registry_version(r->s->registry) != p->version)
		follow_registry(p);
	now = clock_now(r->s->clock);
	pass_over_new(p, x, n);
	for (size_t i = 0; i < n; i++)
		told = look(p, &x[i], now, false) || told;
	if (told)
		clock_poke(r->s->clock);
}

void push__replay(struct push *p)
{
	time_us now = clock_now(p->r->s->clock);

	pass_over_new(p, p->early, p->early_n);
	for (size_t i = 0; i < p->early_n; i++)
		look(p, &p->early[i], now, true);
	free(p->early);
	p->early = NULL;
	p->early_n = p->early_cap = 0;
}
