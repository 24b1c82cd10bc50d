#include "ingest/rights.h"

#include "city/session.h"
#include "mqtt/topic.h"

int exchange_check(const char *filters, struct err *e)
{
	struct str rest = str_of(filters);

	while (rest.n > 0) {
		struct str f = str_cut(&rest, ' ');

		if (f.n > 0 && f.p[0] == '!')
			f = (struct str){f.p + 1, f.n - 1};
		else if (f.n == 0)
			continue;
		if (!filter_valid(f))
			return err_set(e, ERR_INVALID,
			        "\"" STR_FMT
			        "\" is no topic filter: + stands for a level, # at the end for all below",
			        STR_ARG(f));
	}
	return 0;
}

enum topic_kind topic_kind(struct str topic, struct str *thing, struct str *rest)
{
	static const char own[] = "v1/devices/me/", gateway[] = "v1/gateway/";
	struct str head, word;

	*thing = *rest = STR_NULL;
	if (str_starts(topic, own)) {
		*rest = (struct str){topic.p + sizeof(own) - 1, topic.n - sizeof(own) + 1};
		return TOPIC_OWN;
	}
	if (str_starts(topic, gateway)) {
		*rest = (struct str){topic.p + sizeof(gateway) - 1, topic.n - sizeof(gateway) + 1};
		return TOPIC_GATEWAY;
	}
	head = str_cut(&topic, '/');
	if (str_is(head, "lp")) {
		*rest = topic;
		return TOPIC_LINES;
	}
	if (!str_is(head, "t") && !str_is(head, "things"))
		return TOPIC_OTHER;
	if (topic.p != NULL)
		*thing = str_cut(&topic, '/');
	*rest = topic;
	if (str_is(head, "t"))
		return TOPIC_READING;
	word = str_cut(rest, '/');
	return str_is(word, "answers") ? TOPIC_ANSWER : TOPIC_COMMAND;
}

/* ---- the exchange ---- */

static bool exchanged(const struct exchange *x, struct str topic, bool (*takes)(struct str, struct str))
{
	struct str rest = str_of(x->filters);
	bool allowed = false;

	while (rest.n > 0) {
		struct str f = str_cut(&rest, ' ');

		if (f.n > 0 && f.p[0] == '!') {
			if (filter_covers((struct str){f.p + 1, f.n - 1}, topic))
				return false;
		} else if (f.n > 0 && takes(f, topic)) {
			allowed = true;
		}
	}
	return allowed;
}

/* ---- who ---- */

static int find_token(struct rights *r, struct arena *a, struct err *e)
{
	const struct snapshot *now;
	struct who who = {0};
	int rc = api_token_find(r->site->store, arena_strndup(a, r->secret.p, r->secret.n), a, &who, e);

	if (rc == 0 && (who.must != MUST_NOTHING || (r->login.p != NULL && !str_is(r->login, who.login))))
		rc = err_set(e, ERR_UNAUTH, "the token is not this account's, or may do nothing yet");
	if (rc < 0)
		return rc;
	now = registry_hold(r->site->registry);
	who_widen(now, a, &who);
	registry_release(r->site->registry, now);
	r->who = who;
	r->name = who.login;
	return 0;
}

static int find(struct rights *r, struct err *e)
{
	struct arena *a = arena_new(0);
	int rc = 0;

	if (r->kind == RIGHTS_TOKEN) {
		rc = find_token(r, a, e);
	} else if (r->kind == RIGHTS_DEVICE) {
		struct device device = {0};

		rc = device_find(r->site->store, r->login, r->secret, a, &device, e);
		r->known = rc < 0 && device.login != NULL ? r->login.p : NULL;
		if (rc == 0) {
			r->device = device;
			r->name = device.login;
		}
	}
	if (rc < 0) {
		arena_free(&a);
		return rc;
	}
	arena_free(&r->found);
	r->found = a;
	return 0;
}

int rights_find(struct site *s, const struct exchange *x, bool open, struct str username, struct str password,
        struct arena *a, struct rights *out, struct err *e)
{
	const size_t prefix = sizeof(API_TOKEN_PREFIX) - 1;

	*out = (struct rights){.site = s, .exchange = x, .kind = RIGHTS_DEVICE, .name = "anonymous"};
	if (password.n == 0 && username.p != NULL && memchr(username.p, ':', username.n) != NULL) {
		password = username;
		username = str_cut(&password, ':');
	}
	if (username.p == NULL && password.p == NULL && open)
		out->kind = RIGHTS_OPEN;
	else if (password.p == NULL)
		return err_set(e, ERR_UNAUTH, "no credentials");
	else if (password.n > prefix && memcmp(password.p, API_TOKEN_PREFIX, prefix) == 0)
		out->kind = RIGHTS_TOKEN;
	else if (username.p == NULL)
		return err_set(e, ERR_UNAUTH, "no credentials");
	if (username.p != NULL)
		out->login = (struct str){arena_strndup(a, username.p, username.n), username.n};
	if (password.p != NULL)
		out->secret = (struct str){arena_strndup(a, password.p, password.n), password.n};
	return find(out, e);
}

bool rights_still(struct rights *r)
{
	struct err e = ERR_INIT;

	/* A store that does not answer ends nobody's rights. */
	return find(r, &e) != ERR_UNAUTH;
}

void rights_free(struct rights *r)
{
	arena_free(&r->found);
}

/* ---- what ---- */

bool rights_publish(const struct rights *r, struct str topic)
{
	return r->kind != RIGHTS_TOKEN && exchanged(r->exchange, topic, filter_takes);
}

bool rights_subscribe(const struct rights *r, struct str filter)
{
	struct str thing, rest;
	enum topic_kind kind = topic_kind(filter, &thing, &rest);

	if (filter.n > 0 && (filter.p[0] == '#' || filter.p[0] == '+'))
		return true; /* it gets what it may receive */
	if (kind == TOPIC_OTHER || kind == TOPIC_LINES)
		return r->kind != RIGHTS_TOKEN && exchanged(r->exchange, filter, filters_meet);
	if (r->kind == RIGHTS_OPEN)
		return false;
	if (kind == TOPIC_OWN || kind == TOPIC_GATEWAY)
		return r->kind == RIGHTS_DEVICE; /* they ask as a matter of course; nothing is sent there */
	/* A thing by its name is refused at once; whose names are not said are looked at one by one. */
	return r->kind == RIGHTS_TOKEN || thing.p == NULL || str_is(thing, "+") || str_is(thing, "#") ||
	       device_may(&r->device, thing);
}

static bool token_sees(const struct rights *r, struct str code)
{
	const struct snapshot *now = registry_hold(r->site->registry);
	const struct thing *t = snapshot_thing(now, code);
	bool sees = t != NULL && thing_seen(r->site->catalog, &r->who, t);

	registry_release(r->site->registry, now);
	return sees;
}

bool rights_receive(const struct rights *r, struct str topic)
{
	struct str thing, rest;
	enum topic_kind kind = topic_kind(topic, &thing, &rest);

	if (kind == TOPIC_OTHER)
		return r->kind != RIGHTS_TOKEN && exchanged(r->exchange, topic, filter_takes);
	if (kind == TOPIC_OWN || kind == TOPIC_GATEWAY || thing.p == NULL || r->kind == RIGHTS_OPEN)
		return false;
	if (r->kind == RIGHTS_TOKEN)
		return kind != TOPIC_COMMAND && token_sees(r, thing);
	return kind != TOPIC_ANSWER && device_may(&r->device, thing);
}
