/*
 * leak - asks everything that the tables of routes and kinds let a reader ask, and keeps the answers, so that
 * those of two cities can be held against each other.
 *
 * What is asked is made from the tables: every route with every kind, every code and id of the list that its
 * path takes, and each of its query parameters with each of the words below; lists are walked page by page. A
 * route with a parameter or a body that nobody has taught (leak_asks.c) fails the test.
 */
#ifndef HEMING_TEST_LEAK_H
#define HEMING_TEST_LEAK_H

#include "door.h"

#define LEAK_IDS 64
struct leak_ids { /* of what there is in either city, as texts */
	char cases[LEAK_IDS][24], alarms[LEAK_IDS][24], changesets[LEAK_IDS][24];
	char codes[LEAK_IDS][24]; /* of cases */
	int n_cases, n_alarms, n_changesets, n_codes;
};
struct leak_answers { /* of one city, in the order in which they were asked */
	struct leak_answer {
		char *what, *said;
	} * v;
	size_t n, cap;
	const struct leak_answers *against; /* each new answer must be this one's; NULL: the first city */
	int told;                           /* differences that were reported */
};

/* Everything that is read, as this reader. reader: in messages; token: as sign_in gives it. */
void leak_read(struct leak_answers *x, const struct city *t, const struct leak_ids *ids, const char *reader,
        const char *token);
/* Everything that is written, at what the reader must not see. */
void leak_write(struct leak_answers *x, const struct city *t, const struct leak_ids *ids, const char *reader,
        const char *token);
/* Something else that a reader was told. */
void leak_note(struct leak_answers *x, const char *what, const char *words);
void leak_free(struct leak_answers *x);

#endif
