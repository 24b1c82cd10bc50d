/* ship_queue - the folder queue/ of a remote engine, for ship.c: everything in it but the logs' bytes. */
#ifndef HEMING_SERIES_SHIP_QUEUE_H
#define HEMING_SERIES_SHIP_QUEUE_H

#include "base/arena.h"
#include "series/index.h"

struct queue_sight {
	struct str place; /* text of the file; STR_NULL: there is none yet */
	struct ids logs;  /* ascending; heap */
	char **name;      /* of all files */
};
const char *queue_dir(struct arena *a, const char *dir);
MUST_USE int queue_place(const char *dir, struct arena *a, struct queue_sight *out, struct err *e);
MUST_USE int queue_list(const char *dir, struct arena *a, struct queue_sight *out, struct err *e);
/* Place and deletions from one folder of readings to another. */
MUST_USE int queue_copy(
        const char *from, const char *to, struct arena *a, const struct queue_sight *w, struct err *e);
/* Removes logs that the engine has had for long, and deletions that it carried out. */
MUST_USE int queue_drop(
        const char *from, const char *to, struct arena *a, const struct queue_sight *w, struct err *e);

#endif
