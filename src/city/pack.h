/*
 * pack - a folder of plain files that declares a city or a scene, and its way into a site.
 *
 * pack.yaml                 code, version, name, name_en; for a city also zone, region, box
 * regions.csv               code,parent,level,name,name_en,lon,lat,unit   (unit 1: a reporting unit 报送单元)
 * regions.geojson           areas by property `code`
 * orgs.csv                  code,parent,kind,region,name,name_en,phone,duties
 * categories.csv            code,parent,name,name_en,flow,calendar,limit,level   (limit "4 work_hour")
 * calendars.yaml            named working calendars with holidays and make-up days
 * kinds/NAME.yaml           one record kind each
 * records/KIND.csv          code,name,name_en,state,org,region,lon,lat,demo + the kind's fields
 * things/KIND.csv           the same, for kinds of things
 * rules/NAME.yaml           Prometheus rule files
 * decisions/NAME.dmn        DMN
 * flows/NAME.bpmn           BPMN, one process each
 * indicators.yaml           indicators
 * demo.yaml                 what `heming simulate` publishes; read by it alone
 *
 * All are optional but pack.yaml. Every finding names file, line and field.
 */
#ifndef HEMING_CITY_PACK_H
#define HEMING_CITY_PACK_H

#include "city/catalog.h"
#include "store/store.h"

struct pack_finding {
	bool error;   /* false: a warning */
	struct err e; /* where, line, column, field, text */
};
struct pack_report {
	struct pack_finding *finding; /* at most 200 */
	int findings, errors;
	int regions, orgs, things, records, categories, kinds, rules, decisions, flows, indicators;
};
/* Reads and checks a folder without touching anything. 0 even with findings; negative when the folder cannot
 * be read. Report in the arena. */
MUST_USE int pack_check(const char *dir, struct arena *a, struct pack_report *out, struct err *e);
/* Checks, then writes everything in one transaction with a journal entry: files, regions, orgs and records as
 * rows. Installing the same pack again updates rows and keeps what the site added. ERR_INVALID with the first
 * error when the check finds any. */
MUST_USE int pack_install(struct store *st, const char *dir, const char *account, struct arena *a,
        struct pack_report *out, struct err *e);
/* Builds the catalog of what is installed. */
MUST_USE int catalog_load(struct store *st, struct catalog **out, struct err *e);

#endif
