#include "city/session.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metric.h"
#include "city/delegation.h"
#include "city/secret.h"
#include "city/session_int.h"
#include "city/totp.h"
#include "store/sql.h"

#define LOCK_AFTER 5
#define LOCK_WINDOW (15 * US_MINUTE)
#define SESSION_IDLE (12 * US_HOUR)
#define SESSION_AGE (7 * US_DAY)
#define SESSION_TOUCH US_MINUTE /* `seen` is written at most this often */

static const char wrong_sign_in[] = "the name or the password is not right";
static const char locked_out[] = "too many wrong passwords; try again in a quarter of an hour";

static int journal_remote(struct store_tx *tx, const char *kind, const char *login, const char *by,
        const char *remote, struct err *e)
{
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "remote", remote);
	jw_object_end(&w);
	rc = account_journal(tx, kind, login, by, sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

/* ---- what is known before anything is written ---- */

struct known {
	int64_t account; /* 0: nobody has this login */
	char hash[PASSWORD_HASH_LEN];
	bool disabled, locked, factor;
	bool sealed; /* its key is missing: no code can be checked */
	uint8_t key[TOTP_KEY];
	int64_t step; /* whose code was taken last */
	time_us now;
};

static int read_key(const struct account_policy *p, const struct sql_account_by_login_row *a,
        struct store_tx *tx, struct known *k, struct err *e)
{
	struct str plain = STR_NULL;
	struct err why = ERR_INIT;
	int rc = secret_open_factor(p->seal, a->id, a->secret, store_arena(tx), &plain, &why);

	k->sealed = rc == ERR_STATE;
	if (rc < 0)
		LOG(SECRET_KEY, log_i("account", a->id), log_s("why", why.text));
	if (k->sealed || (rc == 0 && base32_decode(plain, k->key, sizeof(k->key)) == TOTP_KEY))
		return 0;
	return err_set(e, ERR_CORRUPT, "this second factor cannot be read; an administrator can remove it");
}

/* p NULL: no code will be checked. */
static int look_up(
        struct store *st, const struct account_policy *p, const char *login, struct known *k, struct err *e)
{
	struct sql_account_by_login_row a;
	struct store_tx *tx = NULL;
	int rc = store_read_begin(st, "sign in", &tx, e);

	*k = (struct known){0};
	if (rc < 0)
		return rc;
	k->now = store_now(tx);
	rc = sql_account_by_login(tx, &(struct sql_account_by_login_in){str_of(login)}, &a, e);
	if (rc > 0) {
		k->account = a.id;
		k->disabled = a.disabled;
		k->locked = a.locked != TIME_NONE && a.locked > k->now;
		k->factor = a.secret.p != NULL;
		k->step = a.step;
		snprintf(k->hash, sizeof(k->hash), STR_FMT, STR_ARG(a.password));
		if (k->factor && p != NULL)
			rc = read_key(p, &a, tx, k, e);
	}
	store_read_end(&tx);
	return rc < 0 ? rc : 0;
}

/* ---- what is written: the password was looked at before, since hashing has no place on the writer ---- */

struct attempt {
	const char *login, *remote;
	int64_t account;
	bool right;                    /* the password, and whoever it is may sign in */
	bool factor;                   /* and there is a second factor: */
	int64_t step;                  /* the code's, -1: none fits */
	const char *recovery;          /* its hash; NULL: no code was given */
	const char *token_hash, *csrf; /* NULL: no session is wanted */
	bool provider;
	bool opened;
};

/* A code is used up by the transaction that opens the session: of two sign-ins with one code only one gets
 * in. */
static int take_code(struct store_tx *tx, const struct attempt *x, bool *taken, struct err *e)
{
	int64_t n = 0;
	int rc = 0;

	if (x->step >= 0)
		rc = sql_factor_step(
		        tx, &(struct sql_factor_step_in){.account = x->account, .step = x->step}, &n, e);
	else if (x->recovery != NULL)
		rc = sql_recovery_take(tx,
		        &(struct sql_recovery_take_in){.account = x->account, .code = str_of(x->recovery)},
		        &n, e);
	*taken = n > 0;
	return rc;
}

static int open_session(struct store_tx *tx, const struct attempt *x, int64_t account, struct err *e)
{
	time_us now = store_now(tx);
	int rc = sql_account_failures(tx,
	        &(struct sql_account_failures_in){.id = account, .failed = TIME_NONE, .locked = TIME_NONE},
	        NULL, e);

	if (rc == 0)
		rc = sql_session_expire(tx, &(struct sql_session_expire_in){now - SESSION_AGE}, NULL, e);
	if (rc == 0)
		rc = sql_session_insert(tx,
		        &(struct sql_session_insert_in){.token = str_of(x->token_hash),
		                .account = account,
		                .csrf = str_of(x->csrf),
		                .at = now,
		                .remote = str_of(x->remote),
		                .provider = x->provider},
		        NULL, e);
	return rc < 0 ? rc : journal_remote(tx, "account.signed_in", x->login, x->login, x->remote, e);
}

static int count_failure(
        struct store_tx *tx, const struct attempt *x, const struct sql_account_by_login_row *a, struct err *e)
{
	time_us now = store_now(tx);
	bool recent = a->failed != TIME_NONE && now - a->failed < LOCK_WINDOW;
	int64_t failures = (recent ? a->failures : 0) + 1;
	int rc = sql_account_failures(tx,
	        &(struct sql_account_failures_in){.id = a->id,
	                .failures = failures,
	                .failed = now,
	                .locked = failures >= LOCK_AFTER ? now + LOCK_WINDOW : TIME_NONE},
	        NULL, e);

	return rc < 0 ? rc : journal_remote(tx, "account.refused", x->login, "system", x->remote, e);
}

static int attempt(struct store_tx *tx, void *arg, struct err *e)
{
	struct attempt *x = arg;
	struct sql_account_by_login_row a;
	bool ok = x->right;
	int rc;

	x->opened = false;
	if (x->account == 0)
		return journal_remote(tx, "account.refused", x->login, "system", x->remote, e);
	rc = sql_account_by_login(tx, &(struct sql_account_by_login_in){str_of(x->login)}, &a, e);
	if (rc <= 0)
		return rc < 0 ? rc : err_set(e, ERR_UNAUTH, "%s", wrong_sign_in);
	if (ok && x->factor) {
		rc = take_code(tx, x, &ok, e);
		if (rc < 0)
			return rc;
	}
	x->opened = ok;
	return ok ? open_session(tx, x, a.id, e) : count_failure(tx, x, &a, e);
}

static int refused(const struct sign_in *in, const char *why, int code, const char *words, struct err *e)
{
	LOG(ACCOUNT_REFUSED, log_s("login", in->login), log_s("remote", in->remote), log_s("why", why));
	metric_add(METRIC_SIGNIN_REFUSED, 1);
	return err_set(e, code, "%s", words);
}

int session_open(struct store *st, const struct account_policy *p, const struct sign_in *in,
        char token[SESSION_TOKEN], struct err *e)
{
	const char *code = in->code != NULL ? in->code : "";
	struct attempt x = {.login = in->login, .remote = in->remote, .step = -1};
	char hash[2 * DIGEST_LEN + 1], recovery[2 * DIGEST_LEN + 1], csrf[33];
	struct known k;
	int rc = look_up(st, p, in->login, &k, e);

	if (rc < 0)
		return rc;
	if (k.locked)
		return refused(in, "locked", ERR_BUSY, locked_out, e);
	x.account = k.account;
	x.right = password_verify(&p->cost, k.account != 0 ? k.hash : NULL, in->password) && !k.disabled;
	x.factor = k.factor;
	if (x.right && k.factor && *code == '\0') {
		err_set(e, ERR_SECOND_FACTOR, "a code of the second factor is needed");
		err_at(e, NULL, 0, 0, "code");
		return ERR_SECOND_FACTOR;
	}
	if (x.right && k.factor) {
		if (!k.sealed)
			x.step = totp_find(k.key, sizeof(k.key), str_of(code), k.now, k.step);
		factor__recovery_hash(code, recovery);
		x.recovery = recovery;
	}
	random_hex(32, token);
	random_hex(16, csrf);
	token_hash(str_of(token), hash);
	x.token_hash = hash;
	x.csrf = csrf;
	rc = store_write(st, "sign in", attempt, &x, e);
	if (rc < 0)
		return rc;
	if (!x.opened && x.right && k.sealed)
		return refused(in, "key", ERR_UNAVAILABLE,
		        "codes cannot be checked now, since the site's key of secrets is missing: use a "
		        "recovery code, or "
		        "tell the administrator",
		        e);
	if (!x.opened && x.right) {
		refused(in, "code", ERR_SECOND_FACTOR,
		        "this code does not fit, or was used before; wait for the next one", e);
		err_at(e, NULL, 0, 0, "code");
		return ERR_SECOND_FACTOR;
	}
	if (!x.opened)
		return refused(in, "password", ERR_UNAUTH, wrong_sign_in, e);
	metric_add(METRIC_SIGNIN_OK, 1);
	LOG(ACCOUNT_SIGNIN, log_s("login", in->login), log_s("remote", in->remote));
	return 0;
}

int session_open_as(
        struct store *st, const char *login, const char *remote, char token[SESSION_TOKEN], struct err *e)
{
	static const char nobody[] =
	        "the provider knows you, but no account here has this name; ask an administrator";
	const struct sign_in in = {.login = login, .remote = remote};
	struct attempt x = {.login = login, .remote = remote, .right = true, .provider = true};
	char hash[2 * DIGEST_LEN + 1], csrf[33];
	struct known k;
	int rc = look_up(st, NULL, login, &k, e);

	if (rc < 0)
		return rc;
	if (k.account == 0 || k.disabled)
		return refused(&in, "no account of the provider's name", ERR_UNAUTH, nobody, e);
	x.account = k.account;
	random_hex(32, token);
	random_hex(16, csrf);
	token_hash(str_of(token), hash);
	x.token_hash = hash;
	x.csrf = csrf;
	rc = store_write(st, "sign in", attempt, &x, e);
	if (rc < 0)
		return rc;
	metric_add(METRIC_SIGNIN_OK, 1);
	LOG(ACCOUNT_SIGNIN, log_s("login", login), log_s("remote", remote));
	return 0;
}

int session__prove(struct store *st, const struct account_policy *p, const struct who *who,
        const char *password, const char *field, const char *remote, struct err *e)
{
	struct attempt x = {.login = who->login, .remote = remote};
	struct known k;
	int rc = look_up(st, NULL, who->login, &k, e);

	if (rc < 0)
		return rc;
	if (k.locked)
		return err_set(e, ERR_BUSY, "%s", locked_out);
	if (password_verify(&p->cost, k.account != 0 ? k.hash : NULL, password))
		return 0;
	x.account = k.account;
	rc = store_write(st, "wrong password", attempt, &x, e);
	if (rc < 0)
		return rc;
	err_set(e, ERR_DENIED, "the password is not right");
	err_at(e, NULL, 0, 0, field);
	return ERR_DENIED;
}

/* ---- who has signed in ---- */

struct touch {
	const char *hash;
};

static int touch(struct store_tx *tx, void *arg, struct err *e)
{
	const struct touch *x = arg;

	return sql_session_seen(
	        tx, &(struct sql_session_seen_in){.token = str_of(x->hash), .seen = store_now(tx)}, NULL, e);
}

static enum who_must must_of(
        const struct account_policy *p, const struct sql_session_who_row *r, unsigned roles, time_us now)
{
	if (r->provider)
		return MUST_NOTHING;
	if (r->must_change ||
	        (p->password_max_days > 0 && now - r->password_at > p->password_max_days * US_DAY))
		return MUST_PASSWORD;
	return (roles & p->totp_roles) && !r->second_factor ? MUST_SECOND_FACTOR : MUST_NOTHING;
}

int session_find(struct store *st, const struct account_policy *p, const char *token, struct arena *a,
        struct who *out, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct sql_session_who_row r;
	struct store_tx *tx = NULL;
	time_us now, seen = 0;
	bool found = false;
	int rc;

	token_hash(str_of(token), hash);
	rc = store_read_begin(st, "session", &tx, e);
	if (rc < 0)
		return rc;
	now = store_now(tx);
	rc = sql_session_who(tx,
	        &(struct sql_session_who_in){.token = str_of(hash),
	                .seen_after = now - SESSION_IDLE,
	                .created_after = now - SESSION_AGE},
	        &r, e);
	if (rc > 0) {
		seen = r.seen;
		*out = (struct who){.account = r.account,
		        .login = arena_strndup(a, r.login.p, r.login.n),
		        .name = arena_strndup(a, r.name.p, r.name.n),
		        .org = arena_strndup(a, r.org.p, r.org.n),
		        .roles = roles_parse(r.roles),
		        .own = {.regions = codes_split(r.regions, a),
		                .orgs = codes_split(r.orgs, a),
		                .clearance = r.clearance},
		        .raised = r.raised > now ? r.raised : TIME_NONE,
		        .csrf = arena_strndup(a, r.csrf.p, r.csrf.n)};
		out->scope = out->own;
		out->must = must_of(p, &r, out->roles, now);
		if (out->raised != TIME_NONE && out->scope.clearance < 4)
			out->scope.clearance++;
		rc = delegation_load(tx, a, out, e);
		found = true;
	}
	store_read_end(&tx);
	if (rc < 0)
		return rc;
	if (!found)
		return err_set(e, ERR_UNAUTH, "the session has ended; sign in again");
	/* A store that cannot be written now does not sign anybody out. */
	if (now - seen > SESSION_TOUCH) {
		struct err ignored = ERR_INIT;

		if (store_write(st, "session seen", touch, &(struct touch){hash}, &ignored) < 0)
			LOG(STORE_FAULT, log_s("what", "session seen"), log_s("why", ignored.text));
	}
	return 0;
}

static int drop(struct store_tx *tx, void *arg, struct err *e)
{
	return sql_session_drop(tx, &(struct sql_session_drop_in){str_of(arg)}, NULL, e);
}

int session_close(struct store *st, const char *token, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];

	token_hash(str_of(token), hash);
	return store_write(st, "sign out", drop, hash, e);
}

int session_list(struct store_tx *tx, struct arena *a, const struct who *who, const char *token,
        struct session_row **out, int *n, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct store_rows *rows = NULL;
	struct sql_session_of_row r;
	time_us now = store_now(tx);
	size_t cap = 0;
	int rc;

	*out = NULL;
	*n = 0;
	token_hash(str_of(token), hash);
	rc = sql_session_of_open(tx,
	        &(struct sql_session_of_in){.account = who->account,
	                .seen_after = now - SESSION_IDLE,
	                .created_after = now - SESSION_AGE},
	        &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_session_of_next(rows, &r, e)) > 0) {
		*out = arena_grow(a, *out, &cap, (size_t)*n + 1, sizeof(**out));
		(*out)[(*n)++] = (struct session_row){.created = r.created,
		        .seen = r.seen,
		        .remote = arena_strndup(a, r.remote.p, r.remote.n),
		        .current = str_is(r.token, hash)};
	}
	store_rows_close(&rows);
	return rc;
}

/* ---- what a person does to the own sessions and password ---- */

struct own {
	const struct who *who;
	const char *token_hash;
	const char *password; /* hash of the new one; NULL: stays */
};

static int change_own(struct store_tx *tx, void *arg, struct err *e)
{
	const struct own *x = arg;
	int rc = sql_session_drop_others(tx,
	        &(struct sql_session_drop_others_in){
	                .account = x->who->account, .token = str_of(x->token_hash)},
	        NULL, e);

	if (rc == 0 && x->password != NULL)
		rc = sql_account_password(tx,
		        &(struct sql_account_password_in){.login = str_of(x->who->login),
		                .password = str_of(x->password),
		                .at = store_now(tx)},
		        NULL, e);
	return rc < 0 ? rc
	              : account_journal(tx,
	                        x->password != NULL ? "account.password_changed" : "account.sessions_ended",
	                        x->who->login, x->who->login, STR_NULL, e);
}

int session_close_others(struct store *st, const struct who *who, const char *token, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];

	token_hash(str_of(token), hash);
	return store_write(
	        st, "end other sessions", change_own, &(struct own){.who = who, .token_hash = hash}, e);
}

int session_new_password(struct store *st, const struct account_policy *p, const struct who *who,
        const char *token, const char *old, const char *password, const char *remote, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1], kept[PASSWORD_HASH_LEN];
	int rc = session__prove(st, p, who, old, "old", remote, e);

	if (rc == 0 && strcmp(old, password) == 0) {
		err_set(e, ERR_INVALID, "the new password is the old one");
		err_at(e, NULL, 0, 0, "password");
		rc = ERR_INVALID;
	}
	if (rc == 0)
		rc = password_check(password, who->login, who->name, "password", e);
	if (rc == 0)
		rc = password_hash(&p->cost, password, kept, e);
	if (rc < 0)
		return rc;
	token_hash(str_of(token), hash);
	return store_write(st, "change the own password", change_own,
	        &(struct own){.who = who, .token_hash = hash, .password = kept}, e);
}

/* ---- break-glass ---- */

struct raising {
	const struct who *who;
	const char *token_hash, *reason;
	int64_t minutes; /* 0: lowers it again */
	time_us until;
};

static int raise_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct raising *x = arg;
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	x->until = store_now(tx) + x->minutes * US_MINUTE;
	rc = sql_session_raise(tx,
	        &(struct sql_session_raise_in){.token = str_of(x->token_hash), .until = x->until}, NULL, e);
	if (rc < 0)
		return rc;
	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "name", x->who->name);
	if (x->minutes > 0) {
		jw_kstr(&w, "reason", x->reason);
		jw_kint(&w, "clearance", x->who->own.clearance + 1);
		jw_ktime(&w, "until", x->until);
	}
	jw_object_end(&w);
	rc = account_journal(tx, x->minutes > 0 ? "account.glass_broken" : "account.glass_mended",
	        x->who->login, x->who->login, sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

int session_raise(struct store *st, const struct account_policy *p, const struct who *who, const char *token,
        const char *reason, int64_t minutes, time_us *until, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct raising x = {.who = who, .token_hash = hash, .reason = reason, .minutes = minutes};
	int rc;

	if (!(who->roles & p->break_glass_roles))
		return err_set(e, ERR_DENIED, "none of your roles may raise its clearance");
	if (who->own.clearance >= 4)
		return err_set(e, ERR_STATE, "there is no clearance above 4");
	if (utf8_length(str_of(reason)) < 4 || utf8_length(str_of(reason)) > 200) {
		err_set(e, ERR_INVALID, "say why, in 4 to 200 characters");
		return err_at(e, NULL, 0, 0, "reason");
	}
	if (minutes < 1 || minutes > RAISE_MINUTES) {
		err_set(e, ERR_INVALID, "1 to %d minutes", RAISE_MINUTES);
		return err_at(e, NULL, 0, 0, "minutes");
	}
	token_hash(str_of(token), hash);
	rc = store_write(st, "raise a clearance", raise_write, &x, e);
	*until = x.until;
	return rc;
}

int session_lower(struct store *st, const struct who *who, const char *token, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];

	if (who->raised == TIME_NONE)
		return err_set(e, ERR_STATE, "the clearance is not raised");
	token_hash(str_of(token), hash);
	return store_write(
	        st, "lower a clearance", raise_write, &(struct raising){.who = who, .token_hash = hash}, e);
}
