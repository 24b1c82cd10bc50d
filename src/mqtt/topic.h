/*
 * topic - topics and filters of MQTT as text (4.7 of MQTT 5.0): what a filter takes, and how filters lie to
 * each other. Pure.
 */
#ifndef HEMING_MQTT_TOPIC_H
#define HEMING_MQTT_TOPIC_H

#include "base/sb.h"

bool topic_valid(struct str topic);   /* not empty, no wildcard */
bool filter_valid(struct str filter); /* not empty, wildcards where they may stand */
bool filter_takes(struct str filter, struct str topic);
/* All that `part` takes, `whole` takes too. */
bool filter_covers(struct str whole, struct str part);
/* Some topic is taken by both. */
bool filters_meet(struct str a, struct str b);

#endif
