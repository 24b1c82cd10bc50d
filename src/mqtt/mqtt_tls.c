/*
 * TLS of a connection, by GnuTLS over its non-blocking socket. The handshake goes on inside the first reads;
 * who prepared the session knows certificates, this file does not.
 */
#include "mqtt/mqtt_int.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>

#define RECORD_B 16384u

struct mqtt__tls {
	gnutls_session_t session;
	bool shaken;
	bool unsent; /* GnuTLS holds a record that the socket did not take */
};

bool mqtt__tls_begin(struct mqtt__conn *c)
{
	struct mqtt_server *s = c->server;
	struct mqtt__tls *t = xcalloc(1, sizeof(*t));
	if (gnutls_init(&t->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
		free(t);
		return false;
	}
	c->tls = t;
	gnutls_transport_set_int(t->session, c->fd);
	return s->o.tls(s->o.tls_ctx, t->session) >= 0;
}

bool mqtt__tls_begin_client(struct mqtt__conn *c, const char *host, void *trust)
{
	struct mqtt__tls *t = xcalloc(1, sizeof(*t));
	if (gnutls_init(&t->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
		free(t);
		return false;
	}
	c->tls = t;
	gnutls_transport_set_int(t->session, c->fd);
	gnutls_session_set_verify_cert(t->session, host, 0);
	/* An address is no name to ask for (RFC 6066, 3). */
	bool address = strspn(host, "0123456789.") == strlen(host) || strchr(host, ':') != NULL;
	return gnutls_set_default_priority(t->session) >= 0 &&
	       gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, trust) >= 0 &&
	       (address || gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, host, strlen(host)) >= 0);
}

void mqtt__tls_end(struct mqtt__conn *c)
{
	struct mqtt__tls *t = c->tls;
	if (t == NULL)
		return;
	if (t->shaken)
		(void)gnutls_bye(t->session, GNUTLS_SHUT_WR);
	gnutls_deinit(t->session);
	free(t);
	c->tls = NULL;
}

/* As errno tells it. */
static ssize_t outcome(ssize_t n)
{
	if (n >= 0)
		return n;
	if (n == GNUTLS_E_AGAIN)
		errno = EAGAIN;
	else if (n == GNUTLS_E_INTERRUPTED)
		errno = EINTR;
	else if (n == GNUTLS_E_PREMATURE_TERMINATION)
		return 0;
	else
		errno = EPROTO;
	return -1;
}

static bool shake(struct mqtt__conn *c, ssize_t *n)
{
	struct mqtt__tls *t = c->tls;
	if (!t->shaken) {
		int rc = gnutls_handshake(t->session);
		t->shaken = rc == 0;
		c->tls_failed = rc < 0 && gnutls_error_is_fatal(rc);
		if (t->shaken && c->link)
			mqtt__link_greet(c);
		/* A warning is no end; the client goes on. */
		*n = outcome(rc < 0 && !gnutls_error_is_fatal(rc) ? GNUTLS_E_AGAIN : rc);
	}
	return t->shaken;
}

ssize_t mqtt__wire_recv(struct mqtt__conn *c, void *p, size_t n)
{
	ssize_t got = -1;
	if (c->tls == NULL)
		return recv(c->fd, p, n, 0);
	if (!shake(c, &got))
		return got;
	got = gnutls_record_recv(c->tls->session, p, n);
	/* Asking for new keys or a new handshake: the first is done by itself, the second not granted. */
	if (got < 0 && got != GNUTLS_E_INTERRUPTED && !gnutls_error_is_fatal((int)got))
		got = GNUTLS_E_AGAIN;
	return outcome(got);
}

ssize_t mqtt__wire_write(struct mqtt__conn *c, const void *p, size_t n)
{
	struct mqtt__tls *t = c->tls;
	if (t == NULL)
		return send(c->fd, p, n, MSG_NOSIGNAL);
	if (!t->shaken) {
		errno = EAGAIN;
		return -1;
	}
	ssize_t got = t->unsent ? gnutls_record_send(t->session, NULL, 0)
	                        : gnutls_record_send(t->session, p, n < RECORD_B ? n : RECORD_B);
	t->unsent = got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED;
	return outcome(got);
}

bool mqtt__tls_pending(const struct mqtt__conn *c)
{
	return c->tls && c->tls->shaken && gnutls_record_check_pending(c->tls->session) > 0;
}

bool mqtt__tls_wants_out(const struct mqtt__conn *c)
{
	return c->tls && !c->tls->shaken && gnutls_record_get_direction(c->tls->session) == 1;
}
