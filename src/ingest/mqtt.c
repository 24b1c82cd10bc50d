/*
 * Readings over MQTT.
 *
 *   t/THING/METRIC    a number, or JSON with v and t
 *   t/THING           JSON, one member a metric
 *   lp, lp/PRECISION  line protocol
 *
 * A payload that cannot be read is counted, logged, and acknowledged: sending it again would not mend it. A
 * store that fails is another matter: there is no PUBACK then, and the device sends again.
 */
#include "base/log.h"
#include "ingest/ingest_int.h"
#include "ingest/payload.h"

struct session {
	struct ingest *in;
	struct arena *arena;
	struct device device;
};

static enum mqtt_reason on_connect(void *ctx, const struct mqtt_hello *hello, void **user)
{
	struct ingest *in = ctx;
	struct arena *a = arena_new(0);
	struct session *s = arena_alloc(a, sizeof(*s));
	struct err e = ERR_INIT;
	int rc = ERR_UNAUTH;

	if (hello->username.p != NULL && hello->password.p != NULL)
		rc = device_find(in->site->store, hello->username, hello->password, a, &s->device, &e);
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
	LOG(MQTT_CONNECT, log_s("device", s->device.login), log_s("remote", hello->remote));
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
	LOG(MQTT_CLOSE, log_s("device", s->device.login), log_s("why", why));
	arena_free(&a);
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
		ingest__refuse(s->device.login, REFUSED_SYNTAX, 0, read.why);
		return true;
	}
	if (read.refused > 0)
		ingest__refuse(s->device.login, REFUSED_VALUE, 0, read.why);
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
			ingest__refuse(s->device.login, why, 0, words);
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
		ingest__refuse(s->device.login, REFUSED_SYNTAX, 0,
		        "the topic names no precision: lp/ns, lp/us, lp/ms or lp/s");
		return true;
	}
	return ingest__lines(s->in, &s->device, x->m->payload, unit, x->arena, &x->points, &e) == 0;
}

static bool take(struct session *s, struct post *x)
{
	struct str rest = x->m->topic, head = str_cut(&rest, '/');

	if (str_is(head, "lp"))
		return take_lines(s, rest.p != NULL ? rest : STR_LIT(""), x);
	if (str_is(head, "t") && rest.p != NULL) {
		struct str thing = str_cut(&rest, '/');

		if (thing.n == 0 || thing.n > 64 ||
		        (rest.p != NULL && (rest.n == 0 || memchr(rest.p, '/', rest.n) != NULL))) {
			ingest__refuse(
			        s->device.login, REFUSED_NAME, 0, "the topic is t/THING/METRIC or t/THING");
			return true;
		}
		if (!device_may(&s->device, thing)) {
			ingest__refuse(s->device.login, REFUSED_RIGHT, 0,
			        "the device may not write readings of this thing");
			return true;
		}
		return take_readings(s, thing, rest, x);
	}
	ingest__refuse(s->device.login, REFUSED_NAME, 0,
	        "no such topic; there are t/THING/METRIC, t/THING and lp/PRECISION");
	return true;
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

int ingest__mqtt_start(struct ingest *in, const struct ingest_options *o, struct err *e)
{
	struct mqtt_door door = {.ctx = in, .connect = on_connect, .publish = on_publish, .close = on_close};
	struct mqtt_options mo = {.address = o->mqtt_address, .port = o->mqtt_port, .clock = in->site->clock};

	return mqtt_listen(&mo, &door, &in->mqtt, e);
}
