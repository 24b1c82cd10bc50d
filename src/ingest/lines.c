/* A body of line protocol becomes points. */
#include "base/log.h"
#include "ingest/ingest_int.h"

#include <math.h>

#define BAD_LINES_KEPT 100

void ingest__refuse(const char *device, enum refusal why, int line, const char *words)
{
	static const enum metric_id counter[] = {
	        [REFUSED_SYNTAX] = METRIC_INGEST_BAD_SYNTAX,
	        [REFUSED_VALUE] = METRIC_INGEST_BAD_VALUE,
	        [REFUSED_FUTURE] = METRIC_INGEST_BAD_FUTURE,
	        [REFUSED_NAME] = METRIC_INGEST_BAD_NAME,
	        [REFUSED_RIGHT] = METRIC_INGEST_BAD_RIGHT,
	        [REFUSED_HISTOGRAM] = METRIC_INGEST_BAD_HISTOGRAM,
	};

	metric_add(counter[why], 1);
	LOG(INGEST_BAD, log_s("device", device), log_i("line", line), log_s("why", words));
}

void ingest__bad_line(struct arena *a, struct points *out, const char *device, enum refusal why, int line,
        const char *words)
{
	ingest__refuse(device, why, line, words);
	out->refused++;
	if (out->bads == BAD_LINES_KEPT)
		return;
	if (out->bad == NULL)
		out->bad = arena_array(a, BAD_LINES_KEPT, sizeof(*out->bad));
	if (out->bad != NULL)
		out->bad[out->bads++] = (struct ingest_bad){line, words};
}

static struct str unescaped(struct arena *a, enum line_part part, struct str s)
{
	char *out;

	if (memchr(s.p, '\\', s.n) == NULL)
		return s;
	out = arena_alloc(a, s.n);
	return out != NULL ? (struct str){out, line_unescape(part, s, out)} : STR_NULL;
}

/* The slow path: a series named by these bytes for the first time. NULL, or words why it is no series. */
static const char *make_series(struct ingest *in, const struct line *l, const struct line_pair *f,
        struct arena *a, series_id *id, enum refusal *why, struct err *e)
{
	struct label label[LINE_TAGS + 1];
	struct labels ls = {label, 0};
	struct str m = unescaped(a, LINE_MEASUREMENT, l->measurement),
	           field = unescaped(a, LINE_NAME, f->name);
	struct err ignored = ERR_INIT;

	*why = REFUSED_NAME;
	if (!str_is(field, "value"))
		m = str_of(arena_printf(a, STR_FMT "_" STR_FMT, STR_ARG(m), STR_ARG(field)));
	if (!metric_name_valid(m))
		return "measurement and field do not make a metric's name: letters, digits, _ and : only, no "
		       "digit first";
	label[ls.n++] = (struct label){STR_LIT(LABEL_NAME), m};
	for (int i = 0; i < l->tags; i++) {
		struct label t = {
		        unescaped(a, LINE_NAME, l->tag[i].name), unescaped(a, LINE_NAME, l->tag[i].value)};

		if (!label_name_valid(t.name) || str_starts(t.name, "__"))
			return "a tag's name is no name of a label: letters, digits and _ only, not __ at "
			       "the start";
		if (!utf8_valid(t.value))
			return "a tag's value is not UTF-8";
		label[ls.n++] = t;
	}
	if (labels_sort(&ls, &ignored) < 0)
		return "two tags have the same name";
	if (series_resolve(in->site->series, &ls, id, e) < 0)
		return "";
	return NULL;
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

/* A good line's fields; 0, or negative when the engine takes no more series. The line counts as a whole:
 * nothing of it is kept when one field is refused. */
static int take_line(struct ingest *in, const struct device *d, const struct line *l, time_us now,
        struct arena *a, struct points *out, struct err *e)
{
	size_t before = out->n;
	time_us t = l->timed ? l->t : now;
	enum refusal why = REFUSED_VALUE;
	const char *words = NULL;

	if (!may_write(d, l, a)) {
		why = REFUSED_RIGHT;
		words = "the device may not write readings of this thing (tag \"thing\")";
	} else if (t > now + in->future) {
		why = REFUSED_FUTURE;
		words = "the time lies in the future; is the device's clock right, and the precision?";
	}
	for (int i = 0; words == NULL && i < l->fields; i++) {
		const struct line_pair *f = &l->field[i];
		series_id id;

		if (f->type == LINE_TEXT) {
			why = REFUSED_VALUE;
			words = "texts are not stored; send numbers or true and false";
			break;
		}
		if (!seen_find(in->seen, l->series, f->name, &id)) {
			words = make_series(in, l, f, a, &id, &why, e);
			if (words != NULL && *words == '\0')
				return e->code;
			if (words != NULL)
				break;
			seen_put(in->seen, l->series, f->name, id);
		}
		struct series_point *more = arena_grow(a, out->p, &out->cap, out->n + 1, sizeof(*out->p));
		if (more == NULL)
			return err_set(e, ERR_TOOBIG,
			        "the body holds more readings than one request may; send it in parts");
		out->p = more;
		out->p[out->n++] = (struct series_point){id, t, f->number};
	}
	if (words != NULL) {
		out->n = before;
		ingest__bad_line(a, out, d->login, why, l->no, words);
	}
	return 0;
}

int ingest__lines(struct ingest *in, const struct device *d, struct str text, enum line_unit unit,
        struct arena *a, struct points *out, struct err *e)
{
	struct line *l = arena_alloc(a, sizeof(*l));
	time_us now = clock_now(in->site->clock);
	struct line_reader r;
	int rc = 0;

	line_init(&r, text, unit);
	while (rc == 0 && (rc = line_next(&r, l)) != 0) {
		if (rc < 0) {
			ingest__bad_line(a, out, d->login, REFUSED_SYNTAX, l->no, r.bad);
			rc = 0;
			continue;
		}
		rc = take_line(in, d, l, now, a, out, e);
	}
	return rc;
}

int ingest_text(struct ingest *in, const char *who, struct str text, struct arena *a, struct ingest_told *out,
        struct err *e)
{
	struct device all = {.login = who};
	struct points p = {0};
	int rc = ingest__lines(in, &all, text, LINE_NS, a, &p, e);

	if (rc == 0 && p.n > 0)
		rc = series_append(in->site->series, p.p, p.n, e);
	*out = (struct ingest_told){
	        .stored = rc == 0 ? p.n : 0, .refused = p.refused, .bad = p.bad, .bads = p.bads};
	return rc;
}
