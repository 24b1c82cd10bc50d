#include "check.h"
#include "town.h"

#include <math.h>

/* The pack with one file changed must give an error at that place. */
static void refuses(
        const char *path, const char *text, const char *where, int line, const char *field, const char *words)
{
	struct arena *a = arena_new(0);
	const char *dir = town_pack();
	struct pack_report r = {0};
	struct err e = ERR_INIT;
	bool found = false;

	town_write(dir, path, text);
	if (check_ok(pack_check(dir, a, &r, &e), &e)) {
		for (int i = 0; i < r.findings && !found; i++) {
			const struct err *f = &r.finding[i].e;

			found = r.finding[i].error && strcmp(f->where, where) == 0 &&
			        (line == 0 || f->line == line) &&
			        (field == NULL || strcmp(f->field, field) == 0) &&
			        strstr(f->text, words) != NULL;
		}
		if (!found) {
			check_fail("%s: no error %s:%d %s \"%s\"", path, where, line,
			        field != NULL ? field : "", words);
			for (int i = 0; i < r.findings; i++)
				printf("# %s:%d %s: %s\n", r.finding[i].e.where, r.finding[i].e.line,
				        r.finding[i].e.field, r.finding[i].e.text);
		}
	}
	arena_free(&a);
}

TEST(a_good_pack)
{
	struct arena *a = arena_new(0);
	struct pack_report r;
	struct err e = ERR_INIT;

	check_ok(pack_check(town_pack(), a, &r, &e), &e);
	check_eq_i(r.findings, 0);
	for (int i = 0; i < r.findings; i++)
		printf("# %s:%d %s: %s\n", r.finding[i].e.where, r.finding[i].e.line, r.finding[i].e.field,
		        r.finding[i].e.text);
	check_eq_i(r.regions, 4);
	check_eq_i(r.orgs, 2);
	check_eq_i(r.things, 2);
	check_eq_i(r.rules, 1);
	check_eq_i(r.flows, 1);
	check_eq_i(r.indicators, 1);
	arena_free(&a);
}

TEST(no_pack_at_all)
{
	struct arena *a = arena_new(0);
	struct pack_report r;
	struct err e = ERR_INIT;

	check_err(pack_check(test_dir(), a, &r, &e), ERR_NOTFOUND);
	check_has(e.text, "pack.yaml");
	arena_free(&a);
}

#define CLASS(rest) "classes:\n  - code: a\n    match: 'm'\n" rest

TEST(bad_classes_of_retention)
{
	static const char file[] = "retention.yaml";

	refuses(file, "clases: []\n", file, 1, "clases", "no such field");
	refuses(file, "classes: {}\n", file, 1, "classes", "a list of classes");
	refuses(file, "classes: [x]\n", file, 1, "classes", "a class with code");
	refuses(file, "classes:\n  - {match: m, readings: 9d}\n", file, 2, "code", "needs a code");
	refuses(file, "classes:\n  - {code: a b, match: m, readings: 9d}\n", file, 2, "code", "needs a code");
	refuses(file, "classes:\n  - {code: a, readings: 9d}\n", file, 2, "match",
	        "a selection of series is needed");
	refuses(file, "classes:\n  - code: a\n    match: 'sum(m)'\n    readings: 9d\n", file, 3, "match",
	        "cannot be read");
	refuses(file, "classes:\n  - code: a\n    match: '{}'\n    readings: 9d\n", file, 3, "match",
	        "non-empty matcher");
	refuses(file, CLASS(""), file, 2, "readings", "90d");
	refuses(file, CLASS("    readings: soon\n"), file, 4, "readings", "forever");
	refuses(file, CLASS("    readings: 5m\n"), file, 4, "readings", "an hour or more");
	refuses(file, CLASS("    readings: 9d\n    hours: 9d\n"), file, 5, "hours", "longer");
	refuses(file, CLASS("    readings: 9d\n    five_minutes: 8d\n"), file, 5, "five_minutes", "longer");
	refuses(file, CLASS("    readings: 9d\n    five_minutes: 2y\n    hours: 1y\n"), file, 6, "hours",
	        "longer");
	refuses(file, CLASS("    readings: forever\n    hours: 1y\n"), file, 5, "hours", "longer");
	refuses(file, CLASS("    readings: 9d\n    keep: 3d\n"), file, 0, "keep", "no such field");
	refuses(file, CLASS("    readings: 9d\n  - {code: a, match: n, readings: 9d}\n"), file, 5, "code",
	        "on line 2");
}

TEST(a_class_that_can_have_nothing_is_warned_of)
{
	struct arena *a = arena_new(0);
	const char *dir = town_pack();
	struct pack_report r = {0};
	struct err e = ERR_INIT;

	town_write(dir, "retention.yaml",
	        "classes:\n  - {code: a, match: '{x=~\"1|2\"}', readings: 9d, hours: forever}\n"
	        "  - {code: b, match: '{x=\"1\",y=\"2\"}', readings: 9d}\n"
	        "  - {code: c, match: '{x=\"3\"}', readings: 9d}\n");
	check_ok(pack_check(dir, a, &r, &e), &e);
	check_eq_i(r.errors, 0);
	if (check_eq_i(r.findings, 1)) {
		check_has(r.finding[0].e.text, "the class a comes before");
		check_eq_i(r.finding[0].e.line, 3);
	}
	arena_free(&a);
}

TEST(bad_tables)
{
	refuses("regions.csv", "code,parent,level,name\n10,,2,a\n10,,3,b\n", "regions.csv", 3, "code",
	        "no other region");
	refuses("regions.csv", "code,parent,level,name\n10,1001,2,a\n1001,10,3,b\n1002001,10,4,c\n",
	        "regions.csv", 0, "parent", "never ends");
	refuses("regions.csv", "code,parent,level,name\n10,99,2,a\n", "regions.csv", 2, "parent",
	        "no region has the code \"99\"");
	refuses("regions.csv", "code,parent,level,name,lon,lat\n10,,2,a,200,1\n", "regions.csv", 2, "lon",
	        "-180 to 180");
	refuses("regions.csv", "code,parent,level,name,zone\n10,,2,a,Mars/Base\n", "regions.csv", 2, "zone",
	        "knows no time zone");
	refuses("regions.csv", "code,parent,level,name\n10,,2,\"a\n", "regions.csv", 0, NULL, "");
	refuses("orgs.csv", "code,name,region\nworks,W,1009\n", "orgs.csv", 2, "region", "1009");
	refuses("orgs.csv", "code,name\nworks,W\nworks,V\n", "orgs.csv", 3, "code", "line 2");
	refuses("categories.csv", "code,name,flow,calendar,limit\ngas,G,repair,workday,soon\n",
	        "categories.csv", 2, "limit", "4 work_hour");
	refuses("categories.csv", "code,name,flow,calendar,limit\ngas,G,mend,workday,4 work_hour\n",
	        "categories.csv", 2, "flow", "mend");
	refuses("categories.csv", "code,name,flow,calendar,limit\ngas,G,repair,nights,4 work_hour\n",
	        "categories.csv", 2, "calendar", "nights");
}

TEST(bad_things)
{
	refuses("things/sensor.csv", "code,name,model,colour\nS-1,a,M,red\n", "things/sensor.csv", 1,
	        "colour", "no such field");
	refuses("things/sensor.csv", "code,name,model\nS-1,a,\n", "things/sensor.csv", 2, "model",
	        "asks for this field");
	refuses("things/sensor.csv", "code,name,model,depth\nS-1,a,M,11\n", "things/sensor.csv", 2, "depth",
	        "outside");
	refuses("things/sensor.csv", "code,name,model,gate\nS-1,a,M,ajar\n", "things/sensor.csv", 2, "gate",
	        "options");
	refuses("things/sensor.csv", "code,name,model,state\nS-1,a,M,new\n", "things/sensor.csv", 2, "state",
	        "states");
	refuses("things/sensor.csv", "code,name,model,org\nS-1,a,M,nobody\n", "things/sensor.csv", 2, "org",
	        "nobody");
	refuses("things/valve.csv", "code,name\nV-1,a\n", "things/valve.csv", 1, NULL, "valve");
}

TEST(bad_declarations)
{
	refuses("pack.yaml", "code: town\nversion: 1.0.0\nname: a\nsize: 3\n", "pack.yaml", 4, "size", "");
	refuses("pack.yaml", "code: town\nversion: 1.0.0\nname: a\nzone: Asia/Yancheng\n", "pack.yaml", 4,
	        NULL, "");
	refuses("kinds/sensor.yaml", "code: sensor\nname: a\nfields:\n  - {key: x, name: X, type: colour}\n",
	        "kinds/sensor.yaml", 4, "x", "colour");
	refuses("kinds/sensor.yaml", "code: sensor\nname: a\nfields:\n  - {key: x, name: X, secrecy: 9}\n",
	        "kinds/sensor.yaml", 4, "x", "secrecy");
#define FROM(words)                                                                                          \
	"code: sensor\nname: a\nfields:\n  - {key: y, name: Y}\n  - {key: x, name: X, from: " words "}\n"
	refuses("kinds/sensor.yaml", FROM("{field: y, match: '(a'}"), "kinds/sensor.yaml", 5, "x",
	        "cannot be read: missing closing parenthesis (its character 3)");
	refuses("kinds/sensor.yaml", FROM("{field: y, match: 'a(b)', group: 2}"), "kinds/sensor.yaml", 5, "x",
	        "has 1 groups");
	refuses("kinds/sensor.yaml", FROM("{field: y, match: 'a(b)', group: 0}"), "kinds/sensor.yaml", 5, "x",
	        "has 1 groups");
	refuses("kinds/sensor.yaml", FROM("{field: y, match: '(*LIMIT_MATCH=1)a(b)'}"), "kinds/sensor.yaml",
	        5, "x", "may not begin");
	refuses("kinds/sensor.yaml", FROM("{field: y, match: 'a(b)', separator: '-'}"), "kinds/sensor.yaml",
	        5, "x", "neither separator nor part");
	refuses("kinds/sensor.yaml", FROM("{match: 'a(b)'}"), "kinds/sensor.yaml", 5, "x", "needs the field");
	refuses("kinds/sensor.yaml", FROM("{field: y, group: 1}"), "kinds/sensor.yaml", 5, "x",
	        "match and group");
#undef FROM
	/* Codes are seen by every reader of the kind. */
	refuses("kinds/sensor.yaml",
	        "code: sensor\nname: a\nkey: x\nfields:\n  - {key: x, name: X, secrecy: 2}\n",
	        "kinds/sensor.yaml", 3, "key", "secrecy");
	refuses("calendars.yaml", "calendars:\n  - code: workday\n    weekdays: {mon: [\"12:00-12:00\"]}\n",
	        "calendars.yaml", 3, "mon", "22:00-06:00");
	refuses("calendars.yaml", "calendars:\n  - code: workday\n    weekdays: {mon: [\"9-12\"]}\n",
	        "calendars.yaml", 3, "mon", "09:00-12:00");
	refuses("calendars.yaml",
	        "calendars:\n  - code: workday\n    weekdays: {mon: [\"13:00-14:00\", \"09:00-12:00\"]}\n",
	        "calendars.yaml", 3, "mon", "order");
	refuses("calendars.yaml", "calendars:\n  - code: workday\n    weekdays: {mon: 8}\n", "calendars.yaml",
	        3, "mon", "list of shifts");
	refuses("calendars.yaml", "calendars:\n  - code: workday\n    weekdays: {monday: []}\n",
	        "calendars.yaml", 3, "monday", "sun mon tue");
	refuses("calendars.yaml", "calendars:\n  - code: workday\n    table: cn\n", "calendars.yaml", 2,
	        "table", "table of holidays");
	refuses("calendars.yaml",
	        "calendars:\n  - code: workday\n    workdays: [{date: \"2026-10-10\", as: someday}]\n",
	        "calendars.yaml", 3, "as", "sun mon");
	refuses("calendars.yaml",
	        "calendars:\n  - code: workday\n    holidays: [{from: \"2026-10-01\", to: \"2026-09-07\"}]\n",
	        "calendars.yaml", 3, NULL, "date");
	refuses("calendars.yaml",
	        "calendars:\n  - code: workday\n    holidays: [\"2026-10-01\", \"2026-10-01\"]\n",
	        "calendars.yaml", 3, NULL, "twice");
	refuses("holidays/cn.yaml", "code: cn\nyear: 2027\nholidays: [\"2026-10-01\"]\n", "holidays/cn.yaml",
	        3, NULL, "does not belong to the year 2027");
	refuses("holidays/cn.yaml", "code: cn\nholidays: []\n", "holidays/cn.yaml", 1, "year", "its year");
	refuses("holidays/cn.yaml", "code: cn\nyear: 2027\n", "holidays/cn.yaml", 1, "source", "announced");
	refuses("holidays/cn.yaml", "code: cn\nyear: 2027\nsource: x\nfeasts: []\n", "holidays/cn.yaml", 4,
	        "feasts", "");
	refuses("calendars.yaml", "calendars:\n  - code: workday\n    holidays: [\"2026-13-01\"]\n",
	        "calendars.yaml", 3, NULL, "date");
	refuses("indicators.yaml", "indicators:\n  - {code: a, formula: \"1 +\"}\n", "indicators.yaml", 2,
	        "a", "cannot be read");
	refuses("indicators.yaml", "indicators:\n  - {code: a, formula: \"1\", direction: sideways}\n",
	        "indicators.yaml", 2, "direction", "up or down");
	refuses("indicators.yaml", "indicators:\n  - {code: a}\n", "indicators.yaml", 2, "a",
	        "a formula, or sql");
	refuses("indicators.yaml", "indicators:\n  - code: a\n    formula: opened\n    sql: SELECT 1\n",
	        "indicators.yaml", 4, "a", "not both");
	refuses("indicators.yaml", "indicators:\n  - code: a\n    sql: SELECT model, colour FROM v_sensor\n",
	        "indicators.yaml", 3, "a", "no such column: colour");
	refuses("indicators.yaml", "indicators:\n  - code: a\n    sql: SELECT 1 FROM v_valve\n",
	        "indicators.yaml", 3, "a", "no such table: v_valve");
	refuses("indicators.yaml", "indicators:\n  - code: a\n    sql: PRAGMA user_version\n",
	        "indicators.yaml", 3, "a", "PRAGMA");
	refuses("indicators.yaml", "indicators:\n  - code: a\n    sql: SELECT count(*) FROM record\n",
	        "indicators.yaml", 3, "a", "no such table: record");
	refuses("indicators.yaml", "indicators:\n  - code: a\n    sql: SELECT :today\n", "indicators.yaml", 3,
	        "a", "no parameter :today");
}

TEST(bad_words_about_devices)
{
#define KIND(more) "code: sensor\nname: 监测点\n" more "fields:\n  - {key: model, name: 型号}\n"
	refuses("kinds/sensor.yaml", KIND("thing: true\ninterval: soon\n"), "kinds/sensor.yaml", 4,
	        "interval", "such as 5m");
	refuses("kinds/sensor.yaml", KIND("thing: true\ninterval: {field: nothing}\n"), "kinds/sensor.yaml",
	        4, "interval", "an integer of seconds");
	refuses("kinds/sensor.yaml", KIND("thing: true\nzone: {field: nothing}\n"), "kinds/sensor.yaml", 4,
	        "zone", "one of its own");
	refuses("kinds/sensor.yaml", KIND("thing: true\nzone: Mars/Base\n"), "kinds/sensor.yaml", 4, "zone",
	        "as Asia/Shanghai");
	refuses("kinds/sensor.yaml", KIND("thing: true\ninterval: 10ms\n"), "kinds/sensor.yaml", 4,
	        "interval", "such as 5m");
	refuses("kinds/sensor.yaml", KIND("thing: true\nbattery: {low: 20}\n"), "kinds/sensor.yaml", 4,
	        "battery", "the metric");
	refuses("kinds/sensor.yaml", KIND("thing: true\nbattery: {metric: b, high: 2}\n"),
	        "kinds/sensor.yaml", 4, "battery", "the metric");
	refuses("kinds/sensor.yaml", KIND("thing: true\nadopt: {name: x}\n"), "kinds/sensor.yaml", 4, "adopt",
	        "the pattern");
	refuses("kinds/sensor.yaml", KIND("thing: true\nadopt: {code: \"A-(\"}\n"), "kinds/sensor.yaml", 4,
	        "adopt", "the pattern");
	refuses("kinds/sensor.yaml", KIND("adopt: {code: \"A-.*\"}\n"), "kinds/sensor.yaml", 3, "adopt",
	        "devices that become things");
#undef KIND
	refuses("rules/gas.yaml",
	        "groups:\n  - name: gas\n    rules:\n      - alert: Leak\n        expr: ch4 > 20\n        "
	        "annotations: "
	        "{after_gap: soon}\n",
	        "rules/gas.yaml", 6, "after_gap", "a duration");
}

TEST(bad_rules)
{
	refuses("rules/gas.yaml", "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: ch4 >\n",
	        "rules/gas.yaml", 5, "A", "cannot be read");
	refuses("rules/gas.yaml",
	        "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: ch4 > 1\n        labels: "
	        "{severity: high}\n",
	        "rules/gas.yaml", 4, "severity", "1 (red)");
	refuses("rules/gas.yaml",
	        "groups:\n  - name: g\n    rules:\n      - record: a:b\n        expr: ch4\n",
	        "rules/gas.yaml", 4, "record", "recording");
	refuses("rules/gas.yaml",
	        "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: ch4 > 1\n        for: "
	        "soon\n",
	        "rules/gas.yaml", 6, "for", "duration");
}

#define DMN "https://www.omg.org/spec/DMN/20230324/MODEL/"

TEST(what_is_odd_in_a_table_is_a_warning)
{
	static const char *const want[] = {
	        "decisions/level.dmn:6 \"level\": no row takes ch4 above 3 and below 5",
	        "decisions/level.dmn:9 \"level\": row 2 gives many, which is not of type lib.tLevel"};
	struct arena *a = arena_new(0);
	const char *dir = town_pack();
	struct pack_report r = {0};
	struct err e = ERR_INIT;

	town_write(dir, "decisions/lib.dmn",
	        "<definitions xmlns='" DMN "' namespace='urn:lib' name='lib'><itemDefinition name='tLevel'>"
	        "<typeRef>number</typeRef></itemDefinition></definitions>");
	town_write(dir, "decisions/level.dmn",
	        "<definitions xmlns='" DMN "' namespace='urn:town' name='town'>\n"
	        "<import namespace='urn:lib' name='lib' importType='" DMN "'/>\n"
	        "<inputData id='ch4' name='ch4'><variable name='ch4' typeRef='number'/></inputData>\n"
	        "<decision id='level' name='level'>\n"
	        "<informationRequirement><requiredInput href='#ch4'/></informationRequirement>\n"
	        "<decisionTable><input><inputExpression><text>ch4</text></inputExpression></input>\n"
	        "<output typeRef='lib.tLevel'/>\n"
	        "<rule><inputEntry><text>&lt;= "
	        "3</text></inputEntry><outputEntry><text>1</text></outputEntry></rule>\n"
	        "<rule><inputEntry><text>&gt;= "
	        "5</text></inputEntry><outputEntry><text>\"many\"</text></outputEntry>"
	        "</rule></decisionTable></decision></definitions>");
	check_ok(pack_check(dir, a, &r, &e), &e);
	check_eq_i(r.findings, 2);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		bool found = false;

		for (int k = 0; k < r.findings; k++) {
			const struct err *f = &r.finding[k].e;

			found |=
			        !r.finding[k].error &&
			        strcmp(arena_printf(a, "%s:%d %s", f->where, f->line, f->text), want[i]) == 0;
		}
		if (!found)
			check_fail("no warning %s", want[i]);
	}
	arena_free(&a);
}

TEST(a_dangling_flow_is_named)
{
	refuses("flows/repair.bpmn",
	        "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" targetNamespace=\"t\">\n"
	        "<process id=\"repair\" isExecutable=\"true\">\n<startEvent id=\"s\"/>\n"
	        "<sequenceFlow id=\"f1\" sourceRef=\"s\" targetRef=\"nowhere\"/>\n</process></definitions>",
	        "flows/repair.bpmn", 4, NULL, "nowhere");
}

TEST(installs_and_loads)
{
	struct town t;
	struct catalog *c = NULL;
	struct err e = ERR_INIT;

	town_install(&t);
	check_ok(catalog_load(t.store, &c, &e), &e);
	if (c != NULL) {
		check_eq_s(c->city, "小城");
		check_eq_s(zone_name(c->zone), "Asia/Shanghai");
		check_eq_i(c->rules, 1);
		check(c->rule[0].push);
		check_eq_d(c->rule[0].threshold, 20);
		check_eq_s(catalog_category(c, "gas")->flow, "repair");
		check_eq_i(catalog_category(c, "gas")->unit, LIMIT_WORK_HOUR);
		check_eq_i(catalog_flow(c, "repair", 0)->version, 1);
		check(catalog_calendar(c, "workday") != NULL);
		check(catalog_calendar(c, "nights") == NULL);
		check(catalog_kind(c, "sensor")->thing);
	}
	catalog_free(&c);
	town_close(&t);
}

TEST(a_changed_flow_is_a_new_version)
{
	struct town t;
	struct catalog *c = NULL;
	struct pack_report r;
	struct err e = ERR_INIT;
	const char *dir = test_path("pack");

	town_install(&t);
	check_ok(pack_install(t.store, dir, "test", t.a, &r, &e), &e); /* the same again: no new version */
	town_write(dir, "flows/repair.bpmn",
	        "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" targetNamespace=\"t\">\n"
	        "<process id=\"repair\" isExecutable=\"true\"><startEvent id=\"s\"/><sequenceFlow id=\"f\" "
	        "sourceRef=\"s\" targetRef=\"e\"/>"
	        "<endEvent id=\"e\"/></process></definitions>");
	check_ok(pack_install(t.store, dir, "test", t.a, &r, &e), &e);
	check_ok(catalog_load(t.store, &c, &e), &e);
	if (c != NULL) {
		check_eq_i(catalog_flow(c, "repair", 0)->version, 2);
		check(catalog_flow(c, "repair", 1) != NULL && catalog_flow(c, "repair", 1)->version == 1);
		check(catalog_flow(c, "repair", 3) == NULL);
	}
	catalog_free(&c);
	town_close(&t);
}

TEST(a_bad_pack_changes_nothing)
{
	struct town t;
	struct catalog *c = NULL;
	struct pack_report r;
	struct err e = ERR_INIT;
	const char *dir = town_pack();

	town_open(&t);
	town_write(dir, "categories.csv", "code,name,flow,limit\ngas,G,repair,soon\n");
	check_err(pack_install(t.store, dir, "test", t.a, &r, &e), ERR_INVALID);
	check_eq_s(e.where, "categories.csv");
	check_ok(catalog_load(t.store, &c, &(struct err){0}), NULL);
	check_eq_i(c->packs, 0);
	catalog_free(&c);
	town_close(&t);
}

TEST(a_pack_cannot_take_over_anothers_code)
{
	struct town t;
	struct pack_report r;
	struct err e = ERR_INIT;
	const char *dir = test_path("other");

	town_install(&t);
	town_write(dir, "pack.yaml", "code: other\nversion: 1.0.0\nname: b\n");
	town_write(dir, "orgs.csv", "code,name\nworks,Mine\n");
	check_err(pack_install(t.store, dir, "test", t.a, &r, &e), ERR_INVALID);
	check_eq_s(e.where, "orgs.csv");
	check_eq_i(e.line, 2);
	check_has(e.text, "town");
	town_close(&t);
}
