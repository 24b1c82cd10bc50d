/*
 * Who really asks, behind proxies that may be believed.
 *
 * X-Forwarded-For is read from its right end, where the nearest proxy wrote: as long as an address is that of
 * a proxy we know, the one before it counts. What stands left of the first stranger, anybody may have put
 * there.
 */
#include "net/http_int.h"

#include "base/num.h"

#include <arpa/inet.h>
#include <strings.h>

struct range {
	struct in6_addr from; /* IPv4 as ::ffff:a.b.c.d */
	int bits;
};
struct http_proxies {
	struct range *range;
	size_t n, cap;
};

static bool parse_address(struct str s, struct in6_addr *out, bool *four)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*four = inet_pton(AF_INET, text, &v4) == 1;
	if (!*four)
		return inet_pton(AF_INET6, text, out) == 1;
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &v4, sizeof(v4));
	return true;
}

static bool parse_range(struct str s, struct range *out)
{
	struct str length = s, address = str_cut(&length, '/');
	int64_t bits;
	bool four;

	if (!parse_address(address, &out->from, &four))
		return false;
	bits = four ? 32 : 128;
	if (length.p != NULL && (!num_int(length, &bits) || bits < 0 || bits > (four ? 32 : 128)))
		return false;
	out->bits = (int)bits + (four ? 96 : 0);
	return true;
}

static bool within(const struct range *r, const struct in6_addr *a)
{
	int whole = r->bits / 8, rest = r->bits % 8;

	if (memcmp(&r->from, a, (size_t)whole) != 0)
		return false;
	return rest == 0 || ((r->from.s6_addr[whole] ^ a->s6_addr[whole]) & (0xff << (8 - rest))) == 0;
}

static bool known(const struct http_proxies *p, const struct in6_addr *a)
{
	for (size_t i = 0; i < p->n; i++)
		if (within(&p->range[i], a))
			return true;
	return false;
}

int http__proxies_open(const char *list, struct http_proxies **out, struct err *e)
{
	struct http_proxies *p = xcalloc(1, sizeof(*p));
	struct str rest = str_of(list);

	*out = p;
	while (rest.n > 0) {
		size_t n = strcspn(rest.p, ", ");
		struct str word = {rest.p, n};

		rest = (struct str){rest.p + n, rest.n - n};
		if (rest.n > 0)
			rest = (struct str){rest.p + 1, rest.n - 1};
		if (word.n == 0)
			continue;
		p->range = xgrow(p->range, &p->cap, p->n + 1, sizeof(*p->range));
		if (!parse_range(word, &p->range[p->n++])) {
			err_set(e, ERR_INVALID,
			        "an address or a network is needed, as 10.1.0.0/16 or ::1, not \"%.*s\"",
			        STR_ARG(word));
			return err_at(e, NULL, 0, 0, "proxies");
		}
	}
	return 0;
}

void http__proxies_close(struct http_proxies **p)
{
	if (*p == NULL)
		return;
	free((*p)->range);
	free(*p);
	*p = NULL;
}

/* The words of a header that may come several times, as one list. */
struct words {
	struct http_req *r;
	const char *name;
	struct str *word;
	size_t n, cap;
};

static enum MHD_Result collect_words(void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct words *w = ctx;
	struct str rest = str_of(value);

	(void)kind;
	if (strcasecmp(key, w->name) != 0)
		return MHD_YES;
	while (rest.p != NULL) {
		w->word = arena_grow(w->r->a, w->word, &w->cap, w->n + 1, sizeof(*w->word));
		w->word[w->n++] = str_trim(str_cut(&rest, ','));
	}
	return MHD_YES;
}

static struct words words_of(struct http_req *r, const char *name)
{
	struct words w = {.r = r, .name = name};

	MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, collect_words, &w);
	return w;
}

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711". */
static struct str without_port(struct str s)
{
	const char *colon = s.n > 0 ? memchr(s.p, ':', s.n) : NULL, *end;

	if (s.n > 0 && s.p[0] == '[') {
		end = memchr(s.p, ']', s.n);
		return end != NULL ? (struct str){s.p + 1, (size_t)(end - s.p) - 1} : s;
	}
	if (colon != NULL && memchr(colon + 1, ':', s.n - (size_t)(colon + 1 - s.p)) == NULL)
		return (struct str){s.p, (size_t)(colon - s.p)};
	return s;
}

bool http__proxies_know(const struct http_proxies *p, const char *address)
{
	struct in6_addr a;
	bool four;

	return parse_address(str_of(address), &a, &four) && known(p, &a);
}

void http__proxies_behind(
        const struct http_proxies *p, const struct str *list, size_t n, char remote[SOCKET_PEER_LEN])
{
	struct in6_addr a;
	bool four;

	for (size_t i = n; i > 0 && http__proxies_know(p, remote); i--) {
		if (!parse_address(without_port(list[i - 1]), &a, &four))
			break; /* who wrote this did not know; the proxy itself is the nearest that is known
			        */
		if (IN6_IS_ADDR_V4MAPPED(&a))
			inet_ntop(AF_INET, &a.s6_addr[12], remote, SOCKET_PEER_LEN);
		else
			inet_ntop(AF_INET6, &a, remote, SOCKET_PEER_LEN);
	}
}

void http__proxies_look(struct http_req *r)
{
	const struct http_proxies *p = r->server->proxies;
	struct words list, proto;

	r->secure = r->server->tls != NULL;
	if (p->n == 0 || !http__proxies_know(p, r->remote))
		return;
	r->proxied = true;
	list = words_of(r, "X-Forwarded-For");
	http__proxies_behind(p, list.word, list.n, r->remote);
	proto = words_of(r, "X-Forwarded-Proto");
	if (proto.n > 0)
		r->secure = proto.word[proto.n - 1].n == 5 &&
		            strncasecmp(proto.word[proto.n - 1].p, "https", 5) == 0;
}
