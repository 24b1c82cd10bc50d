/* Flows as the packs declare them, what begins their cases, and cases that go on with another version. */
#include "api/api_int.h"
#include "city/flow_start.h"

int flows_get(struct call *c, struct err *e)
{
	const struct catalog *k = c->site->catalog;
	struct jw *w = &c->w;

	(void)e;
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; i < k->flows; i++) {
		jw_object(w);
		jw_kstr(w, "code", k->flow[i].code);
		jw_kint(w, "version", k->flow[i].version);
		jw_kstr(w, "name", bpmn_process_name(k->flow[i].def));
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

int flow_get(struct call *c, struct err *e)
{
	const struct flow_def *f;
	int64_t version;
	int rc = call_int(c, "version", 0, 0, INT32_MAX, &version, e);

	if (rc < 0)
		return rc;
	f = catalog_flow(c->site->catalog, call_param(c, 0), (int)version);
	if (f == NULL)
		return err_set(e, ERR_NOTFOUND, "no flow has this code and version");
	c->mime = "application/xml; charset=utf-8";
	sb_puts(&c->out, f->xml);
	return 0;
}

static void write_move(void *ctx, const struct case_move *m)
{
	struct jw *w = ctx;

	jw_object(w);
	jw_kid(w, "id", m->id);
	jw_kstr(w, "code", m->code);
	jw_kint(w, "from", m->from);
	jw_kbool(w, "moved", m->moved);
	jw_kstr(w, "why", m->why);
	jw_object_end(w);
}

static int renamed(struct call *c, struct feel_value *out, struct err *e)
{
	const struct doc *d = doc_get(c->body, "renamed");

	*out = (struct feel_value){.type = FEEL_CONTEXT};
	for (const struct doc *x = d ? d->child : NULL; x != NULL; x = x->next) {
		if (x->type != DOC_STRING) {
			err_set(e, ERR_INVALID, "each old id has one new id, a text");
			return err_at(e, NULL, 0, 0, "renamed");
		}
		feel_put(c->a, out, str_of(arena_strdup(c->a, x->key)), feel_string(str_of(x->text)));
	}
	return 0;
}

int flow_migrate_post(struct call *c, struct err *e)
{
	struct feel_value map;
	struct case_migration m = {.flow = call_param(c, 0),
	        .from = (int)doc_int(c->body, "from", 0),
	        .to = (int)doc_int(c->body, "to", 0),
	        .renamed = &map,
	        .look = doc_bool(c->body, "look", false)};
	int rc = renamed(c, &map, e);

	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "cases");
	jw_array(&c->w);
	rc = case_migrate(c->site, &m, &c->who, c->a, write_move, &c->w, e);
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return rc;
}

static struct flow_sent sent_of(struct call *c)
{
	/* What is read after the step must see it. */
	store_read_end(&c->tx);
	return (struct flow_sent){
	        .name = body_text(c, "name"), .key = body_text(c, "key"), .variables = body_variables(c)};
}

int message_post(struct call *c, struct err *e)
{
	const struct flow_sent m = sent_of(c);
	struct flow_case *out = NULL;
	struct jw *w = &c->w;
	int n = 0, rc = flow_message(c->site, &m, &c->who, c->a, &out, &n, e);

	if (rc < 0)
		return rc;
	jw_object(w);
	jw_key(w, "cases");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		jw_kid(w, "id", out[i].id);
		jw_kstr(w, "code", out[i].code);
		jw_kbool(w, "begun", out[i].begun);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

int signal_post(struct call *c, struct err *e)
{
	const struct flow_sent m = sent_of(c);
	int waiting = 0, starting = 0, rc = flow_signal(c->site, &m, &c->who, &waiting, &starting, e);

	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_kint(&c->w, "waiting", waiting);
	jw_kint(&c->w, "starting", starting);
	jw_object_end(&c->w);
	return 0;
}
