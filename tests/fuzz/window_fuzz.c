/* Any bytes are a list of windows or are not; what is read must be written to what reads the same. First
 * byte: number of windows - 1. */
#include "series/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct series_window w[WINDOW_LIST_MAX] = {0}, again[WINDOW_LIST_MAX] = {0};
	uint8_t out[WINDOW_LIST_B];
	const uint8_t *end = p + n, *q = out;
	size_t len;
	int windows;
	bool decimal;

	if (n < 1)
		return 0;
	windows = *p++ % WINDOW_LIST_MAX + 1;
	if (!windows_get(&p, end, w, windows))
		return 0;
	len = windows_put(w, windows, out, &decimal);
	must(windows_get(&q, out + len, again, windows));
	must(q == out + len);
	must(memcmp(w, again, (size_t)windows * sizeof(*w)) == 0);
	q = out;
	if (windows == 1 || decimal)
		must(windows_get(&q, out + len, NULL, windows) && q == out + len);
	return 0;
}
