#include "ingest/rights.h"

#include "city/session.h"
#include "mqtt/topic.h"

#define LOOK_EVERY US_MINUTE

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
	struct str head = str_cut(&topic, '/'), word;

	*thing = *rest = STR_NULL;
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

static int find_token(struct rights *r, const char *token, struct str login, struct err *e)
{
	const struct snapshot *now;
	struct arena *a = arena_new(0);
	struct who who = {0};
	int rc = api_token_find(r->site->store, token, a, &who, e);

	if (rc == 0 && (who.must != MUST_NOTHING || (login.p != NULL && !str_is(login, who.login))))
		rc = err_set(e, ERR_UNAUTH, "the token is not this account's, or may do nothing yet");
	if (rc < 0) {
		arena_free(&a);
		return rc;
	}
	now = registry_hold(r->site->registry);
	who_widen(now, a, &who);
	registry_release(r->site->registry, now);
	arena_free(&r->who_arena);
	r->who_arena = a;
	r->who = who;
	r->looked = clock_monotonic();
	return 0;
}

int rights_find(struct site *s, const struct exchange *x, bool open, struct str username, struct str password,
        struct arena *a, struct rights *out, struct err *e)
{
	const size_t prefix = sizeof(API_TOKEN_PREFIX) - 1;

	*out = (struct rights){.site = s, .exchange = x};
	if (username.p == NULL && password.p == NULL && open) {
		out->kind = RIGHTS_OPEN;
		out->name = "anonymous";
		return 0;
	}
	if (password.p != NULL && password.n > prefix && memcmp(password.p, API_TOKEN_PREFIX, prefix) == 0) {
		out->kind = RIGHTS_TOKEN;
		out->token = arena_strndup(a, password.p, password.n);
		int rc = find_token(out, out->token, username, e);

		out->name = rc == 0 ? arena_strdup(a, out->who.login) : "";
		return rc;
	}
	if (username.p == NULL || password.p == NULL)
		return err_set(e, ERR_UNAUTH, "no credentials");
	out->kind = RIGHTS_DEVICE;
	int rc = device_find(s->store, username, password, a, &out->device, e);

	out->name = rc == 0 ? out->device.login : "";
	return rc;
}

void rights_free(struct rights *r)
{
	arena_free(&r->who_arena);
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
	/* A thing by its name is refused at once; whose names are not said are looked at one by one. */
	return r->kind == RIGHTS_TOKEN || thing.p == NULL || str_is(thing, "+") || str_is(thing, "#") ||
	       device_may(&r->device, thing);
}

static bool token_sees(struct rights *r, struct str code)
{
	const struct snapshot *now;
	const struct thing *t;
	struct err e = ERR_INIT;
	bool sees;

	if (clock_monotonic() - r->looked > LOOK_EVERY && !r->ended)
		r->ended = find_token(r, r->token, STR_NULL, &e) == ERR_UNAUTH;
	if (r->ended)
		return false;
	now = registry_hold(r->site->registry);
	t = snapshot_thing(now, code);
	sees = t != NULL && thing_seen(r->site->catalog, &r->who, t);
	registry_release(r->site->registry, now);
	return sees;
}

bool rights_receive(struct rights *r, struct str topic)
{
	struct str thing, rest;
	enum topic_kind kind = topic_kind(topic, &thing, &rest);

	if (kind == TOPIC_OTHER)
		return r->kind != RIGHTS_TOKEN && exchanged(r->exchange, topic, filter_takes);
	if (thing.p == NULL || r->kind == RIGHTS_OPEN)
		return false;
	if (r->kind == RIGHTS_TOKEN)
		return kind != TOPIC_COMMAND && token_sees(r, thing);
	return kind != TOPIC_ANSWER && device_may(&r->device, thing);
}
