#include "city/approval.h"
#include "base/arena.h"
#include "base/doc.h"
#include "base/json.h"
#include "city/account_int.h"
#include "store/sql.h"

#define LIVES (7 * US_DAY)

static void put(struct jw *w, const char *key, const char *value)
{
	if (value != NULL)
		jw_kstr(w, key, value);
}

static void write_change(struct jw *w, const struct account_change *c)
{
	jw_object(w);
	put(w, "name", c->name);
	put(w, "org", c->org);
	put(w, "roles", c->roles);
	put(w, "regions", c->regions);
	put(w, "orgs", c->orgs);
	if (c->clearance != 0)
		jw_kint(w, "clearance", c->clearance);
	if (c->disabled >= 0)
		jw_kbool(w, "disabled", c->disabled > 0);
	jw_object_end(w);
}

static int read_change(struct arena *a, struct str json, struct account_change *c, struct err *e)
{
	struct doc *d = NULL;
	int rc = doc_parse_json(a, json, "approval", &d, e);

	if (rc < 0)
		return rc;
	*c = (struct account_change){.name = doc_str(d, "name", NULL),
	        .org = doc_str(d, "org", NULL),
	        .roles = doc_str(d, "roles", NULL),
	        .regions = doc_str(d, "regions", NULL),
	        .orgs = doc_str(d, "orgs", NULL),
	        .clearance = doc_int(d, "clearance", 0),
	        .disabled = doc_get(d, "disabled") != NULL ? doc_bool(d, "disabled", false) : -1};
	return 0;
}

static int journal(struct store_tx *tx, const char *kind, const char *login, const char *by, int64_t id,
        struct str change, struct err *e)
{
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kid(&w, "approval", id);
	if (change.p != NULL) {
		jw_key(&w, "change");
		jw_raw(&w, change);
	}
	jw_object_end(&w);
	rc = account_journal(tx, kind, login, by, sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

int approval__ask(struct store_tx *tx, const char *login, const struct account_change *c,
        const struct who *by, int64_t *id, struct err *e)
{
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	write_change(&w, c);
	*id = store_tx_id(tx);
	rc = sql_approval_put(tx,
	        &(struct sql_approval_put_in){.id = *id,
	                .login = str_of(login),
	                .payload = sb_str(&b),
	                .asked_by = str_of(by->login),
	                .asked = store_now(tx)},
	        NULL, e);
	if (rc == 0)
		rc = journal(tx, "account.approval_asked", login, by->login, *id, sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

int approval_list(struct store_tx *tx, struct arena *a, struct approval **out, int *n, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_approval_all_row r;
	size_t cap = 0;
	int rc;

	*out = NULL;
	*n = 0;
	rc = sql_approval_all_open(tx, &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_approval_all_next(rows, &r, e)) > 0) {
		*out = arena_grow(a, *out, &cap, (size_t)*n + 1, sizeof(**out));
		(*out)[(*n)++] = (struct approval){.id = r.id,
		        .login = arena_strndup(a, r.login.p, r.login.n),
		        .change = arena_strndup(a, r.payload.p, r.payload.n),
		        .asked_by = arena_strndup(a, r.asked_by.p, r.asked_by.n),
		        .state = arena_strndup(a, r.state.p, r.state.n),
		        .decided_by = arena_strndup(a, r.decided_by.p, r.decided_by.n),
		        .asked = r.asked,
		        .decided = r.decided};
	}
	store_rows_close(&rows);
	return rc;
}

struct deciding {
	int64_t id;
	const struct who *by;
};

static int load(struct store_tx *tx, const struct deciding *x, struct sql_approval_get_row *r, struct err *e)
{
	int rc = sql_approval_get(tx, &(struct sql_approval_get_in){x->id}, r, e);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, ERR_NOTFOUND, "nothing with this id waits for a second administrator");
	if (!str_is(r->state, "open"))
		return err_set(e, ERR_STATE, "this was decided already: " STR_FMT, STR_ARG(r->state));
	return 0;
}

static int decide(struct store_tx *tx, const struct deciding *x, const char *state, struct err *e)
{
	return sql_approval_decide(tx,
	        &(struct sql_approval_decide_in){.id = x->id,
	                .state = str_of(state),
	                .decided_by = str_of(x->by->login),
	                .decided = store_now(tx)},
	        NULL, e);
}

int approval_check_asker(struct store_tx *tx, const char *login, struct err *e)
{
	struct account_row r;
	int rc = account_get(tx, store_arena(tx), login, &r, e);

	if (rc < 0)
		return rc;
	return !r.disabled && (roles_parse(str_of(r.roles)) & ROLE_ADMIN)
	               ? 0
	               : err_set(e, ERR_STATE, "%s, who asked for this, is no administrator any more", login);
}

static int confirm(struct store_tx *tx, void *arg, struct err *e)
{
	const struct deciding *x = arg;
	struct sql_approval_get_row r;
	struct account_change c;
	const char *asked_by, *login;
	int rc = load(tx, x, &r, e);

	if (rc < 0)
		return rc;
	asked_by = arena_strndup(store_arena(tx), r.asked_by.p, r.asked_by.n);
	login = arena_strndup(store_arena(tx), r.login.p, r.login.n);
	if (strcmp(asked_by, x->by->login) == 0)
		return err_set(e, ERR_DENIED, "four eyes: somebody else must confirm what you asked for");
	if (strcmp(login, x->by->login) == 0)
		return err_set(e, ERR_DENIED, "nobody confirms what is about themselves");
	if (store_now(tx) - r.asked > LIVES)
		return err_set(
		        e, ERR_STATE, "this has waited for more than 7 days; it must be asked for anew");
	rc = read_change(store_arena(tx), r.payload, &c, e);
	if (rc == 0)
		rc = approval_check_asker(tx, asked_by, e);
	if (rc == 0)
		rc = account__change(tx, login, &c, x->by, e);
	if (rc == 0)
		rc = decide(tx, x, "done", e);
	return rc < 0 ? rc
	              : journal(tx, "account.approval_confirmed", login, x->by->login, x->id, STR_NULL, e);
}

int approval_confirm(struct store *st, int64_t id, const struct who *by, struct err *e)
{
	return store_write(st, "confirm a change", confirm, &(struct deciding){id, by}, e);
}

static int refuse(struct store_tx *tx, void *arg, struct err *e)
{
	const struct deciding *x = arg;
	struct sql_approval_get_row r;
	int rc = load(tx, x, &r, e);

	if (rc == 0)
		rc = decide(tx, x, "refused", e);
	if (rc < 0)
		return rc;
	return journal(tx, "account.approval_refused", arena_strndup(store_arena(tx), r.login.p, r.login.n),
	        x->by->login, x->id, STR_NULL, e);
}

int approval_refuse(struct store *st, int64_t id, const struct who *by, struct err *e)
{
	return store_write(st, "refuse a change", refuse, &(struct deciding){id, by}, e);
}
