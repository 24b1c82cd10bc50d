/* What a decision table said, in words: the history keeps its result and the rows that fired as JSON. */
import { t, tMaybe } from '../i18n';
import { names, orgName } from './city';
import { named } from '../i18n';

interface Decision { decision: string; rows?: { decision: string; row: number }[]; result: unknown }

function sayValue(key: string, v: unknown): string {
	if (key === 'category')
		return named(names.categories.get(String(v)), String(v));
	if (key === 'org')
		return orgName(String(v));
	if (key === 'level')
		return tMaybe('level.', `${String(v)}.long`);
	return `${key} ${typeof v === 'object' ? JSON.stringify(v) : String(v)}`;
}

export function sayDecision(note: string): string {
	try {
		const d = JSON.parse(note) as Decision;
		const said = d.result !== null && typeof d.result === 'object' && !Array.isArray(d.result)
			? Object.entries(d.result).filter(([, v]) => v !== null).map(([k, v]) => sayValue(k, v)) : [String(d.result)];
		const rows = (d.rows ?? []).map((r) => r.row).join(', ');

		return rows ? t('hist.by_row', { said: said.join(' · '), table: d.decision, rows }) : said.join(' · ');
	} catch {
		return note;
	}
}
