/*
 * mapping - which column of a sheet is what: CSV, as loggers and other systems export it, becomes readings.
 * Pure. Sheets are read by it in ingest/sheet.h.
 *
 *   separator: ","                 also tab and ;
 *   skip: 2                        lines before the row with the names
 *   header: true                   false: columns are told by number, from 1
 *   decimal: "."                   or ","; then . and blanks between digits mean nothing
 *   thousands: ","                 what stands between thousands, if anything
 *   none: [NA, "-", "—"]           words that are no reading, besides the empty one
 *   time:
 *     columns: [日期, 时刻]         joined by a blank (or column: ONE)
 *     format: "%Y/%m/%d %H:%M"     without: RFC 3339, a number since 1970 as in payload.h, or as spreadsheets
 *                                  write it: 2026-07-14 8:00, 2026/7/14 8:00:00, 2026年7月14日 8时
 *     zone: Asia/Shanghai          where the time says none; without: the site's
 *   thing:
 *     code: AQ-01                  all rows are of one thing; or
 *     column: 站点                  of the one whose code stands there; with
 *     attribute: serial            of the one with this attribute; or with
 *     codes: {奥体中心: AQ-01}       as this says
 *   readings:                      a wide sheet: a column a metric
 *     - {column: PM2.5, metric: pm25, factor: 1000, offset: 0, states: false}
 *   metric: {column: 项目, names: {PM2.5: pm25}}     a long sheet: a row a reading
 *   value: {column: 数值, factor: 1, offset: 0, states: false}
 *
 * A value is factor * what stands there + offset; with states texts are kept as states, else they are
 * refused. In a format there are %Y %y %m %d %H %M %S %f %z (ingest/timescan.h). Without a mapping the names
 * say it: time or 时间 or …, thing or 设备编号 or …, and metric and value; all other columns are metrics.
 */
#ifndef HEMING_INGEST_MAPPING_H
#define HEMING_INGEST_MAPPING_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"

struct mapping; /* of one arena */
MUST_USE int mapping_read(
        struct arena *a, struct str yaml, const char *name, struct mapping **out, struct err *e);
/* The attribute by which things are told, or NULL. */
const char *mapping_attribute(const struct mapping *m);

#endif
