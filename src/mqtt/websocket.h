/*
 * websocket - the server's side of RFC 6455 as bytes: handshake, frames. It has no socket and no extensions.
 * MQTT goes through it as the subprotocol "mqtt" in binary frames, whose ends mean nothing (MQTT 5.0, 6).
 *
 * One thread at a time.
 */
#ifndef HEMING_WEBSOCKET_H
#define HEMING_WEBSOCKET_H

#include "base/sb.h"

#define WEBSOCKET_REQUEST_MOST 8192u /* bytes of a handshake */
#define WEBSOCKET_CONTROL_MOST 125u  /* bytes in a control frame (5.5) */

/* Why a connection ends (7.4.1). */
enum websocket_code {
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_GOING_AWAY = 1001,
	WEBSOCKET_PROTOCOL = 1002,
	WEBSOCKET_NOT_BINARY = 1003,
};

struct websocket {
	enum { WEBSOCKET_HANDSHAKE, WEBSOCKET_OPEN, WEBSOCKET_OVER } phase;
	struct sb request; /* until it is whole */
	/* For the peer: the answer to the handshake, frames. The caller takes it away from the front. */
	struct sb out;
	enum websocket_code code; /* that a peer who broke the rules is to hear; 0: it did not */
	/* The frame that is being read. */
	unsigned char head[14];
	unsigned head_n;
	uint64_t left; /* bytes of its payload that are still to come */
	uint64_t read; /* and those that came */
	bool within;   /* a message whose last frame has not begun */
	char control[WEBSOCKET_CONTROL_MOST];
};

void websocket_init(struct websocket *w);
void websocket_fini(struct websocket *w);
/*
 * Takes n bytes from the peer. Those that are data are put together at p, in their order; returns how many
 * these are. *why is set, for ever, when the peer broke the rules: what it is told stands in `out`, and
 * nothing more is taken. Once it has said Close the phase is WEBSOCKET_OVER.
 */
size_t websocket_take(struct websocket *w, char *p, size_t n, const char **why);
/* A binary frame of n bytes, below 64 KiB, onto `out`. */
void websocket_put(struct websocket *w, const void *p, size_t n);
/* Close onto `out`, if the connection is open; it is over then. */
void websocket_close(struct websocket *w, enum websocket_code code);

#endif
