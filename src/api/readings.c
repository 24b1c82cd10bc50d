/* Where readings come in over HTTP (src/ingest answers), and what was refused of them. */
#include "api/api_int.h"

int write_post(struct call *c, struct err *e)
{
	(void)e;
	ingest_write(c->s->ingest, c->r);
	return 0;
}

int remote_write_post(struct call *c, struct err *e)
{
	(void)e;
	ingest_remote_write(c->s->ingest, c->r);
	return 0;
}

int readings_post(struct call *c, struct err *e)
{
	(void)e;
	ingest_readings(c->s->ingest, c->r);
	return 0;
}

int telemetry_post(struct call *c, struct err *e)
{
	(void)e;
	ingest_telemetry(c->s->ingest, c->r, c->param[0]);
	return 0;
}

int attributes_post(struct call *c, struct err *e)
{
	return telemetry_post(c, e);
}

int influx_ping(struct call *c, struct err *e)
{
	(void)e;
	ingest_influx_ping(c->r);
	return 0;
}

int influx_health(struct call *c, struct err *e)
{
	(void)e;
	ingest_influx_health(c->r);
	return 0;
}

int influx_query(struct call *c, struct err *e)
{
	(void)e;
	ingest_influx_query(c->s->ingest, c->r, form_get(form_read(c), "q"));
	return 0;
}

int influx_query_post(struct call *c, struct err *e)
{
	return influx_query(c, e);
}

static void write_refused(struct jw *w, const struct refused *x)
{
	jw_object(w);
	jw_kstr(w, "device", x->device);
	jw_kint(w, "total", x->total);
	jw_key(w, "reasons");
	jw_array(w);
	for (int i = 0; i < REFUSALS; i++) {
		if (x->n[i] == 0)
			continue;
		jw_object(w);
		jw_kstr(w, "reason", refusal_name((enum refusal)i));
		jw_kint(w, "count", x->n[i]);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_ktime(w, "first", x->first);
	jw_ktime(w, "last", x->last);
	jw_kstr(w, "reason", refusal_name(x->why));
	jw_kstr(w, "words", x->words);
	jw_kint(w, "line", x->line);
	jw_object_end(w);
}

int refusals_get(struct call *c, struct err *e)
{
	struct refused *x = NULL;
	int64_t limit;
	int n, rc = call_int(c, "limit", 100, 1, REFUSAL_DEVICES, &limit, e);

	if (rc < 0)
		return rc;
	n = refusals_list(ingest_refusals(c->s->ingest), call_text(c, "device"), (int)limit, c->a, &x);
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n; i++)
		write_refused(&c->w, &x[i]);
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}
