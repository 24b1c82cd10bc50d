/* What lies below the city on its maps, and its coordinates. Maps by WebGL are drawn in these; everything around them is
 * WGS-84, and is turned on its way in and out. */
import type { FeatureCollection, Geometry, Position } from 'geojson';
import { fromWgs84, toWgs84, type Coords } from './coords';
import { session } from './city';
import type { Box } from './mapdata';
import type { Lonlat, Region } from './types';

export const baseMap = () => session.here?.map ?? { tiles: '', crs: 'wgs84', credit: '' };
export const mapCrs = () => baseMap().crs as Coords;

export const onMap = (p: Lonlat): Lonlat => fromWgs84(p, mapCrs());
export const offMap = (p: Lonlat): Lonlat => toWgs84(p, mapCrs());

/* Around the four corners: a box of one system is not quite one of another. */
function boxBy(turn: (p: Lonlat) => Lonlat, [w, s, e, n]: Box): Box {
	const c = [{ lon: w, lat: s }, { lon: w, lat: n }, { lon: e, lat: s }, { lon: e, lat: n }].map(turn), x = c.map((p) => p.lon), y = c.map((p) => p.lat);

	return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}
export const boxOnMap = (b: Box) => boxBy(onMap, b);
export const boxOffMap = (b: Box) => boxBy(offMap, b);

export const pairOnMap = ({ lon, lat }: Lonlat): [number, number] => {
	const p = onMap({ lon, lat });

	return [p.lon, p.lat];
};
const turned = ([lon = 0, lat = 0]: Position) => pairOnMap({ lon, lat });

function geometryOnMap(g: Geometry): Geometry {
	if (g.type === 'Polygon')
		return { ...g, coordinates: g.coordinates.map((ring) => ring.map(turned)) };
	if (g.type === 'MultiPolygon')
		return { ...g, coordinates: g.coordinates.map((p) => p.map((ring) => ring.map(turned))) };
	return g;
}

export function areasOnMap(areas: FeatureCollection): FeatureCollection {
	return mapCrs() === 'wgs84' ? areas : { ...areas, features: areas.features.map((f) => ({ ...f, geometry: geometryOnMap(f.geometry) })) };
}

export function regionsOnMap(regions: Region[]): Region[] {
	return regions.map((r) => r.lon === null || r.lat === null ? r : { ...r, ...onMap({ lon: r.lon, lat: r.lat }) });
}
