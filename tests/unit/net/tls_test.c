#include "door.h"

#include "base/clock.h"
#include "base/file.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <unistd.h>

#define DAY_S 86400

struct files {
	struct arena *a;
	char *cert, *key;
};

static void write_pem(const char *path, gnutls_datum_t *pem)
{
	struct err e = ERR_INIT;

	check_ok(file_write(path, pem->data, pem->size, 0600, &e), &e);
	gnutls_free(pem->data);
}

/* A certificate signed by itself that holds from `from` to `until` days from now; its serial number. */
static void certify(const struct files *f, unsigned char serial, int from, int until, bool with_key)
{
	struct clock *clock = clock_new_real();
	int64_t now = clock_now(clock) / US_SECOND;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;

	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(
	        key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, &serial, 1);
	gnutls_x509_crt_set_dn(crt, "CN=door", NULL);
	gnutls_x509_crt_set_activation_time(crt, now + from * DAY_S);
	gnutls_x509_crt_set_expiration_time(crt, now + until * DAY_S);
	gnutls_x509_crt_set_key(crt, key);
	check_eq_i(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
	gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
	if (with_key)
		write_pem(f->key, &pem);
	else
		gnutls_free(pem.data);
	gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	write_pem(f->cert, &pem);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	clock_free(&clock);
}

static struct files files_make(void)
{
	struct files f = {.a = arena_new(0)};

	f.cert = path_join(f.a, test_dir(), "cert.pem");
	f.key = path_join(f.a, test_dir(), "key.pem");
	return f;
}

/* The serial number that a handshake shows; 0 when there was none. *said: what an exchange got. */
static int shown(const struct door *d, const char *priorities, char *said, size_t said_n)
{
	gnutls_certificate_credentials_t cred;
	gnutls_session_t tls;
	unsigned char serial[20] = {0};
	size_t n = sizeof(serial);
	int fd = peer_open(d), rc;

	gnutls_certificate_allocate_credentials(&cred);
	gnutls_init(&tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
	gnutls_priority_set_direct(tls, priorities, NULL);
	gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, cred);
	gnutls_transport_set_int(tls, fd);
	gnutls_handshake_set_timeout(tls, 10000);
	do
		rc = gnutls_handshake(tls);
	while (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED);
	if (rc == 0) {
		unsigned count = 0;
		const gnutls_datum_t *peer = gnutls_certificate_get_peers(tls, &count);
		gnutls_x509_crt_t crt;

		gnutls_x509_crt_init(&crt);
		check_eq_i(gnutls_x509_crt_import(crt, peer, GNUTLS_X509_FMT_DER), 0);
		gnutls_x509_crt_get_serial(crt, serial, &n);
		gnutls_x509_crt_deinit(crt);
	}
	if (rc == 0 && said != NULL) {
		const char *ask = "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
		ssize_t got = 0, k;

		gnutls_record_send(tls, ask, strlen(ask));
		do {
			k = gnutls_record_recv(tls, said + got, said_n - 1 - (size_t)got);
			if (k > 0)
				got += k;
		} while (k > 0 || k == GNUTLS_E_AGAIN || k == GNUTLS_E_INTERRUPTED);
		said[got] = '\0';
	}
	gnutls_deinit(tls);
	gnutls_certificate_free_credentials(cred);
	close(fd);
	return serial[0];
}

TEST(speaks_tls_of_today)
{
	struct files f = files_make();
	struct door d = {0};
	char said[1024] = "";

	certify(&f, 1, -1, 30, true);
	door_open(&d, (struct http_options){.cert = f.cert, .key = f.key});
	check_eq_i(shown(&d, "NORMAL:-VERS-ALL:+VERS-TLS1.3", said, sizeof(said)), 1);
	check_has(said, "HTTP/1.1 200 OK\r\n");
	check_eq_i(shown(&d, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL, 0), 1);
	check_eq_i(shown(&d, "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0", NULL, 0), 0);
	check_eq_i(shown(&d, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC", NULL, 0), 0);
	door_shut(&d);
	arena_free(&f.a);
}

TEST(takes_a_new_certificate_by_itself_and_keeps_the_old_one_when_it_is_broken)
{
	struct files f = files_make();
	struct door d = {0};
	struct err e = ERR_INIT;
	time_us until = 0;
	int serial = 0;

	certify(&f, 1, -1, 30, true);
	door_open(&d, (struct http_options){
	                      .cert = f.cert, .key = f.key, .cert_look = US_MS, .head_wait = 100 * US_MS});
	check_eq_i(shown(&d, "NORMAL", NULL, 0), 1);
	certify(&f, 2, -1, 30, true);
	for (int i = 0; i < 1000 && serial != 2; i++)
		serial = shown(&d, "NORMAL", NULL, 0);
	check_eq_i(serial, 2);

	certify(&f, 3, -1, 30, false);
	check_eq_i(http_reload(d.server, &until, &e), ERR_INVALID);
	check_has(e.text, "not the key");
	certify(&f, 4, -2, -1, true);
	check_eq_i(http_reload(d.server, &until, &e), ERR_INVALID);
	check_has(e.text, "ended at");
	certify(&f, 5, 1, 2, true);
	check_eq_i(http_reload(d.server, &until, &e), ERR_INVALID);
	check_has(e.text, "begins only at");
	check_ok(file_write(f.key, "no key", 6, 0600, &e), &e);
	check_eq_i(http_reload(d.server, &until, &e), ERR_INVALID);
	check_eq_i(unlink(f.cert), 0);
	check_eq_i(http_reload(d.server, &until, &e), ERR_NOTFOUND);
	check_eq_i(shown(&d, "NORMAL", NULL, 0), 2);
	certify(&f, 6, -1, 30, true);
	if (check_ok(http_reload(d.server, &until, &e), &e))
		check(until > 0);
	check_eq_i(shown(&d, "NORMAL", NULL, 0), 6);
	door_shut(&d);
	arena_free(&f.a);
}

TEST(ends_peers_that_do_not_finish_the_handshake)
{
	static const char *const begun[] = {"", "\x16\x03\x01", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"};
	struct files f = files_make();
	struct door d = {0};

	certify(&f, 1, -1, 30, true);
	door_open(&d, (struct http_options){.cert = f.cert, .key = f.key, .head_wait = 100 * US_MS});
	for (size_t i = 0; i < ARRAY_LEN(begun); i++) {
		int fd = peer_open(&d);

		peer_says(fd, begun[i]);
		check(peer_closed(fd));
	}
	check_eq_i(d.served, 0);
	check_eq_i(shown(&d, "NORMAL", NULL, 0), 1);
	door_shut(&d);
	arena_free(&f.a);
}

TEST(tells_a_door_without_tls_from_one_with_half_of_it)
{
	struct files f = files_make();
	struct http_door door = {0};
	struct http_server *s = NULL;
	struct err e = ERR_INIT;
	struct door d = {0};
	time_us until;

	door_open(&d, (struct http_options){0});
	check_eq_i(http_reload(d.server, &until, &e), ERR_STATE);
	door_shut(&d);
	certify(&f, 1, -1, 30, true);
	check_eq_i(http_listen(&(struct http_options){.cert = f.cert}, &door, &s, &e), ERR_INVALID);
	check(s == NULL);
	check_eq_i(http_listen(&(struct http_options){.key = f.key}, &door, &s, &e), ERR_INVALID);
	arena_free(&f.a);
}
