/* load_int - what the files that read a definition share. */
#ifndef HEMING_BPMN_LOAD_INT_H
#define HEMING_BPMN_LOAD_INT_H

#include "base/doc.h"
#include "bpmn/bpmn_int.h"

struct loader {
	struct bpmn_def *d;
	const char *name;
	const struct xml *root, *process;
	struct arena *tmp;
	const struct xml **node_xml, **flow_xml; /* by node and flow */
	size_t cap_nodes, cap_node_xml, cap_flows, cap_flow_xml;
	const struct xml **roots; /* children of the document, by name and id */
	size_t n_roots;
	struct str *names; /* variables known to exist, for FEEL names with spaces */
	size_t n_names, cap_names;
	struct err *e;
};

int load__refuse(struct loader *l, int code, const struct xml *x, const char *fmt, ...) PRINTF_LIKE(4, 5);
bool load__in_bpmn(const struct xml *x);
const char *load__keep(struct loader *l, const char *s);
/* A QName without its prefix: ids are looked up in this document only. */
const char *load__local(const char *qname);
/* FEEL, with or without the "=" before it. what: for the message. */
int load__feel(
        struct loader *l, const struct xml *at, const char *text, const char *what, struct feel_expr **out);
/* FEEL in an element, unless its language is said to be another. */
int load__formal(struct loader *l, const struct xml *owner, const struct xml *x, const char *what,
        struct feel_expr **out);
/* The element outside the processes with that id; NULL: none. */
const struct xml *load__root(struct loader *l, const char *name, const char *id);
/* Only said or drawn: nothing to execute. */
bool load__is_drawn(const struct xml *x);

/* load_event.c; handler: the event lies in an event sub-process. */
int load__event(struct loader *l, const struct xml *x, struct bpmn__node *n, bool handler);
/* load_task.c */
int load__activity(struct loader *l, const struct xml *x, struct bpmn__node *n);

#endif
