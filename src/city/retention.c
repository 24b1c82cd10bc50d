#include "city/retention.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/thread.h"
#include "city/removal.h"
#include "series/remote.h"
#include "store/sql.h"

#include <pthread.h>

#define AGAIN US_HOUR
#define WAIT_MAX US_SECOND
#define LAST "retention.last" /* setting: Unix time of the last run, in microseconds */

struct retention {
	struct site *site;
	pthread_t thread;
	bool cancel; /* atomic */

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t settled;
	uint64_t wanted, told;
	bool stopping;
	time_us last, next;
	bool running;
	size_t done, files;
	struct err why;
};

/* ---- classes ---- */

static struct series_class rule_of(const struct retention_policy *p)
{
	return (struct series_class){
	        .keep = p->keep != 0 ? p->keep : SERIES_FOREVER, .five = p->five, .hour = p->hour};
}

struct retention_row *retention_classes(const struct site *s, struct arena *a, int *n)
{
	const struct catalog *c = s->catalog;
	struct retention_row *row = arena_array(a, (size_t)c->retentions + 1, sizeof(*row));

	for (int i = 0; i < c->retentions; i++)
		row[i] = (struct retention_row){.class = &c->retention[i],
		        .rule = {.m = c->retention[i].selector.m,
		                .n = c->retention[i].selector.n,
		                .keep = c->retention[i].keep,
		                .five = c->retention[i].five,
		                .hour = c->retention[i].hour}};
	row[c->retentions] = (struct retention_row){.rule = rule_of(&s->retain)};
	*n = c->retentions + 1;
	return row;
}

static struct series_class *rules_of(struct arena *a, const struct retention_row *row, int n)
{
	struct series_class *out = arena_array(a, (size_t)n, sizeof(*out));

	for (int i = 0; i < n; i++)
		out[i] = row[i].rule;
	return out;
}

/* Whether anything is ever removed. */
static bool ends(const struct site *s)
{
	const struct catalog *c = s->catalog;

	for (int i = 0; i < c->retentions; i++)
		if (c->retention[i].keep != SERIES_FOREVER)
			return true;
	return s->retain.keep != 0 && s->retain.keep != SERIES_FOREVER;
}

int retention_look(struct site *s, struct arena *a, struct retention_row **out, int *n, const bool *cancel,
        struct err *e)
{
	struct series_survey *found;
	int rc;

	*out = retention_classes(s, a, n);
	found = arena_array(a, (size_t)*n, sizeof(*found));
	rc = series_survey(s->series, rules_of(a, *out, *n), *n, clock_now(s->clock), found, cancel, e);
	for (int i = 0; i < *n && rc == 0; i++)
		(*out)[i].found = found[i];
	return rc;
}

/* ---- a run ---- */

struct telling {
	struct site *s;
	const char *by;
	const struct retention_row *row;
	int n;
	time_us at;
	const struct err *why; /* NULL: it went well */
};

static bool any_removed(const struct telling *t)
{
	for (int i = 0; i < t->n; i++)
		if (t->row[i].removed.points != 0 || t->row[i].removed.bytes != 0)
			return true;
	return false;
}

static void write_row(struct jw *w, const struct retention_row *row)
{
	jw_object(w);
	jw_kstr(w, "class", row->class != NULL ? row->class->code : "");
	jw_kint(w, "series", (int64_t)row->removed.series);
	jw_kint(w, "readings", (int64_t)row->removed.points);
	jw_kint(w, "rolled", (int64_t)row->removed.rolled);
	jw_kint(w, "bytes", row->removed.bytes);
	jw_object_end(w);
}

/* It speaks of all series, and so is for those who see all. */
static int append(struct store_tx *tx, const char *kind, const char *by, struct str payload, struct err *e)
{
	return journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(kind),
	                .subject = STR_LIT("series"),
	                .subject_id = STR_LIT("all"),
	                .region = STR_LIT("*"),
	                .org = STR_LIT("*"),
	                .secrecy = 2,
	                .account = str_of(by),
	                .payload = payload},
	        e);
}

int retention_journal_snapshot(struct store_tx *tx, const char *dir, const char *by, struct err *e)
{
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "folder", dir);
	jw_object_end(&w);
	rc = append(tx, "series.snapshot", by, sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

static int write_entry(struct store_tx *tx, const struct telling *t, struct err *e)
{
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_key(&w, "classes");
	jw_array(&w);
	for (int i = 0; i < t->n; i++)
		if (t->row[i].removed.points != 0 || t->row[i].removed.bytes != 0)
			write_row(&w, &t->row[i]);
	jw_array_end(&w);
	if (t->why != NULL)
		jw_kstr(&w, "why", t->why->text);
	jw_object_end(&w);
	rc = append(tx, t->why != NULL ? "series.retention_failed" : "series.retained", t->by, sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

static int note_run(struct store_tx *tx, void *arg, struct err *e)
{
	const struct telling *t = arg;
	char text[24];
	int rc = 0;

	snprintf(text, sizeof(text), "%lld", (long long)t->at);
	if (t->why == NULL)
		rc = sql_setting_put(
		        tx, &(struct sql_setting_put_in){STR_LIT(LAST), str_of(text), t->at}, NULL, e);
	return rc == 0 && (any_removed(t) || t->why != NULL) ? write_entry(tx, t, e) : rc;
}

static void tell_run(const struct telling *t)
{
	for (int i = 0; i < t->n; i++) {
		const struct series_removed *r = &t->row[i].removed;

		if (r->points == 0 && r->bytes == 0)
			continue;
		LOG(SERIES_RETAINED, log_s("class", t->row[i].class != NULL ? t->row[i].class->code : ""),
		        log_i("series", (int64_t)r->series), log_i("readings", (int64_t)r->points),
		        log_i("rolled", (int64_t)r->rolled), log_i("bytes", r->bytes));
		metric_add(METRIC_SERIES_REMOVED, (int64_t)(r->points - r->rolled));
		metric_add(METRIC_SERIES_ROLLED, (int64_t)r->rolled);
		if (r->bytes > 0)
			metric_add(METRIC_SERIES_FREED, r->bytes);
	}
	if (t->why != NULL) {
		metric_add(METRIC_SERIES_RETENTION_FAULTS, 1);
		LOG(SERIES_RETAIN_FAULT, log_s("why", t->why->text));
	} else {
		metric_set(METRIC_SERIES_RETAINED_AT, t->at / US_SECOND);
	}
}

int retention_run(struct site *s, struct arena *a, const char *by, struct retention_row **out, int *n,
        void (*tell)(void *ctx, size_t done, size_t files), void *ctx, const bool *cancel, struct err *e)
{
	struct telling t = {.s = s, .by = by, .at = clock_now(s->clock)};
	struct retention_row *row = retention_classes(s, a, &t.n);
	struct series_care *care = arena_array(a, (size_t)t.n, sizeof(*care));
	struct err why = ERR_INIT, untold = ERR_INIT;
	int rc, noted;

	for (int i = 0; i < t.n; i++)
		care[i] = (struct series_care){.tell = tell, .ctx = ctx};
	rc = s->remote != NULL
	             ? series_remote_retain(s->remote, rules_of(a, row, t.n), t.n, t.at, care, cancel, &why)
	             : series_retain(s->series, rules_of(a, row, t.n), t.n, t.at, care, cancel, &why);
	for (int i = 0; i < t.n; i++)
		row[i].removed = care[i].removed;
	t.row = row;
	t.why = rc < 0 ? &why : NULL;
	if (out != NULL)
		*out = row;
	if (n != NULL)
		*n = t.n;
	if (rc == ERR_CANCELLED) {
		if (e != NULL)
			*e = why;
		return rc;
	}
	tell_run(&t);
	noted = store_write(s->store, "a run of retention", note_run, &t, &untold);
	if (e != NULL)
		*e = rc < 0 ? why : untold;
	return rc < 0 ? rc : noted;
}

/* ---- when ---- */

/* The hour of the day, the first time after t. */
static time_us next_after(const struct site *s, time_us t)
{
	struct civil c;
	time_us at;

	zone_civil(s->catalog->zone, t, &c);
	for (int day = 0;; day++) {
		civil_from_days(civil_days(c.year, c.month, c.day) + day, &c);
		c.hour = s->retain.at_min / 60;
		c.minute = s->retain.at_min % 60;
		c.second = c.micro = 0;
		at = zone_instant(s->catalog->zone, &c);
		if (at > t)
			return at;
	}
}

static int read_last(const struct site *s, time_us *last, struct err *e)
{
	struct sql_setting_get_row row = {0};
	struct store_tx *tx = NULL;
	int rc = store_read_begin(s->store, "the last run of retention", &tx, e);

	*last = TIME_NONE;
	if (rc == 0)
		rc = sql_setting_get(tx, &(struct sql_setting_get_in){STR_LIT(LAST)}, &row, e);
	if (rc > 0)
		*last = row.at;
	store_read_end(&tx);
	return rc < 0 ? rc : 0;
}

/* ---- the thread ---- */

static void tell_progress(void *ctx, size_t done, size_t files)
{
	struct retention *r = ctx;

	pthread_mutex_lock(&r->lock);
	r->done = done;
	r->files = files;
	pthread_mutex_unlock(&r->lock);
}

static void begin(struct retention *r)
{
	pthread_mutex_lock(&r->lock);
	r->running = true;
	r->done = r->files = 0;
	pthread_mutex_unlock(&r->lock);
}

static bool cancelled(struct retention *r)
{
	return __atomic_load_n(&r->cancel, __ATOMIC_RELAXED);
}

static void finish(struct retention *r, int rc, const struct err *e)
{
	pthread_mutex_lock(&r->lock);
	r->running = false;
	r->why = rc < 0 ? *e : (struct err){0};
	pthread_mutex_unlock(&r->lock);
}

static void retain(struct retention *r, time_us now)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	int rc = 0;

	begin(r);
	if (ends(r->site))
		rc = retention_run(r->site, a, "system", NULL, NULL, tell_progress, r, &r->cancel, &e);
	finish(r, rc, &e);
	pthread_mutex_lock(&r->lock);
	if (rc == 0)
		r->last = now;
	r->next = rc == 0 ? next_after(r->site, now) : now + AGAIN;
	pthread_mutex_unlock(&r->lock);
	arena_free(&a);
}

/* False when the store could not be asked. */
static bool remove_all(struct retention *r)
{
	struct err e = ERR_INIT;
	int rc;

	do {
		begin(r);
		rc = removal_run(r->site, &(struct removal_care){tell_progress, r, &r->cancel}, &e);
		finish(r, rc, &e);
	} while (rc > 0 && !cancelled(r));
	return rc >= 0;
}

static void *run(void *arg)
{
	struct retention *r = arg;
	bool look = true, stopping = false; /* look: there may be deletions to carry out */

	while (!stopping) {
		time_us now, next;
		uint64_t ticket;
		bool more;

		pthread_mutex_lock(&r->lock);
		ticket = r->wanted;
		look = look || ticket > r->told;
		next = r->next;
		pthread_mutex_unlock(&r->lock);
		now = clock_now(r->site->clock); /* behind the ticket: who asked for it has moved the clock */
		look = look && !remove_all(r);
		if (next <= now)
			retain(r, now);
		pthread_mutex_lock(&r->lock);
		r->told = ticket;
		next = r->next;
		stopping = r->stopping;
		more = r->wanted > ticket || stopping;
		pthread_cond_broadcast(&r->settled);
		pthread_mutex_unlock(&r->lock);
		if (!more)
			clock_wait(r->site->clock, next, WAIT_MAX);
	}
	pthread_mutex_lock(&r->lock);
	r->told = UINT64_MAX;
	pthread_cond_broadcast(&r->settled);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

int retention_start(struct site *s, struct retention **out, struct err *e)
{
	struct retention *r = xcalloc(1, sizeof(*r));
	int rc;

	r->site = s;
	must(pthread_mutex_init(&r->lock, NULL) == 0 && pthread_cond_init(&r->settled, NULL) == 0);
	rc = read_last(s, &r->last, e);
	r->next = next_after(s, r->last != TIME_NONE ? r->last : clock_now(s->clock));
	if (r->last != TIME_NONE)
		metric_set(METRIC_SERIES_RETAINED_AT, r->last / US_SECOND);
	if (rc < 0) {
		pthread_mutex_destroy(&r->lock);
		pthread_cond_destroy(&r->settled);
		free(r);
		return rc;
	}
	thread_start(&r->thread, "retention", run, r);
	*out = r;
	return 0;
}

void retention_stop(struct retention **rp)
{
	struct retention *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	__atomic_store_n(&r->cancel, true, __ATOMIC_RELAXED);
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_mutex_unlock(&r->lock);
	clock_poke(r->site->clock);
	pthread_join(r->thread, NULL);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->settled);
	free(r);
}

static uint64_t want(struct retention *r)
{
	uint64_t ticket;

	pthread_mutex_lock(&r->lock);
	ticket = ++r->wanted;
	pthread_mutex_unlock(&r->lock);
	clock_poke(r->site->clock);
	return ticket;
}

static void remove_here(struct site *s)
{
	struct err ignored = ERR_INIT;

	while (removal_run(s, &(struct removal_care){0}, &ignored) > 0)
		;
}

void retention_poke(struct site *s)
{
	if (s->retention != NULL)
		want(s->retention);
	else
		remove_here(s);
}

void retention_finish(struct site *s)
{
	struct err ignored = ERR_INIT;

	if (s->retention != NULL)
		(void)!retention_settle(s->retention, &ignored);
	else
		remove_here(s);
}

int retention_settle(struct retention *r, struct err *e)
{
	uint64_t ticket = want(r);
	int rc = 0;

	pthread_mutex_lock(&r->lock);
	while (r->told < ticket)
		pthread_cond_wait(&r->settled, &r->lock);
	if (r->why.code != 0 && r->why.code != ERR_CANCELLED) {
		rc = r->why.code;
		if (e != NULL)
			*e = r->why;
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

void retention_look_at(const struct site *s, struct retention_state *out)
{
	struct retention *r = s->retention;
	struct err ignored = ERR_INIT;

	*out = (struct retention_state){.last = TIME_NONE, .next = TIME_NONE};
	if (r == NULL) {
		(void)!read_last(s, &out->last, &ignored);
		return;
	}
	pthread_mutex_lock(&r->lock);
	*out = (struct retention_state){.last = r->last,
	        .next = ends(s) ? r->next : TIME_NONE,
	        .running = r->running,
	        .done = r->done,
	        .files = r->files,
	        .why = r->why};
	pthread_mutex_unlock(&r->lock);
}
