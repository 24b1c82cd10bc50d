/*
 * case_migrate - running cases go on with another version of their flow. Each case is looked at by itself and
 * moved in a transaction of its own: one that cannot go on keeps its version and is told with every reason.
 */
#include "base/log.h"
#include "city/case_int.h"
#include "store/sql.h"

#define BATCH 200

struct migrating {
	struct site *s;
	const struct case_migration *m;
	const struct who *by;
	const struct flow_def *to;
	struct arena *a; /* of the report */
	struct case_move *move;
};

static void add_reason(void *ctx, const char *element, const char *why)
{
	struct sb *b = ctx;

	sb_printf(b, "%s%s: %s", b->n > 0 ? "; " : "", element, why);
}

/* Rows of open tasks say what their element says now. A task that the desk has for the flow keeps its own
 * words. */
static int rename_tasks(struct stepping *x, struct err *e)
{
	struct bpmn_open *o = NULL;
	size_t n = bpmn_state_open(x->state, x->a, &o);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		struct case_task *t = step__task(x, o[i].key);
		const struct bpmn_element *el =
		        *o[i].process == '\0' ? bpmn_element(x->flow->def, o[i].element) : NULL;
		bool own;

		if (t == NULL || el == NULL)
			continue;
		own = strcmp(t->role, "desk") == 0 && strcmp(t->stage, "service") == 0;
		t->element = el->id;
		t->name = *el->name != '\0' ? el->name : el->id;
		if (!own) {
			t->role = el->role;
			t->stage = el->stage;
			t->outcomes = el->outcomes;
		}
		rc = sql_task_describe(x->tx,
		        &(struct sql_task_describe_in){.case_id = x->c.id,
		                .key = t->key,
		                .element = str_of(t->element),
		                .name = str_of(t->name),
		                .role = str_of(t->role),
		                .stage = str_of(t->stage),
		                .outcomes = str_of(t->outcomes)},
		        NULL, e);
	}
	return rc;
}

static int tell(struct stepping *x, int from, struct err *e)
{
	struct step_entry j;
	int rc = step__history(x, "migrated", "", "",
	        arena_printf(x->a, "%s: %d \xe2\x86\x92 %d", x->flow->code, from, x->flow->version), "", e);

	if (rc < 0)
		return rc;
	step__entry(x, &j);
	jw_kstr(&j.w, "flow", x->flow->code);
	jw_kint(&j.w, "from", from);
	jw_kint(&j.w, "to", x->flow->version);
	return step__entry_end(x, &j, "case.migrated", e);
}

static int move(struct stepping *x, const struct migrating *g, struct err *e)
{
	const struct flow_def *old = x->flow;
	const struct bpmn_input in = {
	        .type = BPMN_MIGRATE, .name = STR_LIT(""), .variables = g->m->renamed, .from = old->def};
	int rc;

	x->flow = g->to;
	x->c.flow_version = g->to->version;
	rc = step__run(x, &in, e);
	if (rc == 0)
		rc = rename_tasks(x, e);
	if (rc == 0)
		rc = sql_case_set_flow_version(x->tx,
		        &(struct sql_case_set_flow_version_in){.id = x->c.id, .flow_version = g->to->version},
		        NULL, e);
	if (rc == 0)
		rc = tell(x, old->version, e);
	return rc == 0 ? step__save(x, false, e) : rc;
}

static int one_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct migrating *g = arg;
	struct case_move *out = g->move;
	struct sb why = SB_INIT;
	struct stepping x = {0};
	int rc = step__load(&x, tx, g->s, g->by, out->id, e);

	out->moved = false;
	out->why = "";
	/* It may have been closed, or moved, since it was listed. */
	if (rc == 0 && strcmp(x.c.state, "open") == 0 && x.c.flow_version == out->from) {
		bpmn_migration_check(g->to->def, x.state, g->m->renamed, add_reason, &why);
		if (why.n > 0)
			out->why = arena_strndup(g->a, why.p, why.n);
		else if (!g->m->look) {
			rc = move(&x, g, e);
			out->moved = rc == 0;
		}
	}
	sb_fini(&why);
	step__end(&x);
	return rc;
}

/* The next open cases of the flow that have not the version they are to have. */
static int list(struct migrating *g, int64_t after, struct case_move *out, int *n, struct err *e)
{
	struct store_tx *tx = NULL;
	struct store_rows *rows = NULL;
	struct sql_case_of_flow_row r;
	int rc = store_read_begin(g->s->store, "cases of a flow", &tx, e);

	*n = 0;
	if (rc < 0)
		return rc;
	rc = sql_case_of_flow_open(tx,
	        &(struct sql_case_of_flow_in){.flow = str_of(g->to->code),
	                .from_ = g->m->from,
	                .to_ = g->to->version,
	                .after_id = after,
	                .limit_ = BATCH},
	        &rows, e);
	while (rc >= 0 && *n < BATCH && (rc = sql_case_of_flow_next(rows, &r, e)) > 0)
		out[(*n)++] = (struct case_move){.id = r.id,
		        .code = arena_strndup(g->a, r.code.p, r.code.n),
		        .from = (int)r.flow_version,
		        .why = ""};
	store_rows_close(&rows);
	store_read_end(&tx);
	return rc < 0 ? rc : 0;
}

int case_migrate(struct site *s, const struct case_migration *m, const struct who *by, struct arena *a,
        void (*told)(void *ctx, const struct case_move *move), void *ctx, struct err *e)
{
	struct migrating g = {
	        .s = s, .m = m, .by = by, .a = a, .to = catalog_flow(s->catalog, m->flow, m->to)};
	struct case_move batch[BATCH];
	int64_t after = 0;
	int n = BATCH, rc = 0;

	if (g.to == NULL)
		return err_set(e, ERR_NOTFOUND,
		        catalog_flow(s->catalog, m->flow, 0) == NULL
		                ? "no flow has the code \"%.100s\""
		                : "the flow \"%.100s\" has no such version",
		        m->flow);
	while (rc == 0 && n == BATCH) {
		rc = list(&g, after, batch, &n, e);
		for (int i = 0; i < n && rc == 0; i++) {
			g.move = &batch[i];
			after = batch[i].id;
			rc = store_write(s->store, "migrate a case", one_write, &g, e);
			if (rc == 0)
				told(ctx, &batch[i]);
			else if (rc == ERR_NOTFOUND) /* not theirs to see */
				rc = 0;
		}
	}
	return rc;
}
