/*
 * asset - the files of the web pages, inside the binary, compressed once at build time.
 *
 * The table is generated (tools/embed.c) and sorted by path; it is empty in a build without pages.
 */
#ifndef HEMING_ASSET_H
#define HEMING_ASSET_H

#include "base/base.h"

struct asset {
	const char *path; /* "/index.html" */
	const char *mime;
	const char *etag; /* with quotes */
	const uint8_t *gz;
	size_t gz_n, raw_n;
	bool immutable; /* its name carries a hash: may be cached for a year */
};
/* NULL if there is none. Any thread. */
const struct asset *asset_find(const char *path);

#endif
