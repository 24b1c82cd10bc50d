/*
 * What one address may take: connections at once, and new ones in a minute.
 *
 * Who is over it is told: a client of MQTT 5 by 0x97 or 0x9f in its CONNACK, one of 3.1.1 by "unavailable".
 * For that its connection waits for the CONNECT like any other, but few of one address do so at once; the
 * rest is closed unheard. Of IPv6 an address is its first 64 bits, since one house has all that follow.
 */
#include "mqtt/mqtt_int.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define BUCKETS 4096u
#define TOLD_MOST 8 /* connections of one address that wait to be told why not */

struct mqtt__peer {
	struct mqtt__peer *next;
	uint64_t key;
	int conns, told;
	double tokens;
	dur_us at; /* monotonic, of the tokens */
};

static uint64_t key_of(const struct sockaddr_storage *sa)
{
	uint64_t key = 0;
	uint32_t four = 0;
	if (sa->ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof(in));
		return UINT64_C(0xffff) << 32 | in.sin_addr.s_addr;
	}
	struct sockaddr_in6 in6;
	memcpy(&in6, sa, sizeof(in6));
	memcpy(&key, &in6.sin6_addr, sizeof(key));
	memcpy(&four, in6.sin6_addr.s6_addr + 12, sizeof(four));
	return IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ? UINT64_C(0xffff) << 32 | four : key;
}

static struct mqtt__peer **bucket(struct mqtt_server *s, uint64_t key)
{
	return &s->peers[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 52 & (BUCKETS - 1)];
}

static void refill(const struct mqtt_server *s, struct mqtt__peer *p)
{
	const double most = s->o.address_rate;
	p->tokens += (double)(s->now - p->at) / (double)US_MINUTE * most;
	p->tokens = p->tokens > most ? most : p->tokens;
	p->at = s->now;
}

static struct mqtt__peer *peer_of(struct mqtt_server *s, uint64_t key)
{
	if (s->peers == NULL)
		s->peers = xcalloc(BUCKETS, sizeof(struct mqtt__peer *));
	struct mqtt__peer **b = bucket(s, key), *p = *b;
	while (p && p->key != key)
		p = p->next;
	if (p == NULL) {
		p = xcalloc(1, sizeof(*p));
		*p = (struct mqtt__peer){.next = *b, .key = key, .tokens = s->o.address_rate, .at = s->now};
		*b = p;
	}
	return p;
}

/* What speaks against one more of its connections. */
static enum mqtt_reason judge(struct mqtt_server *s, struct mqtt__peer *p)
{
	if (s->o.address_rate > 0) {
		refill(s, p);
		if (p->tokens < 1)
			return MQTT_R_ADDRESS_RATE;
		p->tokens -= 1;
	}
	return s->o.address_connections > 0 && p->conns >= s->o.address_connections ? MQTT_R_ADDRESS
	                                                                            : MQTT_R_OK;
}

struct mqtt__peer *mqtt__peer_enter(
        struct mqtt_server *s, const struct sockaddr_storage *sa, enum mqtt_reason *why)
{
	*why = MQTT_R_OK;
	if (s->o.address_connections == 0 && s->o.address_rate == 0)
		return NULL;
	struct mqtt__peer *p = peer_of(s, key_of(sa));
	*why = judge(s, p);
	if (*why == MQTT_R_OK)
		p->conns++;
	else if (p->told < TOLD_MOST)
		p->told++;
	else
		return NULL;
	return p;
}

void mqtt__peer_leave(struct mqtt__peer *p, enum mqtt_reason why)
{
	if (p == NULL)
		return;
	if (why == MQTT_R_OK)
		p->conns--;
	else
		p->told--;
}

/* Those of whom nothing need be known. */
void mqtt__peers_sweep(struct mqtt_server *s, bool all)
{
	for (size_t i = 0; s->peers && i < BUCKETS; i++) {
		for (struct mqtt__peer **b = &s->peers[i], *p; (p = *b) != NULL;) {
			refill(s, p);
			if (!all && (p->conns > 0 || p->told > 0 || p->tokens < s->o.address_rate)) {
				b = &p->next;
				continue;
			}
			*b = p->next;
			free(p);
		}
	}
	if (all)
		free(s->peers);
}
