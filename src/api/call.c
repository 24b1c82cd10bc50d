/* What handlers ask of a request. */
#include "api/api_int.h"
#include "base/num.h"

#include <math.h>

#define REASON_MIN 4 /* characters */

const char *call_param(struct call *c, int i)
{
	return arena_strndup(c->a, c->param[i].p, c->param[i].n);
}

int call_read(struct call *c, struct err *e)
{
	return c->tx != NULL ? 0 : store_read_begin(c->site->store, c->route->path, &c->tx, e);
}

const struct snapshot *call_snapshot(struct call *c)
{
	if (c->held == NULL)
		c->held = registry_hold(c->site->registry);
	return c->held;
}

const char *call_text(struct call *c, const char *name)
{
	const char *s = http_query(c->r, name);

	return s != NULL && *s != '\0' ? s : NULL;
}

bool call_flag(struct call *c, const char *name)
{
	const char *s = call_text(c, name);

	return s != NULL && (strcmp(s, "1") == 0 || strcmp(s, "true") == 0);
}

int call_crs(struct call *c, struct err *e)
{
	const char *s = call_text(c, "crs");

	if (s == NULL || geo_crs_parse(str_of(s), &c->crs))
		return 0;
	err_set(e, ERR_INVALID, "coordinates are wgs84 (or cgcs2000), gcj02 or bd09");
	return err_at(e, NULL, 0, 0, "crs"), ERR_INVALID;
}

struct geo_point body_place(const struct call *c)
{
	return geo_from(
	        c->crs, (struct geo_point){doc_double(c->body, "lon", NAN), doc_double(c->body, "lat", NAN)});
}

void write_place(struct call *c, struct geo_point at)
{
	at = geo_to(c->crs, at);
	jw_kdouble(&c->w, "lon", at.lon);
	jw_kdouble(&c->w, "lat", at.lat);
}

static void set_number(struct call *c, const struct doc *map, const char *key, double v)
{
	struct doc *x = (struct doc *)(uintptr_t)doc_get(map, key); /* of the request's own body */
	char text[32];

	num_format(v, text);
	x->text = arena_strdup(c->a, text);
	x->text_n = strlen(text);
}

static void turn_place(struct call *c, const struct doc *v)
{
	struct geo_point p = {doc_double(v, "lon", NAN), doc_double(v, "lat", NAN)};

	if (isnan(p.lon) || isnan(p.lat))
		return; /* the check of the field says so */
	p = geo_from(c->crs, p);
	set_number(c, v, "lon", p.lon);
	set_number(c, v, "lat", p.lat);
}

void body_places(struct call *c, const struct kind *k, const struct doc *attrs)
{
	if (c->crs == CRS_WGS84 || k == NULL)
		return;
	for (int i = 0; i < k->fields; i++) {
		const struct doc *v = doc_get(attrs, k->field[i].key);

		if (k->field[i].type != FIELD_PLACE)
			continue;
		if (!k->field[i].many)
			turn_place(c, v);
		DOC_EACH(x, k->field[i].many ? v : NULL)
		{
			turn_place(c, x);
		}
	}
}

int call_int(struct call *c, const char *name, int64_t dflt, int64_t least, int64_t most, int64_t *out,
        struct err *e)
{
	const char *s = call_text(c, name);

	*out = dflt;
	if (s == NULL)
		return 0;
	if (!num_int(str_of(s), out) || *out < least || *out > most) {
		err_set(e, ERR_INVALID, "a whole number from %lld to %lld is needed", (long long)least,
		        (long long)most);
		return err_at(e, NULL, 0, 0, name);
	}
	return 0;
}

int call_date(struct call *c, const char *name, const char *dflt, const char **out, struct err *e)
{
	const char *s = call_text(c, name);
	time_us t;

	*out = s != NULL ? s : dflt;
	if (s == NULL || (strlen(s) == 10 && time_parse(str_of(s), zone_utc(), &t)))
		return 0;
	err_set(e, ERR_INVALID, "a date as 2026-07-14 is needed");
	return err_at(e, NULL, 0, 0, name);
}

int call_time(struct call *c, const char *name, time_us *out, struct err *e)
{
	const char *s = call_text(c, name);

	*out = TIME_NONE;
	if (s == NULL || time_parse(str_of(s), c->site->catalog->zone, out))
		return 0;
	err_set(e, ERR_INVALID, "an instant such as 2026-07-14T08:00:00+08:00 is needed");
	return err_at(e, NULL, 0, 0, name);
}

int call_id(struct call *c, int param, int64_t *id, struct err *e)
{
	if (num_int(c->param[param], id) && *id > 0)
		return 0;
	return err_set(e, ERR_NOTFOUND, "nothing has this id");
}

int call_match(struct call *c, int64_t *version, struct err *e)
{
	const char *header = http_header(c->r, "If-Match");
	struct str s = str_trim(str_of(header));

	*version = -1;
	if (s.n == 0 || str_is(s, "*"))
		return 0;
	if (str_starts(s, "W/"))
		s = (struct str){s.p + 2, s.n - 2};
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		s = (struct str){s.p + 1, s.n - 2};
	if (num_int(s, version) && *version > 0)
		return 0;
	err_set(e, ERR_INVALID, "If-Match is the ETag of what you looked at");
	return err_at(e, NULL, 0, 0, "If-Match");
}

void call_etag(struct call *c, int64_t version)
{
	http_set_header(c->r, "ETag", arena_printf(c->a, "\"%lld\"", (long long)version));
}

int call_reason(const char *reason, struct err *e)
{
	if (reason != NULL && utf8_length(str_trim(str_of(reason))) >= REASON_MIN)
		return 0;
	(void)err__set(
	        e, ERR_INVALID, "say why, in at least %d characters; the journal keeps it", REASON_MIN);
	(void)err_at(e, NULL, 0, 0, "reason");
	return ERR_INVALID;
}

struct str body_variables(const struct call *c)
{
	const struct doc *d = doc_get(c->body, "variables");
	struct str out = STR_NULL;
	struct sb b = SB_INIT;
	struct jw w;

	if (d == NULL || d->type != DOC_MAP)
		return out;
	jw_init(&w, &b);
	doc_write_json(d, &w);
	out = str_of(arena_strndup(c->a, b.p, b.n));
	sb_fini(&b);
	return out;
}

const char *body_text(const struct call *c, const char *name)
{
	const struct doc *d = doc_get(c->body, name);

	return d != NULL && d->type == DOC_STRING ? d->text : "";
}

int body_words(struct call *c, const char *name, const char **out, struct err *e)
{
	const struct doc *d = doc_get(c->body, name);
	struct sb b = SB_INIT;

	*out = NULL;
	if (d == NULL)
		return 0;
	DOC_EACH(x, d)
	{
		if (*x->text == '\0' || strchr(x->text, ' ') != NULL) {
			sb_fini(&b);
			err_set(e, ERR_INVALID, "each is one code, without blanks");
			err_at(e, NULL, 0, 0, name);
			return ERR_INVALID;
		}
		sb_printf(&b, "%s%s", b.n > 0 ? " " : "", x->text);
	}
	*out = arena_strndup(c->a, b.n > 0 ? b.p : "", b.n);
	sb_fini(&b);
	return 0;
}
