import { describe, expect, it } from 'vitest';
import { en } from '../src/i18n/en';
import { examples, kindOfView, placeIn, readQuestions, sqlName, withQuestion } from '../src/lib/question';

describe('questions in SQL', () => {
	it('find the place of a fault, which the server counts in characters', () => {
		expect(placeIn('SELECT x\nFROM y', 2, 6)).toBe(14);
		expect(placeIn("SELECT '亭湖', x", 1, 14)).toBe("SELECT '亭湖', ".length);
		expect(placeIn('𠮷x', 1, 2)).toBe(2);
		expect(placeIn('a', 9, 9)).toBe(1);
		expect(placeIn('', 1, 1)).toBe(0);
	});
	it('quote a name that is no plain word', () => {
		expect(sqlName('v_cases')).toBe('v_cases');
		expect(sqlName('v_air-station')).toBe('"v_air-station"');
		expect(sqlName('a"b')).toBe('"a""b"');
		expect(kindOfView('v_air-station')).toBe('air-station');
	});
	it('are kept by name, whatever stood there', () => {
		expect(readQuestions('{"not":"a list"}')).toEqual([]);
		expect(readQuestions('nonsense')).toEqual([]);
		const list = withQuestion(withQuestion([], { name: '乙', sql: '1' }), { name: '甲', sql: '2' });

		expect(withQuestion(list, { name: '乙', sql: '3' }).map((q) => q.name + q.sql)).toEqual(['甲2', '乙3']);
		expect(readQuestions(JSON.stringify(list))).toEqual(list);
	});
	it('have an example with words for each', () => {
		for (const key of Object.keys(examples))
			expect(en).toHaveProperty([`qx.${key}`]);
	});
});
