#include "ingest/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check_readings(const struct readings *out, bool any)
{
	must(any == (out->n > 0) || (any && out->bads == 0));
	for (int i = 0; i < out->n; i++) {
		must(out->r[i].metric.p != NULL);
		must(out->r[i].text.p != NULL || out->r[i].v == out->r[i].v);
	}
	for (int i = 0; i < out->bads; i++)
		must(out->bad[i].words != NULL && out->bad[i].why < REFUSALS);
}

/* Every shape ends, gives numbers or texts, and tells why of whatever it does not take. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const enum payload_things things[] = {PAYLOAD_ONE, PAYLOAD_NAMED, PAYLOAD_GATEWAY};
	struct str text = {(const char *)p, n};

	for (size_t i = 0; i < 2 * ARRAY_LEN(things); i++) {
		const struct payload_shape shape = {.things = things[i / 2],
		        .metric = i % 2 ? STR_LIT("m") : STR_NULL,
		        .zone = zone_utc()};
		struct arena *a = arena_new(i == 0 ? 1 << 14 : 1 << 20);
		struct readings out;
		bool any = payload_parse(a, text, &shape, &out);

		if (!arena_failed(a))
			check_readings(&out, any);
		arena_free(&a);
	}
	return 0;
}
