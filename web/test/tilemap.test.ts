/// <reference types="node" />
import { VectorTile } from '@mapbox/vector-tile';
import { readFileSync } from 'node:fs';
import Pbf from 'pbf';
import { describe, expect, it } from 'vitest';
import { filterFrom, shortCount, tileUrl, toggled } from '../src/lib/tilemap';

describe('what the map asks for', () => {
	it('is read from the address, without what does not fit', () => {
		expect(filterFrom({})).toEqual({ of: 'things', kind: '', level: '', state: '' });
		expect(filterFrom({ of: 'alarms', kind: 'a,b', level: '0,1,9', state: 'silent,acked' })).toEqual({ of: 'alarms', kind: 'a,b', level: '1', state: 'acked' });
		expect(filterFrom({ of: 'x', level: '0,2', state: 'case' })).toEqual({ of: 'things', kind: '', level: '0,2', state: 'case' });
	});
	it('becomes the address of tiles', () => {
		expect(tileUrl('http://h', filterFrom({}), 'wgs84')).toBe('http://h/tiles/things/{z}/{x}/{y}.mvt');
		expect(tileUrl('', filterFrom({ of: 'alarms', kind: 'a,b', level: '1' }), 'wgs84')).toBe('/tiles/alarms/{z}/{x}/{y}.mvt?kind=a%2Cb&level=1');
		expect(tileUrl('', filterFrom({}), 'gcj02')).toBe('/tiles/things/{z}/{x}/{y}.mvt?crs=gcj02');
	});
	it('changes word by word', () => {
		expect(toggled('', 'b')).toBe('b');
		expect(toggled('b', 'a')).toBe('a,b');
		expect(toggled('a,b', 'b')).toBe('a');
		expect(toggled('a', 'a')).toBe('');
	});
	it('counts in few letters', () => {
		expect([0, 999, 9500, 12_345, 999_400, 1_234_567].map(shortCount)).toEqual(['0', '999', '9,500', '12k', '999k', '1.2M']);
	});
});

/* The server's tiles, by the reader that MapLibre has. Written by tests/unit/city/map_test.c with what they hold. */
describe('tiles of the server', () => {
	const folder = new URL('../../tests/data/tiles/', import.meta.url);

	it.each(['things-11', 'things-17', 'alarms-15'])('%s reads as it was meant', (name) => {
		const tile = new VectorTile(new Pbf(readFileSync(new URL(`${name}.mvt`, folder)))), lines: string[] = [];

		for (const [id, layer] of Object.entries(tile.layers)) {
			expect([layer.version, layer.extent, id]).toEqual([2, 4096, name.split('-')[0]]);
			for (let i = 0; i < layer.length; i++) {
				const f = layer.feature(i), p = f.loadGeometry()[0]![0]!;

				expect(f.type).toBe(1);
				lines.push(`${id} ${p.x},${p.y} ${Object.entries(f.properties).map(([k, v]) => `${k}=${v}`).join(' ')}`);
			}
		}
		expect(lines.join('\n') + '\n').toBe(readFileSync(new URL(`${name}.txt`, folder), 'utf8'));
	});
});
