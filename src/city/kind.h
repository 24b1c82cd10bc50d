/*
 * kind - what a kind of records says of values: reads them as people and sheets write them, checks them,
 * keeps them in one form, and gives the keys by which they are found and sorted.
 *
 * Kept form of attributes: a JSON object with the keys in the kind's order; numbers plain, dates
 * "2026-07-14", instants in UTC, codes and references as text, places {"lon":…,"lat":…}; a field with `many`
 * is a list; a field without value is not there. So two records say the same when their texts are equal.
 *
 * A natural key that fails its check digit is kept and noted as a doubt: registers hold such codes, and
 * refusing them loses the record. Doubts are a JSON object of field → words, "" if there are none.
 *
 * Pure; any thread. Results lie in the arena.
 */
#ifndef HEMING_CITY_KIND_H
#define HEMING_CITY_KIND_H

#include "base/arena.h"
#include "base/doc.h"
#include "city/catalog.h"

/* attrs: an object, NULL for an empty one. Text is taken for any type ("是", "1,200", "2026/7/14", the name
 * of an option), full-width digits too. kept: values in their kept form that stay as they are, whatever the
 * kind says of them today and attrs of those fields; NULL: none. zone: of instants without one. ERR_INVALID
 * names the field. */
MUST_USE int kind_read(struct arena *a, const struct kind *k, const struct zone *zone,
        const struct doc *attrs, const struct doc *kept, const char **out, const char **doubts,
        struct err *e);
/* One value of a sheet or a filter as its kept JSON; *out STR_NULL for an empty one. A text for a field with
 * `many` is cut at , ; 、 and their like. */
MUST_USE int kind_value(struct arena *a, const struct field *f, const struct zone *zone, struct str text,
        struct str *out, const char **doubt, struct err *e);

#define CODE_MAX 64
/* A code: 1 to CODE_MAX bytes without blanks and without any of / + # % ? , ; and neither "." nor ".." */
bool kind_code_valid(struct str code);
/* A key that fields may not have, since every record has it. */
bool kind_is_own(const char *key);

/* What the reader's clearance does not cover: masked in every answer, and neither filtered nor sorted by. */
bool field_hidden(const struct field *f, int64_t clearance);
/* Masked for those whose clearance covers it too, until they say why they must see it. */
bool field_veiled(const struct field *f);
/* One or the other: shown masked to a reader of that clearance. */
bool field_masked(const struct field *f, int64_t clearance);
/* Appends what such a reader is shown of one value; false: nothing of it is told. */
bool field_mask(const struct field *f, const struct doc *value, struct sb *out);
bool field_indexed(const struct field *f);
/* A reference to things of any kind: their codes are unique over all of them. */
bool field_of_things(const struct field *f);
/* An indexed reference to records of the kind. */
bool field_refers(const struct field *f, const struct kind *k);
const char *field_type_name(enum field_type t);

/* ---- keys of the index ---- */

/* Order keys are compared bytewise. One value (text of the kept form, without quotes) appended to out. */
void kind_key(struct sb *out, const struct field *f, struct str value);
void kind_key_own(struct sb *out, enum record_own own, struct str value); /* OWN_CHANGED: decimal µs */
void kind_key_blank(struct sb *out);                                      /* after all others */
/* Words for how keys of a field are made; when they change, the index is made anew. */
const char *kind_key_form(struct arena *a, const struct field *f);
const char *kind_key_form_own(struct arena *a, enum record_own own);
extern const char *const record_own_names[OWN_FIELDS];

#endif
