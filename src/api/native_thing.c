/* Things: a list, one with its readings, and how an administrator changes one. */
#include "api/api_int.h"

#include "city/health.h"
#include "city/record.h"
#include "ingest/command.h"
#include "ingest/state.h"

#include <math.h>

#define LOOKS_MOST 100000  /* things of one page of a list */
#define FLAGGED_MOST 20000 /* that are sorted for a page; where more are flagged, a walk meets them soon */

void write_codes(struct jw *w, const char *key, const char *by_blanks)
{
	struct str rest = str_of(by_blanks);

	jw_key(w, key);
	jw_array(w);
	while (rest.n > 0) {
		struct str s = str_cut(&rest, ' ');

		if (s.n > 0)
			jw_str(w, s);
	}
	jw_array_end(w);
}

static void write_health(struct call *c, const struct thing *t)
{
	struct thing_health h;
	struct jw *w = &c->w;

	(void)health_of(c->site->health, str_of(t->code), &h);
	jw_key(w, "health");
	jw_object(w);
	jw_ktime(w, "seen", h.seen);
	jw_kdouble(w, "battery", h.battery);
	jw_kdouble(w, "skew_s", h.skew_s);
	jw_kdouble(w, "loss", h.loss);
	jw_kint(w, "interval_s", h.interval_s);
	jw_key(w, "flags");
	jw_array(w);
	for (int i = 0; i < HEALTH_FLAGS; i++)
		if ((h.flags & (1u << i)) != 0)
			jw_cstr(w, health_flag_name[i]);
	jw_array_end(w);
	jw_object_end(w);
}

/* Leaves the object open. */
static int write_thing(struct call *c, const struct thing *t, struct err *e)
{
	struct jw *w = &c->w;
	struct record r = {0};
	int rc;

	jw_object(w);
	jw_kstr(w, "code", t->code);
	jw_kstr(w, "kind", t->kind);
	jw_kstr(w, "name", t->name);
	jw_kstr(w, "name_en", t->name_en);
	jw_kstr(w, "state", t->state);
	jw_kstr(w, "org", t->org);
	jw_kstr(w, "region", t->region);
	jw_kstr(w, "unit", t->unit_region);
	jw_kstr(w, "zone", zone_name(thing_zone(c->site->catalog, t)));
	write_place(c, t->at);
	jw_kbool(w, "demo", t->demo);
	write_health(c, t);
	rc = call_read(c, e);
	if (rc == 0)
		rc = record_get(c->tx, c->a, c->site->catalog, &c->who, t->kind, t->code, &r, e);
	if (rc < 0 && rc != ERR_NOTFOUND) /* changed since the snapshot */
		return rc;
	return view_attrs(c, catalog_kind(c->site->catalog, t->kind), rc == 0 ? r.attrs : "", e);
}

/* ---- lists ---- */

static bool holds(const char *text, const char *words)
{
	return strcasestr(text, words) != NULL;
}

static bool in_region(const char *region, const char *unit, const char *wanted)
{
	return strncmp(region, wanted, strlen(wanted)) == 0 || strcmp(unit, wanted) == 0;
}

struct wanted { /* NULL: any */
	const char *kind, *region, *org, *state, *q;
	unsigned flags; /* one of them; 0: any */
};

static int read_wanted(struct call *c, struct wanted *out, struct err *e)
{
	const char *health = call_text(c, "health");

	*out = (struct wanted){.kind = call_text(c, "kind"),
	        .region = call_text(c, "region"),
	        .org = call_text(c, "org"),
	        .state = call_text(c, "state"),
	        .q = call_text(c, "q")};
	if (health == NULL)
		return 0;
	if (strcmp(health, "any") == 0)
		out->flags = (1u << HEALTH_FLAGS) - 1;
	else
		out->flags = health_flag_of(str_of(health));
	if (out->flags != 0)
		return 0;
	err_set(e, ERR_INVALID, "health is never, silent, low_battery, skewed, lossy, or any of them");
	return err_at(e, NULL, 0, 0, "health"), ERR_INVALID;
}

static bool is_wanted(struct call *c, const struct wanted *x, const struct thing *t)
{
	struct thing_health h;

	if ((x->kind != NULL && strcmp(t->kind, x->kind) != 0) ||
	        (x->org != NULL && strcmp(t->org, x->org) != 0) ||
	        (x->state != NULL && strcmp(t->state, x->state) != 0) ||
	        (x->region != NULL && !in_region(t->region, t->unit_region, x->region)) ||
	        (x->q != NULL && !holds(t->code, x->q) && !holds(t->name, x->q) &&
	                !holds(t->name_en, x->q)) ||
	        !thing_seen(c->site->catalog, &c->who, t))
		return false;
	if (x->flags == 0)
		return true;
	(void)health_of(c->site->health, str_of(t->code), &h);
	return (h.flags & x->flags) != 0;
}

/* Things in the order of their codes: all, or those that health names, where these are few. */
struct look {
	struct thing_walk walk;
	const struct snapshot *s;
	const char **code; /* NULL: all */
	size_t n, at;
};

static struct look look_at_things(struct call *c, unsigned flags, const char *after)
{
	struct look k = {.s = call_snapshot(c)};

	if (flags != 0 && health_flagged(c->site->health, flags, FLAGGED_MOST, c->a, &k.code, &k.n)) {
		while (after != NULL && k.at < k.n && strcmp(k.code[k.at], after) <= 0)
			k.at++;
		return k;
	}
	k.walk = thing_map_walk(k.s->things, after);
	return k;
}

static const struct thing *next_thing(struct look *k)
{
	const struct thing *t = NULL;

	if (k->code == NULL)
		return thing_next(&k->walk);
	while (t == NULL && k->at < k->n) /* the snapshot may be older */
		t = snapshot_thing(k->s, str_of(k->code[k->at++]));
	return t;
}

int things_get(struct call *c, struct err *e)
{
	const char *after = call_text(c, "after"), *next = NULL;
	int64_t limit, n = 0, looked = 0;
	struct wanted wanted = {0};
	struct look look;
	int rc = call_int(c, "limit", 200, 1, 5000, &limit, e);

	if (rc == 0)
		rc = read_wanted(c, &wanted, e);
	if (rc == 0)
		rc = call_crs(c, e);
	if (rc < 0)
		return rc;
	look = look_at_things(c, wanted.flags, after);
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (const struct thing *t; rc == 0 && (t = next_thing(&look)) != NULL;) {
		bool wanted_one;

		/* What is not to be seen counts for nothing, or `next` would tell of it. */
		if (!thing_seen(c->site->catalog, &c->who, t))
			continue;
		wanted_one = is_wanted(c, &wanted, t);
		/* A page may be short: the next one goes on where this one looked last. */
		if ((wanted_one && n == limit) || looked++ == LOOKS_MOST) {
			next = after;
			break;
		}
		after = t->code;
		if (!wanted_one)
			continue;
		n++;
		rc = write_thing(c, t, e);
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	jw_kstr(&c->w, "next", next);
	jw_object_end(&c->w);
	return rc;
}

/* ---- health by kind and org ---- */

struct tallies {
	struct call *c;
	const struct wanted *wanted;
	struct health_group *sum; /* by kind and org */
	size_t n, cap;
	bool full;
};

static bool is_wanted_group(const struct tallies *x, const struct health_group *g)
{
	const struct wanted *want = x->wanted;
	const struct thing one = {.kind = g->kind, .org = g->org, .region = g->region};

	return (want->kind == NULL || strcmp(g->kind, want->kind) == 0) &&
	       (want->org == NULL || strcmp(g->org, want->org) == 0) &&
	       (want->state == NULL || strcmp(g->state, want->state) == 0) &&
	       (want->region == NULL || in_region(g->region, g->unit, want->region)) &&
	       thing_seen(x->c->site->catalog, &x->c->who, &one);
}

static struct health_group *sum_of(struct tallies *x, const struct health_group *g)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->sum[i].kind, g->kind) == 0 && strcmp(x->sum[i].org, g->org) == 0)
			return &x->sum[i];
	x->sum = arena_grow(x->c->a, x->sum, &x->cap, x->n + 1, sizeof(*x->sum));
	if (x->sum == NULL)
		return NULL;
	x->sum[x->n] = (struct health_group){.kind = g->kind, .org = g->org};
	return &x->sum[x->n++];
}

static void add_group(void *ctx, const struct health_group *g)
{
	struct tallies *x = ctx;
	struct health_group *sum;

	if (x->full || !is_wanted_group(x, g))
		return;
	sum = sum_of(x, g);
	x->full = sum == NULL;
	if (x->full)
		return;
	sum->things += g->things;
	for (int i = 0; i < HEALTH_FLAGS; i++)
		sum->flag[i] += g->flag[i];
}

static int by_kind_and_org(const void *a, const void *b)
{
	const struct health_group *x = a, *y = b;
	int rc = strcmp(x->kind, y->kind);

	return rc != 0 ? rc : strcmp(x->org, y->org);
}

int things_health_get(struct call *c, struct err *e)
{
	struct wanted wanted;
	struct tallies x = {.c = c, .wanted = &wanted};
	int rc = read_wanted(c, &wanted, e);

	if (rc < 0)
		return rc;
	health_groups(c->site->health, add_group, &x);
	if (x.full)
		return err_set(e, ERR_NOMEM, "not enough memory for this answer");
	if (x.n > 0)
		qsort(x.sum, x.n, sizeof(*x.sum), by_kind_and_org);
	jw_object(&c->w);
	jw_ktime(&c->w, "listening", health_listening(c->site->health));
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (size_t i = 0; i < x.n; i++) {
		jw_object(&c->w);
		jw_kstr(&c->w, "kind", x.sum[i].kind);
		jw_kstr(&c->w, "org", x.sum[i].org);
		jw_kint(&c->w, "things", x.sum[i].things);
		for (int k = 0; k < HEALTH_FLAGS; k++)
			jw_kint(&c->w, health_flag_name[k], x.sum[i].flag[k]);
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}

/* ---- one ---- */

static const struct quantity *quantity_of(const struct kind *k, struct str metric)
{
	for (int i = 0; k != NULL && i < k->quantities; i++)
		if (str_is(metric, k->quantity[i].metric))
			return &k->quantity[i];
	return NULL;
}

/* Of the states that a metric has had, that of its newest reading (ingest/state.h). */
static bool is_present_state(const struct series_latest_row *row, size_t n, size_t at)
{
	struct str metric = labels_get(&row[at].labels, LABEL_NAME);

	for (size_t i = 0; i < n; i++)
		if (row[i].t > row[at].t && str_eq(labels_get(&row[i].labels, LABEL_NAME), metric) &&
		        labels_get(&row[i].labels, STATE_LABEL).p != NULL)
			return false;
	return row[at].v == 1;
}

static int write_readings(struct call *c, const struct thing *t, struct err *e)
{
	const struct kind *k = catalog_kind(c->site->catalog, t->kind);
	struct series_latest_row *row = NULL;
	struct matcher m;
	size_t n = 0;
	int rc = matcher_init(&m, c->a, MATCH_EQ, STR_LIT("thing"), str_of(t->code), e);

	if (rc == 0)
		rc = series_list(c->site->series, &m, 1, 500, c->a, &row, &n, e);
	if (rc < 0)
		return rc;
	jw_key(&c->w, "readings");
	jw_array(&c->w);
	for (size_t i = 0; i < n; i++) {
		struct str metric = labels_get(&row[i].labels, LABEL_NAME),
		           state = labels_get(&row[i].labels, STATE_LABEL);
		const struct quantity *q = quantity_of(k, metric);

		if (row[i].t == TIME_NONE || (state.p != NULL && !is_present_state(row, n, i)))
			continue;
		jw_object(&c->w);
		jw_key(&c->w, "metric");
		jw_str(&c->w, metric);
		if (q != NULL) {
			jw_kstr(&c->w, "name", q->name);
			jw_kstr(&c->w, "name_en", q->name_en);
		} else {
			jw_key(&c->w, "name");
			jw_str(&c->w, metric);
			jw_key(&c->w, "name_en");
			jw_str(&c->w, metric);
		}
		jw_kstr(&c->w, "unit", q != NULL ? q->unit : "");
		jw_ktime(&c->w, "t", row[i].t);
		jw_kdouble(&c->w, "v", row[i].v);
		if (state.p != NULL) {
			jw_key(&c->w, "state");
			jw_str(&c->w, state);
		}
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	return 0;
}

int thing_get(struct call *c, struct err *e)
{
	const struct thing *t = snapshot_thing(call_snapshot(c), c->param[0]);
	int rc;

	if (t == NULL || !thing_seen(c->site->catalog, &c->who, t))
		return err_set(e, ERR_NOTFOUND, "no thing has this code");
	rc = call_crs(c, e);
	if (rc < 0)
		return rc;
	rc = write_thing(c, t, e);
	if (rc == 0)
		rc = write_readings(c, t, e);
	jw_object_end(&c->w);
	return rc;
}

int thing_set(struct call *c, struct err *e)
{
	const struct doc *attrs = doc_get(c->body, "attrs");
	struct thing_in in = {.code = call_param(c, 0),
	        .kind = body_text(c, "kind"),
	        .name = body_text(c, "name"),
	        .name_en = body_text(c, "name_en"),
	        .org = body_text(c, "org"),
	        .region = body_text(c, "region"),
	        .demo = doc_bool(c->body, "demo", false),
	        .keep_demo = doc_get(c->body, "demo") == NULL};
	struct sb b = SB_INIT;
	struct jw w;
	int rc = call_crs(c, e);

	if (rc < 0)
		return rc;
	in.at = body_place(c);
	if (attrs != NULL) {
		body_places(c, catalog_kind(c->site->catalog, in.kind), attrs);
		jw_init(&w, &b);
		doc_write_json(attrs, &w);
		in.attrs = arena_strndup(c->a, b.p, b.n);
		sb_fini(&b);
	}
	rc = thing_put(c->site->registry, c->site->store, c->site->catalog, &in, 1, &c->who, e);
	if (rc < 0) {
		if (e != NULL)
			e->line = 0; /* the thing's place in a list of one */
		return rc;
	}
	return thing_get(c, e);
}

/* A text is sent as it is, anything else as JSON. */
static struct str command_text(struct call *c, const struct doc *d)
{
	struct sb b = SB_INIT;
	struct jw w;
	struct str out;

	if (d->type == DOC_STRING)
		return (struct str){d->text, d->text_n};
	jw_init(&w, &b);
	doc_write_json(d, &w);
	out = (struct str){arena_strndup(c->a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

static void write_answer(struct call *c, struct str payload)
{
	struct doc *d = NULL;

	jw_key(&c->w, "answer");
	if (doc_parse_json(c->a, payload, "answer", &d, NULL) == 0)
		doc_write_json(d, &c->w);
	else if (utf8_valid(payload))
		jw_str(&c->w, payload);
	else
		jw_null(&c->w);
}

int thing_command(struct call *c, struct err *e)
{
	const struct thing *t = snapshot_thing(call_snapshot(c), c->param[0]);
	int64_t timeout_s = doc_int(c->body, "timeout_s", 10);
	struct command_answer answer;
	int rc;

	if (t == NULL || !thing_seen(c->site->catalog, &c->who, t))
		return err_set(e, ERR_NOTFOUND, "no thing has this code");
	if (timeout_s < 1 || timeout_s > COMMAND_WAIT_MOST / US_SECOND) {
		err_set(e, ERR_INVALID, "an answer is waited for 1 to %d s",
		        (int)(COMMAND_WAIT_MOST / US_SECOND));
		return err_at(e, NULL, 0, 0, "timeout_s");
	}
	if (c->s->ingest == NULL)
		return err_set(e, ERR_UNAVAILABLE, "no readings come in here, and no commands go out");
	const struct device_command command = {.thing = t,
	        .by = c->who.login,
	        .payload = command_text(c, doc_get(c->body, "command")),
	        .wait = timeout_s * US_SECOND};
	if (command.payload.n > COMMAND_BYTES)
		return err_set(e, ERR_TOOBIG, "a command is at most %d bytes", COMMAND_BYTES);
	rc = command_send(c->s->ingest, &command, c->a, &answer, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_kstr(&c->w, "id", answer.id);
	write_answer(c, answer.payload);
	jw_kint(&c->w, "ms", answer.took / US_MS);
	jw_object_end(&c->w);
	return 0;
}
