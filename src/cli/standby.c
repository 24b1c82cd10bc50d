/*
 * heming standby and heming drill.
 *
 * A drill does what one would do if the site were lost this minute: takes the standby (or a backup), makes a
 * site of a copy of it in a folder that goes away, looks through all of it, and says what would be missing
 * (RPO) and how long it took until the first question was answered (RTO).
 */
#include "base/doc.h"
#include "base/file.h"
#include "base/json.h"
#include "city/standby.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "store/journal.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- standby ---- */

static void print_time(const struct cli *c, const char *what, time_us t)
{
	char text[40];

	fprintf(c->out, "%s %s\n", what, t == TIME_NONE ? "never" : time_format(t, zone_utc(), text));
}

static int status_served(struct cli *c, struct err *e)
{
	struct standby_state st;
	char why[800];

	if (c->site->standby == NULL)
		return err_set(e, ERR_STATE, "this site has no standby; the setting `standby` names one");
	standby_look(c->site->standby, &st);
	fprintf(c->out, "standby %s\n", st.dir);
	print_time(c, "copied", st.copied);
	fprintf(c->out, "behind %lld bytes, %lld s\n", (long long)st.behind_b,
	        (long long)((st.behind + US_SECOND - 1) / US_SECOND));
	if (st.ok)
		return 0;
	return err_set(e, ERR_UNAVAILABLE, "it does not follow: %s", err_str(&st.why, why, sizeof(why)));
}

/* The folder of the standby, where nobody serves: the one named, or the one that the site's settings name. */
static const char *folder(const struct cli *c)
{
	const char *set = settings_text(&c->settings, SET_STANDBY);

	return set == NULL || standby_is(c->site_dir) ? c->site_dir : set;
}

static int status_here(struct cli *c, struct err *e)
{
	const char *dir = folder(c);

	if (!standby_is(dir)) {
		err_set(e, ERR_NOTFOUND, "this folder is no standby");
		return err_at(e, dir, 0, 0, NULL);
	}
	fprintf(c->out, "standby %s\n", dir);
	print_time(c, "copied", standby_copied(dir));
	return 0;
}

/* What the newest record and the newest reading of a site are. */
struct facts {
	int64_t seq, things;
	time_us entry, reading; /* TIME_NONE: none */
};

static int find_facts(struct site *s, struct arena *a, struct facts *f, struct err *e)
{
	struct store_tx *tx = NULL;
	struct journal_entry *j = NULL;
	struct series_latest_row *row = NULL;
	size_t rows = 0;
	int n = 0, rc = store_read_begin(s->store, "newest of all", &tx, e);

	*f = (struct facts){.entry = TIME_NONE, .reading = TIME_NONE};
	if (rc == 0)
		rc = journal_page(tx, 0, 1, NULL, &j, &n, e);
	if (rc == 0 && n == 1) {
		f->seq = j->seq;
		f->entry = j->at;
	}
	store_read_end(&tx);
	if (rc == 0)
		rc = series_list(s->series, NULL, 0, 16000000, a, &row, &rows, e);
	f->things = (int64_t)rows;
	for (size_t i = 0; i < rows; i++)
		if (row[i].t > f->reading)
			f->reading = row[i].t;
	return rc;
}

static int print_facts(struct cli *c, struct err *e)
{
	struct standby_state st = {.dir = ""};
	struct facts f;
	int rc = find_facts(c->site, c->a, &f, e);

	if (c->site->standby != NULL)
		standby_look(c->site->standby, &st);
	if (rc == 0)
		fprintf(c->out, "%lld %lld %lld\n%s", (long long)f.seq, (long long)f.entry,
		        (long long)f.reading, st.dir);
	return rc;
}

static int journal_drill(struct store_tx *tx, void *arg, struct err *e)
{
	return journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = STR_LIT("drill.done"),
	                .subject = STR_LIT("standby"),
	                .subject_id = STR_LIT("site"),
	                .region = STR_LIT(""),
	                .org = STR_LIT(""),
	                .secrecy = 2,
	                .account = STR_LIT("admin"),
	                .payload = str_of(arg)},
	        e);
}

static int drilled(struct cli *c, struct err *e)
{
	struct doc *doc = NULL;
	const char *text = c->words > 1 ? c->word[1] : "";
	int rc = doc_parse_json(c->a, str_of(text), "drill", &doc, e);

	if (rc == 0 && doc->type != DOC_MAP)
		rc = err_set(e, ERR_INVALID, "what a drill found is a JSON object");
	return rc < 0 ? rc : store_write(c->site->store, "a drill", journal_drill, (void *)text, e);
}

static int copy_out(struct cli *c, struct err *e)
{
	int rc;

	if (c->words < 2 || c->word[1][0] != '/')
		return err_set(
		        e, ERR_INVALID, "say the whole path of a new folder: heming standby copy /FOLDER");
	if (c->site != NULL && c->site->standby == NULL)
		return err_set(e, ERR_STATE, "this site has no standby; the setting `standby` names one");
	rc = c->site != NULL ? standby_copy(c->site->standby, c->word[1], e)
	                     : standby_copy_folder(folder(c), c->word[1], e);
	if (rc == 0)
		fprintf(c->out, "the copy is in %s\n", c->word[1]);
	return rc;
}

static int make(struct cli *c, struct err *e)
{
	int rc = c->words < 2 || c->word[1][0] != '/'
	                 ? err_set(e, ERR_INVALID,
	                           "say the whole path of the folder: heming standby make /FOLDER")
	                 : standby_make(c->word[1], e);

	if (rc == 0)
		fprintf(c->out, "A site that is served with --standby %s copies itself there.\n", c->word[1]);
	return rc;
}

static int promote(struct cli *c, struct err *e)
{
	int rc = standby_promote(c->site_dir, e);

	if (rc == 0)
		fprintf(c->out,
		        "%s is a site now. Make sure that the lost one does not come back, then heming serve "
		        "--site %s\n",
		        c->site_dir, c->site_dir);
	return rc;
}

int cmd_standby(struct cli *c, struct err *e)
{
	const char *what = c->word[0];

	if (strcmp(what, "status") == 0)
		return c->site != NULL ? status_served(c, e) : status_here(c, e);
	if (strcmp(what, "copy") == 0)
		return copy_out(c, e);
	if (strcmp(what, "make") == 0)
		return make(c, e);
	if (strcmp(what, "promote") == 0)
		return c->site == NULL ? promote(c, e)
		                       : err_set(e, ERR_STATE, "%s is a site, and is served", c->site_dir);
	if (strcmp(what, "facts") != 0 && strcmp(what, "drilled") != 0)
		return err_set(
		        e, ERR_INVALID, "there are standby make FOLDER, status, copy FOLDER and promote");
	if (c->site == NULL)
		return err_set(e, ERR_STATE, "nobody serves the site %s now", c->site_dir);
	return strcmp(what, "facts") == 0 ? print_facts(c, e) : drilled(c, e);
}

/* ---- drill ---- */

struct drill {
	struct cli *c;
	const char *from, *scratch;
	const char *live; /* the standby that the serving process keeps; "": none */
	bool served, backup;
	struct facts first; /* of the site, if somebody serves it */
	struct facts copy;
	time_us copied; /* of the folder; real clock */
	dur_us rpo, rto, took;
	int64_t entries, missing; /* of the journal; missing -1: not known */
	int findings;
	FILE *quiet;
};

/* ERR_NOTFOUND if nobody serves the site. */
static int ask(struct drill *d, const char *what, const char *more, FILE *out, struct err *e)
{
	char *argv[] = {(char *)"heming", (char *)"standby", (char *)what, (char *)more, NULL};
	int code = 0, rc = control_ask(d->c->site_dir, more != NULL ? 4 : 3, argv, STR_NULL, out, &code, e);

	return rc == 0 && code != 0 ? err_set(e, ERR_UNAVAILABLE, "the serving process refused, see above")
	                            : rc;
}

static int ask_facts(struct drill *d, struct err *e)
{
	char *text = NULL;
	size_t n = 0;
	long long seq, entry, reading;
	FILE *out = open_memstream(&text, &n);
	int rc = out != NULL ? ask(d, "facts", NULL, out, e) : ERR_NOMEM;

	if (out != NULL)
		fclose(out);
	d->served = rc == 0;
	d->live = "";
	if (rc == 0 && sscanf(text, "%lld %lld %lld", &seq, &entry, &reading) == 3) {
		d->first = (struct facts){.seq = seq, .entry = entry, .reading = reading};
		d->live = arena_strdup(d->c->a, strchr(text, '\n') + 1);
	}
	free(text);
	return rc == ERR_NOTFOUND ? 0 : rc;
}

static void finding(void *ctx, const char *text)
{
	struct drill *d = ctx;

	d->findings++;
	fprintf(stderr, "heming: %s\n", text);
}

static time_us written(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * US_SECOND : TIME_NONE;
}

static int take_copy(struct drill *d, struct err *e)
{
	struct cli *c = d->c;
	const char *manifest;
	struct cli sub = *c;

	if (d->from == NULL)
		d->from = *d->live != '\0' ? d->live : folder(c);
	manifest = path_join(c->a, d->from, "MANIFEST");
	d->backup = file_exists(manifest);
	d->copied = d->backup ? written(manifest) : standby_copied(d->from);
	if (!d->backup && d->copied == TIME_NONE) {
		err_set(e, ERR_NOTFOUND, "this is neither a standby nor a backup; --from names one");
		return err_at(e, d->from, 0, 0, NULL);
	}
	if (d->backup) {
		sub.site_dir = d->scratch;
		sub.word[0] = d->from;
		sub.out = d->quiet;
		return cmd_restore(&sub, e);
	}
	if (strcmp(d->from, d->live) == 0)
		return ask(d, "copy", d->scratch, d->quiet, e);
	return standby_copy_folder(d->from, d->scratch, e);
}

static int look_through(struct drill *d, struct err *e)
{
	struct cli *c = d->c;
	struct journal_verdict v = {0};
	int n = store_check(c->site->store, finding, d, e);

	if (n >= 0)
		n = series_verify(path_join(c->a, d->scratch, "series"), finding, d, e);
	if (n >= 0)
		n = journal_verify(c->site->store, &v, e);
	if (n >= 0 && v.bad_seq != 0)
		finding(d, arena_printf(c->a, "entry %lld of the journal does not fit the chain",
		                   (long long)v.bad_seq));
	d->entries = v.entries;
	return n < 0 ? n : 0;
}

static dur_us later(time_us first, time_us copy)
{
	return first == TIME_NONE || copy >= first ? 0 : copy == TIME_NONE ? US_DAY * 36500 : first - copy;
}

/* Against the site where it answers; else since the copy was made, which is the most that can be missing. */
static void reckon(struct drill *d, time_us now)
{
	if (!d->served) {
		d->missing = -1;
		d->rpo = now > d->copied ? now - d->copied : 0;
		return;
	}
	d->missing = d->first.seq > d->copy.seq ? d->first.seq - d->copy.seq : 0;
	d->rpo = d->missing > 0 ? later(d->first.entry, d->copy.entry) : 0;
	if (later(d->first.reading, d->copy.reading) > d->rpo)
		d->rpo = later(d->first.reading, d->copy.reading);
}

static void write_json(const struct drill *d, struct sb *b)
{
	struct jw w;

	jw_init(&w, b);
	jw_object(&w);
	jw_kstr(&w, "from", d->from);
	jw_kstr(&w, "kind", d->backup ? "backup" : "standby");
	jw_kbool(&w, "sound", d->findings == 0);
	jw_kint(&w, "findings", d->findings);
	jw_kint(&w, "rpo_ms", d->rpo / US_MS);
	jw_kint(&w, "rto_ms", d->rto / US_MS);
	jw_kint(&w, "took_ms", d->took / US_MS);
	jw_kint(&w, "entries", d->entries);
	if (d->missing >= 0)
		jw_kint(&w, "missing_entries", d->missing);
	jw_kint(&w, "series", d->copy.things);
	jw_object_end(&w);
}

static void report(const struct drill *d, const char *json)
{
	FILE *out = d->c->out;

	if (cli_flag(d->c, "json")) {
		fprintf(out, "%s\n", json);
		return;
	}
	fprintf(out, "%s %s: %lld entries of the journal, %lld series, %s\n",
	        d->backup ? "backup" : "standby", d->from, (long long)d->entries, (long long)d->copy.things,
	        d->findings == 0 ? "the chain verifies, every block is sound" : "DAMAGED");
	fprintf(out, "RPO %.1f s", (double)d->rpo / US_SECOND);
	if (d->missing >= 0)
		fprintf(out, " (%lld entries of the site are not in it)\n", (long long)d->missing);
	else
		fprintf(out, " at most: since the copy was made; nobody serves the site to compare\n");
	fprintf(out, "RTO %.1f s (and %.1f s to look through all of it)\n", (double)d->rto / US_SECOND,
	        (double)(d->took - d->rto) / US_SECOND);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static int run_drill(struct drill *d, struct err *e)
{
	struct cli *c = d->c, site = *c;
	dur_us begin = clock_monotonic();
	int rc = ask_facts(d, e);

	if (rc == 0)
		rc = take_copy(d, e);
	site.site_dir = d->scratch;
	if (rc == 0)
		rc = cli_open_site(&site, false, false, NULL, e);
	if (rc == 0)
		rc = find_facts(site.site, c->a, &d->copy, e);
	d->rto = clock_monotonic() - begin;
	if (rc == 0) {
		reckon(d, clock_now(site.site->clock));
		c->site = site.site;
		rc = look_through(d, e);
		c->site = NULL;
	}
	site_close(&site.site);
	d->took = clock_monotonic() - begin;
	return rc;
}

int cmd_drill(struct cli *c, struct err *e)
{
	const char *into = cli_text(c, "into", NULL), *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/heming-drill-XXXXXX", into != NULL ? into : tmp != NULL ? tmp : "/tmp");
	struct drill d = {.c = c, .from = cli_text(c, "from", NULL)};
	struct sb json = SB_INIT;
	int rc;

	if (settings_text(&c->settings, SET_STORE) != NULL &&
	        strncmp(c->settings.value[SET_STORE], "postgres:", 9) == 0) {
		rc = err_set(e, ERR_UNSUPPORTED,
		        "a drill of records that PostgreSQL keeps is PostgreSQL's own: promote a standby "
		        "server, then "
		        "heming doctor --store there");
		goto out;
	}
	c->settings.value[SET_STORE] = "";
	if (mkdtemp(dir) == NULL) {
		rc = err_set(e, ERR_IO, "no folder can be made for the drill: %s; --into names another place",
		        dir);
		goto out;
	}
	d.scratch = path_join(c->a, dir, "site");
	d.quiet = fopen("/dev/null", "w");
	rc = d.quiet != NULL ? run_drill(&d, e) : err_set(e, ERR_IO, "/dev/null cannot be opened");
	if (rc == 0) {
		write_json(&d, &json);
		report(&d, json.p);
		if (d.served)
			rc = ask(&d, "drilled", json.p, d.quiet, e);
	}
	if (d.quiet != NULL)
		fclose(d.quiet);
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		fprintf(stderr, "heming: the drill's folder could not be removed: %s\n", dir);
	if (rc == 0 && d.findings > 0)
		rc = err_set(e, ERR_CORRUPT, "what would be restored is damaged: %d findings", d.findings);
out:
	sb_fini(&json);
	free(dir);
	return rc;
}
