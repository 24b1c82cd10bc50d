/* JSON over HTTP: POST /api/v1/readings, and the path at which devices made for ThingsBoard knock. */
#include "ingest/door.h"

static void take(struct ingest *in, struct http_req *r, const struct device *d, enum payload_things things,
        struct str thing, int status)
{
	const struct payload_shape shape = {.things = things, .zone = in->site->catalog->zone};
	struct door_post *x = door__begin(in, r, "reading", status);
	struct err e = ERR_INIT;
	struct str body;
	bool readable;
	int rc = door__body(in, r, d, &body, &e);

	if (rc == 0)
		rc = ingest__payload(in, d, body, &shape, thing, http_arena(r), &x->points, &readable, &e);
	if (rc < 0)
		door__fail(r, &e);
	else
		door__post(x);
}

void ingest_readings(struct ingest *in, struct http_req *r)
{
	const char *thing = http_query(r, "thing");
	struct device d = {0};
	struct err e = ERR_INIT;

	if (door__device(in, r, &d, &e) < 0)
		door__fail(r, &e);
	else if (thing != NULL)
		take(in, r, &d, PAYLOAD_ONE, str_of(thing), 204);
	else
		take(in, r, &d, PAYLOAD_NAMED, ingest__thing_of(in, &d), 204);
}

void ingest_telemetry(struct ingest *in, struct http_req *r, struct str token)
{
	struct device d = {0};
	struct err e = ERR_INIT;
	struct str thing = STR_NULL;
	int rc = door__device_of_token(in, r, token, &d, &e);

	if (rc == 0) {
		thing = ingest__thing_of(in, &d);
		if (thing.p == NULL) {
			refusals_add(in->refusals, d.login, REFUSED_RIGHT, 0, DEVICE_OF_NO_THING);
			rc = err_set(&e, ERR_DENIED, "%s", DEVICE_OF_NO_THING);
		}
	}
	if (rc < 0)
		door__fail(r, &e);
	else
		take(in, r, &d, PAYLOAD_ONE, thing, 200);
}
