/* Things: a list, one with its readings, and how an administrator changes one. */
#include "api/api_int.h"

#include "ingest/command.h"
#include "ingest/state.h"

#include <math.h>

void write_codes(struct jw *w, const char *key, const char *by_blanks)
{
	struct str rest = str_of(by_blanks);

	jw_key(w, key);
	jw_array(w);
	while (rest.n > 0) {
		struct str s = str_cut(&rest, ' ');

		if (s.n > 0)
			jw_str(w, s);
	}
	jw_array_end(w);
}

/* Leaves the object open. */
static int write_thing(struct call *c, const struct thing *t, struct err *e)
{
	struct jw *w = &c->w;

	jw_object(w);
	jw_kstr(w, "code", t->code);
	jw_kstr(w, "kind", t->kind);
	jw_kstr(w, "name", t->name);
	jw_kstr(w, "name_en", t->name_en);
	jw_kstr(w, "org", t->org);
	jw_kstr(w, "region", t->region);
	jw_kstr(w, "unit", t->unit_region);
	jw_kdouble(w, "lon", t->at.lon);
	jw_kdouble(w, "lat", t->at.lat);
	jw_kbool(w, "demo", t->demo);
	return view_attrs(c, catalog_kind(c->site->catalog, t->kind), t->attrs, e);
}

static bool holds(const char *text, const char *words)
{
	return strcasestr(text, words) != NULL;
}

int things_get(struct call *c, struct err *e)
{
	const char *kind = call_text(c, "kind"), *region = call_text(c, "region"), *q = call_text(c, "q"),
	           *after = call_text(c, "after"), *next = NULL;
	const struct snapshot *s = call_snapshot(c);
	int64_t limit, n = 0;
	int low = 0, high = s->things, rc = call_int(c, "limit", 200, 1, 5000, &limit, e);

	if (rc < 0)
		return rc;
	while (after != NULL && low < high) { /* the first code past `after` */
		int mid = low + (high - low) / 2;

		if (strcmp(s->thing[mid].code, after) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = low; i < s->things && rc == 0; i++) {
		const struct thing *t = &s->thing[i];

		if ((kind != NULL && strcmp(t->kind, kind) != 0) ||
		        (region != NULL && strncmp(t->region, region, strlen(region)) != 0 &&
		                strcmp(t->unit_region, region) != 0) ||
		        (q != NULL && !holds(t->code, q) && !holds(t->name, q) && !holds(t->name_en, q)) ||
		        !thing_seen(c->site->catalog, &c->who, t))
			continue;
		if (n++ == limit) {
			next = after;
			break;
		}
		after = t->code;
		rc = write_thing(c, t, e);
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	jw_kstr(&c->w, "next", next);
	jw_object_end(&c->w);
	return rc;
}

static const struct quantity *quantity_of(const struct kind *k, struct str metric)
{
	for (int i = 0; k != NULL && i < k->quantities; i++)
		if (str_is(metric, k->quantity[i].metric))
			return &k->quantity[i];
	return NULL;
}

/* Of the states that a metric has had, that of its newest reading (ingest/state.h). */
static bool is_present_state(const struct series_latest_row *row, size_t n, size_t at)
{
	struct str metric = labels_get(&row[at].labels, LABEL_NAME);

	for (size_t i = 0; i < n; i++)
		if (row[i].t > row[at].t && str_eq(labels_get(&row[i].labels, LABEL_NAME), metric) &&
		        labels_get(&row[i].labels, STATE_LABEL).p != NULL)
			return false;
	return row[at].v == 1;
}

static int write_readings(struct call *c, const struct thing *t, struct err *e)
{
	const struct kind *k = catalog_kind(c->site->catalog, t->kind);
	struct series_latest_row *row = NULL;
	struct matcher m;
	size_t n = 0;
	int rc = matcher_init(&m, c->a, MATCH_EQ, STR_LIT("thing"), str_of(t->code), e);

	if (rc == 0)
		rc = series_list(c->site->series, &m, 1, 500, c->a, &row, &n, e);
	if (rc < 0)
		return rc;
	jw_key(&c->w, "readings");
	jw_array(&c->w);
	for (size_t i = 0; i < n; i++) {
		struct str metric = labels_get(&row[i].labels, LABEL_NAME),
		           state = labels_get(&row[i].labels, STATE_LABEL);
		const struct quantity *q = quantity_of(k, metric);

		if (row[i].t == TIME_NONE || (state.p != NULL && !is_present_state(row, n, i)))
			continue;
		jw_object(&c->w);
		jw_key(&c->w, "metric");
		jw_str(&c->w, metric);
		if (q != NULL) {
			jw_kstr(&c->w, "name", q->name);
			jw_kstr(&c->w, "name_en", q->name_en);
		} else {
			jw_key(&c->w, "name");
			jw_str(&c->w, metric);
			jw_key(&c->w, "name_en");
			jw_str(&c->w, metric);
		}
		jw_kstr(&c->w, "unit", q != NULL ? q->unit : "");
		jw_ktime(&c->w, "t", row[i].t);
		jw_kdouble(&c->w, "v", row[i].v);
		if (state.p != NULL) {
			jw_key(&c->w, "state");
			jw_str(&c->w, state);
		}
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	return 0;
}

int thing_get(struct call *c, struct err *e)
{
	const struct thing *t = snapshot_thing(call_snapshot(c), c->param[0]);
	int rc;

	if (t == NULL || !thing_seen(c->site->catalog, &c->who, t))
		return err_set(e, ERR_NOTFOUND, "no thing has this code");
	rc = write_thing(c, t, e);
	if (rc == 0)
		rc = write_readings(c, t, e);
	jw_object_end(&c->w);
	return rc;
}

int thing_set(struct call *c, struct err *e)
{
	const struct doc *attrs = doc_get(c->body, "attrs");
	struct thing_in in = {.code = call_param(c, 0),
	        .kind = body_text(c, "kind"),
	        .name = body_text(c, "name"),
	        .name_en = body_text(c, "name_en"),
	        .org = body_text(c, "org"),
	        .region = body_text(c, "region"),
	        .at = {doc_double(c->body, "lon", NAN), doc_double(c->body, "lat", NAN)},
	        .demo = doc_bool(c->body, "demo", false)};
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	if (attrs != NULL) {
		jw_init(&w, &b);
		doc_write_json(attrs, &w);
		in.attrs = arena_strndup(c->a, b.p, b.n);
		sb_fini(&b);
	}
	rc = thing_put(c->site->registry, c->site->store, c->site->catalog, &in, 1, &c->who, e);
	if (rc < 0) {
		if (e != NULL)
			e->line = 0; /* the thing's place in a list of one */
		return rc;
	}
	return thing_get(c, e);
}

/* A text is sent as it is, anything else as JSON. */
static struct str command_text(struct call *c, const struct doc *d)
{
	struct sb b = SB_INIT;
	struct jw w;
	struct str out;

	if (d->type == DOC_STRING)
		return (struct str){d->text, d->text_n};
	jw_init(&w, &b);
	doc_write_json(d, &w);
	out = (struct str){arena_strndup(c->a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

static void write_answer(struct call *c, struct str payload)
{
	struct doc *d = NULL;

	jw_key(&c->w, "answer");
	if (doc_parse_json(c->a, payload, "answer", &d, NULL) == 0)
		doc_write_json(d, &c->w);
	else if (utf8_valid(payload))
		jw_str(&c->w, payload);
	else
		jw_null(&c->w);
}

int thing_command(struct call *c, struct err *e)
{
	const struct thing *t = snapshot_thing(call_snapshot(c), c->param[0]);
	int64_t timeout_s = doc_int(c->body, "timeout_s", 10);
	struct command_answer answer;
	int rc;

	if (t == NULL || !thing_seen(c->site->catalog, &c->who, t))
		return err_set(e, ERR_NOTFOUND, "no thing has this code");
	if (timeout_s < 1 || timeout_s > COMMAND_WAIT_MOST / US_SECOND) {
		err_set(e, ERR_INVALID, "an answer is waited for 1 to %d s",
		        (int)(COMMAND_WAIT_MOST / US_SECOND));
		return err_at(e, NULL, 0, 0, "timeout_s");
	}
	if (c->s->ingest == NULL)
		return err_set(e, ERR_UNAVAILABLE, "no readings come in here, and no commands go out");
	const struct device_command command = {.thing = t,
	        .by = c->who.login,
	        .payload = command_text(c, doc_get(c->body, "command")),
	        .wait = timeout_s * US_SECOND};
	if (command.payload.n > COMMAND_BYTES)
		return err_set(e, ERR_TOOBIG, "a command is at most %d bytes", COMMAND_BYTES);
	rc = command_send(c->s->ingest, &command, c->a, &answer, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_kstr(&c->w, "id", answer.id);
	write_answer(c, answer.payload);
	jw_kint(&c->w, "ms", answer.took / US_MS);
	jw_object_end(&c->w);
	return 0;
}
