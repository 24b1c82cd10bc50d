#include "ingest/payload.h"
#include "base/json.h"
#include "base/num.h"

#include <math.h>

struct parse {
	struct arena *a;
	const struct payload_shape *shape;
	struct json j;
	struct readings *out;
	int objects;      /* begun */
	bool full;        /* nothing more is taken */
	struct str thing; /* of a gateway's list */
};

static void bad(struct parse *p, enum refusal why, struct str key, const char *words)
{
	struct readings *out = p->out;
	struct payload_bad *more;

	if (p->full)
		return;
	if (out->bads == PAYLOAD_BADS - 1) {
		p->full = true;
		words = "too much of the payload is refused; the rest was not looked at";
		key = STR_NULL;
	}
	more = arena_grow(p->a, out->bad, &out->bad_cap, (size_t)out->bads + 1, sizeof(*out->bad));
	if (more == NULL) {
		p->full = true;
		return;
	}
	out->bad = more;
	if (key.p != NULL)
		words = arena_printf(p->a, "\"%.*s\": %s", (int)(key.n < 64 ? key.n : 64), key.p, words);
	out->bad[out->bads++] = (struct payload_bad){p->objects, why, words != NULL ? words : "refused"};
}

static void add(struct parse *p, struct reading r)
{
	struct readings *out = p->out;
	struct reading *more;

	if (p->full)
		return;
	more = out->n < PAYLOAD_READINGS
	               ? arena_grow(p->a, out->r, &out->cap, (size_t)out->n + 1, sizeof(*out->r))
	               : NULL;
	if (more == NULL) {
		bad(p, REFUSED_BODY, STR_NULL,
		        "too many readings in one payload; the rest was not looked at");
		p->full = true;
		return;
	}
	out->r = more;
	r.at = p->objects;
	r.t = TIME_NONE;
	out->r[out->n++] = r;
}

/* ---- words ---- */

static bool is_word(struct str s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (s.n == strlen(*words) && strncasecmp(s.p, *words, s.n) == 0)
			return true;
	return false;
}

bool reading_of_word(struct str word, struct reading *r)
{
	static const char *const no_number[] = {"nan", "inf", "+inf", "-inf", "infinity", "-infinity", NULL};
	static const char *const yes[] = {"true", NULL}, *const no[] = {"false", NULL};

	r->text = STR_NULL;
	if (num_double(word, false, &r->v))
		return true;
	if (is_word(word, no_number))
		return false;
	r->v = is_word(word, yes);
	if (r->v == 0 && !is_word(word, no))
		r->text = word;
	return true;
}

bool time_of_number(struct str s, time_us *t)
{
	int64_t whole;
	double v, size;

	if (!num_double(s, false, &v))
		return false;
	size = fabs(v);
	if (size >= 1e17) {
		/* more digits than a double has */
		if (!num_int(s, &whole))
			return false;
		*t = whole / 1000 - (whole % 1000 < 0);
		return true;
	}
	v *= size < 1e11 ? 1e6 : size < 1e14 ? 1e3 : 1;
	*t = (time_us)llround(v);
	return true;
}

/* ---- JSON ---- */

static bool is_time_key(struct str key)
{
	return str_is(key, "ts") || str_is(key, "t") || str_is(key, "time") || str_is(key, "timestamp");
}

static struct str token_text(struct parse *p)
{
	char *buf;

	if (!p->j.escaped)
		return p->j.text;
	buf = arena_alloc(p->a, p->j.text.n + 1);
	return buf != NULL ? json_text(&p->j, buf, p->j.text.n + 1) : STR_NULL;
}

/* What is left of a container that has begun. */
static bool skip(struct parse *p)
{
	for (int depth = 1; depth > 0;) {
		enum json_type tok = json_next(&p->j);

		if (tok == JSON_OBJECT || tok == JSON_ARRAY)
			depth++;
		else if (tok == JSON_OBJECT_END || tok == JSON_ARRAY_END)
			depth--;
		else if (tok == JSON_BAD || tok == JSON_END)
			return false;
	}
	return true;
}

/* A time as it is written; which zone it is in is known when the thing is. */
struct time_word {
	enum json_type tok;
	struct str key, text;
};

static bool read_time(struct parse *p, const struct time_word *w, struct str thing, time_us *t)
{
	const struct payload_shape *s = p->shape;
	const struct zone *zone = s->zone;

	if (thing.p == NULL)
		thing = s->thing;
	if (w->tok == JSON_STRING && s->zone_of != NULL && thing.p != NULL)
		zone = s->zone_of(s->ctx, thing);
	return (w->tok == JSON_STRING && time_parse(w->text, zone, t)) ||
	       ((w->tok == JSON_STRING || w->tok == JSON_NUMBER) && time_of_number(w->text, t));
}

static bool read_text(struct parse *p, struct str key)
{
	struct reading r = {.metric = key};
	struct str text = token_text(p);

	if (text.p == NULL)
		return false;
	text = str_trim(text);
	if (text.n == 0)
		return true;
	if (reading_of_word(text, &r))
		add(p, r);
	else
		bad(p, REFUSED_VALUE, key, "NaN and infinity are no readings");
	return true;
}

static bool read_members(struct parse *p, struct str prefix);

/* The value behind a key, whose first token is tok. False when the text is no JSON. */
static bool read_value(struct parse *p, struct str key, enum json_type tok)
{
	struct reading r = {.metric = key};

	switch (tok) {
	case JSON_NUMBER:
		if (num_double(p->j.text, false, &r.v))
			add(p, r);
		else
			bad(p, REFUSED_VALUE, key, "a number is out of range");
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		r.v = tok == JSON_TRUE;
		add(p, r);
		return true;
	case JSON_STRING: return read_text(p, key);
	case JSON_NULL: return true;
	case JSON_OBJECT: return read_members(p, key);
	case JSON_ARRAY: bad(p, REFUSED_VALUE, key, "a list is no reading"); return skip(p);
	default: return false;
	}
}

static struct str joined(struct parse *p, struct str prefix, struct str key)
{
	return prefix.n == 0 ? key
	                     : str_of(arena_printf(p->a, STR_FMT "_" STR_FMT, STR_ARG(prefix), STR_ARG(key)));
}

/* Every member of an object that has begun is a reading, or holds some; prefix empty: their names alone. */
static bool read_members(struct parse *p, struct str prefix)
{
	for (;;) {
		enum json_type tok = json_next(&p->j);
		struct str key;

		if (tok == JSON_OBJECT_END)
			return true;
		if (tok != JSON_KEY)
			return false;
		key = token_text(p);
		if (key.p == NULL)
			return false;
		key = joined(p, prefix, key);
		if (!read_value(p, key, json_next(&p->j)))
			return false;
	}
}

struct object {
	int first;             /* of its readings */
	struct time_word time; /* text STR_NULL: not said */
	struct str thing;
};

static bool read_list(struct parse *p);

/* True and *done when the member says something of the object, and is no reading. */
static bool read_about(struct parse *p, struct object *o, struct str key, enum json_type tok, bool *done)
{
	bool container = tok == JSON_OBJECT || tok == JSON_ARRAY;

	*done = true;
	if (is_time_key(key) && !container) {
		if (tok == JSON_BAD || tok == JSON_END)
			return false;
		if (tok != JSON_NULL)
			o->time =
			        (struct time_word){tok, key, tok == JSON_STRING ? token_text(p) : p->j.text};
		return tok == JSON_NULL || o->time.text.p != NULL;
	}
	if (str_is(key, "values") && tok == JSON_OBJECT)
		return read_members(p, STR_NULL);
	if (p->shape->things == PAYLOAD_NAMED && p->thing.p == NULL && o->thing.p == NULL) {
		if (str_is(key, "thing") && tok == JSON_STRING) {
			o->thing = token_text(p);
			return o->thing.p != NULL;
		}
		if (tok == JSON_ARRAY) {
			p->thing = key;
			if (!read_list(p))
				return false;
			p->thing = STR_NULL;
			return true;
		}
	}
	*done = false;
	return true;
}

/* An object that has begun. */
static bool read_object(struct parse *p)
{
	struct object o = {.first = p->out->n, .thing = p->thing};
	time_us t = TIME_NONE;

	p->objects++;
	for (;;) {
		enum json_type tok = json_next(&p->j);
		struct str key;
		bool done;

		if (tok == JSON_OBJECT_END)
			break;
		if (tok != JSON_KEY)
			return false;
		key = token_text(p);
		if (key.p == NULL)
			return false;
		tok = json_next(&p->j);
		if (!read_about(p, &o, key, tok, &done))
			return false;
		if (done)
			continue;
		if (p->shape->metric.p != NULL && (str_is(key, "v") || str_is(key, "value")))
			key = p->shape->metric;
		if (!read_value(p, key, tok))
			return false;
	}
	/* It is no reading of now. */
	if (o.time.text.p != NULL && !read_time(p, &o.time, o.thing, &t)) {
		bad(p, REFUSED_VALUE, o.time.key, "the time is neither a number since 1970 nor RFC 3339");
		p->out->n = o.first;
	}
	for (int i = o.first; i < p->out->n; i++) {
		struct reading *r = &p->out->r[i];

		if (r->thing.p == NULL) { /* those of a gateway's list inside have theirs */
			r->thing = o.thing;
			r->t = t;
		}
	}
	return true;
}

/* A list of objects that has begun. */
static bool read_list(struct parse *p)
{
	enum json_type tok;

	while ((tok = json_next(&p->j)) != JSON_ARRAY_END) {
		if (tok == JSON_OBJECT) {
			if (!read_object(p))
				return false;
			continue;
		}
		if (tok == JSON_BAD || tok == JSON_END)
			return false;
		p->objects++;
		bad(p, REFUSED_SYNTAX, STR_NULL, "an entry of the list is not an object");
		if (tok == JSON_ARRAY && !skip(p))
			return false;
	}
	return true;
}

/* {"THING": [ … ], "THING": { … }} */
static bool read_gateway(struct parse *p)
{
	for (;;) {
		enum json_type tok = json_next(&p->j);

		if (tok == JSON_OBJECT_END)
			return true;
		if (tok != JSON_KEY)
			return false;
		p->thing = token_text(p);
		if (p->thing.p == NULL)
			return false;
		tok = json_next(&p->j);
		if (tok == JSON_BAD || tok == JSON_END)
			return false;
		if (tok == JSON_ARRAY ? !read_list(p) : tok == JSON_OBJECT && !read_object(p))
			return false;
		if (tok != JSON_ARRAY && tok != JSON_OBJECT)
			bad(p, REFUSED_SYNTAX, p->thing,
			        "a thing's readings are an object or a list of objects");
	}
}

static bool read_document(struct parse *p)
{
	enum json_type tok = json_next(&p->j);

	if (tok == JSON_STRING && p->shape->metric.p != NULL)
		return read_text(p, p->shape->metric) && json_next(&p->j) == JSON_END;
	if (tok == JSON_ARRAY)
		return read_list(p) && json_next(&p->j) == JSON_END;
	if (tok != JSON_OBJECT)
		return false;
	return (p->shape->things == PAYLOAD_GATEWAY ? read_gateway(p) : read_object(p)) &&
	       json_next(&p->j) == JSON_END;
}

static bool parse_json(struct parse *p, struct str text)
{
	json_init(&p->j, text);
	if (read_document(p))
		return p->out->n > 0 || p->out->bads == 0;
	/* Nothing of a torn message is believed. */
	p->out->n = p->out->bads = p->objects = 0;
	p->full = false;
	if (!utf8_valid(text))
		bad(p, REFUSED_UTF8, STR_NULL, "the payload is not UTF-8");
	else if (p->j.bad != NULL)
		bad(p, REFUSED_SYNTAX, STR_NULL,
		        arena_printf(p->a, "the payload is not JSON: %s, at byte %zd", p->j.bad,
		                p->j.p - p->j.start + 1));
	else
		bad(p, REFUSED_SYNTAX, STR_NULL, "the payload is not JSON of a known shape");
	return false;
}

bool payload_parse(
        struct arena *a, struct str payload, const struct payload_shape *shape, struct readings *out)
{
	struct str text = str_trim(payload);
	struct parse p = {.a = a, .shape = shape, .out = out};
	struct reading r = {.metric = shape->metric};

	*out = (struct readings){0};
	if (text.n == 0) {
		bad(&p, REFUSED_SYNTAX, STR_NULL, "the payload is empty");
		return false;
	}
	if (shape->metric.p == NULL || *text.p == '{' || *text.p == '[' || *text.p == '"')
		return parse_json(&p, text);
	if (reading_of_word(text, &r))
		add(&p, r);
	else
		bad(&p, REFUSED_VALUE, STR_NULL, "NaN and infinity are no readings");
	return out->n > 0;
}
