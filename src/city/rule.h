/*
 * rule - evaluates the alert rules of the catalog and fires the timers of flows, on one thread.
 *
 * An alert follows Prometheus: inactive -> pending (`for`) -> firing -> resolved (`keep_firing_for`). A rule
 * is evaluated on its group's interval; a plain comparison is looked at again at once when a reading of one
 * of its series arrives, so that a gas leak does not wait for the interval. Both ways lead through one state
 * machine per (rule, label set), so that an alarm is never doubled. Evaluation time is the clock's.
 *
 * A reading that is older than the lookback, or older than the series' newest, starts nothing: a gateway that
 * was offline for an hour must not open sixty cases.
 *
 * State of pending and firing alerts is in the alarm table and read back at start.
 */
#ifndef HEMING_CITY_RULE_H
#define HEMING_CITY_RULE_H

#include "city/site.h"

/* site->store, catalog, registry must be there; series may be set later, before rules_start. */
MUST_USE int rules_new(struct site *s, struct rules **out, struct err *e);
void rules_free(struct rules **r);
/* For series_options: ctx is the struct rules. Cheap: finds compiled checks by series id, and sends a message
 * to the thread when a check changes. */
void rules_observe(void *ctx, const struct series_point *p, size_t n, bool replay);
MUST_USE int rules_start(struct rules *r, struct err *e);
void rules_stop(struct rules *r);
/* Evaluates everything that is due now, and waits for it. */
MUST_USE int rules_settle(struct rules *r, struct err *e);
/* The storage that evaluates queries over the site's series, with the scope of `who` as one more matcher. */
#define HEALTH_METRIC "heming_thing_health"
struct promql_storage site_promql(struct site *s);
/* Puts the reader's scope on an expression: regions, orgs, and no things of kinds above the clearance. */
MUST_USE int site_promql_scope(
        struct site *s, struct arena *a, struct promql_expr *x, const struct who *who, struct err *e);
/* Whether that leaves all series in sight. */
bool site_promql_sees_all(const struct site *s, const struct who *who);

struct rule_view { /* for /api/v1/rules */
	const struct alert_rule *rule;
	time_us last_eval;
	dur_us took;
	char error[256];
	int pending, firing;
};
/* In the arena. */
MUST_USE int rules_view(struct rules *r, struct arena *a, struct rule_view **out, int *n, struct err *e);

#endif
