/*
 * cert - certificate and key of a door, and how new ones come in while it is open.
 *
 * GnuTLS asks for the certificate at every handshake, so that a swap concerns the connections that begin
 * after it. An old one is kept until no handshake can use it any more. Any thread.
 */
#ifndef HEMING_NET_CERT_H
#define HEMING_NET_CERT_H

#include "base/err.h"
#include "base/time.h"

struct cert;
struct gnutls_session_int;
struct cert_options {
	const char *cert, *key; /* PEM files: the server's own certificate first; they must live as long */
	dur_us look;            /* how often these are looked at for a change; 0: a minute */
	dur_us handshake;       /* no handshake lasts longer; 0: two minutes */
};
MUST_USE int cert_open(const struct cert_options *o, struct cert **out, struct err *e);
void cert_close(struct cert **c); /* after the last session has ended */
/* Reads the files again; *until: when the certificate's time ends. Where they cannot be used, the old ones
 * stay. */
MUST_USE int cert_reload(struct cert *c, time_us *until, struct err *e);
/* The same, when it is time to and they have changed. now: monotonic. */
void cert_look(struct cert *c, dur_us now);
/* Prepares the server's side of a session. 0, or a code of GnuTLS. */
MUST_USE int cert_begin(struct cert *c, struct gnutls_session_int *session);

#endif
