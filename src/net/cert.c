#include "net/cert_int.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metric.h"

#include <pthread.h>
#include <sys/stat.h>

#define CERT_MAGIC 0x43e27001u
#define CHAIN_MOST 8
#define FILE_MOST (1 << 20)
#define LOOK_EVERY US_MINUTE

struct pair {
	gnutls_pcert_st chain[CHAIN_MOST];
	unsigned chain_n;
	gnutls_privkey_t key;
	time_us from, until;
	dur_us retired; /* monotonic */
	struct pair *next;
};
struct stamp {
	struct stat cert, key;
};
struct cert {
	uint32_t magic;
	gnutls_certificate_credentials_t credentials; /* which ask cert__give */
	const char *cert, *key;                       /* files; the caller's */
	dur_us handshake;                             /* no handshake lasts longer */
	dur_us every, looked;
	struct clock *clock;  /* the world's: who looks at the certificate has no other */
	pthread_mutex_t load; /* one at a time; of `seen` and `looked` */
	struct stamp seen;    /* the files as last read, taken or not */
	pthread_mutex_t lock; /* of what follows; taken inside `load` */
	struct pair *now, *old;
};

static void pair_free(struct pair *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->chain_n; i++)
		gnutls_pcert_deinit(&c->chain[i]);
	if (c->key != NULL)
		gnutls_privkey_deinit(c->key);
	free(c);
}

static int fault(struct err *e, const char *file, int rc, const char *what)
{
	err_set(e, ERR_INVALID, "%s: %s", what, gnutls_strerror(rc));
	return err_at(e, file, 0, 0, NULL);
}

/* A certificate and a key that do not belong together would fail every handshake. */
static int fits(const struct cert *t, const struct pair *c, struct err *e)
{
	unsigned char a[64], b[64];
	size_t a_n = sizeof(a), b_n = sizeof(b);
	gnutls_pubkey_t of_key;
	int rc = gnutls_pubkey_init(&of_key);

	must(rc == 0);
	rc = gnutls_pubkey_import_privkey(of_key, c->key, 0, 0);
	if (rc == 0)
		rc = gnutls_pubkey_get_key_id(of_key, GNUTLS_KEYID_USE_SHA256, a, &a_n);
	if (rc == 0)
		rc = gnutls_pubkey_get_key_id(c->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, b, &b_n);
	gnutls_pubkey_deinit(of_key);
	if (rc < 0)
		return fault(e, t->key, rc, "the key cannot be used");
	if (a_n == b_n && memcmp(a, b, a_n) == 0)
		return 0;
	err_set(e, ERR_INVALID, "this is not the key of the certificate in %s", t->cert);
	return err_at(e, t->key, 0, 0, NULL);
}

static int read_span(const struct cert *t, struct pair *c, struct err *e)
{
	gnutls_x509_crt_t leaf;
	int rc = gnutls_pcert_export_x509(&c->chain[0], &leaf);

	if (rc < 0)
		return fault(e, t->cert, rc, "the certificate cannot be used");
	c->from = (time_us)gnutls_x509_crt_get_activation_time(leaf) * US_SECOND;
	c->until = (time_us)gnutls_x509_crt_get_expiration_time(leaf) * US_SECOND;
	gnutls_x509_crt_deinit(leaf);
	return 0;
}

static int cert_read(const struct cert *t, struct pair **out, struct err *e)
{
	struct arena *a = arena_new(0);
	struct pair *c = xcalloc(1, sizeof(*c));
	struct str cert, key;
	gnutls_datum_t d;
	unsigned n = CHAIN_MOST;
	int rc = file_read(a, t->cert, FILE_MOST, &cert, e);

	if (rc == 0)
		rc = file_read(a, t->key, FILE_MOST, &key, e);
	if (rc < 0)
		goto out;
	d = (gnutls_datum_t){(unsigned char *)(uintptr_t)cert.p, (unsigned)cert.n};
	rc = gnutls_pcert_list_import_x509_raw(
	        c->chain, &n, &d, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	if (rc < 0) {
		rc = fault(e, t->cert, rc, "this is no certificate chain in PEM, the server's own first");
		goto out;
	}
	c->chain_n = n;
	d = (gnutls_datum_t){(unsigned char *)(uintptr_t)key.p, (unsigned)key.n};
	must(gnutls_privkey_init(&c->key) == 0);
	rc = gnutls_privkey_import_x509_raw(c->key, &d, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc < 0) {
		rc = fault(e, t->key, rc, "this is no private key in PEM without a password");
		goto out;
	}
	rc = fits(t, c, e);
	if (rc == 0)
		rc = read_span(t, c, e);
out:
	if (rc < 0) {
		pair_free(c);
		c = NULL;
	}
	*out = c;
	arena_free(&a);
	return rc;
}

static bool stamp_of(const struct cert *t, struct stamp *s)
{
	memset(s, 0, sizeof(*s));
	return stat(t->cert, &s->cert) == 0 && stat(t->key, &s->key) == 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static const char *day(time_us t, char buf[40])
{
	return time_format(t, zone_utc(), buf);
}

static void take(struct cert *t, struct pair *c)
{
	dur_us now = clock_monotonic();
	char until[40];

	LOG(TLS_CERT, log_s("file", t->cert), log_s("until", day(c->until, until)));
	metric_set(METRIC_TLS_UNTIL, c->until / US_SECOND);
	pthread_mutex_lock(&t->lock);
	for (struct pair **p = &t->old; *p != NULL;) {
		struct pair *x = *p;

		if (now - x->retired < t->handshake) {
			p = &x->next;
			continue;
		}
		*p = x->next;
		pair_free(x);
	}
	if (t->now != NULL) {
		t->now->retired = now;
		t->now->next = t->old;
		t->old = t->now;
	}
	t->now = c;
	pthread_mutex_unlock(&t->lock);
}

/* A new certificate out of its time is a mistake of who put it there; at the start there is no other. */
static int in_time(const struct cert *t, const struct pair *c, struct err *e)
{
	time_us now = clock_now(t->clock);
	char text[40];

	if (now >= c->from && now < c->until)
		return 0;
	if (now < c->from)
		err_set(e, ERR_INVALID, "the certificate's time begins only at %s", day(c->from, text));
	else
		err_set(e, ERR_INVALID, "the certificate's time ended at %s", day(c->until, text));
	return err_at(e, t->cert, 0, 0, NULL);
}

int cert_open(const struct cert_options *o, struct cert **out, struct err *e)
{
	struct cert *t = xcalloc(1, sizeof(*t));
	struct pair *c = NULL;
	struct err late = ERR_INIT;
	int rc;

	t->magic = CERT_MAGIC;
	t->cert = o->cert;
	t->key = o->key;
	t->handshake = o->handshake > 0 ? o->handshake : 2 * US_MINUTE;
	t->every = o->look > 0 ? o->look : LOOK_EVERY;
	t->looked = clock_monotonic();
	t->clock = clock_new_real();
	must(pthread_mutex_init(&t->load, NULL) == 0);
	must(pthread_mutex_init(&t->lock, NULL) == 0);
	must(gnutls_certificate_allocate_credentials(&t->credentials) == 0);
	gnutls_certificate_set_retrieve_function2(t->credentials, cert__give);
	(void)stamp_of(t, &t->seen);
	rc = cert_read(t, &c, e);
	if (rc < 0) {
		cert_close(&t);
		return rc;
	}
	if (in_time(t, c, &late) < 0)
		LOG(TLS_KEPT, log_s("file", t->cert), log_s("why", late.text));
	take(t, c);
	*out = t;
	return 0;
}

void cert_close(struct cert **tp)
{
	struct cert *t = *tp;

	if (t == NULL)
		return;
	OBJ_CHECK(t, CERT_MAGIC);
	*tp = NULL;
	for (struct pair *c = t->old, *next; c != NULL; c = next) {
		next = c->next;
		pair_free(c);
	}
	pair_free(t->now);
	gnutls_certificate_free_credentials(t->credentials);
	clock_free(&t->clock);
	pthread_mutex_destroy(&t->lock);
	pthread_mutex_destroy(&t->load);
	t->magic = 0;
	free(t);
}

/* Under `load`. */
static int reload(struct cert *t, time_us *until, struct err *e)
{
	struct pair *c = NULL;
	int rc;

	/* Before the files are read: a change in between is seen at the next look. */
	(void)stamp_of(t, &t->seen);
	rc = cert_read(t, &c, e);
	if (rc == 0)
		rc = in_time(t, c, e);
	if (rc < 0) {
		LOG(TLS_KEPT, log_s("file", e->where), log_s("why", e->text));
		pair_free(c);
		return rc;
	}
	*until = c->until;
	take(t, c);
	return 0;
}

int cert_reload(struct cert *t, time_us *until, struct err *e)
{
	int rc;

	OBJ_CHECK(t, CERT_MAGIC);
	pthread_mutex_lock(&t->load);
	rc = reload(t, until, e);
	pthread_mutex_unlock(&t->load);
	return rc;
}

void cert_look(struct cert *t, dur_us now)
{
	struct err e = ERR_INIT;
	struct stamp is;
	time_us until;

	OBJ_CHECK(t, CERT_MAGIC);
	pthread_mutex_lock(&t->load);
	if (now - t->looked >= t->every) {
		t->looked = now;
		if (stamp_of(t, &is) &&
		        !(same_file(&is.cert, &t->seen.cert) && same_file(&is.key, &t->seen.key)))
			(void)reload(t, &until, &e); /* it has logged why not */
	}
	pthread_mutex_unlock(&t->load);
}

int cert_begin(struct cert *t, struct gnutls_session_int *session)
{
	int rc;

	OBJ_CHECK(t, CERT_MAGIC);
	gnutls_session_set_ptr(session, t);
	rc = gnutls_priority_set_direct(session, TLS_PRIORITIES, NULL);
	return rc < 0 ? rc : gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, t->credentials);
}

int cert__give(gnutls_session_t session, const gnutls_datum_t *authorities, int authorities_n,
        const gnutls_pk_algorithm_t *algorithms, int algorithms_n, gnutls_pcert_st **chain, unsigned *chain_n,
        gnutls_privkey_t *key)
{
	struct cert *t = gnutls_session_get_ptr(session);

	(void)authorities;
	(void)authorities_n;
	(void)algorithms;
	(void)algorithms_n;
	if (t == NULL)
		return -1;
	pthread_mutex_lock(&t->lock);
	*chain = t->now->chain;
	*chain_n = t->now->chain_n;
	*key = t->now->key;
	pthread_mutex_unlock(&t->lock);
	return 0;
}
