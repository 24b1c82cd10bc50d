#include "ingest/bridge.h"
#include "base/file.h"
#include "check.h"
#include "ingest/pattern_topic.h"

/* ---- patterns ---- */

static const char *taken(const char *pattern, const char *topic, const char *text)
{
	static struct sb out;
	struct arena *a = arena_new(0);
	const struct topic_pattern *p = NULL;
	struct topic_taken t = {.n = 0};
	struct err e = ERR_INIT;

	sb_reset(&out);
	check_ok(topic_pattern_read(a, pattern, &p, &e), &e);
	if (topic_pattern_match(p, str_of(topic), &t))
		topic_taken_put(&t, text, &out);
	else
		sb_puts(&out, "no");
	sb_puts(&out, "");
	arena_free(&a);
	return out.p != NULL ? out.p : "";
}

TEST(patterns_take_what_stands_at_their_names)
{
	check_eq_s(taken("city/{thing}/telemetry", "city/G1/telemetry", "{thing}"), "G1");
	check_eq_s(taken("city/{thing}/telemetry", "city/G1/other", "{thing}"), "no");
	check_eq_s(taken("city/{thing}/telemetry", "city/G1", "{thing}"), "no");
	check_eq_s(taken("city/{thing}", "city/G1/x", "{thing}"), "no");
	check_eq_s(taken("{a}/dev-{b}.x/#", "p/dev-7.x/y/z", "{b}-{a}-"), "7-p-");
	check_eq_s(taken("{a}/dev-{b}.x/#", "p/dev-.x/y", "{b}"), "no");
	check_eq_s(taken("{a}/#", "p", "{a}"), "p");
	check_eq_s(taken("+/{m}", "anything/m", "YC/{m}"), "YC/m");
	check_eq_s(taken("#", "a/b/c", "all"), "all");
	check_eq_s(taken("/{a}", "/x", "{a}{a}"), "xx");
	check_eq_s(taken("{a}", "", "{a}"), "no");
	check_eq_s(taken("{a}/{a}", "1/2", "{a}"), "1");
	check_eq_s(taken("井/{thing}", "井/一", "{thing}"), "一");
}

TEST(patterns_that_are_wrong_are_told)
{
	static const char *const bad[] = {"{}", "{A}", "{a", "a}", "{a}{b}", "#/a", "a#", "a+/b", "{a}+",
	        "}{", "{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"};
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct topic_pattern *p = NULL;
		struct err e = ERR_INIT;

		check_err(topic_pattern_read(a, bad[i], &p, &e), ERR_INVALID);
	}
	arena_free(&a);
}

TEST(a_pattern_knows_its_filter_and_its_names)
{
	struct arena *a = arena_new(0);
	const struct topic_pattern *p = NULL;
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;

	check_ok(topic_pattern_read(a, "city/dev-{thing}/+/x/#", &p, &e), &e);
	topic_pattern_filter(p, &b);
	check_eq_s(b.p, "city/+/+/x/#");
	check(topic_pattern_has(p, "thing") && !topic_pattern_has(p, "id"));
	check_ok(topic_pattern_check(p, "YC-{thing}-1", &e), &e);
	check_err(topic_pattern_check(p, "YC-{unit}", &e), ERR_INVALID);
	check_has(e.text, "{unit}");
	check_err(topic_pattern_check(p, "YC-{", &e), ERR_INVALID);
	sb_fini(&b);
	arena_free(&a);
}

/* ---- the file ---- */

static int read_text(const char *text, struct bridges **b, struct err *e)
{
	const char *path = test_path("brokers.yaml");

	check_ok(file_write(path, text, strlen(text), 0600, e), e);
	return bridges_read(path, b, e);
}

#define BROKER(rest)                                                                                         \
	"brokers:\n  - name: one\n    url: mqtt://b.example\n    subscribe: [{filter: \"$share/g/c/#\"}]\n"  \
	"    readings: [{topic: \"c/{thing}/{metric}\"}, {topic: \"d/{x}/{y}\", thing: \"{x}-{y}\"}]\n" rest

TEST(maps_topics_as_the_file_says)
{
	struct bridges *b = NULL, *none;
	const char *broker = NULL;
	struct err e = ERR_INIT;
	struct sb to = SB_INIT;

	check_ok(bridges_read(test_path("missing.yaml"), &b, &e), &e);
	check_eq_i(bridges_count(b), 0);
	check(bridges_same(b, b));
	check_err(bridges_command(b, "x", "1", STR_LIT(""), 0, &broker, &e), ERR_NOTFOUND);
	none = b;
	check_ok(read_text(BROKER("    commands: c/{thing}/do/{id}\n    answers: c/{thing}/done/{id}\n"), &b,
	                 &e),
	        &e);
	check_eq_i(bridges_count(b), 1);
	check(bridges_same(b, b) && !bridges_same(b, none) && !bridges_same(none, b));
	bridges_free(&none);
	check(bridges_map(b, 0, STR_LIT("c/G1/level"), &to));
	check_eq_s(to.p, "t/G1/level");
	sb_reset(&to);
	check(bridges_map(b, 0, STR_LIT("d/YC/7"), &to));
	check_eq_s(to.p, "t/YC-7");
	sb_reset(&to);
	check(bridges_map(b, 0, STR_LIT("c/G1/done/42"), &to));
	check_eq_s(to.p, "things/G1/answers/42");
	sb_reset(&to);
	check(!bridges_map(b, 0, STR_LIT("c/G1"), &to));
	check(!bridges_map(b, 0, STR_LIT("e"), &to));
	sb_fini(&to);
	bridges_free(&b);
}

TEST(remembers_many_things)
{
	struct bridges *b = NULL;
	const char *broker = NULL;
	struct err e = ERR_INIT;
	struct sb to = SB_INIT;
	char topic[32];

	check_ok(read_text(BROKER("    commands: c/{thing}/do/{id}\n    answers: c/{thing}/done/{id}\n"), &b,
	                 &e),
	        &e);
	for (int i = 0; i < 5000; i++) {
		snprintf(topic, sizeof(topic), "c/T%d/level", i);
		sb_reset(&to);
		check(bridges_map(b, 0, str_of(topic), &to));
	}
	sb_fini(&to);
	/* The link was never opened, so that only who is not behind it can be asked for. */
	check_err(bridges_command(b, "T5000", "1", STR_LIT(""), 0, &broker, &e), ERR_NOTFOUND);
	bridges_free(&b);
}

TEST(a_file_that_is_wrong_is_told_with_its_line)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
	        {"[]", "map of fields"},
	        {"brokers: 1\n", "list of them"},
	        {"brokers:\n  - {url: mqtt://b}\n", "needs a name"},
	        {"brokers:\n  - {name: a, url: ftp://b}\n", "mqtt://HOST:PORT"},
	        {"brokers:\n  - {name: a, url: \"mqtt://b:0\"}\n", "mqtt://HOST:PORT"},
	        {"brokers:\n  - {name: a, url: \"mqtt://\"}\n", "mqtt://HOST:PORT"},
	        {"brokers:\n  - {name: a, url: mqtt://b}\n", "what to subscribe to"},
	        {"brokers:\n  - {name: a, url: mqtt://b, subscribe: [{filter: \"a#\"}]}\n",
	                "is no subscription"},
	        {"brokers:\n  - {name: a, url: mqtt://b, subscribe: [{filter: \"a\", qos: 3}]}\n",
	                "is no subscription"},
	        {"brokers:\n  - {name: a, url: mqtt://b, subscribe: [{filter: \"#\"}]}\n", "patterns"},
	        {BROKER("    version: 4\n"), "5 or 3.1.1"},
	        {BROKER("    key: k.pem\n"), "belong together"},
	        {BROKER("    password-file: p\n"), "needs a username"},
	        {BROKER("    keep-alive: soon\n"), "whole number"},
	        {BROKER("    commands: c/{thing}/do/{id}\n"), "need each other"},
	        {BROKER("    commands: c/do\n    answers: c/{thing}/done/{id}\n"), "both {thing} and {id}"},
	        {BROKER("    colour: red\n"), "no such field"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct bridges *b = NULL;
		struct err e = ERR_INIT;

		check_err(read_text(bad[i].text, &b, &e), ERR_INVALID);
		check_has(e.text, bad[i].words);
		check_has(e.where, "brokers.yaml");
		check(e.line > 0);
		check(b == NULL);
	}
}
