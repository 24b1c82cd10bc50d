#include "city/record_batch.h"
#include "base/json.h"
#include "city/record_int.h"

#include <pthread.h>

#define PART 2000      /* rows of one transaction */
#define MERGE_MAX 1000 /* records that refer to a double */

#define BATCH_OF(a, r)                                                                                       \
	((struct record_batch){(r).id, record__keep(a, (r).kind), record__keep(a, (r).what),                 \
	        record__keep(a, (r).title), record__keep(a, (r).state), record__keep(a, (r).account),        \
	        (r).created, (r).ended, (r).total, (r).added, (r).changed, (r).same, (r).refused, (r).done,  \
	        (r).failed})
#define ROW_OF(a, r)                                                                                         \
	((struct record_batch_row){(r).line, record__keep(a, (r).code), record__keep(a, (r).verdict),        \
	        record__keep(a, (r).row), (r).rev, record__keep(a, (r).field), record__keep(a, (r).words),   \
	        record__keep(a, (r).words_zh)})

/* ---- looking ---- */

static bool may_see(const struct catalog *c, const struct who *who, const struct record_batch *b)
{
	const struct kind *k = catalog_kind(c, b->kind);

	return k != NULL && record_may_write(k, who) &&
	       ((who->scope.regions == NULL && who->scope.orgs == NULL) ||
	               strcmp(b->account, who->login) == 0);
}

int record_batch_get(struct store_tx *tx, struct arena *a, const struct catalog *c, const struct who *who,
        int64_t id, struct record_batch *out, struct err *e)
{
	struct sql_record_batch_get_row r;
	int rc = sql_record_batch_get(tx, &(struct sql_record_batch_get_in){id}, &r, e);

	if (rc < 0)
		return rc;
	if (rc > 0)
		*out = BATCH_OF(a, r);
	return rc > 0 && may_see(c, who, out) ? 0 : err_set(e, ERR_NOTFOUND, "no change set has this id");
}

int record_batch_list(struct store_tx *tx, struct arena *a, const struct catalog *c, const struct who *who,
        const char *kind, int64_t before, int limit, struct record_batch **out, int *n, struct err *e)
{
	struct sql_record_batch_page_row r;
	struct store_rows *rows = NULL;
	struct sb kinds = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &kinds);
	jw_array(&w);
	for (int i = 0; i < c->kinds; i++)
		if ((kind == NULL || strcmp(kind, c->kind[i].code) == 0) &&
		        record_may_write(&c->kind[i], who))
			jw_cstr(&w, c->kind[i].code);
	jw_array_end(&w);
	*out = arena_array(a, (size_t)limit, sizeof(**out));
	*n = 0;
	rc = sql_record_batch_page_open(tx,
	        &(struct sql_record_batch_page_in){.kinds = sb_str(&kinds),
	                .before = before == 0 ? INT64_MAX : before,
	                .limit_ = 4 * limit},
	        &rows, e);
	while (rc == 0 && *n < limit && (rc = sql_record_batch_page_next(rows, &r, e)) > 0) {
		struct record_batch b = BATCH_OF(a, r);

		rc = 0;
		if (may_see(c, who, &b))
			(*out)[(*n)++] = b;
	}
	store_rows_close(&rows);
	sb_fini(&kinds);
	return rc < 0 ? rc : 0;
}

int record_batch_rows(struct store_tx *tx, struct arena *a, const struct record_batch *b, const char *verdict,
        int64_t after, int limit, struct record_batch_row **out, int *n, struct err *e)
{
	struct sql_record_batch_rows_row r;
	struct store_rows *rows = NULL;
	int rc;

	*out = arena_array(a, (size_t)limit, sizeof(**out));
	*n = 0;
	rc = sql_record_batch_rows_open(tx,
	        &(struct sql_record_batch_rows_in){
	                .batch = b->id, .after = after, .verdict = str_of(verdict), .limit_ = limit},
	        &rows, e);
	while (rc == 0 && (rc = sql_record_batch_rows_next(rows, &r, e)) > 0) {
		(*out)[(*n)++] = ROW_OF(a, r);
		rc = 0;
	}
	store_rows_close(&rows);
	return rc;
}

/* ---- one part of a run ---- */

struct part {
	struct site *s;
	const struct who *by;
	const struct snapshot *snapshot;
	int64_t id;
	bool undo;
	/* of the part, set anew each time it runs */
	bool end;          /* nothing is left to do, or somebody else does it */
	struct arena *a;   /* of the codes */
	const char **code; /* of the records that it touched */
	size_t n;
};

static int set_row(struct store_tx *tx, int64_t batch, const struct record_batch_row *r, struct err *e)
{
	return sql_record_batch_row_set(tx,
	        &(struct sql_record_batch_row_set_in){.batch = batch,
	                .line = r->line,
	                .verdict = str_of(r->verdict),
	                .rev = r->rev,
	                .field = str_of(r->field),
	                .words = str_of(r->words),
	                .words_zh = str_of(r->words_zh)},
	        NULL, e);
}

static void keep_reason(struct arena *a, const struct err *why, struct record_batch_row *r)
{
	r->field = arena_strdup(a, why->field);
	r->words = arena_strdup(a, why->text);
	r->words_zh = arena_strdup(a, why->zh);
}

bool record__rows_own(int rc)
{
	return rc == ERR_INVALID || rc == ERR_CONFLICT || rc == ERR_DENIED || rc == ERR_NOTFOUND ||
	       rc == ERR_PRECONDITION || rc == ERR_UNSUPPORTED;
}

/* Lines that came out as was foreseen and became the same version: their index by verdict is not touched, and
 * one statement tells of them all. Others between them have another verdict. */
struct alike {
	int64_t from, to, rev; /* from 0: none */
	const char *verdict;
};

static int tell_alike(struct store_tx *tx, int64_t batch, struct alike *x, struct err *e)
{
	int rc = 0;

	if (x->from != 0)
		rc = sql_record_batch_row_rev(tx,
		        &(struct sql_record_batch_row_rev_in){
		                batch, x->from, x->to, str_of(x->verdict), x->rev},
		        NULL, e);
	*x = (struct alike){0};
	return rc;
}

static int add_alike(
        struct store_tx *tx, int64_t batch, struct alike *x, const struct record_batch_row *r, struct err *e)
{
	int rc = 0;

	if (x->from != 0 && (x->rev != r->rev || strcmp(x->verdict, r->verdict) != 0))
		rc = tell_alike(tx, batch, x, e);
	if (x->from == 0)
		*x = (struct alike){.from = r->line, .rev = r->rev, .verdict = r->verdict};
	x->to = r->line;
	return rc;
}

static int do_row(struct store_tx *tx, const struct record_door *d, const struct record_batch *b,
        struct alike *alike, struct record_batch_row *r, struct err *e)
{
	struct arena *a = store_arena(tx);
	enum record_verdict verdict = RECORD_SAME;
	struct err why = ERR_INIT;
	struct record_in in = {0};
	struct record out = {0};
	struct doc *patch = NULL;
	int rc = doc_parse_json(a, str_of(r->row), "row", &patch, e);

	if (rc == 0)
		rc = record_patch(tx, d, b->kind, patch, &in, &why);
	if (rc == 0)
		rc = record_put(tx, d, &in, -1, &out, &verdict, &why);
	if (rc < 0 && !record__rows_own(rc)) {
		if (e != NULL)
			*e = why;
		return rc;
	}
	if (rc < 0) {
		r->verdict = "failed";
		keep_reason(a, &why, r);
	} else {
		const char *was = r->verdict;

		r->verdict = verdict == RECORD_SAME ? "same" : verdict == RECORD_NEW ? "new" : "changed";
		r->rev = verdict == RECORD_SAME ? 0 : out.rev;
		if (strcmp(was, r->verdict) == 0)
			return add_alike(tx, b->id, alike, r, e);
	}
	rc = tell_alike(tx, b->id, alike, e);
	return rc < 0 ? rc : set_row(tx, b->id, r, e);
}

/* A merge changes records of several kinds: its rows say KIND/CODE. */
static const char *bare_code(const char *code)
{
	const char *slash = strchr(code, '/');

	return slash != NULL ? slash + 1 : code;
}

/* Back to the version before the row, if nobody has touched the record since. */
static int undo_row(struct store_tx *tx, const struct record_door *d, const struct record_batch *b,
        struct record_batch_row *r, struct err *e)
{
	const struct kind *k = catalog_kind(d->catalog, b->kind);
	struct arena *a = store_arena(tx);
	struct sql_record_rev_last_row last = {0};
	struct record now = {0}, before = {0};
	const char *kind = b->kind, *slash = strchr(r->code, '/');
	struct err why = ERR_INIT;
	bool there, was;
	int rc;

	if (slash != NULL) {
		kind = arena_strndup(a, r->code, (size_t)(slash - r->code));
		k = catalog_kind(d->catalog, kind);
	}
	if (k == NULL) {
		r->verdict = "left";
		err_set(&why, ERR_STATE, "the kind is no longer installed");
		keep_reason(a, &why, r);
		return set_row(tx, b->id, r, e);
	}
	const char *code = bare_code(r->code);
	rc = record__find(tx, a, kind, code, &now, e);
	if (rc < 0)
		return rc;
	there = rc > 0;
	rc = sql_record_rev_last(
	        tx, &(struct sql_record_rev_last_in){.kind = str_of(kind), .code = str_of(code)}, &last, e);
	if (rc < 0)
		return rc;
	if ((there ? now.rev : last.rev) != r->rev) {
		r->verdict = "left";
		err_set(&why, ERR_STATE, "it was changed after this change set");
		keep_reason(a, &why, r);
		return set_row(tx, b->id, r, e);
	}
	rc = r->rev > 1 ? record__version(tx, a, k, code, r->rev - 1, &before, e) : 0;
	if (rc < 0)
		return rc;
	was = rc > 0 && !before.gone;
	rc = was ? record_restore(tx, d, kind, code, r->rev - 1, NULL, &why)
	         : record_remove(tx, d, kind, code, r->rev, &why);
	if (rc < 0 && !record__rows_own(rc)) {
		if (e != NULL)
			*e = why;
		return rc;
	}
	if (rc < 0) {
		r->verdict = "left";
		keep_reason(a, &why, r);
		return set_row(tx, b->id, r, e);
	}
	return 0;
}

static int read_part(struct store_tx *tx, const struct record_batch *b, bool undo,
        struct record_batch_row *out, int *n, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct store_rows *rows = NULL;
	int rc;

	*n = 0;
	if (undo) {
		struct sql_record_batch_rows_down_row r;

		rc = sql_record_batch_rows_down_open(tx,
		        &(struct sql_record_batch_rows_down_in){
		                .batch = b->id, .before = b->done == 0 ? INT64_MAX : b->done, .limit_ = PART},
		        &rows, e);
		while (rc == 0 && (rc = sql_record_batch_rows_down_next(rows, &r, e)) > 0) {
			out[(*n)++] = ROW_OF(a, r);
			rc = 0;
		}
	} else {
		struct sql_record_batch_rows_row r;

		rc = sql_record_batch_rows_open(tx,
		        &(struct sql_record_batch_rows_in){.batch = b->id, .after = b->done, .limit_ = PART},
		        &rows, e);
		while (rc == 0 && (rc = sql_record_batch_rows_next(rows, &r, e)) > 0) {
			out[(*n)++] = ROW_OF(a, r);
			rc = 0;
		}
	}
	store_rows_close(&rows);
	return rc;
}

static int journal_end(struct store_tx *tx, const struct part *p, const struct kind *k,
        const struct record_batch *b, int64_t failed, struct err *e)
{
	const char *region, *org;
	struct sb payload = SB_INIT;
	struct jw w;
	int rc;

	who_reach(p->by, &region, &org);
	jw_init(&w, &payload);
	jw_object(&w);
	jw_kstr(&w, "kind", b->kind);
	jw_kid(&w, "changeset", b->id);
	jw_kstr(&w, "title", b->title);
	jw_kint(&w, "added", b->added);
	jw_kint(&w, "changed", b->changed);
	jw_kint(&w, "failed", failed);
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = p->undo ? STR_LIT("record.undone") : STR_LIT("record.imported"),
	                .subject = STR_LIT("changeset"),
	                .subject_id = str_of(arena_printf(store_arena(tx), "%lld", (long long)b->id)),
	                .region = str_of(region),
	                .org = str_of(org),
	                .secrecy = k->secrecy,
	                .account = str_of(p->by->login),
	                .payload = sb_str(&payload)},
	        e);
	sb_fini(&payload);
	return rc;
}

static bool to_do(const struct record_batch_row *r, bool undo)
{
	return (strcmp(r->verdict, "new") == 0 || strcmp(r->verdict, "changed") == 0 ||
	               strcmp(r->verdict, "removed") == 0) &&
	       (!undo || r->rev != 0);
}

static int look_ahead(struct store_tx *tx, const struct record_door *d, const struct record_batch *b,
        const struct record_batch_row *row, int n, bool undo, struct err *e)
{
	struct arena *a = store_arena(tx);
	const struct kind *k = catalog_kind(d->catalog, b->kind);
	const char **patch = arena_array(a, (size_t)n + 1, sizeof(*patch));
	struct record__goner *gone = arena_array(a, (size_t)n + 1, sizeof(*gone));
	size_t m = 0;

	store_later(tx);
	if (k == NULL || strcmp(b->what, "import") != 0) /* a merge is of several kinds, and small */
		return 0;
	for (int i = 0; i < n; i++)
		if (to_do(&row[i], undo)) {
			gone[m] = (struct record__goner){row[i].code, row[i].rev};
			patch[m++] = row[i].row;
		}
	return undo ? record__ahead_undo(tx, k, gone, m, e)
	            : record__ahead(tx, d, k, &(struct record__coming){.patch = patch, .n = m}, e);
}

/* `done` is the line that was passed last: upwards for a run, downwards for an undoing (0: not begun). */
static int run_part(struct store_tx *tx, void *arg, struct err *e)
{
	struct part *p = arg;
	struct arena *a = store_arena(tx);
	const struct catalog *c = p->s->catalog;
	struct record_batch_row *row = arena_array(a, PART, sizeof(*row));
	struct record__later later = {.a = a};
	struct record_batch b = {0};
	struct alike alike = {0};
	const struct record_door d = {.catalog = c,
	        .snapshot = p->snapshot,
	        .by = p->by,
	        .pack = "",
	        .batch = p->id,
	        .later = &later};
	int64_t failed, last, changed = 0;
	int n = 0, rc = record_batch_get(tx, a, c, p->by, p->id, &b, e);

	arena_reset(p->a);
	p->code = arena_array(p->a, PART, sizeof(*p->code));
	p->n = 0;
	if (rc < 0)
		return rc;
	p->end = strcmp(b.state, p->undo ? "undoing" : "running") != 0;
	if (p->end)
		return 0;
	rc = read_part(tx, &b, p->undo, row, &n, e);
	failed = b.failed;
	last = b.done;
	if (rc == 0)
		rc = look_ahead(tx, &d, &b, row, n, p->undo, e);
	for (int i = 0; i < n && rc == 0; i++) {
		struct record_batch_row *r = &row[i];

		last = r->line;
		if (!to_do(r, p->undo))
			continue;
		rc = p->undo ? undo_row(tx, &d, &b, r, e) : do_row(tx, &d, &b, &alike, r, e);
		p->code[p->n++] = arena_strdup(p->a, bare_code(r->code));
		failed += strcmp(r->verdict, "failed") == 0 || strcmp(r->verdict, "left") == 0;
	}
	if (rc == 0)
		rc = tell_alike(tx, b.id, &alike, e);
	if (rc == 0)
		rc = record__later_now(tx, &later, e);
	if (rc < 0)
		return rc;
	p->end = n < PART;
	if (!p->end) {
		rc = sql_record_batch_done(
		        tx, &(struct sql_record_batch_done_in){b.id, b.done, last, failed}, &changed, e);
		return rc < 0         ? rc
		       : changed == 1 ? 0
		                      : err_set(e, ERR_STATE, "somebody else runs this change set");
	}
	rc = sql_record_batch_state(tx,
	        &(struct sql_record_batch_state_in){.id = b.id,
	                .was = str_of(b.state),
	                .state = p->undo ? STR_LIT("undone") : STR_LIT("done"),
	                .ended = store_now(tx),
	                .done = p->undo ? 0 : last,
	                .failed = failed},
	        NULL, e);
	return rc < 0 ? rc : journal_end(tx, p, catalog_kind(c, b.kind), &b, failed, e);
}

/* A part on its way through the writer. */
struct turn {
	struct store_job job; /* first */
	struct part p;
	pthread_mutex_t lock;
	pthread_cond_t written;
	bool out;
	int rc;
	struct err e;
};

static void turn_init(struct turn *t, const struct part *p)
{
	*t = (struct turn){.p = *p};
	t->p.a = arena_new(0);
	must(pthread_mutex_init(&t->lock, NULL) == 0);
	must(pthread_cond_init(&t->written, NULL) == 0);
}

static void turn_fini(struct turn *t)
{
	arena_free(&t->p.a);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->written);
}

static void turn_written(struct store_job *j, int rc, const struct err *e)
{
	struct turn *t = CONTAINER_OF(j, struct turn, job);

	pthread_mutex_lock(&t->lock);
	t->rc = rc;
	t->e = rc < 0 ? *e : (struct err)ERR_INIT;
	t->out = false;
	pthread_cond_signal(&t->written);
	pthread_mutex_unlock(&t->lock);
}

static int turn_post(struct turn *t, struct err *e)
{
	int rc;

	t->job = (struct store_job){.purpose = t->p.undo ? "undo a change set" : "carry out a change set",
	        .write = run_part,
	        .arg = &t->p,
	        .done = turn_written};
	t->out = true;
	t->p.snapshot = registry_hold(t->p.s->registry);
	rc = store_post(t->p.s->store, &t->job, e);
	if (rc < 0) {
		t->out = false;
		registry_release(t->p.s->registry, t->p.snapshot);
	}
	return rc;
}

static int turn_wait(struct turn *t, struct err *e)
{
	pthread_mutex_lock(&t->lock);
	while (t->out)
		pthread_cond_wait(&t->written, &t->lock);
	pthread_mutex_unlock(&t->lock);
	registry_release(t->p.s->registry, t->p.snapshot);
	if (t->rc < 0 && e != NULL)
		*e = t->e;
	return t->rc;
}

/* While a part is written, the registry follows the one before. */
static int run_parts(const struct part *p, bool (*stop)(void *ctx), void *ctx, struct err *e)
{
	struct turn turn[2];
	struct turn *now = &turn[0], *next = &turn[1];
	int rc, followed = 0;
	bool more;

	turn_init(now, p);
	turn_init(next, p);
	rc = turn_post(now, e);
	for (more = rc == 0; more; now = next, next = now == &turn[0] ? &turn[1] : &turn[0]) {
		rc = turn_wait(now, e);
		if (rc < 0)
			break;
		more = followed == 0 && !now->p.end && (stop == NULL || !stop(ctx));
		if (more)
			rc = turn_post(next, e);
		more = more && rc == 0;
		if (followed == 0)
			followed = registry_follow(p->s->registry, p->s->store, now->p.code, now->p.n, e);
	}
	turn_fini(&turn[0]);
	turn_fini(&turn[1]);
	return followed < 0 ? followed : rc;
}

int record_batch_run(
        struct site *s, const struct who *by, int64_t id, bool (*stop)(void *ctx), void *ctx, struct err *e)
{
	struct part p = {.s = s, .by = by, .id = id};
	struct arena *a = arena_new(0);
	struct store_tx *tx = NULL;
	struct record_batch b = {0};
	int rc = store_read_begin(s->store, "look at a change set", &tx, e);

	if (rc == 0)
		rc = record_batch_get(tx, a, s->catalog, by, id, &b, e);
	store_read_end(&tx);
	p.undo = rc == 0 && strcmp(b.state, "undoing") == 0;
	if (rc == 0 && (stop == NULL || !stop(ctx)))
		rc = run_parts(&p, stop, ctx, e);
	arena_free(&a);
	return rc;
}

/* ---- beginning ---- */

struct begin {
	const struct catalog *catalog;
	const struct who *by;
	int64_t id;
	bool undo;
	struct record_batch was;
};

static int begin(struct store_tx *tx, void *arg, struct err *e)
{
	struct begin *x = arg;
	const char *from = x->undo ? "done" : "ready", *to = x->undo ? "undoing" : "running";
	int64_t changed = 0;
	int rc = record_batch_get(tx, store_arena(tx), x->catalog, x->by, x->id, &x->was, e);

	if (rc < 0 || strcmp(x->was.state, to) == 0) /* taken up again */
		return rc;
	if (strcmp(x->was.state, from) == 0) {
		rc = sql_record_batch_state(tx,
		        &(struct sql_record_batch_state_in){x->id, str_of(from), str_of(to), TIME_NONE, 0, 0},
		        &changed, e);
		if (rc < 0 || changed == 1)
			return rc;
	}
	return err_set(e, ERR_STATE,
	        x->undo ? "the change set is %s; only one that is %s can be undone"
	                : "the change set is %s; only one that is %s can be carried out",
	        x->was.state, from);
}

int record_batch_begin(struct site *s, const struct who *by, int64_t id, bool undo, struct err *e)
{
	struct begin x = {.catalog = s->catalog, .by = by, .id = id, .undo = undo};

	return store_write(s->store, "begin a change set", begin, &x, e);
}

static int drop(struct store_tx *tx, void *arg, struct err *e)
{
	const struct begin *x = arg;
	struct record_batch b = {0};
	int64_t changed = 0;
	int rc = record_batch_get(tx, store_arena(tx), x->catalog, x->by, x->id, &b, e);

	if (rc < 0)
		return rc;
	/* One that is still being read: its reader finds it dropped and stops; or a crash has left it. */
	if (strcmp(b.state, "ready") != 0 && strcmp(b.state, "reading") != 0)
		return err_set(e, ERR_STATE,
		        "the change set is %s; only one that was not carried out can be dropped", b.state);
	rc = sql_record_batch_state(tx,
	        &(struct sql_record_batch_state_in){
	                x->id, str_of(b.state), STR_LIT("dropped"), store_now(tx), 0, 0},
	        &changed, e);
	if (rc == 0 && changed == 0)
		return err_set(e, ERR_STATE, "the change set has moved on; look at it again");
	return rc < 0 ? rc
	              : sql_record_batch_forget(tx, &(struct sql_record_batch_forget_in){x->id}, NULL, e);
}

int record_batch_drop(struct site *s, const struct who *by, int64_t id, struct err *e)
{
	struct begin x = {.catalog = s->catalog, .by = by, .id = id};

	return store_write(s->store, "drop a change set", drop, &x, e);
}

/* ---- merging ---- */

struct merge {
	struct site *s;
	const struct snapshot *snapshot;
	const struct who *by;
	const char *kind, *from, *into;
	int64_t id;
};

/* The attributes of a record with one reference turned from one code to another. */
static int turn(struct arena *a, const struct record *r, const struct field *f, const char *from,
        const char *into, const struct doc **out, struct err *e)
{
	struct doc *attrs = NULL, *v;
	int rc = record__attrs(a, r, &attrs, e);

	*out = attrs;
	if (rc < 0)
		return rc;
	for (v = attrs->child; v != NULL && strcmp(v->key, f->key) != 0; v = v->next)
		;
	for (struct doc *x = v != NULL && f->many ? v->child : v; x != NULL; x = f->many ? x->next : NULL)
		if (x->text != NULL && strcmp(x->text, from) == 0) {
			x->text = into;
			x->text_n = strlen(into);
		}
	return 0;
}

static int put_row(struct store_tx *tx, const struct merge *m, int line, const char *code,
        const char *verdict, int64_t rev, struct err *e)
{
	return sql_record_batch_row_put(tx,
	        &(struct sql_record_batch_row_put_in){.batch = m->id,
	                .line = line,
	                .code = str_of(code),
	                .verdict = str_of(verdict),
	                .row = STR_LIT("{}"),
	                .rev = rev,
	                .field = STR_LIT(""),
	                .words = STR_LIT(""),
	                .words_zh = STR_LIT("")},
	        NULL, e);
}

static int turn_one(struct store_tx *tx, const struct record_door *d, const struct merge *m,
        const struct kind *k, const struct field *f, const struct record *r, int line, struct err *e)
{
	struct arena *a = store_arena(tx);
	enum record_verdict verdict;
	struct record out = {0};
	const struct doc *attrs;
	int rc = turn(a, r, f, m->from, m->into, &attrs, e);

	if (rc == 0)
		rc = record_put(tx, d,
		        &(struct record_in){.kind = k->code,
		                .code = r->code,
		                .name = r->name,
		                .name_en = r->name_en,
		                .state = r->state,
		                .org = r->org,
		                .region = r->region,
		                .at = r->at,
		                .attrs = attrs,
		                .demo = r->demo},
		        -1, &out, &verdict, e);
	if (rc < 0)
		return err_prefix(e, "%s %s refers to it and cannot be changed", k->name, r->code);
	return put_row(tx, m, line, arena_printf(a, "%s/%s", k->code, r->code), "changed", out.rev, e);
}

static int turn_all(struct store_tx *tx, const struct record_door *d, const struct merge *m,
        const struct kind *k, const struct field *f, int *line, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct record *list = arena_array(a, MERGE_MAX + 1, sizeof(*list));
	struct sql_record_entry_range_row row;
	struct store_rows *rows = NULL;
	struct sb key = SB_INIT;
	int n = 0, rc;

	kind_key(&key, f, str_of(m->from));
	rc = sql_record_entry_range_open(tx,
	        &(struct sql_record_entry_range_in){
	                .field = f->no, .low = sb_str(&key), .high = sb_str(&key), .limit_ = MERGE_MAX + 1},
	        &rows, e);
	while (rc == 0 && (rc = sql_record_entry_range_next(rows, &row, e)) > 0) {
		list[n++] = RECORD_OF(a, row);
		rc = 0;
	}
	store_rows_close(&rows);
	sb_fini(&key);
	if (rc == 0 && *line + n > MERGE_MAX)
		rc = err_set(e, ERR_TOOBIG,
		        "more than 1,000 records refer to it; change their references by an import first");
	for (int i = 0; i < n && rc == 0; i++)
		rc = turn_one(tx, d, m, k, f, &list[i], (*line)++, e);
	return rc;
}

static int merge(struct store_tx *tx, void *arg, struct err *e)
{
	struct merge *m = arg;
	const struct catalog *c = m->s->catalog;
	struct arena *a = store_arena(tx);
	struct record from = {0}, into = {0};
	struct record_door d = {.catalog = c, .snapshot = m->snapshot, .by = m->by, .pack = ""};
	const struct kind *k = catalog_kind(c, m->kind);
	struct part p = {.by = m->by};
	struct record_batch b = {.kind = m->kind};
	int line = 1, rc = record_get(tx, a, c, m->by, m->kind, m->from, &from, e);

	if (rc == 0)
		rc = record_get(tx, a, c, m->by, m->kind, m->into, &into, e);
	if (rc < 0)
		return err_at(e, NULL, 0, 0, "into"), rc;
	if (!record_may_write(k, m->by))
		return err_set(e, ERR_DENIED, "your roles may not change records of this kind");
	if (from.id == into.id)
		return err_set(e, ERR_INVALID, "a record cannot be merged with itself");
	d.batch = m->id = store_tx_id(tx);
	b.id = m->id;
	b.title = arena_printf(a, "%s → %s", m->from, m->into);
	rc = sql_record_batch_add(tx,
	        &(struct sql_record_batch_add_in){.id = m->id,
	                .kind = str_of(m->kind),
	                .what = STR_LIT("merge"),
	                .title = str_of(b.title),
	                .state = STR_LIT("done"),
	                .account = str_of(m->by->login),
	                .created = store_now(tx)},
	        NULL, e);
	for (int i = 0; i < c->kinds && rc == 0; i++)
		for (int n = 0; n < c->kind[i].fields && rc == 0; n++) {
			const struct field *f = &c->kind[i].field[n];

			if (field_refers(f, k))
				rc = turn_all(tx, &d, m, &c->kind[i], f, &line, e);
		}
	/* It may have changed itself by then: a tree refers to its own kind. */
	if (rc == 0)
		rc = record_get(tx, a, c, m->by, m->kind, m->from, &from, e);
	if (rc == 0)
		rc = record_remove(tx, &d, m->kind, m->from, from.rev, e);
	if (rc == 0)
		rc = put_row(
		        tx, m, line, arena_printf(a, "%s/%s", m->kind, m->from), "removed", from.rev + 1, e);
	b.changed = line - 1;
	if (rc == 0)
		rc = sql_record_batch_count(tx,
		        &(struct sql_record_batch_count_in){
		                .id = m->id, .state = STR_LIT("done"), .total = line, .changed = b.changed},
		        NULL, e);
	if (rc == 0)
		rc = sql_record_batch_state(tx,
		        &(struct sql_record_batch_state_in){
		                m->id, STR_LIT("done"), STR_LIT("done"), store_now(tx), line, 0},
		        NULL, e);
	return rc < 0 ? rc : journal_end(tx, &p, k, &b, 0, e);
}

int record_merge(struct site *s, const struct who *by, const char *kind, const char *from, const char *into,
        int64_t *id, struct err *e)
{
	struct merge m = {.s = s, .by = by, .kind = kind, .from = from, .into = into};
	int rc;

	m.snapshot = registry_hold(s->registry);
	rc = store_write(s->store, "merge records", merge, &m, e);
	registry_release(s->registry, m.snapshot);
	*id = m.id;
	return rc < 0 ? rc : registry_follow(s->registry, s->store, &from, 1, e);
}
