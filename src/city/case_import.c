/* case_import - cases that were opened, and perhaps closed, somewhere else. */
#include "city/case_int.h"
#include "store/sql.h"

#define STEPS_MAX 16 /* a flow that asks for more by first outcomes goes in circles; it is left open then */

struct importing {
	struct site *s;
	const struct case_import *in;
	int n;
	const struct who *by;
	int known;
};

/* Completes whatever is open, at the time of closing. */
static int close_as_told(struct store_tx *tx, struct importing *m, int64_t id, time_us at, struct err *e)
{
	struct stepping x;
	int rc = step__load(&x, tx, m->s, m->by, id, e);

	x.now = at;
	for (int i = 0; rc == 0 && i < STEPS_MAX && strcmp(x.c.state, "open") == 0 && x.tasks > 0; i++) {
		struct str rest = str_of(x.task[0].outcomes), first = str_cut(&rest, ' ');
		struct feel_value v = {.type = FEEL_CONTEXT};
		const struct bpmn_input done = {.type = BPMN_COMPLETE, .key = x.task[0].key, .variables = &v};

		if (first.n > 0)
			feel_put(x.a, &v, STR_LIT("outcome"), feel_string(first));
		x.outcome = arena_strndup(x.a, first.p != NULL ? first.p : "", first.n);
		rc = step__run(&x, &done, e);
	}
	if (rc == 0)
		rc = step__save(&x, false, e);
	step__end(&x);
	return rc;
}

static int import_all(struct store_tx *tx, void *arg, struct err *e)
{
	struct importing *m = arg;

	m->known = 0;
	for (int i = 0; i < m->n; i++) {
		const struct case_import *in = &m->in[i];
		struct sql_case_import_find_row row;
		int64_t id = 0;
		int rc = sql_case_import_find(tx,
		        &(struct sql_case_import_find_in){str_of(in->open.source), str_of(in->key)}, &row, e);

		if (rc > 0) {
			m->known++;
			continue;
		}
		if (rc == 0)
			rc = case_open_in(tx, m->s, &in->open, m->by, &id, e);
		if (rc == 0)
			rc = sql_case_import_add(tx,
			        &(struct sql_case_import_add_in){.source = str_of(in->open.source),
			                .key = str_of(in->key),
			                .case_id = id},
			        NULL, e);
		if (rc == 0 && in->closed != TIME_NONE)
			rc = close_as_told(tx, m, id, in->closed, e);
		if (rc < 0)
			return err_prefix(e, "number %s", in->key);
	}
	return 0;
}

int case_import(
        struct site *s, const struct case_import *in, int n, const struct who *by, int *known, struct err *e)
{
	struct importing m = {.s = s, .in = in, .n = n, .by = by};
	int rc = store_write(s->store, "import cases", import_all, &m, e);

	if (rc == 0 && known != NULL)
		*known += m.known;
	return rc;
}
