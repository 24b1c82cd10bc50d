/* Questions that are asked many at a time, before they come up one by one. */
#include "store/core_int.h"

/* A statement and its parameters as bytes: the same question has the same. */
static void put_key(struct sb *b, const struct store_statement *s, const void *in)
{
	sb_put(b, (const char *)&s, sizeof(s));
	for (int i = 0; i < s->ins; i++) {
		const struct store_field *f = &s->in[i];
		const bool null = store__is_null(in, f);
		int64_t n;
		double d;
		struct str v;

		sb_putc(b, null ? 0 : 1);
		if (null)
			continue;
		switch (f->type) {
		case STORE_INT:
			n = store__int(in, f);
			sb_put(b, (const char *)&n, sizeof(n));
			break;
		case STORE_REAL:
			d = store__real(in, f);
			sb_put(b, (const char *)&d, sizeof(d));
			break;
		case STORE_BOOL: sb_putc(b, store__bool(in, f)); break;
		case STORE_TEXT:
		case STORE_BLOB:
			v = store__str(in, f);
			sb_put(b, (const char *)&v.n, sizeof(v.n));
			sb_put(b, v.p, v.n);
			break;
		}
	}
}

int store__ahead_find(struct store_tx *tx, const struct store_statement *s, const void *in, void *row)
{
	struct sb key = SB_INIT;
	uint32_t no;

	put_key(&key, s, in);
	no = intern_find(&tx->asked, sb_str(&key));
	sb_fini(&key);
	if (no == INTERN_NONE)
		return -1;
	if (tx->answer[no] != NULL)
		memcpy(row, tx->answer[no], s->row_size);
	return tx->answer[no] != NULL;
}

void store__ahead_end(struct store_tx *tx)
{
	intern_fini(&tx->asked);
	free(tx->answer);
	tx->answer = NULL;
	tx->answers_cap = 0;
}

struct asking {
	struct store_tx *tx;
	const struct store_statement *s;
	const char *in;
	size_t size;
	struct sb key;
};

static int got(void *ctx, size_t i, void *row, struct err *e)
{
	struct asking *x = ctx;
	struct store_tx *tx = x->tx;
	uint32_t no;
	int rc = row != NULL ? store__keep_texts(tx, x->s, row, e) : 0;

	if (rc < 0)
		return rc;
	sb_reset(&x->key);
	put_key(&x->key, x->s, x->in + i * x->size);
	no = intern(&tx->asked, sb_str(&x->key));
	tx->answer = xgrow(tx->answer, &tx->answers_cap, (size_t)no + 1, sizeof(*tx->answer));
	tx->answer[no] = row != NULL ? arena_memdup(tx->arena, row, x->s->row_size) : NULL;
	return 0;
}

int store_ahead(struct store_tx *tx, const struct store_statement *s, const void *in, size_t size, size_t n,
        struct err *e)
{
	struct asking x = {tx, s, in, size, SB_INIT};
	struct err own = ERR_INIT, *to = e ? e : &own;
	int rc = 0;

	OBJ_CHECK(tx, TX_MAGIC);
	must(s->kind == STORE_ONE);
	if (tx->conn->ops->first_many == NULL || n == 0)
		return 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = store__may_run(tx, s, x.in + i * size, to);
	if (rc == 0)
		rc = tx->conn->ops->first_many(tx->conn, s, in, size, n, got, &x, to);
	sb_fini(&x.key);
	return rc < 0 ? store__failed(tx, rc, to) : 0;
}
