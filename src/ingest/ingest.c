#include "ingest/ingest_int.h"

#define SEEN_SERIES 2000000
#define METRIC_WORDS 20000

int ingest_start(const struct ingest_options *o, struct ingest **out, struct err *e)
{
	struct ingest *in = xcalloc(1, sizeof(*in));
	int rc = 0;

	in->site = o->site;
	in->future = o->future != 0 ? o->future : 10 * US_MINUTE;
	in->past = o->past;
	in->seen = seen_new(SEEN_SERIES);
	in->words = metric_words_new(METRIC_WORDS);
	in->states = states_new();
	in->refusals = refusals_new(o->site->clock);
	ingest__commands_init(in);
	must(pthread_mutex_init(&in->brokers_lock, NULL) == 0);
	if (o->brokers != NULL)
		rc = ingest__brokers_read(in, o->brokers, e);
	if (rc == 0 && (o->mqtt_address != NULL || bridges_count(in->bridges) > 0))
		rc = ingest__mqtt_start(in, o, e);
	if (rc < 0)
		ingest_stop(&in);
	*out = in;
	return rc;
}

int ingest_mqtt_port(const struct ingest *in)
{
	return in->mqtt != NULL ? mqtt_port(in->mqtt) : 0;
}

int ingest_mqtt_tls_port(const struct ingest *in)
{
	return in->mqtt != NULL ? mqtt_tls_port(in->mqtt) : 0;
}

bool ingest_broker(const struct ingest *in, int i, struct mqtt_link_state *out)
{
	const struct bridges *b = in->bridges;

	if (i >= bridges_count(b))
		return false;
	bridges_look(b, i, out);
	return true;
}

int ingest_reload_cert(struct ingest *in, struct err *e)
{
	time_us until;

	return in->cert != NULL ? cert_reload(in->cert, &until, e) : 0;
}

struct refusals *ingest_refusals(struct ingest *in)
{
	return in->refusals;
}

void ingest_stop(struct ingest **in)
{
	if (*in == NULL)
		return;
	mqtt_close(&(*in)->mqtt);
	ingest__brokers_free(*in);
	cert_close(&(*in)->cert);
	seen_free(&(*in)->seen);
	metric_words_free(&(*in)->words);
	states_free(&(*in)->states);
	refusals_free(&(*in)->refusals);
	ingest__commands_fini(*in);
	free(*in);
	*in = NULL;
}
