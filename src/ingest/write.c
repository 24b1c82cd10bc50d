/* Line protocol over HTTP: /write of InfluxDB v1 and /api/v2/write of v2. */
#include "ingest/door.h"

void ingest_write(struct ingest *in, struct http_req *r)
{
	const char *precision = http_query(r, "precision");
	struct door_post *x = door__begin(in, r, "line", 204);
	struct device d = {0};
	struct err e = ERR_INIT;
	enum line_unit unit;
	struct str body;
	int rc;

	rc = door__device(in, r, &d, &e);
	if (rc == 0 && !line_unit_parse(str_of(precision != NULL ? precision : ""), &unit))
		rc = err_set(&e, ERR_INVALID, "precision is one of ns, us, ms, s, m, h");
	if (rc == 0)
		rc = door__body(in, r, &d, &body, &e);
	if (rc == 0)
		rc = ingest__lines(in, &d, body, unit, http_arena(r), &x->points, &e);
	if (rc < 0)
		door__fail(r, &e);
	else
		door__post(x, &d);
}
