/* What an account keeps on this device for a register: named views and chosen columns. */
import { me } from './city';
import type { ListQuery } from './register';

export interface View { name: string; query: ListQuery }

const place = (what: string, kind: string) => `heming.${what}.${me()}.${kind}`;

/* What another version or a hand wrote there must not stop the page. */
export function readViews(text: string | null): View[] {
	try {
		const list: unknown = JSON.parse(text ?? '[]');

		return Array.isArray(list) ? list.filter((v): v is View => typeof v?.name === 'string' && typeof v.query === 'object' && v.query !== null) : [];
	} catch {
		return [];
	}
}

export const withView = (list: View[], v: View) => [...list.filter((x) => x.name !== v.name), v].sort((a, b) => a.name.localeCompare(b.name, 'zh'));

export const keptViews = (kind: string) => readViews(localStorage.getItem(place('views', kind)));
export function keepViews(kind: string, list: View[]): void { localStorage.setItem(place('views', kind), JSON.stringify(list)); }
export const keptColumns = (kind: string) => localStorage.getItem(place('columns', kind)) ?? '';
export function keepColumns(kind: string, keys: string): void {
	if (keys)
		localStorage.setItem(place('columns', kind), keys);
	else
		localStorage.removeItem(place('columns', kind));
}
