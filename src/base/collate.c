#include "base/collate.h"

#include <math.h>
#include <pthread.h>
#include <unicode/ucol.h>
#include <unicode/uiter.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#define TEXT_MAX (1u << 20)
#define SMALL_KEY 512
/* Marks behind marks without end would be put in order by insertion; nobody writes that many. */
#define CLUSTER_MAX 32
/* The longest that one character becomes, in UTF-16. */
#define EXPANSION_MAX 18

/* Both live as long as the process. */
static UCollator *collator;
static char version[64];
static const UNormalizer2 *folding;
static pthread_once_t collator_once = PTHREAD_ONCE_INIT, folding_once = PTHREAD_ONCE_INIT;

static void make_collator(void)
{
	UErrorCode rc = U_ZERO_ERROR;
	UVersionInfo v;

	collator = ucol_open("zh@collation=pinyin", &rc);
	must(U_SUCCESS(rc) && collator);
	ucol_setAttribute(collator, UCOL_NUMERIC_COLLATION, UCOL_ON, &rc);
	must(U_SUCCESS(rc));
	ucol_getVersion(collator, v);
	snprintf(version, sizeof(version), "zh-pinyin-numeric %d.%d.%d", v[0], v[1], v[2]);
}

static void make_folding(void)
{
	UErrorCode rc = U_ZERO_ERROR;

	folding = unorm2_getNFKCCasefoldInstance(&rc);
	must(U_SUCCESS(rc) && folding);
}

void collate_text(struct sb *out, struct str utf8, size_t max)
{
	UErrorCode rc = U_ZERO_ERROR;
	uint32_t state[2] = {0, 0};
	UCharIterator it;
	uint8_t small[SMALL_KEY], *key = small;
	size_t n = utf8.n < TEXT_MAX ? utf8.n : TEXT_MAX;
	int32_t got;

	pthread_once(&collator_once, make_collator);
	if (max > INT32_MAX)
		max = INT32_MAX;
	/* A mebibyte of text has a key of less than sixteen. */
	if (max > n * 16 + SMALL_KEY)
		max = n * 16 + SMALL_KEY;
	if (max > sizeof(small))
		key = xcalloc(max, 1);
	/* The part of a key stops where it is full, whereas a whole one is made whole and then cut. */
	uiter_setUTF8(&it, n ? utf8.p : "", (int32_t)n);
	got = ucol_nextSortKeyPart(collator, &it, state, key, (int32_t)max, &rc);
	must(U_SUCCESS(rc));
	sb_put(out, key, (size_t)got);
	if (key != small)
		free(key);
}

static void put_big_endian(struct sb *out, uint64_t v)
{
	unsigned char b[8];

	for (int i = 7; i >= 0; i--, v >>= 8)
		b[i] = v & 0xff;
	sb_put(out, b, sizeof(b));
}

#define SIGN (UINT64_C(1) << 63)

void collate_number(struct sb *out, double v)
{
	uint64_t bits;

	if (isnan(v)) {
		put_big_endian(out, UINT64_MAX);
		return;
	}
	if (v == 0)
		v = 0; /* -0 too */
	memcpy(&bits, &v, sizeof(bits));
	/* Of two negative numbers the one with the larger bits is the smaller. */
	put_big_endian(out, bits & SIGN ? ~bits : bits | SIGN);
}

void collate_int(struct sb *out, int64_t v)
{
	put_big_endian(out, (uint64_t)v ^ SIGN);
}

const char *collate_version(void)
{
	pthread_once(&collator_once, make_collator);
	return version;
}

/* Characters of which most text is made and that fold to themselves unless a mark follows. */
static bool is_plain(uint32_t cp)
{
	return (cp >= 0x4e00 && cp <= 0x9fff) || (cp >= 0x3400 && cp <= 0x4dbf) ||
	       (cp >= 0x20000 && cp <= 0x2f7ff) || (cp >= 0x30000 && cp <= 0x323af) ||
	       (cp >= 0x3001 && cp <= 0x3029) || (cp >= 0x3041 && cp <= 0x3096) ||
	       (cp >= 0x30a1 && cp <= 0x30fe);
}

/* Does what stands before have nothing to do with cp? */
static bool begins_anew(uint32_t cp)
{
	return cp < 0x80 || is_plain(cp) || (cp >= 0xff01 && cp <= 0xff5e) ||
	       unorm2_hasBoundaryBefore(folding, (UChar32)cp);
}

/* The characters cp[0…n), as ICU folds them together. */
static size_t fold_cluster(const uint32_t *cp, int n, char *out)
{
	UErrorCode rc = U_ZERO_ERROR;
	UChar from[2 * CLUSTER_MAX], to[EXPANSION_MAX * CLUSTER_MAX];
	int32_t from_n = 0, to_n, bytes = 0;

	for (int i = 0; i < n; i++)
		U16_APPEND_UNSAFE(from, from_n, cp[i]);
	to_n = unorm2_normalize(folding, from, from_n, to, (int32_t)ARRAY_LEN(to), &rc);
	must(U_SUCCESS(rc) && to_n <= (int32_t)ARRAY_LEN(to));
	u_strToUTF8(out, FOLD_MAX, &bytes, to, to_n, &rc);
	must(U_SUCCESS(rc));
	return (size_t)bytes;
}

size_t fold_next(struct str s, size_t *i, char out[FOLD_MAX])
{
	uint32_t cp[CLUSTER_MAX];
	size_t next;
	int n = 1;

	pthread_once(&folding_once, make_folding);
	cp[0] = utf8_next(s, i);
	while (*i < s.n && n < CLUSTER_MAX) {
		if ((unsigned char)s.p[*i] < 0x80)
			break;
		next = *i;
		cp[n] = utf8_next(s, &next);
		if (begins_anew(cp[n]))
			break;
		n++;
		*i = next;
	}
	if (n > 1)
		return fold_cluster(cp, n, out);
	if (cp[0] >= 0xff01 && cp[0] <= 0xff5e)
		cp[0] -= 0xff01 - '!';
	if (cp[0] < 0x80) {
		out[0] = (char)(cp[0] >= 'A' && cp[0] <= 'Z' ? cp[0] + ('a' - 'A') : cp[0]);
		return 1;
	}
	if (is_plain(cp[0]) || unorm2_isInert(folding, (UChar32)cp[0]))
		return utf8_encode(cp[0], out);
	return fold_cluster(cp, 1, out);
}

void fold_text(struct sb *out, struct str text)
{
	char piece[FOLD_MAX];

	for (size_t i = 0; i < text.n;) {
		size_t from = i, n;

		/* What is small ASCII already goes as it is; the last of it may carry a mark. */
		while (i < text.n && (unsigned char)text.p[i] < 0x80 && (text.p[i] < 'A' || text.p[i] > 'Z'))
			i++;
		if (i > from && i < text.n && (unsigned char)text.p[i] >= 0x80)
			i--;
		sb_put(out, text.p + from, i - from);
		if (i == text.n)
			break;
		n = fold_next(text, &i, piece);
		sb_put(out, piece, n);
	}
}
