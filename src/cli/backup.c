/*
 * heming backup and restore.
 *
 * A backup is a folder: records (the store's copy), series/ (a snapshot), site.yaml, mappings/, brokers.yaml
 * with what it names, and MANIFEST, a line for each file: SHA-256, size, name. Readings are copied after the
 * records: what a record says of readings is then there.
 */
#include "base/digest.h"
#include "base/file.h"
#include "city/broker_files.h"
#include "city/mapping_files.h"
#include "cli/cli.h"
#include "series/ship.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void tell_units(void *ctx, int64_t done, int64_t total)
{
	cli_progress(ctx, "records", done, total);
}

static int hash_file(const char *path, char hex[2 * DIGEST_LEN + 1], int64_t *size, struct err *e)
{
	static const size_t chunk = 1 << 16;
	struct digest_ctx *d;
	uint8_t sum[DIGEST_LEN], *buf;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		err_errno(e, errno, "a file cannot be read");
		return err_at(e, path, 0, 0, NULL);
	}
	d = digest_begin(DIGEST_SHA256);
	buf = xcalloc(1, chunk);
	*size = 0;
	while ((n = read(fd, buf, chunk)) > 0) {
		digest_add(d, buf, (size_t)n);
		*size += n;
	}
	digest_end(&d, sum);
	close(fd);
	free(buf);
	hex_encode(sum, sizeof(sum), hex);
	return n < 0 ? err_errno(e, errno, "a file cannot be read: %s", path) : 0;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int write_manifest(struct cli *c, const char *dir, const char *below, struct sb *b, struct err *e)
{
	char **name = NULL, hex[2 * DIGEST_LEN + 1];
	int64_t size;
	int rc = file_list(c->a, path_join(c->a, dir, below), &name, e);

	for (; rc == 0 && *name != NULL; name++) {
		const char *rel = *below ? path_join(c->a, below, *name) : *name,
		           *path = path_join(c->a, dir, rel);

		if (is_folder(path)) {
			rc = write_manifest(c, dir, rel, b, e);
			continue;
		}
		rc = hash_file(path, hex, &size, e);
		if (rc == 0)
			sb_printf(b, "%s %lld %s\n", hex, (long long)size, rel);
	}
	return rc;
}

int cmd_backup(struct cli *c, struct err *e)
{
	const char *dir = c->word[0], *yaml = path_join(c->a, c->site_dir, "site.yaml");
	struct sb manifest = SB_INIT, left_out = SB_INIT;
	int rc;

	if (file_exists(dir)) {
		err_set(e, ERR_CONFLICT, "this is there already; a backup goes into a new folder");
		return err_at(e, dir, 0, 0, NULL);
	}
	rc = file_mkdirs(dir, e);
	if (rc == 0)
		rc = store_backup(c->site->store, path_join(c->a, dir, "records"), tell_units, c, e);
	cli_progress_end(c);
	if (rc == 0)
		rc = file_mkdirs(path_join(c->a, dir, "series"), e);
	if (rc == 0)
		rc = series_snapshot(c->site->series, path_join(c->a, dir, "series"), c->cancel, e);
	if (rc == 0)
		rc = series_copy_deletions(
		        path_join(c->a, c->site_dir, "series"), path_join(c->a, dir, "series"), e);
	if (rc == 0 && file_exists(yaml))
		rc = file_copy(yaml, path_join(c->a, dir, "site.yaml"), 0640, e);
	if (rc == 0)
		rc = broker_files_copy(c->site_dir, dir, &c->site->seal, &left_out, e);
	if (rc == 0)
		rc = mapping_files_copy(c->site_dir, dir, e);
	if (rc == 0)
		rc = write_manifest(c, dir, "", &manifest, e);
	if (rc == 0)
		rc = file_write(path_join(c->a, dir, "MANIFEST"), manifest.p, manifest.n, 0640, e);
	if (rc == 0)
		fprintf(c->out,
		        "backup is in %s\nThe key of secrets is not in it: keep %s elsewhere, not beside "
		        "it.\n",
		        dir, cli_secret_key(c).env != NULL ? "HEMING_SEAL_KEY" : cli_secret_key(c).file);
	if (rc == 0 && left_out.n > 0)
		fprintf(c->out, "Not in it, since there is no key to seal them by: " STR_FMT "\n",
		        STR_ARG(sb_str(&left_out)));
	sb_fini(&manifest);
	sb_fini(&left_out);
	return rc;
}

/* ---- restore ---- */

static int check_manifest(struct cli *c, const char *dir, struct err *e)
{
	const char *path = path_join(c->a, dir, "MANIFEST");
	struct str text;
	int rc = file_read(c->a, path, 64 << 20, &text, e), line = 0;

	if (rc < 0)
		return err_prefix(e, "this is no backup of a site");
	while (text.p != NULL && text.n > 0) {
		struct str row = str_cut(&text, '\n'), hash = str_cut(&row, ' ');
		char hex[2 * DIGEST_LEN + 1] = "";
		const char *name;
		int64_t size;

		line++;
		str_cut(&row, ' ');
		name = row.p != NULL ? arena_strndup(c->a, row.p, row.n) : "";
		if (*name == '\0' || *name == '/' || strstr(name, "..") != NULL) {
			err_set(e, ERR_CORRUPT, "this line names no file of a backup");
			return err_at(e, path, line, 0, NULL);
		}
		rc = hash_file(path_join(c->a, dir, name), hex, &size, e);
		if (rc < 0)
			return rc;
		if (!str_is(hash, hex)) {
			err_set(e, ERR_CORRUPT, "the file is not what was backed up; take another backup");
			return err_at(e, path_join(c->a, dir, name), 0, 0, NULL);
		}
		cli_progress(c, "files checked", line, 0);
	}
	cli_progress_end(c);
	return 0;
}

static int copy_folder(struct cli *c, const char *from, const char *to, struct err *e)
{
	char **name = NULL;
	int rc = file_mkdirs(to, e);

	if (rc == 0)
		rc = file_list(c->a, from, &name, e);
	for (; rc == 0 && *name != NULL; name++) {
		const char *a = path_join(c->a, from, *name), *b = path_join(c->a, to, *name);

		rc = is_folder(a) ? copy_folder(c, a, b, e) : file_copy(a, b, 0640, e);
	}
	return rc;
}

int cmd_restore(struct cli *c, struct err *e)
{
	const char *dir = c->word[0], *yaml = path_join(c->a, dir, "site.yaml");
	const char *address = settings_text(&c->settings, SET_STORE);
	struct clock *clock = clock_new_real();
	struct id_source *ids = id_source_new(0, clock);
	struct store_options so = {.clock = clock, .ids = ids, .create = true};
	int rc;

	if (file_exists(path_join(c->a, c->site_dir, "records.db")) ||
	        file_exists(path_join(c->a, c->site_dir, "series"))) {
		err_set(e, ERR_CONFLICT, "there is a site here already; restore into a new folder");
		rc = err_at(e, c->site_dir, 0, 0, NULL);
		goto out;
	}
	so.address = address != NULL
	                     ? address
	                     : arena_printf(c->a, "sqlite:%s", path_join(c->a, c->site_dir, "records.db"));
	rc = check_manifest(c, dir, e);
	if (rc == 0)
		rc = file_mkdirs(c->site_dir, e);
	if (rc == 0)
		rc = store_restore(&so, path_join(c->a, dir, "records"), e);
	if (rc == 0)
		rc = copy_folder(
		        c, path_join(c->a, dir, "series"), path_join(c->a, c->site_dir, "series"), e);
	if (rc == 0 && file_exists(yaml))
		rc = file_copy(yaml, path_join(c->a, c->site_dir, "site.yaml"), 0640, e);
	if (rc == 0)
		rc = broker_files_copy(dir, c->site_dir, NULL, NULL, e);
	if (rc == 0)
		rc = mapping_files_copy(dir, c->site_dir, e);
	if (rc == 0)
		fprintf(c->out,
		        "the site is in %s; heming doctor --site %s looks it over\nPut its key of secrets "
		        "into %s.\n",
		        c->site_dir, c->site_dir, cli_secret_key(c).file);
out:
	id_source_free(&ids);
	clock_free(&clock);
	return rc;
}
