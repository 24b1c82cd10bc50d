/*
 * command - what a person lets a device do, and what it answers.
 *
 * The device hears the command at things/THING/commands/ID and answers at things/THING/answers/ID with the
 * same ID (to a client of MQTT 5 that topic is the response topic too, and ID the correlation data). A
 * command is not sent any more once nobody waits for its answer. The journal has it before the device hears
 * of it.
 */
#ifndef HEMING_INGEST_COMMAND_H
#define HEMING_INGEST_COMMAND_H

#include "ingest/ingest.h"

#define COMMAND_BYTES (16 << 10)
#define COMMAND_WAIT_MOST US_MINUTE

struct device_command {
	const struct thing *thing; /* the caller has looked whether `by` may */
	const char *by;            /* login, for the journal */
	struct str payload;
	dur_us wait; /* for the answer, real time */
};
struct command_answer {
	char id[24];
	struct str payload; /* in the arena */
	dur_us took;
};
/* Waits. ERR_TIMEOUT without an answer, ERR_UNAVAILABLE when there is no MQTT, ERR_BUSY when too many wait.
 */
MUST_USE int command_send(struct ingest *in, const struct device_command *c, struct arena *a,
        struct command_answer *out, struct err *e);

#endif
