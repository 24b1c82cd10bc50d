/* Any bytes are a block (of today's format, of before) or are not; what decodes must encode to what decodes
 * to the same. */
#include "series/codec.h"

static void encodes_again(const time_us *t, const double *v, int points)
{
	time_us t2[CODEC_POINTS];
	double v2[CODEC_POINTS];
	uint8_t out[CODEC_MAX_B];

	if (points < 0)
		return;
	must(codec_decode(out, codec_encode(t, v, points, out), t2, v2) == points);
	must(memcmp(t, t2, (size_t)points * sizeof(*t)) == 0);
	must(memcmp(v, v2, (size_t)points * sizeof(*v)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];

	encodes_again(t, v, codec_decode(p, n, t, v));
	encodes_again(t, v, codec_decode_short(p, n, t, v));
	return 0;
}
