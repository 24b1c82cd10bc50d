/* Registers: lists of records, one record, its history, and how people change and reveal it. */
#include "api/api_int.h"
#include "base/num.h"
#include "city/record_batch.h"

#include <math.h>

/* ---- names of what records refer to ---- */

struct title {
	const char *kind, *code; /* borrowed from the records */
	const char *name, *name_en;
};
struct titles {
	struct title *list; /* in the call's arena, each reference as often as it was met */
	size_t n, cap;
};

static void add_title(struct call *c, struct titles *t, const char *kind, const char *code)
{
	if (*code == '\0')
		return;
	t->list = arena_grow(c->a, t->list, &t->cap, t->n + 1, sizeof(*t->list));
	t->list[t->n++] = (struct title){.kind = kind, .code = code};
}

/* What one record refers to, of what this reader sees of it; in_list: by the fields of lists alone. */
static int gather_titles(struct call *c, const struct kind *k, const struct record *r, bool in_list,
        struct titles *t, struct err *e)
{
	struct doc *attrs = NULL;
	int rc = doc_parse_json(c->a, str_of(*r->attrs != '\0' ? r->attrs : "{}"), "attrs", &attrs, e);

	for (int i = 0; i < k->fields && rc == 0; i++) {
		const struct field *f = &k->field[i];
		const struct doc *v = doc_get(attrs, f->key);

		if (f->type != FIELD_REFERENCE || v == NULL || (in_list && !f->in_list) ||
		        field_hidden(f, c->who.scope.clearance) || field_veiled(f))
			continue;
		if (!f->many)
			add_title(c, t, f->ref, v->text);
		DOC_EACH(x, f->many ? v : NULL)
		{
			add_title(c, t, f->ref, x->text);
		}
	}
	add_title(c, t, "region", r->region);
	add_title(c, t, "org", r->org);
	return rc;
}

/* Leaves the name NULL where there is none that the reader may know. */
static int look_up(struct call *c, struct title *t, struct err *e)
{
	const struct snapshot *s = call_snapshot(c);
	const struct region *region;
	const struct org *org;
	const struct thing *thing;
	struct record r = {0};
	int rc;

	if (strcmp(t->kind, "region") == 0) {
		region = snapshot_region(s, t->code);
		if (region != NULL)
			*t = (struct title){t->kind, t->code, region->name, region->name_en};
		return 0;
	}
	if (strcmp(t->kind, "org") == 0) {
		org = snapshot_org(s, t->code);
		if (org != NULL)
			*t = (struct title){t->kind, t->code, org->name, org->name_en};
		return 0;
	}
	if (strcmp(t->kind, "thing") == 0) {
		thing = snapshot_thing(s, str_of(t->code));
		if (thing != NULL && thing_seen(c->site->catalog, &c->who, thing))
			*t = (struct title){t->kind, t->code, thing->name, thing->name_en};
		return 0;
	}
	rc = record_get(c->tx, c->a, c->site->catalog, &c->who, t->kind, t->code, &r, e);
	if (rc == 0)
		*t = (struct title){t->kind, t->code, r.name, r.name_en};
	return rc == ERR_NOTFOUND ? 0 : rc;
}

static int compare_titles(const void *x, const void *y)
{
	const struct title *a = x, *b = y;
	int rc = strcmp(a->kind, b->kind);

	return rc != 0 ? rc : strcmp(a->code, b->code);
}

/* Each is looked up once, however many records name it. */
static int write_titles(struct call *c, struct titles *t, struct err *e)
{
	size_t n = 0;
	int rc = 0;

	if (t->n > 1)
		qsort(t->list, t->n, sizeof(*t->list), compare_titles);
	for (size_t i = 0; i < t->n; i++)
		if (n == 0 || compare_titles(&t->list[n - 1], &t->list[i]) != 0)
			t->list[n++] = t->list[i];
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = look_up(c, &t->list[i], e);
	jw_key(&c->w, "titles");
	jw_object(&c->w);
	for (size_t i = 0; i < n; i++)
		if (t->list[i].name != NULL)
			jw_kstr(&c->w, arena_printf(c->a, "%s/%s", t->list[i].kind, t->list[i].code),
			        t->list[i].name);
	jw_object_end(&c->w);
	jw_key(&c->w, "titles_en");
	jw_object(&c->w);
	for (size_t i = 0; i < n; i++)
		if (t->list[i].name != NULL && *t->list[i].name_en != '\0')
			jw_kstr(&c->w, arena_printf(c->a, "%s/%s", t->list[i].kind, t->list[i].code),
			        t->list[i].name_en);
	jw_object_end(&c->w);
	return rc;
}

/* ---- lists ---- */

static void write_page_facts(struct jw *w, const struct record_page *p)
{
	jw_kstr(w, "next", p->next);
	jw_key(w, "count");
	if (p->count >= 0)
		jw_int(w, p->count);
	else
		jw_null(w);
	jw_kbool(w, "more", p->more);
}

int records_get(struct call *c, struct err *e)
{
	const struct kind *k = view_kind(c, call_param(c, 0), e);
	struct record_query q = {0};
	struct record_page page = {0};
	struct titles titles = {0};
	int rc;

	if (k == NULL)
		return ERR_NOTFOUND;
	rc = view_query(c, k, &q, e);
	if (rc == 0)
		rc = record_list(c->tx, c->a, &c->who, &q, &page, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < page.n && rc == 0; i++) {
		rc = view_record(c, k, &page.row[i], e);
		jw_object_end(&c->w);
		if (rc == 0)
			rc = gather_titles(c, k, &page.row[i], true, &titles, e);
	}
	jw_array_end(&c->w);
	write_page_facts(&c->w, &page);
	if (rc == 0)
		rc = write_titles(c, &titles, e);
	jw_object_end(&c->w);
	return rc;
}

/* ---- one ---- */

static bool any_veiled(const struct call *c, const struct kind *k)
{
	for (int i = 0; i < k->fields; i++)
		if (field_veiled(&k->field[i]) && !field_hidden(&k->field[i], c->who.scope.clearance))
			return true;
	return false;
}

static void write_actions(struct call *c, const struct kind *k)
{
	jw_key(&c->w, "actions");
	jw_array(&c->w);
	jw_cstr(&c->w, "history");
	if (record_may_write(k, &c->who)) {
		jw_cstr(&c->w, "edit");
		jw_cstr(&c->w, "remove");
		jw_cstr(&c->w, "merge");
		jw_cstr(&c->w, "restore");
	}
	if (any_veiled(c, k))
		jw_cstr(&c->w, "reveal");
	if (c->who.roles & (ROLE_LEADER | ROLE_ADMIN))
		jw_cstr(&c->w, "uses");
	jw_array_end(&c->w);
}

static int write_whole_titles(struct call *c, const struct kind *k, const struct record *r, struct err *e)
{
	struct titles t = {0};
	int rc = gather_titles(c, k, r, false, &t, e);

	return rc < 0 ? rc : write_titles(c, &t, e);
}

/* The array of who refers to it. */
static int write_relations(struct call *c, const struct record *r, struct err *e)
{
	struct record_relation *list = NULL;
	int n = 0, rc = 0;

	/* An earlier version is not referred to. */
	if (r->id != 0)
		rc = record_relations(c->tx, c->a, c->site->catalog, &c->who, r->kind, r->code, &list, &n, e);
	jw_array(&c->w);
	for (int i = 0; i < n && rc == 0; i++) {
		jw_object(&c->w);
		jw_kstr(&c->w, "kind", list[i].kind->code);
		jw_kstr(&c->w, "field", list[i].field->key);
		jw_kint(&c->w, "count", list[i].count >= 0 ? list[i].count : 0);
		jw_kbool(&c->w, "more", list[i].more || list[i].count < 0);
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	return rc;
}

static int write_whole(struct call *c, const struct kind *k, const struct record *r, struct err *e)
{
	int rc = view_record(c, k, r, e);

	if (rc == 0) {
		write_actions(c, k);
		rc = write_whole_titles(c, k, r, e);
	}
	jw_key(&c->w, "relations");
	if (rc == 0)
		rc = write_relations(c, r, e);
	jw_object_end(&c->w);
	call_etag(c, r->rev);
	return rc;
}

/* ---- relations by themselves, both ways ---- */

static int write_reference(
        struct call *c, const char *field, const char *kind, const char *code, struct err *e)
{
	struct title t = {.kind = kind, .code = code};
	int rc = *code != '\0' ? look_up(c, &t, e) : 0;

	if (rc < 0 || *code == '\0')
		return rc;
	jw_object(&c->w);
	jw_kstr(&c->w, "field", field);
	jw_kstr(&c->w, "kind", kind);
	jw_kstr(&c->w, "code", code);
	jw_kstr(&c->w, "name", t.name != NULL ? t.name : "");
	jw_kstr(&c->w, "name_en", t.name != NULL ? t.name_en : "");
	jw_object_end(&c->w);
	return 0;
}

/* The array of what it refers to, of what this reader sees of it. */
static int write_references(struct call *c, const struct kind *k, const struct record *r, struct err *e)
{
	struct doc *attrs = NULL;
	int rc = doc_parse_json(c->a, str_of(*r->attrs != '\0' ? r->attrs : "{}"), "attrs", &attrs, e);

	jw_array(&c->w);
	if (rc == 0)
		rc = write_reference(c, "region", "region", r->region, e);
	if (rc == 0)
		rc = write_reference(c, "org", "org", r->org, e);
	for (int i = 0; i < k->fields && rc == 0; i++) {
		const struct field *f = &k->field[i];
		const struct doc *v = doc_get(attrs, f->key);

		if (f->type != FIELD_REFERENCE || v == NULL || field_hidden(f, c->who.scope.clearance) ||
		        field_veiled(f))
			continue;
		if (!f->many)
			rc = write_reference(c, f->key, f->ref, v->text, e);
		DOC_EACH(x, f->many ? v : NULL)
		{
			if (rc == 0)
				rc = write_reference(c, f->key, f->ref, x->text, e);
		}
	}
	jw_array_end(&c->w);
	return rc;
}

static int reply_relations(struct call *c, const struct kind *k, const char *code, struct err *e)
{
	struct record r = {0};
	int rc = record_get(c->tx, c->a, c->site->catalog, &c->who, k->code, code, &r, e);

	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_kstr(&c->w, "kind", r.kind);
	jw_kstr(&c->w, "code", r.code);
	jw_key(&c->w, "refers_to");
	rc = write_references(c, k, &r, e);
	jw_key(&c->w, "referred_by");
	if (rc == 0)
		rc = write_relations(c, &r, e);
	jw_object_end(&c->w);
	return rc;
}

int record_relations_get(struct call *c, struct err *e)
{
	const struct kind *k = view_kind(c, call_param(c, 0), e);

	return k != NULL ? reply_relations(c, k, call_param(c, 1), e) : ERR_NOTFOUND;
}

int thing_relations_get(struct call *c, struct err *e)
{
	const struct thing *t = snapshot_thing(call_snapshot(c), c->param[0]);

	if (t == NULL || !thing_seen(c->site->catalog, &c->who, t))
		return err_set(e, ERR_NOTFOUND, "no thing has this code");
	return reply_relations(c, catalog_kind(c->site->catalog, t->kind), t->code, e);
}

int record_get_one(struct call *c, struct err *e)
{
	const struct kind *k = view_kind(c, call_param(c, 0), e);
	const char *code = call_param(c, 1);
	struct record r = {0};
	time_us at;
	int rc;

	if (k == NULL)
		return ERR_NOTFOUND;
	rc = call_time(c, "as_of", &at, e);
	if (rc == 0)
		rc = call_crs(c, e);
	if (rc < 0)
		return rc;
	if (at != TIME_NONE)
		rc = record_as_of(c->tx, c->a, c->site->catalog, &c->who, k->code, code, at, &r, e);
	else
		rc = record_get(c->tx, c->a, c->site->catalog, &c->who, k->code, code, &r, e);
	return rc < 0 ? rc : write_whole(c, k, &r, e);
}

int record_history_get(struct call *c, struct err *e)
{
	const struct kind *k = view_kind(c, call_param(c, 0), e);
	struct record *list = NULL;
	int64_t before = 0, limit = 0;
	int n = 0, rc = call_int(c, "before", 0, 1, INT64_MAX, &before, e);

	if (k == NULL)
		return ERR_NOTFOUND;
	if (rc == 0)
		rc = call_int(c, "limit", 50, 1, 500, &limit, e);
	if (rc == 0)
		rc = record_history(c->tx, c->a, c->site->catalog, &c->who, k->code, call_param(c, 1), before,
		        (int)limit, &list, &n, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n && rc == 0; i++) {
		rc = view_record(c, k, &list[i], e);
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	jw_key(&c->w, "next");
	if (n == limit && n > 0)
		jw_int(&c->w, list[n - 1].rev);
	else
		jw_null(&c->w);
	jw_object_end(&c->w);
	return rc;
}

/* ---- changing ---- */

struct change {
	struct arena *a;
	struct record_door door;
	struct record_in in;
	const char *kind, *code;
	int64_t rev;
	enum record_verdict verdict;
};

static int put(struct store_tx *tx, void *arg, struct err *e)
{
	struct change *x = arg;
	struct record out = {0};
	int rc = record_put(tx, &x->door, &x->in, x->rev, &out, &x->verdict, e);

	if (rc == 0)
		x->code = arena_strdup(x->a, out.code);
	return rc;
}

static int remove_(struct store_tx *tx, void *arg, struct err *e)
{
	struct change *x = arg;

	return record_remove(tx, &x->door, x->kind, x->code, x->rev, e);
}

static int restore(struct store_tx *tx, void *arg, struct err *e)
{
	struct change *x = arg;

	return record_restore(tx, &x->door, x->kind, x->code, x->rev, NULL, e);
}

static int begin_change(struct call *c, struct change *x, const struct kind **k, struct err *e)
{
	*k = view_kind(c, call_param(c, 0), e);
	if (*k == NULL)
		return ERR_NOTFOUND;
	*x = (struct change){.a = c->a,
	        .kind = (*k)->code,
	        .door = {.catalog = c->site->catalog,
	                .snapshot = call_snapshot(c),
	                .by = &c->who,
	                .pack = ""}};
	return 0;
}

/* The registry holds things: it must see the change before the answer does. */
static int after_change(struct call *c, const struct kind *k, const char *code, struct err *e)
{
	if (!k->thing)
		return 0;
	if (c->held != NULL)
		registry_release(c->site->registry, c->held);
	c->held = NULL;
	return registry_follow(c->site->registry, c->site->store, &code, 1, e);
}

static int reply_record(struct call *c, const struct kind *k, const char *code, struct err *e)
{
	struct record r = {0};
	int rc = call_read(c, e);

	if (rc == 0)
		rc = record_get(c->tx, c->a, c->site->catalog, &c->who, k->code, code, &r, e);
	return rc < 0 ? rc : write_whole(c, k, &r, e);
}

static struct record_in body_record(struct call *c, const struct kind *k, const char *code)
{
	body_places(c, k, doc_get(c->body, "attrs"));
	return (struct record_in){.kind = k->code,
	        .code = code,
	        .name = body_text(c, "name"),
	        .name_en = body_text(c, "name_en"),
	        .state = body_text(c, "state"),
	        .org = body_text(c, "org"),
	        .region = body_text(c, "region"),
	        .at = body_place(c),
	        .attrs = doc_get(c->body, "attrs"),
	        .demo = doc_bool(c->body, "demo", false),
	        .keep_demo = doc_get(c->body, "demo") == NULL};
}

/* A number of the site's own, for kinds whose records have none by nature. */
static const char *new_code(struct call *c)
{
	static const char digits[] = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
	uint64_t id = (uint64_t)store_new_id(c->site->store);
	char *out = arena_alloc(c->a, 16), *p = out + 15;

	for (; id > 0; id /= sizeof(digits) - 1)
		*--p = digits[id % (sizeof(digits) - 1)];
	return p;
}

int records_post(struct call *c, struct err *e)
{
	const struct kind *k;
	struct change x;
	int rc = begin_change(c, &x, &k, e);

	if (rc == 0)
		rc = call_crs(c, e);
	if (rc < 0)
		return rc;
	x.in = body_record(c, k, body_text(c, "code"));
	if (*x.in.code == '\0' && *k->key == '\0')
		x.in.code = new_code(c);
	rc = store_write(c->site->store, "add a record", put, &x, e);
	if (rc == ERR_PRECONDITION) {
		err_set(e, ERR_CONFLICT, "a record of this kind has this code already");
		return err_at(e, NULL, 0, 0, "code"), ERR_CONFLICT;
	}
	if (rc == 0)
		rc = after_change(c, k, x.code, e);
	if (rc < 0)
		return rc;
	c->status = 201;
	http_set_header(c->r, "Location", arena_printf(c->a, "/api/v1/records/%s/%s", k->code, x.code));
	return reply_record(c, k, x.code, e);
}

int record_put_one(struct call *c, struct err *e)
{
	const struct kind *k;
	struct change x;
	int rc = begin_change(c, &x, &k, e);

	if (rc == 0)
		rc = call_match(c, &x.rev, e);
	if (rc == 0)
		rc = call_crs(c, e);
	if (rc < 0)
		return rc;
	x.in = body_record(c, k, call_param(c, 1));
	rc = store_write(c->site->store, "change a record", put, &x, e);
	if (rc == 0)
		rc = after_change(c, k, x.code, e);
	return rc < 0 ? rc : reply_record(c, k, call_param(c, 1), e);
}

int record_delete_one(struct call *c, struct err *e)
{
	const struct kind *k;
	struct change x;
	int rc = begin_change(c, &x, &k, e);

	if (rc == 0)
		rc = call_match(c, &x.rev, e);
	if (rc < 0)
		return rc;
	x.code = call_param(c, 1);
	rc = store_write(c->site->store, "remove a record", remove_, &x, e);
	return rc < 0 ? rc : after_change(c, k, x.code, e);
}

int record_restore_post(struct call *c, struct err *e)
{
	const struct kind *k;
	struct change x;
	int rc = begin_change(c, &x, &k, e);

	if (rc < 0)
		return rc;
	x.code = call_param(c, 1);
	x.rev = doc_int(c->body, "rev", 0);
	rc = store_write(c->site->store, "restore a record", restore, &x, e);
	if (rc == 0)
		rc = after_change(c, k, x.code, e);
	return rc < 0 ? rc : reply_record(c, k, x.code, e);
}

int record_merge_post(struct call *c, struct err *e)
{
	const struct kind *k = view_kind(c, call_param(c, 0), e);
	int64_t id = 0;
	int rc;

	if (k == NULL)
		return ERR_NOTFOUND;
	rc = record_merge(c->site, &c->who, k->code, call_param(c, 1), body_text(c, "into"), &id, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_kid(&c->w, "changeset", id);
	jw_object_end(&c->w);
	return 0;
}

/* ---- revealing ---- */

struct reveal {
	struct call *c;
	const struct kind *kind;
	const struct doc *fields; /* NULL: all that are veiled */
	const char *code, *reason;
	struct record r;
	struct doc *attrs;
};

static bool is_asked(const struct reveal *x, const struct field *f)
{
	bool asked = x->fields == NULL;

	DOC_EACH(d, x->fields)
	{
		asked |= strcmp(d->text, f->key) == 0;
	}
	return asked && field_veiled(f) && !field_hidden(f, x->c->who.scope.clearance) &&
	       doc_get(x->attrs, f->key) != NULL;
}

static int reveal(struct store_tx *tx, void *arg, struct err *e)
{
	struct reveal *x = arg;
	const struct who *who = &x->c->who;
	struct sb b = SB_INIT;
	struct jw w;
	int n = 0, rc = record_get(tx, x->c->a, x->c->site->catalog, who, x->kind->code, x->code, &x->r, e);

	if (rc == 0)
		rc = doc_parse_json(x->c->a, str_of(x->r.attrs), "attrs", &x->attrs, e);
	if (rc < 0)
		return rc;
	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "kind", x->r.kind);
	jw_kstr(&w, "code", x->r.code);
	jw_kstr(&w, "reason", x->reason);
	jw_key(&w, "fields");
	jw_array(&w);
	for (int i = 0; i < x->kind->fields; i++)
		if (is_asked(x, &x->kind->field[i])) {
			jw_cstr(&w, x->kind->field[i].key);
			n++;
		}
	jw_array_end(&w);
	jw_object_end(&w);
	if (n == 0)
		rc = err_set(e, ERR_INVALID, "nothing that you may see is masked in this record");
	else
		rc = journal_append(tx,
		        &(struct journal_entry){.at = TIME_NONE,
		                .kind = STR_LIT("record.revealed"),
		                .subject = STR_LIT("record"),
		                .subject_id = str_of(arena_printf(x->c->a, "%s/%s", x->r.kind, x->r.code)),
		                .region = str_of(x->r.region),
		                .org = str_of(x->r.org),
		                .secrecy = x->kind->secrecy,
		                .account = str_of(who->login),
		                .payload = sb_str(&b)},
		        e);
	sb_fini(&b);
	return rc;
}

int record_reveal_post(struct call *c, struct err *e)
{
	struct reveal x = {.c = c,
	        .kind = view_kind(c, call_param(c, 0), e),
	        .code = call_param(c, 1),
	        .reason = body_text(c, "reason"),
	        .fields = doc_get(c->body, "fields")};
	int rc;

	if (x.kind == NULL)
		return ERR_NOTFOUND;
	rc = call_reason(x.reason, e);
	if (rc < 0)
		return rc;
	/* The values leave only after the entry of who saw them and why is durable. */
	rc = store_write(c->site->store, "reveal fields of a record", reveal, &x, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "attrs");
	jw_object(&c->w);
	for (int i = 0; i < x.kind->fields; i++)
		if (is_asked(&x, &x.kind->field[i])) {
			jw_key(&c->w, x.kind->field[i].key);
			doc_write_json(doc_get(x.attrs, x.kind->field[i].key), &c->w);
		}
	jw_object_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}

static void write_use(struct call *c, const struct journal_entry *j)
{
	struct doc *payload = NULL;
	struct jw *w = &c->w;

	if (j->payload.n > 0 && doc_parse_json(c->a, j->payload, "payload", &payload, NULL) < 0)
		payload = NULL;
	jw_object(w);
	jw_ktime(w, "at", j->at);
	jw_key(w, "account");
	jw_str(w, j->account);
	jw_kstr(w, "what", "revealed");
	jw_kstr(w, "reason", doc_str(payload, "reason", ""));
	jw_key(w, "fields");
	if (doc_get(payload, "fields") != NULL) {
		doc_write_json(doc_get(payload, "fields"), w);
	} else {
		jw_array(w);
		jw_array_end(w);
	}
	jw_object_end(w);
}

int record_uses_get(struct call *c, struct err *e)
{
	const struct kind *k = view_kind(c, call_param(c, 0), e);
	static const char *const kinds[] = {"record.revealed", NULL};
	struct journal_filter f = {.scope = &c->who.scope, .subject = "record", .kinds = kinds};
	struct journal_entry *list = NULL;
	int64_t before = 0, limit = 0;
	int n = 0, rc = call_int(c, "before", 0, 1, INT64_MAX, &before, e);

	if (k == NULL)
		return ERR_NOTFOUND;
	f.subject_id = arena_printf(c->a, "%s/%s", k->code, call_param(c, 1));
	if (rc == 0)
		rc = call_int(c, "limit", 100, 1, 1000, &limit, e);
	if (rc == 0)
		rc = journal_page(c->tx, before, (int)limit, &f, &list, &n, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n; i++)
		write_use(c, &list[i]);
	jw_array_end(&c->w);
	jw_key(&c->w, "next");
	if (n == limit && n > 0)
		jw_int(&c->w, list[n - 1].seq);
	else
		jw_null(&c->w);
	jw_object_end(&c->w);
	return 0;
}
