#include "base/csv.h"

/* Rows that are taken survive being written and read again. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(16 << 20);
	struct sb b = SB_INIT;
	struct csv c;
	int fields, line = 0;

	csv_init(&c, (struct str){(const char *)p, n}, ',');
	while ((fields = csv_row(&c, a)) > 0) {
		struct csv again;
		must(c.line > line);
		line = c.line;
		sb_reset(&b);
		for (int i = 0; i < fields; i++)
			csv_put(&b, c.field[i], i == 0, false);
		csv_end(&b);
		csv_init(&again, sb_str(&b), ',');
		/* One empty field alone is written as an empty line, which is no row. */
		if (fields == 1 && c.field[0].n == 0)
			continue;
		/* Nor is a byte order mark at the very begin a part of the field. */
		if (c.field[0].n >= 3 && memcmp(c.field[0].p, "\xef\xbb\xbf", 3) == 0)
			continue;
		must(csv_row(&again, a) == fields);
		for (int i = 0; i < fields; i++)
			must(str_eq(c.field[i], again.field[i]));
	}
	must(fields == 0 || c.bad);
	sb_fini(&b);
	arena_free(&a);
	return 0;
}
