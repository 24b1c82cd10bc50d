#include "check.h"

#include "base/doc.h"

static struct xml *parse(struct arena *a, const char *text)
{
	struct xml *x = NULL;
	struct err e = ERR_INIT;

	check_ok(doc_parse_xml(a, str_of(text), "x.bpmn", &x, &e), &e);
	return x;
}

TEST(xml_tree)
{
	struct arena *a = arena_new(0);
	struct xml *x = parse(a,
	        "<?xml version='1.0' encoding='UTF-8'?>\n"
	        "<b:root xmlns:b='http://b/' xmlns='http://d/' id='r' b:id='nb' n=\"1 &lt; 2&#x5e02;\">\n"
	        "  <one>t<![CDATA[<e>]]>&amp;x<b:two/>y</one>\n"
	        "  <!-- no --><b:two> </b:two>\n"
	        "</b:root>");
	const struct xml *one, *two;

	if (!check(x != NULL))
		return;
	check_eq_s(x->ns, "http://b/");
	check_eq_s(x->name, "root");
	check_eq_s(x->text, "");
	check_eq_i(x->line, 2);
	check_eq_i(x->column, 1);
	check(x->parent == NULL);
	check_eq_s(xml_attr(x, "id", ""), "r");
	check_eq_s(xml_attr_ns(x, "http://b/", "id", ""), "nb");
	check_eq_s(xml_attr(x, "n", ""), "1 < 2市");
	check_eq_s(xml_attr(x, "none", "d"), "d");
	check_eq_s(xml_attr(NULL, "none", "d"), "d");
	one = xml_child(x, "one");
	check_eq_s(one->ns, "http://d/");
	check_eq_s(one->text, "t<e>&xy");
	check_eq_i(one->line, 3);
	check_eq_i(one->column, 3);
	check_eq_p(one->parent, x);
	two = xml_child(x, "two");
	check_eq_p(two, one->next);
	check_eq_s(two->text, " ");
	check_eq_i(two->line, 4);
	check_eq_s(xml_child(one, "two")->text, "");
	check(xml_child(one, "none") == NULL);
	check(xml_child(NULL, "none") == NULL);
	arena_free(&a);
}

static void refused(const char *text, int line, const char *words)
{
	struct arena *a = arena_new(0);
	struct xml *x = NULL;
	struct err e = ERR_INIT;
	int rc = doc_parse_xml(a, str_of(text), "f", &x, &e);

	if (rc != ERR_INVALID || x || e.line != line || !strstr(e.text, words) || strcmp(e.where, "f") != 0)
		check_fail("%s\ngives %d at %s:%d: %s", text, rc, e.where, e.line, e.text);
	arena_free(&a);
}

TEST(xml_refused)
{
	refused("", 1, "not well-formed");
	refused("<a>", 1, "not well-formed");
	refused("<a>\n</b>", 2, "mismatched tag");
	refused("<a/><b/>", 1, "not well-formed");
	refused("<a b='1' b='2'/>", 1, "duplicate attribute");
	refused("<x:a/>", 1, "unbound prefix");
	refused("<a>&nbsp;</a>", 1, "undefined entity");
	refused("<a>\xff</a>", 1, "not well-formed");
	refused("<!DOCTYPE a><a/>", 1, "DOCTYPE");
	refused("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", 1, "DOCTYPE");
	refused("<!DOCTYPE l [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]>\n<l>&b;</l>", 1, "DOCTYPE");
}

TEST(xml_depth_and_memory)
{
	struct sb b = SB_INIT;
	struct arena *a = arena_new(0), *small = arena_new(2000);
	struct xml *x = NULL;
	struct err e = ERR_INIT;

	for (int deep = 64; deep <= 65; deep++) {
		sb_reset(&b);
		for (int i = 0; i < deep; i++)
			sb_puts(&b, "<a>");
		for (int i = 0; i < deep; i++)
			sb_puts(&b, "</a>");
		check_err(doc_parse_xml(a, sb_str(&b), "x", &x, &e), deep == 64 ? 0 : ERR_INVALID);
	}
	check_has(e.text, "64 levels");
	check_err(doc_parse_xml(small, sb_str(&b), "x", &x, &e), ERR_NOMEM);
	sb_fini(&b);
	arena_free(&a);
	arena_free(&small);
}
