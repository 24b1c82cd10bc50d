#include "peer.h"

#include "base/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 10000

static void put_word(struct sb *b, size_t n)
{
	sb_putc(b, (char)(n >> 8));
	sb_putc(b, (char)n);
}

static void put_text(struct sb *b, const char *s)
{
	put_word(b, strlen(s));
	sb_puts(b, s);
}

static void put_props(struct sb *b, const struct peer *p, struct str props)
{
	if (p->version != 5)
		return;
	must(props.n < 128);
	sb_putc(b, (char)props.n);
	sb_put(b, props.p ? props.p : "", props.n);
}

void peer_put(struct peer *p, unsigned first, struct str body)
{
	struct sb b = SB_INIT;
	sb_putc(&b, (char)first);
	for (size_t n = body.n;; n /= 128) {
		sb_putc(&b, (char)(n % 128 | (n >= 128 ? 128 : 0)));
		if (n < 128)
			break;
	}
	sb_put(&b, body.p ? body.p : "", body.n);
	raw_send(p->fd, b.p, b.n);
	sb_fini(&b);
}

const char *peer_connect(struct peer *p, const struct broker *b, int version, struct hello h)
{
	struct sb body = SB_INIT;
	*p = (struct peer){.fd = raw_open(b), .version = version};
	unsigned flags = (h.keep ? 0 : 2) | (h.user ? 0x80 : 0) | (h.password ? 0x40 : 0);
	if (h.will_topic)
		flags |= 4 | (unsigned)h.will_qos << 3 | (h.will_retain ? 0x20 : 0);
	put_text(&body, "MQTT");
	sb_putc(&body, (char)version);
	sb_putc(&body, (char)flags);
	put_word(&body, (size_t)h.keep_alive);
	put_props(&body, p, h.props);
	put_text(&body, h.id ? h.id : "");
	if (h.will_topic) {
		put_props(&body, p, h.will_props);
		put_text(&body, h.will_topic);
		put_text(&body, h.will);
	}
	if (h.user)
		put_text(&body, h.user);
	if (h.password)
		put_text(&body, h.password);
	peer_put(p, 0x10, sb_str(&body));
	sb_fini(&body);
	return peer_hear(p);
}

void peer_publish(
        struct peer *p, const char *topic, const char *payload, unsigned flags, unsigned id, struct str props)
{
	struct sb body = SB_INIT;
	put_text(&body, topic);
	if (flags & 6)
		put_word(&body, id);
	put_props(&body, p, props);
	sb_puts(&body, payload);
	peer_put(p, 0x30 | flags, sb_str(&body));
	sb_fini(&body);
}

const char *peer_subscribe(struct peer *p, const char *filter, unsigned qos, struct str props)
{
	struct sb body = SB_INIT;
	put_word(&body, 1);
	put_props(&body, p, props);
	put_text(&body, filter);
	sb_putc(&body, (char)qos);
	peer_put(p, 0x82, sb_str(&body));
	sb_fini(&body);
	return peer_hear(p);
}

const char *peer_unsubscribe(struct peer *p, const char *filter)
{
	struct sb body = SB_INIT;
	put_word(&body, 2);
	put_props(&body, p, STR_NULL);
	put_text(&body, filter);
	peer_put(p, 0xa2, sb_str(&body));
	sb_fini(&body);
	return peer_hear(p);
}

void peer_ack(struct peer *p, unsigned first, unsigned id)
{
	char body[2] = {(char)(id >> 8), (char)id};
	peer_put(p, first, (struct str){body, 2});
}

/* ---- hearing ---- */

static unsigned byte(struct str *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return (unsigned char)*in->p++;
}

static unsigned word(struct str *in)
{
	unsigned high = byte(in);
	return high << 8 | byte(in);
}

static unsigned varint(struct str *in)
{
	unsigned v = 0, b;
	int shift = 0;
	do {
		b = byte(in);
		v |= (b & 127) << shift;
		shift += 7;
	} while ((b & 128) && shift < 28);
	return v;
}

static struct str text(struct str *in)
{
	size_t n = word(in);
	n = n < in->n ? n : in->n;
	struct str s = {in->p, n};
	in->p += n;
	in->n -= n;
	return s;
}

static void show_props(struct sb *b, struct str *in)
{
	size_t n = varint(in);
	n = n < in->n ? n : in->n;
	struct str p = {in->p, n}, s;
	in->p += n;
	in->n -= n;
	while (p.n > 0) {
		unsigned code = byte(&p);
		sb_printf(b, " %02x=", code);
		switch (code) {
		case 0x01:
		case 0x17:
		case 0x19:
		case 0x24:
		case 0x25:
		case 0x28:
		case 0x29:
		case 0x2a: sb_printf(b, "%u", byte(&p)); break;
		case 0x13:
		case 0x21:
		case 0x22:
		case 0x23: sb_printf(b, "%u", word(&p)); break;
		case 0x02:
		case 0x11:
		case 0x18:
		case 0x27: {
			unsigned high = word(&p);
			sb_printf(b, "%u", high << 16 | word(&p));
			break;
		}
		case 0x0b: sb_printf(b, "%u", varint(&p)); break;
		case 0x26:
			s = text(&p);
			sb_printf(b, STR_FMT ":", STR_ARG(s));
			s = text(&p);
			sb_putstr(b, s);
			break;
		default: s = text(&p); sb_putstr(b, s);
		}
	}
}

static void show(struct peer *p, unsigned first, struct str in)
{
	static const char *const names[] = {"?", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC",
	        "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP",
	        "DISCONNECT", "AUTH"};
	struct sb *b = &p->text, props = SB_INIT;
	unsigned type = first >> 4, id;
	bool v5 = p->version == 5;
	sb_puts(b, names[type]);
	switch (type) {
	case 2:
		sb_printf(b, " %u", byte(&in));
		sb_printf(b, " %02x", byte(&in));
		if (v5)
			show_props(b, &in);
		break;
	case 3: {
		struct str topic = text(&in);
		id = first & 6 ? word(&in) : 0;
		if (v5)
			show_props(&props, &in);
		sb_printf(b, " " STR_FMT "=" STR_FMT " q%u%s%s", STR_ARG(topic), STR_ARG(in), first >> 1 & 3,
		        first & 1 ? " r" : "", first & 8 ? " d" : "");
		if (id)
			sb_printf(b, " id=%u", id);
		sb_putstr(b, sb_str(&props));
		break;
	}
	case 4:
	case 5:
	case 6:
	case 7:
		sb_printf(b, " %u", word(&in));
		sb_printf(b, " %02x", byte(&in));
		break;
	case 9:
	case 11:
		sb_printf(b, " %u", word(&in));
		if (v5)
			show_props(b, &in);
		while (in.n > 0)
			sb_printf(b, " %02x", byte(&in));
		break;
	case 14: sb_printf(b, " %02x", byte(&in)); break;
	default: break;
	}
	sb_fini(&props);
}

/* A whole packet at the front: its length, else 0. */
static size_t whole(const struct sb *in, size_t *head)
{
	struct str s = {in->p, in->n};
	if (s.n < 2)
		return 0;
	(void)byte(&s);
	size_t left = s.n, n = varint(&s);
	*head = 1 + left - s.n;
	return s.n >= n ? *head + n : 0;
}

const char *peer_hear(struct peer *p)
{
	size_t n, head = 0;
	char buf[4096];
	sb_reset(&p->text);
	while ((n = whole(&p->in, &head)) == 0) {
		struct pollfd w = {.fd = p->fd, .events = POLLIN};
		if (poll(&w, 1, WAIT_MS) == 0)
			return "nothing";
		ssize_t got = recv(p->fd, buf, sizeof(buf), 0);
		if (got <= 0)
			return "closed";
		sb_put(&p->in, buf, (size_t)got);
	}
	show(p, (unsigned char)p->in.p[0], (struct str){p->in.p + head, n - head});
	p->in.n -= n;
	memmove(p->in.p, p->in.p + n, p->in.n);
	return p->text.p;
}

const char *peer_quiet(struct peer *p)
{
	peer_put(p, 0xc0, STR_NULL);
	return peer_hear(p);
}

void peer_close(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
	sb_fini(&p->in);
	sb_fini(&p->text);
}
