/* Indicators of a period, and one by day. */
#include "api/api_int.h"
#include "city/indicator.h"

/* The present month as far as it has come, in the city's zone. */
static int read_period(struct call *c, const char **from, const char **to, struct err *e)
{
	struct civil now;
	char *first, *today;
	int rc;

	zone_civil(c->site->catalog->zone, store_now(c->tx), &now);
	first = arena_printf(c->a, "%04d-%02d-01", now.year, now.month);
	today = arena_printf(c->a, "%04d-%02d-%02d", now.year, now.month, now.day);
	rc = call_date(c, "to", today, to, e);
	if (rc == 0)
		rc = call_date(c, "from", strcmp(*to, first) < 0 ? *to : first, from, e);
	if (rc == 0 && strcmp(*from, *to) > 0) {
		err_set(e, ERR_INVALID, "the period ends before it begins");
		rc = err_at(e, NULL, 0, 0, "to");
	}
	return rc;
}

/* Leaves the object open. */
static void write_indicator(struct call *c, const struct indicator_value *v)
{
	const struct indicator *d = v->def;
	struct jw *w = &c->w;

	jw_object(w);
	jw_kstr(w, "code", d->code);
	jw_kstr(w, "name", d->name);
	jw_kstr(w, "name_en", d->name_en);
	jw_kstr(w, "unit", d->unit);
	jw_kstr(w, "formula", d->formula);
	jw_kstr(w, "direction", d->direction);
	jw_kdouble(w, "target", d->target);
	jw_kint(w, "decimals", d->decimals);
	jw_kdouble(w, "value", v->value);
	jw_kdouble(w, "previous", v->previous);
	jw_kstr(w, "trouble", v->trouble != NULL ? err_words(v->trouble, problem_in_chinese(c->r)) : "");
	jw_ktime(w, "as_of", v->as_of);
	jw_kstr(w, "meaning", d->meaning);
	jw_kstr(w, "source", d->source);
	jw_kstr(w, "from", v->from);
	jw_kstr(w, "to", v->to);
}

int indicators_get(struct call *c, struct err *e)
{
	struct indicator_value *v = NULL;
	const char *from, *to;
	int n = 0, rc = read_period(c, &from, &to, e);

	if (rc == 0)
		rc = indicator_values(
		        c->tx, c->site, &c->who, NULL, call_text(c, "unit"), from, to, &v, &n, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n; i++) {
		write_indicator(c, &v[i]);
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}

static void write_days(struct jw *w, const struct indicator_value *v, int n)
{
	jw_key(w, "days");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		jw_kstr(w, "day", v[i].from);
		jw_kdouble(w, "value", v[i].value);
		jw_object_end(w);
	}
	jw_array_end(w);
}

int indicator_get(struct call *c, struct err *e)
{
	const char *from, *to, *unit = call_text(c, "unit"), *by = call_text(c, "by"),
	                       *code = call_param(c, 0);
	struct indicator_value *v = NULL, *day = NULL;
	int n = 0, days = 0, rc = read_period(c, &from, &to, e);

	if (rc == 0 && by != NULL && strcmp(by, "day") != 0) {
		err_set(e, ERR_INVALID, "by may be: day");
		rc = err_at(e, NULL, 0, 0, "by");
	}
	if (rc == 0)
		rc = indicator_values(c->tx, c->site, &c->who, code, unit, from, to, &v, &n, e);
	if (rc == 0 && n == 0)
		rc = err_set(e, ERR_NOTFOUND, "no indicator has this code");
	if (rc == 0 && by != NULL)
		rc = indicator_days(c->tx, c->site, &c->who, code, unit, from, to, &day, &days, e);
	if (rc < 0)
		return rc;
	write_indicator(c, v);
	write_days(&c->w, day, days);
	jw_object_end(&c->w);
	return 0;
}
