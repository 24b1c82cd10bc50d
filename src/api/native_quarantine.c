/* Devices that nobody knows: what they say, and what an administrator decides about them. */
#include "api/api_int.h"
#include "city/health.h"
#include "city/quarantine.h"

#include <math.h>

#define SERIES_SHOWN 20 /* of one device */

static int may_look(const struct call *c, struct err *e)
{
	return quarantine_may(&c->who) ? 0
	                               : err_set(e, ERR_DENIED,
	                                         "only an administrator of the whole city sees and decides "
	                                         "about unknown devices");
}

static int write_values(struct call *c, const char *code, struct err *e)
{
	struct series_latest_row *row = NULL;
	struct matcher m;
	size_t n = 0;
	int rc = matcher_init(&m, c->a, MATCH_EQ, STR_LIT("thing"), str_of(code), e);

	if (rc == 0)
		rc = series_list(c->site->series, &m, 1, SERIES_SHOWN, c->a, &row, &n, e);
	if (rc < 0)
		return rc;
	jw_key(&c->w, "readings");
	jw_array(&c->w);
	for (size_t i = 0; i < n; i++) {
		if (row[i].t == TIME_NONE)
			continue;
		jw_object(&c->w);
		jw_key(&c->w, "metric");
		jw_str(&c->w, labels_get(&row[i].labels, LABEL_NAME));
		jw_ktime(&c->w, "t", row[i].t);
		jw_kdouble(&c->w, "v", row[i].v);
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	return 0;
}

static int write_device(struct call *c, const struct quarantined *q, struct err *e)
{
	struct jw *w = &c->w;
	struct thing_health h;
	int rc;

	(void)health_of(c->site->health, str_of(q->code), &h);
	jw_object(w);
	jw_kstr(w, "code", q->code);
	jw_kstr(w, "state", q->state);
	jw_kstr(w, "kind", q->kind);
	jw_kstr(w, "into", q->target);
	jw_kstr(w, "protocol", q->protocol);
	jw_kstr(w, "source", q->source);
	jw_ktime(w, "first", q->first);
	jw_ktime(w, "seen", h.seen);
	jw_kdouble(w, "skew_s", h.skew_s);
	jw_ktime(w, "decided", q->decided);
	jw_kstr(w, "account", q->account);
	jw_kstr(w, "note", q->note);
	rc = write_values(c, q->code, e);
	jw_object_end(w);
	return rc;
}

int quarantine_page_get(struct call *c, struct err *e)
{
	const char *state = call_text(c, "state"), *after = call_text(c, "after"), *next = NULL;
	struct quarantined *list = NULL;
	int64_t limit = 0;
	int n = 0, rc = may_look(c, e);

	if (rc == 0)
		rc = call_int(c, "limit", 50, 1, 500, &limit, e);
	if (rc == 0)
		rc = quarantine_list(c->tx, c->a, state != NULL ? state : "waiting",
		        after != NULL ? after : "", (int)limit + 1, &list, &n, e);
	if (rc < 0)
		return rc;
	if (n > limit) {
		n = (int)limit;
		next = list[n - 1].code;
	}
	jw_object(&c->w);
	jw_kint(&c->w, "waiting", quarantine_waiting(c->site->quarantine));
	jw_kint(&c->w, "most", QUARANTINE_MOST);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n && rc == 0; i++)
		rc = write_device(c, &list[i], e);
	jw_array_end(&c->w);
	jw_kstr(&c->w, "next", next);
	jw_object_end(&c->w);
	return rc;
}

static int reply_device(struct call *c, const char *code, struct err *e)
{
	struct quarantined q = {0};
	int rc = call_read(c, e);

	if (rc == 0)
		rc = quarantine_get(c->tx, c->a, code, &q, e);
	return rc < 0 ? rc : write_device(c, &q, e);
}

int quarantine_adopt_post(struct call *c, struct err *e)
{
	const struct kind *k = catalog_kind(c->site->catalog, body_text(c, "kind"));
	struct record_in in = {.kind = body_text(c, "kind"),
	        .code = call_param(c, 0),
	        .name = body_text(c, "name"),
	        .name_en = body_text(c, "name_en"),
	        .state = body_text(c, "state"),
	        .org = body_text(c, "org"),
	        .region = body_text(c, "region"),
	        .attrs = doc_get(c->body, "attrs")};
	int rc = call_crs(c, e);

	if (rc < 0)
		return rc;
	in.at = body_place(c);
	body_places(c, k, in.attrs);
	rc = quarantine_adopt(c->site, &c->who, &in, e);
	return rc < 0 ? rc : reply_device(c, in.code, e);
}

int quarantine_merge_post(struct call *c, struct err *e)
{
	const char *code = call_param(c, 0);
	int rc = quarantine_merge(c->site, &c->who, code, body_text(c, "into"), e);

	return rc < 0 ? rc : reply_device(c, code, e);
}

static int decide(struct call *c, int (*as)(struct site *, const struct who *, const char *, struct err *),
        struct err *e)
{
	const char *code = call_param(c, 0);
	int rc = as(c->site, &c->who, code, e);

	return rc < 0 ? rc : reply_device(c, code, e);
}

int quarantine_ignore_post(struct call *c, struct err *e)
{
	return decide(c, quarantine_ignore, e);
}

int quarantine_block_post(struct call *c, struct err *e)
{
	return decide(c, quarantine_block, e);
}

int quarantine_undo_post(struct call *c, struct err *e)
{
	return decide(c, quarantine_undo, e);
}
