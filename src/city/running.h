/*
 * running - what takes long on the readings, and may be told to stop: deletions by their id, snapshots.
 *
 * Ownership: entries are those who run. Threads: any. Failure: none.
 */
#ifndef HEMING_CITY_RUNNING_H
#define HEMING_CITY_RUNNING_H

#include "base/base.h"

#include <pthread.h>

#define RUNNING_SNAPSHOT 0 /* the id of all snapshots; no deletion has it */

struct running {
	struct running *next;
	int64_t id;
	bool stop; /* atomic; what the engine polls */
};
struct runs {
	pthread_mutex_t lock;
	struct running *first;
};
void runs_init(struct runs *r);
void runs_fini(struct runs *r);
void runs_begin(struct runs *r, struct running *x, int64_t id);
void runs_end(struct runs *r, struct running *x);
/* How many of that id were told to stop. */
int runs_stop(struct runs *r, int64_t id);
int runs_count(struct runs *r, int64_t id);

#endif
