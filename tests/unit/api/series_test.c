/* The readings as a whole: sizes and counts in a reader's scope, deletions in two steps and with four eyes,
 * and Prometheus' doors to the same. */
#include "check.h"
#include "door.h"

#include "base/file.h"
#include "base/num.h"
#include "series/series.h"
#include "store/sql.h"

static struct city town;
static const char *admin;

#define REMOVALS "/api/v1/series/removals"
#define ADMIN_API "/prometheus/api/v1/admin/tsdb/"
#define ALL "?query=%7B__name__!=%22%22%7D%5B1h%5D"

static void begin(void)
{
	city_open(&town);
	admin = sign_in(&town, "admin");
	for (int i = 0; i < 10; i++) {
		city_reading(&town, "ch4_lel", "G-1", i * 30 - 300, i * 0.5);
		city_reading(&town, "level", "G-1", i * 30 - 300, i);
		city_reading(&town, "ch4_lel", "G-2", i * 30 - 300, i);
	}
}

static const char *post(const char *who, const char *target, const char *body)
{
	const struct answer a = ask("POST", target, who, body);

	return text("%d %s", a.status, a.body);
}

static const char *get(const char *who, const char *target)
{
	const struct answer a = ask("GET", target, who, NULL);

	return text("%d %s", a.status, a.body);
}

static const char *id_in(const char *answer)
{
	const char *at = strstr(answer, "\"id\":\"");

	return at != NULL ? text("%.*s", (int)strcspn(at + 6, "\""), at + 6) : "";
}

TEST(what_there_is_in_the_scope)
{
	const char *said;

	begin();
	said = get(admin, "/api/v1/series");
	check_has(said, "200 {\"series\":3,\"all\":true,\"blocks\":");
	check_has(said, "{\"name\":\"ch4_lel\",\"series\":2,\"newest\":\"2026-07-13T23:59:30Z\"}");
	check_has(said,
	        "\"readings\":\"forever\",\"five_minutes\":\"\",\"hours\":\"\",\"series\":3,\"taken\":0");
	check_has(said, "\"last\":null,\"next\":null");
	check_has(get(admin, "/api/v1/series/retention"), "\"series\":3,\"taken\":0,\"count\":30");
	city_add_account(&town, "near", "viewer admin", "o1", "3202", 4);
	said = get(sign_in(&town, "near"), "/api/v1/series");
	check_has(said, "200 {\"series\":1,\"all\":false,\"blocks\":null,\"block_bytes\":null");
	check_has(get(sign_in(&town, "near"), "/api/v1/series/retention"), "403 ");
	check_has(get(sign_in(&town, "duty"), "/api/v1/series"), "403 ");
	city_close(&town);
}

TEST(a_deletion_is_counted_then_confirmed)
{
	const char *said, *id;

	begin();
	said = post(admin, REMOVALS,
	        "{\"selectors\":[\"{thing=\\\"G-1\\\"}\"],\"end\":\"2026-07-14T07:57:00\","
	        "\"reason\":\"it hung in the sun\"}");
	check_has(said, "201 {\"id\":\"");
	check_has(said,
	        "\"selectors\":[\"{thing=\\\"G-1\\\"}\"],\"start\":null,\"end\":\"2026-07-13T23:57:00Z\"");
	check_has(said, "\"state\":\"open\",\"asked_by\":\"admin\"");
	check_has(said, "\"series\":2,\"count\":10,");
	id = id_in(said);
	check_has(get(admin, "/prometheus/api/v1/query" ALL), "\"thing\":\"G-1\"},\"values\":[[1783986900,");
	check_has(post(admin, text(REMOVALS "/%s/confirm", id), NULL), "202 ");
	said = get(admin, text(REMOVALS "/%s", id));
	check_has(said, "\"state\":\"done\"");
	check_has(said, "\"removed\":10,");
	check_has(post(admin, text(REMOVALS "/%s/confirm", id), NULL), "409 ");
	check_has(post(admin, text(REMOVALS "/%s/refuse", id), NULL), "409 ");
	said = get(admin, "/prometheus/api/v1/query" ALL);
	check_has(said, "\"thing\":\"G-1\"},\"values\":[[1783987050,");
	check(strstr(said, "\"thing\":\"G-1\"},\"values\":[[1783986900,") == NULL);
	check_has(said, "\"thing\":\"G-2\"},\"values\":[[1783986900,");
	said = post(admin, REMOVALS, "{\"everything\":true,\"reason\":\"the end of it\"}");
	check_has(said, "\"series\":3,");
	check_has(post(admin, text(REMOVALS "/%s/refuse", id_in(said)), NULL), "204 ");
	said = get(admin, REMOVALS);
	check_has(said, "\"state\":\"refused\"");
	said = get(admin, "/api/v1/journal?subject=series");
	check_has(said, "series.removal_asked");
	check_has(said, "series.removal_confirmed");
	check_has(said, "series.removed");
	check_has(said, "series.removal_refused");
	check_has(said, "it hung in the sun");
	city_close(&town);
}

static int set_running(struct store_tx *tx, void *arg, struct err *e)
{
	return sql_removal_decide(tx,
	        &(struct sql_removal_decide_in){.id = *(int64_t *)arg,
	                .selectors = STR_LIT("{thing=\"G-1\"}"),
	                .state = STR_LIT("running"),
	                .decided_by = STR_LIT("admin"),
	                .decided = store_now(tx)},
	        NULL, e);
}

/* Confirmed, but its turn has not come. */
TEST(a_deletion_is_stopped)
{
	const char *said, *id;
	struct err e = ERR_INIT;
	int64_t number = 0;

	begin();
	said = post(
	        admin, REMOVALS, "{\"selectors\":[\"{thing=\\\"G-1\\\"}\"],\"reason\":\"to be stopped\"}");
	id = id_in(said);
	check_has(post(admin, text(REMOVALS "/%s/stop", id), NULL), "409 ");
	check(num_int(str_of(id), &number));
	check_ok(store_write(town.site->store, "a deletion", set_running, &number, &e), &e);
	said = post(admin, text(REMOVALS "/%s/stop", id), NULL);
	check_has(said, "202 ");
	said = get(admin, text(REMOVALS "/%s", id));
	check_has(said, "\"state\":\"stopped\"");
	check_has(said, "\"removed\":0,");
	check_has(post(admin, text(REMOVALS "/%s/stop", id), NULL), "409 ");
	check_has(post(admin, REMOVALS "/1/stop", NULL), "404 ");
	check_has(get(admin, "/prometheus/api/v1/query" ALL), "\"thing\":\"G-1\"},\"values\":[[1783986900,");
	said = get(admin, "/api/v1/journal?subject=series");
	check_has(said, "series.removal_stop_asked");
	check_has(said, "series.removal_stopped");
	city_close(&town);
}

TEST(snapshots_are_stopped)
{
	struct running run;

	begin();
	check_has(post(admin, "/api/v1/series/snapshots/stop", NULL), "404 ");
	runs_begin(&town.site->runs, &run, RUNNING_SNAPSHOT);
	check_has(post(admin, "/api/v1/series/snapshots/stop", NULL), "204 ");
	check(run.stop);
	runs_end(&town.site->runs, &run);
	city_close(&town);
}

TEST(bad_wishes)
{
	static const struct {
		const char *body, *said;
	} bad[] = {{"{\"reason\":\"a reason\"}", "everything"},
	        {"{\"selectors\":[],\"reason\":\"a reason\"}", "everything"},
	        {"{\"selectors\":[\"{}\"],\"reason\":\"a reason\"}", "non-empty matcher"},
	        {"{\"selectors\":[\"\"],\"reason\":\"a reason\"}", "400"},
	        {"{\"selectors\":[\"sum(ch4_lel)\"],\"reason\":\"a reason\"}", "no selection"},
	        {"{\"selectors\":[\"ch4_lel > 3\"],\"reason\":\"a reason\"}", "400"},
	        {"{\"selectors\":[\"ch4_lel\"],\"everything\":true,\"reason\":\"a reason\"}", "not both"},
	        {"{\"selectors\":[\"ch4_lel\"],\"reason\":\"no\"}", "\"field\":\"reason\""},
	        {"{\"selectors\":[\"ch4_lel\"],\"start\":\"yesterday\",\"reason\":\"a reason\"}",
	                "\"field\":\"start\""},
	        {"{\"selectors\":[\"ch4_lel\"],\"start\":\"2026-07-14T08:00:00\",\"end\":\"2026-07-13T08:00:"
	         "00\","
	         "\"reason\":\"a reason\"}",
	                "\"field\":\"end\""}};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *said = post(admin, REMOVALS, bad[i].body);

		check_has(said, "400 ");
		check_has(said, bad[i].said);
	}
	check_has(post(admin, REMOVALS, "{\"selectors\":[\"nothing_has_it\"],\"reason\":\"a reason\"}"),
	        "404 ");
	check_has(get(admin, "/prometheus/api/v1/query" ALL), "\"thing\":\"G-1\"},\"values\":[[1783986900,");
	city_close(&town);
}

TEST(four_eyes_and_scopes)
{
	const char *near, *other, *said, *id;

	begin();
	town.site->accounts.four_eyes = true;
	city_add_account(&town, "near", "viewer admin", "o1", "3202", 4);
	city_add_account(&town, "other", "viewer admin", "o1", "", 4);
	near = sign_in(&town, "near");
	other = sign_in(&town, "other");
	said = post(near, REMOVALS, "{\"selectors\":[\"ch4_lel\"],\"reason\":\"of the scope\"}");
	check_has(said, "\"series\":1,\"count\":10,"); /* G-2 alone */
	id = id_in(said);
	check_has(post(near, text(REMOVALS "/%s/confirm", id), NULL), "403 ");
	check_has(post(other, text(REMOVALS "/%s/confirm", id), NULL), "202 ");
	said = get(admin, "/prometheus/api/v1/query" ALL);
	check(strstr(said, "G-2") == NULL && strstr(said, "G-1") != NULL);
	said = post(admin, REMOVALS, "{\"selectors\":[\"level\"],\"reason\":\"of everybody\"}");
	id = id_in(said);
	check_has(get(near, REMOVALS), "of the scope");
	check(strstr(get(near, REMOVALS), "of everybody") == NULL);
	check_has(get(near, text(REMOVALS "/%s", id)), "404 ");
	check_has(post(near, text(REMOVALS "/%s/confirm", id), NULL), "404 ");
	check_has(post(near, text(REMOVALS "/%s/refuse", id), NULL), "404 ");
	check_eq_i(ask("POST", ADMIN_API "delete_series?match%5B%5D=level", admin, NULL).status, 202);
	check_has(get(admin, "/prometheus/api/v1/query" ALL), "\"level\"");
	city_close(&town);
}

TEST(prometheus_deletes)
{
	const char *said;

	begin();
	check_has(post(admin, ADMIN_API "delete_series", NULL),
	        "400 {\"status\":\"error\",\"errorType\":\"bad_data\"");
	check_has(post(admin, ADMIN_API "delete_series?match%5B%5D=%7B%7D", NULL), "400 ");
	check_has(post(admin, ADMIN_API "delete_series?match%5B%5D=level&start=x", NULL), "400 ");
	check_has(post(admin, ADMIN_API "delete_series?match%5B%5D=level&start=2&end=1", NULL), "400 ");
	check_has(post(sign_in(&town, "duty"), ADMIN_API "delete_series?match%5B%5D=level", NULL), "403 ");
	check_has(post(admin, ADMIN_API "delete_series?match%5B%5D=nobody_has_it", NULL), "204 ");
	check_has(post(admin, ADMIN_API "delete_series?match%5B%5D=level", NULL), "204 ");
	check_eq_i(
	        ask("PUT", ADMIN_API "delete_series?match%5B%5D=ch4_lel%7Bthing=%22G-2%22%7D&end=1783986930",
	                admin, NULL)
	                .status,
	        204);
	said = get(admin, "/prometheus/api/v1/query" ALL);
	check(strstr(said, "level") == NULL);
	check_has(said, "\"thing\":\"G-2\"},\"values\":[[1783986960,");
	city_close(&town);
}

TEST(status_of_the_store)
{
	begin();
	check_has(get(admin, "/prometheus/api/v1/status/tsdb"),
	        "200 {\"status\":\"success\",\"data\":{\"headStats\":{\"numSeries\":3,\"numLabelPairs\":");
	check_has(get(admin, "/prometheus/api/v1/status/tsdb"), "\"maxTime\":1783987170000}");
	check_has(get(admin, "/prometheus/api/v1/status/tsdb"),
	        "\"seriesCountByMetricName\":[{\"name\":\"ch4_lel\",\"value\":2},{\"name\":\"level\","
	        "\"value\":1}]");
	check_has(get(admin, "/prometheus/api/v1/status/tsdb"), "{\"name\":\"thing=G-1\",\"value\":2}");
	check_has(get(admin, "/prometheus/api/v1/status/tsdb?limit=1"),
	        "\"seriesCountByMetricName\":[{\"name\":\"ch4_lel\",\"value\":2}]");
	check_has(get(admin, "/prometheus/api/v1/status/tsdb?limit=0"), "400 ");
	check_has(get(sign_in(&town, "yi"), "/prometheus/api/v1/status/tsdb"),
	        "\"seriesCountByMetricName\":[{\"name\":\"ch4_lel\",\"value\":1}]");
	city_close(&town);
}

static void told(void *ctx, const char *words)
{
	(void)ctx;
	check_fail("%s", words);
}

TEST(snapshots)
{
	struct err e = ERR_INIT;
	const char *said, *name;

	begin();
	said = post(admin, ADMIN_API "snapshot", NULL);
	check_has(said, "200 {\"status\":\"success\",\"data\":{\"name\":\"20260714T000000Z-");
	name = strstr(said, "2026");
	check_eq_i(series_verify(text("%s/snapshots/%.*s", town.site->dir, (int)strcspn(name, "\""), name),
	                   told, NULL, &e),
	        0);
	check_eq_i(ask("PUT", ADMIN_API "snapshot", admin, NULL).status, 200);
	city_add_account(&town, "near", "viewer admin", "o1", "3202", 4);
	check_has(post(sign_in(&town, "near"), ADMIN_API "snapshot", NULL), "403 ");
	check_has(get(admin, "/api/v1/journal?kind=series.snapshot"), "snapshots/20260714T000000Z");
	city_close(&town);
}
