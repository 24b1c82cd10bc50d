/* The key of secrets: made once, noticed when it is another, and turned. */
#include "check.h"
#include "base/file.h"
#include "city/account.h"
#include "city/secret.h"
#include "store/sql.h"
#include "town.h"

#include <sys/stat.h>

static const char plain[] = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

struct desk {
	struct town t;
	struct secret_key key;
	struct seal_ring ring;
	int64_t account;
	bool missing;
};

static int put(struct store_tx *tx, void *arg, struct err *e)
{
	const struct desk *d = arg;

	return sql_factor_put(tx,
	        &(struct sql_factor_put_in){
	                .account = d->account, .secret = str_of(plain), .created = store_now(tx)},
	        NULL, e);
}

static void sync(struct desk *d)
{
	struct err e = ERR_INIT;

	check_ok(secret_ring(&d->key, &d->ring, &e), &e);
	check_ok(secret_sync(d->t.store, &d->key, &d->ring, &d->missing, &e), &e);
}

/* A store of before: one secret, plain. */
static void begin(struct desk *d)
{
	struct account_policy cheap = {.cost = password_cost_test};
	struct account_in in = {.login = "li",
	        .name = "某人",
	        .org = "",
	        .password = "long enough 1",
	        .roles = "viewer",
	        .clearance = 2};
	struct account_row row;
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;

	*d = (struct desk){.key = {.file = test_path("secret.key")}};
	town_open(&d->t);
	check_ok(account_add(d->t.store, &cheap, &in, &who_system, NULL, &e), &e);
	check_ok(store_read_begin(d->t.store, "look", &tx, &e), &e);
	check_ok(account_get(tx, d->t.a, "li", &row, &e), &e);
	store_read_end(&tx);
	d->account = row.id;
	check_ok(store_write(d->t.store, "put", put, d, &e), &e);
}

/* What is kept: "sealed" if it opens to the plain one, "plain", or "lost". */
static const char *kept(struct desk *d)
{
	struct sql_factor_get_row f;
	struct store_tx *tx = NULL;
	struct str text = STR_NULL;
	struct err e = ERR_INIT;
	const char *is = "lost";

	check_ok(store_read_begin(d->t.store, "look", &tx, &e), &e);
	check_eq_i(sql_factor_get(tx, &(struct sql_factor_get_in){d->account}, &f, &e), 1);
	if (!seal_is_sealed(f.secret))
		is = "plain";
	else if (secret_open_factor(&d->ring, d->account, f.secret, d->t.a, &text, &e) == 0 &&
	         str_is(text, plain))
		is = seal_is_current(&d->ring, f.secret) ? "sealed" : "sealed by another";
	store_read_end(&tx);
	return is;
}

TEST(a_plain_secret_is_sealed_under_a_key_that_is_made)
{
	struct desk d;
	struct stat st;

	begin(&d);
	check_eq_s(kept(&d), "plain");
	sync(&d);
	check(!d.missing);
	check_eq_i(d.ring.n, 1);
	check_eq_s(kept(&d), "sealed");
	check(stat(d.key.file, &st) == 0);
	check_eq_i(st.st_mode & 0777, 0600);
	sync(&d); /* and again: the same key */
	check_eq_i(d.ring.n, 1);
	check_eq_s(kept(&d), "sealed");
	town_close(&d.t);
}

TEST(another_cipher_and_a_new_key_seal_anew)
{
	struct desk d;
	struct err e = ERR_INIT;
	int sealed = 0;

	begin(&d);
	sync(&d);
	d.key.cipher = SEAL_SM4;
	sync(&d);
	check_eq_s(kept(&d), "sealed");
	check_ok(secret_rotate(d.t.store, &d.key, &d.ring, &sealed, &e), &e);
	check_eq_i(sealed, 1);
	check_eq_i(d.ring.n, 2);
	check_eq_s(kept(&d), "sealed");
	sync(&d);
	check_eq_i(d.ring.n, 2);
	check_eq_s(kept(&d), "sealed");
	town_close(&d.t);
}

TEST(a_missing_or_another_key_is_noticed_and_nothing_is_sealed_by_it)
{
	struct desk d;
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;

	begin(&d);
	sync(&d);
	check(rename(d.key.file, test_path("kept")) == 0);
	sync(&d);
	check(d.missing);
	check(!file_exists(d.key.file)); /* none is made in its place */
	check_eq_s(kept(&d), "lost");
	check_err(secret_close_factor(&d.ring, d.account, plain, &b, &e), ERR_STATE);
	d.key.env = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	sync(&d);
	check(d.missing);
	check_eq_i(d.ring.n, 0);
	d.key.env = NULL;
	check(rename(test_path("kept"), d.key.file) == 0);
	sync(&d);
	check(!d.missing);
	check_eq_s(kept(&d), "sealed");
	sb_fini(&b);
	town_close(&d.t);
}

TEST(a_key_that_others_may_read_or_that_is_none_is_refused)
{
	struct desk d;
	struct err e = ERR_INIT;

	begin(&d);
	check_ok(file_write(d.key.file, "short", 5, 0600, &e), &e);
	check_err(secret_ring(&d.key, &d.ring, &e), ERR_INVALID);
	check_ok(file_write(d.key.file, "", 0, 0640, &e), &e);
	check_err(secret_ring(&d.key, &d.ring, &e), ERR_DENIED);
	d.key.env = "xyz";
	check_err(secret_ring(&d.key, &d.ring, &e), ERR_INVALID);
	town_close(&d.t);
}
