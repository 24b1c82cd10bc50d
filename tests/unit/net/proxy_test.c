/* Whom a request is from, and what of that is believed. */
#include "door.h"

#define GET "GET /echo HTTP/1.1\r\nHost: x\r\n"

static void check_from(const struct door *d, const char *headers, const char *want)
{
	struct sb b = SB_INIT;

	sb_printf(&b, GET "%s\r\n", headers);
	check_has(ask(d, b.p), want);
	sb_fini(&b);
}

TEST(a_known_proxy_is_believed)
{
	static const struct {
		const char *headers, *want;
	} rows[] = {
	        {"", "from=127.0.0.1 proxied body"},
	        {"X-Forwarded-For: 203.0.113.9\r\n", "from=203.0.113.9 proxied"},
	        /* the left end is anybody's word */
	        {"X-Forwarded-For: 1.2.3.4, 203.0.113.9\r\n", "from=203.0.113.9 proxied"},
	        {"X-Forwarded-For: 127.0.0.1,  203.0.113.9 \r\n", "from=203.0.113.9 proxied"},
	        /* a chain of proxies, in one header or several */
	        {"X-Forwarded-For: 203.0.113.9, 10.1.0.1, 10.1.255.254\r\n", "from=203.0.113.9 proxied"},
	        {"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 10.1.0.1\r\n", "from=203.0.113.9 proxied"},
	        {"X-Forwarded-For: 203.0.113.9, 10.2.0.1\r\n", "from=10.2.0.1 proxied"},
	        {"X-Forwarded-For: 10.1.0.1\r\n", "from=10.1.0.1 proxied"},
	        {"X-Forwarded-For: 203.0.113.9, 2001:db8:1::7\r\n", "from=203.0.113.9 proxied"},
	        {"X-Forwarded-For: 203.0.113.9, 2001:db8:2::7\r\n", "from=2001:db8:2::7 proxied"},
	        {"X-Forwarded-For: 2001:DB8:0:0::9\r\n", "from=2001:db8::9 proxied"},
	        {"X-Forwarded-For: ::ffff:203.0.113.9\r\n", "from=203.0.113.9 proxied"},
	        {"X-Forwarded-For: 203.0.113.9:4711\r\n", "from=203.0.113.9 proxied"},
	        {"X-Forwarded-For: [2001:db8::9]:4711\r\n", "from=2001:db8::9 proxied"},
	        /* no addresses */
	        {"X-Forwarded-For: unknown\r\n", "from=127.0.0.1 proxied"},
	        {"X-Forwarded-For: \r\n", "from=127.0.0.1 proxied"},
	        {"X-Forwarded-For: 203.0.113.9, , 10.1.0.1\r\n", "from=10.1.0.1 proxied"},
	        {"X-Forwarded-For: 203.0.113.999\r\n", "from=127.0.0.1 proxied"},
	        {"X-Forwarded-For: [2001:db8::9\r\n", "from=127.0.0.1 proxied"},
	        {"X-Forwarded-For: :\r\n", "from=127.0.0.1 proxied"},
	        {"X-Forwarded-Proto: https\r\n", "proxied secure"},
	        {"X-Forwarded-Proto: HTTPS\r\n", "proxied secure"},
	        {"X-Forwarded-Proto: http, https\r\n", "proxied secure"},
	        {"X-Forwarded-Proto: https, http\r\n", "proxied body"},
	        {"X-Forwarded-Proto: httpsx\r\n", "proxied body"},
	};
	struct door d = {0};

	door_open(&d, (struct http_options){.proxies = "127.0.0.1, 10.1.0.0/16  2001:db8:1::/48"});
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_from(&d, rows[i].headers, rows[i].want);
	door_shut(&d);
}

TEST(nobody_else_is)
{
	struct door d = {0};

	door_open(&d, (struct http_options){0});
	check_from(&d, "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n", "from=127.0.0.1 body");
	door_shut(&d);
	door_open(&d, (struct http_options){.proxies = "127.0.0.2/32 ::1 10.0.0.0/8"});
	check_from(&d, "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n", "from=127.0.0.1 body");
	door_shut(&d);
	door_open(&d, (struct http_options){.proxies = "126.0.0.0/7"});
	check_from(&d, "X-Forwarded-For: 203.0.113.9\r\n", "from=203.0.113.9 proxied");
	door_shut(&d);
}

TEST(a_list_of_proxies_is_addresses_and_networks)
{
	static const char *const wrong[] = {"front.example", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",
	        "::/129", "10.0.0", "1.2.3.4;5.6.7.8", "10.0.0.0/8/8"};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct http_door door = {0};
		struct http_server *s = NULL;
		struct err e = ERR_INIT;

		check_eq_i(
		        http_listen(&(struct http_options){.proxies = wrong[i]}, &door, &s, &e), ERR_INVALID);
		check_eq_s(e.field, "proxies");
	}
}
