/*
 * heming series: care for the readings as a whole.
 *
 * verify and repair look at the files of the folder. What changes readings runs where the site is open: in
 * the serving process, else here.
 */
#include "base/file.h"
#include "base/num.h"
#include "cli/cli.h"
#include "city/removal.h"
#include "city/retention.h"
#include "store/journal.h"

#define TELL_EVERY (5 * US_SECOND) /* to who has no terminal */

static void print_finding(void *ctx, const char *text)
{
	fprintf(ctx, "%s\n", text);
}

static int verify(struct cli *c, struct err *e)
{
	int n = series_verify(path_join(c->a, c->site_dir, "series"), print_finding, c->out, e);

	if (n < 0)
		return n;
	if (n > 0)
		return err_set(
		        e, ERR_CORRUPT, "%d damaged places; stop the site and run `heming series repair`", n);
	fprintf(c->out, "every block, roll-up and log record is sound\n");
	return 0;
}

static int repair(struct cli *c, struct err *e)
{
	int n = series_repair(path_join(c->a, c->site_dir, "series"), print_finding, c->out, e);

	if (n < 0)
		return n;
	fprintf(c->out, n ? "%d files were written again\n" : "%d files needed repair\n", n);
	return 0;
}

/* ---- how far it is ---- */

struct progress {
	struct cli *c;
	dur_us told;
};

static void tell(void *ctx, size_t done, size_t files)
{
	struct progress *p = ctx;

	cli_progress(p->c, "files", (int64_t)done, (int64_t)files);
	if (p->c->terminal || clock_monotonic() - p->told < TELL_EVERY)
		return;
	p->told = clock_monotonic();
	fprintf(p->c->out, "%zu of %zu files\n", done, files);
	fflush(p->c->out);
}

/* ---- retention ---- */

static const char *span(struct cli *c, dur_us d)
{
	char text[32];

	if (d == 0)
		return "-";
	return d == SERIES_FOREVER ? "forever" : arena_strdup(c->a, dur_format(d, text));
}

static const char *class_name(const struct retention_row *row)
{
	return row->class != NULL ? row->class->code : "(others)";
}

static void print_head(struct cli *c, const char *what)
{
	fprintf(c->out, "%-20s %9s %9s %9s %9s %14s %14s  %s\n", "class", "readings", "5 min", "hours",
	        "series", "readings", "bytes", what);
}

static void print_row(struct cli *c, const struct retention_row *row)
{
	const struct series_survey *f = &row->found;

	fprintf(c->out, "%-20s %9s %9s %9s %9lld %14lld %14lld  %lld readings, %lld bytes\n", class_name(row),
	        span(c, row->rule.keep), span(c, row->rule.five), span(c, row->rule.hour),
	        (long long)f->series, (long long)f->points, (long long)f->bytes, (long long)f->due_points,
	        (long long)f->due_bytes);
	if (f->taken != 0 && row->class != NULL)
		fprintf(c->out, "%-20s %lld more series are selected, too; a class before it has them\n", "",
		        (long long)f->taken);
}

static int look(struct cli *c, struct err *e)
{
	struct retention_state st;
	struct retention_row *row = NULL;
	char text[40];
	int n = 0, rc = retention_look(c->site, c->a, &row, &n, NULL, e);

	if (rc < 0)
		return rc;
	print_head(c, "the next run removes or rolls up");
	for (int i = 0; i < n; i++)
		print_row(c, &row[i]);
	retention_look_at(c->site, &st);
	fprintf(c->out, "last run: %s\n",
	        st.last == TIME_NONE ? "never" : time_format(st.last, c->site->catalog->zone, text));
	if (st.next != TIME_NONE)
		fprintf(c->out, "next run: %s\n", time_format(st.next, c->site->catalog->zone, text));
	return 0;
}

static int run_now(struct cli *c, struct err *e)
{
	struct progress p = {c, clock_monotonic()};
	struct retention_row *row = NULL;
	int n = 0, rc = retention_run(c->site, c->a, "system", &row, &n, tell, &p, NULL, e);

	cli_progress_end(c);
	for (int i = 0; i < n; i++)
		fprintf(c->out, "%-20s %lld readings removed, %lld rolled up, %lld bytes\n",
		        class_name(&row[i]), (long long)(row[i].removed.points - row[i].removed.rolled),
		        (long long)row[i].removed.rolled, (long long)row[i].removed.bytes);
	return rc;
}

/* ---- deletion ---- */

static int instant(struct cli *c, const char *name, time_us *out, struct err *e)
{
	const char *text = cli_text(c, name, NULL);

	*out = TIME_NONE;
	if (text == NULL || time_parse(str_of(text), c->site->catalog->zone, out))
		return 0;
	err_set(e, ERR_INVALID, "an instant is needed, such as 2026-07-14T08:00:00+08:00, not \"%s\"", text);
	return err_at(e, NULL, 0, 0, name);
}

static void print_count(struct cli *c, const struct removal *r)
{
	struct str rest = str_of(r->selectors);

	while (rest.p != NULL && rest.n > 0) {
		struct str line = str_cut(&rest, '\n');

		fprintf(c->out, STR_FMT "\n", STR_ARG(line));
	}
	fprintf(c->out, "%lld series, %lld readings in %lld bytes; about %lld s\n", (long long)r->series,
	        (long long)r->readings, (long long)r->bytes, (long long)(r->estimate_ms + 999) / 1000);
	fflush(c->out);
}

static int delete_series(struct cli *c, struct err *e)
{
	const char *selector[] = {c->words > 1 ? c->word[1] : NULL, NULL};
	struct removal_in in = {.selector = selector,
	        .reason = cli_text(c, "reason", ""),
	        .everything = cli_flag(c, "everything")};
	struct progress p = {c, clock_monotonic()};
	struct removal r = {0};
	int rc = instant(c, "from", &in.since, e);

	if (rc == 0)
		rc = instant(c, "to", &in.until, e);
	if (rc == 0)
		rc = removal_count(c->site, c->a, &in, &who_system, NULL, &r, e);
	if (rc < 0)
		return rc;
	print_count(c, &r);
	if (cli_flag(c, "dry-run"))
		return 0;
	if (r.series == 0)
		return err_set(e, ERR_NOTFOUND, "no series is selected by this");
	if (utf8_length(str_of(in.reason)) < 4) {
		err_set(e, ERR_INVALID, "say why, with --reason \"…\"; the journal keeps it");
		return err_at(e, NULL, 0, 0, "reason");
	}
	cli_stoppable(c);
	rc = removal_now(c->site, c->a, &in, &(struct removal_care){tell, &p, c->cancel}, &r, e);
	cli_progress_end(c);
	if (rc == ERR_CANCELLED)
		fprintf(c->out, "stopped: %lld readings, %lld bytes are gone, the rest stays\n",
		        (long long)r.removed, (long long)r.freed);
	if (rc == 0)
		fprintf(c->out, "deleted: %lld readings, %lld bytes\n", (long long)r.removed,
		        (long long)r.freed);
	return rc;
}

/* ---- snapshot ---- */

static int journal_snapshot(struct store_tx *tx, void *arg, struct err *e)
{
	return retention_journal_snapshot(tx, arg, "system", e);
}

static int snapshot(struct cli *c, struct err *e)
{
	const char *dir = c->word[1];
	int rc;

	cli_stoppable(c);
	rc = series_snapshot(c->site->series, dir, c->cancel, e);
	if (rc == 0)
		rc = store_write(c->site->store, "a snapshot", journal_snapshot, (void *)dir, e);
	if (rc == 0)
		fprintf(c->out,
		        "the readings are in %s; as they are they make the folder series/ of a site\n", dir);
	return rc;
}

/* ---- stopping what others began ---- */

static int stop(struct cli *c, struct err *e)
{
	int64_t id;
	int rc;

	if (c->api == NULL)
		return err_set(
		        e, ERR_STATE, "nobody serves the site %s now, so that nothing runs", c->site_dir);
	if (strcmp(c->word[1], "snapshot") == 0) {
		if (runs_stop(&c->site->runs, RUNNING_SNAPSHOT) == 0)
			return err_set(e, ERR_NOTFOUND, "no snapshot of the readings is being made");
		fprintf(c->out, "it stops; nothing of it stays\n");
		return 0;
	}
	if (!num_int(str_of(c->word[1]), &id) || id <= 0)
		return err_set(e, ERR_INVALID,
		        "the id of a deletion is needed, or the word snapshot, not \"%s\"", c->word[1]);
	rc = removal_stop(c->site, id, &who_system, e);
	if (rc < 0)
		return rc;
	retention_poke(c->site);
	fprintf(c->out, "it stops behind the file that it is at; what is gone is gone, the rest stays\n");
	return 0;
}

/* ---- which ---- */

int cmd_series(struct cli *c, struct err *e)
{
	static const struct {
		const char *word;
		int words, most;
		int (*run)(struct cli *c, struct err *e);
	} way[] = {{"verify", 1, 1, verify}, {"repair", 1, 1, repair}, {"retention", 1, 1, look},
	        {"delete", 1, 2, delete_series}, {"snapshot", 2, 2, snapshot}, {"stop", 2, 2, stop}};
	bool opened = false;
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(way); i++) {
		int (*run)(struct cli *, struct err *) = way[i].run;

		if (strcmp(c->word[0], way[i].word) != 0)
			continue;
		if (c->words < way[i].words || c->words > way[i].most)
			break;
		if (run != verify && run != repair && run != stop && c->site == NULL) {
			rc = cli_open_site(c, false, false, NULL, e);
			opened = rc == 0;
		}
		if (run == look && cli_flag(c, "now"))
			run = run_now;
		if (rc == 0)
			rc = run(c, e);
		if (opened)
			site_close(&c->site);
		return rc;
	}
	return err_set(e, ERR_INVALID,
	        "there are series verify, repair, retention, delete SELECTOR, snapshot FOLDER and stop ID");
}
