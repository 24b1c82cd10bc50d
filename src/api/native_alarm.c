/* Alarms: lists, one, by hour, and that somebody has seen one. */
#include "api/api_int.h"
#include "city/alarm.h"

static void write_alarm(struct call *c, const struct alarm *a)
{
	const struct snapshot *s = call_snapshot(c);
	const struct thing *t = snapshot_thing(s, str_of(a->thing));
	const struct region *unit = snapshot_unit(s, a->region);
	struct jw *w = &c->w;

	jw_object(w);
	jw_kid(w, "id", a->id);
	jw_kstr(w, "rule", a->rule);
	jw_kstr(w, "thing", a->thing);
	jw_kstr(w, "thing_name", t != NULL ? t->name : "");
	jw_kstr(w, "region", a->region);
	jw_kstr(w, "unit", unit != NULL ? unit->code : "");
	jw_kstr(w, "org", a->org);
	jw_kint(w, "level", a->level);
	jw_kstr(w, "state", alarm_state_name(a->state));
	jw_kstr(w, "summary", a->summary);
	jw_kdouble(w, "value", a->value);
	jw_kdouble(w, "threshold", a->threshold);
	jw_ktime(w, "since", a->since);
	jw_ktime(w, "fired", a->fired);
	jw_ktime(w, "resolved", a->resolved);
	jw_ktime(w, "seen", a->seen);
	jw_kid(w, "case", a->case_id);
	jw_ktime(w, "acked", a->acked);
	jw_kbool(w, "demo", t != NULL && t->demo);
	jw_object_end(w);
}

int alarms_get(struct call *c, struct err *e)
{
	struct alarm_filter f = {.open = call_flag(c, "open"),
	        .region = call_text(c, "region"),
	        .thing = call_text(c, "thing"),
	        .rule = call_text(c, "rule")};
	struct alarm *list = NULL;
	int64_t limit = 0;
	int n = 0, rc = call_int(c, "limit", 100, 1, 500, &limit, e);

	if (rc == 0)
		rc = call_int(c, "before", 0, 1, INT64_MAX, &f.before, e);
	f.limit = (int)limit;
	if (rc == 0)
		rc = alarm_list(c->tx, &c->who, &f, &list, &n, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n; i++)
		write_alarm(c, &list[i]);
	jw_array_end(&c->w);
	jw_kid(&c->w, "next", n == f.limit ? list[n - 1].id : 0);
	jw_object_end(&c->w);
	return 0;
}

int alarm_get_one(struct call *c, struct err *e)
{
	struct alarm a;
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	if (rc == 0)
		rc = call_read(c, e);
	if (rc == 0)
		rc = alarm_get(c->tx, &c->who, id, &a, e);
	if (rc == 0)
		write_alarm(c, &a);
	return rc;
}

int alarm_ack_post(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	if (rc == 0)
		rc = alarm_ack(c->site, id, &c->who, e);
	return rc < 0 ? rc : alarm_get_one(c, e);
}

int alarms_hours(struct call *c, struct err *e)
{
	time_us now = store_now(c->tx);
	int64_t hours = 0;
	int rc = call_int(c, "hours", 24, 1, 24 * 31, &hours, e), *count;

	if (rc < 0)
		return rc;
	count = arena_array(c->a, (size_t)hours * 4, sizeof(*count));
	rc = alarm_hours(c->tx, &c->who, (int)hours, count, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "hours");
	jw_array(&c->w);
	for (int64_t h = 0; h < hours; h++) {
		jw_object(&c->w);
		jw_ktime(&c->w, "at", now - now % US_HOUR - (hours - 1 - h) * US_HOUR);
		jw_key(&c->w, "levels");
		jw_array(&c->w);
		for (int i = 0; i < 4; i++)
			jw_int(&c->w, count[h * 4 + i]);
		jw_array_end(&c->w);
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}
