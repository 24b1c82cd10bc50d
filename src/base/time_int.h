/* The inside of zones, for time.c and its tests. */
#ifndef HEMING_TIME_INT_H
#define HEMING_TIME_INT_H

#include "base/time.h"

/* Reads the bytes of a TZif file. The caller owns *out and frees it with zone__free; zones that
 * zone_load() gave are never freed. ERR_CORRUPT if the bytes are not a whole TZif file. */
MUST_USE int zone__from_tzif(const char *name, struct str tzif, struct zone **out, struct err *e);
void zone__free(struct zone **z);

#endif
