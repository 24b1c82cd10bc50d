/*
 * catalog - what the packs declare, read and checked: kinds, categories, indicators, rules, decisions,
 * flows, forms, calendars. Immutable once built; a site swaps whole catalogs. Any thread.
 *
 * Everything in it lives until catalog_free. Names and codes are NUL-terminated UTF-8, never NULL
 * ("" where a pack says nothing).
 */
#ifndef HEMING_CITY_CATALOG_H
#define HEMING_CITY_CATALOG_H

#include "base/calendar.h"
#include "base/geometry.h"
#include "base/pattern.h"
#include "bpmn/bpmn.h"
#include "city/selector.h"
#include "form/form.h"
#include "promql/promql.h"
#include "series/series.h"

/* ---- record kinds: the typed registers of a trade ---- */

enum field_type {
	FIELD_TEXT,
	FIELD_INTEGER,
	FIELD_DECIMAL,
	FIELD_BOOL,
	FIELD_DATE,
	FIELD_INSTANT,
	FIELD_CODE,      /* one of `options` */
	FIELD_REFERENCE, /* code of a record of kind `ref`, or of "region", "org", or of any "thing" */
	FIELD_PLACE,     /* {"lon":…, "lat":…}, WGS-84 */
	FIELD_FILE,      /* {"file": SHA-256, "name":…, "size": bytes, "type": media type}; see file.h */
};
enum field_means {
	MEANS_ITSELF,
	MEANS_INTERVAL, /* seconds between two messages of the thing's device */
	MEANS_ZONE,     /* name of the time zone that the thing is in */
};
#define INTERVAL_MOST_S (366 * 86400)
struct field_option {
	const char *code, *name, *name_en;
	const char *color; /* "" or a word of the palette: red orange yellow green blue grey */
};
struct field {
	const char *key, *name, *name_en, *unit, *ref, *pattern;
	const char *group, *group_en; /* heading in the form */
	const char *back, *back_en; /* of a reference: how it is called from its other end, "" as the field */
	const char *help, *help_en; /* words below the input */
	const char *check;          /* "", or a rule of base/id_code.h: a failed check is a doubt */
	const char
	        *was; /* keys that this field had in earlier versions of the kind, newest first, by blanks */
	/* It is cut out of this other field: the part-th piece between separators, or what the group of that
	 * number takes where the whole value matches. */
	const char *from, *separator;
	struct pattern *match; /* NULL: by the separator */
	int part;              /* 1 and up */
	const char *dflt;      /* what records without a value get when the field comes in; "" nothing */
	enum field_type type;
	enum field_means means;
	bool required, unique, in_list, searched;
	bool filter;      /* lists can be narrowed by it */
	bool many;        /* a list of values */
	bool tree;        /* a reference to the parent of the same kind: no cycles */
	double min, max;  /* NaN: none */
	int secrecy;      /* 1 public … 4 */
	const char *mask; /* "", "name", "phone", "id", "address", "number": what a reader without clearance
	                     sees */
	struct field_option *option;
	int options;
	int no; /* of its index, 0: none; set by record_index_sync */
};
/* A quantity that things of this kind measure. */
struct quantity {
	const char *metric, *name, *name_en, *unit;
	double low, high; /* the plausible range; NaN: none */
};
/* What every record has beside its kind's fields, and can be sorted by. */
enum record_own { OWN_CODE, OWN_NAME, OWN_STATE, OWN_ORG, OWN_REGION, OWN_CHANGED, OWN_FIELDS };
struct kind {
	const char *code, *name, *name_en, *icon, *description, *pack;
	const char *color; /* of its points on the map */
	const char *key;   /* the field whose value is the record's code when none is given; "" if none */
	bool thing;        /* has a place and perhaps readings; codes are unique over all such kinds */
	int secrecy;       /* clearance that a reader needs to see any of it */
	unsigned write;    /* roles that may change records */
	struct field *field;
	int fields;
	struct field_option *state; /* the first is the state of a new record */
	int states;
	struct quantity *quantity;
	int quantities;
	int interval_s;                          /* between two messages of a device; 0: nobody says */
	const struct zone *zone;                 /* of things that say none; NULL: the site's */
	const char *interval_field, *zone_field; /* where a thing says its own, "" nowhere */
	const char *battery;                     /* the metric that says how full it is, "" none */
	double battery_low;                      /* below it is low; NaN: nobody says */
	struct {                  /* devices nobody knows that become things of this kind by themselves */
		const char *code; /* pattern of their codes, "" none */
		struct pattern *pattern; /* compiled */
		const char *name, *org, *region;
	} adopt;
	int own_no[OWN_FIELDS]; /* numbers of their indexes; set by record_index_sync */
	int text_no;            /* of its words */
};

/* ---- cases ---- */

struct category { /* 案件类别: what decides flow and time limit */
	const char *code, *parent, *name, *name_en, *pack;
	const char *flow; /* process id */
	const char *calendar;
	enum limit_unit unit; /* of the limit for handling */
	double limit;
	int level; /* default alarm level, 1 (red) … 4 (blue) */
};

/* ---- indicators ---- */

struct indicator { /* 指标 */
	const char *code, *name, *name_en, *unit, *pack;
	const char *formula; /* FEEL over measures, e.g. "100 * closed_on_time / closed"; or SQL over views */
	struct feel_expr *expr; /* NULL: it is SQL */
	int line;               /* of the formula, in the pack's indicators.yaml */
	int secrecy;            /* clearance that it takes to know of it: that of the kinds it asks of */
	const char *direction;  /* "up" larger is better, "down" */
	const char *meaning, *source;
	double target; /* NaN: none */
	int decimals;
};

/* ---- rules, decisions, flows ---- */

struct alert_rule { /* one alert of a Prometheus rule file */
	const char *group, *name, *expr_text, *file, *pack;
	int line;
	struct promql_expr *expr;
	dur_us interval, hold, keep_firing; /* evaluation_interval of the group, `for`, `keep_firing_for` */
	dur_us after_gap; /* it notices what is missing: nothing can be said before the site has listened so
	                     long */
	struct label *label; /* severity: "1" … "4" becomes the alarm's level */
	int labels;
	struct label *annotation; /* texts with {{ $value }} and {{ $labels.x }} */
	int annotations;
	/* a plain comparison, checked when a reading arrives */
	bool push;
	const struct matcher *match;
	int matches;
	const char *op;
	double threshold;
};
struct decision_model {
	const char *file, *pack;
	struct dmn_model *model;
};
struct flow_def {
	const char *code; /* process id */
	const char *pack; /* "" where that was not noted when it came */
	const char *file; /* within the pack */
	int version;      /* of this site, from 1; running cases keep theirs */
	time_us at;       /* when it came in */
	bool live;        /* the newest, and its pack still has it: its start events begin cases */
	const char *xml;
	struct bpmn_def *def;
};

struct form_def {
	const char *code, *pack; /* code: id of the schema */
	const char *file;
	const char *json;
	struct form_model *form;
};

struct holiday { /* one date that is not as its weekday */
	int year, month, day;
	int as;           /* the weekday whose shifts it has, 0 Sunday … 6; -1: nobody works */
	const char *name; /* of the holiday or make-up day, "" */
};
/* The holidays of one year, as they were announced. */
struct holiday_table {
	const char *code, *pack, *source, *published;
	int year;
	bool amends; /* an addition to the table of that year, which is another's */
	struct holiday *holiday;
	int holidays;
};
struct named_calendar {
	const char *code, *name, *name_en, *pack;
	const char *table; /* code of the tables that it goes by; "" none */
	int line;          /* of calendars.yaml */
	struct calendar *calendar;
	struct holiday *own; /* beside its tables; the last word */
	int owns;
};
/* How long readings of a class of series are kept; times as in struct series_class. */
struct retention_class {
	const char *code, *name, *name_en, *pack, *file;
	const char *match; /* as written */
	struct series_selector selector;
	dur_us keep, five, hour;
	int line;
};
struct pack_need { /* another pack that must be there first */
	const char *code;
	const char *version; /* range such as ">=1.2 <2"; "" any */
	int line;            /* of pack.yaml */
};
struct pack_info {
	const char *code, *version, *name, *name_en, *hash;
	time_us at; /* when this version came in; TIME_NONE while it is only looked at */
	struct pack_need *need;
	int needs;
};

struct catalog {
	struct arena *arena;
	const struct zone *zone;
	const char *city, *city_en, *region; /* name of the place and code of its root region */
	struct geo_box box;                  /* to show at first */
	struct pack_info *pack;
	int packs;
	struct kind *kind;
	int kinds;
	bool index_stale; /* records must be indexed anew (record_index_sync) before they are written or
	                     listed */
	struct category *category;
	int categories;
	struct indicator *indicator;
	int indicators;
	struct alert_rule *rule;
	int rules;
	struct decision_model *decision;
	int decisions;
	struct flow_def *flow; /* newest version of each first, older ones after */
	int flows;
	struct form_def *form;
	int forms;
	struct named_calendar *calendar;
	int calendars;
	struct holiday_table *table;
	int tables;
	struct retention_class *retention; /* the first that matches a series is the series' */
	int retentions;
};
const struct kind *catalog_kind(const struct catalog *c, const char *code); /* NULL if none; so below */
const struct field *kind_field(const struct kind *k, const char *key);
const struct category *catalog_category(const struct catalog *c, const char *code);
const struct indicator *catalog_indicator(const struct catalog *c, const char *code);
const struct calendar *catalog_calendar(const struct catalog *c, const char *code); /* "" : the first */
/* version 0: the newest. */
const struct flow_def *catalog_flow(const struct catalog *c, const char *code, int version);
const struct form_def *catalog_form(const struct catalog *c, const char *code);
const struct dmn_model *catalog_decision(const struct catalog *c, const char *ref);
void catalog_free(struct catalog **c);

#endif
