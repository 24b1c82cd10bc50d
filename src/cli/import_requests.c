/*
 * Service requests as New York publishes them (311): times "12/25/2013 11:59:08 PM" in the site's zone, a due
 * date for some, empty Closed Date for open ones. The complaint type is the category by its English name,
 * else `other`; the agency is the org by its code, else the decision table's; the borough is the region by
 * its name.
 */
#include "base/num.h"
#include "city/case.h"
#include "cli/import.h"

#include <math.h>
#include <strings.h>

#define BATCH 200

struct columns {
	int key, created, closed, due, agency, type, descriptor, address, borough, lat, lon;
};

static bool read_columns(const struct csv *head, struct columns *c)
{
	*c = (struct columns){import_column(head, "Unique Key"), import_column(head, "Created Date"),
	        import_column(head, "Closed Date"), import_column(head, "Due Date"),
	        import_column(head, "Agency"), import_column(head, "Complaint Type"),
	        import_column(head, "Descriptor"), import_column(head, "Incident Address"),
	        import_column(head, "Borough"), import_column(head, "Latitude"),
	        import_column(head, "Longitude")};
	return c->key >= 0 && c->created >= 0 && c->type >= 0;
}

/* A field of the row, copied: the rows of a batch outlive their line. */
static const char *field(struct arena *a, const struct csv *row, int place)
{
	struct str s = place >= 0 && place < row->fields ? str_trim(row->field[place]) : STR_LIT("");

	return arena_strndup(a, s.p, s.n);
}

/* "12/25/2013 11:59:08 PM" */
static bool read_time(const struct zone *z, const char *s, time_us *out)
{
	struct civil c = {0};
	char half[3] = "";

	if (strlen(s) != 22)
		return false;
	for (int i = 0; i < 22; i++)
		if (strchr("0123456789/: APM", s[i]) == NULL)
			return false;
	c.month = (s[0] - '0') * 10 + (s[1] - '0');
	c.day = (s[3] - '0') * 10 + (s[4] - '0');
	c.year = (s[6] - '0') * 1000 + (s[7] - '0') * 100 + (s[8] - '0') * 10 + (s[9] - '0');
	c.hour = (s[11] - '0') * 10 + (s[12] - '0');
	c.minute = (s[14] - '0') * 10 + (s[15] - '0');
	c.second = (s[17] - '0') * 10 + (s[18] - '0');
	memcpy(half, s + 20, 2);
	if (s[2] != '/' || s[5] != '/' || s[10] != ' ' || s[13] != ':' || s[16] != ':' || s[19] != ' ' ||
	        c.month < 1 || c.month > 12 || c.day < 1 || c.year < 1900 ||
	        c.day > civil_month_days(c.year, c.month) || c.hour < 1 || c.hour > 12 || c.minute > 59 ||
	        c.second > 59 || (strcmp(half, "AM") != 0 && strcmp(half, "PM") != 0))
		return false;
	c.hour = c.hour % 12 + (half[0] == 'P' ? 12 : 0);
	*out = zone_instant(z, &c);
	return true;
}

static const char *category_of(const struct catalog *k, const char *type)
{
	for (int i = 0; i < k->categories; i++)
		if (strcasecmp(k->category[i].name_en, type) == 0)
			return k->category[i].code;
	return catalog_category(k, "other") != NULL ? "other" : "";
}

static const char *region_of(const struct snapshot *s, const struct catalog *k, const char *name)
{
	for (int i = 0; i < s->regions; i++)
		if (strcasecmp(s->region[i].name_en, name) == 0)
			return s->region[i].code;
	return k->region;
}

static const char *read_row(struct import *im, const struct csv *row, const struct columns *c,
        const struct snapshot *snap, struct arena *a, struct case_import *out)
{
	const struct catalog *k = im->c->site->catalog;
	const char *type = field(a, row, c->type), *descriptor = field(a, row, c->descriptor),
	           *closed = field(a, row, c->closed), *due = field(a, row, c->due),
	           *agency = field(a, row, c->agency);
	struct geo_point at = {NAN, NAN};

	*out = (struct case_import){.key = field(a, row, c->key), .closed = TIME_NONE};
	if (*out->key == '\0')
		return "the request has no number (Unique Key)";
	out->open = (struct case_open){.category = category_of(k, type),
	        .title = *descriptor != '\0' ? arena_printf(a, "%s: %s", type, descriptor) : type,
	        .detail = field(a, row, c->address),
	        .source = "import",
	        .reporter = "",
	        .thing = "",
	        .region = arena_strdup(a, region_of(snap, k, field(a, row, c->borough))),
	        .org = snapshot_org(snap, agency) != NULL ? agency : "",
	        .opened = TIME_NONE,
	        .deadline = TIME_NONE};
	if (!read_time(k->zone, field(a, row, c->created), &out->open.opened))
		return "Created Date is no time like 12/25/2013 11:59:08 PM";
	if (*due != '\0' && !read_time(k->zone, due, &out->open.deadline))
		return "Due Date is no time like 12/25/2013 11:59:08 PM";
	if (*closed != '\0' && !read_time(k->zone, closed, &out->closed))
		return "Closed Date is no time like 12/25/2013 11:59:08 PM";
	if (out->closed != TIME_NONE && out->closed < out->open.opened)
		return "the request was closed before it was created";
	if (!num_double(str_of(field(a, row, c->lon)), false, &at.lon) ||
	        !num_double(str_of(field(a, row, c->lat)), false, &at.lat))
		at = (struct geo_point){NAN, NAN};
	out->open.at = at;
	return NULL;
}

int import_requests(struct import *im, struct str text, struct err *e)
{
	struct cli *c = im->c;
	const struct snapshot *snap = registry_hold(c->site->registry);
	struct case_import *batch = arena_array(c->a, BATCH, sizeof(*batch));
	struct arena *a = arena_new(0);
	struct columns columns;
	struct csv csv;
	int64_t closed = 0, due = 0;
	int rc = 0, n = 0, fields, known = 0;

	csv_init(&csv, text, ',');
	if (csv_row(&csv, c->a) <= 0 || !read_columns(&csv, &columns)) {
		rc = err_set(e, ERR_INVALID,
		        "the first row must name Unique Key, Created Date and Complaint Type");
		goto out;
	}
	do {
		const char *words = NULL;

		fields = csv_row(&csv, a);
		if (fields > 0) {
			im->rows++;
			words = read_row(im, &csv, &columns, snap, a, &batch[n]);
			if (words != NULL) {
				import_refuse(im, csv.line, words);
			} else {
				closed += batch[n].closed != TIME_NONE;
				due += batch[n].open.deadline != TIME_NONE;
				n++;
			}
		} else if (fields < 0) {
			import_refuse(im, csv.line, csv.bad);
		}
		if (n == BATCH || (fields <= 0 && n > 0)) {
			rc = case_import(c->site, batch, n, &who_system, &known, e);
			im->stored += n;
			n = 0;
			arena_reset(a);
			cli_progress(c, "requests", im->rows, 0);
		}
	} while (rc == 0 && fields > 0);
	cli_progress_end(c);
	if (rc == 0)
		fprintf(c->out,
		        "%lld rows: %lld cases (%lld closed, %lld with a due date of their own), %d of them "
		        "known before, %lld refused\n",
		        (long long)im->rows, (long long)im->stored, (long long)closed, (long long)due, known,
		        (long long)im->refused);
out:
	registry_release(c->site->registry, snap);
	arena_free(&a);
	return rc;
}
