#include "ingest/payload.h"
#include "base/json.h"
#include "base/num.h"

#include <math.h>

#define READINGS_MAX 10000

static void add(struct arena *a, struct readings *out, struct str metric, double v)
{
	if (out->n == READINGS_MAX) {
		out->refused++;
		out->why = "more than 10,000 readings in one message";
		return;
	}
	out->r = arena_grow(a, out->r, &out->cap, (size_t)out->n + 1, sizeof(*out->r));
	out->r[out->n++] = (struct reading){.metric = metric, .t = TIME_NONE, .v = v};
}

static void refuse(struct readings *out, const char *why)
{
	out->refused++;
	if (out->why == NULL)
		out->why = why;
}

/* Epoch milliseconds or RFC 3339. */
static bool read_time(struct json *j, enum json_type tok, time_us *t)
{
	double ms;
	char buf[64];
	struct str text;

	if (tok == JSON_NUMBER) {
		if (!num_double(j->text, false, &ms) || fabs(ms) > 9e15)
			return false;
		*t = (time_us)llround(ms * 1000);
		return true;
	}
	if (tok != JSON_STRING)
		return false;
	text = json_text(j, buf, sizeof(buf));
	return text.p != NULL && time_parse(text, zone_utc(), t);
}

static bool is_time_key(struct str key)
{
	return str_is(key, "ts") || str_is(key, "t") || str_is(key, "time") || str_is(key, "timestamp");
}

static struct str key_text(struct arena *a, const struct json *j)
{
	char *buf;

	if (!j->escaped)
		return j->text;
	buf = arena_alloc(a, j->text.n + 1);
	return buf != NULL ? json_text(j, buf, j->text.n + 1) : STR_NULL;
}

/* The members of one object. `inner` is the object under "values". Readings from `first` on get the time. */
static bool read_object(struct arena *a, struct json *j, struct str metric, struct readings *out, bool inner)
{
	int first = out->n;
	time_us t = TIME_NONE;
	bool timely = true;

	for (;;) {
		enum json_type tok = json_next(j);
		struct str key;
		double v;

		if (tok == JSON_OBJECT_END)
			break;
		if (tok != JSON_KEY)
			return false;
		key = key_text(a, j);
		if (key.p == NULL)
			return false;
		tok = json_next(j);
		if (!inner && is_time_key(key)) {
			if (!read_time(j, tok, &t)) {
				if (tok == JSON_OBJECT || tok == JSON_ARRAY || tok == JSON_BAD ||
				        tok == JSON_END)
					return false;
				refuse(out, "the time is neither epoch milliseconds nor RFC 3339");
				timely = false;
			}
			continue;
		}
		if (!inner && tok == JSON_OBJECT && str_is(key, "values")) {
			if (!read_object(a, j, STR_NULL, out, true))
				return false;
			continue;
		}
		if (metric.p != NULL && (str_is(key, "v") || str_is(key, "value")))
			key = metric;
		switch (tok) {
		case JSON_NUMBER:
			if (num_double(j->text, false, &v))
				add(a, out, key, v);
			else
				refuse(out, "a number is out of range");
			break;
		case JSON_TRUE:
		case JSON_FALSE: add(a, out, key, tok == JSON_TRUE); break;
		case JSON_STRING:
		case JSON_NULL: refuse(out, "a member is a text or null, not a number"); break;
		case JSON_OBJECT:
		case JSON_ARRAY: {
			/* whole containers are skipped */
			int depth = 1;

			refuse(out, "a member is an object or a list, not a number");
			while (depth > 0) {
				tok = json_next(j);
				if (tok == JSON_OBJECT || tok == JSON_ARRAY)
					depth++;
				else if (tok == JSON_OBJECT_END || tok == JSON_ARRAY_END)
					depth--;
				else if (tok == JSON_BAD || tok == JSON_END)
					return false;
			}
			break;
		}
		default: return false;
		}
	}
	if (!timely) {
		/* A reading at a time that cannot be read is no reading of now. */
		out->n = first;
		return true;
	}
	for (int i = first; i < out->n && t != TIME_NONE; i++)
		out->r[i].t = t;
	return true;
}

bool payload_parse(struct arena *a, struct str payload, struct str metric, struct readings *out)
{
	struct str text = str_trim(payload);
	struct json j;
	enum json_type tok;
	double v;

	*out = (struct readings){0};
	if (text.n == 0) {
		out->why = "the payload is empty";
		return false;
	}
	if (metric.p != NULL && *text.p != '{' && *text.p != '[') {
		if (str_is(text, "true") || str_is(text, "false"))
			add(a, out, metric, str_is(text, "true"));
		else if (num_double(text, false, &v))
			add(a, out, metric, v);
		else
			out->why = "the payload is neither a number nor JSON";
		return out->n > 0;
	}
	json_init(&j, text);
	tok = json_next(&j);
	if (tok == JSON_OBJECT) {
		if (!read_object(a, &j, metric, out, false))
			goto bad;
	} else if (tok == JSON_ARRAY) {
		while ((tok = json_next(&j)) == JSON_OBJECT)
			if (!read_object(a, &j, metric, out, false))
				goto bad;
		if (tok != JSON_ARRAY_END)
			goto bad;
	} else {
		goto bad;
	}
	if (json_next(&j) != JSON_END)
		goto bad;
	if (out->n == 0 && out->why == NULL)
		out->why = "the payload holds no reading";
	return out->n > 0;
bad:
	/* Nothing of a torn message is believed. */
	out->n = 0;
	out->why = "the payload is not valid JSON of a known shape";
	return false;
}
