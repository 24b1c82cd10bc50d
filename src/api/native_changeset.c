/* Change sets: sheets that come in, what would come of them, carrying out and undoing. */
#include "api/api_int.h"
#include "base/log.h"
#include "base/num.h"
#include "city/record_import.h"

static void write_batch(struct call *c, const struct record_batch *b)
{
	bool undoing = strcmp(b->state, "undoing") == 0;
	int64_t passed = undoing && b->done > 0 ? b->total - b->done + 1 : b->done;
	struct jw *w = &c->w;

	jw_object(w);
	jw_kid(w, "id", b->id);
	jw_kstr(w, "kind", b->kind);
	jw_kstr(w, "what", b->what);
	jw_kstr(w, "title", b->title);
	jw_kstr(w, "state", b->state);
	jw_kstr(w, "account", b->account);
	jw_ktime(w, "created", b->created);
	jw_ktime(w, "ended", b->ended);
	jw_kint(w, "total", b->total);
	jw_kint(w, "added", b->added);
	jw_kint(w, "changed", b->changed);
	jw_kint(w, "same", b->same);
	jw_kint(w, "refused", b->refused);
	/* Lines count from the top of the sheet, where headings are. */
	jw_kint(w, "done", passed < 0 ? 0 : passed > b->total ? b->total : passed);
	jw_kint(w, "failed", b->failed);
	jw_object_end(w);
}

static int reply_batch(struct call *c, int64_t id, struct err *e)
{
	struct record_batch b = {0};
	int rc = call_read(c, e);

	if (rc == 0)
		rc = record_batch_get(c->tx, c->a, c->site->catalog, &c->who, id, &b, e);
	if (rc == 0)
		write_batch(c, &b);
	return rc;
}

int imports_post(struct call *c, struct err *e)
{
	const char *kind = call_text(c, "kind"), *name = call_text(c, "name"), *blank = call_text(c, "blank");
	struct record_import in = {.sheet = call_text(c, "sheet"),
	        .bytes = http_body(c->r),
	        .title = name != NULL ? name : "",
	        .clear = blank != NULL && strcmp(blank, "clear") == 0};
	int64_t id = 0;
	int rc = call_crs(c, e);

	if (rc < 0)
		return rc;
	if (kind == NULL || view_kind(c, kind, e) == NULL)
		return err_at(e, NULL, 0, 0, "kind"), ERR_NOTFOUND;
	in.kind = kind;
	in.crs = c->crs;
	rc = record_import(c->site, &c->who, &in, &id, e);
	if (rc < 0)
		return rc;
	c->status = 201;
	http_set_header(c->r, "Location", arena_printf(c->a, "/api/v1/changesets/%lld", (long long)id));
	return reply_batch(c, id, e);
}

int changesets_get(struct call *c, struct err *e)
{
	struct record_batch *list = NULL;
	int64_t before = 0, limit = 0;
	int n = 0, rc = call_int(c, "before", 0, 1, INT64_MAX, &before, e);

	if (rc == 0)
		rc = call_int(c, "limit", 50, 1, 500, &limit, e);
	if (rc == 0)
		rc = record_batch_list(c->tx, c->a, c->site->catalog, &c->who, call_text(c, "kind"), before,
		        (int)limit, &list, &n, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n; i++)
		write_batch(c, &list[i]);
	jw_array_end(&c->w);
	jw_kid(&c->w, "next", n == limit && n > 0 ? list[n - 1].id : 0);
	jw_object_end(&c->w);
	return 0;
}

int changeset_get(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	return rc < 0 ? rc : reply_batch(c, id, e);
}

/* What the sheet says, without what the reader may not see: a sheet may have been sent by somebody with more.
 */
static int write_row_values(
        struct call *c, const struct kind *k, const struct record_batch *b, const char *text, struct err *e)
{
	bool own = strcmp(b->account, c->who.login) == 0;
	struct doc *row = NULL;
	int rc = doc_parse_json(c->a, str_of(text), "row", &row, e);

	jw_object(&c->w);
	DOC_EACH(x, row)
	{
		jw_key(&c->w, x->key);
		if (strcmp(x->key, "attrs") != 0) {
			doc_write_json(x, &c->w);
			continue;
		}
		jw_object(&c->w);
		DOC_EACH(v, x)
		{
			const struct field *f = k != NULL ? kind_field(k, v->key) : NULL;

			if (f == NULL)
				continue;
			jw_key(&c->w, v->key);
			if (own && !field_hidden(f, c->who.scope.clearance))
				doc_write_json(v, &c->w);
			else
				view_value(c, f, v, &c->w);
		}
		jw_object_end(&c->w);
	}
	jw_object_end(&c->w);
	return rc;
}

static int write_before(struct call *c, const struct kind *k, const struct record_batch_row *r, struct err *e)
{
	struct record was = {0};
	int rc;

	jw_key(&c->w, "before");
	if (k == NULL || strcmp(r->verdict, "changed") != 0 || r->rev != 0 ||
	        record_get(c->tx, c->a, c->site->catalog, &c->who, k->code, r->code, &was, NULL) < 0) {
		jw_null(&c->w);
		return 0;
	}
	rc = view_record(c, k, &was, e);
	jw_object_end(&c->w);
	return rc;
}

int changeset_rows_get(struct call *c, struct err *e)
{
	struct record_batch b = {0};
	struct record_batch_row *list = NULL;
	const struct kind *k;
	int64_t id, after = 0, limit = 0;
	int n = 0, rc = call_id(c, 0, &id, e);

	if (rc == 0)
		rc = call_int(c, "after", 0, 0, INT64_MAX, &after, e);
	if (rc == 0)
		rc = call_int(c, "limit", 100, 1, 1000, &limit, e);
	if (rc == 0)
		rc = record_batch_get(c->tx, c->a, c->site->catalog, &c->who, id, &b, e);
	if (rc == 0)
		rc = record_batch_rows(
		        c->tx, c->a, &b, call_text(c, "verdict"), after, (int)limit, &list, &n, e);
	if (rc < 0)
		return rc;
	k = catalog_kind(c->site->catalog, b.kind);
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n && rc == 0; i++) {
		jw_object(&c->w);
		jw_kint(&c->w, "line", list[i].line);
		jw_kstr(&c->w, "code", list[i].code);
		jw_kstr(&c->w, "verdict", list[i].verdict);
		jw_kint(&c->w, "rev", list[i].rev);
		jw_kstr(&c->w, "field", list[i].field);
		jw_kstr(&c->w, "words",
		        problem_in_chinese(c->r) && list[i].words_zh[0] != '\0' ? list[i].words_zh
		                                                                : list[i].words);
		jw_key(&c->w, "row");
		rc = write_row_values(c, k, &b, list[i].row, e);
		if (rc == 0)
			rc = write_before(c, k, &list[i], e);
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	jw_key(&c->w, "next");
	if (n == limit && n > 0)
		jw_int(&c->w, list[n - 1].line);
	else
		jw_null(&c->w);
	jw_object_end(&c->w);
	return rc;
}

/* ---- running, after the answer ---- */

struct run {
	struct api_server *s;
	struct arena *a;
	struct who who;
	int64_t id;
};

static void run(void *arg)
{
	struct run *x = arg;
	struct arena *a = x->a;
	struct err e = ERR_INIT;
	char id[24];

	snprintf(id, sizeof(id), "%lld", (long long)x->id);
	if (record_batch_run(x->s->site, &x->who, x->id, server_closing, x->s, &e) < 0)
		LOG(RECORD_BATCH_FAULT, log_s("changeset", id), log_s("why", e.text));
	arena_free(&a);
}

static int start(struct call *c, bool undo, struct err *e)
{
	struct arena *a;
	struct run *x;
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	if (rc == 0)
		rc = record_batch_begin(c->site, &c->who, id, undo, e);
	if (rc < 0)
		return rc;
	a = arena_new(0);
	x = arena_alloc(a, sizeof(*x));
	*x = (struct run){.s = c->s, .a = a, .id = id, .who = who_copy(a, &c->who)};
	if (!server_later(c->s, run, x)) {
		arena_free(&a);
		return err_set(
		        e, ERR_BUSY, "the server has no room for long work now; try again in a moment");
	}
	c->status = 202;
	return reply_batch(c, id, e);
}

int changeset_commit_post(struct call *c, struct err *e)
{
	return start(c, false, e);
}

int changeset_undo_post(struct call *c, struct err *e)
{
	return start(c, true, e);
}

int changeset_delete(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	return rc < 0 ? rc : record_batch_drop(c->site, &c->who, id, e);
}
