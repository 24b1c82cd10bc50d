/* Pages: from the binary, packed when it was built, or from a folder while one works on them. */
#include "base/asset.h"
#include "api/api_int.h"
#include "base/digest.h"
#include "base/file.h"

#define FILE_MAX (64u << 20)

/* The pages find their own way: an address without a dot is one of theirs. */
static const char *page_of(const char *path)
{
	const char *name = strrchr(path, '/');

	return strcmp(path, "/") == 0 || name == NULL || strchr(name, '.') == NULL ? "/index.html" : path;
}

static struct str opaque(struct str tag)
{
	return str_starts(tag, "W/") ? (struct str){tag.p + 2, tag.n - 2} : tag;
}

bool etag_known(const struct http_req *r, const char *etag)
{
	struct str rest = str_of(http_header(r, "If-None-Match")), ours = opaque(str_of(etag));

	while (rest.p != NULL) {
		struct str s = str_trim(str_cut(&rest, ','));

		if (str_eq(opaque(s), ours) || str_is(s, "*"))
			return true;
	}
	return false;
}

static bool tag(struct http_req *r, const char *etag, bool immutable)
{
	http_set_header(r, "ETag", etag);
	http_set_header(r, "Cache-Control", immutable ? "public, max-age=31536000, immutable" : "no-cache");
	if (!etag_known(r, etag))
		return false;
	http_reply(r, 304, NULL, STR_NULL);
	return true;
}

bool asset_reply(struct http_req *r)
{
	const struct asset *x = asset_find(page_of(http_path(r)));

	if (x == NULL)
		return false;
	if (!tag(r, x->etag, x->immutable))
		http_reply_gzip(r, 200, x->mime, x->gz, x->gz_n);
	return true;
}

static const char *mime_of(const char *path)
{
	static const struct {
		const char *end, *mime;
	} table[] = {
	        {".html", "text/html; charset=utf-8"},
	        {".js", "text/javascript; charset=utf-8"},
	        {".mjs", "text/javascript; charset=utf-8"},
	        {".css", "text/css; charset=utf-8"},
	        {".json", "application/json"},
	        {".map", "application/json"},
	        {".geojson", "application/geo+json"},
	        {".svg", "image/svg+xml"},
	        {".png", "image/png"},
	        {".webp", "image/webp"},
	        {".jpg", "image/jpeg"},
	        {".ico", "image/x-icon"},
	        {".woff2", "font/woff2"},
	        {".txt", "text/plain; charset=utf-8"},
	        {".webmanifest", "application/manifest+json"},
	};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot != NULL && i < ARRAY_LEN(table); i++)
		if (strcmp(dot, table[i].end) == 0)
			return table[i].mime;
	return "application/octet-stream";
}

/* No part of the path may lead out of the folder; a name with a leading dot is none of the pages'. */
static bool leads_out(const char *path)
{
	return strstr(path, "/.") != NULL || strchr(path, '\\') != NULL;
}

void asset_reply_from(struct http_req *r, const char *dir)
{
	const char *path = page_of(http_path(r));
	struct arena *a = http_arena(r);
	struct err e = ERR_INIT;
	struct str text;
	char etag[32];
	int rc;

	if (leads_out(path))
		rc = err_set(&e, ERR_NOTFOUND, "there is no such page");
	else
		rc = file_read(a, arena_printf(a, "%s%s", dir, path), FILE_MAX, &text, &e);
	if (rc < 0) {
		err_set(&e, ERR_NOTFOUND, "there is no such page");
		e.where[0] = '\0';
		problem_reply(r, &e, STR_NULL);
		return;
	}
	snprintf(etag, sizeof(etag), "\"%016llx\"", (unsigned long long)hash64(text.p, text.n, 0));
	if (!tag(r, etag, false))
		http_reply(r, 200, mime_of(path), text);
}
