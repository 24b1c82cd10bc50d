/* Answers. */
#include "net/http_int.h"

#include "base/file.h"
#include "base/num.h"

#include <strings.h>
#include <zlib.h>

#define COMPRESS_FROM 1024

struct MHD_Response *http__text(const char *text)
{
	struct MHD_Response *m = MHD_create_response_from_buffer(
	        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);

	must(m != NULL);
	MHD_add_response_header(m, "Content-Type", "text/plain; charset=utf-8");
	MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
	return m;
}

void http_set_header(struct http_req *r, const char *name, const char *value)
{
	struct header *h = arena_alloc(r->a, sizeof(*h)), **end = &r->header;

	*h = (struct header){arena_strdup(r->a, name), arena_strdup(r->a, value), NULL};
	while (*end != NULL)
		end = &(*end)->next;
	*end = h;
}

const char *http_answer_header(const struct http_req *r, const char *name)
{
	for (const struct header *h = r->header; h != NULL; h = h->next)
		if (strcasecmp(h->name, name) == 0)
			return h->value;
	return NULL;
}

/* RFC 9110, 12.5.3: "gzip", "gzip;q=0.5", not "gzip;q=0". */
static bool takes_gzip(const struct http_req *r)
{
	struct str rest = str_of(http_header(r, "Accept-Encoding"));

	while (rest.p != NULL) {
		struct str weight = str_cut(&rest, ','), coding = str_trim(str_cut(&weight, ';'));
		double q = 1;

		if (coding.n != 4 || strncasecmp(coding.p, "gzip", 4) != 0)
			continue;
		weight = str_trim(weight);
		if (weight.n > 2 && str_starts(weight, "q=") &&
		        !num_double((struct str){weight.p + 2, weight.n - 2}, false, &q))
			return false;
		return q > 0;
	}
	return false;
}

static bool compresses(const char *mime)
{
	static const char *const some[] = {"text/", "json", "xml", "javascript", "vector-tile"};

	for (size_t i = 0; mime != NULL && i < ARRAY_LEN(some); i++)
		if (strstr(mime, some[i]) != NULL)
			return true;
	return false;
}

/* The answer in gzip, or NULL when that is not worth it. malloc'ed, as the library frees it. */
static unsigned char *compressed(const char *p, size_t n, size_t *out_n)
{
	z_stream z = {0};
	size_t cap = n / 2 + 64;
	unsigned char *out;
	int rc;

	if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	out = malloc(cap);
	if (out == NULL) {
		deflateEnd(&z);
		return NULL;
	}
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = (uInt)cap;
	rc = deflate(&z, Z_FINISH);
	*out_n = z.total_out;
	deflateEnd(&z);
	if (rc != Z_STREAM_END) { /* it does not halve: send it plain */
		free(out);
		return NULL;
	}
	return out;
}

static void finish(struct http_req *r, int status, const char *mime, struct MHD_Response *m)
{
	must(m != NULL);
	if (mime != NULL)
		MHD_add_response_header(m, "Content-Type", mime);
	http__answer(r, status, m);
}

void http_reply(struct http_req *r, int status, const char *mime, struct str body)
{
	struct MHD_Response *m = NULL;
	size_t n = 0;

	if (body.n >= COMPRESS_FROM && body.n < UINT32_MAX && compresses(mime) && takes_gzip(r)) {
		unsigned char *gz = compressed(body.p, body.n, &n);

		if (gz != NULL) {
			m = MHD_create_response_from_buffer(n, gz, MHD_RESPMEM_MUST_FREE);
			MHD_add_response_header(m, "Content-Encoding", "gzip");
			MHD_add_response_header(m, "Vary", "Accept-Encoding");
		}
	}
	if (m == NULL)
		m = MHD_create_response_from_buffer(
		        body.n, (void *)(uintptr_t)(body.p != NULL ? body.p : ""), MHD_RESPMEM_MUST_COPY);
	finish(r, status, mime, m);
}

void http_reply_take(struct http_req *r, int status, const char *mime, struct sb *body)
{
	size_t n = 0;
	char *p;

	if (body->n >= COMPRESS_FROM && compresses(mime) && takes_gzip(r)) {
		http_reply(r, status, mime, sb_str(body));
		sb_fini(body);
		return;
	}
	p = sb_detach(body, &n);
	if (p == NULL) {
		sb_fini(body);
		finish(r, 500, "text/plain; charset=utf-8", http__text("the answer is too large\n"));
		return;
	}
	finish(r, status, mime, MHD_create_response_from_buffer(n, p, MHD_RESPMEM_MUST_FREE));
}

void http_reply_file(struct http_req *r, int status, const char *mime, int fd, uint64_t n)
{
	finish(r, status, mime, MHD_create_response_from_fd64(n, fd));
}

void http_reply_gzip(struct http_req *r, int status, const char *mime, const void *gz, size_t n)
{
	struct MHD_Response *m;
	struct str plain;
	struct err e = ERR_INIT;

	if (!takes_gzip(r)) {
		if (gunzip(r->a, (struct str){gz, n}, (size_t)256 << 20, &plain, &e) < 0)
			http_reply(r, 500, "text/plain; charset=utf-8", str_of(e.text));
		else
			http_reply(r, status, mime, plain);
		return;
	}
	m = MHD_create_response_from_buffer(n, (void *)(uintptr_t)gz, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(m, "Content-Encoding", "gzip");
	MHD_add_response_header(m, "Vary", "Accept-Encoding");
	finish(r, status, mime, m);
}
