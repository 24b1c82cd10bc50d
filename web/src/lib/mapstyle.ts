/* How maps by WebGL are drawn: the base map if there is one, the districts, and vector tiles over them. */
import type { FeatureCollection } from 'geojson';
import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from 'maplibre-gl';
import { lang, t, type Key } from '../i18n';
import { baseMap } from './basemap';
import { theme, token } from './look';
import { labels, withCounts } from './mapdata';
import type { Of } from './tilemap';
import type { Region } from './types';

/* Districts and their names, as all maps have them below; their places are those of the map. */
export function ground(areas: FeatureCollection, units: Region[], counts: Map<string, number>): { sources: StyleSpecification['sources']; layers: LayerSpecification[] } {
	const tiles = baseMap().tiles, dark = theme.value === 'dark';
	const halo = { 'text-color': token('map-text'), 'text-halo-color': token('map-halo'), 'text-halo-width': 1.4 };

	return {
		sources: {
			areas: { type: 'geojson', data: withCounts(areas, counts) },
			labels: { type: 'geojson', data: labels(areas, units, counts) },
			...(tiles ? { base: { type: 'raster', tiles: [new URL(tiles, location.origin).href.replaceAll('%7B', '{').replaceAll('%7D', '}')], tileSize: 256, maxzoom: 18 } } : {}),
		},
		layers: [
			{ id: 'sea', type: 'background', paint: { 'background-color': token('map-sea') } },
			...(tiles ? [{ id: 'base', type: 'raster', source: 'base', paint: { 'raster-brightness-max': dark ? 0.6 : 1, 'raster-saturation': dark ? -0.5 : -0.2, 'raster-fade-duration': 0 } } as LayerSpecification] : []),
			{ id: 'areas', type: 'fill', source: 'areas', paint: { 'fill-color': ['interpolate', ['linear'], ['get', 'share'], 0, token('map-low'), 1, token('map-high')], 'fill-opacity': tiles ? 0.3 : 1 } },
			{ id: 'borders', type: 'line', source: 'areas', paint: { 'line-color': token('map-line'), 'line-width': 1 } },
			{ id: 'zones', type: 'circle', source: 'labels', filter: ['get', 'zone'], paint: { 'circle-radius': 16, 'circle-color': 'rgba(0,0,0,0)', 'circle-stroke-color': token('map-line'), 'circle-stroke-width': 1.2 } },
			{ id: 'names', type: 'symbol', source: 'labels', layout: { 'text-field': ['get', 'text'], 'text-size': 13, 'text-font': ['sans-serif'], 'text-offset': [0, 1.1], 'text-allow-overlap': false, 'text-variable-anchor': ['top', 'bottom', 'left', 'right'], 'text-radial-offset': 1 }, paint: halo },
		],
	};
}

const byLevel = (of: (level: number) => string, none: string): ExpressionSpecification => ['match', ['get', 'level'], 1, of(1), 2, of(2), 3, of(3), 4, of(4), none];
const cluster: ExpressionSpecification = ['has', 'point_count'];
const point: ExpressionSpecification = ['!', cluster];
const palette = ['', 'red', 'orange', 'yellow', 'blue'];

/* Colours tell the level, and words in them tell it to eyes that do not tell colours. */
export function tileLayers(of: Of, selected: string): LayerSpecification[] {
	const fill = byLevel((l) => token(palette[l]!), token('calm')), ink = byLevel((l) => token(l === 1 ? 'on-red' : 'on-level'), token('on-primary'));
	const word = byLevel((l) => t(`level.${l}` as Key), '');
	const name: ExpressionSpecification = lang.value === 'en' ? ['coalesce', ['get', 'name_en'], ['get', 'name'], ['get', 'code']] : ['coalesce', ['get', 'name'], ['get', 'code']];
	const count: ExpressionSpecification = ['case', ['<', ['get', 'point_count'], 10_000], ['number-format', ['get', 'point_count'], { locale: 'en' }],
		['<', ['get', 'point_count'], 1_000_000], ['concat', ['to-string', ['round', ['/', ['get', 'point_count'], 1000]]], 'k'],
		['concat', ['number-format', ['/', ['get', 'point_count'], 1e6], { 'locale': 'en', 'max-fraction-digits': 1 }], 'M']];
	const grave: ExpressionSpecification = ['case', ['==', ['get', 'level'], 0], 0, ['-', 5, ['get', 'level']]];
	const mute: ExpressionSpecification = ['any', ['to-boolean', ['get', 'silent']], ['to-boolean', ['get', 'never']]];
	const it = { 'source': 'tiles', 'source-layer': of };

	return [
		{ id: 'chosen', type: 'circle', ...it, filter: ['all', point, ['==', ['get', of === 'alarms' ? 'id' : 'code'], selected]], paint: { 'circle-radius': 15, 'circle-color': 'rgba(0,0,0,0)', 'circle-stroke-color': token('text'), 'circle-stroke-width': 3 } },
		{ id: 'clusters', type: 'circle', ...it, filter: cluster, layout: { 'circle-sort-key': grave }, paint: { 'circle-radius': ['step', ['get', 'point_count'], 13, 10, 15, 100, 18, 1000, 22, 10_000, 26], 'circle-color': fill, 'circle-opacity': 0.92, 'circle-stroke-color': token('map-halo'), 'circle-stroke-width': 2 } },
		{ id: 'cluster-counts', type: 'symbol', ...it, filter: cluster, layout: { 'text-field': count, 'text-size': 12, 'text-font': ['sans-serif'], 'text-allow-overlap': true, 'text-ignore-placement': true }, paint: { 'text-color': ink } },
		{ id: 'points', type: 'circle', ...it, filter: point, layout: { 'circle-sort-key': grave }, paint: { 'circle-radius': ['case', ['>', ['get', 'level'], 0], 10, 6], 'circle-color': ['case', mute, token('panel'), fill], 'circle-stroke-color': ['case', mute, token('second'), '#0a121c'], 'circle-stroke-width': ['case', ['to-boolean', ['get', 'case']], 3, 1.5] } },
		{ id: 'point-levels', type: 'symbol', ...it, filter: point, layout: { 'text-field': word, 'text-size': 11, 'text-font': ['sans-serif'], 'text-allow-overlap': true, 'text-ignore-placement': true }, paint: { 'text-color': ink } },
		{ id: 'point-names', type: 'symbol', ...it, minzoom: 15, filter: point, layout: { 'text-field': name, 'text-size': 12, 'text-font': ['sans-serif'], 'text-variable-anchor': ['left', 'right', 'top', 'bottom'], 'text-radial-offset': 1.1, 'text-justify': 'auto', 'text-optional': true }, paint: { 'text-color': token('map-text'), 'text-halo-color': token('map-halo'), 'text-halo-width': 1.4 } },
	];
}
