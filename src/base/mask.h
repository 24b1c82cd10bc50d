/*
 * mask - what a reader without clearance sees of a value.
 *
 *   rule     what                               is shown as
 *   name     张三丰                             张**
 *            John Smith                         J*** *****
 *   phone    13812341234                        138****1234
 *            0515-88123456-801                  0515-****3456-***
 *   id       320902190001010005                 320***********0005
 *   address  江苏省南京市玄武区锁金村街道8号    江苏省南京市玄武区锁金村街道**
 *   number   12345.67                           10000
 *   others   x                                  ***
 *
 * name     The first character of two or more; blanks stay.
 * phone    The first three digits of a mobile number or the area code, and the last four digits.
 *          Extensions are hidden. Several numbers may stand side by side.
 * id       Three characters in front and four behind; of less than 15 one and two, of less than 8 none.
 * address  Down to 街道, 镇, 乡 or 农场, else to 区, 县 or 市. One that says no more is shown whole.
 * number   One significant digit, still a number: 5 stays 5.
 *
 * What does not look like what the rule is for is shown as "***", as is text that is no UTF-8: a mask that is
 * in doubt hides. An empty value stays empty under a known rule. Nothing here is reversible, and nothing is a
 * pseudonym: two people may look the same.
 *
 * Standard: the ideas of GB/T 37964-2019 and GB/T 35273-2020; which characters stay is common practice.
 * Threads: no state.
 */
#ifndef HEMING_MASK_H
#define HEMING_MASK_H

#include "base/sb.h"

/* Appends text as the rule (may be NULL) shows it. */
void mask_text(struct sb *out, const char *rule, struct str text);
bool mask_rule(const char *rule); /* is there a rule of that name? */

#endif
