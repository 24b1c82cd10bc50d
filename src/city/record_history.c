/* Earlier versions of records: kept at each change, looked at as of an instant, made the newest again. */
#include "city/record_int.h"

int record__keep_version(struct store_tx *tx, const struct record *r, bool gone, struct err *e)
{
	return sql_record_rev_put(tx,
	        &(struct sql_record_rev_put_in){.kind = str_of(r->kind),
	                .code = str_of(r->code),
	                .rev = r->rev,
	                .gone = gone,
	                .name = str_of(r->name),
	                .name_en = str_of(r->name_en),
	                .state = str_of(r->state),
	                .org = str_of(r->org),
	                .region = str_of(r->region),
	                .lon = r->at.lon,
	                .lat = r->at.lat,
	                .attrs = str_of(r->attrs),
	                .doubts = str_of(r->doubts),
	                .demo = r->demo,
	                .pack = str_of(r->pack),
	                .created = r->created,
	                .changed = r->changed,
	                .account = str_of(r->account),
	                .batch = r->batch},
	        NULL, e);
}

#define VERSION_OF(a, k, r)                                                                                  \
	((struct record){.rev = (r).rev,                                                                     \
	        .kind = (k)->code,                                                                           \
	        .code = record__keep(a, (r).code),                                                           \
	        .name = record__keep(a, (r).name),                                                           \
	        .name_en = record__keep(a, (r).name_en),                                                     \
	        .state = record__keep(a, (r).state),                                                         \
	        .org = record__keep(a, (r).org),                                                             \
	        .region = record__keep(a, (r).region),                                                       \
	        .at = {(r).lon, (r).lat},                                                                    \
	        .attrs = record__keep(a, (r).attrs),                                                         \
	        .doubts = record__keep(a, (r).doubts),                                                       \
	        .pack = record__keep(a, (r).pack),                                                           \
	        .thing = (k)->thing,                                                                         \
	        .demo = (r).demo,                                                                            \
	        .gone = (r).gone,                                                                            \
	        .created = (r).created,                                                                      \
	        .changed = (r).changed,                                                                      \
	        .account = record__keep(a, (r).account),                                                     \
	        .batch = (r).batch})

int record__version(struct store_tx *tx, struct arena *a, const struct kind *k, const char *code, int64_t rev,
        struct record *out, struct err *e)
{
	struct sql_record_rev_get_row r;
	int rc = sql_record_rev_get(
	        tx, &(struct sql_record_rev_get_in){str_of(k->code), str_of(code), rev}, &r, e);

	if (rc > 0)
		*out = VERSION_OF(a, k, r);
	return rc;
}

static const struct kind *seen_kind(
        const struct catalog *c, const struct who *who, const char *kind, struct err *e)
{
	const struct kind *k = catalog_kind(c, kind);

	if (k != NULL && k->secrecy <= who->scope.clearance)
		return k;
	(void)err_set(e, ERR_NOTFOUND, "no kind has this code");
	return NULL;
}

static const char no_record[] = "no record of this kind has this code";

int record_as_of(struct store_tx *tx, struct arena *a, const struct catalog *c, const struct who *who,
        const char *kind, const char *code, time_us at, struct record *out, struct err *e)
{
	const struct kind *k = seen_kind(c, who, kind, e);
	struct sql_record_rev_at_row r;
	int rc;

	if (k == NULL)
		return ERR_NOTFOUND;
	rc = record__find(tx, a, kind, code, out, e);
	if (rc < 0)
		return rc;
	if (rc > 0 && !record__seen(k, who, out)) /* what has left the scope takes its past along */
		return err_set(e, ERR_NOTFOUND, no_record);
	if (rc == 0 || out->changed > at) {
		rc = sql_record_rev_at(
		        tx, &(struct sql_record_rev_at_in){str_of(kind), str_of(code), at}, &r, e);
		if (rc < 0)
			return rc;
		if (rc == 0 || r.gone)
			return err_set(e, ERR_NOTFOUND, "there was no such record at that time");
		*out = VERSION_OF(a, k, r);
	}
	return record__seen(k, who, out) ? 0 : err_set(e, ERR_NOTFOUND, no_record);
}

int record_history(struct store_tx *tx, struct arena *a, const struct catalog *c, const struct who *who,
        const char *kind, const char *code, int64_t before, int limit, struct record **out, int *n,
        struct err *e)
{
	const struct kind *k = seen_kind(c, who, kind, e);
	struct record *list = arena_array(a, (size_t)limit, sizeof(*list)), now;
	struct sql_record_rev_all_row r;
	struct store_rows *rows = NULL;
	bool there;
	int rc, got = 0;

	if (k == NULL)
		return ERR_NOTFOUND;
	rc = record__find(tx, a, kind, code, &now, e);
	if (rc < 0)
		return rc;
	there = rc > 0;
	if (there && !record__seen(k, who, &now))
		return err_set(e, ERR_NOTFOUND, no_record);
	if (there && (before == 0 || now.rev < before))
		list[got++] = now;
	rc = sql_record_rev_all_open(tx,
	        &(struct sql_record_rev_all_in){.kind = str_of(kind),
	                .code = str_of(code),
	                .before = before == 0 ? INT64_MAX : before,
	                .limit_ = limit},
	        &rows, e);
	while (rc == 0 && got < limit && (rc = sql_record_rev_all_next(rows, &r, e)) > 0) {
		struct record v = VERSION_OF(a, k, r);

		rc = 0;
		/* A version of when it lay elsewhere is not this reader's affair, nor is a removed record's.
		 */
		if (record__seen(k, who, &v))
			list[got++] = v;
	}
	store_rows_close(&rows);
	if (rc < 0)
		return rc;
	if (got == 0 && before == 0)
		return err_set(e, ERR_NOTFOUND, no_record);
	*out = list;
	*n = got;
	return 0;
}

int record_restore(struct store_tx *tx, const struct record_door *d, const char *kind, const char *code,
        int64_t rev, struct record *out, struct err *e)
{
	const struct kind *k = seen_kind(d->catalog, d->by, kind, e);
	struct arena *a = store_arena(tx);
	struct record old, now;
	bool had;
	int rc;

	if (k == NULL)
		return ERR_NOTFOUND;
	if (!record_may_write(k, d->by))
		return err_set(e, ERR_DENIED, "your roles may not change records of this kind");
	rc = record__find(tx, a, kind, code, &old, e);
	if (rc < 0)
		return rc;
	had = rc > 0;
	rc = record__version(tx, a, k, code, rev, &now, e);
	if (rc < 0)
		return rc;
	if (rc == 0 || now.gone || !record__seen(k, d->by, &now) || (had && !record__seen(k, d->by, &old)))
		return err_set(e, ERR_NOTFOUND, "the record has no such version to go back to");
	rc = record__write(tx, d, k, had ? &old : NULL, &now, "restored", e);
	if (rc == 0 && out != NULL)
		*out = now;
	return rc;
}
