/* The labels of a device, past the quarantine of those that no thing is known for. */
#include "city/quarantine.h"
#include "ingest/ingest_int.h"

uint32_t ingest__decisions(struct ingest *in)
{
	uint64_t all = quarantine_decisions(in->site->quarantine) + registry_version(in->site->registry);

	return (uint32_t)all | 1u << 31; /* never 0 */
}

const char *ingest__admit(struct ingest *in, const struct device *d, const char *protocol, struct labels *ls,
        enum admission *as, enum refusal *why)
{
	const char *target = NULL, *source = d->login != NULL ? d->login : "";

	*as = ADMITTED;
	for (int i = 0; i < ls->n; i++) {
		if (!str_is(ls->l[i].name, "thing"))
			continue;
		switch (quarantine_admit(in->site->quarantine, ls->l[i].value, protocol, source, &target)) {
		case ADMIT_KNOWN: break;
		case ADMIT_NEW: *as = ADMITTED_NOW; break;
		case ADMIT_UNKNOWN: *as = ADMITTED_UNDECIDED; break;
		case ADMIT_AS:
			ls->l[i].value = str_of(target);
			*as = ADMITTED_UNDECIDED;
			break;
		case ADMIT_BLOCKED:
			*why = REFUSED_RIGHT;
			return "this device is blocked: an administrator has refused its readings";
		case ADMIT_FULL:
			*why = REFUSED_RIGHT;
			return "no thing has this code, and too many unknown devices wait to be looked at "
			       "already";
		}
	}
	return NULL;
}
