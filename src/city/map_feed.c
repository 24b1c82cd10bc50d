/*
 * How the map keeps in step: with the registry and with health, which tell what has changed since a version;
 * and with the journal, of which it reads what concerns alarms and cases.
 */
#include "base/log.h"
#include "base/num.h"
#include "base/thread.h"
#include "city/alarm.h"
#include "city/health.h"
#include "city/map_int.h"
#include "store/sql.h"

#define STEP_ENTRIES 500 /* of the journal at once */
#define BEHIND_MOST 5000 /* entries; beyond, all alarms and cases are read anew */
#define EVERY (60 * US_SECOND)

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

static unsigned mute_by(unsigned flags)
{
	return ((flags & HEALTH_SILENT) != 0 ? MAP_SILENT : 0u) |
	       ((flags & HEALTH_NEVER) != 0 ? MAP_NEVER : 0u);
}

static unsigned mute_of(struct city_map *m, const char *code)
{
	struct thing_health h;

	(void)health_of(m->site->health, str_of(code), &h);
	return mute_by(h.flags);
}

static struct map_thing from_registry(struct city_map *m, const struct thing *t)
{
	return (struct map_thing){.code = t->code,
	        .kind = t->kind,
	        .name = t->name,
	        .name_en = t->name_en,
	        .region = t->region,
	        .org = t->org,
	        .at = t->at,
	        .mute = mute_of(m, t->code)};
}

static void take_all_things(struct city_map *m)
{
	const struct snapshot *s = registry_hold(m->site->registry);
	struct thing_walk w = thing_map_walk(s->things, NULL);
	const struct thing *x;

	m->round++;
	m->version = s->version;
	while ((x = thing_next(&w)) != NULL) {
		struct map_thing t = from_registry(m, x);

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
		t[n++] = from_registry(m, x);
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
		struct map_thing t = from_registry(m, found);

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

/* ---- who is silent ---- */

static void take_health(struct city_map *m)
{
	struct arena *a = arena_new(0);
	struct health_change *x = NULL;
	uint64_t version;
	size_t n;

	if (health_changes(m->site->health, atomic_load(&m->health), a, &x, &n, &version)) {
		/* What the registry does not have yet is asked about when it comes in. */
		for (size_t i = 0; i < n; i++) {
			uint32_t spot = map__spot_of(m, x[i].code);

			if (spot != INTERN_NONE)
				map__mute(m, spot, mute_by(x[i].flags));
		}
	} else {
		for (uint32_t i = 0; i < m->things.n; i++)
			map__mute(m, i, mute_of(m, intern_str(&m->things, i).p));
	}
	atomic_store(&m->health, version);
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
		return rc < 0 ? rc : 0;
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
	       registry_version(m->site->registry) != atomic_load(&m->seen) ||
	       health_version(m->site->health) != atomic_load(&m->health);
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
		atomic_store(&m->health, health_version(m->site->health));
		fill_things(m);
		rc = all_state(m, tx, e);
		m->filled = true;
	}
	if (rc == 0) {
		take_things(m);
		take_health(m);
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

int map__ready(struct city_map *m, enum geo_crs crs, struct err *e)
{
	int rc = map_update(m, e);

	if (rc < 0 || (atomic_load(&m->shown) & 1u << crs))
		return rc;
	pthread_mutex_lock(&m->changing);
	map__show_in(m, crs);
	pthread_mutex_unlock(&m->changing);
	return 0;
}

/* ---- by itself ---- */

static void *listen(void *arg)
{
	struct city_map *m = arg;

	pthread_mutex_lock(&m->hear);
	while (!m->stopping) {
		dur_us until = clock_monotonic() + EVERY;
		struct timespec t = {(time_t)(until / US_SECOND), (long)(until % US_SECOND) * 1000};
		struct err e = ERR_INIT;

		pthread_mutex_unlock(&m->hear);
		if (map__ready(m, m->site->base_map.crs, &e) < 0)
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
