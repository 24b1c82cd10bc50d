#include "ingest/sheet.h"
#include "ingest/timescan.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void read_sheet(struct arena *a, const struct mapping *m, struct str text)
{
	struct arena *row = arena_new(1 << 20);
	struct sheet *s = NULL;
	struct readings out;
	size_t rows = 0;

	if (sheet_open(a, m, text, zone_utc(), NULL, &s, NULL) == 0)
		while (sheet_next(s, row, &out) > 0) {
			must(++rows <= text.n);
			for (int i = 0; i < out.n; i++)
				must(out.r[i].thing.p != NULL && out.r[i].at > 0);
			for (int i = 0; i < out.bads; i++)
				must(out.bad[i].words != NULL && out.bad[i].at > 0);
			arena_reset(row);
		}
	arena_free(&row);
}

/* A mapping, a line "---", a sheet: the sheet is read by the mapping, and by its names; the sheet's first
 * line is a time by the mapping's first as the format. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str all = {(const char *)p, n}, yaml = all, text = STR_LIT("");
	const char *cut = n > 5 ? memmem(p, n, "\n---\n", 5) : NULL;
	struct arena *a = arena_new(8 << 20);
	struct mapping *m = NULL;
	time_us t;

	if (cut != NULL) {
		yaml.n = (size_t)(cut - all.p) + 1;
		text = (struct str){cut + 5, n - yaml.n - 4};
	}
	if (mapping_read(a, yaml, "fuzz", &m, NULL) == 0)
		read_sheet(a, m, text);
	read_sheet(a, NULL, text);
	struct str first = yaml, format = str_cut(&first, '\n');
	const char *f = arena_strndup(a, format.p, format.n);
	if (f != NULL && strlen(f) == format.n && time_scan_valid(f) &&
	        time_scan(str_cut(&text, '\n'), f, zone_utc(), &t))
		must(t != TIME_NONE);
	arena_free(&a);
	return 0;
}
