#include "cli/settings.h"
#include "base/file.h"
#include "check.h"

static struct arena *a;
static struct settings s;

static void begin(void)
{
	a = arena_new(0);
	settings_init(&s);
}

static int read_text(const char *text, struct err *e)
{
	const char *path = test_path("site.yaml");

	check_ok(file_write(path, text, strlen(text), 0600, e), e);
	return settings_read_file(&s, a, path, e);
}

TEST(every_default_is_one_that_would_be_taken)
{
	struct err e = ERR_INIT;

	begin();
	for (int i = 0; i < SETTINGS; i++)
		check_ok(settings_set(&s, a, setting_rows[i].key, setting_rows[i].dflt, "test", &e), &e);
	check_eq_i(settings_int(&s, SET_PORT), 8080);
	check(settings_is(&s, SET_DURABILITY, "fsync"));
	check(settings_text(&s, SET_CERT) == NULL);
	arena_free(&a);
}

TEST(a_bad_value_is_told_with_what_is_taken_and_changes_nothing)
{
	static const struct {
		const char *key, *value, *says;
	} bad[] = {{"port", "70000", "from 0 to 65535"}, {"port", "-1", "from 0 to 65535"},
	        {"port", "80a", "whole number"}, {"port", "", "whole number"},
	        {"durability", "sometimes", "fsync|os"}, {"durability", "fsync|os", "fsync|os"},
	        {"durability", "", "fsync|os"}, {"prot", "80", "is port meant"},
	        {"colour", "red", "heming config lists them"}};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = ERR_INIT;
		char words[256];

		check_err(settings_set(&s, a, bad[i].key, bad[i].value, "test", &e), ERR_INVALID);
		err_str(&e, words, sizeof(words));
		check_has(words, bad[i].says);
		check_has(words, bad[i].key);
	}
	check_eq_i(settings_int(&s, SET_PORT), 8080);
	check_eq_s(s.from[SET_PORT], "default");
	arena_free(&a);
}

TEST(a_file_is_read_whole_and_its_mistakes_have_a_line)
{
	struct err e = ERR_INIT;
	char words[256];

	begin();
	check_ok(read_text("# of this city\nport: 9000\n\nmqtt-port: 0\nlog-format: json\n", &e), &e);
	check_eq_i(settings_int(&s, SET_PORT), 9000);
	check_eq_s(s.from[SET_PORT], "site.yaml:2");
	check_eq_s(s.from[SET_LOG_FORMAT], "site.yaml:5");
	check_ok(read_text("", &e), &e);
	check_err(read_text("port: 9001\nmqtt-port: none\n", &e), ERR_INVALID);
	check_has(err_str(&e, words, sizeof(words)), "site.yaml:2");
	e = (struct err)ERR_INIT;
	check_err(read_text("port: [1, 2]\n", &e), ERR_INVALID);
	check_has(err_str(&e, words, sizeof(words)), "single value");
	e = (struct err)ERR_INIT;
	check_err(read_text("- port\n", &e), ERR_INVALID);
	check_has(err_str(&e, words, sizeof(words)), "key: value");
	check_ok(settings_read_file(&s, a, "/nowhere/site.yaml", &e), &e);
	arena_free(&a);
}

TEST(the_environment_overrides_the_file)
{
	struct err e = ERR_INIT;
	char words[256];

	begin();
	check_ok(read_text("mqtt-port: 2000\n", &e), &e);
	setenv("HEMING_MQTT_PORT", "3000", 1);
	check_ok(settings_read_env(&s, a, &e), &e);
	check_eq_i(settings_int(&s, SET_MQTT_PORT), 3000);
	check_eq_s(s.from[SET_MQTT_PORT], "HEMING_MQTT_PORT");
	setenv("HEMING_MQTT_PORT", "x", 1);
	check_err(settings_read_env(&s, a, &e), ERR_INVALID);
	check_has(err_str(&e, words, sizeof(words)), "HEMING_MQTT_PORT");
	unsetenv("HEMING_MQTT_PORT");
	arena_free(&a);
}

TEST(the_page_of_the_settings_is_the_table)
{
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	struct str page;

	begin();
	settings_write_markdown(&b);
	check_ok(file_read(a, SOURCE "/docs/settings.md", 1 << 20, &page, &e), &e);
	check_eq_s(page.p, b.p);
	sb_fini(&b);
	arena_free(&a);
}
