#include "ingest/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Every line is good or bad, reading ends, and what was read lies inside the text. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct line line;
	struct str text = {(const char *)p, n};
	struct line_reader r;
	size_t lines = 0;
	int rc;

	line_init(&r, text, LINE_NS);
	while ((rc = line_next(&r, &line)) != 0) {
		must(++lines <= n);
		must((rc < 0) == (r.bad != NULL) || rc > 0);
		for (int i = 0; rc > 0 && i < line.fields; i++)
			must(line.field[i].value.p >= text.p &&
			        line.field[i].value.p + line.field[i].value.n <= text.p + n);
	}
	return 0;
}
