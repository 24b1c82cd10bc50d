/*
 * pages - large pieces of memory that are looked at here and there: tables, and rows of many million entries.
 *
 * From 2 MiB on they are the system's own large pages where it has any (Linux: transparent huge pages), since
 * in a table that is larger than the caches half of what a look-up costs is finding the page that it lies in,
 * and each ordinary page that is touched for the first time is a call into the kernel. Smaller ones are the
 * heap's.
 *
 * Ownership: the caller's, who also remembers the size. Threads: any. Never fails: memory of the process.
 */
#ifndef HEMING_PAGES_H
#define HEMING_PAGES_H

#include "base/base.h"

/* Zeroed. */
void *pages_new(size_t n, size_t size);
void pages_free(void *p, size_t n, size_t size); /* as it was made; p may be NULL */

#endif
