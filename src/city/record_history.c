/* Earlier versions of records: kept at each change, looked at as of an instant, made the newest again. */
#include "base/json.h"
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

/* Whether the reader may know of its past: what has left the scope takes that along. now: NULL for a removed
 * record, which left where its last version lay. 0 or ERR_*. */
static int may_look_back(struct store_tx *tx, struct arena *a, const struct kind *k, const struct who *who,
        const char *code, const struct record *now, struct err *e)
{
	struct sql_record_rev_last_row last = {0};
	struct record end;
	int rc = 1;

	if (now == NULL) {
		rc = sql_record_rev_last(
		        tx, &(struct sql_record_rev_last_in){str_of(k->code), str_of(code)}, &last, e);
		if (rc > 0)
			rc = record__version(tx, a, k, code, last.rev, &end, e);
		now = &end;
	}
	if (rc < 0)
		return rc;
	if (rc == 0 || !record__seen(k, who, now))
		return err_set(e, ERR_NOTFOUND, no_record);
	return 0;
}

int record_as_of(struct store_tx *tx, struct arena *a, const struct catalog *c, const struct who *who,
        const char *kind, const char *code, time_us at, struct record *out, struct err *e)
{
	const struct kind *k = seen_kind(c, who, kind, e);
	struct sql_record_rev_at_row r;
	bool there;
	int rc;

	if (k == NULL)
		return ERR_NOTFOUND;
	rc = record__find(tx, a, kind, code, out, e);
	if (rc < 0)
		return rc;
	there = rc > 0;
	rc = may_look_back(tx, a, k, who, code, there ? out : NULL, e);
	if (rc < 0)
		return rc;
	if (!there || out->changed > at) {
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

/* Kept versions below *before that the reader sees, at most limit; a version of when the record lay elsewhere
 * is not this reader's affair. *before: the last that was looked at. 1 while there may be more. */
static int add_versions(struct store_tx *tx, struct arena *a, const struct kind *k, const struct who *who,
        const char *code, int64_t *before, int limit, struct record *out, int *n, struct err *e)
{
	struct sql_record_rev_all_row r;
	struct store_rows *rows = NULL;
	int looked = 0, rc;

	rc = sql_record_rev_all_open(tx,
	        &(struct sql_record_rev_all_in){
	                .kind = str_of(k->code), .code = str_of(code), .before = *before, .limit_ = limit},
	        &rows, e);
	while (rc == 0 && (rc = sql_record_rev_all_next(rows, &r, e)) > 0) {
		struct record v = VERSION_OF(a, k, r);

		rc = 0;
		looked++;
		*before = v.rev;
		if (record__seen(k, who, &v))
			out[(*n)++] = v;
	}
	store_rows_close(&rows);
	return rc < 0 ? rc : looked == limit;
}

int record_history(struct store_tx *tx, struct arena *a, const struct catalog *c, const struct who *who,
        const char *kind, const char *code, int64_t before, int limit, struct record **out, int *n,
        struct err *e)
{
	const struct kind *k = seen_kind(c, who, kind, e);
	struct record *list = arena_array(a, (size_t)limit, sizeof(*list)), now;
	bool there;
	int rc, got = 0;

	if (k == NULL)
		return ERR_NOTFOUND;
	rc = record__find(tx, a, kind, code, &now, e);
	if (rc < 0)
		return rc;
	there = rc > 0;
	rc = may_look_back(tx, a, k, who, code, there ? &now : NULL, e);
	if (rc < 0)
		return rc;
	if (before == 0)
		before = INT64_MAX;
	if (there && now.rev < before)
		list[got++] = now;
	do {
		rc = got < limit ? add_versions(tx, a, k, who, code, &before, limit - got, list, &got, e) : 0;
	} while (rc > 0);
	*out = list;
	*n = got;
	return rc;
}

/* A value by the field's key of today, or by those that it had before. */
static const struct doc *value_then(struct arena *a, const struct doc *attrs, const struct field *f)
{
	const struct doc *v = doc_get(attrs, f->key);
	struct str rest = str_of(f->was);

	while (v == NULL && rest.n > 0) {
		struct str word = str_cut(&rest, ' ');

		if (word.n > 0)
			v = doc_get(attrs, arena_strndup(a, word.p, word.n));
	}
	return v;
}

/* In the form that the field has today, where the value fits it. */
static void put_then(struct arena *a, struct jw *w, const struct field *f, const struct doc *v)
{
	struct str kept = STR_NULL;
	const char *doubt;

	jw_key(w, f->key);
	if (v->text != NULL && !f->many &&
	        kind_value(a, f, zone_utc(), (struct str){v->text, v->text_n}, &kept, &doubt, NULL) == 0 &&
	        kept.p != NULL)
		jw_raw(w, kept);
	else
		doc_write_json(v, w);
}

/* The attributes of an earlier version as they come back: by the keys of today, and where the record is still
 * there (now not NULL), what the writer cannot see stays as it is now. */
static int mix(struct arena *a, const struct kind *k, const struct who *by, const struct record *now,
        struct record *then, struct err *e)
{
	struct doc *is = NULL, *was = NULL;
	struct sb b = SB_INIT;
	struct jw w;
	int rc = record__attrs(a, then, &was, e);

	if (rc == 0 && now != NULL)
		rc = record__attrs(a, now, &is, e);
	if (rc < 0)
		return rc;
	jw_init(&w, &b);
	jw_object(&w);
	for (int i = 0; i < k->fields; i++) {
		const struct field *f = &k->field[i];
		const struct doc *v = now != NULL && field_hidden(f, by->scope.clearance)
		                              ? doc_get(is, f->key)
		                              : value_then(a, was, f);

		if (v != NULL)
			put_then(a, &w, f, v);
	}
	jw_object_end(&w);
	then->attrs = arena_strndup(a, b.p, b.n);
	sb_fini(&b);
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
	rc = may_look_back(tx, a, k, d->by, code, had ? &old : NULL, e);
	if (rc < 0)
		return rc;
	rc = record__version(tx, a, k, code, rev, &now, e);
	if (rc < 0)
		return rc;
	if (rc == 0 || now.gone || !record__seen(k, d->by, &now))
		return err_set(e, ERR_NOTFOUND, "the record has no such version to go back to");
	rc = mix(a, k, d->by, had ? &old : NULL, &now, e);
	if (rc == 0)
		rc = record__check(tx, d, k, had ? &old : NULL, &now, e);
	if (rc == 0)
		rc = record__write(tx, d, k, had ? &old : NULL, &now, "restored", e);
	if (rc == 0 && out != NULL)
		*out = now;
	return rc;
}
