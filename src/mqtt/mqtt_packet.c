#include "mqtt/mqtt_int.h"

enum mqtt__framing mqtt__frame(struct str in, size_t most, struct mqtt__frame *f)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t length = 0, head = 1;
	f->total = 0;
	if (in.n == 0)
		return MQTT_PARTIAL;
	if (p[0] >> 4 == 0)
		return MQTT_MALFORMED;
	for (unsigned shift = 0;; shift += 7, head++) {
		if (head > 4)
			return MQTT_MALFORMED;
		if (head >= in.n)
			return MQTT_PARTIAL;
		length |= (size_t)(p[head] & 0x7f) << shift;
		if (!(p[head] & 0x80))
			break;
	}
	head++;
	if (length > most)
		return MQTT_TOO_LONG;
	f->type = (enum mqtt__type)(p[0] >> 4);
	f->flags = p[0] & 0x0f;
	f->total = head + length;
	if (in.n < f->total)
		return MQTT_PARTIAL;
	f->body = (struct str){in.p + head, length};
	return MQTT_WHOLE;
}

bool mqtt__byte(struct str *in, unsigned *v)
{
	if (in->n < 1)
		return false;
	*v = (unsigned char)in->p[0];
	in->p++;
	in->n--;
	return true;
}

bool mqtt__word(struct str *in, unsigned *v)
{
	if (in->n < 2)
		return false;
	*v = (unsigned)(unsigned char)in->p[0] << 8 | (unsigned char)in->p[1];
	in->p += 2;
	in->n -= 2;
	return true;
}

bool mqtt__four(struct str *in, uint32_t *v)
{
	unsigned high, low;
	if (!mqtt__word(in, &high) || !mqtt__word(in, &low))
		return false;
	*v = (uint32_t)high << 16 | low;
	return true;
}

bool mqtt__varint(struct str *in, uint32_t *v)
{
	unsigned byte;
	*v = 0;
	for (unsigned shift = 0; shift < 28; shift += 7) {
		if (!mqtt__byte(in, &byte))
			return false;
		*v |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return shift == 0 || byte != 0; /* the shortest form only: [MQTT-1.5.5-1] */
	}
	return false;
}

bool mqtt__binary(struct str *in, struct str *v)
{
	unsigned n;
	if (!mqtt__word(in, &n) || in->n < n)
		return false;
	*v = (struct str){in->p, n};
	in->p += n;
	in->n -= n;
	return true;
}

bool mqtt__text(struct str *in, struct str *v)
{
	return mqtt__binary(in, v) && utf8_valid(*v) && memchr(v->p, '\0', v->n) == NULL;
}

size_t mqtt__varint_write(char to[4], size_t v)
{
	size_t n = 0;
	do {
		unsigned byte = v & 0x7f;
		v >>= 7;
		to[n++] = (char)(v > 0 ? byte | 0x80 : byte);
	} while (v > 0);
	return n;
}

size_t mqtt__head(char *to, unsigned first, size_t length)
{
	to[0] = (char)first;
	return 1 + mqtt__varint_write(to + 1, length);
}

size_t mqtt__varint_len(size_t v)
{
	return v < 128 ? 1 : v < 16384 ? 2 : v < 2097152 ? 3 : 4;
}

void mqtt__put_word(struct sb *b, unsigned v)
{
	sb_putc(b, (char)(v >> 8));
	sb_putc(b, (char)v);
}

void mqtt__put_four(struct sb *b, uint32_t v)
{
	mqtt__put_word(b, v >> 16);
	mqtt__put_word(b, v & 0xffff);
}

void mqtt__put_varint(struct sb *b, size_t v)
{
	char bytes[8];
	sb_put(b, bytes, mqtt__varint_write(bytes, v));
}

void mqtt__put_text(struct sb *b, struct str s)
{
	mqtt__put_word(b, (unsigned)s.n);
	sb_putstr(b, s);
}
