/*
 * doc - a document as a tree that remembers its lines: YAML (libyaml), JSON, and XML (expat).
 *
 * Packs, request bodies, BPMN and DMN files are read through it, so that every error can name file,
 * line and field. All nodes live in the arena given. Limits: depth 64, 2 million nodes.
 * XML: entities other than the five predefined and character references are refused (no DTD).
 */
#ifndef HEMING_DOC_H
#define HEMING_DOC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"

enum doc_type { DOC_NULL, DOC_BOOL, DOC_NUMBER, DOC_STRING, DOC_LIST, DOC_MAP };

struct doc {
	enum doc_type type;
	int line, column; /* 1-based */
	const char *key;  /* in a map: this child's key; else NULL */
	const char *text; /* STRING, NUMBER, BOOL as written; NUL-terminated */
	size_t text_n;
	bool quoted;       /* YAML scalar in quotes: always a STRING */
	struct doc *child; /* first child of LIST and MAP */
	struct doc *next;  /* next sibling */
	int count;         /* children */
};

/* `name` is for messages. YAML 1.2 core scalars (true/false/null, decimal numbers); a whole number with
 * a leading zero (0114) is a STRING. Anchors, aliases, tags, keys that are there twice and U+0000 are
 * refused. A child of a map has the line and column of its key. */
MUST_USE int doc_parse_yaml(
        struct arena *a, struct str text, const char *name, struct doc **out, struct err *e);
MUST_USE int doc_parse_json(
        struct arena *a, struct str text, const char *name, struct doc **out, struct err *e);

/* Looking: each takes NULL nodes and gives NULL, "", or the default. */
const struct doc *doc_get(const struct doc *map, const char *key);
const char *doc_str(const struct doc *map, const char *key, const char *dflt); /* text of any scalar */
int64_t doc_int(const struct doc *map, const char *key, int64_t dflt);
double doc_double(const struct doc *map, const char *key, double dflt);
bool doc_bool(const struct doc *map, const char *key, bool dflt);
#define DOC_EACH(c, parent) for (const struct doc *c = (parent) ? (parent)->child : NULL; c; c = c->next)
/* ERR_INVALID naming the first key of map that is not in the NULL-ended list. */
MUST_USE int doc_only_keys(const struct doc *map, const char *name, const char *const *keys, struct err *e);
/* Writes the tree as JSON. */
struct jw;
void doc_write_json(const struct doc *d, struct jw *w);

struct xml_attr {
	const char *ns, *name, *value; /* ns: namespace address or "" */
	struct xml_attr *next;
};
struct xml {
	const char *ns, *name; /* local name */
	int line, column;
	struct xml_attr *attr;
	const char
	        *text; /* character data directly inside, joined; "" if none or only spaces around children */
	struct xml *child, *next, *parent;
};
MUST_USE int doc_parse_xml(
        struct arena *a, struct str text, const char *name, struct xml **root, struct err *e);
const char *xml_attr(const struct xml *x, const char *name, const char *dflt); /* no namespace */
const char *xml_attr_ns(const struct xml *x, const char *ns, const char *name, const char *dflt);
const struct xml *xml_child(const struct xml *x, const char *name); /* first child of that local name */

#endif
