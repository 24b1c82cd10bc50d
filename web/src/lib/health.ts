/* How a device is, in words. */
import { t } from '../i18n';
import { numText } from './num';
import { dateTime } from './time';
import type { ThingHealth } from './types';

export const healthFlags = ['never', 'silent', 'low_battery', 'skewed', 'lossy'] as const;
export type HealthFlag = typeof healthFlags[number];

/* "42 s", "3.5 min", "2 h". */
export function spanText(seconds: number): string {
	const s = Math.abs(seconds);

	return s < 90 ? t('dev.seconds', { n: numText(s, 0) }) : s < 5400 ? t('dev.minutes', { n: numText(s / 60, 1) }) : t('dev.hours', { n: numText(s / 3600, 1) });
}

/* What a flag says of this one device. */
export function flagText(flag: string, h: ThingHealth): string {
	switch (flag) {
	case 'never': return t('dev.say_never');
	case 'silent': return t('dev.say_silent', { t: h.seen ? dateTime(h.seen) : '—' });
	case 'low_battery': return t('dev.say_low_battery', { n: numText(h.battery) });
	case 'skewed': return t((h.skew_s ?? 0) > 0 ? 'dev.say_ahead' : 'dev.say_behind', { n: spanText(h.skew_s ?? 0) });
	default: return t('dev.say_lossy', { n: numText((h.loss ?? 0) * 100, 0) });
	}
}
