/*
 * Topics and filters as text (4.7 and 4.8.2 of 5.0).
 */
#include "mqtt/mqtt_int.h"

bool mqtt__is_topic(struct str t)
{
	return t.n > 0 && memchr(t.p, '#', t.n) == NULL && memchr(t.p, '+', t.n) == NULL;
}

/* "+" stands alone in its level, "#" too, and ends the filter. */
static bool is_filter(struct str f)
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
		if (!mqtt__is_topic(*group) || rest.p == NULL || rest.n == 0)
			return mqtt__bad(
			        MQTT_R_FILTER, "a shared subscription names no valid group, or no filter");
		*filter = rest;
	}
	if (!is_filter(*filter))
		return mqtt__bad(MQTT_R_FILTER, "a topic filter is not well formed");
	if (mqtt__levels(*filter) > MQTT_LEVELS_MOST)
		return mqtt__bad(MQTT_R_FILTER, "a topic filter has too many levels");
	return MQTT_FINE;
}

bool mqtt__matches(struct str filter, struct str topic)
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
