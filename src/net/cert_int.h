/* cert_int - what the HTTP library is given to ask and to offer, as cert.c does it for others. */
#ifndef HEMING_NET_CERT_INT_H
#define HEMING_NET_CERT_INT_H

#include "net/cert.h"

#include <gnutls/gnutls.h>
#include <gnutls/abstract.h>

/* TLS 1.2 and 1.3, every key exchange with forward secrecy, every cipher with authentication, the server's
 * choice before the client's. */
#define TLS_PRIORITIES                                                                                       \
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:"    \
	"+AES-128-GCM:%SERVER_PRECEDENCE"

/* For a session whose pointer is a struct cert. */
gnutls_certificate_retrieve_function2 cert__give;

#endif
