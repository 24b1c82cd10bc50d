/*
 * The tree of topics, one node a level: who subscribes at a filter, what is retained at a topic.
 *
 * One hash table of (parent, name) finds the children of all nodes. The wildcards' nodes are named by their
 * parent besides, since every level of every topic asks for them.
 */
#include "mqtt/mqtt_int.h"

#include "base/digest.h"

void mqtt__tree_init(struct mqtt__tree *t)
{
	*t = (struct mqtt__tree){.mask = 255};
	t->root = xcalloc(1, sizeof(*t->root));
	t->buckets = xcalloc(t->mask + 1, sizeof(struct mqtt__node *));
}

void mqtt__tree_fini(struct mqtt__tree *t)
{
	must(t->nodes == 0);
	free(t->root);
	free(t->buckets);
	free(t->hits);
}

static struct mqtt__node **bucket(
        const struct mqtt__tree *t, const struct mqtt__node *parent, struct str name)
{
	return &t->buckets[hash64(name.p, name.n, (uint64_t)(uintptr_t)parent) & t->mask];
}

static struct mqtt__node *child(const struct mqtt__tree *t, const struct mqtt__node *parent, struct str name)
{
	struct mqtt__node *n = *bucket(t, parent, name);
	while (n && (n->parent != parent || n->name_n != name.n || memcmp(n->name, name.p, name.n) != 0))
		n = n->next_hash;
	return n;
}

static void grow(struct mqtt__tree *t)
{
	struct mqtt__node **old = t->buckets;
	size_t n = t->mask + 1;
	t->mask = 2 * n - 1;
	t->buckets = xcalloc(2 * n, sizeof(struct mqtt__node *));
	for (size_t i = 0; i < n; i++) {
		for (struct mqtt__node *x = old[i], *next; x; x = next) {
			next = x->next_hash;
			struct mqtt__node **b = bucket(t, x->parent, (struct str){x->name, x->name_n});
			x->next_hash = *b;
			*b = x;
		}
	}
	free(old);
}

static struct mqtt__node *add_child(struct mqtt__tree *t, struct mqtt__node *parent, struct str name)
{
	if (t->nodes++ > t->mask)
		grow(t);
	struct mqtt__node *n = xcalloc(1, sizeof(*n) + name.n + 1);
	n->parent = parent;
	n->name_n = name.n;
	if (name.n > 0)
		memcpy(n->name, name.p, name.n);
	struct mqtt__node **b = bucket(t, parent, name);
	n->next_hash = *b;
	*b = n;
	n->next = parent->first;
	n->prev = &parent->first;
	if (n->next)
		n->next->prev = &n->next;
	parent->first = n;
	if (str_is(name, "+"))
		parent->plus = n;
	else if (str_is(name, "#"))
		parent->hash = n;
	return n;
}

struct mqtt__node *mqtt__tree_find(const struct mqtt__tree *t, struct str topic)
{
	struct mqtt__node *n = t->root;
	while (n && topic.p != NULL)
		n = child(t, n, str_cut(&topic, '/'));
	return n;
}

struct mqtt__node *mqtt__tree_get(struct mqtt__tree *t, struct str topic)
{
	struct mqtt__node *n = t->root;
	while (topic.p != NULL) {
		struct str name = str_cut(&topic, '/');
		struct mqtt__node *c = child(t, n, name);
		n = c ? c : add_child(t, n, name);
	}
	return n;
}

void mqtt__tree_prune(struct mqtt__tree *t, struct mqtt__node *n)
{
	while (n->parent && !n->first && !n->subs && !n->groups && !n->retained) {
		struct mqtt__node *parent = n->parent;
		struct mqtt__node **p = bucket(t, parent, (struct str){n->name, n->name_n});
		while (*p != n)
			p = &(*p)->next_hash;
		*p = n->next_hash;
		*n->prev = n->next;
		if (n->next)
			n->next->prev = n->prev;
		if (parent->plus == n)
			parent->plus = NULL;
		if (parent->hash == n)
			parent->hash = NULL;
		t->nodes--;
		free(n);
		n = parent;
	}
}

static void hit(struct mqtt__tree *t, struct mqtt__node *n)
{
	if (n == NULL || (n->subs == NULL && n->groups == NULL))
		return;
	if (t->hits_n == t->hits_cap)
		t->hits = xgrow(t->hits, &t->hits_cap, t->hits_n + 1, sizeof(struct mqtt__node *));
	t->hits[t->hits_n++] = n;
}

/* As deep as the deepest filter. own: the topic begins with "$", and this is its first level. */
static void match(struct mqtt__tree *t, struct mqtt__node *n, struct str rest, bool own)
{
	if (!own)
		hit(t, n->hash);
	if (rest.p == NULL) {
		hit(t, n);
		return;
	}
	if (n->first == NULL)
		return;
	struct mqtt__node *same = child(t, n, str_cut(&rest, '/'));
	if (same)
		match(t, same, rest, false);
	if (n->plus && !own)
		match(t, n->plus, rest, false);
}

void mqtt__tree_match(struct mqtt__tree *t, struct str topic)
{
	t->hits_n = 0;
	match(t, t->root, topic, topic.n > 0 && topic.p[0] == '$');
}

struct walk {
	struct mqtt__tree *tree;
	void (*f)(void *ctx, struct mqtt__node *n);
	void *ctx;
};

static void walk_all(const struct walk *w, struct mqtt__node *n)
{
	if (n->retained)
		w->f(w->ctx, n);
	for (struct mqtt__node *c = n->first; c; c = c->next)
		walk_all(w, c);
}

static void walk(const struct walk *w, struct mqtt__node *n, struct str filter)
{
	bool top = n->parent == NULL;
	if (filter.p == NULL) {
		if (n->retained)
			w->f(w->ctx, n);
		return;
	}
	struct str level = str_cut(&filter, '/');
	bool hash = str_is(level, "#");
	if (!hash && !str_is(level, "+")) {
		struct mqtt__node *c = child(w->tree, n, level);
		if (c)
			walk(w, c, filter);
		return;
	}
	if (hash && n->retained)
		w->f(w->ctx, n);
	for (struct mqtt__node *c = n->first; c; c = c->next) {
		if (top && c->name[0] == '$')
			continue;
		if (hash)
			walk_all(w, c);
		else
			walk(w, c, filter);
	}
}

void mqtt__tree_retained(
        struct mqtt__tree *t, struct str filter, void (*f)(void *ctx, struct mqtt__node *n), void *ctx)
{
	const struct walk w = {t, f, ctx};
	if (t->retained > 0)
		walk(&w, t->root, filter);
}

static struct mqtt__group *find_group(const struct mqtt__node *n, struct str name)
{
	struct mqtt__group *g = n->groups;
	while (g && !(g->name_n == name.n && memcmp(g->name, name.p, name.n) == 0))
		g = g->next;
	return g;
}

/* A session has few subscriptions, a node may have many. */
struct mqtt__sub *mqtt__sub_find(
        struct mqtt__tree *t, const struct mqtt__session *session, struct str filter, struct str group)
{
	const struct mqtt__node *n = mqtt__tree_find(t, filter);
	const struct mqtt__group *g = n && group.p != NULL ? find_group(n, group) : NULL;
	if (n == NULL || (group.p != NULL && g == NULL))
		return NULL;
	struct mqtt__sub *sub = session->subs;
	while (sub && (sub->node != n || sub->group != g))
		sub = sub->next_own;
	return sub;
}

struct mqtt__sub *mqtt__sub_add(
        struct mqtt__tree *t, struct mqtt__session *session, struct str filter, struct str group)
{
	struct mqtt__sub *sub = xcalloc(1, sizeof(*sub)), **list;
	sub->session = session;
	sub->node = mqtt__tree_get(t, filter);
	list = &sub->node->subs;
	if (group.p != NULL) {
		struct mqtt__group *g = find_group(sub->node, group);
		if (g == NULL) {
			g = xcalloc(1, sizeof(*g) + group.n);
			g->name_n = group.n;
			memcpy(g->name, group.p, group.n);
			g->next = sub->node->groups;
			sub->node->groups = g;
		}
		sub->group = g;
		list = &g->subs;
	}
	sub->next_node = *list;
	sub->prev_node = list;
	if (sub->next_node)
		sub->next_node->prev_node = &sub->next_node;
	*list = sub;
	sub->next_own = session->subs;
	sub->prev_own = &session->subs;
	if (sub->next_own)
		sub->next_own->prev_own = &sub->next_own;
	session->subs = sub;
	session->subs_n++;
	t->subs++;
	return sub;
}

void mqtt__sub_remove(struct mqtt__tree *t, struct mqtt__sub *sub)
{
	struct mqtt__node *n = sub->node;
	struct mqtt__group *g = sub->group;
	*sub->prev_node = sub->next_node;
	if (sub->next_node)
		sub->next_node->prev_node = sub->prev_node;
	*sub->prev_own = sub->next_own;
	if (sub->next_own)
		sub->next_own->prev_own = sub->prev_own;
	sub->session->subs_n--;
	t->subs--;
	if (g && g->turn == sub)
		g->turn = sub->next_node;
	if (g && g->subs == NULL) {
		struct mqtt__group **p = &n->groups;
		while (*p != g)
			p = &(*p)->next;
		*p = g->next;
		free(g);
	}
	free(sub);
	mqtt__tree_prune(t, n);
}

static void put_name(const struct mqtt__node *n, struct sb *to)
{
	if (n->parent->parent) {
		put_name(n->parent, to);
		sb_putc(to, '/');
	}
	sb_put(to, n->name, n->name_n);
}

void mqtt__node_filter(const struct mqtt__node *n, struct sb *to)
{
	put_name(n, to);
}
