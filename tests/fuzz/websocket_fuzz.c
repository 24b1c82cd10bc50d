/* A handshake and frames, taken at once and a byte at a time: the same data, the same answers. */
#include "mqtt/websocket.h"

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	struct websocket w;
	struct sb data;
	const char *why;
};

static void take(struct outcome *o, const uint8_t *data, size_t size, size_t step)
{
	websocket_init(&o->w);
	o->data = (struct sb)SB_INIT;
	o->why = NULL;
	char *copy = xcalloc(1, step);
	for (size_t at = 0; at < size && o->why == NULL; at += step) {
		size_t n = size - at < step ? size - at : step;
		memcpy(copy, data + at, n);
		size_t got = websocket_take(&o->w, copy, n, &o->why);
		must(got <= n);
		sb_put(&o->data, copy, got);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, parts;

	if (size == 0)
		return 0;
	take(&whole, data, size, size);
	take(&parts, data, size, 1);
	must(str_eq(sb_str(&whole.data), sb_str(&parts.data)));
	must(whole.why == parts.why && whole.w.phase == parts.w.phase && whole.w.code == parts.w.code);
	must(str_eq(sb_str(&whole.w.out), sb_str(&parts.w.out)));
	sb_fini(&whole.data);
	sb_fini(&parts.data);
	websocket_fini(&whole.w);
	websocket_fini(&parts.w);
	return 0;
}
