#include "city/site.h"
#include "base/file.h"
#include "base/log.h"
#include "city/health.h"
#include "city/map.h"
#include "city/pack.h"
#include "city/quarantine.h"
#include "city/record.h"
#include "city/record_cursor.h"
#include "city/retention.h"
#include "city/rule.h"
#include "city/standby.h"
#include "series/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* Two programs on one folder would each believe that they alone write. The lock goes with the process. */
static int lock_folder(struct site *s, struct err *e)
{
	const char *path = path_join(s->arena, s->dir, "lock");

	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock < 0) {
		err_errno(e, errno, "the site's folder cannot be written");
		return err_at(e, path, 0, 0, NULL);
	}
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		err_set(e, ERR_BUSY, "another heming works on this site; stop it first");
		return err_at(e, s->dir, 0, 0, NULL);
	}
	return 0;
}

static void observe(void *ctx, const struct series_point *p, size_t n, bool replay)
{
	struct site *s = ctx;

	health_observe(s->health, p, n, replay);
	if (s->rules != NULL)
		rules_observe(s->rules, p, n, replay);
}

static void set_classes(struct site *s)
{
	int n;
	const struct retention_row *row = retention_classes(s, s->arena, &n);
	struct series_class *class = arena_array(s->arena, (size_t)n, sizeof(*class));

	for (int i = 0; i < n; i++)
		class[i] = row[i].rule;
	series_remote_set_classes(s->remote, class, n);
}

static int open_series(struct site *s, const struct site_options *o, struct err *e)
{
	struct series_options so = {.dir = path_join(s->arena, s->dir, "series"),
	        .clock = s->clock,
	        .durability = o->durability,
	        .keep_logs = o->keep_logs,
	        .partition = o->keep_logs ? US_DAY : 0, /* so that what is old goes day by day */
	        .cache_b = o->readings_cache_b,
	        .observe = observe,
	        .observe_ctx = s};
	int rc = series_open(&so, &s->series, e);

	if (rc < 0)
		return rc;
	series_set_virtual(s->series, &s->labels);
	health_begin(s->health, s->series);
	if (o->remote != NULL) {
		struct series_remote_options ro = *o->remote;

		ro.db = s->series;
		ro.clock = s->clock;
		rc = series_remote_open(&ro, &s->remote, e);
		if (rc == 0)
			set_classes(s);
	}
	return rc;
}

static int open_secrets(struct site *s, const struct site_options *o, struct err *e)
{
	struct secret_key k = o->key;
	int rc;

	if (k.file == NULL)
		k.file = path_join(s->arena, s->dir, "secret.key");
	rc = secret_ring(&k, &s->seal, e);
	if (rc == 0)
		rc = secret_sync(s->store, &k, &s->seal, &s->key_missing, e);
	s->accounts.seal = &s->seal;
	if (rc == 0 && s->key_missing)
		LOG(SECRET_KEY, log_s("file", k.file),
		        log_s("why", "the key by which this store's secrets are sealed is not here: nobody "
		                     "can sign in "
		                     "with a second factor, but by recovery codes"));
	return rc;
}

static const char *merged_into(void *quarantine, struct str code)
{
	return quarantine_target(quarantine, code);
}

static bool has_demo(struct registry *r)
{
	const struct snapshot *s = registry_hold(r);
	struct thing_walk w = thing_map_walk(s->things, NULL);
	const struct thing *t;
	bool demo = false;

	while (!demo && (t = thing_next(&w)) != NULL)
		demo = t->demo;
	registry_release(r, s);
	return demo;
}

/* All but the clock. */
static void close_parts(struct site *s)
{
	if (s->rules != NULL)
		rules_stop(s->rules);
	retention_stop(&s->retention);
	standby_stop(&s->standby);
	if (s->map != NULL)
		map_stop(s->map);
	series_remote_close(&s->remote);
	series_close(&s->series);
	rules_free(&s->rules);
	map_free(&s->map);
	quarantine_close(&s->quarantine);
	health_free(&s->health);
	registry_free(&s->registry);
	catalog_free(&s->catalog);
	store_close(&s->store);
	id_source_free(&s->ids);
	runs_fini(&s->runs);
	if (s->lock >= 0)
		close(s->lock);
	arena_free(&s->arena);
}

int site_open(const struct site_options *o, struct site **out, struct err *e)
{
	struct site *s = xcalloc(1, sizeof(*s));
	struct store_options so = {0};
	int rc = 0;

	s->arena = arena_new(0);
	s->dir = arena_strdup(s->arena, o->dir);
	s->clock = o->clock;
	s->accounts = o->accounts;
	s->retain = o->retain;
	s->base_map = o->base_map;
	runs_init(&s->runs);
	s->lock = -1;
	if (o->create)
		rc = file_mkdirs(s->dir, e);
	else if (!file_exists(s->dir))
		rc = err_set(e, ERR_NOTFOUND, "there is no site in %s; make one with heming init", s->dir);
	if (rc == 0 && standby_is(s->dir))
		rc = err_set(e, ERR_STATE,
		        "%s is the standby of another site, which would be split in two; if that one is "
		        "lost, say "
		        "heming standby promote --site %s",
		        s->dir, s->dir);
	if (rc == 0)
		rc = lock_folder(s, e);
	if (rc < 0)
		goto out;
	s->ids = id_source_new(o->node, s->clock);
	so = (struct store_options){.address = o->store != NULL
	                                               ? o->store
	                                               : arena_printf(s->arena, "sqlite:%s",
	                                                         path_join(s->arena, s->dir, "records.db")),
	        .clock = s->clock,
	        .ids = s->ids,
	        .digest = o->digest,
	        .readers = o->readers,
	        .trace = o->trace,
	        .create = o->create,
	        .migrate = o->rules}; /* who serves brings it up to date */
	rc = store_open(&so, &s->store, e);
	if (rc == 0)
		rc = open_secrets(s, o, e);
	if (rc == 0)
		rc = record_cursor_key(s->store, e);
	if (rc == 0)
		rc = catalog_load(s->store, &s->catalog, e);
	if (rc == 0 && s->catalog->index_stale)
		rc = record_index_fill(s->store, s->catalog, e);
	if (rc == 0)
		rc = registry_new(s->store, s->catalog, &s->registry, e);
	if (rc < 0)
		goto out;
	s->labels = registry_virtual(s->registry);
	s->demo = has_demo(s->registry);
	s->map = map_new(s);
	s->health = health_new(s->registry, s->catalog, s->clock);
	rc = quarantine_open(s, &s->quarantine, e);
	if (rc < 0)
		goto out;
	registry_set_alias(s->registry, merged_into, s->quarantine);
	if (o->rules)
		rc = rules_new(s, &s->rules, e);
	if (rc == 0)
		rc = open_series(s, o, e);
	if (rc == 0 && o->rules)
		rc = rules_start(s->rules, e);
	if (rc == 0 && o->rules)
		map_start(s->map);
	if (rc == 0 && o->rules)
		rc = retention_start(s, &s->retention, e);
	if (rc == 0 && o->rules)
		quarantine_start(s->quarantine);
	if (rc == 0 && o->standby != NULL)
		rc = standby_start(s, o->standby, o->standby_every, &s->standby, e);
out:
	if (rc < 0) {
		close_parts(s);
		free(s);
		s = NULL;
	}
	*out = s;
	return rc;
}

void site_close(struct site **site)
{
	struct site *s = *site;

	if (s == NULL)
		return;
	*site = NULL;
	close_parts(s);
	clock_free(&s->clock);
	free(s);
}

int site_settle(struct site *s, struct err *e)
{
	int rc;

	quarantine_settle(s->quarantine);
	rc = s->rules != NULL ? rules_settle(s->rules, e) : 0;
	return rc == 0 && s->retention != NULL ? retention_settle(s->retention, e) : rc;
}
