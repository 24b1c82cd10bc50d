/* What both maps draw: areas with their counts, zones without an area as points, markers. */
import type { FeatureCollection, Position } from 'geojson';
import { named } from '../i18n';
import type { Region } from './types';

/* Level 0: a place that has none. */
export interface Marker { id: string; lon: number; lat: number; level: number; title: string; alarm: boolean }
export type Box = [number, number, number, number];

export const codeOf = (p: Record<string, unknown> | null) => String(p?.code ?? p?.region ?? '');

export function eachPosition(areas: FeatureCollection, f: (p: Position) => void): void {
	for (const { geometry: g } of areas.features)
		if (g.type === 'Polygon')
			g.coordinates.forEach((ring) => ring.forEach(f));
		else if (g.type === 'MultiPolygon')
			g.coordinates.forEach((p) => p.forEach((ring) => ring.forEach(f)));
}

export function boxOf(areas: FeatureCollection): Box {
	const b: Box = [180, 90, -180, -90];

	eachPosition(areas, ([x = 0, y = 0]) => {
		b[0] = Math.min(b[0], x);
		b[1] = Math.min(b[1], y);
		b[2] = Math.max(b[2], x);
		b[3] = Math.max(b[3], y);
	});
	return b;
}

/* Areas with what the fill needs. */
export function withCounts(areas: FeatureCollection, count: Map<string, number>): FeatureCollection {
	const most = Math.max(1, ...count.values());

	return { type: 'FeatureCollection', features: areas.features.map((f) => ({ ...f, properties: { ...f.properties, code: codeOf(f.properties), share: (count.get(codeOf(f.properties)) ?? 0) / most } })) };
}

/* A name with its count, where there is something to count. */
export const labelText = (r: Region, count: Map<string, number>) => count.size ? `${named(r)} ${count.get(r.code) ?? 0}` : named(r);

/* Labels stand where the region says, else in the middle of its first ring's box. */
export function labels(areas: FeatureCollection, regions: Region[], count: Map<string, number>): FeatureCollection {
	const drawn = new Set(areas.features.map((f) => codeOf(f.properties)));

	return {
		type: 'FeatureCollection',
		features: regions.filter((r) => r.unit && r.lon !== null && r.lat !== null).map((r) => ({
			type: 'Feature',
			properties: { code: r.code, zone: !drawn.has(r.code), text: labelText(r, count) },
			geometry: { type: 'Point', coordinates: [r.lon!, r.lat!] },
		})),
	};
}
