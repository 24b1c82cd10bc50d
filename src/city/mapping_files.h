/* mapping_files - how columns of sheets are to be read (docs/ingest.md), in backups and standbys. Any thread.
 */
#ifndef HEMING_CITY_MAPPING_FILES_H
#define HEMING_CITY_MAPPING_FILES_H

#include "base/err.h"

#define MAPPINGS_FOLDER "mappings" /* in a site's folder; NAME.yaml each */

/* Those that are not in the other site's folder, or are newer; nothing when there are none. */
MUST_USE int mapping_files_copy(const char *from, const char *to, struct err *e);

#endif
