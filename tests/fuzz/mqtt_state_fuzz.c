/* Records of the log of sessions, of a file that was damaged and whose hash is right all the same: what is
 * taken in can be said again, and what that says is the same. */
#include "mqtt/mqtt_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool absent(void *ctx, struct str owner, void **user)
{
	(void)ctx;
	*user = NULL;
	return owner.n != 1;
}

static struct mqtt_server *server_new(void)
{
	struct mqtt_server *s = xcalloc(1, sizeof(*s));

	s->o = (struct mqtt_options){
	        .sessions = 8, .retained = 8, .kept_max_b = 1 << 20, .queue_n = 8, .memory_max_b = 1 << 20};
	s->door.absent = absent;
	s->now = US_DAY;
	s->conns.prev = s->conns.next = &s->conns;
	s->away.prev = s->away.next = &s->away;
	mqtt__tree_init(&s->tree);
	s->names_mask = 15;
	s->names = xcalloc(s->names_mask + 1, sizeof(struct mqtt__session *));
	return s;
}

static void server_free(struct mqtt_server *s)
{
	for (struct mqtt__list *l = s->conns.next, *next; l != &s->conns; l = next) {
		struct mqtt__conn *c = CONTAINER_OF(l, struct mqtt__conn, all);
		next = l->next;
		mqtt__will_stop(c);
		free(c);
	}
	mqtt__sessions_fini(s);
	mqtt__retained_fini(s);
	must(s->kept_b == 0 && s->sessions == 0 && s->held_b == 0);
	mqtt__tree_fini(&s->tree);
	free(s->names);
	sb_fini(&s->text);
	free(s);
}

static bool read_all(struct mqtt_server *s, struct str in)
{
	struct mqtt__replay *r = mqtt__replay_begin(s);
	bool ok = mqtt__replay_records(r, in);

	mqtt__replay_end(r);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mqtt_server *s = server_new(), *again = server_new();
	struct sb said = SB_INIT, twice = SB_INIT;

	(void)read_all(s, (struct str){(const char *)data, size});
	mqtt__state_picture(s, &said);
	bool ok = read_all(again, sb_str(&said));
	must(ok);
	must(again->sessions == s->sessions && again->tree.subs == s->tree.subs);
	must(again->tree.retained == s->tree.retained);
	mqtt__state_picture(again, &twice);
	must(twice.n == said.n);
	sb_fini(&said);
	sb_fini(&twice);
	server_free(s);
	server_free(again);
	return 0;
}
