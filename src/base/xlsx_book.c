/* Which parts a workbook has: its sheets, strings and styles, by the links between them. */
#include "base/xlsx_int.h"

#include "base/doc.h"

#define TREE_TEXT_MAX ((size_t)16 << 20)
#define LINKS_MAX 10000
#define SHEETS_MAX 1024

/* ---- which parts there are ---- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static int read_tree(struct xlsx *x, struct arena *a, const char *name, struct xml **root)
{
	struct sb text = {.max = TREE_TEXT_MAX};
	struct err e = ERR_INIT;
	char buf[16384];
	int rc = xlsx_part_open(x, name, false);

	while (rc == 0) {
		int n = xlsx_part_read(x, buf, sizeof(buf));
		if (n <= 0) {
			rc = n;
			break;
		}
		sb_put(&text, buf, (size_t)n);
		if (text.failed)
			rc = xlsx_fail(x, ERR_TOOBIG, "larger than 16 MiB, which is too much for this part");
	}
	if (rc == 0 && doc_parse_xml(a, sb_str(&text), name, root, &e) < 0) {
		rc = x->rc = e.code == ERR_NOMEM ? ERR_TOOBIG : e.code;
		x->why = e;
		x->why.code = rc;
	}
	sb_fini(&text);
	xlsx_part_close(x);
	return rc;
}

/* The part that a link in the folder of part `from` leads to; NULL when out of memory. */
static const char *resolve(struct arena *a, const char *from, const char *target)
{
	const char *slash = strrchr(from, '/');
	char *path, *p, *out;

	if (*target == '/')
		path = arena_strdup(a, target + 1);
	else
		path = arena_printf(a, "%.*s%s", slash ? (int)(slash - from + 1) : 0, from, target);
	if (!path)
		return NULL;
	for (p = out = path; *p;) {
		const char *end = strchrnul(p, '/');
		size_t n = (size_t)(end - p);
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			/* Back over the folder before; out is at the begin or behind a slash. */
			if (out > path)
				out--;
			while (out > path && out[-1] != '/')
				out--;
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			memmove(out, p, n);
			out += n;
			if (*end)
				*out++ = '/';
		}
		p += n + (*end != '\0');
	}
	*out = '\0';
	return path;
}

/* "xl/_rels/workbook.xml.rels" of "xl/workbook.xml". */
static const char *links_of(struct arena *a, const char *part)
{
	const char *slash = strrchr(part, '/');
	int n = slash ? (int)(slash - part + 1) : 0;

	return arena_printf(a, "%.*s_rels/%s.rels", n, part, part + n);
}

/* The first link within the file whose kind ends in `kind`, with this id unless NULL; NULL if there is none.
 */
static const struct xml *find_link(const struct xml *links, const char *kind, const char *id)
{
	for (const struct xml *l = links ? links->child : NULL; l; l = l->next) {
		if (ends_with(xml_attr(l, "Type", ""), kind) &&
		        (!id || strcmp(xml_attr(l, "Id", ""), id) == 0) &&
		        strcmp(xml_attr(l, "TargetMode", ""), "External") != 0 && *xml_attr(l, "Target", ""))
			return l;
	}
	return NULL;
}

static int read_links(struct xlsx *x, struct arena *a, const char *part, struct xml **links)
{
	const char *name = links_of(a, part);
	int rc, n = 0;

	*links = NULL;
	if (!name)
		return xlsx_fail(x, ERR_TOOBIG, "too large for the memory of one workbook");
	if (xlsx_find_part(x, name) < 0)
		return 0;
	rc = read_tree(x, a, name, links);
	for (const struct xml *l = rc == 0 ? (*links)->child : NULL; l; l = l->next)
		n++;
	if (n > LINKS_MAX)
		return xlsx_fail(x, ERR_TOOBIG, "more than %d parts", LINKS_MAX);
	return rc;
}

/* Where the target of the first link of this kind is, or `usual` if the workbook has that; else NULL. */
static const char *linked_part(
        struct xlsx *x, const struct xml *links, const char *from, const char *kind, const char *usual)
{
	const struct xml *l = find_link(links, kind, NULL);

	if (l)
		return resolve(x->a, from, xml_attr(l, "Target", ""));
	return xlsx_find_part(x, usual) >= 0 ? usual : NULL;
}

/* The id of a sheet's link: the attribute "id" of either edition's namespace. */
static const char *link_id(const struct xml *sheet)
{
	for (const struct xml_attr *t = sheet->attr; t; t = t->next) {
		if (strcmp(t->name, "id") == 0 && *t->ns)
			return t->value;
	}
	return "";
}

static bool is_true(const char *s)
{
	return strcmp(s, "1") == 0 || strcmp(s, "true") == 0 || strcmp(s, "on") == 0;
}

static int list_sheets(struct xlsx *x, const struct xml *book, const struct xml *links, const char *part)
{
	const struct xml *list = xml_child(book, "sheets");
	size_t count = 0;

	for (const struct xml *s = list ? list->child : NULL; s; s = s->next)
		count++;
	if (count > SHEETS_MAX)
		return xlsx_fail(x, ERR_TOOBIG, "more than %d sheets", SHEETS_MAX);
	x->sheets = arena_array(x->a, count + 1, sizeof(*x->sheets));
	x->sheet_parts = arena_array(x->a, count + 1, sizeof(*x->sheet_parts));
	for (const struct xml *s = list ? list->child : NULL; s && x->sheets && x->sheet_parts; s = s->next) {
		const struct xml *l = find_link(links, "/worksheet", link_id(s));
		struct xlsx_sheet *to = &x->sheets[x->n_sheets];
		const char **at = &x->sheet_parts[x->n_sheets];
		if (!l)
			continue; /* a chart, a macro sheet */
		to->name = arena_strdup(x->a, xml_attr(s, "name", ""));
		to->hidden = strcmp(xml_attr(s, "state", "visible"), "visible") != 0;
		*at = resolve(x->a, part, xml_attr(l, "Target", ""));
		if (!to->name || !*at)
			break;
		x->n_sheets++;
	}
	if (arena_failed(x->a))
		return xlsx_fail(x, ERR_TOOBIG, "too large for the memory of one workbook");
	if (x->n_sheets == 0)
		return xlsx_fail(x, ERR_INVALID, "the workbook has no worksheet");
	return 0;
}

int xlsx_open_book(struct xlsx *x)
{
	struct arena *a = arena_new(TREE_MAX);
	struct xml *links = NULL, *book = NULL;
	const char *part;
	int rc = read_links(x, a, "", &links);

	if (rc < 0)
		goto out;
	part = linked_part(x, links, "", "/officeDocument", "xl/workbook.xml");
	if (!part || ends_with(part, ".bin")) {
		x->part = NULL;
		rc = xlsx_fail(x, ERR_INVALID, "%s; save it as .xlsx",
		        part                                    ? "this is an .xlsb workbook"
		        : xlsx_find_part(x, "content.xml") >= 0 ? "this is an OpenDocument file"
		                                                : "this archive is no workbook");
		goto out;
	}
	if ((rc = read_tree(x, a, part, &book)) < 0 || (rc = read_links(x, a, part, &links)) < 0)
		goto out;
	x->part = part;
	x->date1904 = is_true(xml_attr(xml_child(book, "workbookPr"), "date1904", "0"));
	x->strings_part = linked_part(x, links, part, "/sharedStrings", "xl/sharedStrings.xml");
	x->styles_part = linked_part(x, links, part, "/styles", "xl/styles.xml");
	rc = list_sheets(x, book, links, part);
out:
	arena_free(&a);
	return rc;
}
