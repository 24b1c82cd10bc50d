/* Flows as the packs declare them. */
#include "api/api_int.h"

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
