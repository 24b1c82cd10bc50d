#include "base/mvt.h"

/* Numbers of fields, from vector_tile.proto. */
enum { TILE_LAYER = 3 };
enum {
	LAYER_NAME = 1,
	LAYER_FEATURE = 2,
	LAYER_KEY = 3,
	LAYER_VALUE = 4,
	LAYER_EXTENT = 5,
	LAYER_VERSION = 15
};
enum { FEATURE_ID = 1, FEATURE_TAGS = 2, FEATURE_TYPE = 3, FEATURE_GEOMETRY = 4 };
enum { VALUE_TEXT = 1, VALUE_UINT = 5, VALUE_SINT = 6, VALUE_BOOL = 7 };
enum { GEOMETRY_POINT = 1, MOVE_TO = 1 };
enum wire { WIRE_VARINT = 0, WIRE_BYTES = 2 };

/* ---- protocol buffers ---- */

static void put_varint(struct sb *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		sb_putc(b, (char)(v | 0x80));
	sb_putc(b, (char)v);
}

static void put_tag(struct sb *b, uint32_t field, enum wire wire)
{
	put_varint(b, (uint64_t)field << 3 | wire);
}

static void put_number(struct sb *b, uint32_t field, uint64_t v)
{
	put_tag(b, field, WIRE_VARINT);
	put_varint(b, v);
}

static void put_bytes(struct sb *b, uint32_t field, struct str s)
{
	put_tag(b, field, WIRE_BYTES);
	put_varint(b, s.n);
	sb_putstr(b, s);
}

/* Small numbers of both signs become small ones without. */
static uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

/* ---- tiles ---- */

void mvt_init(struct mvt *m, struct sb *out)
{
	*m = (struct mvt){.out = out};
}

static void end_layer(struct mvt *m)
{
	if (m->count > 0) {
		for (uint32_t i = 0; i < m->keys.n; i++)
			put_bytes(&m->layer, LAYER_KEY, intern_str(&m->keys, i));
		for (uint32_t i = 0; i < m->values.n; i++)
			put_bytes(&m->layer, LAYER_VALUE, intern_str(&m->values, i));
		put_bytes(m->out, TILE_LAYER, sb_str(&m->layer));
	}
	sb_reset(&m->layer);
	intern_reset(&m->keys);
	intern_reset(&m->values);
	m->count = 0;
}

void mvt_layer(struct mvt *m, const char *name, uint32_t extent)
{
	end_layer(m);
	put_number(&m->layer, LAYER_VERSION, 2);
	put_bytes(&m->layer, LAYER_NAME, str_of(name));
	put_number(&m->layer, LAYER_EXTENT, extent);
}

void mvt_feature(struct mvt *m, uint64_t id)
{
	sb_reset(&m->tags);
	m->id = id;
}

/* The value was written to m->value. */
static void tag(struct mvt *m, const char *key)
{
	put_varint(&m->tags, intern(&m->keys, str_of(key)));
	put_varint(&m->tags, intern(&m->values, sb_str(&m->value)));
}

void mvt_text(struct mvt *m, const char *key, struct str value)
{
	sb_reset(&m->value);
	put_bytes(&m->value, VALUE_TEXT, value);
	tag(m, key);
}

void mvt_int(struct mvt *m, const char *key, int64_t value)
{
	sb_reset(&m->value);
	if (value < 0)
		put_number(&m->value, VALUE_SINT, zigzag(value));
	else
		put_number(&m->value, VALUE_UINT, (uint64_t)value);
	tag(m, key);
}

void mvt_bool(struct mvt *m, const char *key, bool value)
{
	sb_reset(&m->value);
	put_number(&m->value, VALUE_BOOL, value);
	tag(m, key);
}

void mvt_point(struct mvt *m, int32_t x, int32_t y)
{
	struct sb *geometry = &m->value, *f = &m->feature;

	sb_reset(geometry);
	put_varint(geometry, 1u << 3 | MOVE_TO);
	put_varint(geometry, zigzag(x));
	put_varint(geometry, zigzag(y));
	sb_reset(f);
	if (m->id != 0)
		put_number(f, FEATURE_ID, m->id);
	if (m->tags.n > 0)
		put_bytes(f, FEATURE_TAGS, sb_str(&m->tags));
	put_number(f, FEATURE_TYPE, GEOMETRY_POINT);
	put_bytes(f, FEATURE_GEOMETRY, sb_str(geometry));
	put_bytes(&m->layer, LAYER_FEATURE, sb_str(f));
	m->count++;
}

void mvt_end(struct mvt *m)
{
	struct sb *all[] = {&m->layer, &m->feature, &m->tags, &m->value};

	end_layer(m);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		sb_fini(all[i]);
	intern_fini(&m->keys);
	intern_fini(&m->values);
}
