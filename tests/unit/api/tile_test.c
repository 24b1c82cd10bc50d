#include "check.h"
#include "city/map.h"
#include "door.h"
#include "mvt_text.h"

#include <math.h>

static const char *headers; /* of root, who sees everything */

static void put(const char *code, const char *region, double lon, double lat)
{
	struct answer a = ask("PUT", text("/api/v1/things/%s", code), headers,
	        text("{\"kind\":\"sensor\",\"name\":\"井 %s\",\"name_en\":\"Well "
	             "%s\",\"region\":\"%s\",\"org\":"
	             "\"works\",\"lon\":%.6f,\"lat\":%.6f}",
	                code, code, region, lon, lat));

	check_eq_i(a.status, 200);
}

static void open_mini(struct city *t)
{
	static const char *const packs[] = {
	        SOURCE "/tests/data/packs/mini", SOURCE "/tests/data/packs/vault", NULL};

	city_open_bare(t, "mini", packs, true);
	city_add_account(t, "root", "admin desk", "works", "", 4);
	city_add_account(t, "east", "desk", "works", "1001", 1);
	headers = sign_in(t, "root");
}

static const char *tile(const char *who, const char *target)
{
	struct answer a = ask("GET", target, who, NULL);
	struct sb b = SB_INIT;
	const char *out;

	check_eq_i(a.status, 200);
	check_eq_s(a.mime, "application/vnd.mapbox-vector-tile");
	mvt_text_of((struct str){a.body, a.body_n}, &b);
	out = text("%s", b.p);
	sb_fini(&b);
	return out;
}

TEST(tiles_of_things)
{
	const char *east, *all;
	struct answer a;
	struct city t;

	open_mini(&t);
	east = sign_in(&t, "east");
	put("T-1", "1001", 150.001, 10.001);
	put("T-2", "1002", 150.0011, 10.0011);
	put("T-3", "1002", 150.0012, 10.0012);
	put("T-4", "1001", 150.3, 10);
	/* From afar there is one cluster, which comes apart when one looks closer. */
	all = tile(headers, "/tiles/things/5/29/15.mvt");
	check_has(all, "point_count=4 level=0 alarms=0 zoom=");
	check_eq_u(strlen(all) - strcspn(all, "\n"), 1);
	/* Who sees less has less in the same cluster; one alone is no cluster. */
	check_has(tile(east, "/tiles/things/5/29/15.mvt"), "point_count=2 ");
	all = tile(headers, "/tiles/things/10/938/483.mvt");
	check_has(all, "point_count=3 ");
	check(strstr(all, "T-4") == NULL);
	check_has(tile(east, "/tiles/things/10/938/483.mvt"),
	        "code=T-1 kind=sensor name=井 T-1 name_en=Well T-1 level=0");
	/* All of them are apart from zoom 17 on. */
	all = tile(headers, text("/tiles/things/17/%d/%d.mvt", (int)((150.001 + 180) / 360 * 131072), 61876));
	check(strstr(all, "point_count") == NULL);
	check_eq_s(tile(headers, "/tiles/things/0/0/0.mvt?kind=vault"), "");
	check_eq_s(tile(headers, "/tiles/things/3/0/0.mvt"), "");

	a = ask("GET", "/tiles/things/5/29/15.mvt", headers, NULL);
	check_eq_s(answer_header(&a, "Cache-Control"), "private, no-cache");
	a = ask("GET", "/tiles/things/5/29/15.mvt",
	        text("%sIf-None-Match: %s\n", headers, answer_header(&a, "ETag")), NULL);
	check_eq_i(a.status, 304);
	put("T-5", "1001", 150.2, 10);
	check_has(tile(east, "/tiles/things/5/29/15.mvt"), "point_count=3 ");
	put("T-5", "1001", -150.3, 10);
	check_has(tile(east, "/tiles/things/5/29/15.mvt"), "point_count=2 ");
	city_close(&t);
}

TEST(counts_and_lists_of_a_box)
{
	const char *east;
	struct answer a;
	struct city t;

	open_mini(&t);
	east = sign_in(&t, "east");
	put("T-1", "1001", 150.001, 10.001);
	put("T-2", "1002", 150.0011, 10.0011);
	a = ask("GET", "/api/v1/map/counts?bbox=150,10,151,11", headers, NULL);
	check_eq_s(a.body, "{\"total\":2,\"items\":[{\"key\":\"sensor\",\"count\":2}]}");
	a = ask("GET", "/api/v1/map/counts?bbox=150,10,151,11&by=level", east, NULL);
	check_has(a.body, "{\"total\":1,\"items\":[{\"key\":\"0\",\"count\":1},{\"key\":\"1\",\"count\":0}");
	a = ask("GET", "/api/v1/map/counts?bbox=150,10,151,11&by=state&level=1", headers, NULL);
	check_has(a.body, "{\"total\":0,\"items\":[{\"key\":\"alarm\",\"count\":0}");
	a = ask("GET", "/api/v1/map/list?bbox=150,10,151,11", east, NULL);
	check_has(a.body, "{\"items\":[{\"alarm\":null,\"code\":\"T-1\",\"kind\":\"sensor\"");
	check(strstr(a.body, "T-2") == NULL);
	a = ask("GET", "/api/v1/map/list?bbox=150,10,151,11&of=alarms", headers, NULL);
	check_eq_s(a.body, "{\"items\":[]}");
	a = ask("GET", "/tiles/things.json", text("%sHost: city.example\n", headers), NULL);
	check_has(a.body, "http://city.example/tiles/things/{z}/{x}/{y}.mvt");
	a = ask("GET", "/tiles/alarms.json", headers, NULL);
	check_has(a.body, "\"tilejson\":\"3.0.0\"");
	city_close(&t);
}

static const char *tile_of(enum geo_crs crs, enum geo_crs shown, const char *layer)
{
	const struct geo_cell at = geo_to_web(geo_to(shown, (struct geo_point){120.15, 33.35}));

	return text("/tiles/%s/18/%u/%u.mvt?crs=%s", layer, at.x >> 14, at.y >> 14, geo_crs_name(crs));
}

/* A place in Yancheng lies some 600 m beside itself on a map in GCJ-02: in another tile, and in another box.
 */
TEST(a_map_in_the_coordinates_of_what_lies_below)
{
	struct answer a;
	struct city t;

	open_mini(&t);
	put("T-1", "1001", 120.15, 33.35);
	for (int crs = 0; crs < GEO_CRS; crs++) {
		const enum geo_crs here = (enum geo_crs)crs;
		const struct geo_point at = geo_to(here, (struct geo_point){120.15, 33.35});
		const char *box = text("%.5f,%.5f,%.5f,%.5f&crs=%s", at.lon - 1e-4, at.lat - 1e-4,
		        at.lon + 1e-4, at.lat + 1e-4, geo_crs_name(here));

		for (int other = 0; other < GEO_CRS; other++)
			check_eq_i(strstr(tile(headers, tile_of(here, (enum geo_crs)other, "things")),
			                   "code=T-1") != NULL,
			        other == crs);
		check_eq_s(tile(headers, tile_of(here, here, "alarms")), "");
		a = ask("GET", text("/api/v1/map/counts?bbox=%s", box), headers, NULL);
		check_has(a.body, "{\"total\":1,");
		a = ask("GET", text("/api/v1/map/list?bbox=%s", box), headers, NULL);
		check_has(a.body, "\"code\":\"T-1\"");
		if (check(strstr(a.body, "\"lon\":") != NULL))
			check(fabs(strtod(strstr(a.body, "\"lon\":") + 6, NULL) - at.lon) < 1e-6);
	}
	a = ask("GET", "/api/v1/map/counts?bbox=120.1499,33.3499,120.1501,33.3501&crs=bd-09", headers, NULL);
	check_has(a.body, "{\"total\":0,");
	a = ask("GET", "/tiles/alarms.json?crs=BD09", headers, NULL);
	check_has(a.body, "/{z}/{x}/{y}.mvt?crs=bd09\"");
	a = ask("GET", "/tiles/things.json?crs=cgcs2000", headers, NULL);
	check_has(a.body, "/{z}/{x}/{y}.mvt\"");
	a = ask("GET", "/api/v1/session", headers, NULL);
	check_has(a.body, "\"map\":{\"tiles\":\"\",\"crs\":\"wgs84\",\"credit\":\"\"}");
	city_close(&t);
}

TEST(an_alarm_and_a_case_show_on_the_map)
{
	struct err e = ERR_INIT;
	const char *east;
	struct answer a;
	struct city t;

	open_mini(&t);
	east = sign_in(&t, "east");
	/* S-1 of the pack stands at 120.2, 33.5. Nothing was ever heard of it at first, then it is, then too
	 * high. */
	check_ok(site_settle(t.site, &e), &e);
	check_has(tile(east, "/tiles/things/17/109299/52578.mvt"), "code=S-1");
	check_has(tile(east, "/tiles/things/17/109299/52578.mvt"), "level=0 never=true");
	check_eq_s(tile(east, "/tiles/alarms/17/109299/52578.mvt"), "");
	city_reading(&t, "ch4", "S-1", 0, 40);
	check_ok(site_settle(t.site, &e), &e);
	clock_set(t.site->clock, clock_now(t.site->clock) + US_MINUTE);
	city_reading(&t, "ch4", "S-1", 60, 40);
	check_ok(site_settle(t.site, &e), &e);
	a = ask("GET", "/api/v1/alarms?open=1", east, NULL);
	check_has(a.body, "\"state\":\"firing\"");
	a = ask("GET", "/api/v1/map/list?bbox=120,33,121,34&state=alarm", east, NULL);
	check_has(a.body, "\"states\":[\"alarm\",\"case\"]");
	check(strstr(tile(east, "/tiles/things/17/109299/52578.mvt"), "silent") == NULL);
	check_has(tile(east, "/tiles/alarms/17/109299/52578.mvt"), "summary=");
	a = ask("GET", "/api/v1/map/counts?bbox=120,33,121,34&of=alarms&by=level", east, NULL);
	check_has(a.body, "{\"key\":\"1\",\"count\":1}");
	city_close(&t);
}

TEST(bad_asks_are_told_what_is_wrong)
{
	static const struct {
		const char *target, *field;
		int status;
	} bad[] = {
	        {"/tiles/things/23/0/0.mvt", "z", 400},
	        {"/tiles/things/-1/0/0.mvt", "z", 400},
	        {"/tiles/things/3/8/0.mvt", "x", 400},
	        {"/tiles/things/3/0/8.mvt", "y", 400},
	        {"/tiles/things/3/0/-1.mvt", "y", 400},
	        {"/tiles/things/3/0/99999999999999999999.mvt", NULL, 404},
	        {"/tiles/things/3/0/0", NULL, 404},
	        {"/tiles/things/3/0/0.png", NULL, 404},
	        {"/tiles/things/a/0/0.mvt", NULL, 404},
	        {"/tiles/things/0/0/.mvt", NULL, 404},
	        {"/tiles/nothing/0/0/0.mvt", NULL, 404},
	        {"/tiles/things/0/0/0.mvt?kind=unheard", "kind", 400},
	        {"/tiles/things/0/0/0.mvt?kind=sensor,", "kind", 400},
	        {"/tiles/things/0/0/0.mvt?kind=vault", "kind", 400}, /* above the reader's clearance */
	        {"/tiles/things/0/0/0.mvt?level=5", "level", 400},
	        {"/tiles/things/0/0/0.mvt?level=1,", "level", 400},
	        {"/tiles/things/0/0/0.mvt?state=gone", "state", 400},
	        {"/api/v1/map/counts", "bbox", 400},
	        {"/api/v1/map/counts?bbox=1,2,3", "bbox", 400},
	        {"/api/v1/map/counts?bbox=1,2,3,4,5", "bbox", 400},
	        {"/api/v1/map/counts?bbox=1,2,3,nan", "bbox", 400},
	        {"/api/v1/map/counts?bbox=170,0,-170,1", "bbox", 400},
	        {"/api/v1/map/counts?bbox=0,1,1,0", "bbox", 400},
	        {"/api/v1/map/counts?bbox=0,0,181,1", "bbox", 400},
	        {"/api/v1/map/counts?bbox=0,0,1,1&by=name", "by", 400},
	        {"/api/v1/map/counts?bbox=0,0,1,1&of=cases", "of", 400},
	        {"/api/v1/map/list?bbox=0,0,1,1&limit=501", "limit", 400},
	        {"/api/v1/map/list?bbox=0,0,1,1&crs=utm", "crs", 400},
	        {"/tiles/things/0/0/0.mvt?crs=gcj03", "crs", 400},
	        {"/tiles/alarms.json?crs=gcj", "crs", 400},
	};
	struct city t;
	const char *east;

	open_mini(&t);
	east = sign_in(&t, "east");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct answer a = ask("GET", bad[i].target, east, NULL);

		check_eq_i(a.status, bad[i].status);
		if (bad[i].field != NULL)
			check_has(a.body, text("\"field\":\"%s\"", bad[i].field));
	}
	check_eq_i(ask("GET", "/tiles/things/0/0/0.mvt", NULL, NULL).status, 401);
	city_close(&t);
}
