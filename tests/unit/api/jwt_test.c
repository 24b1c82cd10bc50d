#include "api/jwt.h"
#include "check.h"

/* RFC 7515, appendix A.2 and A.3. */
#define BODY "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RS256                                                                                                \
	"eyJhbGciOiJSUzI1NiJ9." BODY "."                                                                     \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"              \
	"O8W2Fp5jujGbds9uJdbF9CU"                                                                            \
	"Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"      \
	"eSN9383LcOLn6_d"                                                                                    \
	"O--xi12jzDwusC-"                                                                                    \
	"eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig"      \
	"cN_IoypGlUPQGe77Rw"
#define ES256                                                                                                \
	"eyJhbGciOiJFUzI1NiJ9." BODY "."                                                                     \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
static const char keys[] = "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"e\":\"AQAB\",\"n\":"
                           "\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
                           "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2l"
                           "ZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
                           "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R"
                           "2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
                           "h9iaGNj8q2ethFkMLs91kzk2PAcDTW"
                           "9gb54h4FRWyuXpoQ\"},"
                           "{\"kty\":\"EC\",\"kid\":\"e\",\"crv\":\"P-256\",\"x\":"
                           "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                           "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static int verify(const char *token, const char *jwks)
{
	struct arena *a = arena_new(0);
	const struct doc *claims = NULL;
	struct doc *d = NULL;
	struct err e = ERR_INIT;
	int rc;

	check_ok(doc_parse_json(a, str_of(jwks), "keys", &d, &e), &e);
	rc = jwt_verify(a, str_of(token), d, &claims, &e);
	if (rc == 0)
		check_eq_s(doc_str(claims, "iss", ""), "joe");
	arena_free(&a);
	return rc;
}

TEST(tokens_of_the_standard)
{
	check_eq_i(verify(RS256, keys), 0);
	check_eq_i(verify(ES256, keys), 0);
}

TEST(whatever_is_touched_does_not_verify)
{
	static const char *const tokens[] = {RS256, ES256};

	for (size_t k = 0; k < ARRAY_LEN(tokens); k++) {
		size_t n = strlen(tokens[k]);

		for (size_t i = 0; i + 1 < n; i += 7) { /* the last letter holds bits that mean nothing */
			char *copy = xstrdup(tokens[k]);

			copy[i] = copy[i] == 'A' ? 'B' : 'A';
			if (verify(copy, keys) == 0)
				check_fail("letter %zu of %s was changed, and it verifies", i, copy);
			free(copy);
		}
	}
}

TEST(refuses_what_is_no_signed_token)
{
	static const char *const bad[] = {"", ".", "..", "a.b", "a.b.c.d", "e30.e30.",
	        "eyJhbGciOiJub25lIn0." BODY ".", "eyJhbGciOiJIUzI1NiJ9." BODY ".AAAA",
	        "eyJhbGciOiJFUzI1NiJ9." BODY ".", "eyJhbGciOiJFUzI1NiJ9." BODY ".AAAA",
	        "eyJhbGciOiJSUzI1NiJ9." BODY ".AAAA"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check_eq_i(verify(bad[i], keys), ERR_UNAUTH);
	check_eq_i(verify(RS256, "{\"keys\":[]}"), ERR_NOTFOUND);
	check_eq_i(verify(RS256, "{}"), ERR_NOTFOUND);
	/* two keys and no name */
	check_eq_i(verify(ES256, "{\"keys\":[{\"kty\":\"EC\"},{\"kty\":\"EC\"}]}"), ERR_NOTFOUND);
	check_eq_i(verify(ES256, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}"),
	        ERR_UNAUTH);
	/* a key too short to be trusted */
	check_eq_i(verify(RS256, "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0t\"}]}"),
	        ERR_UNAUTH);
}

TEST(base64url_both_ways)
{
	struct arena *a = arena_new(0);
	char out[16];

	base64url_encode("\xfb\xff", 2, out);
	check_eq_s(out, "-_8");
	base64url_encode("", 0, out);
	check_eq_s(out, "");
	check_str(base64url_decode(a, STR_LIT("-_8")), "\xfb\xff");
	check(base64url_decode(a, STR_LIT("+/8")).p == NULL);
	check(base64url_decode(a, STR_LIT("A")).p == NULL);
	arena_free(&a);
}
