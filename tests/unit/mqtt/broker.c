#include "mqtt_test.h"

#include "base/socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE (10 * US_SECOND)

static void keep_text(char *to, size_t size, struct str s)
{
	snprintf(to, size, STR_FMT, STR_ARG(s));
}

static enum mqtt_reason on_connect(void *ctx, const struct mqtt_hello *hello, void **user)
{
	struct broker *b = ctx;
	check_eq_s(hello->remote, "127.0.0.1");
	pthread_mutex_lock(&b->lock);
	keep_text(b->id, sizeof(b->id), hello->client_id);
	keep_text(b->username, sizeof(b->username), hello->username);
	keep_text(b->password, sizeof(b->password), hello->password);
	b->connects++;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	*user = b;
	return b->say;
}

static void on_publish(void *ctx, struct mqtt_message *m)
{
	struct broker *b = ctx;
	bool hold;
	pthread_mutex_lock(&b->lock);
	if (b->text.n < 1 << 16)
		sb_printf(&b->text, STR_FMT "=" STR_FMT ";", STR_ARG(m->topic), STR_ARG(m->payload));
	hold = b->hold && b->kept_n < KEEP_MOST;
	if (hold)
		b->kept[b->kept_n++] = m;
	b->published++;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	check(m->user == b);
	if (str_starts(m->topic, "refused/")) {
		m->forward = false;
		m->reason = MQTT_R_NOT_AUTHORISED;
	}
	if (!hold)
		mqtt_message_done(m, !str_starts(m->topic, "lost/"));
}

static bool on_subscribe(void *ctx, void *user, struct str filter)
{
	struct broker *b = ctx;
	check(user == b);
	return !str_starts(filter, "secret/");
}

static bool on_receive(void *ctx, void *user, struct str topic)
{
	struct broker *b = ctx;
	check(user == b);
	return !str_starts(topic, "hidden/");
}

static bool on_still(void *ctx, void *user)
{
	struct broker *b = ctx;
	check(user == b);
	return !b->over;
}

static void on_blamed(void *ctx, void *user, enum mqtt_reason reason, const char *why)
{
	struct broker *b = ctx;
	check(user == b && why != NULL);
	pthread_mutex_lock(&b->lock);
	sb_printf(&b->blames, "%02x ", (unsigned)reason);
	pthread_mutex_unlock(&b->lock);
}

static void on_close(void *ctx, void *user, const char *why)
{
	struct broker *b = ctx;
	check(user == b);
	pthread_mutex_lock(&b->lock);
	snprintf(b->why, sizeof(b->why), "%s", why);
	b->closes++;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

static bool on_absent(void *ctx, struct str owner, void **user)
{
	*user = ctx;
	return !str_is(owner, "removed");
}

/* A client's "me/X" is kept as "them/X". */
static bool on_inside(void *ctx, void *user, struct str filter, struct sb *to)
{
	check(user == ctx);
	if (!str_starts(filter, "me/"))
		return false;
	sb_puts(to, "them/");
	sb_put(to, filter.p + 3, filter.n - 3);
	return true;
}

static struct str on_outside(void *ctx, void *user, struct str topic)
{
	struct broker *b = ctx;
	check(user == b);
	if (!str_starts(topic, "them/"))
		return topic;
	sb_reset(&b->outside);
	sb_puts(&b->outside, "me/");
	sb_put(&b->outside, topic.p + 5, topic.n - 5);
	return sb_str(&b->outside);
}

void broker_start(struct broker *b, struct mqtt_options o)
{
	struct mqtt_door door = {.ctx = b,
	        .connect = on_connect,
	        .publish = on_publish,
	        .subscribe = on_subscribe,
	        .absent = on_absent,
	        .inside = on_inside,
	        .outside = on_outside,
	        .receive = on_receive,
	        .still = on_still,
	        .blamed = on_blamed,
	        .close = on_close};
	struct err e = ERR_INIT;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	o.address = "127.0.0.1";
	check_ok(mqtt_listen(&o, &door, &b->server, &e), &e);
}

void broker_stop(struct broker *b)
{
	mqtt_close(&b->server);
	check(b->server == NULL);
	sb_fini(&b->text);
	sb_fini(&b->outside);
	sb_fini(&b->blames);
}

int broker_published(struct broker *b)
{
	pthread_mutex_lock(&b->lock);
	int n = b->published;
	pthread_mutex_unlock(&b->lock);
	return n;
}

bool broker_blamed(struct broker *b, const char *reasons)
{
	pthread_mutex_lock(&b->lock);
	bool has = b->blames.n > 0 && strstr(b->blames.p, reasons) != NULL;
	pthread_mutex_unlock(&b->lock);
	return has;
}

bool broker_wait(struct broker *b, const int *counter, int n)
{
	struct timespec until;
	int rc = 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE / US_SECOND;
	pthread_mutex_lock(&b->lock);
	while (*counter < n && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&b->changed, &b->lock, &until);
	bool reached = *counter >= n;
	pthread_mutex_unlock(&b->lock);
	return reached;
}

void broker_done(struct broker *b, int i, bool ok)
{
	pthread_mutex_lock(&b->lock);
	struct mqtt_message *m = b->kept[i];
	b->kept[i] = NULL;
	pthread_mutex_unlock(&b->lock);
	must(m != NULL);
	mqtt_message_done(m, ok);
}

int raw_open(const struct broker *b)
{
	struct err e = ERR_INIT;
	int fd = -1;
	check_ok(socket_connect("127.0.0.1", mqtt_port(b->server), PATIENCE, &fd, &e), &e);
	return fd;
}

static bool ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	return poll(&p, 1, (int)(PATIENCE / US_MS)) > 0;
}

void raw_send(int fd, const void *p, size_t n)
{
	for (const char *at = p; n > 0;) {
		ssize_t got = send(fd, at, n, MSG_NOSIGNAL);
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		} else if (errno != EAGAIN || !ready(fd, POLLOUT)) {
			return; /* the test sees it at its next read */
		}
	}
}

bool raw__expect(const char *file, int line, int fd, const void *want, size_t n)
{
	char *got = xcalloc(n, 1);
	size_t have = 0;
	while (have < n && ready(fd, POLLIN)) {
		ssize_t r = recv(fd, got + have, n - have, 0);
		if (r <= 0)
			break;
		have += (size_t)r;
	}
	bool ok = have == n ? check__eq_mem(file, line, got, want, n, "received", "expected")
	                    : check__fail(file, line, "%zu of %zu bytes came", have, n);
	free(got);
	return ok;
}

bool raw_closed(int fd)
{
	char waste[4096];
	while (ready(fd, POLLIN)) {
		ssize_t r = recv(fd, waste, sizeof(waste), 0);
		if (r == 0 || (r < 0 && errno != EAGAIN)) {
			close(fd);
			return true;
		}
	}
	close(fd);
	return false;
}

void raw_connect(int fd, const char *client_id)
{
	struct sb b = SB_INIT;
	size_t n = strlen(client_id);
	sb_putc(&b, 0x10);
	sb_putc(&b, (char)(12 + n));
	sb_put(&b, "\0\4MQTT\4\2\0\0\0", 11);
	sb_putc(&b, (char)n);
	sb_puts(&b, client_id);
	raw_send(fd, b.p, b.n);
	sb_fini(&b);
	raw_expect(fd, "\x20\2\0\0");
}
