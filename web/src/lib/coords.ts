/* Coordinates as Chinese maps tell them. Kept and sent is WGS-84; GCJ-02 is that of the public maps, BD-09 of one more. */
import type { Lonlat } from './types';

export type Coords = 'wgs84' | 'gcj02' | 'bd09';
export const coordSystems: Coords[] = ['wgs84', 'gcj02', 'bd09'];

const A = 6378245, EE = 0.00669342162296594323; /* the ellipsoid that GCJ-02 is defined on */
const X_PI = Math.PI * 3000 / 180;

/* Outside of this box GCJ-02 is WGS-84. */
const abroad = ({ lon, lat }: Lonlat) => lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271;

function waves(v: number, a: number, b: number): number {
	return (20 * Math.sin(v * a * Math.PI) + 40 * Math.sin(v * b * Math.PI)) * 2 / 3;
}

function shift({ lon, lat }: Lonlat): Lonlat {
	const x = lon - 105, y = lat - 35, common = (20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2 / 3;
	const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x)) + common
		+ waves(y, 1, 1 / 3) + (160 * Math.sin(y / 12 * Math.PI) + 320 * Math.sin(y * Math.PI / 30)) * 2 / 3;
	const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x)) + common
		+ waves(x, 1, 1 / 3) + (150 * Math.sin(x / 12 * Math.PI) + 300 * Math.sin(x / 30 * Math.PI)) * 2 / 3;
	const rad = lat / 180 * Math.PI, magic = 1 - EE * Math.sin(rad) ** 2, root = Math.sqrt(magic);

	return { lon: east * 180 / (A / root * Math.cos(rad) * Math.PI), lat: north * 180 / (A * (1 - EE) / (magic * root) * Math.PI) };
}

function toGcj(p: Lonlat): Lonlat {
	if (abroad(p))
		return p;
	const d = shift(p);

	return { lon: p.lon + d.lon, lat: p.lat + d.lat };
}

/* There is no closed form: the guess is corrected until it maps to what was given; each step gains four digits. */
function fromGcj(p: Lonlat): Lonlat {
	let guess = p;

	if (abroad(p))
		return p;
	for (let i = 0; i < 8; i++) {
		const there = toGcj(guess);

		guess = { lon: guess.lon + p.lon - there.lon, lat: guess.lat + p.lat - there.lat };
	}
	return guess;
}

function gcjToBd({ lon, lat }: Lonlat): Lonlat {
	const z = Math.hypot(lon, lat) + 0.00002 * Math.sin(lat * X_PI), theta = Math.atan2(lat, lon) + 0.000003 * Math.cos(lon * X_PI);

	return { lon: z * Math.cos(theta) + 0.0065, lat: z * Math.sin(theta) + 0.006 };
}

function bdToGcj(p: Lonlat): Lonlat {
	const x = p.lon - 0.0065, y = p.lat - 0.006;
	let guess = { lon: x, lat: y };

	for (let i = 0; i < 8; i++) {
		const there = gcjToBd(guess);

		guess = { lon: guess.lon + p.lon - there.lon, lat: guess.lat + p.lat - there.lat };
	}
	return guess;
}

export function toWgs84(p: Lonlat, from: Coords): Lonlat {
	return from === 'wgs84' ? p : fromGcj(from === 'bd09' ? bdToGcj(p) : p);
}

export function fromWgs84(p: Lonlat, to: Coords): Lonlat {
	return to === 'wgs84' ? p : to === 'gcj02' ? toGcj(p) : gcjToBd(toGcj(p));
}

/* Seven decimals are a centimetre. */
export const rounded = (p: Lonlat): Lonlat => ({ lon: Math.round(p.lon * 1e7) / 1e7, lat: Math.round(p.lat * 1e7) / 1e7 });

/* Two numbers as people paste them: "120.15, 33.35", "120.15，33.35", "120.15 33.35". */
export function readPair(text: string): Lonlat | null {
	const m = /^\s*(-?\d+(?:\.\d+)?)\s*[,，;\s]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text);

	if (!m)
		return null;
	const lon = Number(m[1]), lat = Number(m[2]);
	return Math.abs(lon) <= 180 && Math.abs(lat) <= 90 ? { lon, lat } : null;
}
