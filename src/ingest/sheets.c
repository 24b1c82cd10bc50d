/* A whole sheet of readings: its rows become batches, and what was refused is told as it comes. */
#include "ingest/sheet.h"
#include "base/json.h"
#include "ingest/ingest_int.h"

#define BATCH 50000
#define PROGRESS_ROWS 10000

/* ---- things by an attribute ---- */

struct known {
	struct str word, code;
};
struct known_things {
	struct ingest *in;
	struct known *k;
	size_t n, cap;
};

static int known_cmp(const void *x, const void *y)
{
	return str_cmp(((const struct known *)x)->word, ((const struct known *)y)->word);
}

static struct str find_known(void *ctx, struct str word)
{
	const struct known_things *t = ctx;
	struct known key = {.word = word};
	const struct known *k = t->n > 0 ? bsearch(&key, t->k, t->n, sizeof(*t->k), known_cmp) : NULL;

	return k != NULL ? k->code : STR_NULL;
}

static const struct zone *zone_of_known(void *ctx, struct str thing)
{
	const struct known_things *t = ctx;

	return ingest__zone_of(t->in, thing);
}

/* The text of a member of a flat object; numbers as they are written. */
static struct str member(struct arena *a, const char *object, const char *name)
{
	struct json j;
	enum json_type tok;

	json_init(&j, str_of(object != NULL ? object : "{}"));
	if (json_next(&j) != JSON_OBJECT)
		return STR_NULL;
	while (json_next(&j) == JSON_KEY) {
		bool found = str_is(j.text, name);
		char *buf;

		if (!found) {
			if (!json_skip(&j))
				break;
			continue;
		}
		tok = json_next(&j);
		buf = arena_alloc(a, j.text.n + 1);
		if (buf == NULL || (tok != JSON_STRING && tok != JSON_NUMBER))
			break;
		if (tok == JSON_STRING && j.escaped)
			return json_text(&j, buf, j.text.n + 1);
		memcpy(buf, j.text.p, j.text.n);
		return (struct str){buf, j.text.n};
	}
	return STR_NULL;
}

struct finding {
	const char *attribute;
	struct arena *a;
	struct known_things *out;
};

static int find_thing(void *ctx, const char *code, const char *attrs)
{
	const struct finding *x = ctx;
	struct str word = str_trim(member(x->a, attrs, x->attribute));
	struct known_things *out = x->out;

	if (word.n == 0)
		return 0;
	out->k = arena_grow(x->a, out->k, &out->cap, out->n + 1, sizeof(*out->k));
	out->k[out->n++] = (struct known){word, str_of(arena_strdup(x->a, code))};
	return 0;
}

static int find_things(
        struct ingest *in, const char *attribute, struct arena *a, struct known_things *out, struct err *e)
{
	struct finding x = {attribute, a, out};
	int rc = things_attrs(in->site->store, find_thing, &x, e);

	if (rc < 0)
		return rc;
	qsort(out->k, out->n, sizeof(*out->k), known_cmp);
	for (size_t i = 1; i < out->n && rc == 0; i++)
		if (str_eq(out->k[i - 1].word, out->k[i].word))
			rc = err_set(e, ERR_INVALID,
			        "things " STR_FMT " and " STR_FMT " have the same %s, " STR_FMT,
			        STR_ARG(out->k[i - 1].code), STR_ARG(out->k[i].code), attribute,
			        STR_ARG(out->k[i].word));
	if (rc == 0 && out->n == 0)
		rc = err_set(e, ERR_INVALID, "no thing has an attribute %s", attribute);
	return rc;
}

/* ---- strangers ---- */

struct strangers {
	char last[65];
};

static void look_at_thing(struct ingest *in, struct strangers *x, struct str code, struct arena *a,
        struct ingest_sheet_told *out)
{
	const struct snapshot *s;
	bool known;

	if (code.n > 64 || str_is(code, x->last))
		return;
	memcpy(x->last, code.p, code.n);
	x->last[code.n] = '\0';
	s = registry_hold(in->site->registry);
	known = snapshot_thing(s, code) != NULL;
	registry_release(in->site->registry, s);
	for (int i = 0; i < out->strangers && i < SHEET_STRANGERS && !known; i++)
		known = strcmp(out->stranger[i], x->last) == 0;
	if (known)
		return;
	if (out->strangers < SHEET_STRANGERS)
		out->stranger[out->strangers] = arena_strdup(a, x->last);
	out->strangers++;
}

/* ---- batches ---- */

static int store(struct ingest *in, struct points *p, struct ingest_sheet_told *out, struct err *e)
{
	int rc = p->n > 0 ? series_append(in->site->series, p->p, p->n, e) : 0;

	ingest__failed(in, rc);
	if (rc < 0)
		return rc;
	if (!p->dry)
		ingest__stored(p);
	out->stored += (int64_t)p->taken;
	arena_reset(p->keep);
	*p = (struct points){.any_age = true, .dry = p->dry, .keep = p->keep};
	return 0;
}

static void tell_refused(const struct ingest_sheet *s, struct points *p, struct ingest_sheet_told *out)
{
	for (int i = 0; i < p->bads && s->refused != NULL; i++)
		s->refused(s->ctx, p->bad[i].why, p->bad[i].line, p->bad[i].words);
	out->refused += p->refused;
	p->refused = p->bads = 0;
}

static int read_rows(struct ingest *in, const struct ingest_sheet *s, struct sheet *sheet, struct arena *a,
        struct ingest_sheet_told *out, struct err *e)
{
	const struct device all = {.login = s->who};
	struct arena *row = arena_new(0), *batch = arena_new(0);
	struct points p = {.any_age = true, .dry = s->dry, .keep = batch};
	struct strangers strangers = {""};
	struct readings read;
	int rc = 0;

	while (rc == 0 && sheet_next(sheet, row, &read) > 0) {
		int n = read.n;

		out->rows++;
		p.bad = NULL; /* it was in the row's arena */
		read.n = 0;
		rc = ingest__readings(in, &all, &read, STR_NULL, row, &p, e);
		if (n > 0)
			look_at_thing(in, &strangers, read.r[0].thing, a, out);
		for (int i = 0; i < n && rc == 0; i++) {
			const struct readings one = {.r = &read.r[i], .n = 1};
			size_t taken = p.taken;

			rc = ingest__readings(in, &all, &one, STR_NULL, row, &p, e);
			if (s->taken != NULL && p.taken > taken)
				s->taken(s->ctx, &read.r[i]);
		}
		tell_refused(s, &p, out);
		arena_reset(row);
		if (rc == 0 && p.n >= BATCH)
			rc = store(in, &p, out, e);
		if (s->progress != NULL && out->rows % PROGRESS_ROWS == 0)
			s->progress(s->ctx, out->rows);
	}
	if (rc == 0)
		rc = store(in, &p, out, e);
	out->gaps = sheet_gaps(sheet);
	arena_free(&row);
	arena_free(&batch);
	return rc;
}

int ingest_sheet(struct ingest *in, const struct ingest_sheet *s, struct arena *a,
        struct ingest_sheet_told *out, struct err *e)
{
	const char *attribute = s->mapping != NULL ? mapping_attribute(s->mapping) : NULL;
	struct known_things known = {.in = in};
	const struct sheet_things things = {&known, find_known, zone_of_known};
	struct sheet *sheet;
	int rc = 0;

	*out = (struct ingest_sheet_told){0};
	if (attribute != NULL)
		rc = find_things(in, attribute, a, &known, e);
	if (rc == 0)
		rc = sheet_open(a, s->mapping, s->text, in->site->catalog->zone, &things, &sheet, e);
	return rc == 0 ? read_rows(in, s, sheet, a, out, e) : rc;
}
