/* The series of labels, past the quarantine of devices that no thing is known for. */
#include "city/quarantine.h"
#include "ingest/ingest_int.h"

const char *ingest__resolve(struct ingest *in, const char *protocol, const char *source, struct labels *ls,
        series_id *id, bool *lasting, enum refusal *why, struct err *e)
{
	const char *target = NULL;

	*lasting = true;
	for (int i = 0; i < ls->n; i++) {
		if (!str_is(ls->l[i].name, "thing"))
			continue;
		*why = REFUSED_RIGHT;
		switch (quarantine_admit(in->site->quarantine, ls->l[i].value, protocol, source, &target)) {
		case ADMIT_KNOWN: break;
		case ADMIT_UNKNOWN: *lasting = false; break;
		case ADMIT_AS:
			ls->l[i].value = str_of(target);
			*lasting = false;
			break;
		case ADMIT_BLOCKED:
			return "this device is blocked: an administrator has refused its readings";
		case ADMIT_FULL:
			return "no thing has this code, and too many unknown devices wait to be looked at "
			       "already";
		}
	}
	return series_resolve(in->site->series, ls, id, e) < 0 ? "" : NULL;
}
