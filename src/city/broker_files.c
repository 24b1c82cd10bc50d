#include "city/broker_files.h"

#include "base/doc.h"
#include "base/file.h"

#include <sys/stat.h>

#define FILE_MOST_B (1u << 20)

struct copy {
	struct arena *a;
	const char *from, *to;
	const struct seal_ring *ring;
	struct sb *left_out;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static struct str place_of(struct arena *a, const char *path)
{
	return str_of(arena_printf(a, "broker file %s", base_name(path)));
}

static bool inside(const char *name)
{
	return name[0] != '\0' && name[0] != '/' && strstr(name, "..") == NULL;
}

static int make_folder_of(struct arena *a, const char *path, struct err *e)
{
	return file_mkdirs(arena_strndup(a, path, (size_t)(base_name(path) - 1 - path)), e);
}

static int copy_secret(const struct copy *c, const char *from, const char *to, struct err *e)
{
	struct sb sealed = SB_INIT;
	struct str text = STR_NULL;
	int rc = file_read(c->a, from, FILE_MOST_B, &text, e);

	if (rc == 0 && c->ring != NULL && !seal_is_sealed(text)) {
		rc = seal_close(c->ring, text, place_of(c->a, from), &sealed, e);
		text = sb_str(&sealed);
	}
	if (rc == 0)
		rc = file_write(to, text.p, text.n, 0600, e);
	sb_fini(&sealed);
	return rc;
}

static int copy_file(const struct copy *c, const char *name, bool secret, struct err *e)
{
	const char *from = path_join(c->a, c->from, name), *to = path_join(c->a, c->to, name);
	int rc;

	if (!inside(name) || !file_exists(from))
		return 0;
	if (secret && c->ring != NULL && c->ring->n == 0) {
		if (c->left_out != NULL)
			sb_printf(c->left_out, "%s%s", c->left_out->n > 0 ? ", " : "", name);
		return 0;
	}
	rc = make_folder_of(c->a, to, e);
	if (rc == 0)
		rc = secret ? copy_secret(c, from, to, e) : file_copy(from, to, 0640, e);
	return rc;
}

static int copy_named(const struct copy *c, const struct doc *broker, struct err *e)
{
	static const struct {
		const char *key;
		bool secret;
	} files[] = {{"password-file", true}, {"key", true}, {"ca", false}, {"certificate", false}};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(files) && rc == 0; i++)
		rc = copy_file(c, doc_str(broker, files[i].key, ""), files[i].secret, e);
	return rc;
}

int broker_files_copy(
        const char *from, const char *to, const struct seal_ring *ring, struct sb *left_out, struct err *e)
{
	const struct copy c = {
	        .a = arena_new(8 << 20), .from = from, .to = to, .ring = ring, .left_out = left_out};
	const char *path = path_join(c.a, from, BROKERS_FILE);
	struct arena *a = c.a;
	struct doc *d = NULL;
	struct str text = STR_NULL;
	struct err ignored = ERR_INIT;
	int rc = 0;

	if (file_exists(path))
		rc = file_read(c.a, path, FILE_MOST_B, &text, e);
	if (rc == 0 && text.p != NULL)
		rc = file_write(path_join(c.a, to, BROKERS_FILE), text.p, text.n, 0640, e);
	if (rc == 0 && text.p != NULL && doc_parse_yaml(c.a, text, path, &d, &ignored) == 0 &&
	        d->type == DOC_MAP)
		DOC_EACH(broker, doc_get(d, "brokers"))
		{
			if (rc == 0 && broker->type == DOC_MAP)
				rc = copy_named(&c, broker, e);
		}
	arena_free(&a);
	return rc;
}

int broker_files_read(const struct seal_ring *ring, struct arena *a, const char *path, size_t most_b,
        struct str *out, struct err *e)
{
	struct str text = STR_NULL;
	int rc = file_read(a, path, 4 * most_b, &text, e);

	*out = text;
	if (rc == 0 && seal_is_sealed(text))
		rc = seal_open(ring, str_trim(text), place_of(a, path), a, out, e);
	if (rc == 0 && out->n > most_b)
		rc = err_set(e, ERR_TOOBIG, "the file is larger than %zu bytes", most_b);
	return rc < 0 ? err_at(e, path, 0, 0, NULL) : 0;
}
