/*
 * A broker whose door keeps notes, and a raw socket to it. Nobody may subscribe below secret/ nor receive
 * what is below hidden/; what is published below refused/ is refused, below lost/ it cannot be stored.
 */
#ifndef HEMING_MQTT_TEST_H
#define HEMING_MQTT_TEST_H

#include "check.h"
#include "mqtt/mqtt.h"

#include <pthread.h>

#define KEEP_MOST 4096

struct broker {
	struct mqtt_server *server;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum mqtt_reason say; /* to every CONNECT */
	bool hold;            /* messages are kept instead of done at once */
	_Atomic bool over;    /* nobody may stay */
	struct mqtt_message *kept[KEEP_MOST];
	int kept_n, connects, closes, published;
	struct sb text; /* "topic=payload;" of each message */
	struct sb outside;
	struct sb blames; /* reasons, of clients that were in */
	char why[128];    /* of the last close */
	char id[64];      /* client id, user name and password of the last CONNECT */
	char username[64], password[64];
};

void broker_start(struct broker *b, struct mqtt_options o);
void broker_stop(struct broker *b);
/* Waits, at most some seconds, until the counter is at least n. */
bool broker_wait(struct broker *b, const int *counter, int n);
int broker_published(struct broker *b);
bool broker_blamed(struct broker *b, const char *reasons); /* whether these stand in the blames */
void broker_done(struct broker *b, int i, bool ok);        /* the i-th kept message */

int raw_open(const struct broker *b);
void raw_send(int fd, const void *p, size_t n);
#define RAW(fd, s) raw_send((fd), (s), sizeof(s) - 1)
/* The next n bytes are these; false prints both. */
#define raw_expect(fd, s) raw__expect(CHECK_AT, (fd), (s), sizeof(s) - 1)
bool raw__expect(const char *file, int line, int fd, const void *want, size_t n);
/* Reads until the peer closes, within a few seconds. */
bool raw_closed(int fd);
void raw_connect(int fd, const char *client_id); /* CONNECT, and checks CONNACK 0 */

#endif
