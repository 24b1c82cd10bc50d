#include "mqtt/websocket.h"

#include "base/base.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#define PONGS_MOST_B 4096u /* that wait for the peer; who does not read them gets no more (5.5.3) */
#define SHA1_LEN 20

enum opcode { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f };

void websocket_init(struct websocket *w)
{
	*w = (struct websocket){.request = SB_INIT, .out = SB_INIT};
}

void websocket_fini(struct websocket *w)
{
	sb_fini(&w->request);
	sb_fini(&w->out);
}

/* ---- frames out ---- */

static void put_frame(struct websocket *w, enum opcode op, const void *p, size_t n)
{
	must(n <= UINT16_MAX);
	sb_putc(&w->out, (char)(FIN | op));
	if (n <= WEBSOCKET_CONTROL_MOST) {
		sb_putc(&w->out, (char)n);
	} else {
		sb_putc(&w->out, 126);
		sb_putc(&w->out, (char)(n >> 8));
		sb_putc(&w->out, (char)n);
	}
	sb_put(&w->out, p, n);
}

void websocket_put(struct websocket *w, const void *p, size_t n)
{
	put_frame(w, BINARY, p, n);
}

void websocket_close(struct websocket *w, enum websocket_code code)
{
	const char text[2] = {(char)(code >> 8), (char)code};
	if (w->phase == WEBSOCKET_OPEN)
		put_frame(w, CLOSE, text, sizeof(text));
	w->phase = WEBSOCKET_OVER;
}

/* ---- the handshake (4.2) ---- */

struct request {
	bool upgrade, connection, mqtt;
	struct str version, key;
};

/* Cuts a line off the front; what is behind the last one is empty. */
static struct str cut_line(struct str *s)
{
	const char *end = memmem(s->p, s->n, "\r\n", 2);
	struct str line = {s->p, end ? (size_t)(end - s->p) : s->n};
	size_t n = end ? line.n + 2 : s->n;
	*s = (struct str){s->p + n, s->n - n};
	return line;
}

/* Whether a list with commas has the word; in any case of its letters unless exact. */
static bool lists(struct str list, const char *word, bool exact)
{
	while (list.n > 0) {
		struct str x = str_trim(str_cut(&list, ','));
		if (exact ? str_eq(x, str_of(word)) : x.n == strlen(word) && strncasecmp(x.p, word, x.n) == 0)
			return true;
	}
	return false;
}

static bool is(struct str name, const char *want)
{
	return name.n == strlen(want) && strncasecmp(name.p, want, name.n) == 0;
}

/* NULL, or why it is no request of HTTP/1.1. */
static const char *read_request(struct str in, struct request *r)
{
	struct str line = cut_line(&in);
	if (!str_starts(line, "GET ") || line.n < 14 || memcmp(line.p + line.n - 9, " HTTP/1.1", 9) != 0)
		return "it sent something that is neither MQTT nor HTTP/1.1";
	while (in.n > 0) {
		line = cut_line(&in);
		if (memchr(line.p, ':', line.n) == NULL)
			return "it sent a header without a colon";
		struct str name = str_cut(&line, ':'), value = str_trim(line);
		if (is(name, "Upgrade"))
			r->upgrade = r->upgrade || lists(value, "websocket", false);
		else if (is(name, "Connection"))
			r->connection = r->connection || lists(value, "upgrade", false);
		else if (is(name, "Sec-WebSocket-Protocol"))
			r->mqtt = r->mqtt || lists(value, "mqtt", true);
		else if (is(name, "Sec-WebSocket-Version"))
			r->version = value;
		else if (is(name, "Sec-WebSocket-Key"))
			r->key = value;
	}
	return NULL;
}

/* 16 bytes in base64 (4.1). */
static bool key_valid(struct str key)
{
	gnutls_datum_t raw, in = {(unsigned char *)(uintptr_t)key.p, (unsigned)key.n};
	if (key.n != 24 || gnutls_base64_decode2(&in, &raw) < 0)
		return false;
	bool valid = raw.size == 16;
	gnutls_free(raw.data);
	return valid;
}

/* Answers 101 (4.2.2). */
static void accept_key(struct websocket *w, struct str key)
{
	unsigned char digest[SHA1_LEN];
	gnutls_datum_t in = {digest, SHA1_LEN}, text;
	struct sb b = SB_INIT;
	sb_put(&b, key.p, key.n);
	sb_puts(&b, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	must(gnutls_hash_fast(GNUTLS_DIG_SHA1, b.p, b.n, digest) == 0);
	must(gnutls_base64_encode2(&in, &text) == 0);
	sb_fini(&b);
	sb_puts(&w->out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	                 "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: ");
	sb_put(&w->out, text.data, text.size);
	sb_puts(&w->out, "\r\n\r\n");
	gnutls_free(text.data);
}

static const char *refuse(struct websocket *w, const char *status, const char *tell, const char *why)
{
	sb_printf(&w->out,
	        "HTTP/1.1 %s\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: close, "
	        "Upgrade\r\n"
	        "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n\r\n%s\n",
	        status, strlen(tell) + 1, tell);
	w->phase = WEBSOCKET_OVER;
	return why;
}

static const char *answer(struct websocket *w)
{
	struct request r = {.upgrade = false};
	const char *why = read_request((struct str){w->request.p, w->request.n - 4}, &r);
	if (why)
		return refuse(w, "400 Bad Request", "This is no request of HTTP/1.1.", why);
	if (!r.upgrade || !r.connection)
		return refuse(w, "426 Upgrade Required",
		        "Here is MQTT, also over WebSocket. Pages are at another port.",
		        "it asked for a page where MQTT is");
	if (!str_eq(r.version, STR_LIT("13")))
		return refuse(w, "426 Upgrade Required", "WebSocket of version 13 (RFC 6455) is spoken here.",
		        "it asked for another version of WebSocket");
	if (!key_valid(r.key))
		return refuse(w, "400 Bad Request", "Sec-WebSocket-Key is not 16 bytes in base64.",
		        "its key for WebSocket is not valid");
	if (!r.mqtt)
		return refuse(w, "400 Bad Request",
		        "Sec-WebSocket-Protocol does not offer mqtt, which is all that is spoken here.",
		        "it did not offer mqtt over WebSocket");
	accept_key(w, r.key);
	w->phase = WEBSOCKET_OPEN;
	return NULL;
}

/* Of n bytes those that belong to the handshake. */
static size_t shake(struct websocket *w, const char *p, size_t n, const char **why)
{
	const size_t before = w->request.n, seen = before < 3 ? 0 : before - 3;
	size_t room = WEBSOCKET_REQUEST_MOST - before;
	sb_put(&w->request, p, n < room ? n : room);
	const char *end = memmem(w->request.p + seen, w->request.n - seen, "\r\n\r\n", 4);
	if (end == NULL) {
		if (n > room)
			*why = refuse(w, "431 Request Header Fields Too Large", "This request is too long.",
			        "its request for WebSocket is too long");
		return n;
	}
	w->request.n = (size_t)(end - w->request.p) + 4;
	n = w->request.n - before;
	*why = answer(w);
	sb_fini(&w->request);
	return n;
}

/* ---- frames in (5.2) ---- */

static unsigned head_wants(const struct websocket *w)
{
	unsigned length = w->head_n < 2 ? 0 : w->head[1] & LENGTH;
	return 6 + (length == 126 ? 2 : length == 127 ? 8 : 0);
}

static const char *broke(struct websocket *w, enum websocket_code code, const char *why)
{
	w->code = code;
	return why;
}

/* The first two bytes of a frame. */
static const char *check_head(struct websocket *w)
{
	unsigned op = w->head[0] & OPCODE, length = w->head[1] & LENGTH;
	bool fin = w->head[0] & FIN;
	if (w->head[0] & RESERVED)
		return broke(
		        w, WEBSOCKET_PROTOCOL, "it uses an extension of WebSocket that was not agreed on");
	if (!(w->head[1] & MASKED))
		return broke(w, WEBSOCKET_PROTOCOL, "it sent a frame of WebSocket without a mask");
	if (op == TEXT)
		return broke(w, WEBSOCKET_NOT_BINARY, "it sent text over WebSocket, where MQTT is binary");
	if (op > BINARY && (op < CLOSE || op > PONG))
		return broke(w, WEBSOCKET_PROTOCOL, "it sent an unknown frame of WebSocket");
	if (op >= CLOSE && (!fin || length > WEBSOCKET_CONTROL_MOST))
		return broke(
		        w, WEBSOCKET_PROTOCOL, "it sent a control frame of WebSocket that is no whole one");
	if (op < CLOSE && w->within == (op == BINARY))
		return broke(w, WEBSOCKET_PROTOCOL, "it mixed up the frames of messages of WebSocket");
	if (op < CLOSE)
		w->within = !fin;
	return NULL;
}

/* A whole head: the length that it tells. */
static const char *read_length(struct websocket *w)
{
	unsigned length = w->head[1] & LENGTH, bytes = head_wants(w) - 6;
	uint64_t n = 0;
	for (unsigned i = 0; i < bytes; i++)
		n = n << 8 | w->head[2 + i];
	w->left = bytes == 0 ? length : n;
	w->read = 0;
	if ((bytes == 2 && n < 126) || (bytes == 8 && (n <= UINT16_MAX || n >> 63)))
		return broke(w, WEBSOCKET_PROTOCOL, "it sent a frame of WebSocket with a wrong length");
	return NULL;
}

static const char *take_control(struct websocket *w)
{
	size_t n = (size_t)w->read;
	unsigned code =
	        n < 2 ? 0 : (unsigned)(unsigned char)w->control[0] << 8 | (unsigned char)w->control[1];
	switch (w->head[0] & OPCODE) {
	case PING:
		if (w->out.n < PONGS_MOST_B)
			put_frame(w, PONG, w->control, n);
		return NULL;
	case CLOSE:
		/* 7.4: some codes are not for the wire. Reasons are not read. */
		if (n == 1 || (n >= 2 && (code < 1000 || code >= 5000 || (code >= 1004 && code <= 1006) ||
		                                 (code > 1014 && code < 3000))))
			return broke(w, WEBSOCKET_PROTOCOL, "it closed WebSocket in a wrong way");
		websocket_close(w, n < 2 ? WEBSOCKET_NORMAL : (enum websocket_code)code);
		return NULL;
	default: return NULL;
	}
}

static void unmask(struct websocket *w, char *to, const char *from, size_t n)
{
	const unsigned char *mask = w->head + w->head_n - 4;
	for (size_t i = 0; i < n; i++)
		to[i] = (char)((unsigned char)from[i] ^ mask[(w->read + i) & 3]);
	w->read += n;
	w->left -= n;
}

size_t websocket_take(struct websocket *w, char *p, size_t n, const char **why)
{
	size_t at = 0, got = 0;
	*why = NULL;
	if (w->phase == WEBSOCKET_HANDSHAKE)
		at = shake(w, p, n, why);
	while (*why == NULL && w->phase == WEBSOCKET_OPEN && w->code == 0) {
		if (w->head_n < head_wants(w)) {
			if (at == n)
				break;
			w->head[w->head_n++] = (unsigned char)p[at++];
			if (w->head_n == 2)
				*why = check_head(w);
			else if (w->head_n == head_wants(w))
				*why = read_length(w);
			continue;
		}
		bool control = w->head[0] & 8;
		size_t part = w->left < n - at ? (size_t)w->left : n - at;
		unmask(w, control ? w->control + w->read : p + got, p + at, part);
		at += part;
		got += control ? 0 : part;
		if (w->left > 0)
			break;
		if (control)
			*why = take_control(w);
		w->head_n = 0;
	}
	return got;
}
