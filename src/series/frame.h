/*
 * frame - records with a length and a checksum, one after another in a file, and the log made of them.
 *
 *   4 bytes  "HmF1"
 *   4 bytes  n, length of what follows the checksum, at most FRAME_MAX
 *   4 bytes  CRC32C of the length (4 bytes) and of what follows
 *   n bytes  1 byte kind, then the record
 * Numbers are little-endian. The mark lets a reader find the next frame behind a damaged one.
 *
 * A log is a folder's files log-NNNNNNNN, written at the end only. What was written since the last
 * sync does not count: wal_cut() takes it back.
 */
#ifndef HEMING_SERIES_FRAME_H
#define HEMING_SERIES_FRAME_H

#include "base/err.h"
#include "base/time.h"

#define FRAME_HEAD_B 12
#define FRAME_FORMAT 3 /* of logs and checkpoints; 1 knew no deletions, 2 heads of at most 256 points */
#define FRAME_MAX (4u << 20)

enum frame_kind {
	FRAME_FILE = 1,   /* first of a file: format, number, greatest id ever given */
	FRAME_SERIES = 2, /* new ids with their labels */
	FRAME_POINTS = 3,
	FRAME_HEADS = 4, /* of a checkpoint: series with labels, head and late points */
	FRAME_END = 5,   /* last of a checkpoint: number of series */
	FRAME_DELETE = 6 /* points taken out of series */
};

struct buf {
	uint8_t *p;
	size_t n, cap;
};
/* Room for `more` bytes at b->p + b->n; the caller advances n. */
uint8_t *buf_room(struct buf *b, size_t more);
void buf_fini(struct buf *b);

/* Starts a frame at the end of b; frame_end() closes the one that started at `at`. */
size_t frame_begin(struct buf *b, enum frame_kind kind);
void frame_end(struct buf *b, size_t at);

struct frame {
	uint64_t at; /* in the file */
	uint8_t kind;
	const uint8_t *p; /* after the kind; valid until the next call */
	size_t n;
};
struct frame_reader {
	int fd;
	uint64_t at, size;
	uint8_t *window;
	uint64_t window_at;
	size_t window_n, window_cap;
};
/* Reads up to the size that the file has now. */
MUST_USE int frame_reader_open(struct frame_reader *r, const char *path, struct err *e);
void frame_reader_close(struct frame_reader *r);
/*
 * 1: *out. 0: the end. -1: from out->at on out->n bytes are no frames (p is NULL); what follows them
 * comes with the next call. *torn then tells whether they may be a frame that was never finished.
 */
int frame_next(struct frame_reader *r, struct frame *out, bool *torn);
/* Bytes of the file for the quarantine, at most n; returns how many. */
size_t frame_raw(struct frame_reader *r, uint64_t at, uint8_t *p, size_t n);

#define WAL_BARE_B (FRAME_HEAD_B + 12) /* a log with nothing but its first frame is no longer */
struct wal {
	int fd; /* -1: none */
	uint32_t number;
	uint64_t synced, written; /* ends, in bytes */
	uint64_t begun;           /* its length when it was started */
	time_us since;            /* and when that was */
};
char *wal_path(const char *dir, const char *what, uint32_t number); /* heap */
/* A new file, durable with its first frame. Closes the one before. */
MUST_USE int wal_start(
        struct wal *w, const char *dir, uint32_t number, uint32_t max_id, time_us now, struct err *e);
MUST_USE int wal_write(struct wal *w, const void *p, size_t n, struct err *e);
MUST_USE int wal_sync(struct wal *w, bool disk, struct err *e);
/* Back to the last synced end, and durably so. */
MUST_USE int wal_cut(struct wal *w, struct err *e);
void wal_close(struct wal *w);

#endif
