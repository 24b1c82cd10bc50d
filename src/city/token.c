/* API tokens: what a program signs in with in a person's stead. */
#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "city/session.h"
#include "store/sql.h"

#define TOKEN_TOUCH US_MINUTE /* `used` is written at most this often */
#define DAYS_MOST 365
#define NAME_MOST 100

struct adding {
	const struct who *who;
	const struct api_token_in *in;
	const char *hash, *roles;
	int64_t id;
};

static int journal_token(struct store_tx *tx, const char *kind, const struct who *who, int64_t id,
        const struct adding *x, struct err *e)
{
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kid(&w, "token", id);
	if (x != NULL) {
		jw_kstr(&w, "name", x->in->name);
		jw_kstr(&w, "roles", x->roles);
		jw_kbool(&w, "read_only", x->in->read_only);
		jw_kint(&w, "days", x->in->days);
	}
	jw_object_end(&w);
	rc = account_journal(tx, kind, who->login, who->login, sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

static int add(struct store_tx *tx, void *arg, struct err *e)
{
	struct adding *x = arg;
	struct sql_token_count_row r = {0};
	time_us now = store_now(tx);
	int rc = sql_token_count(tx, &(struct sql_token_count_in){x->who->account}, &r, e);

	if (rc < 0)
		return rc;
	if (r.n >= API_TOKENS_MOST)
		return err_set(e, ERR_STATE, "an account has at most %d tokens; remove one", API_TOKENS_MOST);
	x->id = store_tx_id(tx);
	rc = sql_token_insert(tx,
	        &(struct sql_token_insert_in){.id = x->id,
	                .account = x->who->account,
	                .token = str_of(x->hash),
	                .name = str_of(x->in->name),
	                .roles = str_of(x->roles),
	                .read_only = x->in->read_only,
	                .created = now,
	                .expires = now + x->in->days * US_DAY},
	        NULL, e);
	return rc < 0 ? rc : journal_token(tx, "account.token_added", x->who, x->id, x, e);
}

static int bad(struct err *e, int code, const char *field, const char *words)
{
	err_set(e, code, "%s", words);
	err_at(e, NULL, 0, 0, field);
	return code;
}

int api_token_add(struct store *st, const struct who *who, const struct api_token_in *in, int64_t *id,
        char token[API_TOKEN], struct err *e)
{
	bool all = in->roles == NULL || *in->roles == '\0';
	unsigned roles = all ? who->roles : roles_parse(str_of(in->roles));
	char hash[2 * DIGEST_LEN + 1], words[ROLES_TEXT];
	struct adding x = {.who = who, .in = in, .hash = hash, .roles = words};
	int rc;

	if (*in->name == '\0' || utf8_length(str_of(in->name)) > NAME_MOST)
		return bad(e, ERR_INVALID, "name", "a token needs a name that says what it is for");
	if (in->days < 1 || in->days > DAYS_MOST)
		return bad(e, ERR_INVALID, "days", "a token lives for 1 to 365 days");
	if (roles == 0)
		return bad(e, ERR_INVALID, "roles", "there is no such role");
	if (roles & ~who->roles)
		return bad(e, ERR_DENIED, "roles", "a token cannot have a role that you have not");
	memcpy(token, API_TOKEN_PREFIX, sizeof(API_TOKEN_PREFIX) - 1);
	random_hex(32, token + sizeof(API_TOKEN_PREFIX) - 1);
	token_hash(str_of(token), hash);
	roles_format(roles, words);
	rc = store_write(st, "add a token", add, &x, e);
	*id = x.id;
	return rc;
}

int api_token_list(struct store_tx *tx, struct arena *a, const struct who *who, struct api_token_row **out,
        int *n, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_token_of_row r;
	size_t cap = 0;
	int rc;

	*out = NULL;
	*n = 0;
	rc = sql_token_of_open(tx, &(struct sql_token_of_in){who->account}, &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_token_of_next(rows, &r, e)) > 0) {
		*out = arena_grow(a, *out, &cap, (size_t)*n + 1, sizeof(**out));
		(*out)[(*n)++] = (struct api_token_row){.id = r.id,
		        .name = arena_strndup(a, r.name.p, r.name.n),
		        .roles = arena_strndup(a, r.roles.p, r.roles.n),
		        .read_only = r.read_only,
		        .created = r.created,
		        .expires = r.expires,
		        .used = r.used};
	}
	store_rows_close(&rows);
	return rc;
}

struct dropping {
	const struct who *who;
	int64_t id;
};

static int drop(struct store_tx *tx, void *arg, struct err *e)
{
	const struct dropping *x = arg;
	int64_t n = 0;
	int rc = sql_token_drop(
	        tx, &(struct sql_token_drop_in){.id = x->id, .account = x->who->account}, &n, e);

	if (rc == 0 && n == 0)
		return err_set(e, ERR_NOTFOUND, "you have no token with this id");
	return rc < 0 ? rc : journal_token(tx, "account.token_removed", x->who, x->id, NULL, e);
}

int api_token_drop(struct store *st, const struct who *who, int64_t id, struct err *e)
{
	return store_write(st, "remove a token", drop, &(struct dropping){who, id}, e);
}

static int touch(struct store_tx *tx, void *arg, struct err *e)
{
	return sql_token_used(
	        tx, &(struct sql_token_used_in){.token = str_of(arg), .used = store_now(tx)}, NULL, e);
}

int api_token_find(struct store *st, const char *token, struct arena *a, struct who *out, struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct sql_token_who_row r;
	struct store_tx *tx = NULL;
	time_us now, used = TIME_NONE;
	int rc;

	token_hash(str_of(token), hash);
	rc = store_read_begin(st, "token", &tx, e);
	if (rc < 0)
		return rc;
	now = store_now(tx);
	rc = sql_token_who(tx, &(struct sql_token_who_in){.token = str_of(hash), .now = now}, &r, e);
	if (rc > 0) {
		used = r.used;
		*out = (struct who){.account = r.account,
		        .login = arena_strndup(a, r.login.p, r.login.n),
		        .name = arena_strndup(a, r.name.p, r.name.n),
		        .org = arena_strndup(a, r.org.p, r.org.n),
		        .roles = roles_parse(r.roles) & roles_parse(r.token_roles),
		        .own = {.regions = codes_split(r.regions, a),
		                .orgs = codes_split(r.orgs, a),
		                .clearance = r.clearance},
		        .raised = TIME_NONE,
		        .csrf = "",
		        .by_token = true,
		        .read_only = r.read_only};
		out->scope = out->own;
	}
	store_read_end(&tx);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, ERR_UNAUTH, "this token is not known, has expired, or was removed");
	if (used == TIME_NONE || now - used > TOKEN_TOUCH) {
		struct err ignored = ERR_INIT;

		if (store_write(st, "token used", touch, hash, &ignored) < 0)
			LOG(STORE_FAULT, log_s("what", "token used"), log_s("why", ignored.text));
	}
	return 0;
}
