/* Timers of flows, the deadline that every case has whatever its flow says, and signals that wait to be
 * heard. */
#include "city/case_int.h"

#include "base/log.h"
#include "base/metric.h"
#include "store/sql.h"

struct firing {
	struct site *s;
	int64_t case_id;
	uint32_t key;
	time_us at;
	bool fired, overdue, closed;
};

/* The row is the truth: a timer that somebody else fired, or that a step took away, is gone from there. */
static int fire_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct firing *f = arg;
	const struct bpmn_input in = {.type = BPMN_TIMER, .key = f->key, .name = STR_LIT("")};
	struct sql_timer_get_row row;
	struct stepping x = {0};
	struct str signal = STR_NULL, variables = STR_NULL;
	int rc;

	f->fired = f->overdue = f->closed = false;
	rc = sql_timer_get(tx, &(struct sql_timer_get_in){f->case_id, f->key}, &row, e);
	if (rc <= 0 || row.at > store_now(tx))
		return rc < 0 ? rc : 0;
	if (step__is_signal(row.element, &signal)) {
		signal.p = arena_strndup(store_arena(tx), signal.p, signal.n);
		variables = (struct str){
		        arena_strndup(store_arena(tx), row.variables.p, row.variables.n), row.variables.n};
	}
	rc = step__load(&x, tx, f->s, &who_system, f->case_id, e);
	if (rc < 0)
		goto out;
	if (signal.p != NULL)
		rc = step__hear(&x, signal, variables, e);
	else {
		rc = sql_timer_drop(tx, &(struct sql_timer_drop_in){f->case_id, f->key}, NULL, e);
		if (rc == 0)
			rc = f->key == 0 ? step__mark_overdue(&x, e) : step__run(&x, &in, e);
	}
	if (rc == 0)
		rc = step__save(&x, false, e);
	f->fired = rc == 0;
	f->overdue = rc == 0 && x.overdue_now;
	f->closed = rc == 0 && x.closed_now;
out:
	step__end(&x);
	return rc;
}

static int first_timers(struct site *s, int limit, struct firing *f, int *n, struct err *e)
{
	struct store_tx *tx = NULL;
	struct store_rows *rows = NULL;
	struct sql_timer_first_row r;
	int rc = store_read_begin(s->store, "look for timers", &tx, e);

	*n = 0;
	if (rc < 0)
		return rc;
	rc = sql_timer_first_open(tx, &(struct sql_timer_first_in){limit}, &rows, e);
	while (rc >= 0 && *n < limit && (rc = sql_timer_first_next(rows, &r, e)) > 0)
		f[(*n)++] = (struct firing){.s = s, .case_id = r.case_id, .key = (uint32_t)r.key, .at = r.at};
	store_rows_close(&rows);
	store_read_end(&tx);
	return rc < 0 ? rc : 0;
}

/* A flow that cannot be stepped must not stop the others' timers: it is put off, and told. */
static int put_off(struct store_tx *tx, void *arg, struct err *e)
{
	const struct firing *f = arg;

	return sql_timer_later(tx,
	        &(struct sql_timer_later_in){
	                .case_id = f->case_id, .key = f->key, .at = store_now(tx) + US_HOUR},
	        NULL, e);
}

bool step__passes(int rc)
{
	return rc == ERR_UNAVAILABLE || rc == ERR_BUSY || rc == ERR_FULL || rc == ERR_IO ||
	       rc == ERR_CANCELLED || rc == ERR_TIMEOUT;
}

int case_timers(struct site *s, time_us now, int limit, int *fired, time_us *next, struct err *e)
{
	int n = 0, want = limit + 1, rc;
	struct firing *f = xcalloc((size_t)want, sizeof(*f));

	*fired = 0;
	*next = TIME_NONE;
	rc = first_timers(s, want, f, &n, e);
	for (int i = 0; rc == 0 && i < n; i++) {
		struct err why = ERR_INIT;

		if (f[i].at > now || i == limit) {
			*next = f[i].at;
			break;
		}
		rc = store_write(s->store, "fire a timer", fire_write, &f[i], &why);
		if (rc < 0 && !step__passes(rc)) {
			LOG(RULE_FAULT, log_s("what", "timer"), log_i("case", f[i].case_id),
			        log_s("why", why.text));
			rc = store_write(s->store, "put a timer off", put_off, &f[i], &why);
		}
		if (rc < 0 && e != NULL)
			*e = why;
		if (rc == 0 && f[i].fired) {
			++*fired;
			metric_add(METRIC_FLOW_STEPS, 1);
		}
		if (rc == 0 && f[i].overdue) {
			metric_add(METRIC_CASES_OVERDUE, 1);
			LOG(CASE_OVERDUE, log_i("case", f[i].case_id));
		}
		if (rc == 0 && f[i].closed) {
			metric_add(METRIC_CASES_CLOSED, 1);
			metric_add(METRIC_CASES_OPEN, -1);
		}
	}
	free(f);
	return rc;
}
