#include "cli/cli.h"
#include "cli/engine.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "city/pack.h"
#include "cli/control.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/* ---- what was given ---- */

static int arg_place(const struct command *k, const char *name)
{
	for (int i = 0; i < ARGS_MAX && k->arg[i].name != NULL; i++)
		if (strcmp(k->arg[i].name, name) == 0)
			return i;
	return -1;
}

const char *cli_text(const struct cli *c, const char *arg, const char *dflt)
{
	int i = arg_place(c->command, arg);

	return i >= 0 && c->value[i] != NULL ? c->value[i] : dflt;
}

bool cli_flag(const struct cli *c, const char *arg)
{
	return cli_text(c, arg, NULL) != NULL;
}

int64_t cli_int(const struct cli *c, const char *arg, int64_t dflt)
{
	const char *text = cli_text(c, arg, NULL);
	int64_t n;

	return text != NULL && num_int(str_of(text), &n) ? n : dflt;
}

/* ---- parsing ---- */

static const char *absolute(struct arena *a, const char *path)
{
	char *here, *out;

	if (*path == '/' || *path == '\0')
		return path;
	here = getcwd(NULL, 0);
	out = path_join(a, here != NULL ? here : ".", path);
	free(here);
	return out;
}

static int take_option(struct cli *c, const char *name, const char *value, struct err *e)
{
	const struct command *k = c->command;
	int i = arg_place(k, name);
	int64_t n;

	if (i < 0)
		return settings_set(&c->settings, c->a, name, value, arena_printf(c->a, "--%s", name), e);
	if (k->arg[i].kind == ARG_INT && !num_int(str_of(value), &n)) {
		err_set(e, ERR_INVALID, "a whole number is needed, not \"%s\"", value);
		return err_at(e, NULL, 0, 0, name);
	}
	if (k->arg[i].kind == ARG_LIST) {
		if (c->lists == LIST_MAX)
			return err_set(e, ERR_INVALID, "--%s may be given %d times", name, LIST_MAX);
		c->list[c->lists++] = absolute(c->a, value);
		return 0;
	}
	c->value[i] = k->arg[i].kind == ARG_PATH ? absolute(c->a, value) : value;
	return 0;
}

static bool is_setting(const char *name)
{
	for (int i = 0; i < SETTINGS; i++)
		if (strcmp(setting_rows[i].key, name) == 0)
			return true;
	return false;
}

static bool is_path(const struct cli *c, int word)
{
	const struct command *k = c->command;

	return (k->flags & CMD_PATHS) || (word >= 1 && k->run == cmd_import) ||
	       (word == 1 &&
	               (k->run == cmd_pack || (k->run == cmd_calendar && strcmp(c->word[0], "add") == 0) ||
	                       (k->run == cmd_series && strcmp(c->word[0], "snapshot") == 0)));
}

/* Two passes: the first finds --site, since the site's own settings come before those of the command line. */
static int parse(struct cli *c, int argc, char **argv, bool options, struct err *e)
{
	const struct command *k = c->command;

	c->words = 0;
	for (int i = 2; i < argc; i++) {
		const char *s = argv[i], *eq;
		const char *name, *value = NULL;
		int place, rc;

		if (strncmp(s, "--", 2) != 0 || s[2] == '\0') {
			if (c->words == k->most || c->words == (int)ARRAY_LEN(c->word))
				return err_set(e, ERR_INVALID,
				        "what is \"%s\"? heming help %s tells how to say it", s, k->name);
			if (is_path(c, c->words)) /* also for the serving process, which stands elsewhere */
				argv[i] = arena_strdup(c->a, absolute(c->a, s));
			c->word[c->words] = argv[i];
			c->words++;
			continue;
		}
		eq = strchr(s, '=');
		name = eq != NULL ? arena_strndup(c->a, s + 2, (size_t)(eq - s) - 2) : s + 2;
		place = arg_place(k, name);
		if (place < 0 && strcmp(name, "site") != 0 &&
		        !((k->flags & CMD_SETTINGS) && is_setting(name))) {
			const char *near = k->flags & CMD_SETTINGS ? settings_nearest(name) : NULL;

			if (near != NULL)
				return err_set(e, ERR_INVALID, "heming %s knows no --%s; is --%s meant?",
				        k->name, name, near);
			return err_set(e, ERR_INVALID,
			        "heming %s knows no --%s; heming help %s lists what it knows", k->name, name,
			        k->name);
		}
		if (place >= 0 && k->arg[place].kind == ARG_FLAG) {
			c->value[place] = "1";
			continue;
		}
		value = eq != NULL ? eq + 1 : i + 1 < argc ? argv[++i] : NULL;
		if (value == NULL)
			return err_set(e, ERR_INVALID, "--%s needs a value", name);
		if (strcmp(name, "site") == 0)
			c->site_dir = absolute(c->a, value);
		else if (options && (rc = take_option(c, name, value, e)) < 0)
			return rc;
	}
	if (c->words < k->least)
		return err_set(e, ERR_INVALID, "say also: heming %s %s", k->name, k->words);
	return 0;
}

static int read_all(struct cli *c, int argc, char **argv, struct err *e)
{
	int rc;

	settings_init(&c->settings);
	c->site_dir = absolute(c->a, "site");
	rc = parse(c, argc, argv, false, e);
	if (rc == 0 && (c->command->flags & CMD_SITE))
		rc = settings_read_file(&c->settings, c->a, path_join(c->a, c->site_dir, "site.yaml"), e);
	if (rc == 0)
		rc = settings_read_env(&c->settings, c->a, e);
	c->lists = 0;
	return rc < 0 ? rc : parse(c, argc, argv, true, e);
}

/* ---- running ---- */

static int role_words(const struct cli *c, enum setting_id id, unsigned *out, struct err *e)
{
	const char *words = settings_text(&c->settings, id);

	*out = words != NULL ? roles_parse(str_of(words)) : 0;
	if (words == NULL || *out != 0)
		return 0;
	err_set(e, ERR_INVALID, "roles are viewer, handler, desk, leader, admin, by blanks, not \"%s\"",
	        words);
	return err_at(e, NULL, 0, 0, setting_rows[id].key);
}

/* "400d", or "90d 2y 10y": readings, windows of 5 minutes, of an hour. */
static int retention_policy(const struct cli *c, struct retention_policy *out, struct err *e)
{
	struct str rest = str_of(c->settings.value[SET_RETENTION]),
	           at = str_of(c->settings.value[SET_RETENTION_AT]);
	dur_us d[3] = {0};
	int64_t hour, minute;
	struct str h;
	int n = 0;

	while (rest.p != NULL && rest.n > 0) {
		struct str word = str_cut(&rest, ' ');

		if (word.n == 0)
			continue;
		if (n == 3 || !retention_span(word, &d[n]) || (n > 0 && d[n] <= d[n - 1])) {
			err_set(e, ERR_INVALID,
			        "a time such as 400d, 10y or forever is needed, or three, each longer than "
			        "the one before: "
			        "of readings, of windows of 5 minutes, of windows of an hour; not \"%s\"",
			        c->settings.value[SET_RETENTION]);
			return err_at(e, NULL, 0, 0, setting_rows[SET_RETENTION].key);
		}
		n++;
	}
	h = str_cut(&at, ':');
	if (h.n != 2 || at.n != 2 || !num_int(h, &hour) || !num_int(at, &minute) || hour < 0 || hour > 23 ||
	        minute < 0 || minute > 59) {
		err_set(e, ERR_INVALID, "a time of day such as 03:30 is needed, not \"%s\"",
		        c->settings.value[SET_RETENTION_AT]);
		return err_at(e, NULL, 0, 0, setting_rows[SET_RETENTION_AT].key);
	}
	*out = (struct retention_policy){
	        .keep = d[0], .five = d[1], .hour = d[2], .at_min = (int)(hour * 60 + minute)};
	return 0;
}

/* The address goes into the pages' policy of what they may ask: it must not end a word of that. */
static int base_map(const struct cli *c, struct base_map *out, struct err *e)
{
	const char *at = settings_text(&c->settings, SET_MAP_TILES);

	*out = (struct base_map){.tiles = at, .credit = settings_text(&c->settings, SET_MAP_CREDIT)};
	if (!geo_crs_parse(str_of(c->settings.value[SET_MAP_CRS]), &out->crs))
		wrong("settings_set knows the systems");
	if (at == NULL)
		return 0;
	if ((strncmp(at, "https://", 8) == 0 || strncmp(at, "http://", 7) == 0 ||
	            (at[0] == '/' && at[1] != '/')) &&
	        strstr(at, "{z}") != NULL && strstr(at, "{x}") != NULL && strstr(at, "{y}") != NULL &&
	        at[strcspn(at, " \t\r\n;,'\"")] == '\0')
		return 0;
	err_set(e, ERR_INVALID,
	        "an address such as https://maps.example/{z}/{x}/{y}.png is needed, without blanks, commas, "
	        "semicolons and quotes, not \"%s\"",
	        at);
	return err_at(e, NULL, 0, 0, setting_rows[SET_MAP_TILES].key);
}

struct secret_key cli_secret_key(const struct cli *c)
{
	const char *file = settings_text(&c->settings, SET_KEY_FILE);

	return (struct secret_key){.file = file != NULL ? file : path_join(c->a, c->site_dir, "secret.key"),
	        .env = getenv("HEMING_SEAL_KEY"),
	        .cipher = settings_is(&c->settings, SET_CIPHER, "sm4") ? SEAL_SM4 : SEAL_AES};
}

int cli_open_site(struct cli *c, bool create, bool rules, struct clock *clock, struct err *e)
{
	struct site_options o = {.dir = c->site_dir,
	        .store = settings_text(&c->settings, SET_STORE),
	        .clock = clock != NULL ? clock : clock_new_real(),
	        .durability = settings_is(&c->settings, SET_DURABILITY, "os") ? SERIES_OS : SERIES_FSYNC,
	        .digest = settings_is(&c->settings, SET_DIGEST, "sm3") ? DIGEST_SM3 : DIGEST_SHA256,
	        .node = (int)settings_int(&c->settings, SET_NODE),
	        .create = create,
	        .rules = rules,
	        .readers = (int)settings_int(&c->settings, SET_READERS),
	        .readings_cache_b = (size_t)settings_int(&c->settings, SET_READINGS_CACHE) << 20,
	        .trace = settings_is(&c->settings, SET_TRACE, "on"),
	        .accounts = {.password_max_days = (int)settings_int(&c->settings, SET_PASSWORD_MAX_DAYS),
	                .four_eyes = settings_is(&c->settings, SET_FOUR_EYES, "on")}};
	struct series_remote_options *engine = NULL;
	int rc = role_words(c, SET_TOTP_ROLES, &o.accounts.totp_roles, e);

	if (rc == 0)
		rc = engine_options(&c->settings, c->a, &engine, e);
	o.keep_logs = engine != NULL;
	o.key = cli_secret_key(c);
	if (rules) { /* only who serves copies */
		o.standby = settings_text(&c->settings, SET_STANDBY);
		o.standby_every = settings_int(&c->settings, SET_STANDBY_EVERY) * US_SECOND;
		o.remote = engine;
	}
	if (rc == 0)
		rc = retention_policy(c, &o.retain, e);
	if (rc == 0)
		rc = base_map(c, &o.base_map, e);
	if (rc == 0)
		rc = role_words(c, SET_BREAK_GLASS_ROLES, &o.accounts.break_glass_roles, e);
	if (rc == 0)
		rc = site_open(&o, &c->site, e);
	if (rc < 0 && clock == NULL)
		clock_free(&o.clock);
	return rc;
}

static const struct command *find(const char *name)
{
	for (const struct command *k = commands; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static const char *nearest(const char *name)
{
	const char *best = NULL;
	size_t least = 3;

	for (const struct command *k = commands; k->name != NULL; k++)
		if (word_distance(name, k->name) < least) {
			least = word_distance(name, k->name);
			best = k->name;
		}
	return best;
}

static void tell(FILE *f, const struct err *e)
{
	char buf[1024];

	fprintf(f, "heming: %s\n", err_str(e, buf, sizeof(buf)));
}

static void read_input(struct cli *c)
{
	static char buf[4096];
	size_t n;

	if (!(c->command->flags & CMD_INPUT) || isatty(STDIN_FILENO))
		return;
	n = fread(buf, 1, sizeof(buf), stdin);
	c->input = str_trim((struct str){buf, n});
}

static bool runs_served(const struct command *k)
{
	return (k->flags & (CMD_DATA | CMD_SERVED)) != 0 || k->run == cmd_pack || k->run == cmd_standby ||
	       k->run == cmd_series;
}

/* Looks at files as they lie there, whoever has them open. */
static bool looks_at_files(const struct cli *c)
{
	return c->command->run == cmd_series &&
	       (strcmp(c->word[0], "verify") == 0 || strcmp(c->word[0], "repair") == 0);
}

static int run_here(struct cli *c, struct err *e)
{
	int rc = 0;

	if (c->command->flags & CMD_SERVED)
		return err_set(e, ERR_STATE, "nobody serves the site %s now", c->site_dir);

	if (c->command->flags & CMD_DATA)
		rc = cli_open_site(c, false, false, NULL, e);
	if (rc == 0)
		rc = c->command->run(c, e);
	site_close(&c->site);
	return rc;
}

/* Of the process, as its signals are. */
static bool interrupted;

static void interrupt(int sig)
{
	(void)sig;
	__atomic_store_n(&interrupted, true, __ATOMIC_RELAXED);
}

void cli_stoppable(const struct cli *c)
{
	const struct sigaction act = {.sa_handler = interrupt};

	if (c->api == NULL) /* a serving process ends by SIGINT */
		sigaction(SIGINT, &act, NULL);
}

int cli_main(int argc, char **argv)
{
	struct cli c = {
	        .a = arena_new(0), .out = stdout, .terminal = isatty(STDOUT_FILENO), .cancel = &interrupted};
	const char *name = argc > 1 ? argv[1] : "help";
	struct err e = ERR_INIT;
	int rc, code = 0;

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	if (strcmp(name, "--version") == 0)
		name = "version";
	c.command = find(name);
	if (c.command == NULL) {
		const char *near = nearest(name);

		fprintf(stderr, "heming: there is no command \"%s\"; ", name);
		if (near != NULL)
			fprintf(stderr, "is %s meant? ", near);
		fprintf(stderr, "heming help lists them\n");
		arena_free(&c.a);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			c.word[0] = c.command->name;
			c.words = 1;
			rc = cmd_help(&c, &e);
			arena_free(&c.a);
			return rc < 0;
		}
	rc = read_all(&c, argc, argv, &e);
	if (rc < 0) {
		tell(stderr, &e);
		arena_free(&c.a);
		return 2;
	}
	read_input(&c);
	if (runs_served(c.command) && !looks_at_files(&c))
		rc = control_ask(c.site_dir, argc, argv, c.input, stdout, &code, &e);
	else
		rc = ERR_NOTFOUND;
	if (rc == ERR_NOTFOUND) { /* nobody serves the site */
		e = (struct err)ERR_INIT;
		rc = run_here(&c, &e);
		code = rc < 0;
	}
	if (rc < 0) {
		if (*e.text != '\0')
			tell(stderr, &e);
		code = 1;
	}
	fflush(stdout);
	arena_free(&c.a);
	return code;
}

int cli_run_served(struct site *s, struct api_server *api, const struct settings *set, int argc, char **argv,
        struct str input, FILE *out, FILE *why, const bool *cancel)
{
	struct cli c = {
	        .a = arena_new(0), .out = out, .input = input, .site = s, .api = api, .cancel = cancel};
	struct err e = ERR_INIT;
	int rc = ERR_INVALID;

	c.command = argc > 1 ? find(argv[1]) : NULL;
	if (c.command == NULL || !runs_served(c.command))
		err_set(&e, ERR_INVALID, "this command does not run in a serving process");
	else
		rc = read_all(&c, argc, argv, &e);
	c.settings = *set;
	c.site_dir = s->dir;
	if (rc == 0)
		rc = c.command->run(&c, &e);
	if (rc < 0 && *e.text != '\0')
		tell(why, &e);
	arena_free(&c.a);
	return rc < 0;
}

void cli_progress(struct cli *c, const char *what, int64_t done, int64_t total)
{
	if (!c->terminal)
		return;
	if (total > 0)
		fprintf(c->out, "\r%s: %lld of %lld", what, (long long)done, (long long)total);
	else
		fprintf(c->out, "\r%s: %lld", what, (long long)done);
	fflush(c->out);
}

void cli_progress_end(struct cli *c)
{
	if (c->terminal)
		fprintf(c->out, "\r\033[K");
}
