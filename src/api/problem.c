/* Failures as answers: RFC 9457 for our own API, Prometheus' shape for its. */
#include "api/api_int.h"

/* What a caller is told: of a fault of ours, no inner matters (the log has them, under the request's id), and
 * never a path of this machine. */
static struct err told(const struct err *e)
{
	struct err out = *e;

	if (err_http(e->code) == 500) {
		err_set(&out, e->code, "%s; the server's log says more about this request",
		        err_text(e->code));
		out.where[0] = out.field[0] = '\0';
		out.line = out.column = 0;
	} else if (out.where[0] == '/') {
		out.where[0] = '\0';
	}
	return out;
}

void problem_write(struct sb *b, const struct err *inner, const char *request, struct str errors)
{
	const struct err outer = told(inner), *e = &outer;
	char type[64] = "urn:heming:problem:", code[32];
	const char *name = err_name(e->code);
	size_t n = strlen(type);
	struct jw w;

	snprintf(code, sizeof(code), "%s", name);
	for (char *p = code; *p != '\0'; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	snprintf(type + n, sizeof(type) - n, "%s", code);
	jw_init(&w, b);
	jw_object(&w);
	jw_kstr(&w, "type", type);
	jw_kstr(&w, "title", err_text(e->code));
	jw_kint(&w, "status", err_http(e->code));
	jw_kstr(&w, "detail", e->text);
	jw_kstr(&w, "code", code);
	if (e->field[0] != '\0')
		jw_kstr(&w, "field", e->field);
	if (e->where[0] != '\0')
		jw_kstr(&w, "where", e->where);
	if (e->line > 0)
		jw_kint(&w, "line", e->line);
	if (e->column > 0)
		jw_kint(&w, "column", e->column);
	jw_kstr(&w, "request", request);
	if (errors.n > 0) {
		jw_key(&w, "errors");
		jw_raw(&w, errors);
	}
	jw_object_end(&w);
}

void problem_reply(struct http_req *r, const struct err *e, struct str errors)
{
	int status = err_http(e->code);
	struct sb b = SB_INIT;

	problem_write(&b, e, http_id(r), errors);
	if (status == 401)
		http_set_header(r, "WWW-Authenticate", "Bearer realm=\"heming\"");
	if ((status == 503 || status == 429) && http_answer_header(r, "Retry-After") == NULL)
		http_set_header(r, "Retry-After", status == 429 ? "30" : "2");
	http_reply_take(r, status, "application/problem+json", &b);
	sb_fini(&b);
}

/* https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview */
void prometheus_error(struct sb *b, const struct err *inner, int *status)
{
	const struct err outer = told(inner), *e = &outer;
	const char *type = "internal";
	struct jw w;

	*status = err_http(e->code);
	switch (e->code) {
	case ERR_INVALID: type = "bad_data"; break;
	case ERR_UNPROCESSED:
	case ERR_TOOBIG:
	case ERR_NOMEM:
		type = "execution";
		*status = 422;
		break;
	case ERR_TIMEOUT:
		type = "timeout";
		*status = 503;
		break;
	case ERR_CANCELLED:
		type = "canceled";
		*status = 503;
		break;
	case ERR_NOTFOUND: type = "not_found"; break;
	case ERR_UNAUTH: type = "unauthorized"; break;
	case ERR_DENIED: type = "forbidden"; break;
	case ERR_BUSY:
	case ERR_UNAVAILABLE: type = "unavailable"; break;
	default: break;
	}
	jw_init(&w, b);
	jw_object(&w);
	jw_kstr(&w, "status", "error");
	jw_kstr(&w, "errorType", type);
	jw_kstr(&w, "error", e->text);
	jw_object_end(&w);
}
