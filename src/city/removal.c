#include "city/removal.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metric.h"
#include "city/approval.h"
#include "city/rule.h"
#include "city/selector.h"
#include "series/remote.h"
#include "store/sql.h"

#define LIVES (7 * US_DAY)

/* ---- selectors ---- */

/* As lines, with the scope of `who` among their matchers. */
static int write_scoped(
        struct site *s, struct arena *a, const char *text, const struct who *who, struct sb *b, struct err *e)
{
	struct series_selector x;
	int rc = selector_parse(a, str_of(text), &x, e);

	if (rc == 0 && who != &who_system)
		rc = selector_scope(s, a, &x, who, e);
	if (rc < 0) {
		err_at(e, NULL, 0, e != NULL ? e->column : 0, "match[]");
		return rc;
	}
	if (b->n > 0)
		sb_putc(b, '\n');
	selector_write(b, &x);
	return 0;
}

static int scope_all(struct site *s, struct arena *a, const struct removal_in *in, const struct who *who,
        const char **out, struct err *e)
{
	static const char everything[] = "{__name__=~\".+\"}";
	struct sb b = SB_INIT;
	int rc = 0, n = 0;

	while (in->selector != NULL && in->selector[n] != NULL)
		n++;
	if (in->everything != (n == 0)) {
		err_set(e, ERR_INVALID,
		        n == 0 ? "say which series; to delete all of them say `everything`"
		               : "either series are selected or everything is deleted, not both");
		return err_at(e, NULL, 0, 0, "match[]");
	}
	if (n > REMOVAL_SELECTORS)
		return err_set(e, ERR_TOOBIG, "too many selections at once; delete in several steps");
	if (in->everything)
		rc = write_scoped(s, a, everything, who, &b, e);
	for (int i = 0; i < n && rc == 0; i++)
		rc = write_scoped(s, a, in->selector[i], who, &b, e);
	*out = arena_strndup(a, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return rc;
}

typedef int each_f(void *ctx, const struct series_selector *x, struct err *e);
static int each_selector(struct arena *a, const char *lines, each_f *f, void *ctx, struct err *e)
{
	struct str rest = str_of(lines);
	int rc = 0;

	while (rc == 0 && rest.p != NULL && rest.n > 0) {
		struct series_selector x;

		rc = selector_parse(a, str_cut(&rest, '\n'), &x, e);
		if (rc == 0)
			rc = f(ctx, &x, e);
	}
	return rc;
}

/* ---- counting ---- */

struct counting {
	struct site *s;
	struct removal *r;
	const bool *cancel;
};

static time_us from_of(const struct removal *r)
{
	return r->since == TIME_NONE ? INT64_MIN + 1 : r->since;
}

static time_us to_of(const struct removal *r)
{
	return r->until == TIME_NONE ? INT64_MAX : r->until;
}

static int count_one(void *ctx, const struct series_selector *x, struct err *e)
{
	struct counting *c = ctx;
	struct series_survey found;
	time_us from = from_of(c->r), to = to_of(c->r);
	int rc = c->s->remote != NULL
	                 ? series_remote_count(c->s->remote, x->m, x->n, from, to, &found, c->cancel, e)
	                 : series_count(c->s->series, x->m, x->n, from, to, &found, c->cancel, e);

	if (rc < 0)
		return rc;
	c->r->series += (int64_t)found.series;
	c->r->readings += (int64_t)found.points;
	c->r->bytes += found.bytes;
	return 0;
}

int removal_count(struct site *s, struct arena *a, const struct removal_in *in, const struct who *who,
        const bool *cancel, struct removal *out, struct err *e)
{
	struct counting c = {s, out, cancel};
	dur_us begin = clock_monotonic();
	int rc;

	*out = (struct removal){.reason = in->reason != NULL ? in->reason : "",
	        .state = "open",
	        .asked_by = who->login,
	        .decided_by = "",
	        .why = "",
	        .since = in->since,
	        .until = in->until,
	        .asked = clock_now(s->clock),
	        .decided = TIME_NONE,
	        .ended = TIME_NONE};
	if (in->since != TIME_NONE && in->until != TIME_NONE && in->since > in->until) {
		err_set(e, ERR_INVALID, "the time ends before it begins");
		return err_at(e, NULL, 0, 0, "end");
	}
	rc = scope_all(s, a, in, who, &out->selectors, e);
	if (rc == 0)
		rc = each_selector(a, out->selectors, count_one, &c, e);
	/* A deletion reads what was read here, writes it, and packs the files. */
	out->estimate_ms = 3 * (clock_monotonic() - begin) / US_MS + 100;
	return rc;
}

/* ---- rows and entries ---- */

static const char *copy(struct arena *a, struct str s)
{
	return arena_strndup(a, s.p, s.n);
}

#define TAKE_ROW(a, r)                                                                                       \
	(struct removal)                                                                                     \
	{                                                                                                    \
		.id = (r).id, .selectors = copy(a, (r).selectors), .reason = copy(a, (r).reason),            \
		.state = copy(a, (r).state), .asked_by = copy(a, (r).asked_by),                              \
		.decided_by = copy(a, (r).decided_by), .why = copy(a, (r).why), .since = (r).since,          \
		.until = (r).until, .asked = (r).asked, .decided = (r).decided, .ended = (r).ended,          \
		.series = (r).series, .readings = (r).readings, .bytes = (r).bytes,                          \
		.estimate_ms = (r).estimate_ms, .removed = (r).removed, .freed = (r).freed                   \
	}

/* An entry lies where its reader sees the series: a scope that is one region or org, else all. */
static int journal(struct store_tx *tx, const char *kind, const struct removal *r, const struct who *by,
        bool done, struct err *e)
{
	struct str rest = str_of(r->selectors);
	const char *region, *org;
	char id[24];
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	who_reach(by, &region, &org);
	snprintf(id, sizeof(id), "%lld", (long long)r->id);
	jw_init(&w, &b);
	jw_object(&w);
	jw_key(&w, "selectors");
	jw_array(&w);
	while (rest.p != NULL && rest.n > 0)
		jw_str(&w, str_cut(&rest, '\n'));
	jw_array_end(&w);
	if (r->since != TIME_NONE)
		jw_ktime(&w, "start", r->since);
	if (r->until != TIME_NONE)
		jw_ktime(&w, "end", r->until);
	jw_kstr(&w, "reason", r->reason);
	jw_kint(&w, "series", r->series);
	jw_kint(&w, "readings", done ? r->removed : r->readings);
	jw_kint(&w, "bytes", done ? r->freed : r->bytes);
	if (*r->why != '\0')
		jw_kstr(&w, "why", r->why);
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(kind),
	                .subject = STR_LIT("series"),
	                .subject_id = str_of(id),
	                .region = str_of(region),
	                .org = str_of(org),
	                .secrecy = 2,
	                .account = str_of(by->login),
	                .payload = sb_str(&b)},
	        e);
	sb_fini(&b);
	return rc;
}

static int load(struct store_tx *tx, struct arena *a, int64_t id, struct removal *out, struct err *e)
{
	struct sql_removal_get_row r;
	int rc = sql_removal_get(tx, &(struct sql_removal_get_in){id}, &r, e);

	if (rc == 0)
		return err_set(e, ERR_NOTFOUND, "no deletion of readings has this id");
	if (rc > 0)
		*out = TAKE_ROW(a, r);
	return rc < 0 ? rc : 0;
}

static bool may_see(const struct site *s, const struct removal *r, const struct who *who)
{
	return site_promql_sees_all(s, who) || strcmp(r->asked_by, who->login) == 0;
}

int removal_get(struct site *s, struct store_tx *tx, struct arena *a, const struct who *who, int64_t id,
        struct removal *out, struct err *e)
{
	int rc = load(tx, a, id, out, e);

	if (rc < 0 || may_see(s, out, who))
		return rc;
	return err_set(e, ERR_NOTFOUND, "no deletion of readings has this id");
}

int removal_list(struct site *s, struct store_tx *tx, struct arena *a, const struct who *who,
        struct removal **out, int *n, struct err *e)
{
	const struct sql_removal_all_in in = {
	        .asked_by = site_promql_sees_all(s, who) ? STR_NULL : str_of(who->login)};
	struct store_rows *rows = NULL;
	struct sql_removal_all_row r;
	size_t cap = 0;
	int rc;

	*out = NULL;
	*n = 0;
	rc = sql_removal_all_open(tx, &in, &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_removal_all_next(rows, &r, e)) > 0) {
		*out = arena_grow(a, *out, &cap, (size_t)*n + 1, sizeof(**out));
		(*out)[(*n)++] = TAKE_ROW(a, r);
	}
	store_rows_close(&rows);
	return rc;
}

/* ---- asking and deciding ---- */

struct asking {
	struct site *s;
	struct removal *r;
	const struct who *by;
};

static int put(struct store_tx *tx, void *arg, struct err *e)
{
	const struct asking *x = arg;
	struct removal *r = x->r;
	int rc;

	r->id = store_tx_id(tx);
	rc = sql_removal_put(tx,
	        &(struct sql_removal_put_in){.id = r->id,
	                .selectors = str_of(r->selectors),
	                .since = r->since,
	                .until = r->until,
	                .reason = str_of(r->reason),
	                .state = str_of(r->state),
	                .asked_by = str_of(r->asked_by),
	                .asked = r->asked,
	                .series = r->series,
	                .readings = r->readings,
	                .bytes = r->bytes,
	                .estimate_ms = r->estimate_ms},
	        NULL, e);
	return rc < 0 ? rc : journal(tx, "series.removal_asked", r, x->by, false, e);
}

int removal_ask(struct site *s, struct arena *a, const struct removal_in *in, const struct who *who,
        const bool *cancel, struct removal *out, struct err *e)
{
	int rc = removal_count(s, a, in, who, cancel, out, e);

	if (rc == 0 && out->series == 0)
		rc = err_set(e, ERR_NOTFOUND, "no series is selected by this");
	return rc < 0 ? rc
	              : store_write(s->store, "ask for a deletion", put, &(struct asking){s, out, who}, e);
}

struct deciding {
	struct site *s;
	int64_t id;
	const struct who *by;
};

static int load_open(struct store_tx *tx, const struct deciding *x, struct removal *r, struct err *e)
{
	int rc = removal_get(x->s, tx, store_arena(tx), x->by, x->id, r, e);

	if (rc == 0 && strcmp(r->state, "open") != 0)
		rc = err_set(e, ERR_STATE, "this was decided already: " STR_FMT, STR_ARG(str_of(r->state)));
	return rc;
}

static int decide(struct store_tx *tx, const struct deciding *x, const struct removal *r, const char *state,
        struct err *e)
{
	return sql_removal_decide(tx,
	        &(struct sql_removal_decide_in){.id = x->id,
	                .selectors = str_of(r->selectors),
	                .state = str_of(state),
	                .decided_by = str_of(x->by->login),
	                .decided = store_now(tx)},
	        NULL, e);
}

static int rescope(struct store_tx *tx, const struct deciding *x, struct removal *r, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct str rest = str_of(r->selectors);
	struct sb b = SB_INIT;
	int rc = 0;

	while (rc == 0 && rest.p != NULL && rest.n > 0) {
		struct str line = str_cut(&rest, '\n');

		rc = write_scoped(x->s, a, arena_strndup(a, line.p, line.n), x->by, &b, e);
	}
	if (rc == 0)
		r->selectors = arena_strndup(a, b.p, b.n);
	sb_fini(&b);
	return rc;
}

static int confirm(struct store_tx *tx, void *arg, struct err *e)
{
	const struct deciding *x = arg;
	struct removal r;
	int rc = load_open(tx, x, &r, e);

	if (rc < 0)
		return rc;
	if (x->s->accounts.four_eyes && strcmp(r.asked_by, x->by->login) == 0)
		return err_set(e, ERR_DENIED, "four eyes: somebody else must confirm what you asked for");
	if (store_now(tx) - r.asked > LIVES)
		return err_set(
		        e, ERR_STATE, "this has waited for more than 7 days; it must be asked for anew");
	rc = approval_check_asker(tx, r.asked_by, e);
	if (rc == 0 && !site_promql_sees_all(x->s, x->by)) /* the own scope may be narrower by now */
		rc = rescope(tx, x, &r, e);
	if (rc == 0)
		rc = decide(tx, x, &r, "running", e);
	return rc < 0 ? rc : journal(tx, "series.removal_confirmed", &r, x->by, false, e);
}

int removal_confirm(struct site *s, int64_t id, const struct who *by, struct err *e)
{
	return store_write(s->store, "confirm a deletion", confirm, &(struct deciding){s, id, by}, e);
}

static int refuse(struct store_tx *tx, void *arg, struct err *e)
{
	const struct deciding *x = arg;
	struct removal r;
	int rc = load_open(tx, x, &r, e);

	if (rc == 0)
		rc = decide(tx, x, &r, "refused", e);
	return rc < 0 ? rc : journal(tx, "series.removal_refused", &r, x->by, false, e);
}

int removal_refuse(struct site *s, int64_t id, const struct who *by, struct err *e)
{
	return store_write(s->store, "refuse a deletion", refuse, &(struct deciding){s, id, by}, e);
}

static int ask_to_stop(struct store_tx *tx, void *arg, struct err *e)
{
	const struct deciding *x = arg;
	struct removal r;
	int rc = removal_get(x->s, tx, store_arena(tx), x->by, x->id, &r, e);

	if (rc == 0 && strcmp(r.state, "running") != 0)
		rc = err_set(e, ERR_STATE, "only a deletion that runs can be stopped; this one is: " STR_FMT,
		        STR_ARG(str_of(r.state)));
	if (rc == 0)
		rc = sql_removal_stop(tx, &(struct sql_removal_stop_in){x->id}, NULL, e);
	return rc < 0 ? rc : journal(tx, "series.removal_stop_asked", &r, x->by, false, e);
}

int removal_stop(struct site *s, int64_t id, const struct who *by, struct err *e)
{
	int rc = store_write(s->store, "stop a deletion", ask_to_stop, &(struct deciding){s, id, by}, e);

	if (rc == 0) /* else its turn has not come yet, and its row tells */
		(void)runs_stop(&s->runs, id);
	return rc;
}

/* ---- carrying it out ---- */

struct carrying {
	struct site *s;
	struct removal *r;
	const struct removal_care *care;
	struct running run;
	struct series_care engine;
	enum series_erased erased; /* what a remote engine did, at worst */
	bool cancelled;            /* by who carries it out, not by who asked for it to stop */
};

static void look_at_cancel(struct carrying *c)
{
	if (c->care->cancel == NULL || !__atomic_load_n(c->care->cancel, __ATOMIC_RELAXED))
		return;
	c->cancelled = true;
	__atomic_store_n(&c->run.stop, true, __ATOMIC_RELAXED);
}

/* On the engine's thread, right before it looks whether to stop. */
static void tell_file(void *ctx, size_t done, size_t files)
{
	struct carrying *c = ctx;

	if (c->care->tell != NULL)
		c->care->tell(c->care->ctx, done, files);
	look_at_cancel(c);
}

static int delete_one(void *ctx, const struct series_selector *x, struct err *e)
{
	struct carrying *c = ctx;
	time_us from = from_of(c->r), to = to_of(c->r);
	enum series_erased erased = SERIES_ERASED;
	int rc;

	c->engine.removed = (struct series_removed){0};
	rc = c->s->remote != NULL
	             ? series_remote_delete(c->s->remote, x->m, x->n, from, to, &c->engine, &erased, e)
	             : series_delete(c->s->series, x->m, x->n, from, to, &c->engine, e);
	c->erased = erased > c->erased ? erased : c->erased;
	c->r->removed += (int64_t)c->engine.removed.points;
	c->r->freed += c->engine.removed.bytes;
	return rc;
}

static int end(struct store_tx *tx, void *arg, struct err *e)
{
	const struct asking *x = arg;
	const struct removal *r = x->r;
	int rc = sql_removal_end(tx,
	        &(struct sql_removal_end_in){.id = r->id,
	                .state = str_of(r->state),
	                .removed = r->removed,
	                .freed = r->freed,
	                .ended = store_now(tx),
	                .why = str_of(r->why)},
	        NULL, e);

	return rc < 0 ? rc
	              : journal(tx,
	                        strcmp(r->state, "done") == 0      ? "series.removed"
	                        : strcmp(r->state, "stopped") == 0 ? "series.removal_stopped"
	                                                           : "series.removal_failed",
	                        r, x->by, true, e);
}

/* Whether it was stopped before it is in the list of what runs, where nobody would find it. */
static int is_stopping(struct site *s, int64_t id, bool *yes, struct err *e)
{
	struct store_tx *tx = NULL;
	struct removal r = {.state = ""};
	int rc = store_read_begin(s->store, "a deletion", &tx, e);

	if (rc == 0)
		rc = load(tx, store_arena(tx), id, &r, e);
	*yes = rc == 0 && strcmp(r.state, "stopping") == 0;
	store_read_end(&tx);
	return rc;
}

static int carry_out(struct site *s, struct arena *a, struct removal *r, const struct who *by,
        const struct removal_care *care, bool again, struct err *e)
{
	struct carrying c = {.s = s, .r = r, .care = care};
	struct err why = ERR_INIT, untold = ERR_INIT;
	bool stopping = false;
	char text[800];
	int rc, noted;

	r->removed = r->freed = 0;
	runs_begin(&s->runs, &c.run, r->id);
	c.engine = (struct series_care){.tell = tell_file, .ctx = &c, .cancel = &c.run.stop};
	look_at_cancel(&c);
	rc = is_stopping(s, r->id, &stopping, &why);
	if (rc == 0 && stopping)
		rc = err_set(&why, ERR_CANCELLED, "it was stopped before its turn came");
	if (rc == 0)
		rc = each_selector(a, r->selectors, delete_one, &c, &why);
	runs_end(&s->runs, &c.run);
	if (rc == ERR_CANCELLED && c.cancelled && again) {
		if (e != NULL)
			*e = why;
		return rc;
	}
	r->state = rc == 0 ? "done" : rc == ERR_CANCELLED ? "stopped" : "failed";
	r->why = rc == 0               ? series_erased_text(c.erased)
	         : rc == ERR_CANCELLED ? ""
	                               : arena_strdup(a, err_str(&why, text, sizeof(text)));
	metric_add(METRIC_SERIES_DELETED, r->removed);
	metric_add(METRIC_SERIES_FREED, r->freed);
	LOG(SERIES_REMOVED, log_s("selectors", r->selectors), log_i("series", r->series),
	        log_i("readings", r->removed), log_i("bytes", r->freed), log_s("by", by->login),
	        log_s("why", rc == ERR_CANCELLED ? why.text : r->why));
	noted = store_write(s->store, "end of a deletion", end, &(struct asking){s, r, by}, &untold);
	if (noted == 0)
		r->ended = clock_now(s->clock);
	if (e != NULL)
		*e = rc < 0 ? why : untold;
	return rc < 0 ? rc : noted;
}

int removal_run(struct site *s, const struct removal_care *care, struct err *e)
{
	struct arena *a = arena_new(0);
	struct sql_removal_next_row next = {0};
	struct store_tx *tx = NULL;
	struct removal r;
	struct who by = who_system;
	int rc = store_read_begin(s->store, "the next deletion", &tx, e);

	if (rc == 0)
		rc = sql_removal_next(tx, &next, e);
	if (rc > 0) {
		rc = load(tx, a, next.id, &r, e);
		if (rc == 0)
			rc = 1;
	}
	store_read_end(&tx);
	if (rc > 0) {
		by.login = *r.decided_by != '\0' ? r.decided_by : r.asked_by;
		rc = carry_out(s, a, &r, &by, care, true, e);
		if (rc == 0 || r.ended != TIME_NONE) /* that it failed or was stopped is told by its row */
			rc = 1;
	}
	arena_free(&a);
	return rc;
}

int removal_now(struct site *s, struct arena *a, const struct removal_in *in, const struct removal_care *care,
        struct removal *out, struct err *e)
{
	int rc = removal_count(s, a, in, &who_system, care->cancel, out, e);

	if (rc < 0 || out->series == 0)
		return rc;
	out->state = "running";
	rc = store_write(s->store, "a deletion", put, &(struct asking){s, out, &who_system}, e);
	return rc < 0 ? rc : carry_out(s, a, out, &who_system, care, false, e);
}
