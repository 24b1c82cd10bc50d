/*
 * Links to other brokers. A thread of each resolves names and connects, which may take its time, and hands
 * the socket to the loop; from there on it is a connection like the others, but that this side says CONNECT.
 */
#include "mqtt/link.h"

#include "mqtt/mqtt_int.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <unistd.h>

#define CONNECT_WAIT_MOST (3 * US_SECOND)
#define WAIT_FIRST US_SECOND
#define WAIT_MOST (60 * US_SECOND)
#define STEADY (60 * US_SECOND) /* a link that held so long begins anew with the waits */
#define PASSWORD_MOST_B 4096u
#define KEY_MOST_B 65536u
#define MESSAGES_MOST 1000 /* that wait to be sent */
#define SUBSCRIBE_ID 1u

enum { PASSWORD = 0x40, USERNAME = 0x80 };

struct link_out {
	struct link_out *next;
	struct mqtt__stored *m;
};

struct mqtt_link {
	struct mqtt_link *next;
	struct mqtt_server *server;
	struct mqtt_link_options o;
	pthread_t thread;
	_Atomic int64_t messages, unmapped;
	/* The loop's. */
	struct mqtt__conn *conn;
	int version;          /* of the next try */
	bool proved;          /* that it is the right one */
	bool counted, subbed; /* its break; its being there */
	struct sb topic;
	/* The connector's while it is not `up`, else the loop's. */
	gnutls_certificate_credentials_t trust;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* By `lock`. */
	int fd; /* on its way to the loop; -1: none */
	bool up, closing;
	bool leaves; /* the loop is to end its connection */
	struct link_out *outs, **outs_last;
	int outs_n;
	struct mqtt_link_state state;
};

/* ---- the thread that connects ---- */

static void say_why(struct mqtt_link *l, const char *why)
{
	pthread_mutex_lock(&l->lock);
	snprintf(l->state.why, sizeof(l->state.why), "%s", why);
	pthread_mutex_unlock(&l->lock);
}

/* Sleeps, and returns true when the link is to end. */
static bool rest(struct mqtt_link *l, dur_us wait)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait / US_SECOND;
	pthread_mutex_lock(&l->lock);
	while (!l->closing && pthread_cond_timedwait(&l->changed, &l->lock, &until) != ETIMEDOUT)
		;
	bool closing = l->closing;
	pthread_mutex_unlock(&l->lock);
	return closing;
}

static void hand_over(struct mqtt_link *l, int fd)
{
	const uint64_t one = 1;
	pthread_mutex_lock(&l->lock);
	l->fd = fd;
	l->up = true;
	pthread_mutex_unlock(&l->lock);
	ssize_t ignored = write(l->server->wake_fd, &one, sizeof(one));
	(void)ignored;
}

/* Until the loop has lost the connection; true when the link is to end. */
static bool await_break(struct mqtt_link *l)
{
	pthread_mutex_lock(&l->lock);
	while (l->up && !l->closing)
		pthread_cond_wait(&l->changed, &l->lock);
	bool closing = l->closing;
	pthread_mutex_unlock(&l->lock);
	return closing;
}

static int read_secret(const struct mqtt_link *l, struct arena *a, const char *path, size_t most_b,
        struct str *out, struct err *e)
{
	return l->o.read ? l->o.read(l->o.ctx, a, path, most_b, out, e) : file_read(a, path, most_b, out, e);
}

static int read_identity(struct mqtt_link *l, struct err *e)
{
	struct arena *a = arena_new(0);
	struct str cert = STR_NULL, key = STR_NULL;
	int rc = file_read(a, l->o.cert, KEY_MOST_B, &cert, e);
	if (rc == 0)
		rc = read_secret(l, a, l->o.key, KEY_MOST_B, &key, e);
	if (rc == 0) {
		const gnutls_datum_t c = {(unsigned char *)(uintptr_t)cert.p, (unsigned)cert.n},
		                     k = {(unsigned char *)(uintptr_t)key.p, (unsigned)key.n};
		int bad = gnutls_certificate_set_x509_key_mem(l->trust, &c, &k, GNUTLS_X509_FMT_PEM);
		if (bad < 0)
			rc = err_set(e, ERR_INVALID, "the certificate %s and its key %s cannot be used: %s",
			        l->o.cert, l->o.key, gnutls_strerror(bad));
	}
	arena_free(&a);
	return rc;
}

/* What is trusted, and who this is: read at each try, since certificates are renewed. */
static int read_trust(struct mqtt_link *l, struct err *e)
{
	int rc;
	if (l->trust)
		gnutls_certificate_free_credentials(l->trust);
	l->trust = NULL;
	if (!l->o.tls)
		return 0;
	must(gnutls_certificate_allocate_credentials(&l->trust) == 0);
	rc = l->o.ca ? gnutls_certificate_set_x509_trust_file(l->trust, l->o.ca, GNUTLS_X509_FMT_PEM)
	             : gnutls_certificate_set_x509_system_trust(l->trust);
	if (rc <= 0)
		return err_set(e, ERR_INVALID, "no authority can be read from %s: %s",
		        l->o.ca ? l->o.ca : "the system's store", gnutls_strerror(rc));
	if (l->o.cert == NULL)
		return 0;
	return read_identity(l, e);
}

static int reach(struct mqtt_link *l, int *fd, struct err *e)
{
	int rc = read_trust(l, e);
	if (rc < 0) {
		metric_add(METRIC_MQTT_LINK_BREAKS_TLS, 1);
		return rc;
	}
	rc = socket_connect(l->o.host, l->o.port, CONNECT_WAIT_MOST, fd, e);
	if (rc < 0)
		metric_add(METRIC_MQTT_LINK_BREAKS_NETWORK, 1);
	return rc;
}

static void *connector(void *arg)
{
	struct mqtt_link *l = arg;
	dur_us wait = 0;
	while (!rest(l, wait)) {
		struct err e = ERR_INIT;
		dur_us begin = clock_monotonic();
		int fd = -1;
		wait = wait == 0 ? WAIT_FIRST : wait * 2 < WAIT_MOST ? wait * 2 : WAIT_MOST;
		if (reach(l, &fd, &e) < 0) {
			LOG(MQTT_LINK_DOWN, log_s("broker", l->o.name), log_s("why", e.text));
			say_why(l, e.text);
			continue;
		}
		hand_over(l, fd);
		if (await_break(l))
			break;
		if (clock_monotonic() - begin > STEADY)
			wait = WAIT_FIRST;
	}
	return NULL;
}

/* ---- CONNECT ---- */

/* The password, without the end of its line; "" without one. */
static struct str read_password(struct mqtt_link *l, struct arena *a)
{
	struct str text = STR_LIT("");
	struct err e = ERR_INIT;
	if (l->o.password_file && read_secret(l, a, l->o.password_file, PASSWORD_MOST_B, &text, &e) < 0)
		LOG(MQTT_LINK_DOWN, log_s("broker", l->o.name), log_s("why", e.text));
	while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	return text;
}

void mqtt__link_greet(struct mqtt__conn *c)
{
	struct mqtt_link *l = c->link;
	struct sb b = SB_INIT, props = SB_INIT;
	struct arena *a = arena_new(0);
	struct str id = str_of(l->o.client_id), user = str_of(l->o.username), password = read_password(l, a);
	bool has_password = l->o.password_file != NULL;
	bool v5 = c->version == MQTT_V5;
	char head[8];
	mqtt__put_text(&b, STR_LIT("MQTT"));
	sb_putc(&b, (char)c->version);
	sb_putc(&b, (char)((user.p ? USERNAME : 0) | (has_password ? PASSWORD : 0)));
	mqtt__put_word(&b, l->o.keep_alive_s);
	if (v5) {
		mqtt__prop_put_num(&props, MQTT_P_SESSION_EXPIRY, l->o.session_expiry_s);
		mqtt__prop_put_num(&props, MQTT_P_RECEIVE_MAX, (uint32_t)c->server->o.inflight);
		mqtt__prop_put_num(&props, MQTT_P_PACKET_MAX, mqtt__packet_most(c->server));
		mqtt__put_varint(&b, props.n);
		sb_put(&b, props.p, props.n);
	}
	mqtt__put_text(&b, id);
	if (user.p)
		mqtt__put_text(&b, user);
	if (has_password)
		mqtt__put_text(&b, password);
	mqtt__send(c, head, mqtt__head(head, MQTT_CONNECT << 4, b.n));
	mqtt__send(c, b.p, b.n);
	arena_free(&a);
	sb_fini(&props);
	sb_fini(&b);
}

static void subscribe(struct mqtt__conn *c)
{
	const struct mqtt_link *l = c->link;
	struct sb b = SB_INIT;
	char head[8];
	mqtt__put_word(&b, SUBSCRIBE_ID);
	if (c->version == MQTT_V5)
		sb_putc(&b, 0);
	for (int i = 0; i < l->o.filters_n; i++) {
		mqtt__put_text(&b, str_of(l->o.filters[i].text));
		sb_putc(&b, (char)l->o.filters[i].qos);
	}
	mqtt__send(c, head, mqtt__head(head, MQTT_SUBSCRIBE << 4 | 2, b.n));
	mqtt__send(c, b.p, b.n);
	sb_fini(&b);
}

/* ---- its answers ---- */

static const char *refusal(int version, unsigned code)
{
	static const char *const old[] = {"it does not speak MQTT 3.1.1", "it does not take this client id",
	        "it takes nobody now", "user name or password is wrong", "this client may not connect"};
	if (version == MQTT_V311)
		return code <= ARRAY_LEN(old) ? old[code - 1] : "it refuses the connection";
	switch (code) {
	case MQTT_R_VERSION: return "it does not speak MQTT 5";
	case MQTT_R_IDENTIFIER: return old[1];
	case MQTT_R_CREDENTIALS: return old[3];
	case MQTT_R_NOT_AUTHORISED: return old[4];
	case MQTT_R_UNAVAILABLE: return old[2];
	case MQTT_R_QUOTA: return "it has no room for this client";
	case MQTT_R_CONNECTIONS & 0xff: return "this client connects too often";
	default: return "it refuses the connection";
	}
}

static void fail(struct mqtt__conn *c, enum metric_id m, enum mqtt_reason reason, const char *why)
{
	if (c->ending)
		return;
	metric_add(m, 1);
	c->link->counted = true;
	mqtt__end(c, reason, why);
}

void mqtt__link_wrong(struct mqtt__conn *c, const char *why)
{
	fail(c, METRIC_MQTT_LINK_BREAKS_PROTOCOL, MQTT_R_OK, why);
}

static void take_limits(struct mqtt__conn *c, const struct mqtt__props *p)
{
	uint32_t window = mqtt__num(p, MQTT_P_RECEIVE_MAX, UINT16_MAX);
	unsigned keep_alive_s = mqtt__num(p, MQTT_P_SERVER_KEEP_ALIVE, c->link->o.keep_alive_s);
	c->window = (uint32_t)c->server->o.window < window ? c->server->o.window : (int)window;
	c->packet_max = mqtt__num(p, MQTT_P_PACKET_MAX, 0);
	c->keep_alive = (dur_us)keep_alive_s * US_SECOND * 3 / 2;
}

void mqtt__link_connack(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	struct mqtt_server *s = c->server;
	struct mqtt_link *l = c->link;
	struct mqtt__props props = {.set = 0};
	struct str in = f->body;
	unsigned present = 0, code = 0;
	bool ok = !c->connected && mqtt__byte(&in, &present) && mqtt__byte(&in, &code);
	/* A broker of 3.1.1 alone answers in its own form: 1. */
	bool too_new = ok && c->version == MQTT_V5 && (code == MQTT_R_VERSION || (code == 1 && in.n == 0));
	if (ok && c->version == MQTT_V5 && !too_new)
		ok = mqtt__props_parse(&in, MQTT_CONNACK, &props).why == NULL;
	if (!ok) {
		fail(c, METRIC_MQTT_LINK_BREAKS_PROTOCOL, MQTT_R_OK, "it does not answer as MQTT does");
		return;
	}
	l->proved = !too_new;
	if (code != 0) {
		bool who = code == MQTT_R_CREDENTIALS || code == MQTT_R_NOT_AUTHORISED ||
		           (c->version == MQTT_V311 && code >= 4);
		fail(c, who ? METRIC_MQTT_LINK_BREAKS_CREDENTIALS : METRIC_MQTT_LINK_BREAKS_REFUSED,
		        MQTT_R_OK, refusal(c->version, code));
		return;
	}
	c->connected = true;
	c->session = mqtt__session_new(s, (struct str){"\0link", 5}, str_of(l->o.name));
	c->session->conn = c;
	take_limits(c, &props);
	subscribe(c);
}

void mqtt__link_suback(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	struct mqtt_link *l = c->link;
	struct mqtt__props props;
	struct str in = f->body;
	unsigned id = 0;
	bool ok = mqtt__word(&in, &id) && id == SUBSCRIBE_ID;
	if (ok && c->version == MQTT_V5)
		ok = mqtt__props_parse(&in, MQTT_SUBACK, &props).why == NULL;
	if (!ok || in.n != (size_t)l->o.filters_n) {
		fail(c, METRIC_MQTT_LINK_BREAKS_PROTOCOL, MQTT_R_PROTOCOL, "it does not answer as MQTT does");
		return;
	}
	pthread_mutex_lock(&l->lock);
	l->state.why[0] = '\0';
	for (int i = 0; i < l->o.filters_n; i++)
		if ((unsigned char)in.p[i] >= 0x80)
			snprintf(l->state.why, sizeof(l->state.why), "it refuses the subscription to %s",
			        l->o.filters[i].text);
	l->state.connected = l->state.why[0] == '\0';
	l->state.version = c->version;
	char why[sizeof(l->state.why)];
	snprintf(why, sizeof(why), "%s", l->state.why);
	pthread_mutex_unlock(&l->lock);
	if (why[0] != '\0') {
		metric_add(METRIC_MQTT_LINK_BREAKS_CREDENTIALS, 1);
		LOG(MQTT_LINK_DOWN, log_s("broker", l->o.name), log_s("why", why));
		return;
	}
	metric_add(METRIC_MQTT_LINKS, 1);
	l->subbed = true;
	LOG(MQTT_LINK_UP, log_s("broker", l->o.name), log_i("version", c->version));
}

bool mqtt__link_map(struct mqtt__conn *c, struct str topic, struct str *out)
{
	struct mqtt_link *l = c->link;
	char text[128];
	sb_reset(&l->topic);
	bool known = l->o.map(l->o.ctx, topic, &l->topic) && topic_valid(sb_str(&l->topic));
	*out = sb_str(&l->topic);
	atomic_fetch_add_explicit(&l->messages, 1, memory_order_relaxed);
	metric_add(METRIC_MQTT_LINK_MESSAGES, 1);
	if (known)
		return true;
	atomic_fetch_add_explicit(&l->unmapped, 1, memory_order_relaxed);
	metric_add(METRIC_MQTT_LINK_UNMAPPED, 1);
	snprintf(text, sizeof(text), STR_FMT, STR_ARG(topic));
	LOG(MQTT_LINK_UNMAPPED, log_s("broker", l->o.name), log_s("topic", text));
	return false;
}

void mqtt__link_times(struct mqtt__conn *c)
{
	static const char ping[2] = {(char)(MQTT_PINGREQ << 4), 0};
	dur_us now = c->server->now;
	if (!c->connected) {
		if (now - c->accepted > CONNECT_WAIT_MOST * 3)
			fail(c, METRIC_MQTT_LINK_BREAKS_NETWORK, MQTT_R_OK, "it did not answer in time");
		return;
	}
	if (c->keep_alive > 0 && now - c->asked >= c->keep_alive / 3) {
		c->asked = now;
		mqtt__send(c, ping, sizeof(ping));
	}
	if (c->keep_alive > 0 && c->pauses == 0 && now - c->heard > c->keep_alive)
		fail(c, METRIC_MQTT_LINK_BREAKS_NETWORK, MQTT_R_KEEP_ALIVE, "it fell silent");
}

void mqtt__link_lost(struct mqtt__conn *c)
{
	struct mqtt_link *l = c->link;
	/* Who closes at the first word may speak the older version. */
	if (!l->proved && !c->tls_failed && !l->o.old)
		l->version = c->version == MQTT_V5 ? MQTT_V311 : MQTT_V5;
	bool wanted = !c->server->shutting && !l->leaves;
	if (!l->counted && wanted)
		metric_add(c->tls_failed ? METRIC_MQTT_LINK_BREAKS_TLS : METRIC_MQTT_LINK_BREAKS_NETWORK, 1);
	if (l->subbed)
		metric_add(METRIC_MQTT_LINKS, -1);
	l->counted = l->subbed = false;
	l->conn = NULL;
	const char *why = c->tls_failed ? "its certificate cannot be verified, or TLS fails" : c->why;
	if (wanted)
		LOG(MQTT_LINK_DOWN, log_s("broker", l->o.name), log_s("why", why));
	pthread_mutex_lock(&l->lock);
	snprintf(l->state.why, sizeof(l->state.why), "%s", why);
	l->state.connected = false;
	l->state.breaks++;
	l->up = false;
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

/* ---- what other threads give ---- */

bool mqtt_link_send(struct mqtt_link *l, const struct mqtt_outgoing *o)
{
	const uint64_t one = 1;
	struct sb pass = SB_INIT;
	if (o->response_topic.p != NULL)
		mqtt__prop_put_text(&pass, MQTT_P_RESPONSE_TOPIC, o->response_topic);
	if (o->correlation.p != NULL)
		mqtt__prop_put_text(&pass, MQTT_P_CORRELATION, o->correlation);
	pthread_mutex_lock(&l->lock);
	bool ok = l->state.connected && !l->closing && l->outs_n < MESSAGES_MOST;
	if (ok) {
		struct link_out *x = xcalloc(1, sizeof(*x));
		x->m = mqtt__stored_new(o->topic, sb_str(&pass), o->payload);
		x->m->qos = 1;
		x->m->expires = o->expires;
		*l->outs_last = x;
		l->outs_last = &x->next;
		l->outs_n++;
		/* Under the lock: the server cannot close before. */
		ssize_t ignored = write(l->server->wake_fd, &one, sizeof(one));
		(void)ignored;
	}
	pthread_mutex_unlock(&l->lock);
	sb_fini(&pass);
	return ok;
}

void *mqtt__link_user(const struct mqtt_link *l)
{
	return l->o.user;
}

bool mqtt__link_tls(const struct mqtt_link *l, const char **host, void **trust)
{
	*host = l->o.host;
	*trust = l->trust;
	return l->o.tls;
}

void mqtt_link_look(struct mqtt_link *l, struct mqtt_link_state *out)
{
	pthread_mutex_lock(&l->lock);
	*out = l->state;
	pthread_mutex_unlock(&l->lock);
	out->name = l->o.name;
	out->messages = atomic_load_explicit(&l->messages, memory_order_relaxed);
	out->unmapped = atomic_load_explicit(&l->unmapped, memory_order_relaxed);
}

static void take_outs(struct mqtt_link *l, struct link_out *x)
{
	struct mqtt_server *s = l->server;
	for (struct link_out *next; x; x = next) {
		next = x->next;
		mqtt__stored_keep(s, x->m);
		if (x->m->expires > 0)
			x->m->expires += s->now;
		if (l->conn && l->conn->session)
			mqtt__deliver(l->conn->session, x->m, 1, false, STR_NULL);
		mqtt__stored_rel(s, x->m);
		free(x);
	}
}

void mqtt__links_turn(struct mqtt_server *s)
{
	for (struct mqtt_link *l = atomic_load(&s->links); l; l = l->next) {
		pthread_mutex_lock(&l->lock);
		int fd = l->fd;
		struct link_out *outs = l->outs;
		l->fd = -1;
		l->outs = NULL;
		l->outs_last = &l->outs;
		l->outs_n = 0;
		bool leaves = l->leaves;
		pthread_mutex_unlock(&l->lock);
		if (fd >= 0 && (s->shutting || leaves))
			close(fd);
		else if (fd >= 0)
			l->conn = mqtt__linked(s, fd, l, l->version);
		take_outs(l, outs);
		if (leaves && l->conn)
			mqtt__end(l->conn, MQTT_R_STOPPING, "it is not wanted any more");
	}
}

/* ---- opening and closing ---- */

struct mqtt_link *mqtt_link_open(struct mqtt_server *s, const struct mqtt_link_options *o)
{
	OBJ_CHECK(s, MQTT_SERVER_MAGIC);
	struct mqtt_link *l = xcalloc(1, sizeof(*l));
	pthread_condattr_t attr;
	l->server = s;
	l->o = *o;
	if (l->o.keep_alive_s == 0)
		l->o.keep_alive_s = 30;
	l->version = o->old ? MQTT_V311 : MQTT_V5;
	l->fd = -1;
	l->outs_last = &l->outs;
	snprintf(l->state.why, sizeof(l->state.why), "it was not tried yet");
	must(pthread_mutex_init(&l->lock, NULL) == 0);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	must(pthread_cond_init(&l->changed, &attr) == 0);
	pthread_condattr_destroy(&attr);
	l->next = atomic_load(&s->links);
	atomic_store(&s->links, l);
	thread_start(&l->thread, "mqtt link", connector, l);
	return l;
}

void mqtt_link_leave(struct mqtt_link *l)
{
	const uint64_t one = 1;
	pthread_mutex_lock(&l->lock);
	l->closing = l->leaves = true;
	pthread_cond_signal(&l->changed);
	ssize_t ignored = write(l->server->wake_fd, &one, sizeof(one));
	(void)ignored;
	pthread_mutex_unlock(&l->lock);
}

void mqtt__links_stop(struct mqtt_server *s)
{
	for (struct mqtt_link *l = s->links; l; l = l->next) {
		pthread_mutex_lock(&l->lock);
		l->closing = true;
		pthread_cond_signal(&l->changed);
		pthread_mutex_unlock(&l->lock);
	}
	for (struct mqtt_link *l = s->links; l; l = l->next)
		pthread_join(l->thread, NULL);
}

void mqtt__links_free(struct mqtt_server *s)
{
	for (struct mqtt_link *l = s->links, *next; l; l = next) {
		next = l->next;
		take_outs(l, l->outs);
		if (l->fd >= 0)
			close(l->fd);
		if (l->trust)
			gnutls_certificate_free_credentials(l->trust);
		sb_fini(&l->topic);
		pthread_cond_destroy(&l->changed);
		pthread_mutex_destroy(&l->lock);
		free(l);
	}
	s->links = NULL;
}
