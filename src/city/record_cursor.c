#include "city/record_cursor.h"
#include "base/id.h"
#include "base/seal.h"
#include "store/sql.h"

#include <string.h>

#define SETTING "list.cursor-key" /* 64 hexadecimal digits */
#define ID_B 8                    /* the id stands before the key */

/* ---- the key ---- */

/* 1, or 0 if there is none. */
static int find_key(struct store_tx *tx, struct seal_ring *out, struct err *e)
{
	struct sql_setting_get_row row;
	int rc = sql_setting_get(tx, &(struct sql_setting_get_in){STR_LIT(SETTING)}, &row, e);

	*out = (struct seal_ring){.cipher = SEAL_AES};
	if (rc <= 0)
		return rc;
	rc = seal_ring_parse(row.value, out, e);
	return rc < 0 ? rc : 1;
}

static int make_key(struct store_tx *tx, void *unused, struct err *e)
{
	struct seal_ring there;
	char hex[2 * SEAL_KEY + 1];
	int rc = find_key(tx, &there, e);

	(void)unused;
	if (rc != 0)
		return rc < 0 ? rc : 0;
	random_hex(SEAL_KEY, hex);
	return sql_setting_put(tx,
	        &(struct sql_setting_put_in){
	                .name = STR_LIT(SETTING), .value = str_of(hex), .at = store_now(tx)},
	        NULL, e);
}

int record_cursor_key(struct store *st, struct err *e)
{
	struct store_tx *tx = NULL;
	struct seal_ring there;
	int rc = store_read_begin(st, "key of cursors", &tx, e);

	if (rc == 0)
		rc = find_key(tx, &there, e);
	store_read_end(&tx);
	return rc != 0 ? (rc < 0 ? rc : 0) : store_write(st, "key of cursors", make_key, NULL, e);
}

static int the_key(struct store_tx *tx, struct seal_ring *out, struct err *e)
{
	int rc = find_key(tx, out, e);

	if (rc == 0)
		return err_set(
		        e, ERR_STATE, "the store has no key of cursors; it is made when a site is opened");
	return rc < 0 ? rc : 0;
}

/* ---- cursors ---- */

/* What a cursor belongs to: part of its seal. */
static struct str list_of(struct arena *a, const struct who *who, const struct record_query *q)
{
	return str_of(arena_printf(a, "%s %s %s %s", who->login, q->kind->code, q->down ? "down" : "up",
	        q->sort != NULL ? q->sort->key : arena_printf(a, "%d", (int)q->own)));
}

int record_cursor_write(struct store_tx *tx, struct arena *a, const struct who *who,
        const struct record_query *q, const struct record_place *p, const char **out, struct err *e)
{
	uint8_t *plain = arena_alloc(a, ID_B + p->key.n);
	struct seal_ring ring;
	struct sb b = SB_INIT;
	int rc = the_key(tx, &ring, e);

	for (int i = 0; i < ID_B; i++)
		plain[i] = (uint8_t)((uint64_t)p->id >> (8 * (ID_B - 1 - i)));
	if (p->key.n > 0)
		memcpy(plain + ID_B, p->key.p, p->key.n);
	if (rc == 0)
		rc = seal_close(
		        &ring, (struct str){(const char *)plain, ID_B + p->key.n}, list_of(a, who, q), &b, e);
	if (rc == 0)
		*out = arena_strndup(a, b.p, b.n);
	sb_fini(&b);
	return rc;
}

int record_cursor_read(struct store_tx *tx, struct arena *a, const struct who *who,
        const struct record_query *q, struct record_place *out, struct err *e)
{
	struct seal_ring ring;
	struct str plain = STR_NULL;
	int rc = the_key(tx, &ring, e);

	*out = (struct record_place){STR_NULL, 0};
	if (rc < 0)
		return rc;
	if (!seal_is_sealed(str_of(q->cursor)) ||
	        seal_open(&ring, str_of(q->cursor), list_of(a, who, q), a, &plain, NULL) < 0 ||
	        plain.n < ID_B) {
		err_set(e, ERR_INVALID,
		        "this is not the cursor of a page of this list; begin with the first page again");
		return err_at(e, NULL, 0, 0, "cursor");
	}
	for (int i = 0; i < ID_B; i++)
		out->id = (int64_t)((uint64_t)out->id << 8 | (uint8_t)plain.p[i]);
	out->key = (struct str){plain.p + ID_B, plain.n - ID_B};
	return 0;
}
