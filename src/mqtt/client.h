/*
 * client - the device's half of MQTT 3.1.1, blocking, over TCP: for the simulator and the tests.
 * One thread owns a client.
 */
#ifndef HEMING_MQTT_CLIENT_H
#define HEMING_MQTT_CLIENT_H

#include "base/err.h"
#include "base/sb.h"
#include "base/time.h"

struct mqtt_client;
/* Connects and waits for CONNACK: ERR_UNAUTH or ERR_DENIED when refused. wait: longest wait of any answer. */
MUST_USE int mqtt_client_connect(const char *host, int port, const char *client_id, const char *username,
        const char *password, dur_us wait, struct mqtt_client **out, struct err *e);
/* qos 1 sends and returns; *id names the message for mqtt_client_wait. */
MUST_USE int mqtt_client_publish(
        struct mqtt_client *c, const char *topic, struct str payload, int qos, uint16_t *id, struct err *e);
/* Waits until every QoS 1 message sent so far has its PUBACK; ERR_TIMEOUT, ERR_IO when the peer closed. */
MUST_USE int mqtt_client_wait(struct mqtt_client *c, struct err *e);
int mqtt_client_unacked(const struct mqtt_client *c);
void mqtt_client_close(struct mqtt_client **c); /* sends DISCONNECT if it can */

#endif
