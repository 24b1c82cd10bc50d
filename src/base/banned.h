/* Calls that have a safer neighbour in the house; using one is a compile error that names it. */
#ifndef HEMING_BANNED_H
#define HEMING_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atof gmtime localtime     \
        asctime ctime mktemp tmpnam gets
/* strcpy, strcat, sprintf -> sb_* of base/sb.h or snprintf; strtok -> str_cut of base/sb.h;
 * atoi, atof -> num_int, num_double of base/num.h; gmtime, localtime -> civil_* of base/time.h. */

#endif
