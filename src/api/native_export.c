/* Records as files: CSV and XLSX of a whole list, and the empty workbook that an import begins with. */
#include "api/api_int.h"
#include "api/book.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/num.h"
#include "city/record_import.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS_MAX 1000000
#define PAGE 500
#define FLUSH ((size_t)256 << 10)

struct export
{
	struct call *c;
	const struct kind *kind;
	struct record_query query;
	struct record_column *column;
	int columns;
	bool english;
	const char *path;
	int fd;
	int64_t rows;
	struct arena *a; /* of one page */
	struct sb csv;
	struct book *book;
};

/* ---- the file: without a name once it is open, so that nothing stays behind ---- */

static int open_file(struct export *x, struct err *e)
{
	char *path = arena_strdup(x->c->a, path_join(x->c->a, x->c->site->dir, "export-XXXXXX"));

	x->fd = mkostemp(path, O_CLOEXEC);
	if (x->fd < 0) {
		(void)err_errno(e, errno, "the file of an export cannot be made");
		return err_at(e, path, 0, 0, NULL);
	}
	x->path = path;
	return 0;
}

static int flush(struct export *x, struct err *e)
{
	int rc = file_write_all(x->fd, x->csv.p, x->csv.n, e);

	sb_reset(&x->csv);
	return rc;
}

static int give_file(struct export *x, const char *mime, const char *ending, struct err *e)
{
	struct call *c = x->c;
	struct stat st;
	char day[48];
	int fd = open(x->path, O_RDONLY | O_CLOEXEC); /* the workbook was written under its name */

	if (fd < 0 || fstat(fd, &st) < 0) {
		if (fd >= 0)
			close(fd);
		return err_errno(e, errno, "the file of an export cannot be read");
	}
	c->has_file = true;
	c->file = fd;
	c->file_n = (uint64_t)st.st_size;
	c->mime = mime;
	time_format(clock_now(c->site->clock), c->site->catalog->zone, day);
	http_set_header(c->r, "Content-Disposition",
	        arena_printf(c->a, "attachment; filename=\"%s-%.10s.%s\"", x->kind->code, day, ending));
	return 0;
}

/* ---- cells ---- */

/* What an import must not read back: a masked value would become the value. */
static bool is_masked(const struct export *x, const struct record_column *col)
{
	return col->field != NULL &&
	       (field_hidden(col->field, x->c->who.scope.clearance) || field_veiled(col->field));
}

static const char *heading(struct export *x, const struct record_column *col)
{
	const char *name = x->english && *col->name_en != '\0' ? col->name_en : col->name;

	return is_masked(x, col) ? arena_printf(x->c->a, "#%s", name) : name;
}

static const char *option_name(const struct export *x, const struct field_option *o, int n, const char *code)
{
	for (int i = 0; i < n; i++)
		if (strcmp(o[i].code, code) == 0)
			return x->english && *o[i].name_en != '\0' ? o[i].name_en : o[i].name;
	return code;
}

static const char *place_words(struct export *x, const struct doc *v)
{
	struct geo_point p = {doc_double(v, "lon", NAN), doc_double(v, "lat", NAN)};
	char lon[32], lat[32];

	if (x->c->crs == CRS_WGS84 || isnan(p.lon) || isnan(p.lat))
		return arena_printf(x->a, "%s,%s", doc_str(v, "lon", ""), doc_str(v, "lat", ""));
	p = geo_to(x->c->crs, p);
	num_format(p.lon, lon);
	num_format(p.lat, lat);
	return arena_printf(x->a, "%s,%s", lon, lat);
}

static const char *word_of(struct export *x, const struct field *f, const struct doc *v)
{
	if (v == NULL || v->type == DOC_NULL)
		return "";
	if (v->type == DOC_MAP)
		return place_words(x, v);
	if (f->type == FIELD_CODE)
		return option_name(x, f->option, f->options, v->text);
	if (f->type == FIELD_BOOL && !x->english)
		return strcmp(v->text, "true") == 0 ? "是" : "否";
	return v->text;
}

static const char *words_of(struct export *x, const struct field *f, const struct doc *v)
{
	struct sb b = SB_INIT;
	const char *out;

	if (v == NULL || v->type != DOC_LIST)
		return word_of(x, f, v);
	DOC_EACH(one, v)
	{
		sb_printf(&b, "%s%s", b.n > 0 ? "、" : "", word_of(x, f, one));
	}
	out = arena_strndup(x->a, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return out;
}

static const char *field_text(struct export *x, const struct field *f, const struct doc *v)
{
	struct sb b = SB_INIT;
	struct doc *masked = NULL;
	const char *out = "";
	struct jw w;

	if (v == NULL)
		return "";
	if (!field_hidden(f, x->c->who.scope.clearance) && !field_veiled(f))
		return words_of(x, f, v);
	jw_init(&w, &b);
	view_value(x->c, f, v, &w);
	if (doc_parse_json(x->a, sb_str(&b), "value", &masked, NULL) == 0)
		out = words_of(x, f, masked);
	sb_fini(&b);
	return out;
}

static const char *own_text(struct export *x, const struct record *r, const char *key)
{
	char *number = arena_alloc(x->a, 32);
	struct geo_point at;

	if (strcmp(key, "code") == 0)
		return r->code;
	if (strcmp(key, "name") == 0)
		return r->name;
	if (strcmp(key, "name_en") == 0)
		return r->name_en;
	if (strcmp(key, "state") == 0)
		return option_name(x, x->kind->state, x->kind->states, r->state);
	if (strcmp(key, "org") == 0)
		return r->org;
	if (strcmp(key, "region") == 0)
		return r->region;
	if (isnan(r->at.lon))
		return "";
	at = geo_to(x->c->crs, r->at);
	num_format(strcmp(key, "lon") == 0 ? at.lon : at.lat, number);
	return number;
}

static bool is_number(const struct export *x, const struct record_column *col)
{
	if (col->field == NULL)
		return strcmp(col->key, "lon") == 0 || strcmp(col->key, "lat") == 0;
	return (col->field->type == FIELD_INTEGER || col->field->type == FIELD_DECIMAL) &&
	       !col->field->many && !is_masked(x, col);
}

static int put_record(struct export *x, const struct record *r, struct err *e)
{
	struct doc *attrs = NULL;
	int rc = doc_parse_json(x->a, str_of(*r->attrs != '\0' ? r->attrs : "{}"), r->code, &attrs, e);

	for (int i = 0; i < x->columns && rc == 0; i++) {
		const struct record_column *col = &x->column[i];
		const char *s = col->field != NULL
		                        ? field_text(x, col->field, doc_get(attrs, col->field->key))
		                        : own_text(x, r, col->key);
		double v;

		if (x->book == NULL)
			csv_put(&x->csv, str_of(s), i == 0, true);
		else if (is_number(x, col) && num_double(str_of(s), false, &v))
			book_number(x->book, x->rows, i, v);
		else
			book_text(x->book, x->rows, i, str_of(s));
	}
	if (x->book == NULL)
		csv_end(&x->csv);
	x->rows++;
	return rc == 0 && x->csv.n > FLUSH ? flush(x, e) : rc;
}

static int put_all(struct export *x, struct err *e)
{
	struct record_page page = {.next = NULL};
	struct sb cursor = SB_INIT;
	int rc = 0;

	do {
		arena_reset(x->a);
		x->query.cursor = cursor.n > 0 ? cursor.p : NULL;
		x->query.limit = PAGE;
		rc = record_list(x->c->tx, x->a, &x->c->who, &x->query, &page, e);
		for (int i = 0; i < page.n && rc == 0; i++)
			rc = x->rows == ROWS_MAX ? err_set(e, ERR_TOOBIG,
			                                   "more than 1,000,000 records; narrow the list and "
			                                   "export it in parts")
			                         : put_record(x, &page.row[i], e);
		if (rc == 0 && server_closing(x->c->s))
			rc = err_set(e, ERR_UNAVAILABLE, "the server is stopping");
		sb_reset(&cursor);
		if (rc == 0 && page.next != NULL)
			sb_puts(&cursor, page.next);
	} while (rc == 0 && cursor.n > 0);
	sb_fini(&cursor);
	return rc;
}

/* ---- who took it ---- */

struct entry {
	const struct export *x;
	const char *reason, *format;
};

static int journal(struct store_tx *tx, void *arg, struct err *e)
{
	const struct entry *n = arg;
	const struct call *c = n->x->c;
	const char *region, *org;
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	who_reach(&c->who, &region, &org); /* it tells how many records there were */
	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "kind", n->x->kind->code);
	jw_kstr(&w, "format", n->format);
	jw_kstr(&w, "reason", n->reason);
	jw_kint(&w, "records", n->x->rows);
	jw_kstr(&w, "q", n->x->query.q != NULL ? n->x->query.q : "");
	jw_kint(&w, "conditions", n->x->query.conds + n->x->query.boxed);
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = STR_LIT("record.exported"),
	                .subject = STR_LIT("kind"),
	                .subject_id = str_of(n->x->kind->code),
	                .region = str_of(region),
	                .org = str_of(org),
	                .secrecy = n->x->kind->secrecy,
	                .account = str_of(c->who.login),
	                .payload = sb_str(&b)},
	        e);
	sb_fini(&b);
	return rc;
}

static const char *mark_words(struct export *x, const char *reason)
{
	char at[48];

	time_format(clock_now(x->c->site->clock), x->c->site->catalog->zone, at);
	return arena_printf(x->c->a, "%s %s %.16s %s", x->c->who.name, x->c->who.login, at, reason);
}

static int write_book(struct export *x, const char *reason, struct err *e)
{
	struct call *c = x->c;
	const char *name = x->english && *x->kind->name_en != '\0' ? x->kind->name_en : x->kind->name;
	int rc = book_open(x->path, c->site->dir, x->english ? "Records" : "记录", &x->book, e), closed;

	if (rc < 0)
		return rc;
	for (int i = 0; i < x->columns; i++)
		book_heading(x->book, i, str_of(heading(x, &x->column[i])), NULL, 16);
	book_mark(x->book, mark_words(x, reason));
	rc = put_all(x, e);
	if (rc == 0) {
		const char *line[] = {name, mark_words(x, reason),
		        arena_printf(c->a, x->english ? "%lld records" : "共 %lld 条", (long long)x->rows),
		        x->english ? "Columns that begin with # are masked and are not read by an import."
		                   : "以 # 开头的列已脱敏，导入时不读取。"};

		book_about(x->book, x->english ? "About" : "说明", line, ARRAY_LEN(line));
	}
	closed = book_close(&x->book, rc == 0 ? e : NULL);
	return rc < 0 ? rc : closed;
}

static int write_csv(struct export *x, struct err *e)
{
	int rc;

	sb_puts(&x->csv, "\xef\xbb\xbf"); /* Excel takes it for another character set otherwise */
	for (int i = 0; i < x->columns; i++)
		csv_put(&x->csv, str_of(heading(x, &x->column[i])), i == 0, true);
	csv_end(&x->csv);
	rc = put_all(x, e);
	return rc < 0 ? rc : flush(x, e);
}

static bool is_english(struct call *c)
{
	const char *lang = call_text(c, "lang");

	return lang != NULL && strcmp(lang, "en") == 0;
}

static const char mime_xlsx[] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

static int export(struct export *x, const char *format, const char *reason, struct err *e)
{
	struct entry entry = {x, reason, format};
	bool xlsx = strcmp(format, "xlsx") == 0;
	int rc = open_file(x, e);

	if (rc < 0)
		return rc;
	rc = xlsx ? write_book(x, reason, e) : write_csv(x, e);
	/* It leaves only after the entry of who took it is durable. */
	if (rc == 0)
		rc = store_write(x->c->site->store, "note an export", journal, &entry, e);
	if (rc == 0)
		rc = give_file(x, xlsx ? mime_xlsx : "text/csv; charset=utf-8", format, e);
	unlink(x->path);
	close(x->fd);
	return rc;
}

int exports_get(struct call *c, struct err *e)
{
	const char *format = call_text(c, "format"), *reason = call_text(c, "reason");
	struct export x = {.c = c, .kind = view_kind(c, call_param(c, 0), e), .english = is_english(c)};
	int rc;

	if (x.kind == NULL)
		return ERR_NOTFOUND;
	format = format != NULL ? format : "csv";
	if (strcmp(format, "csv") != 0 && strcmp(format, "xlsx") != 0) {
		err_set(e, ERR_INVALID, "a file is csv or xlsx");
		return err_at(e, NULL, 0, 0, "format"), ERR_INVALID;
	}
	rc = call_reason(reason, e);
	if (rc < 0)
		return rc;
	rc = view_query(c, x.kind, &x.query, e);
	if (rc < 0)
		return rc;
	x.query.cursor = NULL;
	x.a = arena_new(0);
	x.column = record_columns(c->a, x.kind, &x.columns);
	rc = export(&x, format, reason, e);
	sb_fini(&x.csv);
	arena_free(&x.a);
	return rc;
}

/* ---- the template ---- */

static const char *column_note(struct export *x, const struct record_column *col)
{
	const struct field *f = col->field;
	struct sb b = SB_INIT;
	const char *out;

	if (f == NULL)
		return strcmp(col->key, "name") == 0 ? (x->english ? "required" : "必填") : "";
	if (f->required)
		sb_puts(&b, x->english ? "required; " : "必填；");
	if (*f->unit != '\0')
		sb_printf(&b, "%s; ", f->unit);
	if (f->type == FIELD_DATE)
		sb_puts(&b, "2026-07-14; ");
	if (f->many)
		sb_puts(&b, x->english ? "several values: a, b; " : "多个值用顿号或逗号分开；");
	if (!isnan(f->min) || !isnan(f->max))
		sb_printf(&b, "%g … %g; ", f->min, f->max);
	sb_puts(&b, x->english && *f->help_en != '\0' ? f->help_en : f->help);
	out = arena_strndup(x->c->a, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return out;
}

static void column_choice(struct export *x, const struct record_column *col, int at)
{
	const struct field_option *o = col->field != NULL ? col->field->option : x->kind->state;
	bool state = col->field == NULL && strcmp(col->key, "state") == 0;
	int n = state ? x->kind->states : col->field != NULL ? col->field->options : 0;
	const char **name = arena_array(x->c->a, (size_t)n + 2, sizeof(*name));

	for (int i = 0; i < n; i++)
		name[i] = x->english && *o[i].name_en != '\0' ? o[i].name_en : o[i].name;
	if (col->field != NULL && col->field->type == FIELD_BOOL) {
		name[n++] = x->english ? "true" : "是";
		name[n++] = x->english ? "false" : "否";
	}
	if (col->field == NULL || !col->field->many)
		book_choice(x->book, at, name, n);
}

int imports_template(struct call *c, struct err *e)
{
	const char *kind = call_text(c, "kind");
	struct export x = {.c = c, .english = is_english(c)};
	int at = 0, rc;

	x.kind = view_kind(c, kind != NULL ? kind : "", e);
	if (x.kind == NULL)
		return err_at(e, NULL, 0, 0, "kind"), ERR_NOTFOUND;
	x.column = record_columns(c->a, x.kind, &x.columns);
	rc = open_file(&x, e);
	if (rc < 0)
		return rc;
	rc = book_open(x.path, c->site->dir, x.english ? x.kind->code : x.kind->name, &x.book, e);
	for (int i = 0; i < x.columns && rc == 0; i++) {
		const struct record_column *col = &x.column[i];

		if (col->field != NULL && field_hidden(col->field, c->who.scope.clearance))
			continue;
		book_heading(x.book, at,
		        str_of(x.english && *col->name_en != '\0' ? col->name_en : col->name),
		        column_note(&x, col), 16);
		column_choice(&x, col, at++);
	}
	if (rc == 0)
		rc = book_close(&x.book, e);
	if (rc == 0)
		rc = give_file(&x, mime_xlsx, "xlsx", e);
	unlink(x.path);
	close(x.fd);
	return rc;
}
