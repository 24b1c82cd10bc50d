/*
 * How far sending is, and the logs that it reads.
 *
 * The file DIR/queue/place has six lines: `safe LOG OFFSET`, what the engine has had for longer than the
 * window; `whole MICROSECONDS`, from when on the folder knows everything; `owns 0` or 1, whether the folder
 * has readings from before there was an engine; `gone N`, the greatest number that a deletion ever had;
 * `expired LOG OFFSET`, how far sending was when readings last left the folder; and
 * `labels {…}`, with which the engine has them. A start
 * begins at `safe`, as if the engine had begun anew.
 */
#include "series/remote_int.h"

#include "base/file.h"
#include "base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#define SAMPLES_A_MESSAGE 20000

int remote_place_cmp(struct place a, struct place b)
{
	return a.log != b.log ? (a.log > b.log) - (a.log < b.log) : (a.at > b.at) - (a.at < b.at);
}

/* ---- the file of places ---- */

static char *place_path(const struct series_remote *r)
{
	return xasprintf("%s/" QUEUE_DIR "/place", r->db->dir);
}

int remote_place_save(struct series_remote *r, struct err *e)
{
	char *path = place_path(r);
	struct sb b = SB_INIT;
	int rc;

	sb_printf(&b, "safe %u %llu\nwhole %lld\nowns %d\ngone %u\nexpired %u %llu\nlabels ", r->safe.log,
	        (unsigned long long)r->safe.at, (long long)atomic_load(&r->whole_since), r->owns ? 1 : 0,
	        atomic_load(&r->gone_last), r->expired.log, (unsigned long long)r->expired.at);
	labels_write(&b, &r->outer);
	sb_putc(&b, '\n');
	rc = file_write(path, b.p, b.n, 0640, e);
	sb_fini(&b);
	free(path);
	return rc;
}

static int first_place(struct series_remote *r, struct err *e)
{
	struct series_stats stats = {0};

	r->first = true;
	series_stats(r->db, &stats);
	r->owns = stats.blocks > 0;
	atomic_store(&r->whole_since, clock_now(r->clock));
	return remote_place_save(r, e);
}

/* The engine has the readings of before with the labels that the file tells of: with others nobody would find
 * them. A file without that line is of a program that sent none. */
static int check_labels(const struct series_remote *r, const char *path, struct str text, struct err *e)
{
	struct str rest = text, line = STR_NULL, was = STR_LIT("{}");
	struct sb now = SB_INIT;
	int rc = 0;

	while (rest.p != NULL && rest.n > 0) {
		line = str_cut(&rest, '\n');
		if (str_starts(line, "labels "))
			was = (struct str){line.p + strlen("labels "), line.n - strlen("labels ")};
	}
	labels_write(&now, &r->outer);
	if (!str_eq(was, sb_str(&now)))
		rc = err_set(e, ERR_STATE,
		        "the engine has this site's readings with the labels " STR_FMT
		        ", and with others they would not be found: set series-labels back; or, if they need "
		        "not "
		        "be found any more, let %s end with the line: labels " STR_FMT,
		        STR_ARG(was), path, STR_ARG(sb_str(&now)));
	sb_fini(&now);
	return rc;
}

int remote_place_load(struct series_remote *r, struct err *e)
{
	char *path = place_path(r);
	struct arena *a = arena_new(0);
	unsigned long long at = 0;
	unsigned long long expired_at = 0;
	long long whole = 0;
	struct str text;
	struct place end;
	unsigned gone = 0;
	int owns = 0, rc;

	if (!file_exists(path)) {
		rc = first_place(r, e);
		goto out;
	}
	rc = file_read(a, path, 4096, &text, e);
	if (rc == 0 && sscanf(text.p, "safe %u %llu\nwhole %lld\nowns %d\ngone %u\nexpired %u %llu",
	                       &r->safe.log, &at, &whole, &owns, &gone, &r->expired.log,
	                       &expired_at) < 4) /* one of before there were deletions has none of them */
		rc = err_set(e, ERR_CORRUPT,
		        "%s cannot be read; without it everything in the log is sent again: remove it", path);
	if (rc == 0)
		rc = check_labels(r, path, text, e);
	r->safe.at = at;
	atomic_store(&r->whole_since, whole);
	r->owns = owns != 0;
	atomic_store(&r->gone_last, gone);
	r->expired.at = expired_at;
	/* In a copy of the folder that was a moment behind the place may be past the logs, which the engine
	 * has had then. */
	end = remote_log_end(r);
	if (remote_place_cmp(r->safe, end) > 0)
		r->safe = end;
	if (remote_place_cmp(r->expired, end) > 0)
		r->expired = end;
out:
	r->sent = r->safe;
	arena_free(&a);
	free(path);
	return rc;
}

/* ---- the log ---- */

char *remote_log_path(const struct series_remote *r, uint32_t number, uint64_t *size)
{
	struct stat st;

	for (int i = 0; i < 3; i++) { /* it moves from one to the other only */
		char *path = i % 2 == 0 ? xasprintf("%s/log-%08u", r->db->dir, number)
		                        : xasprintf("%s/" QUEUE_DIR "/log-%08u", r->db->dir, number);

		if (stat(path, &st) == 0) {
			*size = (uint64_t)st.st_size;
			return path;
		}
		free(path);
	}
	return NULL;
}

struct place remote_logs(struct series_remote *r, uint32_t least, struct ids *out)
{
	struct arena *a = arena_new(0);
	const char *dir[2] = {arena_printf(a, "%s/" QUEUE_DIR, r->db->dir), r->db->dir};
	struct err e = ERR_INIT;
	struct place end;

	for (int i = 0; i < 2; i++) {
		char **name = NULL;

		for (int rc = file_list(a, dir[i], &name, &e); rc == 0 && *name != NULL; name++) {
			unsigned x;
			int n = 0;

			if (sscanf(*name, "log-%8u%n", &x, &n) == 1 && (*name)[n] == '\0' && x >= least &&
			        (out->n == 0 || x > out->p[out->n - 1]))
				ids_add(out, x);
		}
	}
	arena_free(&a);
	pthread_mutex_lock(&r->db->commit_lock);
	end = (struct place){r->db->wal.number, r->db->wal.synced};
	pthread_mutex_unlock(&r->db->commit_lock);
	return end;
}

uint64_t remote_waiting(struct series_remote *r, const struct ids *logs, struct place end)
{
	uint64_t b = 0;

	for (size_t i = 0; i < logs->n; i++) {
		uint64_t size = 0;

		if (logs->p[i] == end.log)
			size = end.at;
		else
			free(remote_log_path(r, logs->p[i], &size));
		if (logs->p[i] == r->sent.log)
			size -= size < r->sent.at ? size : r->sent.at;
		b += size;
	}
	return b;
}

static bool add_points(struct series_remote *r, const struct frame *f)
{
	size_t n = 0;
	bool whole = series__points_get(f->p, f->n, &r->frame, &r->frame_cap, &n);

	r->p = xgrow(r->p, &r->cap, r->n + n, sizeof(*r->p));
	memcpy(r->p + r->n, r->frame, n * sizeof(*r->p));
	r->n += n;
	return whole;
}

int remote_log_read(struct series_remote *r, const char *path, uint64_t size, uint64_t *next, struct err *e)
{
	struct frame_reader in;
	struct frame f;
	bool torn;
	int rc = frame_reader_open(&in, path, e), got;

	if (rc < 0)
		return rc;
	in.size = in.size < size ? in.size : size;
	in.at = r->sent.at;
	while (r->n < SAMPLES_A_MESSAGE && (got = frame_next(&in, &f, &torn)) != 0)
		if (got < 0 || (f.kind == FRAME_POINTS && !add_points(r, &f)))
			LOG(SERIES_REMOTE, log_s("file", path), log_i("at", (int64_t)f.at),
			        log_s("why", "this part of the log is damaged and cannot be sent"));
	*next = in.at;
	frame_reader_close(&in);
	return 0;
}

struct place remote_log_end(struct series_remote *r)
{
	struct ids logs = {0};
	struct place now = remote_logs(r, 0, &logs), end = {0};

	for (size_t i = 0; i < logs.n; i++)
		if (logs.p[i] < now.log) {
			end = (struct place){.log = logs.p[i]};
			free(remote_log_path(r, end.log, &end.at));
		}
	ids_fini(&logs);
	return end;
}

/* 1: there is something; 0, negative. */
static int look_behind(struct series_remote *r, uint32_t number, uint64_t at, struct err *e)
{
	uint64_t size;
	char *path = remote_log_path(r, number, &size);
	struct frame_reader in;
	struct frame f;
	bool torn, any = false;
	int rc = path != NULL ? frame_reader_open(&in, path, e) : 0;

	if (rc == 0 && path != NULL) {
		in.at = at;
		while (!any && frame_next(&in, &f, &torn) != 0)
			any = f.kind == FRAME_POINTS || f.kind == FRAME_DELETE;
		frame_reader_close(&in);
	}
	free(path);
	return rc < 0 ? rc : any;
}

int remote_log_behind(struct series_remote *r, struct place at, struct err *e)
{
	struct ids logs = {0};
	int rc = 0;

	(void)remote_logs(r, at.log, &logs);
	for (size_t i = 0; i < logs.n && rc == 0; i++)
		rc = look_behind(r, logs.p[i], logs.p[i] == at.log ? at.at : 0, e);
	ids_fini(&logs);
	return rc;
}

void remote_logs_drop(struct series_remote *r)
{
	struct arena *a = arena_new(0);
	const char *dir = arena_printf(a, "%s/" QUEUE_DIR, r->db->dir);
	struct err e = ERR_INIT;
	char **name = NULL;

	for (int rc = file_list(a, dir, &name, &e); rc == 0 && *name != NULL; name++) {
		unsigned x;

		if (sscanf(*name, "log-%8u", &x) == 1 && x < r->safe.log)
			unlink(path_join(a, dir, *name));
	}
	arena_free(&a);
}
