/* A body of line protocol becomes points. */
#include "ingest/ingest_int.h"

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

static bool may_write(const struct device *d, const struct line *l, struct arena *a)
{
	if (d->things == NULL)
		return true;
	for (int i = 0; i < l->tags; i++)
		if (str_is(l->tag[i].name, "thing"))
			return device_may(d, unescaped(a, LINE_NAME, l->tag[i].value));
	return false;
}

/* NULL, or words; "" and e when nothing more can be taken. */
static const char *take_field(struct ingest *in, const struct device *d, const struct line *l,
        const struct line_pair *f, uint64_t key, time_us t, struct arena *a, struct points *out, enum refusal *why, struct err *e)
{
	struct label label[LINE_TAGS + 1];
	struct labels ls = {label, 0};
	bool text = f->type == LINE_TEXT, lasting;
	const char *words;
	series_id id;

	if (text || !seen_find_keyed(in->seen, key, l->series, f->name, &id)) {
		words = labels_of(l, f, a, &ls, why);
		if (words == NULL)
			words = ingest__admit(
			        in, d, out->protocol != NULL ? out->protocol : "line", &ls, &lasting, why);
		if (words != NULL)
			return words;
		if (text)
			return ingest__add_state(
			        in, a, out, &ls, unescaped(a, LINE_STRING, f->value), t, why, e);
		if (series_resolve(in->site->series, &ls, &id, e) < 0)
			return "";
		if (lasting)
			seen_put(in->seen, l->series, f->name, id);
	}
	if (ingest__add(a, out, (struct series_point){id, t, f->number}))
		return NULL;
	err_set(e, ERR_TOOBIG, "the body holds more readings than one request may; send it in parts");
	return "";
}

/* A good line's fields; 0, or negative when nothing more can be taken. A text that is no state is left out by
 * itself; for anything else the line counts as a whole, and nothing of it is kept. key: of the
 * first field. */
static int take_line(struct ingest *in, const struct device *d, const struct line *l, uint64_t key,
        time_us now, struct arena *a, struct points *out, struct err *e)
{
	const struct points before = *out;
	time_us t = l->timed ? l->t : now;
	enum refusal why = REFUSED_RIGHT;
	const char *words = may_write(d, l, a)
	                            ? ingest__time(in, t, now, out, &why)
	                            : "the device may not write readings of this thing (tag \"thing\")";

	for (int i = 0; words == NULL && i < l->fields; i++) {
		if (i > 0)
			key = seen_key(in->seen, l->series, l->field[i].name);
		words = take_field(in, d, l, &l->field[i], key, t, a, out, &why, e);
		if (words == NULL) {
			out->taken++;
		} else if (*words == '\0') {
			return e->code;
		} else if (l->field[i].type == LINE_TEXT && why != REFUSED_NAME) {
			ingest__bad(in, a, out, d->login, why, l->no, words);
			words = NULL;
		}
	}
	if (words != NULL) {
		out->n = before.n;
		out->taken = before.taken;
		out->old = before.old;
		ingest__bad(in, a, out, d->login, why, l->no, words);
	}
	return 0;
}

int ingest__lines(struct ingest *in, const struct device *d, struct str text, enum line_unit unit,
        struct arena *a, struct points *out, struct err *e)
{
	/* Each line is taken when the next one has been read, so that its series is in the cache by then. */
	struct line *read = arena_alloc(a, sizeof(*read)), *ready = arena_alloc(a, sizeof(*ready));
	time_us now = clock_now(in->site->clock);
	struct line_reader r;
	uint64_t key = 0;
	bool waits = false;
	int rc = 0, got;

	line_init(&r, text, unit);
	do {
		struct line *taken = ready;
		uint64_t taken_key = key;

		got = line_next(&r, read);
		if (got > 0)
			key = seen_key(in->seen, read->series, read->field[0].name);
		if (waits)
			rc = take_line(in, d, taken, taken_key, now, a, out, e);
		if (got < 0)
			ingest__bad(in, a, out, d->login, REFUSED_SYNTAX, read->no, r.bad);
		waits = got > 0;
		ready = read;
		read = taken;
	} while (rc == 0 && got != 0);
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
