/* From a device that nobody knows to a thing, and back; and how devices are. */
#include "check.h"
#include "city/health.h"
#include "city/quarantine.h"
#include "door.h"
#include "ingest/ingest.h"

static struct city town;
static struct ingest *ingest;

static void open_town(bool started)
{
	struct ingest_options io = {0};
	struct err e = ERR_INIT;

	city_open(&town);
	io.site = town.site;
	check_ok(ingest_start(&io, &ingest, &e), &e);
	if (started)
		quarantine_start(town.site->quarantine);
}

static void close_town(void)
{
	ingest_stop(&ingest);
	city_close(&town);
}

/* A reading comes in at CITY_NOW + after_s; how many lines were refused. */
static int send(const char *thing, double after_s, double v, const char *metric)
{
	time_us t = clock_now(town.site->clock) + (dur_us)(after_s * 1e6);
	struct ingest_told told = {0};
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	const char *line =
	        arena_printf(a, "%s,thing=%s value=%g %lld", metric, thing, v, (long long)t * 1000);

	check_ok(ingest_text(ingest, "gateway", str_of(line), a, &told, &e), &e);
	quarantine_settle(town.site->quarantine);
	arena_free(&a);
	return told.refused;
}

static const char *admin;

static struct answer decide(const char *code, const char *what, const char *body)
{
	return ask("POST", text("/api/v1/quarantine/%s/%s", code, what), admin, body);
}

TEST(an_unknown_device_is_adopted_with_all_it_ever_sent)
{
	struct answer a;

	open_town(true);
	admin = sign_in(&town, "admin");
	const char *duty = sign_in(&town, "duty");

	check_eq_i(send("N-1", -60, 3, "ch4_lel"), 0);
	check_eq_i(send("N-1", -30, 4, "ch4_lel"), 0);
	check_eq_i(send("N-2", 0, 5, "ch4_lel"), 0);
	check_eq_i(send("G-1", 0, 1, "ch4_lel"), 0); /* a thing */
	check_eq_i(ask("GET", "/api/v1/quarantine", duty, NULL).status, 403);
	a = ask("GET", "/api/v1/quarantine?limit=1", admin, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "\"waiting\":2,");
	check_has(a.body, "\"code\":\"N-1\",\"state\":\"waiting\"");
	check_has(a.body, "\"protocol\":\"line\",\"source\":\"gateway\"");
	check_has(a.body, "\"v\":4");
	check_has(a.body, "\"next\":\"N-1\"");
	a = ask("GET", "/api/v1/quarantine?after=N-1", admin, NULL);
	check_has(a.body, "\"code\":\"N-2\"");

	check_eq_i(decide("N-1", "adopt", "{\"kind\":\"nothing\",\"name\":\"x\"}").status, 400);
	check_eq_i(decide("N-9", "adopt", "{\"kind\":\"gas\",\"name\":\"x\"}").status, 404);
	check_eq_i(
	        ask("POST", "/api/v1/quarantine/N-1/adopt", duty, "{\"kind\":\"gas\",\"name\":\"x\"}").status,
	        403);
	a = decide("N-1", "adopt", "{\"kind\":\"gas\",\"name\":\"新站\",\"region\":\"3201\"}");
	check_eq_i(a.status, 200);
	check_has(a.body, "\"state\":\"adopted\",\"kind\":\"gas\"");
	check_eq_i(decide("N-1", "block", NULL).status, 409);
	a = ask("GET", "/api/v1/things/N-1", admin, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "\"name\":\"新站\"");
	check_has(a.body, "\"v\":4");
	/* Its series have the region that it has now, from the first reading on. */
	a = ask("GET",
	        "/prometheus/api/v1/"
	        "query?query=count_over_time(ch4_lel{region%3D\"3201\",thing%3D\"N-1\"}[1h])",
	        admin, NULL);
	check_has(a.body, "\"2\"]");

	a = decide("N-1", "undo", NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "\"state\":\"waiting\"");
	check_eq_i(ask("GET", "/api/v1/things/N-1", admin, NULL).status, 404);
	check_eq_i(decide("N-1", "undo", NULL).status, 409);

	/* One that somebody has changed since stays. */
	check_eq_i(decide("N-1", "adopt", "{\"kind\":\"gas\",\"name\":\"新站\"}").status, 200);
	check_eq_i(
	        ask("PUT", "/api/v1/things/N-1", admin, "{\"kind\":\"gas\",\"name\":\"又改\"}").status, 200);
	check_eq_i(decide("N-1", "undo", NULL).status, 409);
	a = ask("GET", "/api/v1/journal?kind=device.", admin, NULL);
	check_has(a.body, "device.adopted");
	check_has(a.body, "device.undone");
	close_town();
}

TEST(one_may_be_merged_ignored_and_blocked)
{
	struct answer a;

	open_town(true);
	admin = sign_in(&town, "admin");
	/* More than one: what is known of the first must end with a decision. */
	check_eq_i(send("M-1", -80, 3, "ch4_lel"), 0);
	check_eq_i(send("M-1", -70, 3, "ch4_lel"), 0);
	check_eq_i(send("M-1", -60, 3, "ch4_lel"), 0);
	check_eq_i(decide("M-1", "merge", "{\"into\":\"nothing\"}").status, 400);
	a = decide("M-1", "merge", "{\"into\":\"G-1\"}");
	check_eq_i(a.status, 200);
	check_has(a.body, "\"into\":\"G-1\"");
	check_eq_i(send("M-1", 0, 7, "ch4_lel"), 0);
	a = ask("GET", "/api/v1/things/G-1/relations", admin, NULL);
	check_has(a.body, "{\"kind\":\"gas\",\"code\":\"G-1\",\"refers_to\":[");
	check_has(a.body, "\"referred_by\":[]}");
	a = ask("GET", "/api/v1/things/G-1", admin, NULL);
	check_has(a.body, "\"v\":7");
	/* What it sent before has the labels of the thing. */
	a = ask("GET", "/prometheus/api/v1/query?query=ch4_lel{kind%3D\"gas\",thing%3D\"M-1\"}", admin, NULL);
	check_has(a.body, "\"3\"]");
	check_eq_i(decide("M-1", "undo", NULL).status, 200);
	a = ask("GET", "/prometheus/api/v1/query?query=ch4_lel{kind%3D\"gas\",thing%3D\"M-1\"}", admin, NULL);
	check_has(a.body, "\"result\":[]");

	check_eq_i(decide("M-1", "block", NULL).status, 200);
	check_eq_i(send("M-1", 1, 8, "ch4_lel"), 1);
	check_eq_i(decide("M-1", "undo", NULL).status, 200);
	check_eq_i(send("M-1", 2, 9, "ch4_lel"), 0);
	check_eq_i(decide("M-1", "ignore", NULL).status, 200);
	check_eq_i(send("M-1", 3, 10, "ch4_lel"), 0);
	a = ask("GET", "/api/v1/quarantine", admin, NULL);
	check_has(a.body, "\"waiting\":0,");
	a = ask("GET", "/api/v1/quarantine?state=ignored", admin, NULL);
	check_has(a.body, "\"code\":\"M-1\"");
	check_has(a.body, "\"v\":10");
	close_town();
}

TEST(lists_and_counts_say_how_devices_are)
{
	struct answer a;

	open_town(true);
	admin = sign_in(&town, "admin");
	check_eq_i(send("G-1", -1000, 3, "ch4_lel"), 0); /* a clock that is behind */
	a = ask("GET", "/api/v1/things/G-1", admin, NULL);
	check_has(a.body, "\"skew_s\":-1000,");
	check_has(a.body, "\"flags\":[\"skewed\"]");
	a = ask("GET", "/api/v1/things?health=skewed", admin, NULL);
	check_has(a.body, "\"code\":\"G-1\"");
	check(strstr(a.body, "\"code\":\"G-2\"") == NULL);
	a = ask("GET", "/api/v1/things?health=never", admin, NULL);
	check(strstr(a.body, "\"code\":\"G-1\"") == NULL);
	check_has(a.body, "\"code\":\"G-2\"");
	check_eq_i(ask("GET", "/api/v1/things?health=fine", admin, NULL).status, 400);
	a = ask("GET", "/api/v1/health/things", admin, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "\"skewed\":1");
	close_town();
}

TEST(places_come_and_go_in_the_coordinates_asked_for)
{
	struct answer a;

	open_town(true);
	admin = sign_in(&town, "admin");
	a = ask("PUT", "/api/v1/things/G-1?crs=gcj02", admin,
	        "{\"kind\":\"gas\",\"name\":\"一号\",\"lon\":120.155,\"lat\":33.355}");
	check_eq_i(a.status, 200);
	check_has(a.body, "\"lon\":120.155");
	check_has(a.body, "\"demo\":true"); /* as it was: the body says nothing of it */
	a = ask("GET", "/api/v1/things/G-1", admin, NULL);
	check(strstr(a.body, "\"lon\":120.155") == NULL);
	check_has(a.body, "\"lon\":120.1500");
	a = ask("GET", "/api/v1/records/gas?crs=GCJ-02", admin, NULL);
	check_has(a.body, "120.155");
	a = ask("GET", "/api/v1/exports/gas?crs=gcj02&reason=looking", admin, NULL);
	check_eq_i(a.status, 200);
	check_eq_i(ask("GET", "/api/v1/things?crs=mars", admin, NULL).status, 400);
	close_town();
}

TEST(a_kind_takes_the_devices_that_it_declares)
{
	struct answer a;

	open_town(true);
	admin = sign_in(&town, "admin");
	check_eq_i(send("AUTO-7", 0, 3, "ch4_lel"), 0);
	check_eq_i(send("AUTO-X", 0, 3, "ch4_lel"), 0);
	a = ask("GET", "/api/v1/things/AUTO-7", admin, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "\"name\":\"自动站\"");
	check_has(a.body, "\"region\":\"3201\"");
	check_has(a.body, "\"v\":3");
	check_has(a.body, "\"interval_s\":60");
	check_eq_i(send("AUTO-7", 1, 20, "battery"), 0);
	a = ask("GET", "/api/v1/things?health=low_battery", admin, NULL);
	check_has(a.body, "\"code\":\"AUTO-7\"");
	a = ask("GET", "/api/v1/quarantine", admin, NULL);
	check_has(a.body, "\"code\":\"AUTO-X\"");
	check(strstr(a.body, "AUTO-7") == NULL);
	a = decide("AUTO-7", "undo", NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "\"state\":\"waiting\"");
	close_town();
}

TEST(no_more_wait_than_may)
{
	struct arena *a = arena_new(0);
	const char *target;

	open_town(false); /* ten thousand rows are not written for this */
	for (int i = 0; i < QUARANTINE_MOST; i++)
		check_eq_i(quarantine_admit(town.site->quarantine, str_of(arena_printf(a, "Q-%d", i)), "line",
		                   "x", &target),
		        ADMIT_UNKNOWN);
	check_eq_i(quarantine_admit(town.site->quarantine, STR_LIT("R-1"), "line", "x", &target), ADMIT_FULL);
	check_eq_i(
	        quarantine_admit(town.site->quarantine, STR_LIT("Q-1"), "line", "x", &target), ADMIT_UNKNOWN);
	check_eq_i(
	        quarantine_admit(town.site->quarantine, STR_LIT("G-1"), "line", "x", &target), ADMIT_KNOWN);
	check_eq_i(send("R-1", 0, 3, "ch4_lel"), 1);
	arena_free(&a);
	close_town();
}
