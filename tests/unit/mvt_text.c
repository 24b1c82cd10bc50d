#include "mvt_text.h"

#define WORDS 4096
#define FEATURES 4096

struct reader {
	const unsigned char *p, *end;
	bool bad;
};

static uint64_t varint(struct reader *r)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 64; shift += 7) {
		if (r->p == r->end)
			break;
		v |= (uint64_t)(*r->p & 0x7f) << shift;
		if (!(*r->p++ & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

static struct reader bytes(struct reader *r)
{
	uint64_t n = varint(r);
	struct reader out = {r->p, r->p + n, false};

	if (n > (uint64_t)(r->end - r->p)) {
		r->bad = true;
		return (struct reader){r->p, r->p, true};
	}
	r->p += n;
	return out;
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

struct layer {
	struct str name, key[WORDS];
	struct reader value[WORDS], feature[FEATURES];
	int keys, values, features;
	uint64_t version, extent;
};

static struct str text(struct reader r)
{
	return (struct str){(const char *)r.p, (size_t)(r.end - r.p)};
}

static bool read_layer(struct reader r, struct layer *l)
{
	*l = (struct layer){.version = 1, .extent = 4096};
	while (r.p < r.end && !r.bad) {
		uint64_t tag = varint(&r);

		if (tag == (1 << 3 | 2))
			l->name = text(bytes(&r));
		else if (tag == (2 << 3 | 2) && l->features < FEATURES)
			l->feature[l->features++] = bytes(&r);
		else if (tag == (3 << 3 | 2) && l->keys < WORDS)
			l->key[l->keys++] = text(bytes(&r));
		else if (tag == (4 << 3 | 2) && l->values < WORDS)
			l->value[l->values++] = bytes(&r);
		else if (tag == (5 << 3 | 0))
			l->extent = varint(&r);
		else if (tag == (15 << 3 | 0))
			l->version = varint(&r);
		else
			return false;
	}
	return !r.bad && l->version == 2 && l->name.n > 0 && l->extent > 0;
}

static bool put_value(struct reader r, struct sb *out)
{
	uint64_t tag = varint(&r);

	if (tag == (1 << 3 | 2)) {
		struct str s = text(bytes(&r));

		if (!utf8_valid(s))
			return false;
		sb_putstr(out, s);
	} else if (tag == (5 << 3 | 0)) {
		sb_printf(out, "%llu", (unsigned long long)varint(&r));
	} else if (tag == (6 << 3 | 0)) {
		sb_printf(out, "%lld", (long long)unzigzag(varint(&r)));
	} else if (tag == (7 << 3 | 0)) {
		sb_puts(out, varint(&r) ? "true" : "false");
	} else {
		return false;
	}
	return !r.bad && r.p == r.end;
}

static bool put_feature(const struct layer *l, struct reader r, struct sb *out)
{
	struct reader tags = {0}, geometry = {0};
	uint64_t type = 0, id = 0;
	int64_t x, y;

	while (r.p < r.end && !r.bad) {
		uint64_t tag = varint(&r);

		if (tag == (1 << 3 | 0))
			id = varint(&r);
		else if (tag == (2 << 3 | 2))
			tags = bytes(&r);
		else if (tag == (3 << 3 | 0))
			type = varint(&r);
		else if (tag == (4 << 3 | 2))
			geometry = bytes(&r);
		else
			return false;
	}
	if (r.bad || type != 1 || varint(&geometry) != (1 << 3 | 1))
		return false;
	x = unzigzag(varint(&geometry));
	y = unzigzag(varint(&geometry));
	if (geometry.bad || geometry.p != geometry.end)
		return false;
	sb_printf(out, STR_FMT " %lld,%lld", STR_ARG(l->name), (long long)x, (long long)y);
	if (id != 0)
		sb_printf(out, " #%llu", (unsigned long long)id);
	while (tags.p < tags.end && !tags.bad) {
		uint64_t key = varint(&tags), value = varint(&tags);

		if (key >= (uint64_t)l->keys || value >= (uint64_t)l->values)
			return false;
		sb_printf(out, " " STR_FMT "=", STR_ARG(l->key[key]));
		if (!put_value(l->value[value], out))
			return false;
	}
	sb_putc(out, '\n');
	return !tags.bad;
}

void mvt_text_of(struct str tile, struct sb *out)
{
	struct reader r = {(const unsigned char *)tile.p, (const unsigned char *)tile.p + tile.n, false};
	static struct layer l;

	sb_reset(out);
	sb_puts(out, "");
	while (r.p < r.end) {
		bool ok = varint(&r) == (3 << 3 | 2) && read_layer(bytes(&r), &l) && !r.bad && l.features > 0;

		for (int i = 0; ok && i < l.features; i++)
			ok = put_feature(&l, l.feature[i], out);
		if (!ok) {
			sb_reset(out);
			sb_puts(out, "broken");
			return;
		}
	}
}
