#include "ingest/metric_words.h"
#include "check.h"

static void put(struct metric_words *w, const char *name, uint32_t type, const char *help)
{
	metric_words_put(w, &(struct prompb_metadata){str_of(name), str_of(help), STR_LIT("m"), type});
}

TEST(the_last_words_of_a_metric_are_kept_in_order_of_name)
{
	struct metric_words *w = metric_words_new(3);
	struct arena *a = arena_new(0);
	struct prompb_metadata *m = NULL;

	put(w, "b", 1, "old");
	put(w, "c", 2, "");
	put(w, "a", 2, "first");
	put(w, "b", 2, "new");
	put(w, "", 1, "nobody's");
	put(w, "d", 1, "one too many");
	check_eq_i(metric_words_list(w, a, &m), 3);
	check(str_is(m[0].metric, "a") && str_is(m[1].metric, "b") && str_is(m[2].metric, "c"));
	check(str_is(m[1].help, "new") && m[1].type == 2 && str_is(m[1].unit, "m"));
	check(str_is(m[2].help, ""));
	arena_free(&a);
	metric_words_free(&w);
}

TEST(long_and_broken_words_are_cut_or_passed_over)
{
	struct metric_words *w = metric_words_new(10);
	struct arena *a = arena_new(0);
	struct prompb_metadata *m = NULL;
	char text[3001] = {0};

	for (size_t i = 0; i < 1000; i++)
		memcpy(text + 3 * i, "鹤", 3);
	put(w, "long", 1, text);
	put(w, "broken", 1, "\xff");
	put(w, text, 1, "a name that is too long");
	metric_words_put(w, &(struct prompb_metadata){{"a\0b", 3}, STR_LIT(""), STR_LIT(""), 0});
	check_eq_i(metric_words_list(w, a, &m), 1);
	check(m[0].help.n == 1023 && utf8_valid(m[0].help));
	arena_free(&a);
	metric_words_free(&w);
}
