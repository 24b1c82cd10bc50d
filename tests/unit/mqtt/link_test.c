/*
 * Links to other brokers: one broker of the test is the city's, another has a link to it. What only a broker
 * can do wrong is said over a raw socket.
 */
#include "base/metric.h"
#include "base/socket.h"
#include "mqtt/link.h"
#include "peer.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct mqtt_link_filter all = {"#", 2};

/* x/… counts as y/…; the rest as nothing. */
static bool map(void *ctx, struct str topic, struct sb *to)
{
	(void)ctx;
	if (!str_starts(topic, "x/"))
		return false;
	sb_puts(to, "y/");
	sb_put(to, topic.p + 2, topic.n - 2);
	return true;
}

static struct mqtt_link_options to(int port)
{
	return (struct mqtt_link_options){.name = "city",
	        .host = "127.0.0.1",
	        .port = port,
	        .client_id = "heming",
	        .filters = &all,
	        .filters_n = 1,
	        .session_expiry_s = 60,
	        .map = map};
}

static bool eventually(struct mqtt_link *l, bool connected)
{
	struct mqtt_link_state st = {0};
	dur_us until = clock_monotonic() + 30 * US_SECOND;
	do {
		mqtt_link_look(l, &st);
		if (st.connected != connected)
			usleep(2000);
	} while (st.connected != connected && clock_monotonic() < until);
	return st.connected == connected;
}

static bool grows(enum metric_id m, int64_t past)
{
	dur_us until = clock_monotonic() + 30 * US_SECOND;
	while (metric_get(m) <= past && clock_monotonic() < until)
		usleep(2000);
	return metric_get(m) > past;
}

static void check_receives(struct broker *city, struct broker *b, int version)
{
	struct mqtt_link_options o = to(mqtt_port(city->server));
	struct mqtt_link_state st = {0};
	struct peer p = {0}, s = {0};
	o.old = version == 4;
	o.user = b;
	struct mqtt_link *l = mqtt_link_open(b->server, &o);
	check(eventually(l, true));
	/* What comes there goes on here too, under its new topic. */
	peer_connect(&s, b, 5, (struct hello){.id = "s"});
	peer_subscribe(&s, "y/#", 2, STR_NULL);
	peer_connect(&p, city, 5, (struct hello){.id = "p"});
	peer_publish(&p, "x/0", "zero", 0, 0, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH y/0=zero q0");
	peer_publish(&p, "x/1", "one", 2, 1, BYTES("\x26\0\1k\0\1v"));
	check_has(peer_hear(&p), "PUBACK 1");
	check_eq_s(
	        peer_hear(&s), version == 5 ? "PUBLISH y/1=one q1 id=1 26=k:v" : "PUBLISH y/1=one q1 id=1");
	peer_publish(&p, "x/2", "two", 4, 2, STR_NULL);
	check_has(peer_hear(&p), "PUBREC 2");
	check_eq_s(peer_hear(&s), "PUBLISH y/2=two q2 id=2");
	peer_publish(&p, "z", "nothing", 2, 3, STR_NULL);
	check_has(peer_hear(&p), "PUBACK 3");
	peer_publish(&p, "x/3", "last", 2, 4, STR_NULL);
	check_has(peer_hear(&p), "PUBACK 4");
	check_eq_s(peer_hear(&s), "PUBLISH y/3=last q1 id=3");
	mqtt_link_look(l, &st);
	check_eq_i(st.version, version);
	check_eq_i(st.messages, 5);
	check_eq_i(st.unmapped, 1);
	check_eq_s(st.why, "");
	peer_close(&p);
	peer_close(&s);
}

TEST(readings_come_over_a_link_in_both_versions)
{
	for (int version = 4; version <= 5; version++) {
		struct broker city = {0}, b = {0};
		broker_start(&city, (struct mqtt_options){0});
		broker_start(&b, (struct mqtt_options){0});
		check_receives(&city, &b, version);
		check_eq_i(metric_get(METRIC_MQTT_LINKS), 1);
		broker_stop(&b);
		check_eq_i(metric_get(METRIC_MQTT_LINKS), 0);
		broker_stop(&city);
	}
}

/* The city's broker has a message as unanswered until it is done here. */
TEST(a_message_is_answered_there_when_it_is_done_here)
{
	struct broker city = {0}, b = {.hold = true};
	struct peer p = {0};
	broker_start(&city, (struct mqtt_options){.window = 2});
	broker_start(&b, (struct mqtt_options){0});
	struct mqtt_link_options o = to(mqtt_port(city.server));
	o.user = &b;
	struct mqtt_link *l = mqtt_link_open(b.server, &o);
	check(eventually(l, true));
	peer_connect(&p, &city, 4, (struct hello){.id = "p"});
	for (unsigned i = 1; i <= 4; i++)
		peer_publish(&p, "x/1", "v", 2, i, STR_NULL);
	check(broker_wait(&b, &b.published, 2));
	check_has(peer_hear(&p), "PUBACK 1");
	usleep(50000);
	check_eq_i(broker_published(&b), 2);
	broker_done(&b, 0, true);
	check(broker_wait(&b, &b.published, 3));
	/* What cannot be stored breaks the link; after that the broker sends it again. */
	broker_done(&b, 1, false);
	broker_done(&b, 2, true);
	check(broker_wait(&b, &b.published, 5));
	check(b.kept[3]->dup);
	for (int i = 3; i < broker_published(&b); i++)
		broker_done(&b, i, true);
	pthread_mutex_lock(&b.lock);
	b.hold = false;
	pthread_mutex_unlock(&b.lock);
	check(eventually(l, true));
	peer_close(&p);
	broker_stop(&b);
	broker_stop(&city);
}

/* Several of the same city share a subscription: each message comes to one of them. */
TEST(links_share_the_load)
{
	static const struct mqtt_link_filter shared = {"$share/heming/x/#", 1};
	struct broker city = {0}, b[2] = {0};
	struct peer p = {0};
	broker_start(&city, (struct mqtt_options){0});
	for (int i = 0; i < 2; i++) {
		struct mqtt_link_options o = to(mqtt_port(city.server));
		broker_start(&b[i], (struct mqtt_options){0});
		o.client_id = i == 0 ? "one" : "two";
		o.filters = &shared;
		o.user = &b[i];
		check(eventually(mqtt_link_open(b[i].server, &o), true));
	}
	peer_connect(&p, &city, 4, (struct hello){.id = "p"});
	for (unsigned i = 1; i <= 10; i++) {
		peer_publish(&p, "x/1", "v", 2, i, STR_NULL);
		check_has(peer_hear(&p), "PUBACK");
	}
	check(broker_wait(&b[0], &b[0].published, 5));
	check(broker_wait(&b[1], &b[1].published, 5));
	check_eq_i(b[0].published + b[1].published, 10);
	peer_close(&p);
	broker_stop(&b[0]);
	broker_stop(&b[1]);
	broker_stop(&city);
}

TEST(a_message_goes_to_the_other_broker_while_it_is_connected)
{
	struct broker city = {0}, b = {0};
	struct peer p = {0};
	const struct mqtt_outgoing m = {.topic = STR_LIT("c/1"),
	        .payload = STR_LIT("open"),
	        .response_topic = STR_LIT("a/1"),
	        .correlation = STR_LIT("1"),
	        .expires = 60 * US_SECOND};
	broker_start(&city, (struct mqtt_options){0});
	broker_start(&b, (struct mqtt_options){0});
	struct mqtt_link_options o = to(mqtt_port(city.server));
	o.user = &b;
	peer_connect(&p, &city, 5, (struct hello){.id = "p"});
	peer_subscribe(&p, "c/#", 1, STR_NULL);
	struct mqtt_link *l = mqtt_link_open(b.server, &o);
	check(eventually(l, true));
	check(mqtt_link_send(l, &m));
	check_has(peer_hear(&p), "PUBLISH c/1=open q1 id=1");
	peer_close(&p);
	broker_stop(&city);
	check(eventually(l, false));
	check(!mqtt_link_send(l, &m));
	broker_stop(&b);
}

/* Its end and its return; who is refused hears why. */
TEST(a_link_that_is_refused_or_lost_is_made_again)
{
	struct broker city = {.say = MQTT_R_CREDENTIALS}, b = {0};
	struct mqtt_link_state st = {0};
	int64_t refused = metric_get(METRIC_MQTT_LINK_BREAKS_CREDENTIALS);
	broker_start(&city, (struct mqtt_options){0});
	broker_start(&b, (struct mqtt_options){0});
	struct mqtt_link_options o = to(mqtt_port(city.server));
	o.user = &b;
	struct mqtt_link *l = mqtt_link_open(b.server, &o);
	check(broker_wait(&city, &city.connects, 1));
	check(grows(METRIC_MQTT_LINK_BREAKS_CREDENTIALS, refused));
	pthread_mutex_lock(&city.lock);
	city.say = MQTT_R_OK;
	pthread_mutex_unlock(&city.lock);
	check(eventually(l, true));
	mqtt_link_look(l, &st);
	check_eq_i(st.version, 5);
	check(st.breaks >= 1);
	broker_stop(&b);
	broker_stop(&city);
}

static int wait_accept(int listener)
{
	struct pollfd w = {.fd = listener, .events = POLLIN};
	return poll(&w, 1, 30000) == 1 ? accept(listener, NULL, NULL) : -1;
}

/* The level that the CONNECT on it names; -1 if none came. */
static int hear_connect(int fd)
{
	char in[64] = {0};
	size_t n = 0;
	struct pollfd w = {.fd = fd, .events = POLLIN};
	while (n < 9 && poll(&w, 1, 30000) == 1) {
		ssize_t got = recv(fd, in + n, sizeof(in) - n, 0);
		if (got <= 0)
			return -1;
		n += (size_t)got;
	}
	return n >= 9 && in[0] == 0x10 ? in[8] : -1;
}

TEST(a_broker_of_3_1_1_and_one_that_speaks_nonsense)
{
	struct broker b = {0};
	struct err e = ERR_INIT;
	int listener = -1, port = 0;
	check_ok(socket_listen("127.0.0.1", 0, &listener, &port, &e), &e);
	broker_start(&b, (struct mqtt_options){0});
	struct mqtt_link_options o = to(port);
	o.user = &b;
	struct mqtt_link_state st = {0};
	struct mqtt_link *l = mqtt_link_open(b.server, &o);
	/* It says which version it does not take; then it hangs up; then it says what no broker says. */
	int fd = wait_accept(listener);
	check_eq_i(hear_connect(fd), 5);
	raw_send(fd, "\x20\2\0\1", 4);
	check(raw_closed(fd));
	fd = wait_accept(listener);
	check_eq_i(hear_connect(fd), 4);
	close(fd);
	fd = wait_accept(listener);
	check_eq_i(hear_connect(fd), 5);
	int64_t wrong = metric_get(METRIC_MQTT_LINK_BREAKS_PROTOCOL);
	raw_send(fd, "HTTP/1.1 400\r\n\r\n", 16);
	check(raw_closed(fd));
	check(grows(METRIC_MQTT_LINK_BREAKS_PROTOCOL, wrong));
	mqtt_link_look(l, &st);
	check(!st.connected);
	broker_stop(&b);
	close(listener);
}
