import { describe, expect, it } from 'vitest';
import { en } from '../src/i18n/en';
import { zh } from '../src/i18n/zh';
import { fill, named, setLang, t, tMaybe } from '../src/i18n';
import { lampOf, numText } from '../src/lib/num';
import { hashFor, parseHash } from '../src/lib/route';
import { kinds } from '../src/lib/stream';

const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort().join();

describe('the dictionaries', () => {
	it('have the same keys, none empty, with the same places to fill', () => {
		expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort());
		for (const [key, text] of Object.entries(zh)) {
			expect(text, key).not.toBe('');
			expect(places((en as Record<string, string>)[key]!), key).toBe(places(text));
		}
	});
	it('leave no Chinese in English but for what is meant', () => {
		const meant = ['top.lang', 'top.lang_title', 'top.demo', 'level.1', 'level.2', 'level.3', 'level.4'];

		expect(Object.entries(en).filter(([k, v]) => /[一-鿿]/.test(v) && !meant.includes(k))).toEqual([]);
	});
	it('name every event that the stream asks for', () => {
		for (const k of kinds)
			expect(zh).toHaveProperty([`ev.${k}`]);
	});
	it('fill and fall back', () => {
		setLang('en');
		expect(t('hours.sum', { n: 7 })).toBe('7 in all');
		expect(fill('{a} {b}', { a: 1 })).toBe('1 {b}');
		expect(tMaybe('stage.', 'handle')).toBe('handling');
		expect(tMaybe('stage.', 'a-pack-of-its-own')).toBe('a-pack-of-its-own');
		expect(named({ name: '亭湖区', name_en: 'Tinghu' })).toBe('Tinghu');
		expect(named({ name: '亭湖区', name_en: '' })).toBe('亭湖区');
		expect(named(undefined, 'x')).toBe('x');
	});
});

describe('numbers', () => {
	it('are a dash when there is none', () => expect([numText(null), numText(Number.NaN), numText(12345.678), numText(5, 1)]).toEqual(['—', '—', '12,345.68', '5.0']));
	it('have a lamp by target and direction', () => {
		expect(lampOf({ value: 95, target: 95, direction: 'up' })).toBe('on');
		expect(lampOf({ value: 90, target: 95, direction: 'up' })).toBe('near');
		expect(lampOf({ value: 60, target: 95, direction: 'up' })).toBe('far');
		expect(lampOf({ value: 3, target: 5, direction: 'down' })).toBe('on');
		expect(lampOf({ value: 9, target: 5, direction: 'down' })).toBe('far');
		expect(lampOf({ value: null, target: 5, direction: 'down' })).toBe('none');
		expect(lampOf({ value: 1, target: null, direction: 'up' })).toBe('free');
	});
});

describe('addresses', () => {
	it('survive the way there and back', () => {
		expect(parseHash(hashFor('things', 'YC/GAS 1', { q: 'a b', none: '' }))).toEqual({ page: 'things', id: 'YC/GAS 1', query: { q: 'a b' } });
	});
	it('begin at the duty page', () => expect(parseHash('')).toEqual({ page: 'duty', id: '', query: {} }));
});
