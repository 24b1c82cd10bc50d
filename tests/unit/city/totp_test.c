#include "city/totp.h"
#include "check.h"

/* RFC 6238, appendix B: the rows of SHA-1. */
TEST(codes_of_the_standard)
{
	static const struct {
		int64_t s;
		unsigned code;
	} row[] = {{59, 94287082}, {1111111109, 7081804}, {1111111111, 14050471}, {1234567890, 89005924},
	        {2000000000, 69279037}, {20000000000, 65353130}};
	static const uint8_t key[] = "12345678901234567890";

	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		check_eq_u(totp_code(key, 20, (uint64_t)(row[i].s / 30), 8), row[i].code);
}

TEST(a_code_fits_one_step_around_and_once)
{
	static const uint8_t key[] = "12345678901234567890";
	const time_us at = 1111111111 * US_SECOND;
	const int64_t step = 1111111111 / 30;

	check_eq_i(totp_find(key, 20, STR_LIT("050471"), at, 0), step);
	check_eq_i(totp_find(key, 20, STR_LIT("050471"), at + 30 * US_SECOND, 0), step);
	check_eq_i(totp_find(key, 20, STR_LIT("050471"), at - 30 * US_SECOND, 0), step);
	check_eq_i(totp_find(key, 20, STR_LIT("050471"), at + 60 * US_SECOND, 0), -1);
	check_eq_i(totp_find(key, 20, STR_LIT("050471"), at, step), -1);
	check_eq_i(totp_find(key, 20, STR_LIT("050472"), at, 0), -1);
	check_eq_i(totp_find(key, 20, STR_LIT("50471"), at, 0), -1);
	check_eq_i(totp_find(key, 20, STR_LIT("05047a"), at, 0), -1);
	check_eq_i(totp_find(key, 20, STR_LIT(""), at, 0), -1);
}

/* RFC 4648, section 10, without padding. */
TEST(base32_of_the_standard)
{
	static const char *const row[][2] = {{"", ""}, {"f", "MY"}, {"fo", "MZXQ"}, {"foo", "MZXW6"},
	        {"foob", "MZXW6YQ"}, {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"}};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char text[32];
		uint8_t back[16];

		base32_encode((const uint8_t *)row[i][0], strlen(row[i][0]), text);
		check_eq_s(text, row[i][1]);
		check_eq_i(base32_decode(str_of(text), back, sizeof(back)), (int64_t)strlen(row[i][0]));
		check(memcmp(back, row[i][0], strlen(row[i][0])) == 0);
	}
	check_eq_i(base32_decode(STR_LIT("mzxw6"), (uint8_t[3]){0}, 3), 3);
	check_eq_i(base32_decode(STR_LIT("M1"), (uint8_t[3]){0}, 3), -1);
	check_eq_i(base32_decode(STR_LIT("MZXW6YQ"), (uint8_t[3]){0}, 3), -1);
}
