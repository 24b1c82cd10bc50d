/* From what a protocol has read to points: names, times, states, rights; and what is refused. */
#include "city/quarantine.h"
#include "ingest/fresh.h"

#define BAD_KEPT 100

void ingest__bad(struct ingest *in, struct arena *a, struct points *out, const char *device, enum refusal why,
        int line, const char *words)
{
	if (!out->dry)
		refusals_add(in->refusals, device, why, line, words);
	out->refused++;
	if (out->bads == BAD_KEPT)
		return;
	if (out->bad == NULL)
		out->bad = arena_array(a, BAD_KEPT, sizeof(*out->bad));
	if (out->bad != NULL)
		out->bad[out->bads++] = (struct ingest_bad){line, why, words};
}

const char *ingest__time(
        const struct ingest *in, time_us t, time_us now, struct points *out, enum refusal *why)
{
	if (t > now + in->future) {
		*why = REFUSED_FUTURE;
		return "the time lies in the future; is the device's clock right, and the unit of its times?";
	}
	if (out->any_age)
		return NULL;
	if (in->past != 0 && t < now - in->past) {
		*why = REFUSED_PAST;
		return "the time lies further back than the setting reading-past allows; is the device's "
		       "clock "
		       "right?";
	}
	out->old += t < now - 365 * US_DAY;
	return NULL;
}

bool ingest__room(struct arena *a, struct points *out, size_t n)
{
	struct series_point *more =
	        arena_grow(out->keep != NULL ? out->keep : a, out->p, &out->cap, out->n + n, sizeof(*out->p));

	if (more == NULL)
		return false;
	out->p = more;
	return true;
}

bool ingest__add(struct arena *a, struct points *out, struct series_point p)
{
	if (!ingest__room(a, out, 1))
		return false;
	out->p[out->n++] = p;
	return true;
}

const char *ingest__add_state(struct ingest *in, struct arena *a, struct points *out,
        const struct labels *base, struct str text, time_us t, enum refusal *why, struct err *e)
{
	struct state_set set;
	const char *words = states_find(in->states, in->site->series, base, text, &set, why, e);

	for (int i = 0; words == NULL && i < set.n; i++)
		if (!ingest__add(a, out, (struct series_point){set.id[i], t, i == set.on})) {
			err_set(e, ERR_TOOBIG, "too many readings at once; send them in parts");
			words = "";
		}
	return words;
}

void ingest__stored(const struct points *p)
{
	metric_add(METRIC_INGEST_READINGS, (int64_t)p->taken);
	metric_add(METRIC_INGEST_OLD, (int64_t)p->old);
}

void ingest__failed(struct ingest *in, int rc)
{
	if (rc != ERR_NOTFOUND)
		return;
	seen_forget(in->seen);
	states_forget(in->states);
}

/* ---- things and metrics, as JSON and topics name them ---- */

static bool in_name(char c, bool colon)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       (colon && c == ':');
}

struct str ingest__name(struct arena *a, struct str name, bool metric)
{
	char *p = NULL;

	for (size_t i = 0; i < name.n; i++) {
		if (in_name(name.p[i], metric) || (signed char)name.p[i] < 0x20 || name.p[i] == 0x7f)
			continue;
		if (p == NULL)
			p = arena_strndup(a, name.p, name.n);
		if (p == NULL)
			return STR_NULL;
		p[i] = '_';
	}
	if (p != NULL)
		name.p = p;
	return (metric ? metric_name_valid(name) : label_name_valid(name)) ? name : STR_NULL;
}

static const char *named(struct arena *a, struct str name, const char *words)
{
	const char *with = arena_printf(a, "\"%.*s\": %s", (int)(name.n < 64 ? name.n : 64), name.p, words);

	return with != NULL ? with : words;
}

/* Gateways mostly name the same in the same order. some: new ones wait already, and this one may wait with
 * them. */
static bool find_name(
        struct seen_reader *names, struct str thing, struct str metric, bool some, series_id *id)
{
	struct seen_name *x = seen_expected(names);

	if (x != NULL && seen_is(x, SEEN_JSON, thing, metric))
		seen_take(names, x);
	else
		x = some ? NULL : seen_find(names, SEEN_JSON, thing, metric);
	return x != NULL && seen_answer(names, x, id);
}

/* One reading; words when it is refused, "" and e when nothing more can be taken. */
static const char *take(struct ingest *in, struct fresh *fresh, const struct device *d, struct str thing,
        const struct reading *r, time_us now, struct arena *a, struct points *out, enum refusal *why,
        struct err *e)
{
	time_us t = r->t != TIME_NONE ? r->t : now;
	const char *words = ingest__time(in, t, now, out, why);
	struct label label[2] = {{STR_LIT(LABEL_NAME), r->metric}, {STR_LIT("thing"), thing}};
	struct labels ls = {label, 2};
	series_id id = {0};
	bool known, lasting = false;

	if (words != NULL)
		return words;
	known = r->text.p == NULL && find_name(fresh->names, thing, r->metric, fresh_some(fresh), &id);
	if (!known) {
		label[0].value = ingest__name(a, r->metric, true);
		*why = REFUSED_NAME;
		if (label[0].value.p == NULL)
			return named(a, r->metric,
			        "a metric's name begins with a letter or _ and has letters, digits, _ and : "
			        "only");
	}
	if (out->dry)
		return NULL;
	if (!known) {
		words = ingest__admit(
		        in, d, out->protocol != NULL ? out->protocol : "json", &ls, &lasting, why);
		if (words != NULL)
			return words;
	}
	if (r->text.p != NULL)
		return ingest__add_state(in, a, out, &ls, r->text, t, why, e);
	if (!known && fresh_add(fresh, &(struct seen_ask){.a = thing, .b = r->metric, .lasting = lasting},
	                      &ls, out->n, 1, e) < 0)
		return "";
	if (ingest__add(a, out, (struct series_point){id, t, r->v}))
		return NULL;
	err_set(e, ERR_TOOBIG, "too many readings at once; send them in parts");
	return "";
}

int ingest__readings(struct ingest *in, const struct device *d, const struct readings *read, struct str thing,
        struct arena *a, struct points *out, struct err *e)
{
	time_us now = clock_now(in->site->clock);
	struct seen_reader names;
	struct fresh fresh = {.db = in->site->series, .names = &names, .form = SEEN_JSON, .a = a, .out = out};
	int rc = 0;

	for (int i = 0; i < read->bads; i++)
		ingest__bad(in, a, out, d->login, read->bad[i].why, read->bad[i].at, read->bad[i].words);
	seen_begin(in->seen, ingest__decisions(in), &names);
	for (int i = 0; i < read->n && rc == 0; i++) {
		const struct reading *r = &read->r[i];
		struct str of = r->thing.p != NULL ? r->thing : thing;
		enum refusal why = REFUSED_RIGHT;
		size_t old = out->old;
		const char *words;

		if (of.n == 0 || of.n > 64 || !utf8_valid(of)) {
			why = REFUSED_NAME;
			words = "the reading is of no thing";
		} else if (!device_may(d, of)) {
			words = "the device may not write readings of this thing";
		} else {
			words = take(in, &fresh, d, of, r, now, a, out, &why, e);
		}
		if (words == NULL) {
			out->taken++;
			continue;
		}
		out->old = old;
		if (*words == '\0')
			rc = e->code;
		else
			ingest__bad(in, a, out, d->login, why, r->at, words);
	}
	if (rc == 0)
		rc = fresh_end(&fresh, e);
	seen_end(&names);
	return rc;
}

const struct zone *ingest__zone_of(void *ctx, struct str thing)
{
	struct site *site = ((struct ingest *)ctx)->site;
	const struct snapshot *s = registry_hold(site->registry);
	const struct thing *t = snapshot_thing(s, thing);
	const char *target = t == NULL ? quarantine_target(site->quarantine, thing) : NULL;
	const struct zone *zone;

	if (target != NULL)
		t = snapshot_thing(s, str_of(target));
	zone = thing_zone(site->catalog, t);
	registry_release(site->registry, s);
	return zone;
}

int ingest__payload(struct ingest *in, const struct device *d, struct str text,
        const struct payload_shape *shape, struct str thing, struct arena *a, struct points *out,
        bool *readable, struct err *e)
{
	const struct payload_shape here = {.things = shape->things,
	        .metric = shape->metric,
	        .zone = in->site->catalog->zone,
	        .zone_of = ingest__zone_of,
	        .ctx = in,
	        .thing = thing};
	struct readings read;

	*readable = payload_parse(a, text, &here, &read);
	return ingest__readings(in, d, &read, thing, a, out, e);
}
