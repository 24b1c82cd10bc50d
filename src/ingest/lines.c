/* A body of line protocol becomes points. */
#include "ingest/fresh.h"

static struct str unescaped(struct arena *a, enum line_part part, struct str s)
{
	char *out;

	if (memchr(s.p, '\\', s.n) == NULL)
		return s;
	out = arena_alloc(a, s.n);
	return out != NULL ? (struct str){out, line_unescape(part, s, out)} : STR_NULL;
}

/* The labels of a field, sorted; they hold room for LINE_TAGS + 1. NULL, or words why they are none. */
static const char *labels_of(const struct line *l, const struct line_pair *f, struct arena *a,
        struct labels *ls, enum refusal *why)
{
	struct str m = unescaped(a, LINE_MEASUREMENT, l->measurement),
	           field = unescaped(a, LINE_NAME, f->name);
	struct err ignored = ERR_INIT;

	*why = REFUSED_NAME;
	if (!str_is(field, "value"))
		m = str_of(arena_printf(a, STR_FMT "_" STR_FMT, STR_ARG(m), STR_ARG(field)));
	m = ingest__name(a, m, true);
	if (m.p == NULL)
		return "measurement and field do not make a metric's name: letters, digits, _ and : only, no "
		       "digit first";
	ls->n = 0;
	ls->l[ls->n++] = (struct label){STR_LIT(LABEL_NAME), m};
	for (int i = 0; i < l->tags; i++) {
		struct label t = {
		        unescaped(a, LINE_NAME, l->tag[i].name), unescaped(a, LINE_NAME, l->tag[i].value)};

		t.name = ingest__name(a, t.name, false);
		if (t.name.p == NULL || str_starts(t.name, "__"))
			return "a tag's name is no name of a label: letters, digits and _ only, not __ at "
			       "the start";
		if (!utf8_valid(t.value)) {
			*why = REFUSED_UTF8;
			return "a tag's value is not UTF-8";
		}
		ls->l[ls->n++] = t;
	}
	return labels_sort(ls, &ignored) < 0 ? "two tags have the same name" : NULL;
}

/* One body at work. */
struct body {
	struct ingest *in;
	const struct device *d;
	struct line_reader r;
	struct seen_reader names;
	struct fresh fresh;
	time_us now;
	struct arena *a;
	struct points *out;
};

static struct str thing_of(const struct line *l)
{
	for (int i = 0; i < l->tags; i++)
		if (str_is(l->tag[i].name, "thing"))
			return l->tag[i].value;
	return STR_NULL;
}

static bool may_write(const struct body *b, struct str thing)
{
	return b->d->things == NULL ||
	       (thing.p != NULL && device_may(b->d, unescaped(b->a, LINE_NAME, thing)));
}

/* ---- lines as they came last time ---- */

static bool begins(const char *p, const char *end, const char *with, size_t n)
{
	return (size_t)(end - p) > n && memcmp(p, with, n) == 0;
}

/* Of the same series as `first`, and the text is its field. */
static bool is_field(const struct seen_name *x, const struct seen_name *first, const char *p, const char *end)
{
	return x->form == SEEN_LINE && x->a_n == first->a_n &&
	       memcmp(x->text, first->text, first->a_n) == 0 &&
	       begins(p, end, x->text + x->a_n + 1, x->b_n + 1u);
}

/* A line that begins as expected, with plain numbers and a plain time, is taken where it lies. False: nothing
 * was taken, and the line is to be read. */
static bool take_expected(struct body *b)
{
	struct seen_reader names = b->names;
	struct seen_name *first = seen_expected(&names), *x = first;
	struct points *out = b->out;
	const char *p = b->r.p, *end = b->r.end;
	size_t n = out->n, old = out->old;
	enum refusal why;
	series_id id;
	time_us t;

	if (x == NULL || x->form != SEEN_LINE || !begins(p, end, x->text, x->a_n + x->b_n + 2u))
		return false;
	if (b->d->things != NULL && !may_write(b, seen_thing(x)))
		return false;
	for (p += x->a_n + 1;; p++) {
		double v;

		if (n - out->n == LINE_FIELDS || !seen_answer(&names, x, &id) ||
		        (p = line_value(p + x->b_n + 1, end, &v)) == NULL)
			return false;
		if (UNLIKELY(n == out->cap) && !ingest__room(b->a, out, n - out->n + 1))
			return false;
		out->p[n++] = (struct series_point){.id = id, .v = v};
		seen_take(&names, x);
		if (*p != ',')
			break;
		x = seen_expected(&names);
		if (x == NULL || !is_field(x, first, p + 1, end))
			return false;
	}
	p = line_stamp(p, end, b->r.unit, &t);
	if (p == NULL)
		return false;
	if (t == TIME_NONE)
		t = b->now;
	if (ingest__time(b->in, t, b->now, out, &why) != NULL) {
		out->old = old;
		return false;
	}
	for (size_t i = out->n; i < n; i++)
		out->p[i].t = t;
	out->taken += n - out->n;
	out->n = n;
	b->names = names;
	b->r.no += p[-1] == '\n';
	b->r.p = p;
	return true;
}

/* ---- other lines ---- */

/* A series that was not heard of yet: its point has its place when this returns NULL, its id later. */
static const char *take_fresh(struct body *b, const struct line *l, const struct line_pair *f, time_us t,
        enum refusal *why, struct err *e)
{
	struct label label[LINE_TAGS + 1];
	struct labels ls = {label, 0};
	struct seen_ask name = {.a = l->series, .b = f->name, .thing = thing_of(l)};
	struct points *out = b->out;
	const char *words = labels_of(l, f, b->a, &ls, why);

	if (words == NULL)
		words = ingest__admit(
		        b->in, b->d, out->protocol != NULL ? out->protocol : "line", &ls, &name.lasting, why);
	if (words != NULL)
		return words;
	if (f->type == LINE_TEXT)
		return ingest__add_state(
		        b->in, b->a, out, &ls, unescaped(b->a, LINE_STRING, f->value), t, why, e);
	return fresh_add(&b->fresh, &name, &ls, out->n, 1, e) < 0 ? "" : NULL;
}

/* NULL, or words; "" and e when nothing more can be taken. */
static const char *take_field(struct body *b, const struct line *l, const struct line_pair *f, time_us t,
        enum refusal *why, struct err *e)
{
	bool text = f->type == LINE_TEXT;
	struct seen_name *name =
	        text || fresh_some(&b->fresh) ? NULL : seen_find(&b->names, SEEN_LINE, l->series, f->name);
	series_id id = {0};

	if (name == NULL || !seen_answer(&b->names, name, &id)) {
		const char *words = take_fresh(b, l, f, t, why, e);

		if (words != NULL || text)
			return words;
	}
	if (ingest__add(b->a, b->out, (struct series_point){id, t, f->number}))
		return NULL;
	err_set(e, ERR_TOOBIG, "the body holds more readings than one request may; send it in parts");
	return "";
}

/* A good line's fields; 0, or negative when nothing more can be taken. A text that is no state is left out by
 * itself; for anything else the line counts as a whole, and nothing of it is kept. */
static int take_line(struct body *b, const struct line *l, struct err *e)
{
	struct points *out = b->out;
	const struct points before = *out;
	time_us t = l->timed ? l->t : b->now;
	enum refusal why = REFUSED_RIGHT;
	const char *words = may_write(b, thing_of(l))
	                            ? ingest__time(b->in, t, b->now, out, &why)
	                            : "the device may not write readings of this thing (tag \"thing\")";

	for (int i = 0; words == NULL && i < l->fields; i++) {
		words = take_field(b, l, &l->field[i], t, &why, e);
		if (words == NULL) {
			out->taken++;
		} else if (*words == '\0') {
			return e->code;
		} else if (l->field[i].type == LINE_TEXT && why != REFUSED_NAME) {
			ingest__bad(b->in, b->a, out, b->d->login, why, l->no, words);
			words = NULL;
		}
	}
	if (words != NULL) {
		fresh_back(&b->fresh, before.n);
		out->n = before.n;
		out->taken = before.taken;
		out->old = before.old;
		ingest__bad(b->in, b->a, out, b->d->login, why, l->no, words);
	}
	return 0;
}

/* About as many points as there are lines, so that they need not move while they become more. */
static bool expect_lines(struct body *b, struct str text)
{
	const char *first = text.n > 4096 ? memchr(text.p, '\n', text.n) : NULL;
	size_t each = first != NULL ? (size_t)(first - text.p) + 1 : text.n;

	return ingest__room(b->a, b->out, text.n / (each > 32 ? each : 32) + 1);
}

int ingest__lines(struct ingest *in, const struct device *d, struct str text, enum line_unit unit,
        struct arena *a, struct points *out, struct err *e)
{
	struct line *l = arena_alloc(a, sizeof(*l));
	struct body b = {.in = in, .d = d, .now = clock_now(in->site->clock), .a = a, .out = out};
	int rc = 0, got = 1;

	if (l == NULL || !expect_lines(&b, text))
		return err_set(
		        e, ERR_TOOBIG, "the body holds more readings than one request may; send it in parts");
	line_init(&b.r, text, unit);
	seen_begin(in->seen, ingest__decisions(in), &b.names);
	b.fresh = (struct fresh){
	        .db = in->site->series, .names = &b.names, .form = SEEN_LINE, .a = a, .out = out};
	while (rc == 0 && got != 0) {
		if (take_expected(&b))
			continue;
		got = line_next(&b.r, l);
		if (got > 0)
			rc = take_line(&b, l, e);
		else if (got < 0)
			ingest__bad(in, a, out, d->login, REFUSED_SYNTAX, l->no, b.r.bad);
	}
	if (rc == 0)
		rc = fresh_end(&b.fresh, e);
	seen_end(&b.names);
	return rc;
}

int ingest_text(struct ingest *in, const char *who, struct str text, struct arena *a, struct ingest_told *out,
        struct err *e)
{
	struct device all = {.login = who};
	struct points p = {.any_age = true};
	int rc = ingest__lines(in, &all, text, LINE_NS, a, &p, e);

	if (rc == 0 && p.n > 0) {
		rc = series_append(in->site->series, p.p, p.n, e);
		ingest__failed(in, rc);
	}
	if (rc == 0)
		ingest__stored(&p);
	*out = (struct ingest_told){
	        .stored = rc == 0 ? p.taken : 0, .refused = p.refused, .bad = p.bad, .bads = p.bads};
	return rc;
}
