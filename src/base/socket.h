/*
 * socket - the TCP sockets under the doors: listening, connecting, who is on the other side.
 *
 * All of them are non-blocking and close on exec. A failure says which address, and what to do.
 */
#ifndef HEMING_SOCKET_H
#define HEMING_SOCKET_H

#include "base/err.h"
#include "base/time.h"

#define SOCKET_PEER_LEN 48 /* room for any address as text */

/* Listens on an address ("127.0.0.1", "0.0.0.0", "::", which takes IPv4 too) or name; port 0: any free one,
 * told in *got. ERR_CONFLICT when the port is taken. */
MUST_USE int socket_listen(const char *address, int port, int *fd, int *got, struct err *e);
/* Waits up to `wait`: ERR_TIMEOUT, or ERR_UNAVAILABLE when nobody listens there. */
MUST_USE int socket_connect(const char *host, int port, dur_us wait, int *fd, struct err *e);
/* sa: struct sockaddr of a peer. An IPv4 address inside an IPv6 one is written as IPv4. Returns buf. */
const char *socket_peer(const void *sa, char buf[SOCKET_PEER_LEN]);

#endif
