#include "door.h"

#include "base/metric.h"

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

static int subscribe(struct door *d)
{
	int n = d->streams, fd = peer_open(d);
	peer_says(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	check(door_wait(d, &d->streams, n + 1));
	return fd;
}

TEST(sends_as_it_comes_and_ends)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	int fd = subscribe(&d);
	check_eq_i(metric_get(METRIC_SSE_SUBSCRIBERS), 1);
	check(peer_hears_words(fd, "\r\n\r\n"));
	for (int i = 0; i < 100; i++) {
		char text[32];
		snprintf(text, sizeof(text), "data: %d\n\n", i);
		check(http_stream_send(d.stream, str_of(text)));
		check(peer_hears_words(fd, text));
	}
	http_stream_end(d.stream);
	check(peer_hears_words(fd, "0\r\n\r\n"));
	check(door_wait(&d, &d.closed, 1));
	close(fd);
	door_shut(&d);
	check_eq_i(metric_get(METRIC_SSE_SUBSCRIBERS), 0);
	check_eq_i(d.closed, 1);
}

TEST(says_when_the_reader_stalls)
{
	struct door d = {0};
	char *text = xcalloc(64 * 1024, 1);
	int sent = 0;
	memset(text, 'x', 64 * 1024);
	door_open(&d, (struct http_options){0});
	int fd = subscribe(&d);
	while (sent < 10000 && http_stream_send(d.stream, (struct str){text, 64 * 1024}))
		sent++;
	check(sent >= 16 && sent < 10000);
	check_eq_i(metric_get(METRIC_SSE_DROPPED), 1);
	check(!http_stream_send(d.stream, (struct str){text, 1 << 16}));
	check_eq_i(metric_get(METRIC_SSE_DROPPED), 1);
	http_stream_end(d.stream);
	close(fd);
	check(door_wait(&d, &d.closed, 1));
	free(text);
	door_shut(&d);
}

TEST(a_reader_that_left_is_noticed_at_the_next_words)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	close(subscribe(&d));
	for (bool gone = false; !gone;) {
		pthread_mutex_lock(&d.lock);
		gone = d.closed > 0;
		if (!gone)
			(void)!http_stream_send(d.stream, STR_LIT("data: x\n\n"));
		pthread_mutex_unlock(&d.lock);
		sched_yield();
	}
	check(door_wait(&d, &d.closed, 1));
	door_shut(&d);
}

TEST(closing_ends_streams)
{
	struct door d = {0};
	door_open(&d, (struct http_options){0});
	int one = subscribe(&d), two = subscribe(&d);
	door_shut(&d);
	check_eq_i(d.closed, 2);
	check(peer_closed(one));
	check(peer_closed(two));
}

static void *talk(void *arg)
{
	struct door *d = arg;
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&d->lock);
		if (d->closed == 0)
			(void)!http_stream_send(d->stream, STR_LIT("data: x\n\n"));
		pthread_mutex_unlock(&d->lock);
	}
	return NULL;
}

TEST(two_threads_talk_while_the_reader_leaves)
{
	struct door d = {0};
	pthread_t t[2];
	door_open(&d, (struct http_options){0});
	int fd = subscribe(&d);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, talk, &d);
	check(peer_hears_words(fd, "data: x"));
	close(fd);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	door_shut(&d);
	check_eq_i(d.closed, 1);
}
