/* engine - the remote engine of readings that the settings name, asked by HTTP. */
#ifndef HEMING_CLI_ENGINE_H
#define HEMING_CLI_ENGINE_H

#include "cli/settings.h"
#include "series/remote.h"

/* *out NULL: the settings name none. It lives in the arena, which must outlive the site. */
MUST_USE int engine_options(
        const struct settings *s, struct arena *a, struct series_remote_options **out, struct err *e);

#endif
