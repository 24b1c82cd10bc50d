#include "town.h"
#include "base/file.h"
#include "check.h"

void town_write(const char *dir, const char *path, const char *text)
{
	struct arena *a = arena_new(0);
	char *full = path_join(a, dir, path);
	struct err e = ERR_INIT;

	for (char *p = strrchr(full, '/'); p != NULL; p = NULL) {
		*p = '\0';
		check_ok(file_mkdirs(full, &e), &e);
		*p = '/';
	}
	check_ok(file_write(full, text, strlen(text), 0640, &e), &e);
	arena_free(&a);
}

static const char flow[] = "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" "
                           "xmlns:h=\"urn:heming:bpmn:1\" targetNamespace=\"t\">\n"
                           "<process id=\"repair\" isExecutable=\"true\">\n"
                           "<startEvent id=\"s\"/><sequenceFlow id=\"f1\" sourceRef=\"s\" targetRef=\"t\"/>\n"
                           "<userTask id=\"t\" name=\"Repair\" h:role=\"handler\" h:org=\"works\" "
                           "h:outcomes=\"done\" h:stage=\"handle\"/>\n"
                           "<sequenceFlow id=\"f2\" sourceRef=\"t\" targetRef=\"e\"/><endEvent id=\"e\"/>\n"
                           "</process></definitions>\n";

const char *town_pack(void)
{
	const char *dir = test_path("pack");

	town_write(dir, "pack.yaml",
	        "code: town\nversion: 1.0.0\nname: 小城\nname_en: Town\nzone: Asia/Shanghai\nregion: "
	        "\"10\"\n");
	town_write(dir, "regions.csv",
	        "code,parent,level,name,name_en,lon,lat,unit\n10,,2,小城,Town,,,\n1001,10,3,东区,East,,,"
	        "1\n1002,10,3,西区,West,,,1\n"
	        "1002001,1002,4,西街,West Street,,,\n");
	town_write(dir, "regions.geojson",
	        "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"properties\":{"
	        "\"code\":\"1001\"},\"geometry\":"
	        "{\"type\":\"Polygon\",\"coordinates\":[[[120,33],[121,33],[121,34],[120,34],[120,33]]]}}]}");
	town_write(dir, "orgs.csv",
	        "code,parent,kind,region,name,name_en,phone,duties\ndesk,,desk,10,中心,Centre,,\nworks,,"
	        "department,10,住建局,Works,,\n");
	town_write(dir, "categories.csv",
	        "code,parent,name,name_en,flow,calendar,limit,level\ngas,,燃气,Gas,repair,workday,4 "
	        "work_hour,1\n");
	town_write(dir, "calendars.yaml",
	        "calendars:\n  - code: workday\n    weekdays: {mon: [\"09:00-12:00\", \"13:30-17:30\"]}\n    "
	        "holidays: [\"2026-10-01\"]\n");
	town_write(dir, "kinds/sensor.yaml",
	        "code: sensor\nname: 监测点\nthing: true\nfields:\n  - {key: model, name: 型号, type: text, "
	        "required: true}\n"
	        "  - {key: depth, name: 深度, type: decimal, min: 0, max: 10}\n  - {key: gate, name: 状态, "
	        "type: code, options: [{code: on, name: 开}, {code: off, name: 关}]}\n"
	        "quantities:\n  - {metric: ch4, name: 甲烷, unit: \"%\", low: 0, high: 100}\n");
	town_write(dir, "things/sensor.csv",
	        "code,name,org,region,lon,lat,demo,model,depth,gate\nS-1,一号,works,1001,120.5,33.5,1,M1,2."
	        "5,on\nS-2,二号,works,1002001,,,,M2,,\n");
	town_write(dir, "rules/gas.yaml",
	        "groups:\n  - name: gas\n    interval: 15s\n    rules:\n      - alert: Leak\n        expr: "
	        "ch4 > 20\n        labels: {severity: \"1\"}\n");
	town_write(dir, "flows/repair.bpmn", flow);
	town_write(dir, "indicators.yaml",
	        "indicators:\n  - {code: rate, name: 按期, formula: \"if closed = 0 then null else 100 * "
	        "closed_on_time / closed\", target: 95}\n");
	return dir;
}

void town_open(struct town *t)
{
	struct store_options o = {0};
	struct err e = ERR_INIT;
	time_us start;

	*t = (struct town){.a = arena_new(0)};
	check(time_parse(STR_LIT("2026-07-14T08:00:00+08:00"), NULL, &start));
	t->clock = clock_new_manual(start);
	t->ids = id_source_new(1, t->clock);
	o = (struct store_options){.address = arena_printf(t->a, "sqlite:%s", test_path("records.db")),
	        .clock = t->clock,
	        .ids = t->ids,
	        .create = true};
	check_ok(store_open(&o, &t->store, &e), &e);
}

void town_close(struct town *t)
{
	store_close(&t->store);
	id_source_free(&t->ids);
	clock_free(&t->clock);
	arena_free(&t->a);
}

void town_install(struct town *t)
{
	struct pack_report r;
	struct err e = ERR_INIT;

	town_open(t);
	check_ok(pack_install(t->store, town_pack(), "test", t->a, &r, &e), &e);
}
