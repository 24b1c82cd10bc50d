/*
 * What devices made for ThingsBoard say and hear besides readings (its MQTT Device and Gateway API).
 *
 *   v1/devices/me/rpc/request/N         to the device a command, from the device a question
 *   v1/devices/me/rpc/response/N        the answer to either
 *   v1/devices/me/attributes/request/N  answered at …/response/N, with nothing: attributes are readings here
 *   v1/gateway/rpc                      commands to things behind a gateway, and their answers
 *
 * "me" is each device's name for its thing (ingest/rights.h), so a command reaches the devices of one thing
 * and costs the others nothing. N is a number of 31 bits, since that is what firmware has room for.
 */
#include "ingest/thingsboard.h"

#include "base/doc.h"
#include "base/json.h"
#include "base/num.h"

#define MEMORY (1u << 20)
#define ANSWER_LASTS US_MINUTE
#define NUMBER_DIGITS 20

static struct str after(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return str_starts(s, prefix) ? (struct str){s.p + n, s.n - n} : STR_NULL;
}

static bool is_number(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0 && s.n <= NUMBER_DIGITS;
}

/* ---- commands ---- */

/* A command that names a method goes as it is; any other is the parameters of the method "command". */
static void write_call(struct jw *w, struct arena *a, struct str command, bool open)
{
	struct doc *d = NULL;
	struct err e = ERR_INIT;
	bool json = doc_parse_json(a, command, "command", &d, &e) == 0;
	bool call = json && d->type == DOC_MAP && doc_get(d, "method") != NULL;

	if (!open)
		jw_object(w);
	jw_kstr(w, "method", call ? doc_str(d, "method", "") : "command");
	jw_key(w, "params");
	if (call && doc_get(d, "params") != NULL) {
		doc_write_json(doc_get(d, "params"), w);
	} else if (call) {
		jw_object(w);
		jw_object_end(w);
	} else if (json) {
		doc_write_json(d, w);
	} else {
		jw_str(w, command);
	}
	jw_object_end(w);
}

static void send(struct ingest *in, const char *topic, struct sb *payload, dur_us expires)
{
	mqtt_send(in->mqtt,
	        &(struct mqtt_outgoing){
	                .topic = str_of(topic), .payload = sb_str(payload), .qos = 1, .expires = expires});
	sb_fini(payload);
}

void thingsboard__command(struct ingest *in, const char *thing, int number, struct str command, dur_us wait)
{
	struct arena *a = arena_new(MEMORY);
	struct sb own = SB_INIT, gateway = SB_INIT;
	char topic[128];
	struct jw w;

	jw_init(&w, &own);
	write_call(&w, a, command, false);
	snprintf(topic, sizeof(topic), "v1/devices/%s/rpc/request/%d", thing, number);
	send(in, topic, &own, wait);

	jw_init(&w, &gateway);
	jw_object(&w);
	jw_kstr(&w, "device", thing);
	jw_key(&w, "data");
	jw_object(&w);
	jw_kint(&w, "id", number);
	write_call(&w, a, command, true);
	jw_object_end(&w);
	snprintf(topic, sizeof(topic), "v1/gateway/rpc/%s", thing);
	send(in, topic, &gateway, wait);
	arena_free(&a);
}

void thingsboard__heard(struct ingest *in, struct str thing, struct str rest)
{
	if (thing.p != NULL && str_starts(rest, "rpc/request/"))
		ingest__command_heard(in, thing, after(rest, "rpc/request/"));
	else if (thing.p == NULL)
		ingest__command_heard(in, after(rest, "rpc/"), STR_NULL);
}

/* {"device": CODE, "id": N, "data": …} */
static void take_gateway_answer(struct ingest *in, const struct device *by, struct str payload)
{
	struct arena *a = arena_new(MEMORY);
	struct doc *d = NULL;
	struct err e = ERR_INIT;
	struct sb data = SB_INIT;
	struct jw w;

	if (payload.n <= COMMAND_BYTES && doc_parse_json(a, payload, "answer", &d, &e) == 0 &&
	        d->type == DOC_MAP && doc_get(d, "data") != NULL) {
		struct str thing = str_of(doc_str(d, "device", ""));

		jw_init(&w, &data);
		doc_write_json(doc_get(d, "data"), &w);
		if (device_may(by, thing))
			ingest__answered(in, thing, str_of(doc_str(d, "id", "")), sb_str(&data));
	} else {
		refusals_add(in->refusals, by->login, REFUSED_SYNTAX, 0,
		        "an answer under v1/gateway/rpc is {\"device\": CODE, \"id\": NUMBER, \"data\": …}");
	}
	sb_fini(&data);
	arena_free(&a);
}

/* ---- questions ---- */

static void answer(
        struct ingest *in, struct str thing, const char *what, struct str number, struct sb *payload)
{
	char topic[160];

	snprintf(topic, sizeof(topic), "v1/devices/" STR_FMT "/%s/response/" STR_FMT, STR_ARG(thing), what,
	        STR_ARG(number));
	send(in, topic, payload, ANSWER_LASTS);
}

/* A device without a clock asks for the time; what else it might ask, nobody here knows. */
static void answer_question(struct ingest *in, struct str thing, struct str number, struct str payload)
{
	struct arena *a = arena_new(MEMORY);
	struct doc *d = NULL;
	struct err e = ERR_INIT;
	struct sb out = SB_INIT;
	const char *method = "";
	struct jw w;

	if (payload.n <= COMMAND_BYTES && doc_parse_json(a, payload, "question", &d, &e) == 0 &&
	        d->type == DOC_MAP)
		method = doc_str(d, "method", "");
	jw_init(&w, &out);
	jw_object(&w);
	if (strcmp(method, "getCurrentTime") == 0 || strcmp(method, "getTime") == 0)
		jw_kint(&w, "time", clock_now(in->site->clock) / US_MS);
	else
		jw_kstr(&w, "error", "no such method here; there is getCurrentTime");
	jw_object_end(&w);
	answer(in, thing, "rpc", number, &out);
	arena_free(&a);
}

static void answer_attributes(struct ingest *in, struct str thing, struct str number)
{
	struct sb out = SB_INIT;

	sb_puts(&out, "{}");
	answer(in, thing, "attributes", number, &out);
}

static bool first_word_is(struct str s, const char *word)
{
	return str_is(str_cut(&s, '/'), word);
}

bool thingsboard__said(
        struct ingest *in, const struct device *by, bool own, struct str rest, struct str payload)
{
	struct str question = after(rest, "rpc/request/"), reply = after(rest, "rpc/response/"),
	           attributes = after(rest, "attributes/request/");
	struct str thing = own ? device_thing(in->site, by) : STR_NULL;

	if (!own && str_is(rest, "rpc"))
		take_gateway_answer(in, by, payload);
	else if (thing.p != NULL && is_number(reply))
		ingest__answered(in, thing, reply, payload);
	else if (thing.p != NULL && is_number(question))
		answer_question(in, thing, question, payload);
	else if (thing.p != NULL && is_number(attributes))
		answer_attributes(in, thing, attributes);
	else
		return first_word_is(rest, "rpc") || first_word_is(rest, "attributes") ||
		       str_is(rest, "connect") || str_is(rest, "disconnect") || str_is(rest, "claim");
	return true;
}
