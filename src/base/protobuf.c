#include "base/protobuf.h"

static size_t put(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

void protobuf_put_number(struct sb *b, uint64_t v)
{
	uint8_t p[PROTOBUF_VARINT_B];

	sb_put(b, p, put(p, v));
}

static void put_tag(struct sb *b, uint32_t no, enum protobuf_type type)
{
	protobuf_put_number(b, (uint64_t)no << 3 | type);
}

void protobuf_put_varint(struct sb *b, uint32_t no, uint64_t v)
{
	put_tag(b, no, PROTOBUF_VARINT);
	protobuf_put_number(b, v);
}

void protobuf_put_double(struct sb *b, uint32_t no, double v)
{
	uint64_t bits;
	uint8_t p[8];

	memcpy(&bits, &v, sizeof(bits));
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(bits >> 8 * i);
	put_tag(b, no, PROTOBUF_FIXED64);
	sb_put(b, p, sizeof(p));
}

void protobuf_put_bytes(struct sb *b, uint32_t no, struct str s)
{
	put_tag(b, no, PROTOBUF_BYTES);
	protobuf_put_number(b, s.n);
	sb_putstr(b, s);
}

size_t protobuf_begin(struct sb *b, uint32_t no)
{
	put_tag(b, no, PROTOBUF_BYTES);
	sb_putc(b, 0); /* enough for a length below 128 */
	return b->n;
}

void protobuf_end(struct sb *b, size_t at)
{
	static const uint8_t more[PROTOBUF_VARINT_B];
	uint8_t p[PROTOBUF_VARINT_B];
	size_t len = b->n - at, n;

	if (b->failed)
		return;
	n = put(p, len);
	sb_put(b, more, n - 1);
	if (b->failed)
		return;
	if (n > 1)
		memmove(b->p + at + n - 1, b->p + at, len);
	memcpy(b->p + at - 1, p, n);
}
