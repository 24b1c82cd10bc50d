#include "base/geometry.h"

#include "base/num.h"

#include <math.h>

#define RADIUS_M 6371008.8
#define RAD (M_PI / 180)

static int bad(const struct doc *d, const char *name, struct err *e, const char *words)
{
	err_set(e, ERR_INVALID, "%s", words);
	return err_at(e, name, d->line, d->column, NULL), ERR_INVALID;
}

static int no_memory(const char *name, struct err *e)
{
	err_set(e, ERR_NOMEM, "the geometry is larger than the memory allowed for it");
	return err_at(e, name, 0, 0, NULL), ERR_NOMEM;
}

/* [lon, lat] or [lon, lat, height]; the height is left out. */
static int parse_point(const struct doc *d, const char *name, struct geo_point *out, struct err *e)
{
	const struct doc *lon = d->child, *lat = lon ? lon->next : NULL;

	if (d->type != DOC_LIST || d->count < 2 || lon->type != DOC_NUMBER || lat->type != DOC_NUMBER)
		return bad(d, name, e, "a position must be [longitude, latitude]");
	if (!num_double((struct str){lon->text, lon->text_n}, false, &out->lon) ||
	        !num_double((struct str){lat->text, lat->text_n}, false, &out->lat))
		return bad(d, name, e, "a position must be two numbers");
	if (!(fabs(out->lon) <= 180))
		return bad(d, name, e,
		        "the longitude is not within -180 to 180; convert projected coordinates to degrees");
	if (!(fabs(out->lat) <= 90))
		return bad(d, name, e,
		        "the latitude is not within -90 to 90; the order is longitude, latitude, in degrees");
	return 0;
}

static int parse_ring(
        struct arena *a, const struct doc *d, const char *name, struct geo_ring *out, struct err *e)
{
	int n = 0, rc;

	if (d->type != DOC_LIST || d->count < 4)
		return bad(d, name, e, "a ring needs four positions at least, the last like the first");
	out->p = arena_array(a, (size_t)d->count, sizeof(*out->p));
	if (!out->p)
		return no_memory(name, e);
	DOC_EACH(c, d)
	{
		rc = parse_point(c, name, &out->p[n++], e);
		if (rc < 0)
			return rc;
	}
	if (out->p[0].lon != out->p[n - 1].lon || out->p[0].lat != out->p[n - 1].lat)
		return bad(d, name, e, "a ring is not closed: its last position must be like its first");
	out->n = n - 1;
	return 0;
}

static int parse_polygon(
        struct arena *a, const struct doc *d, const char *name, struct geo_area *out, struct err *e)
{
	if (d->type != DOC_LIST || d->count == 0)
		return bad(d, name, e, "a polygon must be a list of rings");
	DOC_EACH(ring, d)
	{
		int rc = parse_ring(a, ring, name, &out->ring[out->n], e);
		if (rc < 0)
			return rc;
		out->n++;
	}
	return 0;
}

static void measure(struct geo_area *area)
{
	struct geo_box b = {INFINITY, INFINITY, -INFINITY, -INFINITY};

	for (int i = 0; i < area->n; i++) {
		for (int k = 0; k < area->ring[i].n; k++) {
			struct geo_point p = area->ring[i].p[k];
			b.w = fmin(b.w, p.lon);
			b.e = fmax(b.e, p.lon);
			b.s = fmin(b.s, p.lat);
			b.n = fmax(b.n, p.lat);
		}
	}
	area->box = b;
}

int geo_area_parse(
        struct arena *a, const struct doc *geometry, const char *name, struct geo_area *out, struct err *e)
{
	const char *type = doc_str(geometry, "type", "");
	const struct doc *coordinates = doc_get(geometry, "coordinates");
	struct geo_area area = {0};
	bool multi = strcmp(type, "MultiPolygon") == 0;
	size_t rings = 0;
	int rc = 0;

	if (!geometry) {
		err_set(e, ERR_INVALID, "there is no geometry");
		return err_at(e, name, 0, 0, NULL), ERR_INVALID;
	}
	if (!multi && strcmp(type, "Polygon") != 0)
		return bad(
		        geometry, name, e, "the type of an area's geometry must be Polygon or MultiPolygon");
	if (!coordinates || coordinates->type != DOC_LIST || coordinates->count == 0)
		return bad(geometry, name, e, "the coordinates are missing");
	if (multi) {
		DOC_EACH(polygon, coordinates)
		rings += (size_t)polygon->count;
	} else {
		rings = (size_t)coordinates->count;
	}
	area.ring = arena_array(a, rings, sizeof(*area.ring));
	if (!area.ring)
		return no_memory(name, e);
	if (multi) {
		for (const struct doc *p = coordinates->child; p && rc == 0; p = p->next)
			rc = parse_polygon(a, p, name, &area, e);
	} else {
		rc = parse_polygon(a, coordinates, name, &area, e);
	}
	if (rc < 0)
		return rc;
	measure(&area);
	*out = area;
	return 0;
}

/* Longitude at which the edge a-b meets that latitude; only for edges that cross it. */
static double crossing(struct geo_point a, struct geo_point b, double lat)
{
	return a.lon + (lat - a.lat) / (b.lat - a.lat) * (b.lon - a.lon);
}

/* Half-open in latitude, so that a corner belongs to one of its two edges only. */
static bool crosses(struct geo_point a, struct geo_point b, double lat)
{
	return (a.lat > lat) != (b.lat > lat);
}

bool geo_area_contains(const struct geo_area *area, struct geo_point p)
{
	bool inside = false;

	/* Written so that NaN is outside. */
	if (!(p.lon >= area->box.w && p.lon <= area->box.e && p.lat >= area->box.s && p.lat <= area->box.n))
		return false;
	for (int i = 0; i < area->n; i++) {
		const struct geo_ring *r = &area->ring[i];
		for (int k = 0, last = r->n - 1; k < r->n; last = k++) {
			if (crosses(r->p[last], r->p[k], p.lat) &&
			        p.lon < crossing(r->p[last], r->p[k], p.lat))
				inside = !inside;
		}
	}
	return inside;
}

/* Twice the signed area in square degrees, and the centroid, by the shoelace formula about the
 * ring's first point: far from the origin the products would eat the digits. */
static double ring_centroid(const struct geo_ring *r, struct geo_point *centroid)
{
	struct geo_point o = r->p[0];
	double sum = 0, x = 0, y = 0;

	for (int k = 0, last = r->n - 1; k < r->n; last = k++) {
		double ax = r->p[last].lon - o.lon, ay = r->p[last].lat - o.lat;
		double bx = r->p[k].lon - o.lon, by = r->p[k].lat - o.lat;
		double cross = ax * by - bx * ay;
		sum += cross;
		x += (ax + bx) * cross;
		y += (ay + by) * cross;
	}
	*centroid = sum == 0 ? o : (struct geo_point){o.lon + x / (3 * sum), o.lat + y / (3 * sum)};
	return sum;
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

/* The widest stretch inside the area on any of a few parallels: the middle of it is a fair place. */
static bool scan_inside(const struct geo_area *area, struct geo_point *out)
{
	enum { PARALLELS = 31 };
	size_t points = 0;
	double *x, widest = 0;

	for (int i = 0; i < area->n; i++)
		points += (size_t)area->ring[i].n;
	x = xcalloc(points + 1, sizeof(*x));
	for (int line = 1; line <= PARALLELS; line++) {
		double lat = area->box.s + (area->box.n - area->box.s) * line / (PARALLELS + 1);
		size_t n = 0;
		for (int i = 0; i < area->n; i++) {
			const struct geo_ring *r = &area->ring[i];
			for (int k = 0, last = r->n - 1; k < r->n; last = k++) {
				if (crosses(r->p[last], r->p[k], lat))
					x[n++] = crossing(r->p[last], r->p[k], lat);
			}
		}
		qsort(x, n, sizeof(*x), by_value);
		for (size_t i = 0; i + 1 < n; i += 2) {
			if (x[i + 1] - x[i] > widest) {
				widest = x[i + 1] - x[i];
				*out = (struct geo_point){(x[i] + x[i + 1]) / 2, lat};
			}
		}
	}
	free(x);
	return widest > 0;
}

struct geo_point geo_area_label(const struct geo_area *area)
{
	struct geo_point best = {(area->box.w + area->box.e) / 2, (area->box.s + area->box.n) / 2}, c;
	double largest = 0;

	for (int i = 0; i < area->n; i++) {
		double size = fabs(ring_centroid(&area->ring[i], &c));
		if (size > largest) {
			largest = size;
			best = c;
		}
	}
	if (!geo_area_contains(area, best) && scan_inside(area, &c))
		best = c;
	return best;
}

double geo_distance_m(struct geo_point a, struct geo_point b)
{
	double dlat = sin((b.lat - a.lat) * RAD / 2), dlon = sin((b.lon - a.lon) * RAD / 2);
	double h = dlat * dlat + cos(a.lat * RAD) * cos(b.lat * RAD) * dlon * dlon;

	return 2 * RADIUS_M * asin(sqrt(fmin(1, h)));
}

/*
 * GCJ-02 shifts WGS-84 by a few hundred metres with a published-by-practice polynomial on the
 * Krasovsky ellipsoid (semi-major axis 6 378 245 m, squared eccentricity below); BD-09 turns and
 * moves GCJ-02 once more. Both have no closed inverse.
 */
#define GCJ_A 6378245.0
#define GCJ_EE 0.00669342162296594323
#define BD_K (M_PI * 3000 / 180)

/* The rectangle within which the shift applies. */
static bool in_china(struct geo_point p)
{
	return p.lon >= 72.004 && p.lon <= 137.8347 && p.lat >= 0.8293 && p.lat <= 55.8271;
}

static struct geo_point gcj_shift(struct geo_point p)
{
	double x = p.lon - 105, y = p.lat - 35, root = sqrt(fabs(x));
	double s = (20 * sin(6 * x * M_PI) + 20 * sin(2 * x * M_PI)) * 2 / 3;
	double lat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + s;
	double lon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + s;
	double phi = p.lat * RAD, m = 1 - GCJ_EE * sin(phi) * sin(phi);

	lat += (20 * sin(y * M_PI) + 40 * sin(y / 3 * M_PI)) * 2 / 3;
	lat += (160 * sin(y / 12 * M_PI) + 320 * sin(y * M_PI / 30)) * 2 / 3;
	lon += (20 * sin(x * M_PI) + 40 * sin(x / 3 * M_PI)) * 2 / 3;
	lon += (150 * sin(x / 12 * M_PI) + 300 * sin(x / 30 * M_PI)) * 2 / 3;
	return (struct geo_point){
	        lon * 180 / (GCJ_A / sqrt(m) * cos(phi) * M_PI),
	        lat * 180 / (GCJ_A * (1 - GCJ_EE) / (m * sqrt(m)) * M_PI),
	};
}

static struct geo_point gcj_forward(struct geo_point p)
{
	struct geo_point d = gcj_shift(p);

	return (struct geo_point){p.lon + d.lon, p.lat + d.lat};
}

static struct geo_point bd_forward(struct geo_point p)
{
	double z = hypot(p.lon, p.lat) + 0.00002 * sin(p.lat * BD_K);
	double theta = atan2(p.lat, p.lon) + 0.000003 * cos(p.lon * BD_K);

	return (struct geo_point){z * cos(theta) + 0.0065, z * sin(theta) + 0.006};
}

/* Fixed-point iteration: both maps are the identity and a little that changes slowly. */
static struct geo_point invert(struct geo_point (*forward)(struct geo_point), struct geo_point p)
{
	struct geo_point q = p;

	for (int i = 0; i < 20; i++) {
		struct geo_point f = forward(q);
		double dlon = f.lon - p.lon, dlat = f.lat - p.lat;
		q.lon -= dlon;
		q.lat -= dlat;
		if (fabs(dlon) < 1e-10 && fabs(dlat) < 1e-10)
			break;
	}
	return q;
}

struct geo_point geo_gcj_from_wgs(struct geo_point p)
{
	return in_china(p) ? gcj_forward(p) : p;
}

struct geo_point geo_wgs_from_gcj(struct geo_point p)
{
	return in_china(p) ? invert(gcj_forward, p) : p;
}

struct geo_point geo_bd_from_gcj(struct geo_point p)
{
	return in_china(p) ? bd_forward(p) : p;
}

struct geo_point geo_gcj_from_bd(struct geo_point p)
{
	return in_china(p) ? invert(bd_forward, p) : p;
}

/* ---- systems by name ---- */

bool geo_crs_parse(struct str s, enum geo_crs *out)
{
	static const struct {
		const char *name;
		enum geo_crs crs;
	} known[] = {{"wgs84", CRS_WGS84}, {"cgcs2000", CRS_WGS84}, {"gcj02", CRS_GCJ02}, {"bd09", CRS_BD09}};
	char name[16];
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '-')
			continue;
		if (n == sizeof(name) - 1)
			return false;
		name[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	name[n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(name, known[i].name) == 0) {
			*out = known[i].crs;
			return true;
		}
	return false;
}

struct geo_point geo_from(enum geo_crs crs, struct geo_point p)
{
	if (crs == CRS_WGS84 || isnan(p.lon) || isnan(p.lat))
		return p;
	return geo_wgs_from_gcj(crs == CRS_BD09 ? geo_gcj_from_bd(p) : p);
}

struct geo_point geo_to(enum geo_crs crs, struct geo_point wgs)
{
	if (crs == CRS_WGS84 || isnan(wgs.lon) || isnan(wgs.lat))
		return wgs;
	return crs == CRS_BD09 ? geo_bd_from_gcj(geo_gcj_from_wgs(wgs)) : geo_gcj_from_wgs(wgs);
}

const char *geo_crs_name(enum geo_crs crs)
{
	static const char *const names[GEO_CRS] = {"wgs84", "gcj02", "bd09"};

	return names[crs];
}

struct geo_box geo_box_to(enum geo_crs crs, struct geo_box wgs)
{
	const struct geo_point corner[] = {{wgs.w, wgs.s}, {wgs.w, wgs.n}, {wgs.e, wgs.s}, {wgs.e, wgs.n}};
	struct geo_box out = {INFINITY, INFINITY, -INFINITY, -INFINITY};

	for (size_t i = 0; i < ARRAY_LEN(corner); i++) {
		struct geo_point p = geo_to(crs, corner[i]);

		out.w = fmin(out.w, p.lon);
		out.e = fmax(out.e, p.lon);
		out.s = fmin(out.s, p.lat);
		out.n = fmax(out.n, p.lat);
	}
	return out;
}

/* ---- the square world of web maps ---- */

#define WEB_SIDE 4294967296.0
#define WEB_LAT 85.051128779806589 /* where the square ends: atan(sinh(pi)) */

static uint32_t web_clamp(double v)
{
	return v <= 0 ? 0 : v >= WEB_SIDE - 1 ? UINT32_MAX : (uint32_t)v;
}

struct geo_cell geo_to_web(struct geo_point p)
{
	double lat = fmax(-WEB_LAT, fmin(WEB_LAT, p.lat));

	return (struct geo_cell){web_clamp((p.lon + 180) / 360 * WEB_SIDE),
	        web_clamp((1 - asinh(tan(lat * RAD)) / M_PI) / 2 * WEB_SIDE)};
}

struct geo_point geo_from_web(struct geo_cell c)
{
	return (struct geo_point){
	        c.x / WEB_SIDE * 360 - 180, atan(sinh(M_PI * (1 - 2 * (c.y / WEB_SIDE)))) / RAD};
}
