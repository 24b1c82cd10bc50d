/* Files that records hold: sent first, named by a record, fetched through the field that names them. */
#include "api/api_int.h"
#include "city/file.h"

/* The name for people, without what would end a header or a path. */
static const char *clean_name(struct call *c, const char *name)
{
	const char *slash = strrchr(name, '/');
	char *out = arena_strdup(c->a, slash != NULL ? slash + 1 : name);

	for (char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == '"' || *p == '\\' || *p == 0x7f)
			*p = '_';
	if (strlen(out) > 255 || !utf8_valid(str_of(out)))
		return "file";
	return *out != '\0' ? out : "file";
}

static bool may_write_any(const struct call *c)
{
	const struct catalog *cat = c->site->catalog;

	for (int i = 0; i < cat->kinds; i++)
		if (record_may_write(&cat->kind[i], &c->who))
			return true;
	return false;
}

int files_post(struct call *c, struct err *e)
{
	const char *name = call_text(c, "name");
	struct file_ref ref;
	int rc;

	if (!may_write_any(c))
		return err_set(e, ERR_DENIED, "your roles may not change records of any kind");
	rc = file_keep(c->site->store, &c->who, http_body(c->r), &ref, e);
	if (rc < 0)
		return rc;
	c->status = 201;
	jw_object(&c->w);
	jw_kstr(&c->w, "file", ref.hash);
	jw_kstr(&c->w, "name", clean_name(c, name != NULL ? name : ""));
	jw_kint(&c->w, "size", ref.size);
	jw_kstr(&c->w, "type", ref.type);
	jw_object_end(&c->w);
	return 0;
}

/* RFC 5987: names in any language, for which the plain form stands in where a client does not know it. */
static const char *disposition(struct call *c, const char *name)
{
	struct sb b = SB_INIT;
	const char *out;

	sb_puts(&b, "attachment; filename=\"file\"; filename*=UTF-8''");
	for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++)
		if ((*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') ||
		        strchr("-._~", *p) != NULL)
			sb_putc(&b, (char)*p);
		else
			sb_printf(&b, "%%%02X", *p);
	out = arena_strndup(c->a, b.p, b.n);
	sb_fini(&b);
	return out;
}

int record_file_get(struct call *c, struct err *e)
{
	const char *name = "", *type = "";
	struct str bytes = STR_NULL;
	int64_t n = 0;
	int rc = call_int(c, "n", 0, 0, 100, &n, e);

	if (rc == 0)
		rc = file_of_record(c->tx, c->site->catalog, &c->who, call_param(c, 0), call_param(c, 1),
		        call_param(c, 2), (int)n, &name, &type, &bytes, e);
	if (rc < 0)
		return rc;
	/* An attachment, whatever it is: a page that somebody sent in must never run as one of ours. */
	http_set_header(c->r, "Content-Disposition", disposition(c, name));
	c->mime = arena_strdup(c->a, type);
	c->out.max = FILE_MAX + 1;
	sb_putstr(&c->out, bytes);
	return 0;
}
