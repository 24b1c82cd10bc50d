/*
 * protobuf - the wire format of Protocol Buffers: fields of a message, read in place and written.
 *
 * A reader walks over one message and gives field after field; what a field means, and which fields are
 * passed over, is the caller's affair, and so is the message inside a field of bytes: it gets a reader of
 * its own. Nothing is copied or allocated. A torn, overlong or unknown form ends the reading and is told by
 * `bad`. Groups (wire types 3 and 4), which proto3 no longer has, are bad.
 *
 * Writers append to a struct sb, which has a maximum and a sticky failure of its own. A message inside a
 * message: at = protobuf_begin(b, number); … ; protobuf_end(b, at). Pure; any thread.
 * Reference: protobuf.dev, "Encoding".
 */
#ifndef HEMING_PROTOBUF_H
#define HEMING_PROTOBUF_H

#include "base/sb.h"

#define PROTOBUF_VARINT_B 10 /* of the longest number */

struct protobuf {
	const uint8_t *p, *end;
	bool bad;
};
enum protobuf_type { PROTOBUF_VARINT = 0, PROTOBUF_FIXED64 = 1, PROTOBUF_BYTES = 2, PROTOBUF_FIXED32 = 5 };
struct protobuf_field {
	uint32_t no; /* from 1 */
	enum protobuf_type type;
	uint64_t number;  /* of all but bytes; a fixed one as its bits */
	struct str bytes; /* of bytes */
};

static inline struct protobuf protobuf_of(struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;

	return (struct protobuf){p, p != NULL ? p + s.n : NULL, false};
}

/* False at the end, or bad. Numbers of packed fields are read by it, too. */
static inline bool protobuf_number(struct protobuf *r, uint64_t *out)
{
	uint64_t v = 0;

	if (r->p == r->end)
		return false;
	for (int shift = 0; shift < 70 && r->p < r->end; shift += 7) {
		uint8_t b = *r->p++;

		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80) {
			*out = v;
			return true;
		}
	}
	r->bad = true;
	r->p = r->end;
	return false;
}

static inline uint64_t protobuf_word(const uint8_t *p, int n)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

/* False at the end, and where the rest is bad. */
static inline bool protobuf_next(struct protobuf *r, struct protobuf_field *f)
{
	uint64_t tag;
	size_t n = 0;

	if (!protobuf_number(r, &tag))
		return false;
	f->no = (uint32_t)(tag >> 3);
	f->type = (enum protobuf_type)(tag & 7);
	f->bytes = STR_NULL;
	if (f->type == PROTOBUF_VARINT) {
		if (protobuf_number(r, &f->number) && f->no != 0 && tag >> 32 == 0)
			return true;
	} else if (f->type == PROTOBUF_BYTES) {
		if (protobuf_number(r, &f->number) && f->number <= (size_t)(r->end - r->p) && f->no != 0 &&
		        tag >> 32 == 0) {
			f->bytes = (struct str){(const char *)r->p, (size_t)f->number};
			r->p += f->number;
			return true;
		}
	} else if (f->type == PROTOBUF_FIXED64 || f->type == PROTOBUF_FIXED32) {
		n = f->type == PROTOBUF_FIXED64 ? 8 : 4;
		if ((size_t)(r->end - r->p) >= n && f->no != 0 && tag >> 32 == 0) {
			f->number = protobuf_word(r->p, (int)n);
			r->p += n;
			return true;
		}
	}
	r->bad = true;
	r->p = r->end;
	return false;
}

static inline double protobuf_double(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}
static inline uint64_t protobuf_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

/* ---- writing ---- */

void protobuf_put_number(struct sb *b, uint64_t v); /* alone: an element of a packed field */
void protobuf_put_varint(struct sb *b, uint32_t no, uint64_t v);
void protobuf_put_double(struct sb *b, uint32_t no, double v);
void protobuf_put_bytes(struct sb *b, uint32_t no, struct str s);
/* The length is put in by the end; what is between must be appended only. */
size_t protobuf_begin(struct sb *b, uint32_t no);
void protobuf_end(struct sb *b, size_t at);

#endif
