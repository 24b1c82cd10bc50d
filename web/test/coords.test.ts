import { describe, expect, it } from 'vitest';
import { coordSystems, fromWgs84, readPair, rounded, toWgs84 } from '../src/lib/coords';
import type { Lonlat } from '../src/lib/types';

const metres = (a: Lonlat, b: Lonlat) => Math.hypot((a.lon - b.lon) * 111_320 * Math.cos(a.lat * Math.PI / 180), (a.lat - b.lat) * 110_574);
const at = (lon: number, lat: number) => ({ lon, lat });

describe('coordinates', () => {
	/* Pairs that other implementations publish for their tests. */
	it.each([[121.5272106, 31.1774276, 121.531541859215, 31.17530398364597], [113.912316, 22.543847, 113.9171764808363, 22.540796131694766], [116.377817, 39.911954, 116.38404722455657, 39.91334545536069]])('%f, %f lies where public maps draw it', (lon, lat, toLon, toLat) => {
		expect(metres(fromWgs84(at(lon, lat), 'gcj02'), at(toLon, toLat))).toBeLessThan(0.1);
		expect(metres(toWgs84(at(toLon, toLat), 'gcj02'), at(lon, lat))).toBeLessThan(0.1);
	});
	it.each([[120.019809, 29.199786, 120.03094677604602, 29.203214362793446], [120.15, 33.35, 120.16149882085601, 33.354491047246874]])('%f, %f has its place in BD-09', (lon, lat, toLon, toLat) => {
		expect(metres(fromWgs84(at(lon, lat), 'bd09'), at(toLon, toLat))).toBeLessThan(0.001);
		expect(metres(toWgs84(at(toLon, toLat), 'bd09'), at(lon, lat))).toBeLessThan(0.001);
	});
	it('survive the way there and back over the whole city', () => {
		for (let lon = 119.5; lon <= 121; lon += 0.3)
			for (let lat = 32.5; lat <= 34.6; lat += 0.3)
				for (const s of coordSystems)
					expect(metres(toWgs84(fromWgs84(at(lon, lat), s), s), at(lon, lat))).toBeLessThan(0.001);
	});
	it('are moved by half a kilometre here and not at all abroad', () => {
		expect(metres(fromWgs84(at(120.15, 33.35), 'gcj02'), at(120.15, 33.35))).toBeGreaterThan(300);
		expect(fromWgs84(at(-73.97, 40.78), 'gcj02')).toEqual(at(-73.97, 40.78));
	});
	it('are kept to a centimetre', () => expect(rounded(at(120.123456789, 33))).toEqual(at(120.1234568, 33)));
	it('are read as people paste them', () => {
		expect(readPair('120.15, 33.35')).toEqual(at(120.15, 33.35));
		expect(readPair(' 120.15，33.35 ')).toEqual(at(120.15, 33.35));
		expect(readPair('-73.97 40.78')).toEqual(at(-73.97, 40.78));
		expect([readPair('120.15'), readPair('33.35, 120.15'), readPair('a, b'), readPair('')]).toEqual([null, null, null, null]);
	});
});
