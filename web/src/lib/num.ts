/* Numbers as they are shown. */
import type { Indicator } from './types';

export function numText(v: number | null | undefined, decimals?: number, most = 2): string {
	if (v === null || v === undefined || !Number.isFinite(v))
		return '—';
	return v.toLocaleString('en-US', decimals === undefined ? { maximumFractionDigits: most } : { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/* 512 B, 3.4 MiB: as disks are spoken of. */
export function bytesText(v: number | null): string {
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
	let i = 0, n = v ?? NaN;

	for (; Math.abs(n) >= 1024 && i < units.length - 1; i++)
		n /= 1024;
	return Number.isFinite(n) ? `${numText(n, i ? 1 : 0)} ${units[i]}` : '—';
}

export type Lamp = 'on' | 'near' | 'far' | 'free' | 'none';

/* Against its target; within a tenth of it counts as near. */
export function lampOf(i: Pick<Indicator, 'value' | 'target' | 'direction'>): Lamp {
	if (i.value === null)
		return 'none';
	if (i.target === null)
		return 'free';
	const short = i.direction === 'up' ? i.target - i.value : i.value - i.target;

	if (short <= 0)
		return 'on';
	return short <= Math.abs(i.target) * 0.1 ? 'near' : 'far';
}
