/* heming journal, doctor, config, version, help. */
#include "base/file.h"
#include "cli/cli.h"
#include "city/health.h"
#include "city/retention.h"
#include "city/standby.h"
#include "cli/version.h"
#include "series/remote.h"
#include "store/journal.h"
#include "store/sql.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- journal ---- */

static int journal_tail(struct cli *c, struct err *e)
{
	struct store_tx *tx = NULL;
	struct journal_entry *j = NULL;
	char when[40];
	int n = 0, rc;

	rc = store_read_begin(c->site->store, "journal tail", &tx, e);
	if (rc == 0)
		rc = journal_page(tx, 0, (int)cli_int(c, "last", 20), NULL, &j, &n, e);
	for (int i = n - 1; i >= 0; i--) {
		struct str said = j[i].payload.p != NULL ? j[i].payload : STR_LIT("(erased)");

		fprintf(c->out, "%lld %s " STR_FMT " " STR_FMT " by " STR_FMT " " STR_FMT "\n",
		        (long long)j[i].seq, time_format(j[i].at, c->site->catalog->zone, when),
		        STR_ARG(j[i].kind), STR_ARG(j[i].subject_id), STR_ARG(j[i].account), STR_ARG(said));
	}
	store_read_end(&tx);
	return rc;
}

static int verify_journal(struct cli *c, struct err *e)
{
	struct journal_verdict v = {0};
	int rc = journal_verify(c->site->store, &v, e);

	if (rc < 0)
		return rc;
	if (v.bad_seq != 0)
		return err_set(e, ERR_CORRUPT,
		        "entry %lld does not fit the chain: it, or one before it, was changed after it was "
		        "written",
		        (long long)v.bad_seq);
	fprintf(c->out, "the chain verifies: %lld entries (%lld erased), %s head %s\n", (long long)v.entries,
	        (long long)v.erased, digest_kind_name(v.digest), v.head);
	return 0;
}

int cmd_journal(struct cli *c, struct err *e)
{
	if (strcmp(c->word[0], "verify") == 0)
		return verify_journal(c, e);
	if (strcmp(c->word[0], "tail") == 0)
		return journal_tail(c, e);
	return err_set(e, ERR_INVALID, "there are journal verify and journal tail");
}

/* ---- doctor ---- */

struct doctor {
	struct cli *c;
	int bad, warn;
};

static void say(struct doctor *d, const char *mark, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void say(struct doctor *d, const char *mark, const char *fmt, ...)
{
	va_list ap;

	d->bad += strcmp(mark, "bad") == 0;
	d->warn += strcmp(mark, "warn") == 0;
	fprintf(d->c->out, "%-5s", mark);
	va_start(ap, fmt);
	vfprintf(d->c->out, fmt, ap);
	va_end(ap);
	fputc('\n', d->c->out);
}

static void look_at_disk(struct doctor *d)
{
	int64_t free_b = file_free_b(d->c->site_dir);
	struct stat st;

	if (free_b < INT64_C(1) << 30)
		say(d, free_b < INT64_C(100) << 20 ? "bad" : "warn",
		        "disk: %lld MiB free; make room, or writing will stop", (long long)(free_b >> 20));
	else
		say(d, "ok", "disk: %lld GiB free", (long long)(free_b >> 30));
	if (stat(d->c->site_dir, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
		say(d, "warn", "folder: others may read it; chmod 750 %s", d->c->site_dir);
	else
		say(d, "ok", "folder: closed to others");
}

/* What one durable write costs on this disk: the floor under every acknowledgement. */
static void time_fsync(struct doctor *d)
{
	const char *path = path_join(d->c->a, d->c->site_dir, "doctor.tmp");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dur_us total = 0;
	char page[4096] = {0};
	bool ok = fd >= 0;

	for (int i = 0; i < 20 && ok; i++) {
		dur_us t = clock_monotonic();

		ok = write(fd, page, sizeof(page)) == (ssize_t)sizeof(page) && fdatasync(fd) == 0;
		total += clock_monotonic() - t;
	}
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	if (!ok)
		say(d, "bad", "disk: a small file could not be written and synced");
	else
		say(d, total / 20 > 20 * US_MS ? "warn" : "ok", "disk: a synced write takes %.2f ms",
		        (double)total / 20 / 1000);
}

static void bad_finding(void *ctx, const char *text)
{
	say(ctx, "bad", "store: %s", text);
}

static void bad_series(void *ctx, const char *text)
{
	say(ctx, "bad", "readings: %s", text);
}

static void look_at_records(struct doctor *d)
{
	struct journal_verdict v = {0};
	struct err e = ERR_INIT;
	int n = store_check(d->c->site->store, bad_finding, d, &e);

	if (n < 0)
		say(d, "bad", "store: %s", e.text);
	else if (n == 0)
		say(d, "ok", "store: %s, schema %d, its own check finds nothing",
		        store_backend(d->c->site->store), store_schema_version(d->c->site->store));
	if (journal_verify(d->c->site->store, &v, &e) < 0)
		say(d, "bad", "journal: %s", e.text);
	else if (v.bad_seq != 0)
		say(d, "bad", "journal: entry %lld does not fit the chain; compare with a backup",
		        (long long)v.bad_seq);
	else
		say(d, "ok", "journal: %lld entries, the chain verifies", (long long)v.entries);
}

static void look_at_key(struct doctor *d)
{
	if (d->c->site->key_missing)
		say(d, "bad", "key of secrets: not the one that sealed the store's; put it into %s",
		        cli_secret_key(d->c).file);
	else
		say(d, "ok", "key of secrets: fits");
}

static void look_at_series(struct doctor *d)
{
	struct err e = ERR_INIT;
	int n = series_verify(path_join(d->c->a, d->c->site_dir, "series"), bad_series, d, &e);

	if (n < 0)
		say(d, "bad", "readings: %s", e.text);
	else if (n == 0)
		say(d, "ok", "readings: every block and log record is sound");
}

struct reporting {
	int64_t things, never, silent;
};

static void add_group(void *ctx, const struct health_group *g)
{
	struct reporting *x = ctx;

	x->things += g->things;
	for (unsigned i = 0; i < HEALTH_FLAGS; i++) {
		x->never += 1u << i == HEALTH_NEVER ? g->flag[i] : 0;
		x->silent += 1u << i == HEALTH_SILENT ? g->flag[i] : 0;
	}
}

static bool in_future(struct site *s)
{
	time_us t, latest = clock_now(s->clock) + 10 * US_MINUTE;
	uint32_t last = series_last_id(s->series);
	double v;

	for (uint32_t id = 1; id <= last && id != 0; id++)
		if (series_latest(s->series, (series_id){id}, &t, &v) && t > latest)
			return true;
	return false;
}

static void look_at_things(struct doctor *d)
{
	struct site *s = d->c->site;
	struct reporting x = {0};

	health_groups(s->health, add_group, &x);
	if (x.never == x.things)
		say(d, "warn", "things: no reading of any has come in yet");
	else
		say(d, x.silent > x.things / 10 ? "warn" : "ok",
		        "things: %lld that report, %lld of them silent, %lld never heard",
		        (long long)x.things, (long long)x.silent, (long long)x.never);
	if (in_future(s))
		say(d, "warn", "clock: a reading lies in the future; is this machine's clock right?");
}

static void look_at_catalog(struct doctor *d)
{
	const struct catalog *k = d->c->site->catalog;

	if (k->packs == 0)
		say(d, "warn", "packs: none is installed; heming pack install DIR");
	else
		say(d, "ok", "packs: %d, with %d rules, %d flows, %d indicators", k->packs, k->rules,
		        k->flows, k->indicators);
}

/* The State Council announces the holidays of a year in November of the one before. */
static void look_at_calendars(struct doctor *d)
{
	const struct catalog *k = d->c->site->catalog;
	time_us now = clock_now(d->c->site->clock);
	struct civil l;
	int needed;

	zone_civil(k->zone, now, &l);
	needed = l.month == 12 ? l.year + 1 : l.year;
	for (int i = 0; i < k->calendars; i++) {
		struct civil end = {.year = needed, .month = 12, .day = 31};
		int year = calendar_lacks(k->calendar[i].calendar, now, zone_instant(k->zone, &end));

		if (year != 0)
			say(d, "warn",
			        "calendar %s: the holidays of %d are not in, so that deadlines there count "
			        "weekdays "
			        "only; heming calendar add FILE",
			        k->calendar[i].code, year);
	}
}

/* What PostgreSQL's own standby servers have not replayed yet; a byte now and then is no news. */
static void look_at_replicas(struct doctor *d)
{
	static const int64_t much = 64 << 20;
	struct sql_replica_list_row row;
	struct store_rows *rows = NULL;
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	int n = 0, rc = store_read_begin(d->c->site->store, "replicas", &tx, &e);

	if (rc == 0)
		rc = sql_replica_list_open(tx, &rows, &e);
	while (rc >= 0 && (rc = sql_replica_list_next(rows, &row, &e)) == 1) {
		n++;
		say(d, row.behind_b > much || !str_is(row.state, "streaming") ? "warn" : "ok",
		        "replica " STR_FMT ": " STR_FMT ", %lld KiB behind", STR_ARG(row.name),
		        STR_ARG(row.state), (long long)(row.behind_b >> 10));
	}
	store_rows_close(&rows);
	store_read_end(&tx);
	if (rc < 0)
		say(d, "bad", "replicas: %s", e.text);
	else if (n == 0)
		say(d, "warn", "replicas: no server follows the database; see \"Standby\" in operating.md");
}

static void look_at_standby(struct doctor *d)
{
	const char *dir = settings_text(&d->c->settings, SET_STANDBY);
	struct standby_state st;

	if (strcmp(store_backend(d->c->site->store), "postgres") == 0)
		look_at_replicas(d);
	if (d->c->site->standby != NULL) {
		standby_look(d->c->site->standby, &st);
		if (st.ok)
			say(d, "ok", "standby: %lld KiB behind", (long long)(st.behind_b >> 10));
		else
			say(d, "bad", "standby: %s", st.why.text);
	} else if (dir != NULL) {
		say(d, "warn", "standby: nobody serves the site, so nothing is copied to %s", dir);
	}
}

static dur_us longest_kept(struct doctor *d)
{
	dur_us longest = 0;
	int n;
	const struct retention_row *row = retention_classes(d->c->site, d->c->a, &n);

	for (int i = 0; i < n; i++) {
		const struct series_class *c = &row[i].rule;

		longest = c->keep > longest ? c->keep : longest;
		longest = c->five > longest ? c->five : longest;
		longest = c->hour > longest ? c->hour : longest;
	}
	return longest;
}

static void look_at_engine(struct doctor *d)
{
	struct series_remote_state st = {0};
	dur_us longest;
	char text[40];

	if (settings_text(&d->c->settings, SET_SERIES) == NULL)
		return;
	if (d->c->site->remote == NULL) {
		say(d, "warn", "engine: nobody serves the site, so nothing is handed on to it");
		return;
	}
	series_remote_look(d->c->site->remote, &st);
	if (st.ok)
		say(d, "ok", "engine: %llu KiB wait; the folder alone knows everything since %s",
		        (unsigned long long)(st.queue_b >> 10),
		        time_format(st.whole_since, zone_utc(), text));
	else
		say(d, "bad", "engine: %s", st.why.code != 0 ? st.why.text : "it was not asked yet");
	longest = longest_kept(d);
	if (longest < SERIES_FOREVER)
		say(d, "ok", "engine: it must keep readings for %s or longer (-retentionPeriod)",
		        dur_format(longest, text));
	else
		say(d, "ok", "engine: it must keep readings for ever (-retentionPeriod, such as 100y)");
	if (st.masked > 0)
		say(d, "warn",
		        "engine: it still has the readings of %llu deletions, which no answer has: it "
		        "deletes "
		        "whole "
		        "series only, or its API for that is off",
		        (unsigned long long)st.masked);
}

int cmd_doctor(struct cli *c, struct err *e)
{
	struct doctor d = {.c = c};

	look_at_disk(&d);
	time_fsync(&d);
	look_at_records(&d);
	look_at_key(&d);
	look_at_series(&d);
	look_at_engine(&d);
	look_at_standby(&d);
	look_at_things(&d);
	look_at_catalog(&d);
	look_at_calendars(&d);
	fprintf(c->out, "%d bad, %d to look at\n", d.bad, d.warn);
	return d.bad > 0 ? err_set(e, ERR_CORRUPT, "the site needs care, see above") : 0;
}

/* ---- config, version, help ---- */

int cmd_config(struct cli *c, struct err *e)
{
	struct sb b = SB_INIT;

	(void)e;
	if (cli_flag(c, "markdown")) {
		settings_write_markdown(&b);
		fwrite(b.p, 1, b.n, c->out);
		sb_fini(&b);
		return 0;
	}
	for (int i = 0; i < SETTINGS; i++)
		fprintf(c->out, "%-14s %-24s (%s)\n", setting_rows[i].key,
		        *c->settings.value[i] ? c->settings.value[i] : "-", c->settings.from[i]);
	return 0;
}

int cmd_version(struct cli *c, struct err *e)
{
	(void)e;
	fprintf(c->out, "heming %s\n", HEMING_VERSION);
	return 0;
}

static void print_option(FILE *out, const char *name, const char *meta, const char *help)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s %s", name, meta);
	fprintf(out, "  %-26s %s\n", left, help);
}

static void print_command(FILE *out, const struct command *k)
{
	fprintf(out, "usage: heming %s%s%s%s\n\n%s%c%s.\n%s", k->name, *k->words ? " " : "", k->words,
	        k->arg[0].name != NULL || k->flags & CMD_SITE ? " [options]" : "", "",
	        k->summary[0] - 'a' + 'A', k->summary + 1, k->detail);
	if (k->arg[0].name != NULL || k->flags & CMD_SITE)
		fprintf(out, "\n");
	if (k->flags & CMD_SITE)
		print_option(out, "site", "DIR", "the site's folder; ./site");
	for (int i = 0; i < ARGS_MAX && k->arg[i].name != NULL; i++)
		print_option(out, k->arg[i].name, k->arg[i].meta, k->arg[i].help);
	if (k->run == cmd_serve)
		for (int i = 0; i < SETTINGS; i++) {
			print_option(out, setting_rows[i].key, setting_rows[i].meta, setting_rows[i].help);
			if (*setting_rows[i].dflt)
				fprintf(out, "  %-26s default %s\n", "", setting_rows[i].dflt);
		}
	else if (k->flags & CMD_SETTINGS)
		fprintf(out, "  and every setting, such as --store ADDRESS; heming help serve lists them\n");
}

int cmd_help(struct cli *c, struct err *e)
{
	if (c->words == 1) {
		for (const struct command *k = commands; k->name != NULL; k++)
			if (strcmp(k->name, c->word[0]) == 0) {
				print_command(c->out, k);
				return 0;
			}
		return err_set(e, ERR_NOTFOUND, "there is no command \"%s\"", c->word[0]);
	}
	fprintf(c->out, "Heming 鹤鸣 runs a city's operations: readings, alarms, cases, indicators, one live "
	                "cockpit.\n\n"
	                "usage: heming COMMAND [words] [--site DIR] [options]\n\n");
	for (const struct command *k = commands; k->name != NULL; k++)
		fprintf(c->out, "  %-10s %s\n", k->name, k->summary);
	fprintf(c->out, "\nA first city:\n"
	                "  heming init --site site --pack PACK-FOLDER --demo\n"
	                "  heming serve --site site\n"
	                "More about one command: heming help COMMAND\n");
	return 0;
}
