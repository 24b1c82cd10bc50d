#include "base/digest.h"
#include "check.h"

static const char *hex_of(enum digest_kind k, const char *s, char buf[65])
{
	uint8_t d[DIGEST_LEN];
	digest_once(k, s, strlen(s), d);
	hex_encode(d, sizeof(d), buf);
	return buf;
}

TEST(the_vectors_of_the_standards)
{
	char b[65];
	check_eq_s(hex_of(DIGEST_SHA256, "abc", b),
	        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_eq_s(hex_of(DIGEST_SHA256, "", b),
	        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_eq_s(hex_of(DIGEST_SM3, "abc", b),
	        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
	check_eq_s(hex_of(DIGEST_SM3, "abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd", b),
	        "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
}

TEST(piecewise_is_the_same_as_at_once)
{
	uint8_t once[DIGEST_LEN], pieces[DIGEST_LEN];
	for (int k = DIGEST_SHA256; k <= DIGEST_SM3; k++) {
		digest_once((enum digest_kind)k, "abcdef", 6, once);
		struct digest_ctx *d = digest_begin((enum digest_kind)k);
		digest_add(d, "ab", 2);
		digest_add(d, "", 0);
		digest_add(d, "cdef", 4);
		digest_end(&d, pieces);
		check(d == NULL);
		check_eq_mem(once, pieces, DIGEST_LEN);
	}
}

TEST(fields_do_not_run_together)
{
	uint8_t a[DIGEST_LEN], b[DIGEST_LEN], raw[DIGEST_LEN];
	struct digest_ctx *d = digest_begin(DIGEST_SM3);
	digest_add_field(d, "ab", 2);
	digest_add_field(d, "c", 1);
	digest_end(&d, a);
	d = digest_begin(DIGEST_SM3);
	digest_add_field(d, "a", 1);
	digest_add_field(d, "bc", 2);
	digest_end(&d, b);
	check(memcmp(a, b, DIGEST_LEN) != 0);
	digest_once(DIGEST_SM3, "\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\1c", 19, raw);
	check_eq_mem(a, raw, DIGEST_LEN);
}

TEST(kinds_have_names)
{
	enum digest_kind k = DIGEST_SHA256;
	check(digest_kind_parse("sm3", &k) && k == DIGEST_SM3);
	check(digest_kind_parse("sha256", &k) && k == DIGEST_SHA256);
	check(!digest_kind_parse("md5", &k));
	check_eq_s(digest_kind_name(DIGEST_SM3), "sm3");
}

TEST(hex_reads_back)
{
	uint8_t all[256], back[256];
	char text[513];
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	hex_encode(all, sizeof(all), text);
	check_eq_u(strlen(text), 512);
	check(hex_decode(str_of(text), back, 256));
	check_eq_mem(all, back, 256);
	check(hex_decode(STR_LIT("aAfF"), back, 2) && back[0] == 0xaa && back[1] == 0xff);
	check(!hex_decode(STR_LIT("aAf"), back, 2));
	check(!hex_decode(STR_LIT("aAfFe"), back, 2));
	check(!hex_decode(STR_LIT("aAfF00"), back, 2));
	check(!hex_decode(STR_LIT("agfF"), back, 2));
	check(!hex_decode(STR_LIT("0x12"), back, 2));
}

TEST(hash64_is_xxh64)
{
	check_eq_u(hash64("", 0, 0), UINT64_C(0xef46db3751d8e999));
	check_eq_u(hash64("abc", 3, 0), UINT64_C(0x44bc2cf5ad770999));
	check(hash64("abc", 3, 1) != hash64("abc", 3, 0));
}

/* One bit at a time, straight from the polynomial. */
static uint32_t crc_naive(uint32_t crc, const uint8_t *p, size_t n)
{
	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
	}
	return ~crc;
}

TEST(crc32c_has_the_vectors_of_rfc_3720)
{
	uint8_t b[32] = {0};
	check_eq_u(crc32c(0, "123456789", 9), 0xe3069283u);
	check_eq_u(crc32c(0, b, 32), 0x8a9136aau);
	memset(b, 0xff, 32);
	check_eq_u(crc32c(0, b, 32), 0x62a8ab43u);
	for (int i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	check_eq_u(crc32c(0, b, 32), 0x46dd794eu);
	check_eq_u(crc32c(0, "", 0), 0);
}

TEST(crc32c_of_every_length_and_alignment)
{
	uint8_t b[300];
	uint32_t x = 3;
	for (size_t i = 0; i < sizeof(b); i++) {
		x = x * 1664525u + 1013904223u;
		b[i] = (uint8_t)(x >> 24);
	}
	for (size_t from = 0; from < 9; from++) {
		for (size_t n = 0; n + from < sizeof(b); n++) {
			uint32_t want = crc_naive(0, b + from, n);
			uint32_t halves = crc32c(crc32c(0, b + from, n / 2), b + from + n / 2, n - n / 2);
			if (crc32c(0, b + from, n) != want || halves != want) {
				check_fail("from %zu, %zu bytes", from, n);
				return;
			}
		}
	}
}
