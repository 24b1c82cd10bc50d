/*
 * Topics and filters as text (4.7 and 4.8.2 of 5.0).
 */
#include "mqtt/topic.h"

#include "mqtt/mqtt_int.h"

bool topic_valid(struct str t)
{
	return t.n > 0 && memchr(t.p, '#', t.n) == NULL && memchr(t.p, '+', t.n) == NULL;
}

/* "+" stands alone in its level, "#" too, and ends the filter. */
bool filter_valid(struct str f)
{
	for (size_t i = 0; i < f.n; i++) {
		if (f.p[i] != '+' && f.p[i] != '#')
			continue;
		bool last = i + 1 == f.n;
		if (i > 0 && f.p[i - 1] != '/')
			return false;
		if (!last && (f.p[i] == '#' || f.p[i + 1] != '/'))
			return false;
	}
	return f.n > 0;
}

int mqtt__levels(struct str topic)
{
	int n = 1;
	for (size_t i = 0; i < topic.n; i++)
		n += topic.p[i] == '/';
	return n;
}

struct mqtt__bad mqtt__filter_parse(struct str *filter, struct str *group)
{
	struct str rest = *filter;
	*group = STR_NULL;
	if (str_is(str_cut(&rest, '/'), "$share")) {
		if (rest.p == NULL)
			return mqtt__bad(MQTT_R_FILTER, "a shared subscription names no group");
		*group = str_cut(&rest, '/');
		if (!topic_valid(*group) || rest.p == NULL || rest.n == 0)
			return mqtt__bad(
			        MQTT_R_FILTER, "a shared subscription names no valid group, or no filter");
		*filter = rest;
	}
	if (!filter_valid(*filter))
		return mqtt__bad(MQTT_R_FILTER, "a topic filter is not well formed");
	if (mqtt__levels(*filter) > MQTT_LEVELS_MOST)
		return mqtt__bad(MQTT_R_FILTER, "a topic filter has too many levels");
	return MQTT_FINE;
}

bool filter_takes(struct str filter, struct str topic)
{
	bool first = true;
	while (filter.p != NULL) {
		struct str f = str_cut(&filter, '/');
		/* [MQTT-4.7.2-1]: no wildcard at the beginning takes a topic of the server's own. */
		bool own = first && topic.n > 0 && topic.p[0] == '$';
		if (str_is(f, "#"))
			return !own;
		if (topic.p == NULL)
			return false;
		struct str t = str_cut(&topic, '/');
		if (str_is(f, "+") ? own : !str_eq(f, t))
			return false;
		if (topic.p == NULL && filter.p != NULL)
			return str_is(filter, "#"); /* "a/#" takes "a" too */
		first = false;
	}
	return topic.p == NULL;
}

/* A level of the server's own, which no wildcard at the beginning takes. */
static bool own_level(struct str level, bool first)
{
	return first && level.n > 0 && level.p[0] == '$';
}

bool filter_covers(struct str whole, struct str part)
{
	bool first = true;
	while (whole.p != NULL) {
		struct str w = str_cut(&whole, '/');
		if (str_is(w, "#"))
			return part.p == NULL || !own_level(part, first);
		if (part.p == NULL)
			return false;
		struct str p = str_cut(&part, '/');
		if (str_is(p, "#") || (str_is(w, "+") ? own_level(p, first) : !str_eq(w, p)))
			return false;
		if (part.p == NULL && whole.p != NULL)
			return str_is(whole, "#");
		first = false;
	}
	return part.p == NULL;
}

bool filters_meet(struct str a, struct str b)
{
	bool first = true;
	while (a.p != NULL && b.p != NULL) {
		struct str x = str_cut(&a, '/'), y = str_cut(&b, '/');
		bool x_any = str_is(x, "+") || str_is(x, "#"), y_any = str_is(y, "+") || str_is(y, "#");
		if ((x_any && own_level(y, first)) || (y_any && own_level(x, first)))
			return false;
		if (str_is(x, "#") || str_is(y, "#"))
			return true;
		if (!x_any && !y_any && !str_eq(x, y))
			return false;
		first = false;
	}
	/* "a/#" takes "a" too. */
	return str_is(a, "#") || str_is(b, "#") || (a.p == NULL && b.p == NULL);
}
