/* What the page of the map asks for; docs/map.md. */
import type { Coords } from './coords';

export type Of = 'things' | 'alarms';
export const statesOf: Record<Of, string[]> = { things: ['case', 'silent', 'never'], alarms: ['acked'] };
export const levels = ['1', '2', '3', '4', '0'];

/* Lists by commas, as the address of the page and the API both have them. */
export interface MapFilter { of: Of; kind: string; level: string; state: string }

export const listed = (text: string) => text ? text.split(',') : [];
export function toggled(text: string, word: string): string {
	const list = listed(text);

	return (list.includes(word) ? list.filter((w) => w !== word) : [...list, word]).sort().join(',');
}

/* Alarms have other states than things, and always a level. */
export function filterFrom(query: Record<string, string>): MapFilter {
	const of: Of = query.of === 'alarms' ? 'alarms' : 'things';
	const some = (text: string | undefined, of: string[]) => listed(text ?? '').filter((w) => of.includes(w)).join(',');

	return { of, kind: query.kind ?? '', level: some(query.level, of === 'alarms' ? levels.slice(0, 4) : levels), state: some(query.state, statesOf[of]) };
}

export function tileUrl(origin: string, f: MapFilter, crs: Coords): string {
	const q = new URLSearchParams();

	for (const key of ['kind', 'level', 'state'] as const)
		if (f[key])
			q.set(key, f[key]);
	if (crs !== 'wgs84')
		q.set('crs', crs);
	const text = q.toString();
	return `${origin}/tiles/${f.of}/{z}/{x}/{y}.mvt${text ? `?${text}` : ''}`;
}

/* 950, 9,500, 95k: what fits into a circle. */
export const shortCount = (n: number) => n < 10_000 ? n.toLocaleString('en') : n < 1_000_000 ? `${Math.round(n / 1000)}k` : `${(n / 1e6).toFixed(1)}M`;
