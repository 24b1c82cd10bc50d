/* mini - a whole site with the pack of tests/data/packs/mini and a manual clock, for the tests of rules,
 * alarms, cases and indicators; on SQLite, and on PostgreSQL where HEMING_TEST_POSTGRES names a server. */
#ifndef HEMING_TEST_MINI_H
#define HEMING_TEST_MINI_H

#include "check.h"
#include "city/alarm.h"
#include "city/case.h"
#include "city/indicator.h"
#include "city/pack.h"
#include "city/rule.h"

struct mini {
	struct arena *a;
	const char *store; /* address; NULL: sqlite in the site's folder */
	char *schema;
	struct site *s;
	struct who desk, worker, east, water, leader, viewer; /* east: of the branch works-1001 */
};
/* Tuesday 2026-07-14 08:00 in Shanghai. */
void mini_open(struct mini *m, bool postgres, bool rules);
void mini_close(struct mini *m);
/* Every `old` in the text of its flow becomes `new`; the site opens again with that as the next version. */
void mini_flow(struct mini *m, const char *old, const char *new);
/* Closes and opens the site as a restart would, at the same instant. */
void mini_again(struct mini *m, bool rules);
time_us mini_at(const char *local);               /* "2026-07-14T08:00:00+08:00" */
void mini_set(struct mini *m, const char *local); /* sets the clock and settles */
void mini_reading(struct mini *m, const char *metric, const char *thing, double v);
int64_t mini_case(
        struct mini *m, const char *category, const char *thing); /* opened by the desk; 0 on failure */
struct city_case mini_get(struct mini *m, int64_t id);            /* id 0: the newest */
const char *mini_actions(struct mini *m, int64_t id, const struct who *who);
int mini_do(struct mini *m, int64_t id, const char *action, const struct who *who); /* an action or outcome */
int64_t mini_measure(struct mini *m, const char *measure);  /* sum of the day of the clock */
const char *mini_kinds(struct mini *m, const char *prefix); /* kinds in the journal, in order, by blanks */
const char *mini_history(struct mini *m, int64_t id);       /* actions, by blanks */

#define MINI(name, rules) MINI_AS(TEST, name, rules)
#define LONG_MINI(name, rules) MINI_AS(LONG_TEST, name, rules)
#define MINI_AS(kind, name, rules)                                                                           \
	static void body__##name(struct mini *m);                                                            \
	static void on__##name(bool postgres)                                                                \
	{                                                                                                    \
		struct mini m;                                                                               \
		mini_open(&m, postgres, rules);                                                              \
		if (m.s != NULL)                                                                             \
			body__##name(&m);                                                                    \
		mini_close(&m);                                                                              \
	}                                                                                                    \
	kind(name)                                                                                           \
	{                                                                                                    \
		on__##name(false);                                                                           \
		if (getenv("HEMING_TEST_POSTGRES") != NULL)                                                  \
			on__##name(true);                                                                    \
	}                                                                                                    \
	static void body__##name(struct mini *m)

#endif
