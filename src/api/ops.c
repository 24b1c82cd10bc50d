/* For those who keep it running: health, metrics, the description of this API. */
#include "api/api_int.h"
#include "base/metric.h"
#include "city/standby.h"
#include "mqtt/link.h"
#include "series/remote.h"

static int look_at_store(struct site *site, int64_t *seq, struct err *e)
{
	struct store_tx *tx = NULL;
	int rc = store_read_begin(site->store, "health", &tx, e);

	if (rc == 0)
		rc = journal_last(tx, seq, e);
	store_read_end(&tx);
	return rc;
}

static void put_standby(struct jw *w, struct standby *standby)
{
	struct standby_state st;

	standby_look(standby, &st);
	jw_key(w, "standby");
	jw_object(w);
	jw_kbool(w, "ok", st.ok);
	if (st.copied != TIME_NONE)
		jw_ktime(w, "copied", st.copied);
	jw_kint(w, "behind_bytes", st.behind_b);
	jw_kint(w, "behind_s", st.behind / US_SECOND);
	if (!st.ok)
		jw_kstr(w, "error", err_text(st.why.code));
	jw_object_end(w);
}

static void put_remote(struct jw *w, struct series_remote *r)
{
	struct series_remote_state st = {0};

	series_remote_look(r, &st);
	jw_key(w, "remote");
	jw_object(w);
	jw_kbool(w, "ok", st.ok);
	jw_kint(w, "waiting_bytes", (int64_t)st.queue_b);
	jw_kint(w, "behind_s", st.behind / US_SECOND);
	jw_ktime(w, "whole_since", st.whole_since);
	if (!st.ok && st.why.code != 0)
		jw_kstr(w, "error", err_text(st.why.code));
	jw_object_end(w);
}

static void put_brokers(struct jw *w, const struct ingest *in)
{
	struct mqtt_link_state st;

	if (!ingest_broker(in, 0, &st))
		return;
	jw_key(w, "brokers");
	jw_array(w);
	for (int i = 0; ingest_broker(in, i, &st); i++) {
		jw_object(w);
		jw_kstr(w, "name", st.name);
		jw_kbool(w, "ok", st.connected);
		jw_kint(w, "version", st.version);
		jw_kint(w, "messages", st.messages);
		jw_kint(w, "refused", st.unmapped);
		jw_kint(w, "breaks", st.breaks);
		jw_object_end(w);
	}
	jw_array_end(w);
}

int healthz_get(struct call *c, struct err *e)
{
	struct series_stats stats = {0};
	struct err store = ERR_INIT, series = ERR_INIT;
	struct series_latest_row *row = NULL;
	struct jw *w = &c->w;
	int64_t seq = 0;
	size_t n = 0;
	bool store_ok = look_at_store(c->site, &seq, &store) == 0;
	int rc = series_list(c->site->series, NULL, 0, 1, c->a, &row, &n, &series);
	bool series_ok = rc == 0 || rc == ERR_TOOBIG;

	(void)e;
	series_stats(c->site->series, &stats);
	c->status = store_ok && series_ok ? 200 : 503;
	jw_object(w);
	jw_kstr(w, "status", store_ok && series_ok ? "ok" : "degraded");
	jw_key(w, "store");
	jw_object(w);
	jw_kbool(w, "ok", store_ok);
	jw_kstr(w, "backend", store_backend(c->site->store));
	jw_kint(w, "schema", store_schema_version(c->site->store));
	if (!store_ok)
		jw_kstr(w, "error", err_text(store.code));
	jw_object_end(w);
	jw_key(w, "series");
	jw_object(w);
	jw_kbool(w, "ok", series_ok);
	jw_kint(w, "series", (int64_t)stats.series);
	jw_kint(w, "last_sync_us", stats.last_sync_us);
	jw_kint(w, "quarantined", (int64_t)stats.quarantined);
	jw_object_end(w);
	if (c->site->standby != NULL)
		put_standby(w, c->site->standby);
	if (c->site->remote != NULL)
		put_remote(w, c->site->remote);
	if (c->s->ingest != NULL)
		put_brokers(w, c->s->ingest);
	jw_ktime(w, "clock", clock_now(c->site->clock));
	jw_kbool(w, "manual", clock_is_manual(c->site->clock));
	jw_kstr(w, "version", c->s->version);
	jw_object_end(w);
	return 0;
}

int metrics_get(struct call *c, struct err *e)
{
	struct series_stats stats = {0};

	(void)e;
	series_stats(c->site->series, &stats);
	metric_set(METRIC_SERIES_COUNT, (int64_t)stats.series);
	metric_set(METRIC_SERIES_CACHE_BYTES, (int64_t)stats.cache_bytes);
	metric_set(METRIC_SERIES_CACHE_HITS, (int64_t)stats.cache_hits);
	metric_set(METRIC_SERIES_CACHE_MISSES, (int64_t)stats.cache_misses);
	if (c->site->standby != NULL) {
		struct standby_state st;

		standby_look(c->site->standby, &st); /* sets its own */
	}
	c->mime = "text/plain; version=0.0.4; charset=utf-8";
	metric_write(&c->out);
	if (c->s->ingest != NULL)
		refusals_write(ingest_refusals(c->s->ingest), &c->out);
	return 0;
}

int openapi_get(struct call *c, struct err *e)
{
	(void)e;
	openapi_write(&c->out, c->s->version);
	return 0;
}
