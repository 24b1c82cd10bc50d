/* heming flow - the flows of a site, their versions, and cases that go on with another one. */
#include "base/json.h"
#include "base/num.h"
#include "cli/cli.h"
#include "city/case.h"

struct report {
	struct cli *c;
	struct jw *w; /* NULL: in words */
	bool look;
	int64_t moved, cannot;
};

static void tell(void *ctx, const struct case_move *m)
{
	struct report *r = ctx;
	bool can = *m->why == '\0';

	r->moved += can && (r->look || m->moved);
	r->cannot += !can;
	if (r->w != NULL) {
		jw_object(r->w);
		jw_kstr(r->w, "case", m->code);
		jw_kint(r->w, "from", m->from);
		jw_kbool(r->w, "moved", m->moved);
		jw_kstr(r->w, "why", m->why);
		jw_object_end(r->w);
	} else if (!can)
		fprintf(r->c->out, "%s stays with version %d: %s\n", m->code, m->from, m->why);
}

/* OLD=NEW, apart by blanks. */
static int renames(const struct cli *c, struct feel_value *out, struct err *e)
{
	struct str rest = str_of(cli_text(c, "rename", ""));

	*out = (struct feel_value){.type = FEEL_CONTEXT};
	while (rest.n > 0) {
		struct str new = str_cut(&rest, ' '), old = str_cut(&new, '=');

		if (old.n == 0 || new.n == 0)
			return err_set(e, ERR_INVALID,
			        "--rename: say OLD=NEW, two ids of the flow; several by blanks");
		feel_put(c->a, out, old, feel_string(new));
	}
	return 0;
}

static int migrate(struct cli *c, bool look, struct err *e)
{
	struct feel_value renamed;
	struct case_migration m = {.flow = c->word[1],
	        .from = (int)cli_int(c, "from", 0),
	        .to = (int)cli_int(c, "to", 0),
	        .renamed = &renamed,
	        .look = look};
	struct report r = {.c = c, .look = look};
	struct sb b = SB_INIT;
	struct jw w;
	int rc = renames(c, &renamed, e);

	if (rc < 0)
		return rc;
	if (cli_flag(c, "json")) {
		jw_init(&w, &b);
		jw_object(&w);
		jw_key(&w, "cases");
		jw_array(&w);
		r.w = &w;
	}
	rc = case_migrate(c->site, &m, &who_system, c->a, tell, &r, e);
	if (r.w != NULL) {
		jw_array_end(&w);
		jw_kint(&w, look ? "could" : "moved", r.moved);
		jw_kint(&w, "cannot", r.cannot);
		jw_object_end(&w);
		if (rc == 0)
			fprintf(c->out, "%s\n", b.p);
	} else if (rc == 0)
		fprintf(c->out, "%lld cases %s, %lld cannot\n", (long long)r.moved,
		        look ? "could be moved" : "were moved", (long long)r.cannot);
	sb_fini(&b);
	return rc;
}

static int list_flows(struct cli *c)
{
	const struct catalog *k = c->site->catalog;

	for (int i = 0; i < k->flows; i++)
		fprintf(c->out, "%s %d  %s\n", k->flow[i].code, k->flow[i].version,
		        bpmn_process_name(k->flow[i].def));
	return 0;
}

int cmd_flow(struct cli *c, struct err *e)
{
	if (strcmp(c->word[0], "list") == 0 && c->words == 1)
		return list_flows(c);
	if (c->words == 2 && strcmp(c->word[0], "check") == 0)
		return migrate(c, true, e);
	if (c->words == 2 && strcmp(c->word[0], "migrate") == 0)
		return migrate(c, false, e);
	return err_set(
	        e, ERR_INVALID, "say heming flow list, heming flow check CODE or heming flow migrate CODE");
}
