/* Failures as answers: RFC 9457 for our own API, Prometheus' shape for its. */
#include "api/api_int.h"
#include "base/num.h"

#include <strings.h>

/* What a caller is told: of a fault of ours, no inner matters (the log has them, under the request's id), and
 * never a path of this machine. */
static struct err told(const struct err *e)
{
	struct err out = *e;

	if (err_http(e->code) == 500) {
		err_set(&out, e->code, "the server's log says more about this request");
		err_prefix(&out, "%s", err_text(e->code));
		out.where[0] = out.field[0] = '\0';
		out.line = out.column = 0;
	} else if (out.where[0] == '/') {
		out.where[0] = '\0';
	}
	return out;
}

/* zh, and zh-Hans-CN, are Chinese. */
static bool is_tag(struct str tag, const char *language)
{
	return tag.n >= 2 && strncasecmp(tag.p, language, 2) == 0 && (tag.n == 2 || tag.p[2] == '-');
}

bool problem_in_chinese(const struct http_req *r)
{
	const char *header = http_header(r, "Accept-Language");
	struct str rest = str_of(header != NULL ? header : "");
	double english = 0, chinese = 0;

	while (rest.n > 0) {
		struct str weight = str_cut(&rest, ','), tag = str_trim(str_cut(&weight, ';'));
		double q = 1;

		weight = str_trim(weight);
		if (str_starts(weight, "q=") &&
		        !num_double((struct str){weight.p + 2, weight.n - 2}, false, &q))
			q = 0;
		if (is_tag(tag, "zh") && q > chinese)
			chinese = q;
		else if (is_tag(tag, "en") && q > english)
			english = q;
	}
	return chinese > english;
}

void problem_write(
        struct sb *b, const struct err *inner, bool chinese, const char *request, struct str errors)
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
	jw_kstr(&w, "title", err_words(&(struct err){.code = e->code}, chinese));
	jw_kint(&w, "status", err_http(e->code));
	jw_kstr(&w, "detail", err_words(e, chinese));
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
	bool chinese = problem_in_chinese(r);
	struct sb b = SB_INIT;

	problem_write(&b, e, chinese, http_id(r), errors);
	http_set_header(r, "Content-Language", chinese ? "zh-CN" : "en");
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
