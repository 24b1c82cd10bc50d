#include "city/password.h"
#include "check.h"

static bool good(const char *password)
{
	struct err e = ERR_INIT;
	bool ok = password_check(password, "zhangsan", "张三", "password", &e) == 0;

	if (!ok)
		check_eq_s(e.field, "password");
	return ok;
}

TEST(takes_what_is_long_and_ones_own)
{
	check(good("correct horse"));
	check(good("三月里的风吹过盐城的芦苇"));
	check(good("zhangsan likes reed"));
	check(good("k7#vQ2m!xw"));
}

TEST(refuses_what_is_tried_first)
{
	static const char *const bad[] = {"", "short", "九个汉字不够长了呢", "zhangsan123", "ZhangSan123456",
	        "张三张三张三张三张三", "woaini1314", "Woaini1314520", "qwe123456789", "Aa123456Aa123456",
	        "password1234", "P@ssw0rd2026", "1qaz2wsx3edc", "aaaaaaaaaaaa", "abababababab", "1234567890",
	        "admin@123456", "abc123!!!", "\xff\xfe long enough?"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (good(bad[i]))
			check_fail("takes %s", bad[i]);
}

TEST(a_hash_is_of_one_password)
{
	char hash[PASSWORD_HASH_LEN], again[PASSWORD_HASH_LEN];
	struct err e = ERR_INIT;

	check_ok(password_hash(&password_cost_test, "correct horse", hash, &e), &e);
	check_ok(password_hash(&password_cost_test, "correct horse", again, &e), &e);
	check(strcmp(hash, again) != 0);
	check_has(hash, "$argon2id$");
	check(password_verify(&password_cost_test, hash, "correct horse"));
	check(!password_verify(&password_cost_test, hash, "correct hors"));
	check(!password_verify(&password_cost_test, NULL, "correct horse"));
}

TEST(a_hash_of_a_city_costs_what_it_should)
{
	char hash[PASSWORD_HASH_LEN];
	struct err e = ERR_INIT;

	check_ok(password_hash(&(struct password_cost){0}, "correct horse", hash, &e), &e);
	check_has(hash, "m=65536,t=2,p=1");
	check(password_verify(&password_cost_test, hash, "correct horse"));
}

TEST(made_passwords_differ_and_are_good)
{
	char a[PASSWORD_MADE], b[PASSWORD_MADE];

	password_make(a);
	password_make(b);
	check_eq_u(strlen(a), 16);
	check(strcmp(a, b) != 0);
	check(good(a));
}
