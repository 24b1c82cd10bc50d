#include "ingest/rights.h"

#include "city/session.h"
#include "mqtt/topic.h"

#define OWN "v1/devices/"
#define GATEWAY "v1/gateway/"
#define CALLS "rpc"
#define ME "me"
#define DEVICE_OWNER "device:"
#define SECRET_LEN 64 /* of a device, hexadecimal (device_add) */

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

static struct str behind(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return (struct str){s.p + n, s.n - n};
}

enum topic_kind topic_kind(struct str topic, struct str *thing, struct str *rest)
{
	struct str head, word;

	*thing = *rest = STR_NULL;
	if (str_starts(topic, OWN)) {
		*rest = behind(topic, OWN);
		*thing = str_cut(rest, '/');
		return TOPIC_OWN;
	}
	if (str_starts(topic, GATEWAY)) {
		*rest = behind(topic, GATEWAY);
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

struct str device_thing(struct site *site, const struct device *d)
{
	const struct snapshot *s;
	struct str thing = str_of(d->login);

	/* --things CODE is a prefix, and may also be just one thing. */
	if (d->things != NULL && d->things[0] != NULL && d->things[1] == NULL) {
		s = registry_hold(site->registry);
		if (snapshot_thing(s, str_of(d->things[0])) != NULL)
			thing = str_of(d->things[0]);
		registry_release(site->registry, s);
	}
	return device_may(d, thing) ? thing : STR_NULL;
}

static bool is_secret(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return s.n == SECRET_LEN;
}

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

/* Devices and accounts may have the same names. */
static const char *owner_name(struct arena *a, const struct rights *r)
{
	return r->kind == RIGHTS_OPEN
	               ? ""
	               : arena_printf(
	                         a, "%s%s", r->kind == RIGHTS_DEVICE ? DEVICE_OWNER : "account:", r->name);
}

int rights_find(struct site *s, const struct exchange *x, bool open, struct str username, struct str password,
        struct arena *a, struct rights *out, struct err *e)
{
	const size_t prefix = sizeof(API_TOKEN_PREFIX) - 1;
	bool alone = false; /* a secret and nothing else */
	int rc;

	*out = (struct rights){.site = s, .exchange = x, .kind = RIGHTS_DEVICE, .name = "anonymous"};
	if (password.n == 0 && username.p != NULL && memchr(username.p, ':', username.n) != NULL) {
		password = username;
		username = str_cut(&password, ':');
	} else if (password.n == 0 && is_secret(username)) {
		password = username;
		username = STR_NULL;
		alone = true;
	}
	if (username.p == NULL && password.p == NULL && open)
		out->kind = RIGHTS_OPEN;
	else if (password.p == NULL)
		return err_set(e, ERR_UNAUTH, "no credentials");
	else if (password.n > prefix && memcmp(password.p, API_TOKEN_PREFIX, prefix) == 0)
		out->kind = RIGHTS_TOKEN;
	else if (username.p == NULL && !alone)
		return err_set(e, ERR_UNAUTH, "no credentials");
	if (username.p != NULL)
		out->login = (struct str){arena_strndup(a, username.p, username.n), username.n};
	if (password.p != NULL)
		out->secret = (struct str){arena_strndup(a, password.p, password.n), password.n};
	rc = find(out, e);
	if (rc < 0)
		return rc;
	if (alone)
		out->login = str_of(arena_strdup(a, out->name));
	out->owner = owner_name(a, out);
	return 0;
}

int rights_absent(struct site *s, const struct exchange *x, bool open, struct str owner, struct arena *a,
        struct rights *out, struct err *e)
{
	*out = (struct rights){.site = s, .exchange = x, .kind = RIGHTS_DEVICE, .name = "anonymous"};
	if (open && owner.n == 0) {
		out->kind = RIGHTS_OPEN;
	} else if (str_starts(owner, DEVICE_OWNER)) {
		int rc = device_named(s->store, behind(owner, DEVICE_OWNER), a, &out->device, e);

		if (rc < 0)
			return rc;
		out->name = out->device.login;
	} else {
		return err_set(e, ERR_NOTFOUND, "its owner publishes nothing");
	}
	out->owner = owner_name(a, out);
	return 0;
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

static bool is_own(const struct rights *r, struct str thing)
{
	struct str own = device_thing(r->site, &r->device);

	return own.p != NULL && str_eq(own, thing);
}

/* A call to a thing behind a gateway: not to its own, which it hears as a device. */
static bool is_behind(const struct rights *r, struct str rest)
{
	return str_is(str_cut(&rest, '/'), CALLS) && rest.p != NULL && device_may(&r->device, rest) &&
	       !is_own(r, rest);
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
	if (kind == TOPIC_OWN)
		return r->kind == RIGHTS_DEVICE && (str_is(thing, ME) || is_own(r, thing));
	if (kind == TOPIC_GATEWAY)
		return r->kind == RIGHTS_DEVICE;
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
	if (kind == TOPIC_OWN)
		return r->kind == RIGHTS_DEVICE && is_own(r, thing);
	if (kind == TOPIC_GATEWAY)
		return r->kind == RIGHTS_DEVICE && is_behind(r, rest);
	if (thing.p == NULL || r->kind == RIGHTS_OPEN)
		return false;
	if (r->kind == RIGHTS_TOKEN)
		return kind != TOPIC_COMMAND && token_sees(r, thing);
	return kind != TOPIC_ANSWER && device_may(&r->device, thing);
}

bool rights_inside(const struct rights *r, struct str filter, struct sb *to)
{
	struct str thing, rest, own = STR_NULL;
	enum topic_kind kind = topic_kind(filter, &thing, &rest);

	if (kind == TOPIC_GATEWAY && str_is(rest, CALLS)) {
		sb_puts(to, GATEWAY CALLS "/+");
		return true;
	}
	if (kind == TOPIC_OWN && str_is(thing, ME) && rest.p != NULL)
		own = device_thing(r->site, &r->device);
	if (own.p == NULL)
		return false; /* it hears nothing */
	sb_printf(to, OWN STR_FMT "/" STR_FMT, STR_ARG(own), STR_ARG(rest));
	return true;
}

bool rights_outside(const struct rights *r, struct str topic, struct sb *to)
{
	struct str thing, rest;
	enum topic_kind kind = topic_kind(topic, &thing, &rest);

	if (r->kind != RIGHTS_DEVICE || (kind != TOPIC_OWN && kind != TOPIC_GATEWAY))
		return false;
	if (kind == TOPIC_GATEWAY)
		sb_puts(to, GATEWAY CALLS);
	else
		sb_printf(to, OWN ME "/" STR_FMT, STR_ARG(rest));
	return true;
}
