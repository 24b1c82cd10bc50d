/*
 * view_heap - SQLite's memory, counted where a stranger's statement is at work.
 *
 * SQLite knows limits of memory for the process alone. This puts itself between SQLite and malloc before
 * main() begins, and refuses what goes past the budget that the calling thread has entered; SQLite takes that
 * as any other want of memory, and the one statement fails. All other threads are as they were.
 */
#ifndef HEMING_STORE_VIEW_HEAP_H
#define HEMING_STORE_VIEW_HEAP_H

#include "base/base.h"

struct view_heap {
	size_t used, most; /* bytes */
	bool met;          /* something was refused */
};
/* The same thread leaves it again before it calls SQLite for anything else. */
void view_heap_enter(struct view_heap *h);
void view_heap_leave(void);

#endif
