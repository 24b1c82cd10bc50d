#include "base/seal.h"
#include "base/digest.h"
#include "check.h"

struct gcm_vector {
	enum seal_cipher c;
	const char *key, *nonce, *ad, *plain, *text, *tag;
};

static const struct gcm_vector vectors[] = {
        /* RFC 8998, A.1 */
        {SEAL_SM4, "0123456789abcdeffedcba9876543210", "00001234567800000000abcd",
                "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
                "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
                "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
                "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d",
                "83de3541e4c2b58177e065a9bf7b62ec"},
        /* The GCM specification of McGrew and Viega, test cases 13, 14 and 16 */
        {SEAL_AES, "0000000000000000000000000000000000000000000000000000000000000000",
                "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
        {SEAL_AES, "0000000000000000000000000000000000000000000000000000000000000000",
                "000000000000000000000000", "", "00000000000000000000000000000000",
                "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
        {SEAL_AES, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
                "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
                "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static struct str bytes(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	check(hex_decode(str_of(hex), out, n));
	return (struct str){(const char *)out, n};
}

TEST(the_ciphers_are_those_of_the_standards)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct gcm_vector *v = &vectors[i];
		uint8_t key[32], nonce[12], ad[64], plain[128], out[128], back[128], tag[16];
		struct str a, p;
		char hex[257];

		bytes(v->key, key);
		bytes(v->nonce, nonce);
		a = bytes(v->ad, ad);
		p = bytes(v->plain, plain);
		seal__gcm_close(v->c, key, nonce, a, p, out, tag);
		hex_encode(out, p.n, hex);
		check_eq_s(hex, v->text);
		hex_encode(tag, sizeof(tag), hex);
		check_eq_s(hex, v->tag);
		check(seal__gcm_open(v->c, key, nonce, a, (struct str){(char *)out, p.n}, tag, back));
		check(memcmp(back, plain, p.n) == 0);
		for (int bit = 0; bit < 128; bit += 17) {
			tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
			check(!seal__gcm_open(
			        v->c, key, nonce, a, (struct str){(char *)out, p.n}, tag, back));
			tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static const char one[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
                  two[] = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

static struct seal_ring ring(const char *text, enum seal_cipher c)
{
	struct seal_ring r = {.cipher = c};
	struct err e = ERR_INIT;

	check_ok(seal_ring_parse(str_of(text), &r, &e), &e);
	return r;
}

TEST(what_is_sealed_opens_in_its_place_alone)
{
	struct arena *a = arena_new(0);

	for (enum seal_cipher c = SEAL_AES; c <= SEAL_SM4; c++) {
		struct seal_ring r = ring(one, c), other = ring(two, c), none = {0};
		struct sb b = SB_INIT, again = SB_INIT;
		struct err e = ERR_INIT;
		struct str plain = STR_NULL;

		check_ok(seal_close(&r, STR_LIT("JBSWY3DPEHPK3PXP"), STR_LIT("second_factor 7"), &b, &e), &e);
		check_ok(seal_close(&r, STR_LIT("JBSWY3DPEHPK3PXP"), STR_LIT("second_factor 7"), &again, &e),
		        &e);
		check(seal_is_sealed(sb_str(&b)) && seal_is_current(&r, sb_str(&b)));
		check(!str_eq(sb_str(&b), sb_str(&again)));
		check(memmem(b.p, b.n, "JBSWY", 5) == NULL);
		check_ok(seal_open(&r, sb_str(&b), STR_LIT("second_factor 7"), a, &plain, &e), &e);
		check(str_is(plain, "JBSWY3DPEHPK3PXP"));
		check_err(seal_open(&r, sb_str(&b), STR_LIT("second_factor 8"), a, &plain, &e), ERR_CORRUPT);
		check_err(
		        seal_open(&other, sb_str(&b), STR_LIT("second_factor 7"), a, &plain, &e), ERR_STATE);
		check(strstr(e.text, "HEMING_SEAL_KEY") != NULL);
		check_err(seal_close(&none, STR_LIT("x"), STR_LIT("y"), &again, &e), ERR_STATE);
		for (size_t i = b.n - 1; i > b.n - 20; i--) {
			char was = b.p[i];

			b.p[i] = was == '0' ? '1' : '0';
			check_err(seal_open(&r, sb_str(&b), STR_LIT("second_factor 7"), a, &plain, &e),
			        ERR_CORRUPT);
			b.p[i] = was;
		}
		sb_fini(&b);
		sb_fini(&again);
	}
	arena_free(&a);
}

/* A new key in front seals, the old one still opens; so does one cipher what the other has sealed. */
TEST(keys_and_ciphers_take_turns)
{
	struct arena *a = arena_new(0);
	struct seal_ring r = ring(one, SEAL_AES), turned;
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	struct str plain = STR_NULL;
	char both[200];

	check_ok(seal_close(&r, STR_LIT("x"), STR_LIT("p"), &b, &e), &e);
	snprintf(both, sizeof(both), "# keys\n%s # new\n  %s\n", two, one);
	turned = ring(both, SEAL_SM4);
	check_eq_i(turned.n, 2);
	check(!seal_is_current(&turned, sb_str(&b)));
	check_ok(seal_open(&turned, sb_str(&b), STR_LIT("p"), a, &plain, &e), &e);
	check(str_is(plain, "x"));
	sb_fini(&b);
	arena_free(&a);
}

TEST(what_is_no_key_and_no_seal_is_refused)
{
	static const char *const bad[] = {"sealed:1:", "sealed:1:00000000:aes:", "sealed:1:00000000:rot:00",
	        "sealed:1:00000000:aes:zz", "sealed:2:x", "plain", ""};
	struct arena *a = arena_new(0);
	struct seal_ring r = ring(one, SEAL_AES);
	struct err e = ERR_INIT;
	struct str plain;
	char text[200];

	check_err(seal_ring_parse(STR_LIT("abc"), &r, &e), ERR_INVALID);
	snprintf(text, sizeof(text), "%s0", one);
	check_err(seal_ring_parse(str_of(text), &r, &e), ERR_INVALID);
	check_eq_i(ring("", SEAL_AES).n, 0);
	r = ring(one, SEAL_AES);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check(seal_open(&r, str_of(bad[i]), STR_LIT("p"), a, &plain, &e) < 0);
	arena_free(&a);
}
