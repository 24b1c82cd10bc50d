#include "city/quarantine.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/sql.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#define BUCKETS 16384 /* a power of two */

enum state { WAITING, IGNORED, BLOCKED, ADOPTED, MERGED, STATES };
static const char *const state_name[STATES] = {"waiting", "ignored", "blocked", "adopted", "merged"};

struct unknown { /* one device, as long as the quarantine */
	struct unknown *next;
	enum state state;
	const char *code, *target, *protocol, *source;
	bool written, queued;
	struct unknown *fresh; /* the next that is to be written down */
};

struct quarantine {
	struct site *s;
	_Atomic uint32_t decisions;
	pthread_mutex_t lock; /* all that follows */
	struct unknown *bucket[BUCKETS];
	struct arena *a;
	int waiting;
	struct unknown *fresh, **last; /* new ones, in their order */
	bool busy, started, stop;
	pthread_cond_t wake, idle;
	pthread_t thread;
};

/* ---- the table ---- */

static struct unknown **place_of(struct quarantine *q, struct str code)
{
	struct unknown **at = &q->bucket[hash64(code.p, code.n, 0) & (BUCKETS - 1)];

	while (*at != NULL && !str_is(code, (*at)->code))
		at = &(*at)->next;
	return at;
}

static struct unknown *add(struct quarantine *q, struct str code, enum state state)
{
	struct unknown **at = place_of(q, code), *u;

	u = *at = arena_alloc(q->a, sizeof(*u));
	*u = (struct unknown){.state = state,
	        .code = arena_strndup(q->a, code.p, code.n),
	        .target = "",
	        .protocol = "",
	        .source = ""};
	q->waiting += state == WAITING;
	return u;
}

static enum state state_of(struct str name)
{
	for (int i = 0; i < STATES; i++)
		if (str_is(name, state_name[i]))
			return (enum state)i;
	return WAITING;
}

static int load(struct quarantine *q, struct err *e)
{
	struct sql_quarantine_all_row row;
	struct store_rows *rows = NULL;
	struct store_tx *tx = NULL;
	int rc = store_read_begin(q->s->store, "load the quarantine", &tx, e);

	if (rc == 0)
		rc = sql_quarantine_all_open(tx, &rows, e);
	while (rc == 0 && (rc = sql_quarantine_all_next(rows, &row, e)) > 0) {
		struct unknown *u = add(q, row.code, state_of(row.state));

		u->target = arena_strndup(q->a, row.target.p, row.target.n);
		u->written = true;
		rc = 0;
	}
	store_rows_close(&rows);
	store_read_end(&tx);
	return rc;
}

static bool is_thing(struct quarantine *q, struct str code)
{
	const struct snapshot *s = registry_hold(q->s->registry);
	bool known = snapshot_thing(s, code) != NULL;

	registry_release(q->s->registry, s);
	return known;
}

static void enqueue(struct quarantine *q, struct unknown *u)
{
	u->queued = true;
	u->fresh = NULL;
	*q->last = u;
	q->last = &u->fresh;
	pthread_cond_signal(&q->wake);
}

enum admitted quarantine_admit(
        struct quarantine *q, struct str code, const char *protocol, const char *source, const char **target)
{
	enum admitted out = ADMIT_UNKNOWN;
	struct unknown *u;

	*target = NULL;
	if (is_thing(q, code))
		return ADMIT_KNOWN;
	if (!kind_code_valid(code))
		return ADMIT_UNKNOWN; /* no thing could ever have it */
	pthread_mutex_lock(&q->lock);
	u = *place_of(q, code);
	if (u == NULL && q->waiting >= QUARANTINE_MOST) {
		out = ADMIT_FULL;
	} else if (u == NULL) {
		out = ADMIT_NEW;
		u = add(q, code, WAITING);
		u->protocol = arena_strdup(q->a, protocol);
		u->source = arena_strdup(q->a, source);
		enqueue(q, u);
	} else if (u->state == BLOCKED) {
		out = ADMIT_BLOCKED;
	} else if (u->state == MERGED) {
		out = ADMIT_AS;
		*target = u->target;
	} else if (!u->written) {
		out = ADMIT_NEW;
		if (!u->queued)
			enqueue(q, u); /* the store could not take it before */
	}
	pthread_mutex_unlock(&q->lock);
	return out;
}

uint32_t quarantine_decisions(const struct quarantine *q)
{
	return atomic_load(&q->decisions);
}

const char *quarantine_target(struct quarantine *q, struct str code)
{
	const struct unknown *u;
	const char *target;

	pthread_mutex_lock(&q->lock);
	u = *place_of(q, code);
	target = u != NULL && u->state == MERGED ? u->target : NULL;
	pthread_mutex_unlock(&q->lock);
	return target;
}

/* What the store has now becomes what is answered. */
static void set_state(struct quarantine *q, const char *code, enum state state, const char *target)
{
	struct unknown *u;

	pthread_mutex_lock(&q->lock);
	u = *place_of(q, str_of(code));
	if (u != NULL) {
		q->waiting += (state == WAITING) - (u->state == WAITING);
		u->state = state;
		u->target = arena_strdup(q->a, target);
	}
	atomic_fetch_add(&q->decisions, 1);
	pthread_mutex_unlock(&q->lock);
}

/* ---- reading ---- */

#define QUARANTINED_OF(a, r)                                                                                 \
	((struct quarantined){keep(a, (r).code), keep(a, (r).state), keep(a, (r).kind), keep(a, (r).target), \
	        (r).rev, keep(a, (r).protocol), keep(a, (r).source), (r).first, (r).decided,                 \
	        keep(a, (r).account), keep(a, (r).note)})

static const char *keep(struct arena *a, struct str s)
{
	return arena_strndup(a, s.p, s.n);
}

int quarantine_list(struct store_tx *tx, struct arena *a, const char *state, const char *after, int limit,
        struct quarantined **out, int *n, struct err *e)
{
	struct sql_quarantine_page_row r;
	struct store_rows *rows = NULL;
	int rc = sql_quarantine_page_open(tx,
	        &(struct sql_quarantine_page_in){
	                .state = str_of(state), .after = str_of(after), .limit_ = limit},
	        &rows, e);

	*out = arena_array(a, (size_t)limit, sizeof(**out));
	*n = 0;
	while (rc == 0 && (rc = sql_quarantine_page_next(rows, &r, e)) > 0) {
		(*out)[(*n)++] = QUARANTINED_OF(a, r);
		rc = 0;
	}
	store_rows_close(&rows);
	return rc;
}

int quarantine_get(
        struct store_tx *tx, struct arena *a, const char *code, struct quarantined *out, struct err *e)
{
	struct sql_quarantine_get_row r;
	int rc = sql_quarantine_get(tx, &(struct sql_quarantine_get_in){str_of(code)}, &r, e);

	if (rc > 0)
		*out = QUARANTINED_OF(a, r);
	return rc > 0   ? 0
	       : rc < 0 ? rc
	                : err_set(e, ERR_NOTFOUND, "no device of this code was ever in quarantine");
}

/* ---- deciding ---- */

struct decision {
	struct site *s;
	const struct who *by;
	const struct snapshot *snapshot;
	const char *code;
	enum state to;
	const char *target;
	const struct record_in *thing; /* to be adopted as */
	/* set anew each time it runs */
	enum state from;
};

static int set_row(struct store_tx *tx, const struct decision *d, const char *kind, const char *target,
        int64_t rev, struct err *e)
{
	return sql_quarantine_set(tx,
	        &(struct sql_quarantine_set_in){.code = str_of(d->code),
	                .state = str_of(state_name[d->to]),
	                .kind = str_of(kind),
	                .target = str_of(target),
	                .rev = rev,
	                .decided = d->to == WAITING ? TIME_NONE : store_now(tx),
	                .account = str_of(d->to == WAITING ? "" : d->by->login),
	                .note = STR_LIT("")},
	        NULL, e);
}

static int journal_decision(
        struct store_tx *tx, const struct decision *d, const char *kind, const char *target, struct err *e)
{
	static const char *const word[STATES] = {"undone", "ignored", "blocked", "adopted", "merged"};
	struct arena *a = store_arena(tx);
	const struct record_in *t = d->thing;
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "code", d->code);
	if (*kind != '\0')
		jw_kstr(&w, "kind", kind);
	if (*target != '\0')
		jw_kstr(&w, "into", target);
	if (d->to == WAITING)
		jw_kstr(&w, "was", state_name[d->from]);
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(arena_printf(a, "device.%s", word[d->to])),
	                .subject = STR_LIT("device"),
	                .subject_id = str_of(d->code),
	                .region = str_of(t != NULL && t->region != NULL ? t->region : ""),
	                .org = str_of(t != NULL && t->org != NULL ? t->org : ""),
	                .secrecy = 1,
	                .account = str_of(d->by->login),
	                .payload = sb_str(&b)},
	        e);
	sb_fini(&b);
	return rc;
}

static int check_target(const struct decision *d, struct err *e)
{
	const struct thing *t = snapshot_thing(d->snapshot, str_of(d->target));

	if (t != NULL && thing_seen(d->s->catalog, d->by, t))
		return 0;
	err_set(e, ERR_INVALID, "no thing has this code");
	return err_at(e, NULL, 0, 0, "into"), ERR_INVALID;
}

/* Takes the thing that an adoption made back. */
static int unadopt(
        struct store_tx *tx, const struct record_door *door, const struct quarantined *q, struct err *e)
{
	int rc = record_remove(tx, door, q->kind, q->code, q->rev, e);

	if (rc == ERR_PRECONDITION)
		return err_set(e, ERR_CONFLICT,
		        "the thing was changed since it was adopted; remove it as any other thing");
	return rc == ERR_NOTFOUND ? 0 : rc; /* somebody has */
}

static int decide(struct store_tx *tx, void *arg, struct err *e)
{
	struct decision *d = arg;
	const struct record_door door = {
	        .catalog = d->s->catalog, .snapshot = d->snapshot, .by = d->by, .pack = ""};
	enum record_verdict verdict = RECORD_SAME;
	struct quarantined q = {0};
	struct record made = {0};
	const char *kind = "", *target = "";
	int rc = quarantine_get(tx, store_arena(tx), d->code, &q, e);

	if (rc < 0)
		return rc;
	d->from = state_of(str_of(q.state));
	if ((d->to == WAITING) == (d->from == WAITING))
		return err_set(e, ERR_STATE,
		        d->to == WAITING
		                ? "nothing was decided about this device that could be undone"
		                : "something was decided about this device already; undo that first");
	if (d->to == ADOPTED) {
		rc = record_put(tx, &door, d->thing, 0, &made, &verdict, e);
		if (rc == ERR_PRECONDITION)
			rc = err_set(e, ERR_CONFLICT, "a thing has this code by now");
		kind = d->thing->kind;
	} else if (d->to == MERGED) {
		rc = check_target(d, e);
		target = d->target;
	} else if (d->to == WAITING && d->from == ADOPTED) {
		rc = unadopt(tx, &door, &q, e);
	}
	if (rc == 0)
		rc = set_row(tx, d, kind, target, made.rev, e);
	return rc < 0 ? rc : journal_decision(tx, d, kind, target, e);
}

static int run(struct decision *d, struct err *e)
{
	struct site *s = d->s;
	int rc;

	d->snapshot = registry_hold(s->registry);
	rc = store_write(s->store, "decide about a device", decide, d, e);
	registry_release(s->registry, d->snapshot);
	if (rc < 0)
		return rc;
	set_state(s->quarantine, d->code, d->to, d->target != NULL ? d->target : "");
	/* A thing came or went, or a code now stands for one. */
	return registry_follow(s->registry, s->store, &d->code, 1, e);
}

bool quarantine_may(const struct who *by)
{
	return (by->roles & ROLE_ADMIN) != 0 && by->scope.regions == NULL && by->scope.orgs == NULL;
}

int quarantine_waiting(struct quarantine *q)
{
	int n;

	pthread_mutex_lock(&q->lock);
	n = q->waiting;
	pthread_mutex_unlock(&q->lock);
	return n;
}

static int may_decide(const struct who *by, struct err *e)
{
	return quarantine_may(by) ? 0
	                          : err_set(e, ERR_DENIED,
	                                    "only an administrator of the whole city sees and decides about "
	                                    "unknown devices");
}

static int decide_as(struct site *s, const struct who *by, const char *code, enum state to,
        const char *target, const struct record_in *thing, struct err *e)
{
	struct decision d = {.s = s, .by = by, .code = code, .to = to, .target = target, .thing = thing};
	int rc = may_decide(by, e);

	return rc < 0 ? rc : run(&d, e);
}

int quarantine_adopt(struct site *s, const struct who *by, const struct record_in *in, struct err *e)
{
	const struct kind *k = catalog_kind(s->catalog, in->kind);

	if (k == NULL || !k->thing) {
		err_set(e, ERR_INVALID, "no kind of things has this code");
		return err_at(e, NULL, 0, 0, "kind"), ERR_INVALID;
	}
	return decide_as(s, by, in->code, ADOPTED, NULL, in, e);
}

int quarantine_merge(
        struct site *s, const struct who *by, const char *code, const char *target, struct err *e)
{
	return decide_as(s, by, code, MERGED, target, NULL, e);
}

int quarantine_ignore(struct site *s, const struct who *by, const char *code, struct err *e)
{
	return decide_as(s, by, code, IGNORED, NULL, NULL, e);
}

int quarantine_block(struct site *s, const struct who *by, const char *code, struct err *e)
{
	return decide_as(s, by, code, BLOCKED, NULL, NULL, e);
}

int quarantine_undo(struct site *s, const struct who *by, const char *code, struct err *e)
{
	return decide_as(s, by, code, WAITING, NULL, NULL, e);
}

/* ---- those who are new ---- */

struct arrival {
	struct site *s;
	const struct unknown *u;
	const char *note;
};

static int write_down(struct store_tx *tx, void *arg, struct err *e)
{
	const struct arrival *x = arg;

	return sql_quarantine_add(tx,
	        &(struct sql_quarantine_add_in){.code = str_of(x->u->code),
	                .protocol = str_of(x->u->protocol),
	                .source = str_of(x->u->source),
	                .first = store_now(tx)},
	        NULL, e);
}

static int write_note(struct store_tx *tx, void *arg, struct err *e)
{
	const struct arrival *x = arg;

	return sql_quarantine_set(tx,
	        &(struct sql_quarantine_set_in){.code = str_of(x->u->code),
	                .state = STR_LIT("waiting"),
	                .kind = STR_LIT(""),
	                .target = STR_LIT(""),
	                .decided = TIME_NONE,
	                .account = STR_LIT(""),
	                .note = str_of(x->note)},
	        NULL, e);
}

static const struct kind *kind_for(const struct catalog *c, const char *code)
{
	struct str whole;

	for (int i = 0; i < c->kinds; i++)
		if (c->kind[i].adopt.pattern != NULL &&
		        pattern_cut(c->kind[i].adopt.pattern, str_of(code), 0, &whole))
			return &c->kind[i];
	return NULL;
}

static int adopt_by_itself(struct arrival *x, struct err *e)
{
	const struct kind *k = kind_for(x->s->catalog, x->u->code);
	struct err why = ERR_INIT;
	int rc;

	if (k == NULL)
		return 0;
	rc = quarantine_adopt(x->s, &who_system,
	        &(struct record_in){.kind = k->code,
	                .code = x->u->code,
	                .name = k->adopt.name,
	                .org = k->adopt.org,
	                .region = k->adopt.region,
	                .at = {NAN, NAN}},
	        &why);
	if (rc >= 0)
		return 0;
	LOG(DEVICE_KEPT, log_s("device", x->u->code), log_s("kind", k->code), log_s("why", why.text));
	x->note = why.text;
	return store_write(x->s->store, "note why a device waits", write_note, x, e);
}

static void arrive(struct quarantine *q, struct unknown *u)
{
	struct arrival x = {.s = q->s, .u = u};
	struct err e = ERR_INIT;
	int rc = store_write(q->s->store, "write down an unknown device", write_down, &x, &e);

	if (rc == 0) {
		LOG(DEVICE_UNKNOWN, log_s("device", u->code), log_s("protocol", u->protocol),
		        log_s("source", u->source));
		rc = adopt_by_itself(&x, &e);
	}
	if (rc < 0)
		LOG(STORE_FAULT, log_s("what", "quarantine"), log_s("why", e.text));
	pthread_mutex_lock(&q->lock);
	u->written = rc == 0;
	u->queued = false;
	pthread_mutex_unlock(&q->lock);
}

static void *work(void *arg)
{
	struct quarantine *q = arg;

	pthread_mutex_lock(&q->lock);
	while (!q->stop) {
		struct unknown *u = q->fresh;

		if (u == NULL) {
			q->busy = false;
			pthread_cond_broadcast(&q->idle);
			pthread_cond_wait(&q->wake, &q->lock);
			continue;
		}
		q->busy = true;
		q->fresh = u->fresh;
		if (q->fresh == NULL)
			q->last = &q->fresh;
		pthread_mutex_unlock(&q->lock);
		arrive(q, u);
		pthread_mutex_lock(&q->lock);
	}
	q->busy = false;
	pthread_cond_broadcast(&q->idle);
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

void quarantine_settle(struct quarantine *q)
{
	pthread_mutex_lock(&q->lock);
	while (q->started && !q->stop && (q->busy || q->fresh != NULL))
		pthread_cond_wait(&q->idle, &q->lock);
	pthread_mutex_unlock(&q->lock);
}

int quarantine_open(struct site *s, struct quarantine **out, struct err *e)
{
	struct quarantine *q = xcalloc(1, sizeof(*q));
	int rc;

	q->s = s;
	q->a = arena_new(0);
	q->last = &q->fresh;
	atomic_init(&q->decisions, 1);
	must(pthread_mutex_init(&q->lock, NULL) == 0);
	must(pthread_cond_init(&q->wake, NULL) == 0);
	must(pthread_cond_init(&q->idle, NULL) == 0);
	rc = load(q, e);
	if (rc < 0)
		quarantine_close(&q);
	*out = q;
	return rc;
}

void quarantine_start(struct quarantine *q)
{
	q->started = true;
	thread_start(&q->thread, "quarantine", work, q);
}

void quarantine_close(struct quarantine **quarantine)
{
	struct quarantine *q = *quarantine;

	if (q == NULL)
		return;
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->lock);
	if (q->started)
		pthread_join(q->thread, NULL);
	pthread_cond_destroy(&q->wake);
	pthread_cond_destroy(&q->idle);
	pthread_mutex_destroy(&q->lock);
	arena_free(&q->a);
	free(q);
	*quarantine = NULL;
}
