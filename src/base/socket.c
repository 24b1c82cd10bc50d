#include "base/socket.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int resolve(const char *host, int port, int flags, struct addrinfo **out, struct err *e)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
	char service[16];
	if (port < 0 || port > 65535)
		return err_set(e, ERR_INVALID, "%d is not a port; ports are 0 to 65535", port);
	snprintf(service, sizeof(service), "%d", port);
	int rc = getaddrinfo(host, service, &hints, out);
	if (rc != 0)
		return err_set(e, ERR_INVALID, "the address \"%s\" is not known: %s", host, gai_strerror(rc));
	return 0;
}

static int bound_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} sa = {0};
	socklen_t n = sizeof(sa);
	if (getsockname(fd, &sa.any, &n) < 0)
		return 0;
	return ntohs(sa.any.sa_family == AF_INET6 ? sa.in6.sin6_port : sa.in.sin_port);
}

static int cannot_listen(struct err *e, int err_no, const char *address, int port)
{
	switch (err_no) {
	case EADDRINUSE:
		return err_set(e, ERR_CONFLICT,
		        "port %d of %s is taken by another program; stop that program or choose another port",
		        port, address);
	case EACCES:
		return err_set(e, ERR_DENIED,
		        "this user may not listen on port %d of %s; choose a port from 1024 on, or give the "
		        "program CAP_NET_BIND_SERVICE",
		        port, address);
	case EADDRNOTAVAIL:
		return err_set(e, ERR_INVALID,
		        "this machine has no address %s; 127.0.0.1 is itself, 0.0.0.0 and :: are all it has",
		        address);
	default: return err_errno(e, err_no, "cannot listen on port %d of %s", port, address);
	}
}

int socket_listen(const char *address, int port, int *fd, int *got, struct err *e)
{
	struct addrinfo *ai = NULL;
	int s = -1, yes = 1, no = 0;
	int rc = resolve(address, port, AI_PASSIVE, &ai, e);
	if (rc < 0)
		goto out;
	s = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0) {
		rc = err_errno(e, errno, "cannot make a socket for %s", address);
		goto out;
	}
	/* A restarted program takes its port back although old connections of it linger. */
	(void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (ai->ai_family == AF_INET6)
		(void)setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	if (bind(s, ai->ai_addr, ai->ai_addrlen) < 0 || listen(s, 1024) < 0) {
		rc = cannot_listen(e, errno, address, port);
		goto out;
	}
	*got = bound_port(s);
	*fd = s;
	s = -1;
out:
	if (s >= 0)
		close(s);
	if (ai)
		freeaddrinfo(ai);
	return rc;
}

/* 0, or the errno of the attempt. */
static int connect_one(const struct addrinfo *ai, dur_us until, int *fd)
{
	int s = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1, why = 0;
	socklen_t n = sizeof(why);
	if (s < 0)
		return errno;
	if (connect(s, ai->ai_addr, ai->ai_addrlen) < 0 && errno != EINPROGRESS) {
		why = errno;
		goto out;
	}
	for (;;) {
		struct pollfd p = {.fd = s, .events = POLLOUT};
		dur_us left = until - clock_monotonic();
		int got = left > 0 ? poll(&p, 1, (int)(left / US_MS) + 1) : 0;
		if (got > 0)
			break;
		if (got == 0) {
			why = ETIMEDOUT;
			goto out;
		}
		if (errno != EINTR) {
			why = errno;
			goto out;
		}
	}
	if (getsockopt(s, SOL_SOCKET, SO_ERROR, &why, &n) < 0)
		why = errno;
out:
	if (why != 0) {
		close(s);
		return why;
	}
	(void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	*fd = s;
	return 0;
}

int socket_connect(const char *host, int port, dur_us wait, int *fd, struct err *e)
{
	struct addrinfo *list = NULL;
	dur_us until = clock_monotonic() + wait;
	int why = ECONNREFUSED;
	int rc = resolve(host, port, 0, &list, e);
	if (rc < 0)
		return rc;
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		why = connect_one(ai, until, fd);
		if (why == 0)
			break;
	}
	freeaddrinfo(list);
	if (why == 0)
		return 0;
	if (why == ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, "port %d of %s did not answer in time", port, host);
	if (why == ECONNREFUSED)
		return err_set(e, ERR_UNAVAILABLE,
		        "nobody listens on port %d of %s; start the server or correct the address", port,
		        host);
	return err_errno(e, why, "cannot connect to port %d of %s", port, host);
}

const char *socket_peer(const void *sa, char buf[SOCKET_PEER_LEN])
{
	struct sockaddr_storage s = {0};
	memcpy(&s.ss_family, sa, sizeof(s.ss_family));
	buf[0] = '\0';
	if (s.ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof(in));
		inet_ntop(AF_INET, &in.sin_addr, buf, SOCKET_PEER_LEN);
	} else if (s.ss_family == AF_INET6) {
		struct sockaddr_in6 in;
		memcpy(&in, sa, sizeof(in));
		if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr))
			inet_ntop(AF_INET, &in.sin6_addr.s6_addr[12], buf, SOCKET_PEER_LEN);
		else
			inet_ntop(AF_INET6, &in.sin6_addr, buf, SOCKET_PEER_LEN);
	}
	return buf;
}
