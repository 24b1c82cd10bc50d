/* heming import - files of readings and of requests, told by line what could not be read. */
#include "cli/import.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/num.h"
#include "cli/cli.h"

#include <ctype.h>

#define TOLD_MAX 20

void import_refuse(struct import *im, int line, const char *words)
{
	if (im->refused++ < TOLD_MAX)
		fprintf(im->c->out, "line %d: %s\n", line, words);
}

int import_file(struct cli *c, const char *path, struct str *out, struct err *e)
{
	size_t n = strlen(path);
	int rc = file_read(c->a, path, IMPORT_FILE_MAX, out, e);

	if (rc == 0 && n > 3 && strcmp(path + n - 3, ".gz") == 0)
		rc = gunzip(c->a, *out, IMPORT_FILE_MAX, out, e);
	return rc;
}

int import_column(const struct csv *head, const char *name)
{
	for (int i = 0; i < head->fields; i++)
		if (str_is(str_trim(head->field[i]), name))
			return i;
	return -1;
}

/* ---- air ---- */

struct column {
	int place;
	char metric[32];
};

/* "PM2.5" -> pm25: letters and digits, small. */
static bool metric_name(struct str s, char out[32])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n < 31; i++)
		if (isalnum((unsigned char)s.p[i]))
			out[n++] = (char)tolower((unsigned char)s.p[i]);
	out[n] = '\0';
	return n > 0 && isalpha((unsigned char)*out);
}

static bool field_int(const struct csv *row, int place, int64_t *out)
{
	return place >= 0 && place < row->fields && num_int(row->field[place], out);
}

struct air {
	int year, month, day, hour, station;
	struct column *column;
	int columns;
};

static int read_head(struct cli *c, struct csv *csv, struct air *air, struct err *e)
{
	static const char *const no_metric[] = {"No", "year", "month", "day", "hour", "station", "wd"};

	if (csv_row(csv, c->a) <= 0)
		return err_set(e, ERR_INVALID, "the file has no first row with the names of its columns");
	*air = (struct air){import_column(csv, "year"), import_column(csv, "month"),
	        import_column(csv, "day"), import_column(csv, "hour"), import_column(csv, "station"),
	        arena_array(c->a, (size_t)csv->fields, sizeof(struct column)), 0};
	if (air->year < 0 || air->month < 0 || air->day < 0 || air->hour < 0)
		return err_set(e, ERR_INVALID, "the first row must name year, month, day and hour");
	for (int i = 0; i < csv->fields; i++) {
		bool skip = false;

		for (size_t k = 0; k < ARRAY_LEN(no_metric); k++)
			skip |= str_is(csv->field[i], no_metric[k]);
		air->column[air->columns].place = i;
		if (!skip && metric_name(csv->field[i], air->column[air->columns].metric))
			air->columns++;
	}
	return 0;
}

/* Series of one station, by column; 0 until first used. */
static int series_of(struct site *s, const char *metric, const char *thing, series_id *id, struct err *e)
{
	struct label l[2] = {{STR_LIT(LABEL_NAME), str_of(metric)}, {STR_LIT("thing"), str_of(thing)}};
	struct labels ls = {l, 2};

	return id->v != 0 ? 0 : series_resolve(s->series, &ls, id, e);
}

static int import_air(struct import *im, struct str text, struct err *e)
{
	struct cli *c = im->c;
	const struct zone *zone = c->site->catalog->zone;
	const char *station = cli_text(c, "station", NULL);
	struct arena *row_arena = arena_new(0);
	struct series_point *p = NULL;
	struct csv csv;
	struct air air = {0};
	series_id *id = NULL;
	size_t n = 0, cap = 0;
	int rc, fields;

	csv_init(&csv, text, ',');
	rc = read_head(c, &csv, &air, e);
	if (rc == 0)
		id = arena_array(c->a, (size_t)air.columns, sizeof(*id));
	while (rc == 0 && (fields = csv_row(&csv, row_arena)) != 0) {
		int64_t y, m, d, h;
		struct civil local;
		time_us t;

		im->rows++;
		if (fields < 0) {
			import_refuse(im, csv.line, csv.bad);
			break;
		}
		if (!field_int(&csv, air.year, &y) || !field_int(&csv, air.month, &m) ||
		        !field_int(&csv, air.day, &d) || !field_int(&csv, air.hour, &h) || m < 1 || m > 12 ||
		        h < 0 || h > 23 || y < 1900 || y > 2200 || d < 1 ||
		        d > civil_month_days((int)y, (int)m)) {
			import_refuse(im, csv.line, "year, month, day and hour do not make a time");
			continue;
		}
		local = (struct civil){.year = (int)y, .month = (int)m, .day = (int)d, .hour = (int)h};
		t = zone_instant(zone, &local);
		if (station == NULL && air.station >= 0 && air.station < fields &&
		        csv.field[air.station].n > 0)
			station = arena_strndup(c->a, csv.field[air.station].p, csv.field[air.station].n);
		if (station == NULL) {
			rc = err_set(e, ERR_INVALID, "the file names no station; say --station CODE");
			break;
		}
		for (int i = 0; i < air.columns && rc == 0; i++) {
			struct str f = air.column[i].place < fields ? str_trim(csv.field[air.column[i].place])
			                                            : STR_LIT("NA");
			double v;

			if (f.n == 0 || str_is(f, "NA")) {
				im->gaps++;
				continue;
			}
			if (!num_double(f, false, &v)) {
				import_refuse(im, csv.line, "a value is neither a number nor NA");
				continue;
			}
			rc = series_of(c->site, air.column[i].metric, station, &id[i], e);
			p = xgrow(p, &cap, n + 1, sizeof(*p));
			p[n++] = (struct series_point){id[i], t, v};
		}
		if (rc == 0 && n >= 20000) {
			rc = series_append(c->site->series, p, n, e);
			im->stored += (int64_t)n;
			n = 0;
			cli_progress(c, "rows", im->rows, 0);
		}
		arena_reset(row_arena);
	}
	if (rc == 0 && n > 0) {
		rc = series_append(c->site->series, p, n, e);
		im->stored += (int64_t)n;
	}
	cli_progress_end(c);
	free(p);
	arena_free(&row_arena);
	if (rc == 0)
		fprintf(c->out, "%s: %lld rows, %lld readings stored, %lld gaps (NA), %lld refused\n",
		        station != NULL ? station : "-", (long long)im->rows, (long long)im->stored,
		        (long long)im->gaps, (long long)im->refused);
	return rc;
}

int cmd_import(struct cli *c, struct err *e)
{
	struct import im = {.c = c};
	const char *what = c->word[0];
	struct str text;
	int rc;

	if (strcmp(what, "readings") == 0)
		return import_readings(c, e);
	if (strcmp(what, "air") != 0 && strcmp(what, "requests") != 0)
		return err_set(e, ERR_INVALID, "there are import air, import requests and import readings");
	if (c->words > 2)
		return err_set(e, ERR_INVALID, "import %s takes one file", what);
	rc = import_file(c, c->word[1], &text, e);
	if (rc < 0)
		return rc;
	return strcmp(what, "air") == 0 ? import_air(&im, text, e) : import_requests(&im, text, e);
}
