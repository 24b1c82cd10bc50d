/*
 * Packing a file whose time is over. Blocks were written as they came, of at most HEAD_POINTS points and with
 * windows of 5 minutes: they become long ones, for what each of them says beside its points (key, checksum,
 * forms, tables of codes) is then said once for all. Then the file is written again with full pages.
 *
 * The points, and so the hours, stay as they are. A file of which a part has long blocks is as good as any:
 * series by series goes into transactions of their own, between which the sealer does what else is due.
 */
#include "series/files_int.h"

#include "base/fault.h"

#include <sys/stat.h>

#define PACK_MAX_B                                                                                           \
	(INT64_C(512) << 20) /* the last step writes it as a whole; blocks wait in memory meanwhile */
#define SLICE 4096           /* blocks of a transaction, about */
#define LONG_B 1280          /* of a long block, about: some to a page, so that little of it is empty */
#define LONG_LEAST 128       /* points; where they take many bytes there is little to win */
#define ROW_B 20             /* what the database takes of a row besides its data */

struct packing {
	uint32_t series;
	time_us t[2 * CODEC_POINTS]; /* read and not written yet */
	double v[2 * CODEC_POINTS];
	int n, room;                 /* points of the next long block */
	struct block *first, **last; /* long blocks, by `next` */
	time_us *gone;               /* where those stand that they are to replace */
	size_t gone_n, gone_cap, blocks;
	size_t was_b, is_b;
	bool leave; /* a block is damaged: whoever reads it next sets it aside */
};

static int points_for(size_t bytes, int n)
{
	size_t room = (size_t)n * LONG_B / bytes;

	return room < LONG_LEAST ? LONG_LEAST : room > CODEC_POINTS ? CODEC_POINTS : (int)room;
}

static void write_long(struct packing *x, int n)
{
	struct block *b = block_new(x->series, x->t, x->v, n, BLOCK_PACKED_DENSE);

	while (b->len > 2 * LONG_B && n > LONG_LEAST) { /* it was easier to tell before */
		free(b);
		n /= 2;
		b = block_new(x->series, x->t, x->v, n, BLOCK_PACKED_DENSE);
	}
	b->next = NULL;
	*x->last = b;
	x->last = &b->next;
	x->is_b += b->len + ROW_B;
	x->room = points_for(b->len, n);
	x->n -= n;
	memmove(x->t, x->t + n, (size_t)x->n * sizeof(*x->t));
	memmove(x->v, x->v + n, (size_t)x->n * sizeof(*x->v));
}

static void write_rest(struct packing *x)
{
	while (x->n)
		write_long(x, x->n < x->room ? x->n : x->room);
}

static void take_block(struct packing *x, time_us t0, const uint8_t *data, size_t len)
{
	int n = block_decode(x->series, t0, data, len, x->t + x->n, x->v + x->n);

	x->blocks++;
	if (n < 0) {
		x->leave = true;
		return;
	}
	if (block_is_rollup(data, len)) { /* stays, and parts what lies around it */
		write_rest(x);
		return;
	}
	if (!x->room)
		x->room = points_for(len, n);
	x->gone = xgrow(x->gone, &x->gone_cap, x->gone_n + 1, sizeof(*x->gone));
	x->gone[x->gone_n++] = t0;
	x->was_b += len + ROW_B;
	x->n += n;
	while (x->n >= x->room)
		write_long(x, x->room);
}

/* Counts into *blocks what it looked at. */
static int pack_series(struct partition *p, struct packing *x, size_t *blocks, struct err *e)
{
	sqlite3_stmt *st = p->st[W_RANGE];
	int rc;

	x->n = x->room = 0;
	x->first = NULL;
	x->last = &x->first;
	x->gone_n = x->blocks = x->was_b = x->is_b = 0;
	x->leave = false;
	sqlite3_bind_int64(st, 1, x->series);
	sqlite3_bind_int64(st, 2, p->start);
	sqlite3_bind_int64(st, 3, p->last);
	while ((rc = files__step(p, W_RANGE)) == SQLITE_ROW)
		take_block(x, sqlite3_column_int64(st, 0), sqlite3_column_blob(st, 1),
		        (size_t)sqlite3_column_bytes(st, 1));
	rc = rc == SQLITE_DONE ? 0 : files__sql_err(e, p->db, p, "a block cannot be read");
	write_rest(x);
	if (x->leave || x->is_b >= x->was_b)
		x->gone_n = 0;
	for (size_t i = 0; i < x->gone_n && !rc; i++)
		rc = files__delete_row(p, x->series, x->gone[i], e);
	for (struct block *b = x->first, *next; b; b = next) {
		next = b->next;
		if (!rc && x->gone_n)
			rc = files__insert(p, x->series, b->t0, b->data, b->len, e);
		free(b);
	}
	*blocks += x->blocks;
	return rc;
}

/* 1: *series is the first one after it that has blocks; 0: none has. */
static int next_series(struct partition *p, uint32_t *series, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(p->db, "SELECT min(series) FROM block WHERE series>?1", -1, &st, NULL),
	    found;

	if (rc == SQLITE_OK) {
		sqlite3_bind_int64(st, 1, *series);
		rc = sqlite3_step(st);
	}
	found = rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL;
	if (found)
		*series = (uint32_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? found : files__sql_err(e, p->db, p, "a block cannot be read");
}

/* PACK_MORE, or 0: every series of the file has long blocks. */
static int lengthen(struct block_files *f, struct partition *p, struct err *e)
{
	struct packing *x = xcalloc(1, sizeof(*x));
	size_t blocks = 0;
	int rc = files__begin(f, p, false, e), found = 1;

	x->series = p->packing;
	while (!rc && blocks < SLICE && (found = next_series(p, &x->series, e)) == 1)
		rc = pack_series(p, x, &blocks, e);
	if (!rc && fault(FAULT_SERIES_REWRITE))
		rc = err_set(e, ERR_FULL, "a block file cannot be rewritten: the disk is full");
	rc = found < 0 ? found : rc;
	if (!rc)
		rc = files_commit(f, e);
	if (rc)
		files_rollback(f, NULL, 0);
	else
		p->packing = found ? x->series : 0;
	free(x->gone);
	free(x);
	return rc ? rc : found ? PACK_MORE : 0;
}

static int fill_pages(struct block_files *f, struct partition *p, struct err *e)
{
	int rc = files__open_writer(f, p, e);

	/* The row goes in with what it speaks of: after a crash the file is packed again. */
	if (!rc &&
	        sqlite3_exec(p->db, "VACUUM; INSERT INTO packed VALUES(1); PRAGMA wal_checkpoint(TRUNCATE)",
	                NULL, NULL, NULL) != SQLITE_OK)
		rc = files__sql_err(e, p->db, p, "the block file cannot be packed");
	files__close_writer(p);
	p->packed = rc ? -1 : 1;
	return rc ? rc : PACK_DONE;
}

int files_pack(struct block_files *f, time_us before, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		struct partition *p = f->part[i];
		struct stat st;
		int rc;

		if (p->last >= before || p->damaged || p->writing || p->packed == 1 ||
		        stat(p->path, &st) < 0 || st.st_size > PACK_MAX_B)
			continue;
		if (p->packed < 0 && (rc = files__is_packed(p, e)) != 0) {
			if (rc < 0)
				return rc;
			p->packed = 1;
			continue;
		}
		rc = lengthen(f, p, e);
		return rc ? rc : fill_pages(f, p, e);
	}
	return 0;
}
