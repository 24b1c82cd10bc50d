/* What may go wrong in the world: faults, killed processes, a database that goes away. */
#include "site.h"
#include "probe_sql.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"

static void arm(const char *spec)
{
	check(fault_arm(spec));
}

ON_BOTH(a_transaction_that_cannot_begin_is_told)
{
	struct err e = ERR_INIT;
	struct store_tx *tx = NULL;
	arm("STORE_BEGIN:1+");
	check_err(put(s, 1, "a", 1, &e), ERR_UNAVAILABLE);
	check_err(store_read_begin(s->st, "read", &tx, &e), ERR_UNAVAILABLE);
	arm("STORE_BEGIN:off");
	check_ok(put(s, 1, "a", 1, &e), &e);
	check_eq_i(count(s), 1);
}

ON_BOTH(a_statement_that_fails_undoes_its_write)
{
	struct err e = ERR_INIT;
	arm("STORE_STEP:1+");
	check_err(put(s, 1, "a", 1, &e), ERR_IO);
	arm("STORE_STEP:off");
	check_eq_i(count(s), 0);
	check_ok(put(s, 1, "a", 1, &e), &e);
}

ON_BOTH(a_commit_that_fails_is_not_acknowledged)
{
	struct err e = ERR_INIT;
	arm("STORE_COMMIT:1+");
	check_err(put(s, 1, "a", 1, &e), ERR_IO);
	arm("STORE_COMMIT:off");
	check_eq_i(count(s), 0);
	check_ok(put(s, 1, "a", 1, &e), &e);
	check(site_open(s));
	check_eq_i(count(s), 1);
}

/* One row and one entry of the journal in one transaction. */
static int both_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct put *p = arg;
	struct journal_entry j = {.at = TIME_NONE,
	        .kind = STR_LIT("probe.made"),
	        .subject = STR_LIT("probe"),
	        .subject_id = str_of(p->name),
	        .secrecy = 1};
	int rc = put_write(tx, p, e);
	return rc < 0 ? rc : journal_append(tx, &j, e);
}

/* In a child: opens the site's store and never comes back. */
static pid_t in_child(struct site *s, void (*f)(struct site *s, int fd), int fd)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	struct err e = ERR_INIT;
	id_source_free(&s->ids);
	s->ids = id_source_new(1, s->clock);
	s->o.ids = s->ids;
	if (store__open(&s->o, &probe_schema, &s->st, &e) == 0)
		f(s, fd);
	_exit(1);
}

static void crash(struct site *s, int fd)
{
	struct err e = ERR_INIT;
	struct put p = {1, 1, "a", 0};
	(void)fd;
	if (!fault_arm("CRASH_COMMIT:1+"))
		_exit(2);
	if (store_write(s->st, "crash", both_write, &p, &e) == 0)
		_exit(4);
}

ON_BOTH(a_process_that_dies_after_the_commit_has_committed)
{
	int status = 0;
	site_close(s);
	waitpid(in_child(s, crash, -1), &status, 0);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	check(site_open(s));
	/* The fault may have struck in a commit of the store's own before; then the write never began. */
	check(count(s) <= 1);
	struct journal_verdict v;
	struct err e = ERR_INIT;
	check_ok(journal_verify(s->st, &v, &e), &e);
	check_eq_i(v.entries + v.unsequenced, count(s));
	check_eq_i(v.bad_seq, 0);
}

struct stream {
	struct site *s;
	int fd, first;
};

static void *stream_main(void *arg)
{
	struct stream *t = arg;
	for (int64_t id = t->first;; id += 4) {
		char name[24];
		struct err e = ERR_INIT;
		snprintf(name, sizeof(name), "n%lld", (long long)id);
		struct put p = {id, 1, name, 0};
		if (store_write(t->s->st, "stream", both_write, &p, &e) < 0 ||
		        write(t->fd, &id, sizeof(id)) != sizeof(id))
			_exit(3);
	}
}

static void stream(struct site *s, int fd)
{
	pthread_t t[4];
	struct stream a[4];
	for (int i = 0; i < 4; i++) {
		a[i] = (struct stream){s, fd, i + 1};
		pthread_create(&t[i], NULL, stream_main, &a[i]);
	}
	pthread_join(t[0], NULL);
}

/* Every acknowledged write is there, with its entry, exactly once; and no half of any. */
ON_BOTH(killed_while_committing_it_keeps_what_it_acknowledged)
{
	static char acked[100000];
	int64_t known = 0;
	for (int round = 0; round < 4; round++) {
		int fd[2], status;
		int64_t id, n = 0;
		struct err e = ERR_INIT;
		struct store_tx *tx = NULL;
		site_close(s);
		site_sql(s, "DELETE FROM probe WHERE id >= 0; DELETE FROM journal");
		memset(acked, 0, sizeof(acked));
		check(pipe(fd) == 0);
		pid_t pid = in_child(s, stream, fd[1]);
		close(fd[1]);
		while (n < 20 + 13 * round && read(fd[0], &id, sizeof(id)) == sizeof(id)) {
			if (id > 0 && id < (int64_t)sizeof(acked))
				acked[id] = 1;
			n++;
		}
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		check(WIFSIGNALED(status));
		while (read(fd[0], &id, sizeof(id)) == sizeof(id)) /* acknowledged before it died */
			acked[id] = 1;
		close(fd[0]);
		if (!check(site_open(s)))
			return;
		known = count(s);
		check_ok(store_read_begin(s->st, "look", &tx, &e), &e);
		for (id = 1; id < (int64_t)sizeof(acked); id++) {
			struct sql_probe_get_row row;
			if (acked[id])
				check_eq_i(sql_probe_get(tx, &(struct sql_probe_get_in){id}, &row, &e), 1);
		}
		store_read_end(&tx);
		struct journal_verdict v;
		check_ok(journal_verify(s->st, &v, &e), &e);
		check_eq_i(v.entries + v.unsequenced, known);
		check_eq_i(v.bad_seq, 0);
		check(known >= n);
	}
}

TEST(a_database_that_is_not_there_is_unavailable)
{
	struct site s;
	struct err e = ERR_INIT;
	site_init(&s, false);
	s.o.address = "postgres:host=/nowhere port=1 user=nobody dbname=none";
	check_err(store_open(&s.o, &s.st, &e), ERR_UNAVAILABLE);
	site_fini(&s);
}

TEST(a_file_that_is_no_database_is_told)
{
	struct site s;
	struct err e = ERR_INIT;
	site_init(&s, false);
	FILE *f = fopen(s.address + strlen("sqlite:"), "w");
	for (int i = 0; i < 100; i++)
		fputs("this is a letter and no database\n", f);
	fclose(f);
	check_err(store_open(&s.o, &s.st, &e), ERR_CORRUPT);
	site_fini(&s);
}

/* The server ends the connections, as a restart does: the door comes back by itself. */
ON_BOTH(a_broken_connection_is_made_anew)
{
	struct err e = ERR_INIT;
	struct store_tx *tx = NULL;
	char sql[200];
	check_ok(put(s, 1, "a", 1, &e), &e);
	check_eq_i(count(s), 1);
	if (!s->postgres)
		return;
	snprintf(sql, sizeof(sql),
	        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '%s'",
	        s->schema);
	site_sql(s, sql);
	check_ok(put(s, 2, "b", 1, &e), &e);
	check_eq_i(count(s), 2);
	/* In the middle of a read: that one fails, the next does not. */
	check_ok(store_read_begin(s->st, "broken", &tx, &e), &e);
	site_sql(s, sql);
	struct sql_probe_count_row row;
	check_err(sql_probe_count(tx, &row, &e), ERR_UNAVAILABLE);
	store_read_end(&tx);
	check_eq_i(count(s), 2);
}

/* ---- a connection that breaks in the commit ---- */

enum cut { CUT_NEVER, CUT_BEFORE, CUT_AFTER };

/*
 * Stands between the store and the server's socket, and breaks the next COMMIT of a group of writes: before
 * the server gets it, or after the server carried it out and before the store hears so.
 */
struct relay {
	struct sockaddr_un server;
	int listener;
	_Atomic int cut; /* of the next COMMIT behind a statement of the test */
	_Atomic int cuts;
	_Atomic bool end;
	pthread_t thread;
	struct pipe_ {
		struct relay *r;
		int client;
		pthread_t thread;
	} pipes[32]; /* more than one test makes */
	size_t pipes_n;
};

/* Sends all that there is from one to the other; false at the end. */
static bool pass(int from, int to, char *buf, size_t cap, ssize_t *n)
{
	*n = read(from, buf, cap);
	return *n > 0 && (to < 0 || write(to, buf, (size_t)*n) == *n);
}

static void *pipe_main(void *arg)
{
	struct pipe_ *p = arg;
	struct relay *r = p->r;
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char insert[] = "INSERT INTO write_group";
	bool group = false; /* a transaction that carries a mark, which are those of callers */
	char buf[65536];
	ssize_t n;
	bool going = connect(server, (struct sockaddr *)&r->server, sizeof(r->server)) == 0;
	while (going && !r->end) {
		struct pollfd f[2] = {{.fd = p->client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
		if (poll(f, 2, 20) <= 0)
			continue;
		if (f[1].revents && !(going = pass(server, p->client, buf, sizeof(buf), &n)))
			break;
		if (!f[0].revents)
			continue;
		if (!(going = pass(p->client, -1, buf, sizeof(buf), &n)))
			break;
		group = group || memmem(buf, (size_t)n, insert, strlen(insert)) != NULL;
		bool commit = group && memmem(buf, (size_t)n, "COMMIT", 7) != NULL;
		int cut = commit ? atomic_exchange(&r->cut, CUT_NEVER) : CUT_NEVER;
		if (cut == CUT_BEFORE) {
			r->cuts++;
			break;
		}
		going = write(server, buf, (size_t)n) == n;
		if (cut == CUT_AFTER) {
			r->cuts++;
			(void)!read(server, buf, sizeof(buf)); /* the server's answer, which nobody hears */
			break;
		}
		group = group && !commit;
	}
	close(server);
	close(p->client);
	return NULL;
}

static void *relay_main(void *arg)
{
	struct relay *r = arg;
	while (!r->end) {
		struct pollfd f = {.fd = r->listener, .events = POLLIN};
		if (poll(&f, 1, 20) <= 0)
			continue;
		must(r->pipes_n < ARRAY_LEN(r->pipes));
		struct pipe_ *p = &r->pipes[r->pipes_n++];
		p->r = r;
		p->client = accept(r->listener, NULL, NULL);
		pthread_create(&p->thread, NULL, pipe_main, p);
	}
	for (size_t i = 0; i < r->pipes_n; i++)
		pthread_join(r->pipes[i].thread, NULL);
	return NULL;
}

/* True if the server is reached by a socket file; the relay then stands in test_dir(). */
static bool relay_start(struct relay *r, const char *server)
{
	struct sockaddr_un own = {.sun_family = AF_UNIX};
	PGconn *c = PQconnectdb(server);
	bool local = PQstatus(c) == CONNECTION_OK && PQhost(c)[0] == '/';
	memset(r, 0, sizeof(*r));
	if (local) {
		r->server.sun_family = AF_UNIX;
		snprintf(r->server.sun_path, sizeof(r->server.sun_path), "%s/.s.PGSQL.%s", PQhost(c),
		        PQport(c));
		snprintf(own.sun_path, sizeof(own.sun_path), "%s/.s.PGSQL.5432", test_dir());
		r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		check(bind(r->listener, (struct sockaddr *)&own, sizeof(own)) == 0);
		check(listen(r->listener, 20) == 0);
		pthread_create(&r->thread, NULL, relay_main, r);
	}
	PQfinish(c);
	return local;
}

ON_BOTH(a_commit_with_no_answer_is_looked_up)
{
	struct err e = ERR_INIT;
	struct relay r;
	if (!s->postgres || !relay_start(&r, s->server))
		return;
	char *old = s->address;
	/* The last of two equal words counts. */
	s->address = xasprintf("%s host='%s' port=5432", old, test_dir());
	s->o.address = s->address;
	if (check(site_open(s))) {
		check_ok(put(s, 1, "a", 1, &e), &e);
		r.cut = CUT_BEFORE;
		check_ok(put(s, 2, "b", 1, &e), &e);
		r.cut = CUT_AFTER;
		/* Run again it would be a conflict with itself. */
		check_ok(put(s, 3, "c", 1, &e), &e);
		check_eq_i(r.cuts, 2);
		check_eq_i(count(s), 3);
	}
	site_close(s);
	r.end = true;
	pthread_join(r.thread, NULL);
	close(r.listener);
	free(s->address);
	s->address = old;
	s->o.address = old;
}
