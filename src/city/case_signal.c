/*
 * Signals from case to case. A wait for a signal is a row among the timers of its case whose time is never; a
 * signal that another case sends makes it now, in the transaction of the step that sends it. So all who wait
 * at that moment hear it, however many they are, each in a transaction of its own, and nothing that becomes
 * of one of them comes back to the sender.
 */
#include "city/case_int.h"
#include "store/sql.h"

/* Signals and ids of elements share a column; no id begins so. */
#define MARK '~'

struct wait {
	uint32_t key;
	const char *signal;
};

/* The signal that is waited for there, "" for anything else. */
static const char *signal_of(const struct stepping *x, const struct bpmn_open *o)
{
	const struct flow_def *f = x->flow;
	const struct bpmn_element *el;

	if (o->what != BPMN_OPEN_WAIT)
		return "";
	if (*o->process != '\0')
		f = catalog_flow(x->s->catalog, o->process, o->version);
	el = f != NULL ? bpmn_element(f->def, o->element) : NULL;
	return el != NULL ? el->signal : "";
}

static size_t waits(struct stepping *x, struct wait **out)
{
	struct bpmn_open *o = NULL;
	size_t n = bpmn_state_open(x->state, x->a, &o), kept = 0;
	struct wait *w = arena_array(x->a, n, sizeof(*w));

	for (size_t i = 0; i < n && w != NULL; i++) {
		const char *signal = signal_of(x, &o[i]);

		if (*signal != '\0')
			w[kept++] = (struct wait){o[i].key, signal};
	}
	*out = w;
	return kept;
}

bool step__waits_for_signal(struct stepping *x)
{
	struct wait *w = NULL;

	return waits(x, &w) > 0;
}

/* Takes those that have their row out of w; the keys of rows that nothing waits for any more go to *gone. */
static int compare(
        struct stepping *x, struct wait *w, size_t *n, uint32_t **gone, size_t *n_gone, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_timer_signals_row r = {0};
	size_t cap = 0;
	int rc = sql_timer_signals_open(x->tx, &(struct sql_timer_signals_in){x->c.id}, &rows, e);

	*gone = NULL;
	*n_gone = 0;
	if (rc < 0)
		return rc;
	while ((rc = sql_timer_signals_next(rows, &r, e)) > 0) {
		size_t i = 0;

		while (i < *n && w[i].key != r.key)
			i++;
		if (i < *n) {
			w[i] = w[--*n];
			continue;
		}
		*gone = arena_grow(x->a, *gone, &cap, *n_gone + 1, sizeof(**gone));
		(*gone)[(*n_gone)++] = (uint32_t)r.key;
	}
	store_rows_close(&rows);
	return rc;
}

int step__listen(struct stepping *x, struct err *e)
{
	struct wait *w = NULL;
	size_t n = waits(x, &w), n_gone = 0;
	uint32_t *gone = NULL;
	int rc;

	if (n == 0 && !x->listened)
		return 0;
	rc = compare(x, w, &n, &gone, &n_gone, e);
	for (size_t i = 0; i < n_gone && rc == 0; i++)
		rc = sql_timer_drop(x->tx, &(struct sql_timer_drop_in){x->c.id, gone[i]}, NULL, e);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = sql_timer_put(x->tx,
		        &(struct sql_timer_put_in){.case_id = x->c.id,
		                .key = w[i].key,
		                .element = str_of(arena_printf(x->a, "%c%s", MARK, w[i].signal)),
		                .at = SIGNAL_NEVER},
		        NULL, e);
	return rc;
}

int signal__send(struct store_tx *tx, int64_t but, struct str name, time_us at, struct str variables,
        int *waiting, struct err *e)
{
	struct str element = str_of(arena_printf(store_arena(tx), "%c" STR_FMT, MARK, STR_ARG(name)));
	struct sql_timer_signal_waits_row r = {0};
	int rc = 0;

	if (waiting != NULL) {
		rc = sql_timer_signal_waits(
		        tx, &(struct sql_timer_signal_waits_in){element, SIGNAL_NEVER}, &r, e);
		*waiting = (int)r.n;
	}
	if (rc < 0)
		return rc;
	return sql_timer_signal(tx,
	        &(struct sql_timer_signal_in){.case_id = but,
	                .element = element,
	                .at = at,
	                .never = SIGNAL_NEVER,
	                .variables = variables},
	        NULL, e);
}

int step__send_signal(struct stepping *x, struct str name, struct err *e)
{
	int rc = signal__send(x->tx, x->c.id, name, x->now, STR_LIT(""), NULL, e);

	return rc < 0 ? rc : step__begin_others(x, true, name, NULL, e);
}

bool step__is_signal(struct str element, struct str *name)
{
	if (element.n == 0 || element.p[0] != MARK)
		return false;
	*name = (struct str){element.p + 1, element.n - 1};
	return true;
}

int step__hear(struct stepping *x, struct str name, struct str variables, struct err *e)
{
	struct feel_value brought = {.type = FEEL_CONTEXT};
	const struct bpmn_input in = {.type = BPMN_SIGNAL, .name = name, .variables = &brought};
	const char *kept = arena_strndup(x->a, name.p, name.n);
	struct step_entry j;
	/* Heard once, by all in the case that wait for it; who waits on waits for the next. */
	int rc = sql_timer_heard(x->tx,
	        &(struct sql_timer_heard_in){.case_id = x->c.id,
	                .element = str_of(arena_printf(x->a, "%c%s", MARK, kept)),
	                .never = SIGNAL_NEVER},
	        NULL, e);

	if (rc == 0 && variables.n > 0)
		rc = feel_read_json(x->a, variables, &brought, e);
	if (rc == 0)
		rc = step__history(x, "received", "", "", kept, "", e);
	if (rc < 0)
		return rc;
	step__entry(x, &j);
	jw_kstr(&j.w, "message", kept);
	rc = step__entry_end(x, &j, "case.received", e);
	return rc < 0 ? rc : step__run(x, &in, e);
}
