/*
 * id_code - official numbers of persons, bodies and places, and whether they can be right.
 *
 *   rule      what                                standard          form
 *   uscc      统一社会信用代码, of a legal body   GB 32100-2015     18, the last a check by 31
 *   citizen   公民身份号码, of a person           GB 11643-1999     18, the last a check by 11 (X is 10)
 *   org       组织机构代码, of a body, older      GB 11714-1997     9, a hyphen may stand before the check
 *   division  行政区划代码, of a place            GB/T 2260, 10114  6, 9 or 12 digits, without a check
 *
 * A number that is right here need not have been issued; a few that were issued are not right (their check
 * digit is wrong in the register). The years of birth are 1800 to 2099: nothing here knows what day it is.
 * The 15 digits that identity cards had before 1999 are not taken, they name nobody today. Threads: no state.
 */
#ifndef HEMING_ID_CODE_H
#define HEMING_ID_CODE_H

#include "base/err.h"
#include "base/sb.h"

enum id_check {
	ID_OK,
	ID_FORM,  /* length, characters, or a part that no such code has; also: there is no such rule */
	ID_DIGIT, /* the check digit does not go with the rest */
	ID_DATE,  /* the date of birth does not exist */
};

/* The code as id_code_normalize leaves it. */
enum id_check id_code_check(const char *rule, struct str code);
bool id_code_rule(const char *rule); /* is there a rule of that name? NULL: no */
const char *id_check_words(enum id_check c);

/* Appends what people type as it is stored: full-width forms become ASCII, letters upper case, blanks and
 * hyphens of every kind are gone. ERR_INVALID, and nothing appended, for text that is no UTF-8. */
MUST_USE int id_code_normalize(struct sb *out, struct str text);

#endif
