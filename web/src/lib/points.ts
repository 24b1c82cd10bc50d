/* Records as points on a map: the colour is the kind's, the shape tells the colour of the state to eyes that do not tell colours. */
import { named } from '../i18n';
import type { Box } from './mapdata';
import { optionOf } from './register';
import type { Kind, Rec } from './types';

export interface Point { id: string; lon: number; lat: number; shape: string; color: string; title: string }

/* Paths around 0, 0, some 18 wide. */
export const shapes: Record<string, string> = {
	'': 'M-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0',
	green: 'M-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0',
	blue: 'M-7.5-7.5h15v15h-15z',
	yellow: 'M0-9.500l9.500 17h-19z',
	orange: 'M-9.500 0l4.800-8.300h9.400l4.800 8.300l-4.800 8.300h-9.400z',
	red: 'M0-10.500l10.500 10.500l-10.500 10.500l-10.500-10.500z',
	grey: 'M-9-5l4-4l5 5l5-5l4 4l-5 5l5 5l-4 4l-5-5l-5 5l-4-4l5-5z',
};

const palette: Record<string, string> = { '': 'second', 'grey': 'second', 'green': 'good', 'red': 'red', 'orange': 'orange', 'yellow': 'yellow', 'blue': 'blue' };

/* A word of the palette or a CSS colour, as CSS. */
export const cssColor = (color: string) => color in palette ? `var(--${palette[color]})` : color;

export const shapeOf = (k: Kind, state: string): string => {
	const color = optionOf(k.states, state)?.color ?? '';

	return color in shapes ? color : '';
};

export function pointsOf(k: Kind, records: Rec[]): Point[] {
	return records.flatMap((r) => r.lon === null || r.lat === null ? [] : [{ id: r.code, lon: r.lon, lat: r.lat, shape: shapeOf(k, r.state), color: cssColor(k.color), title: named(r, r.code) }]);
}

/* What holds all of them, with room around; null without any. */
export function around(points: Point[]): Box | null {
	if (!points.length)
		return null;
	const x = points.map((p) => p.lon), y = points.map((p) => p.lat);
	const [w, s, e, n] = [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)], room = Math.max(0.02, (e - w) / 10, (n - s) / 10);

	return [Math.max(-180, w - room), Math.max(-90, s - room), Math.min(180, e + room), Math.min(90, n + room)];
}

/* ---- boxes of the address: west,south,east,north ---- */

export const boxText = (b: Box) => b.map((v, i) => Math.max(-[180, 90][i % 2]!, Math.min([180, 90][i % 2]!, v)).toFixed(5)).join(',');

export function boxFrom(text: string | undefined): Box | null {
	const v = (text ?? '').split(',').map(Number);

	return v.length === 4 && v.every(Number.isFinite) && v[0]! <= v[2]! && v[1]! <= v[3]! ? v as Box : null;
}
