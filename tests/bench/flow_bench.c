/*
 * flow_bench - durable steps of cases per second: opened, handled, verified, closed, by several people at
 * once.
 *
 *   flow_bench FOLDER PACK [THREADS [CASES]]     FOLDER must not exist; PACK: tests/data/packs/mini
 */
#include "base/num.h"
#include "city/case.h"
#include "city/pack.h"

#include <math.h>
#include <pthread.h>

struct officer {
	pthread_t thread;
	struct site *s;
	int cases;
	int64_t steps;
	struct err e;
};

static struct who person(const char *login, const char *org, unsigned roles)
{
	return (struct who){.account = 1,
	        .login = login,
	        .name = login,
	        .org = org,
	        .roles = roles,
	        .scope = {.clearance = 4},
	        .csrf = ""};
}

static void *work(void *arg)
{
	static const char *const outcome[] = {"done", "pass", "close"};
	const struct who desk = person("duty", "centre", ROLE_DESK),
	                 worker = person("worker", "works", ROLE_HANDLER);
	const struct case_open in = {.category = "gas",
	        .title = "measured",
	        .source = "manual",
	        .thing = "S-1",
	        .at = {NAN, NAN},
	        .opened = TIME_NONE,
	        .deadline = TIME_NONE};
	struct officer *o = arg;

	for (int i = 0; i < o->cases; i++) {
		struct case_act act = {0};

		if (case_open(o->s, &in, &desk, &act.id, &o->e) < 0)
			return NULL;
		o->steps++;
		for (int k = 0; k < 3; k++) {
			if (case_complete(o->s, &act, outcome[k], STR_NULL, k == 0 ? &worker : &desk, &o->e) <
			        0)
				return NULL;
			o->steps++;
		}
	}
	return NULL;
}

static int open_site(const char *dir, struct site **s, struct err *e)
{
	const struct site_options o = {.dir = dir, .clock = clock_new_real(), .create = true};

	return site_open(&o, s, e);
}

static int run(struct site *s, int threads, int cases, struct err *e)
{
	struct officer *o = xcalloc((size_t)threads, sizeof(*o));
	dur_us began = clock_monotonic(), took;
	int64_t steps = 0;
	int rc = 0;

	for (int i = 0; i < threads; i++) {
		o[i] = (struct officer){.s = s, .cases = cases / threads};
		must(pthread_create(&o[i].thread, NULL, work, &o[i]) == 0);
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(o[i].thread, NULL);
		steps += o[i].steps;
		if (o[i].e.code != 0) {
			*e = o[i].e;
			rc = e->code;
		}
	}
	took = clock_monotonic() - began;
	printf("%d people, %lld steps in %.2f s: %.0f durable steps/s\n", threads, (long long)steps,
	        (double)took / US_SECOND, (double)steps * US_SECOND / (double)took);
	free(o);
	return rc;
}

int main(int argc, char **argv)
{
	struct arena *a = arena_new(0);
	struct pack_report report;
	struct site *s = NULL;
	struct err e = ERR_INIT;
	int64_t threads = 32, cases = 2000;
	char words[1024];
	int rc;

	if (argc < 3 ||
	        (argc > 3 && (!num_int(str_of(argv[3]), &threads) || threads < 1 || threads > 1000)) ||
	        (argc > 4 && (!num_int(str_of(argv[4]), &cases) || cases < 1 || cases > 1000000))) {
		fprintf(stderr, "flow_bench FOLDER PACK [THREADS [CASES]]\n");
		return 2;
	}
	rc = open_site(argv[1], &s, &e);
	if (rc == 0)
		rc = pack_install(s->store, argv[2], "bench", a, &report, &e);
	if (rc == 0) {
		site_close(&s);
		rc = open_site(argv[1], &s, &e);
	}
	if (rc == 0)
		rc = run(s, (int)threads, (int)cases, &e);
	if (rc < 0)
		fprintf(stderr, "%s\n", err_str(&e, words, sizeof(words)));
	site_close(&s);
	arena_free(&a);
	return rc < 0 ? 1 : 0;
}
