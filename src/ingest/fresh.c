#include "ingest/fresh.h"

#define SOME 64 /* that wait at most */

/* Of those that came while others waited some may be known after all. */
static int resolve(struct fresh *f, struct err *e)
{
	struct labels set[SOME];
	series_id id[SOME];
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < f->n; i++)
		if (!f->name[i].known)
			set[n++] = (struct labels){&f->label[f->place[i].label], f->place[i].labels};
	rc = series_resolve_many(f->db, set, n, id, e);
	for (size_t i = f->n; i-- > 0 && rc == 0;)
		if (!f->name[i].known)
			f->name[i].id = id[--n];
	return rc;
}

int fresh_end(struct fresh *f, struct err *e)
{
	int rc;

	if (f->n == 0)
		return 0;
	seen_find_many(f->names, f->form, f->name, f->n);
	rc = resolve(f, e);
	if (rc < 0)
		return rc;
	seen_put_many(f->names, f->form, f->name, f->n);
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = 0; k < f->place[i].n; k++)
			f->out->p[f->place[i].at + k].id = f->name[i].id;
	f->n = f->labels = 0;
	return 0;
}

static bool room(struct fresh *f, size_t labels)
{
	struct seen_ask *name = arena_grow(f->a, f->name, &f->name_cap, f->n + 1, sizeof(*name));
	struct fresh_place *place = arena_grow(f->a, f->place, &f->place_cap, f->n + 1, sizeof(*place));
	struct label *label = arena_grow(f->a, f->label, &f->label_cap, f->labels + labels, sizeof(*label));

	if (name == NULL || place == NULL || label == NULL)
		return false;
	f->name = name;
	f->place = place;
	f->label = label;
	return true;
}

int fresh_add(struct fresh *f, const struct seen_ask *name, const struct labels *ls, size_t at, size_t n,
        struct err *e)
{
	const size_t labels = (size_t)ls->n;
	int rc = f->n == SOME ? fresh_end(f, e) : 0;

	if (rc < 0)
		return rc;
	if (!room(f, labels))
		return err_set(
		        e, ERR_TOOBIG, "the body holds more readings than one request may; send it in parts");
	f->name[f->n] = *name;
	f->place[f->n++] = (struct fresh_place){at, n, f->labels, ls->n};
	memcpy(f->label + f->labels, ls->l, labels * sizeof(*ls->l));
	f->labels += labels;
	return 0;
}

void fresh_back(struct fresh *f, size_t at)
{
	while (f->n > 0 && f->place[f->n - 1].at >= at)
		f->labels = f->place[--f->n].label;
}
