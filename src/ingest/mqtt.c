/*
 * Readings over MQTT.
 *
 *   t/THING/METRIC    a number, or JSON with v and t
 *   t/THING           JSON, one member a metric
 *   lp, lp/PRECISION  line protocol
 *
 * What was stored under t/ goes on to those who subscribe and may see the thing (ingest/rights.c).
 * A payload that cannot be read is counted, logged, and acknowledged: sending it again would not mend it. A
 * store that fails is another matter: there is no PUBACK then, and the device sends again.
 */
#include "base/log.h"
#include "ingest/ingest_int.h"
#include "ingest/payload.h"

struct session {
	struct ingest *in;
	struct arena *arena;
	struct rights rights;
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
		arena_free(&a);
		return rc == ERR_UNAUTH ? MQTT_R_CREDENTIALS : MQTT_R_UNAVAILABLE;
	}
	s->in = in;
	s->arena = a;
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
	arena_free(&a);
}

static bool on_subscribe(void *ctx, void *user, struct str filter)
{
	const struct session *s = user;

	(void)ctx;
	return rights_subscribe(&s->rights, filter);
}

static bool on_receive(void *ctx, void *user, struct str topic)
{
	struct session *s = user;

	(void)ctx;
	return rights_receive(&s->rights, topic);
}

/* ---- one message ---- */

struct post {
	struct series_batch batch; /* first */
	struct mqtt_message *m;
	struct arena *arena;
	struct points points;
};

static void stored(struct series_batch *b, int rc, const struct err *e)
{
	struct post *x = (struct post *)b;
	struct mqtt_message *m = x->m;
	struct arena *a = x->arena;

	(void)e; /* the engine has logged it */
	if (rc == 0)
		metric_add(METRIC_INGEST_READINGS, (int64_t)x->points.n);
	arena_free(&a);
	mqtt_message_done(m, rc == 0);
}

/* The series of one metric of one thing. Words when there is none, "" when the engine takes no more. */
static const char *find_series(
        struct ingest *in, struct str thing, struct str metric, series_id *id, enum refusal *why)
{
	struct label label[2] = {{STR_LIT(LABEL_NAME), metric}, {STR_LIT("thing"), thing}};
	struct labels ls = {label, 2};
	struct err e = ERR_INIT;

	if (seen_find(in->seen, thing, metric, id))
		return NULL;
	*why = REFUSED_NAME;
	if (!metric_name_valid(metric))
		return "a metric's name has letters, digits, _ and : only, no digit first";
	if (series_resolve(in->site->series, &ls, id, &e) < 0)
		return "";
	seen_put(in->seen, thing, metric, *id);
	return NULL;
}

/* False when the engine takes no more series: no PUBACK then. */
static bool take_readings(struct session *s, struct str thing, struct str metric, struct post *x)
{
	struct ingest *in = s->in;
	time_us now = clock_now(in->site->clock);
	struct readings read;

	if (!payload_parse(x->arena, x->m->payload, metric, &read)) {
		ingest__refuse(s->rights.name, REFUSED_SYNTAX, 0, read.why);
		x->m->forward = false;
		x->m->reason = MQTT_R_PAYLOAD;
		return true;
	}
	if (read.refused > 0)
		ingest__refuse(s->rights.name, REFUSED_VALUE, 0, read.why);
	x->points.p = arena_array(x->arena, (size_t)read.n, sizeof(*x->points.p));
	for (int i = 0; i < read.n; i++) {
		time_us t = read.r[i].t != TIME_NONE ? read.r[i].t : now;
		enum refusal why = REFUSED_FUTURE;
		const char *words = t > now + in->future
		                            ? "the time lies in the future; is the device's clock right?"
		                            : NULL;
		series_id id = {0};

		if (words == NULL)
			words = find_series(in, thing, read.r[i].metric, &id, &why);
		if (words != NULL && *words == '\0')
			return false;
		if (words != NULL)
			ingest__refuse(s->rights.name, why, 0, words);
		else
			x->points.p[x->points.n++] = (struct series_point){id, t, read.r[i].v};
	}
	return true;
}

static bool take_lines(struct session *s, struct str precision, struct post *x)
{
	enum line_unit unit = LINE_NS;
	struct err e = ERR_INIT;

	if (!line_unit_parse(precision, &unit)) {
		ingest__refuse(s->rights.name, REFUSED_SYNTAX, 0,
		        "the topic names no precision: lp/ns, lp/us, lp/ms or lp/s");
		return true;
	}
	return ingest__lines(s->in, &s->rights.device, x->m->payload, unit, x->arena, &x->points, &e) == 0;
}

/* Neither forwarded nor stored, and a client of MQTT 5 hears why. */
static bool refuse(const struct session *s, struct post *x, enum refusal why, const char *words)
{
	ingest__refuse(s->rights.name, why, 0, words);
	x->m->forward = x->m->retain = false;
	x->m->reason = why == REFUSED_RIGHT ? MQTT_R_NOT_AUTHORISED : MQTT_R_TOPIC;
	return true;
}

static bool take(struct session *s, struct post *x)
{
	struct str thing, rest;
	enum topic_kind kind = topic_kind(x->m->topic, &thing, &rest);
	bool device = s->rights.kind == RIGHTS_DEVICE;

	if (kind == TOPIC_OTHER && rights_publish(&s->rights, x->m->topic))
		return true;
	x->m->retain = false; /* a reading has its store */
	if (kind == TOPIC_OTHER)
		return refuse(s, x, REFUSED_NAME,
		        "no such topic; there are t/THING/METRIC, t/THING and lp/PRECISION, and those of the "
		        "setting mqtt-exchange");
	if (kind == TOPIC_COMMAND || !device)
		return refuse(s, x, REFUSED_RIGHT, "this client may not publish under this topic");
	if (kind == TOPIC_LINES) {
		x->m->forward = false;
		return take_lines(s, rest.p != NULL ? rest : STR_LIT(""), x);
	}
	if (thing.n == 0 || thing.n > 64)
		return refuse(s, x, REFUSED_NAME, "the topic names no thing");
	if (!device_may(&s->rights.device, thing))
		return refuse(s, x, REFUSED_RIGHT, "the device may not write readings of this thing");
	if (kind == TOPIC_ANSWER) {
		ingest__answered(s->in, thing, rest, x->m->payload);
		return true;
	}
	if (rest.p != NULL && (rest.n == 0 || memchr(rest.p, '/', rest.n) != NULL))
		return refuse(s, x, REFUSED_NAME, "the topic is t/THING/METRIC or t/THING");
	return take_readings(s, thing, rest, x);
}

static void on_publish(void *ctx, struct mqtt_message *m)
{
	struct ingest *in = ctx;
	struct session *s = m->user;
	struct arena *a = arena_new(64 << 20);
	struct post *x = arena_alloc(a, sizeof(*x));

	x->m = m;
	x->arena = a;
	if (!take(s, x)) {
		arena_free(&a);
		mqtt_message_done(m, false);
		return;
	}
	x->batch.p = x->points.p;
	x->batch.n = x->points.n;
	x->batch.done = stored;
	if (x->points.n == 0) {
		arena_free(&a);
		mqtt_message_done(m, true);
	} else if (!series_post(in->site->series, &x->batch)) {
		arena_free(&a);
		mqtt_message_done(m, false);
	}
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
	        .subscribe = on_subscribe,
	        .receive = on_receive,
	        .close = on_close};
	struct mqtt_options mo = {.address = o->mqtt_address,
	        .port = o->mqtt_port,
	        .plain_off = o->mqtt_plain_off,
	        .tls_port = o->mqtt_tls_port,
	        .connections = o->mqtt_connections,
	        .rate = o->mqtt_rate,
	        .keep_alive_max = (unsigned)o->mqtt_keep_alive,
	        .clock = in->site->clock};
	const struct cert_options co = {.cert = o->cert, .key = o->key};
	int rc = exchange_check(o->mqtt_exchange, e);

	if (rc < 0)
		return err_at(e, NULL, 0, 0, "mqtt-exchange");
	in->exchange.filters = o->mqtt_exchange;
	in->mqtt_open = o->mqtt_open;
	if (o->cert != NULL && o->key != NULL) {
		rc = cert_open(&co, &in->cert, e);
		if (rc < 0)
			return rc;
		mo.tls = begin_tls;
		mo.tls_ctx = in->cert;
	} else if (o->mqtt_plain_off) {
		err_set(e, ERR_INVALID, "MQTT without TLS is off, and TLS needs a certificate and its key");
		return err_at(e, NULL, 0, 0, "mqtt-plain");
	}
	return mqtt_listen(&mo, &door, &in->mqtt, e);
}
