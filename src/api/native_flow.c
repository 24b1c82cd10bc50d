/* Flows as the packs declare them, and cases that go on with another version. */
#include "api/api_int.h"
#include "city/case.h"

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
