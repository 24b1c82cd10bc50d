#include "city/account.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/sql.h"

#include <sodium.h>

#define PASSWORD_MIN 10
#define LOCK_AFTER 5
#define LOCK_WINDOW (15 * US_MINUTE)
#define SESSION_IDLE (12 * US_HOUR)
#define SESSION_AGE (7 * US_DAY)
#define SESSION_TOUCH US_MINUTE /* `seen` is written at most this often */

static const char wrong_sign_in[] = "the name or the password is not right";

const struct who who_system = {.login = "system",
        .name = "",
        .org = "",
        .roles = ROLE_VIEWER | ROLE_HANDLER | ROLE_DESK | ROLE_LEADER | ROLE_ADMIN,
        .scope = {.clearance = 4},
        .csrf = ""};

/* ---- roles and scope ---- */

static const struct {
	enum role role;
	const char *name;
} roles[] = {{ROLE_VIEWER, "viewer"}, {ROLE_HANDLER, "handler"}, {ROLE_DESK, "desk"}, {ROLE_LEADER, "leader"},
        {ROLE_ADMIN, "admin"}, {ROLE_DEVICE, "device"}};

const char *role_name(enum role r)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (roles[i].role == r)
			return roles[i].name;
	return "";
}

unsigned roles_parse(struct str s)
{
	unsigned bits = 0;

	while (s.p != NULL) {
		struct str word = str_cut(&s, ' ');
		unsigned bit = 0;

		if (word.n == 0)
			continue;
		for (size_t i = 0; i < ARRAY_LEN(roles); i++)
			if (str_is(word, roles[i].name))
				bit = roles[i].role;
		if (bit == 0)
			return 0;
		bits |= bit;
	}
	return bits;
}

static bool in_list(const char *const *list, const char *code)
{
	if (list == NULL || code == NULL || *code == '\0')
		return true;
	for (; *list != NULL; list++)
		if (strncmp(code, *list, strlen(*list)) == 0)
			return true;
	return false;
}

bool who_sees(const struct who *w, const char *region, const char *org, int64_t secrecy)
{
	return secrecy <= w->scope.clearance && in_list(w->scope.regions, region) &&
	       in_list(w->scope.orgs, org);
}

static const char *const *copy_list(struct arena *a, const char *const *list)
{
	const char **out;
	size_t n = 0;

	if (list == NULL)
		return NULL;
	while (list[n] != NULL)
		n++;
	out = arena_array(a, n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = arena_strdup(a, list[i]);
	return out;
}

struct who who_copy(struct arena *a, const struct who *w)
{
	struct who out = *w;

	out.login = arena_strdup(a, w->login);
	out.name = arena_strdup(a, w->name);
	out.org = arena_strdup(a, w->org);
	out.csrf = arena_strdup(a, w->csrf != NULL ? w->csrf : "");
	out.scope.regions = copy_list(a, w->scope.regions);
	out.scope.orgs = copy_list(a, w->scope.orgs);
	return out;
}

static struct str list_json(const char *const *list, struct arena *a)
{
	struct sb b = SB_INIT;
	struct jw w;
	struct str out;

	if (list == NULL)
		return STR_NULL;
	jw_init(&w, &b);
	jw_array(&w);
	for (; *list != NULL; list++)
		jw_cstr(&w, *list);
	jw_array_end(&w);
	out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

struct str who_regions_json(const struct who *w, struct arena *a)
{
	return list_json(w->scope.regions, a);
}

struct str who_orgs_json(const struct who *w, struct arena *a)
{
	return list_json(w->scope.orgs, a);
}

/* "320902 320903" -> NULL-ended list; empty -> NULL, which is all. */
static const char *const *split(struct str s, struct arena *a)
{
	const char **out = NULL;
	size_t n = 0, cap = 0;

	while (s.p != NULL) {
		struct str word = str_cut(&s, ' ');

		if (word.n == 0)
			continue;
		out = arena_grow(a, out, &cap, n + 2, sizeof(*out));
		out[n++] = arena_strndup(a, word.p, word.n);
		out[n] = NULL;
	}
	return out;
}

/* ---- secrets ---- */

/* What the store keeps of a random token: whoever reads the store cannot sign in with it. */
static void hash_token(struct str token, char out[2 * DIGEST_LEN + 1])
{
	uint8_t h[DIGEST_LEN];

	digest_once(DIGEST_SHA256, token.p, token.n, h);
	hex_encode(h, sizeof(h), out);
}

static int hash_password(const char *password, char out[crypto_pwhash_STRBYTES], struct err *e)
{
	if (sodium_init() < 0)
		return err_set(e, ERR_UNAVAILABLE, "the library for passwords does not start");
	if (utf8_length(str_of(password)) < PASSWORD_MIN) {
		err_set(e, ERR_INVALID, "a password needs at least %d characters", PASSWORD_MIN);
		return err_at(e, NULL, 0, 0, "password");
	}
	if (crypto_pwhash_str(out, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
	            crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
		return err_set(e, ERR_NOMEM, "not enough memory to hash a password");
	return 0;
}

/* For a login that does not exist the same work is done, so that time does not tell. */
static bool verify_password(const char *hash, const char *password)
{
	static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$"
	                             "c29tZXNhbHRzb21lc2FsdA$q1t1ap5pFp6Zp0T0Q2f8a1nH7xOkYmC2m4yq8G1r8mE";

	if (sodium_init() < 0)
		return false;
	return crypto_pwhash_str_verify(hash != NULL ? hash : nobody, password, strlen(password)) == 0 &&
	       hash != NULL;
}

static int journal(struct store_tx *tx, const char *kind, const char *subject, const char *id, const char *by,
        const char *key, const char *value, struct err *e)
{
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	if (key != NULL)
		jw_kstr(&w, key, value);
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(kind),
	                .subject = str_of(subject),
	                .subject_id = str_of(id),
	                .region = STR_LIT(""),
	                .org = STR_LIT(""),
	                .secrecy = 2,
	                .account = str_of(by),
	                .payload = sb_str(&b)},
	        e);
	sb_fini(&b);
	return rc;
}

/* ---- accounts ---- */

struct add {
	const struct account_in *in;
	const char *by;
	char password[crypto_pwhash_STRBYTES];
	int64_t id;
};

static int add(struct store_tx *tx, void *arg, struct err *e)
{
	struct add *x = arg;
	const struct account_in *in = x->in;
	int rc;

	x->id = store_tx_id(tx);
	rc = sql_account_insert(tx,
	        &(struct sql_account_insert_in){.id = x->id,
	                .login = str_of(in->login),
	                .name = str_of(in->name),
	                .org = str_of(in->org),
	                .password = str_of(x->password),
	                .roles = str_of(in->roles),
	                .regions = str_of(in->regions != NULL ? in->regions : ""),
	                .orgs = str_of(in->orgs != NULL ? in->orgs : ""),
	                .clearance = in->clearance,
	                .created = store_now(tx)},
	        NULL, e);
	if (rc == ERR_CONFLICT)
		return err_set(e, ERR_CONFLICT, "there is an account %s already", in->login);
	return rc < 0 ? rc : journal(tx, "account.added", "account", in->login, x->by, "roles", in->roles, e);
}

static bool login_valid(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == ':' || (unsigned char)s[i] == 0x7f)
			return false;
	return n > 0 && n <= 64 && utf8_valid(str_of(s));
}

static int bad_field(struct err *e, const char *field, const char *words)
{
	err_set(e, ERR_INVALID, "%s", words);
	return err_at(e, NULL, 0, 0, field);
}

int account_add(struct store *st, const struct account_in *in, const char *by, int64_t *id, struct err *e)
{
	struct add x = {.in = in, .by = by};
	int rc;

	if (!login_valid(in->login))
		return bad_field(e, "login", "a login has 1 to 64 bytes, no blanks and no colon");
	if (roles_parse(str_of(in->roles)) == 0)
		return bad_field(e, "roles", "roles are viewer, handler, desk, leader, admin, by blanks");
	if (in->clearance < 1 || in->clearance > 4)
		return bad_field(e, "clearance", "clearance goes from 1 to 4");
	rc = hash_password(in->password, x.password, e);
	if (rc == 0)
		rc = store_write(st, "add an account", add, &x, e);
	if (rc == 0 && id != NULL)
		*id = x.id;
	return rc;
}

struct change {
	const char *login, *by;
	char password[crypto_pwhash_STRBYTES];
};

static int change_password(struct store_tx *tx, void *arg, struct err *e)
{
	const struct change *x = arg;
	int64_t changed = 0;
	int rc = sql_account_password(tx,
	        &(struct sql_account_password_in){.login = str_of(x->login), .password = str_of(x->password)},
	        &changed, e);

	if (rc == 0 && changed == 0)
		rc = err_set(e, ERR_NOTFOUND, "there is no account %s", x->login);
	if (rc == 0)
		rc = sql_session_drop_of(tx, &(struct sql_session_drop_of_in){str_of(x->login)}, NULL, e);
	return rc < 0 ? rc : journal(tx, "account.password_set", "account", x->login, x->by, NULL, NULL, e);
}

int account_set_password(
        struct store *st, const char *login, const char *password, const char *by, struct err *e)
{
	struct change x = {.login = login, .by = by};
	int rc = hash_password(password, x.password, e);

	return rc < 0 ? rc : store_write(st, "set a password", change_password, &x, e);
}

int account_list(struct store_tx *tx, struct arena *a, struct account_row **out, int *n, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_account_all_row r;
	size_t cap = 0;
	int rc;

	*out = NULL;
	*n = 0;
	rc = sql_account_all_open(tx, &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_account_all_next(rows, &r, e)) > 0) {
		*out = arena_grow(a, *out, &cap, (size_t)*n + 1, sizeof(**out));
		(*out)[(*n)++] = (struct account_row){.id = r.id,
		        .login = arena_strndup(a, r.login.p, r.login.n),
		        .name = arena_strndup(a, r.name.p, r.name.n),
		        .org = arena_strndup(a, r.org.p, r.org.n),
		        .roles = arena_strndup(a, r.roles.p, r.roles.n),
		        .disabled = r.disabled};
	}
	store_rows_close(&rows);
	return rc;
}

/* ---- sessions ---- */

struct sign_in {
	const char *login, *remote, *token_hash, *csrf;
	int64_t account;
	bool ok;
};

/* Counts a failure, or opens the session. The password was looked at before: hashing has no place on the
 * writer. */
static int sign_in(struct store_tx *tx, void *arg, struct err *e)
{
	const struct sign_in *x = arg;
	struct sql_account_by_login_row a;
	time_us now = store_now(tx);
	bool recent;
	int64_t failures;
	int rc;

	if (x->account == 0)
		return journal(tx, "account.refused", "account", x->login, "system", "remote", x->remote, e);
	rc = sql_account_by_login(tx, &(struct sql_account_by_login_in){str_of(x->login)}, &a, e);
	if (rc <= 0)
		return rc < 0 ? rc : err_set(e, ERR_UNAUTH, "%s", wrong_sign_in);
	if (x->ok) {
		rc = sql_account_failures(tx,
		        &(struct sql_account_failures_in){
		                .id = a.id, .failed = TIME_NONE, .locked = TIME_NONE},
		        NULL, e);
		if (rc == 0)
			rc = sql_session_expire(
			        tx, &(struct sql_session_expire_in){now - SESSION_AGE}, NULL, e);
		if (rc == 0)
			rc = sql_session_insert(tx,
			        &(struct sql_session_insert_in){.token = str_of(x->token_hash),
			                .account = a.id,
			                .csrf = str_of(x->csrf),
			                .at = now,
			                .remote = str_of(x->remote)},
			        NULL, e);
		return rc < 0 ? rc
		              : journal(tx, "account.signed_in", "account", x->login, x->login, "remote",
		                        x->remote, e);
	}
	recent = a.failed != TIME_NONE && now - a.failed < LOCK_WINDOW;
	failures = (recent ? a.failures : 0) + 1;
	rc = sql_account_failures(tx,
	        &(struct sql_account_failures_in){.id = a.id,
	                .failures = failures,
	                .failed = now,
	                .locked = failures >= LOCK_AFTER ? now + LOCK_WINDOW : TIME_NONE},
	        NULL, e);
	return rc < 0 ? rc
	              : journal(tx, "account.refused", "account", x->login, "system", "remote", x->remote, e);
}

int session_open(struct store *st, const char *login, const char *password, const char *remote,
        char token[65], struct err *e)
{
	struct sign_in x = {.login = login, .remote = remote};
	struct sql_account_by_login_row a = {0};
	char hash[crypto_pwhash_STRBYTES] = "", token_hash[2 * DIGEST_LEN + 1], csrf[33];
	struct store_tx *tx = NULL;
	bool disabled = false, locked = false;
	int rc;

	rc = store_read_begin(st, "sign in", &tx, e);
	if (rc < 0)
		return rc;
	rc = sql_account_by_login(tx, &(struct sql_account_by_login_in){str_of(login)}, &a, e);
	if (rc > 0) {
		x.account = a.id;
		disabled = a.disabled;
		locked = a.locked != TIME_NONE && a.locked > store_now(tx);
		snprintf(hash, sizeof(hash), STR_FMT, STR_ARG(a.password));
	}
	store_read_end(&tx);
	if (rc < 0)
		return rc;
	if (locked) {
		LOG(ACCOUNT_REFUSED, log_s("login", login), log_s("remote", remote), log_s("why", "locked"));
		metric_add(METRIC_SIGNIN_REFUSED, 1);
		return err_set(e, ERR_BUSY, "too many wrong passwords; try again in a quarter of an hour");
	}
	x.ok = verify_password(x.account != 0 ? hash : NULL, password) && !disabled;
	random_hex(32, token);
	random_hex(16, csrf);
	hash_token(str_of(token), token_hash);
	x.token_hash = token_hash;
	x.csrf = csrf;
	rc = store_write(st, "sign in", sign_in, &x, e);
	if (rc < 0)
		return rc;
	metric_add(x.ok ? METRIC_SIGNIN_OK : METRIC_SIGNIN_REFUSED, 1);
	if (!x.ok) {
		LOG(ACCOUNT_REFUSED, log_s("login", login), log_s("remote", remote),
		        log_s("why", "password"));
		return err_set(e, ERR_UNAUTH, "%s", wrong_sign_in);
	}
	LOG(ACCOUNT_SIGNIN, log_s("login", login), log_s("remote", remote));
	return 0;
}

struct touch {
	const char *hash;
};

static int touch(struct store_tx *tx, void *arg, struct err *e)
{
	const struct touch *x = arg;

	return sql_session_seen(
	        tx, &(struct sql_session_seen_in){.token = str_of(x->hash), .seen = store_now(tx)}, NULL, e);
}

int session_find(struct store *st, const char *token, struct arena *a, struct who *out, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct sql_session_who_row r;
	struct store_tx *tx = NULL;
	time_us now, seen = 0;
	int rc;

	hash_token(str_of(token), hash);
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
		        .scope = {.regions = split(r.regions, a),
		                .orgs = split(r.orgs, a),
		                .clearance = r.clearance},
		        .csrf = arena_strndup(a, r.csrf.p, r.csrf.n)};
	}
	store_read_end(&tx);
	if (rc < 0)
		return rc;
	if (rc == 0)
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

	hash_token(str_of(token), hash);
	return store_write(st, "sign out", drop, hash, e);
}

/* ---- devices ---- */

struct put_device {
	const char *login, *things, *by, *hash;
};

static int put_device(struct store_tx *tx, void *arg, struct err *e)
{
	const struct put_device *x = arg;
	int rc = sql_device_put(tx,
	        &(struct sql_device_put_in){.login = str_of(x->login),
	                .secret = str_of(x->hash),
	                .things = str_of(x->things),
	                .created = store_now(tx)},
	        NULL, e);

	return rc < 0 ? rc : journal(tx, "device.added", "device", x->login, x->by, "things", x->things, e);
}

int device_add(struct store *st, const char *login, const char *things, const char *by, char secret[65],
        struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct put_device x = {.login = login, .things = things, .by = by, .hash = hash};

	if (!login_valid(login))
		return bad_field(e, "login", "a device's name has 1 to 64 bytes, no blanks and no colon");
	random_hex(32, secret);
	hash_token(str_of(secret), hash);
	return store_write(st, "add a device", put_device, &x, e);
}

int device_find(struct store *st, struct str login, struct str secret, struct arena *a, struct device *out,
        struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct sql_device_by_login_row r;
	struct store_tx *tx = NULL;
	bool ok = false;
	int rc;

	hash_token(secret, hash);
	rc = store_read_begin(st, "device", &tx, e);
	if (rc < 0)
		return rc;
	rc = sql_device_by_login(tx, &(struct sql_device_by_login_in){login}, &r, e);
	if (rc > 0 && r.secret.n == 2 * DIGEST_LEN && sodium_memcmp(r.secret.p, hash, 2 * DIGEST_LEN) == 0) {
		*out = (struct device){
		        .login = arena_strndup(a, login.p, login.n), .things = split(r.things, a)};
		ok = true;
	}
	store_read_end(&tx);
	if (rc < 0)
		return rc;
	return ok ? 0 : err_set(e, ERR_UNAUTH, "the device's name or secret is not right");
}

bool device_may(const struct device *d, struct str thing)
{
	if (d->things == NULL)
		return true;
	for (const char *const *p = d->things; *p != NULL; p++)
		if (str_starts(thing, *p))
			return true;
	return false;
}
