/*
 * selection - which series match, remembered from one query to the next.
 *
 * A page asks the same selectors again and again, and which series they find rarely changes. A selection is
 * what a set of matchers found, and stands as long as the index and what the virtual labels are made of do:
 * both count their changes. Series that are hidden are among it; who reads them looks at that.
 *
 * Labels lie side by side in the order of the series, equal texts once. Those of a selection that is taken
 * live as long as the arena it is taken into.
 *
 * Bounded by number and bytes; what nobody asked for since longest goes. Threads: any. No errors: what is
 * too large is not remembered.
 */
#ifndef HEMING_SERIES_SELECTION_H
#define HEMING_SERIES_SELECTION_H

#include "base/labels.h"

#include <pthread.h>

#define SELECTIONS 64

struct found {
	const uint32_t *id;
	const struct labels *labels;
	size_t n;
};
struct selection;
struct selections {
	pthread_mutex_t lock;
	struct selection_slot {
		uint64_t hash; /* of the matchers; these are compared only where it is the same */
		uint64_t used;
		struct selection *s;
	} slot[SELECTIONS];
	size_t n, bytes, most_b;
	uint64_t clock;
	uint64_t hits, misses;
};
/* What a selection is good for. */
struct selection_age {
	uint64_t index, virt;
};

void selections_init(struct selections *s, size_t most_b);
void selections_fini(struct selections *s); /* what arenas still have is theirs */

/* True, and what was found, if the matchers were asked at that age. */
bool selections_take(struct selections *s, const struct matcher *m, int n, struct selection_age age,
        struct arena *a, struct found *out);
/* Remembers what was found since that age; *f then is the copy that stays, taken into a. False: it is too
 * large, and *f as it was. */
bool selections_put(struct selections *s, const struct matcher *m, int n, struct selection_age age,
        struct arena *a, struct found *f);

#endif
