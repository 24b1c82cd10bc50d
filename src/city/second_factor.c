/* A second factor: a key shared with an app that makes codes of it, and codes on paper for when the app is
 * lost. */
#include "base/arena.h"
#include "base/id.h"
#include "city/secret.h"
#include "city/session_int.h"
#include "city/totp.h"
#include "store/sql.h"

void factor__recovery_hash(const char *code, char out[2 * DIGEST_LEN + 1])
{
	char plain[64];
	size_t n = 0;

	for (; *code != '\0' && n < sizeof(plain); code++)
		if (*code != ' ' && *code != '-')
			plain[n++] = (char)(*code >= 'A' && *code <= 'Z' ? *code + 32 : *code);
	token_hash((struct str){plain, n}, out);
}

int factor_get(struct store_tx *tx, const struct who *who, struct factor_state *out, struct err *e)
{
	struct sql_factor_get_row f;
	struct sql_recovery_count_row r = {0};
	int rc = sql_factor_get(tx, &(struct sql_factor_get_in){who->account}, &f, e);

	*out = (struct factor_state){.on = rc > 0 && f.confirmed};
	if (rc >= 0)
		rc = sql_recovery_count(tx, &(struct sql_recovery_count_in){who->account}, &r, e);
	out->recovery_left = r.n;
	return rc < 0 ? rc : 0;
}

struct factor {
	const struct who *who;
	const struct seal_ring *seal;
	const char *secret, *code;
	char (*recovery)[PASSWORD_MADE];
};

static int put(struct store_tx *tx, void *arg, struct err *e)
{
	const struct factor *x = arg;
	struct sb b = SB_INIT;
	int64_t n = 0;
	int rc = secret_close_factor(x->seal, x->who->account, x->secret, &b, e);

	if (rc == 0)
		rc = sql_factor_put(tx,
		        &(struct sql_factor_put_in){
		                .account = x->who->account, .secret = sb_str(&b), .created = store_now(tx)},
		        &n, e);
	sb_fini(&b);

	return rc < 0 || n > 0 ? rc
	                       : err_set(e, ERR_STATE, "there is a second factor already; remove it first");
}

int factor_begin(struct store *st, const struct account_policy *p, const struct who *who,
        const char *password, const char *remote, char secret[40], struct err *e)
{
	struct factor x = {.who = who, .seal = p->seal};
	uint8_t key[TOTP_KEY];
	char text[40];
	int rc = session__prove(st, p, who, password, "password", remote, e);

	if (rc < 0)
		return rc;
	random_bytes(key, sizeof(key));
	base32_encode(key, sizeof(key), text);
	x.secret = text;
	rc = store_write(st, "begin a second factor", put, &x, e);
	if (rc == 0)
		memcpy(secret, text, sizeof(text));
	return rc;
}

static int put_recovery(struct store_tx *tx, const struct factor *x, struct err *e)
{
	int rc = sql_recovery_drop_of(tx, &(struct sql_recovery_drop_of_in){x->who->account}, NULL, e);

	for (int i = 0; i < RECOVERY_CODES && rc == 0; i++) {
		char hash[2 * DIGEST_LEN + 1];

		factor__recovery_hash(x->recovery[i], hash);
		rc = sql_recovery_put(tx,
		        &(struct sql_recovery_put_in){.account = x->who->account, .code = str_of(hash)}, NULL,
		        e);
	}
	return rc;
}

static int confirm(struct store_tx *tx, void *arg, struct err *e)
{
	const struct factor *x = arg;
	struct sql_factor_get_row f;
	struct str plain = STR_NULL;
	uint8_t key[TOTP_KEY];
	int64_t step;
	int rc = sql_factor_get(tx, &(struct sql_factor_get_in){x->who->account}, &f, e);

	if (rc < 0)
		return rc;
	if (rc == 0 || f.confirmed)
		return err_set(e, ERR_STATE, "no second factor waits for its first code");
	rc = secret_open_factor(x->seal, x->who->account, f.secret, store_arena(tx), &plain, e);
	if (rc < 0)
		return rc;
	if (base32_decode(plain, key, sizeof(key)) != TOTP_KEY)
		return err_set(e, ERR_CORRUPT, "the second factor cannot be read; begin again");
	step = totp_find(key, sizeof(key), str_of(x->code), store_now(tx), 0);
	if (step < 0) {
		err_set(e, ERR_INVALID, "this code does not fit; is the clock of the device right?");
		err_at(e, NULL, 0, 0, "code");
		return ERR_INVALID;
	}
	rc = sql_factor_confirm(
	        tx, &(struct sql_factor_confirm_in){.account = x->who->account, .step = step}, NULL, e);
	if (rc == 0)
		rc = put_recovery(tx, x, e);
	return rc < 0 ? rc
	              : account_journal(
	                        tx, "account.factor_added", x->who->login, x->who->login, STR_NULL, e);
}

int factor_confirm(struct store *st, const struct account_policy *p, const struct who *who, const char *code,
        char recovery[RECOVERY_CODES][PASSWORD_MADE], struct err *e)
{
	struct factor x = {.who = who, .seal = p->seal, .code = code, .recovery = recovery};

	for (int i = 0; i < RECOVERY_CODES; i++)
		password_make(recovery[i]);
	return store_write(st, "confirm a second factor", confirm, &x, e);
}

static int remove_factor(struct store_tx *tx, void *arg, struct err *e)
{
	const struct factor *x = arg;
	int64_t n = 0;
	int rc = sql_factor_drop(tx, &(struct sql_factor_drop_in){x->who->account}, &n, e);

	if (rc == 0 && n == 0)
		return err_set(e, ERR_STATE, "there is no second factor");
	if (rc == 0)
		rc = sql_recovery_drop_of(tx, &(struct sql_recovery_drop_of_in){x->who->account}, NULL, e);
	return rc < 0 ? rc
	              : account_journal(
	                        tx, "account.factor_removed", x->who->login, x->who->login, STR_NULL, e);
}

int factor_remove(struct store *st, const struct account_policy *p, const struct who *who,
        const char *password, const char *remote, struct err *e)
{
	int rc = session__prove(st, p, who, password, "password", remote, e);

	return rc < 0 ? rc
	              : store_write(
	                        st, "remove a second factor", remove_factor, &(struct factor){.who = who}, e);
}
