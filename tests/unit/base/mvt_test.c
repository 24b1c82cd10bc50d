#include "base/mvt.h"
#include "check.h"
#include "mvt_text.h"

static struct str hex(const struct sb *b)
{
	static char out[4096];

	out[0] = '\0';
	for (size_t i = 0; i < b->n && i < 2000; i++)
		snprintf(out + 2 * i, 3, "%02x", (unsigned char)b->p[i]);
	return str_of(out);
}

/* By hand, from vector_tile.proto and section 4 of the specification. */
TEST(writes_a_point_with_values)
{
	struct sb b = SB_INIT;
	struct mvt m;

	mvt_init(&m, &b);
	mvt_layer(&m, "a", 4096);
	mvt_feature(&m, 1);
	mvt_text(&m, "k", STR_LIT("v"));
	mvt_point(&m, 25, 17);
	mvt_end(&m);
	check_str(hex(&b), "1a1f"   /* layer of 31 bytes */
	                   "7802"   /* version 2 */
	                   "0a0161" /* its name */
	                   "288020" /* extent 4096 */
	                   "120d"
	                   "0801"         /* id 1 */
	                   "12020000"     /* tags: key 0, value 0 */
	                   "1801"         /* a point */
	                   "2203093222"   /* MoveTo 1: +25 +17 */
	                   "1a016b"       /* key */
	                   "22030a0176"); /* value */
	sb_fini(&b);
}

TEST(words_stand_once)
{
	struct sb b = SB_INIT;
	const char *first;
	struct mvt m;

	mvt_init(&m, &b);
	mvt_layer(&m, "a", 4096);
	for (int i = 0; i < 100; i++) {
		mvt_feature(&m, 0);
		mvt_text(&m, "name", STR_LIT("a rather long name that is the same for all"));
		mvt_int(&m, "level", 3);
		mvt_bool(&m, "demo", true);
		mvt_point(&m, -1, 4097);
	}
	mvt_end(&m);
	check(b.n < 100 * 22 + 100);
	first = memmem(b.p, b.n, "rather", 6);
	check(first != NULL && memmem(first + 1, b.n - (size_t)(first + 1 - b.p), "rather", 6) == NULL);
	sb_fini(&b);
}

TEST(numbers_and_texts_of_the_same_bytes_are_apart)
{
	struct sb b = SB_INIT;
	struct mvt m;

	mvt_init(&m, &b);
	mvt_layer(&m, "a", 4096);
	mvt_feature(&m, 0);
	mvt_int(&m, "x", 1);
	mvt_bool(&m, "y", true);
	mvt_int(&m, "z", -1);
	mvt_text(&m, "w", STR_LIT("\1"));
	mvt_point(&m, 0, 0);
	mvt_end(&m);
	check_has(hex(&b).p, "2202"
	                     "2801"
	                     "2202"
	                     "3801"
	                     "2202"
	                     "3001"
	                     "2203"
	                     "0a0101");
	check_has(hex(&b).p, "1208"
	                     "0000"
	                     "0101"
	                     "0202"
	                     "0303");
	sb_fini(&b);
}

TEST(a_layer_without_features_is_left_out)
{
	struct sb b = SB_INIT;
	struct mvt m;

	mvt_init(&m, &b);
	mvt_layer(&m, "none", 4096);
	mvt_layer(&m, "one", 512);
	mvt_feature(&m, 0);
	mvt_point(&m, 0, 0);
	mvt_layer(&m, "none again", 4096);
	mvt_end(&m);
	check_str(hex(&b), "1a13"
	                   "7802"
	                   "0a036f6e65"
	                   "288004"
	                   "1207"
	                   "1801"
	                   "2203090000");
	sb_fini(&b);
}

TEST(nothing_is_an_empty_tile)
{
	struct sb b = SB_INIT;
	struct mvt m;

	mvt_init(&m, &b);
	mvt_end(&m);
	check_eq_u(b.n, 0);
	sb_fini(&b);
}

static uint32_t any(uint32_t n)
{
	return (uint32_t)test_below(n);
}

/* What is written is what is read, by a reader that knows the specification alone. */
TEST(random_tiles_read_as_they_were_written)
{
	static const char *const names[] = {"name", "level", "编号", "x"}, *const texts[] = {
	                                                                           "", "甲", "b", "b c"};
	struct sb b = SB_INIT, want = SB_INIT, is = SB_INIT;
	struct mvt m;

	for (int round = 0; round < 200; round++) {
		sb_reset(&b);
		sb_reset(&want);
		sb_puts(&want, "");
		mvt_init(&m, &b);
		for (uint32_t layers = any(4), l = 0; l < layers; l++) {
			mvt_layer(&m, l % 2 ? "odd" : "even", 512 << any(5));
			for (uint32_t n = any(40); n > 0; n--) {
				int32_t x = (int32_t)any(20000) - 8000, y = (int32_t)any(20000) - 8000;
				uint64_t id = any(2) ? (uint64_t)any(9) << any(50) : 0;

				mvt_feature(&m, id);
				sb_printf(&want, "%s %d,%d", l % 2 ? "odd" : "even", (int)x, (int)y);
				if (id != 0)
					sb_printf(&want, " #%llu", (unsigned long long)id);
				for (uint32_t tags = any(5); tags > 0; tags--) {
					const char *key = names[any(4)], *words = texts[any(4)];
					int64_t v = ((int64_t)any(1000) - 500) * ((int64_t)1 << any(40));

					switch (any(3)) {
					case 0:
						mvt_text(&m, key, str_of(words));
						sb_printf(&want, " %s=%s", key, words);
						break;
					case 1:
						mvt_int(&m, key, v);
						sb_printf(&want, " %s=%lld", key, (long long)v);
						break;
					default:
						mvt_bool(&m, key, v > 0);
						sb_printf(&want, " %s=%s", key, v > 0 ? "true" : "false");
					}
				}
				mvt_point(&m, x, y);
				sb_putc(&want, '\n');
			}
		}
		mvt_end(&m);
		mvt_text_of(sb_str(&b), &is);
		check_eq_s(is.p, want.p);
	}
	sb_fini(&b);
	sb_fini(&want);
	sb_fini(&is);
}
