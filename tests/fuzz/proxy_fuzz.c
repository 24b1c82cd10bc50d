#include "net/http_int.h"

/* A line of networks that are believed, one of the address that is connected, one of X-Forwarded-For. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(16 << 20);
	struct str rest = {(const char *)p, n}, ours = str_cut(&rest, '\n'), peer = str_cut(&rest, '\n');
	struct http_proxies *proxies = NULL;
	struct err e = ERR_INIT;
	struct str word[64];
	char remote[SOCKET_PEER_LEN] = "", was[SOCKET_PEER_LEN];
	size_t words = 0;

	if (peer.n < sizeof(remote))
		snprintf(remote, sizeof(remote), STR_FMT, STR_ARG(peer));
	memcpy(was, remote, sizeof(was));
	while (rest.n > 0 && words < ARRAY_LEN(word))
		word[words++] = str_trim(str_cut(&rest, ','));
	if (http__proxies_open(arena_strndup(a, ours.n > 0 ? ours.p : "", ours.n), &proxies, &e) == 0) {
		bool believed = http__proxies_know(proxies, remote);

		http__proxies_behind(proxies, word, words, remote);
		must(memchr(remote, '\0', sizeof(remote)) != NULL);
		must(believed || strcmp(remote, was) == 0); /* a stranger says nothing of others */
	} else {
		must(e.text[0] != '\0');
	}
	http__proxies_close(&proxies);
	arena_free(&a);
	return 0;
}
