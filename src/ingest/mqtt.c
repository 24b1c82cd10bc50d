/*
 * Readings over MQTT.
 *
 *   t/THING/METRIC    a number or a word, or JSON with v and t
 *   t/THING           JSON, one member a metric
 *   lp, lp/PRECISION  line protocol
 *   v1/devices/me/…   telemetry and attributes, as devices made for ThingsBoard send them
 *   v1/gateway/…      the same of many things
 *
 * What was stored under t/ goes on to those who subscribe and may see the thing (ingest/rights.c).
 * A payload that cannot be read is counted, logged, and acknowledged: sending it again would not mend it. A
 * store that fails is another matter: there is no PUBACK then, and the device sends again.
 */
#include "base/log.h"
#include "ingest/ingest_int.h"
#include "ingest/thingsboard.h"

struct session {
	struct ingest *in;
	struct arena *arena;
	struct rights rights;
	struct sb outside; /* a topic as the client knows it */
};

static enum mqtt_reason on_connect(void *ctx, const struct mqtt_hello *hello, void **user)
{
	struct ingest *in = ctx;
	struct arena *a = arena_new(0);
	struct session *s = arena_alloc(a, sizeof(*s));
	struct err e = ERR_INIT;
	int rc = rights_find(
	        in->site, &in->exchange, in->mqtt_open, hello->username, hello->password, a, &s->rights, &e);

	if (rc < 0) {
		LOG(MQTT_REFUSED, log_s("remote", hello->remote),
		        log_s("client", arena_strndup(a, hello->client_id.p, hello->client_id.n)),
		        log_s("why", rc == ERR_UNAUTH ? "wrong device or secret" : e.text));
		if (rc == ERR_UNAUTH)
			refusals_add(in->refusals, s->rights.known != NULL ? s->rights.known : REFUSAL_OTHERS,
			        REFUSED_KEY, 0, "wrong device or secret");
		arena_free(&a);
		return rc == ERR_UNAUTH ? MQTT_R_CREDENTIALS : MQTT_R_UNAVAILABLE;
	}
	s->in = in;
	s->arena = a;
	s->outside = (struct sb)SB_INIT;
	*user = s;
	LOG(MQTT_CONNECT, log_s("device", s->rights.name), log_s("remote", hello->remote));
	return MQTT_R_OK;
}

static void on_close(void *ctx, void *user, const char *why)
{
	struct session *s = user;
	struct arena *a;

	(void)ctx;
	if (s == NULL)
		return;
	a = s->arena;
	LOG(MQTT_CLOSE, log_s("device", s->rights.name), log_s("why", why));
	rights_free(&s->rights);
	sb_fini(&s->outside);
	arena_free(&a);
}

/* What a client did to its connection is counted for its device, where it is of the kinds that readings are
 * refused for. */
static void on_blamed(void *ctx, void *user, enum mqtt_reason reason, const char *why)
{
	const struct session *s = user;
	enum refusal as;

	(void)ctx;
	switch (reason) {
	case MQTT_R_RATE: as = REFUSED_FLOOD; break;
	case MQTT_R_TOO_LARGE: as = REFUSED_BODY; break;
	case MQTT_R_UTF8: as = REFUSED_UTF8; break;
	case MQTT_R_MALFORMED:
	case MQTT_R_ALIAS:
	case MQTT_R_PROTOCOL: as = REFUSED_SYNTAX; break;
	case MQTT_R_TOPIC: as = REFUSED_NAME; break;
	case MQTT_R_RECEIVE_MAX:
	case MQTT_R_SLOW:
	case MQTT_R_MEMORY: as = REFUSED_LIMIT; break;
	default: return;
	}
	refusals_add(s->in->refusals, s->rights.name, as, 0, why);
}

static bool on_subscribe(void *ctx, void *user, struct str filter)
{
	const struct session *s = user;

	(void)ctx;
	return rights_subscribe(&s->rights, filter);
}

static struct str on_owner(void *ctx, void *user)
{
	const struct session *s = user;

	(void)ctx;
	return str_of(s->rights.owner);
}

static bool on_absent(void *ctx, struct str owner, void **user)
{
	struct ingest *in = ctx;
	struct arena *a = arena_new(0);
	struct session *s = arena_alloc(a, sizeof(*s));
	struct err e = ERR_INIT;

	*s = (struct session){.in = in, .arena = a, .outside = SB_INIT};
	if (rights_absent(in->site, &in->exchange, in->mqtt_open, owner, a, &s->rights, &e) < 0) {
		arena_free(&a);
		return false;
	}
	*user = s;
	return true;
}

static bool on_inside(void *ctx, void *user, struct str filter, struct sb *to)
{
	const struct session *s = user;

	(void)ctx;
	return rights_inside(&s->rights, filter, to);
}

static struct str on_outside(void *ctx, void *user, struct str topic)
{
	struct session *s = user;

	(void)ctx;
	sb_reset(&s->outside);
	return rights_outside(&s->rights, topic, &s->outside) ? sb_str(&s->outside) : topic;
}

static bool on_still(void *ctx, void *user)
{
	struct session *s = user;

	(void)ctx;
	return rights_still(&s->rights);
}

static bool on_receive(void *ctx, void *user, struct str topic)
{
	struct ingest *in = ctx;
	const struct session *s = user;
	struct str thing, rest;

	if (!rights_receive(&s->rights, topic))
		return false;
	switch (topic_kind(topic, &thing, &rest)) {
	case TOPIC_COMMAND: ingest__command_heard(in, thing, rest); break;
	case TOPIC_OWN:
	case TOPIC_GATEWAY: thingsboard__heard(in, thing, rest); break;
	default: break;
	}
	return true;
}

/* ---- one message ---- */

#define POST_MESSAGES 4096
#define POST_BYTES (1u << 20) /* of payloads: a post takes some times as much memory */

/* The readings of all messages that came together: one batch for the series engine. */
struct post {
	struct series_batch batch; /* first */
	struct ingest *in;
	struct arena *arena;
	struct points points;
	size_t bytes;
	int n;
	struct mqtt_message *m[POST_MESSAGES];
};

static void post_free(struct post *x)
{
	struct arena *a = x->arena;

	arena_free(&a);
}

static void stored(struct series_batch *b, int rc, const struct err *e)
{
	struct post *x = (struct post *)b;

	(void)e; /* the engine has logged it */
	if (rc == 0)
		ingest__stored(&x->points);
	ingest__failed(x->in, rc);
	for (int i = 0; i < x->n; i++)
		mqtt_message_done(x->m[i], rc == 0);
	post_free(x);
}

static void post_now(struct ingest *in)
{
	struct post *x = in->post;

	if (x == NULL)
		return;
	in->post = NULL;
	x->batch.p = x->points.p;
	x->batch.n = x->points.n;
	x->batch.done = stored;
	if (!series_post(in->site->series, &x->batch)) {
		for (int i = 0; i < x->n; i++) {
			const struct session *s = x->m[i]->user;

			refusals_add(in->refusals, s->rights.name, REFUSED_BUSY, 0,
			        "too many readings wait to be written");
			mqtt_message_done(x->m[i], false);
		}
		post_free(x);
	}
}

static struct post *post_of(struct ingest *in)
{
	if (in->post == NULL) {
		struct arena *a = arena_new(256 << 20);

		in->post = arena_alloc(a, sizeof(*in->post));
		in->post->in = in;
		in->post->arena = a;
		in->post->points = (struct points){.protocol = "mqtt"};
		in->post->bytes = 0;
		in->post->n = 0;
	}
	return in->post;
}

/* False when nothing more can be taken: no PUBACK then. */
static bool take_payload(struct session *s, struct mqtt_message *m, enum payload_things things,
        struct str thing, struct str metric, struct post *x)
{
	const struct payload_shape shape = {.things = things, .metric = metric};
	size_t before = x->points.n;
	struct err e = ERR_INIT;
	bool readable;

	x->points.bads = 0; /* nobody is told of them */
	if (ingest__payload(s->in, &s->rights.device, m->payload, &shape, thing, x->arena, &x->points,
	            &readable, &e) < 0)
		return false;
	if (!readable)
		m->reason = MQTT_R_PAYLOAD;
	if (x->points.n == before)
		m->forward = false; /* nothing of it was taken */
	return true;
}

static bool take_lines(struct session *s, struct mqtt_message *m, struct str precision, struct post *x)
{
	enum line_unit unit = LINE_NS;
	struct err e = ERR_INIT;

	if (!line_unit_parse(precision, &unit)) {
		refusals_add(s->in->refusals, s->rights.name, REFUSED_NAME, 0,
		        "the topic names no precision: lp/ns, lp/us, lp/ms or lp/s");
		return true;
	}
	return ingest__lines(s->in, &s->rights.device, m->payload, unit, x->arena, &x->points, &e) == 0;
}

/* Neither forwarded nor stored, and a client of MQTT 5 hears why. */
static bool refuse(const struct session *s, struct mqtt_message *m, enum refusal why, const char *words)
{
	refusals_add(s->in->refusals, s->rights.name, why, 0, words);
	m->forward = m->retain = false;
	m->reason = why == REFUSED_RIGHT ? MQTT_R_NOT_AUTHORISED : MQTT_R_TOPIC;
	return true;
}

/* v1/devices/me/REST and v1/gateway/REST. */
static bool take_thingsboard(
        struct session *s, struct mqtt_message *m, bool own, struct str rest, struct post *x)
{
	struct str thing;

	m->forward = false;
	if (!str_is(rest, "telemetry") && !str_is(rest, "attributes"))
		return thingsboard__said(s->in, &s->rights.device, own, rest, m->payload) ||
		       refuse(s, m, REFUSED_NAME,
		               "no such topic under v1/; there are telemetry, attributes and rpc");
	if (!own)
		return take_payload(s, m, PAYLOAD_GATEWAY, STR_NULL, STR_NULL, x);
	thing = device_thing(s->in->site, &s->rights.device);
	if (thing.p == NULL)
		return refuse(s, m, REFUSED_RIGHT, DEVICE_OF_NO_THING);
	return take_payload(s, m, PAYLOAD_ONE, thing, STR_NULL, x);
}

/* False when the series engine takes no more. */
static bool take(struct session *s, struct mqtt_message *m, struct post *x)
{
	struct str thing, rest;
	enum topic_kind kind = topic_kind(m->topic, &thing, &rest);
	bool device = s->rights.kind == RIGHTS_DEVICE;

	if (kind == TOPIC_OTHER && rights_publish(&s->rights, m->topic))
		return true;
	m->retain = false; /* a reading has its store */
	if (kind == TOPIC_OTHER)
		return refuse(s, m, REFUSED_NAME,
		        "no such topic; there are t/THING/METRIC, t/THING, lp/PRECISION and "
		        "v1/devices/me/telemetry, "
		        "and those of the setting mqtt-exchange");
	if (kind == TOPIC_COMMAND || !device)
		return refuse(s, m, REFUSED_RIGHT, "this client may not publish under this topic");
	if (kind == TOPIC_OWN && !str_is(thing, "me"))
		return refuse(s, m, REFUSED_RIGHT, "a device publishes under v1/devices/me/");
	if (kind == TOPIC_OWN || kind == TOPIC_GATEWAY)
		return take_thingsboard(s, m, kind == TOPIC_OWN, rest, x);
	if (kind == TOPIC_LINES) {
		m->forward = false;
		return take_lines(s, m, rest.p != NULL ? rest : STR_LIT(""), x);
	}
	if (thing.n == 0 || thing.n > 64)
		return refuse(s, m, REFUSED_NAME, "the topic names no thing");
	if (!device_may(&s->rights.device, thing))
		return refuse(s, m, REFUSED_RIGHT, "the device may not write readings of this thing");
	if (kind == TOPIC_ANSWER) {
		ingest__answered(s->in, thing, rest, m->payload);
		return true;
	}
	if (rest.p != NULL && (rest.n == 0 || memchr(rest.p, '/', rest.n) != NULL))
		return refuse(s, m, REFUSED_NAME, "the topic is t/THING/METRIC or t/THING");
	return take_payload(s, m, PAYLOAD_ONE, thing, rest, x);
}

static void on_publish(void *ctx, struct mqtt_message *m)
{
	struct ingest *in = ctx;
	struct post *x = post_of(in);
	const struct points points = x->points;
	size_t before = points.n;

	if (!take(m->user, m, x)) {
		x->points.n = before;
		x->points.taken = points.taken;
		x->points.old = points.old;
		mqtt_message_done(m, false);
	} else if (x->points.n == before) {
		mqtt_message_done(m, true);
	} else {
		x->m[x->n++] = m;
		x->bytes += m->payload.n;
		if (x->n == POST_MESSAGES || x->bytes > POST_BYTES)
			post_now(in);
	}
}

/* What came together becomes durable together. */
static void on_turn(void *ctx)
{
	struct ingest *in = ctx;

	if (in->post != NULL && in->post->n == 0) {
		post_free(in->post); /* there was no reading among them */
		in->post = NULL;
	}
	post_now(in);
}

void *ingest__user_of_broker(void *ctx, struct arena *a, const struct device *d)
{
	struct ingest *in = ctx;
	struct session *s = arena_alloc(a, sizeof(*s));

	*s = (struct session){.in = in, .rights = {.site = in->site, .exchange = &in->exchange}};
	s->rights.kind = RIGHTS_DEVICE;
	s->rights.name = d->login;
	s->rights.device = *d;
	return s;
}

static void on_tick(void *ctx)
{
	ingest__brokers_look(ctx);
}

static int begin_tls(void *ctx, struct gnutls_session_int *session)
{
	struct cert *c = ctx;

	cert_look(c, clock_monotonic());
	return cert_begin(c, session);
}

int ingest__mqtt_start(struct ingest *in, const struct ingest_options *o, struct err *e)
{
	const struct mqtt_door door = {.ctx = in,
	        .connect = on_connect,
	        .publish = on_publish,
	        .turn = on_turn,
	        .subscribe = on_subscribe,
	        .owner = on_owner,
	        .absent = on_absent,
	        .inside = on_inside,
	        .outside = on_outside,
	        .receive = on_receive,
	        .still = on_still,
	        .blamed = on_blamed,
	        .tick = on_tick,
	        .close = on_close};
	struct mqtt_options mo = {.address = o->mqtt_address,
	        .port = o->mqtt_port,
	        .plain_off = o->mqtt_plain_off || o->mqtt_address == NULL,
	        .tls_port = o->mqtt_tls_port,
	        .connections = o->mqtt_connections,
	        .address_connections = o->mqtt_address_connections,
	        .address_rate = o->mqtt_address_rate,
	        .rate = o->mqtt_rate,
	        .keep_alive_max = (unsigned)o->mqtt_keep_alive,
	        .state = o->mqtt_state,
	        .clock = in->site->clock};
	const struct cert_options co = {.cert = o->cert, .key = o->key};
	int rc = exchange_check(o->mqtt_exchange, e);

	if (rc < 0)
		return err_at(e, NULL, 0, 0, "mqtt-exchange");
	in->exchange.filters = o->mqtt_exchange;
	in->mqtt_open = o->mqtt_open;
	if (o->mqtt_address == NULL) {
		/* Only as a client of other brokers. */
	} else if (o->cert != NULL && o->key != NULL) {
		rc = cert_open(&co, &in->cert, e);
		if (rc < 0)
			return rc;
		mo.tls = begin_tls;
		mo.tls_ctx = in->cert;
	} else if (o->mqtt_plain_off) {
		err_set(e, ERR_INVALID, "MQTT without TLS is off, and TLS needs a certificate and its key");
		return err_at(e, NULL, 0, 0, "mqtt-plain");
	}
	rc = mqtt_listen(&mo, &door, &in->mqtt, e);
	if (rc == 0)
		ingest__brokers_start(in);
	return rc;
}
