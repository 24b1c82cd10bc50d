#include "series/frame.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/file.h"
#include "series/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK 0x31466d48u /* "HmF1" */
#define WINDOW_B (1u << 20)

uint8_t *buf_room(struct buf *b, size_t more)
{
	b->p = xgrow(b->p, &b->cap, b->n + more, 1);
	return b->p + b->n;
}

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}

size_t frame_begin(struct buf *b, enum frame_kind kind)
{
	size_t at = b->n;
	uint8_t *p = buf_room(b, FRAME_HEAD_B + 1);

	memset(p, 0, FRAME_HEAD_B);
	p[FRAME_HEAD_B] = (uint8_t)kind;
	b->n += FRAME_HEAD_B + 1;
	return at;
}

static uint32_t frame_crc(const uint8_t *head, const uint8_t *body, size_t n)
{
	return crc32c(crc32c(0, head + 4, 4), body, n);
}

void frame_end(struct buf *b, size_t at)
{
	size_t n = b->n - at - FRAME_HEAD_B;
	uint8_t *head = b->p + at, *p = head;

	must(n >= 1 && n <= FRAME_MAX);
	put_u32(&p, MARK);
	put_u32(&p, (uint32_t)n);
	put_u32(&p, frame_crc(head, head + FRAME_HEAD_B, n));
}

/* ---- reading ---- */

int frame_reader_open(struct frame_reader *r, const char *path, struct err *e)
{
	struct stat st;

	*r = (struct frame_reader){.fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (r->fd < 0 || fstat(r->fd, &st) < 0) {
		int no = errno;

		frame_reader_close(r);
		return err_errno(e, no, "cannot read %s", path);
	}
	r->size = (uint64_t)st.st_size;
	return 0;
}

void frame_reader_close(struct frame_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->window);
	*r = (struct frame_reader){.fd = -1};
}

/* n bytes of the file from `at` on, or NULL where it has fewer. */
static const uint8_t *look(struct frame_reader *r, uint64_t at, size_t n)
{
	size_t want = n > WINDOW_B ? n : WINDOW_B, got = 0;

	if (at > r->size || n > r->size - at)
		return NULL;
	if (r->window && at >= r->window_at && at + n <= r->window_at + r->window_n)
		return r->window + (at - r->window_at);
	if (want > r->size - at)
		want = (size_t)(r->size - at);
	r->window = xgrow(r->window, &r->window_cap, want, 1);
	while (got < want) {
		ssize_t k = pread(r->fd, r->window + got, want - got, (off_t)(at + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break; /* cut off meanwhile, or unreadable: what is missing counts as damaged */
		got += (size_t)k;
	}
	r->window_at = at;
	r->window_n = got;
	return got >= n ? r->window : NULL;
}

static bool frame_at(struct frame_reader *r, uint64_t at, struct frame *out)
{
	const uint8_t *p = look(r, at, FRAME_HEAD_B);
	uint32_t n;

	if (!p || read_u32(p) != MARK)
		return false;
	n = read_u32(p + 4);
	if (n < 1 || n > FRAME_MAX || !(p = look(r, at, FRAME_HEAD_B + n)))
		return false;
	if (frame_crc(p, p + FRAME_HEAD_B, n) != read_u32(p + 8))
		return false;
	*out = (struct frame){.at = at, .kind = p[FRAME_HEAD_B], .p = p + FRAME_HEAD_B + 1, .n = n - 1};
	return true;
}

/* The place of the next whole frame from `at` on, or the file's end. */
static uint64_t resync(struct frame_reader *r, uint64_t at)
{
	struct frame any;

	while (r->size - at >= FRAME_HEAD_B) {
		size_t n = r->size - at < 65536 ? (size_t)(r->size - at) : 65536;
		const uint8_t *p = look(r, at, n), *hit;

		if (!p)
			break;
		hit = memchr(p, 'H', n);
		if (!hit) {
			at += n;
			continue;
		}
		at += (uint64_t)(hit - p);
		if (frame_at(r, at, &any))
			return at;
		at++;
	}
	return r->size;
}

/* The last frame was cut off: its head is not complete, or says that there is more than there is. */
static bool unfinished(struct frame_reader *r, uint64_t at)
{
	const uint8_t *p = look(r, at, FRAME_HEAD_B);

	if (!p)
		return true;
	return read_u32(p) == MARK && read_u32(p + 4) >= 1 && read_u32(p + 4) <= FRAME_MAX &&
	       read_u32(p + 4) > r->size - at - FRAME_HEAD_B;
}

int frame_next(struct frame_reader *r, struct frame *out, bool *torn)
{
	uint64_t at = r->at;

	if (at >= r->size)
		return 0;
	if (frame_at(r, at, out)) {
		r->at = at + FRAME_HEAD_B + 1 + out->n;
		return 1;
	}
	r->at = resync(r, at + 1);
	*out = (struct frame){.at = at, .n = (size_t)(r->at - at)};
	*torn = r->at == r->size && unfinished(r, at);
	return -1;
}

size_t frame_raw(struct frame_reader *r, uint64_t at, uint8_t *p, size_t n)
{
	ssize_t got = pread(r->fd, p, n, (off_t)at);

	return got < 0 ? 0 : (size_t)got;
}

/* ---- the log ---- */

char *wal_path(const char *dir, const char *what, uint32_t number)
{
	return xasprintf("%s/%s-%08u", dir, what, number);
}

int wal_start(struct wal *w, const char *dir, uint32_t number, uint32_t max_id, time_us now, struct err *e)
{
	char *path = wal_path(dir, "log", number);
	struct wal fresh = {.fd = -1, .number = number, .since = now};
	struct buf b = {0};
	uint8_t *p;
	size_t at;
	int rc;

	fresh.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fresh.fd < 0) {
		rc = err_errno(e, errno, "cannot make the log %s", path);
		goto out;
	}
	at = frame_begin(&b, FRAME_FILE);
	p = buf_room(&b, 3 * VARINT_MAX_B);
	put_varint(&p, FRAME_FORMAT);
	put_varint(&p, number);
	put_varint(&p, max_id);
	b.n = (size_t)(p - b.p);
	frame_end(&b, at);
	rc = wal_write(&fresh, b.p, b.n, e);
	if (!rc)
		rc = wal_sync(&fresh, true, e);
	if (!rc)
		rc = file_sync_dir(dir, e);
	if (rc) {
		wal_close(&fresh);
		unlink(path);
		goto out;
	}
	wal_close(w);
	fresh.begun = fresh.synced;
	*w = fresh;
out:
	buf_fini(&b);
	free(path);
	return rc;
}

int wal_write(struct wal *w, const void *p, size_t n, struct err *e)
{
	int rc;

	if (fault(FAULT_SERIES_APPEND))
		return err_set(e, ERR_FULL, "no space is left for the log of readings; free some");
	if (fault(FAULT_SERIES_TORN)) {
		rc = file_write_all(w->fd, p, n / 2, e);
		return rc ? rc : err_set(e, ERR_IO, "the log of readings could not be written to its end");
	}
	rc = file_write_all(w->fd, p, n, e);
	if (rc)
		return err_prefix(e, "writing the log of readings");
	w->written += n;
	return 0;
}

int wal_sync(struct wal *w, bool disk, struct err *e)
{
	if (fault(FAULT_SERIES_FSYNC))
		return err_set(e, ERR_IO, "the disk did not take the log of readings");
	if (disk && fdatasync(w->fd) < 0)
		return err_errno(e, errno, "the disk did not take the log of readings");
	w->synced = w->written;
	return 0;
}

int wal_cut(struct wal *w, struct err *e)
{
	if (fault(FAULT_FILE_FSYNC))
		return err_set(e, ERR_IO, "the log of readings could not be cut back");
	if (ftruncate(w->fd, (off_t)w->synced) < 0 || lseek(w->fd, (off_t)w->synced, SEEK_SET) < 0 ||
	        fsync(w->fd) < 0)
		return err_errno(e, errno, "the log of readings could not be cut back");
	w->written = w->synced;
	return 0;
}

void wal_close(struct wal *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
