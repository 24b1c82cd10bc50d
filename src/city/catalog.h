/*
 * catalog - what the packs declare, read and checked: kinds, categories, indicators, rules, decisions,
 * flows, calendars. Immutable once built; a site swaps whole catalogs. Any thread.
 *
 * Everything in it lives until catalog_free. Names and codes are NUL-terminated UTF-8, never NULL
 * ("" where a pack says nothing).
 */
#ifndef HEMING_CITY_CATALOG_H
#define HEMING_CITY_CATALOG_H

#include "base/calendar.h"
#include "base/geometry.h"
#include "bpmn/bpmn.h"
#include "promql/promql.h"

/* ---- record kinds: the typed registers of a trade ---- */

enum field_type {
	FIELD_TEXT,
	FIELD_INTEGER,
	FIELD_DECIMAL,
	FIELD_BOOL,
	FIELD_DATE,
	FIELD_INSTANT,
	FIELD_CODE,      /* one of `options` */
	FIELD_REFERENCE, /* code of a record of kind `ref`, or of "region", "org" */
	FIELD_PLACE,     /* {"lon":…, "lat":…}, WGS-84 */
};
struct field_option {
	const char *code, *name, *name_en;
};
struct field {
	const char *key, *name, *name_en, *unit, *ref, *pattern;
	enum field_type type;
	bool required, unique, in_list, searched;
	double min, max;  /* NaN: none */
	int secrecy;      /* 1 public … 4 */
	const char *mask; /* "", "name", "phone", "id", "address", "number": what a reader without clearance
	                     sees */
	struct field_option *option;
	int options;
};
/* A quantity that things of this kind measure. */
struct quantity {
	const char *metric, *name, *name_en, *unit;
	double low, high; /* the plausible range; NaN: none */
};
struct kind {
	const char *code, *name, *name_en, *icon;
	bool thing; /* has a place and perhaps readings */
	struct field *field;
	int fields;
	struct quantity *quantity;
	int quantities;
};

/* ---- cases ---- */

struct category { /* 案件类别: what decides flow and time limit */
	const char *code, *parent, *name, *name_en;
	const char *flow; /* process id */
	const char *calendar;
	enum limit_unit unit; /* of the limit for handling */
	double limit;
	int level; /* default alarm level, 1 (red) … 4 (blue) */
};

/* ---- indicators ---- */

struct indicator { /* 指标 */
	const char *code, *name, *name_en, *unit;
	const char *formula; /* FEEL over measures, e.g. "100 * closed_on_time / closed" */
	struct feel_expr *expr;
	const char *direction; /* "up" larger is better, "down" */
	const char *meaning, *source;
	double target; /* NaN: none */
	int decimals;
};

/* ---- rules, decisions, flows ---- */

struct alert_rule { /* one alert of a Prometheus rule file */
	const char *group, *name, *expr_text, *file;
	int line;
	struct promql_expr *expr;
	dur_us interval, hold, keep_firing; /* evaluation_interval of the group, `for`, `keep_firing_for` */
	struct label *label;                /* severity: "1" … "4" becomes the alarm's level */
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
	const char *file;
	struct dmn_model *model;
};
struct flow_def {
	const char *code; /* process id */
	int version;      /* of this site, from 1; running cases keep theirs */
	const char *xml;
	struct bpmn_def *def;
};

struct named_calendar {
	const char *code;
	struct calendar *calendar;
};
struct pack_info {
	const char *code, *version, *name, *name_en, *hash;
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
	struct named_calendar *calendar;
	int calendars;
};
const struct kind *catalog_kind(const struct catalog *c, const char *code); /* NULL if none; so below */
const struct category *catalog_category(const struct catalog *c, const char *code);
const struct indicator *catalog_indicator(const struct catalog *c, const char *code);
const struct calendar *catalog_calendar(const struct catalog *c, const char *code); /* "" : the first */
/* version 0: the newest. */
const struct flow_def *catalog_flow(const struct catalog *c, const char *code, int version);
const struct dmn_model *catalog_decision(const struct catalog *c, const char *ref);
void catalog_free(struct catalog **c);

#endif
