/* postgres_int - what postgres.c and postgres_care.c share. */
#ifndef HEMING_POSTGRES_INT_H
#define HEMING_POSTGRES_INT_H

#include <libpq-fe.h>

#include "store/store_int.h"

PGconn *postgres__db(struct store_conn *c);
/* The failure of r (NULL: of the connection) in words; sets the connection's state. r stays the caller's. */
int postgres__fail(struct store_conn *c, const PGresult *r, const char *name, struct err *e);

int postgres__backup(const struct store_target *t, const char *path,
        void (*tell)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e);
int postgres__restore(const struct store_target *t, const char *path, struct err *e);
int postgres__check(
        const struct store_target *t, void (*tell)(void *ctx, const char *text), void *ctx, struct err *e);

#endif
