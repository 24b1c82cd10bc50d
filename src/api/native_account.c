/* Accounts, for administrators. What they may do to whom is checked below, in city/account.c. */
#include "api/api_int.h"
#include "city/approval.h"

static void write_row(struct jw *w, const struct account_row *r)
{
	jw_kstr(w, "login", r->login);
	jw_kstr(w, "name", r->name);
	jw_kstr(w, "org", r->org);
	write_codes(w, "roles", r->roles);
	write_codes(w, "regions", r->regions);
	write_codes(w, "orgs", r->orgs);
	jw_kint(w, "clearance", r->clearance);
	jw_kbool(w, "disabled", r->disabled);
	jw_kbool(w, "must_change", r->must_change);
	jw_kbool(w, "second_factor", r->second_factor);
	jw_ktime(w, "created", r->created);
	jw_ktime(w, "password_at", r->password_at);
	jw_ktime(w, "locked", r->locked);
}

/* What an answer says beside the account. */
struct beside {
	const char *password; /* NULL: none was made */
	bool changed;         /* and so there may be an approval that waits; 0: none */
	int64_t approval;
};

static int reply_account(struct call *c, const char *login, const struct beside *b, struct err *e)
{
	struct account_row r = {0};
	int rc = call_read(c, e);

	if (rc == 0)
		rc = account_get(c->tx, c->a, login, &r, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	write_row(&c->w, &r);
	if (b->password != NULL)
		jw_kstr(&c->w, "password", b->password);
	if (b->changed)
		jw_kid(&c->w, "approval", b->approval);
	jw_object_end(&c->w);
	return 0;
}

int accounts_get(struct call *c, struct err *e)
{
	struct account_row *row = NULL;
	struct jw *w = &c->w;
	int n = 0, rc = account_list(c->tx, c->a, &row, &n, e);

	if (rc < 0)
		return rc;
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		write_row(w, &row[i]);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

int account_get_one(struct call *c, struct err *e)
{
	return reply_account(c, call_param(c, 0), &(struct beside){0}, e);
}

static int check_org(struct call *c, const char *org, struct err *e)
{
	if (*org == '\0' || snapshot_org(call_snapshot(c), org) != NULL)
		return 0;
	err_set(e, ERR_INVALID, "no org has this code");
	return err_at(e, NULL, 0, 0, "org");
}

int accounts_post(struct call *c, struct err *e)
{
	char password[PASSWORD_MADE];
	struct account_in in = {.login = body_text(c, "login"),
	        .name = body_text(c, "name"),
	        .org = body_text(c, "org"),
	        .password = password,
	        .clearance = doc_int(c->body, "clearance", 2),
	        .must_change = true};
	struct beside b = {.password = password, .changed = true};
	int rc = body_words(c, "roles", &in.roles, e);

	if (rc == 0)
		rc = body_words(c, "regions", &in.regions, e);
	if (rc == 0)
		rc = body_words(c, "orgs", &in.orgs, e);
	if (rc == 0)
		rc = check_org(c, in.org, e);
	if (rc < 0)
		return rc;
	password_make(password);
	rc = account_add(c->site->store, &c->site->accounts, &in, &c->who, &b.approval, e);
	if (rc < 0)
		return rc;
	c->status = 201;
	return reply_account(c, in.login, &b, e);
}

int account_patch(struct call *c, struct err *e)
{
	const struct doc *disabled = doc_get(c->body, "disabled"), *clearance = doc_get(c->body, "clearance");
	const char *login = call_param(c, 0);
	struct account_change change = {.name = doc_str(c->body, "name", NULL),
	        .org = doc_str(c->body, "org", NULL),
	        .clearance = doc_int(c->body, "clearance", 0),
	        .disabled = disabled != NULL ? doc_bool(c->body, "disabled", false) : -1};
	struct beside b = {.changed = true};
	int rc = body_words(c, "roles", &change.roles, e);

	if (rc == 0)
		rc = body_words(c, "regions", &change.regions, e);
	if (rc == 0)
		rc = body_words(c, "orgs", &change.orgs, e);
	if (rc == 0 && change.org != NULL)
		rc = check_org(c, change.org, e);
	if (rc == 0 && clearance != NULL && change.clearance == 0) {
		err_set(e, ERR_INVALID, "clearance goes from 1 to 4");
		rc = err_at(e, NULL, 0, 0, "clearance");
	}
	if (rc == 0)
		rc = account_change(
		        c->site->store, &c->site->accounts, login, &change, &c->who, &b.approval, e);
	if (rc < 0)
		return rc;
	if (b.approval != 0)
		c->status = 202;
	return reply_account(c, login, &b, e);
}

int account_password_post(struct call *c, struct err *e)
{
	const char *login = call_param(c, 0);
	char password[PASSWORD_MADE];
	int rc;

	password_make(password);
	rc = account_set_password(c->site->store, &c->site->accounts, login, password, true, &c->who, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_kstr(&c->w, "login", login);
	jw_kstr(&c->w, "password", password);
	jw_object_end(&c->w);
	return 0;
}

int account_unlock_post(struct call *c, struct err *e)
{
	const char *login = call_param(c, 0);
	int rc = account_unlock(c->site->store, login, &c->who, e);

	return rc < 0 ? rc : reply_account(c, login, &(struct beside){0}, e);
}

int account_sessions_delete(struct call *c, struct err *e)
{
	return account_sign_out(c->site->store, call_param(c, 0), &c->who, e);
}

int account_factor_delete(struct call *c, struct err *e)
{
	return account_drop_factor(c->site->store, call_param(c, 0), &c->who, e);
}

/* ---- four eyes ---- */

int approvals_get(struct call *c, struct err *e)
{
	struct approval *row = NULL;
	struct jw *w = &c->w;
	int n = 0, rc = approval_list(c->tx, c->a, &row, &n, e);

	if (rc < 0)
		return rc;
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		jw_kid(w, "id", row[i].id);
		jw_kstr(w, "login", row[i].login);
		jw_key(w, "change");
		jw_raw(w, str_of(row[i].change));
		jw_kstr(w, "asked_by", row[i].asked_by);
		jw_ktime(w, "asked", row[i].asked);
		jw_kstr(w, "state", row[i].state);
		jw_kstr(w, "decided_by", row[i].decided_by);
		jw_ktime(w, "decided", row[i].decided);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

int approval_confirm_post(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	return rc < 0 ? rc : approval_confirm(c->site->store, id, &c->who, e);
}

int approval_refuse_post(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	return rc < 0 ? rc : approval_refuse(c->site->store, id, &c->who, e);
}
