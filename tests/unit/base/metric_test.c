#include "base/metric.h"
#include "check.h"

#include <pthread.h>

TEST(counts_and_finds)
{
	check_eq_i(metric_find("heming_series"), 0);
	metric_set(METRIC_SERIES_COUNT, 5);
	metric_add(METRIC_SERIES_COUNT, -2);
	check_eq_i(metric_get(METRIC_SERIES_COUNT), 3);
	check_eq_i(metric_find("heming_series"), 3);
	metric_add(METRIC_HTTP_4XX, 7);
	check_eq_i(metric_find("heming_http_requests_total{class=\"4xx\"}"), 7);
	check_eq_i(metric_find("heming_http_requests_total{class=\"2xx\"}"), 0);
	static const char *none[] = {"", "heming_http_requests_total",
	        "heming_http_requests_total{class=\"9xx\"}", "heming_http_requests_total{class=\"4xx\"",
	        "heming_http_requests_total{", "heming_seriesx", "{}"};
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		check_eq_i(metric_find(none[i]), -1);
}

/* Every name once with its help and type, its rows right after, and every row ends its line. */
TEST(text_is_the_exposition_format)
{
	struct sb b = SB_INIT, seen = SB_INIT;
	metric_set(METRIC_SERIES_COUNT, 0);
	metric_add(METRIC_HTTP_5XX, 2);
	metric_write(&b);
	check_has(b.p, "# HELP heming_http_requests_total Answered HTTP requests.\n"
	               "# TYPE heming_http_requests_total counter\n"
	               "heming_http_requests_total{class=\"2xx\"} 0\n");
	check_has(b.p, "\nheming_http_requests_total{class=\"5xx\"} 2\n");
	check_has(b.p, "# TYPE heming_series gauge\nheming_series 0\n");
	int rows = 0, helps = 0;
	for (struct str rest = sb_str(&b); rest.n > 0;) {
		struct str line = str_cut(&rest, '\n');
		rows += line.n > 0 && line.p[0] != '#';
		if (str_starts(line, "# HELP ")) {
			struct str name = {line.p + 7, line.n - 7};
			name = str_cut(&name, ' ');
			char *mark = xasprintf(" %.*s ", STR_ARG(name));
			helps++;
			if (seen.p && strstr(seen.p, mark))
				check_fail("twice: %s", mark);
			sb_puts(&seen, mark);
			free(mark);
		}
	}
	check_eq_i(rows, METRICS);
	check(helps > 30);
	sb_fini(&b);
	sb_fini(&seen);
}

static void *add_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++)
		metric_add(METRIC_RULE_EVALS, 1);
	return NULL;
}

TEST(no_count_is_lost_between_threads)
{
	pthread_t t[4];
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		must(pthread_create(&t[i], NULL, add_many, NULL) == 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	check_eq_i(metric_get(METRIC_RULE_EVALS), 80000);
}
