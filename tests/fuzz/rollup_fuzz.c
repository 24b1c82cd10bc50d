/* Windows that bytes tell of become a roll-up, which says them again, gives a point for each, and fills a
 * grid with them. First byte: number of windows - 1; second: bit 0 hours, the rest how long the last one
 * lasts. */
#include "series/block.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct series_window w[WINDOW_LIST_MAX] = {0}, again[WINDOW_LIST_MAX];
	struct window full[WINDOW_LIST_MAX] = {0};
	const uint8_t *end = p + n;
	time_us t[CODEC_POINTS], t1, last;
	double v[CODEC_POINTS];
	struct block *b;
	dur_us step, said;
	int windows;

	if (n < 2)
		return 0;
	windows = *p++ % WINDOW_LIST_MAX + 1;
	step = *p & 1 ? US_HOUR : BLOCK_STEP;
	t1 = step * windows - (*p++ >> 1) * US_SECOND;
	if (!windows_get(&p, end, w, windows))
		return 0;
	for (int i = 0; i < windows; i++) {
		w[i].end = (i + 1) * step;
		if (window_empty(&w[i]))
			return 0;
	}
	b = rollup_new(7, step, w, windows, t1);
	must(rollup_windows(7, b->t0, b->data, b->len, &said, &last, again) == windows);
	must(said == step && last == t1 && memcmp(w, again, (size_t)windows * sizeof(*w)) == 0);
	must(block_decode(7, b->t0, b->data, b->len, t, v) == windows);
	must(t[0] == b->t0 && t[windows - 1] == t1);
	for (int i = 1; i < windows; i++)
		must(t[i] > t[i - 1]);
	must(grid_block(&(struct grid){.first = step, .step = step, .n = (size_t)windows, .w = full}, 7,
	        b->t0, b->data, b->len, &last));
	for (int i = 0; i < windows; i++)
		must(full[i].w.n == w[i].n && full[i].w.nans == w[i].nans);
	must(rollup_windows(8, b->t0, b->data, b->len, &said, &last, again) < 0);
	for (uint32_t cut = 0; cut < b->len; cut++)
		must(rollup_windows(7, b->t0, b->data, cut, &said, &last, again) < 0);
	free(b);
	return 0;
}
