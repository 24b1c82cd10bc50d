#include "city/file.h"
#include "store/sql.h"

#define UNUSED_FOR US_DAY

/* What the first bytes show. Types that a browser would run (HTML, SVG, scripts) are not told apart from
 * text. */
static const char *type_of(struct str b)
{
	static const struct {
		const char *type, *magic;
		size_t n, at;
	} known[] = {{"application/pdf", "%PDF-", 5, 0}, {"image/png", "\x89PNG\r\n\x1a\n", 8, 0},
	        {"image/jpeg", "\xff\xd8\xff", 3, 0}, {"image/gif", "GIF8", 4, 0},
	        {"image/webp", "WEBP", 4, 8}, {"video/mp4", "ftyp", 4, 4},
	        {"application/zip", "PK\x03\x04", 4, 0},
	        {"application/x-ole-storage", "\xd0\xcf\x11\xe0", 4, 0}};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (b.n >= known[i].at + known[i].n &&
		        memcmp(b.p + known[i].at, known[i].magic, known[i].n) == 0)
			return known[i].type;
	return utf8_valid(b) && memchr(b.p, 0, b.n) == NULL ? "text/plain" : "application/octet-stream";
}

struct keep {
	const struct file_ref *ref;
	const struct who *by;
	struct str bytes;
};

static int keep(struct store_tx *tx, void *arg, struct err *e)
{
	const struct keep *k = arg;
	struct str hash = str_of(k->ref->hash);
	time_us before = store_now(tx) - UNUSED_FOR;
	int rc = sql_file_sender_sweep(tx, &(struct sql_file_sender_sweep_in){before}, NULL, e);

	if (rc == 0)
		rc = sql_file_sweep(tx, &(struct sql_file_sweep_in){before}, NULL, e);
	if (rc == 0)
		rc = sql_file_put(tx,
		        &(struct sql_file_put_in){.hash = hash,
		                .size = k->ref->size,
		                .type = str_of(k->ref->type),
		                .bytes = k->bytes,
		                .at = store_now(tx)},
		        NULL, e);
	if (rc == 0)
		rc = sql_file_touch(tx, &(struct sql_file_touch_in){hash, store_now(tx)}, NULL, e);
	return rc < 0 ? rc
	              : sql_file_sent(tx,
	                        &(struct sql_file_sent_in){hash, str_of(k->by->login), store_now(tx)}, NULL,
	                        e);
}

int file_keep(struct store *st, const struct who *by, struct str bytes, struct file_ref *out, struct err *e)
{
	struct keep k = {.ref = out, .by = by, .bytes = bytes};
	uint8_t sum[DIGEST_LEN];

	if (bytes.n == 0)
		return err_set(e, ERR_INVALID, "the file is empty");
	if (bytes.n > FILE_MAX)
		return err_set(e, ERR_TOOBIG, "a file has 16 MiB at most");
	digest_once(DIGEST_SHA256, bytes.p, bytes.n, sum);
	hex_encode(sum, sizeof(sum), out->hash);
	out->size = (int64_t)bytes.n;
	out->type = type_of(bytes);
	return store_write(st, "keep a file", keep, &k, e);
}

static const struct doc *nth_of(const struct field *f, const struct doc *v, int nth)
{
	if (v == NULL || !f->many)
		return nth == 0 ? v : NULL;
	DOC_EACH(x, v)
	{
		if (nth-- == 0)
			return x;
	}
	return NULL;
}

int file_of_record(struct store_tx *tx, const struct catalog *c, const struct who *who, const char *kind,
        const char *code, const char *field, int nth, const char **name, const char **type, struct str *bytes,
        struct err *e)
{
	struct arena *a = store_arena(tx);
	const struct kind *k = catalog_kind(c, kind);
	const struct field *f = k != NULL ? kind_field(k, field) : NULL;
	struct sql_file_get_row row = {0};
	struct doc *attrs = NULL;
	const struct doc *v = NULL;
	struct record r = {0};
	int rc = record_get(tx, a, c, who, kind, code, &r, e);

	if (rc == 0 && f != NULL && f->type == FIELD_FILE && !field_hidden(f, who->scope.clearance)) {
		rc = doc_parse_json(a, str_of(r.attrs), "attrs", &attrs, e);
		v = nth_of(f, doc_get(attrs, field), nth);
	}
	if (rc == 0 && v != NULL)
		rc = sql_file_get(tx, &(struct sql_file_get_in){str_of(doc_str(v, "file", ""))}, &row, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, ERR_NOTFOUND, "the record has no such file");
	*name = doc_str(v, "name", "");
	*type = arena_strndup(a, row.type.p, row.type.n);
	*bytes = row.bytes;
	return 0;
}

int file_named(struct store_tx *tx, const struct who *by, const char *hash, int64_t size, const char *type,
        struct err *e)
{
	struct sql_file_head_row row = {0};
	struct sql_file_sent_by_row sent;
	int rc = sql_file_head(tx, &(struct sql_file_head_in){str_of(hash)}, &row, e);

	if (rc > 0)
		rc = sql_file_sent_by(
		        tx, &(struct sql_file_sent_by_in){str_of(hash), str_of(by->login)}, &sent, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, ERR_INVALID, "you have sent no such file today; send it again");
	if (row.size != size || !str_is(row.type, type))
		return err_set(
		        e, ERR_INVALID, "size and type of the file are not those that its upload answered");
	return !row.used ? sql_file_use(tx, &(struct sql_file_use_in){str_of(hash)}, NULL, e) : 0;
}
