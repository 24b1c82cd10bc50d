/* Records as a reader sees them: masked where clearance does not reach, in the reader's words. */
#include "api/api_int.h"
#include "base/num.h"
#include "city/record.h"

#include <math.h>

const struct kind *view_kind(struct call *c, const char *code, struct err *e)
{
	const struct kind *k = catalog_kind(c->site->catalog, code);

	if (k != NULL && k->secrecy <= c->who.scope.clearance)
		return k;
	(void)err_set(e, ERR_NOTFOUND, "no kind has this code");
	return NULL;
}

static bool is_masked(const struct call *c, const struct field *f)
{
	return field_masked(f, c->who.scope.clearance);
}

static void write_masked(const struct field *f, const struct doc *v, struct jw *w)
{
	struct sb b = SB_INIT;
	double number;

	if (!field_mask(f, v, &b))
		jw_null(w);
	else if ((f->type == FIELD_INTEGER || f->type == FIELD_DECIMAL) &&
	         num_double(sb_str(&b), false, &number))
		jw_raw(w, sb_str(&b));
	else
		jw_str(w, sb_str(&b));
	sb_fini(&b);
}

static void write_one_place(struct call *c, const struct doc *v, struct jw *w)
{
	struct geo_point p = {doc_double(v, "lon", NAN), doc_double(v, "lat", NAN)};

	p = geo_to(c->crs, p);
	jw_object(w);
	jw_kdouble(w, "lon", p.lon);
	jw_kdouble(w, "lat", p.lat);
	jw_object_end(w);
}

static void write_places(struct call *c, const struct field *f, const struct doc *v, struct jw *w)
{
	if (!f->many) {
		write_one_place(c, v, w);
		return;
	}
	jw_array(w);
	DOC_EACH(x, v)
	{
		write_one_place(c, x, w);
	}
	jw_array_end(w);
}

void view_value(struct call *c, const struct field *f, const struct doc *v, struct jw *w)
{
	if (v == NULL)
		jw_null(w);
	else if (is_masked(c, f))
		write_masked(f, v, w);
	else if (f->type == FIELD_PLACE && c->crs != CRS_WGS84)
		write_places(c, f, v, w);
	else
		doc_write_json(v, w);
}

int view_attrs(struct call *c, const struct kind *k, const char *attrs, struct err *e)
{
	struct doc *doc = NULL;
	int rc = doc_parse_json(c->a, str_of(*attrs != '\0' ? attrs : "{}"), "attrs", &doc, e);

	if (rc < 0)
		return rc;
	jw_key(&c->w, "attrs");
	jw_object(&c->w);
	DOC_EACH(v, doc)
	{
		const struct field *f = k != NULL ? kind_field(k, v->key) : NULL;

		if (f == NULL) /* one that the kind no longer has: nobody says how secret it was */
			continue;
		jw_key(&c->w, v->key);
		view_value(c, f, v, &c->w);
	}
	jw_object_end(&c->w);
	jw_key(&c->w, "masked");
	jw_array(&c->w);
	DOC_EACH(v, doc)
	{
		const struct field *f = k != NULL ? kind_field(k, v->key) : NULL;

		if (f != NULL && is_masked(c, f))
			jw_cstr(&c->w, v->key);
	}
	jw_array_end(&c->w);
	return 0;
}

static void write_doubts(struct call *c, const struct kind *k, const char *doubts)
{
	struct doc *doc = NULL;

	jw_key(&c->w, "doubts");
	jw_object(&c->w);
	if (*doubts != '\0' && doc_parse_json(c->a, str_of(doubts), "doubts", &doc, NULL) < 0)
		doc = NULL;
	DOC_EACH(x, doc)
	{
		const struct field *f = kind_field(k, x->key);

		if (f != NULL && !field_hidden(f, c->who.scope.clearance))
			jw_kstr(&c->w, x->key, x->text);
	}
	jw_object_end(&c->w);
}

int view_record(struct call *c, const struct kind *k, const struct record *r, struct err *e)
{
	const struct region *unit = snapshot_unit(call_snapshot(c), r->region);
	struct jw *w = &c->w;

	jw_object(w);
	jw_kstr(w, "kind", r->kind);
	jw_kstr(w, "code", r->code);
	jw_kstr(w, "name", r->name);
	jw_kstr(w, "name_en", r->name_en);
	jw_kstr(w, "state", r->state);
	jw_kstr(w, "org", r->org);
	jw_kstr(w, "region", r->region);
	jw_kstr(w, "unit", unit != NULL ? unit->code : "");
	write_place(c, r->at);
	write_doubts(c, k, r->doubts);
	jw_kbool(w, "thing", r->thing);
	jw_kbool(w, "demo", r->demo);
	jw_kbool(w, "gone", r->gone);
	jw_kstr(w, "pack", r->pack);
	jw_kint(w, "rev", r->rev);
	jw_ktime(w, "created", r->created);
	jw_ktime(w, "changed", r->changed);
	jw_kstr(w, "account", r->account);
	jw_kid(w, "batch", r->batch);
	return view_attrs(c, k, r->attrs, e);
}

int view_query(struct call *c, const struct kind *k, struct record_query *q, struct err *e)
{
	static const char *const own[] = {"state", "region", "org", "code", "changed"};
	const struct catalog *cat = c->site->catalog;
	const struct snapshot *s = call_snapshot(c);
	int64_t limit = 0;
	int rc = call_int(c, "limit", 50, 1, 1000, &limit, e);

	if (rc == 0)
		rc = call_crs(c, e);
	*q = (struct record_query){
	        .kind = k, .q = call_text(c, "q"), .cursor = call_text(c, "cursor"), .limit = (int)limit};
	for (size_t i = 0; i < ARRAY_LEN(own) && rc == 0; i++) {
		const char *words = call_text(c, own[i]);

		if (words != NULL)
			rc = record_query_add(c->a, q, cat, s, &c->who, own[i], words, e);
	}
	if (rc == 0 && call_text(c, "box") != NULL)
		rc = record_query_box(q, call_text(c, "box"), e);
	/* A misspelt condition must not pass for none: it would show, or export, everything. */
	for (const char **name = http_query_names(c->r); *name != NULL && rc == 0; name++)
		if (strncmp(*name, "f.", 2) == 0 && call_text(c, *name) != NULL)
			rc = record_query_add(c->a, q, cat, s, &c->who, *name + 2, call_text(c, *name), e);
	return rc < 0 ? rc : record_query_sort(q, &c->who, call_text(c, "sort"), e);
}
