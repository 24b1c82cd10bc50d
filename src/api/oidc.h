/*
 * oidc - signing in at a provider of the city (OpenID Connect Core 1.0): authorization code with PKCE.
 *
 * A person goes to the provider and comes back with a code; the server asks the provider for the token behind
 * it, verifies it, and opens a session of the account that one of its claims names. It makes no accounts: who
 * may sign in is decided here.
 *
 * Threads: any worker; one at a time asks the provider. Keys are kept for an hour, and asked for anew when a
 * token names one that is not known.
 */
#ifndef HEMING_API_OIDC_H
#define HEMING_API_OIDC_H

#include "base/doc.h"

struct oidc_options {
	const char *issuer; /* NULL: none of this */
	const char *client_id;
	const char *client_secret; /* NULL: a public client, PKCE alone */
	const char *claim;         /* that is the login; NULL: preferred_username */
	const char *url;           /* of the pages, as browsers see it: "https://city.example" */
};
struct oidc;
/* *out is NULL without an issuer. ERR_INVALID: https is needed, but on this machine. */
MUST_USE int oidc_new(const struct oidc_options *o, struct oidc **out, struct err *e);
void oidc_free(struct oidc **o);

#endif
