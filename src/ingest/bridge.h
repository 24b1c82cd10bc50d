/*
 * bridge - the brokers that a site already has: readings, and answers to commands, come from there, commands
 * go there.
 *
 * They stand in a file, brokers.yaml of the site's folder (docs/mqtt.md). What comes is taken exactly as from
 * a device at our own endpoint, under the topic t/THING/METRIC, t/THING or things/THING/answers/ID that the
 * patterns of the file give it.
 */
#ifndef HEMING_INGEST_BRIDGE_H
#define HEMING_INGEST_BRIDGE_H

#include "ingest/ingest.h"
#include "base/seal.h"
#include "mqtt/link.h"

struct bridges;
/* Reads and checks the file; without one there are none. ERR_INVALID says where and what. */
MUST_USE int bridges_read(const char *path, struct bridges **out, struct err *e);
void bridges_free(struct bridges **b); /* after mqtt_close; those before it too */
/* Whether both were read from the same words; NULL: there was no file. */
bool bridges_same(const struct bridges *a, const struct bridges *b);
/* Begins to connect; user_of makes what the MQTT door knows a device by. seal opens passwords and keys. */
void bridges_start(struct bridges *b, struct mqtt_server *s, const struct seal_ring *seal, void *ctx,
        void *(*user_of)(void *ctx, struct arena *a, const struct device *d));
/* The others are in its place from now on; `before` must live on until mqtt_close, and goes with b. */
void bridges_replace(struct bridges *b, struct bridges *before);
int bridges_count(const struct bridges *b); /* of NULL 0 */
void bridges_look(const struct bridges *b, int i, struct mqtt_link_state *out);
/* The topic that a message of broker i counts under here; false: none. */
bool bridges_map(struct bridges *b, int i, struct str topic, struct sb *to);

/* ERR_NOTFOUND: the thing is not behind any of these brokers. ERR_UNAVAILABLE: it is not connected. *broker:
 * its name, which lives as long as b. */
MUST_USE int bridges_command(struct bridges *b, const char *thing, const char *id, struct str payload,
        dur_us wait, const char **broker, struct err *e);

#endif
