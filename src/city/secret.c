#include "city/secret.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "store/sql.h"

#include <sys/stat.h>
#include <unistd.h>

#define SETTING "secret.key" /* the name of the key that seals */

/* ---- one secret ---- */

static struct str place(int64_t account, char buf[48])
{
	snprintf(buf, 48, "second_factor %lld", (long long)account);
	return str_of(buf);
}

int secret_close_factor(
        const struct seal_ring *r, int64_t account, const char *plain, struct sb *out, struct err *e)
{
	char buf[48];

	if (r != NULL)
		return seal_close(r, str_of(plain), place(account, buf), out, e);
	sb_puts(out, plain);
	return 0;
}

int secret_open_factor(const struct seal_ring *r, int64_t account, struct str kept, struct arena *a,
        struct str *plain, struct err *e)
{
	static const struct seal_ring none;
	char buf[48];

	*plain = kept;
	if (!seal_is_sealed(kept))
		return 0;
	return seal_open(r != NULL ? r : &none, kept, place(account, buf), a, plain, e);
}

/* ---- the key ---- */

int secret_ring(const struct secret_key *k, struct seal_ring *r, struct err *e)
{
	struct arena *a;
	struct str text;
	struct stat st;
	int rc;

	*r = (struct seal_ring){.cipher = k->cipher};
	if (k->env != NULL) {
		rc = seal_ring_parse(str_of(k->env), r, e);
		return rc < 0 ? err_at(e, "HEMING_SEAL_KEY", 0, 0, NULL) : 0;
	}
	if (stat(k->file, &st) < 0)
		return 0;
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		err_set(e, ERR_DENIED, "others may read the key of secrets; chmod 600 it");
		return err_at(e, k->file, 0, 0, NULL);
	}
	a = arena_new(0);
	rc = file_read(a, k->file, 65536, &text, e);
	if (rc == 0 && (rc = seal_ring_parse(text, r, e)) < 0)
		err_at(e, k->file, 0, 0, NULL);
	arena_free(&a);
	return rc;
}

static int write_ring(const struct secret_key *k, const struct seal_ring *r, struct err *e)
{
	struct sb b = SB_INIT;
	char hex[2 * SEAL_KEY + 1];
	int rc;

	sb_puts(&b, "# The key of this site's secrets: the first line seals, the others open what is older.\n"
	            "# Backups and the standby do not hold it: keep a copy where they are not.\n");
	for (int i = 0; i < r->n; i++) {
		hex_encode(r->key[i], SEAL_KEY, hex);
		sb_printf(&b, "%s\n", hex);
	}
	rc = file_write(k->file, b.p, b.n, 0600, e);
	sb_fini(&b);
	return rc;
}

static bool holds(const struct seal_ring *r, struct str name)
{
	char mine[SEAL_NAME];

	for (int i = 0; i < r->n; i++) {
		seal_key_name(r->key[i], mine);
		if (str_is(name, mine))
			return true;
	}
	return false;
}

/* ---- the store ---- */

struct sync {
	const struct seal_ring *ring;
	bool first;           /* nobody may have named a key before */
	char name[SEAL_NAME]; /* that the store has; "": none */
	int stale;            /* secrets that are not as the ring would seal them */
	int sealed;
};

static int count_stale(struct store_tx *tx, struct sync *s, struct err *e)
{
	struct sql_setting_get_row set;
	struct sql_factor_all_row f;
	struct store_rows *rows = NULL;
	int rc = sql_setting_get(tx, &(struct sql_setting_get_in){STR_LIT(SETTING)}, &set, e);

	s->name[0] = '\0';
	s->stale = 0;
	if (rc > 0)
		snprintf(s->name, sizeof(s->name), STR_FMT, STR_ARG(set.value));
	if (rc >= 0)
		rc = sql_factor_all_open(tx, &rows, e);
	while (rc >= 0 && (rc = sql_factor_all_next(rows, &f, e)) == 1)
		s->stale += !seal_is_current(s->ring, f.secret);
	store_rows_close(&rows);
	return rc;
}

static int look(struct store *st, struct sync *s, struct err *e)
{
	struct store_tx *tx = NULL;
	int rc = store_read_begin(st, "key of secrets", &tx, e);

	if (rc == 0)
		rc = count_stale(tx, s, e);
	store_read_end(&tx);
	return rc;
}

struct found {
	int64_t account;
	struct str secret;
};

static int seal_one(struct store_tx *tx, struct sync *s, const struct found *f, struct err *e)
{
	struct sb b = SB_INIT;
	struct str plain;
	struct err why = ERR_INIT;
	int rc = secret_open_factor(s->ring, f->account, f->secret, store_arena(tx), &plain, &why);

	if (rc < 0) { /* it is told at the account's next sign-in; the others must not wait for it */
		LOG(SECRET_KEY, log_i("account", f->account), log_s("why", why.text));
		return 0;
	}
	rc = secret_close_factor(
	        s->ring, f->account, arena_strndup(store_arena(tx), plain.p, plain.n), &b, e);
	if (rc == 0)
		rc = sql_factor_reseal(tx,
		        &(struct sql_factor_reseal_in){.account = f->account, .secret = sb_str(&b)}, NULL, e);
	s->sealed += rc == 0;
	sb_fini(&b);
	return rc;
}

static int seal_all(struct store_tx *tx, void *arg, struct err *e)
{
	struct sync *s = arg;
	struct found *found = NULL;
	struct sql_factor_all_row row;
	struct store_rows *rows = NULL;
	char name[SEAL_NAME];
	size_t n = 0, cap = 0;
	int rc = count_stale(tx, s, e);

	seal_key_name(s->ring->key[0], name);
	if (rc >= 0 && s->first && s->name[0] != '\0')
		rc = err_set(e, ERR_CONFLICT, "another copy of the program has made a key meanwhile");
	if (rc >= 0)
		rc = sql_setting_put(tx,
		        &(struct sql_setting_put_in){
		                .name = STR_LIT(SETTING), .value = str_of(name), .at = store_now(tx)},
		        NULL, e);
	if (rc >= 0)
		rc = sql_factor_all_open(tx, &rows, e);
	while (rc >= 0 && (rc = sql_factor_all_next(rows, &row, e)) == 1) {
		if (seal_is_current(s->ring, row.secret))
			continue;
		found = xgrow(found, &cap, n + 1, sizeof(*found));
		found[n++] = (struct found){row.account,
		        {arena_strndup(store_arena(tx), row.secret.p, row.secret.n), row.secret.n}};
	}
	store_rows_close(&rows);
	s->sealed = 0;
	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = seal_one(tx, s, &found[i], e);
	free(found);
	return rc < 0 ? rc : 0;
}

static int make_key(
        struct store *st, const struct secret_key *k, struct seal_ring *r, bool *missing, struct err *e)
{
	struct sync s = {.ring = r, .first = true};
	int rc;

	random_bytes(r->key[0], SEAL_KEY);
	r->n = 1;
	rc = write_ring(k, r, e);
	if (rc == 0)
		rc = store_write(st, "the first key of secrets", seal_all, &s, e);
	if (rc < 0) {
		r->n = 0;
		(void)unlink(k->file);
	}
	*missing = rc == ERR_CONFLICT;
	return *missing ? 0 : rc;
}

int secret_sync(
        struct store *st, const struct secret_key *k, struct seal_ring *r, bool *missing, struct err *e)
{
	struct sync s = {.ring = r};
	char current[SEAL_NAME] = "";
	int rc = look(st, &s, e);

	*missing = false;
	if (rc < 0)
		return rc;
	if (s.name[0] == '\0' && r->n == 0)
		return make_key(st, k, r, missing, e);
	if (s.name[0] != '\0' && !holds(r, str_of(s.name))) {
		*missing = true;
		r->n = 0;
		return 0;
	}
	seal_key_name(r->key[0], current);
	if (s.stale == 0 && strcmp(s.name, current) == 0)
		return 0;
	return store_write(st, "seal secrets", seal_all, &s, e);
}

int secret_rotate(
        struct store *st, const struct secret_key *k, struct seal_ring *r, int *sealed, struct err *e)
{
	struct seal_ring fresh = {.n = r->n + 1, .cipher = r->cipher};
	struct sync s = {.ring = &fresh};
	int rc;

	if (k->env != NULL)
		return err_set(e, ERR_STATE,
		        "the key comes from HEMING_SEAL_KEY: put a new one in front of it there, by a comma, "
		        "and start");
	if (r->n == 0)
		return err_set(
		        e, ERR_STATE, "the key of secrets is missing; put it back into %s first", k->file);
	if (fresh.n > SEAL_KEYS_MAX)
		return err_set(e, ERR_STATE, "%s holds %d keys; remove those at its end that no backup needs",
		        k->file, r->n);
	random_bytes(fresh.key[0], SEAL_KEY);
	memcpy(fresh.key[1], r->key, (size_t)r->n * SEAL_KEY);
	/* The file first: what is sealed by a key that is lost is lost. */
	rc = write_ring(k, &fresh, e);
	if (rc == 0)
		rc = store_write(st, "a new key of secrets", seal_all, &s, e);
	if (rc == 0)
		*r = fresh;
	*sealed = s.sealed;
	return rc;
}
