/*
 * pack - a folder of plain files that declares a city or a scene, and its way into a site.
 *
 * pack.yaml                 code, version, name, name_en, requires; for a city also zone, region, box
 * regions.csv               code,parent,level,name,name_en,lon,lat,unit,zone   (unit 1: it reports 报送单元)
 * regions.geojson           areas by property `code`
 * orgs.csv                  code,parent,kind,region,name,name_en,phone,duties
 * categories.csv            code,parent,name,name_en,flow,calendar,limit,level   (limit "4 work_hour")
 * calendars.yaml            named working calendars: shifts, holidays and make-up days of their own
 * holidays/NAME.yaml        the holidays of one year, for the calendars that name their table
 * kinds/NAME.yaml           one record kind each
 * records/KIND.csv          code,name,name_en,state,org,region,lon,lat,demo + the kind's fields
 * things/KIND.csv           the same, for kinds of things
 * rules/NAME.yaml           Prometheus rule files
 * decisions/NAME.dmn        DMN
 * flows/NAME.bpmn           BPMN, one process each
 * forms/NAME.form           form-js schemas, by whose id the user tasks of flows name them
 * indicators.yaml           indicators
 * retention.yaml            classes of series, and how long their readings are kept
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
/* What an upgrade means for what the site has. */
enum pack_news {
	PACK_CONFLICT,   /* pack and site changed a value differently: the site's stays */
	PACK_KEPT,       /* the pack has the row no longer, but it stays; words say why */
	PACK_RENAMED,    /* n values move to the field from the one in `was` */
	PACK_SPLIT,      /* n values are cut out of the field in `was` */
	PACK_UNCUT,      /* out of n values of it nothing can be cut; code: the first such record */
	PACK_RETYPED,    /* n values are read anew, since the field's type changed */
	PACK_UNREADABLE, /* one of them that cannot be: it stays in the record's history only */
	PACK_RETIRED,    /* n values of a field that is gone: they stay in the history only */
	PACK_FILLED,     /* n records get the default */
	PACK_LACKING,    /* n records have no value, and the kind asks for one now */
	PACK_UNFIT,      /* n values are not what the field allows now; they stay */
	PACK_DOUBLE,     /* n values are another record's, too, and must be unique now; they stay */
	PACK_STATELESS,  /* n records are in a state that the kind has no longer; they stay in it */
	PACK_NEWS,
};
extern const char *const pack_news_names[PACK_NEWS]; /* "conflict" … */
struct pack_change {
	enum pack_news what;
	const char *part;  /* "region", "org" or a kind */
	const char *code;  /* of the row; "" where the whole kind is meant */
	const char *field; /* "": the whole row */
	const char *was;   /* the pack's value of last time, as JSON; the earlier field; the value not read */
	const char *site, *now; /* of a conflict: what the site has, what the pack says now */
	const char *words;
	int64_t n;
};
struct pack_report {
	struct pack_finding *finding; /* at most 200 */
	int findings, errors;
	int regions, orgs, things, records, categories, kinds, rules, decisions, flows, indicators;
	const char *code, *version;
	const char *from;           /* version that was there; "" if none */
	struct pack_change *change; /* at most 1,000 */
	int changes;
	int64_t untold;                                         /* further ones */
	int64_t added, changed, same, removed, kept, conflicts; /* rows of regions, orgs and registers */
	int64_t moved; /* records that were brought to the new form of their kind */
};
/* Reads and checks a folder without touching anything. 0 even with findings; negative when the folder cannot
 * be read. Report in the arena. */
MUST_USE int pack_check(const char *dir, struct arena *a, struct pack_report *out, struct err *e);

/* "90d", "10y", "forever"; false for anything else, and for less than an hour. */
bool retention_span(struct str s, dur_us *out);

struct pack_options {
	const char *account;
	bool look;      /* nothing is written: the report tells what would be */
	bool upgrade;   /* only over an earlier installation */
	bool downgrade; /* also over a newer version */
	bool served; /* others read the site with the catalog of before: records may not change their form */
	void (*tell)(void *ctx, const char *what, int64_t done, int64_t total); /* progress; NULL at will */
	void *ctx;
};
/*
 * Checks a pack against the site, then writes everything in one transaction with journal entries, or nothing:
 * catalog and records must say the same at any time, and an upgrade that was stopped half-way would leave
 * records in two forms. Over an earlier version
 *   - rows (regions, orgs, registers) are compared three ways, value by value: what only the pack changed is
 *     taken, what only the site changed stays, what both changed differently stays and is told;
 *   - rows that the pack has no longer go, unless the site changed them or something refers to them;
 *   - records of kinds whose fields were renamed, cut, retyped or retired are brought to the new form.
 * ERR_INVALID with the first error when the check finds any (what it requires is missing, too); ERR_NOTFOUND
 * for an upgrade of nothing; ERR_PRECONDITION over a newer version; ERR_STATE if records would change their
 * form while the site is served.
 */
MUST_USE int pack_apply(struct store *st, const char *dir, const struct pack_options *o, struct arena *a,
        struct pack_report *out, struct err *e);
/* The plain case of it. */
MUST_USE int pack_install(struct store *st, const char *dir, const char *account, struct arena *a,
        struct pack_report *out, struct err *e);
/* Takes a pack and what it brought out again. ERR_CONFLICT, with all reasons as findings, while others need
 * it, the site has records of its kinds, or cases, accounts and rows of others refer to what it brought. */
MUST_USE int pack_remove(struct store *st, const char *code, const char *account, struct arena *a,
        struct pack_report *out, struct err *e);
/* The packs of a site in the order of their installation, with what they require. */
MUST_USE int pack_list(struct store *st, struct arena *a, struct pack_info **out, int *n, struct err *e);
/* Builds the catalog of what is installed. */
MUST_USE int catalog_load(struct store *st, struct catalog **out, struct err *e);

#endif
