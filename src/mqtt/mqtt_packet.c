#include "mqtt/mqtt_int.h"

enum mqtt__framing mqtt__frame(struct str in, size_t most, struct mqtt__frame *f)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t length = 0, head = 1;
	f->total = 0;
	if (in.n == 0)
		return MQTT_PARTIAL;
	if (p[0] >> 4 == 0 || p[0] >> 4 > MQTT_DISCONNECT)
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

size_t mqtt__head(char *to, unsigned first, size_t length)
{
	size_t n = 0;
	to[n++] = (char)first;
	do {
		unsigned byte = length & 0x7f;
		length >>= 7;
		to[n++] = (char)(length > 0 ? byte | 0x80 : byte);
	} while (length > 0);
	return n;
}
