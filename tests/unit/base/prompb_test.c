#include "base/prompb.h"
#include "base/snappy.h"
#include "check.h"

static void put_series(struct sb *b, const char *name, int64_t t, int n)
{
	struct label l[2] = {{STR_LIT(LABEL_NAME), str_of(name)}, {STR_LIT("thing"), STR_LIT("T-1")}};
	struct labels ls = {l, 2};
	size_t at = prompb_series_begin(b, &ls);

	for (int i = 0; i < n; i++)
		prompb_sample_put(b, t + i, i / 8.0);
	prompb_series_end(b, at);
}

TEST(what_is_written_is_read)
{
	struct arena *a = arena_new(0);
	struct prompb_series s;
	struct prompb_reader r;
	struct sb b = SB_INIT;
	int64_t t = 0;
	double v = 0;

	put_series(&b, "level", -2, 1000);
	put_series(&b, "none", 0, 0);
	put_series(&b, "late", INT64_MAX, 1);
	check(prompb_reader_init(&r, PROMPB_WRITE_1, sb_str(&b), a) == 0);
	check(prompb_next(&r, &s) == 1 && s.bad == NULL && s.labels.n == 2 && s.samples == 1000);
	check(str_is(labels_get(&s.labels, LABEL_NAME), "level") &&
	        str_is(labels_get(&s.labels, "thing"), "T-1"));
	for (int i = 0; i < 1000; i++)
		if (!prompb_sample(&s, &t, &v) || t != i - 2 || v != i / 8.0)
			check_fail("sample %d", i);
	check(!prompb_sample(&s, &t, &v));
	check(prompb_next(&r, &s) == 1 && s.samples == 0 && !prompb_sample(&s, &t, &v));
	check(prompb_next(&r, &s) == 1 && prompb_sample(&s, &t, &v) && t == INT64_MAX);
	check(prompb_next(&r, &s) == 0 && r.bad == NULL);
	sb_fini(&b);
	arena_free(&a);
}

TEST(labels_that_are_known_need_not_be_read)
{
	struct arena *a = arena_new(0);
	struct label l[2] = {{STR_LIT(LABEL_NAME), STR_LIT("level")}, {STR_LIT("thing"), STR_LIT("T-1")}};
	struct prompb_series s;
	struct prompb_reader r, again;
	struct sb b = SB_INIT;
	struct str head;
	int64_t t = 0;
	double v = 0;
	size_t at;

	put_series(&b, "level", 7, 2);
	put_series(&b, "levels", 7, 1);
	at = protobuf_begin(&b, 1); /* labels around the samples */
	protobuf_put_bytes(&b, 1, STR_LIT("\n\1a\x12\1b"));
	prompb_sample_put(&b, 1, 1);
	protobuf_put_bytes(&b, 1, STR_LIT("\n\1c\x12\1d"));
	protobuf_end(&b, at);
	at = prompb_series_begin(&b, &(struct labels){l, 2});
	prompb_sample_put(&b, 1, 1);
	protobuf_put_bytes(&b, 3, STR_LIT("")); /* an exemplar */
	prompb_series_end(&b, at);
	check(prompb_reader_init(&r, PROMPB_WRITE_1, sb_str(&b), a) == 0);
	again = r;
	check(prompb_next(&r, &s) == 1);
	head = s.head;
	if (check(head.n > 0))
		check(head.p[head.n] == 0x12 && head.p[head.n - 1] == '1');
	check(prompb_next_known(&again, head, &s) && s.samples == 2 && again.body.p == r.body.p);
	check(prompb_sample(&s, &t, &v) && t == 7 && v == 0 && prompb_sample(&s, &t, &v) && t == 8 &&
	        !prompb_sample(&s, &t, &v));
	check(!prompb_next_known(&again, head, &s)); /* other labels */
	check(prompb_next(&again, &s) == 1 && s.samples == 1);
	check(!prompb_next_known(&again, (struct str){head.p, 7}, &s));
	check(prompb_next(&again, &s) == 1 && s.head.p == NULL && s.labels.n == 2);
	check(!prompb_next_known(&again, head, &s)); /* more than samples */
	check(prompb_next(&again, &s) == 1 && str_eq(s.head, head) && s.exemplars == 1);
	check(!prompb_next_known(&again, head, &s));
	check(prompb_next(&again, &s) == 0);
	sb_fini(&b);
	arena_free(&a);
}

TEST(a_message_that_is_cut_is_never_more_than_what_was_sent)
{
	struct arena *a = arena_new(0);
	struct sb b = SB_INIT;

	put_series(&b, "level", 1783987200000, 3);
	put_series(&b, "other", 1783987200000, 1);
	for (size_t n = 0; n < b.n; n++) {
		struct prompb_series s;
		struct prompb_reader r;
		int series = 0, rc;

		check(prompb_reader_init(&r, PROMPB_WRITE_1, (struct str){b.p, n}, a) == 0);
		while ((rc = prompb_next(&r, &s)) == 1)
			series++;
		if (series > 1 || (rc < 0) != (r.bad != NULL))
			check_fail("cut at %zu: %d series", n, series);
	}
	sb_fini(&b);
	arena_free(&a);
}

TEST(snappy_comes_back_and_bombs_are_refused)
{
	struct arena *a = arena_new(0);
	struct sb b = SB_INIT, packed = SB_INIT;
	struct err e = ERR_INIT;
	struct str out = STR_NULL;

	put_series(&b, "level", 1783987200000, 20000);
	snappy_put(&packed, sb_str(&b));
	check(packed.n < b.n / 2);
	check_ok(unsnappy(a, sb_str(&packed), b.n, &out, &e), &e);
	check(str_eq(out, sb_str(&b)));
	check(unsnappy(a, sb_str(&packed), b.n - 1, &out, &e) == ERR_TOOBIG);
	/* 50 MB, it says, in five bytes. */
	check(unsnappy(a, STR_LIT("\x80\xe1\xeb\x17\x00"), 64 << 20, &out, &e) == ERR_INVALID);
	check(arena_used(a) < 1 << 20);
	for (size_t n = 0; n < packed.n; n += 1 + packed.n / 500)
		check(unsnappy(a, (struct str){packed.p, n}, 64 << 20, &out, &e) == ERR_INVALID);
	sb_fini(&b);
	sb_fini(&packed);
	arena_free(&a);
}
