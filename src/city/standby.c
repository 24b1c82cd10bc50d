#include "city/standby.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/thread.h"
#include "city/broker_files.h"
#include "city/mapping_files.h"
#include "city/site.h"
#include "series/ship.h"
#include "store/journal.h"
#include "store/ship.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "standby"
#define PAUSE_MAX US_MINUTE

struct standby {
	struct site *site;
	char *dir;
	dur_us every;
	pthread_t thread;

	pthread_mutex_t work; /* held while the folder is written or read */
	bool attached;
	struct stat brokers; /* of the file of brokers when it was copied; by `work` */
	int lock_fd;

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t wake;
	bool stopping;
	struct store_ship *records; /* NULL with PostgreSQL */
	struct series_ship *readings;
	bool ok, told; /* told: that it fails */
	time_us copied;
	dur_us good; /* monotonic; when the last step that went well began */
	struct err why;
};

static char *in_dir(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static bool has(const char *dir, const char *name)
{
	char *path = in_dir(dir, name);
	bool yes = file_exists(path);

	free(path);
	return yes;
}

bool standby_is(const char *dir)
{
	return has(dir, MARK);
}

time_us standby_copied(const char *dir)
{
	char *path = in_dir(dir, MARK);
	struct stat st;
	time_us t = TIME_NONE;

	if (stat(path, &st) == 0)
		t = (int64_t)st.st_mtim.tv_sec * US_SECOND + st.st_mtim.tv_nsec / 1000;
	free(path);
	return t;
}

/* The lock is that of a site, so that nobody serves what is copied into. -1 and a code in *rc. */
static int lock_folder(const char *dir, int *rc, struct err *e)
{
	char *path = in_dir(dir, "lock");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

	*rc = 0;
	if (fd < 0)
		*rc = err_errno(e, errno, "the folder cannot be written: %s", dir);
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		*rc = err_set(e, ERR_BUSY, "another heming works on %s", dir);
	if (*rc < 0 && fd >= 0) {
		close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

/* ---- the folder ---- */

/* The settings go along, but not the one that would let the copy copy itself. */
static int copy_settings(const struct standby *s, struct err *e)
{
	struct arena *a = arena_new(0);
	const char *from = path_join(a, s->site->dir, "site.yaml");
	struct sb b = SB_INIT;
	struct str text = STR_NULL;
	int rc = 0;

	if (file_exists(from))
		rc = file_read(a, from, 1 << 20, &text, e);
	while (rc == 0 && text.p != NULL && text.n > 0) {
		struct str line = str_cut(&text, '\n');

		sb_printf(&b, "%s" STR_FMT "\n", str_starts(line, "standby") ? "# " : "", STR_ARG(line));
	}
	if (rc == 0 && b.n > 0)
		rc = file_write(path_join(a, s->dir, "site.yaml"), b.p, b.n, 0640, e);
	sb_fini(&b);
	arena_free(&a);
	return rc;
}

/* The file of brokers may change while the site is served. */
static int copy_brokers(struct standby *s, bool anew, struct err *e)
{
	char *path = in_dir(s->site->dir, BROKERS_FILE);
	struct stat st = {0};
	int rc = 0;

	if (stat(path, &st) < 0) {
		char *copy = in_dir(s->dir, BROKERS_FILE);

		(void)!unlink(copy); /* taken away here, it is taken away there */
		free(copy);
	}
	if (anew || st.st_ino != s->brokers.st_ino || st.st_size != s->brokers.st_size ||
	        st.st_mtim.tv_sec != s->brokers.st_mtim.tv_sec ||
	        st.st_mtim.tv_nsec != s->brokers.st_mtim.tv_nsec)
		rc = broker_files_copy(s->site->dir, s->dir, &s->site->seal, NULL, e);
	if (rc == 0)
		s->brokers = st;
	free(path);
	return rc;
}

static void detach(struct standby *s)
{
	struct store_ship *records;
	struct series_ship *readings;

	pthread_mutex_lock(&s->lock);
	records = s->records;
	readings = s->readings;
	s->records = NULL;
	s->readings = NULL;
	pthread_mutex_unlock(&s->lock);
	store_ship_close(&records);
	series_ship_close(&readings);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	s->lock_fd = -1;
	s->attached = false;
}

static int attach(struct standby *s, struct err *e)
{
	struct store_ship *records = NULL;
	struct series_ship *readings = NULL;
	char *path = in_dir(s->dir, "records.db"), *series = in_dir(s->dir, "series");
	int rc = 0;

	if (!standby_is(s->dir)) {
		err_set(e, ERR_NOTFOUND,
		        has(s->dir, "records.db")
		                ? "there is a site in the folder; a standby needs one of its own"
		                : "no standby is here; is the disk mounted? heming standby make prepares a "
		                  "new one");
		rc = err_at(e, s->dir, 0, 0, NULL);
	}
	if (rc == 0)
		s->lock_fd = lock_folder(s->dir, &rc, e);
	if (rc == 0)
		rc = copy_settings(s, e);
	if (rc == 0)
		rc = copy_brokers(s, true, e);
	if (rc == 0 && strcmp(store_backend(s->site->store), "sqlite") == 0)
		rc = store_ship_open(s->site->store, path, &records, e);
	if (rc == 0)
		rc = series_ship_open(s->site->series, series, &readings, e);
	pthread_mutex_lock(&s->lock);
	s->records = records;
	s->readings = readings;
	pthread_mutex_unlock(&s->lock);
	s->attached = rc == 0;
	if (rc < 0)
		detach(s);
	free(series);
	free(path);
	return rc;
}

/* ---- a step ---- */

static void touch(const struct standby *s)
{
	char *path = in_dir(s->dir, MARK);

	(void)!utimensat(AT_FDCWD, path, NULL, 0);
	free(path);
}

static int copy_new(struct standby *s, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&s->work);
	if (s->attached && !standby_is(s->dir)) /* unmounted, or taken away */
		detach(s);
	if (!s->attached)
		rc = attach(s, e);
	if (rc == 0)
		rc = copy_brokers(s, false, e);
	if (rc == 0)
		rc = mapping_files_copy(s->site->dir, s->dir, e);
	if (rc == 0 && s->records != NULL)
		rc = store_ship_step(s->records, e);
	if (rc == 0)
		rc = series_ship_step(s->readings, e);
	if (rc == 0)
		touch(s);
	pthread_mutex_unlock(&s->work);
	return rc;
}

struct news {
	const char *kind, *dir, *why;
};

static int journal_news(struct store_tx *tx, void *arg, struct err *e)
{
	const struct news *n = arg;
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "folder", n->dir);
	if (n->why != NULL)
		jw_kstr(&w, "why", n->why);
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(n->kind),
	                .subject = STR_LIT("standby"),
	                .subject_id = STR_LIT("site"),
	                .region = STR_LIT(""),
	                .org = STR_LIT(""),
	                .secrecy = 2,
	                .account = STR_LIT("system"),
	                .payload = sb_str(&b)},
	        e);
	sb_fini(&b);
	return rc;
}

/* Told once when it begins to fail, and once when it goes on. */
static void tell(struct standby *s, bool was_ok, bool told, int rc, const struct err *e)
{
	char text[800];
	struct news n = {.dir = s->dir};
	struct err ignored = ERR_INIT;

	if (rc < 0) {
		metric_add(METRIC_STANDBY_FAULTS, 1);
		if (told)
			return;
		n.why = err_str(e, text, sizeof(text));
		n.kind = "standby.failed";
		LOG(STANDBY_FAULT, log_s("folder", s->dir), log_s("why", n.why));
	} else if (!was_ok) {
		n.kind = "standby.following";
		LOG(STANDBY_FOLLOWS, log_s("folder", s->dir));
	}
	if (n.kind != NULL)
		(void)!store_write(s->site->store, "news of the standby", journal_news, &n, &ignored);
}

static void step(struct standby *s)
{
	struct err e = ERR_INIT;
	dur_us begin = clock_monotonic();
	time_us now = clock_now(s->site->clock);
	bool was_ok, told;
	int rc = copy_new(s, &e);

	pthread_mutex_lock(&s->lock);
	was_ok = s->ok;
	told = s->told;
	s->ok = rc == 0;
	s->told = rc < 0;
	s->why = e;
	if (rc == 0) {
		s->copied = now;
		s->good = begin;
	}
	pthread_mutex_unlock(&s->lock);
	tell(s, was_ok, told, rc, &e);
}

static void *run(void *arg)
{
	struct standby *s = arg;
	dur_us pause = s->every;
	struct timespec until;
	bool stopping = false, ok = false;

	while (!stopping) {
		step(s);
		pthread_mutex_lock(&s->lock);
		ok = s->ok;
		pause = ok ? s->every : pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += pause / US_SECOND;
		while (!s->stopping)
			if (pthread_cond_timedwait(&s->wake, &s->lock, &until) == ETIMEDOUT)
				break;
		stopping = s->stopping;
		pthread_mutex_unlock(&s->lock);
	}
	if (ok)
		step(s);
	return NULL;
}

/* ---- beginning and end ---- */

static bool within(const char *dir, const char *site)
{
	char *a = realpath(dir, NULL), *b = realpath(site, NULL);
	size_t n = b != NULL ? strlen(b) : 0;
	bool yes = a != NULL && b != NULL && strncmp(a, b, n) == 0 && (a[n] == '\0' || a[n] == '/');

	free(a);
	free(b);
	return yes;
}

int standby_start(struct site *site, const char *dir, dur_us every, struct standby **out, struct err *e)
{
	struct standby *s;
	pthread_condattr_t attr;

	if (within(dir, site->dir)) {
		err_set(e, ERR_INVALID, "a standby inside of its site is lost with it; take another disk");
		return err_at(e, dir, 0, 0, "standby");
	}
	s = xcalloc(1, sizeof(*s));
	s->site = site;
	s->dir = xstrdup(dir);
	s->every = every;
	s->lock_fd = -1;
	s->copied = TIME_NONE;
	s->good = clock_monotonic();
	err_set(&s->why, ERR_BUSY, "the first copy is being made");
	must(pthread_mutex_init(&s->work, NULL) == 0 && pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0 && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&s->wake, &attr) == 0);
	pthread_condattr_destroy(&attr);
	thread_start(&s->thread, "standby", run, s);
	*out = s;
	return 0;
}

void standby_stop(struct standby **sp)
{
	struct standby *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	detach(s);
	pthread_mutex_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	free(s->dir);
	free(s);
}

void standby_look(struct standby *s, struct standby_state *out)
{
	pthread_mutex_lock(&s->lock);
	*out = (struct standby_state){.dir = s->dir, .ok = s->ok, .copied = s->copied, .why = s->why};
	if (s->records != NULL)
		out->behind_b += store_ship_behind(s->records);
	if (s->readings != NULL)
		out->behind_b += series_ship_behind(s->readings);
	if (!s->ok || out->behind_b > 0)
		out->behind = clock_monotonic() - s->good;
	pthread_mutex_unlock(&s->lock);
	metric_set(METRIC_STANDBY_BYTES, out->behind_b);
	metric_set(METRIC_STANDBY_SECONDS, out->behind / US_SECOND);
	metric_set(METRIC_STANDBY_OK, out->ok);
}

/* ---- copies of it, and its becoming a site ---- */

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool of_a_site(const char *name)
{
	size_t n = strlen(name);

	return strcmp(name, MARK) != 0 && strcmp(name, "lock") != 0 && strcmp(name, "control.sock") != 0 &&
	       (n < 4 || (strcmp(name + n - 4, "-shm") != 0 && strcmp(name + n - 4, ".new") != 0));
}

static int copy_all(struct arena *a, const char *from, const char *to, struct err *e)
{
	char **name = NULL;
	int rc = file_mkdirs(to, e);

	if (rc == 0)
		rc = file_list(a, from, &name, e);
	for (; rc == 0 && *name != NULL; name++) {
		const char *x = path_join(a, from, *name), *y = path_join(a, to, *name);

		if (of_a_site(*name))
			rc = is_folder(x) ? copy_all(a, x, y, e) : file_copy(x, y, 0640, e);
	}
	return rc;
}

static int copy_site(const char *from, const char *to, struct err *e)
{
	struct arena *a;
	int rc;

	if (file_exists(to)) {
		err_set(e, ERR_CONFLICT, "this is there already; a copy goes into a new folder");
		return err_at(e, to, 0, 0, NULL);
	}
	a = arena_new(0);
	rc = copy_all(a, from, to, e);
	arena_free(&a);
	return rc;
}

int standby_copy(struct standby *s, const char *to, struct err *e)
{
	int rc;

	pthread_mutex_lock(&s->work);
	rc = standby_is(s->dir) ? copy_site(s->dir, to, e)
	                        : err_set(e, ERR_UNAVAILABLE, "nothing was copied to %s yet", s->dir);
	pthread_mutex_unlock(&s->work);
	return rc;
}

static int none_here(const char *dir, struct err *e)
{
	err_set(e, ERR_NOTFOUND, "this folder is no standby");
	return err_at(e, dir, 0, 0, NULL);
}

int standby_make(const char *dir, struct err *e)
{
	static const char text[] = "The standby of a site. heming standby promote makes it one itself.\n";
	char *path = in_dir(dir, MARK);
	int rc = file_mkdirs(dir, e);

	if (rc == 0 && (has(dir, "records.db") || has(dir, "series"))) {
		err_set(e, ERR_CONFLICT,
		        standby_is(dir) ? "it is a standby already"
		                        : "there is a site in the folder; a standby needs an empty one");
		rc = err_at(e, dir, 0, 0, NULL);
	}
	if (rc == 0)
		rc = file_write(path, text, sizeof(text) - 1, 0640, e);
	free(path);
	return rc;
}

int standby_copy_folder(const char *dir, const char *to, struct err *e)
{
	int rc, fd;

	if (!standby_is(dir))
		return none_here(dir, e);
	fd = lock_folder(dir, &rc, e);
	if (rc == 0)
		rc = copy_site(dir, to, e);
	if (fd >= 0)
		close(fd);
	return rc;
}

int standby_promote(const char *dir, struct err *e)
{
	char *path = in_dir(dir, MARK);
	int rc, fd = -1;

	if (!standby_is(dir))
		rc = none_here(dir, e);
	else
		fd = lock_folder(dir, &rc, e);
	if (rc == 0 && !has(dir, "series"))
		rc = err_set(e, ERR_STATE, "nothing was copied to %s yet", dir);
	if (rc == 0 && unlink(path) < 0)
		rc = err_errno(e, errno, "cannot remove %s", path);
	if (rc == 0)
		rc = file_sync_dir(dir, e);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}
