/*
 * num - numbers in text, strictly: the whole slice must be the number, no white space, no locale.
 */
#ifndef HEMING_NUM_H
#define HEMING_NUM_H

#include "base/sb.h"

/* Decimal integer with optional sign. False if malformed or out of range. */
MUST_USE bool num_int(struct str s, int64_t *out);
/* Decimal or exponent form; also NaN, Inf, +Inf, -Inf (any case) when `special`. Correctly rounded,
 * locale-free; fast on short decimals. */
MUST_USE bool num_double(struct str s, bool special, double *out);
/*
 * Numbers at the start of a text, as most are written; what follows them is the caller's affair.
 * num_digits: how many digits there are, at most 19 of them, and what they say, which 64 bits hold.
 * num_short: bytes of a number of at most 15 digits, [-]1[.5]; 0 where there is none such: then it is to be
 * read by num_double.
 */
size_t num_digits(const char *p, const char *end, uint64_t *out);
size_t num_short(const char *p, const char *end, double *out);
/* Shortest text that reads back as the same double: "0.1", "1e+21", "NaN", "+Inf", "-Inf"
 * (Go's strconv 'f' form for 1e-6 <= |v| < 1e21 as Prometheus prints samples, else exponent form).
 * buf of at least 32 bytes; returns the length. */
size_t num_format(double v, char *buf);
/* As num_format, without exponents: "0.0000001". buf of at least NUM_PLAIN_MAX bytes. */
#define NUM_PLAIN_MAX 400
size_t num_format_plain(double v, char *buf);
/* Sizes with units: "64MiB", "10kB", "512". */
MUST_USE bool num_size(struct str s, int64_t *bytes);

#endif
