/*
 * line - InfluxDB line protocol, one line at a time, in place. Pure.
 *
 *   measurement,tag=value,tag=value field=1.5,other=2i,on=true,text="x" 1465839830100400200
 *
 * Names and tag values keep their escapes as written; line_unescape takes them off. Lines that begin with #
 * and blank lines are skipped. A quoted text may hold line breaks. A line is good as a whole or bad as a
 * whole. Reference: InfluxDB v1 "Line protocol reference" and v2 "Line protocol"; tried on InfluxData's
 * corpus.
 */
#ifndef HEMING_INGEST_LINE_H
#define HEMING_INGEST_LINE_H

#include "base/time.h"

#define LINE_TAGS 256
#define LINE_FIELDS 512

enum line_type { LINE_FLOAT, LINE_INT, LINE_UINT, LINE_BOOL, LINE_TEXT };
struct line_pair {
	struct str name, value; /* as written; value of a text without its quotes */
	enum line_type type;    /* of fields */
	double number;          /* of fields but texts; booleans are 1 and 0 */
};
struct line {
	int no;            /* of its first line, 1-based */
	struct str series; /* measurement and tags as written: one key of one set of series */
	struct str measurement;
	struct line_pair tag[LINE_TAGS];
	int tags;
	struct line_pair field[LINE_FIELDS];
	int fields;
	bool timed;
	struct str stamp; /* digits as written */
	time_us t;        /* TIME_NONE without a stamp */
};
enum line_unit { LINE_NS, LINE_US, LINE_MS, LINE_S, LINE_M, LINE_H };
struct line_reader {
	const char *p, *end;
	int no;
	enum line_unit unit;
	const char *bad; /* words after -1 */
};
void line_init(struct line_reader *r, struct str text, enum line_unit unit);
/* "ns" "n" "us" "u" "µ" "ms" "s" "m" "h"; "" is ns. */
MUST_USE bool line_unit_parse(struct str s, enum line_unit *out);
/* 1 and a line, 0 at the end, -1 for a bad line (out->no and r->bad); reading goes on with the next. */
int line_next(struct line_reader *r, struct line *out);

/*
 * The end of a line whose series and first field are known, so that it need not be taken apart: p behind the
 * = of the field. Knows numbers and stamps as most are written; where anything else comes it says NULL, and
 * the line is to be read by line_next().
 */
const char *line_value(const char *p, const char *end, double *out); /* to what ends it: blank, comma or \n */
/* From that on, where it is no comma; to the start of the next line. TIME_NONE without a stamp. */
const char *line_stamp(const char *p, const char *end, enum line_unit unit, time_us *out);

enum line_part { LINE_MEASUREMENT, LINE_NAME, LINE_STRING };
/* Takes escapes off into out (at least s.n bytes); returns the length. */
size_t line_unescape(enum line_part part, struct str s, char *out);

#endif
