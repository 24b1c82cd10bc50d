#include "api/oidc.h"
#include "api/api_int.h"
#include "api/jwt.h"
#include "base/id.h"
#include "net/fetch.h"
#include "store/sql.h"

#define TRY_LIVES (10 * US_MINUTE)
#define KEPT US_HOUR            /* what the provider says of itself */
#define ASK_AGAIN US_MINUTE     /* for a key that is not known, at most this often */
#define CLOCKS_DIFFER US_MINUTE /* the provider's and ours */
#define COOKIE "heming_oidc"

struct oidc {
	char *issuer, *client_id, *client_secret, *claim, *url, *callback;
	bool plain; /* the provider is on this machine, without TLS */
	pthread_mutex_t lock;
	/* Under the lock: what the provider said. */
	struct arena *a;
	const char *authorize, *token;
	struct doc *jwks;
	dur_us at; /* monotonic */
};

static bool is_here(const char *url)
{
	static const char *const here[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};

	for (size_t i = 0; i < ARRAY_LEN(here); i++) {
		size_t n = strlen(here[i]);

		/* Not that of another host whose name begins so. */
		if (strncmp(url, here[i], n) == 0 && (url[n] == '\0' || url[n] == ':' || url[n] == '/'))
			return true;
	}
	return false;
}

static int check_url(const char *url, const char *setting, struct err *e)
{
	if (url != NULL && (strncmp(url, "https://", 8) == 0 || is_here(url)) && url[strlen(url) - 1] != '/')
		return 0;
	err_set(e, ERR_INVALID, "an address as https://sso.example is needed, without a slash at its end");
	err_at(e, NULL, 0, 0, setting);
	return ERR_INVALID;
}

int oidc_new(const struct oidc_options *o, struct oidc **out, struct err *e)
{
	struct oidc *x;
	int rc;

	*out = NULL;
	if (o->issuer == NULL)
		return 0;
	rc = check_url(o->issuer, "oidc-issuer", e);
	if (rc == 0)
		rc = check_url(o->url, "oidc-url", e);
	if (rc == 0 && o->client_id == NULL) {
		err_set(e, ERR_INVALID, "the id under which the provider knows this site is needed");
		err_at(e, NULL, 0, 0, "oidc-client-id");
		rc = ERR_INVALID;
	}
	if (rc < 0)
		return rc;
	x = xcalloc(1, sizeof(*x));
	x->issuer = xstrdup(o->issuer);
	x->client_id = xstrdup(o->client_id);
	x->client_secret = o->client_secret != NULL ? xstrdup(o->client_secret) : NULL;
	x->claim = xstrdup(o->claim != NULL ? o->claim : "preferred_username");
	x->url = xstrdup(o->url);
	x->callback = xasprintf("%s/api/v1/oidc/callback", o->url);
	x->plain = is_here(o->issuer);
	must(pthread_mutex_init(&x->lock, NULL) == 0);
	*out = x;
	return 0;
}

void oidc_free(struct oidc **xp)
{
	struct oidc *x = *xp;

	if (x == NULL)
		return;
	*xp = NULL;
	pthread_mutex_destroy(&x->lock);
	arena_free(&x->a);
	free(x->issuer);
	free(x->client_id);
	free(x->client_secret);
	free(x->claim);
	free(x->url);
	free(x->callback);
	free(x);
}

/* ---- what the provider says of itself ---- */

static int ask_json(const struct oidc *x, struct fetch *f, struct arena *a, struct doc **out, struct err *e)
{
	struct str body;
	int status = 0, rc;

	f->plain = x->plain;
	rc = fetch(f, a, &status, &body, e);
	if (rc == 0 && status != 200)
		rc = err_set(e, ERR_UNAVAILABLE, "the provider answers %d", status);
	if (rc == 0 && doc_parse_json(a, body, f->url, out, e) < 0)
		rc = err_set(e, ERR_UNAVAILABLE, "the provider's answer is no JSON");
	if (rc < 0)
		err_at(e, f->url, 0, 0, NULL);
	return rc;
}

static int endpoint(
        const struct oidc *x, const struct doc *d, const char *name, const char **out, struct err *e)
{
	*out = doc_str(d, name, "");
	if (strncmp(*out, "https://", 8) == 0 || (x->plain && is_here(*out)))
		return 0;
	return err_set(e, ERR_UNAVAILABLE, "the provider tells no %s", name);
}

/* Called with the lock held. OpenID Connect Discovery 1.0, 4.3: the issuer must be the one that was asked. */
static int discover(struct oidc *x, struct err *e)
{
	struct arena *a = arena_new(8 << 20);
	const char *authorize = "", *token = "", *keys = "";
	struct doc *d = NULL, *jwks = NULL;
	struct fetch f = {.url = arena_printf(a, "%s/.well-known/openid-configuration", x->issuer)};
	int rc = ask_json(x, &f, a, &d, e);

	if (rc == 0 && strcmp(doc_str(d, "issuer", ""), x->issuer) != 0)
		rc = err_set(e, ERR_UNAVAILABLE, "the provider calls itself \"%.100s\", not %s",
		        doc_str(d, "issuer", ""), x->issuer);
	if (rc == 0)
		rc = endpoint(x, d, "authorization_endpoint", &authorize, e);
	if (rc == 0)
		rc = endpoint(x, d, "token_endpoint", &token, e);
	if (rc == 0)
		rc = endpoint(x, d, "jwks_uri", &keys, e);
	if (rc == 0) {
		f.url = keys;
		rc = ask_json(x, &f, a, &jwks, e);
	}
	if (rc < 0) {
		arena_free(&a);
		return rc;
	}
	arena_free(&x->a);
	x->a = a;
	x->authorize = authorize;
	x->token = token;
	x->jwks = jwks;
	x->at = clock_monotonic();
	return 0;
}

static int known(struct oidc *x, dur_us at_most, struct err *e)
{
	return x->a != NULL && clock_monotonic() - x->at < at_most ? 0 : discover(x, e);
}

/* The two addresses, into the request's arena. */
static int addresses(
        struct oidc *x, struct arena *a, const char **authorize, const char **token, struct err *e)
{
	int rc;

	pthread_mutex_lock(&x->lock);
	rc = known(x, KEPT, e);
	if (rc == 0) {
		*authorize = arena_strdup(a, x->authorize);
		*token = arena_strdup(a, x->token);
	}
	pthread_mutex_unlock(&x->lock);
	return rc;
}

static int verify(
        struct oidc *x, struct arena *a, const char *token, const struct doc **claims, struct err *e)
{
	int rc;

	pthread_mutex_lock(&x->lock);
	rc = known(x, KEPT, e);
	if (rc == 0)
		rc = jwt_verify(a, str_of(token), x->jwks, claims, e);
	if (rc == ERR_NOTFOUND && clock_monotonic() - x->at > ASK_AGAIN && (rc = discover(x, e)) == 0)
		rc = jwt_verify(a, str_of(token), x->jwks, claims, e);
	pthread_mutex_unlock(&x->lock);
	if (rc == ERR_NOTFOUND)
		rc = err_set(
		        e, ERR_UNAUTH, "the token was signed with a key that the provider does not tell");
	return rc;
}

/* ---- going there ---- */

static void parameter(struct sb *b, const char *name, const char *value)
{
	sb_printf(b, "%s%s=", b->n > 0 ? "&" : "", name);
	url_escape(b, value);
}

struct try_ {
	const char *state; /* its hash */
	char nonce[33], verifier[65];
	bool there;
};

static int put_try(struct store_tx *tx, void *arg, struct err *e)
{
	const struct try_ *t = arg;

	return sql_oidc_put(tx,
	        &(struct sql_oidc_put_in){.state = str_of(t->state),
	                .nonce = str_of(t->nonce),
	                .verifier = str_of(t->verifier),
	                .at = store_now(tx)},
	        NULL, e);
}

/* Lax, not Strict: the way back begins at the provider's page. */
static void set_cookie(struct call *c, const char *state, int age_s)
{
	http_set_header(c->r, "Set-Cookie",
	        arena_printf(c->a, COOKIE "=%s; Path=/api/v1/oidc; HttpOnly; SameSite=Lax; Max-Age=%d%s",
	                state, age_s, http_secure(c->r) ? "; Secure" : ""));
}

static int need(const struct call *c, struct err *e)
{
	return c->s->oidc != NULL ? 0 : err_set(e, ERR_NOTFOUND, "this site has no provider to sign in at");
}

int oidc_get(struct call *c, struct err *e)
{
	(void)e;
	jw_object(&c->w);
	jw_kbool(&c->w, "on", c->s->oidc != NULL);
	jw_object_end(&c->w);
	return 0;
}

int oidc_start(struct call *c, struct err *e)
{
	struct oidc *x = c->s->oidc;
	char state[33], hash[2 * DIGEST_LEN + 1], challenge[48];
	const char *authorize = "", *token;
	struct try_ t = {.state = hash};
	uint8_t h[DIGEST_LEN];
	struct sb b = SB_INIT;
	int rc = need(c, e);

	if (rc == 0)
		rc = addresses(x, c->a, &authorize, &token, e);
	if (rc < 0)
		return rc;
	random_hex(16, state);
	random_hex(16, t.nonce);
	random_hex(32, t.verifier);
	token_hash(str_of(state), hash);
	rc = store_write(c->site->store, "go to the provider", put_try, &t, e);
	if (rc < 0)
		return rc;
	digest_once(DIGEST_SHA256, t.verifier, strlen(t.verifier), h);
	base64url_encode(h, sizeof(h), challenge);
	parameter(&b, "response_type", "code");
	parameter(&b, "client_id", x->client_id);
	parameter(&b, "redirect_uri", x->callback);
	parameter(&b, "scope", "openid profile");
	parameter(&b, "state", state);
	parameter(&b, "nonce", t.nonce);
	parameter(&b, "code_challenge", challenge);
	parameter(&b, "code_challenge_method", "S256");
	set_cookie(c, state, (int)(TRY_LIVES / US_SECOND));
	http_set_header(c->r, "Location",
	        arena_printf(c->a, "%s%c%s", authorize, strchr(authorize, '?') != NULL ? '&' : '?', b.p));
	sb_fini(&b);
	c->status = 302;
	return 0;
}

/* ---- coming back ---- */

static int take_try(struct store_tx *tx, void *arg, struct err *e)
{
	struct try_ *t = arg;
	struct sql_oidc_get_row r;
	int rc = sql_oidc_get(tx,
	        &(struct sql_oidc_get_in){.state = str_of(t->state), .after = store_now(tx) - TRY_LIVES}, &r,
	        e);

	if (rc < 0)
		return rc;
	t->there = rc > 0;
	if (t->there) {
		snprintf(t->nonce, sizeof(t->nonce), STR_FMT, STR_ARG(r.nonce));
		snprintf(t->verifier, sizeof(t->verifier), STR_FMT, STR_ARG(r.verifier));
	}
	return sql_oidc_drop(tx,
	        &(struct sql_oidc_drop_in){.state = str_of(t->state), .before = store_now(tx) - TRY_LIVES},
	        NULL, e);
}

/* The token behind the code. */
static int redeem(struct call *c, const struct try_ *t, const char *code, const char **token, struct err *e)
{
	struct oidc *x = c->s->oidc;
	const char *authorize;
	struct sb b = SB_INIT;
	struct doc *d = NULL;
	struct fetch f = {0};
	int rc = addresses(x, c->a, &authorize, &f.url, e);

	if (rc < 0)
		return rc;
	parameter(&b, "grant_type", "authorization_code");
	parameter(&b, "code", code);
	parameter(&b, "redirect_uri", x->callback);
	parameter(&b, "client_id", x->client_id);
	parameter(&b, "code_verifier", t->verifier);
	f.form = b.p;
	if (x->client_secret != NULL) {
		f.user = x->client_id;
		f.password = x->client_secret;
	}
	rc = ask_json(x, &f, c->a, &d, e);
	sb_fini(&b);
	if (rc < 0)
		return rc;
	*token = doc_str(d, "id_token", "");
	return **token != '\0' ? 0 : err_set(e, ERR_UNAUTH, "the provider gave no token");
}

static bool names_us(const struct oidc *x, const struct doc *claims)
{
	const struct doc *aud = doc_get(claims, "aud");
	const char *azp = doc_str(claims, "azp", NULL);
	bool found = false;

	if (aud != NULL && aud->type == DOC_STRING)
		return strcmp(aud->text, x->client_id) == 0;
	DOC_EACH(one, aud)
	found = found || (one->type == DOC_STRING && strcmp(one->text, x->client_id) == 0);
	return found && (aud->count == 1 || (azp != NULL && strcmp(azp, x->client_id) == 0));
}

/* OpenID Connect Core 1.0, 3.1.3.7. */
static int check_claims(const struct call *c, const struct doc *claims, const struct try_ *t, struct err *e)
{
	const struct oidc *x = c->s->oidc;
	int64_t now = clock_now(c->site->clock) / US_SECOND, skew = CLOCKS_DIFFER / US_SECOND;

	if (strcmp(doc_str(claims, "iss", ""), x->issuer) != 0)
		return err_set(e, ERR_UNAUTH, "the token is of another issuer");
	if (!names_us(x, claims))
		return err_set(e, ERR_UNAUTH, "the token is for somebody else");
	if (doc_int(claims, "exp", 0) <= now - skew)
		return err_set(e, ERR_UNAUTH, "the token has expired; sign in again, and look at the clocks");
	if (doc_int(claims, "iat", INT64_MAX) > now + skew)
		return err_set(e, ERR_UNAUTH, "the token is of the future; look at the clocks");
	if (strcmp(doc_str(claims, "nonce", ""), t->nonce) != 0)
		return err_set(e, ERR_UNAUTH, "the token belongs to another sign-in");
	return 0;
}

int oidc_callback(struct call *c, struct err *e)
{
	const char *state = call_text(c, "state"), *code = call_text(c, "code"),
	           *error = call_text(c, "error"), *cookie = http_cookie(c->r, COOKIE), *token = "";
	char hash[2 * DIGEST_LEN + 1], session[SESSION_TOKEN];
	struct try_ t = {.state = hash};
	const struct doc *claims = NULL;
	int rc = need(c, e);

	if (rc < 0)
		return rc;
	/* Without the cookie it is another browser's sign-in: who follows such a link would work as somebody
	 * else. */
	if (state == NULL || cookie == NULL || strcmp(state, cookie) != 0)
		return err_set(
		        e, ERR_UNAUTH, "this sign-in did not begin here; begin at %s", c->s->oidc->url);
	token_hash(str_of(state), hash);
	rc = store_write(c->site->store, "back from the provider", take_try, &t, e);
	if (rc < 0)
		return rc;
	if (!t.there)
		return err_set(e, ERR_UNAUTH, "this sign-in is over, or took too long; begin at %s",
		        c->s->oidc->url);
	if (error != NULL || code == NULL)
		return err_set(e, ERR_UNAUTH, "the provider did not let you in: %.100s",
		        error != NULL ? error : "it gave no code");
	rc = redeem(c, &t, code, &token, e);
	if (rc == 0)
		rc = verify(c->s->oidc, c->a, token, &claims, e);
	if (rc == 0)
		rc = check_claims(c, claims, &t, e);
	if (rc == 0)
		rc = session_open_as(c->site->store, doc_str(claims, c->s->oidc->claim, ""),
		        http_remote(c->r), session, e);
	if (rc < 0)
		return rc;
	session_cookie(c, session);
	http_set_header(c->r, "Location", arena_printf(c->a, "%s/", c->s->oidc->url));
	c->status = 302;
	return 0;
}
