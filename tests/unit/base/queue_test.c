#include "base/queue.h"
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct message {
	struct queue_node node;
	int from, number;
};

static struct message *message_of(struct queue_node *n)
{
	return n ? CONTAINER_OF(n, struct message, node) : NULL;
}

TEST(first_in_first_out_within_its_limit)
{
	struct queue *q = queue_new(3);
	struct message m[4] = {0};
	check(queue_pop(q, 0) == NULL);
	check(queue_take_all(q, 1) == NULL);
	for (int i = 0; i < 3; i++)
		check(queue_push(q, &m[i].node));
	check(!queue_push(q, &m[3].node));
	check_eq_u(queue_length(q), 3);
	check_eq_p(queue_pop(q, -1), &m[0].node);
	check(queue_push(q, &m[3].node));
	struct queue_node *all = queue_take_all(q, -1);
	check_eq_p(all, &m[1].node);
	check_eq_p(all->next, &m[2].node);
	check_eq_p(all->next->next, &m[3].node);
	check(all->next->next->next == NULL);
	check_eq_u(queue_length(q), 0);
	check(queue_push(q, &m[0].node));
	check_eq_p(queue_pop(q, 0), &m[0].node);
	check(m[0].node.next == NULL);
	queue_free(&q);
	check(q == NULL);
	queue_free(&q);
}

TEST(a_closed_queue_gives_what_it_has)
{
	struct queue *q = queue_new(3);
	struct message m[2] = {0};
	check(queue_push(q, &m[0].node));
	queue_close(q);
	check(!queue_push(q, &m[1].node));
	check_eq_p(queue_pop(q, -1), &m[0].node);
	check(queue_pop(q, -1) == NULL);
	check(queue_take_all(q, -1) == NULL);
	queue_free(&q);
}

static void free_full(void *arg)
{
	struct message m = {0};
	struct queue *q = arg;
	must(queue_push(q, &m.node));
	queue_free(&q);
}

TEST(a_full_queue_is_not_thrown_away)
{
	struct queue *q = queue_new(1);
	check_panics(free_full, q);
	queue_free(&q);
}

#define PRODUCERS 4
#define EACH 5000

static struct {
	struct queue *q;
	_Atomic int taken, disordered;
	struct message all[PRODUCERS][EACH];
} run;

static void *produce(void *arg)
{
	int from = *(int *)arg;
	for (int i = 0; i < EACH; i++) {
		struct message *m = &run.all[from][i];
		m->from = from;
		m->number = i;
		while (!queue_push(run.q, &m->node))
			sched_yield();
	}
	return NULL;
}

static void look_at(struct message *m, int last[PRODUCERS])
{
	/* What one producer sent arrives at one consumer in the order of sending. */
	if (m->number <= last[m->from])
		run.disordered++;
	last[m->from] = m->number;
	run.taken++;
}

static void *consume(void *arg)
{
	int last[PRODUCERS] = {-1, -1, -1, -1};
	bool all = *(int *)arg % 2 == 0;
	for (;;) {
		struct queue_node *n = all ? queue_take_all(run.q, -1) : queue_pop(run.q, -1);
		if (n == NULL)
			return NULL; /* closed and empty */
		while (n) {
			struct queue_node *next = n->next;
			look_at(message_of(n), last);
			n = next;
		}
	}
}

TEST(many_threads_lose_nothing)
{
	pthread_t p[PRODUCERS], c[3];
	int number[PRODUCERS] = {0, 1, 2, 3};
	run.q = queue_new(64);
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		must(pthread_create(&c[i], NULL, consume, &number[i]) == 0);
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		must(pthread_create(&p[i], NULL, produce, &number[i]) == 0);
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		pthread_join(p[i], NULL);
	queue_close(run.q);
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		pthread_join(c[i], NULL);
	check_eq_i(run.taken, PRODUCERS * EACH);
	check_eq_i(run.disordered, 0);
	queue_free(&run.q);
}
