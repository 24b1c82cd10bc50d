/* Any bytes are a block or are not; what decodes must encode to what decodes to the same. */
#include "series/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	time_us t[CODEC_POINTS], t2[CODEC_POINTS];
	double v[CODEC_POINTS], v2[CODEC_POINTS];
	uint8_t out[CODEC_MAX_B];
	int points = codec_decode(p, n, t, v);

	if (points < 0)
		return 0;
	must(codec_decode(out, codec_encode(t, v, points, out), t2, v2) == points);
	must(memcmp(t, t2, (size_t)points * sizeof(*t)) == 0);
	must(memcmp(v, v2, (size_t)points * sizeof(*v)) == 0);
	return 0;
}
