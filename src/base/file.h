/*
 * file - whole files, safely.
 */
#ifndef HEMING_FILE_H
#define HEMING_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"

/* Reads a regular file of at most max_b bytes into the arena; NUL-terminated. */
MUST_USE int file_read(struct arena *a, const char *path, size_t max_b, struct str *out, struct err *e);
/* Writes beside the target, syncs, renames over it, syncs the folder: all or nothing. */
MUST_USE int file_write(const char *path, const void *p, size_t n, int mode, struct err *e);
/* The bytes of one file into another, synced; what is there is replaced. Not of a database that is open. */
MUST_USE int file_copy(const char *from, const char *to, int mode, struct err *e);
/* mkdir -p with mode 0750. */
MUST_USE int file_mkdirs(const char *path, struct err *e);
MUST_USE int file_sync_dir(const char *path, struct err *e);
/* write(2) until all is written; ENOSPC becomes ERR_FULL. */
MUST_USE int file_write_all(int fd, const void *p, size_t n, struct err *e);
bool file_exists(const char *path);
int64_t file_free_b(const char *path); /* bytes free on its file system, -1 if not known */
/* Names in a folder, sorted bytewise, without . and ..; NULL-ended array in the arena. */
MUST_USE int file_list(struct arena *a, const char *path, char ***out, struct err *e);
char *path_join(struct arena *a, const char *dir, const char *name);
/* gunzip or inflate of at most max_b bytes out: a bomb is ERR_TOOBIG, torn data ERR_INVALID. */
MUST_USE int gunzip(struct arena *a, struct str in, size_t max_b, struct str *out, struct err *e);

#endif
