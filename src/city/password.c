#include "city/password.h"
#include "base/id.h"

#include <sodium.h>

#define COUNTED_MIN 8  /* characters that neither a guesser's list nor the account itself gives */
#define DISTINCT_MIN 5 /* different bytes */

_Static_assert(PASSWORD_HASH_LEN >= crypto_pwhash_STRBYTES, "a hash fits");

const struct password_cost password_cost_test = {
        .passes = crypto_pwhash_OPSLIMIT_MIN, .memory_b = crypto_pwhash_MEMLIMIT_MIN};

/* What is tried first, here and elsewhere, in small letters. Short ones count as parts of longer passwords.
 */
static const char commonest[] =
        "1234567890 0123456789 0987654321 9876543210 123456789 987654321 12345678 87654321 1234567 7654321 "
        "123456 654321 12345 54321 1111111111 111111111 11111111 111111 00000000 000000 88888888 888888 "
        "66666666 666666 99999999 999999 55555555 555555 222222 333333 777777 112233 121212 123123123 "
        "123123 123321 1234qwer 12341234 147258369 147258 159357 159753 1314520 5201314 5211314 520520 "
        "131421 584520 7758521 7758258 woaini1314520 woaini1314 woaini520 woaini521 woaini123 woaini "
        "wodemima woshishui woaiwojia nihao123 nihaoma nihao zhongguo beijing shanghai jiangsu "
        "aini1314 iloveyou iloveu ilove a123456789 a12345678 a1234567 a123456 a12345 aa123456789 aa12345678 "
        "aa123456 aa12345 aaa123456 aaa111 abc123456 abc12345 abc123 abcd1234 abc1234 abcdef abcdefg "
        "abcdefgh abcdefghi abcdefghij asd123456 asd123 asdf1234 asdfghjkl asdfgh asdfasdf asdf123 "
        "qwe123456789 qwe123456 qwe123 qweasdzxc qweasd qweqwe qwer1234 qwert12345 qwerty123456 qwerty12345 "
        "qwerty1234 qwerty123 qwerty12 qwerty1 qwertyuiop qwertyui qwerty qwert q1w2e3r4t5 q1w2e3r4 q1w2e3 "
        "q123456 1q2w3e4r5t 1q2w3e4r 1q2w3e 1qaz2wsx3edc 1qaz2wsx 1qazxsw2 1qaz@wsx !qaz2wsx !qaz@wsx "
        "qazwsxedc qazwsx qaz123 zaq12wsx zaq1zaq1 zaq12 zxcvbnm zxcvbn zxcv1234 zxc123 z123456 w123456 "
        "x123456 s123456 l123456 y123456 password1234 password123 password12 password1 password passw0rd "
        "p@ssw0rd p@ssword pa55word passwd pass1234 pass123 admin123456 admin12345 admin1234 admin123 "
        "admin@123 admin888 administrator admin root123 root1234 toor123 test1234 test123 test12 guest123 "
        "guest user123 user1234 manager system welcome1 welcome123 welcome letmein login123 changeme "
        "change_me default secret123 secret master monkey dragon football baseball basketball superman "
        "batman princess sunshine shadow michael jordan charlie jessica ashley daniel thomas andrew "
        "jennifer joshua hunter hello123 hello freedom whatever trustno1 starwars pokemon computer "
        "internet samsung google huawei123 huawei@123 huawei xiaomi alibaba tencent taobao microsoft "
        "windows killer soccer hockey george cookie flower cheese summer winter spring autumn lovely "
        "heming123 heming";

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool begins(const char *s, struct str word)
{
	for (size_t i = 0; i < word.n; i++)
		if (s[i] == '\0' || lower(s[i]) != lower(word.p[i]))
			return false;
	return word.n > 0;
}

/* Bytes at s that are worth nothing: the longest known word that begins there. */
static size_t known(const char *s, struct str login, struct str name)
{
	struct str rest = STR_LIT(commonest);
	size_t longest = 0;

	if (utf8_length(login) >= 3 && begins(s, login))
		longest = login.n;
	if (utf8_length(name) >= 2 && name.n > longest && begins(s, name))
		longest = name.n;
	while (rest.p != NULL) {
		struct str word = str_cut(&rest, ' ');

		if (word.n > longest && begins(s, word))
			longest = word.n;
	}
	return longest;
}

static size_t counted(const char *password, struct str login, struct str name)
{
	size_t n = 0;

	for (size_t i = 0; password[i] != '\0';) {
		size_t skip = known(password + i, login, name);

		n += skip == 0 && ((unsigned char)password[i] & 0xc0) != 0x80; /* a character's first byte */
		i += skip > 0 ? skip : 1;
	}
	return n;
}

static int distinct(const char *s)
{
	bool seen[256] = {false};
	int n = 0;

	for (; *s != '\0'; s++) {
		n += !seen[(unsigned char)*s];
		seen[(unsigned char)*s] = true;
	}
	return n;
}

int password_check(
        const char *password, const char *login, const char *name, const char *field, struct err *e)
{
	if (!utf8_valid(str_of(password)))
		err_set(e, ERR_INVALID, "a password is text in UTF-8");
	else if (utf8_length(str_of(password)) < PASSWORD_MIN)
		err_set(e, ERR_INVALID, "a password needs at least %d characters", PASSWORD_MIN);
	else if (distinct(password) < DISTINCT_MIN)
		err_set(e, ERR_INVALID, "this password repeats itself; take several words");
	else if (counted(password, str_of(login), str_of(name)) < COUNTED_MIN)
		err_set(e, ERR_INVALID,
		        "this is among the first that are guessed; besides the login, the name and the "
		        "commonest passwords %d characters are needed",
		        COUNTED_MIN);
	else
		return 0;
	err_at(e, NULL, 0, 0, field);
	return ERR_INVALID;
}

static unsigned long long passes_of(const struct password_cost *c)
{
	return c != NULL && c->passes != 0 ? c->passes : crypto_pwhash_OPSLIMIT_INTERACTIVE;
}

static size_t memory_of(const struct password_cost *c)
{
	return c != NULL && c->memory_b != 0 ? c->memory_b : crypto_pwhash_MEMLIMIT_INTERACTIVE;
}

int password_hash(
        const struct password_cost *cost, const char *password, char out[PASSWORD_HASH_LEN], struct err *e)
{
	if (sodium_init() < 0)
		return err_set(e, ERR_UNAVAILABLE, "the library for passwords does not start");
	if (crypto_pwhash_str(out, password, strlen(password), passes_of(cost), memory_of(cost)) != 0)
		return err_set(e, ERR_NOMEM, "not enough memory to hash a password");
	return 0;
}

bool password_verify(const struct password_cost *cost, const char *hash, const char *password)
{
	char nobody[2 * PASSWORD_HASH_LEN];

	if (sodium_init() < 0)
		return false;
	snprintf(nobody, sizeof(nobody),
	        "$argon2id$v=19$m=%zu,t=%llu,p=1$c29tZXNhbHRzb21lc2FsdA$"
	        "q1t1ap5pFp6Zp0T0Q2f8a1nH7xOkYmC2m4yq8G1r8mE",
	        memory_of(cost) / 1024, passes_of(cost));
	return crypto_pwhash_str_verify(hash != NULL ? hash : nobody, password, strlen(password)) == 0 &&
	       hash != NULL;
}

void password_make(char out[PASSWORD_MADE])
{
	static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789x"; /* 32 of them */
	uint8_t r[PASSWORD_MADE - 1];

	random_bytes(r, sizeof(r));
	for (size_t i = 0; i < sizeof(r); i++)
		out[i] = letters[r[i] & 31];
	out[sizeof(r)] = '\0';
}
