#include "base/prompb.h"
#include "base/snappy.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void walk(enum prompb_form form, struct str message, struct arena *a)
{
	static struct prompb_series s, known;
	struct prompb_reader r;
	int64_t t = 0;
	double v = 0;
	size_t left = message.n;
	int rc = prompb_reader_init(&r, form, message, a);

	must((rc < 0) == (r.bad != NULL));
	while (rc == 0) {
		struct prompb_reader before = r;
		uint64_t samples = 0;

		rc = prompb_next(&r, &s);
		if (rc != 1)
			break;
		if (s.head.p != NULL && prompb_next_known(&before, s.head, &known)) {
			must(before.body.p == r.body.p && known.samples == s.samples);
			must(s.histograms == 0 && s.exemplars == 0);
			for (uint64_t i = 0; i < s.samples; i++)
				must(prompb_sample(&known, &t, &v));
		}

		must(left-- > 0);
		must(s.labels.n <= PROMPB_LABELS);
		while (prompb_sample(&s, &t, &v))
			samples++;
		must(samples == s.samples);
		rc = 0;
	}
	must((rc < 0) == (r.bad != NULL));
}

/* The first byte chooses: packed or not, and the form. Reading ends, and what is counted is there. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(16 << 20);
	struct str message = {(const char *)p + 1, n - 1};
	struct prompb_metadata m;
	struct prompb_reader r;
	struct err e = ERR_INIT;

	if (n > 0 && (!(p[0] & 1) || unsnappy(a, message, 1 << 20, &message, &e) == 0)) {
		if (p[0] & 4 && !prompb_result(message, &message))
			message = STR_LIT("");
		walk(p[0] & 2 ? PROMPB_WRITE_2 : PROMPB_WRITE_1, message, a);
		must(prompb_reader_init(&r, PROMPB_WRITE_1, message, a) == 0);
		while (prompb_next_metadata(&r, &m) == 1)
			;
	}
	arena_free(&a);
	return 0;
}
