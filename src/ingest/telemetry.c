/* JSON over HTTP: POST /api/v1/readings (CSV too), and the path at which devices made for ThingsBoard knock.
 */
#include "base/charset.h"
#include "base/file.h"
#include "city/mapping_files.h"
#include "ingest/door.h"
#include "ingest/sheet.h"

static void take(struct ingest *in, struct http_req *r, const struct device *d, enum payload_things things,
        struct str thing, int status)
{
	const struct payload_shape shape = {.things = things};
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
		door__post(x, d);
}

static void free_text(void *arg)
{
	sb_fini(arg);
}

#define MAPPING_B (1 << 20)

static bool mapping_name_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_");

	return n > 0 && n <= 64 && name[n] == '\0';
}

/* The one that the query names, from the site's folder `mappings`; NULL when it names none. */
static int read_mapping(struct ingest *in, struct http_req *r, struct mapping **out, struct err *e)
{
	const char *name = http_query(r, "mapping"), *file;
	struct arena *a = http_arena(r);
	struct str text;
	int rc;

	*out = NULL;
	if (name == NULL)
		return 0;
	if (!mapping_name_valid(name))
		return err_set(
		        e, ERR_INVALID, "the name of a mapping has small letters, digits, - and _ only");
	file = arena_printf(a, MAPPINGS_FOLDER "/%s.yaml", name);
	rc = file_read(a, path_join(a, in->site->dir, file), MAPPING_B, &text, e);
	if (rc == ERR_NOTFOUND)
		return err_set(
		        e, ERR_INVALID, "the site has no mapping of this name (%s in its folder)", file);
	if (rc == 0)
		rc = mapping_read(a, text, file, out, e);
	/* An answer has no place for these but its words. */
	return rc < 0 ? err_prefix(e, "%s, line %d", file, e->line) : 0;
}

/* A sheet whose columns say by their names what they are, or a mapping. */
static void take_sheet(struct ingest *in, struct http_req *r, const struct device *d)
{
	struct arena *a = http_arena(r);
	struct door_post *x = door__begin(in, r, "line", 204);
	struct sb *text = arena_alloc(a, sizeof(*text));
	struct mapping *mapping = NULL;
	struct readings read;
	struct sheet *sheet;
	struct err e = ERR_INIT;
	struct str body;
	int rc = read_mapping(in, r, &mapping, &e);

	if (rc < 0) {
		door__fail(r, &e);
		return;
	}
	rc = door__body(in, r, d, &body, &e);
	arena_cleanup(a, free_text, text);
	if (rc == 0)
		rc = charset_to_utf8(body, text, NULL, &e);
	if (rc == 0)
		rc = ingest__sheet_open(in, mapping, sb_str(text), a, &sheet, &e);
	if (rc < 0)
		refusals_add(in->refusals, d->login, REFUSED_BODY, 0, e.text);
	while (rc == 0 && sheet_next(sheet, a, &read) > 0)
		rc = ingest__readings(in, d, &read, STR_NULL, a, &x->points, &e);
	if (rc < 0)
		door__fail(r, &e);
	else
		door__post(x, d);
}

static bool is_csv(const struct http_req *r)
{
	const char *type = http_header(r, "Content-Type");

	return type != NULL && strncasecmp(type, "text/csv", 8) == 0;
}

void ingest_readings(struct ingest *in, struct http_req *r)
{
	const char *thing = http_query(r, "thing");
	struct device d = {0};
	struct err e = ERR_INIT;

	if (door__device(in, r, &d, &e) < 0)
		door__fail(r, &e);
	else if (is_csv(r))
		take_sheet(in, r, &d);
	else if (thing != NULL)
		take(in, r, &d, PAYLOAD_ONE, str_of(thing), 204);
	else
		take(in, r, &d, PAYLOAD_NAMED, device_thing(in->site, &d), 204);
}

void ingest_telemetry(struct ingest *in, struct http_req *r, struct str token)
{
	struct device d = {0};
	struct err e = ERR_INIT;
	struct str thing = STR_NULL;
	int rc = door__device_of_token(in, r, token, &d, &e);

	if (rc == 0) {
		thing = device_thing(in->site, &d);
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
