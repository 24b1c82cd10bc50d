/* A command to a device, all the way: asked for through the door, heard and answered by MQTT. */
#include "base/socket.h"
#include "check.h"
#include "door.h"
#include "ingest/ingest.h"
#include "ingest/rights.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct city town;
static struct ingest *ingest;
static char secret[65];

static void put_text(struct sb *b, const char *s)
{
	sb_putc(b, (char)(strlen(s) >> 8));
	sb_putc(b, (char)strlen(s));
	sb_puts(b, s);
}

static void send_packet(int fd, unsigned first, const struct sb *body)
{
	char head[2] = {(char)first, (char)body->n};

	must(body->n < 128);
	check(send(fd, head, 2, MSG_NOSIGNAL) == 2);
	check(send(fd, body->p, body->n, MSG_NOSIGNAL) == (ssize_t)body->n);
}

static bool read_all(int fd, char *p, size_t n)
{
	for (size_t have = 0; have < n;) {
		struct pollfd w = {.fd = fd, .events = POLLIN};
		ssize_t got = poll(&w, 1, 20000) > 0 ? recv(fd, p + have, n - have, 0) : 0;

		if (got <= 0)
			return check_fail("the device hears nothing");
		have += (size_t)got;
	}
	return true;
}

/* The device of G-1: says hello, hears one command, answers with what it heard. */
static void *device(void *arg)
{
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	char packet[200] = {0}, *topic, *answers;
	int fd = -1;

	(void)arg;
	if (!check_ok(socket_connect("127.0.0.1", ingest_mqtt_port(ingest), 10 * US_SECOND, &fd, &e), &e))
		return NULL;
	put_text(&b, "MQTT");
	sb_put(&b, "\4\xc2\0\0", 4);
	put_text(&b, "s1");
	put_text(&b, "pump");
	put_text(&b, secret);
	send_packet(fd, 0x10, &b);
	sb_reset(&b);
	sb_put(&b, "\0\1", 2);
	put_text(&b, "things/G-1/commands/+");
	sb_putc(&b, 1);
	send_packet(fd, 0x82, &b);
	check(read_all(fd, packet, 4 + 5)); /* CONNACK, SUBACK */
	check_eq_i(packet[8], 1);
	*(_Atomic int *)arg = 1;
	if (read_all(fd, packet, 2) && read_all(fd, packet + 2, (size_t)packet[1])) {
		size_t topic_n = (size_t)packet[3], at = 4 + topic_n + 2;

		topic = xstrndup(packet + 4, topic_n);
		answers = xasprintf("things/G-1/answers/%s", strrchr(topic, '/') + 1);
		sb_reset(&b);
		put_text(&b, answers);
		sb_puts(&b, "{\"heard\":");
		sb_put(&b, packet + at, 2 + (size_t)packet[1] - at);
		sb_puts(&b, "}");
		send_packet(fd, 0x30, &b);
		free(topic);
		free(answers);
	}
	close(fd);
	sb_fini(&b);
	return NULL;
}

static void open_with_mqtt(void)
{
	struct ingest_options io = {.mqtt_address = "127.0.0.1"};
	struct api_options ao = {.test_control = true, .version = "1.2.3"};
	struct err e = ERR_INIT;

	city_open(&town);
	api_stop(&town.api);
	io.site = ao.site = town.site;
	check_ok(ingest_start(&io, &ingest, &e), &e);
	ao.ingest = ingest;
	check_ok(api_start(&ao, &town.api, &e), &e);
	check_ok(device_add(town.site->store, "pump", "G-", "admin", secret, &e), &e);
}

TEST(a_command_comes_back_with_the_devices_answer)
{
	pthread_t t;
	_Atomic int ready = 0;

	open_with_mqtt();
	const char *desk = sign_in(&town, "duty"), *worker = sign_in(&town, "worker");
	struct answer a = ask("POST", "/api/v1/things/G-1/command", worker, "{\"command\":1}");
	check_eq_i(a.status, 403);
	a = ask("POST", "/api/v1/things/nothing/command", desk, "{\"command\":1}");
	check_eq_i(a.status, 404);
	a = ask("POST", "/api/v1/things/G-1/command", desk, "{\"command\":1,\"timeout_s\":61}");
	check_eq_i(a.status, 400);
	a = ask("POST", "/api/v1/things/G-1/command", desk, "{\"command\":1,\"timeout_s\":1}");
	check_eq_i(a.status, 504);
	check_has(a.body, "things/G-1/commands/+");
	pthread_create(&t, NULL, device, (void *)&ready);
	while (!ready)
		usleep(1000);
	const char *once = text("%sIdempotency-Key: \"gate-1\"\n", desk);
	a = ask("POST", "/api/v1/things/G-1/command", once, "{\"command\":{\"open\":true}}");
	check_eq_i(a.status, 200);
	check_has(a.body, "\"answer\":{\"heard\":{\"open\":true}}");
	/* Asked again with its key it is not sent again. */
	struct answer b = ask("POST", "/api/v1/things/G-1/command", once, "{\"command\":{\"open\":true}}");
	check_eq_i(b.status, 200);
	check_eq_s(b.body, a.body);
	pthread_join(t, NULL);
	a = ask("GET", "/api/v1/journal?subject=thing&subject_id=G-1", sign_in(&town, "admin"), NULL);
	check_has(a.body, "thing.commanded");
	check_has(a.body, "\"answered\":false");
	check_has(a.body, "\"answered\":true");
	/* A new secret ends the old one, also of who is connected. */
	struct exchange none = {NULL};
	struct rights r;
	struct arena *arena = arena_new(0);
	struct err e = ERR_INIT;
	check_ok(rights_find(town.site, &none, false, STR_LIT("pump"), str_of(secret), arena, &r, &e), &e);
	check(rights_still(&r) && device_may(&r.device, STR_LIT("G-1")));
	char other[65];
	check_ok(device_add(town.site->store, "pump", "G-", "admin", other, &e), &e);
	check(!rights_still(&r));
	rights_free(&r);
	check_err(rights_find(town.site, &none, false, STR_NULL, STR_NULL, arena, &r, &e), ERR_UNAUTH);
	check_ok(rights_find(town.site, &none, true, STR_NULL, STR_NULL, arena, &r, &e), &e);
	check(rights_still(&r));
	rights_free(&r);
	arena_free(&arena);
	api_stop(&town.api);
	ingest_stop(&ingest);
	city_close(&town);
}
