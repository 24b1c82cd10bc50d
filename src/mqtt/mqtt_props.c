/*
 * Properties of MQTT 5: one table says what each is, and where it may stand.
 */
#include "mqtt/mqtt_int.h"

#define WILL (1u << MQTT_WILL_PROPS)
#define P(packet) (1u << MQTT_##packet)
#define ACKS (P(PUBACK) | P(PUBREC) | P(PUBREL) | P(PUBCOMP))
#define ALL                                                                                                  \
	(P(CONNECT) | P(CONNACK) | P(PUBLISH) | WILL | ACKS | P(SUBSCRIBE) | P(SUBACK) | P(UNSUBSCRIBE) |    \
	        P(UNSUBACK) | P(DISCONNECT) | P(AUTH))

enum type { BYTE, TWO, FOUR, VARINT, TEXT, BINARY, PAIR };

static const struct row {
	unsigned char code;
	enum type type;
	uint32_t low, high;
	unsigned packets;
} rows[MQTT_PROPS] = {
#define X(id, code, type, low, high, packets) [MQTT_P_##id] = {code, type, low, high, packets},
#include "mqtt/mqtt_props.tbl"
#undef X
};

/* By code: index of the row + 1. */
static const unsigned char row_of[0x2b] = {
#define X(id, code, type, low, high, packets) [code] = MQTT_P_##id + 1,
#include "mqtt/mqtt_props.tbl"
#undef X
};

static bool read_value(enum type type, struct str *in, uint32_t *num, struct str *text)
{
	unsigned v = 0;
	bool ok = false;
	struct str value;
	switch (type) {
	case BYTE: ok = mqtt__byte(in, &v); break;
	case TWO: ok = mqtt__word(in, &v); break;
	case FOUR: return mqtt__four(in, num);
	case VARINT: return mqtt__varint(in, num);
	case TEXT: return mqtt__text(in, text);
	case BINARY: return mqtt__binary(in, text);
	case PAIR: return mqtt__text(in, text) && mqtt__text(in, &value);
	}
	*num = v;
	return ok;
}

/* One property off the front; its row, or negative. */
static int next(struct str *in, uint32_t *num, struct str *text)
{
	unsigned code = (unsigned char)in->p[0];
	in->p++;
	in->n--;
	if (code >= ARRAY_LEN(row_of) || row_of[code] == 0)
		return -1;
	int id = row_of[code] - 1;
	return read_value(rows[id].type, in, num, text) ? id : -1;
}

struct mqtt__bad mqtt__props_parse(struct str *in, unsigned type, struct mqtt__props *p)
{
	uint32_t n;
	p->set = 0;
	p->all = STR_NULL;
	if (!mqtt__varint(in, &n) || n > in->n)
		return mqtt__bad(MQTT_R_MALFORMED, "its properties are cut off");
	struct str props = {in->p, n};
	in->p += n;
	in->n -= n;
	p->all = props;
	while (props.n > 0) {
		uint32_t num = 0;
		struct str text = STR_NULL;
		int id = next(&props, &num, &text);
		if (id < 0)
			return mqtt__bad(MQTT_R_MALFORMED, "a property is unknown, cut off or not UTF-8");
		if (!(rows[id].packets >> type & 1))
			return mqtt__bad(MQTT_R_MALFORMED, "a property does not belong into its packet");
		if (id == MQTT_P_USER)
			continue;
		if (mqtt__has(p, (enum mqtt__prop)id))
			return mqtt__bad(MQTT_R_PROTOCOL, "a property stands twice in one packet");
		if (rows[id].high > 0 && (num < rows[id].low || num > rows[id].high))
			return mqtt__bad(MQTT_R_PROTOCOL, "a property has a value that is not allowed");
		p->set |= UINT32_C(1) << id;
		p->num[id] = num;
		p->text[id] = text;
	}
	return MQTT_FINE;
}

void mqtt__props_pass(struct str all, struct sb *to)
{
	const uint32_t pass = 1u << MQTT_P_PAYLOAD_FORMAT | 1u << MQTT_P_CONTENT_TYPE |
	                      1u << MQTT_P_RESPONSE_TOPIC | 1u << MQTT_P_CORRELATION | 1u << MQTT_P_USER;
	while (all.n > 0) {
		const char *from = all.p;
		uint32_t num;
		struct str text;
		int id = next(&all, &num, &text);
		must(id >= 0); /* it was parsed before */
		if (pass >> id & 1)
			sb_put(to, from, (size_t)(all.p - from));
	}
}

void mqtt__prop_put_num(struct sb *b, enum mqtt__prop id, uint32_t v)
{
	sb_putc(b, (char)rows[id].code);
	switch (rows[id].type) {
	case BYTE: sb_putc(b, (char)v); break;
	case TWO: mqtt__put_word(b, v); break;
	case FOUR: mqtt__put_four(b, v); break;
	case VARINT: mqtt__put_varint(b, v); break;
	default: wrong("this property is no number");
	}
}

void mqtt__prop_put_text(struct sb *b, enum mqtt__prop id, struct str v)
{
	sb_putc(b, (char)rows[id].code);
	mqtt__put_text(b, v);
}
