#include "ingest/ingest_int.h"

#define SEEN_SERIES 2000000

int ingest_start(const struct ingest_options *o, struct ingest **out, struct err *e)
{
	struct ingest *in = xcalloc(1, sizeof(*in));
	int rc = 0;

	in->site = o->site;
	in->future = o->future != 0 ? o->future : 10 * US_MINUTE;
	in->seen = seen_new(SEEN_SERIES);
	if (o->mqtt_address != NULL)
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

void ingest_stop(struct ingest **in)
{
	if (*in == NULL)
		return;
	mqtt_close(&(*in)->mqtt);
	seen_free(&(*in)->seen);
	free(*in);
	*in = NULL;
}
