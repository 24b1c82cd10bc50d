/*
 * jwt - signed tokens of another server (RFC 7515, 7517, 7519): RS256 and ES256, verified by OpenSSL. Pure.
 */
#ifndef HEMING_API_JWT_H
#define HEMING_API_JWT_H

#include "base/doc.h"

/* Claims of a token whose signature one of the keys made; nothing but the signature is looked at. ERR_UNAUTH
 * in words; ERR_NOTFOUND when there is no key of the token's kid: the other side may have new ones. */
MUST_USE int jwt_verify(
        struct arena *a, struct str token, const struct doc *jwks, const struct doc **claims, struct err *e);

/* RFC 4648, section 5, without padding. out holds (4 * n + 2) / 3 + 1. */
void base64url_encode(const void *p, size_t n, char *out);
/* In the arena; p NULL for what is no base64url. */
struct str base64url_decode(struct arena *a, struct str s);

#endif
