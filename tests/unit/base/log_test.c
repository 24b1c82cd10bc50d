#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "check.h"

#include <pthread.h>

#define T0 INT64_C(1783987200123456) /* 2026-07-14T00:00:00.123456Z */

static struct clock *begin(bool json, enum log_level least)
{
	struct clock *c = clock_new_manual(T0);
	struct err e = ERR_INIT;
	check_ok(log_open(test_path("log"), json, least, c, &e), &e);
	return c;
}

/* Closes the log; gives its text. */
static struct str finish(struct arena *a, struct clock **c)
{
	struct str s = STR_NULL;
	struct err e = ERR_INIT;
	log_close();
	clock_free(c);
	check_ok(file_read(a, test_path("log"), 1 << 24, &s, &e), &e);
	return s;
}

TEST(a_line_is_logfmt)
{
	struct arena *a = arena_new(0);
	struct clock *c = begin(false, LOG_LEVEL_INFO);
	LOG(HTTP_REQUEST, log_s("path", "/api"), log_i("status", 200), log_d("ms", 1.25));
	log_context("req", "r1");
	LOG(CASE_STEP, log_s("a", ""), log_s("b", "x y"), log_s("c", "q\"=\n\x01"), log_s("d", "鹤鸣"),
	        log_s("e", "\xff"), log_s("f", NULL));
	LOG(STOP);
	LOG(JOURNAL, log_i("n", 1)); /* DEBUG: left out */
	log_context(NULL, NULL);
	LOG(PACK_BAD, log_i("line", -3));
	check_str(finish(a, &c),
	        "2026-07-14T00:00:00.123Z INFO HTTP_REQUEST path=/api status=200 ms=1.25\n"
	        "2026-07-14T00:00:00.123Z INFO CASE_STEP req=r1 a=\"\" b=\"x y\" c=\"q\\\"=\\n\\u0001\" "
	        "d=鹤鸣 e=\"\xef\xbf\xbd\" f=\"\"\n"
	        "2026-07-14T00:00:00.123Z INFO STOP req=r1\n"
	        "2026-07-14T00:00:00.123Z ERROR PACK_BAD line=-3\n");
	arena_free(&a);
}

TEST(a_line_is_json)
{
	struct arena *a = arena_new(0);
	struct clock *c = begin(true, LOG_LEVEL_DEBUG);
	log_context("case", "C-1");
	LOG(JOURNAL, log_s("why", "a\"\n"), log_i("n", INT64_MIN), log_d("d", 0.5));
	log_context(NULL, NULL);
	check_str(finish(a, &c), "{\"time\":\"2026-07-14T00:00:00.123Z\",\"level\":\"DEBUG\",\"event\":"
	                         "\"JOURNAL\",\"case\":\"C-1\","
	                         "\"why\":\"a\\\"\\n\",\"n\":-9223372036854775808,\"d\":0.5}\n");
	arena_free(&a);
}

TEST(a_sampled_event_is_written_once_in_ten_seconds)
{
	struct arena *a = arena_new(0);
	struct clock *c = begin(false, LOG_LEVEL_INFO);
	for (int i = 0; i < 5; i++) {
		LOG(INGEST_BAD, log_s("device", "d1"), log_i("n", i));
		LOG(INGEST_BAD, log_s("device", "d2"), log_i("n", i));
		LOG(RULE_FAULT, log_s("rule", "d1"), log_i("n", i));
	}
	clock_set(c, T0 + 10 * US_SECOND - 1);
	LOG(INGEST_BAD, log_s("device", "d1"), log_i("n", 5));
	clock_set(c, T0 + 10 * US_SECOND);
	LOG(INGEST_BAD, log_s("device", "d1"), log_i("n", 6));
	struct str s = finish(a, &c);
	check_has(s.p, "00.123Z WARN INGEST_BAD device=d1 n=0\n"
	               "2026-07-14T00:00:00.123Z WARN INGEST_BAD device=d2 n=0\n"
	               "2026-07-14T00:00:00.123Z ERROR RULE_FAULT rule=d1 n=0\n"
	               "2026-07-14T00:00:10.123Z WARN INGEST_BAD device=d1 n=6 left_out=5\n");
	/* At the end those left out are told. */
	check_has(s.p, "2026-07-14T00:00:10.123Z WARN INGEST_BAD device=d2 left_out=4\n");
	check_has(s.p, "2026-07-14T00:00:10.123Z ERROR RULE_FAULT rule=d1 left_out=4\n");
	arena_free(&a);
}

/* Far more values than the table of samples holds: each is written, and every one left out is told. */
TEST(samples_of_many_values_lose_no_count)
{
	struct arena *a = arena_new(0);
	struct clock *c = begin(true, LOG_LEVEL_INFO);
	for (int i = 0; i < 3000; i++) {
		LOG(HTTP_FAULT, log_i("peer", i), log_s("why", "x"));
		LOG(HTTP_FAULT, log_i("peer", i), log_s("why", "x"));
	}
	struct str s = finish(a, &c);
	int lines = 0, left_out = 0;
	while (s.n > 0) {
		struct str line = str_cut(&s, '\n');
		char *text = arena_strndup(a, line.p, line.n);
		if (strstr(text, "\"left_out\":1}"))
			left_out++;
		else
			lines++;
	}
	check_eq_i(lines, 3000);
	check_eq_i(left_out, 3000);
	arena_free(&a);
}

static void *log_many(void *arg)
{
	log_context("req", arg);
	for (int i = 0; i < 500; i++)
		LOG(CASE_STEP, log_s("me", arg), log_i("i", i));
	return NULL;
}

TEST(lines_of_many_threads_stay_whole)
{
	struct arena *a = arena_new(0);
	struct clock *c = begin(true, LOG_LEVEL_INFO);
	pthread_t t[4];
	static char names[4][2] = {"a", "b", "c", "d"};
	for (int i = 0; i < 4; i++)
		must(pthread_create(&t[i], NULL, log_many, names[i]) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	struct str s = finish(a, &c);
	int n = 0;
	while (s.n > 0) {
		struct json j;
		struct str line = str_cut(&s, '\n'), req = STR_NULL, me = STR_NULL;
		json_init(&j, line);
		for (enum json_type k; (k = json_next(&j)) != JSON_END;) {
			if (k == JSON_BAD) {
				check_fail("not JSON: " STR_FMT, STR_ARG(line));
				return;
			}
			if (k != JSON_KEY)
				continue;
			struct str key = j.text;
			k = json_next(&j);
			if (str_is(key, "req"))
				req = j.text;
			if (str_is(key, "me"))
				me = j.text;
		}
		if (!check(req.n == 1 && str_eq(req, me)))
			return;
		n++;
	}
	check_eq_i(n, 2000);
	arena_free(&a);
}

TEST(a_closed_log_and_a_bad_path)
{
	struct err e = ERR_INIT;
	struct clock *c = clock_new_manual(T0);
	LOG(START, log_s("x", "y"));
	check_err(log_open(test_path("no/log"), false, LOG_LEVEL_INFO, c, &e), ERR_NOTFOUND);
	check_has(e.where, "no/log");
	log_close();
	clock_free(&c);
	enum log_level l = LOG_LEVEL_DEBUG;
	check(log_level_parse("warn", &l) && l == LOG_LEVEL_WARN);
	check(log_level_parse("ERROR", &l) && l == LOG_LEVEL_ERROR);
	check(!log_level_parse("loud", &l));
	check(!log_level_parse("", &l));
}
