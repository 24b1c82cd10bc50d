/* heming import readings - line protocol, or sheets by a mapping; into the stopped site or the serving one.
 */
#include "base/charset.h"
#include "base/file.h"
#include "cli/import.h"
#include "ingest/ingest.h"
#include "ingest/mapping.h"
#include "ingest/payload.h"

#define PART_BYTES (4 << 20)
#define PREVIEW_READINGS 12

static bool named(const char *path, const char *end)
{
	size_t n = strlen(path), k = strlen(end);

	if (n > 3 && strcmp(path + n - 3, ".gz") == 0)
		n -= 3;
	return n > k && strncasecmp(path + n - k, end, k) == 0;
}

/* ---- line protocol ---- */

static int import_lines(struct import *im, struct ingest *in, struct str text, struct err *e)
{
	struct cli *c = im->c;
	int rc = 0, line = 0;

	while (rc == 0 && text.n > 0) {
		size_t n = text.n < PART_BYTES ? text.n : PART_BYTES; /* whole lines */
		struct arena *a = arena_new(0);
		struct ingest_told told;

		while (n < text.n && text.p[n - 1] != '\n')
			n++;
		rc = ingest_text(in, "import", (struct str){text.p, n}, a, &told, e);
		im->stored += (int64_t)told.stored;
		for (int i = 0; i < told.bads; i++)
			import_refuse(im, line + told.bad[i].line, told.bad[i].words);
		im->refused += told.refused - told.bads;
		for (size_t i = 0; i < n; i++)
			line += text.p[i] == '\n';
		text = (struct str){text.p + n, text.n - n};
		arena_free(&a);
		cli_progress(c, "lines", line, 0);
	}
	cli_progress_end(c);
	if (rc == 0)
		fprintf(c->out, "%d lines, %lld readings stored, %lld lines refused\n", line,
		        (long long)im->stored, (long long)im->refused);
	return rc;
}

/* ---- sheets ---- */

struct sheets {
	struct import *im;
	int64_t by_reason[REFUSALS], lines;
	int shown; /* readings of the preview */
};

static void refused(void *ctx, enum refusal why, int line, const char *words)
{
	struct sheets *x = ctx;

	x->by_reason[why]++;
	import_refuse(x->im, line, words);
}

static void preview(void *ctx, const struct reading *r)
{
	struct sheets *x = ctx;
	struct cli *c = x->im->c;
	char at[40];

	if (x->shown++ >= PREVIEW_READINGS)
		return;
	time_format(r->t, c->site->catalog->zone, at);
	fprintf(c->out, "line %d: %s " STR_FMT " " STR_FMT " = ", r->at, at, STR_ARG(r->thing),
	        STR_ARG(r->metric));
	if (r->text.p != NULL)
		fprintf(c->out, "\"" STR_FMT "\"\n", STR_ARG(r->text));
	else
		fprintf(c->out, "%.15g\n", r->v);
}

static void progress(void *ctx, int64_t rows)
{
	struct sheets *x = ctx;

	cli_progress(x->im->c, "rows", rows, x->lines);
}

static void tell(struct sheets *x, const char *path, const struct ingest_sheet_told *told, bool dry)
{
	FILE *out = x->im->c->out;
	bool first = true;

	fprintf(out, "%s: %lld rows, %lld readings %s, %lld gaps, %lld refused", path, (long long)told->rows,
	        (long long)told->stored, dry ? "would be stored" : "stored", (long long)told->gaps,
	        (long long)told->refused);
	for (int i = 0; i < REFUSALS; i++)
		if (x->by_reason[i] > 0) {
			fprintf(out, "%s%s %lld", first ? " (" : ", ", refusal_name((enum refusal)i),
			        (long long)x->by_reason[i]);
			first = false;
		}
	fprintf(out, "%s\n", first ? "" : ")");
	if (told->strangers == 0)
		return;
	fprintf(out, "no registered thing has the code");
	for (int i = 0; i < told->strangers && i < SHEET_STRANGERS; i++)
		fprintf(out, "%s %s", i > 0 ? "," : "", told->stranger[i]);
	fprintf(out, "%s; its readings are taken all the same\n",
	        told->strangers > SHEET_STRANGERS ? ", …" : "");
}

static int import_sheet(struct import *im, struct ingest *in, const char *path, const struct mapping *mapping,
        struct str bytes, struct err *e)
{
	struct cli *c = im->c;
	struct sheets x = {.im = im};
	struct ingest_sheet sheet = {.mapping = mapping,
	        .who = "import",
	        .dry = cli_flag(c, "dry-run"),
	        .ctx = &x,
	        .refused = refused,
	        .progress = progress};
	struct ingest_sheet_told told = {0};
	struct sb text = {.max = IMPORT_FILE_MAX};
	const char *charset;
	int rc = charset_to_utf8(bytes, &text, &charset, e);

	if (rc < 0)
		err_at(e, path, 0, 0, NULL);
	sheet.text = sb_str(&text);
	for (size_t i = 0; rc == 0 && i < text.n; i++)
		x.lines += text.p[i] == '\n';
	if (sheet.dry) {
		sheet.taken = preview;
		fprintf(c->out, "%s: read as %s\n", path, charset);
	}
	if (rc == 0)
		rc = ingest_sheet(in, &sheet, c->a, &told, e);
	cli_progress_end(c);
	sb_fini(&text);
	if (rc < 0) /* what came before it stays */
		return told.rows > 0 ? err_prefix(e, "%s, after %lld rows", path, (long long)told.rows)
		                     : err_prefix(e, "%s", path);
	tell(&x, path, &told, sheet.dry);
	return 0;
}

static int read_mapping(struct cli *c, const char *path, struct mapping **out, struct err *e)
{
	struct str text;
	int rc = file_read(c->a, path, 1 << 20, &text, e);

	return rc < 0 ? rc : mapping_read(c->a, text, path, out, e);
}

int import_readings(struct cli *c, struct err *e)
{
	struct ingest_options o = {.site = c->site};
	struct ingest *own = NULL, *in = c->api != NULL ? api_ingest(c->api) : NULL;
	const char *by = cli_text(c, "mapping", NULL);
	struct mapping *mapping = NULL;
	int rc = by != NULL ? read_mapping(c, by, &mapping, e) : 0;

	if (rc == 0 && in == NULL) {
		rc = ingest_start(&o, &own, e);
		in = own;
	}
	for (int i = 1; i < c->words && rc == 0; i++) {
		const char *path = c->word[i];
		struct import one = {.c = c};
		struct str bytes;

		rc = import_file(c, path, &bytes, e);
		if (rc == 0 && (mapping != NULL || named(path, ".csv") || named(path, ".txt") ||
		                       named(path, ".tsv")))
			rc = import_sheet(&one, in, path, mapping, bytes, e);
		else if (rc == 0 && cli_flag(c, "dry-run"))
			rc = err_set(e, ERR_INVALID, "--dry-run is for sheets (.csv), not for line protocol");
		else if (rc == 0)
			rc = import_lines(&one, in, bytes, e);
	}
	ingest_stop(&own);
	return rc;
}
