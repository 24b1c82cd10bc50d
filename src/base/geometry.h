/*
 * geometry - points and polygons on the plane of longitude and latitude (WGS-84 / CGCS2000 degrees),
 * and the two shifted Chinese datums.
 *
 * City-sized areas only: edges are straight in degrees, no crossing of the antimeridian.
 */
#ifndef HEMING_GEOMETRY_H
#define HEMING_GEOMETRY_H

#include "base/doc.h"

struct geo_point {
	double lon, lat;
};
struct geo_box {
	double w, s, e, n;
};
struct geo_ring {
	struct geo_point *p;
	int n; /* the first point is not repeated at the end */
};
/* MultiPolygon: rings with even-odd filling, so holes and islands need no flags. */
struct geo_area {
	struct geo_ring *ring;
	int n;
	struct geo_box box;
};

/* Polygon or MultiPolygon geometry of GeoJSON (RFC 7946) into the arena. */
MUST_USE int geo_area_parse(
        struct arena *a, const struct doc *geometry, const char *name, struct geo_area *out, struct err *e);
bool geo_area_contains(const struct geo_area *area, struct geo_point p);
/* A point well inside, for a label: centroid of the largest ring if inside it, else a point found by
 * scanning. */
struct geo_point geo_area_label(const struct geo_area *area);
double geo_distance_m(struct geo_point a, struct geo_point b); /* haversine, radius 6,371,008.8 m */

/* The square world of web maps (Web Mercator, EPSG:3857) as a grid of 2^32 cells a side, 0, 0 in the
 * north-west: 9 mm at the equator. Latitudes beyond 85.0511 degrees lie on its edge. */
struct geo_cell {
	uint32_t x, y;
};
struct geo_cell geo_to_web(struct geo_point p);
struct geo_point geo_from_web(struct geo_cell c); /* the cell's north-west corner */

/* GCJ-02 and BD-09 to and from WGS-84; the inverse iterates to better than 0.1 m. Outside China: same. */
struct geo_point geo_gcj_from_wgs(struct geo_point p);
struct geo_point geo_wgs_from_gcj(struct geo_point p);
struct geo_point geo_bd_from_gcj(struct geo_point p);
struct geo_point geo_gcj_from_bd(struct geo_point p);

/* Coordinates as others have them. CGCS2000 is WGS-84 to within a metre, and counts as the same. */
enum geo_crs { CRS_WGS84, CRS_GCJ02, CRS_BD09 };
#define GEO_CRS 3                           /* how many */
const char *geo_crs_name(enum geo_crs crs); /* "wgs84", "gcj02", "bd09" */
/* "wgs84", "cgcs2000", "gcj02", "bd09", in capitals too, with a - at will; false for another. */
MUST_USE bool geo_crs_parse(struct str s, enum geo_crs *out);
struct geo_point geo_from(enum geo_crs crs, struct geo_point p); /* to WGS-84; NaN stays */
struct geo_point geo_to(enum geo_crs crs, struct geo_point wgs);
/* The box around what the box holds. */
struct geo_box geo_box_to(enum geo_crs crs, struct geo_box wgs);

#endif
