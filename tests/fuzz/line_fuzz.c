#include "ingest/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Where a line's end is read by line_value() and line_stamp(), it is read as line_next() has. */
static void read_end(const struct line *l, const struct line_reader *r, const char *end)
{
	const char *p = l->field[0].value.p;
	int n = 0;
	double v;
	time_us t;

	if (l->field[0].type == LINE_TEXT)
		return;
	while ((p = line_value(p, end, &v)) != NULL) {
		must(n < l->fields && memcmp(&v, &l->field[n++].number, sizeof(v)) == 0);
		if (*p != ',' || n == l->fields)
			break;
		p = l->field[n].value.p;
	}
	if (p == NULL || *p == ',' || (p = line_stamp(p, end, LINE_NS, &t)) == NULL)
		return;
	must(n == l->fields && t == l->t && p == r->p);
}

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
		if (rc > 0)
			read_end(&line, &r, text.p + n);
	}
	return 0;
}
