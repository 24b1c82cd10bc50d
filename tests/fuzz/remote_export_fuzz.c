#include "series/remote_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Every line is a series or ends the reading; points are in order, one an instant, and no more than allowed.
 */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(16 << 20);
	struct str text = {(const char *)p, n};
	struct remote_series s;
	struct err e = ERR_INIT;
	size_t left = 1000, lines = 0;

	while (remote_export_next(&text, a, &left, &s, &e) == 1) {
		must(++lines <= n && left <= 1000);
		remote_put_in_order(&s);
		for (size_t i = 1; i < s.n; i++)
			must(s.t[i - 1] < s.t[i]);
		for (int i = 1; i < s.labels.n; i++)
			must(str_cmp(s.labels.l[i - 1].name, s.labels.l[i].name) < 0);
	}
	arena_free(&a);
	return 0;
}
