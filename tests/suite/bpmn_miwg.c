/*
 * bpmn-miwg - the reference models of the BPMN Model Interchange Working Group: each process of each file is
 * executable as it stands, or is refused with the id and line of the element that is not.
 *
 *   bpmn-miwg FILE.bpmn…
 *
 * A process that loads is also started, and its state written and read back.
 */
#include "base/doc.h"
#include "base/file.h"
#include "bpmn/bpmn.h"

#define FILE_MAX_B (16 << 20)

static int passed, failed;

static void result(bool ok, const char *file, const char *process, const char *words)
{
	const char *base = strrchr(file, '/');

	printf("%s - %s %s: %s\n", ok ? "ok" : "not ok", base ? base + 1 : file, process, words);
	*(ok ? &passed : &failed) += 1;
}

/* True if the process starts and its state survives being written. */
static bool starts(const struct bpmn_def *d, struct arena *a, struct err *e)
{
	const struct bpmn_input in = {.type = BPMN_START};
	const struct bpmn_services sv = {.now = INT64_C(1784000000) * US_SECOND};
	struct bpmn_state *s = bpmn_state_new(), *copy = NULL;
	struct sb b = SB_INIT;
	struct bpmn_events ev;
	int rc = bpmn_decide(d, s, &in, &sv, a, &ev, e);

	for (size_t i = 0; i < ev.n && rc == 0; i++)
		rc = bpmn_apply(d, s, &ev.e[i], e);
	if (rc == 0) {
		bpmn_state_write(s, &b);
		rc = bpmn_state_read(sb_str(&b), &copy, e);
	}
	sb_fini(&b);
	bpmn_state_free(&s);
	bpmn_state_free(&copy);
	return rc == 0;
}

static void one_process(struct arena *a, struct str xml, const char *file, const char *id)
{
	struct bpmn_def *d = NULL;
	struct err e = ERR_INIT;
	char words[1000];

	if (bpmn_load(xml, file, id, &d, &e) < 0) {
		snprintf(words, sizeof words, "refused at %s, line %d: %s", e.field, e.line, e.text);
		result(e.line > 0 && e.field[0] != '\0' && e.text[0] != '\0', file, id, words);
	} else if (!starts(d, a, &e)) {
		snprintf(words, sizeof words, "loaded, but does not start: %s", e.text);
		result(false, file, id, words);
	} else
		result(true, file, id, "loaded and started");
	bpmn_free(&d);
}

static void one_file(const char *path)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct xml *root = NULL;
	struct str text;
	char words[1000];

	if (file_read(a, path, FILE_MAX_B, &text, &e) < 0 || doc_parse_xml(a, text, path, &root, &e) < 0)
		result(false, path, "", err_str(&e, words, sizeof words));
	else
		for (const struct xml *x = root->child; x != NULL; x = x->next)
			if (strcmp(x->name, "process") == 0)
				one_process(a, text, path, xml_attr(x, "id", ""));
	arena_free(&a);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		one_file(argv[i]);
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
