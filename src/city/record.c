#include "city/record_int.h"
#include "base/json.h"
#include "base/log.h"
#include "city/file.h"

#include <math.h>

#define TREE_DEPTH 64

const char *record__keep(struct arena *a, struct str s)
{
	return arena_strndup(a, s.p, s.n);
}

bool record_may_write(const struct kind *k, const struct who *by)
{
	return (by->roles & k->write) != 0 && k->secrecy <= by->scope.clearance;
}

bool record__seen(const struct kind *k, const struct who *who, const struct record *r)
{
	return who_sees(who, r->region, r->org, k->secrecy);
}

int record__find(struct store_tx *tx, struct arena *a, const char *kind, const char *code, struct record *out,
        struct err *e)
{
	struct sql_record_find_row r;
	int rc = sql_record_find(
	        tx, &(struct sql_record_find_in){.kind = str_of(kind), .code = str_of(code)}, &r, e);

	if (rc > 0)
		*out = RECORD_OF(a, r);
	return rc;
}

int record_get(struct store_tx *tx, struct arena *a, const struct catalog *c, const struct who *who,
        const char *kind, const char *code, struct record *out, struct err *e)
{
	const struct kind *k = catalog_kind(c, kind);
	int rc;

	if (k == NULL || k->secrecy > who->scope.clearance)
		return err_set(e, ERR_NOTFOUND, "no kind has this code");
	rc = record__find(tx, a, kind, code, out, e);
	if (rc < 0)
		return rc;
	if (rc == 0 || !record__seen(k, who, out))
		return err_set(e, ERR_NOTFOUND, "no record of this kind has this code");
	return 0;
}

/* ---- checking ---- */

static int bad(struct err *e, int code, const char *field, const char *words)
{
	(void)err__set(e, code, "%s", words);
	(void)err_at(e, NULL, 0, 0, field);
	return code;
}

static int check_object(const struct doc *attrs, struct err *e)
{
	return attrs == NULL || attrs->type == DOC_MAP
	               ? 0
	               : bad(e, ERR_INVALID, "attrs", "attributes are a JSON object");
}

/* What the writer cannot see, or left veiled, stays as it was: an object of those values, NULL for none. */
static int find_kept(struct arena *a, const struct record_door *d, const struct kind *k,
        const struct record_in *in, const struct record *old, const struct doc **out, struct err *e)
{
	struct doc *was = NULL, *kept, **end;
	int rc = 0;

	*out = NULL;
	for (int i = 0; i < k->fields; i++) {
		const struct field *f = &k->field[i];
		const struct doc *given = doc_get(in->attrs, f->key);

		if (field_hidden(f, d->by->scope.clearance) && given != NULL && given->type != DOC_NULL)
			return bad(e, ERR_DENIED, f->key, "your clearance does not cover this field");
	}
	if (old == NULL)
		return 0;
	rc = record__attrs(a, old, &was, e);
	if (rc < 0)
		return rc;
	kept = arena_alloc(a, sizeof(*kept));
	kept->type = DOC_MAP;
	end = &kept->child;
	for (int i = 0; i < k->fields; i++) {
		const struct field *f = &k->field[i];
		const struct doc *v = doc_get(was, f->key);

		if (v == NULL || !(field_hidden(f, d->by->scope.clearance) ||
		                         (field_veiled(f) && doc_get(in->attrs, f->key) == NULL)))
			continue;
		*end = arena_memdup(a, v, sizeof(*v));
		(*end)->next = NULL;
		end = &(*end)->next;
		kept->count++;
	}
	*out = kept;
	return 0;
}

/* A region or org by its code, or by its name where only one has it. */
#define FIND_NAMED(array, count, text)                                                                       \
	do {                                                                                                 \
		const char *found_ = NULL;                                                                   \
                                                                                                             \
		for (int i_ = 0; i_ < (count); i_++)                                                         \
			if (strcmp((array)[i_].name, text) == 0) {                                           \
				if (found_ != NULL)                                                          \
					return NULL;                                                         \
				found_ = (array)[i_].code;                                                   \
			}                                                                                    \
		return found_;                                                                               \
	} while (0)

static const char *region_by_name(const struct snapshot *s, const char *text)
{
	FIND_NAMED(s->region, s->regions, text);
}

static const char *org_by_name(const struct snapshot *s, const char *text)
{
	FIND_NAMED(s->org, s->orgs, text);
}

static int check_place(struct arena *a, const struct record_door *d, struct record *r, struct err *e)
{
	const char *code;

	if (isnan(r->at.lon) != isnan(r->at.lat) || fabs(r->at.lon) > 180 || fabs(r->at.lat) > 90)
		return bad(
		        e, ERR_INVALID, "lon", "a place needs lon from -180 to 180 and lat from -90 to 90");
	if (d->snapshot == NULL)
		return 0;
	if (*r->org != '\0' && snapshot_org(d->snapshot, r->org) == NULL) {
		code = org_by_name(d->snapshot, r->org);
		if (code == NULL)
			return bad(e, ERR_INVALID, "org", "no org has this code or name");
		r->org = arena_strdup(a, code);
	}
	if (*r->region == '\0') {
		const struct region *found = snapshot_locate(d->snapshot, r->at);

		r->region = found != NULL ? arena_strdup(a, found->code) : "";
	} else if (snapshot_region(d->snapshot, r->region) == NULL) {
		code = region_by_name(d->snapshot, r->region);
		if (code == NULL)
			return bad(e, ERR_INVALID, "region", "no region has this code or name");
		r->region = arena_strdup(a, code);
	}
	return 0;
}

static int check_state(const struct kind *k, const struct record *old, struct record *r, struct err *e)
{
	if (*r->state == '\0') {
		r->state = old != NULL ? old->state : k->states > 0 ? k->state[0].code : "";
		if (*r->state == '\0')
			return 0;
	}
	for (int i = 0; i < k->states; i++)
		if (strcmp(k->state[i].code, r->state) == 0 || strcmp(k->state[i].name, r->state) == 0 ||
		        strcmp(k->state[i].name_en, r->state) == 0) {
			r->state = k->state[i].code;
			return 0;
		}
	if (old != NULL && strcmp(old->state, r->state) == 0)
		return 0; /* one that the kind had before */
	return bad(e, ERR_INVALID, "state",
	        k->states == 0 ? "records of this kind have no states"
	                       : "this is not one of the kind's states");
}

/* 1, 0, ERR_*. Of a kind that is no longer installed there is none. */
static int find_thing(struct store_tx *tx, struct arena *a, const struct catalog *c, const char *code,
        const struct kind **kind, struct record *out, struct err *e)
{
	struct sql_record_thing_kind_row row;
	int rc = sql_record_thing_kind(tx, &(struct sql_record_thing_kind_in){.code = str_of(code)}, &row, e);

	if (rc <= 0)
		return rc;
	*kind = catalog_kind(c, record__keep(a, row.kind));
	return *kind != NULL ? record__find(tx, a, (*kind)->code, code, out, e) : 0;
}

static int check_reference(struct store_tx *tx, struct arena *a, const struct record_door *d,
        const struct field *f, const struct record *r, const char *code, struct err *e)
{
	const struct kind *to = field_of_things(f) ? NULL : catalog_kind(d->catalog, f->ref);
	const char *up = code;

	if (strcmp(f->ref, "region") == 0 || strcmp(f->ref, "org") == 0) {
		bool there = strcmp(f->ref, "org") == 0 ? snapshot_org(d->snapshot, code) != NULL
		                                        : snapshot_region(d->snapshot, code) != NULL;

		return there ? 0 : bad(e, ERR_INVALID, f->key, "no region or org has this code");
	}
	if (to == NULL && !field_of_things(f))
		return bad(e, ERR_INVALID, f->key, "the kind that this field refers to is not installed");
	for (int depth = 0; depth < TREE_DEPTH; depth++) {
		struct record parent = {0};
		struct doc *attrs = NULL;
		int rc;

		if (f->tree && strcmp(up, r->code) == 0)
			return bad(e, ERR_INVALID, f->key, "a record cannot lie below itself");
		rc = field_of_things(f) ? find_thing(tx, a, d->catalog, up, &to, &parent, e)
		                        : record__find(tx, a, to->code, up, &parent, e);
		if (rc < 0)
			return rc;
		if (depth == 0 && (rc == 0 || !record__seen(to, d->by, &parent)))
			return bad(e, ERR_INVALID, f->key, "no record that you may see has this code");
		if (!f->tree || rc == 0)
			return 0;
		rc = record__attrs(a, &parent, &attrs, e);
		if (rc < 0)
			return rc;
		up = doc_str(attrs, f->key, "");
		if (*up == '\0')
			return 0;
	}
	return bad(e, ERR_INVALID, f->key, "the tree would be deeper than 64 levels");
}

/* Whether another record has the value. Keys of long texts are cut, and letters that sort alike are not
 * always the same: all that have the key are looked at. */
static int check_unique(struct store_tx *tx, const struct field *f, const struct record *r,
        const struct doc *value, struct err *e)
{
	struct arena *a = arena_new(0);
	struct sql_record_entry_other_row any;
	struct sql_record_entry_range_row row;
	struct store_rows *rows = NULL;
	struct sb key = SB_INIT;
	int rc;

	kind_key(&key, f, (struct str){value->text, value->text_n});
	rc = sql_record_entry_other(tx,
	        &(struct sql_record_entry_other_in){.field = f->no, .key = sb_str(&key), .record = r->id},
	        &any, e);
	if (rc > 0)
		rc = sql_record_entry_range_open(tx,
		        &(struct sql_record_entry_range_in){.field = f->no,
		                .low = sb_str(&key),
		                .high = sb_str(&key),
		                .limit_ = INT64_MAX},
		        &rows, e);
	while (rows != NULL && rc == 0 && (rc = sql_record_entry_range_next(rows, &row, e)) > 0) {
		struct record other = RECORD_OF(a, row);
		struct doc *attrs = NULL;

		rc = other.id != r->id ? record__attrs(a, &other, &attrs, e) : 0;
		if (rc == 0 && attrs != NULL && strcmp(doc_str(attrs, f->key, ""), value->text) == 0)
			rc = bad(e, ERR_CONFLICT, f->key,
			        "another record has this value, and it must be unique");
		arena_reset(a);
	}
	store_rows_close(&rows);
	sb_fini(&key);
	arena_free(&a);
	return rc;
}

static bool has_value(const struct doc *v, const struct doc *value)
{
	if (v == NULL)
		return false;
	DOC_EACH(x, v)
	{
		if (x->text != NULL && strcmp(x->text, value->text) == 0)
			return true;
	}
	return v->text != NULL && strcmp(v->text, value->text) == 0;
}

/* One value that the record did not have before. */
static int check_value(struct store_tx *tx, struct arena *a, const struct record_door *d,
        const struct field *f, const struct record *r, const struct doc *value, struct err *e)
{
	int rc = f->unique && f->no != 0 ? check_unique(tx, f, r, value, e) : 0;

	if (rc == 0 && f->type == FIELD_REFERENCE && d->snapshot != NULL)
		rc = check_reference(tx, a, d, f, r, value->text, e);
	return rc;
}

static bool has_file(const struct field *f, const struct doc *v, const char *hash)
{
	for (const struct doc *x = f->many && v != NULL ? v->child : v; x != NULL;
	        x = f->many ? x->next : NULL)
		if (strcmp(doc_str(x, "file", ""), hash) == 0)
			return true;
	return false;
}

/* Files that the record had stay; others must be the writer's own. */
static int check_files(struct store_tx *tx, const struct record_door *d, const struct field *f,
        const struct doc *before, const struct doc *v, struct err *e)
{
	int rc = 0;

	for (const struct doc *x = f->many ? v->child : v; x != NULL && rc == 0; x = f->many ? x->next : NULL)
		if (!has_file(f, before, doc_str(x, "file", "")))
			rc = file_named(tx, d->by, doc_str(x, "file", ""), doc_int(x, "size", -1),
			        doc_str(x, "type", ""), e);
	return rc < 0 ? err_at(e, NULL, 0, 0, f->key), rc : rc;
}

/* Of what a writer gives; a version that comes back names files that were the record's. */
static int check_all_files(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record *old, const struct record *now, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct doc *is = NULL, *was = NULL;
	int rc = 0;

	for (int i = 0; i < k->fields && rc == 0; i++) {
		const struct field *f = &k->field[i];

		if (f->type != FIELD_FILE)
			continue;
		if (is == NULL)
			rc = record__attrs(a, now, &is, e);
		if (rc == 0 && old != NULL && was == NULL)
			rc = record__attrs(a, old, &was, e);
		if (rc == 0 && doc_get(is, f->key) != NULL)
			rc = check_files(tx, d, f, doc_get(was, f->key), doc_get(is, f->key), e);
	}
	return rc;
}

/* Codes of things are names of topics: unique over all their kinds. */
static int check_thing(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record *r, struct err *e)
{
	struct sql_record_thing_kind_row row;
	const struct kind *other;
	int rc = sql_record_thing_kind(
	        tx, &(struct sql_record_thing_kind_in){.code = str_of(r->code)}, &row, e);

	if (rc <= 0 || str_is(row.kind, k->code))
		return rc < 0 ? rc : 0;
	other = catalog_kind(d->catalog, record__keep(store_arena(tx), row.kind));
	if (other != NULL && other->secrecy <= d->by->scope.clearance)
		err_set(e, ERR_CONFLICT, "a thing of the kind %s has this code already", other->code);
	else
		err_set(e, ERR_CONFLICT, "another thing has this code already");
	err_at(e, NULL, 0, 0, "code");
	return ERR_CONFLICT;
}

int record__check(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record *old, const struct record *r, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct doc *attrs = NULL, *was = NULL;
	bool asks = false;
	int rc = 0;

	for (int i = 0; i < k->fields; i++)
		asks = asks || k->field[i].unique || k->field[i].type == FIELD_REFERENCE;
	if (asks)
		rc = record__attrs(a, r, &attrs, e);
	if (asks && rc == 0 && old != NULL)
		rc = record__attrs(a, old, &was, e);
	for (int i = 0; i < k->fields && rc == 0; i++) {
		const struct field *f = &k->field[i];
		const struct doc *v = doc_get(attrs, f->key), *before = doc_get(was, f->key);

		if (v == NULL || !(f->unique || f->type == FIELD_REFERENCE))
			continue;
		if (!f->many && !has_value(before, v))
			rc = check_value(tx, a, d, f, r, v, e);
		DOC_EACH(x, f->many ? v : NULL)
		{
			if (rc == 0 && !has_value(before, x))
				rc = check_value(tx, a, d, f, r, x, e);
		}
	}
	return rc == 0 && k->thing && old == NULL ? check_thing(tx, d, k, r, e) : rc;
}

static const char *text_or(const char *s)
{
	return s != NULL ? s : "";
}

int record__code(struct arena *a, const struct record_door *d, const struct kind *k, const char *given,
        const struct doc *attrs, const char **out, struct err *e)
{
	const struct field *f = *k->key != '\0' ? kind_field(k, k->key) : NULL;
	const char *doubt = NULL;
	struct str value = STR_NULL;
	struct doc *doc = NULL;
	int rc;

	*out = given != NULL ? given : "";
	if (**out != '\0' || f == NULL)
		return 0;
	rc = kind_value(a, f, d->catalog->zone, str_of(doc_str(attrs, k->key, "")), &value, &doubt, e);
	if (rc == 0 && value.p != NULL)
		rc = doc_parse_json(a, value, k->key, &doc, e);
	if (rc == 0 && doc != NULL)
		*out = doc->text;
	return rc;
}

static int check_rights(const struct record_door *d, const struct kind *k, const struct record *old,
        const struct record *now, struct err *e)
{
	if (!record_may_write(k, d->by))
		return err_set(e, ERR_DENIED, "your roles may not change records of this kind");
	if (old != NULL && !record__seen(k, d->by, old))
		return bad(e, ERR_CONFLICT, "code", "a record outside of what you may see has this code");
	if (now != NULL && !record__seen(k, d->by, now))
		return bad(e, ERR_DENIED, "region", "the record would lie outside of what you may see");
	return 0;
}

static bool same_point(struct geo_point a, struct geo_point b)
{
	return (isnan(a.lon) && isnan(b.lon)) || (a.lon == b.lon && a.lat == b.lat);
}

static bool same(const struct record *a, const struct record *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->name_en, b->name_en) == 0 &&
	       strcmp(a->state, b->state) == 0 && strcmp(a->org, b->org) == 0 &&
	       strcmp(a->region, b->region) == 0 && same_point(a->at, b->at) &&
	       strcmp(a->attrs, b->attrs) == 0 && a->demo == b->demo;
}

/* Everything but the writing; *old and whether there is one. */
static int prepare(struct store_tx *tx, const struct record_door *d, const struct record_in *in,
        const struct kind **kind, struct record *old, bool *had, struct record *now, struct err *e)
{
	struct arena *a = store_arena(tx);
	const struct kind *k = in->kind != NULL ? catalog_kind(d->catalog, in->kind) : NULL;
	const struct doc *kept = NULL;
	const char *code;
	int rc;

	if (k == NULL || k->secrecy > d->by->scope.clearance)
		return bad(e, ERR_INVALID, "kind", "no kind has this code");
	*kind = k;
	rc = check_object(in->attrs, e);
	if (rc == 0)
		rc = record__code(a, d, k, in->code, in->attrs, &code, e);
	if (rc < 0)
		return rc;
	if (!kind_code_valid(str_of(code)))
		return bad(e, ERR_INVALID, "code",
		        "a code has 1 to 64 bytes, no blanks and none of / + # % ? , ; and is neither . nor "
		        "..");
	*had = in->was != NULL && in->was->id != 0;
	if (in->was != NULL) {
		*old = *in->was;
	} else {
		rc = record__find(tx, a, k->code, code, old, e);
		if (rc < 0)
			return rc;
		*had = rc > 0;
	}
	if (*had && *old->pack != '\0' && *d->pack != '\0' && strcmp(old->pack, d->pack) != 0) {
		err_set(e, ERR_CONFLICT,
		        "the record %s belongs to the pack %s; a pack cannot redefine another's", code,
		        old->pack);
		return err_at(e, d->pack, 0, 0, code);
	}
	*now = (struct record){.id = *had ? old->id : 0,
	        .rev = *had ? old->rev : 0,
	        .kind = k->code,
	        .code = arena_strdup(a, code),
	        .name = text_or(in->name),
	        .name_en = text_or(in->name_en),
	        .state = text_or(in->state),
	        .org = text_or(in->org),
	        .region = text_or(in->region),
	        .at = in->at,
	        .pack = *d->pack != '\0' ? d->pack
	                : *had           ? old->pack
	                                 : "",
	        .thing = k->thing,
	        .demo = *had && in->keep_demo ? old->demo : in->demo,
	        .batch = d->batch};
	if (*now->name == '\0')
		return bad(e, ERR_INVALID, "name", "a name is needed");
	if (strlen(now->name) > 400 || strlen(now->name_en) > 400)
		return bad(e, ERR_INVALID, "name", "a name has at most 400 bytes");
	rc = check_place(a, d, now, e);
	if (rc == 0)
		rc = check_state(k, *had ? old : NULL, now, e);
	if (rc == 0)
		rc = check_rights(d, k, *had ? old : NULL, now, e);
	if (rc == 0)
		rc = find_kept(a, d, k, in, *had ? old : NULL, &kept, e);
	if (rc == 0)
		rc = kind_read(a, k, d->catalog->zone, in->attrs, kept, &now->attrs, &now->doubts, e);
	if (rc == 0)
		rc = check_all_files(tx, d, k, *had ? old : NULL, now, e);
	return rc == 0 ? record__check(tx, d, k, *had ? old : NULL, now, e) : rc;
}

/* ---- writing ---- */

int record__journal(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record *r, const char *what, struct str fields, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	if (d->batch != 0)
		return 0; /* its own entry speaks for all */
	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "kind", r->kind);
	jw_kstr(&w, "code", r->code);
	jw_kint(&w, "rev", r->rev);
	if (fields.n > 0) {
		jw_key(&w, "fields");
		jw_raw(&w, fields);
	}
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(arena_printf(a, "record.%s", what)),
	                .subject = STR_LIT("record"),
	                .subject_id = str_of(arena_printf(a, "%s/%s", r->kind, r->code)),
	                .region = str_of(r->region),
	                .org = str_of(r->org),
	                .secrecy = k->secrecy,
	                .account = str_of(d->by->login),
	                .payload = sb_str(&b)},
	        e);
	sb_fini(&b);
	return rc;
}

/* Keys of what a change touched; values stay out of the journal, since it has readers of its own. */
static int changed_fields(struct store_tx *tx, const struct record *old, const struct record *now,
        struct str *out, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct doc *was = NULL, *is = NULL;
	struct sb b = SB_INIT;
	struct jw w;
	int rc = record__attrs(a, old, &was, e);

	if (rc == 0)
		rc = record__attrs(a, now, &is, e);
	if (rc < 0)
		return rc;
	jw_init(&w, &b);
	jw_array(&w);
#define OWN(member)                                                                                          \
	if (strcmp(old->member, now->member) != 0)                                                           \
	jw_cstr(&w, #member)
	OWN(name);
	OWN(name_en);
	OWN(state);
	OWN(org);
	OWN(region);
#undef OWN
	if (!same_point(old->at, now->at))
		jw_cstr(&w, "lon");
	DOC_EACH(x, is)
	{
		const struct doc *y = doc_get(was, x->key);
		struct sb one = SB_INIT, two = SB_INIT;
		struct jw wx, wy;

		jw_init(&wx, &one);
		jw_init(&wy, &two);
		doc_write_json(x, &wx);
		if (y != NULL)
			doc_write_json(y, &wy);
		if (y == NULL || !str_eq(sb_str(&one), sb_str(&two)))
			jw_cstr(&w, x->key);
		sb_fini(&one);
		sb_fini(&two);
	}
	DOC_EACH(x, was)
	{
		if (doc_get(is, x->key) == NULL)
			jw_cstr(&w, x->key);
	}
	jw_array_end(&w);
	*out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return 0;
}

static int write_row(struct store_tx *tx, const struct record *old, struct record *r, struct err *e)
{
	struct sql_record_rev_last_row last = {0};
	int rc;

	if (old != NULL)
		return sql_record_change(tx,
		        &(struct sql_record_change_in){.id = r->id,
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
		                .rev = r->rev,
		                .changed = r->changed,
		                .account = str_of(r->account),
		                .batch = r->batch},
		        NULL, e);
	rc = sql_record_rev_last(tx,
	        &(struct sql_record_rev_last_in){.kind = str_of(r->kind), .code = str_of(r->code)}, &last, e);
	if (rc < 0)
		return rc;
	r->rev = last.rev + 1;
	r->id = store_tx_id(tx);
	return sql_record_add(tx,
	        &(struct sql_record_add_in){.id = r->id,
	                .kind = str_of(r->kind),
	                .code = str_of(r->code),
	                .name = str_of(r->name),
	                .name_en = str_of(r->name_en),
	                .state = str_of(r->state),
	                .org = str_of(r->org),
	                .region = str_of(r->region),
	                .lon = r->at.lon,
	                .lat = r->at.lat,
	                .attrs = str_of(r->attrs),
	                .doubts = str_of(r->doubts),
	                .thing = r->thing,
	                .demo = r->demo,
	                .pack = str_of(r->pack),
	                .rev = r->rev,
	                .created = r->created,
	                .changed = r->changed,
	                .account = str_of(r->account),
	                .batch = r->batch},
	        NULL, e);
}

int record__write(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record *old, struct record *now, const char *what, struct err *e)
{
	struct str fields = STR_NULL;
	int rc = 0;

	if (old != NULL)
		rc = record__keep_version(tx, old, false, e);
	if (rc == 0 && now == NULL) {
		struct record end = *old;

		end.rev++;
		end.changed = store_now(tx);
		end.account = d->by->login;
		end.batch = d->batch;
		rc = record__keep_version(tx, &end, true, e);
		if (rc == 0)
			rc = record__index(tx, d, k, old, NULL, e);
		if (rc == 0)
			rc = sql_record_drop(tx, &(struct sql_record_drop_in){.id = old->id}, NULL, e);
		return rc < 0 ? rc : record__journal(tx, d, k, &end, what, fields, e);
	}
	if (rc < 0)
		return rc;
	now->id = old != NULL ? old->id : 0;
	now->rev = old != NULL ? old->rev + 1 : 1;
	now->created = old != NULL ? old->created : store_now(tx);
	now->changed = store_now(tx);
	now->account = d->by->login;
	now->batch = d->batch;
	rc = write_row(tx, old, now, e);
	if (rc == 0)
		rc = record__index(tx, d, k, old, now, e);
	if (rc == 0 && old != NULL && d->batch == 0)
		rc = changed_fields(tx, old, now, &fields, e);
	return rc < 0 ? rc : record__journal(tx, d, k, now, what, fields, e);
}

int record_put(struct store_tx *tx, const struct record_door *d, const struct record_in *in, int64_t rev,
        struct record *out, enum record_verdict *verdict, struct err *e)
{
	const struct kind *k = NULL;
	struct record old = {0}, now = {0};
	bool had = false;
	int rc = prepare(tx, d, in, &k, &old, &had, &now, e);

	if (rc < 0)
		return rc;
	if (rev >= 0 && rev != (had ? old.rev : 0))
		return err_set(e, ERR_PRECONDITION,
		        "somebody has changed the record since you looked at it; look again and repeat your "
		        "change");
	if (had && same(&old, &now)) {
		*verdict = RECORD_SAME;
		now = old;
	} else {
		*verdict = had ? RECORD_CHANGED : RECORD_NEW;
		rc = record__write(tx, d, k, had ? &old : NULL, &now, had ? "changed" : "added", e);
	}
	if (rc == 0 && out != NULL)
		*out = now;
	return rc;
}

int record_try(struct store_tx *tx, const struct record_door *d, const struct record_in *in,
        struct record *out, enum record_verdict *verdict, struct err *e)
{
	const struct kind *k = NULL;
	struct record old = {0};
	bool had = false;
	int rc = prepare(tx, d, in, &k, &old, &had, out, e);

	if (rc == 0)
		*verdict = !had ? RECORD_NEW : same(&old, out) ? RECORD_SAME : RECORD_CHANGED;
	return rc;
}

/* ---- patches ---- */

static const char *own_text(const struct doc *patch, const char *key, const char *was)
{
	const struct doc *v = doc_get(patch, key);

	return v != NULL && v->text != NULL ? v->text : was;
}

static double own_number(const struct doc *patch, const char *key, double was)
{
	return doc_get(patch, key) != NULL ? doc_double(patch, key, NAN) : was;
}

/* The attributes of a patch over those that were there. */
static int merge_attrs(struct arena *a, const struct record_door *d, const struct kind *k,
        const struct doc *was, const struct doc *attrs, const struct doc **out, struct err *e)
{
	struct doc *made = NULL;
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	*out = attrs;
	if (was == NULL)
		return 0;
	jw_init(&w, &b);
	jw_object(&w);
	DOC_EACH(x, was)
	{
		const struct field *f = kind_field(k, x->key);

		/* record_put keeps what the writer cannot see. */
		if (doc_get(attrs, x->key) != NULL || f == NULL || field_hidden(f, d->by->scope.clearance))
			continue;
		jw_key(&w, x->key);
		doc_write_json(x, &w);
	}
	DOC_EACH(x, attrs)
	{
		jw_key(&w, x->key);
		doc_write_json(x, &w);
	}
	jw_object_end(&w);
	rc = doc_parse_json(a, (struct str){arena_strndup(a, b.p, b.n), b.n}, "attrs", &made, e);
	sb_fini(&b);
	*out = made;
	return rc;
}

int record_patch(struct store_tx *tx, const struct record_door *d, const char *kind, const struct doc *patch,
        struct record_in *out, struct err *e)
{
	const struct kind *k = catalog_kind(d->catalog, kind);
	const struct doc *attrs = doc_get(patch, "attrs");
	struct arena *a = store_arena(tx);
	struct record old = {
	        .name = "", .name_en = "", .state = "", .org = "", .region = "", .at = {NAN, NAN}};
	const struct doc *made = NULL;
	struct doc *was = NULL;
	bool found = false;
	const char *code = "";
	int rc;

	if (k == NULL)
		return bad(e, ERR_INVALID, "kind", "no kind has this code");
	rc = check_object(attrs, e);
	if (rc == 0)
		rc = record__code(a, d, k, doc_str(patch, "code", ""), attrs, &code, e);
	if (rc == 0 && kind_code_valid(str_of(code)))
		rc = record__find(tx, a, kind, code, &old, e);
	found = rc >= 0;
	if (rc > 0)
		rc = record__attrs(a, &old, &was, e);
	if (rc < 0)
		return rc;
	rc = merge_attrs(a, d, k, was, attrs, &made, e);
	*out = (struct record_in){.kind = kind,
	        .code = code,
	        .name = own_text(patch, "name", old.name),
	        .name_en = own_text(patch, "name_en", old.name_en),
	        .state = own_text(patch, "state", old.state),
	        .org = own_text(patch, "org", old.org),
	        .region = own_text(patch, "region", old.region),
	        .at = {own_number(patch, "lon", old.at.lon), own_number(patch, "lat", old.at.lat)},
	        .attrs = made,
	        .demo = doc_bool(patch, "demo", old.demo),
	        .was = found ? arena_memdup(a, &old, sizeof(old)) : NULL};
	return rc;
}

/* ---- removing ---- */

static int refuse_referred(
        struct store_tx *tx, const struct record_door *d, const struct record *r, struct err *e)
{
	const struct kind *of = catalog_kind(d->catalog, r->kind);

	for (int i = 0; i < d->catalog->kinds; i++) {
		const struct kind *k = &d->catalog->kind[i];

		for (int n = 0; n < k->fields; n++) {
			const struct field *f = &k->field[n];
			struct sql_record_entry_other_row other;
			struct sb key = SB_INIT;
			int rc;

			if (!field_refers(f, of))
				continue;
			kind_key(&key, f, str_of(r->code));
			rc = sql_record_entry_other(tx,
			        &(struct sql_record_entry_other_in){
			                .field = f->no, .key = sb_str(&key), .record = r->id},
			        &other, e);
			sb_fini(&key);
			if (rc < 0)
				return rc;
			if (rc > 0 && (k->secrecy > d->by->scope.clearance ||
			                      field_hidden(f, d->by->scope.clearance)))
				return err_set(e, ERR_CONFLICT,
				        "records that you may not see refer to it; ask somebody who may");
			if (rc > 0)
				return err_set(e, ERR_CONFLICT,
				        "records of the kind %s (%s) refer to it by %s; change or merge them "
				        "first",
				        k->code, k->name, f->key);
		}
	}
	return 0;
}

int record_remove(struct store_tx *tx, const struct record_door *d, const char *kind, const char *code,
        int64_t rev, struct err *e)
{
	const struct kind *k = catalog_kind(d->catalog, kind);
	struct record old = {0};
	int rc = record_get(tx, store_arena(tx), d->catalog, d->by, kind, code, &old, e);

	if (rc < 0)
		return rc;
	rc = check_rights(d, k, &old, NULL, e);
	if (rc < 0)
		return rc;
	if (rev >= 0 && rev != old.rev)
		return err_set(e, ERR_PRECONDITION,
		        "somebody has changed the record since you looked at it; look again before you "
		        "remove it");
	rc = refuse_referred(tx, d, &old, e);
	return rc < 0 ? rc : record__write(tx, d, k, &old, NULL, "removed", e);
}
