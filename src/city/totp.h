/*
 * totp - one-time codes by time (RFC 6238 over SHA-1, steps of 30 s), and base32 (RFC 4648) for their keys.
 * Pure.
 */
#ifndef HEMING_CITY_TOTP_H
#define HEMING_CITY_TOTP_H

#include "base/sb.h"
#include "base/time.h"

#define TOTP_KEY 20 /* bytes: as long as SHA-1's output (RFC 4226, 4) */

/* The code of a step, as a number of `digits` digits (6 … 8). */
unsigned totp_code(const uint8_t *key, size_t n, uint64_t step, int digits);
/* Step whose 6 digits these are, within one step of `now` and after `last`; -1 if there is none. */
int64_t totp_find(const uint8_t *key, size_t n, struct str digits, time_us now, int64_t last);

/* out holds 8 * ceil(n / 5) + 1; no padding. */
void base32_encode(const uint8_t *p, size_t n, char *out);
/* Bytes written, -1 for what is no base32 or does not fit. Small letters are taken. */
int base32_decode(struct str s, uint8_t *out, size_t cap);

#endif
