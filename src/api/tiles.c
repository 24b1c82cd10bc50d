/* The map: vector tiles of things and alarms, how much of what is in view, and a list of it. */
#include "api/api_int.h"
#include "base/mvt.h"
#include "base/num.h"
#include "city/map.h"

#define LIST_MOST 500

/* ---- what is asked for ---- */

static int bad(struct err *e, const char *parameter, const char *words)
{
	(void)err_set(e, ERR_INVALID, "%s", words);
	return err_at(e, NULL, 0, 0, parameter), ERR_INVALID;
}

static int ask_kinds(struct call *c, struct map_ask *ask, struct err *e)
{
	const char *text = call_text(c, "kind");
	struct str rest = str_of(text);
	const char **list;
	size_t n = 0;

	if (text == NULL)
		return 0;
	list = arena_array(c->a, strlen(text) + 2, sizeof(*list));
	while (rest.p != NULL) {
		struct str s = str_cut(&rest, ',');
		const char *code = arena_strndup(c->a, s.p, s.n);
		const struct kind *k = catalog_kind(c->site->catalog, code);

		/* A kind that the reader may not know of is none. */
		if (k == NULL || !k->thing || k->secrecy > c->who.scope.clearance)
			return bad(e, "kind", "no kind of things has this code");
		list[n++] = code;
	}
	ask->kinds = list;
	return 0;
}

static int ask_levels(struct call *c, struct map_ask *ask, struct err *e)
{
	struct str rest = str_of(call_text(c, "level"));

	while (rest.p != NULL) {
		struct str s = str_cut(&rest, ',');

		if (s.n != 1 || *s.p < '0' || *s.p > '4')
			return bad(e, "level", "levels are 1 to 4, or 0 for what has no alarm, by commas");
		ask->levels |= 1u << (*s.p - '0');
	}
	return 0;
}

static int ask_states(struct call *c, struct map_ask *ask, struct err *e)
{
	struct str rest = str_of(call_text(c, "state"));

	while (rest.p != NULL) {
		struct str s = str_cut(&rest, ',');
		unsigned found = 0;

		for (unsigned x = 1; x < 1u << MAP_STATES; x <<= 1)
			if (str_is(s, map_state_name((enum map_state)x)))
				found = x;
		if (found == 0)
			return bad(e, "state", "states are alarm, case, silent, never and acked, by commas");
		ask->states |= found;
	}
	return 0;
}

static int ask_of(struct call *c, enum map_layer layer, struct map_ask *ask, struct err *e)
{
	int rc;

	*ask = (struct map_ask){.who = &c->who, .layer = layer};
	rc = call_crs(c, e);
	ask->crs = c->crs;
	if (rc == 0)
		rc = ask_kinds(c, ask, e);
	if (rc == 0)
		rc = ask_levels(c, ask, e);
	return rc == 0 ? ask_states(c, ask, e) : rc;
}

static int layer_of(struct call *c, enum map_layer *out, struct err *e)
{
	const char *of = call_text(c, "of");

	*out = of != NULL && strcmp(of, "alarms") == 0 ? MAP_ALARMS : MAP_THINGS;
	if (of != NULL && *out == MAP_THINGS && strcmp(of, "things") != 0)
		return bad(e, "of", "there are things and alarms");
	return 0;
}

static int box_of(struct call *c, struct geo_box *out, struct err *e)
{
	double *v[] = {&out->w, &out->s, &out->e, &out->n};
	struct str rest = str_of(call_text(c, "bbox"));
	size_t n = 0;

	while (rest.p != NULL && n < ARRAY_LEN(v) && num_double(str_cut(&rest, ','), false, v[n]))
		n++;
	if (n < ARRAY_LEN(v) || rest.p != NULL || out->w < -180 || out->e > 180 || out->s < -90 ||
	        out->n > 90 || out->s > out->n)
		return bad(e, "bbox", "a box is west,south,east,north, in degrees");
	if (out->w > out->e)
		return bad(e, "bbox", "a box across 180 degrees is asked for as its two halves");
	return 0;
}

/* ---- tiles ---- */

static int tile(struct call *c, enum map_layer layer, struct err *e)
{
	struct str y = c->param[2];
	int64_t at[3];
	struct map_ask ask;
	int rc;

	if (y.n < 5 || memcmp(y.p + y.n - 4, ".mvt", 4) != 0)
		return err_set(e, ERR_NOTFOUND, "tiles are Z/X/Y.mvt");
	c->param[2].n -= 4;
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		if (!num_int(c->param[i], &at[i]))
			return err_set(e, ERR_NOTFOUND, "tiles are Z/X/Y.mvt");
	rc = ask_of(c, layer, &ask, e);
	if (rc < 0)
		return rc;
	c->mime = MVT_MIME;
	return map_tile(c->site->map, &ask, at[0], at[1], at[2], &c->out, e);
}

int tiles_things_get(struct call *c, struct err *e)
{
	return tile(c, MAP_THINGS, e);
}

int tiles_alarms_get(struct call *c, struct err *e)
{
	return tile(c, MAP_ALARMS, e);
}

/* Where the tiles are, as the reader came here: TileJSON wants whole addresses. */
static const char *tiles_at(struct call *c, const char *layer)
{
	const char *host = http_header(c->r, "Host"),
	           *told = http_proxied(c->r) ? http_header(c->r, "X-Forwarded-Host") : NULL;

	if (told != NULL)
		host = told;
	return arena_printf(c->a, "%s%s/tiles/%s/{z}/{x}/{y}.mvt%s%s",
	        host == NULL        ? ""
	        : http_secure(c->r) ? "https://"
	                            : "http://",
	        host != NULL ? host : "", layer, c->crs != CRS_WGS84 ? "?crs=" : "",
	        c->crs != CRS_WGS84 ? geo_crs_name(c->crs) : "");
}

struct attribute {
	const char *name, *type;
};

static int tilejson(struct call *c, const char *layer, const struct attribute *of, size_t n, struct err *e)
{
	const struct geo_box *box = &c->site->catalog->box;
	struct jw *w = &c->w;
	int rc = call_crs(c, e);

	if (rc < 0)
		return rc;
	jw_object(w);
	jw_kstr(w, "tilejson", "3.0.0");
	jw_kstr(w, "name", layer);
	jw_key(w, "tiles");
	jw_array(w);
	jw_cstr(w, tiles_at(c, layer));
	jw_array_end(w);
	jw_kint(w, "minzoom", 0);
	jw_kint(w, "maxzoom", MAP_ZOOM_MOST);
	if (box->w < box->e) {
		const struct geo_box shown = geo_box_to(c->crs, *box);
		const double bounds[] = {shown.w, shown.s, shown.e, shown.n};

		jw_key(w, "bounds");
		jw_array(w);
		for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
			jw_double(w, bounds[i]);
		jw_array_end(w);
	}
	jw_key(w, "vector_layers");
	jw_array(w);
	jw_object(w);
	jw_kstr(w, "id", layer);
	jw_key(w, "fields");
	jw_object(w);
	for (size_t i = 0; i < n; i++)
		jw_kstr(w, of[i].name, of[i].type);
	jw_object_end(w);
	jw_object_end(w);
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

#define CLUSTER                                                                                              \
	{"point_count", "Number"}, {"alarms", "Number"}, {"zoom", "Number"},                                 \
	{                                                                                                    \
		"level", "Number"                                                                            \
	}
#define THING                                                                                                \
	{"code", "String"}, {"kind", "String"}, {"name", "String"},                                          \
	{                                                                                                    \
		"name_en", "String"                                                                          \
	}

int tiles_things_json(struct call *c, struct err *e)
{
	static const struct attribute of[] = {
	        CLUSTER, THING, {"case", "Boolean"}, {"silent", "Boolean"}, {"never", "Boolean"}};

	return tilejson(c, "things", of, ARRAY_LEN(of), e);
}

int tiles_alarms_json(struct call *c, struct err *e)
{
	static const struct attribute of[] = {CLUSTER, THING, {"id", "String"}, {"rule", "String"},
	        {"summary", "String"}, {"acked", "Boolean"}};

	return tilejson(c, "alarms", of, ARRAY_LEN(of), e);
}

/* ---- what is in view ---- */

static void write_count(struct jw *w, const char *key, uint32_t n)
{
	jw_object(w);
	jw_kstr(w, "key", key);
	jw_kint(w, "count", n);
	jw_object_end(w);
}

static void write_counts(struct call *c, const struct map_counts *x, char by)
{
	struct jw *w = &c->w;
	char digit[2] = "0";

	jw_object(w);
	jw_kint(w, "total", x->total);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; by == 'k' && i < x->kinds; i++)
		write_count(w, x->kind[i].kind, x->kind[i].n);
	for (int i = 0; by == 'l' && i < 5; i++) {
		digit[0] = (char)('0' + i);
		write_count(w, digit, x->of_level[i]);
	}
	for (int i = 0; by == 's' && i < MAP_STATES; i++)
		write_count(w, map_state_name((enum map_state)(1 << i)), x->of_state[i]);
	jw_array_end(w);
	jw_object_end(w);
}

int map_counts_get(struct call *c, struct err *e)
{
	const char *by = call_text(c, "by");
	enum map_layer layer = MAP_THINGS;
	struct map_counts counts;
	struct geo_box box = {0};
	struct map_ask ask;
	int rc = layer_of(c, &layer, e);

	if (rc == 0)
		rc = ask_of(c, layer, &ask, e);
	if (rc == 0)
		rc = box_of(c, &box, e);
	if (rc == 0 && by != NULL && strcmp(by, "kind") != 0 && strcmp(by, "level") != 0 &&
	        strcmp(by, "state") != 0)
		rc = bad(e, "by", "things are counted by kind, level or state");
	if (rc == 0)
		rc = map_count(c->site->map, &ask, &box, c->a, &counts, e);
	if (rc == 0)
		write_counts(c, &counts, by != NULL ? *by : 'k');
	return rc;
}

static void write_item(struct jw *w, const struct map_item *x)
{
	jw_object(w);
	jw_kid(w, "alarm", x->alarm);
	jw_kstr(w, "code", x->code);
	jw_kstr(w, "kind", x->kind);
	jw_kstr(w, "name", x->name);
	jw_kstr(w, "name_en", x->name_en);
	jw_kstr(w, "rule", x->rule);
	jw_kstr(w, "summary", x->summary);
	jw_kint(w, "level", x->level);
	jw_key(w, "states");
	jw_array(w);
	for (unsigned s = 1; s < 1u << MAP_STATES; s <<= 1)
		if (x->states & s)
			jw_cstr(w, map_state_name((enum map_state)s));
	jw_array_end(w);
	jw_kdouble(w, "lon", x->at.lon);
	jw_kdouble(w, "lat", x->at.lat);
	jw_object_end(w);
}

int map_list_get(struct call *c, struct err *e)
{
	enum map_layer layer = MAP_THINGS;
	struct map_item *list = NULL;
	struct geo_box box = {0};
	struct map_ask ask;
	int64_t limit = 0;
	int n = 0, rc = layer_of(c, &layer, e);

	if (rc == 0)
		rc = ask_of(c, layer, &ask, e);
	if (rc == 0)
		rc = box_of(c, &box, e);
	if (rc == 0)
		rc = call_int(c, "limit", 50, 1, LIST_MOST, &limit, e);
	if (rc == 0)
		rc = map_list(c->site->map, &ask, &box, (int)limit, c->a, &list, &n, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n; i++)
		write_item(&c->w, &list[i]);
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}
