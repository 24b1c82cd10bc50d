#include "ingest/fresh.h"

#define SOME 64
#define SOME_LABELS 1024

struct fresh_room {
	size_t n, labels;
	struct seen_ask name[SOME];
	struct labels set[SOME];
	struct place {
		size_t at, n;
	} place[SOME];
	struct label label[SOME_LABELS];
};
_Static_assert(SOME_LABELS > LINE_TAGS, "any line finds room");

bool fresh_some(const struct fresh *f)
{
	return f->room != NULL && f->room->n > 0;
}

/* Of those that came while others waited some may be known after all. */
static int resolve(struct fresh *f, struct fresh_room *r, struct err *e)
{
	struct labels set[SOME];
	series_id id[SOME];
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < r->n; i++)
		if (!r->name[i].known)
			set[n++] = r->set[i];
	rc = series_resolve_many(f->db, set, n, id, e);
	for (size_t i = r->n; i-- > 0 && rc == 0;)
		if (!r->name[i].known)
			r->name[i].id = id[--n];
	return rc;
}

int fresh_end(struct fresh *f, struct err *e)
{
	struct fresh_room *r = f->room;
	int rc;

	if (!fresh_some(f))
		return 0;
	seen_find_many(f->names, f->form, r->name, r->n);
	rc = resolve(f, r, e);
	if (rc < 0)
		return rc;
	seen_put_many(f->names, f->form, r->name, r->n);
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->place[i].n; k++)
			f->out->p[r->place[i].at + k].id = r->name[i].id;
	r->n = r->labels = 0;
	return 0;
}

int fresh_add(struct fresh *f, const struct seen_ask *name, const struct labels *ls, size_t at, size_t n,
        struct err *e)
{
	struct fresh_room *r = f->room;
	size_t labels = (size_t)ls->n;

	if (r == NULL) {
		r = f->room = arena_array_raw(f->a, 1, sizeof(*r));
		if (r == NULL)
			return err_set(e, ERR_TOOBIG,
			        "the body holds more readings than one request may; send it in parts");
		r->n = r->labels = 0;
	}
	if (r->n == SOME || labels > SOME_LABELS - r->labels) {
		int rc = fresh_end(f, e);

		if (rc < 0)
			return rc;
	}
	must(labels <= SOME_LABELS);
	r->name[r->n] = *name;
	r->set[r->n] = (struct labels){&r->label[r->labels], ls->n};
	memcpy(r->set[r->n].l, ls->l, labels * sizeof(*ls->l));
	r->labels += labels;
	r->place[r->n++] = (struct place){at, n};
	return 0;
}

void fresh_back(struct fresh *f, size_t at)
{
	struct fresh_room *r = f->room;

	while (r != NULL && r->n > 0 && r->place[r->n - 1].at >= at)
		r->labels -= (size_t)r->set[--r->n].n;
}
