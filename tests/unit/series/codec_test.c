#include "series/codec.h"

#include "check.h"
#include "series/bytes.h"
#include "series/head.h"

#include <math.h>

static double any_bits(uint64_t u)
{
	double v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

static size_t round_trip(const time_us *t, const double *v, int n)
{
	uint8_t out[CODEC_MAX_B];
	time_us t2[CODEC_POINTS];
	double v2[CODEC_POINTS];
	size_t len = codec_encode(t, v, n, out);
	struct head h = {0};

	check(len <= CODEC_MAX_B);
	if (check_eq_i(codec_decode(out, len, t2, v2), n)) {
		check_eq_mem(t, t2, (size_t)n * sizeof(*t));
		check_eq_mem(v, v2, (size_t)n * sizeof(*v));
	}
	n = n < HEAD_POINTS ? n : HEAD_POINTS;
	for (int i = 0; i < n; i++)
		head_append(&h, t[i], v[i]);
	if (check(head_decode(&h, t2, v2))) {
		check_eq_mem(t, t2, (size_t)n * sizeof(*t));
		check_eq_mem(v, v2, (size_t)n * sizeof(*v));
	}
	head_clear(&h);
	return len;
}

static double value_of_kind(int kind, int i, int64_t *walk)
{
	static const double odd[] = {0.0, -0.0, NAN, INFINITY, -INFINITY, 5e-324, 1.7976931348623157e308, 0.1,
	        -273.15, 9007199254740993.0};

	*walk += (int64_t)(test_random() % 11) - 5;
	switch (kind) {
	case 0: return (double)*walk / 100;
	case 1: return any_bits(test_random());
	case 2: return odd[test_random() % ARRAY_LEN(odd)];
	case 3: return test_random() % 50 ? (double)*walk / 10 : any_bits(0x7ff0000000000002u);
	case 4: return (double)*walk / 7;
	case 5: return 21.5;
	case 6: return any_bits(0x7ff8000000000000u | (test_random() & 0xffff));
	case 7: return (double)(int64_t)(test_random() >> 12) / 1e3;
	case 8: return (double)i * 3;
	default: return i % 40 ? 1 : 1e-6 * (double)(test_random() % 1000000);
	}
}

static time_us step_of_kind(int kind)
{
	switch (kind) {
	case 0: return 10 * US_SECOND;
	case 1: return 10 * US_SECOND + ((time_us)(test_random() % 401) - 200) * US_MS;
	case 2: return 1 + (time_us)(test_random() % 3);
	case 3: return test_random() % 40 ? US_MINUTE : 3 * US_HOUR;
	case 4: return 1 + (time_us)(test_random() >> 20);
	default: return 1 + (time_us)(test_random() >> 14);
	}
}

TEST(gives_back_every_bit)
{
	for (int round = 0; round < 3000; round++) {
		int n = 1 + (int)(test_random() % (round % 16 ? HEAD_POINTS : CODEC_POINTS));
		int values = (int)(test_random() % 10), times = (int)(test_random() % 6);
		time_us t[CODEC_POINTS], now = (time_us)(test_random() >> 2) - (INT64_MAX >> 2);
		double v[CODEC_POINTS];
		int64_t walk = 2000;

		if (times != 2 && times != 5)
			now = now / US_SECOND * US_SECOND;
		for (int i = 0; i < n; i++) {
			t[i] = now;
			v[i] = value_of_kind(values, i, &walk);
			now += step_of_kind(times);
		}
		round_trip(t, v, n);
	}
}

TEST(takes_times_at_both_ends_of_the_range)
{
	time_us t[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
	double v[] = {1, 2, NAN, -0.0, 1e300, 4, 5};

	round_trip(t, v, 7);
	round_trip(t, v, 1);
	round_trip(t + 5, v + 5, 2);
}

/* As bytes.h says what a number is, byte by byte. */
static bool slow_varint(const uint8_t *p, size_t n, size_t *used, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < n && i < 10; i++) {
		if (i == 9 && p[i] > 1)
			return false;
		*v |= (uint64_t)(p[i] & 0x7f) << 7 * i;
		if (!(p[i] & 0x80)) {
			*used = i + 1;
			return true;
		}
	}
	return false;
}

TEST(reads_numbers_of_every_length_and_none_beyond_the_end)
{
	for (int round = 0; round < 200000; round++) {
		uint8_t b[24];
		size_t n = test_random() % 13, used = 0;
		int more = (int)(test_random() % 12); /* bytes that are likely to be followed by others */
		uint64_t want = 0, got = 0;
		uint8_t *exact = malloc(n + 1);
		const uint8_t *p = exact;
		bool ok;

		for (size_t i = 0; i < sizeof(b); i++)
			b[i] = (uint8_t)((test_random() & 0x7f) |
			                 ((int)i < more ? 0x80 : test_random() & 0x80));
		memcpy(exact, b, n);
		ok = slow_varint(exact, n, &used, &want);
		check_eq_u(get_varint(&p, exact + n, &got), ok);
		check_eq_u((uint64_t)(p - exact), ok ? used : 0);
		if (ok)
			check_eq_u(got, want);
		free(exact);
	}
	for (int bit = 0; bit < 64; bit++) {
		for (int less = 0; less < 2; less++) {
			uint64_t v = (UINT64_C(1) << bit) - (uint64_t)less, got = 0;
			uint8_t b[VARINT_MAX_B], *q = b;
			const uint8_t *p = b;

			put_varint(&q, v);
			check(get_varint(&p, q, &got) && p == q);
			check_eq_u(got, v);
		}
	}
}

TEST(is_as_short_as_it_says)
{
	time_us jitter[CODEC_POINTS], regular[CODEC_POINTS];
	double v[CODEC_POINTS], constant[CODEC_POINTS];
	int64_t walk = 2137;

	for (int i = 0; i < CODEC_POINTS; i++) {
		regular[i] = 1752480000 * US_SECOND + i * 10 * US_SECOND;
		jitter[i] = regular[i] + ((time_us)(test_random() % 401) - 200) * US_MS;
		if (test_random() % 10 >= 4)
			walk += (test_random() & 1 ? 1 : -1) * (int64_t)(1 + test_random() % 5);
		v[i] = (double)walk / 100;
		constant[i] = 1;
	}
	check(round_trip(jitter, v, CODEC_POINTS) < CODEC_POINTS * 175 / 100);
	check(round_trip(regular, v, CODEC_POINTS) < CODEC_POINTS * 60 / 100);
	check(round_trip(regular, constant, CODEC_POINTS) < 20);
}

TEST(a_marker_among_decimals_costs_its_nine_bytes)
{
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];

	for (int i = 0; i < CODEC_POINTS; i++) {
		t[i] = i * US_MINUTE;
		v[i] = (i % 5) / 10.0;
	}
	v[0] = v[1] = v[77] = any_bits(0x7ff0000000000002u);
	check(round_trip(t, v, 256) < 200);
}

/* Under the sanitizers this is where a read or write out of bounds would show. */
TEST(survives_any_bytes)
{
	uint8_t out[CODEC_MAX_B];
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];
	int taken = 0;

	for (int round = 0; round < 60000; round++) {
		size_t len;
		uint8_t *exact;

		if (round % 2) {
			int n = 1 + (int)(test_random() % (round % 16 == 1 ? CODEC_POINTS : 256));
			int64_t walk = 0;

			for (int i = 0; i < n; i++) {
				t[i] = (i ? t[i - 1] : 0) + step_of_kind(round % 5);
				v[i] = value_of_kind(round / 7 % 10, i, &walk);
			}
			len = codec_encode(t, v, n, out);
			for (uint64_t k = 1 + test_random() % 3; k; k--)
				out[test_random() % len] ^= (uint8_t)(1u << test_random() % 8);
			if (test_random() % 4 == 0)
				len = test_random() % len;
		} else {
			len = test_random() % 64;
			for (size_t i = 0; i < len; i++)
				out[i] = (uint8_t)test_random();
			if (len > 1)
				out[1] &= 0x0a;
		}
		exact = malloc(len + 1);
		memcpy(exact, out, len);
		taken += codec_decode(exact, len, t, v) >= 0;
		taken += codec_decode_short(exact, len, t, v) >= 0;
		free(exact);
	}
	check(taken > 0); /* a flipped bit of a value is still a block: the checksum is outside */
	check_eq_i(codec_decode(out, 0, t, v), -1);
	check_eq_i(codec_decode(out, CODEC_MAX_B + 1, t, v), -1);
}
