import { beforeEach, describe, expect, it } from 'vitest';
import { setLang } from '../src/i18n';
import { ageText, clockText, dateTime, isoDay, leftText, leftTone, setZone } from '../src/lib/time';

beforeEach(() => {
	setLang('zh');
	setZone('Asia/Shanghai');
});

describe('what is left of a limit', () => {
	it('shows minutes and seconds under an hour', () => {
		expect(leftText(214_000)).toBe('03:34');
		expect(leftText(3_599_999)).toBe('59:59');
		expect(leftText(0)).toBe('00:00');
	});
	it('shows hours and minutes from an hour on, days from a day on', () => {
		expect(leftText(3_600_000)).toBe('1时00分');
		expect(leftText(5_400_000)).toBe('1时30分');
		expect(leftText(90_000_000)).toBe('1天1时');
	});
	it('says how long ago it passed', () => {
		expect(leftText(-132_000)).toBe('超 02:12');
		setLang('en');
		expect(leftText(-7_500_000)).toBe('over 2h 05m');
	});
	it('knows cases without a limit', () => {
		expect(leftText(null)).toBe('无时限');
		expect(leftTone(null)).toBe('none');
	});
	it('warns ten minutes before', () => {
		expect([leftTone(600_000), leftTone(599_999), leftTone(0), leftTone(-1)]).toEqual(['calm', 'soon', 'soon', 'late']);
	});
});

describe('times in the city', () => {
	it('are in its zone, whatever this machine has', () => {
		expect(clockText('2026-07-13T16:00:05Z')).toBe('00:00:05');
		expect(isoDay(Date.parse('2026-07-13T16:00:00Z'))).toBe('2026-07-14');
		expect(dateTime('2026-07-13T16:00:00Z')).toContain('07/14');
	});
	it('are a dash where there is none', () => {
		expect(dateTime(null)).toBe('—');
	});
	it('have an age', () => {
		expect([ageText(3_400), ageText(120_000), ageText(7_200_000), ageText(-5)]).toEqual(['3 秒', '2 分', '2 时', '0 秒']);
	});
});
