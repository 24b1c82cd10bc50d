#include "door.h"

#include "base/metric.h"
#include "base/socket.h"

#include <sys/socket.h>
#include <errno.h>
#include <unistd.h>

#define HOST " HTTP/1.1\r\nHost: x\r\n"

TEST(answers_get_and_post)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	const char *a = ask(&d, "GET /echo?q=a%20b+c%2B&m=1&m=&m=%E7%9B%90&q=2" HOST
	                        "X-One: one\r\nCookie: a=1; c=22\r\n\r\n");
	check_has(a, "HTTP/1.1 200 OK\r\n");
	check_has(a, "X-Two: 2\r\n");
	check_has(a, "Content-Type: text/plain\r\n");
	check_has(a, "GET /echo id=");
	check_has(a, "from=127.0.0.1");
	check_has(a, "q=[a b c+]");
	check_has(a, "m=[1] m=[] m=[\xe7\x9b\x90]");
	check_has(a, "x-one=one c=22 body=[]");
	check_has(ask(&d, "POST /a%2Fb/%e7%9b%90?status" HOST "Content-Length: 5\r\n\r\nhello"),
	        "POST /a/b/\xe7\x9b\x90 id=");
	check_has(ask(&d, "PUT /echo?status" HOST "Content-Length: 5\r\n\r\nhello"), "body=[hello]");
	check_has(ask(&d, "BREW /echo" HOST "\r\n"), "OTHER /echo");
	check_has(ask(&d, "OPTIONS /echo" HOST "\r\n"), "OPTIONS /echo");
	check(door_wait(&d, &d.done, 5));
	check_eq_i(d.status, 200);
	door_shut(&d);
}

TEST(head_has_no_body)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	int fd = peer_open(&d);
	peer_says(fd, "HEAD /echo" HOST "\r\nGET /echo" HOST "Connection: close\r\n\r\n");
	check(peer_hears_words(fd, "\r\n\r\n"));
	check_has(peer_hears(fd), "GET /echo");
	check(peer_closed(fd));
	door_shut(&d);
}

TEST(keeps_a_proxys_request_id_when_it_is_one)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	check_has(ask(&d, "GET /e" HOST "X-Request-Id: 0123456789abcdef\r\n\r\n"),
	        "X-Request-Id: 0123456789abcdef\r\n");
	check(strstr(ask(&d, "GET /e" HOST "X-Request-Id: a \"b\" c-123\r\n\r\n"), "\"b\"") == NULL);
	door_shut(&d);
}

TEST(answers_pipelined_requests_in_order)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	int fd = peer_open(&d);
	peer_says(fd, "GET /1" HOST "\r\nPOST /2" HOST "Content-Length: 2\r\n\r\nxyGET /3" HOST "\r\n");
	check_has(peer_hears(fd), "GET /1 ");
	check_has(peer_hears(fd), "body=[xy]");
	check_has(peer_hears(fd), "GET /3 ");
	close(fd);
	door_shut(&d);
}

TEST(takes_chunked_bodies_and_large_ones)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	check_has(ask(&d, "POST /echo" HOST
	                  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
	        "body=[abcde]");
	int fd = peer_open(&d);
	size_t n = (size_t)8 << 20;
	char *big = xcalloc(n, 1);
	peer_says(fd, "POST /echo/big" HOST "Content-Length: 8388608\r\n\r\n");
	peer_send(fd, big, n);
	check_has(peer_hears(fd), "body of 8388608");
	free(big);
	close(fd);
	door_shut(&d);
}

TEST(refuses_bodies_that_are_too_long)
{
	struct door d = {0};
	char *big = xcalloc(1 << 20, 1);
	door_open(&d, (struct http_options){0});
	/* before it is sent */
	const char *a = ask(&d, "POST /echo" HOST "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
	check_has(a, " 413 ");
	check(strstr(a, "100 Continue") == NULL);
	check_has(ask(&d, "POST /later" HOST "Content-Length: 1\r\n\r\nx"), " 413 ");
	/* while it is sent: the answer is not lost although more is under way */
	int fd = peer_open(&d);
	peer_says(fd, "POST /echo" HOST "Content-Length: 1048576\r\n\r\n");
	peer_send(fd, big, 1 << 20);
	check_has(peer_hears(fd), " 413 ");
	close(fd);
	/* a length that nobody told */
	fd = peer_open(&d);
	peer_says(fd, "POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n100000\r\n");
	peer_send(fd, big, 1 << 20);
	check_has(peer_hears(fd), " 413 ");
	close(fd);
	check(door_wait(&d, &d.done, 4));
	check_eq_i(d.status, 413);
	check_eq_i(d.served, 0);
	/* one that fits is asked for */
	fd = peer_open(&d);
	peer_says(fd, "POST /echo" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	check(peer_hears_words(fd, "100 Continue\r\n\r\n"));
	peer_says(fd, "ok");
	check_has(peer_hears(fd), "body=[ok]");
	close(fd);
	free(big);
	door_shut(&d);
}

TEST(refuses_heads_that_are_too_long)
{
	struct door d = {0};
	struct sb b = SB_INIT;
	int fd;

	door_open(&d, (struct http_options){0});
	sb_puts(&b, "GET /echo" HOST);
	for (int i = 0; i < 3000; i++)
		sb_printf(&b, "X-Header-%d: a value of some length\r\n", i);
	sb_puts(&b, "\r\n");
	fd = peer_open(&d);
	peer_send(fd, b.p, b.n);
	check_has(peer_hears(fd), "HTTP/1.1 4");
	close(fd);
	sb_reset(&b);
	sb_puts(&b, "GET /echo?q=");
	for (int i = 0; i < 8000; i++)
		sb_puts(&b, "0123456789");
	sb_puts(&b, HOST "\r\n");
	fd = peer_open(&d);
	peer_send(fd, b.p, b.n);
	check_has(peer_hears(fd), "HTTP/1.1 4");
	close(fd);
	check_eq_i(d.served, 0);
	check_has(ask(&d, "GET /echo" HOST "\r\n"), " 200 ");
	sb_fini(&b);
	door_shut(&d);
}

TEST(bounds_the_memory_of_all_bodies)
{
	struct door d = {0};
	char *big = xcalloc(1 << 20, 1);
	door_open(&d, (struct http_options){.body_total = 1 << 20});
	check_has(ask(&d, "POST /echo/big" HOST "Content-Length: 1048577\r\n\r\n"), " 503 ");
	int fd = peer_open(&d);
	peer_says(fd, "POST /echo/big" HOST "Transfer-Encoding: chunked\r\n\r\n200000\r\n");
	peer_send(fd, big, 1 << 20);
	peer_send(fd, big, 1 << 20);
	check_has(peer_hears(fd), " 503 ");
	close(fd);
	check(door_wait(&d, &d.done, 2));
	check_has(ask(&d, "POST /echo" HOST "Content-Length: 2\r\n\r\nok"), "body=[ok]");
	free(big);
	door_shut(&d);
}

TEST(refuses_what_is_not_well_formed)
{
	static const char *const wrong[] = {
	        "GET /../etc/passwd" HOST "\r\n",
	        "GET /a/%2e%2e/b" HOST "\r\n",
	        "GET /%ff" HOST "\r\n",
	        "GET relative" HOST "\r\n",
	        "GET / HTTP/1.1\r\n\r\n",
	        "POST /echo" HOST "Content-Length: -1\r\n\r\n",
	        "POST /echo" HOST "Content-Length: 1x\r\n\r\n",
	        "POST /echo" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	        "POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	};
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (!check_has(ask(&d, wrong[i]), "HTTP/1.1 4"))
			check_fail("%s", wrong[i]);
	}
	check_eq_i(d.served, 0);
	/* %00 stays as it is, so that no C string is cut short. */
	check_has(ask(&d, "GET /a%00b" HOST "\r\n"), "GET /a%00b ");
	struct sb long_head = SB_INIT;
	sb_puts(&long_head, "GET /echo" HOST "X-Long: ");
	for (int i = 0; i < 100000; i++)
		sb_putc(&long_head, 'x');
	sb_puts(&long_head, "\r\n\r\n");
	check_has(ask(&d, long_head.p), "HTTP/1.1 4");
	sb_fini(&long_head);
	door_shut(&d);
}

/* Times are short here: 100 ms without a byte, 300 ms in all. */
TEST(ends_slow_heads_and_bodies)
{
	static const char *const slow[] = {"GET /ec", "POST /echo" HOST "Content-Length: 100\r\n\r\nabc"};
	struct door d = {0};
	door_open(&d, (struct http_options){.head_wait = 100 * US_MS, .body_wait = 300 * US_MS});
	for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
		int fd = peer_open(&d);
		peer_says(fd, slow[i]);
		check_has(peer_hears(fd), " 408 ");
		check(peer_closed(fd));
	}
	check(peer_closed(peer_open(&d))); /* who says nothing hears nothing */
	door_shut(&d);
	check_eq_i(d.served, 0);
}

TEST(ends_clients_that_trickle)
{
	static const char *const begins[] = {"GET /", "POST /echo" HOST "Content-Length: 1000\r\n\r\n"};
	struct door d = {0};
	door_open(&d, (struct http_options){.head_wait = 200 * US_MS, .body_wait = 600 * US_MS});
	for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
		int fd = peer_open(&d), bytes = 0;
		char waste[1024];
		peer_says(fd, begins[i]);
		/* A byte every 50 ms is progress, and no request in time. */
		while (recv(fd, waste, sizeof(waste), MSG_DONTWAIT) < 0 && bytes < 100) {
			peer_says(fd, "x");
			usleep(50000);
			bytes++;
		}
		check(bytes > 4 && bytes < 100);
		check_has(waste, " 408 ");
		close(fd);
	}
	door_shut(&d);
}

TEST(compresses_long_text_for_who_takes_it)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	check_has(ask(&d, "GET /echo?long" HOST "Accept-Encoding: br, gzip;q=0.5\r\n\r\n"),
	        "Content-Encoding: gzip\r\n");
	check(strstr(ask(&d, "GET /echo?long" HOST "Accept-Encoding: gzip;q=0\r\n\r\n"), "gzip") == NULL);
	check(strstr(ask(&d, "GET /echo?long" HOST "\r\n"), "Content-Encoding") == NULL);
	check(strstr(ask(&d, "GET /echo" HOST "Accept-Encoding: gzip\r\n\r\n"), "Content-Encoding") == NULL);
	door_shut(&d);
}

static void *answer_kept(void *arg)
{
	struct door *d = arg;
	for (int i = 0; i < 100; i++) {
		if (!door_wait(d, &d->kept_n, i + 1))
			break;
		pthread_mutex_lock(&d->lock);
		struct http_req *r = d->kept[i];
		pthread_mutex_unlock(&d->lock);
		http_reply(r, 200, "text/plain", STR_LIT("later"));
	}
	return NULL;
}

TEST(answers_later_from_another_thread)
{
	struct door d = {0};
	pthread_t t;
	int fd[10];
	door_open(&d, (struct http_options){0});
	pthread_create(&t, NULL, answer_kept, &d);
	for (int i = 0; i < 10; i++)
		fd[i] = peer_open(&d);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 10; i++)
			peer_says(fd[i], "GET /later" HOST "\r\n");
		for (int i = 0; i < 10; i++)
			check_has(peer_hears(fd[i]), "later");
	}
	pthread_join(t, NULL);
	for (int i = 0; i < 10; i++)
		close(fd[i]);
	door_shut(&d);
	check_eq_i(d.done, 100);
}

TEST(a_late_answer_for_a_peer_that_left_is_harmless)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	int fd = peer_open(&d);
	peer_says(fd, "GET /later" HOST "\r\n");
	check(door_wait(&d, &d.kept_n, 1));
	close(fd);
	http_reply(d.kept[0], 200, "text/plain", STR_LIT("x"));
	check(door_wait(&d, &d.done, 1));
	door_shut(&d);
}

static void *shut(void *arg)
{
	struct door *d = arg;
	http_close(&d->server, 10 * US_SECOND);
	return NULL;
}

TEST(closing_waits_for_those_at_work)
{
	struct door d = {0};
	pthread_t t;
	door_open(&d, (struct http_options){0});
	int port = http_port(d.server), other = -1;
	int fd = peer_open(&d), idle = peer_open(&d);
	peer_says(fd, "GET /later" HOST "\r\n");
	peer_says(idle, "GET /echo" HOST "\r\n");
	check_has(peer_hears(idle), "GET /echo");
	check(door_wait(&d, &d.kept_n, 1));
	pthread_create(&t, NULL, shut, &d);
	for (bool in = true; in;) { /* until nobody new is let in */
		char c;
		ssize_t n;

		if (!check_ok(socket_connect("127.0.0.1", port, US_SECOND, &other, NULL), NULL))
			break;
		usleep(20000);
		n = recv(other, &c, 1, MSG_DONTWAIT);
		in = n < 0 && errno == EAGAIN;
		close(other);
	}
	peer_says(idle, "GET /echo" HOST "\r\n");
	check_has(peer_hears(idle), " 503 ");
	http_reply(d.kept[0], 200, "text/plain", STR_LIT("last"));
	check_has(peer_hears(fd), "last");
	pthread_join(t, NULL);
	check(peer_closed(fd));
	close(idle);
}

TEST(closing_past_the_grace_gives_up_what_is_not_answered)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	int fd = peer_open(&d), two = peer_open(&d);
	peer_says(fd, "GET /later" HOST "\r\n");
	peer_says(two, "GET /later" HOST "\r\n");
	check(door_wait(&d, &d.kept_n, 2));
	http_close(&d.server, 10 * US_MS);
	check(peer_closed(fd));
	check(peer_closed(two));
	check_eq_i(d.done, 2);
	check_eq_i(d.status, 0);
	/* The requests still live, and their answers go nowhere. */
	check_eq_s(http_path(d.kept[0]), "/later");
	http_set_header(d.kept[0], "X", "y");
	http_reply(d.kept[0], 200, "text/plain", STR_LIT("x"));
	check(http_stream_begin(d.kept[1], "text/event-stream", NULL, NULL) == NULL);
	check(!http_stream_send(NULL, STR_LIT("x")));
	http_stream_end(NULL);
}

TEST(limits_connections_of_one_address)
{
	struct door d = {0};
	door_open(&d, (struct http_options){.per_address = 4, .threads = 1});
	int fd[4];
	for (int i = 0; i < 4; i++) {
		fd[i] = peer_open(&d);
		peer_says(fd[i], "GET /echo" HOST "\r\n");
		check_has(peer_hears(fd[i]), "GET /echo");
	}
	check(peer_closed(peer_open(&d)));
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	door_shut(&d);
	check_eq_i(metric_get(METRIC_HTTP_CONNECTIONS), 0);
}

TEST(listens_on_both_families)
{
	struct door d = {0};
	struct http_options o = {.address = "::"};
	int fd = -1;
	if (socket_listen("::", 0, &fd, &o.port, NULL) < 0)
		return; /* a machine without IPv6 */
	close(fd);
	door_open(&d, o);
	check_has(ask(&d, "GET /echo" HOST "\r\n"), "from=127.0.0.1");
	door_shut(&d);
}

TEST(says_why_it_cannot_listen)
{
	struct door d = {0};
	struct http_server *s = NULL;
	struct http_door door = {0};
	struct err e = ERR_INIT;
	char want[32];
	door_open(&d, (struct http_options){0});
	struct http_options o = {.address = "127.0.0.1", .port = http_port(d.server)};
	check_err(http_listen(&o, &door, &s, &e), ERR_CONFLICT);
	check(s == NULL);
	snprintf(want, sizeof(want), "port %d", o.port);
	check_has(e.text, want);
	o = (struct http_options){
	        .address = "127.0.0.1", .cert = test_path("none.pem"), .key = test_path("k.pem")};
	check_err(http_listen(&o, &door, &s, &e), ERR_NOTFOUND);
	door_shut(&d);
}
