/* The tables told to machines: an OpenAPI 3.1 document. */
#include "api/api_int.h"
#include "base/num.h"

static void ref(struct jw *w, const char *schema)
{
	char text[96];

	snprintf(text, sizeof(text), "#/components/schemas/%s", schema);
	jw_kstr(w, "$ref", text);
}

static void type_word(struct jw *w, const char *word, bool null)
{
	if (!null) {
		jw_kstr(w, "type", word);
		return;
	}
	jw_key(w, "type");
	jw_array(w);
	jw_cstr(w, word);
	jw_cstr(w, "null");
	jw_array_end(w);
}

static void list_of(struct jw *w, const char *type)
{
	jw_kstr(w, "type", "array");
	jw_key(w, "items");
	jw_object(w);
	jw_kstr(w, "type", type);
	jw_object_end(w);
}

static void reference(struct jw *w, const struct schema_row *f, bool null)
{
	if (!null) {
		ref(w, f->ref);
		return;
	}
	jw_key(w, "anyOf");
	jw_array(w);
	jw_object(w);
	ref(w, f->ref);
	jw_object_end(w);
	jw_object(w);
	jw_kstr(w, "type", "null");
	jw_object_end(w);
	jw_array_end(w);
}

/* The words that a text or a whole number may be. */
static void words(struct jw *w, const struct schema_row *f)
{
	struct str rest = str_of(f->ref);

	if (rest.n == 0)
		return;
	jw_key(w, "enum");
	jw_array(w);
	while (rest.p != NULL) {
		struct str word = str_cut(&rest, ' ');
		int64_t v = 0;

		if (f->type == SCHEMA_INTEGER && num_int(word, &v))
			jw_int(w, v);
		else
			jw_str(w, word);
	}
	jw_array_end(w);
}

static void field(struct jw *w, const struct schema_row *f)
{
	bool null = (f->flags & SCHEMA_NULL) != 0;

	jw_object(w);
	switch (f->type) {
	case SCHEMA_STRING:
		type_word(w, "string", null);
		if (f->max > 0)
			jw_kint(w, "maxLength", f->max);
		words(w, f);
		break;
	case SCHEMA_ID:
		type_word(w, "string", null);
		jw_kstr(w, "pattern", "^[0-9]+$");
		break;
	case SCHEMA_TIME:
		type_word(w, "string", null);
		jw_kstr(w, "format", "date-time");
		break;
	case SCHEMA_DATE:
		type_word(w, "string", null);
		jw_kstr(w, "format", "date");
		break;
	case SCHEMA_INTEGER:
		type_word(w, "integer", null);
		words(w, f);
		break;
	case SCHEMA_NUMBER: type_word(w, "number", null); break;
	case SCHEMA_BOOL: type_word(w, "boolean", null); break;
	case SCHEMA_OBJECT:
		type_word(w, "object", null);
		jw_kbool(w, "additionalProperties", true);
		break;
	case SCHEMA_TEXTS:
		type_word(w, "object", null);
		jw_key(w, "additionalProperties");
		jw_object(w);
		jw_kstr(w, "type", "string");
		jw_object_end(w);
		break;
	case SCHEMA_ANY: break;
	case SCHEMA_REF: reference(w, f, null); break;
	case SCHEMA_LIST:
		jw_kstr(w, "type", "array");
		jw_key(w, "items");
		jw_object(w);
		ref(w, f->ref);
		jw_object_end(w);
		break;
	case SCHEMA_STRINGS: list_of(w, "string"); break;
	case SCHEMA_NUMBERS: list_of(w, "number"); break;
	}
	jw_kstr(w, "description", f->words);
	jw_object_end(w);
}

static int schema(struct jw *w, int at)
{
	const struct schema_row *s = &api_schemas[at], *all = NULL;
	int end = at + 1;

	while (end < api_schemas_n && api_schemas[end].schema == NULL) {
		if (api_schemas[end].field[0] == '*')
			all = &api_schemas[end];
		end++;
	}
	jw_key(w, s->schema);
	jw_object(w);
	jw_kstr(w, "type", "object");
	jw_kstr(w, "description", s->words);
	if (all != NULL) {
		jw_key(w, "allOf");
		jw_array(w);
		jw_object(w);
		ref(w, all->ref);
		jw_object_end(w);
		jw_array_end(w);
	}
	jw_key(w, "properties");
	jw_object(w);
	for (int i = at + 1; i < end; i++) {
		if (&api_schemas[i] == all)
			continue;
		jw_key(w, api_schemas[i].field);
		field(w, &api_schemas[i]);
	}
	jw_object_end(w);
	jw_key(w, "required");
	jw_array(w);
	for (int i = at + 1; i < end; i++)
		if (api_schemas[i].flags & SCHEMA_MUST)
			jw_cstr(w, api_schemas[i].field);
	jw_array_end(w);
	jw_object_end(w);
	return end;
}

static void parameter(struct jw *w, struct str name, const char *in, const char *type, const char *format)
{
	jw_object(w);
	jw_key(w, "name");
	jw_str(w, name);
	jw_kstr(w, "in", in);
	if (strcmp(in, "path") == 0)
		jw_kbool(w, "required", true);
	jw_key(w, "schema");
	jw_object(w);
	jw_kstr(w, "type", type);
	if (format != NULL)
		jw_kstr(w, "format", format);
	jw_object_end(w);
	jw_object_end(w);
}

static void parameters(struct jw *w, const struct route *r)
{
	struct str path = str_of(r->path), query = str_of(r->query);

	jw_key(w, "parameters");
	jw_array(w);
	while (path.p != NULL) {
		struct str s = str_cut(&path, '/');

		if (s.n > 2 && s.p[0] == '{') {
			struct str name = {s.p + 1, s.n - 1};

			parameter(w, str_cut(&name, '}'), "path", "string", NULL);
		}
	}
	if (idempotency_takes(r))
		parameter(w, STR_LIT("Idempotency-Key"), "header", "string", NULL);
	while (query.n > 0) {
		struct str type = str_cut(&query, ' '), name = str_cut(&type, ':');

		if (str_is(type, "integer"))
			parameter(w, name, "query", "integer", NULL);
		else if (str_is(type, "bool"))
			parameter(w, name, "query", "boolean", NULL);
		else
			parameter(w, name, "query", "string",
			        str_is(type, "date")   ? "date"
			        : str_is(type, "time") ? "date-time"
			                               : NULL);
	}
	jw_array_end(w);
}

static void content(struct jw *w, const char *mime, const char *schema_name)
{
	jw_key(w, "content");
	jw_object(w);
	jw_key(w, mime);
	jw_object(w);
	if (schema_name != NULL) {
		jw_key(w, "schema");
		jw_object(w);
		ref(w, schema_name);
		jw_object_end(w);
	}
	jw_object_end(w);
	jw_object_end(w);
}

/* One of several ways to say who asks; NULL: nobody needs to. */
static void way(struct jw *w, const char *scheme)
{
	jw_object(w);
	if (scheme != NULL) {
		jw_key(w, scheme);
		jw_array(w);
		jw_array_end(w);
	}
	jw_object_end(w);
}

static void ways(struct jw *w, const struct route *r)
{
	jw_key(w, "security");
	jw_array(w);
	if (r->flags & ROUTE_INGEST)
		way(w, "device");
	if (r->access & LOOPBACK)
		way(w, NULL);
	if (r->access != OPEN_TO_ALL && r->access != LOOPBACK) {
		way(w, "session");
		way(w, "token");
	}
	jw_array_end(w);
}

static void roles(struct jw *w, const struct route *r)
{
	unsigned access = r->access | (r->flags & ROUTE_INGEST ? ROLE_DEVICE : 0);

	jw_key(w, "x-roles");
	jw_array(w);
	if (access == OPEN_TO_ALL)
		jw_cstr(w, "anybody");
	if (access & SIGNED_IN)
		jw_cstr(w, "signed-in");
	if (access & LOOPBACK)
		jw_cstr(w, "loopback");
	for (unsigned bit = ROLE_VIEWER; bit <= ROLE_DEVICE; bit <<= 1)
		if (access & bit)
			jw_cstr(w, role_name((enum role)bit));
	jw_array_end(w);
}

static void operation(struct jw *w, const struct route *r)
{
	char id[80];

	/* One handler may stand in several rows: of forms, of the second version, under Prometheus' paths. */
	snprintf(id, sizeof(id), "%s%s", r->name,
	        r->flags & ROUTE_PROM && r->method == HTTP_POST                        ? "_form"
	        : strncmp(r->path, "/api/v2/", 8) == 0                                 ? "_v2"
	        : r->flags & ROUTE_INGEST && strncmp(r->path, "/prometheus/", 12) == 0 ? "_prometheus"
	                                                                               : "");
	jw_object(w);
	jw_kstr(w, "operationId", id);
	jw_kstr(w, "summary", r->summary);
	roles(w, r);
	ways(w, r);
	parameters(w, r);
	if (r->request[0] != '\0' || r->flags & (ROUTE_PROM | ROUTE_INGEST | ROUTE_FILE)) {
		if (r->body_max > 0) {
			jw_key(w, "requestBody");
			jw_object(w);
			if (r->request[0] != '\0')
				content(w, "application/json", r->request);
			else
				content(w,
				        r->flags & ROUTE_PROM            ? "application/x-www-form-urlencoded"
				        : r->flags & ROUTE_FILE          ? "application/octet-stream"
				        : r->handle == remote_write_post ? "application/x-protobuf"
				        : strncmp(r->path, "/api/v1/", 8) == 0 ? "application/json"
				                                               : "text/plain",
				        NULL);
			jw_object_end(w);
		}
	}
	jw_key(w, "responses");
	jw_object(w);
	snprintf(id, sizeof(id), "%d", route_status(r));
	jw_key(w, id);
	jw_object(w);
	jw_kstr(w, "description", "Done");
	if (strchr(r->reply, '/') != NULL)
		content(w, r->reply, NULL);
	else if (r->reply[0] != '\0')
		content(w, "application/json", r->reply);
	jw_object_end(w);
	if (r->flags & ROUTE_WAITS) {
		jw_key(w, "202");
		jw_object(w);
		jw_kstr(w, "description", "Waits for a second person");
		if (r->reply[0] != '\0')
			content(w, "application/json", r->reply);
		jw_object_end(w);
	}
	jw_key(w, "default");
	jw_object(w);
	jw_kstr(w, "description", "Failed");
	const char *mime, *schema = route_failure(r, &mime);
	content(w, mime, schema);
	jw_object_end(w);
	jw_object_end(w);
	jw_object_end(w);
}

static bool first_of_path(int at)
{
	for (int i = 0; i < at; i++)
		if (strcmp(api_routes[i].path, api_routes[at].path) == 0)
			return false;
	return true;
}

static void paths(struct jw *w)
{
	jw_key(w, "paths");
	jw_object(w);
	for (int i = 0; i < api_routes_n; i++) {
		if (!first_of_path(i))
			continue;
		jw_key(w, api_routes[i].path);
		jw_object(w);
		for (int k = i; k < api_routes_n; k++) {
			char method[8];
			const char *name = http_method_name(api_routes[k].method);
			size_t n = strlen(name);

			if (strcmp(api_routes[k].path, api_routes[i].path) != 0)
				continue;
			must(n < sizeof(method));
			for (size_t c = 0; c <= n; c++)
				method[c] = (char)(name[c] >= 'A' && name[c] <= 'Z' ? name[c] + 32 : name[c]);
			jw_key(w, method);
			operation(w, &api_routes[k]);
		}
		jw_object_end(w);
	}
	jw_object_end(w);
}

static void security(struct jw *w)
{
	jw_key(w, "securitySchemes");
	jw_object(w);
	jw_key(w, "session");
	jw_object(w);
	jw_kstr(w, "type", "apiKey");
	jw_kstr(w, "in", "cookie");
	jw_kstr(w, "name", "heming_session");
	jw_kstr(w, "description", "Unsafe methods need X-CSRF-Token too");
	jw_object_end(w);
	jw_key(w, "token");
	jw_object(w);
	jw_kstr(w, "type", "http");
	jw_kstr(w, "scheme", "bearer");
	jw_object_end(w);
	jw_key(w, "device");
	jw_object(w);
	jw_kstr(w, "type", "http");
	jw_kstr(w, "scheme", "basic");
	jw_object_end(w);
	jw_object_end(w);
}

void openapi_write(struct sb *b, const char *version)
{
	struct jw w;

	jw_init(&w, b);
	jw_object(&w);
	jw_kstr(&w, "openapi", "3.1.0");
	jw_key(&w, "info");
	jw_object(&w);
	jw_kstr(&w, "title", "Heming");
	jw_kstr(&w, "summary", "A city's operations: readings, alarms, cases, indicators");
	jw_kstr(&w, "version", version);
	jw_object_end(&w);
	paths(&w);
	jw_key(&w, "components");
	jw_object(&w);
	security(&w);
	jw_key(&w, "schemas");
	jw_object(&w);
	for (int i = 0; i < api_schemas_n;)
		i = schema(&w, i);
	jw_object_end(&w);
	jw_object_end(&w);
	jw_object_end(&w);
}
