#include "mqtt/client.h"
#include "mqtt_test.h"

#include "base/clock.h"

#define WAIT (10 * US_SECOND)

TEST(publishes_and_waits_for_its_acks)
{
	struct broker b = {0};
	struct mqtt_client *c = NULL;
	struct err e = ERR_INIT;
	uint16_t id = 0;
	broker_start(&b, (struct mqtt_options){0});
	if (!check_ok(mqtt_client_connect(
	                      "127.0.0.1", mqtt_port(b.server), "dev", "login", "secret", WAIT, &c, &e),
	            &e))
		return;
	check_eq_s(b.id, "dev");
	check_eq_s(b.username, "login");
	check_eq_s(b.password, "secret");
	check_ok(mqtt_client_publish(c, "t/a", STR_LIT("1"), 0, &id, &e), &e);
	check_eq_i(id, 0);
	check_ok(mqtt_client_publish(c, "t/b", STR_LIT("2.5"), 1, &id, &e), &e);
	check_eq_i(id, 1);
	check_ok(mqtt_client_wait(c, &e), &e);
	check_eq_i(mqtt_client_unacked(c), 0);
	check_str(sb_str(&b.text), "t/a=1;t/b=2.5;");
	mqtt_client_close(&c);
	check(c == NULL);
	check(broker_wait(&b, &b.closes, 1));
	check_eq_s(b.why, "it said goodbye");
	broker_stop(&b);
}

TEST(runs_through_all_packet_ids)
{
	struct broker b = {0};
	struct mqtt_client *c = NULL;
	struct err e = ERR_INIT;
	int rc = 0;
	broker_start(&b, (struct mqtt_options){0});
	if (!check_ok(mqtt_client_connect("127.0.0.1", mqtt_port(b.server), "dev", NULL, NULL, WAIT, &c, &e),
	            &e))
		return;
	for (int i = 0; i < 70000 && rc == 0; i++)
		rc = mqtt_client_publish(c, "t", STR_LIT("x"), 1, NULL, &e);
	check_ok(rc, &e);
	check_ok(mqtt_client_wait(c, &e), &e);
	check_eq_i(b.published, 70000);
	mqtt_client_close(&c);
	broker_stop(&b);
}

TEST(tells_why_it_was_refused)
{
	static const struct {
		enum mqtt_reason say;
		int code;
	} cases[] = {{MQTT_R_CREDENTIALS, ERR_UNAUTH}, {MQTT_R_NOT_AUTHORISED, ERR_DENIED},
	        {MQTT_R_UNAVAILABLE, ERR_UNAVAILABLE}, {MQTT_R_IDENTIFIER, ERR_INVALID}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct broker b = {.say = cases[i].say};
		struct mqtt_client *c = NULL;
		broker_start(&b, (struct mqtt_options){0});
		check_err(
		        mqtt_client_connect("127.0.0.1", mqtt_port(b.server), "d", "u", "p", WAIT, &c, NULL),
		        cases[i].code);
		check(c == NULL);
		broker_stop(&b);
		check_eq_i(b.closes, 0);
	}
}

TEST(says_when_nobody_listens_and_when_nobody_answers)
{
	struct broker b = {.hold = true};
	struct mqtt_client *c = NULL;
	struct err e = ERR_INIT;
	broker_start(&b, (struct mqtt_options){0});
	int port = mqtt_port(b.server);
	if (!check_ok(mqtt_client_connect("127.0.0.1", port, "d", NULL, NULL, 50 * US_MS, &c, &e), &e))
		return;
	check_ok(mqtt_client_publish(c, "t", STR_LIT("1"), 1, NULL, &e), &e);
	check_err(mqtt_client_wait(c, &e), ERR_TIMEOUT);
	check_eq_i(mqtt_client_unacked(c), 1);
	check(broker_wait(&b, &b.kept_n, 1));
	broker_done(&b, 0, false);
	check(broker_wait(&b, &b.closes, 1));
	check_err(mqtt_client_wait(c, &e), ERR_IO);
	check_err(mqtt_client_publish(c, "t", STR_LIT("1"), 1, NULL, &e), ERR_IO);
	mqtt_client_close(&c);
	broker_stop(&b);
	check_err(mqtt_client_connect("127.0.0.1", port, "d", NULL, NULL, WAIT, &c, &e), ERR_UNAVAILABLE);
	check_has(e.text, "nobody listens");
}

TEST(refuses_a_message_that_mqtt_cannot_carry)
{
	struct broker b = {0};
	struct mqtt_client *c = NULL;
	struct err e = ERR_INIT;
	broker_start(&b, (struct mqtt_options){0});
	if (!check_ok(
	            mqtt_client_connect("127.0.0.1", mqtt_port(b.server), "", NULL, NULL, WAIT, &c, &e), &e))
		return;
	check_err(mqtt_client_publish(c, "", STR_LIT("1"), 1, NULL, &e), ERR_INVALID);
	check_err(mqtt_client_publish(c, "t", STR_LIT("1"), 2, NULL, &e), ERR_INVALID);
	mqtt_client_close(&c);
	broker_stop(&b);
}
