/* Readings over HTTP: each door, what is told of those that were refused, and what an administrator sees of
 * it. */
#include "check.h"
#include "door.h"
#include "ingest/ingest.h"

static struct city town;
static struct ingest *ingest;
static char secret[65];
static const char *gw, *one;

static void open_with_ingest(void)
{
	struct ingest_options io = {.past = 10 * 365 * US_DAY};
	struct api_options ao = {.test_control = true, .version = "1.2.3"};
	struct err e = ERR_INIT;

	city_open(&town);
	api_stop(&town.api);
	io.site = ao.site = town.site;
	check_ok(ingest_start(&io, &ingest, &e), &e);
	ao.ingest = ingest;
	check_ok(api_start(&ao, &town.api, &e), &e);
	check_ok(device_add(town.site->store, "one", "G-1", "admin", secret, &e), &e);
	one = text("one:%s", secret);
	check_ok(device_add(town.site->store, "gw", "", "admin", secret, &e), &e);
	gw = text("Authorization: Token gw:%s\n", secret);
}

static void close_with_ingest(void)
{
	api_stop(&town.api);
	ingest_stop(&ingest);
	city_close(&town);
}

/* The value of one series now, as PromQL sees it; -1 when there is none. */
static double value_of(const char *selector)
{
	struct answer a = ask("GET", text("/prometheus/api/v1/query?time=%s&query=%s", CITY_NOW, selector),
	        sign_in(&town, "admin"), NULL);
	const char *p = strstr(a.body, "\"value\":[");

	p = p != NULL ? strchr(p, '"') : NULL;
	p = p != NULL ? strstr(p, ",\"") : NULL;
	return p != NULL ? strtod(p + 2, NULL) : -1;
}

TEST(line_protocol_tells_every_line)
{
	struct answer a;

	open_with_ingest();
	a = ask("POST", "/write?precision=s", gw, "temp,thing=G-1 value=20,mode=\"auto\" 1783987190\n");
	check_eq_i(a.status, 204);
	check_eq_d(value_of("temp"), 20);
	check_eq_d(value_of("temp_mode{state=\"auto\"}"), 1);
	/* A text that is none is left out by itself, its line's numbers stay. */
	a = ask("POST", "/api/v2/write?precision=s", gw,
	        "temp,thing=G-1 value=\"ERR\",hum=40 1783987191\n\n# a comment\nbad\n"
	        "temp,thing=G-1 mode=\"hand\" 1783987192\ntemp,thing=G-1 hum=1 9783987192\n"
	        "temp,thing=G-1 hum=2 0\n");
	check_eq_i(a.status, 400);
	check_has(a.body, "\"code\":\"invalid\"");
	check_has(a.body, "\"error\":\"partial write: 2 readings stored, 4 refused; the first at line 1");
	check_has(a.body, "\"stored\":2,\"refused\":4");
	check_has(a.body,
	        "{\"line\":1,\"reason\":\"a text, where numbers were stored before\",\"kind\":\"value\"}");
	check_has(a.body, "{\"line\":4,");
	check_has(a.body, "{\"line\":6,\"reason\":\"the time lies in the future");
	check_has(a.body, "\"kind\":\"past\"");
	check_eq_d(value_of("temp_hum"), 40);
	/* Names as devices have them. */
	a = ask("POST", "/write?precision=s", gw,
	        "wind-2,thing=G-1,at.h=10m m/s=3 1783987192\n9x v=1\n温 v=1\n");
	check_has(a.body, "\"stored\":1,\"refused\":2");
	check_eq_d(value_of("wind_2_m_s{at_h=\"10m\"}"), 3);
	check_eq_d(value_of("temp_mode{state=\"auto\"}"), 0);
	check_eq_d(value_of("temp_mode{state=\"hand\"}"), 1);
	a = ask("POST", "/write", text("%sContent-Encoding: gzip\n", gw), "this is no gzip");
	check_eq_i(a.status, 400);
	a = ask("POST", "/write?precision=d", gw, "x value=1");
	check_eq_i(a.status, 400);
	check_has(a.body, "precision is one of");
	a = ask("POST", "/write", "Authorization: Token gw:guess\n", "x value=1");
	check_eq_i(a.status, 401);
	check_has(a.body, "{\"code\":\"unauthorized\"");
	a = ask("POST", "/write?u=nobody&p=x", NULL, "x value=1");
	check_eq_i(a.status, 401);
	a = ask("POST", "/write", NULL, "x value=1");
	check_eq_i(a.status, 401);
	close_with_ingest();
}

/* What came in this order before is known by its bytes; that must show nowhere. */
TEST(lines_that_come_again)
{
	static const char first[] = "temp,thing=G-1 value=1,hum=2i 1783987100\n"
	                            "temp,thing=G-2 value=3 1783987100\n"
	                            "temp,thing=G-2\\,x value=4 1783987100\n"
	                            "G-1 m=5 1783987100";
	struct answer a;

	open_with_ingest();
	for (int i = 0; i < 2; i++) {
		a = ask("POST", "/write?precision=s", gw, first);
		check_eq_i(a.status, 204);
	}
	a = ask("POST", "/write?precision=s", gw,
	        "temp,thing=G-1 value=-1.5,hum=20i 1783987110\ntemp,thing=G-2 value=30.25 1783987110\n"
	        "temp,thing=G-2\\,x value=40 1783987110\nG-1 m=50 1783987110\n");
	check_eq_i(a.status, 204);
	check_eq_d(value_of("temp{thing=\"G-1\"}"), -1.5);
	check_eq_d(value_of("temp_hum"), 20);
	check_eq_d(value_of("temp{thing=\"G-2\"}"), 30.25);
	check_eq_d(value_of("temp{thing=\"G-2,x\"}"), 40);
	check_eq_d(value_of("G_1_m"), 50);
	/* Lines are refused as they were, and told by their numbers; the rest of a line is not kept. */
	a = ask("POST", "/write?precision=s", gw,
	        "temp,thing=G-1 value=7,hum=21x 1783987120\ntemp,thing=G-2 value=31 1783987120\n"
	        "temp,thing=G-2\\,x value=41 9783987120\ntemp,thing=G-1 value=8,hum=\"ERR\" 1783987120\n"
	        "temp,thing=G-2 value=32 178398712O\n");
	check_has(a.body, "\"stored\":2,\"refused\":4");
	check_has(a.body, "\"line\":1,\"stored\"");
	check_has(a.body, "{\"line\":3,\"reason\":\"the time lies in the future");
	check_has(a.body, "{\"line\":4,\"reason\":\"a text, where numbers were stored before");
	check_has(a.body, "{\"line\":5,\"reason\":\"the time stamp");
	check_eq_d(value_of("temp{thing=\"G-1\"}"), 8);
	check_eq_d(value_of("temp_hum"), 20);
	check_eq_d(value_of("temp{thing=\"G-2\"}"), 31);
	check_eq_d(value_of("temp{thing=\"G-2,x\"}"), 40);
	/* Another device may not write what this one wrote. */
	a = ask("POST", "/write?precision=s", text("Authorization: Token %s\n", one), first);
	check_has(a.body, "\"stored\":2,\"refused\":3");
	check_has(a.body, "{\"line\":2,\"reason\":\"the device may not write readings of this thing");
	/* Without a time it is now. */
	a = ask("POST", "/write?precision=s", gw,
	        "temp,thing=G-1 value=60,hum=61i\ntemp,thing=G-2 value=62\n");
	check_eq_i(a.status, 204);
	check_eq_d(value_of("temp{thing=\"G-1\"}"), 60);
	check_eq_d(value_of("temp_hum"), 61);
	check_eq_d(value_of("temp{thing=\"G-2\"}"), 62);
	/* A thing of JSON is not a measurement of the same name. */
	a = ask("POST", "/api/v1/readings?thing=G-1", gw, "{\"m\":70}");
	check_eq_i(a.status, 204);
	check_eq_d(value_of("m{thing=\"G-1\"}"), 70);
	check_eq_d(value_of("G_1_m"), 50);
	close_with_ingest();
}

TEST(what_clients_of_influxdb_ask_first)
{
	struct answer a;

	open_with_ingest();
	a = ask("GET", "/ping", NULL, NULL);
	check_eq_i(a.status, 204);
	check(answer_header(&a, "X-Influxdb-Version") != NULL);
	a = ask("GET", "/health", NULL, NULL);
	check_has(a.body, "\"status\":\"pass\"");
	a = ask("GET", "/query?q=show%20databases", gw, NULL);
	check_has(a.body, "\"values\":[[\"heming\"]]");
	a = ask("POST", "/query?q=CREATE%20DATABASE%20%22telegraf%22", gw, "");
	check_eq_s(a.body, "{\"results\":[{\"statement_id\":0}]}");
	a = ask("POST", "/query", gw, "q=create+database+x&db=");
	check_eq_i(a.status, 200);
	a = ask("POST", "/query?q=DROP%20DATABASE%20x", gw, "");
	check_eq_i(a.status, 400);
	check_has(a.body, "PromQL");
	a = ask("GET", "/query", gw, NULL);
	check_eq_i(a.status, 400);
	a = ask("POST", "/query?q=CREATE%20DATABASE%20x", NULL, "");
	check_eq_i(a.status, 401);
	close_with_ingest();
}

TEST(json_of_one_thing_and_of_many)
{
	struct answer a;

	open_with_ingest();
	a = ask("POST", "/api/v1/readings?thing=G-1", gw,
	        "{\"ts\":1783987195,\"PM2.5\":35,\"env\":{\"temp\":\"21.5\"},\"door\":\"open\",\"gap\":"
	        "null}");
	check_eq_i(a.status, 204);
	check_eq_d(value_of("PM2_5{thing=\"G-1\"}"), 35);
	check_eq_d(value_of("env_temp"), 21.5);
	check_eq_d(value_of("door{state=\"open\"}"), 1);
	a = ask("POST", "/api/v1/readings?thing=G-1", gw, "{\"ts\":1783987196,\"door\":\"closed\"}");
	a = ask("GET", "/api/v1/things/G-1", sign_in(&town, "admin"), NULL);
	check_has(a.body, "\"v\":1,\"state\":\"closed\"");
	check(strstr(a.body, "\"open\"") == NULL);
	a = ask("POST", "/api/v1/readings", gw,
	        "[{\"thing\":\"G-2\",\"x\":1},{\"x\":2},{\"thing\":\"G-3\",\"温度\":3,\"y\":[1]},{\"thing\":"
	        "\"G-3\","
	        "\"y\":4}]");
	check_eq_i(a.status, 400);
	check_has(a.body, "\"stored\":3,\"refused\":2");
	check_has(a.body, "{\"line\":3,\"reason\":\"\\\"y\\\": a list is no reading\"");
	check_has(a.body, "\"kind\":\"name\"");
	check_eq_d(value_of("x{thing=\"gw\"}"), 2); /* what names no thing is the device's own */
	check_eq_d(value_of("y{thing=\"G-3\"}"), 4);
	a = ask("POST", "/api/v1/readings?thing=G-1", gw, "{\"x\":");
	check_eq_i(a.status, 400);
	check_has(a.body, "is not JSON");
	a = ask("POST", "/api/v1/readings?thing=G-1", gw, "{\"x\":\"\xff\"}");
	check_has(a.body, "\"kind\":\"utf8\"");
	a = ask("POST", "/api/v1/readings?thing=G-1", gw, "[]");
	check_eq_i(a.status, 204);
	a = ask("POST", "/api/v1/readings?thing=G-1", NULL, "[]");
	check_eq_i(a.status, 401);
	close_with_ingest();
}

TEST(a_sheet)
{
	struct answer a;

	open_with_ingest();
	const char *csv = text("%sContent-Type: text/csv; charset=gbk\n", gw);
	a = ask("POST", "/api/v1/readings", csv,
	        "time,thing,x,y\n2026-07-14T07:59:00,G-1,1.5,-\n1783987190,G-2,2,3\n");
	check_eq_i(a.status, 204);
	check_eq_d(value_of("x{thing=\"G-1\"}"), 1.5); /* local time */
	check_eq_d(value_of("y"), 3);
	a = ask("POST", "/api/v1/readings", csv,
	        "time,thing,metric,value\nnow,G-1,x,1\n1783987195,G-1,x,4\n1783987195,G-1,\"z,9\n");
	check_eq_i(a.status, 400);
	check_has(a.body, "\"stored\":1,\"refused\":2");
	check_has(a.body, "{\"line\":2,\"reason\":\"time: the time cannot be read\"");
	check_has(a.body, "{\"line\":4,");
	check_eq_d(value_of("x{thing=\"G-1\"}"), 4);
	a = ask("POST", "/api/v1/readings", csv, "a,b\n1,2\n");
	check_eq_i(a.status, 400);
	check_has(a.body, "names no time");
	a = ask("POST", "/api/v1/readings", csv, "");
	check_eq_i(a.status, 400);
	close_with_ingest();
}

TEST(a_device_made_for_thingsboard)
{
	struct answer a;

	open_with_ingest();
	a = ask("POST", text("/api/v1/%s/telemetry", one), NULL,
	        "[{\"ts\":1783987190000,\"values\":{\"level\":1.5,\"pump\":\"on\"}}]");
	check_eq_i(a.status, 200);
	check_eq_d(value_of("level{thing=\"G-1\"}"), 1.5);
	check_eq_d(value_of("pump{thing=\"G-1\",state=\"on\"}"), 1);
	a = ask("POST", text("/api/v1/%s/attributes", one), NULL, "{\"fw\":\"1.0.2\",\"slots\":4}");
	check_eq_i(a.status, 200);
	check_eq_d(value_of("slots"), 4);
	a = ask("POST", "/api/v1/nobody/telemetry", NULL, "{}");
	check_eq_i(a.status, 401);
	a = ask("POST", "/api/v1/one:guess/telemetry", NULL, "{}");
	check_eq_i(a.status, 401);
	close_with_ingest();
}

/* A device that was silent for longer than its readings are kept. */
TEST(a_series_that_had_ended_begins_anew)
{
	const char *body = "{\"x\":1,\"door\":\"open\"}";
	struct answer a;
	struct err e = ERR_INIT;

	open_with_ingest();
	a = ask("POST", "/api/v1/readings?thing=G-1", gw, body);
	check_eq_i(a.status, 204);
	check_ok(series_flush(town.site->series, &e), &e);
	for (int i = 0; i < 2; i++) /* hidden, then forgotten */
		check_ok(series_expire(town.site->series, clock_now(town.site->clock) + 30 * US_DAY, &e), &e);
	check_eq_d(value_of("x"), -1);
	a = ask("POST", "/api/v1/readings?thing=G-1", gw, body);
	if (a.status != 204) {
		check_eq_i(a.status, 503);
		a = ask("POST", "/api/v1/readings?thing=G-1", gw, body);
	}
	check_eq_i(a.status, 204);
	check_eq_d(value_of("x"), 1);
	check_eq_d(value_of("door{state=\"open\"}"), 1);
	close_with_ingest();
}

TEST(an_administrator_sees_who_and_why)
{
	const char *admin;
	struct answer a;

	open_with_ingest();
	admin = sign_in(&town, "admin");
	ask("POST", "/api/v1/readings?thing=G-1", gw, "{\"x\":1,\"ts\":9783987192}");
	ask("POST", "/api/v1/readings?thing=G-1", gw, "{\"x\":[]}");
	ask("POST", "/write", "Authorization: Token gw:guess\n", "x value=1");
	ask("POST", "/write", "Authorization: Token who:guess\n", "x value=1");
	a = ask("GET", "/api/v1/ingest/refusals", admin, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body,
	        "{\"device\":\"gw\",\"total\":3,\"reasons\":[{\"reason\":\"value\",\"count\":1},{\"reason\":"
	        "\"future\",\"count\":1},{\"reason\":\"key\",\"count\":1}]");
	check_has(a.body, "{\"device\":\"others\",\"total\":1,");
	a = ask("GET", "/api/v1/ingest/refusals?device=gw&limit=1", admin, NULL);
	check(strstr(a.body, "others") == NULL);
	a = ask("GET", "/api/v1/ingest/refusals?limit=0", admin, NULL);
	check_eq_i(a.status, 400);
	a = ask("GET", "/api/v1/ingest/refusals", sign_in(&town, "duty"), NULL);
	check_eq_i(a.status, 403);
	a = ask("GET", "/metrics", admin, NULL);
	check_has(a.body, "heming_ingest_device_refused_total{device=\"gw\",reason=\"future\"} 1");
	check_has(a.body, "heming_ingest_device_refused_total{device=\"others\",reason=\"key\"} 1");
	close_with_ingest();
}
