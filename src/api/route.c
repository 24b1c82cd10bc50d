/* The table of routes, and the tree of path segments that finds a row in it. */
#include "api/api_int.h"

const struct route api_routes[] = {
#define ROUTE(method, path, handler, access, mode, flags, body, query, request, reply, summary)              \
	{HTTP_##method, path, handler, access, mode, flags, body, query, request, reply, summary, #handler},
#include "api/routes.tbl"
#undef ROUTE
};
const int api_routes_n = ARRAY_LEN(api_routes);

int route_status(const struct route *r)
{
	if (r->reply[0] == '\0')
		return 204;
	return r->flags & ROUTE_MAKES ? 201 : r->flags & ROUTE_BEGINS ? 202 : 200;
}

const char *route_failure(const struct route *r, const char **mime)
{
	bool write = r->flags & ROUTE_INGEST && r->mode == MODE_TAKE;

	*mime = r->flags & ROUTE_PROM || write ? "application/json" : "application/problem+json";
	return r->flags & ROUTE_PROM ? "Prometheus" : write ? "WriteFailure" : "Problem";
}

#define METHODS (HTTP_OTHER + 1)

struct node {
	struct str segment;  /* of the table's text */
	struct node **child; /* sorted by segment */
	size_t children, cap;
	struct node *any; /* the child for {…} */
	const struct route *route[METHODS];
	unsigned methods;
};

struct router {
	struct arena *a;
	struct node root;
};

static struct node *child_find(const struct node *n, struct str segment, size_t *at)
{
	size_t low = 0, high = n->children;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int rc = str_cmp(n->child[mid]->segment, segment);

		if (rc == 0)
			return n->child[mid];
		if (rc < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (at != NULL)
		*at = low;
	return NULL;
}

static struct node *child_make(struct router *r, struct node *n, struct str segment)
{
	struct node *c;
	size_t at = 0;

	if (segment.n > 0 && segment.p[0] == '{') {
		if (n->any == NULL)
			n->any = arena_alloc(r->a, sizeof(*n->any));
		return n->any;
	}
	c = child_find(n, segment, &at);
	if (c != NULL)
		return c;
	n->child = arena_grow(r->a, n->child, &n->cap, n->children + 1, sizeof(*n->child));
	memmove(&n->child[at + 1], &n->child[at], (n->children - at) * sizeof(*n->child));
	c = n->child[at] = arena_alloc(r->a, sizeof(*c));
	c->segment = segment;
	n->children++;
	return c;
}

struct router *router_new(bool test, bool ingest)
{
	struct arena *a = arena_new(0);
	struct router *r = arena_alloc(a, sizeof(*r));

	r->a = a;
	for (int i = 0; i < api_routes_n; i++) {
		const struct route *row = &api_routes[i];
		struct str rest = str_of(row->path + 1);
		struct node *n = &r->root;

		if ((row->flags & ROUTE_TEST && !test) || (row->flags & ROUTE_INGEST && !ingest))
			continue;
		while (rest.p != NULL)
			n = child_make(r, n, str_cut(&rest, '/'));
		must(n->route[row->method] == NULL); /* two rows for one thing */
		n->route[row->method] = row;
		n->methods |= 1u << row->method;
		if (row->method == HTTP_GET)
			n->methods |= 1u << HTTP_HEAD;
	}
	return r;
}

void router_free(struct router **r)
{
	struct arena *a;

	if (*r == NULL)
		return;
	a = (*r)->a;
	*r = NULL;
	arena_free(&a);
}

/* A literal segment is tried before {…}; as deep as the deepest path. */
static const struct node *walk(const struct node *n, struct str rest, struct str *param, int params)
{
	const struct node *c, *found;
	struct str segment;

	if (rest.p == NULL)
		return n->methods != 0 ? n : NULL;
	segment = str_cut(&rest, '/');
	c = child_find(n, segment, NULL);
	if (c != NULL && (found = walk(c, rest, param, params)) != NULL)
		return found;
	if (n->any == NULL || segment.n == 0 || params == ROUTE_PARAMS)
		return NULL;
	param[params] = segment;
	return walk(n->any, rest, param, params + 1);
}

bool router_find(const struct router *r, enum http_method m, const char *path, struct route_match *out)
{
	const struct node *n;

	memset(out, 0, sizeof(*out));
	if (path[0] != '/')
		return false;
	n = walk(&r->root, str_of(path + 1), out->param, 0);
	if (n == NULL)
		return false;
	out->methods = n->methods;
	out->route = n->route[m == HTTP_HEAD ? HTTP_GET : m];
	return true;
}
