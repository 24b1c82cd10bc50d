/*
 * timescan - a time written as some other system writes it, by a format. Pure.
 *
 * %Y year, %y its last two digits (70 to 69), %m %d %H %M %S with or without a zero before, %f digits of a
 * second, %z +08:00, +0800 or Z, %% a percent sign. A blank is any number of blanks; everything else stands
 * for itself. Hour 24 with nothing after it is the end of the day.
 */
#ifndef HEMING_INGEST_TIMESCAN_H
#define HEMING_INGEST_TIMESCAN_H

#include "base/sb.h"
#include "base/time.h"

/* zone: of a time without %z. False where the text does not fit, or is no time. */
MUST_USE bool time_scan(struct str s, const char *format, const struct zone *zone, time_us *out);
MUST_USE bool time_scan_valid(const char *format);

#endif
