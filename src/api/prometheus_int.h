/*
 * prometheus_int - between the queries of Prometheus' API (prometheus.c), how their results are written
 * (prometheus_result.c), its rules (prometheus_rules.c) and what administers its store (prometheus_admin.c).
 */
#ifndef HEMING_API_PROMETHEUS_INT_H
#define HEMING_API_PROMETHEUS_INT_H

#include "api/api_int.h"
#include "promql/promql.h"

/* ERR_INVALID in Prometheus' words; gives the code. */
int prom__bad_parameter(struct err *e, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Seconds or RFC 3339; dflt TIME_NONE: it must be there. */
int prom__time(struct call *c, const char *name, time_us dflt, time_us *out, struct err *e);
/* {"status":"success","data": */
void prom__begin(struct call *c);
/* An object of names and values. */
void prom__labels(struct jw *w, const struct labels *ls);
/* [seconds,"value"] of a lone scalar; seconds. */
void prom__pair(struct jw *w, time_us t, double v);
void prom__at(struct jw *w, time_us t);
/* The members of an array: what an instant and what a range gives. Long answers by the crew. */
void prom__samples(struct jw *w, const struct promql_sample *s, size_t n);
void prom__lines(struct jw *w, const struct promql_line *l, size_t n, struct crew *crew);
/* The matchers of a match[]; the reader's scope is among them if `scoped`. In the call's arena. */
int prom__selector(
        struct call *c, const char *text, bool scoped, const struct matcher **m, int *n, struct err *e);

#endif
