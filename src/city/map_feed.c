/*
 * How the map keeps in step: with the registry, which tells what has changed since a version; with the
 * journal, of which it reads what concerns alarms and cases; and with the series, at which it looks once a
 * minute.
 */
#include "base/log.h"
#include "base/num.h"
#include "base/thread.h"
#include "city/alarm.h"
#include "city/map_int.h"
#include "store/sql.h"

#define STEP_ENTRIES 500 /* of the journal at once */
#define BEHIND_MOST 5000 /* entries; beyond, all alarms and cases are read anew */
#define SILENCE_EVERY (60 * US_SECOND)
#define SERIES_MOST 500000

/* ---- who tells ---- */

/* On the store's writer. */
static void journal_grown(void *ctx, int64_t seq)
{
	struct city_map *m = ctx;

	(void)seq;
	atomic_fetch_add(&m->heard, 1);
}

struct city_map *map_new(struct site *s)
{
	struct city_map *m = xcalloc(1, sizeof(*m));
	pthread_condattr_t attr;

	m->site = s;
	map__tables_init(m);
	must(pthread_mutex_init(&m->changing, NULL) == 0);
	must(pthread_mutex_init(&m->hear, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&m->wake, &attr) == 0);
	pthread_condattr_destroy(&attr);
	atomic_store(&m->heard, 1);
	m->watch = journal_watch(s->store, journal_grown, m);
	return m;
}

void map_free(struct city_map **mp)
{
	struct city_map *m = *mp;

	if (m == NULL)
		return;
	*mp = NULL;
	map_stop(m);
	journal_unwatch(m->site->store, &m->watch);
	map__tables_fini(m);
	pthread_mutex_destroy(&m->changing);
	pthread_mutex_destroy(&m->hear);
	pthread_cond_destroy(&m->wake);
	free(m);
}

/* ---- things ---- */

static struct map_thing from_registry(const struct thing *t)
{
	return (struct map_thing){.code = t->code,
	        .kind = t->kind,
	        .name = t->name,
	        .name_en = t->name_en,
	        .region = t->region,
	        .org = t->org,
	        .at = t->at};
}

static void take_all_things(struct city_map *m)
{
	const struct snapshot *s = registry_hold(m->site->registry);
	struct thing_walk w = thing_map_walk(s->things, NULL);
	const struct thing *x;

	m->round++;
	m->version = s->version;
	while ((x = thing_next(&w)) != NULL) {
		struct map_thing t = from_registry(x);

		map__thing(m, &t);
	}
	registry_release(m->site->registry, s);
	for (uint32_t i = 0; i < m->things.n; i++)
		if (m->spot[i].here && m->spot[i].round != m->round)
			map__thing_gone(m, intern_str(&m->things, i).p);
}

static void fill_things(struct city_map *m)
{
	const struct snapshot *s = registry_hold(m->site->registry);
	struct map_thing *t = xcalloc(thing_map_count(s->things) + 1, sizeof(*t));
	struct thing_walk w = thing_map_walk(s->things, NULL);
	const struct thing *x;
	size_t n = 0;

	while ((x = thing_next(&w)) != NULL)
		t[n++] = from_registry(x);
	map__fill(m, t, n);
	m->version = s->version;
	registry_release(m->site->registry, s);
	free(t);
}

static void take_one_thing(struct city_map *m, const char *code)
{
	const struct snapshot *s = registry_hold(m->site->registry);
	const struct thing *found = snapshot_thing(s, str_of(code));

	if (found != NULL) {
		struct map_thing t = from_registry(found);

		map__thing(m, &t);
	} else {
		map__thing_gone(m, code);
	}
	registry_release(m->site->registry, s);
}

static void take_things(struct city_map *m)
{
	struct arena *a = arena_new(0);
	struct registry_changes c;

	if (registry_changes(m->site->registry, m->version, a, &c)) {
		for (int i = 0; i < c.n; i++)
			take_one_thing(m, c.code[i]);
		m->version = c.version;
	} else {
		take_all_things(m);
	}
	arena_free(&a);
}

/* ---- alarms and cases ---- */

static const char *text(struct arena *a, struct str s)
{
	return arena_strndup(a, s.p, s.n);
}

static int all_alarms(struct city_map *m, struct store_tx *tx, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_alarm_map_all_row r;
	int rc = sql_alarm_map_all_open(tx, &rows, e);

	for (uint32_t spot = 0; rc >= 0 && spot < m->things.n; spot++)
		while (m->spot[spot].note != NO_NOTE)
			map__alarm_gone(m, intern_str(&m->things, spot).p, m->note[m->spot[spot].note].id);
	while (rc >= 0 && (rc = sql_alarm_map_all_next(rows, &r, e)) > 0) {
		struct arena *a = store_arena(tx);

		map__alarm(m, text(a, r.thing),
		        &(struct map_alarm){.id = r.id,
		                .rule = text(a, r.rule),
		                .summary = text(a, r.summary),
		                .region = text(a, r.region),
		                .org = text(a, r.org),
		                .level = (int)r.level,
		                .acked = r.acked != TIME_NONE});
	}
	store_rows_close(&rows);
	return rc;
}

static int all_cases(struct city_map *m, struct store_tx *tx, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_case_map_all_row r;
	int rc = sql_case_map_all_open(tx, &rows, e);

	for (uint32_t spot = 0; rc >= 0 && spot < m->things.n; spot++)
		if (m->spot[spot].case_scope != 0)
			map__case(m, intern_str(&m->things, spot).p, NULL, NULL, NULL);
	while (rc >= 0 && (rc = sql_case_map_all_next(rows, &r, e)) > 0) {
		struct arena *a = store_arena(tx);

		map__case(m, text(a, r.thing), text(a, r.region), text(a, r.org), text(a, r.owner));
	}
	store_rows_close(&rows);
	return rc;
}

static int take_alarm(struct city_map *m, struct store_tx *tx, int64_t id, struct err *e)
{
	struct err none = ERR_INIT;
	struct alarm x;
	int rc = alarm_get(tx, &who_system, id, &x, &none);

	if (rc == ERR_NOTFOUND)
		return 0;
	if (rc < 0)
		return err_set(e, rc, "%s", none.text);
	if (*x.thing == '\0')
		return 0;
	if (x.state != ALARM_FIRING)
		map__alarm_gone(m, x.thing, id);
	else
		map__alarm(m, x.thing,
		        &(struct map_alarm){.id = id,
		                .rule = x.rule,
		                .summary = x.summary,
		                .region = x.region,
		                .org = x.org,
		                .level = x.level,
		                .acked = x.acked != TIME_NONE});
	return 0;
}

static int take_case(struct city_map *m, struct store_tx *tx, int64_t id, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct sql_case_load_row c;
	struct sql_case_map_thing_row r;
	const char *thing;
	int rc = sql_case_load(tx, &(struct sql_case_load_in){id}, &c, e);

	if (rc <= 0 || c.thing.n == 0)
		return rc;
	thing = text(a, c.thing);
	rc = sql_case_map_thing(tx, &(struct sql_case_map_thing_in){str_of(thing)}, &r, e);
	if (rc > 0)
		map__case(m, thing, text(a, r.region), text(a, r.org), text(a, r.owner));
	else if (rc == 0)
		map__case(m, thing, NULL, NULL, NULL);
	return rc < 0 ? rc : 0;
}

static int all_state(struct city_map *m, struct store_tx *tx, struct err *e)
{
	int rc = journal_last(tx, &m->seq, e);

	if (rc == 0)
		rc = all_alarms(m, tx, e);
	return rc < 0 ? rc : all_cases(m, tx, e);
}

static int take_entry(struct city_map *m, struct store_tx *tx, const struct journal_entry *j, struct err *e)
{
	int64_t id;

	if (!num_int(j->subject_id, &id))
		return 0;
	return str_is(j->subject, "alarm") ? take_alarm(m, tx, id, e) : take_case(m, tx, id, e);
}

static int take_journal(struct city_map *m, struct store_tx *tx, struct err *e)
{
	static const char *const kinds[] = {"alarm.", "case.", NULL};
	const struct journal_filter f = {.kinds = kinds};
	struct journal_entry *list = NULL;
	int64_t last = 0;
	int n = 0, rc = journal_last(tx, &last, e);

	if (rc == 0 && last - m->seq > BEHIND_MOST)
		return all_state(m, tx, e);
	while (rc == 0 && m->seq < last) {
		int64_t to = m->seq;

		rc = journal_read(tx, m->seq, STEP_ENTRIES, &f, &list, &n, &to, e);
		for (int i = 0; rc == 0 && i < n; i++)
			rc = take_entry(m, tx, &list[i], e);
		if (rc == 0)
			m->seq = to;
	}
	return rc;
}

static bool behind(struct city_map *m)
{
	return atomic_load(&m->heard) != atomic_load(&m->done) ||
	       registry_version(m->site->registry) != atomic_load(&m->seen);
}

int map_update(struct city_map *m, struct err *e)
{
	struct store_tx *tx = NULL;
	unsigned heard;
	int rc = 0;

	if (!behind(m))
		return 0;
	/* Who comes while another is at it waits: what was told before is then taken in. */
	pthread_mutex_lock(&m->changing);
	if (!behind(m))
		goto out;
	heard = atomic_load(&m->heard); /* what is told from here on is for the next one */
	rc = store_read_begin(m->site->store, "the map", &tx, e);
	if (rc == 0 && !m->filled) {
		fill_things(m);
		rc = all_state(m, tx, e);
		m->filled = true;
	}
	if (rc == 0) {
		take_things(m);
		rc = take_journal(m, tx, e);
	}
	store_read_end(&tx);
	if (rc == 0) {
		atomic_store(&m->seen, m->version);
		atomic_store(&m->done, heard);
	}
out:
	pthread_mutex_unlock(&m->changing);
	return rc;
}

/* ---- silence ---- */

static bool should_report(const struct city_map *m, const struct map_spot *s)
{
	const struct kind *k = catalog_kind(m->site->catalog, intern_str(&m->codes, s->kind).p);

	return s->here && k != NULL && k->quantities > 0;
}

/* Where there are more series than are looked at, nobody is called silent. */
static int heard_things(struct city_map *m, struct arena *a, bool **out, uint32_t *things, struct err *e)
{
	time_us since = clock_now(m->site->clock) - MAP_SILENT_AFTER;
	struct series_latest_row *row = NULL;
	struct matcher any;
	size_t n = 0;
	int rc = matcher_init(&any, a, MATCH_NE, STR_LIT("thing"), STR_LIT(""), e);

	if (rc == 0)
		rc = series_list(m->site->series, &any, 1, SERIES_MOST, a, &row, &n, e);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&m->changing);
	*things = m->things.n;
	*out = arena_array(a, (size_t)*things + 1, sizeof(**out));
	for (uint32_t i = 0; i < *things && n == SERIES_MOST; i++)
		(*out)[i] = true;
	for (size_t i = 0; i < n; i++) {
		uint32_t no;

		if (row[i].t == TIME_NONE || row[i].t < since)
			continue;
		no = intern_find(&m->things, labels_get(&row[i].labels, "thing"));
		if (no != INTERN_NONE)
			(*out)[no] = true;
	}
	pthread_mutex_unlock(&m->changing);
	return 0;
}

int map_look_for_silence(struct city_map *m, struct err *e)
{
	struct arena *a = arena_new(0);
	bool *heard = NULL;
	uint32_t things = 0;
	int rc = map_update(m, e);

	if (rc == 0)
		rc = heard_things(m, a, &heard, &things, e);
	if (rc == 0) {
		pthread_mutex_lock(&m->changing);
		for (uint32_t i = 0; i < things; i++)
			map__silent(m, i, should_report(m, &m->spot[i]) && !heard[i]);
		pthread_mutex_unlock(&m->changing);
	}
	arena_free(&a);
	return rc;
}

static void *listen(void *arg)
{
	struct city_map *m = arg;

	pthread_mutex_lock(&m->hear);
	while (!m->stopping) {
		dur_us until = clock_monotonic() + SILENCE_EVERY;
		struct timespec t = {(time_t)(until / US_SECOND), (long)(until % US_SECOND) * 1000};
		struct err e = ERR_INIT;

		pthread_mutex_unlock(&m->hear);
		if (map_look_for_silence(m, &e) < 0)
			LOG(STORE_FAULT, log_s("what", "the map"), log_s("why", e.text));
		pthread_mutex_lock(&m->hear);
		while (!m->stopping && pthread_cond_timedwait(&m->wake, &m->hear, &t) == 0)
			;
	}
	pthread_mutex_unlock(&m->hear);
	return NULL;
}

void map_start(struct city_map *m)
{
	m->running = true;
	thread_start(&m->thread, "map", listen, m);
}

void map_stop(struct city_map *m)
{
	if (!m->running)
		return;
	pthread_mutex_lock(&m->hear);
	m->stopping = true;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->hear);
	pthread_join(m->thread, NULL);
	m->running = false;
}
