/* The state machine of alerts, as Prometheus has it, and the writing of its changes into alarms. */
#include "city/rule_int.h"

#include "base/doc.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/sql.h"

#include <math.h>

#define REFRESH US_MINUTE /* the newest value of a firing alarm is written at most this often */
#define EVAL_MEMORY ((size_t)256 << 20)
#define WRITE_MAX 200 /* changes in one transaction */

/* ---- labels ---- */

struct labels alert__labels(
        struct arena *a, const struct alert_rule *rule, const struct labels *result, double value, bool *ok)
{
	const struct template_values v = {.labels = result, .value = value};
	struct labels out = {arena_array(a, (size_t)(result->n + rule->labels), sizeof(struct label)), 0};

	for (int i = 0; i < result->n; i++) {
		bool own = str_is(result->l[i].name, LABEL_NAME);

		for (int k = 0; k < rule->labels; k++)
			own = own || str_eq(rule->label[k].name, result->l[i].name);
		if (!own)
			out.l[out.n++] = result->l[i];
	}
	for (int k = 0; k < rule->labels; k++) {
		struct str text = rule->label[k].value;

		/* {{ $value }} in a label would make a new alert of each reading: it is not filled in. */
		out.l[out.n++] = (struct label){rule->label[k].name,
		        str_of(template__expand(a, arena_strndup(a, text.p, text.n), &v))};
	}
	*ok = labels_sort(&out, NULL) == 0;
	return out;
}

/* ---- the table of alerts ---- */

static struct alert *find(struct alerts *x, const char *name, const struct labels *ls, uint64_t hash)
{
	for (struct alert *al = x->bucket[hash % ALERT_BUCKETS]; al != NULL; al = al->next)
		if (al->hash == hash && strcmp(al->name, name) == 0 && labels_equal(&al->labels, ls))
			return al;
	return NULL;
}

static struct alert *add(struct alerts *x, int rule, const char *name, const struct labels *ls, uint64_t hash)
{
	struct arena *a = arena_new(0);
	struct alert *al = arena_alloc(a, sizeof(*al));

	*al = (struct alert){.next = x->bucket[hash % ALERT_BUCKETS],
	        .rule = rule,
	        .name = arena_strdup(a, name),
	        .labels = labels_copy(a, ls, NULL, STR_NULL),
	        .hash = hash,
	        .a = a,
	        .since = TIME_NONE,
	        .missed = TIME_NONE,
	        .told = TIME_NONE,
	        .value = NAN};
	x->bucket[hash % ALERT_BUCKETS] = al;
	return al;
}

static void drop_idle(struct alerts *x)
{
	for (size_t i = 0; i < ALERT_BUCKETS; i++)
		for (struct alert **at = &x->bucket[i]; *at != NULL;) {
			struct alert *al = *at;
			struct arena *a = al->a;

			if (al->is != ALERT_INACTIVE || al->unwritten > 0) {
				at = &al->next;
				continue;
			}
			*at = al->next;
			arena_free(&a);
		}
}

void alerts__free(struct alerts *x)
{
	for (size_t i = 0; i < ALERT_BUCKETS; i++)
		while (x->bucket[i] != NULL) {
			struct arena *a = x->bucket[i]->a;

			x->bucket[i] = x->bucket[i]->next;
			arena_free(&a);
		}
	free(x->change);
	x->change = NULL;
	x->changes = x->cap = 0;
}

/* ---- the state machine ---- */

/* turn: it begins or ends to fire; else it is pending, or a refresh. */
static void tell(struct rules *r, struct alert *al, enum alarm_state state, bool turn, time_us at)
{
	struct alerts *x = &r->alerts;

	x->change = xgrow(x->change, &x->cap, x->changes + 1, sizeof(*x->change));
	x->change[x->changes++] = (struct alert_change){
	        .alert = al, .state = state, .turn = turn, .since = al->since, .at = at, .value = al->value};
	al->unwritten++;
	al->told = at;
}

static void become(struct rules *r, struct alert *al, enum alert_is is)
{
	int pending = (is == ALERT_PENDING) - (al->is == ALERT_PENDING);
	int firing = (is == ALERT_FIRING) - (al->is == ALERT_FIRING);

	al->is = is;
	r->alerts.pending += pending;
	r->alerts.firing += firing;
	if (al->rule >= 0) {
		pthread_mutex_lock(&r->lock);
		r->state[al->rule].pending += pending;
		r->state[al->rule].firing += firing;
		pthread_mutex_unlock(&r->lock);
	}
}

static void hit(struct rules *r, struct alert *al, double v, time_us now)
{
	const struct alert_rule *rule = &r->s->catalog->rule[al->rule];

	al->value = v;
	al->missed = TIME_NONE;
	if (al->is == ALERT_INACTIVE) {
		al->since = now;
		become(r, al, rule->hold > 0 ? ALERT_PENDING : ALERT_FIRING);
		tell(r, al, rule->hold > 0 ? ALARM_PENDING : ALARM_FIRING, rule->hold == 0, now);
	} else if (al->is == ALERT_PENDING && now - al->since >= rule->hold) {
		become(r, al, ALERT_FIRING);
		tell(r, al, ALARM_FIRING, true, now);
	} else if (al->is == ALERT_FIRING && now - al->told >= REFRESH)
		tell(r, al, ALARM_FIRING, false, now);
}

static void miss(struct rules *r, struct alert *al, time_us now)
{
	dur_us keep = al->rule >= 0 ? r->s->catalog->rule[al->rule].keep_firing : 0;
	bool fired;

	if (al->is == ALERT_INACTIVE)
		return;
	if (al->is == ALERT_FIRING && keep > 0) {
		if (al->missed == TIME_NONE)
			al->missed = now;
		if (now - al->missed < keep)
			return;
	}
	fired = al->is == ALERT_FIRING;
	become(r, al, ALERT_INACTIVE);
	tell(r, al, ALARM_RESOLVED, fired, now);
}

/* ---- both ways in ---- */

static int evaluate(
        struct rules *r, int rule, time_us now, struct arena *a, struct promql_result *out, struct err *e)
{
	const struct promql_storage storage = site_promql(r->s);
	const struct promql_options o = {.storage = &storage};

	metric_add(METRIC_RULE_EVALS, 1);
	return promql_instant(r->s->catalog->rule[rule].expr, &o, now, a, out, e);
}

void alerts__evaluate(struct rules *r, int rule, time_us now)
{
	const struct alert_rule *x = &r->s->catalog->rule[rule];
	struct arena *a = arena_new(EVAL_MEMORY);
	struct promql_result result = {0};
	struct err e = ERR_INIT;
	dur_us began = clock_monotonic();
	int rc = evaluate(r, rule, now, a, &result, &e);

	r->alerts.round++;
	for (size_t i = 0; rc == 0 && i < result.n; i++) {
		bool ok = true;
		struct labels ls = alert__labels(a, x, &result.sample[i].labels, result.sample[i].v, &ok);
		uint64_t hash = labels_hash(&ls);
		struct alert *al;

		if (!ok)
			continue;
		al = find(&r->alerts, x->name, &ls, hash);
		if (al == NULL)
			al = add(&r->alerts, rule, x->name, &ls, hash);
		al->round = r->alerts.round;
		hit(r, al, result.sample[i].v, now);
	}
	for (size_t i = 0; rc == 0 && i < ALERT_BUCKETS; i++)
		for (struct alert *al = r->alerts.bucket[i]; al != NULL; al = al->next)
			if (al->rule == rule && al->round != r->alerts.round)
				miss(r, al, now);
	if (rc < 0) {
		metric_add(METRIC_RULE_FAULTS, 1);
		LOG(RULE_FAULT, log_s("rule", x->name), log_s("why", e.text));
	}
	pthread_mutex_lock(&r->lock);
	r->state[rule].last_eval = now;
	r->state[rule].took = clock_monotonic() - began;
	snprintf(r->state[rule].error, sizeof(r->state[rule].error), "%.255s", rc < 0 ? e.text : "");
	pthread_mutex_unlock(&r->lock);
	arena_free(&a);
}

/* A replayed reading whose alarm came and went before the restart starts nothing. */
static bool known(struct rules *r, const char *name, const struct labels *ls, time_us t)
{
	struct store_tx *tx = NULL;
	struct sql_alarm_find_last_row row;
	bool yes = false;

	if (store_read_begin(r->s->store, "look for an alarm", &tx, NULL) < 0)
		return false;
	if (sql_alarm_find_last(tx,
	            &(struct sql_alarm_find_last_in){
	                    str_of(name), str_of(alarm__labels_json(store_arena(tx), ls))},
	            &row, NULL) > 0)
		yes = row.seen >= t;
	store_read_end(&tx);
	return yes;
}

void alerts__push(struct rules *r, const struct push_message *m, time_us now)
{
	const struct alert_rule *x = &r->s->catalog->rule[m->rule];
	struct arena *a = arena_new(0);
	struct alert *al;
	struct labels ls;
	uint64_t hash;

	if (!push__labels(r, m->rule, m->id, a, &ls))
		goto out;
	hash = labels_hash(&ls);
	al = find(&r->alerts, x->name, &ls, hash);
	if (!m->hit) {
		/* What an alarm has outlived already, as the store knows, does not end it in a replay. */
		if (al != NULL && !(m->replay && m->t <= al->told))
			miss(r, al, now);
		goto out;
	}
	if (al == NULL) {
		if (m->replay && known(r, x->name, &ls, m->t))
			goto out;
		al = add(&r->alerts, m->rule, x->name, &ls, hash);
	}
	hit(r, al, m->v, now);
out:
	arena_free(&a);
}

/* ---- writing ---- */

struct batch {
	struct rules *r;
	const struct alert_change *change;
	size_t n;
};

static int take(struct rules *r, struct store_tx *tx, const struct alert_change *c, struct err *e)
{
	const struct alert *al = c->alert;
	struct alert_rule gone = {.name = al->name, .threshold = NAN};
	struct alarm_event ev = {.rule = al->rule >= 0 ? &r->s->catalog->rule[al->rule] : &gone,
	        .labels = &al->labels,
	        .state = c->state,
	        .value = c->value,
	        .since = c->since,
	        .at = c->at};
	int64_t id;

	return alarm_take(tx, r->s, &ev, &id, e);
}

static int write_batch(struct store_tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	int rc = 0;

	for (size_t i = 0; i < b->n && rc == 0; i++)
		rc = take(b->r, tx, &b->change[i], e);
	return rc;
}

static bool passes(int rc)
{
	return rc == ERR_UNAVAILABLE || rc == ERR_BUSY || rc == ERR_FULL || rc == ERR_IO ||
	       rc == ERR_CANCELLED || rc == ERR_TIMEOUT || rc == ERR_CONFLICT;
}

static void written(struct rules *r, size_t n, bool ok)
{
	struct alerts *x = &r->alerts;

	for (size_t i = 0; i < n; i++) {
		struct alert_change *c = &x->change[i];

		if (ok && c->turn && c->state == ALARM_RESOLVED) {
			metric_add(METRIC_ALARMS_RESOLVED, 1);
			LOG(ALARM_RESOLVED, log_s("rule", c->alert->name));
		} else if (ok && c->turn) {
			metric_add(METRIC_ALARMS_FIRED, 1);
			LOG(ALARM_FIRING, log_s("rule", c->alert->name), log_d("value", c->value));
		}
		c->alert->unwritten--;
	}
	memmove(x->change, x->change + n, (x->changes - n) * sizeof(*x->change));
	x->changes -= n;
}

int alerts__flush(struct rules *r, struct err *e)
{
	struct alerts *x = &r->alerts;
	struct err why = ERR_INIT;
	int rc = 0;

	while (x->changes > 0 && rc == 0) {
		struct batch b = {r, x->change, x->changes < WRITE_MAX ? x->changes : WRITE_MAX};

		rc = store_write(r->s->store, "take alarms", write_batch, &b, &why);
		if (rc < 0 && !passes(rc)) {
			/* One of them cannot be written: it must not keep the others. */
			b.n = 1;
			rc = store_write(r->s->store, "take an alarm", write_batch, &b, &why);
			if (rc < 0 && !passes(rc)) {
				metric_add(METRIC_RULE_FAULTS, 1);
				LOG(RULE_FAULT, log_s("rule", x->change[0].alert->name),
				        log_s("why", why.text));
				written(r, 1, false);
				rc = 0;
				continue;
			}
		}
		if (rc == 0)
			written(r, b.n, true);
	}
	if (rc < 0 && e != NULL)
		*e = why;
	drop_idle(x);
	metric_set(METRIC_ALARMS_OPEN, x->firing);
	return rc;
}

/* ---- what was open before ---- */

static int rule_of(const struct catalog *c, struct str name, const struct labels *ls)
{
	struct str severity = labels_get(ls, "severity");
	int found = -1;

	for (int i = 0; i < c->rules; i++) {
		if (!str_is(name, c->rule[i].name))
			continue;
		if (found < 0)
			found = i;
		/* Rules may share a name and differ in severity. */
		for (int k = 0; k < c->rule[i].labels; k++)
			if (str_is(c->rule[i].label[k].name, "severity") &&
			        str_eq(c->rule[i].label[k].value, severity))
				return i;
	}
	return found;
}

static int read_labels(struct arena *a, struct str json, struct labels *out, struct err *e)
{
	struct doc *doc = NULL;
	int rc = doc_parse_json(a, json, "labels of an alarm", &doc, e);

	if (rc < 0)
		return rc;
	out->l = arena_array(a, (size_t)doc->count, sizeof(*out->l));
	out->n = 0;
	DOC_EACH(x, doc)
	out->l[out->n++] = (struct label){str_of(x->key), {x->text, x->text_n}};
	return labels_sort(out, e);
}

int alerts__load(struct rules *r, struct err *e)
{
	struct arena *a = arena_new(0);
	struct store_tx *tx = NULL;
	struct store_rows *rows = NULL;
	struct sql_alarm_open_all_row row;
	struct sql_case_count_open_row open = {0};
	time_us now = clock_now(r->s->clock);
	int rc = store_read_begin(r->s->store, "load open alarms", &tx, e);

	if (rc == 0)
		rc = sql_case_count_open(tx, &open, e);
	if (rc >= 0)
		rc = sql_alarm_open_all_open(tx, &rows, e);
	while (rc >= 0 && (rc = sql_alarm_open_all_next(rows, &row, e)) > 0) {
		const char *name = arena_strndup(a, row.rule.p, row.rule.n);
		struct labels ls;
		struct alert *al;

		rc = read_labels(a, row.labels, &ls, e);
		if (rc < 0)
			break;
		al = add(&r->alerts, rule_of(r->s->catalog, row.rule, &ls), name, &ls, labels_hash(&ls));
		al->since = row.since;
		al->told = row.seen;
		al->value = row.value;
		become(r, al, row.state == ALARM_FIRING ? ALERT_FIRING : ALERT_PENDING);
		if (al->rule < 0) /* its rule was taken out of the pack */
			miss(r, al, now);
	}
	store_rows_close(&rows);
	store_read_end(&tx);
	arena_free(&a);
	metric_set(METRIC_CASES_OPEN, open.n);
	return rc < 0 ? rc : 0;
}
