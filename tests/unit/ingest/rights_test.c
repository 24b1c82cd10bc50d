/* Who may say and hear what over MQTT, without a broker. */
#include "ingest/rights.h"

#include "check.h"

static const char *const pumps[] = {"YC-PS-", "YC-WL-", NULL};

TEST(topics_of_the_house)
{
	static const struct {
		const char *topic;
		enum topic_kind kind;
		const char *thing, *rest;
	} cases[] = {
	        {"t/A/m", TOPIC_READING, "A", "m"},
	        {"t/A", TOPIC_READING, "A", NULL},
	        {"t", TOPIC_READING, NULL, NULL},
	        {"lp/s", TOPIC_LINES, NULL, "s"},
	        {"things/A/commands/1", TOPIC_COMMAND, "A", "1"},
	        {"things/A/answers/1", TOPIC_ANSWER, "A", "1"},
	        {"things/A/other", TOPIC_COMMAND, "A", NULL},
	        {"thing/A", TOPIC_OTHER, NULL, NULL},
	        {"/t/A", TOPIC_OTHER, NULL, NULL},
	        {"v1/devices/me/telemetry", TOPIC_OWN, "me", "telemetry"},
	        {"v1/devices/A/rpc/request/1", TOPIC_OWN, "A", "rpc/request/1"},
	        {"v1/devices/me", TOPIC_OWN, "me", NULL},
	        {"v1/gateway/rpc/A", TOPIC_GATEWAY, NULL, "rpc/A"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str thing, rest;

		check_eq_i(topic_kind(str_of(cases[i].topic), &thing, &rest), cases[i].kind);
		check((thing.p == NULL) == (cases[i].thing == NULL) &&
		        (thing.p == NULL || str_is(thing, cases[i].thing)));
		check((rest.p == NULL) == (cases[i].rest == NULL) &&
		        (rest.p == NULL || str_is(rest, cases[i].rest)));
	}
}

TEST(a_device_has_its_things_and_the_exchange)
{
	const struct exchange x = {"plant/# open !plant/secret/#"};
	struct rights r = {
	        .exchange = &x, .kind = RIGHTS_DEVICE, .device = {.login = "pumps", .things = pumps}};

	check(rights_subscribe(&r, STR_LIT("t/YC-PS-1/#")));
	check(rights_subscribe(&r, STR_LIT("t/#")));
	check(rights_subscribe(&r, STR_LIT("#")));
	check(rights_subscribe(&r, STR_LIT("things/+/commands/#")));
	check(rights_subscribe(&r, STR_LIT("things/YC-WL-1/commands/+")));
	check(!rights_subscribe(&r, STR_LIT("t/YC-GAS-1/#")));
	check(!rights_subscribe(&r, STR_LIT("things/YC-GAS-1/commands/+")));
	check(!rights_subscribe(&r, STR_LIT("elsewhere/#")));
	check(!rights_subscribe(&r, STR_LIT("lp/s")));
	check(rights_subscribe(&r, STR_LIT("plant/+/x")));
	check(rights_subscribe(&r, STR_LIT("open")));
	check(!rights_subscribe(&r, STR_LIT("plant/secret/x")));
	check(!rights_subscribe(&r, STR_LIT("plant/secret/#")));

	check(rights_receive(&r, STR_LIT("t/YC-PS-1/level")));
	check(!rights_receive(&r, STR_LIT("t/YC-GAS-1/ch4")));
	check(rights_receive(&r, STR_LIT("things/YC-PS-1/commands/7")));
	check(!rights_receive(&r, STR_LIT("things/YC-PS-1/answers/7")));
	check(!rights_receive(&r, STR_LIT("things/YC-GAS-1/commands/7")));
	check(rights_receive(&r, STR_LIT("plant/a")));
	check(!rights_receive(&r, STR_LIT("plant/secret/a")));
	check(!rights_receive(&r, STR_LIT("elsewhere")));

	check(rights_publish(&r, STR_LIT("plant/a")));
	check(!rights_publish(&r, STR_LIT("plant/secret")));
	check(!rights_publish(&r, STR_LIT("elsewhere")));
}

TEST(who_shows_no_credentials_has_the_exchange_alone)
{
	const struct exchange all = {"#"}, none = {NULL};
	struct rights r = {.exchange = &all, .kind = RIGHTS_OPEN};

	check(rights_subscribe(&r, STR_LIT("#")));
	check(rights_subscribe(&r, STR_LIT("a/b")));
	check(!rights_subscribe(&r, STR_LIT("t/#")));
	check(!rights_subscribe(&r, STR_LIT("things/+/commands/#")));
	check(rights_receive(&r, STR_LIT("a/b")));
	check(!rights_receive(&r, STR_LIT("t/YC-GAS-1/ch4")));
	check(!rights_receive(&r, STR_LIT("things/YC-GAS-1/commands/7")));
	check(!rights_receive(&r, STR_LIT("$SYS/x")));
	r.exchange = &none;
	check(!rights_subscribe(&r, STR_LIT("a/b")));
	check(!rights_receive(&r, STR_LIT("a/b")));
	check(!rights_publish(&r, STR_LIT("a/b")));
}

TEST(filters_of_the_exchange_are_checked)
{
	struct err e = ERR_INIT;

	check_ok(exchange_check(NULL, &e), &e);
	check_ok(exchange_check("# !a/b  c/+/d ", &e), &e);
	check_err(exchange_check("a/#/b", &e), ERR_INVALID);
	check_has(e.text, "a/#/b");
	check_err(exchange_check("!", &e), ERR_INVALID);
}
