#include "check.h"

#include "base/geometry.h"

static int parse(struct arena *a, const char *text, struct geo_area *out, struct err *e)
{
	struct doc *d = NULL;

	check_ok(doc_parse_json(a, str_of(text), "g.geojson", &d, e), e);
	return geo_area_parse(a, d, "g.geojson", out, e);
}

/* A square of ten degrees with a hole, and an island in the hole. */
static const char square[] = "{\"type\":\"MultiPolygon\",\"coordinates\":["
                             "[[[0,0],[10,0],[10,10],[0,10],[0,0]],[[2,2],[2,8],[8,8],[8,2],[2,2]]],"
                             "[[[4,4,7.5],[6,4,7.5],[6,6,7.5],[4,6,7.5],[4,4,7.5]]]]}";

TEST(contains_with_holes_and_islands)
{
	struct arena *a = arena_new(0);
	struct geo_area g;
	struct err e = ERR_INIT;
	static const struct {
		double lon, lat;
		bool in;
	} rows[] = {{1, 1, true}, {5, 1, true}, {3, 3, false}, {5, 5, true}, {3, 5, false}, {9, 5, true},
	        {11, 5, false}, {-1, 5, false}, {5, 11, false}, {5, -1, false}, {0.0 / 1e-300, 5, true}};

	check_ok(parse(a, square, &g, &e), &e);
	check_eq_i(g.n, 3);
	check_eq_i(g.ring[0].n, 4);
	check_eq_d(g.box.w, 0);
	check_eq_d(g.box.n, 10);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (geo_area_contains(&g, (struct geo_point){rows[i].lon, rows[i].lat}) != rows[i].in)
			check_fail("%g %g", rows[i].lon, rows[i].lat);
	check(!geo_area_contains(&g, (struct geo_point){__builtin_nan(""), 5}));
	arena_free(&a);
}

/* Neighbours share an edge: a point on it belongs to exactly one of them. */
TEST(neighbours_share_no_point)
{
	struct arena *a = arena_new(0);
	struct geo_area g, h;
	struct err e = ERR_INIT;

	check_ok(
	        parse(a, "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[5,1],[5,9],[0,10],[0,0]]]}", &g, &e),
	        &e);
	check_ok(parse(a, "{\"type\":\"Polygon\",\"coordinates\":[[[5,1],[10,0],[10,10],[5,9],[5,1]]]}", &h,
	                 &e),
	        &e);
	for (double lat = 1.5; lat < 9; lat += 0.5) {
		struct geo_point p = {5, lat};
		check(geo_area_contains(&g, p) != geo_area_contains(&h, p));
	}
	arena_free(&a);
}

TEST(refuses_bad_geometry)
{
	static const struct {
		const char *text, *words;
		int line;
	} rows[] = {
	        {"null", "type", 1},
	        {"[]", "type", 1},
	        {"{\"type\":\"Point\",\"coordinates\":[1,2]}", "Polygon", 1},
	        {"{\"type\":\"Polygon\"}", "coordinates", 1},
	        {"{\"type\":\"Polygon\",\"coordinates\":[]}", "coordinates", 1},
	        {"{\"type\":\"Polygon\",\"coordinates\":[1]}", "ring", 1},
	        {"{\"type\":\"MultiPolygon\",\"coordinates\":[1]}", "polygon", 1},
	        {"{\"type\":\"MultiPolygon\",\"coordinates\":[[]]}", "polygon", 1},
	        {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[0,0]]]}", "four", 1},
	        {"{\"type\":\"Polygon\",\"coordinates\":[\n[[0,0],[1,0],[1,1],[0,1]]]}", "closed", 2},
	        {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],\n[1],[1,1],[0,0]]]}", "position", 2},
	        {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,\"0\"],[1,1],[0,0]]]}", "position", 1},
	        {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[420000,3000000],[1,1],[0,0]]]}", "projected",
	                1},
	        {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[33,120],[1,1],[0,0]]]}", "order", 1},
	        {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1e999,0],[1,1],[0,0]]]}", "", 1},
	};
	struct arena *a = arena_new(0);
	struct geo_area g;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = ERR_INIT;
		check_err(parse(a, rows[i].text, &g, &e), ERR_INVALID);
		check_has(e.text, rows[i].words);
		check_eq_i(e.line, rows[i].line);
		check_eq_s(e.where, "g.geojson");
	}
	check_err(geo_area_parse(a, NULL, "x", &g, NULL), ERR_INVALID);
	arena_free(&a);
}

TEST(labels_lie_inside)
{
	static const char *const shapes[] = {
	        /* a C, whose centroid is in its mouth */
	        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[10,0],[10,1],[1,1],[1,9],[10,9],[10,10],[0,"
	        "10],[0,0]]]}",
	        /* a frame */
	        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[1,1],[8,1],[8,8],["
	        "1,8],[1,1]]]}",
	        square,
	        "{\"type\":\"Polygon\",\"coordinates\":[[[120.1,33.3],[120.2,33.3],[120.15,33.4],[120.1,33.3]"
	        "]]}",
	};
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct geo_area g;
	struct geo_point p;

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		check_ok(parse(a, shapes[i], &g, &e), &e);
		check(geo_area_contains(&g, geo_area_label(&g)));
	}
	p = geo_area_label(&g);
	check_near(p.lon, 120.15, 1e-9);
	check_near(p.lat, 33.3 + 0.1 / 3, 1e-9);
	/* Without any area there is still a place. */
	check_ok(parse(a, "{\"type\":\"Polygon\",\"coordinates\":[[[1,1],[2,2],[3,3],[1,1]]]}", &g, &e), &e);
	p = geo_area_label(&g);
	check_near(p.lon, 2, 1e-9);
	arena_free(&a);
}

TEST(distances)
{
	struct geo_point a = {120.15, 33.35}, b = {120.15, 34.35}, c = {-59.85, -33.35};

	check_eq_d(geo_distance_m(a, a), 0);
	check_near(geo_distance_m(a, b), 111195.08, 0.1);
	check_near(geo_distance_m(a, c), 20015114.4, 1); /* the antipode */
	check_near(geo_distance_m((struct geo_point){116.404, 39.915}, (struct geo_point){121.4737, 31.2304}),
	        1067000, 5000);
}

static void check_point(struct geo_point p, double lon, double lat, double tolerance)
{
	check_near(p.lon, lon, tolerance);
	check_near(p.lat, lat, tolerance);
}

TEST(datum_vectors)
{
	struct geo_point p;

	check_point(geo_gcj_from_wgs((struct geo_point){116.404, 39.915}), 116.41024449916938,
	        39.91640428150164, 1e-11);
	check_point(geo_bd_from_gcj((struct geo_point){116.404, 39.915}), 116.41036949371029,
	        39.92133699351021, 1e-11);
	p = geo_gcj_from_wgs((struct geo_point){120.15, 33.35});
	check_point(p, 120.15498385185602, 33.34858705745034, 1e-11);
	check_point(geo_bd_from_gcj(p), 120.16149882085601, 33.35449104724688, 1e-11);
}

TEST(datums_turn_back)
{
	for (double lon = 73; lon < 137; lon += 3.1) {
		for (double lat = 3; lat < 55; lat += 2.3) {
			struct geo_point w = {lon, lat}, g = geo_gcj_from_wgs(w), b = geo_bd_from_gcj(g);
			struct geo_point back = geo_gcj_from_bd(b);
			check_point(back, g.lon, g.lat, 1e-8); /* a millimetre */
			check_point(geo_wgs_from_gcj(back), lon, lat, 1e-8);
			check(geo_distance_m(w, g) > 10);
		}
	}
	/* Outside nothing moves. */
	check_point(geo_gcj_from_wgs((struct geo_point){2.35, 48.86}), 2.35, 48.86, 0);
	check_point(geo_wgs_from_gcj((struct geo_point){2.35, 48.86}), 2.35, 48.86, 0);
	check_point(geo_bd_from_gcj((struct geo_point){2.35, 48.86}), 2.35, 48.86, 0);
	check_point(geo_gcj_from_bd((struct geo_point){2.35, 48.86}), 2.35, 48.86, 0);
}

TEST(the_square_world_of_web_maps)
{
	struct geo_cell c = geo_to_web((struct geo_point){0, 0});
	struct geo_point p;

	check(c.x == 1u << 31 && c.y == 1u << 31);
	c = geo_to_web((struct geo_point){-180, 85.06});
	check(c.x == 0 && c.y == 0);
	c = geo_to_web((struct geo_point){180, -90});
	check(c.x == UINT32_MAX && c.y == UINT32_MAX);
	/* The tile of 120.16 E 33.35 N at zoom 10, as the formulas of the slippy map tell it. */
	c = geo_to_web((struct geo_point){120.16, 33.35});
	check_eq_u(c.x >> 22, 853);
	check_eq_u(c.y >> 22, 411);
	for (int i = -85; i <= 85; i++) {
		p = geo_from_web(geo_to_web((struct geo_point){2.1 * i, i}));
		check_near(p.lon, 2.1 * i, 1e-6);
		check_near(p.lat, i, 1e-6);
	}
}
