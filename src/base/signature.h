/*
 * signature - verifies what another has signed: RSA (PKCS #1 v1.5) and ECDSA on P-256, both over SHA-256, by
 * OpenSSL.
 *
 * Numbers are big-endian bytes, as JSON Web Keys have them (RFC 7518). A key that is malformed or too short
 * verifies nothing.
 */
#ifndef HEMING_SIGNATURE_H
#define HEMING_SIGNATURE_H

#include "base/sb.h"

#define P256_LEN 32 /* bytes of a coordinate, and of each half of a signature */

/* n: modulus, 2,048 bits at least; e: exponent. */
bool signature_rsa(struct str n, struct str e, struct str text, struct str sig);
/* x, y: the point; sig: r and s side by side. */
bool signature_p256(struct str x, struct str y, struct str text, struct str sig);

#endif
