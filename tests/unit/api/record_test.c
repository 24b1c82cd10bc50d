/* Registers through the door: lists, changes, masks, sheets in and out, and what strangers get. */
#include "base/doc.h"
#include "city/record_batch.h"
#include "check.h"
#include "door.h"
#include "store/sql.h"

#include <unistd.h>

static struct city town;

static const struct doc *fits(const struct answer *a, const char *schema)
{
	static struct arena *kept;
	struct err e = ERR_INIT;
	struct doc *d = NULL;

	if (kept == NULL)
		kept = arena_new(0);
	if (check_ok(doc_parse_json(kept, str_of(a->body), "answer", &d, &e), &e))
		check_ok(schema_check(d, schema, "answer", &e), &e);
	return d;
}

#define FIRM(code, name, more)                                                                               \
	"{\"code\":\"" code "\",\"name\":\"" name "\",\"region\":\"3201\",\"attrs\":{" more "}}"

static void add_firm(const char *who, const char *body)
{
	struct answer a = ask("POST", "/api/v1/records/firm", who, body);

	check_eq_i(a.status, 201);
	if (a.status != 201)
		check_fail("%s", a.body);
}

static int count_of(const char *target, const char *who)
{
	struct answer a = ask("GET", target, who, NULL);
	const struct doc *d;

	check_eq_i(a.status, 200);
	d = fits(&a, "Records");
	return a.status == 200 ? (int)doc_int(d, "count", -1) : -2;
}

TEST(a_record_is_added_read_changed_and_removed)
{
	const char *duty, *match;
	struct answer a, b;

	city_open(&town);
	duty = sign_in(&town, "duty");
	a = ask("POST", "/api/v1/records/firm", duty,
	        "{\"name\":\"盐城鑫海科技有限公司\",\"lon\":120.5,\"lat\":33.5,\"attrs\":{\"uscc\":"
	        "\"91320900MA1MA9LY4W\","
	        "\"staff\":\"1,200\",\"trade\":\"工业\",\"boss\":\"张三丰\"}}");
	check_eq_i(a.status, 201);
	check_eq_s(answer_header(&a, "Location"), "/api/v1/records/firm/91320900MA1MA9LY4W");
	check_eq_s(answer_header(&a, "ETag"), "\"1\"");
	fits(&a, "RecordNow");
	check_has(a.body, "\"staff\":1200");
	check_has(a.body, "\"trade\":\"b\"");
	check_has(a.body, "\"state\":\"open\"");
	check_has(a.body, "\"boss\":\"张三丰\"");

	b = ask("POST", "/api/v1/records/firm", duty,
	        "{\"name\":\"x\",\"attrs\":{\"uscc\":\"91320900MA1MA9LY4W\"}}");
	check_eq_i(b.status, 409);
	b = ask("PUT", "/api/v1/records/firm/91320900MA1MA9LY4W", text("%sIf-Match: \"7\"\n", duty),
	        "{\"name\":\"x\"}");
	check_eq_i(b.status, 412);
	match = text("%sIf-Match: \"1\"\n", duty);
	b = ask("PUT", "/api/v1/records/firm/91320900MA1MA9LY4W", match,
	        "{\"name\":\"鑫海\",\"state\":\"shut\",\"attrs\":{\"uscc\":\"91320900MA1MA9LY4W\",\"staff\":-"
	        "1}}");
	check_eq_i(b.status, 400);
	check_has(b.body, "\"field\":\"staff\"");
	b = ask("PUT", "/api/v1/records/firm/91320900MA1MA9LY4W", match,
	        "{\"name\":\"鑫海\",\"state\":\"shut\",\"attrs\":{\"uscc\":\"91320900MA1MA9LY4W\",\"staff\":"
	        "3}}");
	check_eq_i(b.status, 200);
	check_eq_s(answer_header(&b, "ETag"), "\"2\"");
	b = ask("GET", "/api/v1/records/firm/91320900MA1MA9LY4W/history", duty, NULL);
	fits(&b, "RecordHistory");
	check_has(b.body, "\"rev\":1");
	check_has(b.body, "\"staff\":1200");

	check_eq_i(ask("DELETE", "/api/v1/records/firm/91320900MA1MA9LY4W", duty, NULL).status, 204);
	check_eq_i(ask("GET", "/api/v1/records/firm/91320900MA1MA9LY4W", duty, NULL).status, 404);
	b = ask("POST", "/api/v1/records/firm/91320900MA1MA9LY4W/restore", duty, "{\"rev\":2}");
	check_eq_i(b.status, 200);
	check_has(b.body, "\"rev\":4");
	check_eq_i(ask("GET", "/api/v1/records/firm/91320900MA1MA9LY4W?as_of=2026-07-14T09:00:00%2B08:00",
	                   duty, NULL)
	                   .status,
	        200);
	city_close(&town);
}

TEST(a_failed_check_digit_is_a_doubt)
{
	const char *duty;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	a = ask("POST", "/api/v1/records/firm", duty,
	        "{\"name\":\"甲\",\"attrs\":{\"uscc\":\"９１３２０９００ＭＡ１ＭＡ９ＬＹ４Ａ\"}}");
	check_eq_i(a.status, 201);
	check_has(a.body, "\"code\":\"91320900MA1MA9LY4A\"");
	check_has(a.body, "\"doubts\":{\"uscc\":");
	city_close(&town);
}

/* A reader who prefers this is told in that language. */
static void speaks(const char *who, const char *prefers, const char *words, const char *language)
{
	struct answer a = ask("GET", "/api/v1/records/firm?sort=colour",
	        text("%sAccept-Language: %s\n", who, prefers), NULL);

	check_eq_i(a.status, 400);
	check_has(a.body, words);
	check_eq_s(answer_header(&a, "Content-Language"), language);
}

TEST(lists_are_filtered_sorted_and_searched)
{
	const char *duty;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	add_firm(duty, FIRM("F1", "盐城鑫海科技", "\"staff\":10,\"trade\":\"a\",\"scope\":\"渔业养殖\""));
	add_firm(duty, FIRM("F2", "盐城滨海电子", "\"staff\":200,\"trade\":\"b\""));
	add_firm(duty, FIRM("F3", "阿里", "\"staff\":30,\"trade\":\"b\",\"parent\":\"F2\""));
	check_eq_i(count_of("/api/v1/records/firm", duty), 3);
	check_eq_i(count_of("/api/v1/records/firm?f.trade=b", duty), 2);
	check_eq_i(count_of("/api/v1/records/firm?f.trade=a,b&f.staff=20..", duty), 2);
	check_eq_i(count_of("/api/v1/records/firm?q=%E6%BB%A8%E6%B5%B7", duty), 1); /* 滨海 */
	check_eq_i(count_of("/api/v1/records/firm?q=%E6%B8%94%E4%B8%9A", duty), 1); /* 渔业 */
	check_eq_i(count_of("/api/v1/records/firm?region=3202", duty), 0);
	check_eq_i(count_of("/api/v1/records/firm?state=open", duty), 3);
	a = ask("GET", "/api/v1/records/firm?sort=name&limit=1", duty, NULL);
	check_has(a.body, "\"code\":\"F3\""); /* 阿 before 盐 */
	a = ask("GET", "/api/v1/records/firm?sort=-staff", duty, NULL);
	check(strstr(a.body, "\"F2\"") < strstr(a.body, "\"F1\""));
	a = ask("GET", "/api/v1/records/firm/F2", duty, NULL);
	check_has(a.body, "\"relations\":[{\"kind\":\"firm\",\"field\":\"parent\",\"count\":1");
	a = ask("GET", "/api/v1/records/firm/F3", duty, NULL);
	check_has(a.body, "\"firm/F2\":\"盐城滨海电子\"");
	a = ask("GET", "/api/v1/records/firm/F3/relations", duty, NULL);
	check_has(a.body, "{\"kind\":\"firm\",\"code\":\"F3\",\"refers_to\":[");
	check_has(
	        a.body, "{\"field\":\"parent\",\"kind\":\"firm\",\"code\":\"F2\",\"name\":\"盐城滨海电子\",");
	check_has(a.body, "\"referred_by\":[]}");
	a = ask("GET", "/api/v1/records/firm/F2/relations", duty, NULL);
	check_has(a.body,
	        "\"referred_by\":[{\"kind\":\"firm\",\"field\":\"parent\",\"count\":1,\"more\":false}]}");
	check_eq_i(ask("GET", "/api/v1/records/firm/F9/relations", duty, NULL).status, 404);
	check_eq_i(ask("GET", "/api/v1/things/F2/relations", duty, NULL).status, 404);
	check_eq_i(ask("DELETE", "/api/v1/records/firm/F2", duty, NULL).status, 409);
	check_eq_i(ask("GET", "/api/v1/records/firm?f.colour=1", duty, NULL).status, 400); /* no such field */
	check_eq_i(ask("GET", "/api/v1/records/firm?f.staff=many", duty, NULL).status, 400);
	check_eq_i(ask("GET", "/api/v1/records/firm?sort=colour", duty, NULL).status, 400);
	check_eq_i(ask("GET", "/api/v1/records/firm?cursor=x", duty, NULL).status, 400);
	speaks(duty, "zh", "不能按“colour”排序", "zh-CN");
	speaks(duty, "zh-Hans-CN, en;q=0.5", "不能按“colour”排序", "zh-CN");
	speaks(duty, "en-GB,en;q=0.9,zh;q=0.8", "cannot be sorted by", "en");
	speaks(duty, "zh;q=0,en;q=0.1", "cannot be sorted by", "en");
	speaks(duty, "zh;q=x, fr", "cannot be sorted by", "en");
	speaks(duty, "zhx, ;q=1,,", "cannot be sorted by", "en");
	speaks(duty, "*", "cannot be sorted by", "en");
	a = ask("PUT", "/api/v1/records/firm/F2", duty, FIRM("F2", "盐城滨海电子", "\"parent\":\"F3\""));
	check_eq_i(a.status, 400);
	check_has(a.body, "below itself");
	city_close(&town);
}

/* Each thing that the records of a page refer to is named once, to those who may know it. */
TEST(a_page_names_what_it_refers_to)
{
	const char *duty, *yi, *at;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	yi = sign_in(&town, "yi");
	check_eq_i(
	        ask("POST", "/api/v1/records/firm", duty,
	                "{\"code\":\"F1\",\"name\":\"鑫海集团\",\"name_en\":\"Xinhai\",\"region\":\"3201\"}")
	                .status,
	        201);
	add_firm(duty, FIRM("F2", "甲", "\"parent\":\"F1\""));
	add_firm(duty, FIRM("F3", "乙", "\"parent\":\"F1\""));
	check_eq_i(
	        ask("POST", "/api/v1/records/firm", duty,
	                "{\"code\":\"F4\",\"name\":\"丙\",\"region\":\"3202\",\"attrs\":{\"parent\":\"F1\"}}")
	                .status,
	        201);
	a = ask("GET", "/api/v1/records/firm?code=F2,F3", duty, NULL);
	fits(&a, "Records");
	at = strstr(a.body, "\"titles\":");
	check_has(at, "\"titles\":{\"firm/F1\":\"鑫海集团\",\"region/3201\":");
	check(strstr(strstr(at, "\"firm/F1\"") + 1, "\"firm/F1\":\"鑫海集团\"") == NULL);
	check_has(at, "\"titles_en\":{\"firm/F1\":\"Xinhai\"");
	/* yi sees 3202 alone: the record, but not what it refers to. */
	a = ask("GET", "/api/v1/records/firm", yi, NULL);
	check_has(a.body, "\"code\":\"F4\"");
	check_has(a.body, "\"region/3202\":");
	check(strstr(a.body, "firm/F1") == NULL && strstr(a.body, "鑫海") == NULL);
	city_close(&town);
}

TEST(a_list_is_narrowed_to_a_box)
{
	const char *duty;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	add_firm(duty, FIRM("F1", "甲", ""));
	check_eq_i(ask("POST", "/api/v1/records/firm", duty,
	                   "{\"code\":\"F2\",\"name\":\"乙\",\"region\":\"3201\",\"lon\":120.5,\"lat\":33.5}")
	                   .status,
	        201);
	check_eq_i(count_of("/api/v1/records/firm?box=120,33,121,34", duty), 1);
	check_eq_i(count_of("/api/v1/records/firm?box=120,33,120.4,34", duty), 0);
	a = ask("GET", "/api/v1/records/firm?box=120,33,121", duty, NULL);
	check_eq_i(a.status, 400);
	check_has(a.body, "\"field\":\"box\"");
	a = ask("GET", "/api/v1/exports/firm?box=120,33,121,34&reason=1234", duty, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "F2");
	check(strstr(a.body, "F1") == NULL);
	city_close(&town);
}

TEST(strangers_see_nothing)
{
	const char *duty, *yi, *worker, *admin, *boss;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	yi = sign_in(&town, "yi");
	worker = sign_in(&town, "worker");
	admin = sign_in(&town, "admin");
	boss = sign_in(&town, "boss");
	add_firm(duty, FIRM("F1", "甲", ""));
	check_eq_i(ask("POST", "/api/v1/records/plan", admin,
	                   "{\"code\":\"P1\",\"name\":\"p\",\"attrs\":{\"firm\":\"F1\"}}")
	                   .status,
	        201);
	/* another region */
	check_eq_i(count_of("/api/v1/records/firm", yi), 0);
	check_eq_i(ask("GET", "/api/v1/records/firm/F1", yi, NULL).status, 404);
	check_eq_i(ask("GET", "/api/v1/records/firm/F1/history", yi, NULL).status, 404);
	check_eq_i(ask("GET", "/api/v1/records/firm/F1?as_of=2026-07-14T09:00:00Z", yi, NULL).status, 404);
	/* no right to write */
	check_eq_i(ask("PUT", "/api/v1/records/firm/F1", worker, FIRM("F1", "乙", "")).status, 403);
	check_eq_i(ask("POST", "/api/v1/imports?kind=firm", worker, "name\nx\n").status, 403);
	/* a kind above the clearance is not there at all */
	a = ask("GET", "/api/v1/kinds", duty, NULL);
	check(strstr(a.body, "\"plan\"") == NULL);
	check_eq_i(ask("GET", "/api/v1/records/plan", duty, NULL).status, 404);
	check_eq_i(ask("GET", "/api/v1/records/plan/P1", boss, NULL).status, 404);
	a = ask("GET", "/api/v1/records/firm/F1", duty, NULL);
	check(strstr(a.body, "plan") == NULL);
	a = ask("GET", "/api/v1/records/firm/F1", admin, NULL);
	check_has(a.body, "\"kind\":\"plan\"");
	check_eq_i(ask("GET", "/api/v1/exports/plan?reason=1234", duty, NULL).status, 404);
	city_close(&town);
}

TEST(masks_lift_for_those_who_may_and_say_why)
{
	const char *duty, *admin, *boss;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	admin = sign_in(&town, "admin");
	boss = sign_in(&town, "boss");
	add_firm(admin, FIRM("F1", "甲", "\"boss\":\"张三丰\",\"phone\":\"13812341234\""));
	a = ask("GET", "/api/v1/records/firm/F1", duty, NULL); /* clearance 2 */
	check_has(a.body, "\"boss\":\"张三丰\"");
	check_has(a.body, "\"phone\":\"138****1234\"");
	check(strstr(a.body, "\"reveal\"") == NULL);
	check_eq_i(
	        ask("POST", "/api/v1/records/firm/F1/reveal", duty, "{\"reason\":\"案件核实\"}").status, 400);
	check_eq_i(ask("GET", "/api/v1/records/firm?f.phone=13812341234", duty, NULL).status, 403);
	check_eq_i(ask("GET", "/api/v1/records/firm?sort=phone", duty, NULL).status, 403);
	check_eq_i(
	        ask("PUT", "/api/v1/records/firm/F1", duty, FIRM("F1", "甲", "\"phone\":\"1\"")).status, 403);
	/* what cannot be seen stays */
	check_eq_i(ask("PUT", "/api/v1/records/firm/F1", duty, FIRM("F1", "乙", "\"staff\":1")).status, 200);

	a = ask("GET", "/api/v1/records/firm/F1", boss, NULL); /* clearance 3 */
	check_has(a.body, "\"phone\":\"138****1234\"");
	check_has(a.body, "\"masked\":[\"phone\"]");
	check_eq_i(count_of("/api/v1/records/firm?f.phone=13812341234", boss), 1);
	check_eq_i(ask("GET", "/api/v1/records/firm?sort=phone", boss, NULL).status, 400);
	check_eq_i(ask("POST", "/api/v1/records/firm/F1/reveal", boss, "{\"reason\":\"x\"}").status, 400);
	a = ask("POST", "/api/v1/records/firm/F1/reveal", boss, "{\"reason\":\"案件核实\"}");
	check_eq_i(a.status, 200);
	fits(&a, "RecordRevealed");
	check_eq_s(a.body, "{\"attrs\":{\"phone\":\"13812341234\"}}");
	a = ask("GET", "/api/v1/records/firm/F1/uses", admin, NULL);
	fits(&a, "RecordUses");
	check_has(a.body,
	        "\"account\":\"boss\",\"what\":\"revealed\",\"reason\":\"案件核实\",\"fields\":[\"phone\"]");
	check_eq_i(ask("GET", "/api/v1/records/firm/F1/uses", duty, NULL).status, 403);
	city_close(&town);
}

/* The change set in an answer, once its run has ended. */
static const char *wait_for(const char *who, const char *id, const char *state)
{
	struct answer a = {0};

	for (int i = 0; i < 1000; i++) {
		a = ask("GET", text("/api/v1/changesets/%s", id), who, NULL);
		if (strstr(a.body, text("\"state\":\"%s\"", state)) != NULL)
			return a.body;
		usleep(10000);
	}
	check_fail("the change set does not become %s: %s", state, a.body);
	return a.body;
}

TEST(a_sheet_comes_in_and_goes_again)
{
	static const char sheet[] =
	        "企业名录,,,,\n编号,名称,人数,行业（选填）,区划\nF1,甲,11,农业,甲区\nF2,乙,x,,甲区\n"
	        "F3,丙,３０,b,甲区\nF3,丁,1,,甲区\n,,,,\nF4,戊,5,,他区\n";
	const char *duty, *id, *body;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	add_firm(duty, FIRM("F1", "甲", "\"staff\":10,\"boss\":\"王五\""));
	a = ask("POST", "/api/v1/imports?kind=firm&name=a.csv", duty, sheet);
	check_eq_i(a.status, 201);
	fits(&a, "ChangeSet");
	check_has(a.body, "\"total\":5,\"added\":1,\"changed\":1,\"same\":0,\"refused\":3");
	id = strrchr(answer_header(&a, "Location"), '/') + 1;
	check_eq_i(count_of("/api/v1/records/firm", duty), 1); /* nothing yet */
	a = ask("GET", text("/api/v1/changesets/%s/rows?verdict=refused", id), duty, NULL);
	fits(&a, "ChangeRows");
	check_has(a.body, "\"line\":4,\"code\":\"F2\",\"verdict\":\"refused\",\"rev\":0,\"field\":\"staff\"");
	check_has(a.body, "line 5 of the file has this code already");
	check_has(a.body, "\"field\":\"region\"");
	a = ask("GET", text("/api/v1/changesets/%s/rows?verdict=refused", id),
	        text("%sAccept-Language: zh-CN,zh;q=0.9,en;q=0.8\n", duty), NULL);
	check_has(a.body, "文件第 5 行已有此编码");
	a = ask("GET", text("/api/v1/changesets/%s/rows?verdict=changed", id), duty, NULL);
	check_has(a.body, "\"before\":{");

	a = ask("POST", text("/api/v1/changesets/%s/commit", id), duty, "");
	check_eq_i(a.status, 202);
	body = wait_for(duty, id, "done");
	check_has(body, "\"failed\":0");
	check_eq_i(count_of("/api/v1/records/firm", duty), 2);
	a = ask("GET", "/api/v1/records/firm/F1", duty, NULL);
	check_has(a.body, "\"staff\":11");
	check_has(a.body, "王五"); /* a column that is not in the sheet */
	a = ask("GET", "/api/v1/records/firm/F3", duty, NULL);
	check_has(a.body, "\"staff\":30");
	check_eq_i(ask("POST", text("/api/v1/changesets/%s/commit", id), duty, "").status, 409);

	check_eq_i(ask("POST", text("/api/v1/changesets/%s/undo", id), duty, "").status, 202);
	wait_for(duty, id, "undone");
	check_eq_i(count_of("/api/v1/records/firm", duty), 1);
	a = ask("GET", "/api/v1/records/firm/F1", duty, NULL);
	check_has(a.body, "\"staff\":10");
	a = ask("GET", "/api/v1/changesets?kind=firm", duty, NULL);
	fits(&a, "ChangeSets");
	check_has(a.body, id);
	city_close(&town);
}

TEST(sheets_that_are_not_understood)
{
	const char *duty;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	a = ask("POST", "/api/v1/imports?kind=firm", duty, "编号,名称,颜色\nF1,甲,红\n");
	check_eq_i(a.status, 400);
	check_has(a.body, "颜色");
	check_eq_i(ask("POST", "/api/v1/imports?kind=firm", duty, "编号,名称,名称\nF1,甲,红\n").status, 400);
	check_eq_i(ask("POST", "/api/v1/imports?kind=firm", duty, "").status, 400);
	check_eq_i(ask("POST", "/api/v1/imports?kind=firm", duty, "PK\x03\x04nonsense").status, 400);
	check_eq_i(ask("POST", "/api/v1/imports?kind=none", duty, "name\nx\n").status, 404);
	check_eq_i(ask("POST", "/api/v1/imports?kind=firm&crs=mars", duty, "name\nx\n").status, 400);
	/* GBK from an old Excel: 名称,人数 / 甲,5 */
	a = ask("POST", "/api/v1/imports?kind=firm", duty,
	        "\xc3\xfb\xb3\xc6,\xc8\xcb\xca\xfd,code\n\xbc\xd7,5,F1\n");
	check_eq_i(a.status, 201);
	check_has(a.body, "\"added\":1");
	a = ask("DELETE", answer_header(&a, "Location"), duty, NULL);
	check_eq_i(a.status, 204);
	city_close(&town);
}

TEST(shifted_coordinates_are_set_right)
{
	const char *duty, *id;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	a = ask("POST", "/api/v1/imports?kind=firm&crs=gcj02", duty, "code,name,lon,lat\nF1,甲,120.5,33.5\n");
	id = strrchr(answer_header(&a, "Location"), '/') + 1;
	check_eq_i(ask("POST", text("/api/v1/changesets/%s/commit", id), duty, "").status, 202);
	wait_for(duty, id, "done");
	a = ask("GET", "/api/v1/records/firm/F1", duty, NULL);
	check(strstr(a.body, "\"lon\":120.49") != NULL); /* some 500 m to the west */
	city_close(&town);
}

TEST(a_double_is_merged_and_split_again)
{
	const char *duty, *id;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	add_firm(duty, FIRM("F1", "甲公司", ""));
	add_firm(duty, FIRM("F2", "甲有限公司", ""));
	add_firm(duty, FIRM("F3", "乙", "\"parent\":\"F2\""));
	a = ask("POST", "/api/v1/records/firm/F2/merge", duty, "{\"into\":\"F1\"}");
	check_eq_i(a.status, 200);
	fits(&a, "RecordMerged");
	id = text("%.*s", (int)strcspn(strstr(a.body, ":\"") + 2, "\""), strstr(a.body, ":\"") + 2);
	check_eq_i(ask("GET", "/api/v1/records/firm/F2", duty, NULL).status, 404);
	a = ask("GET", "/api/v1/records/firm/F3", duty, NULL);
	check_has(a.body, "\"parent\":\"F1\"");
	check_eq_i(ask("POST", text("/api/v1/changesets/%s/undo", id), duty, "").status, 202);
	wait_for(duty, id, "undone");
	check_eq_i(ask("GET", "/api/v1/records/firm/F2", duty, NULL).status, 200);
	a = ask("GET", "/api/v1/records/firm/F3", duty, NULL);
	check_has(a.body, "\"parent\":\"F2\"");
	city_close(&town);
}

TEST(records_go_out_masked_guarded_and_noted)
{
	const char *duty, *admin;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	admin = sign_in(&town, "admin");
	add_firm(admin, FIRM("F1", "=cmd()", "\"phone\":\"13812341234\",\"staff\":5,\"trade\":\"b\""));
	check_eq_i(ask("GET", "/api/v1/exports/firm", duty, NULL).status, 400); /* no reason */
	a = ask("GET", "/api/v1/exports/firm?reason=%E5%AD%A3%E5%BA%A6%E7%BB%9F%E8%AE%A1", duty, NULL);
	check_eq_i(a.status, 200);
	check_has(a.body, "编号,名称,");
	check_has(a.body, "#电话");
	check_has(a.body, "138****1234");
	check_has(a.body, "'=cmd()");
	check_has(a.body, "工业");
	check_has(answer_header(&a, "Content-Disposition"), "firm-2026-07-14.csv");
	a = ask("GET", "/api/v1/journal?kind=record.exported", admin, NULL);
	check_has(a.body, "季度统计");
	a = ask("GET", "/api/v1/exports/firm?format=xlsx&reason=1234", duty, NULL);
	check_eq_i(a.status, 200);
	check(strncmp(a.body, "PK", 2) == 0);
	a = ask("GET", "/api/v1/imports/template?kind=firm", duty, NULL);
	check_eq_i(a.status, 200);
	check(strncmp(a.body, "PK", 2) == 0);
	city_close(&town);
}

TEST(files_are_sent_named_and_fetched)
{
	const char *duty, *admin, *yi, *ref;
	struct answer a;

	city_open(&town);
	duty = sign_in(&town, "duty");
	admin = sign_in(&town, "admin");
	yi = sign_in(&town, "yi");
	check_eq_i(ask("POST", "/api/v1/files?name=x", yi, "hello").status, 403); /* may write no kind */
	check_eq_i(ask("POST", "/api/v1/files?name=x", duty, "").status, 400);
	a = ask("POST", "/api/v1/files?name=..%2F%E6%89%A7%E7%85%A7%22.pdf", duty, "%PDF-1.4 a licence");
	check_eq_i(a.status, 201);
	fits(&a, "FileRef");
	check_has(a.body, "\"name\":\"执照_.pdf\",\"size\":18,\"type\":\"application/pdf\"");
	ref = a.body;
	a = ask("POST", "/api/v1/records/firm", duty,
	        text("{\"code\":\"F1\",\"name\":\"甲\",\"region\":\"3201\",\"attrs\":{\"licence\":[%s]}}",
	                ref));
	check_eq_i(a.status, 201);
	check_has(a.body, "执照_.pdf");
	a = ask("GET", "/api/v1/files/firm/F1/licence", duty, NULL);
	check_eq_i(a.status, 200);
	check_eq_s(a.body, "%PDF-1.4 a licence");
	check_eq_s(a.mime, "application/pdf");
	check_has(answer_header(&a, "Content-Disposition"),
	        "attachment; filename=\"file\"; filename*=UTF-8''%E6%89%A7");
	check_eq_i(ask("GET", "/api/v1/files/firm/F1/licence?n=1", duty, NULL).status, 404);
	check_eq_i(ask("GET", "/api/v1/files/firm/F1/name", duty, NULL).status, 404);
	check_eq_i(ask("GET", "/api/v1/files/firm/F1/licence", yi, NULL).status, 404);
	/* a field above the clearance; and who knows of a file has not got it */
	a = ask("PUT", "/api/v1/records/firm/F1", admin,
	        text("{\"name\":\"甲\",\"region\":\"3201\",\"attrs\":{\"drawing\":%s}}", ref));
	check_eq_i(a.status, 400);
	check_eq_i(ask("POST", "/api/v1/files?name=again.pdf", admin, "%PDF-1.4 a licence").status, 201);
	a = ask("PUT", "/api/v1/records/firm/F1", admin,
	        text("{\"name\":\"甲\",\"region\":\"3201\",\"attrs\":{\"drawing\":%s}}", ref));
	check_eq_i(a.status, 200);
	check_eq_i(ask("GET", "/api/v1/files/firm/F1/drawing", admin, NULL).status, 200);
	check_eq_i(ask("GET", "/api/v1/files/firm/F1/drawing", duty, NULL).status, 404);
	a = ask("GET", "/api/v1/records/firm/F1", duty, NULL);
	check_has(a.body, "\"drawing\":null");
	/* none that was not sent */
	a = ask("PUT", "/api/v1/records/firm/F1", admin,
	        "{\"name\":\"甲\",\"attrs\":{\"drawing\":{\"file\":"
	        "\"0123456789012345678901234567890123456789012345678901234567"
	        "890123\",\"name\":\"x\",\"size\":1,\"type\":\"text/plain\"}}}");
	check_eq_i(a.status, 400);
	check_has(a.body, "\"field\":\"drawing\"");
	check_eq_i(ask("PUT", "/api/v1/records/firm/F1", admin,
	                   "{\"name\":\"甲\",\"attrs\":{\"drawing\":\"x.pdf\"}}")
	                   .status,
	        400);
	/* a record of a kind without codes of its own gets a number */
	a = ask("POST", "/api/v1/records/plan", admin, "{\"name\":\"p\"}");
	check_eq_i(a.status, 201);
	city_close(&town);
}

static int begin_reading(struct store_tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return sql_record_batch_add(tx,
	        &(struct sql_record_batch_add_in){.id = 77,
	                .kind = STR_LIT("firm"),
	                .what = STR_LIT("import"),
	                .title = STR_LIT("a.csv"),
	                .state = STR_LIT("reading"),
	                .account = STR_LIT("duty"),
	                .created = store_now(tx)},
	        NULL, e);
}

TEST(a_sheet_that_a_crash_left_half_read_can_be_dropped)
{
	struct err e = ERR_INIT;
	const char *duty;

	city_open(&town);
	duty = sign_in(&town, "duty");
	check_ok(store_write(town.site->store, "test", begin_reading, NULL, &e), &e);
	check_eq_i(ask("POST", "/api/v1/changesets/77/commit", duty, "").status, 409);
	check_eq_i(ask("DELETE", "/api/v1/changesets/77", duty, NULL).status, 204);
	check_has(ask("GET", "/api/v1/changesets/77", duty, NULL).body, "\"state\":\"dropped\"");
	check_eq_i(ask("DELETE", "/api/v1/changesets/77", duty, NULL).status, 409);
	city_close(&town);
}
